//! What simulated providers sell in tests, and their drivers with short pauses.

use nexnum_driver::Driver;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;

/// Always among the products with stock.
pub(crate) fn product() -> Product {
    let catalog = Catalog::load();
    Product::activation(
        catalog.find_country("ID").unwrap(),
        catalog.find_service("telegram").unwrap(),
    )
}

/// The shipped driver of this name, but polling ten times a second.
pub(crate) fn driver(name: &str) -> String {
    let (_, text) = Driver::shipped().iter().find(|(shipped, _)| *shipped == name).unwrap();
    let slow = text.lines().find(|line| line.starts_with("poll_interval_ms")).unwrap();
    text.replace(slow, "poll_interval_ms = 100")
}
