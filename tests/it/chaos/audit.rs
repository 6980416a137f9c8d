//! The ledger held against what the providers know, when all is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;

use nexnum::market::folder;
use nexnum::market::replay::Decoded;
use nexnum::market::sealing::Sealing;
use nexnum::order::texts::Texts;
use nexnum::public_id::PublicIds;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::book::Book;
use nexnum_engine::event::{
    Event, MoneyEvent, MoveKind, MoveReason, Moved, OrphanEnd, UpstreamEvent,
};
use nexnum_engine::ids::{AccountId, OrderId, ProviderId, Seq};
use nexnum_engine::limits::{BUY_TIME_MS, LAST_LOOK_MS};
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_sandbox::{BoughtNumber, FaultKind};
use rustix::process::{Pid, Signal, kill_process};

use super::buyers::Told;
use super::plan::Plan;
use super::world::{PURSE, World, is_unattributed};
use crate::rig::process::nexnum;

/// The customer of every round.
const CUSTOMER: AccountId = AccountId(1);
/// A pulse comes within this after a deadline, also on a busy machine.
const PULSE_MS: u64 = 8_000;
/// A further code that came so shortly before the end may not have been asked for any more.
const FURTHER_MS: u64 = 15_000;

/// Moments of lists are cut to seconds, as are those of clocks.
const ROUNDED_MS: u64 = 3_000;

/// What an audit found.
pub(super) struct Findings {
    pub(super) complaints: Vec<String>,
    pub(super) summary: String,
}

/// Stops the server and looks at everything.
pub(super) async fn audit(
    mut world: World,
    plan: &Plan,
    told: &Told,
    loud: Option<String>,
) -> Findings {
    let mut complaints: Vec<String> = told.wrong.clone();
    complaints.extend(loud);
    // 1. A clean stop, and a sound folder.
    let mut server = world.server.take().unwrap();
    complaints.extend(stop(&mut server.0));
    std::mem::forget(server);
    let verified = nexnum().arg("verify").arg(world.data()).output().unwrap();
    if !verified.status.success() {
        complaints.push(format!("verify: {}", String::from_utf8_lossy(&verified.stderr)));
    }
    // 2. What both sides know.
    let opened = folder::open(&world.data(), |_| {}).unwrap();
    let (state, sealing) = (opened.engine.state(), Sealing::open(&opened).unwrap());
    let mut books = Books {
        plan,
        state,
        sealing,
        ends: BTreeMap::new(),
        losses: BTreeMap::new(),
        complaints,
        log: world.log(),
    };
    for row in opened.reader.read(Seq(1)).unwrap() {
        books.note(Decoded::from_row(&row.unwrap()).unwrap());
    }
    // 3. Orders, money, numbers upstream.
    books.orders(told);
    books.money();
    let mut charged = BTreeMap::new();
    for (at, provider) in world.sandbox.providers().iter().enumerate() {
        let id = books.provider(provider.name);
        let bought = world.sandbox.bought(at);
        bought.iter().for_each(|number| books.number(id, number));
        charged.insert(id, bought);
    }
    books.costs(&charged);
    let summary = books.summary(told, &charged);
    let complaints = books.complaints;
    drop(opened);
    if !complaints.is_empty() && std::env::var("NEXNUM_CHAOS_KEEP").is_ok() {
        println!("kept: {}", world.folder.keep().display());
    }
    world.sandbox.stop().await;
    Findings { complaints, summary }
}

/// A whole number of the environment, 0 without it.
fn number_of_env(name: &str) -> i64 {
    std::env::var(name).map_or(0, |text| text.parse().expect("a number"))
}

fn stop(server: &mut Child) -> Option<String> {
    let pid = Pid::from_child(server);
    kill_process(pid, Signal::TERM).unwrap();
    let status = server.wait().unwrap();
    (!status.success()).then(|| format!("the server ended with {status}"))
}

