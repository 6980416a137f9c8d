use nexnum_engine::ids::Product;
use proptest::prelude::*;

use super::*;

fn catalog() -> &'static Catalog {
    Catalog::load()
}

fn name(subject: Subject) -> String {
    let country = |id| catalog().country(id).unwrap().iso2;
    let service = |id| catalog().service(id).unwrap().slug;
    match subject {
        Subject::Country(id) => country(id).to_owned(),
        Subject::Service(id) => service(id).to_owned(),
        Subject::Product(Product { country: at, service: of, .. }) => {
            format!("{} in {}", service(of), country(at))
        }
    }
}

#[track_caller]
fn check(index: &SearchIndex, text: &str, first: &[&str]) {
    let hits = index.search(text, first.len()).unwrap();
    let names: Vec<_> = hits.iter().map(|hit| name(*hit)).collect();
    assert_eq!(names, first, "{text:?} {hits:?}");
}

#[test]
fn a_country_is_found_by_code_beginning_any_language_and_with_typos() {
    let index = SearchIndex::new(catalog()).unwrap();
    check(&index, "ind", &["IN", "ID"]);
    check(&index, "indonesia", &["ID"]);
    check(&index, "INDONÉSIE", &["ID"]);
    check(&index, "indo", &["ID"]);
    check(&index, "indonezia", &["ID"]);
    check(&index, "индонез", &["ID"]);
    check(&index, "印度尼西亚", &["ID"]);
    check(&index, "إندونيسيا", &["ID"]);
    check(&index, "इंडोनेशिया", &["ID"]);
    check(&index, "US", &["US"]);
    check(&index, "united states", &["US"]);
    check(&index, "england", &["GB"]);
    check(&index, "izlanda", &["IS"]);
}

#[test]
fn a_service_is_found_by_code_beginning_alias_and_with_typos() {
    let index = SearchIndex::new(catalog()).unwrap();
    check(&index, "telegram", &["telegram"]);
    check(&index, "tg", &["telegram", "TG"]);
    check(&index, "teleg", &["telegram"]);
    check(&index, "telegarm", &["telegram"]);
    check(&index, "watsap", &["whatsapp"]);
    check(&index, "вотсап", &["whatsapp"]);
    check(&index, "вотсапп", &["whatsapp"]);
    check(&index, "微信", &["wechat"]);
    check(&index, "chatgpt", &["openai"]);
    check(&index, "1xbet", &["1bet"]);
    check(&index, "1хbet", &["1bet"]);
}

#[test]
fn words_that_no_row_has_together_are_looked_for_apart() {
    let index = SearchIndex::new(catalog()).unwrap();
    check(
        &index,
        "telegram indonesia",
        &["telegram in ID", "telegram-2-0 in ID", "telegram", "ID"],
    );
}

#[test]
fn a_country_and_a_service_are_a_product_in_any_order_and_spelling() {
    let index = SearchIndex::new(catalog()).unwrap();
    for text in [
        "telegram indonesia",
        "indonesia telegram",
        "tg indonesia",
        "telegram id",
        "telegarm indonezia",
        "teleg indones",
        "телеграм индонезия",
    ] {
        check(&index, text, &["telegram in ID"]);
    }
    check(&index, "united states whatsapp", &["whatsapp in US"]);
    check(&index, "вотсап germany", &["whatsapp in DE"]);
}

#[test]
fn several_countries_that_fit_alike_give_several_products() {
    let index = SearchIndex::new(catalog()).unwrap();
    let hits = index.search("telegram united", HITS_MAX).unwrap();
    let products = hits.iter().take_while(|hit| matches!(hit, Subject::Product(_))).count();
    assert!((2..=5).contains(&products), "{hits:?}");
}

#[test]
fn a_hit_scores_by_how_it_was_spelt() {
    let index = SearchIndex::new(catalog()).unwrap();
    let best = |text| index.hits(text).unwrap()[0].score;
    assert_eq!(
        [best("indonesia"), best("indones"), best("indpnesia"), best("united states")],
        [8.0, 4.0, 1.0, 16.0]
    );
}

#[test]
fn no_text_is_an_error() {
    let index = SearchIndex::new(catalog()).unwrap();
    let long = "ы".repeat(100_000);
    for text in ["", " ", "\0", "AND OR NOT", "words:*", "\"", "[a TO z]", "^~8", "qqqqqqqq", &long]
    {
        index.search(text, 10).unwrap();
    }
    assert_eq!(index.search("qqqqqqqq", 10).unwrap(), []);
    assert_eq!(index.search("ind", 0).unwrap(), []);
    assert_eq!(index.search("a", usize::MAX).unwrap().len(), HITS_MAX);
}

#[test]
fn any_text_is_searched_without_a_panic() {
    let index = SearchIndex::new(catalog()).unwrap();
    let words = prop_oneof![".{0,12}", "[a-z]{1,9}", "[а-я]{1,9}", "\\PC{0,70}"];
    let texts = proptest::collection::vec(words, 0..10).prop_map(|words| words.join(" "));
    proptest!(|(text in texts, limit in 0..HITS_MAX * 2)| {
        let hits = index.search(&text, limit).unwrap();
        prop_assert!(hits.len() <= limit.min(HITS_MAX));
        let mut distinct = hits.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), hits.len());
    });
}
