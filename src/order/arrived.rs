//! A message as it arrives: what makes it the same when it comes again, and what an order keeps
//! of it.

use std::fmt;

use nexnum_driver::ReceivedMessage;
use nexnum_engine::catalog::Service;
use nexnum_engine::event::{Arrival, MessageIdentity, MessageKind, MessageWay};
use nexnum_engine::limits::{NAME_LEN_MAX, TEXT_LEN_MAX};

use crate::message::extract::{self, Readable};
use crate::message::fit::fit;
use crate::message::identity::Parts;
use crate::message::named::{self, Naming};
use crate::message::unseen::is_placeholder;
use nexnum_storage::lookup_key::LookupKey;
use nexnum_storage::said::Said;

/// A message as its source gave it; a sender or text that the source does not have is empty.
#[derive(Clone, Copy, Default)]
pub(super) struct Arrived<'a> {
    /// The source's own id of the message: its identity where there is one.
    pub external_id: Option<&'a str>,
    /// Who sent it.
    pub sender: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The code, from a source that looks for it: empty where it found none.
    pub code: Option<&'a str>,
}

/// Prints no text and no code: messages stay out of logs.
impl fmt::Debug for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("external_id", &self.external_id).finish_non_exhaustive()
    }
}

/// A provider's message.
pub(super) fn polled(message: &ReceivedMessage) -> Arrived<'_> {
    let [sender, text, code] =
        [&message.sender, &message.text, &message.code].map(|part| part.as_deref().unwrap_or(""));
    Arrived { external_id: message.external_id.as_deref(), sender, text, code: Some(code) }
}

/// What makes a message the same, by its digest under a key, and what an order keeps of it.
pub(super) fn read<'a>(key: &'a LookupKey, message: &Arrived<'a>) -> (Parts<'a>, Readable<'a>) {
    let &Arrived { external_id, sender, text, code } = message;
    let mut readable = extract::read(text, code.unwrap_or_default(), sender);
    if readable.text.len() > TEXT_LEN_MAX {
        readable.text =
            fit(&readable.text, TEXT_LEN_MAX, &readable.code, sender).into_owned().into();
        // A code behind what is looked at may stand in what is kept of the end.
        if readable.code.is_empty() && text.len() > extract::LOOKED_AT {
            readable.code = extract::read(&readable.text, "", sender).code;
        }
    }
    let has_code = !readable.code.is_empty();
    (Parts { key, id: external_id, sender, text, code, has_code }, readable)
}

/// False for a message without a word, and for what stands in its place.
pub(super) fn says(readable: &Readable<'_>) -> bool {
    !is_placeholder(&readable.text) || !readable.code.is_empty()
}

/// How a message of an order for this service came in.
pub(super) fn arrival(
    way: MessageWay,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
    bought: Option<&Service>,
) -> Arrival {
    let identity = match parts {
        Parts { id: Some(_), .. } => MessageIdentity::SourceId,
        Parts { has_code: true, .. } => MessageIdentity::TextWithCode,
        Parts { .. } => MessageIdentity::Text,
    };
    let naming = bought.map(|it| named::says(parts.sender, &readable.text, it, &[]));
    let names_service = naming == Some(Naming::Clearly);
    Arrival { way, kind: MessageKind::Sms, identity, names_service }
}

/// What an order keeps of what a message says.
pub(super) fn said(sender: &str, readable: &Readable<'_>) -> Said {
    let sender = clipped(sender, NAME_LEN_MAX).into();
    Said { sender, text: (&*readable.text).into(), code: readable.code.clone() }
}

/// The beginning of a text, at most so many bytes and whole characters.
fn clipped(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}

#[cfg(test)]
mod tests {
    use nexnum_engine::catalog::Catalog;
    use nexnum_engine::sealed::KeyHandle;
    use nexnum_storage::sealed::SealingKey;

    use super::*;

    fn key() -> LookupKey {
        LookupKey::of(&SealingKey::new(KeyHandle(1), [7; 32].into()))
    }

    fn message(id: &str, sender: &str, text: &str, code: &str) -> ReceivedMessage {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ReceivedMessage {
            external_id: part(id),
            sender: part(sender),
            text: part(text),
            code: part(code),
        }
    }

    fn taken(message: &ReceivedMessage) -> Said {
        let polled = polled(message);
        said(polled.sender, &read(&key(), &polled).1)
    }

    #[test]
    fn a_message_fits_the_engine_and_has_the_code_of_its_text() {
        let came = taken(&message("", "", "Your code: 123-456", ""));
        assert_eq!((&*came.code, &*came.text), ("123456", "Your code: 123-456"));
        let came = taken(&message("", "", "Your code: 123456", "9977"));
        assert_eq!(&*came.code, "9977");
        let came = taken(&message("", "", "", "Your code is 4821."));
        assert_eq!((&*came.code, &*came.text), ("4821", "Your code is 4821."));
        let long = taken(&message("", &"ü".repeat(80), &"é".repeat(1_500), ""));
        assert_eq!((long.sender.len(), long.text.len()), (100, 2_000));
        let empty = message("1", "Telegram", "", "");
        assert!(!says(&read(&key(), &polled(&empty)).1));
        let blank = message("1", "Telegram", " \u{200b}\n", "");
        assert!(!says(&read(&key(), &polled(&blank)).1), "no buyer pays for it");
        for [text, code] in [["N/A", ""], ["", "N/A"], ["-", "waiting"], ["", "********"]] {
            let placeholder = message("1", "Telegram", text, code);
            assert!(!says(&read(&key(), &polled(&placeholder)).1), "{text:?} {code:?}");
        }
        assert!(says(&read(&key(), &polled(&message("1", "", "N/A", "48213"))).1));
    }

    #[test]
    fn a_message_tells_by_what_it_is_known_and_whether_it_names_the_service() {
        use MessageIdentity as By;
        let catalog = Catalog::load();
        let telegram = catalog.services().map(|(_, it)| it).find(|it| it.slug == "telegram");
        for (id, sender, text, code, expected) in [
            ("7", "Telegram", "Code 12345", "", (By::SourceId, true)),
            ("", "", "Telegram code 12345", "", (By::TextWithCode, true)),
            ("", "", "Your code is 12345", "", (By::TextWithCode, false)),
            ("", "", "", "12345", (By::TextWithCode, false)),
            ("", "Telegram", "Welcome back", "", (By::Text, true)),
        ] {
            let message = message(id, sender, text, code);
            let key = key();
            let (parts, readable) = read(&key, &polled(&message));
            let arrival = arrival(MessageWay::Status, &parts, &readable, telegram);
            assert_eq!((arrival.identity, arrival.names_service), expected, "{text:?}");
            assert_eq!((arrival.way, arrival.kind), (MessageWay::Status, MessageKind::Sms));
        }
    }
}
