//! The shipped table, and what is refused of others.

use super::*;

/// The names of the shipped dialects, each once, in the order of the table.
fn dialects() -> Vec<&'static str> {
    let mut names = Vec::new();
    for line in SHIPPED.lines().skip(1) {
        let name = line.split(',').next().unwrap_or(line);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn load(dialect: &str) -> Crosswalk {
    Crosswalk::load(dialect).unwrap()
}

fn iso2(id: Option<CountryId>) -> Option<&'static str> {
    Catalog::load().country(id?).map(|country| country.iso2)
}

fn slug(id: Option<ServiceId>) -> Option<&'static str> {
    Catalog::load().service(id?).map(|service| service.slug)
}

#[test]
fn the_shipped_dialects_are_four() {
    assert_eq!(dialects(), ["handler_api", "smsbower", "fivesim", "smspool"]);
    assert_eq!(Crosswalk::load("unheard_of"), None);
    assert_eq!(Crosswalk::load("dialect"), None);
}

#[test]
fn a_row_whose_dialect_is_misspelt_is_refused_and_one_of_another_dialect_is_not() {
    let table = |dialect: &str| {
        format!(
            "dialect,kind,canonical,external\nacme_api,country,US,1\n{dialect},service,telegram,tg\n"
        )
    };
    let read = |dialect: &str| Crosswalk::read(table(dialect).as_bytes(), "acme_api");
    for near in
        ["acme_apj", "acme_ap", "acme_apii", "amce_api", "Acme_API", " acme_api", "acme-api", ""]
    {
        let error = read(near).unwrap_err().to_string();
        assert!(error.starts_with("line 3") && error.contains("acme_api"), "{near}: {error}");
    }
    for other in ["handler_api", "fivesim", "acme_api2", "acme2_api", "acme", "other"] {
        assert!(read(other).unwrap().is_some(), "{other}");
    }
}

#[test]
fn what_is_sent_is_understood_in_every_dialect() {
    let catalog = Catalog::load();
    let mut sizes = Vec::new();
    for dialect in dialects() {
        let crosswalk = load(dialect);
        let countries = catalog
            .countries()
            .filter_map(|(id, _)| Some((id, crosswalk.country_ext(id)?)))
            .inspect(|&(id, external)| assert_eq!(crosswalk.country(external), Some(id)))
            .count();
        let services = catalog
            .services()
            .filter_map(|(id, _)| Some((id, crosswalk.service_ext(id)?)))
            .inspect(|&(id, external)| assert_eq!(crosswalk.service(external), Some(id)))
            .count();
        sizes.push((dialect, countries, services));
    }
    assert_eq!(
        sizes,
        [
            ("handler_api", 195, 1930),
            ("smsbower", 195, 1930),
            ("fivesim", 176, 373),
            ("smspool", 145, 348),
        ]
    );
}

#[test]
fn every_dialect_has_its_own_word_for_indonesia_and_telegram() {
    let catalog = Catalog::load();
    let country = catalog.country_by_iso("ID").unwrap();
    let service = catalog.service_by_slug("telegram").unwrap();
    for (dialect, country_ext, service_ext) in
        [("handler_api", "6", "tg"), ("fivesim", "indonesia", "telegram"), ("smspool", "9", "907")]
    {
        let crosswalk = load(dialect);
        assert_eq!(crosswalk.country_ext(country), Some(country_ext), "{dialect}");
        assert_eq!(crosswalk.service_ext(service), Some(service_ext), "{dialect}");
    }
}

#[test]
fn several_external_ids_may_mean_one_country_and_the_first_is_sent() {
    let (handler, pool) = (load("handler_api"), load("smspool"));
    let usa = Catalog::load().country_by_iso("US").unwrap();
    assert_eq!((handler.country("187"), handler.country("12")), (Some(usa), Some(usa)));
    assert_eq!(handler.country_ext(usa), Some("187"));
    assert_eq!((pool.country("1"), pool.country("US")), (Some(usa), Some(usa)));
    assert_eq!(pool.country_ext(usa), Some("1"));
}

#[test]
fn frenchguiana_is_not_france() {
    let fivesim = load("fivesim");
    assert_eq!(iso2(fivesim.country("frenchguiana")), Some("GF"));
    assert_eq!(iso2(fivesim.country("france")), Some("FR"));
    assert_eq!(fivesim.country("fr"), None);
    assert_eq!(fivesim.country("any"), None);
}

