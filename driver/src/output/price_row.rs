//! How a row of a price list is read, and what is told of one that cannot be.

use nexnum_engine::money::Micros;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::fields::Input;
use super::value::{CODE_MAX, Rounding, code, parse_amount};
use crate::error::glimpse;
use crate::json::Node;
use crate::reply::Misfit;
use crate::rows::{Bound, Rows};
use crate::source::Sources;

/// Characters of a row's code or value that are shown: with all of them an excerpt has room.
pub(super) const SHOWN_MAX: usize = 24;

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

/// Why a row cannot be read.
#[derive(Debug)]
pub(super) struct RowMisfit {
    /// Which field.
    pub(super) field: &'static str,
    /// What is wrong with it, masked.
    pub(super) why: String,
}

impl RowMisfit {
    fn absent(field: &'static str) -> Self {
        Self { field, why: "nothing is there".to_owned() }
    }

    fn of_value(field: &'static str, value: &str, why: &str) -> Self {
        Self { field, why: format!("\"{}\" {why}", glimpse(value, SHOWN_MAX)) }
    }
}

/// A field of a row, from a key on the way to it or from a place in it.
pub(super) fn field(
    input: &Input<'_, '_>,
    row: &Node<'_>,
    key: Option<&str>,
    sources: Option<&Sources>,
) -> Option<String> {
    key.map(str::to_owned).or_else(|| input.row(sources, row))
}

pub(super) fn read(
    fields: &PriceFields,
    input: &Input<'_, '_>,
    row: &Node<'_>,
    bound: &Bound<'_>,
) -> Result<PriceRow, RowMisfit> {
    let optional = |name, key, sources: Option<&Sources>| {
        let long = |Misfit| RowMisfit { field: name, why: too_long() };
        field(input, row, key, sources).map(|text| code(text).map_err(long)).transpose()
    };
    let required = |name, key, sources: Option<&Sources>| {
        optional(name, key, sources)?.ok_or_else(|| RowMisfit::absent(name))
    };
    Ok(PriceRow {
        country: required("country", bound.country, fields.country.as_ref())?.into(),
        service: required("service", bound.service, fields.service.as_ref())?.into(),
        operator: optional("operator", bound.operator, fields.operator.as_ref())?.map(Into::into),
        cost: cost(&required("cost", bound.cost, fields.cost.as_ref())?, fields.scale)?,
        stock: stock(fields, input, row)?,
    })
}

fn too_long() -> String {
    format!("longer than {CODE_MAX} characters")
}

fn cost(text: &str, scale: u32) -> Result<Micros, RowMisfit> {
    match parse_amount(text, scale, Rounding::Up) {
        Some(cost) if cost >= Micros::ZERO => Ok(cost),
        Some(_) => Err(RowMisfit::of_value("cost", text, "is below zero")),
        None => Err(RowMisfit::of_value("cost", text, "is no amount")),
    }
}

/// The numbers on offer. Some clones write null where none is; a place that is not there at all
/// is another form of list.
fn stock(fields: &PriceFields, input: &Input<'_, '_>, row: &Node<'_>) -> Result<u32, RowMisfit> {
    let Some(text) = input.row(Some(&fields.stock), row) else {
        let is_null = fields.stock.ends(row).any(|end| end.is_whole && end.node.is_null());
        return if is_null { Ok(0) } else { Err(RowMisfit::absent("stock")) };
    };
    count(&text).ok_or_else(|| RowMisfit::of_value("stock", &text, "is no count"))
}

/// A whole count. Below zero is none: -1 stands for that at some clones, and is no count in any
/// case. Beyond the type it saturates, since no order is that large.
fn count(text: &str) -> Option<u32> {
    if let Ok(count) = text.parse::<u64>() {
        return Some(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let whole = text.parse::<Decimal>().ok().filter(|count| count.fract().is_zero())?;
    Some(whole.max(Decimal::ZERO).to_u32().unwrap_or(u32::MAX))
}
