//! Prices as providers print them: two to four places of a USD.

use std::fmt;

use nexnum_engine::money::Micros;

use crate::wire::Wire;

/// A price in ten-thousandths of a USD: the most precise that price lists print, in half the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost(pub(crate) u32);

impl Cost {
    pub(crate) const PER_UNIT: u32 = 10_000;

    /// Micros rounded down; amounts beyond the range become the largest cost.
    pub(crate) fn from_micros(amount: Micros) -> Self {
        Self(u32::try_from(amount.0.max(0) / 100).unwrap_or(u32::MAX))
    }

    /// A buyer's limit; what is not a number admits no price at all.
    pub(crate) fn limit(text: &str) -> Self {
        // Floats arrive with seventeen digits; what is below a micro does not decide.
        let end = text.find('.').map_or(text.len(), |point| text.len().min(point + 7));
        let text = text.get(..end).unwrap_or_default();
        Self::from_micros(Micros::parse(text).unwrap_or_default())
    }

    /// Rounded up to the places that a wire format's list has.
    pub(crate) fn as_printed(self, wire: Wire) -> Self {
        let grain = match wire {
            Wire::Handler => 50,
            Wire::FiveSim => 1,
            Wire::SmsPool => 100,
        };
        Self(self.0.div_ceil(grain) * grain)
    }

    /// A multiple of it, as a fraction.
    pub(crate) fn times(self, over: u32, under: u32) -> Self {
        let cost = u64::from(self.0) * u64::from(over) / u64::from(under.max(1));
        Self(u32::try_from(cost).unwrap_or(u32::MAX))
    }

    /// The same digits as a JSON number.
    pub(crate) fn json(self) -> serde_json::Value {
        let number = self.to_string().parse::<serde_json::Number>();
        number.expect("digits, a point and digits are a JSON number").into()
    }
}

/// Prints two to four places, `"0.48"`, `"0.2064"`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / Self::PER_UNIT, self.0 % Self::PER_UNIT);
        if part.is_multiple_of(100) {
            write!(f, "{whole}.{:02}", part / 100)
        } else if part.is_multiple_of(10) {
            write!(f, "{whole}.{:03}", part / 10)
        } else {
            write!(f, "{whole}.{part:04}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_prints_two_to_four_places_and_a_limit_is_read_as_clients_write_it() {
        let printed: Vec<String> =
            [0, 4_800, 2_064, 2_050, 125_000].map(|cost| Cost(cost).to_string()).into();
        assert_eq!(printed, ["0.00", "0.48", "0.2064", "0.205", "12.50"]);
        assert_eq!(Cost::limit("0.30000000000000004"), Cost(3_000));
        assert_eq!(Cost::limit("10"), Cost(100_000));
        for text in ["", "-1", "x", "1e3", "1.é"] {
            assert_eq!(Cost::limit(text), Cost(0), "{text:?}");
        }
        assert_eq!(Cost(4_801).as_printed(Wire::SmsPool), Cost(4_900));
    }
}
