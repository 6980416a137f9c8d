//! A rate limiter in one atomic word a key: the generic cell rate algorithm.
//!
//! The word holds the theoretical arrival time (TAT): when the next request is due if all so
//! far had been evenly spaced. A request is taken while the TAT is no further ahead of now
//! than the burst allows, and moves it one interval on. Integers only; the clock is the
//! caller's. *Source*: ITU-T I.371, the virtual scheduling form.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderName, HeaderValue};

use super::error::Problem;
use super::response::Response;

/// `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// `RateLimit` of the same draft.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What both headers call the quota, and what follows in `RateLimit`.
const REMAINING: &[u8] = b"\"requests\";r=";
const RESET: &[u8] = b";t=";
/// The digits of `u32::MAX`.
const DIGITS_MAX: usize = 10;

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
    ///
    /// # Panics
    /// Never: a fixed name and digits are visible ASCII.
    pub fn policy(&self) -> HeaderValue {
        let text = format!("\"requests\";q={};w={}", self.requests, self.window_s);
        HeaderValue::from_str(&text).expect("a fixed name and digits are visible ASCII")
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

    /// The value of `RateLimit`: `"requests";r=…;t=…`.
    ///
    /// # Panics
    /// Never: a fixed name and digits are visible ASCII.
    #[must_use]
    pub fn to_value(self) -> HeaderValue {
        // It is on every reply: written in place, then copied once into the header's own bytes.
        let mut text = [0; REMAINING.len() + RESET.len() + 2 * DIGITS_MAX];
        let mut len = 0;
        let mut put = |part: &[u8]| {
            text[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        };
        put(REMAINING);
        put(itoa::Buffer::new().format(self.requests).as_bytes());
        put(RESET);
        put(itoa::Buffer::new().format(self.reset_s).as_bytes());
        HeaderValue::from_bytes(&text[..len]).expect("a fixed name and digits are visible ASCII")
    }

    /// In one word that is never 0: a request that was taken has not been restored yet.
    fn pack(self) -> u64 {
        u64::from(self.requests) << 32 | u64::from(self.reset_s.max(1))
    }

    fn unpack(word: u64) -> Option<Self> {
        let halves = (u32::try_from(word >> 32), u32::try_from(word & u64::from(u32::MAX)));
        let (Ok(requests), Ok(reset_s)) = halves else { return None };
        (reset_s > 0).then_some(Self { requests, reset_s })
    }
}

/// What is left of a key's quota, on its way from where a request was taken to its reply.
///
/// One a connection: it answers one request after the other.
#[derive(Debug, Default)]
pub struct Allowance {
    // 0 where the request being answered took nothing. One task writes and reads: relaxed.
    left: AtomicU64,
    policy: OnceLock<HeaderValue>,
}

impl Allowance {
    /// Remembers what is left for the reply to say.
    pub fn note(&self, left: Remaining, policy: &HeaderValue) {
        self.policy.get_or_init(|| policy.clone());
        self.left.store(left.pack(), Ordering::Relaxed);
    }

    /// Puts both headers on the reply, if a quota was asked for it.
    pub fn put_on(&self, response: &mut Response) {
        let left = Remaining::unpack(self.left.swap(0, Ordering::Relaxed));
        if let (Some(left), Some(policy)) = (left, self.policy.get()) {
            response.headers_mut().insert(RATE_LIMIT_POLICY, policy.clone());
            response.headers_mut().insert(RATE_LIMIT, left.to_value());
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
    pub fn into_problem(self, policy: &HeaderValue) -> Problem {
        let none_left = Remaining { requests: 0, reset_s: self.seconds() };
        Problem::rate_limited(self.seconds())
            .header(RATE_LIMIT_POLICY, policy.clone())
            .header(RATE_LIMIT, none_left.to_value())
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
        let policy = quota.policy();
        assert_eq!(policy, "\"requests\";q=100;w=60");
        let left = Gcra::default().check(&quota, 0).unwrap();
        assert_eq!(left.to_value(), "\"requests\";r=99;t=1");
        let most = Remaining { requests: u32::MAX, reset_s: u32::MAX };
        assert_eq!(most.to_value(), "\"requests\";r=4294967295;t=4294967295");
        let response = RetryAfter { wait_ns: 1 }.into_problem(&policy).into_response("/", "r");
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["ratelimit"], "\"requests\";r=0;t=1");
        assert_eq!(response.status(), 429);
    }

    #[test]
    fn what_is_left_is_said_on_one_reply() {
        let quota = Quota::new(100, 60).unwrap();
        let allowance = Allowance::default();
        let said = || {
            let mut response = crate::http::reply::no_content();
            allowance.put_on(&mut response);
            response.headers().get("ratelimit").cloned()
        };
        assert_eq!(said(), None);
        allowance.note(Gcra::default().check(&quota, 0).unwrap(), &quota.policy());
        assert_eq!(said().unwrap(), "\"requests\";r=99;t=1");
        assert_eq!(said(), None, "the next request has taken nothing yet");
    }
}
