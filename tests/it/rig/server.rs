//! The whole server in this process, on a data folder that exists.

use std::path::Path;

use nexnum::market::folder;
use nexnum::server::config::{Config, ProviderConfig};
use nexnum::server::{self, ProviderSetup, Running};
use nexnum::supply::config::OwnStockConfig;
use nexnum_driver::Secret;

/// A server on a port of its own whose numbers may be given back at once.
pub(crate) fn config(data_dir: &Path) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: data_dir.to_owned(),
        own_stock: OwnStockConfig {
            min_cancel_age_s: 0,
            quarantine_s: 0,
            ..OwnStockConfig::default()
        },
        drain_seconds: 2,
        ..Config::default()
    }
}

/// A provider that is asked for its list once, at the start.
pub(crate) fn provider(name: &str, driver: &str, base_url: &str, key: &str) -> ProviderSetup {
    let config = ProviderConfig {
        base_url: Some(base_url.to_owned()),
        sync_interval_s: 3600,
        ..ProviderConfig::new(name, driver)
    };
    ProviderSetup::new(config, Secret::new(key))
}

/// Starts on the folder that the configuration names: the first time and each time after.
pub(crate) async fn start(config: &Config, providers: Vec<ProviderSetup>) -> Running {
    let opened = folder::open(&config.data_dir, |_| {}).unwrap();
    server::start(opened, config, providers).await.unwrap()
}
