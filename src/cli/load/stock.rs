//! Gives a fresh server what a load needs: a customer with money, own stock, and for the
//! polls activations. All of it through the admin API, as an operator would.

use nexnum_engine::catalog::Catalog;
use serde_json::{Value, json};

use super::child_server::OwnServer;
use super::client::{BaseUrl, LoadClient};
use super::prepare::{LoadTarget, buy, created, known_products};
use super::{BenchError, Load, LoadPlan};

/// Units for a second of orders: above what two cores sell.
const UNITS_PER_SECOND: u64 = 60_000;
/// Units at most: they fit the memory of a small machine, and a longer run finds them sold.
const UNITS_MAX: u64 = 4_000_000;
/// Numbers in one request, as many as the engine takes.
const NUMBERS_PER_REQUEST: u64 = 20_000;
/// Behind the country code of the first number; the others follow it.
const FIRST_NUMBER: u64 = 1_000_000_000;
/// Products of the quote load, and the units of each.
const QUOTED: (usize, u64) = (8, 100);
/// Activations of the poll load: more than the caches near a core hold.
const POLLED: u32 = 1_000;
/// Money for every unit many times over; the most one deposit takes.
const DEPOSIT: &str = "1000000000";
const PRICE: &str = "0.40";
const COST: &str = "0.10";

/// Brings the server what `plan` needs.
///
/// # Errors
/// Where the server refuses any of it.
pub async fn stock(server: &OwnServer, plan: &LoadPlan) -> Result<LoadTarget, BenchError> {
    // 1. A customer with money, made over an operator's connection.
    let base = BaseUrl::parse(server.base_url())?;
    let mut admin = Admin {
        client: LoadClient::connect(&base).await?,
        base: base.clone(),
        key: server.admin_key().expose(),
    };
    let api_key = admin.open_account().await?;
    // 2. Own stock of as many products as the load buys.
    let (products, units) = shelves(plan);
    let products: Vec<_> = known_products().take(products).collect();
    let mut next = FIRST_NUMBER;
    for product in &products {
        admin.load(product, next, units).await?;
        next += units;
    }
    // 3. Activations, bought by that customer.
    let activation_ids = match plan.load {
        Load::Poll => buy(&base, &api_key, plan.run_id, POLLED).await?,
        Load::Order | Load::OrderHot | Load::Race | Load::Quote | Load::Plain => Vec::new(),
    };
    Ok(LoadTarget { base_url: server.base_url().to_owned(), api_key, products, activation_ids })
}

/// How many products a load needs, and how many units of each.
fn shelves(plan: &LoadPlan) -> (usize, u64) {
    let sold = (UNITS_PER_SECOND * u64::from(plan.seconds)).min(UNITS_MAX);
    match plan.load {
        Load::Order => {
            let products = known_products().count();
            (products, sold.div_ceil(products as u64))
        }
        Load::OrderHot => (1, sold),
        Load::Race => (1, 1),
        Load::Quote => QUOTED,
        Load::Poll => (1, POLLED.into()),
        Load::Plain => (0, 0),
    }
}

/// An operator's connection.
struct Admin<'a> {
    client: LoadClient,
    base: BaseUrl,
    key: &'a str,
}

impl Admin<'_> {
    /// Makes a customer with money; gives its key.
    async fn open_account(&mut self) -> Result<String, BenchError> {
        let opened = json!({ "name": "bench" });
        let id = self.post("/api/admin/accounts", &opened, "id").await?;
        let key = self.post(&format!("/api/admin/accounts/{id}/keys"), &json!({}), "key").await?;
        let deposit = json!({ "amount": DEPOSIT, "reference": format!("bench, account {id}") });
        self.post(&format!("/api/admin/accounts/{id}/deposits"), &deposit, "balance").await?;
        Ok(key)
    }

    async fn load(
        &mut self,
        (country, service): &(String, String),
        first: u64,
        count: u64,
    ) -> Result<(), BenchError> {
        let catalog = Catalog::load();
        let known = catalog.country_by_iso(country).and_then(|id| catalog.country(id));
        let dial_code = known.map_or("", |country| country.dial_code);
        let end = first + count;
        for from in (first..end).step_by(NUMBERS_PER_REQUEST as usize) {
            let to = end.min(from + NUMBERS_PER_REQUEST);
            let numbers: Vec<String> = (from..to).map(|n| format!("{dial_code}{n}")).collect();
            let stock = json!({
                "country": country, "service": service, "price": PRICE, "cost": COST,
                "numbers": numbers,
            });
            self.post("/api/admin/stock", &stock, "offer").await?;
        }
        Ok(())
    }

    /// Posts, and gives back a text field of the answer.
    async fn post(&mut self, path: &str, body: &Value, field: &str) -> Result<String, BenchError> {
        let reply = self.client.post(&self.base, self.key, path, &body.to_string()).await?;
        created(&reply, path, |body| &body[field])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_finds_as_much_as_it_may_sell() {
        let shelves =
            |load, seconds| shelves(&LoadPlan { load, connections: 1, seconds, run_id: 0 });
        assert_eq!(shelves(Load::Order, 1), (64, 938));
        assert_eq!(shelves(Load::Order, 3_600), (64, 62_500));
        assert_eq!(shelves(Load::OrderHot, 5), (1, 300_000));
        assert_eq!(shelves(Load::Race, 5), (1, 1));
        assert_eq!(shelves(Load::Plain, 5), (0, 0));
    }
}
