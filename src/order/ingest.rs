//! The one way in for messages: from polls, from callbacks, for own stock.
//!
//! One way to find the order that a message is for, one identity of a message, one place
//! where its code is found.

use std::collections::BTreeSet;
use std::sync::Arc;

use nexnum_driver::{ErrorKind, ExternalState, Op, ProviderError, StatusReport};
use nexnum_engine::activation::{ActivationState, Message, SealedParts};
use nexnum_engine::command::{CompleteMessage, Incoming, IngestMessage};
use nexnum_engine::event::{Arrival, MessageWay, ProviderWord};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{CallbackId, Number, OrderId, ProviderId, ServiceId};
use nexnum_engine::limits::MESSAGES_MAX;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::Purpose;
use nexnum_engine::time::Time;
use nexnum_engine::under_keys::UnderKeys;

use super::arrived::{Arrived, arrival, polled, read, said, says};
use super::received::{self, Received};
use super::refusal::Refusal;
use super::{Orders, misfit};
use crate::market::Refused;
use crate::market::lookups::Lookups;
use crate::market::sealing::SealingError;
use crate::market::sequencer::SendError;
use crate::message::extract::Readable;
use crate::message::holder::{self, Holder};
use crate::message::identity::{self, Came, Counted, Look, Parts, PollReply, Signs, Verdict};
use crate::message::named::{self, Naming};
use crate::provider::connected::{Connected, Failure};
use crate::provider::consequence::{self, Standing};
use nexnum_storage::said::Said;

/// How long a polled message waits for a full inbox before a later look brings it again.
pub const INGEST_MS: u64 = 5_000;

/// What a callback says a message is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    /// The number's provider.
    pub provider: ProviderId,
    /// The number that received it.
    pub number: Number,
    /// The service, where the sender names it.
    pub service: Option<ServiceId>,
    /// When it came first: an order that was placed later is not its own. `None` if an operator
    /// says that it may be.
    pub came: Option<Time>,
}

/// A message's digest under its key, and under the others that live.
fn under_keys(lookups: &Lookups, parts: &Parts<'_>, digest: u128) -> UnderKeys<u128> {
    let others = lookups.but(parts.key);
    let others = others.filter_map(|other| identity::under(parts, digest, other)).collect();
    UnderKeys { current: digest, others }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ingested {
    /// It is new.
    Accepted,
    /// It is new, and came after its order's end.
    Late,
    /// It has come before: nothing changed.
    Duplicate,
}

/// Why it is not known how an activation stands: nothing may be concluded then.
#[derive(Debug)]
pub enum Unseen {
    /// The provider's refusal, or what kept its answer away.
    Provider(ProviderError),
    /// A message that the engine had no room for; the next look brings it again.
    Busy,
    /// A list that does not tell whether a message is a new one: a status call does.
    Unclear,
}

impl Unseen {
    /// True if the provider answered that it does not know the activation.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Provider(error) => consequence::of(error.kind).standing == Standing::Missing,
            Self::Busy | Self::Unclear => false,
        }
    }
}

/// How an activation stands at its provider; every message that could be read is brought in.
#[derive(Debug)]
pub struct ActivationReport {
    /// Its state.
    pub state: ExternalState,
    /// Why a message could not be read that the report has besides.
    pub unread: Option<Unseen>,
}

