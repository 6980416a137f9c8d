//! The client against a server that misbehaves on the wire.

mod amounts;
mod lists;
mod pauses;
mod trust;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nexnum::metrics::Metrics;
use nexnum::provider::bounds::{PRICES_BYTES_MAX, REPLY_BYTES_MAX};
use nexnum::provider::buying::{BuyOutcome, BuyRequest, PurchaseMade};
use nexnum::provider::client::ProviderClient;
use nexnum::provider::client_config::{ClientConfig, Timeouts};
use nexnum_driver::{Credentials, Driver, ErrorKind, ExternalState, Secret};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use rust_decimal::Decimal;

/// What a connection is answered with.
enum Answer {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes after a while.
    Late(Duration, Vec<u8>),
    /// Nothing, until the client goes away.
    Silence,
}

fn http(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}").into_bytes(),
    )
}

fn ok(body: &str) -> Answer {
    http("200 OK", "", body)
}

struct Server {
    address: String,
    calls: Arc<AtomicUsize>,
    requests: std::sync::mpsc::Receiver<String>,
}

/// Answers the connections in turn, the last answer for all that follow.
fn serve(answers: Vec<Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let (sender, requests) = std::sync::mpsc::channel();
    let counter = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let Some(request) = read_request(&stream) else { continue };
            let index = counter.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let _ = sender.send(request);
            match &answers[index] {
                Answer::Bytes(bytes) => drop(stream.write_all(bytes)),
                Answer::Late(pause, bytes) => {
                    std::thread::sleep(*pause);
                    drop(stream.write_all(bytes));
                }
                Answer::Silence => drop(stream.read(&mut [0; 1])),
            }
        }
    });
    Server { address, calls, requests }
}

/// The request line and the body.
fn read_request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(format!("{} {}", first.trim(), String::from_utf8_lossy(&body)))
}

fn client(driver: &str, base_url: &str, rate: Decimal) -> ProviderClient {
    let text = Driver::shipped().iter().find(|(name, _)| *name == driver).unwrap().1;
    client_of(text, base_url, rate)
}

fn client_of(text: &str, base_url: &str, rate: Decimal) -> ProviderClient {
    let driver = Arc::new(Driver::parse(text).unwrap());
    let credentials = Credentials { key: Secret::new("K"), ..Credentials::default() };
    ProviderClient::new(driver, config(base_url, credentials, rate)).unwrap()
}

fn config(base_url: &str, credentials: Credentials, rate: Decimal) -> ClientConfig {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        call: Duration::from_millis(700),
        prices: Duration::from_secs(20),
    };
    let base_url = Some(base_url.to_owned());
    let provider = "one".to_owned();
    let metrics = Metrics::default();
    ClientConfig {
        provider,
        base_url,
        credentials,
        rate,
        currency: None,
        timeouts,
        proxy: None,
        metrics,
        dispatcher: None,
    }
}

