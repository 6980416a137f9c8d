use std::fs;

use nexnum_engine::Engine;
use nexnum_engine::command::{Command, ListOffers, RegisterProvider};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::product::OfferKey;
use tempfile::TempDir;

use super::*;

const ONE: ProviderId = ProviderId(1);
const LEDGER: LedgerId = LedgerId([7; 16]);

fn product(service: u16) -> Product {
    Product::activation(CountryId(1), ServiceId(service))
}

/// A state with a driven provider that has three offers, and one of own stock that has one.
fn state() -> State {
    let (mut engine, mut groups) = (Engine::default(), Groups::new());
    let mut execute = |command: Command| {
        engine.execute(Head::system(Time(1)), &command, &mut groups).expect("it is legal");
    };
    let kinds = [("one", ProviderKind::Driven), ("own", ProviderKind::Own)];
    for (name, kind) in kinds {
        execute(RegisterProvider { name: name.into(), kind }.into());
    }
    let offers = (1..=3).map(|service| OfferKey::of(product(service), VariantId::ANY)).collect();
    execute(ListOffers { provider: ONE, offers }.into());
    let offers = vec![OfferKey::of(product(1), VariantId::ANY)];
    execute(ListOffers { provider: ProviderId(2), offers }.into());
    engine.state().clone()
}

fn row(offer: u32) -> Listing {
    let (offer, variant) = (OfferId(offer), VariantId::ANY);
    let product = product(offer.0 as u16);
    Listing { offer, product, variant, cost: Micros(200_000), price: Micros(250_000), stock: 7 }
}

/// The file as it is written with these rows.
fn file(rows: &[(ProviderId, Listing)]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &LEDGER.0, &9_u64.to_le_bytes()].concat();
    rows.iter().for_each(|(provider, row)| bytes.extend(encode(*provider, row)));
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

fn opened(folder: &TempDir, bytes: &[u8]) -> (LastTerms, RowsByProvider) {
    fs::write(folder.path().join(FILE), bytes).unwrap();
    LastTerms::open(folder.path(), LEDGER, &state())
}

#[test]
fn a_row_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let odd = Listing { cost: Micros(0x0102_0304), stock: 0xFFFF_FFFE, ..row(3) };
    let odd = Listing { price: COST_MAX, ..odd };
    let (terms, rows) = opened(&folder, &file(&[(ONE, odd), (ONE, row(1))]));
    assert_eq!(rows, RowsByProvider::from([(ONE, vec![row(1), odd])]));
    assert!(!terms.are_lost(ONE, 3));
    assert!(terms.are_lost(ProviderId(3), 1) && !terms.are_lost(ProviderId(4), 0));
    assert!(!terms.are_lost(ProviderId(4), 1), "its first list was to come");
}

#[test]
fn a_damaged_file_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = file(&[(ONE, row(1)), (ONE, row(2))]);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(opened(&folder, &damaged).1.is_empty(), "byte {at}");
        assert!(opened(&folder, &whole[..at]).1.is_empty(), "cut to {at}");
    }
    let (terms, _) = opened(&folder, &[]);
    assert!(terms.are_lost(ONE, 3));
}

#[test]
fn rows_that_the_ledger_does_not_bear_out_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        (ONE, row(4)),
        (ProviderId(2), Listing { product: product(1), ..row(4) }),
        (ONE, Listing { product: product(2), ..row(1) }),
        (ONE, Listing { variant: VariantId(1), ..row(1) }),
        (ONE, Listing { price: Micros::ZERO, ..row(1) }),
        (ONE, Listing { cost: Micros(-1), ..row(1) }),
        (ONE, Listing { price: Micros(COST_MAX.0 + 1), ..row(1) }),
        (ONE, Listing { price: Micros(199_999), ..row(1) }),
        (ONE, row(2)),
        (ONE, row(2)),
    ];
    let (_, rows) = opened(&folder, &file(&rows));
    assert_eq!(rows, RowsByProvider::from([(ONE, vec![row(2)])]));
}

#[test]
fn a_file_of_another_ledger_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE), file(&[(ONE, row(1))])).unwrap();
    let (terms, rows) = LastTerms::open(folder.path(), LedgerId([8; 16]), &state());
    assert!(rows.is_empty() && terms.are_lost(ONE, 3));
}

#[test]
fn a_provider_that_the_file_names_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (own, unknown) = (ProviderId(2), ProviderId(3));
    let bytes = file(&[(ONE, naming()), (own, naming()), (unknown, naming())]);
    let (terms, rows) = opened(&folder, &bytes);
    assert_eq!(rows, RowsByProvider::from([(ONE, Vec::new())]));
    assert!(!terms.are_lost(ONE, 3) && !terms.trusts(ONE));
    assert!(terms.are_lost(unknown, 1) && terms.trusts(unknown) && !terms.are_lost(unknown, 1));
}

#[test]
fn what_is_written_is_read_and_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let (terms, _) = LastTerms::open(folder.path(), LEDGER, &state());
    let rows = |_| [row(2), row(1)].into_iter();
    let path = folder.path().join(FILE);
    assert!(terms.write(Time(4), rows) && !path.exists(), "no provider has terms");
    assert!(terms.trusts(ONE) && terms.write(Time(5), rows));
    let (_, read) = LastTerms::open(folder.path(), LEDGER, &state());
    assert_eq!(read, RowsByProvider::from([(ONE, vec![row(1), row(2)])]));
    fs::remove_file(&path).unwrap();
    assert!(terms.write(Time(6), rows) && !path.exists(), "it is there already");
    assert!(terms.write(Time(7), |_| iter::empty()) && path.exists());
    fs::remove_file(&path).unwrap();
    folder.close().unwrap();
    assert!(!terms.write(Time(8), rows), "there is no folder");
}
