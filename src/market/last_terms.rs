//! The last terms of driven offers: market data, which the ledger does not keep. A file of the data
//! folder has them for the next start.
//!
//! Promises: the file is as a moment was that is about a minute old at most, or as the last stop was;
//! one that is damaged, or speaks of offers that this ledger does not have, says nothing. A provider
//! whose offers are known and whose terms are not has *lost* them: until its next list has been
//! believed, what its recent orders cost stands in for them. Leaves to others: what becomes of a list
//! whose provider has lost its terms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nexnum_engine::event::ProviderKind;
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::{CarrierId, CountryId, OfferId, Product, ProviderId, ServiceId};
use nexnum_engine::limits::OFFERS_MAX;
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::kept_file::KeptFile;

/// The file's name in the data folder.
const FILE: &str = "last-terms";
/// The file: these bytes, the moment of writing (8 bytes, little-endian as all numbers in it), rows of
/// [`ROW_LEN`], and the BLAKE3 hash of all before it. The last byte is the format's version.
const MAGIC: [u8; 8] = *b"NXTERMS\x01";
/// Offer (4 bytes), provider, country, service, carrier (2 each), stock (4), cost, price (8 each).
const ROW_LEN: usize = 32;
const HASH_LEN: usize = 32;
const HEAD_LEN: usize = MAGIC.len() + 8;

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
    providers: Mutex<Providers>,
    is_changed: AtomicBool,
    write_wanted: Notify,
    /// Whether the recent orders of those that have lost their terms have been looked at.
    looked: watch::Sender<bool>,
}

#[derive(Debug)]
struct Providers {
    /// Those that have not lost their terms.
    known: BTreeSet<ProviderId>,
    /// Those whose terms are in the file, or will be soon.
    written: BTreeSet<ProviderId>,
}

