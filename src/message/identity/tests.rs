//! What is a repeat and what is new, by the parts of messages and by replies.

use super::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use nexnum_engine::sealed::KeyHandle;
use nexnum_storage::sealed::SealingKey;

const START: Time = Time(1_000_000);

fn key() -> &'static LookupKey {
    static KEY: LazyLock<LookupKey> =
        LazyLock::new(|| LookupKey::of(&SealingKey::new(KeyHandle(1), [7; 32].into())));
    &KEY
}

fn coded(text: &str) -> Parts<'_> {
    Parts { key: key(), id: None, sender: "Telegram", text, code: None, has_code: true }
}

fn plain(text: &str) -> Parts<'_> {
    Parts { has_code: false, ..coded(text) }
}

/// A number with what it has received, and the copies that were taken for repeats.
#[derive(Default)]
struct Line(BTreeMap<u128, Time>, BTreeMap<u128, usize>);

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
            let counted = Counted::of(shown, at, came, |_| None);
            let spare = self.1.entry(counted.first).or_default();
            let verdict = of_polled(shown, at, counted, *spare, reply, now);
            if verdict == Verdict::Repeat && settles(&shown[at], reply) {
                *spare = counted.spare().max(*spare);
            }
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
    let digest = |parts| key().digest(LookedUp::Message, parts);
    assert_eq!(of(None), digest(&parts[..3]), "a callback's");
    assert_eq!(of(Some("")), digest(&parts), "a poll's");
    let numbered = Parts { id: Some("7"), ..coded("code 12345") };
    assert_eq!(first(&numbered), digest(&[b"message id", b"7"]));
    // Those that come again: written down, for they are in the ledger too.
    let again = digest::of(&[b"message again", &5u128.to_le_bytes(), &2u32.to_le_bytes()]);
    assert_eq!([occurrence(5, 0), occurrence(5, 2)], [5, again]);
}

#[test]
fn an_id_is_a_message_whatever_it_says_and_whenever_it_comes() {
    let mut line = Line::default();
    let numbered = |text| Parts { id: Some("7"), ..coded(text) };
    assert!(line.post(numbered("code 1234"), false, START));
    for (text, awaited, later) in
        [("code 1234", true, 1), ("code 9999", false, 500_000), ("code 1234", true, u64::MAX / 2)]
    {
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
    assert_eq!(of(START.plus_ms(RETRIED_MS - 1)), Verdict::Repeat);
    assert_eq!(of(later), Verdict::New(occurrence(first(&plain_text), 1)), "it can hold no code");
    for text in ["login code aB3dE9k", "open https://x.example/a", "\u{96f}\u{966}\u{967}"] {
        let parts = plain(text);
        let once = |digest: u128| elsewhere(digest).filter(|_| digest == first(&parts));
        let judged = of_posted(&parts, once, true, START.plus_ms(u64::MAX / 2));
        assert_eq!(judged, Verdict::Repeat, "{text}: it may be the other's");
    }
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
    let spelled = |sender| of(sender, "Telegram code 12345", "12345");
    assert!(is_alike(spelled("Telegram"), spelled("TELEGRAM")), "a code that is sent again");
    assert!(!is_alike(of("+1", "Welcome", ""), of("+2", "Welcome", "")));
    assert!(is_alike(of("", "Welcome", ""), of("Telegram", "Welcome", "")));
    assert!(is_alike(of("", "Your code is 4101", ""), whole), "its code comes later");
}

#[test]
fn a_message_of_which_a_source_states_a_part_is_a_repeat_until_another_is_asked_for() {
    let whole = Parts { sender: "", code: Some("4101"), ..coded("Your code is 4101") };
    let part = Parts { text: "", ..whole };
    let of_one = |part, reply, came: &dyn Fn(u128) -> Option<Time>, known: Option<u128>| {
        let counted = Counted::of(&[part], 0, came, |_| known);
        of_polled(&[part], 0, counted, 0, reply, START)
    };
    let Verdict::New(digest) = of_one(whole, QUIET, &|_| None, None) else { panic!("it is new") };
    let came = |it: u128| (it == digest).then_some(START);
    let of = |reply| of_one(part, reply, &came, Some(digest));
    assert_eq!(of(QUIET), Verdict::Repeat);
    assert!(is_new(&of(AWAITED)));
    assert!(is_new(&of_one(part, QUIET, &came, None)), "unlike all");
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
fn a_copy_that_was_shown_before_the_wish_is_not_the_message_that_was_wished_for() {
    let code = coded("code 1");
    for look in [Look::Single, Look::List] {
        let [quiet, awaited] = [QUIET, AWAITED].map(|reply| PollReply { look, ..reply });
        let mut line = Line::default();
        assert!(is_new(&line.poll(&[code; 2], quiet, START)[0]));
        assert_eq!(line.poll(&[code; 2], quiet, START), [Verdict::Repeat; 2]);
        let found = line.poll(&[code; 2], awaited, START);
        assert!(!found.iter().any(is_new), "{found:?}");
        let found = line.poll(&[code; 3], awaited, START);
        assert_eq!(found.iter().filter(|it| is_new(it)).count(), 1, "{found:?}");
        // And once more.
        assert_eq!(line.poll(&[code; 3], quiet, START), [Verdict::Repeat; 3]);
        assert!(!line.poll(&[code; 3], awaited, START).iter().any(is_new));
        assert!(line.poll(&[code; 4], awaited, START).iter().any(is_new));
    }
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
    let later = START.plus_ms(120_000);
    assert_eq!(line.poll(&plain, QUIET, later), [Verdict::Repeat; 2], "it was one then");
    let found = line.poll(&[plain[0]; 3], QUIET, later);
    assert_eq!(found.iter().filter(|it| is_new(it)).count(), 1, "one row more");
}

#[test]
fn what_another_buyer_of_the_number_has_is_told_by_whether_a_code_is_in_it() {
    let [link, hello] = ["https://t.me/login/Q", "Welcome"].map(plain);
    let hour = START.plus_ms(RETRIED_MS);
    for (parts, awaited, now, expected) in [
        (coded("code 1"), false, hour, true),
        // Its buyer has asked for another message, and a service may send the code again.
        (coded("code 1"), true, START, false),
        (link, false, hour, true),
        (link, true, hour, true),
        (hello, false, START, true),
        (hello, false, hour, false),
    ] {
        assert_eq!(is_anothers(&parts, START, awaited, now), expected, "{}", parts.text);
    }
}
