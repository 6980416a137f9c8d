//! Ladders: the offers of a product in the order in which they are asked.
//!
//! All ladders of a country are one immutable shelf of two flat arrays (4 bytes an
//! offer), replaced as a whole when the order of any of them changes, one country
//! at a time. Readers keep the shelf they took.

use crate::ids::{OfferId, ServiceId};

/// The ladders of one country.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shelf {
    /// Where the ladder of each service begins in `offers`; one more at the end.
    starts: Box<[u32]>,
    offers: Box<[OfferId]>,
}

impl Shelf {
    pub(super) fn empty(services: u16) -> Self {
        Self { starts: vec![0; usize::from(services) + 1].into(), offers: Box::default() }
    }

    /// The offers of a service in their order; empty for one outside the catalogue.
    pub(super) fn ladder(&self, service: ServiceId) -> &[OfferId] {
        let start = usize::from(service.0);
        match self.starts.get(start..start + 2) {
            Some(&[from, to]) => &self.offers[from as usize..to as usize],
            Some(_) | None => &[],
        }
    }

    /// Services that have offers, with their number.
    pub(super) fn services(&self) -> impl Iterator<Item = (ServiceId, usize)> {
        let lens = self.starts.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        (0..).map(ServiceId).zip(lens).filter(|&(_, len)| len > 0)
    }

    /// The shelf with `changed` offers, sorted by service, put in their place by `rank`;
    /// `None` if the order stays as it is. An offer may be new here or have a new rank.
    pub(super) fn with<K: Ord>(
        &self,
        changed: &[(ServiceId, OfferId)],
        rank: impl Fn(OfferId) -> K,
    ) -> Option<Self> {
        let mut starts = Vec::with_capacity(self.starts.len());
        let mut offers = Vec::with_capacity(self.offers.len() + changed.len());
        let mut rest = changed;
        starts.push(0);
        for service in (0..self.starts.len() as u16 - 1).map(ServiceId) {
            let own = rest.iter().take_while(|row| row.0 == service).count();
            let from = offers.len();
            offers.extend_from_slice(self.ladder(service));
            if own > 0 {
                offers.extend(rest[..own].iter().map(|row| row.1));
                offers[from..].sort_by_cached_key(|&offer| (rank(offer), offer));
                dedup_from(&mut offers, from);
                rest = &rest[own..];
            }
            starts.push(offers.len() as u32);
        }
        assert!(rest.is_empty(), "changed offers are sorted and within the catalogue");
        let next = Self { starts: starts.into(), offers: offers.into() };
        (next != *self).then_some(next)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.starts) + size_of_val(&*self.offers)
    }
}

/// Removes repetitions from the ladder that begins at `from`.
fn dedup_from(offers: &mut Vec<OfferId>, from: usize) {
    let mut ladder = offers.split_off(from);
    ladder.dedup();
    offers.append(&mut ladder);
}
