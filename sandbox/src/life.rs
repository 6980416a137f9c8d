//! A number's life at a provider: bought, messages due, closed.
//!
//! Promises: which messages a number has at a moment follows from the seed, its
//! id and the moments of its purchase, requests and close, so a journal of
//! these is enough to bring everything back. What may be asked when, and in
//! which words, is the wire formats' part.

use std::ops::RangeInclusive;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::{Number, Product};
use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::messages;
use crate::random::{between, chance, mix};

/// Codes that may be asked for on one number; real services stop earlier.
pub(crate) const ASKED_MAX: usize = 16;

/// What tells a number's messages apart: the request, or one of these two.
const MESSAGES_PER_NUMBER: u64 = 32;
const TWIN: u64 = 30;
const REPEAT: u64 = 31;
const _: () = assert!((ASKED_MAX as u64) < TWIN);

/// How long after a message it comes again.
const REPEAT_MS: u64 = 3_000;

/// The id of a number's message.
fn of_number(number: u32, message: u64) -> u64 {
    u64::from(number) * MESSAGES_PER_NUMBER + message
}

/// How a number was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Closed {
    /// By the customer, without a message; refunded.
    Cancelled,
    /// By the customer, who found the number used; refunded.
    Banned,
    /// After a message, by the customer or by itself.
    Finished,
    /// By itself, without a message; refunded.
    TimedOut,
}

impl Closed {
    pub(crate) const fn refunds(self) -> bool {
        match self {
            Self::Cancelled | Self::Banned | Self::TimedOut => true,
            Self::Finished => false,
        }
    }
}

/// What is odd about a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quirks {
    /// Lists do not show it for so long after its purchase, in milliseconds.
    #[serde(default)]
    pub(crate) hidden_ms: u64,
    /// Another program bought it on the account.
    #[serde(default)]
    pub(crate) foreign: bool,
    /// Its first message comes with another one.
    #[serde(default)]
    pub(crate) twin: bool,
    /// Its first message comes once more, with another id.
    #[serde(default)]
    pub(crate) repeated: bool,
}

/// A bought number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) id: u32,
    pub(crate) product: Product,
    pub(crate) operator: u8,
    pub(crate) cost: Cost,
    pub(crate) number: Number,
    pub(crate) bought_ms: u64,
    /// When further codes were asked for.
    pub(crate) asked_ms: Vec<u64>,
    pub(crate) closed: Option<(Closed, u64)>,
    /// Lists its messages twice.
    pub(crate) doubled: bool,
    /// Receives a message after a cancel.
    pub(crate) late: bool,
    pub(crate) quirks: Quirks,
    /// A hash of the customer's own reference, 0 for none.
    pub(crate) reference: u64,
}

/// A message as the provider has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Unique at the provider; the same in both copies of a doubled message.
    pub(crate) id: u64,
    /// Which request it answers: 0 the purchase, 1 the first further code, …
    pub(crate) request: usize,
    pub(crate) at_ms: u64,
    pub(crate) sender: &'static str,
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What decides when messages come.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) delay_ms: RangeInclusive<u64>,
    pub(crate) lifetime_ms: u64,
    /// The share of numbers, 0 to 1, that never get a message.
    pub(crate) silent: f64,
    /// Every message of a number has the code of the first.
    pub(crate) same_code: bool,
    /// A second message comes by itself: the protocol has no call to ask for one.
    pub(crate) unasked: bool,
}

impl Script {
    fn delay(&self, id: u32, request: usize) -> u64 {
        let word = mix(self.seed, &[10, u64::from(id), request as u64]);
        between(word, *self.delay_ms.start(), *self.delay_ms.end())
    }

    /// The messages of a number at a moment, oldest first.
    pub(crate) fn messages(&self, life: &Life, now_ms: u64) -> Vec<Message> {
        let is_here = |at_ms: u64| at_ms <= now_ms && (life.open_at(at_ms) || life.is_late(at_ms));
        let due = self.due(life).filter(|&(_, at_ms)| is_here(at_ms));
        let mut messages: Vec<Message> =
            due.map(|(request, at_ms)| self.message(life, request, at_ms)).collect();
        if let Some(first) = messages.first().cloned() {
            let mut again = first.clone();
            again.at_ms += REPEAT_MS;
            again.id = of_number(life.id, REPEAT);
            if life.quirks.repeated && is_here(again.at_ms) {
                // Before a further code, which an asker would take it for.
                messages.insert(1, again);
            }
            if life.quirks.twin {
                messages.insert(0, self.twin(life, &first));
            }
        }
        if life.doubled {
            messages =
                messages.into_iter().flat_map(|message| [message.clone(), message]).collect();
        }
        messages
    }

    /// The moments at which messages would come if the number stayed open, by request.
    fn due(&self, life: &Life) -> impl Iterator<Item = (usize, u64)> {
        let id = life.id;
        let silent = chance(mix(self.seed, &[11, u64::from(id)]), self.silent);
        let first = match life.closed {
            Some((Closed::Cancelled, at_ms)) if life.late => Some(at_ms + 1 + self.delay(id, 0)),
            _ => (!silent).then(|| life.bought_ms + self.delay(id, 0)),
        };
        let unasked = first.filter(|_| self.unasked && life.asked_ms.is_empty());
        // Far enough behind the first that a quick customer has finished by then.
        let unasked = unasked.map(|at_ms| (1, at_ms + 4 * self.delay_ms.end() + self.delay(id, 1)));
        let asked = (1..).zip(life.asked_ms.clone());
        let asked = asked.map(move |(request, at_ms)| (request, at_ms + self.delay(id, request)));
        first.map(|at_ms| (0, at_ms)).into_iter().chain(unasked).chain(asked)
    }