impl Orders {
    /// Brings in a message that was posted for a number, with the callback that it came in.
    ///
    /// # Errors
    /// [`Refusal::NoHolder`], [`Refusal::Ambiguous`], [`Refusal::OtherService`], or the engine's
    /// refusal.
    pub(super) async fn ingest_posted(
        &self,
        origin: &Origin,
        posted: Posted,
        message: Arrived<'_>,
        callback: Option<CallbackId>,
    ) -> Result<Ingested, Refusal> {
        let lookups = self.market.sealing.lookups();
        let (mut parts, readable) = read(lookups.newest(), &message);
        let mut refused = BTreeSet::new();
        loop {
            // 1. Whom it is for, and whether it has come before, to any buyer of the number.
            let orders = self.holders(posted)?;
            let now = self.market.clock.now();
            let order = match self.holder(&orders, posted, &message) {
                Ok(order) => order,
                // Its source repeats what an operator has brought to one of them.
                Err(_) if orders.iter().any(|it| self.has_posted(it, &parts, &readable, now)) => {
                    return Ok(Ingested::Duplicate);
                }
                Err(refusal) => return Err(refusal),
            };
            // One key for all that comes to an order.
            parts.key = lookups.on(order.placed_at.day());
            let came = |digest: u128| {
                let received = orders.iter().find_map(|known| {
                    let at = self.posted_at(known, digest, &parts, &readable, now)?;
                    Some(Came { at, here: known.id == order.id })
                });
                // Known to the engine alone: an earlier buyer's, whose order is gone.
                let gone = Came { at: Time(0), here: false };
                received.or_else(|| refused.contains(&digest).then_some(gone))
            };
            let awaited = self.awaits_code(&order);
            let digest = match identity::of_posted(&parts, came, awaited, now) {
                Verdict::New(digest) => digest,
                Verdict::Repeat | Verdict::Unclear => return Ok(Ingested::Duplicate),
            };
            // 2. The engine knows more: what came to the number before the orders in memory, or
            // a moment ago. The sender repeats what found no room: a callback does not wait.
            let said = said(parts.sender, &readable);
            let digests = under_keys(&lookups, &parts, digest);
            let message = self.incoming(order.id, digests, &said).await.map_err(Refused::from)?;
            let arrival = self.arrival(&order, MessageWay::Callback, (&parts, &readable));
            let command = IngestMessage { order: order.id, message, arrival, callback };
            match self.market.execute(origin, command).await {
                Ok(_) => return Ok(self.ingested(order.id, digest, awaited)),
                Err(Refused::Rejected(Reject::DuplicateMessage)) => refused.insert(digest),
                Err(Refused::Rejected(Reject::UnknownOrder)) => return Err(Refusal::NoHolder),
                Err(Refused::Rejected(Reject::UnknownSealKey)) => return Err(Refusal::Busy),
                Err(refusal) => return Err(refusal.into()),
            };
        }
    }

    /// What became of a message that the engine has taken, which readers see by now. A wish that
    /// was open stays so for a code if it has none.
    fn ingested(&self, order: OrderId, digest: u128, awaited: bool) -> Ingested {
        let Some(order) = self.market.read_model.order(order) else { return Ingested::Late };
        let is_it = |known: &Message| known.digest == digest && !known.late;
        if order.messages.last().is_some_and(|it| awaited && is_it(it) && !it.has().code) {
            self.kept_wishes.note(&order);
        }
        if order.messages.iter().any(is_it) { Ingested::Accepted } else { Ingested::Late }
    }

    /// Asks the provider how an activation stands and brings in what it received, as
    /// [`Orders::take_in`].
    ///
    /// # Errors
    /// What kept the state or a message away.
    pub async fn receive(
        &self,
        connected: &Connected,
        order: &Order,
    ) -> Result<ActivationReport, Unseen> {
        let state = ExternalState::Waiting;
        let Some(assignment) = &order.assignment else {
            return Ok(ActivationReport { state, unread: None });
        };
        let (client, external_id) = (connected.client(), &*assignment.external_id);
        // It ends without an answer.
        let is_over = assignment.expires_at <= self.market.clock.now();
        let asked = if order.awaits_message() && is_over {
            client.last_status(external_id).await
        } else {
            client.status(external_id).await
        };
        let mut report = asked.map_err(Unseen::Provider)?;
        let unread = report.unread.take().map(|error| Unseen::Provider(*error));
        let state = self.take_in(connected, order, &report, Look::Single).await?;
        Ok(ActivationReport { state, unread })
    }

