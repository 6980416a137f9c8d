//! The fields of a document, and how text becomes words.

use nexnum_engine::ids::{CountryId, ServiceId};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
};

/// The longest word that is indexed or searched, in bytes; the longest in the catalogue has 33.
const WORD_LEN_MAX: usize = 64;

const ANALYZER: &str = "words";

/// What a document is about, and what a hit leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A row of the catalogue's countries.
    Country(CountryId),
    /// A row of the catalogue's services.
    Service(ServiceId),
}

impl Subject {
    /// The number under which the document keeps it: the kind above bit 16, the id below.
    pub(crate) fn encode(self) -> u64 {
        match self {
            Self::Country(id) => u64::from(id.0),
            Self::Service(id) => 1 << 16 | u64::from(id.0),
        }
    }

    pub(crate) fn decode(number: u64) -> Option<Self> {
        let id = (number & 0xffff) as u16;
        match number >> 16 {
            0 => Some(Self::Country(CountryId(id))),
            1 => Some(Self::Service(ServiceId(id))),
            _ => None,
        }
    }
}

/// The index's fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Names and aliases, found by word, prefix and with typos.
    pub(crate) words: Field,
    /// Codes, found as they are: a prefix or a typo would make every code match every other.
    pub(crate) codes: Field,
}

/// The fast field with [`Subject::encode`].
pub(crate) const SUBJECT: &str = "subject";

pub(crate) fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(ANALYZER)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    let text = TextOptions::default().set_indexing_options(indexing);
    let mut builder = SchemaBuilder::new();
    let words = builder.add_text_field("words", text.clone());
    let codes = builder.add_text_field("codes", text);
    builder.add_u64_field(SUBJECT, FAST);
    (builder.build(), Fields { words, codes })
}

/// Splits at everything that is no letter or digit, drops accents, lowers case.
/// Accents go first: `İ` lowered alone would leave its dot behind.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_LEN_MAX + 1))
        .filter(AsciiFoldingFilter)
        .filter(LowerCaser)
        .build()
}

pub(crate) fn register(index: &tantivy::Index) {
    index.tokenizers().register(ANALYZER, analyzer());
}
