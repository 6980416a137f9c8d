//! What opens and closes a provider's offers, and what the operator is told.

use super::*;
use crate::metrics::Metrics;
use crate::provider::client_config::{ClientConfig, Timeouts};
use crate::provider::dispatch::{Lane, PauseOf};
use nexnum_driver::{Credentials, ErrorKind};
use nexnum_engine::breaker::BreakerInput;
use nexnum_engine::grid::{Coverage, Listing};
use nexnum_engine::ids::{CountryId, OfferId, Product, ServiceId, VariantId};
use std::time::Duration;

fn connected() -> Connected {
    connected_at(None)
}

fn connected_at(base_url: Option<&str>) -> Connected {
    let (_, text) = Driver::shipped()[0];
    let driver = Arc::new(Driver::parse(text).expect("shipped drivers parse"));
    let config = ClientConfig {
        provider: "one".to_owned(),
        base_url: base_url.map(str::to_owned),
        credentials: Credentials::default(),
        rate: rust_decimal::Decimal::ONE,
        currency: None,
        timeouts: Timeouts::default(),
        proxy: None,
        dispatcher: None,
        metrics: Metrics::default(),
    };
    let client = ProviderClient::new(Arc::clone(&driver), config).expect("it has an address");
    let crosswalk = Crosswalk::load(driver.dialect()).expect("its codes are shipped");
    let policy = ProviderPolicy {
        margin: Margin::default(),
        enabled: true,
        priority: 0,
        weight: 1,
        low_balance: Micros(5),
        sync_interval_ms: 60_000,
        min_cancel_age_ms: None,
        shared_account: false,
    };
    let parts =
        ConnectedParts { driver, document: 1, client, crosswalk, policy, key_problem: None };
    let connected =
        Connected::new(ProviderId(2), parts, &Arc::new(Grid::new(1, 1)), &Attention::default());
    connected.has_known(1);
    connected
}

/// The kinds of the rows about it.
fn told(connected: &Connected) -> Vec<AttentionKind> {
    connected.attention.rows(9).0.iter().map(|row| row.kind).collect()
}

fn refused(connected: &Connected, op: Op, kind: ErrorKind, now: Time) {
    connected.note_error(now, op, None, &ProviderError::new(kind, true, "NO"));
}

/// Counts a failure of the operation in the breaker.
fn failed(connected: &Connected, op: Op, input: BreakerInput, at: Time) {
    let text = format!("{} failed at {}", op.name(), at.0);
    connected.record_failure(input, &Failure { at, op, order: None, text });
}

#[test]
fn the_last_failures_are_kept_with_their_operation_and_order() {
    let connected = connected();
    for order in 1..=20 {
        let error = ProviderError::new(ErrorKind::NoBalance, true, "NO_BALANCE");
        connected.note_error(Time(5), Op::Buy, Some(OrderId(order)), &error);
    }
    let failures = connected.health().failures;
    let orders: Vec<_> = failures.iter().filter_map(|failure| failure.order).collect();
    assert_eq!(orders, (5..=20).map(OrderId).collect::<Vec<_>>());
    assert_eq!(failures[0].to_string(), "buy: no_balance: NO_BALANCE");
}

#[test]
fn a_low_balance_is_told_and_the_grid_knows_what_can_be_paid() {
    let connected = connected();
    let product = Product::activation(CountryId(0), ServiceId(0));
    let (variant, cost, price) = (VariantId::ANY, Micros(4), Micros(6));
    let row = Listing { offer: OfferId(1), product, variant, cost, price, stock: 9 };
    connected.grid.publish(connected.id(), &[row], Coverage::Whole).unwrap();
    let check = |spendable: Option<i64>, kinds: &[AttentionKind], funded| {
        let (health, ask) = (connected.figures(), connected.grid.ask(OfferId(1)).unwrap());
        let found = (health.spendable, health.balance_low, ask.funded);
        assert_eq!(found, (spendable.map(Micros), !kinds.is_empty(), funded));
        assert_eq!(told(&connected), kinds);
    };
    use AttentionKind::{BalanceEmpty, BalanceLow};
    let funds = connected.funds();
    check(None, &[], true);
    let held = funds.hold(Micros(1));
    check(None, &[], true);
    drop(held);
    funds.set_balance(Micros(9));
    check(Some(9), &[], true);
    let held = funds.hold(Micros(6));
    check(Some(3), &[], false);
    drop(held);
    check(Some(9), &[], true);
    funds.hold(Micros(4)).charge(Some(Micros(5)));
    check(Some(4), &[BalanceLow], true);
    funds.hold(Micros(4)).charge(None);
    check(Some(0), &[BalanceLow, BalanceEmpty], false);
    funds.hold(Micros(4)).charge(None);
    check(Some(-4), &[BalanceLow, BalanceEmpty], false);
    let count = |at: usize| connected.attention.rows(9).0[at].count;
    assert_eq!((count(0), count(1)), (2, 1), "not once a purchase");
    funds.set_balance(Micros(5));
    check(Some(5), &[], true);
    connected.retire();
    funds.set_balance(Micros(0));
    assert!(told(&connected).is_empty() && connected.grid.ask(OfferId(1)).unwrap().funded);
}

