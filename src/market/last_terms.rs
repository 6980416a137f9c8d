//! The last terms of driven offers: market data, which the ledger does not keep. A file of the data
//! folder has them for the next start.
//!
//! Promises: the file is as a moment was that is about a minute old at most, or as the last stop was;
//! one that is damaged, or of another ledger, says nothing. A provider whose offers are known and that
//! the file does not name has *lost* its terms: until a list of it is trusted, what its recent orders
//! cost stands in for them. Leaves to others: which list is trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::iter;
use std::path::Path;

use nexnum_engine::event::ProviderKind;
use nexnum_engine::grid::{Coverage, Grid, Listing, PROVIDERS_MAX};
use nexnum_engine::ids::{
    CountryId, OfferId, Product, ProductKind, ProviderId, ServiceId, VariantId,
};
use nexnum_engine::limits::OFFERS_MAX;
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::LedgerId;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::kept_file::KeptFile;

/// The file's name in the data folder.
const FILE: &str = "last-terms";
/// The file: these bytes, the ledger's id (16 bytes), the moment of writing (8 bytes, little-endian as
/// all numbers in it), rows of [`ROW_LEN`], and the BLAKE3 hash of all before it. The last byte is the
/// format's version.
const MAGIC: [u8; 8] = *b"NXTERMS\x01";
/// Offer (4 bytes), provider, country, service, variant (2 each), stock (4), cost, price (8 each). A
/// row of offer 0 names its provider alone: of that one nothing is lost, whatever other rows say.
const ROW_LEN: usize = 32;
const HASH_LEN: usize = 32;
const ID_AT: usize = MAGIC.len();
const TIME_AT: usize = ID_AT + 16;
const HEAD_LEN: usize = TIME_AT + 8;
/// A row of each offer and one of each provider.
const ROWS_MAX: usize = OFFERS_MAX + PROVIDERS_MAX as usize;

/// By provider: rows for the grid.
pub type RowsByProvider = BTreeMap<ProviderId, Vec<Listing>>;

/// What an order cost a short while ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentTerms {
    /// Whose offer it was.
    pub provider: ProviderId,
    /// What its list said that it costs.
    pub cost: Micros,
    /// What it was sold for.
    pub price: Micros,
}

/// The file, and which providers' terms are known.
#[derive(Debug)]
pub struct LastTerms {
    file: KeptFile,
    ledger: LedgerId,
    providers: Mutex<Providers>,
    /// The hash of the rows that are in the file.
    written: Mutex<Option<blake3::Hash>>,
    /// Whether the recent orders of those that have lost their terms have been looked at.
    looked: watch::Sender<bool>,
}

#[derive(Debug)]
struct Providers {
    /// Those that have not lost their terms.
    known: BTreeSet<ProviderId>,
    /// Those that the file names.
    named: BTreeSet<ProviderId>,
}