#[test]
fn the_empty_key_is_the_faroe_islands_at_one_provider_only() {
    let bower = load("smsbower");
    assert_eq!(iso2(bower.country("")), Some("FO"));
    assert_eq!(iso2(bower.country("202")), Some("FO"));
    let faroe = Catalog::load().country_by_iso("FO").unwrap();
    assert_eq!(bower.country_ext(faroe), Some("202"));
    for dialect in ["handler_api", "fivesim", "smspool"] {
        assert_eq!(load(dialect).country(""), None, "{dialect}");
    }
}

#[test]
fn a_service_whose_name_is_in_mixed_script_is_met_by_code_and_product() {
    assert_eq!(slug(load("handler_api").service("wj")), Some("1bet"));
    assert_eq!(slug(load("fivesim").service("1xbet")), Some("1bet"));
    assert_eq!(slug(load("handler_api").service("bcg")), Some("2"));
}

#[test]
fn an_external_id_at_two_rows_belongs_to_the_first() {
    let fivesim = load("fivesim");
    let chat = Catalog::load().service_by_slug("potato-chat").unwrap();
    assert_eq!(slug(fivesim.service("potato")), Some("potato"));
    assert_eq!(fivesim.service_ext(chat), None);
}

#[test]
fn an_unknown_external_id_means_nothing() {
    let handler = load("handler_api");
    for text in ["", "-1", "+6", "06", "6 ", "99999", "tg", "٦"] {
        assert_eq!(handler.country(text), None, "{text:?}");
    }
    for text in ["", "TG", "tg ", "telegram"] {
        assert_eq!(handler.service(text), None, "{text:?}");
    }
}

#[track_caller]
fn check_refused(row: &str, message: &str) {
    let table = format!("dialect,kind,canonical,external\na,country,US,1\n{row}\n");
    let refusal = Crosswalk::read(table.as_bytes(), "a").unwrap_err();
    assert_eq!(refusal.to_string(), message);
}

#[test]
fn a_row_that_is_not_understood_is_refused_with_its_place() {
    let columns = "the columns are dialect,kind,canonical,external, separated by commas";
    check_refused("", &format!("line 3, column 1: {columns}"));
    check_refused("a,country,US", &format!("line 3, column 13: {columns}"));
    check_refused("a,country,US,1,2", &format!("line 3, column 15: {columns}"));
    check_refused("é,city,US,1", "line 3, column 3: the kind is country or service, not \"city\"");
    check_refused("a,country,XX,1", "line 3, column 11: the catalogue has no \"XX\"");
    check_refused("a,service,nope,1", "line 3, column 11: the catalogue has no \"nope\"");
    let no_column = "line 3, column 13: the catalogue has no \"handler_code\"";
    check_refused("a,country,*,handler_code", no_column);
    check_refused("other,service,nope,1", "line 3, column 15: the catalogue has no \"nope\"");
    let long = format!("a,country,US,{}", "1".repeat(65));
    check_refused(&long, "line 3, column 14: above the limit of 25000 rows or 64 bytes");
    let odd = "the external id has quotes, control characters or blanks around it";
    for external in [" 1", "1 ", "\"1\"", "\"1", "1\0"] {
        let odd = format!("line 3, column 14: {odd}");
        check_refused(&format!("a,country,US,{external}"), &odd);
    }
    let at = TablePlace { line: 1, column: 1 };
    assert_eq!(Crosswalk::read(b"", "a"), Err(CrosswalkError::Columns { at }));
    let at = TablePlace { line: 2, column: 4 };
    let table = b"dialect,kind,canonical,external\na,\xc3\xa9\xff";
    assert_eq!(Crosswalk::read(table, "a"), Err(CrosswalkError::NotText { at }));
}

#[test]
fn a_table_as_spreadsheets_write_it_is_read() {
    let table =
        "\u{feff}dialect,kind,canonical,external\r\na,country,US,1\r\na,service,*,fivesim\r\n";
    let crosswalk = Crosswalk::read(table.as_bytes(), "a").unwrap().unwrap();
    assert_eq!(iso2(crosswalk.country("1")), Some("US"));
    assert_eq!(slug(crosswalk.service("telegram")), Some("telegram"));
    assert_eq!(Crosswalk::read(table.as_bytes(), "b"), Ok(None));
}
