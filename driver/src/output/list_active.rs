//! The open activations: what their rule may say, how they are read, what comes out.
//!
//! A row that cannot be read is left out and counted, however many there are; one without a
//! number that can be read is counted and kept, since its id tells whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use serde::Deserialize;

use super::currency::Currency;
use super::fields::{
    GivenNumber, Input, NumberFields, ROWS_MAX, Reader, checked_scale, read_table,
};
use super::status::{
    ExternalState, MessageFields, MessagesDoc, ReceivedMessage, States, compile_messages,
    compile_states, read_messages,
};
use super::value::{code, is_nothing, minor_code, parse_time, parse_unzoned, read_cost};
use crate::document::{OneOrMany, RowsDoc};
use crate::json::Node;
use crate::place::DriverError;
use crate::reply::Misfit;
use crate::rows::Rows;
use crate::source::Sources;

/// By how much a list with the newest first may have two rows the wrong way round: numbers
/// bought at once get their ids and their moments in different orders.
const DISORDER_MS: u64 = 5_000;

/// Rows by which two pages of a list overlap.
const OVERLAP: usize = 10;

/// What a provider holds open for the account, as far as one reply shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveList {
    /// The open activations.
    pub rows: Vec<ActiveRow>,
    /// Activations that it shows and that are not open any more, without their messages: they
    /// tell who buys on the account.
    pub closed: Vec<ActiveRow>,
    /// Rows that could not be read, or whose number could not; each may be any activation.
    pub misfits: usize,
    /// Rows of the reply, those that are not open or not read included; on several pages,
    /// each once.
    pub listed: usize,
    /// The identifiers of all those rows, empty where a row has none.
    pub ids: Vec<String>,
    /// When the oldest of all those rows was bought, where the reply says so and has the
    /// newest first, give or take some seconds.
    pub oldest: Option<Time>,
    /// The page is full, so there may be more behind it.
    pub full: bool,
    /// What the provider's clock showed when it answered, where it says so; of several
    /// pages, the first one's.
    pub server_now: Option<Time>,
    /// Rows that there are, on this page and beyond it, where the reply says so.
    pub total: Option<usize>,
}

impl ActiveList {
    /// True if there are rows, or may be, that it does not show.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.full || self.total.is_some_and(|total| self.listed < total)
    }

    /// From which row on the page behind it has to be asked for: the two overlap, so that
    /// rows which move up meanwhile, because others ended, are not lost between them.
    #[must_use]
    pub fn next_offset(&self) -> usize {
        self.listed.saturating_sub(OVERLAP)
    }

    /// Adds the page behind it; a row on both is kept once. False if there is no point in
    /// going on: nothing was new, or the page does not begin with a known row, so that one
    /// may be missing between them. The list stays cut then.
    pub fn join(&mut self, next: Self) -> bool {
        let known: BTreeSet<&str> = self.ids.iter().map(String::as_str).collect();
        let is_new = |id: &String| id.is_empty() || !known.contains(id.as_str());
        let adjoins = next.ids.first().is_none_or(|first| !is_new(first));
        let is_new_row = |row: &ActiveRow| is_new(&row.external_id);
        let rows: Vec<_> = next.rows.into_iter().filter(is_new_row).collect();
        let closed: Vec<_> = next.closed.into_iter().filter(is_new_row).collect();
        let ids: Vec<_> = next.ids.into_iter().filter(|id| is_new(id)).collect();
        let brought = !ids.is_empty();
        if brought {
            self.oldest = self.oldest.zip(next.oldest).map(|(this, next)| this.min(next));
        }
        self.listed += ids.len();
        self.misfits += next.misfits;
        self.rows.extend(rows);
        self.closed.extend(closed);
        self.ids.extend(ids);
        self.server_now = self.server_now.or(next.server_now);
        (self.full, self.total) = (next.full || !adjoins, next.total.or(self.total));
        brought && adjoins
    }
}

