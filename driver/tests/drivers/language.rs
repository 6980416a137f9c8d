//! What the driver language can say beyond the shipped drivers, and what a document with
//! a mistake in it is told.

use nexnum_driver::{
    Credentials, Driver, GivenNumber, Op, Output, Plan, RawReply, RequestBody, RequestError,
    Secret, Slots,
};
use nexnum_engine::ids::Number;

use crate::recorded::show;

/// A small whole driver; tests change lines of it.
pub(crate) const BASE: &str = r#"
name = "plain"
version = 1
dialect = "plain"
currency = "USD"
auth = [{ place = "header", name = "X-Key" }]
rules = [{ equals = "NO", error = "no_numbers" }]
[limits]
concurrency = 4
penalty_ms = 1000
windows = [{ calls = 10, per_ms = 1000 }]
[timings]
min_cancel_age_ms = 0
lifetime_ms = 1200000
poll_interval_ms = 5000
[operations]
finish = { kind = "noop" }
resend = { kind = "unsupported" }
list_active = { kind = "unsupported" }
[operations.balance]
kind = "constant"
body = '{"b":"1.5"}'
rules = [{ give = { amount = "/b" } }]
[operations.prices]
request = { path = "/prices" }
rules = [{ give = { rows = { path = "*.*", bind = ["country", "service"] }, cost = "/c", stock = "/n" } }]
[operations.buy]
request = { path = "/buy/{country}", query = { s = "{service}" } }
rules = [{ give = { external_id = "/id", number = "/n" } }]
[operations.status]
reply = "text"
request = { path = "/status/{external_id}" }
rules = [{ regex = "^(?<code>[0-9]+)$", give = { state = "=received", messages = { code = "$code" } } }]
[operations.cancel]
request = { path = "/cancel", method = "POST", json = { id = "{external_id}" } }
rules = [{ equals = "OK", give = {} }]
"#;

pub(crate) fn changed(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    BASE.replace(from, to)
}

pub(crate) fn reply(body: &str) -> RawReply {
    RawReply { status: 200, headers: vec![], body: body.as_bytes().to_vec() }
}

#[track_caller]
pub(crate) fn reads(from: &str, to: &str, op: Op, body: &str, expected: &str) {
    let driver = Driver::parse(&changed(from, to)).unwrap();
    assert_eq!(show(driver.interpret(op, &reply(body))), expected);
}

#[track_caller]
fn refused(from: &str, to: &str, place: &str, problem: &str) {
    let error = Driver::parse(&changed(from, to)).map(|_| ()).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.problem.contains(problem), "{error}");
}

pub(crate) const ROWS: &str =
    r#"rows = { path = "*.*", bind = ["country", "service"] }, cost = "/c", stock = "/n""#;

#[test]
fn an_operation_that_is_not_mentioned_is_unsupported() {
    let driver = Driver::parse(&changed("resend = { kind = \"unsupported\" }\n", "")).unwrap();
    assert!(!driver.supports(Op::Resend));
    let (head, tail) = BASE.split_once("[operations.buy]").unwrap();
    let (_, tail) = tail.split_once("[operations.status]").unwrap();
    let error = Driver::parse(&format!("{head}[operations.status]{tail}")).unwrap_err();
    assert_eq!(error.to_string(), "operations.buy: cannot be unsupported");
}

#[test]
fn rows_below_named_keys_are_found_and_filtered() {
    let give = r#"rows = { path = "data.*.list.*", bind = ["country", "_"], skip_keys = ["total"], filters = [{ at = "/kind", equals = "sms" }] }, service = ["/slug", "/name"], cost = "/cents", stock = "/n", scale = 2"#;
    let body = r#"{"data":{"total":3,"us":{"list":[
        {"kind":"sms","name":"tg","cents":125,"n":4},
        {"kind":"call","name":"tg","cents":1,"n":9},
        {"kind":"sms","slug":"wa","name":"x","cents":7,"n":5000000000}]},"de":{"list":[]},"fr":[]}}"#;
    let rows = "prices misfits=0\nus tg - 1.250000 x4\nus wa - 0.070000 x4294967295";
    reads(ROWS, give, Op::Prices, body, rows);
}

