//! Query strings, strictly: every parameter known, none twice, all decodable.

use std::borrow::Cow;

use super::error::Problem;
use hyper::StatusCode;

/// Most parameters one route may know; keeps a parsed query on the stack.
pub const QUERY_PARAMS_MAX: usize = 8;

/// A parsed query: the values of the parameters the route knows.
#[derive(Debug)]
pub struct Query<'a> {
    names: &'static [&'static str],
    values: [Option<Cow<'a, str>>; QUERY_PARAMS_MAX],
}

impl<'a> Query<'a> {
    /// Parses what follows the `?` of a URI; only `names` are allowed in it.
    ///
    /// # Errors
    /// 400 `unknown_parameter`, `repeated_parameter` or `invalid_parameter`, with the name.
    ///
    /// # Panics
    /// If a route knows more than [`QUERY_PARAMS_MAX`] names.
    pub fn parse(text: &'a str, names: &'static [&'static str]) -> Result<Self, Problem> {
        assert!(names.len() <= QUERY_PARAMS_MAX, "a route knows at most eight parameters");
        let mut values = [const { None }; QUERY_PARAMS_MAX];
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, Plus::IsSpace).ok_or_else(|| {
                Problem::invalid_parameter(shown(name), "the name is not percent-encoded UTF-8")
            })?;
            let Some(at) = names.iter().position(|known| *known == name) else {
                return Err(unknown(&name, names));
            };
            let value = decode(value, Plus::IsSpace).ok_or_else(|| {
                Problem::invalid_parameter(names[at], "is not percent-encoded UTF-8")
            })?;
            if values[at].replace(value).is_some() {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "repeated_parameter",
                    "A parameter is given twice",
                )
                .param(names[at]));
            }
        }
        Ok(Self { names, values })
    }

    /// The value of a parameter, if given.
    ///
    /// # Panics
    /// If `name` is not one the query was parsed with.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|known| *known == name);
        self.values[at.expect("a route reads only parameters it declares")].as_deref()
    }

    /// Takes the value of a parameter out, if given.
    ///
    /// # Panics
    /// If `name` is not one the query was parsed with.
    pub fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.names.iter().position(|known| *known == name);
        self.values[at.expect("a route reads only parameters it declares")].take()
    }

    /// The value of a parameter that must be there and not empty.
    ///
    /// # Errors
    /// 400 `invalid_parameter`.
    pub fn required(&self, name: &'static str) -> Result<&str, Problem> {
        match self.get(name) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_parameter",
                "A parameter is missing",
            )
            .param(name)
            .detail(format!("{name} is missing"))),
        }
    }

    /// An integer within bounds, or `default` where it is not given.
    ///
    /// # Errors
    /// 400 `invalid_parameter` for anything but decimal digits within the bounds.
    pub fn number(
        &self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        parse_number(text).filter(|n| bounds.contains(n)).ok_or_else(|| {
            let (low, high) = (bounds.start(), bounds.end());
            Problem::invalid_parameter(name, format!("is not an integer from {low} to {high}"))
        })
    }
}

/// Whether `+` stands for a space: in queries it does, in paths not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    /// `+` is a space.
    IsSpace,
    /// `+` is itself.
    IsPlus,
}

/// Decodes percent-encoded UTF-8; `None` where it is neither. Borrows what needs no decoding.
pub(super) fn decode(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let is_coded = |b: &u8| *b == b'%' || (*b == b'+' && plus == Plus::IsSpace);
    if !text.as_bytes().iter().any(is_coded) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus == Plus::IsSpace => b' ',
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Decimal digits only: no sign, no space, nothing above 64 bits.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn unknown(name: &str, names: &[&str]) -> Problem {
    let detail = match names {
        [] => "this path takes no parameters".to_owned(),
        names => format!("this path takes: {}", names.join(", ")),
    };
    Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", "A parameter is unknown")
        .param(shown(name))
        .detail(detail)
}

/// What a reply repeats of a name that a caller made up: a bounded prefix.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// Whether a text has 1 to so many characters, and no control characters.
#[must_use]
pub fn is_line(text: &str, chars_max: usize) -> bool {
    let len = text.chars().take(chars_max + 1).count();
    (1..=chars_max).contains(&len) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["country", "limit"];

    fn refusal(text: &str) -> (&'static str, String) {
        let problem = Query::parse(text, NAMES).unwrap_err();
        let shown = format!("{problem:?}");
        (problem.code(), shown)
    }

    #[test]
    fn values_are_decoded_and_borrowed_where_they_can_be() {
        let query = Query::parse("country=C%C3%B4te+d%27Ivoire&limit=5", NAMES).unwrap();
        assert_eq!(query.get("country"), Some("Côte d'Ivoire"));
        assert_eq!(query.number("limit", 1..=10, 3).unwrap(), 5);
        assert!(matches!(decode("plain", Plus::IsSpace), Some(Cow::Borrowed("plain"))));
        assert_eq!(decode("a+b%2B", Plus::IsPlus).unwrap(), "a+b+");
    }

    #[test]
    fn unknown_repeated_and_undecodable_parameters_are_named() {
        for (text, code, name) in [
            ("contry=x", "unknown_parameter", "contry"),
            ("country=a&country=b", "repeated_parameter", "country"),
            ("country=%", "invalid_parameter", "country"),
            ("country=%zz", "invalid_parameter", "country"),
            ("country=%ff", "invalid_parameter", "country"),
            ("%ff=1", "invalid_parameter", "%ff"),
        ] {
            let (found, shown) = refusal(text);
            assert_eq!(found, code, "{text}");
            assert!(shown.contains(&format!("{name:?}")), "{text}: {shown}");
        }
    }

    #[test]
    fn numbers_are_digits_within_bounds() {
        for bad in ["", "0", "11", "+5", "-1", "1e1", "99999999999999999999", "5 "] {
            let text = format!("limit={}", bad.replace('+', "%2B"));
            let query = Query::parse(&text, NAMES).unwrap();
            assert!(query.number("limit", 1..=10, 3).is_err(), "{bad:?}");
        }
        let query = Query::parse("", NAMES).unwrap();
        assert_eq!(query.number("limit", 1..=10, 3).unwrap(), 3);
        assert_eq!(query.required("country").unwrap_err().code(), "invalid_parameter");
    }
}
