//! The loads: what each sends and what it expects back.

use std::fmt;

use super::{BenchError, LoadTarget};

/// Digits of the counter in an idempotency key, in hexadecimal.
const KEY_DIGITS: usize = 16;

/// What a run sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Load {
    /// Orders spread over all products.
    Order,
    /// Orders for one product.
    OrderHot,
    /// Orders for one product of which one unit is left: refusals, but for one.
    Race,
    /// Quotes over all products.
    Quote,
    /// Activations looked at.
    Poll,
    /// The fixed reply: the baseline.
    Plain,
}

/// How a reply counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What was asked for was done.
    Done,
    /// Refused as a race's losers must be.
    Refused,
    /// Anything else.
    Wrong,
}

/// A rendered request; an order's idempotency key is filled in before each sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    bytes: Vec<u8>,
    counter_at: Option<usize>,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "order",
            Self::OrderHot => "order-hot",
            Self::Race => "race",
            Self::Quote => "quote",
            Self::Poll => "poll",
            Self::Plain => "plain",
        })
    }
}

impl Load {
    /// What a reply means for this load.
    pub(super) fn judge(self, status: u16, body: &[u8]) -> Verdict {
        match (self, status) {
            (Self::Order | Self::OrderHot | Self::Race, 201)
            | (Self::Quote | Self::Poll | Self::Plain, 200) => Verdict::Done,
            (Self::Race, 409) if names_code(body, "no_numbers") => Verdict::Refused,
            (Self::Race, 402) if names_code(body, "insufficient_funds") => Verdict::Refused,
            (
                Self::Order | Self::OrderHot | Self::Race | Self::Quote | Self::Poll | Self::Plain,
                _,
            ) => Verdict::Wrong,
        }
    }

    /// The requests that the connections take turns in.
    ///
    /// `run_id` sets the idempotency keys of this run apart from those of any other.
    pub(super) fn templates(
        self,
        target: &LoadTarget,
        host: &str,
        run_id: u64,
    ) -> Result<Vec<Template>, BenchError> {
        let products = &target.products;
        let templates: Vec<Template> = match self {
            Self::Order => products.iter().map(|p| order(target, host, p, run_id)).collect(),
            Self::OrderHot | Self::Race => {
                products.iter().take(1).map(|p| order(target, host, p, run_id)).collect()
            }
            Self::Quote => products.iter().map(|p| quote(target, host, p)).collect(),
            Self::Poll => {
                let path = |id| format!("/api/v1/activations/{id}");
                target.activation_ids.iter().map(|id| get(target, host, &path(id))).collect()
            }
            Self::Plain => vec![get(target, host, "/health/plain")],
        };
        let what = if self == Self::Poll { "activations" } else { "products" };
        if templates.is_empty() {
            return Err(BenchError::Lacking { load: self, what });
        }
        Ok(templates)
    }
}

impl Template {
    /// Renders the request into `buffer`, as the one with this number.
    pub(super) fn render(&self, number: u64, buffer: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        if let Some(at) = self.counter_at {
            for (place, digit) in buffer[at..at + KEY_DIGITS].iter_mut().rev().enumerate() {
                *digit = HEX[(number >> (4 * place)) as usize & 15];
            }
        }
    }
}

/// Whether a problem's stable code is this one.
fn names_code(body: &[u8], code: &str) -> bool {
    let member = format!("\"code\":\"{code}\"");
    memchr::memmem::find(body, member.as_bytes()).is_some()
}

fn get(target: &LoadTarget, host: &str, path: &str) -> Template {
    Template { bytes: render_get(&target.api_key, host, path), counter_at: None }
}

fn quote(target: &LoadTarget, host: &str, (country, service): &(String, String)) -> Template {
    get(target, host, &format!("/api/v1/quotes?country={country}&service={service}"))
}

fn order(target: &LoadTarget, host: &str, product: &(String, String), run_id: u64) -> Template {
    let lead = format!("bench-{run_id:016x}-");
    let key = format!("{lead}{:0>KEY_DIGITS$}", "");
    let bytes = render_order(&target.api_key, host, product, &key);
    let found = memchr::memmem::find(&bytes, key.as_bytes());
    let at = found.expect("the key is in the request that was rendered with it");
    Template { bytes, counter_at: Some(at + lead.len()) }
}

