//! Many buyers, little stock, little money.

use std::collections::BTreeSet;

use serde_json::json;

use super::harness::{Client, Market};
use crate::rig::machine;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_buyers_race_for_one_unit_and_one_gets_it() {
    let _machine = machine::alone().await;
    let market = Market::start().await;
    let buyers = [market.customer("a", "100").await, market.customer("b", "100").await];
    for round in 0..3 {
        market.stock("ID", "telegram", "0.30", 62_810_000_000 + round, 1).await;
        let tasks: Vec<_> = (0..1000).map(|n| tokio::spawn(buy(buyers[n % 2].clone()))).collect();
        let mut winners = 0;
        for task in tasks {
            winners += u32::from(task.await.unwrap());
        }
        assert_eq!(winners, 1, "round {round}");
    }
    let spent: Vec<String> = [buyers[0].balance().await, buyers[1].balance().await]
        .into_iter()
        .map(|(_, escrow)| escrow)
        .collect();
    let micros = |text: &str| nexnum_engine::money::Micros::parse(text).unwrap().0;
    assert_eq!(micros(&spent[0]) + micros(&spent[1]), 900_000, "{spent:?}");
    market.running.stop().await.unwrap();
}

/// Whether a number was got; anything but a number or an honest refusal fails the test.
async fn buy(buyer: Client) -> bool {
    let answer =
        buyer.post("/api/v1/orders", json!({"country": "ID", "service": "telegram"})).await;
    if answer.status.as_u16() == 201 {
        return true;
    }
    answer.refused(409, "no_numbers");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn of_256_clients_on_one_wallet_exactly_those_it_can_pay_succeed() {
    let _machine = machine::alone().await;
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 2000).await;
    // Enough for 97 orders and a rest that is no order's price.
    let buyer = market.customer("one", "29.20").await;
    let tasks: Vec<_> = (0..256)
        .map(|client| {
            let buyer = buyer.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for order in 0..3 {
                    let body = json!({"country": "ID", "service": "telegram"});
                    let answer = buyer.order(&body, &format!("{client}-{order}")).await;
                    if answer.status.as_u16() == 201 {
                        let number = answer.created()["activation"]["number"].clone();
                        numbers.push(number.as_str().unwrap().to_owned());
                    } else {
                        answer.refused(402, "insufficient_funds");
                    }
                }
                numbers
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    assert_eq!(numbers.len(), 97);
    let distinct: BTreeSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), 97, "no number was sold twice");
    assert_eq!(buyer.balance().await, ("0.100000".to_owned(), "29.100000".to_owned()));
    market.running.stop().await.unwrap();
}