impl LastTerms {
    /// The file of a data folder, and what it says of the driven offers of a state.
    #[must_use]
    pub fn open(folder: &Path, ledger: LedgerId, state: &State) -> (Self, RowsByProvider) {
        let read = match read(&folder.join(FILE), ledger) {
            Ok((at, rows)) => {
                tracing::debug!(at = at.0, rows = rows.len(), "the last terms of offers were read");
                rows
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, "the last terms of offers cannot be read");
                }
                Vec::new()
            }
        };
        let mut rows = RowsByProvider::new();
        for (provider, row) in read {
            if row.offer == OfferId(0) && is_driven(state, provider) {
                rows.entry(provider).or_default();
            } else if is_sound(state, provider, &row) {
                rows.entry(provider).or_default().push(row);
            }
        }
        for rows in rows.values_mut() {
            rows.sort_unstable_by_key(|row| row.offer);
            rows.dedup_by_key(|row| row.offer);
        }
        let named: BTreeSet<_> = rows.keys().copied().collect();
        let known = named.clone();
        let terms = Self {
            file: KeptFile::new(folder, FILE),
            ledger,
            providers: Mutex::new(Providers { known, named }),
            written: Mutex::new(None),
            looked: watch::Sender::new(false),
        };
        (terms, rows)
    }

    /// Whether a provider that has `offers` in the ledger has lost their terms. One without offers
    /// never had any: its first list is the first that there is.
    pub(crate) fn are_lost(&self, provider: ProviderId, offers: usize) -> bool {
        let mut providers = self.providers.lock();
        if offers == 0 {
            providers.known.insert(provider);
        }
        !providers.known.contains(&provider)
    }

    /// Notes that a list of a provider is trusted. True if the file does not name the provider yet.
    pub(crate) fn trusts(&self, provider: ProviderId) -> bool {
        let mut providers = self.providers.lock();
        providers.known.insert(provider);
        providers.named.insert(provider)
    }

    /// Writes terms as they are at a moment, unless they are in the file already; `rows_of` gives those
    /// of a provider. False if it could not. It waits for the disk.
    pub(super) fn write<I: Iterator<Item = Listing>>(
        &self,
        now: Time,
        rows_of: impl Fn(ProviderId) -> I,
    ) -> bool {
        let mut written = self.written.lock();
        // Not before: of two writers, the later one knows all.
        let providers = self.providers.lock().named.clone();
        // Without any there is nothing to lose.
        if providers.is_empty() {
            return true;
        }
        let rows = || {
            providers.iter().flat_map(|provider| {
                let rows = iter::once(naming()).chain(rows_of(*provider));
                rows.map(|row| (*provider, row))
            })
        };
        if *written == Some(hash_of(rows())) {
            return true;
        }
        let mut hash = None;
        let is_written = self.file.write_with(|file| {
            let mut of_rows = blake3::Hasher::new();
            let mut file = Hashed { file, hasher: blake3::Hasher::new() };
            file.put(&MAGIC)?;
            file.put(&self.ledger.0)?;
            file.put(&now.0.to_le_bytes())?;
            for (provider, row) in rows() {
                let row = encode(provider, &row);
                of_rows.update(&row);
                file.put(&row)?;
            }
            hash = Some(of_rows.finalize());
            let whole = file.hasher.finalize();
            file.file.write_all(whole.as_bytes())
        });
        *written = hash.filter(|_| is_written);
        is_written
    }

    /// Says, once what this gives is dropped, that recent orders stand in for lost terms, as far as
    /// there are any.
    pub(crate) const fn looks_at_orders(&self) -> LooksAtOrders<'_> {
        LooksAtOrders(&self.looked)
    }

    /// Waits until recent orders stand in for lost terms.
    pub(crate) async fn orders_looked_at(&self) {
        let mut looked = self.looked.subscribe();
        // The sender lives as long as this.
        let _looked = looked.wait_for(|looked| *looked).await;
    }
}

/// Until this is dropped, lists of providers that have lost their terms wait.
#[derive(Debug)]
pub(crate) struct LooksAtOrders<'a>(&'a watch::Sender<bool>);

impl Drop for LooksAtOrders<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// The row that names a provider.
fn naming() -> Listing {
    let (offer, product, variant) = (OfferId(0), Product::default(), VariantId::ANY);
    Listing { offer, product, variant, cost: Micros::ZERO, price: Micros::ZERO, stock: 0 }
}

fn hash_of(rows: impl Iterator<Item = (ProviderId, Listing)>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (provider, row) in rows {
        hasher.update(&encode(provider, &row));
    }
    hasher.finalize()
}

/// Puts rows of the ledger's offers into the grid.
///
/// # Panics
/// If one does not fit: the engine bounds offers alike.
pub(super) fn publish(grid: &Grid, provider: ProviderId, rows: &[Listing], coverage: Coverage) {
    grid.publish(provider, rows, coverage).expect("the engine bounds offers alike");
}

