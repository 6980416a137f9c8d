//! What a provider's reply says, once read: the typed results of the operations.
//!
//! An output is a file: what its rule may say, how it is read, what comes out. Its fields
//! are checked against the operation they belong to: a field the output lacks, a required
//! one that is not given, or one given twice is an error that names its place. A required
//! field that is absent from a reply, or unreadable, makes the reply a misfit.
//!
//! Codes of countries, services and operators are the provider's own; amounts are in the
//! provider's currency. `Debug` shows neither full numbers nor what messages say.

mod buy;
mod currency;
mod fields;
mod list_active;
mod misplaced;
mod price_row;
mod prices;
mod status;
mod value;

use nexnum_engine::money::Micros;
use serde::Deserialize;

use crate::document::OneOrMany;
use crate::op::Op;
use crate::place::{DriverError, Place};
use crate::reply::{Captures, Misfit, Unread, View};
use crate::source::{Scope, Sources};

pub use buy::Bought;
pub use currency::Currency;
pub use fields::GivenNumber;
pub use list_active::{ActiveList, ActiveRow};
pub use price_row::PriceRow;
pub use prices::PriceList;
pub use status::{ExternalOutcome, ExternalState, ReceivedMessage, StatusReport};
pub use value::{Rounding, to_micros};

use buy::BoughtFields;
use fields::{Input, Reader, checked_scale, read_table};
use list_active::ActiveFields;
use price_row::PriceFields;
pub(crate) use status::MessageFields;
use status::StatusFields;
pub(crate) use value::parse_amount;

use value::code;

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The account's balance; below zero where a provider lends.
    Balance {
        /// How much it is.
        amount: Micros,
        /// The currency, where the reply names it.
        currency: Option<Currency>,
    },
    /// A price list.
    Prices(PriceList),
    /// A number was bought.
    Bought(Bought),
    /// How an activation stands.
    Status(StatusReport),
    /// Cancelled, finished or asked for another message.
    Done {
        /// The identifier in the reply: of what was cancelled or finished, or the one that an
        /// activation goes by after it was asked for another message.
        external_id: Option<String>,
    },
    /// The activations a provider holds open for the account.
    Active(ActiveList),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyDoc {
    pub empty: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalanceDoc {
    pub amount: OneOrMany,
    pub currency: Option<OneOrMany>,
    #[serde(default)]
    pub scale: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoneDoc {
    pub external_id: Option<OneOrMany>,
}

/// What to read, compiled.
#[derive(Debug)]
pub(crate) enum Fields {
    /// An empty price list, whatever the reply.
    NoPrices,
    /// Nothing open, whatever the reply.
    NoneActive,
    Balance {
        amount: Sources,
        currency: Option<Sources>,
        scale: u32,
    },
    Prices(Box<PriceFields>),
    Bought(Box<BoughtFields>),
    Status(Box<StatusFields>),
    Done {
        external_id: Option<Sources>,
    },
    Active(Box<ActiveFields>),
}

impl Fields {
    pub(crate) fn compile(
        table: &toml::Table,
        op: Op,
        scope: Scope<'_>,
        place: &Place,
    ) -> Result<Self, DriverError> {
        if table.contains_key("empty") {
            return compile_empty(table, op, place);
        }
        let reader = Reader { scope, place };
        match op {
            Op::Balance => {
                let doc: BalanceDoc = read_table(table, place)?;
                let amount = reader.required(&doc.amount, "amount")?;
                let currency = reader.optional(doc.currency.as_ref(), "currency")?;
                Ok(Self::Balance { amount, currency, scale: checked_scale(doc.scale, place)? })
            }
            Op::Prices => Ok(Self::Prices(Box::new(prices::compile(table, &reader)?))),
            Op::Buy => Ok(Self::Bought(Box::new(buy::compile(table, &reader)?))),
            Op::Status => Ok(Self::Status(Box::new(status::compile(table, &reader)?))),
            Op::Cancel | Op::Finish | Op::Resend => {
                let doc: DoneDoc = read_table(table, place)?;
                let external_id = reader.optional(doc.external_id.as_ref(), "external_id")?;
                Ok(Self::Done { external_id })
            }
            Op::ListActive => Ok(Self::Active(Box::new(list_active::compile(table, &reader)?))),
        }
    }
}

fn compile_empty(table: &toml::Table, op: Op, place: &Place) -> Result<Fields, DriverError> {
    let doc: EmptyDoc = read_table(table, place)?;
    match op {
        Op::Prices if doc.empty => Ok(Fields::NoPrices),
        Op::ListActive if doc.empty => Ok(Fields::NoneActive),
        Op::Prices | Op::ListActive => Err(place.field("empty").error("can only be true")),
        Op::Balance | Op::Buy | Op::Status | Op::Cancel | Op::Finish | Op::Resend => {
            Err(place.field("empty").error("belongs to operations that give a list"))
        }
    }
}

impl Fields {
    /// How it reads the messages of open activations, where it is a list that shows them.
    pub(crate) const fn messages(&self) -> Option<&MessageFields> {
        match self {
            Self::Active(fields) => fields.messages.as_ref(),
            Self::NoPrices
            | Self::NoneActive
            | Self::Balance { .. }
            | Self::Prices(_)
            | Self::Bought(_)
            | Self::Status(_)
            | Self::Done { .. } => None,
        }
    }

    /// True of a status that says its activation's number.
    pub(crate) const fn tells_number(&self) -> bool {
        match self {
            Self::Status(fields) => fields.number.is_some(),
            Self::NoPrices
            | Self::NoneActive
            | Self::Balance { .. }
            | Self::Prices(_)
            | Self::Bought(_)
            | Self::Active(_)
            | Self::Done { .. } => false,
        }
    }

    /// The states that it may give, where it is one of a status call.
    pub(crate) fn states(&self) -> impl Iterator<Item = ExternalState> {
        let states = match self {
            Self::Status(fields) => Some(&fields.states),
            Self::NoPrices
            | Self::NoneActive
            | Self::Balance { .. }
            | Self::Prices(_)
            | Self::Bought(_)
            | Self::Done { .. }
            | Self::Active(_) => None,
        };
        states.into_iter().flat_map(|states| states.values().copied())
    }

    /// Notes whether a word of the provider makes the state of a status call.
    pub(crate) fn set_by_word(&mut self, by_word: bool) {
        if let Self::Status(fields) = self {
            fields.by_word = by_word;
        }
    }

    /// Reads the output from a reply.
    pub(crate) fn read(&self, view: &View<'_>, captures: &Captures) -> Result<Output, Unread> {
        let input = Input { view, captures };
        match self {
            Self::NoPrices => Ok(Output::Prices(PriceList::default())),
            Self::NoneActive => Ok(Output::Active(list_active::none(&input))),
            Self::Balance { amount, currency, scale } => {
                let text = input.root(amount).ok_or(Misfit)?;
                let amount = parse_amount(&text, *scale, Rounding::Down).ok_or(Misfit)?;
                Ok(Output::Balance { amount, currency: input.currency(currency.as_ref(), None) })
            }
            Self::Prices(fields) => prices::read(fields, &input).map(Output::Prices),
            Self::Bought(fields) => Ok(Output::Bought(buy::read(fields, &input)?)),
            Self::Status(fields) => Ok(Output::Status(status::read(fields, &input)?)),
            Self::Done { external_id } => {
                let named = external_id.as_ref().and_then(|s| input.root(s));
                Ok(Output::Done { external_id: named.map(code).transpose()? })
            }
            Self::Active(fields) => Ok(Output::Active(list_active::read(fields, &input)?)),
        }
    }
}
