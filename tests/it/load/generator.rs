//! The load generator against a small server: it counts what it gets, errors above all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::{Method, StatusCode};
use nexnum::cli::load::{Load, LoadPlan, Report, prepare, run};
use nexnum::http::route::{Next, Target};
use nexnum::http::{Call, Problem, Router, ServerLimits, bind, reply};

use crate::rig::{kit, machine};

/// Runs one second of a load against a market with one unit and an uneven temper.
async fn measure(load: Load) -> Report {
    let mut router = Router::new();
    let fixed = [b' '; 100].as_slice();
    router.add(Target::new(Method::GET, "/health/plain"), move |_| {
        Next::Done(Ok(reply::json_bytes(StatusCode::OK, fixed)))
    });
    let unit = Arc::new(AtomicBool::new(true));
    router.add(Target::new(Method::POST, "/api/v1/orders"), move |_| {
        let unit = Arc::clone(&unit);
        Next::plain(async move |call: Call| {
            assert!(call.idempotency_key()?.is_some());
            if unit.swap(false, Ordering::SeqCst) {
                return Ok(reply::json(StatusCode::CREATED, "sold"));
            }
            Err(Problem::new(StatusCode::CONFLICT, "no_numbers", "Sold out"))
        })
    });
    let _machine = machine::alone().await;
    let served = kit::serve(router, ServerLimits::default()).await;
    let url = format!("http://{}", served.address);
    let target = prepare(&url, "nx_key", load, 9).await.unwrap();
    let plan = LoadPlan { load, connections: 3, seconds: 1, run_id: 9 };
    tokio::task::spawn_blocking(move || run(plan, &target)).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_replies_are_counted_without_error() {
    let report = measure(Load::Plain).await;
    assert!(report.requests > 100 && report.errors == 0, "{report}");
    assert!((0.9..2.0).contains(&report.seconds), "{report}");
    assert!(0.0 < report.p50_us && report.p50_us <= report.p999_us, "{report}");
    assert_eq!(report.first_error, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_has_one_winner_and_refusals_that_are_no_errors() {
    let report = measure(Load::Race).await;
    assert_eq!(report.errors, 0, "{report}");
    assert_eq!(report.refused, report.requests - 1, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_status_is_an_error_and_not_part_of_the_rate() {
    let report = measure(Load::OrderHot).await;
    assert_eq!(report.errors, report.requests - 1, "{report}");
    assert!(report.rate < 2.0, "{report}");
    assert!(report.first_error.unwrap().contains("no_numbers"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure_and_not_a_report() {
    let (listener, address) = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    drop(listener);
    let target = prepare(&format!("http://{address}"), "k", Load::Plain, 0).await.unwrap();
    let plan = LoadPlan { load: Load::Plain, connections: 4, seconds: 1, run_id: 0 };
    let result = tokio::task::spawn_blocking(move || run(plan, &target)).await.unwrap();
    assert!(result.unwrap_err().to_string().contains("refused"));
}