#[test]
fn a_balance_below_every_price_is_told_and_an_old_one_stops_nothing() {
    let connected = connected();
    let funds = connected.funds();
    funds.set_balance(Micros(9));
    funds.set_cheapest(Some(Micros(10)));
    let health = connected.figures();
    assert!(!health.on_sale && health.balance_low);
    assert_eq!(told(&connected), [AttentionKind::BalanceEmpty]);
    assert!(connected.attention.rows(9).0[0].text.contains("no offer costs less"));
    funds.set_cheapest(Some(Micros(9)));
    assert!(connected.figures().on_sale && told(&connected).is_empty());
    let held = funds.hold(Micros(1));
    assert!(!connected.figures().on_sale, "it pays for nothing beside that purchase");
    drop(held);
    funds.set_balance(Micros(0));
    assert!(!connected.figures().on_sale && !told(&connected).is_empty());
    funds.forget_balance();
    let health = connected.figures();
    assert_eq!((health.spendable, health.balance_low, health.on_sale), (None, false, true));
    assert!(told(&connected).is_empty() && funds.is_forgotten());
    funds.set_balance(Micros(100));
    assert!(!funds.is_forgotten());
}

#[test]
fn nothing_is_sold_at_costs_that_were_reckoned_in_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let bases = Arc::new(CostBases::open(folder.path()));
    let new = || {
        let mut connected = connected();
        connected.listed = AtomicBool::new(false);
        connected.keep_basis(&bases);
        connected.has_known(1);
        connected
    };
    let first = new();
    assert!(first.figures().on_sale, "nothing says that they are void");
    bases.set("one", "0.011 RUB");
    let second = new();
    assert!(!second.figures().on_sale && second.costs_are_void() && second.began_void());
    second.has_costs();
    second.has_list();
    assert!(!second.costs_are_void());
    assert!(new().figures().on_sale, "after a restart");
}

#[test]
fn purchases_that_are_refused_whatever_other_calls_say_are_told_and_tried_ever_more_seldom() {
    let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
    let error = ProviderError::new(ErrorKind::NoBalance, true, "NO_BALANCE");
    let refused = |at: u64| {
        connected.record_error(BreakerInput::Hard, (second(at), Op::Buy, None), &error);
        connected.note_error(second(at), Op::Buy, None, &error);
    };
    let is_on_sale = |at: u64| {
        if connected.may_probe(second(at)) {
            connected.record_success(second(at));
        }
        connected.look(second(at));
        connected.figures().on_sale
    };
    let words = || {
        let mut words: Vec<_> = told(&connected).into_iter().map(AttentionKind::word).collect();
        words.sort_unstable();
        words
    };
    refused(0);
    assert!(!is_on_sale(59) && is_on_sale(60));
    assert_eq!(words(), ["breaker_open", "purchases_refused"]);
    let mut at = 61;
    for pause_s in [120, 240, 480, 900, 900] {
        refused(at);
        assert!(!is_on_sale(at + pause_s - 1), "{pause_s}");
        assert!(is_on_sale(at + pause_s), "{pause_s}");
        assert!(words().contains(&"purchases_refused"));
        assert!(is_on_sale(at + pause_s + 100), "until the next buyer comes");
        assert_eq!(words(), ["purchases_refused"]);
        at += pause_s + 200;
    }
    // What our account holds comes from another call: more of it lets the next purchase try.
    refused(at);
    assert!(!is_on_sale(at + 60), "the probe");
    connected.heed_balance(Micros(9));
    assert!(!is_on_sale(at + 70), "as much as before, or less");
    connected.heed_balance(Micros(10));
    assert!(is_on_sale(at + 71) && words() == ["purchases_refused"]);
    connected.record_error(
        BreakerInput::Good,
        (second(at + 72), Op::Buy, None),
        &ProviderError::new(ErrorKind::NoNumbers, true, "NO_NUMBERS"),
    );
    assert_eq!(words(), ["purchases_refused"], "it may look at our money last");
    connected.record_bought(second(at + 73));
    assert_eq!(words(), [""; 0]);
    // The first one again: more money explains it.
    refused(at + 100);
    assert!(is_on_sale(at + 160) && words().contains(&"purchases_refused"));
    connected.heed_balance(Micros(11));
    connected.heed_balance(Micros(12));
    assert!(!words().contains(&"purchases_refused"));
}

