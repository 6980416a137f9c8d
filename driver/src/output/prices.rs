//! A price list: what its rule may say, how it is read, what comes out.
//!
//! A bad line should not hide the good ones: rows that cannot be read are left out and
//! counted, up to a tenth of the list. The refusal of a list that has more says what is wrong with
//! the first of them.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::currency::Currency;
use super::fields::{Input, ROWS_MAX, Reader, checked_scale, read_table};
use super::price_row::{self, PriceFields, PriceRow, RowMisfit, SHOWN_MAX};
use crate::document::{OneOrMany, RowsDoc};
use crate::error::glimpse;
use crate::json::Node;
use crate::place::DriverError;
use crate::reply::{Misfit, Unread};
use crate::rows::{Bound, Key, Rows};

/// Everything a provider offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// The rows that fit, in the reply's order.
    pub rows: Vec<PriceRow>,
    /// Rows left out because their price or stock could not be read.
    pub misfits: u32,
    /// The currencies of the rows, where they name any, each once.
    pub currencies: BTreeSet<Currency>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PricesDoc {
    pub rows: RowsDoc,
    pub country: Option<OneOrMany>,
    pub service: Option<OneOrMany>,
    pub operator: Option<OneOrMany>,
    pub cost: Option<OneOrMany>,
    pub currency: Option<OneOrMany>,
    pub stock: OneOrMany,
    #[serde(default)]
    pub scale: u32,
}

pub(super) fn compile(
    table: &toml::Table,
    reader: &Reader<'_>,
) -> Result<PriceFields, DriverError> {
    let doc: PricesDoc = read_table(table, reader.place)?;
    let rows = Rows::compile(&doc.rows, reader.scope, reader.place)?;
    let fields = PriceFields {
        country: reader.optional(doc.country.as_ref(), "country")?,
        service: reader.optional(doc.service.as_ref(), "service")?,
        operator: reader.optional(doc.operator.as_ref(), "operator")?,
        cost: reader.optional(doc.cost.as_ref(), "cost")?,
        currency: reader.optional(doc.currency.as_ref(), "currency")?,
        stock: reader.required(&doc.stock, "stock")?,
        scale: checked_scale(doc.scale, reader.place)?,
        rows,
    };
    let once = [
        ("country", Key::Country, fields.country.is_some(), true),
        ("service", Key::Service, fields.service.is_some(), true),
        ("operator", Key::Operator, fields.operator.is_some(), false),
        ("cost", Key::Cost, fields.cost.is_some(), true),
    ];
    for (name, key, from_field, required) in once {
        match (fields.rows.binds(key), from_field) {
            (true, true) => {
                return Err(reader
                    .place
                    .field(name)
                    .error("is bound to a key of the rows already"));
            }
            (false, false) if required => {
                return Err(reader.place.error(format!("nothing gives the {name}")));
            }
            _ => {}
        }
    }
    Ok(fields)
}

pub(super) fn read(fields: &PriceFields, input: &Input<'_, '_>) -> Result<PriceList, Unread> {
    let root = input.view.root.as_ref().ok_or(Misfit)?;
    let (mut list, mut first) = (PriceList::default(), None);
    fields.rows.walk(root, &mut |row, bound| {
        if let Some(currency) = input.currency(fields.currency.as_ref(), Some(row)) {
            list.currencies.insert(currency);
        }
        let at = list.rows.len() + list.misfits as usize + 1;
        match price_row::read(fields, input, row, bound) {
            Ok(price) => list.rows.push(price),
            Err(misfit) => {
                list.misfits += 1;
                first.get_or_insert_with(|| told(at, (fields, input), (row, bound), &misfit));
            }
        }
        if at > ROWS_MAX { Err(Misfit) } else { Ok(()) }
    })?;
    let misfits = list.misfits as usize;
    match first {
        Some(first) if misfits * 9 > list.rows.len() => {
            let rows = list.rows.len() + misfits;
            let why =
                format!("{misfits} of {rows} rows cannot be read, more than a tenth; {first}");
            Err(Unread { why: Some(why) })
        }
        Some(_) | None => Ok(list),
    }
}

/// What is told of the first row that cannot be read.
fn told(
    at: usize,
    (fields, input): (&PriceFields, &Input<'_, '_>),
    (row, bound): (&Node<'_>, &Bound<'_>),
    RowMisfit { field, why }: &RowMisfit,
) -> String {
    let country = price_row::field(input, row, bound.country, fields.country.as_ref());
    let service = price_row::field(input, row, bound.service, fields.service.as_ref());
    let [country, service] = [country, service]
        .map(|code| code.map_or_else(|| "?".to_owned(), |code| glimpse(&code, SHOWN_MAX)));
    format!("the first, row {at} ({country} {service}): {field}: {why}")
}
