//! The price lists of many providers at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexnum::market::folder;
use nexnum::provider::connected::Connected;
use nexnum::server::{self, ProviderSetup, config};
use nexnum_driver::{Op, Secret};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Price lists that are fetched at a time: each may be tens of MB.
const LISTS_MAX: usize = 8;

/// A provider whose price lists take so long, and how many were fetched at once at most.
async fn slow_lists(taking: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, most) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let (most_seen, now) = (Arc::clone(&most), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (most, now) = (Arc::clone(&most_seen), Arc::clone(&now));
            tokio::spawn(async move {
                let mut asked = vec![0; 4096];
                let len = stream.read(&mut asked).await.unwrap_or_default();
                let is_list = String::from_utf8_lossy(&asked[..len]).contains("getPrices");
                if is_list {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(taking).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                let body = if is_list { "{}" } else { "ACCESS_BALANCE:10" };
                let reply = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            });
        }
    });
    (address, most)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_of_many_providers_are_fetched_a_few_at_a_time() {
    let (address, most) = slow_lists(Duration::from_millis(300)).await;
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("market");
    folder::init(&dir).unwrap();
    let config = config::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.clone(),
        ..config::Config::default()
    };
    let seller = |at: usize| config::ProviderConfig {
        base_url: Some(format!("http://{address}/handler")),
        ..config::ProviderConfig::new(format!("p{at}"), "handler")
    };
    let setup = |at| ProviderSetup::new(seller(at), Secret::new("key".to_owned()));
    let setups = (0..LISTS_MAX * 2).map(setup).collect();
    let opened = folder::open(&dir, |_| {}).unwrap();
    let running = server::start(opened, &config, setups).await.unwrap();
    let orders = &running.rooms.orders;
    let has_asked = |it: &Arc<Connected>| {
        it.health()
            .failures
            .iter()
            .any(|failure| failure.text.starts_with("no price list") || failure.op == Op::Prices)
    };
    let all = async {
        while !orders.providers.list().iter().all(has_asked) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let is_done = tokio::time::timeout(Duration::from_secs(60), all).await.is_ok();
    assert!(is_done, "each had its turn");
    assert_eq!(most.load(Ordering::SeqCst), LISTS_MAX);
    running.stop().await.unwrap();
}
