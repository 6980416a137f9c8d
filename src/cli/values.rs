//! Values of arguments, with refusals in our own words, and of the environment's variables.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use nexnum_engine::money::Micros;
use nexnum_engine::sealed::KeyHandle;

/// A variable of the environment, without the line break that a file leaves at its end; one that
/// is blank, or not text, counts as not set.
pub(super) fn variable(name: &str) -> Option<String> {
    let text = std::env::var(name).ok().filter(|text| !text.trim().is_empty())?;
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// An id of an account or a key.
pub(super) fn id(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "is not an id: ids are whole numbers, as the lists show".to_owned())
}

/// The handle of a sealing key.
pub(super) fn key_handle(text: &str) -> Result<KeyHandle, String> {
    let handle = KeyHandle::parse(text);
    handle.ok_or_else(|| "is not a key's handle, which is 32 hexadecimal digits".to_owned())
}

/// A provider's name that a path can carry.
pub(super) fn provider_name(text: &str) -> Result<String, String> {
    match text {
        "" => Err("is not a provider's name: no name is empty".to_owned()),
        "." | ".." => Err("cannot be asked for: in a path it stands for a folder".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// An amount above zero, as it was typed: it is the server that reckons with it.
pub(super) fn amount(text: &str) -> Result<String, String> {
    match Micros::parse(text) {
        Ok(amount) if amount.is_positive() => Ok(text.to_owned()),
        Ok(_) => Err("is not above zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An address with a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "is not an IP address with a port, as 127.0.0.1:8080 is".to_owned())
}

/// A whole number within bounds.
pub(super) fn whole<T: TryFrom<u64>>(
    bounds: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        let (low, high) = (bounds.start(), bounds.end());
        number.ok_or_else(|| format!("is not a whole number from {low} to {high}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_is_refused_with_the_rule() {
        assert_eq!(id("7"), Ok(7));
        assert!(id("acme").unwrap_err().starts_with("is not an id"));
        assert!(address("localhost:80").unwrap_err().contains("127.0.0.1:8080"));
        for wrong in ["", ".", ".."] {
            assert!(provider_name(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(amount("12.50"), Ok("12.50".to_owned()));
        assert_eq!(amount("0.00").unwrap_err(), "is not above zero");
        assert_eq!(amount("-1").unwrap_err(), "is negative");
        assert_eq!(amount("1,5").unwrap_err(), "is not a decimal number");
        let limit = whole::<u32>(1..=50);
        assert_eq!(limit("50"), Ok(50));
        for wrong in ["0", "51", "-1", "x", ""] {
            assert_eq!(limit(wrong).unwrap_err(), "is not a whole number from 1 to 50", "{wrong}");
        }
    }
}
