//! The sections of providers, each read by itself.
//!
//! Promises: a fault inside one section leaves that provider out alone, with its line, field and
//! rule. What a section cannot be told apart without is an error of the whole configuration: its
//! name, and that no other has it. Leaves to others: what a provider's files and variables hold.

use std::collections::BTreeSet;

use nexnum_driver::in_words;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::provider::{ProviderConfig, broken_name};
use crate::config_value;

/// A provider that the server runs without, since its section breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyProvider {
    /// Its name.
    pub name: String,
    /// Which provider, where, which field and which rule.
    pub reason: String,
}

/// The sections of providers in a configuration.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) providers: Vec<ProviderConfig>,
    pub(super) faulty: Vec<FaultyProvider>,
}

/// What is wrong with the sections as a whole.
#[derive(Debug)]
pub(super) enum SectionsError {
    /// At a place.
    At(Error),
    /// Between sections.
    Rule(String),
}

/// What a section needs to be known by.
#[derive(Deserialize)]
struct Named {
    #[serde(deserialize_with = "config_value::name")]
    name: String,
}

impl Sections {
    /// Takes the sections out of a document. What is not an array of them stays there, to be
    /// refused with the rest.
    pub(super) fn take(document: &mut DeTable<'_>, text: &str) -> Result<Self, SectionsError> {
        let is_array = document.get(KEY).is_some_and(|providers| providers.get_ref().is_array());
        let Some(DeValue::Array(array)) =
            is_array.then(|| document.remove(KEY)).flatten().map(Spanned::into_inner)
        else {
            return Ok(Self::default());
        };
        let (mut sections, mut names) = (Self::default(), BTreeSet::new());
        for section in array {
            let reader = ValueDeserializer::from(section.clone());
            let Named { name } = Named::deserialize(reader).map_err(SectionsError::At)?;
            if let Some(reason) = broken_name(&name) {
                return Err(SectionsError::Rule(reason));
            }
            if !names.insert(name.clone()) {
                return Err(SectionsError::Rule(format!(
                    "two providers are named {name:?}: rename one of them"
                )));
            }
            match read(&name, section, text) {
                Ok(provider) => sections.providers.push(provider),
                Err(reason) => sections.faulty.push(FaultyProvider { name, reason }),
            }
        }
        Ok(sections)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.providers.len() + self.faulty.len()
    }
}

/// The key of the sections.
const KEY: &str = "providers";

/// One section, or what is wrong with it.
fn read(name: &str, section: Spanned<DeValue<'_>>, text: &str) -> Result<ProviderConfig, String> {
    let reader = ValueDeserializer::from(section);
    let provider: ProviderConfig = serde_path_to_error::deserialize(reader).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        let reason = in_words(error.message(), "a table");
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // A field that is missing or not known is named by the reason.
        let is_named = path == "." || reason.contains(" field `");
        let field = if is_named { String::new() } else { format!("{path}: ") };
        format!("provider {name:?}: line {line}: {field}{reason}")
    })?;
    match provider.broken_rule() {
        Some(reason) => Err(reason),
        None => Ok(provider),
    }
}