pub(super) fn render_get(api_key: &str, host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {api_key}\r\n\r\n")
        .into_bytes()
}

pub(super) fn render_order(
    api_key: &str,
    host: &str,
    (country, service): &(String, String),
    idempotency_key: &str,
) -> Vec<u8> {
    let body = serde_json::json!({ "country": country, "service": service }).to_string();
    let header = format!("idempotency-key: {idempotency_key}\r\n");
    render_post(api_key, host, "/api/v1/orders", &header, &body)
}

/// `headers` are whole lines, each with its end.
pub(super) fn render_post(
    api_key: &str,
    host: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {api_key}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> LoadTarget {
        LoadTarget {
            base_url: "http://h:1".to_owned(),
            api_key: "nx_k".to_owned(),
            products: vec![
                ("ID".to_owned(), "telegram".to_owned()),
                ("US".to_owned(), "google".to_owned()),
            ],
            activation_ids: vec!["5".to_owned()],
        }
    }

    fn rendered(load: Load, number: u64) -> Vec<String> {
        let mut buffer = Vec::new();
        let templates = load.templates(&target(), "h:1", 0xab).unwrap();
        templates
            .iter()
            .map(|template| {
                template.render(number, &mut buffer);
                String::from_utf8(buffer.clone()).unwrap()
            })
            .collect()
    }

    #[test]
    fn an_order_carries_its_own_idempotency_key() {
        assert_eq!(
            rendered(Load::Order, 0x1f)[1],
            "POST /api/v1/orders HTTP/1.1\r\nhost: h:1\r\nauthorization: Bearer nx_k\r\n\
             idempotency-key: bench-00000000000000ab-000000000000001f\r\n\
             content-type: application/json\r\ncontent-length: 35\r\n\r\n\
             {\"country\":\"US\",\"service\":\"google\"}"
        );
        assert_eq!(rendered(Load::Order, 1).len(), 2);
        assert_eq!(rendered(Load::OrderHot, 1).len(), 1);
        assert_eq!(rendered(Load::Race, u64::MAX).len(), 1);
    }

    #[test]
    fn reads_name_their_path() {
        for (load, start) in [
            (Load::Quote, "GET /api/v1/quotes?country=ID&service=telegram HTTP/1.1\r\n"),
            (Load::Poll, "GET /api/v1/activations/5 HTTP/1.1\r\n"),
            (Load::Plain, "GET /health/plain HTTP/1.1\r\n"),
        ] {
            assert!(rendered(load, 0)[0].starts_with(start), "{load}");
        }
    }

    #[test]
    fn only_a_race_expects_refusals() {
        let sold_out = br#"{"code":"no_numbers"}"#;
        for (load, status, body, expected) in [
            (Load::Order, 201, &b""[..], Verdict::Done),
            (Load::Order, 409, sold_out, Verdict::Wrong),
            (Load::Order, 200, b"", Verdict::Wrong),
            (Load::Race, 201, b"", Verdict::Done),
            (Load::Race, 409, sold_out, Verdict::Refused),
            (Load::Race, 409, br#"{"code":"idempotency_mismatch"}"#, Verdict::Wrong),
            (Load::Race, 402, br#"{"code":"insufficient_funds"}"#, Verdict::Refused),
            (Load::Race, 500, b"", Verdict::Wrong),
            (Load::Poll, 200, b"", Verdict::Done),
            (Load::Plain, 404, b"", Verdict::Wrong),
        ] {
            assert_eq!(load.judge(status, body), expected, "{load} {status}");
        }
    }

    #[test]
    fn a_load_without_its_objects_is_refused() {
        let empty = LoadTarget { products: Vec::new(), activation_ids: Vec::new(), ..target() };
        for load in [Load::Order, Load::OrderHot, Load::Race, Load::Quote, Load::Poll] {
            assert!(load.templates(&empty, "h:1", 0).is_err(), "{load}");
        }
        assert!(Load::Plain.templates(&empty, "h:1", 0).is_ok());
    }
}