    /// The message that comes in the same moment, with another code.
    fn twin(&self, life: &Life, first: &Message) -> Message {
        let twin = self.said(life, TWIN);
        Message { id: of_number(life.id, TWIN), request: first.request, at_ms: first.at_ms, ..twin }
    }

    fn message(&self, life: &Life, request: usize, at_ms: u64) -> Message {
        let said = self.said(life, if self.same_code { 0 } else { request as u64 });
        Message { id: of_number(life.id, request as u64), request, at_ms, ..said }
    }

    fn said(&self, life: &Life, said: u64) -> Message {
        let catalog = Catalog::load();
        let word = mix(self.seed, &[12, u64::from(life.id), said]);
        let (slug, name) =
            catalog.service(life.product.service).map_or(("", ""), |it| (it.slug, it.name));
        let iso2 = catalog.country(life.product.country).map_or("", |country| country.iso2);
        let code = messages::code(slug, word);
        let text = messages::text(iso2, slug, name, &code, word);
        Message { id: 0, request: 0, at_ms: 0, sender: name, code, text }
    }

    /// The moment at which a number closes by itself.
    pub(crate) fn ends_ms(&self, life: &Life) -> u64 {
        life.bought_ms + self.lifetime_ms
    }
}

impl Life {
    fn open_at(&self, at_ms: u64) -> bool {
        self.closed.is_none_or(|(_, closed_ms)| at_ms <= closed_ms)
    }

    fn is_late(&self, at_ms: u64) -> bool {
        self.late
            && self
                .closed
                .is_some_and(|(how, closed_ms)| how == Closed::Cancelled && at_ms > closed_ms)
    }

    /// The last code that was asked for has not come yet.
    pub(crate) fn is_waiting(&self, messages: &[Message]) -> bool {
        messages.last().is_none_or(|message| message.request < self.asked_ms.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        Script {
            seed: 1,
            delay_ms: 100..=200,
            lifetime_ms: 1_000,
            silent: 0.0,
            same_code: false,
            unasked: false,
        }
    }

    fn life() -> Life {
        let catalog = Catalog::load();
        let product = Product::activation(
            catalog.country_by_iso("ID").unwrap(),
            catalog.service_by_slug("telegram").unwrap(),
        );
        Life {
            id: 7,
            product,
            operator: 0,
            cost: Cost(2_000),
            number: Number(6_281_212_345_678),
            bought_ms: 1_000,
            asked_ms: Vec::new(),
            closed: None,
            doubled: false,
            late: false,
            quirks: Quirks::default(),
            reference: 0,
        }
    }

    #[test]
    fn a_message_comes_after_its_delay_and_stays() {
        let (script, life) = (script(), life());
        assert_eq!(script.messages(&life, 1_099), []);
        let messages = script.messages(&life, 1_200);
        assert_eq!(messages.len(), 1);
        assert!(messages[0].text.contains(&messages[0].code) && messages[0].code.len() == 5);
        assert_eq!(script.messages(&life, 9_999), messages);
    }

    #[test]
    fn a_further_code_is_another_message() {
        let (script, mut life) = (script(), life());
        life.asked_ms.push(1_500);
        assert!(life.is_waiting(&script.messages(&life, 1_550)));
        let messages = script.messages(&life, 1_700);
        assert_eq!(messages.len(), 2);
        assert!(!life.is_waiting(&messages));
        assert!(messages[0].code != messages[1].code && messages[0].id != messages[1].id);
    }

    #[test]
    fn a_further_code_may_be_the_same_in_another_message() {
        let (script, mut life) = (Script { same_code: true, ..script() }, life());
        life.asked_ms.push(1_500);
        let messages = script.messages(&life, 1_700);
        assert_eq!(messages[0].code, messages[1].code);
        assert_ne!(messages[0].id, messages[1].id);
    }

    #[test]
    fn nothing_comes_after_a_close_unless_that_is_the_fault() {
        let (script, mut life) = (script(), life());
        life.closed = Some((Closed::Cancelled, 1_050));
        assert_eq!(script.messages(&life, 9_999), []);
        life.late = true;
        let messages = script.messages(&life, 9_999);
        assert!(messages.len() == 1 && messages[0].at_ms > 1_050);
    }

    #[test]
    fn a_doubled_message_is_the_same_twice() {
        let (script, mut life) = (script(), life());
        life.doubled = true;
        let messages = script.messages(&life, 1_200);
        assert!(messages.len() == 2 && messages[0] == messages[1]);
    }

    #[test]
    fn two_messages_of_one_moment_and_a_repeated_one_are_told_apart_by_their_ids() {
        let (script, mut life) = (script(), life());
        life.quirks = Quirks { twin: true, repeated: true, ..Quirks::default() };
        assert_eq!(script.messages(&life, 1_099), []);
        let messages = script.messages(&life, 9_999);
        let [twin, first, again] = &messages[..] else { panic!("{messages:?}") };
        assert!(twin.at_ms == first.at_ms && twin.code != first.code);
        assert!(again.text == first.text && again.at_ms == first.at_ms + REPEAT_MS);
        assert!(twin.id != first.id && again.id != first.id && !life.is_waiting(&messages));
    }

    #[test]
    fn a_small_share_never_gets_a_message_and_some_get_a_second_unasked() {
        let script = Script { silent: 0.5, unasked: true, ..script() };
        let counts: Vec<usize> =
            (0..200).map(|id| script.messages(&Life { id, ..life() }, 90_000).len()).collect();
        assert!(counts.iter().all(|&count| count == 0 || count == 2));
        assert!((60..140).contains(&counts.iter().filter(|&&count| count == 0).count()));
    }
}
