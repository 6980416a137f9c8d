//! What a list of open activations says: which rows no order has, and what each of them may
//! be.

use nexnum_driver::{ActiveRow, Crosswalk};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::{CountryId, Number, ServiceId};
use nexnum_engine::time::Time;

use super::zone;
use crate::order::Orders;
use crate::order::doubt::SHOWN_MS;
use crate::order::matching::{Named, Unowned};
use crate::provider::connected::Connected;
use crate::provider::listed::Listed;
use crate::provider::server_clock::ClockOffset;
use crate::provider::sightings::Made;

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
        let seen = connected.made(&row, listed.offset);
        let is_dated = row.created.is_some() && listed.offset.is_some();
        let made = if is_dated { seen } else { undated(&row, seen, listed.offset) };
        let (country, service) = names.read((orders.market.catalog, connected.crosswalk()), &row);
        unowned.push((row, Unowned { country, service, made }));
    }
    unowned
}

/// When a row without a date was made, by the lists that show it and that do not: one may show
/// it a little later than it was made. A moment without its zone says it to the second.
fn undated(row: &ActiveRow, seen: Made, offset: Option<ClockOffset>) -> Made {
    let after = seen.after.map(|after| Time(after.0.saturating_sub(SHOWN_MS)));
    let wide = Made { after, ..seen };
    let dated = row
        .created_unzoned
        .zip(offset)
        .and_then(|(unzoned, offset)| Some(offset.ours(zone::within(unzoned, wide, offset)?)));
    dated.map_or(wide, |(after, before)| Made {
        after: Some(after),
        before: before.min(seen.before),
    })
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
    /// A name, other than a code, may be another than ours for the same service: one that is
    /// not known says nothing.
    fn read(
        self,
        (catalog, crosswalk): (&Catalog, &Crosswalk),
        row: &ActiveRow,
    ) -> (Named<CountryId>, Named<ServiceId>) {
        let country = named(row.country.as_deref(), self.countries, |code| crosswalk.country(code));
        let service = named(row.service.as_deref(), self.services, |code| crosswalk.service(code));
        let by_name = row.service_name.as_ref().and_then(|name| catalog.service_by_name(name));
        (
            country,
            if row.service.is_none() { by_name.map_or(service, Named::Known) } else { service },
        )
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
    use crate::provider::server_clock::Look;

    #[test]
    fn a_row_that_names_no_service_where_others_do_is_of_none() {
        let find = |code: &str| (code == "tg").then_some(7);
        assert_eq!(named(Some("tg"), true, find), Named::Known(7));
        assert_eq!(named(Some("zz"), true, find), Named::Unknown);
        assert_eq!(named(None, true, find), Named::Unknown);
        assert_eq!(named(None, false, find), Named::Absent);
    }

    #[test]
    fn an_undated_row_may_be_shown_late_and_its_moment_says_when_it_was_made() {
        let (absent, shown) = (Time(1_000_000), Time(1_060_000));
        let seen = Made { after: Some(absent), before: shown };
        let row = ActiveRow::default();
        let wide = Made { after: Some(Time(1_000_000 - SHOWN_MS)), before: shown };
        assert_eq!(undated(&row, seen, None), wide);
        let look = Look { asked: absent, answered: absent };
        let offset = Some(ClockOffset::of(look, absent));
        assert_eq!(undated(&row, seen, offset), wide, "it has no moment");
        let hour = 60 * 60 * 1000;
        let row = ActiveRow { created_unzoned: Some(Time(hour + 995_000)), ..row };
        let to_the_second = Made { after: Some(Time(994_000)), before: Time(996_000) };
        assert_eq!(undated(&row, seen, offset), to_the_second, "made before it was shown");
        assert_eq!(undated(&row, Made { after: None, ..seen }, offset).after, None);
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
