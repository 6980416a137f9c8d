//! Buying a number upstream for an order that is placed and paid for.
//!
//! Promises: the intent is durable before the provider is called (the order is), a buy is
//! never repeated while its outcome is unknown, and an outcome is either in the ledger or
//! with the reconciler. A refusal goes on to the next ask within the buyer's price.
//!
//! How many run at once: as many as orders wait for a number, which the connections and
//! the inbox bound. Each waits in its provider's client, which gives up within seconds;
//! a second queue in front of it would only hide the wait.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{Bought, ErrorKind, GivenNumber, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::breaker::BreakerInput;
use nexnum_engine::command::{ClearDoubt, FailOrder, NextAttempt};
use nexnum_engine::event::{AttemptEnd, AttemptError, Terms};
use nexnum_engine::group::Actor;
use nexnum_engine::ids::{Number, OfferId, OrderId, Product, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, Order};
use nexnum_engine::product::Variant;
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;

use super::Orders;
use super::assigned::Given;
use super::attempt_end;
use super::claim::{self, Claimed, Wish};
use super::doubt::{CALL_MS, Call, Calling, Numberless, Window, bookable};
use super::least_cost::{self, named_cost};
use super::misfit::{Misfit, SeenIn};
use super::orphan::LostOrphan;
use super::refusal::Refusal;
use super::unknown::{self, LastCall, UnknownAttempt};
use crate::attention::AttentionKind;
use crate::market::send::BUSY_PAUSE_MAX;
use crate::market::sequencer::SendError;
use crate::provider::buying::{BuyOutcome, BuyRequest, PurchaseMade, UnknownPurchase};
use crate::provider::connected::{Connected, Failure};
use crate::provider::consequence;
use crate::provider::dispatch::Admission;
use crate::provider::server_clock::Look;
use crate::supervisor::caught;

/// How long an order waits for room, once a provider that had room has refused it.
const BUSY_WAIT_MS: u64 = 5_000;
/// Between two looks for room, at least.
const BUSY_PAUSE_MIN: Duration = Duration::from_millis(50);

/// Buys the number of a placed order in the background; its claim ends with the outcome.
pub fn spawn(orders: &Arc<Orders>, order: OrderId, claimed: Claimed) {
    let tried = vec![claimed.claim.offer()];
    orders.tasks.spawn(Purchase::new(orders, order, tried).run(Some(claimed)));
}

/// Goes on with the next ask, after it is sure that the order's attempt bought nothing.
pub(crate) async fn resume(orders: &Arc<Orders>, order: &Order, tried: Vec<OfferId>) {
    let command = ClearDoubt { order: order.id, attempt: order.attempt };
    // If the engine does not take it, or the order has ended, the deadline has refunded it.
    if let Ok(Ok(_)) = orders.record(order, &command, order.deadline).await {
        orders.tasks.spawn(Purchase::new(orders, order.id, tried).run(None));
    }
}

struct Purchase {
    orders: Arc<Orders>,
    id: OrderId,
    tried: Vec<OfferId>,
    /// Offers that are tried a second time, at the price that their refusal named.
    repriced: Vec<OfferId>,
    /// Until when it waits for room at providers that are all busy, since the first look.
    busy_until: Option<Time>,
    /// What is known of the last attempt's call.
    last: LastCall,
    /// How the last attempt ended, where it brought no number.
    ended: Option<AttemptEnd>,
}

/// What an attempt came to.
enum Attempt {
    /// The order has its number, or has ended.
    Over,
    /// Nothing was bought.
    Refused,
    /// It may have been bought.
    InDoubt(UnknownAttempt),
}

/// What follows from the price that a refusal named.
#[derive(Clone, Copy)]
enum NamedPrice {
    /// None was named that the offer could be sold at.
    Nothing,
    /// It is so far above the offer's that a list has to confirm it.
    Jump(Micros),
    /// The offer is sold on at these terms.
    Sold(Terms),
}