fn is_driven(state: &State, provider: ProviderId) -> bool {
    state.provider(provider).is_some_and(|of| of.kind == ProviderKind::Driven)
}

/// A row is of an offer that the state has, at terms that can be sold.
fn is_sound(state: &State, provider: ProviderId, row: &Listing) -> bool {
    let offer = state.offer(row.offer);
    let is_known = offer.is_some_and(|offer| {
        let of_row = (provider, row.product, row.variant);
        (offer.provider, offer.product, offer.variant) == of_row && is_driven(state, provider)
    });
    let is_sold = row.price.is_positive() && row.price <= COST_MAX;
    is_known && is_sold && (Micros::ZERO..=row.price).contains(&row.cost)
}

fn encode(provider: ProviderId, row: &Listing) -> [u8; ROW_LEN] {
    let Listing { offer, product, variant, cost, price, stock } = row;
    // A kind beside the one that there is needs the next version of this format.
    let Product { country, service, kind: ProductKind::Activation } = product;
    let mut bytes = [0; ROW_LEN];
    bytes[..4].copy_from_slice(&offer.0.to_le_bytes());
    for (at, id) in [provider.0, country.0, service.0, variant.0].into_iter().enumerate() {
        bytes[4 + 2 * at..][..2].copy_from_slice(&id.to_le_bytes());
    }
    bytes[12..16].copy_from_slice(&stock.to_le_bytes());
    bytes[16..24].copy_from_slice(&cost.0.to_le_bytes());
    bytes[24..].copy_from_slice(&price.0.to_le_bytes());
    bytes
}

fn decode(row: &[u8; ROW_LEN]) -> (ProviderId, Listing) {
    let word = |at: usize| u32::from_le_bytes(row[at..][..4].try_into().expect("4 bytes"));
    let half = |at: usize| u16::from_le_bytes(row[at..][..2].try_into().expect("2 bytes"));
    let amount = |at: usize| i64::from_le_bytes(row[at..][..8].try_into().expect("8 bytes"));
    let product = Product::activation(CountryId(half(6)), ServiceId(half(8)));
    let listing = Listing {
        offer: OfferId(word(0)),
        product,
        variant: VariantId(half(10)),
        cost: Micros(amount(16)),
        price: Micros(amount(24)),
        stock: word(12),
    };
    (ProviderId(half(4)), listing)
}

/// The moment of writing and the rows of a file that is whole and of this ledger.
fn read(path: &Path, ledger: LedgerId) -> io::Result<(Time, Vec<(ProviderId, Listing)>)> {
    let unusable = |what: &str| {
        let path = path.display();
        io::Error::new(io::ErrorKind::InvalidData, format!("{path} is left aside: {what}"))
    };
    let len_max = (HEAD_LEN + ROWS_MAX * ROW_LEN + HASH_LEN) as u64;
    let mut bytes = Vec::new();
    File::open(path)?.take(len_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max || bytes.len() < HEAD_LEN + HASH_LEN {
        return Err(unusable("its length is none that it can have"));
    }
    let (covered, hash) = bytes.split_at(bytes.len() - HASH_LEN);
    if *blake3::hash(covered).as_bytes() != *hash {
        return Err(unusable("its hash does not fit"));
    }
    let (head, rows) = covered.split_at(HEAD_LEN);
    if head[..MAGIC.len()] != MAGIC {
        return Err(unusable("its format is another version's"));
    }
    if head[ID_AT..TIME_AT] != ledger.0 {
        return Err(unusable("it is of another ledger"));
    }
    let at = Time(u64::from_le_bytes(head[TIME_AT..].try_into().expect("8 bytes")));
    let (rows, rest) = rows.as_chunks::<ROW_LEN>();
    if !rest.is_empty() {
        return Err(unusable("a row is cut"));
    }
    Ok((at, rows.iter().map(decode).collect()))
}

/// A file that is written with the hash of what is written.
struct Hashed<'a> {
    file: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl Hashed<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }
}

#[cfg(test)]
mod tests;
