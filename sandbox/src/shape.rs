//! Which products a simulated provider sells and on what standing terms: the shape of a real list.
//!
//! Popular services are sold everywhere and at every provider, the long tail in
//! few places; costs run from a cent to a few dollars, stock from nothing to
//! hundreds of thousands. Everything follows from the seed. How terms move
//! with time is the market's part.

use nexnum_engine::catalog::{Catalog, Service};
use nexnum_engine::ids::{CountryId, Product, ServiceId};

use crate::cost::Cost;
use crate::ids::Ids;
use crate::random::{between, mix};
use crate::wire::Wire;

/// One line of a price list as it was first drawn; 16 bytes, since there are 10⁵ of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) product: Product,
    /// An index into [`OPERATORS`], or the number of a pool.
    pub(crate) operator: u8,
    pub(crate) cost: Cost,
    pub(crate) stock: u32,
}

/// The operators' names as providers print them. None contains NO, BAD, WRONG
/// or ERROR, at which some clients stop.
pub(crate) const OPERATORS: [&str; 32] = [
    "virtual4",
    "virtual21",
    "virtual34",
    "virtual53",
    "virtual2",
    "virtual8",
    "virtual12",
    "virtual23",
    "virtual28",
    "virtual32",
    "virtual38",
    "virtual40",
    "virtual51",
    "virtual16",
    "virtual18",
    "virtual26",
    "virtual35",
    "virtual47",
    "vodafone",
    "orange",
    "tele2",
    "lycamobile",
    "three",
    "claro",
    "tigo",
    "beeline",
    "mts",
    "megafon",
    "globe",
    "smart",
    "o2",
    "tmobile",
];

/// Operators that a country may have at most.
const OPERATORS_PER_COUNTRY_MAX: u64 = 7;

/// Countries where numbers are plentiful and cheap, and those where they are dear.
const PLENTY: [&str; 12] = ["ID", "IN", "PH", "VN", "KE", "NG", "GH", "BD", "PK", "KH", "CO", "BR"];
const DEAR: [&str; 16] = [
    "US", "GB", "DE", "FR", "CA", "AU", "JP", "KR", "CH", "SE", "NL", "AT", "SG", "HK", "IT", "ES",
];

/// The operators of a country, one to seven, in a fixed order.
pub(crate) fn operators(seed: u64, country: CountryId) -> impl Iterator<Item = u8> {
    let word = mix(seed, &[0x0b, u64::from(country.0)]);
    let count = 3 + word % (OPERATORS_PER_COUNTRY_MAX - 2);
    // 32 names and an odd stride: no name comes twice.
    let stride = 1 + 2 * ((word >> 8) % 16);
    (0..count).map(move |at| (((word >> 16) + at * stride) % OPERATORS.len() as u64) as u8)
}

/// The offers of one provider, about `target` of them, sorted by country, service, operator.
pub(crate) fn offers(seed: u64, wire: Wire, target: usize, ids: &Ids) -> Vec<Offer> {
    let catalog = Catalog::load();
    let countries: Vec<CountryId> = catalog
        .countries()
        .filter(|(id, country)| {
            ids.country_ext(*id).is_some() && country.dial_code.parse::<u32>().is_ok()
        })
        .map(|(id, _)| id)
        .collect();
    let services: Vec<ServiceId> =
        catalog.services().map(|(id, _)| id).filter(|id| ids.service_ext(*id).is_some()).collect();
    let mut ranked: Vec<(u32, Product)> = Vec::with_capacity(countries.len() * services.len());
    for &country in &countries {
        for &service in &services {
            let product = Product::activation(country, service);
            ranked.push((u32::MAX - demand(seed, wire, product), product));
        }
    }
    // Every product has an offer at least, so no more products than offers are needed.
    if target < ranked.len() {
        ranked.select_nth_unstable(target);
        ranked.truncate(target);
    }
    ranked.sort_unstable();
    let mut offers = Vec::with_capacity(target + 8);
    for (_, product) in ranked {
        if offers.len() >= target {
            break;
        }
        terms(seed, wire, product, &mut offers);
    }
    offers.sort_unstable_by_key(|offer| (offer.product, offer.operator));
    offers.shrink_to_fit();
    offers
}

