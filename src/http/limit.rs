//! A rate limiter in one atomic word a key: the generic cell rate algorithm.
//!
//! The word holds the theoretical arrival time (TAT): when the next request is due if all so
//! far had been evenly spaced. A request is taken while the TAT is no further ahead of now
//! than the burst allows, and moves it one interval on. Integers only; the clock is the
//! caller's. *Source*: ITU-T I.371, the virtual scheduling form.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderName, HeaderValue};

use super::Response;
use super::error::Problem;
use super::json::push_number;

/// `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// `RateLimit` of the same draft.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

const NS_PER_S: u64 = 1_000_000_000;
/// Longest window: with it no sum below can leave 64 bits for five hundred years.
const WINDOW_S_MAX: u32 = 86_400;

/// So many requests in so many seconds, all of which may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    interval_ns: u64,
    window_ns: u64,
    requests: u32,
    window_s: u32,
}

/// A request was taken: what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Requests that would be taken right now.
    pub requests: u32,
    /// Seconds, rounded up, until the quota is whole again.
    pub reset_s: u32,
}

/// A request was refused: when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// Nanoseconds until one request would be taken.
    pub wait_ns: u64,
}

/// One key's limiter.
#[derive(Debug, Default)]
pub struct Gcra {
    // Alone in its meaning: nothing is published through it, so relaxed everywhere.
    arrival_ns: AtomicU64,
}

impl Quota {
    /// `requests` in `window_s` seconds. `None` where either is 0, the window is longer than a
    /// day, or the rate is above one request a nanosecond.
    #[must_use]
    pub const fn new(requests: u32, window_s: u32) -> Option<Self> {
        if requests == 0 || window_s == 0 || window_s > WINDOW_S_MAX {
            return None;
        }
        let window_ns = window_s as u64 * NS_PER_S;
        let interval_ns = window_ns / requests as u64;
        if interval_ns == 0 {
            return None;
        }
        // A whole number of intervals, so that a full burst is exactly the quota.
        Some(Self { interval_ns, window_ns: interval_ns * requests as u64, requests, window_s })
    }

    /// The value of `RateLimit-Policy`. Worth rendering once a tier.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<HeaderValue> {
        let text = format!("\"{name}\";q={};w={}", self.requests, self.window_s);
        HeaderValue::from_str(&text).ok()
    }
}

impl Gcra {
    /// Takes one request at `now_ns` (any monotonic clock), or says when one would be taken.
    ///
    /// # Errors
    /// The wait; a refused request costs the key nothing.
    pub fn check(&self, quota: &Quota, now_ns: u64) -> Result<Remaining, RetryAfter> {
        let mut arrival = self.arrival_ns.load(Ordering::Relaxed);
        loop {
            let due = arrival.max(now_ns) + quota.interval_ns;
            let ahead_ns = due - now_ns;
            if ahead_ns > quota.window_ns {
                return Err(RetryAfter { wait_ns: ahead_ns - quota.window_ns });
            }
            match self.arrival_ns.compare_exchange_weak(
                arrival,
                due,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(Remaining::ahead_by(quota, ahead_ns)),
                Err(changed) => arrival = changed,
            }
        }
    }
}

impl Remaining {
    fn ahead_by(quota: &Quota, ahead_ns: u64) -> Self {
        let requests = (quota.window_ns - ahead_ns) / quota.interval_ns;
        Self {
            requests: u32::try_from(requests).unwrap_or(u32::MAX),
            reset_s: seconds_up(ahead_ns),
        }
    }

    /// The value of `RateLimit`: `"name";r=…;t=…`. `None` where `name` is not visible ASCII.
    #[must_use]
    pub fn to_value(self, name: &str) -> Option<HeaderValue> {
        let mut text = Vec::with_capacity(name.len() + 20);
        text.push(b'"');
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\";r=");
        push_number(&mut text, u64::from(self.requests));
        text.extend_from_slice(b";t=");
        push_number(&mut text, u64::from(self.reset_s));
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()
    }

    /// Puts both headers on a reply.
    pub fn put_on(self, response: &mut Response, name: &str, policy: &HeaderValue) {
        if let Some(value) = self.to_value(name) {
            response.headers_mut().insert(RATE_LIMIT_POLICY, policy.clone());
            response.headers_mut().insert(RATE_LIMIT, value);
        }
    }
}

