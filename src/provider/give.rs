//! What to read from a reply that a rule recognised: the outputs' fields, compiled.
//!
//! A give names the sources of an output's fields. It is checked against the operation it
//! belongs to: a field the output lacks, a required one nobody gives, or one given twice is
//! an error that names its place. Reading is [`super::mapping`]'s.

use std::collections::BTreeMap;

use super::document::{
    ActiveGive, BalanceGive, BuyGive, DoneGive, EmptyGive, MessagesDoc, OneOrMany, Place,
    PricesGive, StatusGive,
};
use super::driver::{DriverError, Op};
use super::output::ExternalState;
use super::rows::{Key, Rows};
use super::source::{Scope, Sources};

/// What to read, compiled.
#[derive(Debug)]
pub(super) enum Give {
    /// An empty list, whatever the reply.
    Empty(Op),
    Balance {
        amount: Sources,
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

#[derive(Debug)]
pub(super) struct PriceFields {
    pub rows: Rows,
    pub country: Option<Sources>,
    pub service: Option<Sources>,
    pub operator: Option<Sources>,
    pub cost: Option<Sources>,
    pub stock: Sources,
    pub scale: u32,
}

#[derive(Debug)]
pub(super) struct BoughtFields {
    pub external_id: Sources,
    pub number: NumberFields,
    pub cost: Option<Sources>,
    pub operator: Option<Sources>,
    pub scale: u32,
}

#[derive(Debug)]
pub(super) struct NumberFields {
    pub number: Sources,
    pub prefix: Option<Sources>,
}

#[derive(Debug)]
pub(super) struct StatusFields {
    pub state: Sources,
    pub states: BTreeMap<String, ExternalState>,
    pub messages: Option<MessageFields>,
}

#[derive(Debug)]
pub(super) struct MessageFields {
    pub rows: Option<Rows>,
    pub external_id: Option<Sources>,
    pub sender: Option<Sources>,
    pub text: Option<Sources>,
    pub code: Option<Sources>,
}

#[derive(Debug)]
pub(super) struct ActiveFields {
    pub rows: Rows,
    pub external_id: Sources,
    pub number: NumberFields,
    pub local: bool,
    pub country: Option<Sources>,
    pub service: Option<Sources>,
    pub created: Option<Sources>,
    pub page_len: Option<usize>,
    pub total: Option<Sources>,
}

impl Give {
    pub(super) fn compile(
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
                let doc: BalanceGive = read_table(table, place)?;
                let amount = reader.required(&doc.amount, "amount")?;
                Ok(Self::Balance { amount, scale: checked_scale(doc.scale, place)? })
            }
            Op::Prices => compile_prices(table, &reader),
            Op::Buy => {
                let doc: BuyGive = read_table(table, place)?;
                Ok(Self::Bought(Box::new(BoughtFields {
                    external_id: reader.required(&doc.external_id, "external_id")?,
                    number: reader.number(&doc.number, doc.number_prefix.as_ref())?,
                    cost: reader.optional(doc.cost.as_ref(), "cost")?,
                    operator: reader.optional(doc.operator.as_ref(), "operator")?,
                    scale: checked_scale(doc.scale, place)?,
                })))
            }
            Op::Status => compile_status(table, &reader),
            Op::Cancel | Op::Finish | Op::Resend => {
                let doc: DoneGive = read_table(table, place)?;
                if op != Op::Resend && doc.external_id.is_some() {
                    return Err(place.field("external_id").error("only a resend may change it"));
                }
                let external_id = reader.optional(doc.external_id.as_ref(), "external_id")?;
                Ok(Self::Done { external_id })
            }
            Op::ListActive => compile_active(table, &reader),
        }
    }
}

/// Compiles the fields of one give.
struct Reader<'a> {
    scope: Scope<'a>,
    place: &'a Place,
}

impl Reader<'_> {
    fn required(&self, doc: &OneOrMany, name: &str) -> Result<Sources, DriverError> {
        Sources::compile(doc, self.scope, &self.place.field(name))
    }

    fn optional(
        &self,
        doc: Option<&OneOrMany>,
        name: &str,
    ) -> Result<Option<Sources>, DriverError> {
        Sources::compile_optional(doc, self.scope, &self.place.field(name))
    }

    fn number(
        &self,
        number: &OneOrMany,
        prefix: Option<&OneOrMany>,
    ) -> Result<NumberFields, DriverError> {
        let number = self.required(number, "number")?;
        Ok(NumberFields { number, prefix: self.optional(prefix, "number_prefix")? })
    }
}

fn read_table<T: serde::de::DeserializeOwned>(
    table: &toml::Table,
    place: &Place,
) -> Result<T, DriverError> {
    table.clone().try_into().map_err(|error: toml::de::Error| place.error(error.message()))
}

fn checked_scale(scale: u32, place: &Place) -> Result<u32, DriverError> {
    if scale > 9 {
        return Err(place.field("scale").error("is above 9"));
    }
    Ok(scale)
}

