//! The client of one provider: a driver's requests carried over HTTP.
//!
//! Every call has a deadline and every body a bound; nothing follows redirects; calls
//! keep to the driver's limits, and pauses a provider asks for hold for all of them.
//! Read-only calls are tried twice, all others once: a buy whose answer never came, or
//! came garbled, may have succeeded, and is *in doubt*, for the reconciler to settle.
//! Amounts are the ledger's currency on this side, the provider's on the wire.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{
    ActiveList, Bought, Credentials, Driver, ErrorKind, Op, Output, Plan, PriceList, ProviderError,
    ProviderRequest, RawReply, Rounding, Slots, StatusReport, check_base, to_micros,
};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use rust_decimal::Decimal;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::client_config::{ClientConfig, ClientError, Timeouts};
use super::consequence::{self, Pause, Retry};
use super::currency::CurrencyGuard;
use super::dispatch::{Dispatcher, Lane};
use super::transport::{CallFailed, Transport};
use crate::metrics::Metrics;

/// Bytes of a price list: three times the largest known, and little beside the offers.
pub const PRICES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of a list of open activations: fifteen thousand of the longest known rows, far
/// more than one account holds open; one that is cut settles no doubt, ever.
pub const ACTIVE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of any other reply: twice the longest concatenated SMS, each letter of it escaped.
pub const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// Before a read-only call is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Pages of a list that are asked for in a row: with pages of 100, three thousand open
/// activations; with pages of 200, the orders of three minutes at thirty a second.
const PAGES_MAX: u32 = 30;

/// Tries of a cancel that a caller waits for, and how long all of them may take: most
/// hiccups are over by then, and a buyer still waits.
const CANCEL_TRIES_MAX: u32 = 3;
const CANCEL_TIME: Duration = Duration::from_secs(10);
/// How long one of them may take, so that a second one follows a silence.
const CANCEL_TRY_TIME: Duration = Duration::from_millis(4_500);
/// Before the next of them, unless the provider asks for more.
const CANCEL_PAUSE: Duration = Duration::from_millis(500);

/// A number to buy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuyRequest {
    /// The provider's code of the country.
    pub country_ext: String,
    /// The provider's code of the service.
    pub service_ext: String,
    /// The carrier, pool or partner to buy from; any if none.
    pub carrier: Option<String>,
    /// The most to pay, in the ledger's currency.
    pub max_price: Option<Micros>,
}

/// How a buy ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuyOutcome {
    /// The number is ours.
    Assigned(Bought),
    /// Certainly nothing was bought.
    Refused(ProviderError),
    /// It may have been bought: ask the provider before buying again. Says what happened.
    InDoubt(String),
}