    /// Brings in what a provider's report of an activation holds. `asked` is the order as it
    /// stood before the report was asked for. The state is given only once the engine has every
    /// message of it, so that no end overtakes one.
    ///
    /// # Errors
    /// [`Unseen::Busy`]; [`Unseen::Unclear`] of a list.
    pub async fn take_in(
        &self,
        connected: &Connected,
        asked: &Order,
        report: &StatusReport,
        look: Look,
    ) -> Result<ExternalState, Unseen> {
        let own = self.number_of(asked).map_err(|_| Unseen::Busy)?;
        if misfit::is_of_another(own, report.number) {
            let text = "the reply is about another number than was asked for";
            return Err(Unseen::Provider(ProviderError::new(ErrorKind::Unmapped, false, text)));
        }
        // One key for all that comes to an order.
        let lookups = self.market.sealing.lookups();
        let key = lookups.on(asked.placed_at.day());
        let shown = report.messages.iter().map(|message| read(key, &polled(message)));
        let shown: Vec<_> = shown.filter(|(_, readable)| says(readable)).collect();
        let parts: Vec<_> = shown.iter().map(|(parts, _)| *parts).collect();
        self.end_cancelled(asked.id, report.state).await?;
        let received = report.state == ExternalState::Received;
        let signs = self.signs(connected, asked, report, look);
        self.count_copies_of_start(asked, &parts, &shown);
        for (at, (_, readable)) in shown.iter().enumerate() {
            let Some(order) = Received::of(&self.market, asked.id) else { break };
            let awaited = is_same_wish(asked, &order);
            let (reply, now) =
                (PollReply { look, awaited, received, signs }, self.market.clock.now());
            let known = |at: usize| received::alike(&order, parts[at].sender, &shown[at].1);
            let came = |digest| received::at(&order, digest);
            let counted = Counted::of(&parts, at, came, known);
            if counted.is_first() && self.is_anothers(&order, (&parts[at], readable), awaited) {
                continue;
            }
            let spare = self.spare_copies.of(order.id, counted.first);
            let digest = match identity::of_polled(&parts, at, counted, spare, reply, now) {
                Verdict::New(digest) => digest,
                Verdict::Repeat => {
                    if identity::settles(&parts[at], reply) {
                        self.spare_copies.note(order.id, counted.first, counted.spare());
                    }
                    self.complete(&order, &parts[at], readable).await?;
                    continue;
                }
                Verdict::Unclear => return Err(Unseen::Unclear),
            };
            let said = said(parts[at].sender, readable);
            let arrival = self.arrival(&order, look.way(), (&parts[at], readable));
            let digests = under_keys(&lookups, &parts[at], digest);
            self.ingest_polled(connected, &order, (digests, &said, arrival)).await?;
        }
        Ok(report.state)
    }

