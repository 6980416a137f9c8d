//! Whose is a purchase that a provider shows and the ledger does not know.
//!
//! Pure. Promises: a row goes to at most one order, of its own product and not older than
//! the order, the oldest order first; where a call under way could have made it, or where
//! the row says too little to choose, no order gets it in this round.

use std::collections::BTreeSet;

use nexnum_engine::ids::{CountryId, OrderId, Product, ServiceId};
use nexnum_engine::time::Time;

use super::doubt::{Call, PurchaseGivenUp};

/// How far a provider's clock may be behind ours.
pub(crate) const SKEW_MS: u64 = 120_000;

/// How a row names a country or service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<T> {
    /// The row does not name it.
    Absent,
    /// A code that the crosswalk does not know.
    Unknown,
    /// A code that the crosswalk knows.
    Known(T),
}

impl<T: PartialEq> Named<T> {
    fn may_be(&self, wanted: &T) -> bool {
        match self {
            Self::Absent => true,
            Self::Unknown => false,
            Self::Known(named) => named == wanted,
        }
    }
}

/// A purchase at the provider that no order has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unowned {
    pub(crate) country: Named<CountryId>,
    pub(crate) service: Named<ServiceId>,
    /// When it was made, where the provider says so.
    pub(crate) created: Option<Time>,
    /// When it was first seen here.
    pub(crate) seen_at: Time,
}

impl Unowned {
    /// True if a purchase of this product, wanted since then, can be this one.
    fn may_be(&self, product: Product, since: Time) -> bool {
        let new = self.created.is_none_or(|at| at.plus_ms(SKEW_MS) >= since);
        new && self.country.may_be(&product.country) && self.service.may_be(&product.service)
    }
}

/// An order in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seeker {
    pub(crate) order: OrderId,
    pub(crate) product: Product,
    pub(crate) since: Time,
}

/// Whose the rows are, by their place in the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    /// Rows that are an order's.
    pub(crate) adopted: Vec<(usize, OrderId)>,
    /// Rows of purchases that were given up.
    pub(crate) returned: Vec<(usize, PurchaseGivenUp)>,
    /// Orders that may yet turn out to have one of the rows.
    pub(crate) unclear: BTreeSet<OrderId>,
}

