//! Which service a message names, and whether that is clearly another one than its order's.
//!
//! A buyer has paid for a message, so that one is withheld on strong evidence alone: its sender
//! is one of the most traded services, or its text begins with one, and nothing in it says the
//! service that was bought. Leaves to others: whom a message is for.

use nexnum_engine::catalog::{Catalog, Service};
use nexnum_engine::ids::ServiceId;

/// Letters of a name, at least, that says which service a text is of: a shorter one is a word
/// of many texts.
const NAME_LEN_MIN: usize = 3;
/// Letters of a name, at least, by which a text is another service's.
const CLAIM_LEN_MIN: usize = 4;
/// Words before the name, at most, where a text begins with it: "123 456 is your Facebook …".
const WORDS_BEFORE_MAX: usize = 4;
/// Names that are words of the language: they say which service a message is of only to its
/// own buyer.
const COMMON: [&str; 11] = [
    "any", "eldorado", "insta", "line", "meta", "nike", "olx", "other", "signal", "steam", "twitch",
];
/// Services whose messages are signed by one another.
const RELATED: [&[&str]; 6] = [
    &["google", "googlevoice"],
    &["instagram", "facebook", "whatsapp"],
    &["microsoft", "linkedin"],
    &["amazon", "twitch"],
    &["yahoo", "aol"],
    &["ebay", "paypal"],
];
/// What stands for all services that are not listed: no text names it, and any may be its.
const ANY_OTHER: &str = "any-other";

/// True if a text names a service, as a word of its own.
#[must_use]
pub fn names(text: &str, service: &Service) -> bool {
    let text = text.to_lowercase();
    let full = [service.name.to_lowercase(), service.slug.to_owned()];
    let other = words(service).into_iter().filter(|word| !COMMON.contains(&&**word));
    service.slug != ANY_OTHER && full.into_iter().chain(other).any(|word| has(&text, &word))
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
        let is_clear = is_long && !COMMON.contains(&&**word);
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
        let named =
            |text: &str, slug: &str| names(text, Catalog::load().service(service(slug)).unwrap());
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
            ("telegram", "Telegram", "Your WhatsApp code: 123-456"),
            ("telegram", "", "Code 12345 for Telegram. WhatsApp users: do not share it."),
            ("any-other", "WhatsApp", "Your WhatsApp code: 123-456"),
            ("google", "", "Your YouTube code is 123456"),
            ("googlevoice", "Google", "Your Google code is 123456"),
            ("instagram", "Facebook", "51234 is your code"),
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
