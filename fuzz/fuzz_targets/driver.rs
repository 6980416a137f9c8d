//! Any reply through every operation of every shipped driver, any text as a driver
//! document, and any words in the requests that drivers make.
//!
//! The first byte chooses: 0xD0 a document, 0xC0 words for a request, else a reply, whose
//! status the two bytes after it choose; a header may follow up to the first newline.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nexnum_driver::{Credentials, Driver, Op, Output, Plan, RawReply, Secret, Slots};

static DRIVERS: LazyLock<Vec<Driver>> = LazyLock::new(|| {
    let parse = |(name, text): &(&str, &str)| {
        Driver::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    Driver::shipped().iter().map(parse).collect()
});

const STATUSES: [u16; 12] = [200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500, 503];
const BASE: &str = "http://p.test/base";

fn interpret(driver: &Driver, reply: &RawReply) {
    for op in Op::ALL {
        let read = driver.interpret(op, reply);
        let decided = driver.deciding_rule(op, reply);
        match read {
            Ok(Output::Prices(list)) => {
                assert!(list.rows.iter().all(|row| row.cost.0 >= 0), "a price below zero");
            }
            Ok(Output::Bought(bought)) => {
                assert!(!bought.external_id.is_empty());
                assert!(bought.number.read().is_none_or(|number| number.0 >= 10_000));
                assert!(bought.cost.is_none_or(|cost| cost.0 >= 0), "a cost below zero");
            }
            Ok(
                Output::Balance { .. }
                | Output::Status(_)
                | Output::Done { .. }
                | Output::Active(_),
            ) => {}
            Err(error) => {
                let _shown = format!("{error} {error:?}");
                continue;
            }
        }
        assert!(decided.is_some(), "{}: read without a rule", op.name());
    }
}

fn plan(driver: &Driver, text: &str) {
    let mut words = text.split('\n');
    let slots = Slots {
        country: words.next(),
        service: words.next(),
        operator: words.next(),
        max_price: words.next(),
        external_id: words.next(),
        offset: words.next(),
    };
    let key = Secret::new(words.next().unwrap_or("KEY"));
    let credentials = Credentials { key, login: None, password: None };
    for op in Op::ALL {
        let Ok(Plan::Call(request)) = driver.plan(op, &slots, &credentials, BASE) else { continue };
        let tail = request.url.strip_prefix(BASE).expect("words stay behind the base address");
        assert!(tail.is_empty() || tail.starts_with(['/', '?']), "{tail:?} leaves the host");
        assert!(tail.bytes().all(|byte| byte.is_ascii_graphic()), "{tail:?} is not encoded");
        assert!(!tail.split(['/', '?']).any(|part| part == ".."), "{tail:?} climbs");
    }
}

fn reply(bytes: &[u8]) -> RawReply {
    let (status, bytes) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    let status = STATUSES[usize::from(status) % STATUSES.len()];
    let (head, body) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) if bytes.first() == Some(&b'@') => (&bytes[1..at], &bytes[at + 1..]),
        Some(_) | None => (&[][..], bytes),
    };
    let head = String::from_utf8_lossy(head);
    let headers = head.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    RawReply { status, headers: headers.into_iter().collect(), body: body.to_vec() }
}

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0xD0, text)) => {
            let Ok(text) = std::str::from_utf8(text) else { return };
            if let Ok(driver) = Driver::parse(text) {
                interpret(&driver, &reply(b"\x00{\"a\":[1,{\"b\":\"c\"}],\"id\":7}"));
                interpret(&driver, &reply(b"\x00ACCESS_NUMBER:635468024:79584******"));
                let credentials = Credentials::default();
                for op in Op::ALL {
                    let _plan = driver.plan(op, &Slots::default(), &credentials, BASE);
                }
            }
        }
        Some((0xC0, text)) => {
            let Ok(text) = std::str::from_utf8(text) else { return };
            DRIVERS.iter().for_each(|driver| plan(driver, text));
        }
        Some((_, rest)) => {
            let reply = reply(rest);
            DRIVERS.iter().for_each(|driver| interpret(driver, &reply));
        }
        None => {}
    }
});