struct Books<'a> {
    plan: &'a Plan,
    state: &'a State,
    sealing: Sealing,
    /// Purchases that no order has, and how they ended.
    ends: BTreeMap<(ProviderId, String), (OrderId, Option<OrphanEnd>)>,
    /// What was written off for purchases that stayed in doubt.
    losses: BTreeMap<OrderId, (ProviderId, i64)>,
    complaints: Vec<String>,
    log: String,
}

impl Books<'_> {
    /// Notes what is written off for a doubt, or comes back.
    fn note_loss(&mut self, moved: &Moved) {
        let lost = moved.legs.iter().find_map(|leg| match leg.book {
            Book::WriteOffs(provider) => Some((provider, -leg.amount.0)),
            _ => None,
        });
        let Some((order, (provider, amount))) = moved.order.zip(lost) else { return };
        if moved.reason == Some(MoveReason::InDoubt) {
            self.losses.insert(order.id, (provider, amount));
        } else if moved.kind == MoveKind::Recovery {
            self.losses.remove(&order.id);
        }
    }

    fn note(&mut self, row: Decoded) {
        for event in row.groups.events().iter().cloned() {
            match event {
                Event::Money(MoneyEvent::Moved(moved)) => self.note_loss(&moved),
                Event::Upstream(UpstreamEvent::OrphanFound {
                    order,
                    provider,
                    external_id,
                    ..
                }) => {
                    self.ends.insert((provider, external_id.into()), (order.id, None));
                }
                Event::Upstream(UpstreamEvent::OrphanSettled {
                    order,
                    provider,
                    external_id,
                    end,
                }) => {
                    self.ends.insert((provider, external_id.into()), (order.id, Some(end)));
                }
                _ => {}
            }
        }
    }

    fn complain(&mut self, text: String) {
        self.complaints.push(text);
    }

    fn provider(&self, name: &str) -> ProviderId {
        let mut named = self.state.providers().filter(|(_, provider)| &*provider.name == name);
        named.next().expect("it was connected").0
    }

    /// Every order has ended, in time, with its number, its code, or its money back.
    fn orders(&mut self, told: &Told) {
        let ids = PublicIds::new(self.state.ledger().expect("it was opened").permutation);
        let shown = |order: &Order| ids.order(order.id).to_string();
        let known: BTreeMap<String, &Order> =
            self.state.orders().map(|order| (shown(order), order)).collect();
        for (id, is_cancelled) in &told.orders {
            match known.get(id) {
                None => self.complain(format!("order {id} was acknowledged and is not there")),
                Some(order) if *is_cancelled && order.state != ActivationState::Cancelled => {
                    self.complain(format!("a cancel was acknowledged: {order:?}"));
                }
                Some(_) => {}
            }
        }
        for order in known.values() {
            let Some(closed) = order.closed_at else {
                self.complain(format!("stuck: {order:?}"));
                continue;
            };
            let begun = order.assignment.as_ref().map_or(closed, |given| given.cancel_from);
            if begun > order.placed_at.plus_ms(BUY_TIME_MS + PULSE_MS) {
                self.complain(format!("too long without a number: {order:?}"));
            }
            let last = order.assignment.as_ref().map(|given| given.expires_at);
            if last.is_some_and(|last| closed > last.plus_ms(LAST_LOOK_MS + PULSE_MS)) {
                self.complain(format!("ended after its time: {order:?}"));
            }
            let delivered = order.delivered().count();
            match order.status {
                OrderStatus::Escrow => {
                    self.complain(format!("neither paid nor refunded: {order:?}"))
                }
                OrderStatus::Delivered if delivered == 0 => {
                    self.complain(format!("paid without a code: {order:?}"));
                }
                OrderStatus::Refunded if delivered > 0 => {
                    self.complain(format!("refunded with a code: {order:?}"));
                }
                OrderStatus::Delivered | OrderStatus::Refunded => {}
            }
        }
    }

    /// Each is charged for what was delivered, and for nothing else.
    fn money(&mut self) {
        if let Err(complaint) = nexnum_engine::audit::audit(self.state) {
            self.complain(format!("audit: {complaint}"));
        }
        let delivered = self.state.orders().filter(|it| it.status == OrderStatus::Delivered);
        let paid: i64 = delivered.map(|order| order.price.0).sum();
        let (available, escrow) = (Book::Available(CUSTOMER), Book::Escrow(CUSTOMER));
        let (available, escrow) = (self.state.balance(available), self.state.balance(escrow));
        if (available.0, escrow.0) != (PURSE.0 - paid, 0) {
            self.complain(format!("wallet {available} and {escrow}, paid for {paid} micros"));
        }
    }

    /// A number upstream is an order's, or went back, or is the operator's to look at.
    fn number(&mut self, provider: ProviderId, number: &BoughtNumber) {
        let id = &number.external_id;
        let order = self.state.purchase(provider, id).and_then(|id| self.state.order(id));
        let orphan = self.ends.get(&(provider, id.clone())).copied();
        if number.is_foreign {
            let of = orphan.and_then(|(id, _)| self.state.order(id));
            if order.or(of).is_some_and(|order| self.cannot_be_told(order, number)) {
                return;
            }
            if order.is_some() || orphan.is_some() || number.was_ended_by_client {
                self.complain(format!(
                    "a stranger's was touched: {number:?}: {order:?} {orphan:?}"
                ));
            }
            return;
        }
        match (order, orphan) {
            (Some(order), _) => {
                let order = order.clone();
                self.number_of(&order, number);
            }
            (None, Some((_, None))) => {
                self.complain(format!("still on its way back: {number:?}"));
            }
            (None, Some((of, Some(end)))) => {
                let is_stayed = end == OrphanEnd::Stayed;
                let is_booked = self.is_booked(of);
                if number.is_charged && !(is_stayed && is_booked) {
                    self.complain(format!("charged and not booked ({end:?}, {of:?}): {number:?}"));
                }
            }
            (None, None) => {
                let said = is_unattributed(&self.log, id);
                if !said {
                    self.complain(format!("lost upstream ({provider:?}): {number:?}"));
                }
            }
        }
    }

    /// What another program buys of the same product while a purchase of ours is in doubt looks
    /// as ours: accounts should not be shared.
    fn cannot_be_told(&self, order: &Order, number: &BoughtNumber) -> bool {
        let bought = self.ours(number.bought_ms);
        let since = Time(order.placed_at.0.saturating_sub(ROUNDED_MS));
        (since..order.placed_at.plus_ms(BUY_TIME_MS)).contains(&bought)
    }

    /// A provider's moment by our clock.
    fn ours(&self, at_ms: u64) -> Time {
        let skew = self.plan.skew_ms - number_of_env("NEXNUM_CHAOS_SERVER_AHEAD_S") * 1_000;
        Time(at_ms.saturating_add_signed(-skew))
    }

    fn is_booked(&self, order: OrderId) -> bool {
        self.state
            .write_offs()
            .any(|(of, _, it)| of == order && !it.reversed && it.reason != MoveReason::InDoubt)
    }

    fn number_of(&mut self, order: &Order, number: &BoughtNumber) {
        match order.status {
            OrderStatus::Delivered if !number.is_charged => {
                self.complain(format!(
                    "delivered, and the provider was not paid: {number:?} {order:?}"
                ));
            }
            OrderStatus::Delivered if order.cost.0 != number.cost.0 => {
                self.complain(format!("another cost: {number:?} {order:?}"));
            }
            OrderStatus::Refunded if number.ended_ms.is_none() => {
                self.complain(format!("refunded, and open upstream: {number:?} {order:?}"));
            }
            OrderStatus::Refunded if number.is_charged && !self.is_booked(order.id) => {
                self.complain(format!("refunded, charged and not booked: {number:?} {order:?}"));
            }
            OrderStatus::Escrow | OrderStatus::Delivered | OrderStatus::Refunded => {}
        }
        self.codes(order, number);
    }

    /// Every code that was there before the order's end is its buyer's.
    fn codes(&mut self, order: &Order, number: &BoughtNumber) {
        let Some(closed) = order.closed_at else { return };
        let texts = Texts::of(&self.sealing, order);
        let has = |code: &str| {
            let mut said = order.delivered().filter_map(|it| texts.get(it.id));
            said.any(|it| &*it.code == code || it.text.contains(code))
        };
        let is_delivered = order.delivered().count() > 0;
        let twins = self.plan.shows(FaultKind::TwoMessages);
        for (at_ms, code) in &number.codes {
            let came = self.ours(*at_ms);
            // A further one that the provider did not confirm to be asked for is not looked for.
            let further =
                order.awaits_another && !self.plan.hangs() && came.plus_ms(FURTHER_MS) < closed;
            let is_due = if is_delivered { further } else { came < closed };
            let with_it = number.codes.iter().any(|(at, other)| at == at_ms && has(other));
            if is_due && !has(code) && !(twins && with_it) {
                let early = closed.ms_since(came);
                self.complain(format!(
                    "code {code} came {early} ms before the end: {number:?} {order:?}"
                ));
            }
        }
    }

    /// What we owe is what they charge for what we know of, and what is booked in caution: for
    /// doubts that stayed, and for messages after a refund that they did not charge.
    fn costs(&mut self, bought: &BTreeMap<ProviderId, Vec<BoughtNumber>>) {
        for (provider, numbers) in bought {
            let order_of = |it: &BoughtNumber| self.state.purchase(*provider, &it.external_id);
            let is_known = |it: &BoughtNumber| {
                order_of(it).is_some()
                    || self.ends.contains_key(&(*provider, it.external_id.clone()))
            };
            let ours = numbers.iter().filter(|it| it.is_charged && is_known(it));
            let charged: i64 = ours.clone().map(|number| number.cost.0).sum();
            let orphan_of = |it: &BoughtNumber| {
                self.ends.get(&(*provider, it.external_id.clone())).map(|(order, _)| *order)
            };
            let bought_for = |it| order_of(it).or_else(|| orphan_of(it));
            let paid_for: BTreeSet<OrderId> = ours.filter_map(bought_for).collect();
            let charges = self.state.write_offs();
            let charges = charges.filter(|(.., it)| it.reason != MoveReason::InDoubt);
            let cautious = charges.filter(|(id, _, charge)| {
                let order = self.state.order(*id).expect("charges are of orders in memory");
                let is_late = order.messages.iter().any(|message| message.late);
                let is_open = charge.provider == *provider && !charge.reversed;
                is_open && is_late && !paid_for.contains(id)
            });
            let cautious: i64 = cautious.map(|(_, _, charge)| charge.amount.0).sum();
            let cautious = cautious + self.in_doubt(*provider);
            // Less what is not known yet to be given back.
            let books = [Book::Payable(*provider), Book::Receivable(*provider)];
            let owed: i64 = books.map(|book| self.state.balance(book).0).iter().sum();
            if owed != charged + cautious {
                self.complain(format!(
                    "{provider:?}: owed {owed}, charged {charged}, in caution {cautious} micros"
                ));
            }
        }
    }

    /// What is written off for purchases that stayed in doubt, in micros.
    fn in_doubt(&self, provider: ProviderId) -> i64 {
        let losses = self.losses.values().filter(|(of, _)| *of == provider);
        losses.map(|(_, loss)| loss).sum()
    }

    fn summary(&self, told: &Told, bought: &BTreeMap<ProviderId, Vec<BoughtNumber>>) -> String {
        let count = |status| self.state.orders().filter(|it| it.status == status).count();
        let (delivered, refunded) = (count(OrderStatus::Delivered), count(OrderStatus::Refunded));
        let all = bought.values().flatten();
        let foreign = all.clone().filter(|it| it.is_foreign).count();
        let doubts: i64 = bought.keys().map(|id| self.in_doubt(*id)).sum();
        let said = self.log.matches("unattributed purchase:").count();
        let (refused, orphans) = (told.refused, self.ends.len());
        let bought = all.count();
        format!(
            "{delivered} delivered, {refunded} refunded, {refused} refused; {bought} bought \
             upstream, {foreign} of them foreign, {orphans} orphans, {doubts} micros written off in doubt, \
             {said} unattributed; {} complaints",
            self.complaints.len()
        )
    }
}