#[test]
fn purchases_that_fail_whatever_probes_say_are_told_until_one_does_not() {
    let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
    let is_told = || told(&connected).contains(&AttentionKind::PurchasesRefused);
    let probed = |at: u64| {
        assert!(connected.may_probe(second(at)));
        connected.record_success(second(at));
        assert!(connected.figures().on_sale);
    };
    (0..5).for_each(|n| failed(&connected, Op::Buy, BreakerInput::Bad, second(n)));
    probed(100);
    assert!(!is_told(), "it may have been down, and be well again");
    failed(&connected, Op::Buy, BreakerInput::Bad, second(101));
    assert!(is_told());
    probed(200);
    connected.look(second(300));
    assert_eq!(told(&connected), [AttentionKind::PurchasesRefused]);
    let error = ProviderError::new(ErrorKind::NoNumbers, true, "NO_NUMBERS");
    connected.record_error(BreakerInput::Good, (second(301), Op::Buy, None), &error);
    assert!(!is_told(), "purchases are answered");
}

#[test]
fn a_refused_key_takes_the_offers_off_sale_until_a_probe_goes_well() {
    let told_of = [
        (ErrorKind::BadKey, AttentionKind::KeyRefused),
        (ErrorKind::Banned, AttentionKind::KeyRefused),
        (ErrorKind::WrongCurrency, AttentionKind::WrongCurrency),
    ];
    for (kind, row) in told_of {
        let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
        assert!(connected.figures().on_sale);
        refused(&connected, Op::ListActive, kind, second(0));
        assert!(!connected.figures().on_sale, "any call of the account shows it");
        let rows = told(&connected);
        assert!(rows.len() == 2 && rows.contains(&row), "{rows:?}");
        assert!(rows.contains(&AttentionKind::BreakerOpen), "{rows:?}");
        // Polls that are refused meanwhile do not put the probe off.
        (1..60).for_each(|n| refused(&connected, Op::ListActive, kind, second(n)));
        assert!(!connected.may_probe(second(59)));
        assert!(connected.may_probe(second(60)));
        refused(&connected, Op::Balance, kind, second(60));
        failed(&connected, Op::Balance, BreakerInput::Hard, second(60));
        assert!(!connected.figures().on_sale);
        assert!(connected.may_probe(second(120)));
        connected.record_success(second(120));
        assert!(connected.figures().on_sale);
        connected.look(second(121));
        assert_eq!(told(&connected).len(), 2, "not before purchases may have shown it");
        connected.look(second(130));
        assert_eq!(told(&connected), []);
    }
}

