//! One simulated provider behind its wire format: its market, its account, its numbers.
//!
//! Promises: a purchase takes stock and money and is in the journal before it
//! is answered; a number that ends without a message is refunded; memory is
//! bounded. What may be asked when is left to the wire formats.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::config::SandboxConfig;
use crate::cost::Cost;
use crate::fault_kind::FaultKind;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::journal::{Entry, Journal};
use crate::life::{ASKED_MAX, Closed, Life, Message, Quirks, Script};
use crate::market::{Market, Quote};
use crate::numbers;
use crate::random::mix;
use crate::shape;
use crate::wire::Wire;

/// Numbers kept in memory: with the oldest forgotten first, about 8 MB at most.
const LIVES_MAX: usize = 65_536;

/// A number is known for this many lifetimes after its purchase, so that late polls are answered.
const LIFETIMES_KEPT: u64 = 3;

/// Where ids begin, plus what the seed adds; with a day's purchases on top they fit 31 bits.
const FIRST_ID: u32 = 600_000_000;

/// A simulated provider.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) wire: Wire,
    pub(crate) key: String,
    pub(crate) ids: Ids,
    pub(crate) market: Market,
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    pub(crate) latency_ms: RangeInclusive<u64>,
    pub(crate) min_cancel_age_ms: u64,
    pub(crate) handler_page: Option<usize>,
    rows_skew_ms: i64,
    script: Script,
    drift_step_ms: u64,
    balance: u64,
    clock: Arc<Clock>,
    book: Mutex<Book>,
}

/// What a purchase asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Purchase {
    pub(crate) product: Product,
    /// The operators or pools that will do; empty for any.
    pub(crate) operators: Vec<u8>,
    pub(crate) max_cost: Option<Cost>,
    /// A hash of the customer's own reference, 0 for none.
    pub(crate) reference: u64,
}

/// What a fault adds to a purchase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) doubled: bool,
    pub(crate) late: bool,
    pub(crate) quirks: Quirks,
    /// The refusal, whatever the market says.
    pub(crate) refused: Option<Refusal>,
    /// It costs half as much again.
    pub(crate) overcharged: bool,
    /// Another program buys the same before.
    pub(crate) overtaken: bool,
}

/// A refusal that a fault decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoNumbers,
    NoBalance,
    PriceRisen,
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not listed, or nothing left.
    NoNumbers,
    /// Listed from this cost on, above the limit.
    PriceAbove(Cost),
    /// The account cannot pay this cost.
    NoBalance(Cost),
    /// The reference was used before.
    Repeated,
}

/// A number and its messages at a moment.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) life: Life,
    pub(crate) messages: Vec<Message>,
    pub(crate) now_ms: u64,
    pub(crate) ends_ms: u64,
}

/// What a call does to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// Another code is asked for.
    Ask,
    Close(Closed),
}

#[derive(Debug, Default)]
struct Book {
    lives: BTreeMap<u32, Life>,
    references: BTreeMap<u64, u32>,
    /// All numbers below this one have been closed, by time at the latest.
    open_from: u32,
    next: u32,
    spent: u64,
    journal: Option<Journal>,
}

impl Site {
    /// Draws the market and brings back the numbers of the journal.
    pub(crate) fn new(wire: Wire, config: &SandboxConfig, clock: Arc<Clock>) -> io::Result<Self> {
        let seed = mix(config.seed, &[wire as u64]);
        let ids = Ids::load(wire);
        let offers = shape::offers(config.seed, wire, config.offers[wire as usize], &ids);
        let site = Self {
            wire,
            key: wire.key(config.seed),
            ids,
            market: Market::new(config.seed, wire, offers),
            faults: Faults::new(seed, config.faults),
            seed: config.seed,
            latency_ms: config.latency_ms.clone(),
            min_cancel_age_ms: config.min_cancel_age_ms,
            handler_page: config.handler_page,
            rows_skew_ms: config.rows_skew_ms,
            script: Script {
                seed,
                delay_ms: config.sms_delay_ms.clone(),
                lifetime_ms: config.lifetime_ms,
                silent: config.silent,
                same_code: config.same_code,
                unasked: wire == Wire::FiveSim,
            },
            drift_step_ms: config.drift_step_ms.max(1),
            balance: config.balance.0.max(0).unsigned_abs() / 100,
            clock,
            book: Mutex::default(),
        };
        let path =
            config.journal_dir.as_ref().map(|dir| dir.join(format!("{}.jsonl", wire.driver())));
        *site.book.lock() = site.remember(path.as_deref())?;
        Ok(site)
    }

