//! What a list of open activations says: which rows no order has, and what each of them may
//! be.

use nexnum_driver::{ActiveRow, Crosswalk};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::{CountryId, Number, ServiceId};

use super::zone;
use crate::order::Orders;
use crate::order::matching::{Named, Unowned};
use crate::provider::connected::Connected;
use crate::provider::listed::Listed;

/// The rows that no order has and that are not being given back, each with what it says.
/// `zone` is that of the provider's moments as an earlier list told it, and as this one does.
pub(super) fn unowned(
    orders: &Orders,
    connected: &Connected,
    listed: Listed,
    zone: &mut Option<i64>,
) -> Vec<(ActiveRow, Unowned)> {
    let provider = connected.id();
    let names = Names::of(&listed.list.rows);
    let read_model = &orders.market.read_model;
    let order_of = |row: &ActiveRow| read_model.purchase(provider, &row.external_id);
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for row in listed.list.rows {
        match order_of(&row) {
            Some(order) => own.extend(row.created_unzoned.zip(read_model.order(order))),
            None => others.push(row),
        }
    }
    let own = own.iter().map(|(unzoned, order)| (*unzoned, order.placed_at));
    *zone = listed.offset.and_then(|offset| zone::of_rows(own, offset)).or(*zone);
    let mut unowned = Vec::new();
    for mut row in others {
        if orders.doubts.is_disowned(provider, &row.external_id) {
            continue;
        }
        let unzoned = row.created_unzoned.zip(*zone);
        row.created = row.created.or(unzoned.map(|(unzoned, zone)| zone::zoned(unzoned, zone)));
        let made = connected.made(&row, listed.offset);
        let (country, service) = names.read(connected.crosswalk(), &row);
        let dated = row.created.is_some() && listed.offset.is_some();
        unowned.push((row, Unowned { country, service, made, dated }));
    }
    unowned
}

/// Whether the rows of a list name their countries and services.
#[derive(Clone, Copy, Debug)]
struct Names {
    countries: bool,
    services: bool,
}

impl Names {
    fn of(rows: &[ActiveRow]) -> Self {
        Self {
            countries: rows.iter().any(|row| row.country.is_some()),
            services: rows.iter().any(|row| row.service.is_some()),
        }
    }

    /// What a row is of. One that names nothing where others do is of none that we know.
    fn read(self, crosswalk: &Crosswalk, row: &ActiveRow) -> (Named<CountryId>, Named<ServiceId>) {
        let country = named(row.country.as_deref(), self.countries, |code| crosswalk.country(code));
        let service = named(row.service.as_deref(), self.services, |code| crosswalk.service(code));
        (country, service)
    }
}

fn named<T>(code: Option<&str>, others_do: bool, find: impl Fn(&str) -> Option<T>) -> Named<T> {
    match code.map(find) {
        None if others_do => Named::Unknown,
        None => Named::Absent,
        Some(None) => Named::Unknown,
        Some(Some(found)) => Named::Known(found),
    }
}

/// A row's number with its country code, which some lists leave out.
pub(super) fn international(catalog: &Catalog, row: &ActiveRow, country: CountryId) -> Number {
    if !row.local {
        return row.number;
    }
    let dial_code = catalog.country(country).map_or("", |country| country.dial_code);
    Number::parse(&format!("{dial_code}{}", row.number)).unwrap_or(row.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_names_no_service_where_others_do_is_of_none() {
        let find = |code: &str| (code == "tg").then_some(7);
        assert_eq!(named(Some("tg"), true, find), Named::Known(7));
        assert_eq!(named(Some("zz"), true, find), Named::Unknown);
        assert_eq!(named(None, true, find), Named::Unknown);
        assert_eq!(named(None, false, find), Named::Absent);
    }

    #[test]
    fn a_number_gets_its_country_code_where_the_list_leaves_it_out() {
        let catalog = Catalog::load();
        let us = catalog.find_country("US").unwrap();
        let adopted = |number: u64, local| {
            let (number, external_id) = (Number(number), "A".to_owned());
            let row = ActiveRow { external_id, number, local, ..ActiveRow::default() };
            international(catalog, &row, us).0
        };
        assert_eq!(adopted(2_025_550_123, true), 12_025_550_123);
        assert_eq!(adopted(1_325_550_123, true), 11_325_550_123, "as its local part begins");
        assert_eq!(adopted(12_025_550_123, false), 12_025_550_123);
    }
}
