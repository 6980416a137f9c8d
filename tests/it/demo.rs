//! The demo as a newcomer meets it: the real binary, the printed lines pasted into a shell,
//! `kill -9`, and the same command again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::machine;
use crate::rig::process::{KilledOnDrop, nexnum};

/// What the issue allows from the build's end to a running market.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// Of the line that ends what the demo prints of itself, for people and for programs.
const LAST_WORDS: [&str; 2] = ["Ctrl-C stops it", r#""event":"market_open""#];

/// The demo as a process.
struct Demo {
    process: KilledOnDrop,
    screen: PathBuf,
    /// What is on standard output: a file.
    printed: String,
    /// What is on standard error.
    noted: String,
    told: Value,
}

impl Demo {
    /// Starts it on `data` and waits until it has said everything of itself.
    fn start(data: &Path, screen: PathBuf, more: &[&str]) -> Self {
        let notes = screen.with_extension("notes");
        let process = nexnum()
            .args(["demo", "--listen", "127.0.0.1:0", "--seed", "11", "--data"])
            .arg(data)
            .args(["--min-cancel-age", "1", "--sms-delay-ms", "200..600"])
            .args(more)
            .stdout(File::create(&screen).unwrap())
            .stderr(File::create(&notes).unwrap())
            .spawn()
            .unwrap();
        let process = KilledOnDrop(process);
        let (printed, noted) = (String::new(), String::new());
        let mut demo = Self { process, screen, printed, noted, told: Value::Null };
        let deadline = Instant::now() + PATIENCE;
        let [noted, printed] = LAST_WORDS;
        let is_noted = |demo: &Self| demo.noted.contains(noted) || more.contains(&"--json");
        while !demo.printed.contains(printed) || !is_noted(&demo) {
            assert_eq!(demo.process.0.try_wait().unwrap(), None, "it ended:\n{}", demo.printed);
            assert!(Instant::now() < deadline, "no market in a minute:\n{}", demo.printed);
            thread::sleep(PAUSE);
            demo.printed = fs::read_to_string(&demo.screen).unwrap();
            demo.noted = fs::read_to_string(&notes).unwrap();
        }
        assert!(demo.printed.lines().all(|line| line.starts_with('{')), "{}", demo.printed);
        demo.told = serde_json::from_slice(&fs::read(data.join("demo.json")).unwrap()).unwrap();
        demo
    }

    /// What it has printed of what happened, so far.
    fn events(&self) -> Vec<Value> {
        let screen = fs::read_to_string(&self.screen).unwrap();
        let whole = screen.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The first of these of a kind.
    fn event(&self, kind: &str) -> Value {
        self.events().into_iter().find(|event| event["event"] == kind).unwrap()
    }

    /// Waits until it has printed such an event.
    #[track_caller]
    fn await_event(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.events();
            if let Some(found) = events.iter().find(|event| is_it(event)) {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "no {what} among {events:?}");
            thread::sleep(PAUSE);
        }
    }

    /// The lines to copy, in order: for people, and the same for programs.
    fn lines(&self) -> Vec<&str> {
        let lines: Vec<_> = self.noted.lines().filter(|line| line.starts_with("curl ")).collect();
        let steps = self.event("market_open")["steps"].clone();
        let commands = steps.as_array().unwrap().iter().map(|step| &step["command"]);
        assert!(commands.eq(lines.iter()), "{steps}");
        lines
    }

    /// What `path` shows to the holder of the key named so in `demo.json`.
    fn show(&self, key: &str, path: &str) -> Value {
        let (base, key) = (self.told["base_url"].as_str().unwrap(), self.told[key].as_str());
        let key = key.unwrap();
        paste(&format!("curl -s -H 'Authorization: Bearer {key}' '{base}/api/v1/{path}'"))
    }

    /// Everything that must outlive a crash.
    fn all(&self) -> Value {
        let of = |key| {
            json!({
                "wallet": self.show(key, "wallet"),
                "transactions": self.show(key, "wallet/transactions?limit=100"),
                "orders": self.show(key, "orders?limit=100"),
            })
        };
        json!([of("api_key"), of("api_key_2")])
    }
}

/// Runs a line in a shell, as printed.
fn paste(line: &str) -> Value {
    let ran = Command::new("sh").args(["-c", line]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{line}\n{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.ends_with("}\n"), "the prompt would be beside it: {said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {line}\n{said}"))
}

/// The first lines name the start page and the API's description for people, and both answer.
fn check_pages(demo: &Demo) {
    let base = demo.told["base_url"].as_str().unwrap();
    let first: Vec<&str> = demo.noted.lines().take(3).collect();
    assert_eq!(demo.events()[0]["base_url"], base);
    for page in [format!("{base}/"), format!("{base}/docs")] {
        assert!(first.iter().any(|line| line.ends_with(&page)), "{page}: {first:?}");
        let shown = Command::new("curl").args(["-sf", &page]).output().unwrap();
        assert!(shown.status.success(), "{page}");
        assert!(String::from_utf8_lossy(&shown.stdout).starts_with("<!DOCTYPE html>"), "{page}");
    }
}

fn check_offers(offers: &Value) {
    let offers = offers["offers"].as_array().unwrap();
    assert!(offers.iter().any(|offer| offer["stock"].as_u64() > Some(0)), "{offers:?}");
}

/// The keys are told before the market is open, and no line runs another.
fn check_words(demo: &Demo) {
    let at = |words: &str| demo.noted.find(words).unwrap_or_else(|| panic!("{words}"));
    assert!(at("admin key") < at("The market is open at "));
    let events = demo.events();
    assert_eq!(
        (&events[0]["event"], &events[1]["event"]),
        (&json!("started"), &json!("market_open"))
    );
    assert_eq!(events[0]["admin_key"], demo.told["admin_key"]);
    for line in demo.lines() {
        assert!(!line.contains(['$', '`', '|', ';']), "{line}");
    }
}

/// Pastes the lines; returns the bought order and the cancelled activation.
fn check_lines(demo: &Demo) -> (Value, Value) {
    let lines = demo.lines();
    let [offers, buy, wait, wallet, buy_another, cancel, transactions] = lines[..] else {
        panic!("not seven lines: {lines:?}");
    };
    check_offers(&paste(offers));
    let order = paste(buy);
    assert_eq!(order["product"], json!({"country": "ID", "service": "telegram"}), "{order}");
    assert!(order["activation"]["number"].as_str().unwrap().starts_with("+62"), "{order}");
    let received = paste(wait);
    assert_eq!((&received["order_id"], &received["state"]), (&order["id"], &json!("RECEIVED")));
    assert!(received["messages"][0]["code"].as_str().unwrap().len() >= 4, "{received}");
    let seen = paste(wallet);
    assert_eq!((&seen["escrow"], &seen["currency"]), (&json!("0.000000"), &json!("USD")));
    let another = paste(buy_another);
    let cancelled = paste(cancel);
    assert_eq!(cancelled["order_id"], another["id"]);
    assert_eq!(cancelled["state"], "CANCELLED", "{cancelled}");
    assert_eq!(paste(wallet), seen, "the money came back");
    let rows = paste(transactions);
    let kinds: Vec<&Value> =
        rows["transactions"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["REFUND", "SPEND", "SPEND"]);
    (order, cancelled)
}

#[test]
fn a_port_that_is_in_use_is_told_with_its_setting_and_leaves_no_folder() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("demo");
    let said = |words: &[&str], path: &Path| {
        let ran = nexnum().args(words).arg(path).output().unwrap();
        assert_eq!(ran.status.code(), Some(1), "{words:?}");
        String::from_utf8(ran.stderr).unwrap()
    };
    assert_eq!(
        said(&["demo", "--listen", &address, "--data"], &data),
        format!(
            "nexnum: {address} is in use: choose another address with --listen, e.g. --listen \
             127.0.0.1:0\n"
        )
    );
    assert!(!data.exists());
    for setting in ["listen", "metrics_listen"] {
        let served = folder.path().join(setting);
        assert!(nexnum().arg("init").arg(&served).output().unwrap().status.success());
        let config = served.join("test.toml");
        let other = if setting == "listen" { "" } else { "listen = \"127.0.0.1:0\"\n" };
        let text = format!("{other}{setting} = {address:?}\ndata_dir = \".\"\n");
        fs::write(&config, text).unwrap();
        let words = said(&["serve", "--config"], &config);
        let told = format!(
            "nexnum: {address} is in use: choose another address with `{setting}` in the \
             configuration\n"
        );
        assert!(words.ends_with(&told), "{words}");
    }
}