#[test]
fn a_refused_key_that_is_accepted_again_ends_the_stop_and_not_again_at_once() {
    let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
    // A call of the account that is made at once, as its client and its caller note it.
    let calls = |op: Op, refused: Option<ErrorKind>, at: u64| {
        let error = refused.map(|kind| ProviderError::new(kind, true, "NO"));
        let word = &connected.client().key_word;
        word.note(op, word.asked(), error.as_ref().map_or(Ok(&()), Err));
        if let Some(error) = &error {
            connected.note_error(second(at), op, None, error);
        }
        if let Some(error) = error.filter(|_| op == Op::Buy) {
            connected.record_error(BreakerInput::Hard, (second(at), op, None), &error);
        }
        connected.look(second(at));
        connected.figures().on_sale
    };
    use Op::{Balance, Buy, ListActive, Status};
    assert!(!calls(Balance, Some(ErrorKind::BadKey), 0));
    assert!(!calls(Status, None, 1) && calls(ListActive, None, 2), "the list proves it");
    // It refuses purchases alone: they are tried ever more seldom, as if nothing had been accepted.
    for (at, pause_s) in [(3, 60), (63, 120)] {
        assert!(!calls(Buy, Some(ErrorKind::BadKey), at));
        assert!(!calls(ListActive, None, at + 1) && !calls(Balance, None, at + 59));
        assert!(connected.may_probe(second(at + 60)));
        connected.record_success(second(at + 60));
        connected.look(second(at + pause_s - 1));
        assert_eq!(connected.figures().on_sale, pause_s == 60);
        connected.look(second(at + pause_s));
        assert!(connected.figures().on_sale);
    }
    let is_told = |at: u64| {
        connected.look(second(at));
        told(&connected).contains(&AttentionKind::KeyRefused)
    };
    assert!(is_told(290), "no purchase has been accepted");
    let word = &connected.client().key_word;
    word.note(
        Buy,
        word.asked(),
        Err::<&(), _>(&ProviderError::new(ErrorKind::NoNumbers, true, "")),
    );
    assert!(!is_told(299), "it was refused for another reason");
    // Long afterwards it is refused for an hour, and a probe too.
    assert!(!calls(Balance, Some(ErrorKind::Banned), 300));
    assert!(connected.may_probe(second(3_900)));
    let error = ProviderError::new(ErrorKind::BadKey, true, "NO");
    assert!(!calls(Balance, Some(ErrorKind::BadKey), 3_900));
    connected.record_error(BreakerInput::Hard, (second(3_900), Balance, None), &error);
    assert!(calls(ListActive, None, 3_901));
    // Where our account is empty as well, an accepted key is not enough.
    assert!(!calls(Balance, Some(ErrorKind::BadKey), 4_000));
    let error = ProviderError::new(ErrorKind::NoBalance, true, "NO");
    connected.record_error(BreakerInput::Hard, (second(4_000), Buy, None), &error);
    assert!(!calls(ListActive, None, 4_001));
}

#[tokio::test]
async fn a_call_about_one_activation_that_is_refused_our_key_asks_for_a_sync() {
    let (connected, second) = (connected(), |n: u64| Time(1_000_000 + 1_000 * n));
    let is_wanted = async || {
        tokio::time::timeout(Duration::from_millis(20), connected.sync_wanted()).await.is_ok()
    };
    for op in [Op::Status, Op::Cancel, Op::Finish, Op::Resend] {
        refused(&connected, op, ErrorKind::BadKey, second(0));
        refused(&connected, op, ErrorKind::Banned, second(1));
    }
    assert!(connected.figures().on_sale && told(&connected).is_empty());
    assert!(is_wanted().await);
    refused(&connected, Op::Status, ErrorKind::BadKey, second(59));
    assert!(!is_wanted().await, "not at each answer");
    refused(&connected, Op::Status, ErrorKind::BadKey, second(60));
    assert!(is_wanted().await);
    // The sync's own calls are believed.
    refused(&connected, Op::Balance, ErrorKind::BadKey, second(61));
    assert!(!connected.figures().on_sale);
}

#[test]
fn a_breaker_that_opens_again_and_again_is_one_row() {
    let (connected, mut now) = (connected(), Time(1_000_000));
    for _ in 0..3 {
        while connected.figures().on_sale {
            failed(&connected, Op::Buy, BreakerInput::Bad, now);
        }
        now = now.plus_ms(300_000);
        assert!(connected.may_probe(now));
        connected.record_success(now);
        connected.look(now.plus_ms(1_000));
    }
    let (rows, _) = connected.attention.rows(9);
    // Rows of one moment stand in any order.
    let mut counts: Vec<_> = rows.iter().map(|row| (row.kind.word(), row.count)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("breaker_open", 3), ("purchases_refused", 2)]);
    connected.look(now.plus_ms(CALM_MS));
    assert_eq!(told(&connected), [AttentionKind::PurchasesRefused]);
}