    fn remember(&self, path: Option<&Path>) -> io::Result<Book> {
        let next = FIRST_ID + (mix(self.seed, &[13, self.wire as u64]) % 30_000_000) as u32;
        let mut book = Book { next, ..Book::default() };
        let Some(path) = path else { return Ok(book) };
        Journal::read(path)?.into_iter().for_each(|entry| book.replay(&entry));
        self.sweep(&mut book, self.now_ms());
        let listed: u64 = book.lives.values().map(Life::charged).sum();
        let start = Entry::Start { next: book.next, spent: book.spent - listed };
        let entries = std::iter::once(start).chain(book.lives.values().flat_map(Entry::of));
        book.journal = Some(Journal::rewrite(path, entries)?);
        Ok(book)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A moment as its rows show it.
    pub(crate) const fn in_rows_ms(&self, at_ms: u64) -> u64 {
        at_ms.saturating_add_signed(self.rows_skew_ms)
    }

    /// Drift steps since the start.
    pub(crate) fn step(&self) -> u64 {
        self.clock.elapsed_ms() / self.drift_step_ms
    }

    /// Every offer as it stands.
    pub(crate) fn quotes(&self) -> Vec<Quote> {
        self.market.quotes(self.step())
    }

    /// The offers of one product as they stand.
    pub(crate) fn product(&self, product: Product) -> Vec<Quote> {
        self.market.product(product, self.step())
    }

    /// What is left of the account, in ten-thousandths of a USD.
    pub(crate) fn balance(&self) -> u64 {
        let mut book = self.book.lock();
        self.sweep(&mut book, self.now_ms());
        self.balance.saturating_sub(book.spent)
    }

    /// What the account began with, in ten-thousandths of a USD.
    pub(crate) const fn deposit(&self) -> u64 {
        self.balance
    }

    /// Buys the cheapest fitting offer that has stock.
    pub(crate) fn buy(&self, purchase: &Purchase, marks: Marks) -> Result<View, Refused> {
        let mut book = self.book.lock();
        let now_ms = self.now_ms();
        self.sweep(&mut book, now_ms);
        if purchase.reference != 0 && book.references.contains_key(&purchase.reference) {
            return Err(Refused::Repeated);
        }
        if marks.overtaken {
            let quirks = Quirks { foreign: true, ..Quirks::default() };
            // It may find nothing itself.
            let wanted = Purchase { max_cost: None, reference: 0, ..purchase.clone() };
            let _bought =
                self.buy_now(&mut book, &wanted, Marks { quirks, ..Marks::default() }, now_ms);
        }
        self.buy_now(&mut book, purchase, marks, now_ms)
    }

    fn buy_now(
        &self,
        book: &mut Book,
        purchase: &Purchase,
        marks: Marks,
        now_ms: u64,
    ) -> Result<View, Refused> {
        let (wanted, step) = (&purchase.operators, self.step());
        let mut quote = self
            .market
            .product(purchase.product, step)
            .into_iter()
            .filter(|quote| wanted.is_empty() || wanted.contains(&quote.operator))
            .filter(|quote| quote.stock > 0)
            .min_by_key(|quote| quote.cost)
            .ok_or(Refused::NoNumbers)?;
        match marks.refused {
            None => {}
            Some(Refusal::NoNumbers) => return Err(Refused::NoNumbers),
            Some(Refusal::NoBalance) => return Err(Refused::NoBalance(quote.cost)),
            Some(Refusal::PriceRisen) => {
                let limit = purchase.max_cost.unwrap_or(quote.cost);
                return Err(Refused::PriceAbove(limit.times(4, 3).as_printed(self.wire)));
            }
        }
        if purchase.max_cost.is_some_and(|max| quote.cost > max) {
            return Err(Refused::PriceAbove(quote.cost));
        }
        if u64::from(quote.cost.0) > self.balance.saturating_sub(book.spent) {
            return Err(Refused::NoBalance(quote.cost));
        }
        if marks.overcharged {
            let limit = purchase.max_cost.unwrap_or(quote.cost);
            quote.cost = limit.times(3, 2).as_printed(self.wire);
        }
        let life = self.life(book, &quote, purchase.reference, marks, now_ms);
        let life = life.ok_or(Refused::NoNumbers)?;
        if !self.market.take(&quote, step) || book.append(&Entry::bought(&life)).is_err() {
            return Err(Refused::NoNumbers);
        }
        book.add(life.clone());
        Ok(self.view(life, now_ms))
    }

    fn life(
        &self,
        book: &Book,
        quote: &Quote,
        reference: u64,
        marks: Marks,
        now_ms: u64,
    ) -> Option<Life> {
        let Quote { product, operator, cost, .. } = *quote;
        let id = book.next;
        let country = Catalog::load().country(product.country)?;
        let operator = match self.wire {
            Wire::Handler => {
                let operators: Vec<u8> = shape::operators(self.seed, product.country).collect();
                operators[id as usize % operators.len()]
            }
            Wire::FiveSim | Wire::SmsPool => operator,
        };
        let number = numbers::number(country, mix(self.script.seed, &[14, u64::from(id)]))?;
        Some(Life {
            id,
            product,
            operator,
            cost,
            number,
            bought_ms: now_ms,
            asked_ms: Vec::new(),
            closed: None,
            doubled: marks.doubled,
            late: marks.late,
            quirks: marks.quirks,
            reference,
        })
    }

    /// Shows a number to `decide` and does what it says; `None` for an id that is not known.
    pub(crate) fn change<T>(
        &self,
        id: u32,
        decide: impl FnOnce(&View) -> (Change, T),
    ) -> Option<T> {
        let mut book = self.book.lock();
        let now_ms = self.now_ms();
        self.sweep(&mut book, now_ms);
        let view = self.view(book.lives.get(&id)?.clone(), now_ms);
        let (change, answer) = decide(&view);
        let entry = match change {
            Change::Nothing => return Some(answer),
            Change::Ask if view.life.asked_ms.len() >= ASKED_MAX => return Some(answer),
            Change::Ask => Entry::Asked { id, at_ms: now_ms },
            Change::Close(how) => Entry::Closed { id, how, at_ms: now_ms },
        };
        // A line that cannot be written is a change that did not happen.
        book.append(&entry).ok()?;
        book.replay(&entry);
        Some(answer)
    }

    /// A number and its messages; `None` for an id that is not known.
    pub(crate) fn look(&self, id: u32) -> Option<View> {
        self.change(id, |view| (Change::Nothing, view.clone()))
    }

    /// The numbers that lists show, newest first.
    pub(crate) fn all(&self) -> Vec<View> {
        let mut views = self.known();
        views.retain(View::is_listed);
        views
    }

    /// The numbers that are known, newest first.
    pub(crate) fn known(&self) -> Vec<View> {
        let mut book = self.book.lock();
        let now_ms = self.now_ms();
        self.sweep(&mut book, now_ms);
        book.lives.values().rev().map(|life| self.view(life.clone(), now_ms)).collect()
    }

    /// Writes into the journal that a call showed a fault.
    pub(crate) fn note_fault(&self, kind: FaultKind, call: String) {
        let at_ms = self.now_ms();
        // The journal tells what happened; a line that is lost changes nothing.
        let _written = self.book.lock().append(&Entry::Fault { kind, call, at_ms });
    }

    /// Those that are open.
    pub(crate) fn active(&self) -> Vec<View> {
        let mut book = self.book.lock();
        let now_ms = self.now_ms();
        self.sweep(&mut book, now_ms);
        let open = book.lives.range(book.open_from..).rev().map(|(_, life)| life);
        open.filter(|life| life.closed.is_none())
            .map(|life| self.view(life.clone(), now_ms))
            .filter(View::is_listed)
            .collect()
    }

    fn view(&self, life: Life, now_ms: u64) -> View {
        let messages = self.script.messages(&life, now_ms);
        let ends_ms = self.script.ends_ms(&life);
        View { life, messages, now_ms, ends_ms }
    }

    /// Closes the numbers whose time has come and forgets old ones.
    fn sweep(&self, book: &mut Book, now_ms: u64) {
        while let Some(life) = book.lives.range(book.open_from..).next().map(|(_, life)| life) {
            let (id, ends_ms, closed) = (life.id, self.script.ends_ms(life), life.closed);
            if closed.is_none() {
                if ends_ms > now_ms {
                    break;
                }
                let silent = self.script.messages(life, ends_ms).is_empty();
                let how = if silent { Closed::TimedOut } else { Closed::Finished };
                book.replay(&Entry::Closed { id, how, at_ms: ends_ms });
            }
            book.open_from = id + 1;
        }
        let kept_ms = self.script.lifetime_ms.saturating_mul(LIFETIMES_KEPT);
        while let Some(oldest) = book.lives.first_entry() {
            let is_old = oldest.get().bought_ms.saturating_add(kept_ms) <= now_ms;
            if !is_old && oldest.key() + LIVES_MAX as u32 >= book.next {
                break;
            }
            let life = oldest.remove();
            book.references.remove(&life.reference);
        }
    }
}

impl View {
    /// How long the number has been held.
    pub(crate) fn age_ms(&self) -> u64 {
        self.now_ms.saturating_sub(self.life.bought_ms)
    }

