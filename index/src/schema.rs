//! The fields of a document, and how text becomes words.

use nexnum_engine::ids::{CountryId, Product, ServiceId};
use tantivy::schema::{
    Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
    TokenizerManager,
};

/// The longest word that is indexed or searched, in bytes; the longest in the catalogue has 33.
const WORD_LEN_MAX: usize = 64;

const ANALYZER: &str = "words";

/// What a document is about, or what the words of a text name together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A row of the catalogue's countries.
    Country(CountryId),
    /// A row of the catalogue's services.
    Service(ServiceId),
    /// A service in a country: no document has both, a text may name both.
    Product(Product),
}

/// The index's fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Names and aliases, found by word, prefix and with typos.
    pub(crate) words: Field,
    /// Codes, found as they are: a prefix or a typo would make every code match every other.
    pub(crate) codes: Field,
}

pub(crate) fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(ANALYZER)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    let text = TextOptions::default().set_indexing_options(indexing);
    let mut builder = SchemaBuilder::new();
    let words = builder.add_text_field("words", text.clone());
    let codes = builder.add_text_field("codes", text);
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

pub(crate) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::new();
    tokenizers.register(ANALYZER, analyzer());
    tokenizers
}