/// An activation that is open at the provider.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ActiveRow {
    /// The provider's identifier.
    pub external_id: String,
    /// The number.
    pub number: GivenNumber,
    /// True if the number is without its country code.
    pub local: bool,
    /// The provider's code of the country.
    pub country: Option<String>,
    /// The provider's code of the service.
    pub service: Option<String>,
    /// The service's name, where the list has names in the place of codes.
    pub service_name: Option<String>,
    /// What was charged, where the list says so.
    pub cost: Option<Micros>,
    /// When it was bought by the provider's clock, where it says so with its time zone.
    pub created: Option<Time>,
    /// When it was bought, where the provider says so without a time zone: as if it were
    /// UTC, so that the moment may be most of a day earlier or later. One of the two at most.
    pub created_unzoned: Option<Time>,
    /// The currency of the cost, where the list names it.
    pub currency: Option<Currency>,
    /// How it stands; `None` where the list does not say so, or in words that the driver
    /// does not know. `Received` without messages only where the list shows none.
    pub state: Option<ExternalState>,
    /// The messages it holds, in the list's order, each as the status call gives it;
    /// `None` where the list does not tell, as where it says that there is one and shows none.
    pub messages: Option<Vec<ReceivedMessage>>,
}

impl fmt::Debug for ActiveRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveRow")
            .field("external_id", &self.external_id)
            .field("country", &self.country)
            .field("service", &self.service)
            .field("service_name", &self.service_name)
            .field("cost", &self.cost)
            .field("created", &self.created)
            .field("created_unzoned", &self.created_unzoned)
            .field("state", &self.state)
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActiveDoc {
    pub rows: RowsDoc,
    pub external_id: OneOrMany,
    pub number: OneOrMany,
    pub number_prefix: Option<OneOrMany>,
    #[serde(default)]
    pub local: bool,
    pub country: Option<OneOrMany>,
    pub service: Option<OneOrMany>,
    pub service_name: Option<OneOrMany>,
    pub cost: Option<OneOrMany>,
    #[serde(default)]
    pub scale: u32,
    pub created: Option<OneOrMany>,
    pub currency: Option<OneOrMany>,
    pub state: Option<OneOrMany>,
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    pub messages: Option<MessagesDoc>,
    pub has_message: Option<OneOrMany>,
    pub page_len: Option<usize>,
    pub total: Option<OneOrMany>,
}

#[derive(Debug)]
pub(crate) struct ActiveFields {
    pub rows: Rows,
    pub external_id: Sources,
    pub number: NumberFields,
    pub local: bool,
    pub country: Option<Sources>,
    pub service: Option<Sources>,
    pub service_name: Option<Sources>,
    pub cost: Option<Sources>,
    pub scale: u32,
    pub created: Option<Sources>,
    pub currency: Option<Sources>,
    pub state: Option<(Sources, States)>,
    pub messages: Option<MessageFields>,
    pub has_message: Option<Sources>,
    pub page_len: Option<usize>,
    pub total: Option<Sources>,
}

pub(super) fn compile(
    table: &toml::Table,
    reader: &Reader<'_>,
) -> Result<ActiveFields, DriverError> {
    let doc: ActiveDoc = read_table(table, reader.place)?;
    let rows = Rows::compile(&doc.rows, reader.scope, reader.place)?;
    if doc.local && doc.number_prefix.is_some() {
        return Err(reader.place.field("local").error("the number has a prefix already"));
    }
    if doc.page_len == Some(0) {
        return Err(reader.place.field("page_len").error("is at least 1"));
    }
    let state = match &doc.state {
        Some(state) => Some(compile_states(state, &doc.states, reader)?),
        None if doc.states.is_empty() => None,
        None => return Err(reader.place.field("states").error("need a `state` that they explain")),
    };
    let messages = doc.messages.as_ref().map(|doc| compile_messages(doc, reader)).transpose()?;
    Ok(ActiveFields {
        rows,
        state,
        messages,
        external_id: reader.required(&doc.external_id, "external_id")?,
        number: reader.number(&doc.number, doc.number_prefix.as_ref())?,
        local: doc.local,
        country: reader.optional(doc.country.as_ref(), "country")?,
        service: reader.optional(doc.service.as_ref(), "service")?,
        service_name: reader.optional(doc.service_name.as_ref(), "service_name")?,
        cost: reader.optional(doc.cost.as_ref(), "cost")?,
        scale: checked_scale(doc.scale, reader.place)?,
        created: reader.optional(doc.created.as_ref(), "created")?,
        currency: reader.optional(doc.currency.as_ref(), "currency")?,
        has_message: reader.optional(doc.has_message.as_ref(), "has_message")?,
        page_len: doc.page_len,
        total: reader.optional(doc.total.as_ref(), "total")?,
    })
}

