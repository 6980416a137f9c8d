//! The client of one provider: a driver's requests carried over HTTP.
//!
//! Every call has a deadline and every body a bound; nothing follows redirects; calls
//! keep to the driver's limits and to the pauses that a provider asks for. A
//! purchase is admitted before it is made.
//! Read-only calls are tried twice, all others once: a buy whose answer never came, or
//! came garbled, may have succeeded, and is *in doubt*, for the reconciler to settle.
//! Amounts are the ledger's currency on this side, the provider's on the wire.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{
    ActiveList, Bought, Credentials, Currency, Driver, ErrorKind, Op, Output, Plan, PriceList,
    ProviderError, ProviderRequest, Rounding, Slots, StatusReport, check_base,
};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use rust_decimal::Decimal;
use tokio::time::{Instant, sleep, timeout_at};

use super::active::{Depth, OpenList, Reach, SharedLists, paged};
use super::admission::Room;
use super::bounds::bytes_max;
use super::buying::{BuyOutcome, BuyRequest, PurchaseMade, RefusedBy, UnknownPurchase};
use super::client_config::{ClientConfig, ClientError, Timeouts};
use super::consequence::{self, Pause, Retry};
use super::cost_basis::CostBases;
use super::currency::CurrencyGuard;
use super::dispatch::{Admission, Dispatcher, Lane, PauseOf};
use super::exchange_rate::ExchangeRate;
use super::key_word::KeyWord;
use super::reading::{self, misread, wrong_output};
use super::server_clock::ServerClock;
use super::transport::{CallFailed, Received, Transport};
use super::way::{Exchange, Way, asked_in};
use crate::metrics::Metrics;

/// Before a read-only call is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A client of one provider; cheap to share.
pub struct ProviderClient {
    provider: String,
    driver: Arc<Driver>,
    transport: Transport,
    base_url: String,
    credentials: Credentials,
    rate: ExchangeRate,
    currency: CurrencyGuard,
    pub(super) key_word: KeyWord,
    timeouts: Timeouts,
    room: Room,
    lists: SharedLists,
    metrics: Metrics,
}

