//! Values of the configuration that several sections have, with refusals in our own words.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use nexnum_driver::Currency;
use nexnum_engine::money::Micros;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;

/// Bytes of a name in the configuration, as in the engine.
const NAME_LEN_MAX: usize = 100;
/// Bytes of a path, as on Linux.
const PATH_LEN_MAX: usize = 4_096;

/// Digits of a float that are surely those that were typed.
const FLOAT_DIGITS_MAX: usize = 15;

/// A decimal number as text: in quotes, or without them where it is exact. TOML reads a number
/// with a point as a float, which up to 15 digits is the one that was typed.
pub(crate) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(DecimalText)
}

struct DecimalText;

impl Visitor<'_> for DecimalText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number, as 20 or \"12.5\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        let text = number.to_string();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if number.is_finite() && digits <= FLOAT_DIGITS_MAX {
            return Ok(text);
        }
        Err(E::custom(format!(
            "a number without quotes has at most {FLOAT_DIGITS_MAX} digits here: write it in \
             quotes, as \"12.5\""
        )))
    }
}

/// A whole number within bounds.
pub(crate) fn within<'de, D: Deserializer<'de>>(
    deserializer: D,
    bounds: RangeInclusive<u64>,
) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(Within(bounds))
}

struct Within(RangeInclusive<u64>);

impl Visitor<'_> for Within {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if self.0.contains(&number) {
            return Ok(number);
        }
        Err(E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

/// An amount of the ledger's currency.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Micros, D::Error> {
    let text = decimal(deserializer)?;
    Micros::parse(&text).map_err(|e| D::Error::custom(format!("{text:?} {e}")))
}

/// An amount as [`amount`] reads it.
pub(crate) fn serialize_amount<S: Serializer>(
    amount: &Micros,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// A currency.
pub(crate) fn optional_currency<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Currency>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let none =
        || D::Error::custom(format!("{text:?} is not a currency: write its three letters, as CAD"));
    Currency::parse(&text).ok_or_else(none).map(Some)
}

/// A currency as [`optional_currency`] reads it.
pub(crate) fn serialize_optional_currency<S: Serializer>(
    currency: &Option<Currency>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match currency {
        Some(currency) => serializer.collect_str(currency),
        None => serializer.serialize_none(),
    }
}

/// A name of 1 to 100 bytes without control characters, as in the engine. `.` and `..` are none: they stand in no URL's path.
pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match &*text {
        "." | ".." => Err(D::Error::custom(format!("{text:?} is no name"))),
        name if name.contains(char::is_control) => {
            Err(D::Error::custom("a name has no line breaks, tabs or other control characters"))
        }
        name if (1..=NAME_LEN_MAX).contains(&name.len()) => Ok(text),
        _ => Err(D::Error::custom(format!("a name has 1 to {NAME_LEN_MAX} bytes"))),
    }
}

/// The path of a file, or a name in its place.
pub(crate) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if (1..=PATH_LEN_MAX).contains(&text.len()) {
        return Ok(text);
    }
    Err(D::Error::custom(format!("a path has 1 to {PATH_LEN_MAX} bytes")))
}

/// The path of a file, if there is one.
pub(crate) fn optional_path<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    path(deserializer).map(Some)
}

/// An `http` or `https` address to which paths are added.
pub(crate) fn base_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        None | Some("") => Err(D::Error::custom("an address begins with http(s)://")),
        Some(rest) if rest.contains(['@', '?', '#', ' ']) => {
            Err(D::Error::custom("an address has no user, query, fragment or space"))
        }
        Some(_) => Ok(Some(text)),
    }
}

/// Where a listener is.
pub(crate) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    deserializer.deserialize_str(Address)
}

/// Where a listener is, if there is one.
pub(crate) fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
}

struct Address;

impl Visitor<'_> for Address {
    type Value = SocketAddr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IP address with a port in quotes, as \"127.0.0.1:8080\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
        text.parse().map_err(|_| E::custom(no_address(text)))
    }
}

/// What is wrong with an address, and what to write instead.
fn no_address(text: &str) -> String {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let is_port = port.parse::<u16>().is_ok();
    let is_ip = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_port && host.is_empty() {
        format!(
            "{text:?} has no IP address: write 127.0.0.1:{port} for this machine alone, or 0.0.0.0:{port} for all networks"
        )
    } else if is_ip(text) {
        format!("{text:?} has no port: write an IP address with a port, as 127.0.0.1:8080")
    } else if is_port && !is_ip(host) {
        format!(
            "{text:?} is a host name with a port: write an IP address with a port, as 127.0.0.1:{port}"
        )
    } else {
        format!("{text:?} is not an IP address with a port: write one, as 127.0.0.1:8080")
    }
}
