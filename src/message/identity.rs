//! Whether a message has come before: its identity, as a digest that the ledger keeps.
//!
//! Where the source gives an id, the id is the message. Without one an equal text with a code
//! is the same message, since a source repeats what it sent after an outage; until the buyer
//! asks for another, for services send a code that is still valid again. An equal text without
//! a code is another message after two minutes. A message that comes again as another one has
//! its number of occurrence in its digest. Leaves to others: who is asked, who is charged. The
//! engine refuses each digest that the number has received, whatever is found here.

use nexnum_engine::time::Time;

use crate::digest;

/// How long an equal text without a code is the same message.
pub(super) const REPEATED_MS: u64 = 120_000;
/// Occurrences of one message that are told apart; a number keeps as many messages.
pub const OCCURRENCES_MAX: u32 = 100;

/// What of a message makes it the same.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The source's own id.
    pub id: Option<&'a str>,
    /// Who sent it.
    pub sender: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The code, from a source that looks for it.
    pub code: Option<&'a str>,
    /// Whether it has a code, stated or found.
    pub has_code: bool,
}

/// What a message says, as far as its source states it; what it does not state is empty.
#[derive(Clone, Copy)]
pub struct StatedParts<'a> {
    /// Who sent it.
    pub sender: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Its code, stated or found.
    pub code: &'a str,
}

/// What a message is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has come before.
    Repeat,
    /// It is new, with this digest.
    New(u128),
    /// A list of messages cannot tell: a status call of its own does.
    Unclear,
}

/// A reply of a provider, as far as it says that an equal message is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollReply {
    /// How it was asked for.
    pub look: Look,
    /// The buyer had asked for another message, and the provider had confirmed it, before this
    /// reply was asked for.
    pub awaited: bool,
    /// The provider says that a message is there, not that it waits for another.
    pub received: bool,
    /// What else it says of the message, where it is for this one activation.
    pub signs: Signs,
}

/// What tells a single call that shows an equal message anew from one that shows the old
/// message still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The provider was told of the wish: its protocol has a call for it.
    pub told: bool,
    /// A word of the provider says that the message is there, which is another one while one
    /// is awaited.
    pub by_word: bool,
    /// It has been seen to wait since the wish.
    pub waited: bool,
}

impl Signs {
    /// True if the message is a new one: for two of the three. A provider that knows of no wish
    /// goes on to show what it had; so does one whose state is that a message exists.
    const fn are_enough(self) -> bool {
        let Self { told, by_word, waited } = self;
        told && (by_word || waited) || by_word && waited
    }
}

/// How a provider was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// For this one activation.
    Single,
    /// For a page of activations: a list shows old messages as it shows new ones.
    List,
}

/// The digest of a message that has not come before.
// Digests are in the ledger: which parts make one does not change.
pub fn first(parts: &Parts<'_>) -> u128 {
    let &Parts { id, sender, text, code, has_code: _ } = parts;
    let (sender, text) = (sender.as_bytes(), text.as_bytes());
    match (id, code) {
        (Some(id), _) => digest::of(&[b"message id", id.as_bytes()]),
        (None, Some(code)) => digest::of(&[b"message", sender, text, code.as_bytes()]),
        (None, None) => digest::of(&[b"message", sender, text]),
    }
}

/// The digest of a message that comes for the n-th time, from 0 on, as another one.
fn occurrence(first: u128, n: u32) -> u128 {
    match n {
        0 => first,
        n => digest::of(&[b"message again", &first.to_le_bytes(), &n.to_le_bytes()]),
    }
}

/// How often a message has come, as one of its own each time, and when last.
fn occurrences(first: u128, came: impl Fn(u128) -> Option<Time>) -> (u32, Option<Time>) {
    let mut last = None;
    for n in 0..OCCURRENCES_MAX {
        let Some(at) = came(occurrence(first, n)) else { return (n, last) };
        last = last.max(Some(at));
    }
    (OCCURRENCES_MAX, last)
}

/// How a number received a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// When.
    pub at: Time,
    /// It came to the order that is asked for, not to another one of the number.
    pub here: bool,
}

/// What a message that was posted is. `came` says how the number received a digest, for any of
/// its buyers; `awaited` that its buyer has asked for another message and none has come since.
/// What has come to another order is never a new message of this one, unless it has no code: such
/// a text is another message once it has not come for two minutes, to whichever buyer.
pub fn of_posted(
    parts: &Parts<'_>,
    came: impl Fn(u128) -> Option<Came>,
    awaited: bool,
    now: Time,
) -> Verdict {
    let first = first(parts);
    let (times, last) = occurrences(first, |digest| came(digest).map(|came| came.at));
    let elsewhere = |n| came(occurrence(first, n)).is_some_and(|came| !came.here);
    let is_new = match last {
        None => true,
        Some(_) if parts.id.is_some() => false,
        Some(_) if parts.has_code => awaited && !(0..times).any(elsewhere),
        Some(last) => now.ms_since(last) >= REPEATED_MS,
    };
    if is_new && times < OCCURRENCES_MAX {
        Verdict::New(occurrence(first, times))
    } else {
        Verdict::Repeat
    }
}