#[test]
fn a_list_of_open_activations_says_what_its_page_held() {
    let from = r#"list_active = { kind = "unsupported" }"#;
    let to = |page: u32| {
        format!(
            r#"list_active = {{ request = {{ path = "/l" }}, rules = [{{ at = ".", exists = true, give = {{ rows = {{ path = "*", filters = [{{ at = "/open", equals = "1" }}] }}, external_id = "/id", number = "/n", created = "/t", page_len = {page} }} }}] }}"#
        )
    };
    let body = r#"[{"id":3,"n":"62812345","t":30,"open":1},{"id":2,"t":"soon","open":0},{"id":1,"t":20,"open":0}]"#;
    let read =
        "active listed=3 oldest=20000 cut\n3 +62812345 - - created=30000\n  -\n  messages unknown";
    reads(from, &to(3), Op::ListActive, body, read);
    let place = "operations.list_active.rules[0].give";
    refused(from, &to(0), &format!("{place}.page_len"), "at least 1");
    let local = to(3).replace(r#"number = "/n""#, r#"number = "/n", local = true"#);
    let read = "active listed=3 oldest=20000 cut\n3 local 62812345 - - created=30000\n  -\n  messages unknown";
    reads(from, &local, Op::ListActive, body, read);
    // A plus stands before the country code, whatever the others are.
    let (plus, read) = (body.replace("62812345", "+62 812345"), read.replace("local 6", "+6"));
    reads(from, &local, Op::ListActive, &plus, &read);
    let both = local.replace("local = true", r#"local = true, number_prefix = "/cc""#);
    refused(from, &both, &format!("{place}.local"), "prefix already");
}

#[test]
fn a_list_of_open_activations_may_tell_states_and_messages() {
    let from = r#"list_active = { kind = "unsupported" }"#;
    let to = |more: &str| {
        format!(
            r#"list_active = {{ request = {{ path = "/l" }}, rules = [{{ at = ".", exists = true, give = {{ rows = {{ path = "*" }}, external_id = "/id", number = "/n"{more} }} }}] }}"#
        )
    };
    let lists = |more| Driver::parse(&changed(from, &to(more))).unwrap().lists_messages();
    assert!(!Driver::parse(BASE).unwrap().lists_messages());
    assert!(!lists("") && !lists(r#", state = "/s", states = { a = "received" }"#));
    let messages = r#", state = "/s", states = { a = "received", z = "finished" }, messages = { rows = { path = "m.*", lone = true }, code = ["/c", "."] }"#;
    assert!(lists(messages));
    let body = r#"[{"id":1,"n":"62812345","s":"a","m":["11"]},{"id":2,"n":"62812346","s":"a","m":"22"},
        {"id":3,"n":"62812347","s":"z","m":null},{"id":4,"n":"62812348","s":"b"}]"#;
    let read = "active listed=4 oldest=-\n\
        1 +62812345 - - created=-\n  received\n  id=- sender=- code=11 text=-\n\
        2 +62812346 - - created=-\n  received\n  id=- sender=- code=22 text=-\n\
        3 +62812347 - - created=-\n  finished\n\
        4 +62812348 - - created=-\n  -\n  messages unknown";
    reads(from, &to(messages), Op::ListActive, body, read);
    let body = r#"[{"id":1,"n":"62812345","s":"a"}]"#;
    let state = r#", state = "/s", states = { a = "received" }"#;
    let read =
        "active listed=1 oldest=-\n1 +62812345 - - created=-\n  received\n  messages unknown";
    reads(from, &to(state), Op::ListActive, body, read);
    let place = "operations.list_active.rules[0].give";
    let alone = to(r#", states = { a = "received" }"#);
    refused(from, &alone, &format!("{place}.states"), "need a `state`");
    let bare = to(r#", state = "/s""#);
    refused(from, &bare, place, "needs a table of `states`");
    let empty = to(r#", messages = {}"#);
    refused(from, &empty, &format!("{place}.messages"), "needs a `text` or a `code`");
}

#[test]
fn a_number_is_put_together_from_its_parts() {
    let (from, body) = (r#"number = "/n""#, r#"{"id":"a1","cc":"+62","n":8123456789}"#);
    let joined = r#"number = "/n", number_prefix = "/cc""#;
    reads(from, joined, Op::Buy, body, "bought a1 +628123456789 cost=- operator=-");
    let whole = r#"{"id":"a1","cc":"+62","n":"+44 7700 900123"}"#;
    reads(from, joined, Op::Buy, whole, "bought a1 +447700900123 cost=- operator=-");
    let constant = r#"number = "/n", number_prefix = "=7""#;
    reads(from, constant, Op::Buy, body, "bought a1 +78123456789 cost=- operator=-");
}

#[test]
fn a_status_may_say_the_number_that_its_purchase_was_answered_without() {
    let from = r#"regex = "^(?<code>[0-9]+)$", give = { state"#;
    let named = r#"regex = "^(?<code>[0-9]+)@(?<n>.*)$", give = { number = "$n", state"#;
    let driver = Driver::parse(&changed(from, named)).unwrap();
    let number = |body: &str| {
        let Ok(Output::Status(report)) = driver.interpret(Op::Status, &reply(body)) else {
            panic!("{body} is a status")
        };
        report.number
    };
    assert!(driver.tells_number() && !Driver::parse(BASE).unwrap().tells_number());
    assert_eq!(number("1234@+62 8123456789"), GivenNumber::Read(Number(628_123_456_789)));
    assert_eq!(
        (number("1234@"), number("1234@+62***")),
        (GivenNumber::Absent, GivenNumber::Unreadable)
    );
    let alone = r#"regex = "^(?<code>[0-9]+)$", give = { number_prefix = "=7", state"#;
    let place = "operations.status.rules[0].give.number_prefix";
    refused(from, alone, place, "needs a `number`");
}

#[test]
fn a_number_may_be_written_as_people_write_it() {
    let from = r#"number = "/n""#;
    for number in ["+62 812 345-6789", "62 (812) 345.6789", "+62\u{a0}812\u{2013}3456789"] {
        let body = format!(r#"{{"id":"a1","n":"{number}"}}"#);
        reads(from, from, Op::Buy, &body, "bought a1 +628123456789 cost=- operator=-");
    }
    let joined = r#"number = "/n", number_prefix = "/cc""#;
    let body = r#"{"id":"a1","cc":"+62 ","n":"812 345 6789"}"#;
    reads(from, joined, Op::Buy, body, "bought a1 +628123456789 cost=- operator=-");
}

#[test]
fn values_may_come_from_headers() {
    let to = r#"number = "/n", cost = ["@X-Price"]"#;
    let driver = Driver::parse(&changed(r#"number = "/n""#, to)).unwrap();
    let mut reply = reply(r#"{"id":1,"n":"12025550123"}"#);
    reply.headers.push(("x-price".to_owned(), "0.35".to_owned()));
    let read = show(driver.interpret(Op::Buy, &reply));
    assert_eq!(read, "bought 1 +12025550123 cost=0.350000 operator=-");
}

#[test]
fn a_scalar_reply_is_its_own_value() {
    let from =
        "kind = \"constant\"\nbody = '{\"b\":\"1.5\"}'\nrules = [{ give = { amount = \"/b\" } }]";
    let to = "reply = \"scalar\"\nrequest = { path = \"/b\" }\nrules = [{ regex = '^[0-9.]+$', give = { amount = \".\" } }]";
    reads(from, to, Op::Balance, " 12.5\n", "balance 12.500000");
    reads(from, to, Op::Balance, "NO", "no_numbers");
}

#[test]
fn constants_noops_and_unsupported_operations_send_nothing() {
    let driver = Driver::parse(BASE).unwrap();
    let plan =
        |op| driver.plan(op, &Slots::default(), &Credentials::default(), "http://p.test").unwrap();
    let Plan::Answer(fixed) = plan(Op::Balance) else { panic!("not an answer") };
    assert_eq!(show(driver.interpret(Op::Balance, &fixed)), "balance 1.500000");
    assert!(matches!(plan(Op::Finish), Plan::Nothing));
    assert!(matches!(plan(Op::ListActive), Plan::Unsupported));
    assert!(!driver.supports(Op::Resend) && driver.supports(Op::Finish));
}

fn plan(text: &str, op: Op, slots: &Slots<'_>) -> Result<(String, RequestBody), RequestError> {
    let credentials = Credentials { key: Secret::new("K"), ..Credentials::default() };
    match Driver::parse(text).unwrap().plan(op, slots, &credentials, "http://p.test/") {
        Ok(Plan::Call(request)) => Ok((request.url, request.body)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    }
}

#[test]
fn what_fills_a_slot_cannot_change_the_shape_of_a_request() {
    let buy = |country: &str| {
        let slots =
            Slots { country: Some(country), service: Some("a b&c=d#é"), ..Slots::default() };
        plan(BASE, Op::Buy, &slots).map(|(url, _)| url)
    };
    let url = "http://p.test/buy/a%2F..%3Fx?s=a%20b%26c%3Dd%23%C3%A9";
    assert_eq!(buy("a/..?x").as_deref(), Ok(url));
    assert_eq!(buy(".."), Err(RequestError::Unsendable("country")));
    assert_eq!(buy(""), Err(RequestError::Missing("country")));
    let slots = Slots { external_id: Some("1\",\"x\":\"2"), ..Slots::default() };
    let body = RequestBody::Json(r#"{"id":"1\",\"x\":\"2"}"#.to_owned());
    assert!(plan(BASE, Op::Cancel, &slots).is_ok_and(|(_, sent)| sent == body));
    let number =
        changed(r#"id = "{external_id}""#, r#"id = { value = "{external_id}", number = true }"#);
    let slots = Slots { external_id: Some("17"), ..slots };
    assert!(
        plan(&number, Op::Cancel, &slots)
            .is_ok_and(|(_, b)| b == RequestBody::Json(r#"{"id":17}"#.to_owned()))
    );
    let slots = Slots { external_id: Some("17,1"), ..slots };
    assert!(plan(&number, Op::Cancel, &slots).is_err());
}

#[test]
fn a_header_value_with_a_line_break_is_not_sent() {
    let credentials = Credentials { key: Secret::new("K\r\nX: 1"), ..Credentials::default() };
    let driver = Driver::parse(BASE).unwrap();
    let plan = driver.plan(Op::Prices, &Slots::default(), &credentials, "http://p.test");
    assert_eq!(plan.map(|_| ()).unwrap_err(), RequestError::Unsendable("key"), "it is named");
}

#[test]
fn a_base_address_is_a_plain_http_address() {
    let driver = Driver::parse(BASE).unwrap();
    for base in ["", "p.test", "ftp://p.test", "http://u:p@p.test", "http://p.test/?a=1", "http://"]
    {
        let plan = driver.plan(Op::Prices, &Slots::default(), &Credentials::default(), base);
        assert_eq!(plan.map(|_| ()).unwrap_err(), RequestError::BadBase, "{base}");
    }
}

#[test]
fn a_document_with_a_mistake_is_told_where() {
    refused("version = 1", "version = 1\ncolour = 1", "document", "unknown field `colour`");
    refused("version = 1", "version = 0", "version", "begins at 1");
    refused("currency = \"USD\"", "currency = \"usd\"", "currency", "ISO 4217");
    refused("name = \"plain\"", "name = \"Pl ain\"", "name", "is not a word");
    refused("calls = 10", "calls = 0", "limits.windows", "calls of 1 to");
    refused("[operations.cancel]", "[operations.abort]", "document", "unknown field `abort`");
    refused("kind = \"constant\"", "kind = \"call\"", "operations.balance.body", "never used");
    refused("{ kind = \"noop\" }", "{ kind = \"noop\", reply = \"xml\" }", "document", "xml");
    refused("\"/id\"", "\"id\"", "operations.buy.rules[0].give.external_id", "is none of");
    refused("external_id = \"/id\", ", "", "operations.buy.rules[0].give", "external_id");
    refused("number = \"/n\"", "number = \"/n\", nr = 1", "operations.buy.rules[0].give", "`nr`");
    refused(
        "\"$code\"",
        "\"$cod\"",
        "operations.status.rules[0].give.messages.code",
        "no group `cod`",
    );
    refused(
        "\"$code\"",
        "\"/code\"",
        "operations.status.rules[0].give.messages.code",
        "json reply",
    );
    refused("\"=received\"", "\"=got\"", "operations.status.rules[0].give.state", "`got`");
    refused("error = \"no_numbers\"", "error = \"no\"", "rules[0].error", "`no` is none of");
    refused("error = \"no_numbers\"", "give = {}", "rules[0]", "only be an `error`");
    refused(
        "[{ equals = \"NO\"",
        "[{ equals = \"NO\", starts = \"N\"",
        "rules[0]",
        "more than one",
    );
    refused("equals = \"NO\"", "regex = '(('", "rules[0].regex", "regex parse error");
    refused("equals = \"NO\"", "regex = '(a{999}){999}'", "rules[0].regex", "size limit");
    refused("{country}", "{land}", "operations.buy.request.path", "`{land}` is none of");
    refused("{country}", "{external_id}", "operations.buy.request.path", "no value in this");
    refused("{country}", "{operator}", "operations.buy.request.path", "may be absent");
    refused("{country}", "{country", "operations.buy.request.path", "without a `}`");
    refused("\"/prices\"", "\"prices\"", "operations.prices.request.path", "begin with `/`");
    refused("\"POST\"", "\"FETCH\"", "operations.cancel.request.method", "is none of GET");
    refused("method = \"POST\", ", "", "operations.cancel.request", "a GET has no body");
    refused("\"header\"", "\"form\"", "operations.prices.request", "no body to carry the key");
    refused("\"X-Key\"", "\"X Key\"", "operations.prices.request.headers", "no header name");
    refused(
        "[\"country\", \"service\"]",
        "[\"country\"]",
        "operations.prices.rules[0].give.rows.bind",
        "2 stars",
    );
    refused(
        "\"service\"]",
        "\"_\"]",
        "operations.prices.rules[0].give",
        "nothing gives the service",
    );
    refused(
        "cost = \"/c\"",
        "cost = \"/c\", country = \"/x\"",
        "operations.prices.rules[0].give.country",
        "bound to a key",
    );
}

#[test]
fn a_failing_server_is_believed_where_the_rule_says_so() {
    let of = |rule: &str, status: u16| {
        let driver = Driver::parse(&changed(r#"error = "no_numbers""#, rule)).unwrap();
        show(driver.interpret(Op::Cancel, &RawReply { status, ..reply("NO") }))
    };
    let [usual, certain, doubt] = ["", ", certain = true", ", in_doubt = true"]
        .map(|more| format!(r#"error = "no_numbers"{more}"#));
    assert_eq!(of(&usual, 200), "no_numbers");
    assert_eq!(of(&usual, 503), "temporary in_doubt");
    assert_eq!(of(&certain, 503), "no_numbers");
    assert_eq!(of(&doubt, 200), "no_numbers in_doubt");
    assert_eq!(of(r#"error = "rate_limited""#, 503), "rate_limited in_doubt");
    let both = r#"error = "no_numbers", certain = true, in_doubt = true"#;
    refused(r#"error = "no_numbers""#, both, "rules[0].certain", "in_doubt");
    refused(
        "give = {} }",
        "give = {}, certain = true }",
        "operations.cancel.rules[0].certain",
        "belongs",
    );
}

#[test]
fn good_words_are_believed_at_a_status_that_says_so_or_that_the_rule_names() {
    let of = |document: &str, status: u16| {
        let driver = Driver::parse(document).unwrap();
        show(driver.interpret(Op::Cancel, &RawReply { status, ..reply("OK") }))
    };
    for status in [200, 201, 204] {
        assert_eq!(of(BASE, status), "done -", "{status}");
    }
    for status in [500, 502, 503] {
        assert_eq!(of(BASE, status), "temporary in_doubt", "{status}");
    }
    for (status, kind) in
        [(302, "unmapped"), (401, "bad_key"), (403, "unmapped"), (404, "unmapped")]
    {
        assert_eq!(of(BASE, status), format!("{kind} in_doubt"), "{status}");
    }
    let named = changed("give = {} }", "status = [403], give = {} }");
    assert_eq!([of(&named, 403), of(&named, 200)], ["done -", "unmapped in_doubt"]);
}

#[test]
fn a_refusal_for_the_price_may_name_the_one_that_would_do() {
    let from = r#"equals = "NO", error = "no_numbers""#;
    let rule = r#"regex = '^LOW (?<p>.*)$', error = "price_too_low", price = "$p""#;
    reads(from, rule, Op::Cancel, "LOW 0.09", "price_too_low price=0.090000");
    for none in ["LOW -1", "LOW 0", "LOW much"] {
        reads(from, rule, Op::Cancel, none, "price_too_low");
    }
    let other = rule.replace("price_too_low", "no_balance");
    refused(from, &other, "rules[0].price", "belongs to `price_too_low`");
}

#[test]
fn a_rule_that_is_never_reached_is_a_mistake() {
    let after = r#"give = {} }, { equals = ["KO", "OK"], error = "too_early" }"#;
    refused("give = {} }", after, "operations.cancel.rules[1]", "`OK` is never reached");
    let all = r#"rules = [{ give = {} }, { equals = "OK""#;
    let from = r#"rules = [{ equals = "OK""#;
    refused(
        from,
        all,
        "operations.cancel.rules[1]",
        "is never reached: operations.cancel.rules[0]",
    );
    let constant = r#"number = ["=12345", "/n"]"#;
    refused(
        "number = \"/n\"",
        constant,
        "operations.buy.rules[0].give.number",
        "follows a constant is never reached",
    );
}

#[test]
fn a_syntax_error_is_told_with_its_line() {
    let error = Driver::parse("name = \"x\"\nversion = = 1").map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    let huge = format!("{BASE}# {}", "x".repeat(200_000));
    assert!(Driver::parse(&huge).map(|_| ()).unwrap_err().problem.contains("larger than"));
}

#[test]
fn no_reply_makes_a_shipped_driver_panic() {
    let bodies: [&[u8]; 12] = [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[[[[",
        b"{\"a\":{\"b\":{\"c\":1}}}",
        b"\"\\ud800\"",
        b"ACCESS_NUMBER:1:1",
        b"STATUS_OK:",
        b"{\"status\":{}}",
        b"{\"Total\":1,\"Data\":{\"a\":1}}",
    ];
    for (_, text) in Driver::shipped() {
        let driver = Driver::parse(text).unwrap();
        for op in Op::ALL {
            for body in bodies {
                for status in [0, 200, 204, 302, 404, 429, 500, u16::MAX] {
                    let reply = RawReply { status, headers: vec![], body: body.to_vec() };
                    let _ = driver.interpret(op, &reply);
                }
            }
        }
    }
}

#[test]
fn debug_output_and_errors_hide_keys_numbers_and_codes() {
    let driver = Driver::parse(BASE).unwrap();
    let credentials = Credentials { key: Secret::new("very-secret"), ..Credentials::default() };
    let plan = driver.plan(Op::Prices, &Slots::default(), &credentials, "http://p.test").unwrap();
    let report = driver.interpret(Op::Status, &reply("987654"));
    let bought = driver.interpret(Op::Buy, &reply(r#"{"id":1,"n":"12025550123"}"#));
    let odd = driver.interpret(Op::Status, &reply("what is 987654 12025550123"));
    let shown = format!(
        "{credentials:?} {plan:?} {report:?} {bought:?} {odd:?} {:?}",
        odd.as_ref().map_err(|e| &e.excerpt)
    );
    for hidden in ["very-secret", "987654", "12025550123"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains("what is *** ***"), "{shown}");
}