    /// Whether lists show it.
    fn is_listed(&self) -> bool {
        self.age_ms() >= self.life.quirks.hidden_ms
    }

    /// Code of the newest message.
    pub(crate) fn code(&self) -> Option<&str> {
        self.messages.last().map(|message| message.code.as_str())
    }

    /// A message that was asked for has not come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.life.is_waiting(&self.messages)
    }
}

impl Life {
    /// What the account has paid for it so far.
    pub(crate) fn charged(&self) -> u64 {
        let refunded = self.closed.is_some_and(|(how, _)| how.refunds());
        if refunded { 0 } else { u64::from(self.cost.0) }
    }
}

impl Book {
    fn add(&mut self, life: Life) {
        self.next = self.next.max(life.id + 1);
        self.spent += life.charged();
        if life.reference != 0 {
            self.references.insert(life.reference, life.id);
        }
        self.lives.insert(life.id, life);
    }

    /// Makes true what a line says. Lines about numbers that are gone are skipped.
    fn replay(&mut self, entry: &Entry) {
        match *entry {
            Entry::Start { next, spent } => {
                self.next = self.next.max(next);
                self.spent += spent;
            }
            Entry::Bought { .. } => {
                if let Some(life) = entry.life() {
                    self.add(life);
                }
            }
            Entry::Asked { id, at_ms } => {
                if let Some(life) = self.lives.get_mut(&id) {
                    life.asked_ms.push(at_ms);
                }
            }
            Entry::Closed { id, how, at_ms } => {
                if let Some(life) = self.lives.get_mut(&id) {
                    let before = life.charged();
                    life.closed = Some((how, at_ms));
                    self.spent -= before - life.charged();
                }
            }
            Entry::Fault { .. } => {}
        }
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.append(entry),
            None => Ok(()),
        }
    }
}
