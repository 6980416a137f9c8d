use super::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

fn catalog() -> &'static Catalog {
    Catalog::load()
}

#[track_caller]
fn check_country(text: &str, iso2: Option<&str>) {
    let found = catalog().find_country(text).and_then(|id| catalog().country(id));
    assert_eq!(found.map(|country| country.iso2), iso2, "{text:?}");
}

#[track_caller]
fn check_service(text: &str, slug: Option<&str>) {
    let found = catalog().find_service(text).and_then(|id| catalog().service(id));
    assert_eq!(found.map(|service| service.slug), slug, "{text:?}");
}

fn hash(keys: impl Iterator<Item = &'static str>) -> String {
    let mut hasher = Sha256::new();
    for key in keys {
        hasher.update(key);
        hasher.update("\n");
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_row_keeps_its_id_for_ever() {
    let catalog = catalog();
    assert_eq!((catalog.countries().len(), catalog.services().len()), (250, 1930));
    let countries = catalog.countries().take(250).map(|(_, country)| country.iso2);
    assert_eq!(hash(countries), "a9b462ac09c6ea9b");
    let services = catalog.services().take(1930).map(|(_, service)| service.slug);
    assert_eq!(hash(services), "a7336cf734499fd3");
    for (row, iso2) in [(0, "AD"), (100, "ID"), (232, "US"), (249, "XK")] {
        assert_eq!(catalog.country(CountryId(row)).map(|c| c.iso2), Some(iso2));
    }
    for (row, slug) in [(0, "163om"), (1644, "telegram"), (1829, "whatsapp"), (1929, "zus-coffee")]
    {
        assert_eq!(catalog.service(ServiceId(row)).map(|s| s.slug), Some(slug));
    }
    assert!(catalog.country(CountryId(250)).is_none());
    assert!(catalog.service(ServiceId(1930)).is_none());
}

#[test]
fn a_country_has_codes_names_and_ids() {
    let id = catalog().country_by_iso("US").unwrap();
    let country = catalog().country(id).unwrap();
    assert_eq!((country.iso2, country.iso3, country.dial_code), ("US", "USA", "1"));
    assert_eq!(*country.handler_ids, [187, 12]);
    assert_eq!(country.fivesim, Some("usa"));
    let names = Language::ALL.map(|language| country.name(language));
    assert_eq!(
        names,
        [
            "United States",
            "Estados Unidos",
            "États-Unis",
            "Estados Unidos",
            "Соединенные Штаты",
            "Amerika Birleşik Devletleri",
            "संयुक्त राज्य",
            "الولايات المتحدة",
            "美国",
        ]
    );
}

#[test]
fn a_country_is_found_by_code_slug_and_name_in_any_case() {
    for text in
        ["id", "ID", "Idn", "indonesia", "INDONESIA", "Индонезия", "ИНДОНЕЗИЯ", "印度尼西亚"]
    {
        check_country(text, Some("ID"));
    }
    for text in ["england", "United Kingdom", "gb", "GBR", "великобритания"] {
        check_country(text, Some("GB"));
    }
    check_country("Гонконг (САР)", Some("HK"));
    check_country("İZLANDA", Some("IS"));
    check_country("izlanda", Some("IS"));
    check_country("НИДЕРЛАНДЫ", Some("NL"));
    for text in ["", " ", "zz", "uk ", "indones", "\0", &"a".repeat(100_000)] {
        check_country(text, None);
    }
}

#[test]
fn one_country_may_have_several_handler_ids() {
    let iso2 = |id: u16| {
        let of_id = |(_, country): &(CountryId, &Country)| country.handler_ids.contains(&id);
        let mut found = catalog().countries().filter(of_id).map(|(_, country)| country.iso2);
        let first = found.next();
        assert_eq!(found.next(), None, "an id means one country");
        first
    };
    assert_eq!(iso2(187), Some("US"));
    assert_eq!(iso2(12), Some("US"));
    assert_eq!(iso2(0), Some("RU"));
    assert_eq!(iso2(202), Some("FO"));
    assert_eq!(iso2(u16::MAX), None);
}

#[test]
fn a_5sim_slug_names_its_own_country() {
    let iso2 = |slug| {
        let id = catalog().find_country(slug)?;
        catalog().country(id).map(|country| country.iso2)
    };
    assert_eq!(iso2("frenchguiana"), Some("GF"));
    assert_eq!(iso2("bih"), Some("BA"));
    let slugs = |(_, country): (CountryId, &Country)| country.fivesim == Some("gf");
    assert!(!catalog().countries().any(slugs), "an ISO code is no slug");
}

#[test]
fn a_service_is_found_by_slug_code_product_name_and_alias() {
    for text in ["telegram", "Telegram", "tg", "TG"] {
        check_service(text, Some("telegram"));
    }
    for text in ["twitter-x", "tw", "Twitter", "x"] {
        check_service(text, Some("twitter-x"));
    }
    check_service("chatgpt", Some("openai"));
    check_service("2гис", Some("2"));
    check_service("Вотсап", Some("whatsapp"));
    check_service("微信", Some("wechat"));
    for text in ["", "teleg", "telegram ", "\u{1F4A9}", &"a".repeat(100_000)] {
        check_service(text, None);
    }
}

#[test]
fn a_name_in_mixed_script_is_found_as_written_and_by_its_latin_twin() {
    check_service("1хbet", Some("1bet"));
    check_service("1xbet", Some("1bet"));
}

#[test]
fn a_slug_goes_before_another_service_s_code() {
    let slug = |id| catalog().service(id).map(|service| service.slug);
    check_service("aol", Some("aol"));
    assert_eq!(catalog().service_by_handler_code("aol").and_then(slug), Some("paysera"));
    assert_eq!(catalog().service_by_slug("aol").and_then(slug), Some("aol"));
}

#[test]
fn the_first_row_wins_a_key_that_stands_twice() {
    let slug = |id| catalog().service(id).map(|service| service.slug);
    assert_eq!(catalog().find_service("potato").and_then(slug), Some("potato"));
    check_service("cleartrip", Some("cleartrip"));
    check_service("Feeld", Some("feeld"));
}

#[test]
fn popularity_ranks_without_gaps() {
    let mut ranks: Vec<u16> = catalog().services().filter_map(|(_, s)| s.popularity).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, (1..=38).collect::<Vec<u16>>());
}

#[test]
fn every_row_is_found_by_each_of_its_unique_keys() {
    let catalog = catalog();
    let mut handler_ids = BTreeMap::new();
    for (id, country) in catalog.countries() {
        for iso in [country.iso2, country.iso3, &country.iso2.to_lowercase()] {
            assert_eq!(catalog.find_country(iso), Some(id));
        }
        for language in Language::ALL {
            assert_eq!(catalog.find_country(country.name(language)), Some(id));
        }
        for handler_id in &country.handler_ids {
            assert_eq!(handler_ids.insert(handler_id, id), None, "{handler_id} of two countries");
        }
    }
    for (id, service) in catalog.services() {
        assert_eq!(catalog.find_service(service.slug), Some(id));
        assert_eq!(catalog.service_by_handler_code(service.handler_code), Some(id));
    }
}

#[test]
fn a_language_is_named_by_its_code() {
    for language in Language::ALL {
        assert_eq!(Language::parse(language.code()), Some(language));
    }
    assert_eq!(Language::parse("ZH"), Some(Language::Zh));
    assert_eq!(Language::parse("de"), None);
}
