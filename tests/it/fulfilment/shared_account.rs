//! Accounts on which another program buys as well: what is not ours stays as it is.

use std::time::Duration;

use nexnum::attention::AttentionKind;
use nexnum::order::claim::Wish;
use nexnum::server::ProviderSetup;
use nexnum_driver::Crosswalk;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{OrderId, Product, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_sandbox::{FaultKind, Sandbox};

use super::{
    FIVESIM, FIVESIM_AGAIN, HANDLER, Rig, SMSPOOL, ask_fivesim, ask_handler, dated_stray, setup,
    stray, synced, until,
};
use crate::rig::sandbox::product;

/// Long enough for a few lists.
const A_WHILE: Duration = Duration::from_secs(4);

fn active(order: &Order) -> bool {
    order.state == ActivationState::Active
}

/// The provider's code of another service that it sells in the same country.
fn other_service(sandbox: &Sandbox, seller: usize) -> String {
    let others = Catalog::load().services().map(|(service, _)| Product { service, ..product() });
    let is_sold =
        |other: &Product| *other != product() && sandbox.pin(seller, *other, Micros(100_000), 5);
    let crosswalk = Crosswalk::load(sandbox.providers()[seller].driver).unwrap();
    let mut codes = others.filter(is_sold).filter_map(|it| crosswalk.service_ext(it.service));
    codes.next().expect("several are sold there").to_owned()
}

async fn check_open_at_fivesim(sandbox: &Sandbox, id: &str) {
    let shown = ask_fivesim(sandbox, &format!("check/{id}")).await;
    assert!(shown.contains("PENDING") || shown.contains("RECEIVED"), "{shown}");
}

impl Rig {
    /// The text of the only row of this kind.
    fn told(&self, kind: AttentionKind) -> Option<String> {
        let (rows, _) = self.orders().market.attention.rows(usize::MAX);
        rows.into_iter().find(|row| row.kind == kind).map(|row| row.text)
    }

    fn unattributed(&self) -> usize {
        self.orders().providers.list().iter().map(|it| it.health().unattributed).sum()
    }

    async fn check_in_doubt(&self, id: OrderId) {
        tokio::time::sleep(A_WHILE).await;
        let order = self.orders().market.read_model.order(id).unwrap();
        assert_eq!((order.state, order.in_doubt), (ActivationState::Init, true), "{order:?}");
    }

    /// Begins to buy, and waits until the purchase is in doubt.
    async fn doubt(&self, id: u64) -> OrderId {
        let (orders, customer, id) = (self.orders().clone(), self.customer, OrderId(id));
        let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
        tokio::spawn(
            async move { drop(orders.place(&Origin::SYSTEM, customer, wish.into()).await) },
        );
        let is_in_doubt =
            || self.orders().market.read_model.order(id).is_some_and(|it| it.in_doubt);
        until(is_in_doubt).await;
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_after_a_purchase_was_answered_is_reported_until_it_is_gone() {
    let sellers = [(FIVESIM, 100_000), (SMSPOOL, 200_000)];
    let rig = Rig::start_with(&sellers, 600_000).await;
    rig.sandbox.faults(FIVESIM).next_purchase(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    assert_eq!(rig.order(id, active).await.attempt, 2);
    let foreign = dated_stray(&rig.sandbox).await;
    until(|| rig.unattributed() == 1).await;
    let told = rig.told(AttentionKind::UnattributedPurchase).unwrap();
    assert!(told.contains(&foreign), "{told}");
    tokio::time::sleep(A_WHILE).await;
    check_open_at_fivesim(&rig.sandbox, &foreign).await;
    ask_fivesim(&rig.sandbox, &format!("cancel/{foreign}")).await;
    until(|| rig.told(AttentionKind::UnattributedPurchase).is_none()).await;
    assert_eq!(rig.unattributed(), 0);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_buys_before_our_purchase_is_not_sold_where_rows_have_no_zone() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    // No list has come between the two; their dates are whole seconds.
    let foreign = stray(&rig.sandbox).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    let id = rig.doubt(1).await;
    rig.check_in_doubt(id).await;
    let status = ask_handler(&rig.sandbox, &format!("action=getStatus&id={foreign}")).await;
    assert_eq!(status, "STATUS_WAIT_CODE");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_account_that_is_set_up_as_shared_nothing_is_adopted_or_given_back() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await;
    let setup = setup(&rig.sandbox, FIVESIM, &rig.folder);
    let mut config = setup.config.clone();
    config.shared_account = true;
    rig.running.providers.connect(ProviderSetup { config, ..setup }).await.unwrap();
    synced(rig.orders()).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    let id = rig.doubt(1).await;
    until(|| rig.unattributed() == 1).await;
    rig.check_in_doubt(id).await;
    assert!(rig.told(AttentionKind::UnattributedPurchase).is_some());
    assert!(rig.told(AttentionKind::SharedAccount).is_none(), "it is known");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_on_which_another_program_is_seen_to_buy_counts_as_shared() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await;
    let other = other_service(&rig.sandbox, FIVESIM);
    let path = format!("buy/activation/indonesia/any/{other}");
    let bought = ask_fivesim(&rig.sandbox, &path).await;
    assert!(bought.contains("\"phone\""), "{bought}");
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    let id = rig.doubt(1).await;
    until(|| rig.told(AttentionKind::SharedAccount).is_some()).await;
    rig.check_in_doubt(id).await;
    assert_eq!(rig.unattributed(), 1, "the one that may be ours");
    rig.stop().await;
}

/// More purchases of the product than can be ours show that others buy: the next one of theirs is
/// not sold as ours.
async fn check_counted(seller: usize, theirs: usize) {
    let rig = Rig::start_with(&[(seller, 100_000)], 600_000).await;
    assert!(rig.sandbox.pin(seller, product(), Micros(100_000), 50), "there are enough for all");
    let buys = async || match seller {
        FIVESIM => dated_stray(&rig.sandbox).await,
        _ => stray(&rig.sandbox).await,
    };
    rig.sandbox.faults(seller).next(FaultKind::Http500);
    let id = rig.doubt(1).await;
    for _ in 0..theirs {
        buys().await;
    }
    until(|| rig.told(AttentionKind::SharedAccount).is_some()).await;
    let told = rig.told(AttentionKind::SharedAccount).unwrap();
    assert!(told.contains("of which at least"), "{told}");
    rig.order(id, |order| order.state != ActivationState::Init).await;
    // The list that follows would meet the fault.
    tokio::time::sleep(A_WHILE).await;
    rig.sandbox.faults(seller).next(FaultKind::Http500);
    let id = rig.doubt(2).await;
    buys().await;
    rig.check_in_doubt(id).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_more_purchases_than_were_made_counts_as_shared() {
    tokio::join!(check_counted(FIVESIM, 4), check_counted(FIVESIM, 2), check_counted(HANDLER, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_seen_to_be_shared_is_so_after_a_start() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await;
    let other = other_service(&rig.sandbox, FIVESIM);
    let path = format!("buy/activation/indonesia/any/{other}");
    let bought: serde_json::Value =
        serde_json::from_str(&ask_fivesim(&rig.sandbox, &path).await).unwrap();
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    rig.buy(None).await.unwrap();
    assert!(rig.told(AttentionKind::SharedAccount).is_some());
    let closed = rig.close().await;
    // What showed it has ended by then.
    ask_fivesim(&closed.sandbox, &format!("cancel/{}", bought["id"])).await;
    let rig = closed.open().await;
    assert!(rig.told(AttentionKind::SharedAccount).is_some());
    synced(rig.orders()).await;
    let theirs = dated_stray(&rig.sandbox).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::ConnectionLost);
    let id = rig.doubt(2).await;
    rig.check_in_doubt(id).await;
    check_open_at_fivesim(&rig.sandbox, &theirs).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reported_before_a_start_is_not_sold_after_it_where_a_list_lacked_it() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    closed.reword("handler", r#"created = "/activationTime", "#, "");
    let rig = closed.open().await;
    synced(rig.orders()).await;
    // More rows than were bought: none of them is known to be ours.
    let (theirs, other) = tokio::join!(stray(&rig.sandbox), stray(&rig.sandbox));
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    drop(rig.buy(None).await);
    until(|| rig.unattributed() == 2).await;
    let closed = rig.close().await;
    let cancel = format!("action=setStatus&status=8&id={other}");
    assert_eq!(ask_handler(&closed.sandbox, &cancel).await, "ACCESS_CANCEL");
    let rig = closed.open().await;
    synced(rig.orders()).await;
    // The row left seems to be of this moment: the list before it does not show it.
    tokio::time::sleep(A_WHILE).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::ListEmpty);
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    rig.doubt(2).await;
    tokio::time::sleep(A_WHILE).await;
    for id in [OrderId(1), OrderId(2)] {
        let order = rig.orders().market.read_model.order(id).unwrap();
        assert_eq!(order.assignment, None, "{order:?}");
    }
    let status = ask_handler(&rig.sandbox, &format!("action=getStatus&id={theirs}")).await;
    assert_eq!(status, "STATUS_WAIT_CODE");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lists_had_shown_before_a_purchase_is_not_sold_as_its_answer() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    let theirs = stray(&closed.sandbox).await;
    // A cache replays the answer to a purchase that another program made.
    let answer = r#"external_id = "/activationId", number = "/phoneNumber", cost"#;
    let replayed = format!(r#"external_id = "={theirs}", number = "/phoneNumber", cost"#);
    closed.reword("handler", answer, &replayed);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    let order = rig.order(rig.buy(None).await.unwrap(), active).await;
    let bought = order.assignment.as_ref().unwrap();
    assert_ne!(&*bought.external_id, theirs, "the list shows ours");
    assert!(rig.told(AttentionKind::WrongNumber).is_some_and(|text| text.contains("before")));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_whose_purchases_have_ended_shares_the_account_all_the_same() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await;
    rig.order(rig.buy(None).await.unwrap(), active).await;
    // What has ended is told apart by memory, so that it counts from the start on: its date, which
    // leaves seconds open, has to lie after it.
    tokio::time::sleep(A_WHILE).await;
    let other = other_service(&rig.sandbox, FIVESIM);
    let path = format!("buy/activation/indonesia/any/{other}");
    let bought: serde_json::Value =
        serde_json::from_str(&ask_fivesim(&rig.sandbox, &path).await).unwrap();
    let ended = ask_fivesim(&rig.sandbox, &format!("cancel/{}", bought["id"])).await;
    assert!(ended.contains("CANCELED"), "{ended}");
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    rig.doubt(2).await;
    until(|| rig.told(AttentionKind::SharedAccount).is_some()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_names_another_service_is_not_ours() {
    let rig = Rig::start_with(&[(SMSPOOL, 100_000)], 600_000).await;
    rig.sandbox.faults(SMSPOOL).next(FaultKind::TimeOut);
    let other = other_service(&rig.sandbox, SMSPOOL);
    let foreign = async {
        // The purchase is under way by then.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let provider = &rig.sandbox.providers()[SMSPOOL];
        let key = provider.key.as_str();
        let form = [("key", key), ("country", "ID"), ("service", &other)];
        let url = format!("{}/purchase/sms", provider.base_url);
        let bought = reqwest::Client::new().post(url).form(&form).send().await.unwrap();
        let bought = bought.text().await.unwrap();
        assert!(bought.contains("order"), "{bought}");
    };
    let (id, ()) = tokio::join!(rig.doubt(1), foreign);
    rig.check_in_doubt(id).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_providers_on_one_account_do_not_sell_a_number_twice() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000), (FIVESIM_AGAIN, 100_000)], 600_000).await;
    // Of the one no answer comes, and nothing was bought.
    rig.sandbox.faults(FIVESIM).next(FaultKind::ConnectionLost);
    let (orders, customer) = (rig.orders().clone(), rig.customer);
    let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
    tokio::spawn(async move { drop(orders.place(&Origin::SYSTEM, customer, wish.into()).await) });
    let market = &rig.orders().market;
    until(|| market.read_model.order(OrderId(1)).is_some_and(|order| order.in_doubt)).await;
    // Of the other a number is bought at that moment, which the list of both shows.
    let doubted = market.read_model.order(OrderId(1)).unwrap().provider;
    let asks = market.grid.asks(product()).filter(|ask| ask.provider == doubted);
    asks.for_each(|ask| market.grid.exhaust(ask.offer));
    let bought = rig.order(rig.buy(None).await.unwrap(), active).await;
    assert_ne!(bought.provider, doubted);
    until(|| rig.told(AttentionKind::WrongNumber).is_some()).await;
    // The first one buys once more, or ends, and never has the number of the second.
    let first = rig.order(OrderId(1), |order| order.state != ActivationState::Init).await;
    let number = |order: &Order| order.assignment.as_ref().map(|it| it.external_id.clone());
    assert_ne!(number(&first), number(&bought));
    assert_eq!(rig.order(bought.id, active).await.status, OrderStatus::Escrow);
    check_open_at_fivesim(&rig.sandbox, &number(&bought).unwrap()).await;
    rig.stop().await;
}
