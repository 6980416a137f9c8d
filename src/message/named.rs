//! Which service a message names, and whether that is clearly another one than its order's.
//!
//! A buyer has paid for a message, so that one is withheld on strong evidence alone: its sender
//! is one of the most traded services, or its text begins with one, and nothing in it says the
//! service that was bought. Leaves to others: whom a message is for.

use nexnum_engine::catalog::{Catalog, Service};
use nexnum_engine::ids::ServiceId;

use super::named_tables::{COMMON, RELATED};

/// Letters of a name, at least, that says which service a text is of: a shorter one is a word
/// of many texts.
const NAME_LEN_MIN: usize = 3;
/// Letters of a name, at least, by which a text is another service's.
const CLAIM_LEN_MIN: usize = 4;
/// Words before the name, at most, where a text begins with it: "123 456 is your Facebook …".
const WORDS_BEFORE_MAX: usize = 4;
/// What stands for all services that are not listed: no text names it, and any may be its.
const ANY_OTHER: &str = "any-other";

/// How clearly a text says which service it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// It does not.
    Not,
    /// By a word that means other things too: "Match", "Link".
    Perhaps,
    /// By its name.
    Clearly,
}

/// How clearly a text names a service, as a word of its own.
fn names(text: &str, service: &Service) -> Naming {
    if service.slug == ANY_OTHER {
        return Naming::Not;
    }
    let small = text.to_lowercase();
    let [common, own] = [true, false]
        .map(|common| words(service).into_iter().filter(move |word| is_common(word) == common));
    if own.into_iter().any(|word| has(&small, &word)) {
        return Naming::Clearly;
    }
    // "Match: 1234", and not "the two must match", nor "The code" for "The Concert".
    let is_whole = |word: &String| service.name.eq_ignore_ascii_case(word) || service.slug == word;
    let with_capital = |word: &str| {
        let [first, rest] = [&word[..1], &word[1..]];
        [word.to_ascii_uppercase(), format!("{}{rest}", first.to_ascii_uppercase())]
    };
    let mut whole = common.into_iter().filter(is_whole);
    if whole.any(|word| with_capital(&word).iter().any(|word| has(text, word))) {
        Naming::Perhaps
    } else {
        Naming::Not
    }
}

/// How clearly a message names a service, of those that it may be of. A sender says nothing where it
/// signs for another of them as well: Facebook for Instagram.
#[must_use]
pub fn says(sender: &str, text: &str, service: &Service, all: &[&Service]) -> Naming {
    let signs_for = |other: &&Service| other.slug != service.slug && is_related(other, service);
    if all.iter().any(signs_for) {
        return names_among(text, service, all);
    }
    names_among(&format!("{sender}\n{text}"), service, all)
}

/// As [`names`], where the message may be of one of several services: "Google Voice" names no
/// Google, whose name it has as a part.
#[must_use]
fn names_among(text: &str, service: &Service, others: &[&Service]) -> Naming {
    let small = text.to_lowercase();
    let has_part = |whole: &Service, part: &Service| {
        let parts = words(part);
        [spaced(whole.name), whole.slug.replace('-', " ")].iter().any(|spaced| {
            let mut inside = spaced.split(' ');
            let holds = spaced.contains(' ') && inside.any(|it| parts.iter().any(|p| p == it));
            holds && has(&small, spaced)
        })
    };
    let is_other = |other: &&&Service| other.slug != service.slug;
    let mut others = others.iter().filter(is_other);
    if others.clone().any(|other| has_part(other, service)) {
        Naming::Not
    } else if others.any(|other| has_part(service, other)) {
        Naming::Clearly
    } else {
        names(text, service)
    }
}

/// A name in small letters, with blanks where its words meet: "google voice" of `GoogleVoice`.
fn spaced(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut was_small = false;
    for letter in name.chars() {
        if was_small && letter.is_uppercase() {
            spaced.push(' ');
        }
        was_small = letter.is_lowercase();
        spaced.extend(letter.to_lowercase());
    }
    spaced
}

fn is_common(word: &str) -> bool {
    COMMON.binary_search(&word).is_ok()
}

/// True if a message is clearly of another service than the one that was bought.
#[must_use]
pub fn is_anothers(catalog: &Catalog, bought: ServiceId, sender: &str, text: &str) -> bool {
    let Some(bought) = catalog.service(bought).filter(|bought| bought.slug != ANY_OTHER) else {
        return false;
    };
    let (sender, text) = (sender.to_lowercase(), text.to_lowercase());
    let says_bought = words(bought).iter().any(|word| has(&sender, word) || has(&text, word));
    let another = catalog.services().map(|(_, service)| service).filter(|service| {
        service.popularity.is_some() && service.slug != ANY_OTHER && !is_related(service, bought)
    });
    let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    let sender = letters(&sender);
    let claims = |word: &String| {
        let is_long = word.chars().count() >= CLAIM_LEN_MIN || !word.is_ascii();
        let is_clear = is_long && !is_common(word);
        is_clear && (letters(word) == sender || begins_with(&text, word))
    };
    !says_bought && another.into_iter().any(|service| words(service).iter().any(claims))
}

