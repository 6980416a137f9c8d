//! What is in the index: one document a country and a service of the catalogue.
//!
//! The order of the documents is the order of equal hits: the most traded
//! services, then the countries, then the long tail of services.

use nexnum_engine::catalog::{Catalog, Country, Language, Service};
use tantivy::TantivyDocument;

use crate::schema::{Fields, Subject};

/// A document before it is one of tantivy's.
#[derive(Debug)]
pub(crate) struct Entry {
    subject: Subject,
    words: Vec<&'static str>,
    codes: Vec<&'static str>,
}

pub(crate) fn entries(catalog: &Catalog) -> Vec<Entry> {
    let countries = catalog.countries().map(|(id, row)| country(Subject::Country(id), row));
    let mut traded = Vec::new();
    let mut rest = Vec::new();
    for (id, row) in catalog.services() {
        let entry = service(Subject::Service(id), row);
        match row.popularity {
            Some(rank) => traded.push((rank, entry)),
            None => rest.push(entry),
        }
    }
    traded.sort_by_key(|&(rank, _)| rank);
    traded.into_iter().map(|(_, entry)| entry).chain(countries).chain(rest).collect()
}

fn country(subject: Subject, row: &Country) -> Entry {
    let mut words: Vec<_> = Language::ALL.into_iter().map(|language| row.name(language)).collect();
    words.extend(row.fivesim);
    Entry { subject, words, codes: vec![row.iso2, row.iso3] }
}

fn service(subject: Subject, row: &Service) -> Entry {
    let mut words = vec![row.slug, row.name];
    words.extend(row.fivesim);
    words.extend(row.aliases());
    Entry { subject, words, codes: vec![row.handler_code] }
}

impl Entry {
    /// What it is about.
    pub(crate) fn subject(&self) -> Subject {
        self.subject
    }

    pub(crate) fn document(&self, fields: Fields) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        self.words.iter().for_each(|text| document.add_text(fields.words, text));
        self.codes.iter().for_each(|text| document.add_text(fields.codes, text));
        document
    }
}