/// True if two messages without an id are one, of which each source states what it has: the
/// same text, or the same code, beside a part that one of them leaves out.
pub fn is_alike(one: StatedParts<'_>, other: StatedParts<'_>) -> bool {
    let fits = |a: &str, b: &str| a == b || a.is_empty() || b.is_empty();
    let same = |a: &str, b: &str| a == b && !a.is_empty();
    let shares = same(one.text, other.text) || same(one.code, other.code);
    let parts = [(one.sender, other.sender), (one.text, other.text), (one.code, other.code)];
    shares && parts.into_iter().all(|(a, b)| fits(a, b))
}

/// What the message at `at` of a provider's reply is, whose messages are all `shown`. `came`
/// says when the activation received a digest; `known` which digest a message has that it
/// received and that is like the one at a place of the reply.
pub fn of_polled(
    shown: &[Parts<'_>],
    at: usize,
    reply: PollReply,
    came: impl Fn(u128) -> Option<Time>,
    known: impl Fn(usize) -> Option<u128>,
    now: Time,
) -> Verdict {
    let parts = &shown[at];
    // Several sources of one provider state different parts of a message.
    let first_of = |at: usize| {
        let (digest, has_id) = (first(&shown[at]), shown[at].id.is_some());
        let is_known = has_id || came(digest).is_some();
        if is_known { digest } else { known(at).unwrap_or(digest) }
    };
    let digest = first_of(at);
    let (times, last) = occurrences(digest, &came);
    let Some(last) = last else { return Verdict::New(digest) };
    if parts.id.is_some() || times >= OCCURRENCES_MAX {
        return Verdict::Repeat;
    }
    let copies = (0..shown.len()).filter(|other| first_of(*other) == digest).count();
    let is_more = copies > times as usize;
    let again = Verdict::New(occurrence(digest, times));
    if !parts.has_code {
        let is_late = is_more && now.ms_since(last) >= REPEATED_MS;
        return if is_late { again } else { Verdict::Repeat };
    }
    // While another is awaited a single call of a provider that can tell shows one code: the
    // old one with a state that waits, or the new one.
    match (reply.awaited, is_more, reply.look) {
        (false, _, _) => Verdict::Repeat,
        (true, true, _) => again,
        (true, false, Look::Single)
            if reply.received && reply.signs.are_enough() && shown.len() == 1 =>
        {
            again
        }
        (true, false, Look::List) if reply.received => Verdict::Unclear,
        (true, false, Look::Single | Look::List) => Verdict::Repeat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const START: Time = Time(1_000_000);

    fn coded(text: &str) -> Parts<'_> {
        Parts { id: None, sender: "Telegram", text, code: None, has_code: true }
    }

    fn plain(text: &str) -> Parts<'_> {
        Parts { has_code: false, ..coded(text) }
    }

    /// A number with what it has received.
    #[derive(Default)]
    struct Line(BTreeMap<u128, Time>);

    impl Line {
        fn came(&self, digest: u128) -> Option<Came> {
            self.0.get(&digest).map(|at| Came { at: *at, here: true })
        }

        fn post(&mut self, parts: Parts<'_>, awaited: bool, now: Time) -> bool {
            let verdict = of_posted(&parts, |digest| self.came(digest), awaited, now);
            self.take(verdict, now)
        }

        /// The replies of a poll, each message once.
        fn poll(&mut self, shown: &[Parts<'_>], reply: PollReply, now: Time) -> Vec<Verdict> {
            let mut found = Vec::new();
            for at in 0..shown.len() {
                let came = |digest: u128| self.0.get(&digest).copied();
                let verdict = of_polled(shown, at, reply, came, |_| None, now);
                self.take(verdict, now);
                found.push(verdict);
            }
            found
        }

        fn take(&mut self, verdict: Verdict, now: Time) -> bool {
            match verdict {
                Verdict::New(digest) => {
                    assert_eq!(self.0.insert(digest, now), None, "a digest is new once");
                    true
                }
                Verdict::Repeat | Verdict::Unclear => false,
            }
        }
    }

    /// As the handler protocol's: told of the wish, with a state by word.
    const SIGNS: Signs = Signs { told: true, by_word: true, waited: false };
    const QUIET: PollReply =
        PollReply { look: Look::Single, awaited: false, received: true, signs: SIGNS };
    const AWAITED: PollReply = PollReply { awaited: true, ..QUIET };

    fn is_new(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::New(_))
    }

    #[test]
    fn the_parts_of_an_identity_are_those_that_the_ledger_has() {
        let of = |code| first(&Parts { code, ..coded("code 12345") });
        let parts: [&[u8]; 4] = [b"message", b"Telegram", b"code 12345", b""];
        assert_eq!(of(None), digest::of(&parts[..3]), "a callback's");
        assert_eq!(of(Some("")), digest::of(&parts), "a poll's");
        let numbered = Parts { id: Some("7"), ..coded("code 12345") };
        assert_eq!(first(&numbered), digest::of(&[b"message id", b"7"]));
        // Those that come again: written down, for they are in the ledger too.
        let again = digest::of(&[b"message again", &5u128.to_le_bytes(), &2u32.to_le_bytes()]);
        assert_eq!([occurrence(5, 0), occurrence(5, 2)], [5, again]);
    }

    #[test]
    fn an_id_is_a_message_whatever_it_says_and_whenever_it_comes() {
        let mut line = Line::default();
        let numbered = |text| Parts { id: Some("7"), ..coded(text) };
        assert!(line.post(numbered("code 1234"), false, START));
        for (text, awaited, later) in [
            ("code 1234", true, 1),
            ("code 9999", false, 500_000),
            ("code 1234", true, u64::MAX / 2),
        ] {
            assert!(!line.post(numbered(text), awaited, START.plus_ms(later)), "{text}");
        }
        let another = Parts { id: Some("8"), ..coded("code 1234") };
        assert!(line.post(another, false, START), "the same words with another id");
    }

    #[test]
    fn an_equal_text_with_a_code_is_another_only_if_one_was_asked_for() {
        let mut line = Line::default();
        assert!(line.post(coded("code 1234"), false, START));
        assert!(!line.post(coded("code 1234"), false, START.plus_ms(600_000)));
        assert!(line.post(coded("code 1234"), true, START.plus_ms(600_001)));
        assert!(!line.post(coded("code 1234"), false, START.plus_ms(900_000)));
        assert!(line.post(coded("code 1234"), true, START.plus_ms(900_001)), "a third");
        assert!(line.post(coded("code 1235"), false, START.plus_ms(900_002)), "other words");
        assert_eq!(line.0.len(), 4);
    }

    #[test]
    fn an_equal_text_without_a_code_is_a_repeat_for_two_minutes() {
        let mut line = Line::default();
        assert!(line.post(plain("Welcome"), false, START));
        assert!(!line.post(plain("Welcome"), true, START.plus_ms(119_999)));
        assert!(line.post(plain("Welcome"), false, START.plus_ms(120_000)));
        assert!(!line.post(plain("Welcome"), false, START.plus_ms(239_999)));
        assert!(line.post(plain("Welcome"), false, START.plus_ms(240_000)));
    }

    #[test]
    fn a_code_that_came_to_another_order_of_the_number_is_never_new() {
        let elsewhere = |_: u128| Some(Came { at: START, here: false });
        let later = START.plus_ms(3_600_000);
        let plain_text = plain("Welcome");
        let once = |digest: u128| elsewhere(digest).filter(|_| digest == first(&plain_text));
        let of = |now| of_posted(&plain_text, once, false, now);
        assert_eq!(of(START.plus_ms(REPEATED_MS - 1)), Verdict::Repeat);
        assert_eq!(of(later), Verdict::New(occurrence(first(&plain_text), 1)), "it has no code");
        for parts in [coded("code 1234"), Parts { id: Some("7"), ..plain("") }] {
            for awaited in [false, true] {
                let first = first(&parts);
                let once = |digest: u128| elsewhere(digest).filter(|_| digest == first);
                assert_eq!(of_posted(&parts, once, awaited, later), Verdict::Repeat);
            }
        }
    }

    #[test]
    fn parts_of_one_message_are_alike() {
        let of = |sender, text, code| StatedParts { sender, text, code };
        let whole = of("Telegram", "Your code is 4101", "4101");
        for part in [of("", "", "4101"), of("", "Your code is 4101", "4101"), whole] {
            assert!(is_alike(part, whole) && is_alike(whole, part));
        }
        for other in [
            of("", "", "4102"),
            of("WhatsApp", "", "4101"),
            of("", "Again: 4101", "4101"),
            of("", "Welcome", ""),
            of("", "", "04101"),
        ] {
            assert!(!is_alike(other, whole) && !is_alike(whole, other));
        }
        assert!(is_alike(of("", "Welcome", ""), of("Telegram", "Welcome", "")));
        assert!(is_alike(of("", "Your code is 4101", ""), whole), "its code comes later");
    }

    #[test]
    fn a_message_of_which_a_source_states_a_part_is_a_repeat_until_another_is_asked_for() {
        let whole = Parts { sender: "", code: Some("4101"), ..coded("Your code is 4101") };
        let part = Parts { text: "", ..whole };
        let Verdict::New(digest) = of_polled(&[whole], 0, QUIET, |_| None, |_| None, START) else {
            panic!("it is new")
        };
        let came = |it: u128| (it == digest).then_some(START);
        let of = |reply| of_polled(&[part], 0, reply, came, |_| Some(digest), START);
        assert_eq!(of(QUIET), Verdict::Repeat);
        assert!(is_new(&of(AWAITED)));
        assert!(is_new(&of_polled(&[part], 0, QUIET, came, |_| None, START)), "unlike all");
    }

    #[test]
    fn occurrences_are_bounded() {
        let mut line = Line::default();
        let mut now = START;
        for _ in 0..OCCURRENCES_MAX {
            assert!(line.post(plain("Welcome"), false, now));
            now = now.plus_ms(120_000);
        }
        assert!(!line.post(plain("Welcome"), false, now));
    }

    #[test]
    fn polls_show_a_message_again_and_again() {
        let mut line = Line::default();
        let shown = [coded("code 1234"), plain("Welcome")];
        assert!(line.poll(&shown, QUIET, START).iter().all(is_new));
        for minutes in 1..20 {
            let now = START.plus_ms(minutes * 60_000);
            assert_eq!(line.poll(&shown, QUIET, now), [Verdict::Repeat; 2]);
        }
    }

    #[test]
    fn a_single_call_after_the_wish_was_confirmed_shows_the_same_code_anew() {
        // STATUS_OK:48213, another asked for, STATUS_WAIT_RETRY:48213, STATUS_OK:48213.
        let code = Parts { sender: "", text: "", code: Some("48213"), ..coded("") };
        let mut line = Line::default();
        assert!(is_new(&line.poll(&[code], QUIET, START)[0]));
        // A reply that was asked for before the provider confirmed the wish says nothing.
        assert_eq!(line.poll(&[code], QUIET, START), [Verdict::Repeat]);
        let waiting = PollReply { received: false, ..AWAITED };
        assert_eq!(line.poll(&[code], waiting, START), [Verdict::Repeat]);
        assert!(is_new(&line.poll(&[code], AWAITED, START)[0]));
        assert_eq!(line.poll(&[code], QUIET, START), [Verdict::Repeat], "it was one");
    }

    #[test]
    fn a_single_call_shows_the_same_code_anew_for_two_of_three_signs() {
        let code = Parts { sender: "", text: "", code: Some("48213"), ..coded("") };
        for signs in 0..8_u8 {
            let [told, by_word, waited] = [1, 2, 4].map(|sign| signs & sign != 0);
            let reply = PollReply { signs: Signs { told, by_word, waited }, ..AWAITED };
            let mut line = Line::default();
            assert!(is_new(&line.poll(&[code], QUIET, START)[0]));
            let again = line.poll(&[code], reply, START);
            assert_eq!(is_new(&again[0]), signs.count_ones() >= 2, "{reply:?}");
            // One message more than before is a new one without any sign.
            let more = line.poll(&[code, code, code], reply, START);
            assert!(more.iter().any(is_new), "{reply:?}");
        }
    }

    #[test]
    fn a_list_that_shows_no_more_codes_than_before_cannot_tell() {
        let code = Parts { sender: "", text: "", code: Some("48213"), ..coded("") };
        let mut line = Line::default();
        let list = PollReply { look: Look::List, ..QUIET };
        assert!(is_new(&line.poll(&[code], list, START)[0]));
        assert_eq!(line.poll(&[code], list, START), [Verdict::Repeat]);
        let awaited = PollReply { look: Look::List, ..AWAITED };
        assert_eq!(line.poll(&[code], awaited, START), [Verdict::Unclear]);
        let waiting = PollReply { received: false, ..awaited };
        assert_eq!(line.poll(&[code], waiting, START), [Verdict::Repeat]);
        // Two rows are one more than before.
        let found = line.poll(&[code, code], awaited, START);
        assert!(is_new(&found[0]), "{found:?}");
        assert_eq!(line.poll(&[code, code], list, START), [Verdict::Repeat; 2]);
    }

    #[test]
    fn equal_rows_of_one_reply_are_one_message_until_another_is_asked_for() {
        let mut line = Line::default();
        let found = line.poll(&[coded("code 1"), coded("code 1")], QUIET, START);
        assert!(is_new(&found[0]));
        assert_eq!(found[1], Verdict::Repeat);
        let plain = [plain("Welcome"), plain("Welcome")];
        let found = line.poll(&plain, QUIET, START);
        assert!(is_new(&found[0]) && !is_new(&found[1]));
        assert!(is_new(&line.poll(&plain, QUIET, START.plus_ms(120_000))[0]), "one row more");
    }
}
