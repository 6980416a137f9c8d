//! From a reply that a rule recognised to the operation's typed output.
//!
//! A required field that is absent or unreadable makes the reply a misfit; in lists, where
//! one bad line should not hide the good ones, such rows are left out and counted: in
//! price lists up to a tenth, among open activations all of them.

use nexnum_engine::ids::Number;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;

use super::driver::Op;
use super::give::{
    ActiveFields, BoughtFields, Give, MessageFields, NumberFields, PriceFields, StatusFields,
};
use super::json::Node;
use super::output::{
    ActiveList, ActiveRow, Bought, ExternalState, Output, PriceList, PriceRow, ReceivedMessage,
    StatusReport,
};
use super::rows::Bound;
use super::source::{Captures, Rounding, Sources, View, parse_amount};

/// Rows one reply may have: four times the largest market known, and within memory.
const ROWS_MAX: usize = 500_000;
/// Messages one activation may show; no provider keeps a tenth of it.
const MESSAGES_MAX: usize = 1_000;
/// Characters of a provider's identifier or code.
const CODE_MAX: usize = 128;
/// Characters of a message's text: ten concatenated SMS, twice over.
const TEXT_MAX: usize = 4_096;

/// By how much a list with the newest first may have two rows the wrong way round: numbers
/// bought at once get their ids and their moments in different orders.
const DISORDER_MS: u64 = 5_000;

/// A reply that a rule recognised but that lacks what the rule promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misfit;

impl Give {
    /// Reads the output from a reply.
    pub(super) fn read(&self, view: &View<'_>, captures: &Captures) -> Result<Output, Misfit> {
        let input = Input { view, captures };
        match self {
            Self::Empty(Op::Prices) => Ok(Output::Prices(PriceList::default())),
            Self::Empty(_) => Ok(Output::Active(ActiveList::default())),
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

/// A row that cannot be read may be any purchase: it is counted, so that nobody takes the
/// others for everything that is open.
fn read_active(fields: &ActiveFields, input: &Input<'_, '_>) -> Result<ActiveList, Misfit> {
    let root = input.view.root.as_ref().ok_or(Misfit)?;
    let total = fields.total.as_ref().map(|total| read_total(total, input)).transpose()?;
    let mut list = ActiveList { total, ..ActiveList::default() };
    let (mut last, mut newest_first) = (None, true);
    fields.rows.walk_all(root, &mut |row, _| {
        let created = input.row(fields.created.as_ref(), row);
        let created = created.and_then(|text| parse_time(&text));
        list.listed += 1;
        list.ids.push(input.row(Some(&fields.external_id), row).unwrap_or_default());
        // A row without its moment says nothing of how far back the reply goes.
        list.oldest = list.oldest.into_iter().chain(created).min();
        newest_first &= last.is_none_or(|last: Time| created <= Some(last.plus_ms(DISORDER_MS)));
        last = created.or(last);
        match fields.rows.judge(row) {
            Some(true) => match read_active_row(fields, input, row, created) {
                Ok(row) => list.rows.push(row),
                Err(Misfit) => list.misfits += 1,
            },
            Some(false) => {}
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
    created: Option<Time>,
) -> Result<ActiveRow, Misfit> {
    let field = |sources: &Option<Sources>| input.row(sources.as_ref(), row);
    Ok(ActiveRow {
        external_id: input.row(Some(&fields.external_id), row).ok_or(Misfit).and_then(code)?,
        number: fields.number.assemble(|sources| input.row(Some(sources), row))?,
        local: fields.local,
        country: field(&fields.country).map(code).transpose()?,
        service: field(&fields.service).map(code).transpose()?,
        created,
    })
}

/// RFC 3339 or Unix seconds; a local time without its zone is no moment.
fn parse_time(text: &str) -> Option<Time> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000).map(Time);
    }
    let stamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok().map(Time)
}