#[test]
fn a_breaker_is_told_with_the_failure_that_opened_it_whatever_else_has_failed() {
    let text_of = |connected: &Connected| {
        let (rows, _) = connected.attention.rows(9);
        let row = rows.iter().find(|row| row.kind == AttentionKind::BreakerOpen);
        row.expect("it is told").text.clone()
    };
    // A poll fails between two purchases and after the last of them.
    let connected = connected();
    for at in 1..=5 {
        failed(&connected, Op::Buy, BreakerInput::Bad, Time(at));
        refused(&connected, Op::Status, ErrorKind::Temporary, Time(at));
    }
    let text = text_of(&connected);
    assert!(text.ends_with("the last failure: buy: buy failed at 5"), "{text}");
    // A refused key opens it by itself.
    let connected = self::connected();
    refused(&connected, Op::Status, ErrorKind::Temporary, Time(1));
    refused(&connected, Op::Balance, ErrorKind::BadKey, Time(2));
    let text = text_of(&connected);
    assert!(text.ends_with("the last failure: balance: bad_key: NO"), "{text}");
}

#[test]
fn a_connection_that_has_left_its_place_tells_nothing() {
    let connected = connected();
    connected.retire();
    refused(&connected, Op::Status, ErrorKind::BadKey, Time(1));
    (0..9).for_each(|_| failed(&connected, Op::Buy, BreakerInput::Bad, Time(1)));
    assert_eq!(told(&connected), []);
}

#[test]
fn the_last_failures_of_each_operation_are_kept_however_often_another_fails() {
    let connected = connected();
    let failed = |op, at: u64| {
        let error = ProviderError::new(ErrorKind::Temporary, false, "502");
        connected.note_error(Time(at), op, Some(OrderId(1)), &error);
    };
    failed(Op::Buy, 1);
    failed(Op::Cancel, 2);
    (10..99).for_each(|at| failed(Op::Status, at));
    failed(Op::Buy, 99);
    (100..200).for_each(|at| failed(Op::ListActive, at));
    let failures = connected.health().failures;
    assert_eq!(failures.len(), FAILURES_MAX);
    let times = |op| {
        let of_op = failures.iter().filter(|failure| failure.op == op);
        of_op.map(|failure| failure.at.0).collect::<Vec<_>>()
    };
    assert_eq!((times(Op::Buy), times(Op::Cancel)), (vec![1, 99], vec![2]));
    assert_eq!(times(Op::Status).last(), Some(&98));
    assert_eq!(times(Op::ListActive).last(), Some(&199));
    assert!(failures.iter().is_sorted_by_key(|failure| failure.at), "oldest first");
}

#[test]
fn a_call_that_our_own_limits_did_not_allow_is_no_failure_of_the_provider() {
    let connected = connected();
    let asked = ProviderError::new(ErrorKind::RateLimited, true, "429");
    connected.note_error(Time(1), Op::Status, None, &asked);
    let unasked = ProviderError::new(ErrorKind::NoTurn, true, "no turn");
    (0..99).for_each(|at| connected.note_error(Time(at), Op::Status, None, &unasked));
    assert_eq!(connected.health().failures.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_lasts_is_told_until_it_is_over() {
    let connected = connected();
    let dispatcher = connected.client().room().dispatcher();
    dispatcher.pause(PauseOf::All, Duration::from_secs(3));
    connected.look(Time(1));
    assert_eq!((told(&connected), connected.figures().on_sale), (vec![], false), "it is short");
    dispatcher.pause(PauseOf::One(Lane::Sync), Duration::from_secs(20));
    connected.look(Time(2));
    let (rows, _) = connected.attention.rows(9);
    assert!(rows[0].text.contains("price list") && rows[0].text.contains("20 s"), "{rows:?}");
    tokio::time::sleep(Duration::from_secs(18)).await;
    connected.look(Time(3));
    assert_eq!(told(&connected), [AttentionKind::ProviderPaused], "until its end");
    assert!(connected.figures().on_sale, "lists alone pause");
    tokio::time::sleep(Duration::from_secs(2)).await;
    connected.look(Time(4));
    assert_eq!(told(&connected), []);
}

#[test]
fn a_provider_is_on_sale_while_an_order_could_be_placed_there() {
    let connected = connected();
    let is_on_sale = || connected.figures().on_sale;
    assert!(is_on_sale());
    connected.note(|health| health.last_sync_at = Some(Time(1)));
    assert!(!is_on_sale(), "its list is empty");
    connected.note(|health| health.offers = 3);
    connected.funds().set_balance(Micros::ZERO);
    assert!(!is_on_sale(), "nothing can be paid");
    connected.funds().set_balance(Micros(9));
    assert!(is_on_sale());
    refused(&connected, Op::Balance, ErrorKind::WrongCurrency, Time(1));
    assert!(!is_on_sale(), "it is stopped");
}

mod kept;