/// Matches rows with orders in doubt, both oldest first, then with purchases given up.
pub(crate) fn match_rows(
    rows: &[Unowned],
    seekers: &[Seeker],
    given_up: &[PurchaseGivenUp],
    calls: &[Call],
) -> Matched {
    let mut matched = Matched::default();
    let (mut seekers, mut given_up) = (seekers.to_vec(), given_up.to_vec());
    for (at, row) in rows.iter().enumerate() {
        let fits: Vec<Seeker> =
            seekers.iter().filter(|s| row.may_be(s.product, s.since)).copied().collect();
        let gone: Vec<PurchaseGivenUp> = given_up
            .iter()
            .filter(|purchase| row.may_be(purchase.product, purchase.since))
            .copied()
            .collect();
        // A call that began after the row was seen cannot have made it.
        let in_work = calls
            .iter()
            .any(|call| call.since <= row.seen_at && row.may_be(call.product, call.since));
        let mut products: Vec<Product> = fits.iter().map(|seeker| seeker.product).collect();
        products.extend(gone.iter().map(|purchase| purchase.product));
        products.sort_unstable();
        products.dedup();
        if in_work || products.len() > 1 {
            matched.unclear.extend(fits.iter().map(|seeker| seeker.order));
        } else if let Some(oldest) = fits.first() {
            matched.adopted.push((at, oldest.order));
            seekers.retain(|seeker| seeker.order != oldest.order);
        } else if let Some(oldest) = gone.first() {
            matched.returned.push((at, *oldest));
            let place = given_up.iter().position(|purchase| purchase == oldest);
            given_up.remove(place.expect("it was found there"));
        }
    }
    for (_, adopted) in &matched.adopted {
        matched.unclear.remove(adopted);
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::ProviderId;

    const MINUTE: u64 = 60_000;

    fn product(country: u16, service: u16) -> Product {
        Product { country: CountryId(country), service: ServiceId(service) }
    }

    fn row(country: u16, service: u16, created_min: u64, seen_min: u64) -> Unowned {
        Unowned {
            country: Named::Known(CountryId(country)),
            service: Named::Known(ServiceId(service)),
            created: Some(Time(created_min * MINUTE)),
            seen_at: Time(seen_min * MINUTE),
        }
    }

    fn seeker(order: u32, country: u16, service: u16, since_min: u64) -> Seeker {
        let since = Time(since_min * MINUTE);
        Seeker { order: OrderId(order), product: product(country, service), since }
    }

    fn given_up(country: u16, service: u16, since_min: u64) -> PurchaseGivenUp {
        let (provider, product) = (ProviderId(1), product(country, service));
        let (since, until) = (Time(since_min * MINUTE), Time(u64::MAX));
        PurchaseGivenUp { order: OrderId(9), attempt: 1, provider, product, since, until }
    }

    fn call(country: u16, service: u16, since_min: u64) -> Call {
        let (provider, product) = (ProviderId(1), product(country, service));
        Call { provider, product, since: Time(since_min * MINUTE) }
    }

    #[track_caller]
    fn check(
        rows: &[Unowned],
        seekers: &[Seeker],
        given_up: &[PurchaseGivenUp],
        calls: &[Call],
        expected: (&[(usize, u32)], &[usize], &[u32]),
    ) {
        let matched = match_rows(rows, seekers, given_up, calls);
        let adopted: Vec<_> = matched.adopted.iter().map(|(at, id)| (*at, id.0)).collect();
        let returned: Vec<_> = matched.returned.iter().map(|(at, _)| *at).collect();
        let unclear: Vec<_> = matched.unclear.iter().map(|id| id.0).collect();
        assert_eq!((&*adopted, &*returned, &*unclear), expected);
    }

    #[test]
    fn a_row_goes_to_the_oldest_order_of_its_product() {
        let seekers = [seeker(1, 7, 3, 10), seeker(2, 7, 3, 10), seeker(3, 7, 4, 10)];
        check(&[row(7, 3, 10, 11)], &seekers, &[], &[], (&[(0, 1)], &[], &[]));
        let both = [row(7, 3, 10, 11), row(7, 3, 10, 11)];
        check(&both, &seekers, &[], &[], (&[(0, 1), (1, 2)], &[], &[]));
        check(&[row(8, 3, 10, 11)], &seekers, &[], &[], (&[], &[], &[]));
    }

    #[test]
    fn a_row_made_before_the_order_belongs_to_another_customer() {
        let seekers = [seeker(1, 7, 3, 10)];
        check(&[row(7, 3, 7, 11)], &seekers, &[], &[], (&[], &[], &[]));
        check(&[row(7, 3, 8, 11)], &seekers, &[], &[], (&[(0, 1)], &[], &[]));
        let undated = Unowned { created: None, ..row(7, 3, 0, 11) };
        check(&[undated], &seekers, &[], &[], (&[(0, 1)], &[], &[]));
    }

    #[test]
    fn a_row_that_a_call_under_way_may_have_made_waits() {
        let seekers = [seeker(1, 7, 3, 10)];
        check(&[row(7, 3, 11, 12)], &seekers, &[], &[call(7, 3, 11)], (&[], &[], &[1]));
        check(&[row(7, 3, 11, 12)], &seekers, &[], &[call(7, 3, 13)], (&[(0, 1)], &[], &[]));
        check(&[row(7, 3, 11, 12)], &seekers, &[], &[call(7, 4, 11)], (&[(0, 1)], &[], &[]));
    }

    #[test]
    fn a_row_without_service_is_taken_only_if_one_product_wants_it() {
        let vague = Unowned { service: Named::Absent, ..row(7, 0, 10, 11) };
        check(&[vague], &[seeker(1, 7, 3, 10)], &[], &[], (&[(0, 1)], &[], &[]));
        let two = [seeker(1, 7, 3, 10), seeker(2, 7, 4, 10)];
        check(&[vague], &two, &[], &[], (&[], &[], &[1, 2]));
        check(&[vague], &[seeker(1, 7, 3, 10)], &[given_up(7, 4, 10)], &[], (&[], &[], &[1]));
        let unknown = Unowned { service: Named::Unknown, ..vague };
        check(&[unknown], &[seeker(1, 7, 3, 10)], &[], &[], (&[], &[], &[]));
    }

    #[test]
    fn a_purchase_whose_order_was_given_up_goes_back_once() {
        let rows = [row(7, 3, 10, 11), row(7, 3, 10, 11), row(7, 3, 10, 11)];
        let seekers = [seeker(1, 7, 3, 10)];
        check(&rows, &seekers, &[given_up(7, 3, 9)], &[], (&[(0, 1)], &[1], &[]));
    }
}