/// A list without rows.
pub(super) fn none(input: &Input<'_, '_>) -> ActiveList {
    ActiveList { server_now: input.view.reply.server_now(), ..ActiveList::default() }
}

/// A row that cannot be read may be any purchase: it is counted, so that the others are
/// not taken for everything that is open.
pub(super) fn read(fields: &ActiveFields, input: &Input<'_, '_>) -> Result<ActiveList, Misfit> {
    let root = input.view.root.as_ref().ok_or(Misfit)?;
    let total = fields.total.as_ref().map(|total| read_total(total, input)).transpose()?;
    let mut list = ActiveList { total, ..none(input) };
    let (mut last, mut newest_first) = (None, true);
    fields.rows.walk_all(root, &mut |row, _| {
        let text = input.row(fields.created.as_ref(), row);
        let created = text.as_deref().and_then(parse_time);
        list.listed += 1;
        list.ids.push(input.row(Some(&fields.external_id), row).unwrap_or_default());
        // A row without its moment says nothing of how far back the reply goes.
        list.oldest = list.oldest.into_iter().chain(created).min();
        newest_first &= last.is_none_or(|last: Time| created <= Some(last.plus_ms(DISORDER_MS)));
        last = created.or(last);
        match fields.rows.judge(row) {
            Some(true) => match read_active_row(fields, input, row, text.as_deref()) {
                Ok(row) => {
                    list.misfits += usize::from(row.number.read().is_none());
                    list.rows.push(row);
                }
                Err(Misfit) => list.misfits += 1,
            },
            Some(false) => {
                let row = read_active_row(fields, input, row, text.as_deref());
                list.closed.extend(row.map(|row| ActiveRow { messages: None, ..row }));
            }
            None => list.misfits += 1,
        }
        if list.listed > ROWS_MAX { Err(Misfit) } else { Ok(()) }
    })?;
    // Where more rows come than a page has, pages are not what cuts the list.
    list.full = fields.page_len == Some(list.listed);
    // What a page in another order leaves out may be new.
    list.oldest = list.oldest.filter(|_| newest_first);
    Ok(list)
}

fn read_total(total: &Sources, input: &Input<'_, '_>) -> Result<usize, Misfit> {
    input.root(total).and_then(|text| text.parse().ok()).ok_or(Misfit)
}

fn read_active_row(
    fields: &ActiveFields,
    input: &Input<'_, '_>,
    row: &Node<'_>,
    created: Option<&str>,
) -> Result<ActiveRow, Misfit> {
    let field = |sources: &Option<Sources>| input.row(sources.as_ref(), row);
    // A row whose messages cannot be read, or are not shown, is open all the same: it is asked
    // about singly.
    let messages = fields.messages.as_ref();
    let messages = messages.and_then(|fields| read_messages(fields, input, Some(row)).ok());
    let messages = messages.filter(|shown| !shown.misplaced).map(|shown| shown.messages);
    let hints = || field(&fields.has_message).is_some_and(|hint| !is_nothing(&hint));
    let has_hidden = || says_received(fields, input, row) || hints();
    let messages = messages.filter(|shown| !shown.is_empty() || !has_hidden());
    let state = fields.state.as_ref().and_then(|(sources, states)| {
        let state = *states.get(&input.row(Some(sources), row)?)?;
        Some(messages.as_ref().map_or(state, |messages| state.seen_with(messages)))
    });
    Ok(ActiveRow {
        state,
        messages,
        external_id: input.row(Some(&fields.external_id), row).ok_or(Misfit).and_then(code)?,
        number: fields.number.assemble(|sources| input.row(Some(sources), row)),
        local: fields.local
            && !fields.number.is_international(|sources| input.row(Some(sources), row)),
        country: field(&fields.country).and_then(minor_code),
        service: field(&fields.service).and_then(minor_code),
        service_name: field(&fields.service_name).and_then(minor_code),
        cost: field(&fields.cost).and_then(|cost| read_cost(&cost, fields.scale).ok()),
        created: created.and_then(parse_time),
        created_unzoned: created.and_then(parse_unzoned),
        currency: input.currency(fields.currency.as_ref(), Some(row)),
    })
}