/// The words for a service, in small letters: its name, of several words the first one alone
/// too, its slug and its other names.
fn words(service: &Service) -> Vec<String> {
    let first = service.name.split_whitespace().next();
    let all = [service.name, service.slug].into_iter().chain(first).chain(service.aliases());
    all.map(str::to_lowercase).filter(|word| word != "x").collect()
}

fn is_related(one: &Service, other: &Service) -> bool {
    let both = |family: &&&[&str]| family.contains(&one.slug) && family.contains(&other.slug);
    let within = |one: &str, other: &str| one.contains(other) || other.contains(one);
    within(one.slug, other.slug) || RELATED.iter().any(|family| both(&family))
}

/// True if a text has a word.
fn has(text: &str, word: &str) -> bool {
    let is_long = word.chars().count() >= NAME_LEN_MIN || !word.is_ascii();
    is_long && found(text, word).next().is_some()
}

/// True if a text has a word among its first ones.
fn begins_with(text: &str, word: &str) -> bool {
    let few = |at: usize| {
        let before = text[..at].split(|c: char| !c.is_alphanumeric());
        before.filter(|word| !word.is_empty()).take(WORDS_BEFORE_MAX + 1).count()
            <= WORDS_BEFORE_MAX
    };
    found(text, word).next().is_some_and(few)
}

