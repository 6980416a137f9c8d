//! Tokens under a new key: a number has one token in all its places, and is known by each that comes
//! for it.

mod common;

use common::sealed::sealed;
use common::stock::{MINUTE, OTHER, OWN, StockMarket};
use nexnum_engine::audit::audit;
use nexnum_engine::command::{
    AssignNumber, Caller, Command, DestroySealKey, Finish, MakeSealKey, Reply, Retoken, Timings,
};
use nexnum_engine::event::{DestroyReason, Event, OfferEvent, OrderToken, Renamed};
use nexnum_engine::ids::{OfferId, OrderId, Token};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::under_keys::UnderKeys;

const UPSTREAM: OfferId = OfferId(2);

fn under(current: u128, other: u128) -> UnderKeys<u128> {
    UnderKeys { current, others: [other].into() }
}

#[test]
fn a_number_has_its_new_token_in_all_its_places() {
    let mut market = StockMarket::new();
    assert_eq!(market.load(OWN, &[1, 2, 3, 4, 5], &[]), Ok(Reply::Changed(5)));
    assert_eq!(market.load(OTHER, &[1, 2], &[]), Ok(Reply::Changed(2)));
    // 1. One that has received a message and whose order left memory, one that is open, one at rest,
    // and one that a provider gave.
    let gone = market.place(OWN);
    market.ingest(gone, 7.into()).expect("it is new");
    market.run(Finish { order: gone, caller: Caller::System }).expect("it is finished");
    market.pass(61);
    let open = market.place(OWN);
    market.ingest(open, 8.into()).expect("it is new");
    let cancelled = market.place(OWN);
    market.cancel(cancelled);
    let given = market.place(UPSTREAM);
    let assign = AssignNumber {
        order: given,
        attempt: 1,
        token: Token(100),
        sealed: sealed(13),
        external_id: "x1".into(),
        cost: None,
        charged: None,
        carrier: None,
        timings: Timings { lifetime_ms: 20 * MINUTE, min_cancel_age_ms: 0 },
    };
    market.run(assign).expect("it is its number");
    // 2. One that is not here and one whose new token is another's are left out.
    let renamed = [(1, 11), (2, 12), (3, 13), (4, 14), (6, 16), (5, 14), (5, 12)];
    let stock = renamed.map(|(old, new)| Renamed { old: Token(old), new: Token(new) }).to_vec();
    let of_orders = [(given, 200), (open, 300), (OrderId(99), 400), (given, 500)];
    let orders = of_orders.map(|(order, new)| OrderToken { order, new: Token(new) }).to_vec();
    let retoken = Retoken { stock, orders };
    // Number 5 is known, and does not get the token of another.
    assert_eq!(market.run(retoken.clone()), Ok(Reply::Changed(7)));
    let tokens = [open, cancelled, given].map(|order| market.token(order));
    assert_eq!(tokens, [12, 13, 200]);
    let resting = market.recorded.state().quarantine().map(|rests| rests.number.token.0);
    assert_eq!(resting.collect::<Vec<_>>(), [13]);
    audit(market.recorded.state()).expect("it stands");
    market.recorded.prove().expect("a replay and its rows say the same");
    let again = Retoken { orders: Vec::new(), ..retoken };
    assert_eq!(
        market.run(again),
        Ok(Reply::Changed(2)),
        "5 is known still, as often as it is named"
    );
    let nothing = Retoken { stock: Vec::new(), orders: Vec::new() };
    assert_eq!(market.run(nothing), Err("invalid_field"));
    // 3. It is known by each of its tokens, and a message by each of its digests.
    assert_eq!(market.ingest(open, under(80, 8)), Err("duplicate_message"));
    assert_eq!(market.load(OWN, &[2], &[12]), Err("duplicate_number"));
    assert_eq!(market.load(OWN, &[20, 21], &[4]), Err("invalid_field"));
    assert_eq!(market.load(OWN, &[40], &[14]), Err("duplicate_number"));
    // 4. What it received before is not delivered to its next buyer.
    assert_eq!(market.load(OWN, &[1], &[11]), Ok(Reply::Changed(1)));
    let events = market.recorded.groups.last().expect("it was loaded").1;
    let is_loaded = |event: &Event| match event {
        Event::Offer(OfferEvent::StockLoaded { numbers, .. }) => numbers[0].token == Token(11),
        _ => false,
    };
    assert!(events.iter().any(is_loaded), "under the token that it has");
    let orders: Vec<_> = (0..3).map(|_| market.place(OWN)).collect();
    assert_eq!(orders.iter().map(|order| market.token(*order)).collect::<Vec<_>>(), [14, 5, 11]);
    assert_eq!(market.ingest(orders[2], under(70, 7)), Err("duplicate_message"));
    assert!(market.ingest(orders[2], under(71, 72)).is_ok());
    market.recorded.prove().expect("a replay and its rows say the same");
}

#[test]
fn the_newest_key_of_tokens_is_not_destroyed() {
    let mut market = StockMarket::new();
    let make =
        |handle, day| MakeSealKey { handle: KeyHandle(handle), owner: KeyOwner::Lookup(day) };
    let destroy = |handle| {
        let why = DestroyReason::Retention;
        Command::DestroySealKey(DestroySealKey { handle: KeyHandle(handle), why })
    };
    market.run(make(101, 20_045)).expect("it is made");
    assert_eq!(market.run(destroy(101)), Err("out_of_order"));
    market.run(make(102, 20_090)).expect("it is made");
    assert_eq!(market.run(destroy(102)), Err("out_of_order"));
    assert!(market.run(destroy(101)).is_ok());
    assert_eq!(market.run(destroy(102)), Err("out_of_order"));
}