impl RetryAfter {
    /// Seconds, rounded up, at least 1.
    #[must_use]
    pub fn seconds(self) -> u32 {
        seconds_up(self.wait_ns).max(1)
    }

    /// 429 with `Retry-After` and both rate-limit headers.
    #[must_use]
    pub fn into_problem(self, name: &str, policy: &HeaderValue) -> Problem {
        let none_left = Remaining { requests: 0, reset_s: self.seconds() };
        let problem = Problem::rate_limited(self.seconds());
        match none_left.to_value(name) {
            Some(value) => {
                problem.header(RATE_LIMIT_POLICY, policy.clone()).header(RATE_LIMIT, value)
            }
            None => problem,
        }
    }
}

fn seconds_up(ns: u64) -> u32 {
    u32::try_from(ns.div_ceil(NS_PER_S)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_burst_is_taken_whole_and_then_one_an_interval() {
        let quota = Quota::new(3, 1).unwrap();
        let gcra = Gcra::default();
        let now = 7 * NS_PER_S;
        let left: Vec<u32> = (0..3).map(|_| gcra.check(&quota, now).unwrap().requests).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = gcra.check(&quota, now).unwrap_err();
        assert_eq!(refused, RetryAfter { wait_ns: 333_333_333 });
        assert_eq!(gcra.check(&quota, now + 333_333_332).unwrap_err().wait_ns, 1);
        assert_eq!(gcra.check(&quota, now + 333_333_333).unwrap().requests, 0);
    }

    #[test]
    fn a_rest_restores_the_quota_and_no_more() {
        let quota = Quota::new(2, 10).unwrap();
        let gcra = Gcra::default();
        assert_eq!(gcra.check(&quota, 0), Ok(Remaining { requests: 1, reset_s: 5 }));
        assert_eq!(gcra.check(&quota, 0), Ok(Remaining { requests: 0, reset_s: 10 }));
        let later = 1_000 * NS_PER_S;
        assert_eq!(gcra.check(&quota, later), Ok(Remaining { requests: 1, reset_s: 5 }));
        assert_eq!(gcra.check(&quota, later), Ok(Remaining { requests: 0, reset_s: 10 }));
        assert_eq!(gcra.check(&quota, later).unwrap_err().seconds(), 5);
    }

    #[test]
    fn a_clock_that_steps_back_refuses_but_never_overflows() {
        let quota = Quota::new(1, WINDOW_S_MAX).unwrap();
        let gcra = Gcra::default();
        assert!(gcra.check(&quota, 500 * 365 * 86_400 * NS_PER_S).is_ok());
        assert!(gcra.check(&quota, 0).is_err());
    }

    #[test]
    fn threads_together_get_exactly_the_quota() {
        let quota = Quota::new(1_000, 1).unwrap();
        let gcra = Arc::new(Gcra::default());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let gcra = Arc::clone(&gcra);
                std::thread::spawn(move || {
                    (0..1_000).filter(|_| gcra.check(&quota, 42).is_ok()).count()
                })
            })
            .collect();
        let taken: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(taken, 1_000);
    }

    #[test]
    fn quotas_without_sense_are_refused() {
        for (requests, window_s) in [(0, 1), (1, 0), (1, WINDOW_S_MAX + 1), (u32::MAX, 1)] {
            assert_eq!(Quota::new(requests, window_s), None, "{requests} in {window_s}");
        }
    }

    #[test]
    fn headers_follow_the_draft() {
        let quota = Quota::new(100, 60).unwrap();
        assert_eq!(quota.policy("burst").unwrap(), "\"burst\";q=100;w=60");
        let left = Gcra::default().check(&quota, 0).unwrap();
        assert_eq!(left.to_value("burst").unwrap(), "\"burst\";r=99;t=1");
        let policy = quota.policy("burst").unwrap();
        let response =
            RetryAfter { wait_ns: 1 }.into_problem("burst", &policy).into_response("/", "r");
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["ratelimit"], "\"burst\";r=0;t=1");
        assert_eq!(response.status(), 429);
    }
}
