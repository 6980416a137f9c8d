//! What the demo prints of itself: where it is, whose keys open it, and lines to copy.
//!
//! Each line is one command that works by itself, in any shell, in the order printed.

use nexnum_engine::ids::OrderId;

use super::seed::{OWN_COUNTRY, OWN_SERVICE, Seeded};
use crate::cli::print::say;

/// Prints where the server is and the keys: it answers already, whatever it sells yet.
pub(super) fn print_addresses(seeded: &Seeded) {
    let Seeded { base_url, api_key, admin_key, data_dir, .. } = seeded;
    say(format_args!("NexNum's demo answers at {base_url}"));
    say(format_args!("  start page   {base_url}/"));
    say(format_args!("  API docs     {base_url}/docs"));
    say(format_args!("  account key  {api_key}"));
    say(format_args!("  admin key    {admin_key}"));
    say(format_args!("  data folder  {} (all of this is in demo.json there)", data_dir.display()));
}

/// Prints that the market is open, and the lines to copy; `next` is the next order's id.
pub(super) fn print(seeded: &Seeded, next: OrderId) {
    say(format_args!("The market is open at {}", seeded.base_url));
    for (what, line) in lines(seeded, next) {
        say(format_args!("\n# {what}\n{line}"));
    }
    say("\nCtrl-C stops it; the same command starts it again with everything in place.");
}

fn lines(seeded: &Seeded, first: OrderId) -> [(String, String); 7] {
    let curl = format!("curl -s -H 'Authorization: Bearer {}'", seeded.api_key);
    let api = format!("{}/api/v1", seeded.base_url);
    let buy = |country: &str, service: &str, more: &str| {
        format!(r#"{curl} {api}/orders -d '{{"country":"{country}","service":"{service}"{more}}}'"#)
    };
    let second = OrderId(first.0 + 1);
    let line = |what: &str, line: String| (what.to_owned(), line);
    [
        line("Look at offers", format!("{curl} '{api}/offers?country=ID&service=telegram'")),
        line("Buy a number", buy("ID", "telegram", r#","max_price":"0.40""#)),
        (
            format!("Wait for its code ({first} is the order's id, as the answer above says)"),
            format!("{curl} '{api}/activations/{first}?wait=30'"),
        ),
        line("See the wallet", format!("{curl} {api}/wallet")),
        line("Buy another", buy(OWN_COUNTRY, OWN_SERVICE, "")),
        (
            format!("Cancel it ({second} is its id)"),
            format!("{curl} -X POST {api}/activations/{second}/cancel"),
        ),
        line("See the money come back", format!("{curl} '{api}/wallet/transactions?limit=3'")),
    ]
}
