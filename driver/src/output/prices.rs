//! A price list: what its rule may say, how it is read, what comes out.
//!
//! A bad line should not hide the good ones: rows that cannot be read are left out and
//! counted, up to a tenth of the list.

use std::collections::BTreeSet;

use nexnum_engine::money::Micros;
use serde::Deserialize;

use super::currency::Currency;
use super::fields::{Input, ROWS_MAX, Reader, checked_scale, read_table};
use super::value::{Rounding, code, parse_amount};
use crate::document::{OneOrMany, RowsDoc};
use crate::json::Node;
use crate::place::DriverError;
use crate::reply::Misfit;
use crate::rows::{Bound, Key, Rows};
use crate::source::Sources;

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

/// One line of a price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRow {
    /// The provider's code of the country.
    pub country: Box<str>,
    /// The provider's code of the service.
    pub service: Box<str>,
    /// The operator, pool or partner to name when buying, where prices differ by it.
    pub operator: Option<Box<str>>,
    /// The price of one number, rounded up to a micro.
    pub cost: Micros,
    /// Numbers on offer; saturates.
    pub stock: u32,
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

#[derive(Debug)]
pub(crate) struct PriceFields {
    pub rows: Rows,
    pub country: Option<Sources>,
    pub service: Option<Sources>,
    pub operator: Option<Sources>,
    pub cost: Option<Sources>,
    pub currency: Option<Sources>,
    pub stock: Sources,
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

pub(super) fn read(fields: &PriceFields, input: &Input<'_, '_>) -> Result<PriceList, Misfit> {
    let root = input.view.root.as_ref().ok_or(Misfit)?;
    let mut list = PriceList::default();
    fields.rows.walk(root, &mut |row, bound| {
        if let Some(currency) = input.currency(fields.currency.as_ref(), Some(row)) {
            list.currencies.insert(currency);
        }
        match read_price(fields, input, row, bound) {
            Ok(price) => list.rows.push(price),
            Err(Misfit) => list.misfits += 1,
        }
        let seen = list.rows.len() + list.misfits as usize;
        if seen > ROWS_MAX { Err(Misfit) } else { Ok(()) }
    })?;
    if list.misfits as usize * 9 > list.rows.len() {
        return Err(Misfit);
    }
    Ok(list)
}

fn read_price(
    fields: &PriceFields,
    input: &Input<'_, '_>,
    row: &Node<'_>,
    bound: &Bound<'_>,
) -> Result<PriceRow, Misfit> {
    let field = |key: Option<&str>, sources: Option<&Sources>| -> Option<String> {
        key.map(str::to_owned).or_else(|| input.row(sources, row))
    };
    let required = |key, sources| field(key, sources).ok_or(Misfit).and_then(code);
    let cost = required(bound.cost, fields.cost.as_ref())?;
    let cost = parse_amount(&cost, fields.scale, Rounding::Up).filter(|cost| cost.0 >= 0);
    let stock = input.row(Some(&fields.stock), row).ok_or(Misfit)?;
    let operator = field(bound.operator, fields.operator.as_ref());
    Ok(PriceRow {
        country: required(bound.country, fields.country.as_ref())?.into(),
        service: required(bound.service, fields.service.as_ref())?.into(),
        operator: operator.map(code).transpose()?.map(Into::into),
        cost: cost.ok_or(Misfit)?,
        stock: read_stock(&stock).ok_or(Misfit)?,
    })
}

/// A count; beyond the type it saturates, since no order is that large.
fn read_stock(text: &str) -> Option<u32> {
    let count: u64 = text.parse().ok()?;
    Some(u32::try_from(count).unwrap_or(u32::MAX))
}
