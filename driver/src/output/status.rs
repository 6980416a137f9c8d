//! An activation's state and messages: what its rule may say, how it is read, what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use super::fields::{GivenNumber, Input, NumberFields, Reader, read_table};
use super::misplaced::{Places, is_absent, is_misplaced};
use super::value::{cut_name, is_nothing, minor_code, text_and_code};
use crate::document::{OneOrMany, RowsDoc};
use crate::error::{ProviderError, unread};
use crate::json::Node;
use crate::place::{DriverError, Place};
use crate::reply::Misfit;
use crate::rows::Rows;
use crate::source::Sources;

/// Where an activation stands at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalState {
    /// Waiting for a message.
    Waiting,
    /// At least one message is there, and more may come.
    Received,
    /// Completed.
    Finished,
    /// Cancelled, or cancelled or finished where a provider does not say which.
    Cancelled,
    /// Its time ran out.
    Expired,
}

/// What a state means for the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalOutcome {
    /// It is open.
    Open,
    /// It has ended, with a message as far as the provider says.
    Finished,
    /// It has ended, and went back: nothing was received.
    Returned,
}

impl ExternalState {
    /// What it means for the number.
    #[must_use]
    pub const fn outcome(self) -> ExternalOutcome {
        match self {
            Self::Waiting | Self::Received => ExternalOutcome::Open,
            Self::Finished => ExternalOutcome::Finished,
            Self::Cancelled | Self::Expired => ExternalOutcome::Returned,
        }
    }

    /// The state as the messages confirm it: several providers say "received" as soon as
    /// the number is allotted.
    pub(super) fn seen_with(self, messages: &[ReceivedMessage]) -> Self {
        let premature = self == Self::Received && messages.is_empty();
        if premature { Self::Waiting } else { self }
    }
}

/// An activation's state and the messages it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The state; `Received` only with a message.
    pub state: ExternalState,
    /// All messages the reply shows, in its order; a poll repeats earlier ones.
    pub messages: Vec<ReceivedMessage>,
    /// The number, where the reply says it: a purchase may have been answered without one.
    pub number: GivenNumber,
    /// The provider has one word for a message that is there and another for one that is
    /// awaited, and this is one of the two: an old message beside it does not make the state.
    pub by_word: bool,
    /// Something stands where a message should, and none of its fields is where the driver looks,
    /// or the state is a word that the driver does not have: what an operator is told of the
    /// reply. The other messages are read all the same.
    pub unread: Option<Box<ProviderError>>,
}

/// A message as a provider hands it over; a code, a text or both.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The provider's identifier of the message.
    pub external_id: Option<String>,
    /// Who sent it.
    pub sender: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// The code in it, as the provider sees it, if it has the length of one; what is longer
    /// or has blanks is in `text`.
    pub code: Option<String>,
}

impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedMessage")
            .field("external_id", &self.external_id)
            .field("has_text", &self.text.is_some())
            .field("has_code", &self.code.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusDoc {
    pub state: OneOrMany,
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    pub messages: Option<MessagesDoc>,
    pub number: Option<OneOrMany>,
    pub number_prefix: Option<OneOrMany>,
}

/// The words of a provider and the state that each means.
pub(super) type States = BTreeMap<String, ExternalState>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagesDoc {
    pub rows: Option<RowsDoc>,
    pub external_id: Option<OneOrMany>,
    pub sender: Option<OneOrMany>,
    pub text: Option<OneOrMany>,
    pub code: Option<OneOrMany>,
}

#[derive(Debug)]
pub(crate) struct StatusFields {
    pub state: Sources,
    pub states: States,
    /// As [`StatusReport::by_word`]; known once all rules of the call are.
    pub by_word: bool,
    pub messages: Option<MessageFields>,
    pub number: Option<NumberFields>,
}

#[derive(Debug)]
pub(crate) struct MessageFields {
    pub rows: Option<Rows>,
    pub external_id: Option<Sources>,
    pub sender: Option<Sources>,
    pub text: Option<Sources>,
    pub code: Option<Sources>,
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

pub(super) fn compile(
    table: &toml::Table,
    reader: &Reader<'_>,
) -> Result<StatusFields, DriverError> {
    let doc: StatusDoc = read_table(table, reader.place)?;
    let (state, states) = compile_states(&doc.state, &doc.states, reader)?;
    let messages = doc.messages.as_ref().map(|doc| compile_messages(doc, reader)).transpose()?;
    let receives = states.values().any(|state| *state == ExternalState::Received);
    if receives && messages.is_none() {
        return Err(reader.place.error("a `received` state needs `messages`"));
    }
    let number = doc.number.as_ref().map(|it| reader.number(it, doc.number_prefix.as_ref()));
    let number = number.transpose()?;
    if number.is_none() && doc.number_prefix.is_some() {
        return Err(reader.place.field("number_prefix").error("needs a `number`"));
    }
    Ok(StatusFields { state, states, by_word: false, messages, number })
}

/// A place that says the state, and what its words mean.
pub(super) fn compile_states(
    state: &OneOrMany,
    words: &BTreeMap<String, String>,
    reader: &Reader<'_>,
) -> Result<(Sources, States), DriverError> {
    let state = reader.required(state, "state")?;
    let mut states = BTreeMap::new();
    for (external, word) in words {
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
    Ok((state, states))
}

pub(super) fn compile_messages(
    doc: &MessagesDoc,
    outer: &Reader<'_>,
) -> Result<MessageFields, DriverError> {
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

pub(super) fn read(fields: &StatusFields, input: &Input<'_, '_>) -> Result<StatusReport, Misfit> {
    let word = input.root(&fields.state);
    let known = word.and_then(|word| fields.states.get(&word)).copied();
    let shown = match &fields.messages {
        Some(messages) => read_messages(messages, input, input.view.root.as_ref())?,
        None => ShownMessages::default(),
    };
    // A message is there, whatever a word means that no driver has.
    let has_message = !shown.messages.is_empty();
    let state = known.or_else(|| has_message.then_some(ExternalState::Received)).ok_or(Misfit)?;
    let number = fields.number.as_ref();
    let number = number.map(|number| number.assemble(|sources| input.root(sources)));
    let number = number.unwrap_or_default();
    let seen = state.seen_with(&shown.messages);
    let by_word = fields.by_word && known == Some(seen);
    let error = || Box::new(unread(input.view.reply, &input.view.text, None));
    // A word that a message is there, which has another for waiting, and no place of one.
    let is_announced = fields.by_word && state == ExternalState::Received && shown.absent;
    let unread = (known.is_none() || shown.misplaced || is_announced).then(error);
    Ok(StatusReport { state: seen, messages: shown.messages, number, by_word, unread })
}

/// The messages of a reply, or of a row.
#[derive(Default)]
pub(super) struct ShownMessages {
    pub(super) messages: Vec<ReceivedMessage>,
    /// There is one of which nothing could be read.
    pub(super) misplaced: bool,
    /// Nothing stands in any place of one.
    pub(super) absent: bool,
}

/// Reads the messages below a node: the whole reply, or the row of one activation. All of
/// them, as many as a reply of bounded length has.
pub(super) fn read_messages(
    fields: &MessageFields,
    input: &Input<'_, '_>,
    node: Option<&Node<'_>>,
) -> Result<ShownMessages, Misfit> {
    let mut shown = ShownMessages::default();
    let places = Places {
        said: [&fields.text, &fields.code],
        beside: [&fields.sender, &fields.external_id],
        in_rows: fields.rows.is_some(),
    };
    let mut keep = |read: &dyn Fn(&Sources) -> Option<String>, row: Option<&Node<'_>>| {
        let field = |sources: &Option<Sources>| sources.as_ref().and_then(read);
        let (text, code) = text_and_code(field(&fields.text), field(&fields.code));
        let message = ReceivedMessage {
            external_id: field(&fields.external_id)
                .and_then(minor_code)
                .filter(|id| !is_nothing(id)),
            sender: field(&fields.sender).map(cut_name),
            text,
            code,
        };
        if message.text.is_some() || message.code.is_some() {
            shown.messages.push(message);
        } else if let Some(row) = row {
            shown.misplaced |= is_misplaced(&places, row);
            shown.absent |= is_absent(&places, row);
        }
    };
    match (&fields.rows, node) {
        (None, None) => keep(&|sources| input.root(sources), None),
        (None, Some(node)) => keep(&|sources| input.row(Some(sources), node), Some(node)),
        (Some(_), None) => return Err(Misfit),
        (Some(rows), Some(node)) => {
            rows.walk(node, &mut |row, _| {
                keep(&|sources| input.row(Some(sources), row), Some(row));
                Ok(())
            })?;
        }
    }
    drop_shared_ids(&mut shown.messages);
    Ok(shown)
}

/// Takes the id off messages that share it and say different things: it tells none from another.
fn drop_shared_ids(messages: &mut [ReceivedMessage]) {
    let mut said = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for ReceivedMessage { external_id, text, code, .. } in &*messages {
        let Some(id) = external_id else { continue };
        if *said.entry(id).or_insert((text, code)) != (text, code) {
            shared.insert(id.clone());
        }
    }
    for message in messages {
        message.external_id.take_if(|id| shared.contains(id));
    }
}