/// A client of one provider; cheap to share.
pub struct ProviderClient {
    provider: String,
    driver: Arc<Driver>,
    transport: Transport,
    base_url: String,
    credentials: Credentials,
    rate: Decimal,
    currency: CurrencyGuard,
    timeouts: Timeouts,
    dispatcher: Dispatcher,
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
        let transport =
            Transport::new(&base_url, config.timeouts.connect).map_err(ClientError::Http)?;
        let dispatcher = Dispatcher::new(driver.limits());
        let currency = CurrencyGuard::new(&config.provider, driver.currency(), config.rate);
        Ok(Self {
            provider: config.provider,
            driver,
            transport,
            base_url,
            credentials: config.credentials,
            rate: config.rate,
            currency,
            timeouts: config.timeouts,
            dispatcher,
            metrics: config.metrics,
        })
    }

    /// The operator's name for the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The driver it runs.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The account's balance in the ledger's currency, rounded down.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away.
    pub async fn balance(&self) -> Result<Micros, ProviderError> {
        let output = self.ask(Op::Balance, &Slots::default()).await?;
        let Output::Balance { amount, currency } = output else {
            return Err(wrong_output(Op::Balance));
        };
        self.currency.check(currency)?;
        self.to_ledger(amount, Rounding::Down).ok_or_else(|| misread(Op::Balance))
    }

    /// The whole price list, costs in the ledger's currency, rounded up.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away.
    pub async fn prices(&self) -> Result<PriceList, ProviderError> {
        let Output::Prices(mut list) = self.ask(Op::Prices, &Slots::default()).await? else {
            return Err(wrong_output(Op::Prices));
        };
        list.currencies.iter().try_for_each(|named| self.currency.check(Some(*named)))?;
        self.currency.check(None)?;
        if self.rate != Decimal::ONE {
            for row in &mut list.rows {
                let cost = self.to_ledger(row.cost, Rounding::Up);
                row.cost = cost.ok_or_else(|| misread(Op::Prices))?;
            }
        }
        Ok(list)
    }

    /// Buys a number; asks once, whatever happens. A number that was charged in another
    /// currency than the provider is set up for is ours, at no known cost, and the last one.
    pub async fn buy(&self, request: &BuyRequest) -> BuyOutcome {
        if let Err(error) = self.currency.check(None) {
            return BuyOutcome::Refused(error);
        }
        let max_price = match request.max_price.map(|most| self.to_provider(most)) {
            Some(None) => {
                let what = "the price limit is out of range";
                return BuyOutcome::Refused(ProviderError::new(ErrorKind::PriceTooLow, true, what));
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
        let output = match self.ask(Op::Buy, &slots).await {
            Ok(output) => output,
            Err(error) if error.certain => {
                let price = error.price.and_then(|price| self.to_ledger(price, Rounding::Up));
                return BuyOutcome::Refused(ProviderError { price, ..error });
            }
            Err(error) => return BuyOutcome::InDoubt(format!("{error}: {}", error.excerpt)),
        };
        let Output::Bought(bought) = output else {
            return BuyOutcome::InDoubt(wrong_output(Op::Buy).excerpt);
        };
        // A cost beyond all range is no reason to forget a number that is ours.
        let known = self.currency.check(bought.currency).is_ok();
        let cost = bought.cost.filter(|_| known);
        let cost = cost.and_then(|cost| self.to_ledger(cost, Rounding::Up));
        BuyOutcome::Assigned(Bought { cost, ..bought })
    }

    /// How an activation stands, and its messages.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away.
    pub async fn status(&self, external_id: &str) -> Result<StatusReport, ProviderError> {
        let Output::Status(report) = self.ask(Op::Status, &by_id(external_id)).await? else {
            return Err(wrong_output(Op::Status));
        };
        Ok(report)
    }

    /// Gives a number back.
    ///
    /// # Errors
    /// The provider's refusal, or what kept its answer away; unless `certain`, it may
    /// have been done all the same.
    pub async fn cancel(&self, external_id: &str) -> Result<(), ProviderError> {
        self.change(Op::Cancel, external_id).await.map(drop)
    }

    /// As [`Self::cancel`], for a caller who waits: tried again while the provider is
    /// unwell, for ten seconds at most. The second of two that both arrived may be refused.
    ///
    /// # Errors
    /// As for [`Self::cancel`], of the last try.
    pub async fn cancel_with_retries(&self, external_id: &str) -> Result<(), ProviderError> {
        let deadline = Instant::now() + CANCEL_TIME;
        let mut tries = 1;
        loop {
            let until = deadline.min(Instant::now() + CANCEL_TRY_TIME);
            let error = match timeout_at(until, self.cancel(external_id)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => ProviderError::new(ErrorKind::Temporary, false, "no answer in time"),
            };
            let asked = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
            let next = Instant::now() + asked.max(CANCEL_PAUSE);
            let retry = consequence::of(error.kind).retry;
            if tries == CANCEL_TRIES_MAX || next >= deadline || retry == Retry::Never {
                return Err(error);
            }
            tries += 1;
            sleep_until(next).await;
        }
    }

    /// Says that no more messages are wanted.
    ///
    /// # Errors
    /// As for [`Self::cancel`].
    pub async fn finish(&self, external_id: &str) -> Result<(), ProviderError> {
        self.change(Op::Finish, external_id).await.map(drop)
    }

    /// Asks for another message; gives the activation's new identifier, if it changed.
    ///
    /// # Errors
    /// As for [`Self::cancel`].
    pub async fn resend(&self, external_id: &str) -> Result<Option<String>, ProviderError> {
        self.change(Op::Resend, external_id).await
    }

    /// The activations open at the provider: all of them, or, where it has too many for a
    /// few pages, the newest, at least those since `since`, by its own clock, if it lists the
    /// newest first.
    /// Also gives how many pages were asked for.
    ///
    /// # Errors
    /// The provider's refusal of the first page, or what kept it away; without a later one
    /// the list is cut.
    pub async fn list_active(&self, since: Time) -> Result<(ActiveList, u32), ProviderError> {
        let mut list = self.active_page(0).await?;
        let mut pages = 1;
        while pages < PAGES_MAX && list.is_cut() && self.driver.pages() {
            if list.oldest.is_some_and(|oldest| oldest <= since) {
                break;
            }
            pages += 1;
            let Ok(next) = self.active_page(list.next_offset()).await else { break };
            if !list.join(next) {
                break;
            }
        }
        self.currency.note_list(&list);
        Ok((list, pages))
    }

    async fn active_page(&self, offset: usize) -> Result<ActiveList, ProviderError> {
        let offset = offset.to_string();
        let slots = Slots { offset: Some(&offset), ..Slots::default() };
        let Output::Active(list) = self.ask(Op::ListActive, &slots).await? else {
            return Err(wrong_output(Op::ListActive));
        };
        Ok(list)
    }

    async fn change(&self, op: Op, external_id: &str) -> Result<Option<String>, ProviderError> {
        let Output::Done { new_external_id } = self.ask(op, &by_id(external_id)).await? else {
            return Err(wrong_output(op));
        };
        Ok(new_external_id)
    }

    /// Runs an operation by the driver's plan, keeping to limits and deadline.
    async fn ask(&self, op: Op, slots: &Slots<'_>) -> Result<Output, ProviderError> {
        let plan = self.driver.plan(op, slots, &self.credentials, &self.base_url);
        let request = match plan {
            Err(error) => {
                let kind = ErrorKind::Unsupported;
                return Err(ProviderError::new(kind, true, error.to_string()));
            }
            Ok(Plan::Nothing) => return Ok(Output::Done { new_external_id: None }),
            Ok(Plan::Unsupported) => {
                let what = "the provider cannot do this";
                return Err(ProviderError::new(ErrorKind::Unsupported, true, what));
            }
            Ok(Plan::Answer(reply)) => return self.driver.interpret(op, &reply),
            Ok(Plan::Call(request)) => request,
        };
        let until = Instant::now() + self.exchange_time(op);
        let first = self.once(op, &request).await;
        let Err((error, true)) = first else {
            return first.map_err(|(error, _)| error);
        };
        if !op.is_read_only() || Instant::now() + RETRY_PAUSE >= until {
            return Err(error);
        }
        sleep(RETRY_PAUSE).await;
        self.once(op, &request).await.map_err(|(error, _)| error)
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
    ) -> Result<Output, (ProviderError, bool)> {
        let outcome = self.attempt(op, request).await;
        let word = outcome.as_ref().map_or_else(|(error, _)| error.kind.word(), |_| "ok");
        self.metrics.provider_call(&self.provider, op.name(), word);
        outcome
    }

    async fn attempt(
        &self,
        op: Op,
        request: &ProviderRequest,
    ) -> Result<Output, (ProviderError, bool)> {
        let reply = self.call(op, request).await.map_err(|failed| {
            let retryable = failed.retryable;
            (failed.into_error(), retryable)
        })?;
        let read = self.interpret(op, reply).await;
        read.map_err(|mut error| {
            error.excerpt = self.mask(&error.excerpt);
            self.pause_if_limited(&error);
            let retryable = consequence::of(error.kind).retry == Retry::All && !error.certain;
            (error, retryable)
        })
    }

    /// Reads a reply; a long one on a thread where its size delays no other task.
    async fn interpret(&self, op: Op, reply: RawReply) -> Result<Output, ProviderError> {
        if reply.body.len() <= REPLY_BYTES_MAX {
            return self.driver.interpret(op, &reply);
        }
        let driver = Arc::clone(&self.driver);
        let read = tokio::task::spawn_blocking(move || driver.interpret(op, &reply)).await;
        read.unwrap_or_else(|_| {
            Err(ProviderError::new(ErrorKind::Unmapped, false, "reading was broken off"))
        })
    }

    /// One exchange. Waiting for the turn has a time of its own, so that a call that is sent
    /// has its whole time for the answer: a purchase that has no turn is refused for certain.
    async fn call(&self, op: Op, request: &ProviderRequest) -> Result<RawReply, CallFailed> {
        let lane = Lane::of(op);
        let wait_until = Instant::now() + lane.patience();
        let _turn = self.dispatcher.turn(lane, wait_until).await.map_err(|limited| CallFailed {
            retry_after: Some(limited.retry_after),
            ..CallFailed::unsent(
                ErrorKind::RateLimited,
                "the provider's limits allowed no call in the time that it may wait",
            )
        })?;
        let deadline = Instant::now() + self.exchange_time(op);
        match timeout_at(deadline, self.transport.exchange(request, bytes_max(op))).await {
            Ok(result) => result,
            Err(_) => Err(CallFailed::after_send("no answer in time", false)),
        }
    }

    /// Pauses all calls when a provider says that there were too many.
    fn pause_if_limited(&self, error: &ProviderError) {
        let asked = error.retry_after_ms;
        let pause = match consequence::of(error.kind).pause {
            Pause::None => 0,
            Pause::Asked => asked.unwrap_or(0),
            Pause::Penalty => asked.unwrap_or(self.driver.limits().penalty_ms),
        };
        if pause > 0 {
            self.dispatcher.pause(Duration::from_millis(pause));
        }
    }

    /// A text without our credentials, should the provider have echoed them.
    fn mask(&self, text: &str) -> String {
        let Credentials { key, login, password } = &self.credentials;
        let secrets = [Some(key), login.as_ref(), password.as_ref()];
        let secrets = secrets.into_iter().flatten().map(|secret| secret.expose());
        secrets.filter(|s| !s.is_empty()).fold(text.to_owned(), |t, s| t.replace(s, "***"))
    }

    fn to_ledger(&self, amount: Micros, rounding: Rounding) -> Option<Micros> {
        if self.rate == Decimal::ONE {
            return Some(amount);
        }
        to_micros(Decimal::new(amount.0, 6).checked_mul(self.rate)?, rounding)
    }

    /// A price limit as the provider reads it, rounded down so that it still holds; never
    /// zero, which some providers take for no limit.
    fn to_provider(&self, most: Micros) -> Option<String> {
        let units = Decimal::new(most.0, 6).checked_div(self.rate)?;
        let micros = to_micros(units, Rounding::Down).filter(|most| most.is_positive())?;
        Some(Decimal::new(micros.0, 6).normalize().to_string())
    }
}

/// The longest reply that is read whole.
const fn bytes_max(op: Op) -> usize {
    match op {
        Op::Prices => PRICES_BYTES_MAX,
        Op::ListActive => ACTIVE_BYTES_MAX,
        Op::Balance | Op::Buy | Op::Status | Op::Cancel | Op::Finish | Op::Resend => {
            REPLY_BYTES_MAX
        }
    }
}

fn by_id(external_id: &str) -> Slots<'_> {
    Slots { external_id: Some(external_id), ..Slots::default() }
}

fn misread(op: Op) -> ProviderError {
    let what = format!("an amount of {} is out of range", op.name());
    ProviderError::new(ErrorKind::Unmapped, false, what)
}

/// A driver gives each operation its own output; a constant reply is checked no sooner.
fn wrong_output(op: Op) -> ProviderError {
    let what = format!("the driver reads something else for {}", op.name());
    ProviderError::new(ErrorKind::Unmapped, false, what)
}
