//! `Retry-After` as drivers read it: in seconds.
//!
//! RFC 9110 section 10.2.3 allows a date as well.

use std::time::{Duration, SystemTime};

const RETRY_AFTER: &str = "retry-after";
const DATE: &str = "date";

/// The headers of a reply that came at `now`, with a date of `Retry-After` in whole seconds, rounded
/// up.
///
/// It is held against the reply's own `Date` where it has one, since the provider's clock wrote both.
/// What is no date stays as it is.
pub(super) fn in_seconds(
    mut headers: Vec<(String, String)>,
    now: SystemTime,
) -> Vec<(String, String)> {
    let Some(at) = position(&headers, RETRY_AFTER) else { return headers };
    let sent =
        position(&headers, DATE).and_then(|at| httpdate::parse_http_date(&headers[at].1).ok());
    if let Some(seconds) = seconds(headers[at].1.trim(), sent.unwrap_or(now)) {
        headers[at].1 = seconds.to_string();
    }
    headers
}

fn position(headers: &[(String, String)], name: &str) -> Option<usize> {
    headers.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn seconds(value: &str, since: SystemTime) -> Option<u64> {
    let until = httpdate::parse_http_date(value).ok()?;
    let wait = until.duration_since(since).unwrap_or(Duration::ZERO);
    Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, date: Option<&str>, expected: &str) {
        let now = httpdate::parse_http_date("Sat, 28 Nov 2026 01:00:00 GMT").unwrap();
        let mut headers = vec![("Retry-After".to_owned(), value.to_owned())];
        headers.extend(date.map(|date| ("date".to_owned(), date.to_owned())));
        assert_eq!(in_seconds(headers, now)[0].1, expected, "{value}");
    }

    #[test]
    fn seconds_stay_as_they_are_and_dates_come_out_in_seconds() {
        for number in ["30", " 0 ", "1.2", ".5"] {
            check(number, None, number);
        }
        check("Sat, 28 Nov 2026 01:01:30 GMT", None, "90");
        check("Saturday, 28-Nov-26 01:01:30 GMT", None, "90");
        check("Sat Nov 28 01:01:30 2026", None, "90");
        check("Sat, 28 Nov 2026 00:59:00 GMT", None, "0");
    }

    #[test]
    fn a_date_is_held_against_the_clock_that_wrote_it() {
        let ahead = Some("Sat, 28 Nov 2026 03:00:00 GMT");
        check("Sat, 28 Nov 2026 03:00:30 GMT", ahead, "30");
        check("Sat, 28 Nov 2026 01:00:30 GMT", Some("yesterday"), "30");
    }

    #[test]
    fn what_is_no_time_stays_as_it_is() {
        for value in ["", ".", "1.2.3", "-1", "soon", "1e9", "NaN", "99 Nov"] {
            check(value, None, value);
        }
    }
}
