//! A bought number: what its rule may say, how it is read, what comes out.

use std::fmt;

use nexnum_engine::money::Micros;
use serde::Deserialize;

use super::currency::Currency;
use super::fields::{GivenNumber, Input, NumberFields, Reader, checked_scale, read_table};
use super::value::{code, minor_code, read_cost};
use crate::document::OneOrMany;
use crate::place::DriverError;
use crate::reply::Misfit;
use crate::source::Sources;

/// A number that was bought.
#[derive(Clone, PartialEq, Eq)]
pub struct Bought {
    /// The provider's identifier of the activation.
    pub external_id: String,
    /// The number. Without one the purchase was made all the same, and its id gives it back.
    pub number: GivenNumber,
    /// What the provider says it charged.
    pub cost: Option<Micros>,
    /// The currency of the cost, where the reply names it.
    pub currency: Option<Currency>,
    /// The operator it belongs to.
    pub operator: Option<String>,
}

impl fmt::Debug for Bought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bought")
            .field("external_id", &self.external_id)
            .field("cost", &self.cost)
            .field("currency", &self.currency)
            .field("operator", &self.operator)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuyDoc {
    pub external_id: OneOrMany,
    pub number: OneOrMany,
    pub number_prefix: Option<OneOrMany>,
    pub cost: Option<OneOrMany>,
    pub currency: Option<OneOrMany>,
    pub operator: Option<OneOrMany>,
    #[serde(default)]
    pub scale: u32,
}

#[derive(Debug)]
pub(crate) struct BoughtFields {
    pub external_id: Sources,
    pub number: NumberFields,
    pub cost: Option<Sources>,
    pub currency: Option<Sources>,
    pub operator: Option<Sources>,
    pub scale: u32,
}

pub(super) fn compile(
    table: &toml::Table,
    reader: &Reader<'_>,
) -> Result<BoughtFields, DriverError> {
    let doc: BuyDoc = read_table(table, reader.place)?;
    Ok(BoughtFields {
        external_id: reader.required(&doc.external_id, "external_id")?,
        number: reader.number(&doc.number, doc.number_prefix.as_ref())?,
        cost: reader.optional(doc.cost.as_ref(), "cost")?,
        currency: reader.optional(doc.currency.as_ref(), "currency")?,
        operator: reader.optional(doc.operator.as_ref(), "operator")?,
        scale: checked_scale(doc.scale, reader.place)?,
    })
}

pub(super) fn read(fields: &BoughtFields, input: &Input<'_, '_>) -> Result<Bought, Misfit> {
    let root = |sources: &Sources| input.root(sources);
    // A cost that cannot be read is no reason to forget a number that is ours.
    let cost = fields.cost.as_ref().and_then(root);
    let cost = cost.and_then(|text| read_cost(&text, fields.scale).ok());
    Ok(Bought {
        external_id: root(&fields.external_id).ok_or(Misfit).and_then(code)?,
        number: fields.number.assemble(root),
        cost,
        currency: input.currency(fields.currency.as_ref(), None),
        operator: fields.operator.as_ref().and_then(root).and_then(minor_code),
    })
}