impl LastTerms {
    /// The file of a data folder, and what it says of the driven offers of a state.
    #[must_use]
    pub fn open(folder: &Path, state: &State) -> (Self, RowsByProvider) {
        let read = match read(&folder.join(FILE)) {
            Ok((at, rows)) => {
                tracing::debug!(
                    at = at.0,
                    offers = rows.len(),
                    "the last terms of offers were read"
                );
                rows
            }
            Err(error) => {
                let is_new = error.kind() == io::ErrorKind::NotFound;
                if !is_new {
                    tracing::warn!(%error, "the last terms of offers cannot be read");
                }
                Vec::new()
            }
        };
        let mut rows = RowsByProvider::new();
        for (provider, row) in read.into_iter().filter(|(of, row)| is_sound(state, *of, row)) {
            rows.entry(provider).or_default().push(row);
        }
        for rows in rows.values_mut() {
            rows.sort_unstable_by_key(|row| row.offer);
            rows.dedup_by_key(|row| row.offer);
        }
        let known: BTreeSet<_> = rows.keys().copied().collect();
        let written = known.clone();
        let terms = Self {
            file: KeptFile::new(folder, FILE),
            providers: Mutex::new(Providers { known, written }),
            is_changed: AtomicBool::new(false),
            write_wanted: Notify::new(),
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

    /// Notes that a list of a provider is in the grid. The first one is written soon.
    pub(crate) fn have_come(&self, provider: ProviderId) {
        self.is_changed.store(true, Ordering::Relaxed);
        let mut providers = self.providers.lock();
        providers.known.insert(provider);
        if providers.written.insert(provider) {
            self.write_wanted.notify_one();
        }
    }

    /// The providers whose terms are to be written; `None` if none have changed since the last call.
    pub(super) fn to_write(&self, is_last: bool) -> Option<BTreeSet<ProviderId>> {
        let is_changed = self.is_changed.swap(false, Ordering::Relaxed);
        let written = self.providers.lock().written.clone();
        // Without any there is nothing to lose.
        ((is_changed || is_last) && !written.is_empty()).then_some(written)
    }

    /// Writes terms as they are at a moment. It waits for the disk.
    pub(super) fn write(&self, now: Time, rows: impl Iterator<Item = (ProviderId, Listing)>) {
        self.file.write_with(|file| {
            let mut file = Hashed { file, hasher: blake3::Hasher::new() };
            file.put(&MAGIC)?;
            file.put(&now.0.to_le_bytes())?;
            for (provider, row) in rows {
                file.put(&encode(provider, &row))?;
            }
            let hash = file.hasher.finalize();
            file.file.write_all(hash.as_bytes())
        });
    }

    /// Waits until terms are there that have to be written at once.
    pub(crate) async fn write_wanted(&self) {
        self.write_wanted.notified().await;
    }

    /// Notes that recent orders stand in for lost terms, as far as there are any.
    pub(crate) fn has_looked_at_orders(&self) {
        self.looked.send_replace(true);
    }

    /// Waits until recent orders stand in for lost terms.
    pub(crate) async fn orders_looked_at(&self) {
        let mut looked = self.looked.subscribe();
        // The sender lives as long as this.
        let _looked = looked.wait_for(|looked| *looked).await;
    }
}

/// Puts rows of the ledger's offers into the grid.
///
/// # Panics
/// If one does not fit: the engine bounds offers alike.
pub(super) fn publish(grid: &Grid, provider: ProviderId, rows: &[Listing], coverage: Coverage) {
    grid.publish(provider, rows, coverage).expect("the engine bounds offers alike");
}

/// A row is of an offer that the state has, at terms that can be sold.
fn is_sound(state: &State, provider: ProviderId, row: &Listing) -> bool {
    let offer = state.offer(row.offer);
    let is_driven = |id| state.provider(id).is_some_and(|of| of.kind == ProviderKind::Driven);
    let is_known = offer.is_some_and(|offer| {
        let of_row = (provider, row.product, row.carrier);
        (offer.provider, offer.product, offer.carrier) == of_row && is_driven(provider)
    });
    let is_sold = row.price.is_positive() && row.price <= COST_MAX;
    is_known && is_sold && (Micros::ZERO..=row.price).contains(&row.cost)
}

fn encode(provider: ProviderId, row: &Listing) -> [u8; ROW_LEN] {
    let Listing { offer, product: Product { country, service }, carrier, cost, price, stock } = row;
    let mut bytes = [0; ROW_LEN];
    bytes[..4].copy_from_slice(&offer.0.to_le_bytes());
    for (at, id) in [provider.0, country.0, service.0, carrier.0].into_iter().enumerate() {
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
    let product = Product { country: CountryId(half(6)), service: ServiceId(half(8)) };
    let listing = Listing {
        offer: OfferId(word(0)),
        product,
        carrier: CarrierId(half(10)),
        cost: Micros(amount(16)),
        price: Micros(amount(24)),
        stock: word(12),
    };
    (ProviderId(half(4)), listing)
}

/// The moment of writing and the rows of a file that is whole.
fn read(path: &Path) -> io::Result<(Time, Vec<(ProviderId, Listing)>)> {
    let damaged = |what: &str| {
        let path = path.display();
        io::Error::new(io::ErrorKind::InvalidData, format!("{path} is damaged: {what}"))
    };
    let len_max = (HEAD_LEN + OFFERS_MAX * ROW_LEN + HASH_LEN) as u64;
    let mut bytes = Vec::new();
    File::open(path)?.take(len_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max || bytes.len() < HEAD_LEN + HASH_LEN {
        return Err(damaged("its length"));
    }
    let (covered, hash) = bytes.split_at(bytes.len() - HASH_LEN);
    if *blake3::hash(covered).as_bytes() != *hash {
        return Err(damaged("its hash"));
    }
    let (head, rows) = covered.split_at(HEAD_LEN);
    if head[..MAGIC.len()] != MAGIC {
        return Err(damaged("its format is another version's"));
    }
    let at = Time(u64::from_le_bytes(head[MAGIC.len()..].try_into().expect("8 bytes")));
    let (rows, rest) = rows.as_chunks::<ROW_LEN>();
    if !rest.is_empty() {
        return Err(damaged("a row is cut"));
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
