//! What the demo prints of itself: where it is, whose keys open it, and lines to copy.
//!
//! Each line is one command that works by itself, in any shell, in the order printed.

use serde_json::{Value, json};

use super::seed::{OWN_COUNTRY, OWN_SERVICE, Seeded};
use crate::cli::print::{note, say};
use crate::public_id::ShownId;

/// What is printed, once for a run.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    pub telling: Telling,
    pub seeded: &'a Seeded,
    /// The ids of the next two activations.
    pub next: [ShownId; 2],
    /// Orders of others come between, and take ids.
    pub has_buyers: bool,
}

/// Where it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// On standard output, for people.
    Text,
    /// On standard output as an object a line, and on standard error for people: standard
    /// output is read by a program.
    JsonBesideText,
    /// As an object a line alone.
    Json,
}

impl Telling {
    fn tell(self, event: Value, lines: impl IntoIterator<Item = String>) {
        match self {
            Self::Text => lines.into_iter().for_each(say),
            Self::JsonBesideText => {
                say(event);
                lines.into_iter().for_each(note);
            }
            Self::Json => say(event),
        }
    }
}

impl Steps<'_> {
    /// Prints where the server is and the keys: it answers already, whatever it sells yet.
    pub(super) fn print_addresses(&self) {
        let Seeded { base_url, api_key, admin_key, data_dir, .. } = self.seeded;
        let mut event = serde_json::to_value(self.seeded).expect("strings have a JSON form");
        event["event"] = "started".into();
        let lines = [
            format!("NexNum's demo answers at {base_url}"),
            format!("  start page   {base_url}/"),
            format!("  API docs     {base_url}/docs"),
            format!("  account key  {api_key}"),
            format!("  admin key    {admin_key}"),
            format!("  data folder  {} (all of this is in demo.json there)", data_dir.display()),
        ];
        self.telling.tell(event, lines);
    }

    /// Prints that the market is open, and the lines to copy.
    pub(super) fn print(&self) {
        let base_url = &self.seeded.base_url;
        let step = |(what, command)| json!({ "what": what, "command": command });
        let steps: Vec<_> = self.lines().map(step).into();
        let event = json!({ "event": "market_open", "base_url": base_url, "steps": steps });
        let first = format!("The market is open at {base_url}");
        let last = "\nCtrl-C stops it; the same command starts it again with everything in place.";
        let lines = self.lines().map(|(what, line)| format!("\n# {what}\n{line}"));
        self.telling.tell(event, [first].into_iter().chain(lines).chain([last.to_owned()]));
    }

    fn lines(&self) -> [(String, String); 7] {
        let curl = format!("curl -s -H 'Authorization: Bearer {}'", self.seeded.api_key);
        let api = format!("{}/api/v1", self.seeded.base_url);
        let buy = |country: &str, service: &str, more: &str| {
            format!(
                r#"{curl} {api}/orders -d '{{"country":"{country}","service":"{service}"{more}}}'"#
            )
        };
        // Where others buy too it is not known which ids come.
        let [first, second] = self.next.map(|id| match self.has_buyers {
            true => "ID".to_owned(),
            false => id.to_string(),
        });
        let id = |id: &str| match self.has_buyers {
            true => format!(
                "put the `activation.id` of the answer in the place of {id}: others buy too"
            ),
            false => format!("{id} is its `activation.id`, as the answer says"),
        };
        let line = |what: &str, line: String| (what.to_owned(), line);
        [
            line("Look at offers", format!("{curl} '{api}/offers?country=ID&service=telegram'")),
            line("Buy a number", buy("ID", "telegram", r#","max_price":"0.40""#)),
            (
                format!("Wait for its code ({})", id(&first)),
                format!("{curl} '{api}/activations/{first}?wait=30'"),
            ),
            line("See the wallet", format!("{curl} {api}/wallet")),
            line("Buy another", buy(OWN_COUNTRY, OWN_SERVICE, "")),
            (
                format!("Cancel it ({})", id(&second)),
                format!("{curl} -X POST {api}/activations/{second}/cancel"),
            ),
            line("See the money come back", format!("{curl} '{api}/wallet/transactions?limit=3'")),
        ]
    }
}
