//! The API's own description, held against real answers: the harness shows every answer of
//! every test to [`check`]. The description is a running server's.
//!
//! The checker knows the words of JSON Schema that the description uses, and fails on any
//! other, so that none is passed over.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::{Map, Value};

use super::harness::{Answer, Market};

/// Read once a process, from a server of its own: tests have their own runtimes.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let read = || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let market = Market::start().await;
            let request = market.admin.request(Method::GET, "/openapi.json");
            let document = request.send().await.unwrap().bytes().await.unwrap();
            market.running.stop().await.unwrap();
            serde_json::from_slice(&document).unwrap()
        })
    };
    std::thread::spawn(read).join().unwrap()
});

/// The whole document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// One method on one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) described: &'static Value,
}

/// All that are described.
pub(crate) fn operations() -> impl Iterator<Item = Operation> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(template, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(|(method, described)| Operation { method, template, described })
    })
}

impl Operation {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let (mut known, mut given) = (self.template.split('/'), path.split('/'));
        let alike = known
            .by_ref()
            .zip(given.by_ref())
            .all(|(known, given)| known == given || (known.starts_with('{') && !given.is_empty()));
        method.as_str().eq_ignore_ascii_case(self.method)
            && alike
            && self.template.split('/').count() == path.split('/').count()
    }

    /// Each described outcome: the status, and the code where it is a problem.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let responses = self.described["responses"].as_object().unwrap();
        let each = responses.iter().flat_map(|(status, response)| {
            let codes = self.codes(status);
            assert_eq!(codes.is_empty(), !is_problem(resolve(response)), "{self:?} {status}");
            let labels = codes.iter().map(|code| self.label(status, code)).collect::<Vec<_>>();
            if labels.is_empty() { vec![self.label(status, "")] } else { labels }
        });
        each.collect()
    }

    /// The codes of the problems with this status that are described.
    fn codes(&self, status: &str) -> Vec<&'static str> {
        let codes = self.described["x-problem-codes"][status].as_array();
        codes.into_iter().flatten().map(|code| code.as_str().unwrap()).collect()
    }

    fn label(&self, status: &str, code: &str) -> String {
        let method = self.method.to_uppercase();
        format!("{method} {} {status} {code}", self.template).trim_end().to_owned()
    }
}

/// Whether a described reply is a problem document.
fn is_problem(response: &Value) -> bool {
    response["content"].get("application/problem+json").is_some()
}

/// Where a reference leads.
fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(to) => DOCUMENT.pointer(to.trim_start_matches('#')).expect("it leads somewhere"),
        None => value,
    }
}

/// Holds an answer against the description and says which outcome it is.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) -> String {
    let status = answer.status.as_u16();
    let operation = operations().find(|operation| operation.matches(method, path));
    // What is refused before a route has been asked is the same everywhere.
    let general = status == 405 || (status == 413 && method == Method::GET);
    let Some(operation) = operation.filter(|_| !general) else {
        assert!(matches!(status, 404 | 405 | 413), "{method} {path} is not described: {status}");
        fits(&DOCUMENT["components"]["schemas"]["Problem"], &answer.body).unwrap();
        return format!("{method} {path} {status}");
    };
    let code = answer.body["code"].as_str().filter(|_| status >= 400).unwrap_or_default();
    let label = operation.label(&status.to_string(), code);
    let response = resolve(&operation.described["responses"][status.to_string()]);
    assert!(response.is_object(), "{label}: the status is not described");
    let codes = operation.codes(&status.to_string());
    assert!(code.is_empty() || codes.contains(&code), "{label}: the code is not described");
    let headers = response["headers"].as_object().expect("it has an id at least");
    for name in ["x-request-id", "retry-after", "idempotent-replayed", "www-authenticate"] {
        let known = headers.keys().any(|known| known.eq_ignore_ascii_case(name));
        assert!(known || !answer.headers.contains_key(name), "{label}: {name} is not described");
    }
    match response["content"].as_object() {
        None => assert_eq!(answer.body, Value::Null, "{label} has no body"),
        Some(content) => {
            let kind = answer.headers["content-type"].to_str().unwrap();
            let described = content.get(kind).unwrap_or_else(|| panic!("{label}: {kind}"));
            if kind.ends_with("json") {
                fits(&described["schema"], &answer.body)
                    .unwrap_or_else(|error| panic!("{label}: {error}\n{}", answer.body));
            }
        }
    }
    label
}

/// Whether the value is what the schema says, or where it is not.
fn fits(schema: &'static Value, value: &Value) -> Result<(), String> {
    let schema = schema.as_object().ok_or("a schema is an object")?;
    for (word, said) in schema {
        word_fits(schema, word, said, value)
            .map_err(|error| format!("{word}: {error}").replace(": .", "."))?;
    }
    Ok(())
}