fn compile_empty(table: &toml::Table, op: Op, place: &Place) -> Result<Give, DriverError> {
    let doc: EmptyGive = read_table(table, place)?;
    match op {
        Op::Prices | Op::ListActive if doc.empty => Ok(Give::Empty(op)),
        Op::Prices | Op::ListActive => Err(place.field("empty").error("can only be true")),
        Op::Balance | Op::Buy | Op::Status | Op::Cancel | Op::Finish | Op::Resend => {
            Err(place.field("empty").error("belongs to operations that give a list"))
        }
    }
}

fn compile_prices(table: &toml::Table, reader: &Reader<'_>) -> Result<Give, DriverError> {
    let doc: PricesGive = read_table(table, reader.place)?;
    let rows = Rows::compile(&doc.rows, reader.scope, reader.place)?;
    let fields = PriceFields {
        country: reader.optional(doc.country.as_ref(), "country")?,
        service: reader.optional(doc.service.as_ref(), "service")?,
        operator: reader.optional(doc.operator.as_ref(), "operator")?,
        cost: reader.optional(doc.cost.as_ref(), "cost")?,
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
    Ok(Give::Prices(Box::new(fields)))
}

const STATES: [(&str, ExternalState); 5] = [
    ("waiting", ExternalState::Waiting),
    ("received", ExternalState::Received),
    ("finished", ExternalState::Finished),
    ("cancelled", ExternalState::Cancelled),
    ("expired", ExternalState::Expired),
];

fn parse_state(word: &str, place: &Place) -> Result<ExternalState, DriverError> {
    let found = STATES.iter().find(|(name, _)| *name == word);
    let unknown = || {
        let known = STATES.map(|(name, _)| name).join(", ");
        place.error(format!("`{word}` is none of {known}"))
    };
    found.map(|(_, state)| *state).ok_or_else(unknown)
}

fn compile_status(table: &toml::Table, reader: &Reader<'_>) -> Result<Give, DriverError> {
    let doc: StatusGive = read_table(table, reader.place)?;
    let state = reader.required(&doc.state, "state")?;
    let mut states = BTreeMap::new();
    for (external, word) in &doc.states {
        let place = reader.place.field("states").field(external);
        states.insert(external.clone(), parse_state(word, &place)?);
    }
    match (state.constant(), states.is_empty()) {
        (Some(word), true) => {
            states.insert(word.to_owned(), parse_state(word, &reader.place.field("state"))?);
        }
        (Some(_), false) => {
            return Err(reader.place.field("states").error("the state is a constant already"));
        }
        (None, true) => return Err(reader.place.error("`state` needs a table of `states`")),
        (None, false) => {}
    }
    let messages = doc.messages.as_ref().map(|doc| compile_messages(doc, reader)).transpose()?;
    let receives = states.values().any(|state| *state == ExternalState::Received);
    if receives && messages.is_none() {
        return Err(reader.place.error("a `received` state needs `messages`"));
    }
    Ok(Give::Status(Box::new(StatusFields { state, states, messages })))
}

fn compile_messages(doc: &MessagesDoc, outer: &Reader<'_>) -> Result<MessageFields, DriverError> {
    let place = outer.place.field("messages");
    let reader = Reader { scope: outer.scope, place: &place };
    let rows = doc
        .rows
        .as_ref()
        .map(|rows| Rows::compile(rows, reader.scope, reader.place))
        .transpose()?;
    if doc.text.is_none() && doc.code.is_none() {
        return Err(place.error("needs a `text` or a `code`"));
    }
    Ok(MessageFields {
        rows,
        external_id: reader.optional(doc.external_id.as_ref(), "external_id")?,
        sender: reader.optional(doc.sender.as_ref(), "sender")?,
        text: reader.optional(doc.text.as_ref(), "text")?,
        code: reader.optional(doc.code.as_ref(), "code")?,
    })
}

fn compile_active(table: &toml::Table, reader: &Reader<'_>) -> Result<Give, DriverError> {
    let doc: ActiveGive = read_table(table, reader.place)?;
    let rows = Rows::compile(&doc.rows, reader.scope, reader.place)?;
    if doc.local && doc.number_prefix.is_some() {
        return Err(reader.place.field("local").error("the number has a prefix already"));
    }
    if doc.page_len == Some(0) {
        return Err(reader.place.field("page_len").error("is at least 1"));
    }
    Ok(Give::Active(Box::new(ActiveFields {
        rows,
        external_id: reader.required(&doc.external_id, "external_id")?,
        number: reader.number(&doc.number, doc.number_prefix.as_ref())?,
        local: doc.local,
        country: reader.optional(doc.country.as_ref(), "country")?,
        service: reader.optional(doc.service.as_ref(), "service")?,
        created: reader.optional(doc.created.as_ref(), "created")?,
        page_len: doc.page_len,
        total: reader.optional(doc.total.as_ref(), "total")?,
    })))
}