impl fmt::Debug for ProviderClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderClient").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl ProviderClient {
    /// A client that has made no call yet.
    ///
    /// # Errors
    /// If the configuration is incomplete or senseless.
    pub fn new(driver: Arc<Driver>, config: ClientConfig) -> Result<Self, ClientError> {
        let base_url = config.base_url.or_else(|| driver.base_url().map(str::to_owned));
        let base_url = base_url.ok_or(ClientError::NoBase)?;
        check_base(&base_url).map_err(ClientError::BadBase)?;
        if config.rate <= Decimal::ZERO {
            return Err(ClientError::BadRate);
        }
        if let Some(name) = driver.missing_credential(&config.credentials) {
            return Err(ClientError::MissingCredential(name));
        }
        let transport = Transport::new(&base_url, &config.timeouts, config.proxy.as_ref())?;
        let dispatcher = Dispatcher::shared(config.dispatcher, driver.limits());
        let room = Room::new(dispatcher, driver.lists_messages(), driver.timings().lifetime_ms);
        let currencies = (driver.currency(), config.currency);
        let currency = CurrencyGuard::new(&config.provider, currencies, config.rate);
        Ok(Self {
            provider: config.provider,
            driver,
            transport,
            base_url,
            credentials: config.credentials,
            rate: ExchangeRate::new(config.rate),
            currency,
            key_word: KeyWord::default(),
            timeouts: config.timeouts,
            room,
            lists: SharedLists::default(),
            metrics: config.metrics,
        })
    }

    /// Where it is.
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The operator's name for the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The provider's clock, as its replies tell it.
    pub(super) const fn server_clock(&self) -> &ServerClock {
        self.transport.server_clock()
    }

    /// Ledger units for one unit of the provider's currency.
    pub(super) const fn rate(&self) -> ExchangeRate {
        self.rate
    }

    /// The driver it runs.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Its room for purchases and calls.
    #[must_use]
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// What keeps purchases from being sent: a reply named another currency than the provider is
    /// set up for, and no later one has put it right.
    #[must_use]
    pub fn currency_problem(&self) -> Option<String> {
        self.currency.problem()
    }

    /// The provider's currency; `None` until a reply has named it, where nothing says it before.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.currency.expected()
    }

    /// Goes on with what was learned of the provider's currency, and keeps what is learned.
    pub(super) fn remember_currency(&mut self, bases: &Arc<CostBases>, document: u64) {
        self.currency.remember(bases, document);
    }

    /// The account's balance in the ledger's currency, rounded down.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away.
    pub async fn balance(&self) -> Result<Micros, ProviderError> {
        let output = self.ask(Op::Balance, &Slots::default(), Way::Lane(Lane::Sync)).await?;
        let Output::Balance { amount, currency } = output else {
            return Err(wrong_output(Op::Balance));
        };
        self.currency.check(Op::Balance, currency)?;
        self.rate.to_ledger(amount, Rounding::Down).ok_or_else(|| misread(Op::Balance))
    }

    /// The whole price list, costs in the ledger's currency, rounded up.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away.
    pub async fn prices(&self) -> Result<PriceList, ProviderError> {
        let Output::Prices(mut list) =
            self.ask(Op::Prices, &Slots::default(), Way::Lane(Lane::Sync)).await?
        else {
            return Err(wrong_output(Op::Prices));
        };
        let check = |named| self.currency.check(Op::Prices, named);
        list.currencies.iter().try_for_each(|named| check(Some(*named)))?;
        check(None)?;
        if !self.rate.is_one() {
            for row in &mut list.rows {
                let cost = self.rate.to_ledger(row.cost, Rounding::Up);
                row.cost = cost.ok_or_else(|| misread(Op::Prices))?;
            }
        }
        Ok(list)
    }

    /// Buys a number; asks once, whatever happens. One that was not admitted waits behind
    /// those that were. A number that was charged in another currency than the provider is set
    /// up for is ours, at no known cost, and the last one.
    pub async fn buy(&self, request: &BuyRequest, admission: Option<Admission>) -> BuyOutcome {
        if let Err(error) = self.currency.check(Op::Buy, None) {
            return BuyOutcome::Refused(error, RefusedBy::Us);
        }
        let max_price = match request.max_price.map(|most| self.rate.to_provider(most)) {
            Some(None) => {
                let what = "the price limit is out of range";
                let error = ProviderError::new(ErrorKind::PriceTooLow, true, what);
                return BuyOutcome::Refused(error, RefusedBy::Us);
            }
            Some(Some(text)) => Some(text),
            None => None,
        };
        let slots = Slots {
            country: Some(&request.country_ext),
            service: Some(&request.service_ext),
            operator: request.carrier.as_deref(),
            max_price: max_price.as_deref(),
            ..Slots::default()
        };
        let began = Instant::now();
        let mut way = Way::Admitted(admission, Exchange::default());
        let asked = self.ask_by(Op::Buy, &slots, &mut way).await;
        let Exchange { began: sent, answered, replied } = way.exchange();
        let in_doubt = |what, said: ProviderError| {
            let (began, said) = (sent.unwrap_or(began), replied.then_some(said));
            BuyOutcome::InDoubt(UnknownPurchase { what, began, answered, said })
        };
        let output = match asked {
            Ok(output) => output,
            Err(error) if error.certain => {
                let price = error.price.and_then(|price| self.rate.to_ledger(price, Rounding::Up));
                let by = if replied { RefusedBy::Provider } else { RefusedBy::Us };
                return BuyOutcome::Refused(ProviderError { price, ..error }, by);
            }
            Err(error) => return in_doubt(format!("{error}: {}", error.excerpt), error),
        };
        let Output::Bought(bought) = output else {
            let wrong = wrong_output(Op::Buy);
            return in_doubt(wrong.excerpt.clone(), wrong);
        };
        // A cost beyond all range is no reason to forget a number that is ours.
        let known = self.currency.check(Op::Buy, bought.currency).is_ok();
        let cost = bought.cost.filter(|_| known);
        let currency = bought.currency.or_else(|| self.currency.expected().filter(|_| known));
        let charged = bought.cost.map(|amount| self.rate.charged(amount, currency, known));
        let cost = cost.and_then(|cost| self.rate.to_ledger(cost, Rounding::Up));
        BuyOutcome::Assigned(PurchaseMade { bought: Bought { cost, ..bought }, charged })
    }

    /// How an activation stands, and its messages.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away.
    pub async fn status(&self, external_id: &str) -> Result<StatusReport, ProviderError> {
        self.status_by(external_id, Way::Lane(Lane::Poll)).await
    }

    /// As [`Self::status`], with its errors, for the last look at an activation whose time is over.
    pub async fn last_status(&self, external_id: &str) -> Result<StatusReport, ProviderError> {
        self.status_by(external_id, Way::Last).await
    }

    /// As [`Self::status`], with its errors, among the calls that a customer waits for.
    pub async fn status_now(&self, external_id: &str) -> Result<StatusReport, ProviderError> {
        self.status_by(external_id, Way::Lane(Lane::Change)).await
    }

    async fn status_by(&self, external_id: &str, way: Way) -> Result<StatusReport, ProviderError> {
        let asked = self.ask(Op::Status, &by_id(external_id), way).await?;
        let Output::Status(report) = asked else { return Err(wrong_output(Op::Status)) };
        Ok(report)
    }

    /// Gives a number back, which no customer waits for.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away; unless `certain`, it may
    /// have been done all the same.
    pub async fn cancel(&self, external_id: &str) -> Result<(), ProviderError> {
        self.change(Op::Cancel, external_id, Way::Lane(Lane::End)).await.map(drop)
    }

    /// Says that no more messages are wanted.
    ///
    /// # Errors
    /// As for [`Self::cancel`].
    pub async fn finish(&self, external_id: &str) -> Result<(), ProviderError> {
        self.change(Op::Finish, external_id, Way::Lane(Lane::End)).await.map(drop)
    }

    /// Asks for another message; gives the activation's new identifier, if it changed. A
    /// refusal for want of a turn is as in [`Self::cancel_with_retries`].
    ///
    /// # Errors
    /// As for [`Self::cancel`].
    pub async fn resend(
        &self,
        external_id: &str,
        key: u64,
    ) -> Result<Option<String>, ProviderError> {
        self.change(Op::Resend, external_id, Way::Promised(Lane::Change, key)).await
    }

    /// The activations open at the provider: all of them, or, where it has too many for a
    /// few pages, the newest, at least those since `since`, by its own clock, if it lists the
    /// newest first. Also gives how many pages were asked for. Callers at the same time share
    /// the calls.
    ///
    /// # Errors
    /// The provider's refusal of the first page, or what kept it away; without a later one
    /// the list is cut.
    pub async fn list_active(&self, since: Time) -> Result<OpenList, ProviderError> {
        self.list(Reach { since, depth: None }).await
    }

    /// As [`Self::list_active`], but no further than pages show many open activations.
    ///
    /// # Errors
    /// As for [`Self::list_active`].
    pub async fn list_open(&self, depth: Depth, since: Time) -> Result<OpenList, ProviderError> {
        let listed = self.list(Reach { since, depth: Some(depth) }).await?;
        if depth == Depth::Far {
            self.room.note_list(listed.list.rows.len(), listed.pages);
        }
        Ok(listed)
    }

    async fn list(&self, reach: Reach) -> Result<OpenList, ProviderError> {
        let goes_on = self.driver.pages();
        let fetch = |reach| paged(reach, goes_on, |at| self.active_page(at));
        let listed = self.lists.get(reach, fetch).await?;
        self.currency.note_list(&listed.list);
        Ok(listed)
    }

    async fn active_page(&self, offset: usize) -> Result<ActiveList, ProviderError> {
        let offset = offset.to_string();
        let slots = Slots { offset: Some(&offset), ..Slots::default() };
        // A list that brings messages takes the place of many polls. A pause of lists holds for
        // it all the same, and not for polls, which go on one by one.
        let is_paused = self.room.dispatcher().is_paused(Lane::List);
        let is_poll = self.driver.lists_messages() && !is_paused;
        let lane = if is_poll { Lane::Poll } else { Lane::List };
        let asked = self.ask(Op::ListActive, &slots, Way::Lane(lane)).await?;
        let Output::Active(mut list) = asked else { return Err(wrong_output(Op::ListActive)) };
        for row in &mut list.rows {
            let known = row.cost.filter(|_| self.currency.is_right(row.currency));
            row.cost = known.and_then(|cost| self.rate.to_ledger(cost, Rounding::Up));
        }
        Ok(list)
    }

    pub(super) async fn change(
        &self,
        op: Op,
        external_id: &str,
        way: Way,
    ) -> Result<Option<String>, ProviderError> {
        let asked = self.ask(op, &by_id(external_id), way).await?;
        let Output::Done { external_id: named } = asked else { return Err(wrong_output(op)) };
        let is_of_another = named.as_deref().is_some_and(|id| id != external_id);
        if matches!(op, Op::Cancel | Op::Finish) && is_of_another {
            let text = "the reply is about another activation than was asked for";
            return Err(ProviderError::new(ErrorKind::Unmapped, false, text));
        }
        Ok(named)
    }

    /// Runs an operation by the driver's plan, keeping to limits and deadline.
    async fn ask(&self, op: Op, slots: &Slots<'_>, mut way: Way) -> Result<Output, ProviderError> {
        self.ask_by(op, slots, &mut way).await
    }

    async fn ask_by(
        &self,
        op: Op,
        slots: &Slots<'_>,
        way: &mut Way,
    ) -> Result<Output, ProviderError> {
        let plan = self.driver.plan(op, slots, &self.credentials, &self.base_url);
        let request = match plan {
            Err(error) => {
                return Err(ProviderError::new(ErrorKind::NotSent, true, error.to_string()));
            }
            Ok(Plan::Nothing) => return Ok(Output::Done { external_id: None }),
            Ok(Plan::Unsupported) => {
                let what = "the provider cannot do this";
                return Err(ProviderError::new(ErrorKind::Unsupported, true, what));
            }
            Ok(Plan::Answer(reply)) => return self.driver.interpret(op, &reply),
            Ok(Plan::Call(request)) => request,
        };
        let until = Instant::now() + self.exchange_time(op);
        let first = self.once(op, &request, way).await;
        let Err((error, true)) = first else {
            return first.map_err(|(error, _)| error);
        };
        if !op.is_read_only() || Instant::now() + RETRY_PAUSE >= until {
            return Err(error);
        }
        sleep(RETRY_PAUSE).await;
        self.once(op, &request, way).await.map_err(|(error, _)| error)
    }

    /// How long an exchange may take, from its turn on.
    const fn exchange_time(&self, op: Op) -> Duration {
        match op {
            Op::Prices => self.timeouts.prices,
            Op::Balance
            | Op::Buy
            | Op::Status
            | Op::Cancel
            | Op::Finish
            | Op::Resend
            | Op::ListActive => self.timeouts.call,
        }
    }

    /// One try: the output, or the error and whether another try may succeed.
    async fn once(
        &self,
        op: Op,
        request: &ProviderRequest,
        way: &mut Way,
    ) -> Result<Output, (ProviderError, bool)> {
        let asked = self.key_word.asked();
        let outcome = self.attempt(op, request, way).await;
        self.key_word.note(op, asked, outcome.as_ref().map_err(|(error, _)| error));
        let word = outcome.as_ref().map_or_else(|(error, _)| error.kind.word(), |_| "ok");
        self.metrics.provider_call(&self.provider, op.name(), word);
        outcome
    }

    async fn attempt(
        &self,
        op: Op,
        request: &ProviderRequest,
        way: &mut Way,
    ) -> Result<Output, (ProviderError, bool)> {
        let Received { reply, place } = self.call(op, request, way).await.map_err(|failed| {
            let retryable = failed.retryable;
            (failed.into_error(), retryable)
        })?;
        way.replied(reply.status);
        let read = reading::read(&self.driver, op, reply).await;
        drop(place);
        self.pause_if_asked(asked_in(op, way.lane()), read.as_ref().err());
        read.map_err(|mut error| {
            error.excerpt = self.mask(&error.excerpt);
            error.reply = error.reply.map(|reply| self.mask(&reply).into());
            let retryable = consequence::of(error.kind).retry == Retry::All
                && !error.certain
                && error.retry_after_ms.is_none();
            (error, retryable)
        })
    }

    /// One exchange. Waiting for the turn has a time of its own, so that a call that is sent
    /// has its whole time for the answer: a purchase that has no turn is refused for certain.
    async fn call(
        &self,
        op: Op,
        request: &ProviderRequest,
        way: &mut Way,
    ) -> Result<Received, CallFailed> {
        let dispatcher = self.room.dispatcher();
        let turn = way.turn(dispatcher).await;
        let _turn = turn.map_err(|limited| {
            let what = match dispatcher.pauses_for(way.lane()) {
                Some(_) => "the provider asked for a pause of such calls",
                None => "the provider's limits allowed no call in the time that it may wait",
            };
            let retry_after = Some(limited.retry_after);
            CallFailed { retry_after, ..CallFailed::unsent(ErrorKind::NoTurn, what) }
        })?;
        let deadline = Instant::now() + self.exchange_time(op);
        match timeout_at(deadline, self.transport.exchange(request, bytes_max(op))).await {
            Ok(result) => result,
            Err(_) => Err(CallFailed::after_send("no answer in time", false)),
        }
    }

    /// Pauses all calls when a provider says that there were too many, and such calls when it
    /// asks for it for another reason.
    fn pause_if_asked(&self, lane: Lane, error: Option<&ProviderError>) {
        let dispatcher = self.room.dispatcher();
        let asked = error.and_then(|error| error.retry_after_ms);
        match error.map_or(Pause::None, |error| consequence::of(error.kind).pause) {
            Pause::None => dispatcher.note_well(lane),
            Pause::Asked => dispatcher.note_answer(lane, asked.map(Duration::from_millis)),
            Pause::Penalty => {
                let pause = asked.unwrap_or(self.driver.limits().penalty_ms);
                dispatcher.pause(PauseOf::All, Duration::from_millis(pause));
            }
        }
    }

    /// A text without our credentials, should the provider have echoed them.
    fn mask(&self, text: &str) -> String {
        let Credentials { key, login, password } = &self.credentials;
        let secrets = [Some(key), login.as_ref(), password.as_ref()];
        let secrets = secrets.into_iter().flatten().map(|secret| secret.expose());
        secrets.filter(|s| !s.is_empty()).fold(text.to_owned(), |t, s| t.replace(s, "***"))
    }
}

fn by_id(external_id: &str) -> Slots<'_> {
    Slots { external_id: Some(external_id), ..Slots::default() }
}
