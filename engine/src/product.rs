//! What an offer is for, beside its product: a variant, a source, a step of a ladder.

use crate::ids::{Product, SourceId, VariantId};

/// What a line is to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineType {
    /// A SIM card.
    Mobile,
    /// A number of an Internet telephone company.
    Voip,
    /// A fixed line.
    Landline,
}

/// What narrows a product. A part that is absent may be any; a variant of absent parts alone is
/// [`VariantId::ANY`] and is never named.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variant {
    /// The phone company, as providers print its name.
    pub carrier: Option<Box<str>>,
    /// The type of line.
    pub line: Option<LineType>,
    /// The area within the country: an area code, or a city's name, as providers print it.
    pub area: Option<Box<str>>,
}

impl Variant {
    /// A carrier's numbers, of whatever line and area.
    #[must_use]
    pub const fn of_carrier(name: Box<str>) -> Self {
        Self { carrier: Some(name), line: None, area: None }
    }

    /// Whether no part is named.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        let Self { carrier, line, area } = self;
        carrier.is_none() && line.is_none() && area.is_none()
    }

    /// Whether a number of this variant is one of those asked for: each part that is asked for is
    /// the same here.
    #[must_use]
    pub fn is_one_of(&self, asked: &Self) -> bool {
        (asked.carrier.is_none() || asked.carrier == self.carrier)
            && (asked.line.is_none() || asked.line == self.line)
            && (asked.area.is_none() || asked.area == self.area)
    }
}

/// What an offer is for: its provider has one offer of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferKey {
    /// What is sold.
    pub product: Product,
    /// What narrows it.
    pub variant: VariantId,
    /// Where the provider has it from.
    pub source: SourceId,
    /// Which step of the provider's ladder of prices it is, from 1; 0 where it has one price.
    pub step: u16,
}

impl OfferKey {
    /// At a provider's one price, from wherever it has it.
    #[must_use]
    pub const fn of(product: Product, variant: VariantId) -> Self {
        Self { product, variant, source: SourceId::ANY, step: 0 }
    }
}