    /// Takes what the first reply after a start shows of an order whose wish was open by then for
    /// copies that were there before the wish.
    fn count_copies_of_start(
        &self,
        order: &Order,
        parts: &[Parts<'_>],
        shown: &[(Parts<'_>, Readable<'_>)],
    ) {
        if !self.spare_copies.is_first_reply(order.id) {
            return;
        }
        let order = Received::new(&self.market, Arc::new(order.clone()));
        for at in 0..parts.len() {
            let known = |at: usize| received::alike(&order, parts[at].sender, &shown[at].1);
            let counted = Counted::of(parts, at, |digest| received::at(&order, digest), known);
            self.spare_copies.note(order.id, counted.first, counted.spare());
        }
    }

    /// Ends an order whose buyer has cancelled it and whose provider, which did not answer, shows
    /// that it did so: it does not charge for what has come since, which is late.
    async fn end_cancelled(&self, id: OrderId, state: ExternalState) -> Result<(), Unseen> {
        if state != ExternalState::Cancelled || !self.unanswered_cancels.has(id) {
            return Ok(());
        }
        let is_active = || {
            let order = self.market.read_model.order(id);
            order.is_some_and(|order| order.state == ActivationState::Active)
        };
        if is_active() {
            self.end_by_provider(id, ProviderWord::Cancelled).await;
        }
        if is_active() { Err(Unseen::Busy) } else { Ok(()) }
    }

    /// What a report says of an equal message, and that it is seen to wait.
    fn signs(
        &self,
        connected: &Connected,
        asked: &Order,
        report: &StatusReport,
        look: Look,
    ) -> Signs {
        let (told, by_word) = (connected.driver().calls(Op::Resend), report.by_word);
        let order = self.market.read_model.order(asked.id);
        let awaited = order.is_some_and(|order| is_same_wish(asked, &order));
        let waits = report.state == ExternalState::Waiting && (told || by_word);
        if awaited && waits && look == Look::Single {
            self.waited.note(asked);
        }
        Signs { told, by_word, waited: self.waited.has(asked) }
    }

    /// Brings what a message of an open order had lacked, and is shown of it now.
    async fn complete(
        &self,
        order: &Received,
        parts: &Parts<'_>,
        readable: &Readable<'_>,
    ) -> Result<(), Unseen> {
        let lacking =
            received::partial(order, parts, readable).filter(|_| !order.state.is_closed());
        let Some(known) = lacking else { return Ok(()) };
        let said = said(parts.sender, readable);
        let message = self.incoming(order.id, known.digest.into(), &said).await;
        let message = message.map_err(|_| Unseen::Busy)?;
        let until = self.market.clock.now().plus_ms(INGEST_MS);
        let command = CompleteMessage { order: order.id, message };
        match self.record(order, &command, until).await {
            Err(SendError::Busy | SendError::Stopped) => Err(Unseen::Busy),
            // What it refuses of a message that is there already is no loss of one.
            Ok(_) => Ok(()),
        }
    }

    /// Brings a message of a report to its order; what the order takes no more is kept, and what
    /// the engine refuses is reported.
    async fn ingest_polled(
        &self,
        connected: &Connected,
        order: &Order,
        (digests, said, arrival): (UnderKeys<u128>, &Said, Arrival),
    ) -> Result<(), Unseen> {
        let digest = digests.current;
        if order.messages.len() >= MESSAGES_MAX {
            return self.keep_over(connected, order, digest, said).await;
        }
        let message = self.incoming(order.id, digests, said).await.map_err(|_| Unseen::Busy)?;
        let command = IngestMessage { order: order.id, message, arrival, callback: None };
        match self.record(order, &command, self.market.clock.now().plus_ms(INGEST_MS)).await {
            Err(SendError::Busy | SendError::Stopped) => Err(Unseen::Busy),
            Ok(Ok(_) | Err(Reject::DuplicateMessage | Reject::UnknownOrder)) => Ok(()),
            // Its key was destroyed meanwhile: the next look seals it under another.
            Ok(Err(Reject::UnknownSealKey)) => Err(Unseen::Busy),
            Ok(Err(Reject::Exhausted(_))) => self.keep_over(connected, order, digest, said).await,
            Ok(Err(reject)) => {
                let text = format!("a message was refused: {}", reject.code());
                let (at, op) = (self.market.clock.now(), Op::Status);
                connected.note_failure(Failure { at, op, order: Some(order.id), text });
                Ok(())
            }
        }
    }

    /// A message as the engine takes it: what it says is sealed for its order.
    async fn incoming(
        &self,
        order: OrderId,
        digest: UnderKeys<u128>,
        said: &Said,
    ) -> Result<Incoming, SealingError> {
        let bytes = said.to_bytes();
        let sealed = self.market.seal_of_day(Purpose::Message, Some(order), &bytes).await?;
        Ok(Incoming { digest, said: SealedParts { has: said.has(), sealed } })
    }

    fn arrival(
        &self,
        order: &Order,
        way: MessageWay,
        (parts, readable): (&Parts<'_>, &Readable<'_>),
    ) -> Arrival {
        arrival(way, parts, readable, self.market.catalog.service(order.product.service))
    }

    /// The orders in memory on a number, newest first.
    fn holders(&self, posted: Posted) -> Result<Vec<Received>, Refusal> {
        let tokens = self.market.tokens(posted.number);
        let holders = self.market.read_model.holders(posted.provider, &tokens).into_iter().rev();
        let mut found = Vec::new();
        for order in holders.filter_map(|id| Received::of(&self.market, id)) {
            // A token only leads to a number: two may share one.
            let number = self.number_of(&order).map_err(|_| Refusal::Busy)?;
            found.extend((number == Some(posted.number)).then_some(order));
        }
        Ok(found)
    }

    /// The one of these orders that a message is for: of those that were there when it came.
    fn holder(
        &self,
        orders: &[Received],
        posted: Posted,
        message: &Arrived<'_>,
    ) -> Result<Arc<Order>, Refusal> {
        let was_there = |order: &&Received| posted.came.is_none_or(|came| order.placed_at <= came);
        let orders: Vec<_> = orders.iter().filter(was_there).map(Received::order).collect();
        let catalog = self.market.catalog;
        let all = orders.iter().filter_map(|order| catalog.service(order.product.service));
        let all: Vec<_> = all.collect();
        let says = |service: ServiceId| {
            let service = catalog.service(service);
            let (sender, text) = (message.sender, message.text);
            service.map_or(Naming::Not, |service| named::says(sender, text, service, &all))
        };
        match holder::choose(&orders, posted.service, says) {
            Holder::One(id) => {
                let order = orders.iter().find(|order| order.id == id).ok_or(Refusal::NoHolder)?;
                let (catalog, service) = (self.market.catalog, order.product.service);
                let is_anothers =
                    || named::is_anothers(catalog, service, message.sender, message.text);
                // One that is late is shown to no buyer.
                if posted.service.is_none() && !order.state.is_closed() && is_anothers() {
                    return Err(Refusal::OtherService);
                }
                Ok(Arc::clone(order))
            }
            Holder::Several => Err(Refusal::Ambiguous),
            Holder::Missing => Err(Refusal::NoHolder),
        }
    }
}

/// True if an order that awaited another message when it was asked about awaits it still.
fn is_same_wish(asked: &Order, order: &Order) -> bool {
    let has_as_many = asked.messages.len() == order.messages.len();
    asked.awaits_another && order.awaits_another && has_as_many
}