fn handler(server: &Server) -> ProviderClient {
    client("handler", &server.address, Decimal::ONE)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

fn order() -> BuyRequest {
    let (country_ext, service_ext) = ("6".to_owned(), "tg".to_owned());
    BuyRequest { country_ext, service_ext, carrier: None, max_price: Some(Micros(500_000)) }
}

#[track_caller]
fn buy(answer: Answer) -> BuyOutcome {
    let server = serve(vec![answer, ok("ACCESS_NUMBER:2:62811111111")]);
    let outcome = run(handler(&server).buy(&order(), None));
    assert_eq!(server.calls.load(Ordering::SeqCst), 1, "a buy is sent once");
    outcome
}

#[track_caller]
fn in_doubt(answer: Answer) {
    let outcome = buy(answer);
    assert!(matches!(outcome, BuyOutcome::InDoubt(_)), "{outcome:?}");
}

#[test]
fn a_number_is_bought_and_its_message_read() {
    let server = serve(vec![
        ok("ACCESS_NUMBER:635468024:6281234567890"),
        ok("STATUS_WAIT_CODE"),
        ok("STATUS_OK:12345"),
        ok("ACCESS_ACTIVATION"),
    ]);
    let client = handler(&server);
    run(async {
        let BuyOutcome::Assigned(PurchaseMade { bought, .. }) = client.buy(&order(), None).await
        else {
            panic!("no number")
        };
        assert_eq!(bought.external_id, "635468024");
        assert_eq!(bought.number.read().unwrap().to_string(), "6281234567890");
        let id = &bought.external_id;
        assert_eq!(client.status(id).await.unwrap().state, ExternalState::Waiting);
        let report = client.status(id).await.unwrap();
        assert_eq!(report.messages[0].code.as_deref(), Some("12345"));
        client.finish(id).await.unwrap();
    });
    let sent = server.requests.recv().unwrap();
    let expected = "GET /?action=getNumberV2&country=6&maxPrice=0.5&service=tg&api_key=K HTTP/1.1 ";
    assert_eq!(sent, expected);
}

#[test]
fn a_mapped_refusal_is_certain() {
    let BuyOutcome::Refused(error, _) = buy(ok("WRONG_MAX_PRICE:0.61")) else {
        panic!("not refused")
    };
    assert_eq!(error.kind, ErrorKind::PriceTooLow);
    assert!(error.certain);
}

#[test]
fn a_buy_without_a_readable_answer_is_in_doubt_and_never_repeated() {
    in_doubt(Answer::Silence);
    in_doubt(Answer::Bytes(Vec::new()));
    in_doubt(Answer::Bytes(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nACCESS_NUMBER:63".to_vec(),
    ));
    in_doubt(Answer::Bytes(b"\x00\x01garbage\r\n\r\n".to_vec()));
    in_doubt(ok("garbage"));
    in_doubt(ok("\u{0}\u{1}"));
    in_doubt(http("500 Internal Server Error", "", "oops"));
    in_doubt(http("500 Internal Server Error", "", "NO_NUMBERS"));
    in_doubt(http("503 Service Unavailable", "", r#"{"title":"NO_BALANCE"}"#));
    in_doubt(http("520 Unknown", "", "<html>Web server is returning an unknown error</html>"));
    in_doubt(ok(&"x".repeat(REPLY_BYTES_MAX + 1)));
}

#[test]
fn what_http_itself_turned_away_bought_nothing() {
    let refused = |status: &str, expected: ErrorKind| {
        let away = "Location: http://127.0.0.1:1/\r\n";
        let outcome = buy(http(status, away, "<html>Attention required</html>"));
        let BuyOutcome::Refused(error, _) = outcome else { panic!("{status}: {outcome:?}") };
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
        let BuyOutcome::Assigned(PurchaseMade { bought, charged }) =
            client.buy(&order(), None).await
        else {
            panic!("not ours")
        };
        assert_eq!((&*bought.external_id, bought.cost), ("1", None));
        let charged = charged.unwrap();
        assert_eq!((charged.currency, charged.rate), (Some(*b"RUB"), None));
        let BuyOutcome::Refused(error, _) = client.buy(&order(), None).await else {
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
        let BuyOutcome::Refused(error, _) = run(client.buy(&order(), None)) else {
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
    let BuyOutcome::Refused(error, _) = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.kind, error.certain), (ErrorKind::RateLimited, true), "its rule says so");
}

#[test]
fn a_client_without_a_credential_that_its_driver_needs_is_refused_by_name() {
    let text = Driver::shipped().iter().find(|(name, _)| *name == "smspool").unwrap().1;
    let key = r#"auth = [{ place = "form", name = "key" }]"#;
    let more = |slot: &str| {
        let field = format!(r#", {{ place = "form", name = "u", value = "{{{slot}}}" }}]"#);
        assert!(text.contains(key));
        text.replace(key, &key.replace(']', &field))
    };
    let made = |text: &str, login: Option<&str>| {
        let login = login.map(Secret::new);
        let credentials = Credentials { key: Secret::new("K"), login, password: None };
        let driver = Arc::new(Driver::parse(text).unwrap());
        ProviderClient::new(driver, config("http://127.0.0.1:1", credentials, Decimal::ONE))
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let missing = "its driver needs a login, and none is set".to_owned();
    assert_eq!(made(&more("login"), None), Err(missing.clone()));
    assert_eq!(made(&more("login"), Some("")), Err(missing));
    assert_eq!(made(&more("login"), Some("me")), Ok(()));
    assert_eq!(made(&more("login?"), None), Ok(()));
    let missing = "its driver needs a password, and none is set".to_owned();
    assert_eq!(made(&more("password"), Some("me")), Err(missing));
}

#[test]
fn a_provider_that_cannot_be_reached_refuses_for_certain() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client("handler", &address, Decimal::ONE);
    let outcome = run(client.buy(&order(), None));
    let BuyOutcome::Refused(error, _) = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.kind, error.certain), (ErrorKind::Temporary, true));
}

/// The handler driver under other limits.
fn limited(server: &Server, windows: &str) -> ProviderClient {
    let text = Driver::shipped().iter().find(|(name, _)| *name == "handler").unwrap().1;
    let shipped = "windows = [{ calls = 10, per_ms = 1000 }, { calls = 200, per_ms = 60000 }]";
    assert!(text.contains(shipped));
    client_of(&text.replace(shipped, windows), &server.address, Decimal::ONE)
}

#[test]
fn a_purchase_that_gets_no_turn_is_refused_for_certain_and_not_sent() {
    let server = serve(vec![ok("ACCESS_NUMBER:1:62811111111")]);
    let client = limited(&server, "windows = [{ calls = 1, per_ms = 60000 }]");
    run(async {
        assert!(matches!(client.buy(&order(), None).await, BuyOutcome::Assigned(_)));
        let BuyOutcome::Refused(error, _) = client.buy(&order(), None).await else {
            panic!("not refused")
        };
        assert_eq!((error.kind, error.certain), (ErrorKind::NoTurn, true));
        assert!(error.retry_after_ms.is_some_and(|ms| ms > 50_000), "{error:?}");
    });
    assert_eq!(server.calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_that_waited_for_its_turn_has_its_whole_time_for_the_answer() {
    let Answer::Bytes(number) = ok("ACCESS_NUMBER:1:62811111111") else { unreachable!() };
    // The turn comes after a second and the answer 0.4 s later; a call may take 0.7 s.
    let late = || Answer::Late(Duration::from_millis(400), number.clone());
    let server = serve(vec![late(), late()]);
    let client = limited(&server, "windows = [{ calls = 1, per_ms = 1000 }]");
    run(async {
        assert!(matches!(client.buy(&order(), None).await, BuyOutcome::Assigned(_)));
        let second = client.buy(&order(), None).await;
        assert!(matches!(second, BuyOutcome::Assigned(_)), "{second:?}");
    });
}

#[test]
fn a_read_only_call_is_tried_twice_and_no_more() {
    let broken = || http("503 Service Unavailable", "", "oops");
    let server = serve(vec![broken(), ok("ACCESS_BALANCE:17.154")]);
    assert_eq!(run(handler(&server).balance()).unwrap(), Micros(17_154_000));
    let server = serve(vec![broken()]);
    let error = run(handler(&server).balance()).unwrap_err();
    assert_eq!((error.kind, error.certain), (ErrorKind::Temporary, false));
    assert_eq!(server.calls.load(Ordering::SeqCst), 2);
    let server = serve(vec![Answer::Bytes(Vec::new()), ok("ACCESS_CANCEL")]);
    let error = run(handler(&server).cancel("1")).unwrap_err();
    assert_eq!((error.kind, error.certain), (ErrorKind::Temporary, false));
    assert_eq!(server.calls.load(Ordering::SeqCst), 1, "a cancel is sent once");
}

#[track_caller]
fn retrying(answers: Vec<Answer>, expected: Result<(), ErrorKind>, calls: usize) {
    let server = serve(answers);
    let outcome = run(handler(&server).cancel_with_retries("1", 1));
    assert_eq!(outcome.map_err(|error| error.kind), expected);
    assert_eq!(server.calls.load(Ordering::SeqCst), calls);
}

#[test]
fn a_cancel_that_a_customer_waits_for_is_retried() {
    let broken = || http("500 Internal Server Error", "", "oops");
    let done = || ok("ACCESS_CANCEL");
    let limited = http("429 Too Many Requests", "Retry-After: 1\r\n", "slow down");
    retrying(vec![broken(), limited, done()], Ok(()), 3);
    retrying(vec![Answer::Silence, done()], Ok(()), 2);
    retrying(vec![broken()], Err(ErrorKind::Temporary), 3);
    let banned = http("429 Too Many Requests", "Retry-After: 600\r\n", "slow down");
    retrying(vec![banned, done()], Err(ErrorKind::RateLimited), 1);
    retrying(vec![ok("EARLY_CANCEL_DENIED"), done()], Err(ErrorKind::TooEarly), 1);
}

#[test]
fn a_call_ends_at_its_deadline() {
    let server = serve(vec![Answer::Silence]);
    let start = Instant::now();
    let error = run(handler(&server).status("1")).unwrap_err();
    assert_eq!((error.kind, error.certain), (ErrorKind::Temporary, false));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_reply_without_end_is_cut_off() {
    let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    endless.resize(endless.len() + PRICES_BYTES_MAX + 1, b' ');
    let server = serve(vec![Answer::Bytes(endless)]);
    let error = run(handler(&server).prices()).unwrap_err();
    assert_eq!(error.excerpt, "the reply is too large");
}
