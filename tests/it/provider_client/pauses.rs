//! Pauses that a provider asks for, and which calls keep to them.

use super::*;
use nexnum::provider::active::Depth;
use nexnum_driver::ProviderError;

#[test]
fn too_many_calls_pause_every_call_for_as_long_as_asked() {
    let server = serve(vec![http("429 Too Many Requests", "Retry-After: 30\r\n", "slow down")]);
    let client = handler(&server);
    run(async {
        let BuyOutcome::Refused(error, _) = client.buy(&order(), None).await else {
            panic!("not refused")
        };
        assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::RateLimited, Some(30_000)));
        let error = client.status("1").await.unwrap_err();
        assert_eq!((error.kind, error.certain), (ErrorKind::NoTurn, true));
        assert!(error.retry_after_ms.is_some_and(|ms| (29_000..=30_000).contains(&ms)));
    });
    assert_eq!(server.calls.load(Ordering::SeqCst), 1, "nothing is sent in a pause");
}

#[test]
fn a_pause_for_a_price_list_or_a_list_of_activations_holds_for_such_lists_alone() {
    let away = || http("503 Service Unavailable", "Retry-After: 60\r\n", "back soon");
    let server = serve(vec![
        away(),
        ok("ACCESS_NUMBER:1:62811111111"),
        away(),
        ok("STATUS_OK:12345"),
        ok("ACCESS_CANCEL"),
    ]);
    let client = handler(&server);
    let paused = |error: ProviderError| {
        assert_eq!((error.kind, error.certain), (ErrorKind::NoTurn, true), "{error:?}");
        assert!(error.excerpt.contains("asked for a pause"), "{error:?}");
    };
    run(async {
        let error = client.prices().await.unwrap_err();
        assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::Temporary, Some(60_000)));
        paused(client.balance().await.unwrap_err());
        assert!(matches!(client.buy(&order(), None).await, BuyOutcome::Assigned(_)));
        assert!(client.list_active(Time(0)).await.is_err());
        let asked = Instant::now();
        paused(client.list_open(Depth::Near, Time(0)).await.unwrap_err());
        paused(client.list_active(Time(0)).await.unwrap_err());
        assert_eq!(client.status("1").await.unwrap().messages.len(), 1);
        client.cancel("1").await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(2), "nothing of it waits");
    });
    assert_eq!(server.calls.load(Ordering::SeqCst), 5, "no list is sent in its pause");
}

#[test]
fn polls_pause_where_several_in_a_row_are_told_to_come_back_later() {
    let away = || http("503 Service Unavailable", "Retry-After: 60\r\n", "back soon");
    let code = || ok("STATUS_OK:12345");
    let server = serve(vec![away(), away(), code(), away(), away(), away()]);
    let client = handler(&server);
    run(async {
        for is_away in [true, true, false, true, true, true] {
            let answer = client.status("1").await;
            assert_eq!(answer.is_err(), is_away, "{answer:?}");
        }
        assert_eq!(client.status("1").await.unwrap_err().kind, ErrorKind::NoTurn);
    });
    assert_eq!(server.calls.load(Ordering::SeqCst), 6, "the last one is not sent");
}

#[test]
fn a_pause_is_heeded_whatever_the_reply_that_asks_for_it_says() {
    for status in ["400 Bad Request", "403 Forbidden", "418 I'm a teapot", "409 Conflict", "520 ?"]
    {
        let wall = || http(status, "Retry-After: 60\r\n", "<html>wall</html>");
        let server = serve(vec![wall(), ok("STATUS_OK:12345")]);
        let client = handler(&server);
        run(async {
            assert!(!matches!(client.buy(&order(), None).await, BuyOutcome::Assigned(_)));
            let BuyOutcome::Refused(error, _) = client.buy(&order(), None).await else {
                panic!("{status}: not refused")
            };
            assert_eq!(error.kind, ErrorKind::NoTurn, "{status}");
            assert!(error.retry_after_ms.is_some_and(|ms| (59_000..=60_000).contains(&ms)));
            // Purchases alone pause.
            client.status("1").await.unwrap();
        });
        assert_eq!(server.calls.load(Ordering::SeqCst), 2, "{status}");
    }
}

#[test]
fn a_wish_to_come_back_for_one_product_or_activation_pauses_nothing() {
    let later = |body| http("200 OK", "Retry-After: 60\r\n", body);
    let early = || later("EARLY_CANCEL_DENIED");
    let bought = ok("ACCESS_NUMBER:1:62811111111");
    let cancelled = ok("ACCESS_CANCEL");
    let server =
        serve(vec![later("NO_NUMBERS"), bought, early(), early(), early(), early(), cancelled]);
    let client = handler(&server);
    run(async {
        assert!(matches!(client.buy(&order(), None).await, BuyOutcome::Refused(_, _)));
        assert!(matches!(client.buy(&order(), None).await, BuyOutcome::Assigned(_)));
        for id in ["1", "2", "3", "4"] {
            assert_eq!(client.cancel(id).await.unwrap_err().kind, ErrorKind::TooEarly);
        }
        client.cancel("5").await.unwrap();
    });
}

#[test]
fn a_pause_until_a_date_is_as_long_as_the_date_is_away() {
    let until = "Date: Sat, 28 Nov 2026 01:00:00 GMT\r\n\
                 Retry-After: Sat, 28 Nov 2026 01:00:30 GMT\r\n";
    let server = serve(vec![http("429 Too Many Requests", until, "slow down")]);
    let BuyOutcome::Refused(error, _) = run(handler(&server).buy(&order(), None)) else {
        panic!("not refused")
    };
    assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::RateLimited, Some(30_000)));
}