/// Where a text has a word of its own. Where scripts meet, a word ends: Chinese has no blanks.
fn found<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let goes_on = |c: Option<char>| {
        c.is_some_and(
            |c| if word.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() },
        )
    };
    let is_whole = move |at: &usize| {
        let (before, after) = (&text[..*at], &text[*at + word.len()..]);
        !goes_on(before.chars().next_back()) && !goes_on(after.chars().next())
    };
    text.match_indices(word).map(|(at, _)| at).filter(is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TUNING: &str = include_str!("../../tests/data/messages/tuning.jsonl");

    fn service(slug: &str) -> ServiceId {
        Catalog::load().service_by_slug(slug).unwrap()
    }

    #[test]
    fn a_service_is_named_by_a_word_of_its_own() {
        let named = |text: &str, slug: &str| {
            names(text, Catalog::load().service(service(slug)).unwrap()) == Naming::Clearly
        };
        assert!(named("Your WhatsApp code: 123-456", "whatsapp"));
        assert!(named("您的WhatsApp验证码是1234", "whatsapp"));
        assert!(named("TELEGRAM\nLogin code 12345", "telegram"));
        assert!(named("UBER: 1234", "uber"));
        assert!(named("Your Twitter code: 1234", "twitter-x"));
        assert!(named("رمز واتساب: 1234", "whatsapp"));
        assert!(named("【微信】1234", "wechat"));
        assert!(!named("Uberwachung: 1234", "uber"));
        assert!(!named("Your telegraph code", "telegram"));
        assert!(!named("Code 12345", "telegram"));
        assert!(!named("X is 12345", "twitter-x"));
        assert!(!named("Do not share it with any other person", "any-other"));
        assert!(!named("Call our line: 12345", "line-messenger"));
    }

    #[test]
    fn a_name_that_is_a_part_of_another_s_names_the_other() {
        let catalog = Catalog::load();
        let of = |slug: &str| catalog.service(service(slug)).unwrap();
        let among = |text: &str, slugs: [&str; 2]| {
            let both = slugs.map(of);
            both.map(|one| names_among(text, one, &both))
        };
        let (not, clearly) = (Naming::Not, Naming::Clearly);
        for (text, slugs) in [
            ("222222 is your Google Voice verification code", ["google", "googlevoice"]),
            ("Yandex Uber code 1235", ["uber", "yandex-uber"]),
            ("TANGO ME: 123456", ["tango", "tangome"]),
            ("Link Aja: 123456", ["link", "linkaja"]),
        ] {
            assert_eq!(among(text, slugs), [not, clearly], "{text}");
        }
        assert_eq!(
            among("G-222222 is your Google code", ["google", "googlevoice"]),
            [clearly, not]
        );
        assert_eq!(among("GoogleVoice: 222222", ["google", "googlevoice"]), [not, clearly]);
        assert_eq!(among("Telegram code 222222", ["telegram", "whatsapp"]), [clearly, not]);
    }

    #[test]
    fn a_sender_that_signs_for_another_service_names_none() {
        let catalog = Catalog::load();
        let of = |slug: &str| catalog.service(service(slug)).unwrap();
        let said = |sender: &str, text: &str, slugs: [&str; 2]| {
            let both = slugs.map(of);
            both.map(|one| says(sender, text, one, &both))
        };
        let (not, clearly) = (Naming::Not, Naming::Clearly);
        let (code, family) = ("123456 is your code", ["facebook", "instagram"]);
        assert_eq!(said("Facebook", code, family), [not, not]);
        assert_eq!(said("Facebook", "123456 is your Facebook code", family), [clearly, not]);
        assert_eq!(said("Facebook", "Instagram code 123456", family), [not, clearly]);
        assert_eq!(said("Facebook", code, ["facebook", "telegram"]), [clearly, not]);
    }

    #[test]
    fn a_name_that_is_a_word_says_little_and_only_with_a_capital() {
        for (text, slug, naming) in [
            ("Your code 482-913 must match the one on the screen", "match", Naming::Not),
            ("Match: 482913", "match", Naming::Perhaps),
            ("MATCH code 482913", "match", Naming::Perhaps),
            ("G-592016 is your Google code. Open no link.", "link", Naming::Not),
            ("Your Link code is 592016", "link", Naming::Perhaps),
            ("SIGNAL code: 592016", "signal", Naming::Perhaps),
            ("The code is 592016", "the-concert", Naming::Not),
            ("The Concert: 592016", "the-concert", Naming::Clearly),
            ("Just enter 592016", "just-eat", Naming::Not),
            ("Your Just Eat code: 592016", "just-eat", Naming::Clearly),
        ] {
            let service = Catalog::load().service(service(slug)).unwrap();
            assert_eq!(names(text, service), naming, "{slug}: {text}");
        }
    }

    #[test]
    fn every_name_of_the_tables_is_of_a_service() {
        assert!(COMMON.is_sorted());
        let all: Vec<String> =
            Catalog::load().services().flat_map(|(_, service)| words(service)).collect();
        let unknown: Vec<_> =
            COMMON.iter().filter(|word| !all.iter().any(|known| known == *word)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for slug in RELATED.iter().copied().flatten() {
            assert!(Catalog::load().service_by_slug(slug).is_some(), "{slug}");
        }
    }

    #[track_caller]
    fn check(bought: &str, sender: &str, text: &str, is_other: bool) {
        let found = is_anothers(Catalog::load(), service(bought), sender, text);
        assert_eq!(found, is_other, "{bought}: {sender}: {text}");
    }

    #[test]
    fn a_message_is_anothers_on_strong_evidence_alone() {
        for (bought, sender, text) in [
            ("telegram", "", "Your WhatsApp code: 123-456"),
            ("telegram", "WhatsApp", "123-456"),
            ("telegram", "", "G-592016 is your Google verification code."),
            ("whatsapp", "", "[TikTok] 1234 is your verification code"),
            ("netflix", "Facebook", "51234 is your code"),
            ("uber", "", "【微信】登录验证码 739204"),
        ] {
            check(bought, sender, text, true);
        }
        for (bought, sender, text) in [
            ("telegram", "", "Your code: 123-456"),
            ("firebase", "Google", "441820 is your verification code for app.firebaseapp.com"),
            ("byteplus", "TikTok", "[TikTok] 441820 is your verification code"),
            ("ok-ru", "VKcom", "VK ID: 441820"),
            ("taobao", "", "【阿里巴巴】验证码 441820"),
            ("telegram", "Telegram", "Your WhatsApp code: 123-456"),
            ("telegram", "", "Code 12345 for Telegram. WhatsApp users: do not share it."),
            ("any-other", "WhatsApp", "Your WhatsApp code: 123-456"),
            ("google", "", "Your YouTube code is 123456"),
            ("googlevoice", "Google", "Your Google code is 123456"),
            ("instagram", "Facebook", "51234 is your code"),
            ("skype", "Microsoft", "Use 482913 as Microsoft account security code"),
            ("xbox", "", "Microsoft access code: 7731"),
            ("venmo", "PayPal", "PayPal: 482913 is your security code"),
            ("tencent-qq", "", "WeChat code 482913"),
            ("mail-ru", "VK", "VK: 48291"),
            ("netflix", "", "Your code is 1234. Get the app on Google Play."),
            ("adidas", "NOTICE", "Signal lost: your code is 1234"),
            ("adidas", "", "Any other device? Enter 1234"),
            ("adidas", "", "You can use this code to log in on WhatsApp too: 1234"),
        ] {
            check(bought, sender, text, false);
        }
    }

    /// Of the messages whose sender is a service of the catalogue, none is withheld from its
    /// buyer, and most are from the buyer of another one.
    #[test]
    fn no_message_of_the_corpus_is_withheld_from_the_buyer_of_its_service() {
        let catalog = Catalog::load();
        let bought = |sender: &str| {
            let known = catalog.services().find(|(_, service)| {
                let small = sender.to_lowercase();
                service.slug != ANY_OTHER && words(service).contains(&small)
            });
            known.map(|(id, service)| (id, service.popularity.is_some()))
        };
        let (mut own, mut others, mut withheld) = (0, 0, 0);
        for line in TUNING.lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            let [sender, text] =
                ["sender", "text"].map(|part| message[part].as_str().unwrap_or(""));
            let Some((id, is_traded)) = bought(sender) else { continue };
            own += 1;
            for sender in [sender, "", "22000"] {
                assert!(!is_anothers(catalog, id, sender, text), "{line}");
            }
            if is_traded {
                others += 1;
                withheld += u32::from(is_anothers(catalog, service("adidas"), sender, text));
            }
        }
        println!("{own} of their own services, {withheld} of {others} withheld from another's");
        assert!(own > 300 && others > 150 && withheld * 100 > others * 80);
    }
}