impl Purchase {
    fn new(orders: &Arc<Orders>, id: OrderId, tried: Vec<OfferId>) -> Self {
        let (orders, last) = (Arc::clone(orders), LastCall::default());
        Self { orders, id, tried, repriced: Vec::new(), busy_until: None, last, ended: None }
    }

    /// Buys; an order whose purchase a panic cuts short is in doubt from then on.
    async fn run(mut self, claimed: Option<Claimed>) {
        let orders = Arc::clone(&self.orders);
        let mut calling = None;
        if let Err(panic) = caught(self.buy(&orders, claimed, &mut calling)).await {
            let last = (self.last, self.ended);
            unknown::doubt_after_panic(&orders, self.id, last, self.tried).await;
            drop(calling);
            resume_unwind(panic);
        }
    }

    async fn buy<'a>(
        &mut self,
        orders: &'a Orders,
        mut claimed: Option<Claimed>,
        calling: &mut Option<Calling<'a>>,
    ) {
        loop {
            let order = self.orders.market.read_model.order(self.id);
            let Some(order) = order.filter(|order| order.state == ActivationState::Init) else {
                return;
            };
            if let Some(Claimed { claim, admission, .. }) = claimed.take() {
                let since = orders.market.clock.now();
                let (provider, product) = (claim.provider(), claim.product());
                let call = Call { order: self.id, provider, product, since };
                // Held until the outcome is durable or in doubt, also if the task panics: the
                // reconciler must not match this purchase with another order.
                *calling = Some(orders.doubts.calling(call));
                self.last = LastCall { began: Some(since), answer: None };
                self.ended = None;
                match self.attempt(&order, claim, admission).await {
                    Attempt::Over => return,
                    Attempt::Refused => {}
                    Attempt::InDoubt(unknown) => {
                        let (orders, tried) = (Arc::clone(&self.orders), self.tried.clone());
                        return unknown::doubt(orders, order, unknown, tried).await;
                    }
                }
                (*calling, self.last) = (None, LastCall::default());
            }
            claimed = self.next(&order).await;
            if claimed.is_none() {
                return;
            }
        }
    }

    /// One call, and what follows from it; a claim that is not booked is given back.
    async fn attempt(
        &mut self,
        order: &Order,
        claim: Claim,
        admission: Option<Admission>,
    ) -> Attempt {
        let providers = &self.orders.providers;
        let connected = providers.bind(self.id, order.attempt, claim.provider());
        let (Some(connected), Some(admission)) = (connected, admission) else {
            self.ended = Some(attempt_end::of(AttemptError::NotSent));
            return Attempt::Refused;
        };
        let Some(request) = self.request(&connected, &claim) else {
            self.ended = Some(attempt_end::of(AttemptError::NotSent));
            self.orders.market.grid.exhaust(claim.offer());
            return Attempt::Refused;
        };
        let held = connected.funds().hold(claim.cost());
        let began = self.orders.market.clock.now();
        let outcome = connected.client().buy(&request, Some(admission)).await;
        self.last.note(&outcome);
        self.ended = attempt_end::of_outcome(&outcome);
        match &outcome {
            BuyOutcome::Assigned(made) => held.charge(made.bought.cost),
            BuyOutcome::InDoubt(_) => held.charge(None),
            BuyOutcome::Refused(_, _) => drop(held),
        }
        let named = self.named_price(&connected, &claim, &outcome);
        self.note(&connected, &claim, (&outcome, named));
        match outcome {
            BuyOutcome::Assigned(made) => {
                let answered = self.orders.market.clock.now();
                connected.bought(&made.bought.external_id, Look { asked: began, answered });
                self.assign(order, &connected, (claim, began), made).await
            }
            BuyOutcome::Refused(_, _) => {
                if let NamedPrice::Sold(terms) = named {
                    self.reprice(&connected, claim, terms);
                }
                Attempt::Refused
            }
            BuyOutcome::InDoubt(UnknownPurchase { began, answered, .. }) => {
                let now = self.orders.market.clock.now();
                let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                // Both are cut to milliseconds, so that it may have begun one sooner.
                let began = Time(now.0.saturating_sub(took_ms + 1));
                let of = if answered { Window::of_answered } else { Window::of_unanswered };
                let (claim, window, ended) = (Some(claim), of(began, now), self.ended.take());
                Attempt::InDoubt(UnknownAttempt { claim, window, numberless: None, ended })
            }
        }
    }

    fn request(&self, connected: &Connected, claim: &Claim) -> Option<BuyRequest> {
        let (crosswalk, product) = (connected.crosswalk(), claim.product());
        let carrier = match claim.variant() {
            VariantId::ANY => None,
            named => {
                let parts = self.orders.market.read_model.directory().variant_parts(named)?;
                // Drivers can ask for a carrier alone: what they cannot ask for is not bought.
                let Variant { carrier, line: None, area: None } = &*parts else { return None };
                carrier.as_deref().map(str::to_owned)
            }
        };
        Some(BuyRequest {
            country_ext: crosswalk.country_ext(product.country)?.to_owned(),
            service_ext: crosswalk.service_ext(product.service)?.to_owned(),
            carrier,
            // A cost that has risen since the last sync is paid from the margin, never more.
            max_price: Some(claim.price()),
        })
    }

    /// Records what the outcome says of the provider: in its breaker, the grid and its failures.
    fn note(
        &self,
        connected: &Connected,
        claim: &Claim,
        (outcome, named): (&BuyOutcome, NamedPrice),
    ) {
        let (now, grid, offer) =
            (self.orders.market.clock.now(), &self.orders.market.grid, claim.offer());
        match outcome {
            BuyOutcome::Assigned(PurchaseMade { bought, .. }) => {
                connected.record_bought(now);
                connected.heed_currency();
                connected.least_costs().bought(claim);
                if let Some(cost) = bought.cost {
                    let bought_at = (offer, claim.price());
                    least_cost::note_charge(&self.orders, connected, self.id, bought_at, cost);
                }
            }
            BuyOutcome::Refused(error, _) => {
                let follows = consequence::of(error.kind);
                if let Some(input) = connected.refusal_counts(error.kind) {
                    connected.record_error(input, (now, Op::Buy, Some(self.id)), error);
                }
                if let NamedPrice::Jump(cost) = named {
                    self.note_jump(connected, claim, cost);
                }
                // One with a price named is sold on, at that price.
                if follows.ends_offer && !matches!(named, NamedPrice::Sold(_)) {
                    if error.kind == ErrorKind::PriceTooLow {
                        connected.least_costs().refused(claim, now);
                    } else {
                        let interval_ms = connected.policy().sync_interval_ms;
                        connected.least_costs().stock().refused(claim, now, interval_ms);
                    }
                    grid.exhaust(offer);
                }
                if follows.is_noted {
                    connected.note_error(now, Op::Buy, Some(self.id), error);
                }
            }
            BuyOutcome::InDoubt(UnknownPurchase { what, .. }) => {
                let (op, order, text) = (Op::Buy, Some(self.id), format!("in doubt: {what}"));
                let failure = Failure { at: now, op, order, text };
                connected.record_failure(BreakerInput::Bad, &failure);
                connected.note_failure(failure);
                let (provider, order) = (connected.name(), self.id.0);
                tracing::warn!(provider, order, cause = %what, "purchase in doubt");
            }
        }
    }

    /// What follows from the price that a refusal named.
    fn named_price(
        &self,
        connected: &Connected,
        claim: &Claim,
        outcome: &BuyOutcome,
    ) -> NamedPrice {
        let BuyOutcome::Refused(error, _) = outcome else { return NamedPrice::Nothing };
        let Some(terms) = named_cost(connected, claim, error) else { return NamedPrice::Nothing };
        let now = self.orders.market.clock.now();
        if connected.least_costs().believes_named(claim, terms.cost, now) {
            NamedPrice::Sold(terms)
        } else {
            NamedPrice::Jump(terms.cost)
        }
    }

    /// Reports a named price that nothing is sold at.
    fn note_jump(&self, connected: &Connected, claim: &Claim, cost: Micros) {
        let Product { country, service, .. } = claim.product();
        let catalog = self.orders.market.catalog;
        let country = catalog.country(country).map_or("", |country| country.iso2);
        let service = catalog.service(service).map_or("", |service| service.slug);
        let text = format!(
            "a refusal named {cost} for an offer of {service} in {country} that costs {}: nothing is \
             sold at that before the price list says as much",
            claim.cost()
        );
        self.orders.market.attention.raise(AttentionKind::NamedPriceHeld, connected.name(), text);
    }

    /// Sells an offer on at the price that a refusal named, and lets the order try it once more:
    /// it is claimed again if it is still the best ask within the buyer's limit.
    fn reprice(&mut self, connected: &Connected, claim: Claim, named: Terms) {
        let Terms { offer, provider: _, price, cost } = named;
        let (market, now) = (&self.orders.market, self.orders.market.clock.now());
        // 1. Known before it is in the grid: a list on its way in must not undo it.
        connected.least_costs().named(&claim, cost, now);
        drop(claim);
        // 2. Visible. Another order's refusal may have named the same.
        let _listed = market.grid.reprice(offer, cost, price);
        // 3. One more try.
        if !self.repriced.contains(&offer) {
            self.repriced.push(offer);
            self.tried.retain(|tried| *tried != offer);
        }
    }

    fn note_failure(&self, connected: &Connected, text: String) {
        let (at, op) = (self.orders.market.clock.now(), Op::Buy);
        connected.note_failure(Failure { at, op, order: Some(self.id), text });
    }

    /// Brings a bought number into the ledger; one that finds no order goes back.
    async fn assign(
        &mut self,
        order: &Order,
        connected: &Arc<Connected>,
        (claim, began): (Claim, Time),
        PurchaseMade { bought, charged }: PurchaseMade,
    ) -> Attempt {
        let timings = connected.timings();
        let from = self.orders.market.clock.now().plus_ms(timings.min_cancel_age_ms);
        let bought_for = (order.id, order.attempt);
        let (external_id, cost) = (&*bought.external_id, bookable(bought.cost));
        let orphan = LostOrphan { external_id, from, bought_for, cost };
        let give_back = || orphan.give_back(&self.orders, connected);
        let in_doubt = |claim: Claim, numberless: Option<Numberless>| {
            let window = Window::of_answered(began, self.orders.market.clock.now());
            let (claim, ended) = (Some(claim), Some(attempt_end::of_answered(&numberless)));
            Attempt::InDoubt(UnknownAttempt { claim, window, numberless, ended })
        };
        self.ended = Some(attempt_end::of(AttemptError::UnfitNumber));
        // 1. What cannot be sold goes back; without a number it may get one yet.
        let number = match self.fitting(order, connected, (&bought, began)) {
            Ok(number) => number,
            // An old answer, from a cache: what is there is not ours, and ours may be.
            Err(misfit @ Misfit::ShownBefore) => {
                self.orders.report_misfit(connected, order.id, (misfit, SeenIn::Answer));
                return in_doubt(claim, None);
            }
            Err(Misfit::NoNumber) => {
                let numberless = Numberless { external_id: external_id.into(), cost };
                return in_doubt(claim, Some(numberless));
            }
            Err(misfit) => {
                self.orders.report_misfit(connected, order.id, (misfit, SeenIn::Answer));
                give_back();
                // This order does not try it again.
                self.tried.extend(self.orders.close_product(connected, claim.product()));
                return Attempt::Refused;
            }
        };
        // 2. The order gets it.
        let carrier = attempt_end::carrier_word(bought.operator.as_deref());
        let given = Given { number, external_id, cost, charged, carrier, timings };
        match self.orders.record_number(order, given).await {
            Ok(Ok(_)) => claim.book(),
            // The purchase is another order's: ours may have been made, under another id.
            Ok(Err(Reject::DuplicatePurchase(_))) => {
                let misfit = (Misfit::OtherPurchase, SeenIn::Answer);
                self.orders.report_misfit(connected, order.id, misfit);
                return in_doubt(claim, None);
            }
            Ok(Err(Reject::OutOfBounds(field))) => {
                self.note_failure(connected, format!("{field} does not fit the ledger"));
                give_back();
                return Attempt::Refused;
            }
            Ok(Err(_)) | Err(SendError::Busy) => give_back(),
            // The order is in doubt at the next start, and the provider will show it.
            Err(SendError::Stopped) => {}
        }
        Attempt::Over
    }

    /// The number that a purchase was answered with, or why it is not sold. A purchase that
    /// another order has is for the engine to refuse: what belongs to that order does not go
    /// back. `began` is when its call did.
    fn fitting(
        &self,
        order: &Order,
        connected: &Connected,
        (bought, began): (&Bought, Time),
    ) -> Result<Number, Misfit> {
        let read_model = &self.orders.market.read_model;
        let is_known = read_model.purchase(connected.id(), &bought.external_id).is_some();
        match bought.number {
            GivenNumber::Read(number) if is_known => Ok(number),
            _ if connected.showed(&bought.external_id, began) => Err(Misfit::ShownBefore),
            number => self.orders.fitting(order, number),
        }
    }

    /// Claims the next ask and records the attempt. `None` if the order has its number
    /// from own stock, or has ended, here if need be.
    async fn next(&mut self, order: &Order) -> Option<Claimed> {
        let (product, variant) = (order.product, order.variant);
        let wish = Wish { product, variant, limit: Some(order.limit) };
        while self.orders.market.clock.now().plus_ms(CALL_MS) < order.deadline {
            let (grid, providers) = (&self.orders.market.grid, &self.orders.providers);
            let claimed = claim::claim(grid, providers, &wish, &self.tried);
            let Claimed { claim, admission, routing } = match claimed {
                Ok(claimed) => claimed,
                Err(Refusal::ProvidersBusy { retry_after }) if self.waits_for(retry_after) => {
                    tokio::time::sleep(retry_after.max(BUSY_PAUSE_MIN)).await;
                    continue;
                }
                Err(_) => break,
            };
            let offer = claim.offer();
            let command = NextAttempt {
                order: order.id,
                refused: order.attempt,
                terms: claim::terms(&claim),
                routing,
                ended: self.ended.clone(),
                timings: self.orders.own.timings,
            };
            let by = Actor::Worker(order.provider);
            match self.orders.market.handle.ask_with(by, command, claim).await {
                Ok(Ok(accepted)) => {
                    self.tried.push(offer);
                    return accepted.claim.map(|claim| Claimed { claim, admission, routing });
                }
                Ok(Err(Reject::NoNumbers)) => self.tried.push(offer),
                // One that has ended is told too: nothing was bought, so that what was written
                // off for it comes back.
                Ok(Err(
                    Reject::InsufficientFunds { .. }
                    | Reject::Exhausted(_)
                    | Reject::ActivationClosed(_),
                )) => break,
                Ok(Err(_)) | Err(SendError::Stopped) => return None,
                Err(SendError::Busy) => tokio::time::sleep(BUSY_PAUSE_MAX).await,
            }
        }
        let (id, attempt, reason) = (order.id, order.attempt, FailReason::NoNumbers);
        let fail = FailOrder { order: id, attempt, reason, ended: self.ended.take() };
        let deadline = self.orders.market.clock.now().plus_ms(CALL_MS);
        // If the engine does not take it, the deadline has done the same.
        let _ended = self.orders.record(order, &fail, deadline).await;
        None
    }

    /// Whether an order whose first provider had nothing waits so long for room at the next: it is
    /// in the ledger, and its buyer waits for the answer.
    fn waits_for(&mut self, pause: Duration) -> bool {
        let now = self.orders.market.clock.now();
        let until = *self.busy_until.get_or_insert(now.plus_ms(BUSY_WAIT_MS));
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        pause_ms < until.ms_since(now)
    }
}
