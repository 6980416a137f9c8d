//! The API's description as a document: complete, usable by generators, the same at each build,
//! and of one mind with the route table. The pages that show it load nothing from elsewhere.

use std::collections::BTreeSet;

use nexnum::face::description::Description;
use nexnum::face::spec::{KeyPlace, Who};
use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::described::{document, operations};
use super::harness::{Market, answer};

/// Visits every object of the document, with the way to it.
fn walk(value: &Value, way: &str, visit: &mut impl FnMut(&Map<String, Value>, &str)) {
    match value {
        Value::Object(members) => {
            visit(members, way);
            for (name, member) in members {
                // What an example is made of is no part of the description's words.
                if name != "example" && name != "examples" {
                    walk(member, &format!("{way}/{name}"), visit);
                }
            }
        }
        Value::Array(members) => {
            for (at, member) in members.iter().enumerate() {
                walk(member, &format!("{way}/{at}"), visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_said(description: &Value) -> bool {
    description.as_str().is_some_and(|text| text.trim().len() >= 4)
}

#[test]
fn every_field_parameter_and_enum_value_is_described() {
    let mut missing = Vec::new();
    let mut note = |holds: bool, what: String| {
        if !holds {
            missing.push(what);
        }
    };
    let (mut fields, mut values) = (0, 0);
    walk(document(), "", &mut |members, way| {
        for (name, field) in
            members.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            fields += 1;
            note(is_said(&field["description"]), format!("field {way}/{name}"));
        }
        // The values of headers are described by the headers.
        if let Some(Value::Array(known)) = members.get("enum")
            && !way.starts_with("/components/headers/")
        {
            let meanings = members.get("x-enum-descriptions").and_then(Value::as_array);
            let meanings = meanings.cloned().unwrap_or_default();
            values += known.len();
            note(known.len() == meanings.len(), format!("enum {way}"));
            note(meanings.iter().all(is_said), format!("a value of {way}"));
            let text = members["description"].as_str().unwrap_or_default();
            let named = |value: &Value| text.contains(&format!("`{}`", value.as_str().unwrap()));
            note(known.iter().all(named), format!("the text of {way}"));
        }
        if members.contains_key("in") && members.contains_key("name") {
            note(is_said(&members["description"]), format!("parameter {way}"));
        }
    });
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        note(is_said(&schema["description"]), format!("schema {name}"));
    }
    for operation in operations() {
        note(is_said(&operation.described["summary"]), format!("{operation:?}"));
    }
    assert!(missing.is_empty(), "not described:\n{}", missing.join("\n"));
    assert!(fields > 100 && values > 70, "{fields} fields, {values} values");
}

#[test]
fn generators_find_no_constant_no_inline_problem_and_no_request_id_parameter() {
    walk(document(), "", &mut |members, way| {
        // Properties may have any name.
        if !way.ends_with("/properties") {
            assert!(!members.contains_key("const"), "{way}");
        }
        assert!(!members.contains_key("allOf"), "{way}");
        let parameter = members.contains_key("in").then(|| members.get("name")).flatten();
        let name = parameter.and_then(Value::as_str).unwrap_or_default();
        assert!(!name.eq_ignore_ascii_case("x-request-id"), "{way}");
    });
    for operation in operations() {
        for (status, response) in operation.described["responses"].as_object().unwrap() {
            let named = response.get("$ref").is_some();
            assert_eq!(named, status.as_str() >= "400", "{operation:?} {status}");
        }
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let mut seen = BTreeSet::new();
    for operation in operations() {
        let id = operation.described["operationId"].as_str().unwrap();
        assert!(seen.insert(id), "{id} twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_description_says_of_a_route_is_what_its_row_states() {
    let market = Market::start().await;
    for spec in &market.running.routes.specs {
        let place = format!("{} {}", spec.method, spec.path);
        assert!(spec.operation.is_some(), "{place} has no description");
        let described = &document()["paths"][spec.path][spec.method.as_str().to_lowercase()];
        let expected = match spec.who {
            Who::Anyone | Who::CallbackSender => json!([]),
            Who::Trader => json!([{"customer": []}, {"customerHeader": []}]),
            Who::Operator => json!([{"operator": []}, {"operatorHeader": []}]),
        };
        assert_eq!(described["security"], expected, "{place}");
        let keyed = described["responses"].get("401").is_some();
        assert_eq!(keyed, spec.key == KeyPlace::Headers, "{place}");
        let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
        let named = |place: &str| -> BTreeSet<&str> {
            let of_place = parameters.iter().filter(|each| each["in"] == place);
            of_place.map(|each| each["name"].as_str().unwrap()).collect()
        };
        assert_eq!(named("header").contains("Idempotency-Key"), spec.idempotent, "{place}");
        let braced =
            spec.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(named("path"), braced.collect(), "{place}");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builds_of_the_description_are_the_same_and_its_tag_spares_the_second_read() {
    let market = Market::start().await;
    let specs = &market.running.routes.specs;
    let (first, second) = (Description::of(specs), Description::of(specs));
    assert_eq!((&first.json, &first.etag), (&second.json, &second.etag));
    let fewer = Description::of(&specs[1..]);
    assert_ne!((&first.json, &first.etag), (&fewer.json, &fewer.etag));

    let read = || market.admin.request(Method::GET, "/openapi.json");
    let whole = answer(read()).await;
    assert_eq!(whole.headers[ETAG], first.etag);
    assert_eq!(&whole.ok(), document());
    let tag = first.etag.to_str().unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is a strong tag");
    for (sent, status) in [
        (tag.to_owned(), 304),
        (format!("\"another\", W/{tag}"), 304),
        ("*".to_owned(), 304),
        ("\"another\"".to_owned(), 200),
    ] {
        let again = answer(read().header(IF_NONE_MATCH, &sent)).await;
        assert_eq!(again.status.as_u16(), status, "{sent}");
        assert_eq!(again.headers[ETAG], first.etag);
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_page_names_the_host_that_was_asked_for_and_nothing_else_of_it() {
    let market = Market::start().await;
    let page = async |host: &str| {
        let request = market.admin.request(Method::GET, "/").header("host", host);
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(page("shop.example:8443").await.contains("http://shop.example:8443/api/v1/orders"));
    let strange = page("a<script>").await;
    assert!(strange.contains("http://127.0.0.1:8080/api/v1/orders"), "{strange}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_name_files_of_this_server_alone_and_hold_no_script_or_style_of_their_own() {
    let market = Market::start().await;
    let attribute = regex::Regex::new(r#"(?:src|href)="([^"]*)""#).unwrap();
    let own = regex::Regex::new(r#"<style|<script(?:\s*>|[^>]*>[^<])|\son\w+=|\sstyle="#).unwrap();
    for page in ["/", "/docs"] {
        let reply = market.admin.request(Method::GET, page).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        let policy = reply.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'self'; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = reply.text().await.unwrap();
        assert!(!own.is_match(&html), "{page}: {html}");
        for link in attribute.captures_iter(&html).map(|found| found[1].to_owned()) {
            assert!(link.starts_with('/') || link.starts_with('#'), "{page}: {link}");
            if link.starts_with('/') {
                let reply = market.admin.request(Method::GET, &link).send().await.unwrap();
                assert_eq!(reply.status(), StatusCode::OK, "{page}: {link}");
            }
        }
    }
    market.running.stop().await.unwrap();
}
