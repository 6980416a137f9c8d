//! Schemas as clients' generators read them best.
//!
//! `schemars` writes a described enum as a list of constants; generators that know no `const`
//! lose such types, and their bodies with them. Here it becomes one `enum` whose values are
//! described in the text and in `x-enum-descriptions`.

use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// A generator for what is read (`Deserialize`) or written (`Serialize`).
pub(super) fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

/// What a generator has named, in its plain form.
pub(super) fn definitions(generator: &mut SchemaGenerator) -> Map<String, Value> {
    // Replies have no fields but those described: a test holds every answer against this.
    let closed = generator.contract() == &Contract::Serialize;
    let mut all = generator.take_definitions(true);
    all.values_mut().for_each(|schema| plain(schema, closed));
    all
}

/// One schema that has no name, in its plain form.
pub(super) fn inline(schema: Schema) -> Value {
    let mut schema = schema.to_value();
    plain(&mut schema, false);
    schema
}

fn plain(schema: &mut Value, closed: bool) {
    let Value::Object(words) = schema else { return };
    if let Some(one) = words.remove("const") {
        words.insert("enum".to_owned(), json!([one]));
    }
    if let Some(Value::String(text)) = words.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    // Generators take a field with a default for one that is always there, and callers may
    // leave these out.
    if matches!(words.get("default"), Some(Value::Null | Value::String(_))) {
        words.remove("default");
    }
    merge_constants(words);
    // Sizes of our integers, which JSON Schema does not know.
    let is_size = |format: &Value| format.as_str().is_some_and(|word| word.contains("int"));
    if words.get("format").is_some_and(is_size) {
        words.remove("format");
    }
    if closed && words.contains_key("properties") {
        words.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    for (word, below) in words.iter_mut() {
        match (word.as_str(), below) {
            ("properties", Value::Object(all)) => {
                all.values_mut().for_each(|each| plain(each, closed));
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(all)) => {
                all.iter_mut().for_each(|each| plain(each, closed));
            }
            ("items", each) => plain(each, closed),
            _ => {}
        }
    }
}

/// `oneOf` constants becomes one `enum`.
fn merge_constants(words: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = words.get("oneOf") else { return };
    let choice =
        |choice: &Value| Some((choice.get("const")?.clone(), text(choice.get("description"))));
    let Some(choices) = choices.iter().map(choice).collect::<Option<Vec<_>>>() else { return };
    let (values, meanings): (Vec<Value>, Vec<String>) = choices.into_iter().unzip();
    let mut description = text(words.get("description"));
    for (value, meaning) in values.iter().zip(&meanings) {
        let value = value.as_str().unwrap_or_default();
        description.push_str(&format!("\n- `{value}`: {meaning}"));
    }
    words.remove("oneOf");
    words.insert("type".to_owned(), json!("string"));
    words.insert("description".to_owned(), json!(description));
    words.insert("enum".to_owned(), Value::Array(values));
    words.insert("x-enum-descriptions".to_owned(), json!(meanings));
}

/// A text in one line: line breaks of the source say nothing.
fn text(word: Option<&Value>) -> String {
    word.and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

/// A schema without `null`: a parameter that is left out is not null.
pub(super) fn without_null(schema: &mut Map<String, Value>) {
    let is_null = |word: &Value| word == "null" || word.get("type") == Some(&json!("null"));
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| !is_null(kind));
        if let [one] = &kinds[..] {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(mut choices)) = schema.remove("anyOf") {
        choices.retain(|choice| !is_null(choice));
        match &choices[..] {
            [Value::Object(one)] => schema.extend(one.clone()),
            _ => {
                schema.insert("anyOf".to_owned(), Value::Array(choices));
            }
        }
    }
}