/// How much a product is traded at this provider: the higher, the likelier it is listed.
fn demand(seed: u64, wire: Wire, product: Product) -> u32 {
    if is_staple(product) {
        return u32::MAX;
    }
    let (country, service) = (u64::from(product.country.0), u64::from(product.service.0));
    let appeal = match service_of(product).popularity {
        Some(rank) => 10_000_u64.saturating_sub(u64::from(rank)),
        None => between(mix(seed, &[1, service]), 0, 1_000),
    };
    let place = between(mix(seed, &[2, country]), 0, 700);
    let taste = between(mix(seed, &[3, wire as u64, country, service]), 0, 600);
    (appeal + place + taste) as u32
}

/// Telegram in Indonesia, which is always on sale everywhere.
pub(crate) fn is_staple(product: Product) -> bool {
    let catalog = Catalog::load();
    catalog.country(product.country).is_some_and(|country| country.iso2 == "ID")
        && service_of(product).slug == "telegram"
}

fn service_of(product: Product) -> &'static Service {
    Catalog::load().service(product.service).expect("the products are drawn from the catalogue")
}

/// Appends the product's offers: one in the handler protocol, some operators or pools elsewhere.
fn terms(seed: u64, wire: Wire, product: Product, offers: &mut Vec<Offer>) {
    let key = [wire as u64, u64::from(product.country.0), u64::from(product.service.0)];
    let word = mix(seed, &[4, key[0], key[1], key[2]]);
    let mut push = |operator: u8| {
        let word = mix(word, &[u64::from(operator)]);
        let cost = cost(seed, wire, product, word);
        offers.push(Offer { product, operator, cost, stock: stock(product, word) });
    };
    match wire {
        Wire::Handler => push(0),
        Wire::FiveSim => {
            let most = if service_of(product).popularity.is_some() { 7 } else { 1 + word % 4 };
            operators(seed, product.country).take(most as usize).for_each(push);
        }
        Wire::SmsPool => (1..=1 + (word % 3) as u8).for_each(push),
    }
}

/// A cost from the service's own level, the country's, the provider's and chance.
fn cost(seed: u64, wire: Wire, product: Product, word: u64) -> Cost {
    if is_staple(product) {
        return Cost(1_900 + 100 * (word % 8) as u32).as_printed(wire);
    }
    let service = u64::from(product.service.0);
    let level = match service_of(product).popularity {
        Some(_) => between(mix(seed, &[5, service]), 1_500, 7_500),
        None => between(mix(seed, &[5, service]), 300, 2_500),
    };
    let iso2 = Catalog::load().country(product.country).map_or("", |country| country.iso2);
    let country = mix(seed, &[6, u64::from(product.country.0)]);
    let place = if PLENTY.contains(&iso2) {
        between(country, 30, 60)
    } else if DEAR.contains(&iso2) {
        between(country, 140, 320)
    } else {
        between(country, 60, 160)
    };
    let cost = level * place / 100 * between(word, 80, 130) / 100;
    Cost(cost.clamp(100, 90_000) as u32).as_printed(wire)
}

/// Stock over five orders of magnitude, nothing at one offer in eight.
fn stock(product: Product, word: u64) -> u32 {
    let word = word >> 20;
    if is_staple(product) {
        return between(word, 5_000, 60_000) as u32;
    }
    if word.is_multiple_of(8) {
        return 0;
    }
    let magnitude = match service_of(product).popularity {
        Some(_) => between(word >> 3, 6, 18),
        None => between(word >> 3, 0, 13),
    };
    ((1 << magnitude) + (word >> 12) % (1 << magnitude)) as u32
}
