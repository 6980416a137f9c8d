//! The embedded files as rows, and sorted keys over them.
//!
//! All text lives in one leaked buffer a file: the catalogue lasts as long as
//! the process, and 25,000 small allocations would cost more than the text.

use csv::StringRecord;

use super::entry::{Country, KEY_LEN_MAX, Language, Service};

const COUNTRIES: &str = include_str!("../../data/countries.csv");
const SERVICES: &str = include_str!("../../data/services.csv");

pub(super) fn countries() -> Vec<Country> {
    rows(COUNTRIES).into_iter().map(country).collect()
}

pub(super) fn services() -> Vec<Service> {
    rows(SERVICES).into_iter().map(service).collect()
}

fn country(row: Row<14>) -> Country {
    let [iso2, iso3, dial_code, en, handler_ids, fivesim, es, fr, pt, ru, tr, hi, ar, zh] = row;
    let names: [&str; Language::ALL.len()] = [en, es, fr, pt, ru, tr, hi, ar, zh];
    let handler_ids = handler_ids
        .split_whitespace()
        .map(|id| id.parse().expect("a handler id in the embedded file is a small number"))
        .collect();
    Country { iso2, iso3, dial_code, handler_ids, fivesim: present(fivesim), names }
}

fn service([slug, name, handler_code, fivesim, aliases, popularity]: Row<6>) -> Service {
    let popularity = present(popularity)
        .map(|rank| rank.parse().expect("a rank in the embedded file is a small number"));
    Service { slug, name, handler_code, fivesim: present(fivesim), popularity, aliases }
}

fn present(text: &'static str) -> Option<&'static str> {
    (!text.is_empty()).then_some(text)
}

type Row<const N: usize> = [&'static str; N];

/// The records below the header; the row's position is its id.
fn rows<const N: usize>(file: &'static str) -> Vec<Row<N>> {
    let records: Vec<StringRecord> = csv::Reader::from_reader(file.as_bytes())
        .into_records()
        .map(|record| record.expect("the embedded file is CSV with rows of one length"))
        .collect();
    assert!(records.len() <= usize::from(u16::MAX), "ids are 16 bits wide");
    let mut rest: &'static str =
        records.iter().map(StringRecord::as_slice).collect::<String>().leak();
    records
        .iter()
        .map(|record| {
            assert_eq!(record.len(), N, "the embedded file has the columns of its README");
            std::array::from_fn(|column| {
                let (field, after) = rest.split_at(record[column].len());
                rest = after;
                field
            })
        })
        .collect()
}

/// Folded texts that name rows, sorted, each with the first row that has it.
#[derive(Debug)]
pub(super) struct Keys(Vec<(&'static str, u16)>);

impl Keys {
    pub(super) fn of<T, I>(rows: &[T], texts: impl Fn(&T) -> I) -> Self
    where
        I: IntoIterator<Item = &'static str>,
    {
        let mut folded = String::new();
        let mut ends = Vec::new();
        for (row, value) in (0u16..).zip(rows) {
            for text in texts(value) {
                assert!(text.len() <= KEY_LEN_MAX);
                folded.extend(fold(text));
                ends.push((folded.len(), row));
            }
        }
        folded.shrink_to_fit();
        let mut rest: &'static str = folded.leak();
        let mut start = 0;
        let cut = |(end, row)| {
            let (key, after) = rest.split_at(end - start);
            (rest, start) = (after, end);
            (key, row)
        };
        let mut keys: Vec<(&'static str, u16)> = ends.into_iter().map(cut).collect();
        keys.sort_unstable();
        keys.dedup_by_key(|(key, _)| *key);
        Self(keys)
    }

    /// The first row with this text, case aside.
    pub(super) fn row(&self, text: &str) -> Option<u16> {
        if text.len() > KEY_LEN_MAX {
            return None;
        }
        if text.is_ascii() {
            // Codes are: they are folded in place, byte by byte.
            let mut key = [0; KEY_LEN_MAX];
            let key = &mut key[..text.len()];
            key.copy_from_slice(text.as_bytes());
            key.make_ascii_lowercase();
            return self.find(key);
        }
        self.find(fold(text).collect::<String>().as_bytes())
    }

    fn find(&self, folded: &[u8]) -> Option<u16> {
        let at = self.0.binary_search_by(|(key, _)| key.as_bytes().cmp(folded)).ok()?;
        Some(self.0[at].1)
    }
}

/// Lower case, without the dot that Unicode keeps from `İ`, and `ı` read as `i`.
pub(super) fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase).filter(|&c| c != '\u{307}').map(|c| match c {
        'ı' => 'i',
        c => c,
    })
}
