//! The keys of loads of own stock: each ends once its numbers are sold and their orders forgotten; what
//! is under one that was lost is not for sale.

mod common;

use common::sealed::{load_key, loaded_under};
use common::stock::{OTHER, OWN, StockMarket};
use nexnum_engine::audit::audit;
use nexnum_engine::command::{DestroySealKey, Effect, EndLoadKey, LoadStock, MakeSealKey, Reply};
use nexnum_engine::event::DestroyReason;
use nexnum_engine::ids::{LoadId, OfferId, Token};
use nexnum_engine::money::Micros;
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::time::Time;

/// The market has this key of a load for another service, of which none is loaded.
const UNUSED: KeyHandle = load_key(OTHER);
const NONE: Result<Reply, &str> = Ok(Reply::KeyEnded(None));

fn destroy(market: &mut StockMarket, why: DestroyReason) -> Result<Reply, &'static str> {
    market.run(DestroySealKey { handle: load_key(OWN), why })
}

/// Ends the keys that have been over since before a moment.
fn end(market: &mut StockMarket, before: Time) -> Vec<KeyHandle> {
    let mut ended = Vec::new();
    while let Ok(Reply::KeyEnded(Some(handle))) = market.run(EndLoadKey { before }) {
        ended.push(handle);
    }
    ended
}

fn in_stock(market: &StockMarket) -> u32 {
    market.recorded.state().stock(OWN).expect("it had numbers").1
}

fn loads(market: &StockMarket) -> Vec<u32> {
    market.recorded.state().loads().iter().map(|(id, _)| id.0).collect()
}

#[test]
fn a_load_s_key_ends_after_the_last_order_on_its_numbers() {
    let mut market = StockMarket::new();
    market.load(OWN, &[1, 2], &[]).expect("they are new");
    market.pass(5);
    assert_eq!(end(&mut market, Time(u64::MAX)), [UNUSED], "the other has numbers in stock");
    // 1. Both are sold; one comes back and rests, is sold again and delivered.
    let (one, two) = (market.place(OWN), market.place(OWN));
    market.deliver(one);
    market.cancel(two);
    for reason in [DestroyReason::Retention, DestroyReason::Unused, DestroyReason::Erasure] {
        assert_eq!(destroy(&mut market, reason), Err("out_of_order"));
    }
    market.pass(61);
    assert_eq!(market.run(EndLoadKey { before: Time(u64::MAX) }), NONE, "one is in stock");
    let last = market.place(OWN);
    market.pass(10);
    market.deliver(last);
    let ended_at = market.now;
    assert_eq!(market.run(EndLoadKey { before: Time(u64::MAX) }), NONE, "one is of an order");
    // 2. From the end of the last order on, once that has left memory.
    market.pass(61);
    assert_eq!(market.run(EndLoadKey { before: ended_at }), NONE);
    market.recorded.prove().expect("it is sound");
    assert_eq!(loads(&market), [1]);
    assert_eq!(end(&mut market, ended_at.plus_ms(1)), [load_key(OWN)]);
    assert_eq!(loads(&market), []);
    market.recorded.prove().expect("it is sound");
    // 3. What is loaded later counts on.
    let (handle, owner) = (KeyHandle(7), KeyOwner::Load(OWN));
    market.run(MakeSealKey { handle, owner }).expect("it is new");
    market.load_under(handle, OWN, &[1, 2], Vec::new()).expect("they were sold");
    assert_eq!(loads(&market), [2]);
    market.recorded.prove().expect("it is sound");
}

#[test]
fn keys_of_loads_end_in_the_order_in_which_they_were_over() {
    let mut market = StockMarket::new();
    market.pass(1);
    let owner = KeyOwner::Load(OWN);
    for handle in [9, 8] {
        market.run(MakeSealKey { handle: KeyHandle(handle), owner }).expect("it is new");
    }
    market.load_under(KeyHandle(9), OWN, &[1], Vec::new()).expect("it is new");
    market.load_under(KeyHandle(8), OWN, &[2, 3], Vec::new()).expect("they are new");
    for _ in 0..3 {
        let order = market.place(OWN);
        market.pass(1);
        market.deliver(order);
    }
    market.pass(70);
    let (all, now) = ([load_key(OWN), UNUSED, KeyHandle(9), KeyHandle(8)], market.now);
    assert_eq!(end(&mut market, now), all);
    audit(market.recorded.state()).expect("it is sound");
}

#[test]
fn what_is_under_a_lost_key_of_a_load_is_not_for_sale() {
    let mut market = StockMarket::new();
    let (handle, owner) = (KeyHandle(7), KeyOwner::Load(OWN));
    market.run(MakeSealKey { handle, owner }).expect("it is new");
    market.load(OWN, &[1, 2, 3, 4], &[]).expect("they are new");
    market.load_under(handle, OWN, &[5], Vec::new()).expect("it is new");
    // 1. One rests, one is sold, one is open, and two are in stock.
    let (rests, sold, open) = (market.place(OWN), market.place(OWN), market.place(OWN));
    market.cancel(rests);
    market.deliver(sold);
    assert_eq!(destroy(&mut market, DestroyReason::Lost), Ok(Reply::Effect(Effect::Done)));
    assert_eq!((in_stock(&market), loads(&market)), (1, vec![2]));
    assert_eq!(market.recorded.state().quarantine().count(), 0);
    market.recorded.prove().expect("it is sound");
    // 2. The open one does not come back, nor is it in the way of the same number.
    market.cancel(open);
    market.pass(31);
    assert_eq!(in_stock(&market), 1);
    market.load_under(handle, OWN, &[3, 4, 1], Vec::new()).expect("they are not here");
    market.pass(90);
    assert_eq!(in_stock(&market), 4);
    market.recorded.prove().expect("it is sound");
    let order = market.place(OWN);
    assert_eq!(market.token(order), 5);
}

#[test]
fn a_number_of_a_lost_load_rests_when_it_is_loaded_for_another_service() {
    let mut market = StockMarket::new();
    market.load(OWN, &[1, 2, 3], &[]).expect("they are new");
    let (rests, open, sold) = (market.place(OWN), market.place(OWN), market.place(OWN));
    let [rested, opened, delivered] = [rests, open, sold].map(|order| market.token(order));
    market.cancel(rests);
    market.deliver(sold);
    destroy(&mut market, DestroyReason::Lost).expect("it is lost");
    market.cancel(open);
    // Messages for their last buyers may still come, but for the one that was delivered.
    market.load(OTHER, &[rested, opened, delivered], &[]).expect("they are not here");
    let for_sale = |market: &StockMarket| market.recorded.state().stock(OTHER).expect("it is").1;
    assert_eq!((for_sale(&market), market.recorded.state().quarantine().count()), (1, 2));
    market.pass(31);
    assert_eq!(for_sale(&market), 3);
    market.recorded.prove().expect("it is sound");
}

#[test]
fn a_load_is_under_one_key() {
    let mut market = StockMarket::new();
    let (handle, owner) = (KeyHandle(7), KeyOwner::Load(OWN));
    market.run(MakeSealKey { handle, owner }).expect("it is new");
    let mut numbers = loaded_under(handle, [Token(1)]);
    numbers.extend(loaded_under(load_key(OWN), [Token(2)]));
    let load = LoadStock {
        offer: OfferId(1),
        cost: Micros(1),
        price: Micros(2),
        numbers,
        others: Vec::new(),
    };
    assert_eq!(market.run(load), Err("unknown_sealing_key"));
    assert_eq!(market.recorded.state().counters().load, LoadId(0));
}
