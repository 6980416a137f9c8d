//! What a text is about: each word is looked up alone, and its scores in every row are put
//! together here.
//!
//! 1. Rows that have every word, and none of them by a typo alone, are what was meant.
//! 2. Otherwise a country and a service that have every word between them are a product. Only
//!    the best are given, before the rows that have some of the words.
//! 3. Otherwise rows that have every word; where there are none, rows that have some.

use nexnum_engine::ids::{CountryId, Product, ServiceId};

use crate::query::{PREFIX_SCORE, WORDS_MAX};
use crate::schema::Subject;

/// Countries and services that are tried as the parts of a product, the best of each.
const PARTS_MAX: usize = 8;

/// Products that score alike; more are no answer.
const PRODUCTS_MAX: usize = 5;

/// What each word scores in one row; 0 where the row does not have it.
pub(crate) type WordScores = [f32; WORDS_MAX];

/// One answer to a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    /// What was found.
    pub(crate) subject: Subject,
    /// How well it matches: 8 a whole word or code, 4 the beginning of a word, 1 with typos,
    /// summed over the words of the text.
    pub(crate) score: f32,
}

/// A row that has at least one word.
#[derive(Clone, Copy, Debug)]
struct Row {
    subject: Subject,
    scores: WordScores,
    total: f32,
}

/// The hits, the best first. `scores` has a row for each of `subjects`, whose order is that of
/// equal hits.
pub(crate) fn rank(subjects: &[Subject], scores: &[WordScores], words: usize) -> Vec<Hit> {
    let rows = subjects.iter().zip(scores).map(|(&subject, &scores)| {
        let total = scores.iter().sum();
        Row { subject, scores, total }
    });
    let mut some: Vec<Row> = rows.filter(|row| row.total > 0.0).collect();
    some.sort_by(|a, b| b.total.total_cmp(&a.total));
    let has = |row: &Row, least: f32| row.scores[..words].iter().all(|&score| score >= least);
    let every: Vec<Row> = some.iter().filter(|row| has(row, f32::MIN_POSITIVE)).copied().collect();
    if every.iter().any(|row| has(row, PREFIX_SCORE)) {
        return every.iter().map(hit).collect();
    }
    let least = every.first().map_or(0.0, |row| row.total);
    let products = products(&some, words, least);
    if products.is_empty() && !every.is_empty() {
        return every.iter().map(hit).collect();
    }
    products.into_iter().chain(some.iter().map(hit)).collect()
}

fn hit(row: &Row) -> Hit {
    Hit { subject: row.subject, score: row.total }
}

/// The best products of the rows' countries and services that have every word and score above
/// `least`: several where they score alike.
fn products(rows: &[Row], words: usize, least: f32) -> Vec<Hit> {
    let services: Vec<(ServiceId, &Row)> = rows.iter().filter_map(as_service).collect();
    let countries: Vec<(CountryId, &Row)> = rows.iter().filter_map(as_country).collect();
    let mut found: Vec<Hit> = Vec::new();
    for &(service, of) in services.iter().take(PARTS_MAX) {
        for &(country, place) in countries.iter().take(PARTS_MAX) {
            let both = of.scores.iter().zip(&place.scores).take(words);
            let best = both.map(|(a, b)| a.max(*b));
            let score = best.clone().sum();
            if best.clone().all(|score| score > 0.0) && score > least {
                let subject = Subject::Product(Product::activation(country, service));
                found.push(Hit { subject, score });
            }
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let best = found.first().map_or(0.0, |hit| hit.score);
    found.into_iter().take_while(|hit| hit.score >= best).take(PRODUCTS_MAX).collect()
}

fn as_service(row: &Row) -> Option<(ServiceId, &Row)> {
    match row.subject {
        Subject::Service(id) => Some((id, row)),
        Subject::Country(_) | Subject::Product(_) => None,
    }
}

fn as_country(row: &Row) -> Option<(CountryId, &Row)> {
    match row.subject {
        Subject::Country(id) => Some((id, row)),
        Subject::Service(_) | Subject::Product(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTRY: Subject = Subject::Country(CountryId(1));
    const SERVICE: Subject = Subject::Service(ServiceId(2));
    const PRODUCT: Subject = Subject::Product(Product::activation(CountryId(1), ServiceId(2)));

    fn found(rows: &[(Subject, [f32; 2])]) -> Vec<Subject> {
        let subjects: Vec<Subject> = rows.iter().map(|row| row.0).collect();
        let scores = rows.iter().map(|(_, [a, b])| {
            let mut scores = WordScores::default();
            (scores[0], scores[1]) = (*a, *b);
            scores
        });
        let hits = rank(&subjects, &scores.collect::<Vec<_>>(), 2);
        hits.iter().map(|hit| hit.subject).collect()
    }

    #[test]
    fn a_country_and_a_service_with_a_word_each_are_a_product() {
        let rows = [(SERVICE, [8.0, 0.0]), (COUNTRY, [0.0, 4.0])];
        assert_eq!(found(&rows), [PRODUCT, SERVICE, COUNTRY]);
    }

    #[test]
    fn two_services_or_two_countries_are_no_product() {
        let other = Subject::Service(ServiceId(3));
        assert_eq!(found(&[(SERVICE, [8.0, 0.0]), (other, [0.0, 8.0])]), [SERVICE, other]);
    }

    #[test]
    fn a_row_that_has_every_word_without_a_typo_is_given_without_products() {
        let whole = Subject::Service(ServiceId(3));
        let rows = [(SERVICE, [8.0, 0.0]), (COUNTRY, [0.0, 8.0]), (whole, [8.0, 4.0])];
        assert_eq!(found(&rows), [whole]);
    }

    #[test]
    fn a_product_goes_before_a_row_that_has_every_word_by_typos() {
        let misspelt = Subject::Service(ServiceId(3));
        let rows = [(SERVICE, [8.0, 0.0]), (COUNTRY, [0.0, 8.0]), (misspelt, [1.0, 1.0])];
        assert_eq!(found(&rows), [PRODUCT, SERVICE, COUNTRY, misspelt]);
    }
}
