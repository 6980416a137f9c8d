//! The driver language: a provider as a document, requests out of it, replies into typed
//! results.
//!
//! A [`Driver`] is one TOML document that says how a provider is asked and how its replies
//! are read. Nothing here does I/O, asks the time or starts a thread. No provider's name is
//! written in this code: what differs between providers is in `shipped/*.toml`.
//!
//! Read `document` (what can be said), `compile` (how it is checked), `driver` (what it
//! does); an output is a file of `output/`.
//!
//! # The language
//!
//! ```toml
//! name = "example"                    # lower-case name of the driver
//! version = 1                         # raised with every change
//! dialect = "example"                 # whose country and service codes it speaks
//! currency = "USD"                    # of its prices and balance
//! base_url = "https://example.com/v1" # where it lives unless the operator says otherwise
//! headers = { Accept = "application/json" }  # sent with every call
//! placeholders = ["-"]                # values that mean "nothing yet"
//! auth = [{ place = "query", name = "api_key" }]  # query, header, bearer, form, json;
//!                                     # value = "{key}" unless said otherwise
//! [limits]
//! concurrency = 8                     # calls in flight
//! penalty_ms = 5000                   # pause after a 429 that names none
//! windows = [{ calls = 10, per_ms = 1000 }, { calls = 200, per_ms = 60000 }]
//! [timings]
//! min_cancel_age_ms = 120000
//! lifetime_ms = 1200000
//! poll_interval_ms = 5000
//! ```
//!
//! Each of the operations `balance prices buy status cancel finish resend list_active`
//! is a table; one that is not mentioned is unsupported. `kind` = `call` (the default),
//! `constant` (a fixed `body` is read as the reply), `noop` (nothing needs to be done) or
//! `unsupported`; `reply` = `json` (the default; text rules work on it too), `text` or
//! `scalar`; a `request` `{ method, path, query, headers, form, json, open }` of templates
//! (see `template`; a parameter may be `{ value, unless = "slot", number = true }`); and
//! ordered `rules`.
//!
//! A rule applies if its `status` (a list) and its one test hold: `equals` (one or many),
//! `starts`, `regex` (with named groups) or `exists`, on the body's trimmed text or what
//! `at` names: `/a/b` in the JSON, `.` the whole JSON, `@Name` a header. It has either an
//! `error` or a `give`. An error is a certain refusal, nothing was done, unless it is
//! `in_doubt` or comes with a status of 5xx; with `certain = true` it is one even then. A `give`
//! is read from a reply with a status of 2xx; with another one only if the rule's `status`
//! names it: without that the reply is an error, and what was asked may have been done. An error
//! may have `retry_after_s`, and `price_too_low` the `price` that would do. The fields of `give`
//! are sources (`/a/b` a place in the JSON, `.` the value itself, `$name` a group of the
//! regex, `@Name` a header, `=text` a constant; a list is tried in order) and, for lists,
//! `rows = { path = "*.*", bind = ["country", "service"], skip_keys, filters = [{ at,
//! equals }], lone }` with paths that start at the row; with `lone = true`, a single value
//! in the place of a list is a list of one. An operation's rules
//! come first, then the driver's own `rules`; the first that applies decides. Where none does,
//! the status does: 301, 302, 307, 308, 400 to 405, 407, 410, 411, 413, 414, 415, 422,
//! 429 and 431 are certain refusals, any other leaves a purchase in doubt. `give`:
//!
//! | operation | fields |
//! |---|---|
//! | balance | `amount`, `scale` (10^-scale units), `currency` (its code, number or sign; here and below) |
//! | prices | `rows`, `country`, `service`, `operator`, `cost`, `currency`, `stock`, `scale`; or `empty` |
//! | buy | `external_id`, `number`, `number_prefix`, `cost`, `currency`, `operator`, `scale` |
//! | status | `state`, `states` (theirs = waiting, received, finished, cancelled, expired), `messages` of `rows`, `external_id`, `sender`, `text`, `code` (`0`, `false`, `null` and their kind alone are no message), `number` and `number_prefix` (a purchase that was answered without its number gets it from there). Words for waiting and for received, in one table of `states` or in rules with `equals`, `starts` or `regex` on one place, say after a resend whether a message is the old one; a rule with `exists` does not |
//! | cancel, finish, resend | none; a resend may give a new `external_id` |
//! | list_active | `rows`, `external_id`, `number`, `number_prefix` or `local = true` (the numbers are without their country code), `country`, `service` or `service_name` (where the list has names in the place of codes), `cost` (what was charged), `scale`, `created`, `currency`, `state`, `states` and `messages` as in status (a state in other words than those of `states`, and messages that cannot be read, are what the list does not tell; so are the messages of an activation that has none here although `has_message` is there, or although it is received, where `states` has a word for waiting), `has_message` (what is there if it has a message), `page_len` (the list may be cut at so many rows, filtered ones included) or `total` (where the reply says how many rows there are), without which it is never cut; what is cut is asked for page by page where the request has an `{offset}`; or `empty` |

mod charset;
mod compile;
mod crosswalk;
mod document;
mod driver;
mod error;
mod json;
mod op;
mod output;
mod place;
mod reply;
mod request;
mod rows;
mod rule;
mod source;
mod template;
mod words;

pub use charset::{decoded, is_utf16};
pub use compile::{DOCUMENT_BYTES_MAX, RULES_MAX};
pub use crosswalk::{Crosswalk, CrosswalkError, TablePlace};
pub use driver::{CallLimits, Driver, Plan, ProviderTimings, Window};
pub use error::{EXCERPT_MAX, ErrorKind, ProviderError};
pub use json::mended;
pub use op::Op;
pub use output::{
    ActiveList, ActiveRow, Bought, Currency, ExternalOutcome, ExternalState, GivenNumber, Output,
    PriceList, PriceRow, ReceivedMessage, Rounding, StatusReport, to_micros,
};
pub use place::DriverError;
pub use reply::RawReply;
pub use request::{ProviderRequest, RequestBody, check_base};
pub use template::{Credentials, RequestError, Secret, Slots};
pub use words::in_words;
