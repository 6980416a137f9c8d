//! From a reply that a rule recognised to the operation's typed output.
//!
//! A give names the sources of an output's fields; where there are many rows, a path
//! such as `*.*` walks the nested maps or lists and binds their keys. PHP's `[]` and
//! null are empty maps. A required field that is absent or unreadable makes the reply
//! a misfit; in price lists, where one bad line should not hide thousands of good
//! ones, such rows are left out and counted, up to a tenth of the list.

use std::collections::BTreeMap;

use nexnum_engine::ids::Number;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;

use super::document::{
    ActiveGive, BalanceGive, BuyGive, DoneGive, EmptyGive, MessagesDoc, OneOrMany, Place,
    PricesGive, ReplyKind, RowsDoc, StatusGive,
};
use super::driver::{DriverError, Op};
use super::json::Node;
use super::output::{
    ActiveRow, Bought, ExternalState, Output, PriceList, PriceRow, ReceivedMessage, StatusReport,
};
use super::source::{Captures, Rounding, Scope, Sources, View, compile_path, parse_amount};

/// Rows one reply may have: four times the largest market known, and within memory.
const ROWS_MAX: usize = 500_000;
/// Messages one activation may show; no provider keeps a tenth of it.
const MESSAGES_MAX: usize = 1_000;
/// Characters of a provider's identifier or code.
const CODE_MAX: usize = 128;
/// Characters of a message's text: ten concatenated SMS, twice over.
const TEXT_MAX: usize = 4_096;

/// A reply that a rule recognised but that lacks what the rule promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misfit;

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
    rows: Rows,
    country: Option<Sources>,
    service: Option<Sources>,
    operator: Option<Sources>,
    cost: Option<Sources>,
    stock: Sources,
    scale: u32,
}

#[derive(Debug)]
pub(super) struct BoughtFields {
    external_id: Sources,
    number: NumberFields,
    cost: Option<Sources>,
    operator: Option<Sources>,
    scale: u32,
}

#[derive(Debug)]
struct NumberFields {
    number: Sources,
    prefix: Option<Sources>,
}

#[derive(Debug)]
pub(super) struct StatusFields {
    state: Sources,
    states: BTreeMap<String, ExternalState>,
    messages: Option<MessageFields>,
}

#[derive(Debug)]
struct MessageFields {
    rows: Option<Rows>,
    external_id: Option<Sources>,
    sender: Option<Sources>,
    text: Option<Sources>,
    code: Option<Sources>,
}

#[derive(Debug)]
pub(super) struct ActiveFields {
    rows: Rows,
    external_id: Sources,
    number: NumberFields,
    country: Option<Sources>,
    service: Option<Sources>,
    created: Option<Sources>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Country,
    Service,
    Operator,
    Cost,
    Ignored,
}

#[derive(Debug)]
enum Step {
    Name(String),
    Each(Key),
}

/// A walk to the rows of a reply.
#[derive(Debug)]
struct Rows {
    steps: Vec<Step>,
    skip_keys: Vec<String>,
    filters: Vec<(Vec<String>, Vec<String>)>,
}

