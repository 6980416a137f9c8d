//! A stop loses nothing that was sent.

use std::time::{Duration, Instant};

use nexnum_engine::command::OpenAccount;
use nexnum_engine::group::Origin;
use nexnum_engine::money::Micros;

use serde_json::json;

use super::harness::Market;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_stop_is_committed_and_answered() {
    let mut market = Market::start().await;
    for round in 0..5 {
        let mut sent = Vec::new();
        for _ in 0..200 {
            let open = OpenAccount { name: None, credit_limit: Micros::ZERO };
            let mut answer = Box::pin({
                let handle = market.running.rooms.market.handle.clone();
                async move { handle.ask(&Origin::SYSTEM, open).await }
            });
            // Polled once, the command is in the inbox.
            let started = poll_once(answer.as_mut()).await;
            sent.push((started, answer));
        }
        market = market.restart().await;
        for (started, answer) in sent {
            let answer = match started {
                Some(answer) => answer,
                None => answer.await,
            };
            answer.expect("it was sent before the stop").expect("it is legal");
        }
        let opened = market.running.rooms.market.read_model.accounts().len();
        assert_eq!(opened, 200 * (round + 1));
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_is_answered_when_the_server_stops() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 1).await;
    let buyer = market.customer("a", "1").await;
    buyer.post("/api/v1/orders", json!({"country": "ID", "service": "tg"})).await.created();
    let path = format!("{}?wait=50", market.activation(1));
    let poll = tokio::spawn(async move { buyer.get(&path).await.ok() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    market.running.stop().await.unwrap();
    assert_eq!(poll.await.unwrap()["state"], "ACTIVE");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Polls a future once; its output if that was enough.
async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut future).poll(context);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