/// Whether a row says that a message is there, in a word of its own: where none stands for
/// waiting, it says so as soon as there is a number.
fn says_received(fields: &ActiveFields, input: &Input<'_, '_>, row: &Node<'_>) -> bool {
    let Some((sources, states)) = &fields.state else { return false };
    let state = input.row(Some(sources), row).and_then(|word| states.get(&word).copied());
    let tells_apart = states.values().any(|state| *state == ExternalState::Waiting);
    tells_apart && state == Some(ExternalState::Received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::Number;

    /// A page of these rows, the odd ones open.
    fn page(ids: &[u32], oldest: u64, full: bool) -> ActiveList {
        let row = |id: &u32| ActiveRow {
            external_id: id.to_string(),
            number: GivenNumber::Read(Number(15_551)),
            ..ActiveRow::default()
        };
        ActiveList {
            rows: ids.iter().filter(|id| *id % 2 == 1).map(row).collect(),
            listed: ids.len(),
            ids: ids.iter().map(u32::to_string).collect(),
            oldest: Some(Time(oldest)),
            full,
            ..ActiveList::default()
        }
    }

    fn open(list: &ActiveList) -> Vec<&str> {
        list.rows.iter().map(|row| &*row.external_id).collect()
    }

    #[test]
    fn a_row_on_two_pages_is_kept_once() {
        let mut list = page(&[9, 8, 7], 40, true);
        assert!(list.join(page(&[7, 6, 5], 20, true)));
        assert_eq!((open(&list), list.listed), (vec!["9", "7", "5"], 5));
        assert_eq!(list.oldest, Some(Time(20)));
        assert!(list.is_cut(), "as long as its last page is full");
        assert!(list.join(page(&[5, 4], 10, false)), "closed ones reach further back");
        assert!(!list.is_cut());
    }

    #[test]
    fn a_provider_that_knows_no_pages_is_not_asked_on_and_proves_nothing() {
        let mut list = page(&[4, 3], 10, true);
        assert!(!list.join(page(&[4, 3], 10, true)));
        assert!(list.is_cut());
        let of = |total| ActiveList { total: Some(total), ..page(&[4, 3], 10, false) };
        let mut list = of(4);
        assert!(!list.join(of(4)));
        assert!(list.is_cut(), "the same two rows are not four");
    }

    #[test]
    fn an_empty_page_or_one_of_known_rows_ends_a_list() {
        for last in [ActiveList::default(), page(&[3], 10, false)] {
            let mut list = page(&[4, 3], 10, true);
            assert!(!list.join(last));
            assert!(!list.is_cut());
        }
    }

    #[test]
    fn a_row_that_may_have_moved_up_between_two_pages_leaves_the_list_cut() {
        let mut list = page(&[5, 4, 3], 30, true);
        assert!(!list.join(page(&[1], 10, false)));
        assert!(list.is_cut(), "2 is missing");
        assert_eq!(open(&list), ["5", "3", "1"], "what is seen is seen");
    }

    #[test]
    fn pages_overlap() {
        assert_eq!(page(&[2, 1], 10, true).next_offset(), 0);
        let listed = 200;
        assert_eq!(ActiveList { listed, ..ActiveList::default() }.next_offset(), 190);
    }
}