/// The keys bound on the way to a row.
#[derive(Clone, Default)]
struct Bound<'k> {
    country: Option<&'k str>,
    service: Option<&'k str>,
    operator: Option<&'k str>,
    cost: Option<&'k str>,
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

    /// Reads the output from a reply.
    pub(super) fn read(&self, view: &View<'_>, captures: &Captures) -> Result<Output, Misfit> {
        let input = Input { view, captures };
        match self {
            Self::Empty(Op::Prices) => Ok(Output::Prices(PriceList::default())),
            Self::Empty(_) => Ok(Output::Active(Vec::new())),
            Self::Balance { amount, scale } => {
                let text = input.root(amount).ok_or(Misfit)?;
                parse_amount(&text, *scale, Rounding::Down).map(Output::Balance).ok_or(Misfit)
            }
            Self::Prices(fields) => read_prices(fields, &input).map(Output::Prices),
            Self::Bought(fields) => read_bought(fields, &input).map(Output::Bought),
            Self::Status(fields) => read_status(fields, &input).map(Output::Status),
            Self::Done { external_id } => {
                let new_external_id = external_id.as_ref().and_then(|s| input.root(s));
                Ok(Output::Done { new_external_id: new_external_id.map(code).transpose()? })
            }
            Self::Active(fields) => read_active(fields, &input).map(Output::Active),
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
    let rows = Rows::compile(&doc.rows, reader)?;
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
    let rows = doc.rows.as_ref().map(|rows| Rows::compile(rows, &reader)).transpose()?;
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
    let rows = Rows::compile(&doc.rows, reader)?;
    Ok(Give::Active(Box::new(ActiveFields {
        rows,
        external_id: reader.required(&doc.external_id, "external_id")?,
        number: reader.number(&doc.number, doc.number_prefix.as_ref())?,
        country: reader.optional(doc.country.as_ref(), "country")?,
        service: reader.optional(doc.service.as_ref(), "service")?,
        created: reader.optional(doc.created.as_ref(), "created")?,
    })))
}

impl Rows {
    fn compile(doc: &RowsDoc, reader: &Reader<'_>) -> Result<Self, DriverError> {
        let place = reader.place.field("rows");
        if reader.scope.reply != ReplyKind::Json {
            return Err(place.error("needs a json reply"));
        }
        let stars = doc.path.split('.').filter(|step| *step == "*").count();
        if stars == 0 || doc.path.split('.').any(str::is_empty) {
            return Err(place.field("path").error("is names and at least one `*`, joined by dots"));
        }
        if !doc.bind.is_empty() && doc.bind.len() != stars {
            let problem = format!("binds {} keys, the path has {stars} stars", doc.bind.len());
            return Err(place.field("bind").error(problem));
        }
        let mut keys = Vec::new();
        for word in &doc.bind {
            let key = parse_key(word, &place.field("bind"))?;
            if key != Key::Ignored && keys.contains(&key) {
                return Err(place.field("bind").error(format!("binds {word} twice")));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let steps = doc.path.split('.').map(|step| match step {
            "*" => Step::Each(keys.next().unwrap_or(Key::Ignored)),
            name => Step::Name(name.to_owned()),
        });
        let steps = steps.collect();
        let filters = doc.filters.iter();
        let filters = filters.map(|f| (compile_path(&f.at), f.equals.items().to_vec())).collect();
        Ok(Self { steps, skip_keys: doc.skip_keys.clone(), filters })
    }

    fn binds(&self, key: Key) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Each(bound) if *bound == key))
    }

    /// Calls `visit` with each row and the keys that led to it.
    fn walk(
        &self,
        root: &Node<'_>,
        visit: &mut impl FnMut(&Node<'_>, &Bound<'_>) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        self.descend(&self.steps, root, &Bound::default(), visit)
    }

    fn descend(
        &self,
        steps: &[Step],
        node: &Node<'_>,
        bound: &Bound<'_>,
        visit: &mut impl FnMut(&Node<'_>, &Bound<'_>) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        let Some((step, rest)) = steps.split_first() else {
            return if self.keeps(node) { visit(node, bound) } else { Ok(()) };
        };
        // PHP writes an empty map as [], and some providers an absent one as null.
        let empty = node.is_null() || (node.is_list() && node.elements().is_empty());
        match step {
            _ if empty => Ok(()),
            Step::Name(name) => {
                let child = node.child(name).ok_or(Misfit)?;
                self.descend(rest, &child, bound, visit)
            }
            Step::Each(key) if node.is_map() => {
                for (name, child) in node.children() {
                    if !self.skip_keys.iter().any(|skipped| skipped == name) {
                        self.descend(rest, &child, &bound.with(*key, name), visit)?;
                    }
                }
                Ok(())
            }
            Step::Each(Key::Ignored) if node.is_list() => {
                let mut elements = node.elements().into_iter();
                elements.try_for_each(|child| self.descend(rest, &child, bound, visit))
            }
            Step::Each(_) => Err(Misfit),
        }
    }

    fn keeps(&self, row: &Node<'_>) -> bool {
        self.filters.iter().all(|(path, tokens)| {
            let value = row.at(path).and_then(|node| node.scalar());
            value.is_some_and(|value| tokens.iter().any(|token| *token == value))
        })
    }
}

fn parse_key(word: &str, place: &Place) -> Result<Key, DriverError> {
    match word {
        "country" => Ok(Key::Country),
        "service" => Ok(Key::Service),
        "operator" => Ok(Key::Operator),
        "cost" => Ok(Key::Cost),
        "_" => Ok(Key::Ignored),
        other => {
            Err(place.error(format!("`{other}` is none of country, service, operator, cost, _")))
        }
    }
}

impl<'k> Bound<'k> {
    fn with<'n>(&self, key: Key, name: &'n str) -> Bound<'n>
    where
        'k: 'n,
    {
        let mut bound: Bound<'n> = self.clone();
        match key {
            Key::Country => bound.country = Some(name),
            Key::Service => bound.service = Some(name),
            Key::Operator => bound.operator = Some(name),
            Key::Cost => bound.cost = Some(name),
            Key::Ignored => {}
        }
        bound
    }
}

/// A reply and its rule's groups, to read fields from.
struct Input<'i, 'a> {
    view: &'i View<'a>,
    captures: &'i Captures,
}

impl Input<'_, '_> {
    fn root(&self, sources: &Sources) -> Option<String> {
        let value = sources.read(self.view, self.view.root.as_ref(), self.captures)?;
        Some(value.trim().to_owned())
    }

