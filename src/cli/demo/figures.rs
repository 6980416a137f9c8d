//! Counts that the demo shows: how the market did, and what was not shown of it.

use std::fmt;

use serde_json::{Value, json};

/// What is counted for a status line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Orders placed.
    pub orders: u64,
    /// Orders whose first message came with a code.
    pub codes: u64,
    /// Those whose code came within [`PROMPT_MS`] of the purchase.
    pub prompt_codes: u64,
    /// Orders whose money went back.
    pub refunds: u64,
    /// Requests of the demo's buyers that were refused for now.
    pub busy: u64,
}

/// A code that came within this time of the purchase came promptly.
pub(super) const PROMPT_MS: u64 = 15_000;
/// How often a status is shown.
pub(super) const STATUS_EVERY_S: u64 = 10;

/// What was not shown, since there was too much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub orders: u64,
    pub numbers: u64,
    pub messages: u64,
    pub refunds: u64,
    pub other: u64,
}

impl Figures {
    /// What came since `earlier`.
    pub(super) const fn since(self, earlier: Self) -> Self {
        Self {
            orders: self.orders - earlier.orders,
            codes: self.codes - earlier.codes,
            prompt_codes: self.prompt_codes - earlier.prompt_codes,
            refunds: self.refunds - earlier.refunds,
            busy: self.busy - earlier.busy,
        }
    }

    fn prompt_share(&self) -> Option<f64> {
        (self.codes > 0).then(|| self.prompt_codes as f64 / self.codes as f64)
    }

    /// The same for a program.
    pub(super) fn json(&self) -> Value {
        let share = self.prompt_share().map(|share| (share * 1000.0).round() / 1000.0);
        json!({
            "orders": self.orders,
            "codes": self.codes,
            "codes_within_15_s_share": share,
            "refunds": self.refunds,
            "busy_refusals": self.busy,
        })
    }
}

const _: () = assert!(PROMPT_MS == 15_000);

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", counted(self.orders, "order"), counted(self.codes, "code"))?;
        if let Some(share) = self.prompt_share() {
            write!(f, " ({:.0} % within 15 s of the purchase)", (100.0 * share).floor())?;
        }
        let refusals = counted(self.busy, "busy refusal");
        write!(f, ", {}, {refusals}", counted(self.refunds, "refund"))
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.orders, "order"),
            (self.numbers, "number"),
            (self.messages, "message"),
            (self.refunds, "refund"),
            (self.other, "other line"),
        ];
        let shown = all.into_iter().filter(|(count, _)| *count > 0);
        let mut counts: Vec<_> = shown.map(|(count, what)| counted(count, what)).collect();
        if let Some((first, rest)) = counts.split_first_mut() {
            let (count, what) = first.split_once(' ').expect("a count and what it counts");
            *first = format!("… and {count} more {what}");
            write!(f, "{first}")?;
            rest.iter().try_for_each(|each| write!(f, ", {each}"))?;
        }
        f.write_str(" in the last second")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_share_of_prompt_codes() {
        let total = Figures { orders: 1, codes: 3, prompt_codes: 2, refunds: 1, busy: 0 };
        let expected =
            "1 order, 3 codes (66 % within 15 s of the purchase), 1 refund, 0 busy refusals";
        assert_eq!(total.to_string(), expected);
        assert_eq!(total.json()["codes_within_15_s_share"], 0.667);
        let none = total.since(total);
        assert_eq!(none.to_string(), "0 orders, 0 codes, 0 refunds, 0 busy refusals");
        assert_eq!(none.json()["codes_within_15_s_share"], Value::Null);
    }
}
