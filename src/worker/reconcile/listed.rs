//! What a list of open activations says: which rows no order has, and what each of them may
//! be.

use std::collections::BTreeSet;

use nexnum_driver::{ActiveRow, Crosswalk, GivenNumber};
use nexnum_engine::activation::Assignment;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::Timings;
use nexnum_engine::ids::{CountryId, Number, ServiceId};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::{rows_clock, zone};
use crate::order::Orders;
use crate::order::doubt::SHOWN_MS;
use crate::order::matching::{Named, Unowned};
use crate::provider::connected::Connected;
use crate::provider::listed::Listed;
use crate::provider::server_clock::{ClockOffset, Look};
use crate::provider::sightings::{Dating, Made};

/// What a list says of purchases.
#[derive(Debug)]
pub(super) struct ReadList {
    /// The rows that no order has and that are not being given back, each with what it says.
    pub(super) unowned: Vec<(ActiveRow, Unowned)>,
    /// The same of activations that have ended.
    pub(super) closed: Vec<(ActiveRow, Unowned)>,
    /// From when on, by our clock, it shows everything that is open.
    pub(super) whole_from: Time,
}

/// Reads a list. `zone` is that of the provider's moments as an earlier list told it, and as
/// this one does.
pub(super) fn read(
    orders: &Orders,
    connected: &Connected,
    mut listed: Listed,
    zone: &mut Option<i64>,
) -> ReadList {
    // 1. How the moments of rows stand to ours, by our own.
    let (provider, read_model) = (connected.id(), &orders.market.read_model);
    let order_of = |row: &ActiveRow| read_model.purchase(provider, &row.external_id);
    let server = listed.offset;
    let clocks = {
        let bought = connected.all_bought();
        let timings = connected.timings();
        let look = |row: &ActiveRow, order: &Order| {
            let by_ledger = || bought_between(order.placed_at, order.assignment.as_ref()?, timings);
            bought.get(&*row.external_id).copied().or_else(by_ledger)
        };
        let own = || {
            let order_of = |row| read_model.order(order_of(row)?);
            listed.list.rows.iter().filter_map(move |row| Some((row, order_of(row)?)))
        };
        let zoned = own().filter_map(|(row, order)| row.created.zip(look(row, &order)));
        let unzoned = own().filter_map(|(row, order)| row.created_unzoned.zip(look(row, &order)));
        let placed =
            own().filter_map(|(row, order)| row.created_unzoned.zip(Some(order.placed_at)));
        *zone = server.and_then(|offset| zone::of_rows(placed, offset)).or(*zone);
        // Where it is the server's clock that dates rows, both tell of it.
        let with_server = |rows: ClockOffset| server.and_then(|it| it.and(rows)).unwrap_or(rows);
        let zoned = rows_clock::of_rows(zoned).map(with_server);
        let unzoned = rows_clock::of_rows(unzoned);
        RowClocks { zoned, unzoned, server, zone: *zone }
    };
    // 2. How far back it shows everything.
    listed.offset = clocks.zoned.or(server);
    let whole_from = listed.whole_from();
    // 3. The rows of others, and when they were made.
    let list = &listed.list;
    let names = Names::of(&list.rows);
    let says = |row: &ActiveRow| {
        if order_of(row).is_some() || orders.doubts.is_disowned(provider, &row.external_id) {
            return None;
        }
        let made = connected.made_by_report(row, clocks.made(row, connected.made(row)));
        let (country, service) = names.read((orders.market.catalog, connected.crosswalk()), row);
        Some((row.clone(), Unowned { country, service, made }))
    };
    let unowned = each_once(&list.rows).filter_map(says).collect();
    let closed = each_once(&list.closed).filter_map(says).collect();
    ReadList { unowned, closed, whole_from }
}

/// The first row of each activation: a list may show one several times.
fn each_once(rows: &[ActiveRow]) -> impl Iterator<Item = &ActiveRow> {
    let mut ids = BTreeSet::new();
    rows.iter().filter(move |row| ids.insert(&*row.external_id))
}

