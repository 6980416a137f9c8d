//! What our own faces read from requests: codes, amounts, ids, cursors.

use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::{AccountId, CountryId, Number, OrderId, ServiceId};
use nexnum_engine::money::{Micros, ParseMoneyError};

use crate::http::{Call, Problem, query};
use crate::message::number as written;
use crate::public_id::{NoId, PublicIds};

/// Most characters of a buyer's note.
const NOTE_CHARS_MAX: usize = 100;

/// A country by its ISO code, in any case.
pub(super) fn country(catalog: &Catalog, code: &str) -> Result<CountryId, Problem> {
    let unknown = || {
        refused("unknown_country", "There is no such country", "country")
            .detail("GET /api/v1/countries lists them, GET /api/v1/search?q= finds them by name")
    };
    catalog.country_by_iso(code).ok_or_else(unknown)
}

/// A service by its slug or code.
pub(super) fn service(catalog: &Catalog, code: &str) -> Result<ServiceId, Problem> {
    let slug = catalog.service_by_slug(code);
    slug.or_else(|| catalog.service_by_handler_code(code)).ok_or_else(unknown_service)
}

/// A service that is not in the catalogue.
pub(super) fn unknown_service() -> Problem {
    refused("unknown_service", "There is no such service", "service")
        .detail("GET /api/v1/services lists them, GET /api/v1/search?q= finds them by name")
}

/// An amount above zero.
pub(super) fn amount(text: &str, field: &'static str) -> Result<Micros, Problem> {
    let amount = amount_or_zero(text, field)?;
    if amount.is_positive() { Ok(amount) } else { Err(wrong_amount(field, "is not above zero")) }
}

/// An amount of zero or more.
pub(super) fn amount_or_zero(text: &str, field: &'static str) -> Result<Micros, Problem> {
    Micros::parse(text).map_err(|error: ParseMoneyError| wrong_amount(field, &error.to_string()))
}

fn wrong_amount(field: &'static str, reason: &str) -> Problem {
    refused("invalid_amount", "An amount is invalid", field).detail(reason.to_owned())
}

/// A well-formed request whose value does not exist.
pub(super) fn refused(code: &'static str, title: &'static str, param: &'static str) -> Problem {
    Problem::new(hyper::StatusCode::UNPROCESSABLE_ENTITY, code, title).param(param)
}

/// An id below which a page begins; absent begins at the newest.
pub(super) fn cursor(cursor: Option<&str>) -> Result<Option<u64>, Problem> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match cursor {
        None => Ok(None),
        Some(text) if plain(text) => text.parse().map(Some).map_err(|_| not_a_cursor()),
        Some(_) => Err(not_a_cursor()),
    }
}

/// A phone number, as callbacks may write it too.
pub(super) fn number(text: &str, field: &'static str) -> Result<Number, Problem> {
    written::parse(text).ok_or_else(|| invalid_number(field))
}

/// A text that is no phone number.
pub(super) fn invalid_number(field: &'static str) -> Problem {
    let title = "A number is not E.164: the country code and digits, with or without `+`";
    refused("invalid_number", title, field)
}

/// The order that a path names.
pub(super) fn order_id(call: &Call, ids: &PublicIds) -> Result<OrderId, Problem> {
    ids.read_order(&call.param("id")?).map_err(|error| no_id(error, "the order's id"))
}

/// The order whose activation a path names, by the activation's id or by the order's.
pub(super) fn activation_id(call: &Call, ids: &PublicIds) -> Result<OrderId, Problem> {
    let text = call.param("id")?;
    let of_order = ids.read_order(&text).ok();
    let read = of_order.map_or_else(|| ids.read_activation(&text), Ok);
    read.map_err(|error| no_id(error, "the activation's id"))
}

fn no_id(error: NoId, what: &str) -> Problem {
    Problem::not_found(format!("{what} in the path {error}"))
}

/// Where a customer's list goes on; absent begins at the newest.
pub(super) fn list_cursor<T>(
    cursor: Option<&str>,
    read: impl FnOnce(&str) -> Result<T, NoId>,
) -> Result<Option<T>, Problem> {
    cursor.map(|text| read(text).map_err(|_| not_a_cursor())).transpose()
}

fn not_a_cursor() -> Problem {
    Problem::invalid_parameter(
        "cursor",
        "is not a cursor: send the next_cursor of the page before, unchanged",
    )
}

/// The account that a path names.
pub(super) fn account_id(call: &Call) -> Result<AccountId, Problem> {
    let id = u32::try_from(call.id_param("id")?).map(AccountId);
    id.map_err(|_| Problem::not_found("there is no such account"))
}

/// A carrier's name; absent, empty and `any` are any.
pub(super) fn carrier_name(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty() && *name != "any")
}

/// A note of a buyer; absent is none.
pub(super) fn note(text: Option<&str>, field: &'static str) -> Result<Option<Box<str>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if !query::is_line(text, NOTE_CHARS_MAX) {
        let rule = "must be 1 to 100 characters without control characters";
        return Err(Problem::invalid_field(field, rule));
    }
    Ok(Some(text.into()))
}
