//! What happened in the market, as the demo shows it: a line for people, or one of JSON.
//!
//! Promises: no full phone number, no code and no text of a message is in either.

use std::fmt;
use std::sync::Arc;

use nexnum_engine::ids::Number;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use serde_json::{Value, json};

use super::figures::{Figures, LeftOut, STATUS_EVERY_S};
use crate::attention::AttentionRow;
use crate::clock::rfc3339;
use crate::public_id::ShownId;

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Happening {
    /// When.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A step of an order.
    Order(OrderStep),
    /// A provider's circuit breaker moved.
    Breaker {
        /// Whose.
        provider: Arc<str>,
        /// Whether it is open: nothing is bought there.
        is_open: bool,
    },
    /// The operator's attention is needed.
    AttentionNeeded(AttentionRow),
    /// It is needed no longer.
    AttentionOver(AttentionRow),
    /// How the market did lately.
    Status {
        /// In the last seconds.
        lately: Figures,
        /// Since the start.
        total: Figures,
    },
    /// So much of the last second was not shown.
    LeftOut(LeftOut),
}

/// A step of an order, with what a reader wants to know of it.
#[derive(Clone, Debug)]
pub(super) struct OrderStep {
    pub order: ShownId,
    /// The customer's name.
    pub account: Box<str>,
    /// The country's code.
    pub country: &'static str,
    /// The service's slug.
    pub service: &'static str,
    pub provider: Arc<str>,
    /// The number, masked; empty before there is one.
    pub number: String,
    pub price: Micros,
    pub step: Step,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The order was placed.
    Placed,
    /// The provider refused, the next one is asked.
    NextTry,
    /// The provider's answer is lost.
    Doubted,
    /// A number was given.
    Number,
    /// The first message came, with a code or without, so many milliseconds after the purchase.
    Message { after_ms: u64, has_code: bool },
    /// Another message came.
    AnotherMessage { has_code: bool },
    /// The money went back, for this reason.
    Refunded { reason: &'static str },
    /// The order was cancelled; the money went back.
    Cancelled,
}

impl Step {
    /// The stable word for it in JSON.
    const fn word(self) -> &'static str {
        match self {
            Self::Placed => "order_placed",
            Self::NextTry => "next_try",
            Self::Doubted => "purchase_in_doubt",
            Self::Number => "number_given",
            Self::Message { has_code: true, .. } | Self::AnotherMessage { has_code: true } => {
                "code_received"
            }
            Self::Message { has_code: false, .. } | Self::AnotherMessage { has_code: false } => {
                "message_received"
            }
            Self::Refunded { .. } => "order_refunded",
            Self::Cancelled => "order_cancelled",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = |has_code: bool| if has_code { "code" } else { "message without a code" };
        match self {
            Self::Placed => f.write_str("order placed"),
            Self::NextTry => f.write_str("refused, asking the next provider"),
            Self::Doubted => f.write_str("no answer: the purchase is in doubt"),
            Self::Number => f.write_str("number given"),
            Self::Message { after_ms, has_code } => {
                let (seconds, tenths) = (after_ms / 1000, after_ms % 1000 / 100);
                write!(f, "{} received after {seconds}.{tenths} s", what(*has_code))
            }
            Self::AnotherMessage { has_code } => write!(f, "another {} received", what(*has_code)),
            Self::Refunded { reason } => write!(f, "refunded: {reason}"),
            Self::Cancelled => f.write_str("cancelled and refunded"),
        }
    }
}

impl Happening {
    /// The line for people; with `colour` in the codes of terminals.
    pub(super) fn text(&self, colour: bool) -> String {
        // `2026-11-20T09:30:00.000Z`, of which a day's reader needs the time.
        let time = rfc3339(self.at)[11..19].to_owned();
        let line = match &self.what {
            What::Order(step) => step.text(),
            What::Breaker { provider, is_open: true } => {
                format!("breaker   {provider}: open, nothing is bought there")
            }
            What::Breaker { provider, is_open: false } => {
                format!("breaker   {provider}: closed, it is bought from again")
            }
            What::AttentionNeeded(row) => {
                format!("attention {}: {}", about(row), one_line(&row.text))
            }
            What::AttentionOver(row) => format!("attention {}: over", about(row)),
            What::Status { lately, total } => {
                format!("status    last {STATUS_EVERY_S} s: {lately}; since the start: {total}")
            }
            What::LeftOut(left_out) => left_out.to_string(),
        };
        let line = line.trim_end();
        match self.what.colour().filter(|_| colour) {
            Some(code) => format!("\x1b[2m{time}\x1b[0m  \x1b[{code}m{line}\x1b[0m"),
            None => format!("{time}  {line}"),
        }
    }

