//! What a provider answers, and what follows from it: certain refusals, doubts, currencies,
//! prices that would do, the provider's clock.

use std::sync::atomic::Ordering;

use nexnum::provider::buying::BuyOutcome;
use nexnum_driver::ErrorKind;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use rust_decimal::Decimal;

use super::{buy, client, handler, http, ok, order, run, serve};

#[test]
fn what_http_itself_turned_away_bought_nothing() {
    let refused = |status: &str, expected: ErrorKind| {
        let away = "Location: http://127.0.0.1:1/\r\n";
        let outcome = buy(http(status, away, "<html>Attention required</html>"));
        let BuyOutcome::Refused(error) = outcome else { panic!("{status}: {outcome:?}") };
        assert_eq!((error.kind, error.certain), (expected, true), "{status}");
    };
    refused("301 Moved Permanently", ErrorKind::Unmapped);
    refused("302 Found", ErrorKind::Unmapped);
    refused("307 Temporary Redirect", ErrorKind::Unmapped);
    refused("308 Permanent Redirect", ErrorKind::Unmapped);
    refused("401 Unauthorized", ErrorKind::BadKey);
    refused("403 Forbidden", ErrorKind::Unmapped);
    refused("404 Not Found", ErrorKind::Unmapped);
    refused("405 Method Not Allowed", ErrorKind::Unmapped);
}

#[test]
fn a_number_charged_in_another_currency_is_kept_and_is_the_last() {
    let number =
        r#"{"activationId":1,"phoneNumber":"62811111111","activationCost":20,"currency":643}"#;
    let balance = |currency| ok(&format!(r#"{{"balance":"7","currency":{currency}}}"#));
    let list = r#"{"6":{"tg":{"cost":0.25,"count":50}}}"#;
    let server = serve(vec![
        ok(number),
        ok("ACCESS_BALANCE:7"),
        balance(643),
        ok(list),
        balance(840),
        ok(list),
        ok(number),
    ]);
    let client = handler(&server);
    run(async {
        let BuyOutcome::Assigned(bought) = client.buy(&order(), None).await else {
            panic!("not ours")
        };
        assert_eq!((&*bought.external_id, bought.cost), ("1", None));
        let BuyOutcome::Refused(error) = client.buy(&order(), None).await else {
            panic!("not refused")
        };
        assert_eq!((error.kind, error.certain), (ErrorKind::WrongCurrency, true));
        assert!(error.excerpt.contains("amounts are in RUB"), "{}", error.excerpt);
        for _ in 0..2 {
            assert_eq!(client.balance().await.unwrap_err().kind, ErrorKind::WrongCurrency);
        }
        assert_eq!(client.prices().await.unwrap_err().kind, ErrorKind::WrongCurrency);
        assert_eq!(client.balance().await.unwrap(), Micros(7_000_000), "it is named right again");
        assert_eq!(client.prices().await.unwrap().rows.len(), 1);
        assert!(matches!(client.buy(&order(), None).await, BuyOutcome::Assigned(_)));
    });
    assert_eq!(server.calls.load(Ordering::SeqCst), 7);
}

#[test]
fn a_refusal_for_the_price_says_which_would_do_in_the_ledgers_currency() {
    let price = |body: &str, rate: &str| {
        let server = serve(vec![http("400 Bad Request", "", body)]);
        let client = client("handler", &server.address, rate.parse().unwrap());
        let BuyOutcome::Refused(error) = run(client.buy(&order(), None)) else {
            panic!("not refused")
        };
        assert_eq!(error.kind, ErrorKind::PriceTooLow, "{body}");
        error.price
    };
    assert_eq!(price("WRONG_MAX_PRICE:0.09", "1"), Some(Micros(90_000)));
    assert_eq!(price("WRONG_MAX_PRICE:9", "0.0111111"), Some(Micros(100_000)), "rounded up");
    let envelope = r#"{"title":"WRONG_MAX_PRICE","info":{"min":0.090000000000000011}}"#;
    assert_eq!(price(envelope, "1"), Some(Micros(90_000)));
    assert_eq!(price("WRONG_MAX_PRICE", "1"), None);
    assert_eq!(price("WRONG_MAX_PRICE:0", "1"), None);
}

#[test]
fn a_list_says_what_the_providers_clock_showed() {
    let date = "Date: Sat, 28 Nov 2026 01:00:00 GMT\r\nAge: 5\r\n";
    let none = r#"{"status":"error","error":"NO_ACTIVATIONS"}"#;
    let server = serve(vec![http("200 OK", date, none), ok("NO_ACTIVATIONS")]);
    let client = handler(&server);
    let list = |_| run(client.list_active(Time(0))).unwrap().0.server_now;
    assert_eq!([1, 2].map(list), [Some(Time(1_795_827_605_000)), None]);
}

#[test]
fn a_server_that_fails_ends_no_activation_with_its_words() {
    for body in ["NO_ACTIVATION", r#"{"title":"NOT_FOUND"}"#, "BAD_KEY"] {
        let server = serve(vec![http("500 Internal Server Error", "", body)]);
        let error = run(handler(&server).status("1")).unwrap_err();
        assert_eq!((error.kind, error.certain), (ErrorKind::Temporary, false), "{body}");
    }
    let limit = http("503 Service Unavailable", "", "api limit is 100 requests per second");
    let server = serve(vec![limit]);
    let client = client("fivesim", &server.address, Decimal::ONE);
    let outcome = run(client.buy(&order(), None));
    let BuyOutcome::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.kind, error.certain), (ErrorKind::RateLimited, true), "its rule says so");
}