/// What was pasted is told as it happened, without a number or a code.
fn check_events(demo: &Demo, order: &Value, cancelled: &Value) {
    for (event, id) in [
        ("order_placed", &order["id"]),
        ("number_given", &order["id"]),
        ("code_received", &order["id"]),
        ("order_placed", &cancelled["order_id"]),
        ("order_cancelled", &cancelled["order_id"]),
    ] {
        let found = demo.await_event(event, |told| {
            told["event"] == event && told["order"] == *id && told["account"] == "demo"
        });
        let number = found["number"].as_str().unwrap_or_default();
        assert!(number.is_empty() || number.contains('•'), "{found}");
    }
    let messages = demo.show("api_key", "orders?limit=100");
    let code = messages["orders"][1]["activation"]["messages"][0]["code"].as_str().unwrap();
    let screen = fs::read_to_string(&demo.screen).unwrap();
    let events: Vec<&str> = screen.lines().collect();
    let number = order["activation"]["number"].as_str().unwrap();
    let quoted = format!("\"{code}\"");
    assert!(events.iter().all(|line| !line.contains(number) && !line.contains(&quoted)));
}

/// A code that one of the demo's own buyers got.
fn is_code_of_a_buyer(event: &Value) -> bool {
    let account = event["account"].as_str().unwrap_or_default();
    event["event"] == "code_received" && account.starts_with("buyer-")
}