    /// The line of JSON.
    pub(super) fn json(&self) -> Value {
        let mut fields = match &self.what {
            What::Order(step) => step.json(),
            What::Breaker { provider, is_open } => {
                let event = if *is_open { "breaker_opened" } else { "breaker_closed" };
                json!({ "event": event, "provider": **provider })
            }
            What::AttentionNeeded(row) => attention("attention_needed", row),
            What::AttentionOver(row) => attention("attention_over", row),
            What::Status { lately, total } => json!({
                "event": "status",
                "seconds": STATUS_EVERY_S,
                "lately": lately.json(),
                "since_start": total.json(),
            }),
            What::LeftOut(left_out) => json!({
                "event": "left_out",
                "orders": left_out.orders,
                "numbers": left_out.numbers,
                "messages": left_out.messages,
                "refunds": left_out.refunds,
                "other": left_out.other,
            }),
        };
        fields["at"] = rfc3339(self.at).into();
        fields
    }
}

impl OrderStep {
    fn text(&self) -> String {
        let Self { order, account, country, service, provider, number, price, step } = self;
        let product = format!("{service} {country}");
        let (step, price) = (step.to_string(), short(*price));
        format!(
            "{order:<18} {product:<16} {number:<20} {step:<38} {price:>8}  {provider:<9} {account}"
        )
    }