/// Between which moments an order's purchase was made, as the ledger tells it: from its placement
/// to its number, which came so long before its times are over. `None` where the times are not
/// those of now, so that they tell nothing.
fn bought_between(placed_at: Time, given: &Assignment, now: Timings) -> Option<Look> {
    let by_life = given.expires_at.0.checked_sub(now.lifetime_ms)?;
    let is_known = given.cancel_from.0.checked_sub(now.min_cancel_age_ms) == Some(by_life);
    let asked = placed_at;
    (is_known && by_life >= asked.0).then_some(Look { asked, answered: Time(by_life) })
}

/// How the moments of a list's rows stand to ours.
#[derive(Clone, Copy, Debug, Default)]
struct RowClocks {
    /// As purchases of ours in the list tell it, of moments with their zone and without it.
    zoned: Option<ClockOffset>,
    unzoned: Option<ClockOffset>,
    /// The clock of the server that answered.
    server: Option<ClockOffset>,
    /// The zone of moments without one.
    zone: Option<i64>,
}

impl RowClocks {
    /// When a row was made: by its date, within what lists prove of it. A date that they
    /// contradict is of a clock that is wrong.
    fn made(&self, row: &ActiveRow, seen: Made) -> Made {
        // A list may show a purchase a little later than it was made.
        let shown = seen.after.map(|after| Time(after.0.saturating_sub(SHOWN_MS)));
        let lists = Made { after: shown, ..seen };
        let sure = row.created.zip(self.zoned).or(row.created_unzoned.zip(self.unzoned));
        if let Some((moment, clock)) = sure {
            let (after, before) = clock.ours(moment);
            let before = before.min(seen.before).max(after);
            return Made { after: Some(after), before, dating: Dating::Sure };
        }
        let Some(server) = self.server else { return lists };
        let unzoned = || {
            let unzoned = row.created_unzoned?;
            let zoned = self.zone.map(|zone| zone::zoned(unzoned, zone));
            zoned.or_else(|| zone::within(unzoned, lists, server))
        };
        let Some(created) = row.created.or_else(unzoned) else { return lists };
        let (after, before) = server.ours(created);
        let is_contradicted =
            after > seen.before || lists.after.is_some_and(|absent| before < absent);
        if is_contradicted {
            return lists;
        }
        Made { after: Some(after), before: before.min(seen.before), dating: Dating::Likely }
    }
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
pub(super) fn international(catalog: &Catalog, row: &ActiveRow, country: CountryId) -> GivenNumber {
    let (GivenNumber::Read(number), true) = (row.number, row.local) else { return row.number };
    let dial_code = catalog.country(country).map_or("", |country| country.dial_code);
    Number::parse(&format!("{dial_code}{number}")).map_or(row.number, GivenNumber::Read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::activation::NumberPlace;
    use nexnum_engine::ids::{LoadId, Token};

    #[test]
    fn a_row_that_names_no_service_where_others_do_is_of_none() {
        let find = |code: &str| (code == "tg").then_some(7);
        assert_eq!(named(Some("tg"), true, find), Named::Known(7));
        assert_eq!(named(Some("zz"), true, find), Named::Unknown);
        assert_eq!(named(None, true, find), Named::Unknown);
        assert_eq!(named(None, false, find), Named::Absent);
    }

    #[test]
    fn an_activation_that_a_list_shows_twice_is_one() {
        let row = |id: &str| ActiveRow { external_id: id.to_owned(), ..ActiveRow::default() };
        let rows = [row("a"), row("b"), row("a")];
        let ids: Vec<_> = each_once(&rows).map(|row| &*row.external_id).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn the_ledger_tells_between_which_moments_an_order_s_purchase_was_made() {
        let timings = Timings { lifetime_ms: 60_000, min_cancel_age_ms: 5_000 };
        let bought = |given_ms: u64, timings| {
            let given = Assignment {
                token: Token(15_551),
                place: NumberPlace::Load(LoadId(1), 0),
                external_id: "a".into(),
                cancel_from: Time(given_ms + 5_000),
                expires_at: Time(given_ms + 60_000),
            };
            bought_between(Time(100_000), &given, timings)
        };
        let look = Look { asked: Time(100_000), answered: Time(101_000) };
        assert_eq!(bought(101_000, timings), Some(look));
        let others = Timings { lifetime_ms: 90_000, ..timings };
        assert_eq!(bought(101_000, others), None, "it was sold with other times");
        assert_eq!(bought(99_000, timings), None);
    }

    fn by_lists(after: Option<u64>, before: u64) -> Made {
        Made { after: after.map(Time), before: Time(before), dating: Dating::Lists }
    }

    #[test]
    fn an_undated_row_may_be_shown_late_and_its_moment_says_when_it_was_made() {
        let (absent, shown) = (1_000_000, 1_060_000);
        let seen = by_lists(Some(absent), shown);
        let wide = by_lists(Some(absent - SHOWN_MS), shown);
        let row = ActiveRow::default();
        assert_eq!(RowClocks::default().made(&row, seen), wide);
        let look = Look { asked: Time(absent), answered: Time(absent) };
        let server = Some(ClockOffset::of(look, Time(absent)));
        let clocks = RowClocks { server, ..RowClocks::default() };
        assert_eq!(clocks.made(&row, seen), wide, "it has no moment");
        let hour = 60 * 60 * 1000;
        let row = ActiveRow { created_unzoned: Some(Time(hour + 995_000)), ..row };
        let to_the_second =
            Made { after: Some(Time(994_000)), before: Time(996_000), dating: Dating::Likely };
        assert_eq!(clocks.made(&row, seen), to_the_second, "made before it was shown");
        assert_eq!(clocks.made(&row, by_lists(None, shown)).after, None);
        let zone = Some(hour as i64);
        let known = RowClocks { zone, ..clocks };
        assert_eq!(known.made(&row, by_lists(None, shown)), to_the_second);
    }

    #[test]
    fn a_date_counts_by_the_clock_that_our_own_purchases_show() {
        // Ten minutes behind the server's, which is ours.
        let at = |ms: u64| Look { asked: Time(ms), answered: Time(ms + 100) };
        let row = |created: u64| ActiveRow { created: Some(Time(created)), ..ActiveRow::default() };
        let server = Some(ClockOffset::of(at(2_000_000), Time(2_000_000)));
        let clocks = RowClocks { server, ..RowClocks::default() };
        let seen = by_lists(Some(1_990_000), 2_000_000);
        let lists = by_lists(Some(1_990_000 - SHOWN_MS), 2_000_000);
        assert_eq!(clocks.made(&row(1_395_000), seen), lists, "a list after it has no such row");
        assert_eq!(clocks.made(&row(2_600_000), seen), lists, "it would be of the future");
        let zoned = Some(ClockOffset::of(at(1_900_000), Time(1_300_000)));
        let sure = RowClocks { zoned, ..clocks }.made(&row(1_395_000), seen);
        let (after, before) = (Some(Time(1_994_000)), Time(1_996_100));
        assert_eq!(sure, Made { after, before, dating: Dating::Sure });
        // Without a contradiction it is as likely as the clocks are the same.
        let likely = clocks.made(&row(1_994_000), seen);
        assert_eq!(likely.dating, Dating::Likely);
    }

    #[test]
    fn a_number_gets_its_country_code_where_the_list_leaves_it_out() {
        let catalog = Catalog::load();
        let us = catalog.find_country("US").unwrap();
        let adopted = |number: u64, local| {
            let (number, external_id) = (GivenNumber::Read(Number(number)), "A".to_owned());
            let row = ActiveRow { external_id, number, local, ..ActiveRow::default() };
            international(catalog, &row, us).read().unwrap().0
        };
        assert_eq!(adopted(2_025_550_123, true), 12_025_550_123);
        assert_eq!(adopted(1_325_550_123, true), 11_325_550_123, "as its local part begins");
        assert_eq!(adopted(12_025_550_123, false), 12_025_550_123);
    }
}