#[test]
fn buyers_trade_by_themselves_and_are_the_same_after_kill_9() {
    let _machine = machine::alone_blocking();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("demo");
    let buyers = ["--buyers", "3", "--json", "--faults", "0.02"];
    let demo = Demo::start(&data, folder.path().join("screen"), &buyers);
    assert!(!demo.noted.contains("admin key"), "JSON alone: {}", demo.noted);
    demo.await_event("code", is_code_of_a_buyer);
    let status = demo.await_event("status", |event| event["event"] == "status");
    assert!(status["since_start"]["orders"].as_u64() > Some(0), "{status}");
    let told = demo.told.clone();
    assert_eq!(told["buyers"].as_array().unwrap().len(), 3);
    drop(demo);

    let demo = Demo::start(&data, folder.path().join("screen again"), &["--buyers", "2", "--json"]);
    demo.await_event("code", is_code_of_a_buyer);
    assert_eq!(demo.told["buyers"], told["buyers"], "those who rest keep their keys");
    let (base, key) = (told_text(&demo, "base_url"), told_text(&demo, "admin_key"));
    let list = format!("curl -s -H 'Authorization: Bearer {key}' {base}/api/admin/accounts");
    assert_eq!(paste(&list)["accounts"].as_array().unwrap().len(), 2 + 3);
}

fn told_text<'a>(demo: &'a Demo, name: &str) -> &'a str {
    demo.told[name].as_str().unwrap()
}

#[test]
fn the_printed_lines_work_and_everything_is_there_after_kill_9() {
    let _machine = machine::alone_blocking();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("demo");
    let demo = Demo::start(&data, folder.path().join("screen"), &[]);
    check_pages(&demo);
    check_words(&demo);
    let (order, cancelled) = check_lines(&demo);
    check_events(&demo, &order, &cancelled);
    let (told, before) = (demo.told.clone(), demo.all());
    drop(demo);

    let demo = Demo::start(&data, folder.path().join("screen again"), &["--quiet"]);
    for key in ["api_key", "api_key_2", "admin_key", "data_dir"] {
        assert_eq!(demo.told[key], told[key], "{key}");
    }
    assert_eq!(demo.all(), before);
    let kept = before[0]["orders"]["orders"].as_array().unwrap();
    let of = |id: &Value| kept.iter().find(|order| order["id"] == *id).expect("it is listed");
    let bought = of(&order["id"]);
    assert_eq!(bought["activation"]["number"], order["activation"]["number"]);
    assert_eq!((&bought["price"], &bought["status"]), (&order["price"], &json!("DELIVERED")));
    assert_eq!(of(&cancelled["order_id"])["activation"]["number"], cancelled["number"]);
    assert_eq!(before[1]["wallet"]["balance"], "1000.000000");
    // The lines name the orders that come next, and nothing is told of them.
    check_lines(&demo);
    let kinds: Vec<Value> = demo.events().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(kinds, ["started", "market_open"]);
}