    fn json(&self) -> Value {
        let mut fields = json!({
            "event": self.step.word(),
            "order": self.order.to_string(),
            "account": self.account,
            "country": self.country,
            "service": self.service,
            "provider": *self.provider,
            "price": self.price.to_string(),
        });
        if !self.number.is_empty() {
            fields["number"] = self.number.as_str().into();
        }
        match self.step {
            Step::Message { after_ms, .. } => {
                fields["after_s"] = json!((after_ms / 100) as f64 / 10.0);
            }
            Step::Refunded { reason } => fields["reason"] = reason.into(),
            Step::Placed
            | Step::NextTry
            | Step::Doubted
            | Step::Number
            | Step::AnotherMessage { .. }
            | Step::Cancelled => {}
        }
        fields
    }
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const DIM: &str = "2";

impl What {
    /// The code of its colour on a terminal; `None` is the terminal's own.
    const fn colour(&self) -> Option<&'static str> {
        match self {
            Self::Order(OrderStep { step, .. }) => match step {
                Step::Placed => Some(DIM),
                Step::Number => None,
                Step::Message { .. } | Step::AnotherMessage { .. } => Some(GREEN),
                Step::NextTry | Step::Doubted | Step::Refunded { .. } | Step::Cancelled => {
                    Some(YELLOW)
                }
            },
            Self::Breaker { is_open: true, .. } | Self::AttentionNeeded(_) => Some(RED),
            Self::Breaker { is_open: false, .. } | Self::AttentionOver(_) => Some(GREEN),
            Self::Status { .. } => Some(CYAN),
            Self::LeftOut(_) => Some(DIM),
        }
    }
}

fn attention(event: &str, row: &AttentionRow) -> Value {
    json!({
        "event": event,
        "kind": row.kind.word(),
        "provider": row.subject.provider,
        "order": row.subject.order.map(|order| order.to_string()),
        "text": row.text,
    })
}

/// The kind of an attention row, and what it is about.
fn about(row: &AttentionRow) -> String {
    let provider = row.subject.provider.as_deref().map(|name| format!(" {name}"));
    let order = row.subject.order.map(|order| format!(" order {order}"));
    format!("{}{}{}", row.kind.word(), provider.unwrap_or_default(), order.unwrap_or_default())
}

/// A text of a provider may have any letters; a terminal gets none that move its cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// An amount without the zeros that say nothing; four decimals at least, so that most prices
/// have their points below each other.
fn short(amount: Micros) -> String {
    let text = amount.to_string();
    let kept = text.find('.').map_or(text.len(), |point| point + 5);
    text[..kept].to_owned() + text[kept..].trim_end_matches('0')
}

/// A number as `+62 8•• ••• 123`: the country's code, one digit and the last three.
pub(super) fn masked(number: Number, dial_code: &str) -> String {
    let digits = number.to_string();
    let (code, rest) = match digits.strip_prefix(dial_code) {
        Some(rest) => (dial_code, rest),
        None => ("", digits.as_str()),
    };
    let (len, last) = (rest.len(), if rest.len() < 7 { 1 } else { 3 });
    let mut text = format!("+{code}");
    for (at, digit) in rest.chars().enumerate() {
        if (len - at).is_multiple_of(3) && !text.ends_with('+') || at == 0 && !code.is_empty() {
            text.push(' ');
        }
        text.push(if at == 0 || at + last >= len { digit } else { '•' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public_id::PublicIds;
    use nexnum_engine::ids::OrderId;

    fn step(step: Step) -> Happening {
        let what = What::Order(OrderStep {
            order: PublicIds::new([7; 16]).order(OrderId(17)),
            account: "demo".into(),
            country: "ID",
            service: "telegram",
            provider: "hero".into(),
            number: masked(Number(62_812_345_123), "62"),
            price: Micros(120_000),
            step,
        });
        Happening { at: Time(1_700_000_000_123), what }
    }

    #[test]
    fn a_number_is_masked_and_grouped() {
        for (number, code, shown) in [
            (62_812_345_123, "62", "+62 8•• ••• 123"),
            (6_281_234_567_890, "62", "+62 8• ••• ••• 890"),
            (377_640_000_001, "377", "+377 6•• ••• 001"),
            (12_025_550_199, "1", "+1 2 ••• ••• 199"),
            (29_040_123, "290", "+290 4• ••3"),
            (62_812_345_123, "44", "+6• ••• ••• 123"),
        ] {
            assert_eq!(masked(Number(number), code), shown);
        }
    }

    #[test]
    fn a_line_says_what_happened_in_columns() {
        let code = step(Step::Message { after_ms: 4_260, has_code: true });
        assert_eq!(
            code.text(false),
            "22:13:20  ord_0sfnxabmaeh4z  telegram ID      +62 8•• ••• 123      \
             code received after 4.2 s                0.1200  hero      demo"
        );
        let coloured = code.text(true);
        assert!(coloured.contains("\x1b[32mord_0sfnx") && coloured.ends_with("\x1b[0m"));
        let refund = step(Step::Refunded { reason: "no provider had a number" });
        assert!(refund.text(false).contains("refunded: no provider had a number"));
        let breaker = What::Breaker { provider: "hero".into(), is_open: true };
        let breaker = Happening { at: Time(0), what: breaker };
        assert_eq!(breaker.text(false), "00:00:00  breaker   hero: open, nothing is bought there");
    }

    #[test]
    fn the_same_is_there_as_json() {
        assert_eq!(
            step(Step::Message { after_ms: 4_260, has_code: true }).json(),
            json!({
                "at": "2023-11-14T22:13:20.123Z", "event": "code_received", "order": "ord_0sfnxabmaeh4z",
                "account": "demo", "country": "ID", "service": "telegram", "provider": "hero",
                "number": "+62 8•• ••• 123", "price": "0.120000", "after_s": 4.2,
            })
        );
    }

    #[test]
    fn amounts_are_short_and_exact() {
        for (micros, shown) in [(120_000, "0.1200"), (1_000_000, "1.0000"), (123_456, "0.123456")] {
            assert_eq!(short(Micros(micros)), shown);
        }
    }
}