    fn row(&self, sources: Option<&Sources>, row: &Node<'_>) -> Option<String> {
        let value = sources?.read(self.view, Some(row), self.captures)?;
        Some(value.trim().to_owned())
    }
}

/// An identifier or code, if it is of a sane length.
fn code(text: String) -> Result<String, Misfit> {
    if text.chars().count() > CODE_MAX { Err(Misfit) } else { Ok(text) }
}

fn read_prices(fields: &PriceFields, input: &Input<'_, '_>) -> Result<PriceList, Misfit> {
    let root = input.view.root.as_ref().ok_or(Misfit)?;
    let mut list = PriceList::default();
    fields.rows.walk(root, &mut |row, bound| {
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

fn read_bought(fields: &BoughtFields, input: &Input<'_, '_>) -> Result<Bought, Misfit> {
    let root = |sources: &Sources| input.root(sources);
    let cost = match fields.cost.as_ref().and_then(root) {
        Some(text) => Some(read_cost(&text, fields.scale)?),
        None => None,
    };
    Ok(Bought {
        external_id: root(&fields.external_id).ok_or(Misfit).and_then(code)?,
        number: fields.number.assemble(root)?,
        cost,
        operator: fields.operator.as_ref().and_then(root).map(code).transpose()?,
    })
}

fn read_cost(text: &str, scale: u32) -> Result<Micros, Misfit> {
    parse_amount(text, scale, Rounding::Up).filter(|cost| cost.0 >= 0).ok_or(Misfit)
}

impl NumberFields {
    fn assemble(&self, read: impl Fn(&Sources) -> Option<String>) -> Result<Number, Misfit> {
        let number = read(&self.number).ok_or(Misfit)?;
        let Some(prefix) = &self.prefix else {
            return Number::parse(&number).ok_or(Misfit);
        };
        let prefix = read(prefix).ok_or(Misfit)?;
        Number::parse(&format!("{}{number}", prefix.trim_start_matches('+'))).ok_or(Misfit)
    }
}

fn read_status(fields: &StatusFields, input: &Input<'_, '_>) -> Result<StatusReport, Misfit> {
    let word = input.root(&fields.state).ok_or(Misfit)?;
    let state = *fields.states.get(&word).ok_or(Misfit)?;
    let messages = match &fields.messages {
        Some(messages) => read_messages(messages, input)?,
        None => Vec::new(),
    };
    // Several providers say "received" as soon as the number is allotted.
    let premature = state == ExternalState::Received && messages.is_empty();
    let state = if premature { ExternalState::Waiting } else { state };
    Ok(StatusReport { state, messages })
}

fn read_messages(
    fields: &MessageFields,
    input: &Input<'_, '_>,
) -> Result<Vec<ReceivedMessage>, Misfit> {
    let mut messages = Vec::new();
    let mut keep = |read: &dyn Fn(&Sources) -> Option<String>| {
        let field = |sources: &Option<Sources>| sources.as_ref().and_then(read);
        let message = ReceivedMessage {
            external_id: field(&fields.external_id).map(code).transpose()?,
            sender: field(&fields.sender).map(code).transpose()?,
            text: field(&fields.text).map(bounded_text),
            code: field(&fields.code).map(code).transpose()?,
        };
        if message.text.is_some() || message.code.is_some() {
            messages.push(message);
        }
        if messages.len() > MESSAGES_MAX { Err(Misfit) } else { Ok(()) }
    };
    match (&fields.rows, &input.view.root) {
        (None, _) => keep(&|sources| input.root(sources))?,
        (Some(_), None) => return Err(Misfit),
        (Some(rows), Some(root)) => {
            rows.walk(root, &mut |row, _| keep(&|sources| input.row(Some(sources), row)))?
        }
    }
    Ok(messages)
}

fn bounded_text(text: String) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

fn read_active(fields: &ActiveFields, input: &Input<'_, '_>) -> Result<Vec<ActiveRow>, Misfit> {
    let root = input.view.root.as_ref().ok_or(Misfit)?;
    let mut active = Vec::new();
    fields.rows.walk(root, &mut |row, _| {
        let field = |sources: &Option<Sources>| input.row(sources.as_ref(), row);
        active.push(ActiveRow {
            external_id: input.row(Some(&fields.external_id), row).ok_or(Misfit).and_then(code)?,
            number: fields.number.assemble(|sources| input.row(Some(sources), row))?,
            country: field(&fields.country).map(code).transpose()?,
            service: field(&fields.service).map(code).transpose()?,
            created: field(&fields.created).and_then(|text| parse_time(&text)),
        });
        if active.len() > ROWS_MAX { Err(Misfit) } else { Ok(()) }
    })?;
    Ok(active)
}

/// RFC 3339 or Unix seconds; a local time without its zone is no moment.
fn parse_time(text: &str) -> Option<Time> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000).map(Time);
    }
    let stamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok().map(Time)
}
