//! The chaos run: the real server, three simulated providers that misbehave, many buyers. Each
//! behaviour alone, then mixes of them, some with `kill -9`. When the providers are well again
//! and all is quiet, the ledger is held against what the providers know.
//!
//! `NEXNUM_CHAOS_ORDERS` sets the orders of a behaviour (12), `NEXNUM_CHAOS_SEED` what everything
//! random follows from (1), `NEXNUM_CHAOS_ONLY` the behaviours by name, `NEXNUM_CHAOS_AT_ONCE` how
//! many run at a time (16), `NEXNUM_CHAOS_SERVER` the server's program, as one that shifts its
//! clock by `NEXNUM_CHAOS_SERVER_AHEAD_S`, `NEXNUM_CHAOS_KEEP` that folders with complaints stay.

mod api;
mod audit;
mod buyers;
mod plan;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::rig::machine;
use plan::Plan;
use world::World;

/// From so many orders of a behaviour on, those that take minutes are run as well.
const LONG: u64 = 100;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_misbehaviour_of_providers_keeps_an_order_money_or_a_number() {
    let _machine = machine::alone().await;
    let _again = rustls::crypto::ring::default_provider().install_default();
    let seed = number("NEXNUM_CHAOS_SEED", 1);
    let orders = number("NEXNUM_CHAOS_ORDERS", 12);
    println!("NEXNUM_CHAOS_SEED={seed} NEXNUM_CHAOS_ORDERS={orders}");
    let only = std::env::var("NEXNUM_CHAOS_ONLY").ok();
    let is_wanted = |plan: &Plan| {
        let is_short = only.is_none() && orders < LONG;
        !(is_short && plan.is_slow())
            && only.as_ref().is_none_or(|only| only.split(',').any(|name| name == plan.name))
    };
    let room = Arc::new(Semaphore::new(number("NEXNUM_CHAOS_AT_ONCE", 16) as usize));
    let mut rounds = JoinSet::new();
    for (at, plan) in (0..).zip(plan::all().into_iter().filter(is_wanted)) {
        let room = Arc::clone(&room);
        rounds.spawn(async move {
            let _place = room.acquire_owned().await;
            round(plan, seed.wrapping_add(at), orders).await
        });
    }
    let mut complaints = Vec::new();
    while let Some(found) = rounds.join_next().await {
        complaints.extend(found.unwrap());
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// One behaviour from the first order to the audit; gives what is wrong.
async fn round(plan: Plan, seed: u64, orders: u64) -> Vec<String> {
    let started = Instant::now();
    // 1. Providers that are well, and a market that has their lists.
    let mut world = World::start(&plan, seed).await;
    // 2. They misbehave while buyers trade.
    plan.begin(&world.sandbox);
    let told = buyers::trade(&mut world, &plan, seed, orders).await;
    // 3. They are well again, and what is under way comes to its end.
    plan.end(&world.sandbox);
    let traded = started.elapsed();
    let loud = world.wait_until_quiet(&plan).await;
    // 4. The books of both sides.
    let quiet = started.elapsed();
    let findings = audit::audit(world, &plan, &told, loud).await;
    let seconds = |span: Duration| span.as_secs();
    println!(
        "{}: traded {} s, quiet after {} s: {}",
        plan.name,
        seconds(traded),
        seconds(quiet),
        findings.summary
    );
    findings.complaints.iter().for_each(|text| println!("  {}: {text}", plan.name));
    findings
        .complaints
        .into_iter()
        .map(|text| format!("{} (seed {seed}): {text}", plan.name))
        .collect()
}
