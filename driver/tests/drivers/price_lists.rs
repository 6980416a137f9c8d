//! What a price list may look like, and what is told of one that cannot be read.

use nexnum_driver::{Driver, EXCERPT_MAX, ErrorKind, Op};

use crate::language::{BASE, ROWS, changed, reads, reply};
use crate::recorded::show;

#[test]
fn keys_that_are_prices_make_one_row_each() {
    let give = r#"rows = { path = "*.*.*", bind = ["country", "service", "cost"] }, stock = ".""#;
    let body = r#"{"0":{"vk":{"10.00":120,"12.50":"33"}}}"#;
    let rows = "prices misfits=0\n0 vk - 10.000000 x120\n0 vk - 12.500000 x33";
    reads(ROWS, give, Op::Prices, body, rows);
}

#[test]
fn a_bad_row_is_left_out_and_a_bad_list_is_refused() {
    let row = |i: u32, c: &str| format!(r#""s{i}":{{"c":{c},"n":1}}"#);
    let mut good: Vec<_> = (0..9).map(|i| row(i, "0.5")).collect();
    good.push(row(9, "null"));
    let body = format!(r#"{{"us":{{{}}}}}"#, good.join(","));
    let driver = Driver::parse(BASE).unwrap();
    assert!(show(driver.interpret(Op::Prices, &reply(&body))).starts_with("prices misfits=1\n"));
    good.push(row(10, "-1"));
    let body = format!(r#"{{"us":{{{}}}}}"#, good.join(","));
    assert_eq!(show(driver.interpret(Op::Prices, &reply(&body))), "unmapped in_doubt");
}

#[test]
fn a_refused_list_says_how_many_rows_cannot_be_read_and_why_the_first_cannot() {
    let excerpt = |driver: &Driver, body: &str| {
        let error = driver.interpret(Op::Prices, &reply(body)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unmapped);
        error.excerpt
    };
    let driver = Driver::parse(BASE).unwrap();
    let bad = |row: &str| {
        let body =
            format!(r#"{{"6":{{"tg":{{"c":0.1,"n":1}}}},"zz":{{"q":{row},"r":{{"n":2}}}}}}"#);
        let excerpt = excerpt(&driver, &body);
        let (of, why) = excerpt.split_once("; the first, row 2 (zz q): ").expect(&excerpt);
        assert_eq!(of, "2 of 3 rows cannot be read, more than a tenth");
        why.to_owned()
    };
    assert_eq!(bad(r#"{"c":"1,000.5","n":1}"#), "cost: \"1,000.5\" is no amount");
    assert_eq!(bad(r#"{"c":-1,"n":1}"#), "cost: \"-1\" is below zero");
    assert_eq!(bad(r#"{"c":null,"n":1}"#), "cost: nothing is there");
    assert_eq!(bad(r#"{"c":1,"n":"many"}"#), "stock: \"many\" is no count");
    assert_eq!(bad(r#"{"c":1}"#), "stock: nothing is there");
    let secret = "k3y".repeat(20);
    let masked = bad(&format!(r#"{{"c":"{secret} 79161234567 {}","n":1}}"#, "no ".repeat(10)));
    assert_eq!(masked, "cost: \"*** *** no no no no no n\" is no amount");
    // Codes of any length, and as many rows as there may be.
    let give =
        r#"rows = { path = "*" }, country = "/a", service = "/b", cost = "/c", stock = "/n""#;
    let driver = Driver::parse(&changed(ROWS, give)).unwrap();
    let good = r#"{"a":"6","b":"tg","c":1,"n":1},"#;
    let codes = "\u{e9} ".repeat(100);
    let row = format!(r#"{{"a":"{codes}","b":"{codes}","c":1,"n":1}},"#);
    let body = format!("[{}{}null]", good.repeat(100), row.repeat(30));
    let why = excerpt(&driver, &body);
    assert!(why.starts_with("31 of 131 rows cannot be read, more than a tenth; "), "{why}");
    assert!(why.ends_with(" country: longer than 128 characters"), "{why}");
    assert!(why.chars().count() <= EXCERPT_MAX, "{why}");
}

#[test]
fn a_row_without_a_stock_of_its_own_has_none() {
    let row = |at: usize, count: &str| format!(r#""s{at}":{{"c":0.5,"n":{count}}}"#);
    let counts = ["null", "-1", "\"-1\"", "-2.0", "0", "7.0", "3"];
    let rows: Vec<_> = counts.iter().enumerate().map(|(at, count)| row(at, count)).collect();
    let body = format!(r#"{{"us":{{{}}}}}"#, rows.join(","));
    let read = "prices misfits=0\nus s0 - 0.500000 x0\nus s1 - 0.500000 x0\nus s2 - 0.500000 x0\n\
                us s3 - 0.500000 x0\nus s4 - 0.500000 x0\nus s5 - 0.500000 x7\nus s6 - 0.500000 x3";
    reads(ROWS, ROWS, Op::Prices, &body, read);
    // Half a number is none, and a place that is not there is another form of list.
    for row in [r#"{"c":0.5,"n":7.5}"#, r#"{"c":0.5}"#, r#"{"c":0.5,"n":"-"}"#] {
        let body = format!(r#"{{"us":{{"tg":{row}}}}}"#);
        reads(ROWS, ROWS, Op::Prices, &body, "unmapped in_doubt");
    }
}

#[test]
fn smspool_s_zeros_are_numbers_but_where_a_code_should_be() {
    let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "smspool").unwrap();
    let driver = Driver::parse(text).unwrap();
    let read = |op: Op, body: &str| show(driver.interpret(op, &reply(body)));
    for zero in ["0", "\"0\"", "\"0.00\""] {
        let body = format!(r#"{{"balance":{zero}}}"#);
        assert_eq!(read(Op::Balance, &body), "balance 0.000000", "{body}");
    }
    let row =
        |stock: &str| format!(r#"[{{"country":1,"service":2,"pool":3,"price":"1.5"{stock}}}]"#);
    let listed = |stock: &str| read(Op::Prices, &row(stock));
    assert_eq!(listed(r#","stock":0"#), "prices misfits=0\n1 2 3 1.500000 x0");
    assert_eq!(listed(""), "prices misfits=0\n1 2 3 1.500000 x50");
    let status = r#"{"status":1,"sms":"0","full_sms":"0"}"#;
    assert!(!read(Op::Status, status).contains("code"), "{}", read(Op::Status, status));
}