fn word_fits(
    schema: &'static Map<String, Value>,
    word: &str,
    said: &'static Value,
    value: &Value,
) -> Result<(), String> {
    let holds = |holds: bool| if holds { Ok(()) } else { Err(format!("{said}, not {value}")) };
    let length = || value.as_str().map(|text| text.chars().count() as u64);
    let list = || said.as_array().into_iter().flatten();
    match word {
        "description" | "examples" | "x-enum-descriptions" | "default" => Ok(()),
        "$ref" => {
            fits(DOCUMENT.pointer(said.as_str().unwrap().trim_start_matches('#')).unwrap(), value)
        }
        "type" if said.is_array() => holds(list().any(|kind| is_a(kind, value))),
        "type" => holds(is_a(said, value)),
        "const" => holds(said == value),
        "enum" => holds(list().any(|one| one == value)),
        "allOf" => list().try_for_each(|each| fits(each, value)),
        "anyOf" => holds(list().any(|each| fits(each, value).is_ok())),
        "minimum" => holds(value.as_f64().is_none_or(|found| found >= said.as_f64().unwrap())),
        "maximum" => holds(value.as_f64().is_none_or(|found| found <= said.as_f64().unwrap())),
        "minLength" => holds(length().is_none_or(|len| len >= said.as_u64().unwrap())),
        "maxLength" => holds(length().is_none_or(|len| len <= said.as_u64().unwrap())),
        "maxItems" => {
            holds(value.as_array().is_none_or(|l| l.len() as u64 <= said.as_u64().unwrap()))
        }
        "minItems" => {
            holds(value.as_array().is_none_or(|l| l.len() as u64 >= said.as_u64().unwrap()))
        }
        "pattern" => {
            let pattern = regex::Regex::new(said.as_str().unwrap()).unwrap();
            holds(value.as_str().is_none_or(|text| pattern.is_match(text)))
        }
        "format" => holds(value.as_str().is_none_or(|text| is_formatted(said, text))),
        "items" => value.as_array().into_iter().flatten().try_for_each(|item| fits(said, item)),
        "required" => {
            let missing = list().find(|name| value.get(name.as_str().unwrap()).is_none());
            missing.map_or(Ok(()), |name| Err(format!("{name} is missing")))
        }
        "properties" => properties_fit(said, value),
        "additionalProperties" => {
            assert_eq!(said, &Value::Bool(false), "no other use is known here");
            let known = schema["properties"].as_object().unwrap();
            let found = value.as_object().into_iter().flat_map(Map::keys);
            let unknown = found.into_iter().find(|name| !known.contains_key(*name));
            unknown.map_or(Ok(()), |name| Err(format!("{name:?} is not described")))
        }
        other => Err(format!("the word {other:?} is not known to this checker")),
    }
}

fn properties_fit(described: &'static Value, value: &Value) -> Result<(), String> {
    let described = described.as_object().unwrap();
    described.iter().try_for_each(|(name, schema)| {
        let found = value.get(name).map_or(Ok(()), |value| fits(schema, value));
        found.map_err(|error| format!(".{name}: {error}"))
    })
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("the type {other:?} is not known to this checker"),
    }
}

fn is_formatted(format: &Value, text: &str) -> bool {
    match format.as_str().unwrap() {
        "date-time" => {
            let moment = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$";
            regex::Regex::new(moment).unwrap().is_match(text)
        }
        "uri-reference" => text.starts_with('/'),
        other => panic!("the format {other:?} is not known to this checker"),
    }
}

#[test]
fn the_checker_refuses_what_is_not_described() {
    use serde_json::json;
    let wallet = &DOCUMENT["components"]["schemas"]["Wallet"];
    let sound = json!({"balance": "1.000000", "escrow": "0.000000", "currency": "USD"});
    fits(wallet, &sound).unwrap();
    for (pointer, value) in [
        ("balance", json!("1.00")),
        ("balance", json!(1)),
        ("escrow", Value::Null),
        ("currency", json!("EUR")),
        ("more", json!("x")),
    ] {
        let mut wrong = sound.clone();
        wrong[pointer] = value;
        assert!(fits(wallet, &wrong).is_err(), "{wrong}");
    }
    assert!(fits(wallet, &json!({"balance": "1.000000", "currency": "USD"})).is_err());
    assert!(fits(wallet, &json!([])).is_err());
    let share = &DOCUMENT["components"]["schemas"]["Share"];
    assert!([json!(0), json!(0.925), json!(1.0)].iter().all(|value| fits(share, value).is_ok()));
    assert!([json!(-0.1), json!(1.1), json!("1")].iter().all(|value| fits(share, value).is_err()));
}

#[test]
fn every_example_is_what_its_schema_says() {
    let mut checked = 0;
    for operation in operations() {
        let responses = operation.described["responses"].as_object().unwrap().values();
        let answers = responses.map(resolve).chain([&operation.described["requestBody"]]);
        for media in answers.filter_map(|answer| answer["content"].as_object()) {
            for media in media.values().filter(|media| media.get("example").is_some()) {
                fits(&media["schema"], &media["example"])
                    .unwrap_or_else(|error| panic!("{operation:?}: {error}"));
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked} examples");
}
