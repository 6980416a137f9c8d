//! Values that our JSON faces write and read alike: ids, money, moments, codes. Each has its
//! JSON form and the description of it here, so that the two cannot differ.

use std::borrow::Cow;
use std::sync::Arc;

use nexnum_engine::ids::Number;
use nexnum_engine::money::Micros;
use nexnum_engine::product::Variant;
use nexnum_engine::time::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

use crate::clock::Rfc3339;
use crate::public_id::ShownId;

/// Describes a type by hand: its name among the schemas, and the schema.
macro_rules! described {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// An id: a decimal number as text, since JavaScript's numbers are not exact above 2⁵³.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(pub u64);

impl From<u32> for Id {
    fn from(id: u32) -> Self {
        Self(u64::from(id))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(itoa::Buffer::new().format(self.0))
    }
}

described!(Id, "Id", {
    "type": "string",
    "description": "An id: a decimal number as a string",
    "pattern": "^[1-9][0-9]*$",
    "examples": ["17"],
});

/// The id of something that a customer has, as [`PublicIds`](crate::public_id::PublicIds) shows
/// it.
macro_rules! shown_ids {
    ($($(#[$doc:meta])* $type:ident, $name:literal, $what:literal, $pattern:literal, $example:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $type(pub ShownId);

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }

        described!($type, $name, {
            "type": "string",
            "description": $what,
            "pattern": $pattern,
            "examples": [$example],
        });
    )*};
}

shown_ids! {
    /// An order's id.
    OrderRef, "OrderId", "The id of an order", "^ord_[0-9a-hjkmnp-tv-z]{13}$", "ord_08p3xq5n7t2ma";
    /// An activation's id.
    ActivationRef, "ActivationId", "The id of an activation", "^act_[0-9a-hjkmnp-tv-z]{13}$", "act_0c4v9s1rk6yhe";
    /// What names an activation in a path: its id, or its order's.
    ActivationName, "ActivationName", "The id of an activation, or of its order", "^(act|ord)_[0-9a-hjkmnp-tv-z]{13}$", "act_0c4v9s1rk6yhe";
    /// A message's id.
    MessageRef, "MessageId", "The id of a message", "^msg_[0-9a-hjkmnp-tv-z]{13}$", "msg_0f2d8j5wz0qb7";
    /// A transaction's id.
    TransactionRef, "TransactionId", "The id of a transaction", "^txn_[0-9a-hjkmnp-tv-z]{13}$", "txn_0a6g3m9xk1rv4";
    /// Where a list goes on.
    CursorRef, "NextCursor", "Where a list goes on", "^cur_[0-9a-hjkmnp-tv-z]{13}$", "cur_05n8w2cy7j4ts";
}

/// An amount that we state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Money(pub Micros);

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(decimal(self.0, &mut [0; MONEY_LEN_MAX]))
    }
}

/// The longest amount: sign, thirteen digits, point, six digits.
const MONEY_LEN_MAX: usize = 21;

/// An amount as [`Micros`] prints it, at the end of `text`. A quote has an amount for each of
/// its asks, and the standard library's formatting costs 50 ns an amount.
fn decimal(amount: Micros, text: &mut [u8; MONEY_LEN_MAX]) -> &str {
    let point = MONEY_LEN_MAX - 7;
    let (mut rest, mut at) = (amount.0.unsigned_abs(), MONEY_LEN_MAX);
    // At least one digit before the point.
    while at >= point || rest > 0 {
        at -= 1;
        if at == point {
            text[at] = b'.';
        } else {
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    if amount.0 < 0 {
        at -= 1;
        text[at] = b'-';
    }
    std::str::from_utf8(&text[at..]).expect("digits, a point and a sign are ASCII")
}

described!(Money, "Money", {
    "type": "string",
    "description": "An amount of money as a decimal string with six places, in the currency of the ledger",
    "pattern": "^-?[0-9]+\\.[0-9]{6}$",
    "examples": ["0.400000"],
});

/// An amount as a caller states it, not looked at yet.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Amount<'a>(#[serde(borrow)] pub Cow<'a, str>);

described!(Amount<'_>, "Amount", {
    "type": "string",
    "description": "An amount of money as a decimal string: at most 1000000000, at most six places",
    "pattern": "^[0-9]+(\\.[0-9]+)?$",
    "examples": ["0.5", "12.50"],
});

/// The currency of all amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) enum Currency {
    /// US dollars, the one currency of the ledger.
    #[serde(rename = "USD")]
    Usd,
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub Time);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Rfc3339(self.0))
    }
}

described!(Moment, "Moment", {
    "type": "string",
    "description": "A moment as RFC 3339 has it, in UTC, with milliseconds",
    "format": "date-time",
    "examples": ["2026-11-20T09:30:00.000Z"],
});

/// A share of a whole, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(pub u16);

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1000.0)
    }
}

described!(Share, "Share", {
    "type": "number",
    "description": "A share of a whole, rounded to three places",
    "minimum": 0,
    "maximum": 1,
    "examples": [0.925],
});

/// A span of time in milliseconds, stated in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub u64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Exact: a span has far fewer than 2⁵³ tenths of a second.
        serializer.serialize_f64((self.0.saturating_add(50) / 100) as f64 / 10.0)
    }
}

described!(Seconds, "Seconds", {
    "type": "number",
    "description": "Seconds, rounded to one place",
    "minimum": 0,
    "examples": [14.2],
});

/// A country that we state.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CountryCode<'a>(pub &'a str);

described!(CountryCode<'_>, "CountryCode", {
    "type": "string",
    "description": "A country's code as ISO 3166-1 alpha-2 has it",
    "pattern": "^[A-Z]{2}$",
    "examples": ["ID"],
});

/// A service that we state.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ServiceSlug<'a>(pub &'a str);

described!(ServiceSlug<'_>, "ServiceSlug", {
    "type": "string",
    "description": "A service's name in this API, in lower case",
    "examples": ["telegram"],
});

/// A phone number that we state.
#[derive(Clone, Copy, Debug)]
pub(super) struct PhoneNumber(pub Number);

impl Serialize for PhoneNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("+{}", self.0))
    }
}

described!(PhoneNumber, "PhoneNumber", {
    "type": "string",
    "description": "A phone number as E.164 has it, with the plus sign",
    "pattern": "^\\+[1-9][0-9]{4,14}$",
    "examples": ["+6281234567890"],
});

/// A phone number as a caller states it, not looked at yet.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct GivenNumber<'a>(#[serde(borrow)] pub Cow<'a, str>);

described!(GivenNumber<'_>, "GivenNumber", {
    "type": "string",
    "description": "A phone number: its country code and digits, with or without the plus sign. \
        Blanks, dashes, dots and parentheses in it are ignored, and digits may be of any script",
    "examples": ["+6281234567890"],
});

/// The carrier of a variant that names one, shared with the read model.
#[derive(Clone, Debug)]
pub(super) struct CarrierName(pub Arc<Variant>);

impl Serialize for CarrierName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.carrier.as_deref().serialize(serializer)
    }
}

impl JsonSchema for CarrierName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CarrierName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        str::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_as_micros_print_it() {
        let edges = [0, 1, 9, 999_999, 1_000_000, 400_000, 12_345_678_901, i64::MAX];
        for micros in edges.into_iter().flat_map(|micros| [micros, -micros]).chain([i64::MIN]) {
            let written = serde_json::to_value(Money(Micros(micros))).unwrap();
            assert_eq!(written, Micros(micros).to_string());
        }
    }
}
