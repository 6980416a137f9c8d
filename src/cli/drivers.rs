//! `nexnum provider drivers`: the drivers that come with the program.

use nexnum_driver::{Driver, Op, Window};
use serde_json::{Value, json};

use super::print::say;

/// Prints each shipped driver: as JSON, or in a few lines.
pub(super) fn list(as_json: bool) {
    let parse = |text| Driver::parse(text).expect("the shipped drivers are parsed by their tests");
    let drivers = Driver::shipped().iter().map(|(name, text)| (*name, parse(text)));
    if as_json {
        let drivers: Vec<_> = drivers.map(|(name, driver)| described(name, &driver)).collect();
        say(json!({ "drivers": drivers }));
    } else {
        drivers.for_each(|(name, driver)| say(lines(name, &driver)));
    }
}

/// What a provider's section names a driver by is its file's name.
fn described(name: &str, driver: &Driver) -> Value {
    let limits = driver.limits();
    let window = |window: &Window| json!({ "calls": window.calls, "per_ms": window.per_ms });
    json!({
        "name": name,
        "version": driver.version(),
        "dialect": driver.dialect(),
        "currency": driver.currency(),
        "base_url": driver.base_url(),
        "operations": operations(driver),
        "limits": {
            "concurrency": limits.concurrency,
            "penalty_ms": limits.penalty_ms,
            "windows": limits.windows.iter().map(window).collect::<Vec<_>>(),
        },
    })
}

fn lines(name: &str, driver: &Driver) -> String {
    let limits = driver.limits();
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let window = |window: &Window| format!("{} in {} s", window.calls, seconds(window.per_ms));
    let windows: Vec<_> = limits.windows.iter().map(window).collect();
    format!(
        "{name} version {}\n  dialect     {}\n  currency    {}\n  address     {}\n  operations  {}\n  \
         calls       {}; {} at once",
        driver.version(),
        driver.dialect(),
        driver.currency(),
        driver.base_url().unwrap_or("none: the configuration must have a base_url"),
        operations(driver).join(" "),
        windows.join(", "),
        limits.concurrency,
    )
}

/// What the provider can be asked for.
fn operations(driver: &Driver) -> Vec<&'static str> {
    Op::ALL.iter().filter(|op| driver.supports(**op)).map(|op| op.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_driver_is_described_alike_in_words_and_in_json() {
        for (name, text) in Driver::shipped() {
            let driver = Driver::parse(text).unwrap();
            let (words, json) = (lines(name, &driver), described(name, &driver));
            assert!(words.starts_with(&format!("{name} version {}", json["version"])), "{words}");
            for operation in json["operations"].as_array().unwrap() {
                assert!(words.contains(operation.as_str().unwrap()), "{words}");
            }
            assert!(words.contains(json["dialect"].as_str().unwrap()), "{words}");
            let at_once = format!("{} at once", json["limits"]["concurrency"]);
            assert!(words.ends_with(&at_once), "{words}");
        }
    }
}
