//! The query parameters of this face.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::wire::ActivationState;
use crate::face::query::{Bounded, Cursor, Parameter, parameters};
use crate::face::wire::Amount;
use crate::http::Problem;
use crate::http::query::Query;
use crate::market::search::{HITS_MAX, TEXT_LEN_MAX};

/// Most rows of a page: some 50 KB.
pub(super) const PAGE_MAX: u64 = 100;
/// Rows of a page; 50 unless the request says otherwise.
pub(super) type Limit = Bounded<1, PAGE_MAX, 50>;
/// Longest wait of one poll, in seconds: below the idle limits of common proxies.
const WAIT_MAX_S: u64 = 55;
/// The bound of a search's `limit` is that of the index.
const _: () = assert!(HITS_MAX == 50 && TEXT_LEN_MAX == 200);
/// Seconds of a wait.
pub(super) type Wait = Bounded<0, WAIT_MAX_S, 0>;

parameters! {
    /// The product whose offers are listed.
    pub(super) struct OffersQuery<'a> {
        /// The country: its ISO code of two or three letters, in any case.
        #[schemars(length(min = 2, max = 3), example = &"ID")]
        country: Cow<'a, str>,
        /// The service: its slug or its short code, in any case.
        #[schemars(length(min = 1), example = &"telegram")]
        service: Cow<'a, str>,
    }
}

parameters! {
    /// The order that is thought of.
    pub(super) struct QuoteQuery<'a> {
        /// The country: its ISO code of two or three letters, in any case.
        #[schemars(length(min = 2, max = 3), example = &"ID")]
        country: Cow<'a, str>,
        /// The service: its slug or its short code, in any case.
        #[schemars(length(min = 1), example = &"telegram")]
        service: Cow<'a, str>,
        /// The phone company by name; any if left out, empty or `any`.
        operator: Option<Cow<'a, str>>,
        /// The most that the number may cost, above zero.
        #[schemars(example = &"0.50")]
        max_price: Option<Amount<'a>>,
    }
}

parameters! {
    /// What is looked for.
    pub(super) struct SearchQuery<'a> {
        /// Names or codes of a country, a service, or both: 1 to 200 bytes of UTF-8.
        #[schemars(length(min = 1, max = 200), example = &"telegram indonesia")]
        q: Cow<'a, str>,
        /// How many hits the answer has at most.
        limit: Bounded<1, 50, 10>,
    }
}

parameters! {
    /// A page of a list.
    pub(super) struct PageQuery {
        /// How many rows the page has at most.
        limit: Limit,
        /// The `next_cursor` of the previous page; left out for the first page.
        cursor: Option<Cursor>,
    }
}

parameters! {
    /// A page of activations.
    pub(super) struct ActivationsQuery {
        /// How many rows the page has at most.
        limit: Limit,
        /// The `next_cursor` of the previous page; left out for the first page.
        cursor: Option<Cursor>,
        /// Only activations in this state, in any case; left out: only those that have not ended.
        state: Option<ActivationState>,
    }
}

parameters! {
    /// How long to wait for news.
    pub(super) struct WaitQuery {
        /// How many seconds to wait for a message or for the end of the activation.
        wait: Wait,
    }
}

impl Parameter<'_> for Option<ActivationState> {
    fn read(query: &mut Query<'_>, name: &'static str) -> Result<Self, Problem> {
        let Some(word) = query.get(name) else { return Ok(None) };
        let upper = word.to_ascii_uppercase();
        let word: StrDeserializer<'_, Error> = upper.as_str().into_deserializer();
        let state = ActivationState::deserialize(word);
        let wrong = |_| {
            Problem::invalid_parameter(
                name,
                "is not a state of an activation: INIT, ACTIVE, RECEIVED, COMPLETED, CANCELLED, TIMEOUT or FAILED",
            )
        };
        state.map(Some).map_err(wrong)
    }
}
