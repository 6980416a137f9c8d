//! What a round happens in: simulated providers, a data folder, the real server on it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nexnum_engine::money::Micros;
use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::Api;
use super::plan::Plan;
use crate::rig::process::{KilledOnDrop, nexnum};
use crate::rig::sandbox::{driver, product};

/// What the customer has.
pub(super) const PURSE: Micros = Micros::units(100_000);
/// What every provider asks for a number.
const COST: Micros = Micros(200_000);
const STOCK: u32 = 1_000_000;
/// How long an activation lives here; the provider keeps it for longer than a round takes.
const LIFETIME_MS: u64 = 18_000;
const KEPT_MS: u64 = 900_000;
/// How old a number must be before it is given back.
const CANCEL_AGE_MS: u64 = 1_000;
/// Messages come within this; one number in seven gets none.
const SMS_DELAY_MS: std::ops::RangeInclusive<u64> = 200..=6_000;
const SILENT: f64 = 0.15;
/// Far above what starting takes on a busy machine.
const START: Duration = Duration::from_secs(120);
/// An order may be without a number for three minutes, and then be given back for some.
/// Between two lists in which what was given up is looked for, and some; and the longest time
/// for which a list hides a number.
const GIVEN_UP: Duration = Duration::from_secs(35);
const LISTED: Duration = Duration::from_secs(40);
const QUIET: Duration = Duration::from_secs(330);

pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) folder: TempDir,
    pub(super) server: Option<KilledOnDrop>,
    pub(super) admin: Api,
    pub(super) customer: Api,
}

impl World {
    /// Starts everything; the market has all lists.
    pub(super) async fn start(plan: &Plan, seed: u64) -> Self {
        let config = SandboxConfig {
            sms_delay_ms: SMS_DELAY_MS,
            silent: SILENT,
            min_cancel_age_ms: CANCEL_AGE_MS,
            lifetime_ms: KEPT_MS,
            clock_skew_ms: plan.skew_ms,
            handler_page: plan.page,
            ..SandboxConfig::small(seed)
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        for at in 0..sandbox.providers().len() {
            assert!(sandbox.pin(at, product(), COST, STOCK), "it is sold there");
        }
        let folder = TempDir::new().unwrap();
        let made = program().args(["init", "--json"]).arg(data(&folder)).output().unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        configure(&folder, &sandbox, "127.0.0.1:0");
        let (server, base) = serve(&folder, &sandbox);
        // The same address after each restart.
        configure(&folder, &sandbox, base.trim_start_matches("http://"));
        let admin = Api::new(&base, made["admin_key"].as_str().unwrap());
        let log = || fs::read_to_string(folder.path().join("log")).unwrap();
        let customer = prepare(&admin, log).await;
        let world = Self { sandbox, folder, server: Some(server), admin, customer };
        world.wait_for_lists().await;
        world
    }

    /// SIGKILL, and a new process on the same folder.
    pub(super) fn kill_and_restart(&mut self) {
        self.server = None;
        self.server = Some(serve(&self.folder, &self.sandbox).0);
    }

    pub(super) fn data(&self) -> PathBuf {
        data(&self.folder)
    }

    /// Everything that the server has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    async fn wait_for_lists(&self) {
        let deadline = Instant::now() + START;
        loop {
            let answer = self.admin.get_of_running("admin/providers").await;
            let providers = answer.body["providers"].as_array().unwrap().clone();
            let mut driven = providers.iter().filter(|provider| provider["kind"] == "driven");
            if driven.clone().count() == 3 && driven.all(|it| !it["last_sync_at"].is_null()) {
                return;
            }
            assert!(Instant::now() < deadline, "{}", answer.body);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until no activation is open here and no number of ours upstream that could be given
    /// back; gives what still is when the time is over.
    pub(super) async fn wait_until_quiet(&self, plan: &Plan) -> Option<String> {
        let deadline = Instant::now() + QUIET;
        let not_before = Instant::now() + self.looks(plan);
        loop {
            let open = self.customer.get_of_running("v1/activations?limit=100").await.body;
            let open = open["activations"].as_array().unwrap().len();
            let upstream = self.open_upstream(&self.log());
            if open == 0 && upstream.is_empty() && Instant::now() > not_before {
                return None;
            }
            if Instant::now() > deadline {
                return Some(format!("not quiet: {open} open here, upstream {upstream:?}"));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// How long what was given up may take to be looked for again.
    fn looks(&self, plan: &Plan) -> Duration {
        if plan.shows(FaultKind::ListedLate) {
            LISTED + GIVEN_UP
        } else if self.log().contains("lists do not show a purchase") {
            GIVEN_UP
        } else {
            Duration::ZERO
        }
    }

    /// Numbers of ours that are open, have no message, and are not the operator's to look at.
    fn open_upstream(&self, log: &str) -> Vec<(usize, String)> {
        let all = (0..3).flat_map(|at| self.sandbox.bought(at).into_iter().map(move |it| (at, it)));
        let open = all.filter(|(_, it)| {
            !it.is_foreign
                && it.ended_ms.is_none()
                && it.codes.is_empty()
                && !is_unattributed(log, &it.external_id)
        });
        open.map(|(at, it)| (at, it.external_id)).collect()
    }
}

/// Whether the operator is told that a number upstream may be ours and may be a stranger's.
pub(super) fn is_unattributed(log: &str, external_id: &str) -> bool {
    log.lines().any(|line| line.contains("unattributed purchase") && line.contains(external_id))
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("market")
}

/// Writes the configuration, with the shipped drivers in a hurry.
fn configure(folder: &TempDir, sandbox: &Sandbox, listen: &str) {
    let mut text = format!(
        "listen = \"{listen}\"\n[margin]\npercent = \"20\"\nfloor = \"0\"\n\
         [limits]\nconnections_per_address_max = 2000\n"
    );
    for provider in sandbox.providers() {
        let (name, base_url) = (provider.name, &provider.base_url);
        let document = data(folder).join(format!("{}.toml", provider.driver));
        fs::write(&document, hurried(&driver(provider.driver))).unwrap();
        text += &format!(
            "[[providers]]\nname = \"{name}\"\ndriver = \"{}\"\nbase_url = \"{base_url}\"\n\
             key_env = \"{}\"\nsync_interval_s = 5\ncall_timeout_s = 6\n",
            document.display(),
            key_env(name),
        );
    }
    fs::write(data(folder).join("config.toml"), text).unwrap();
}

fn key_env(name: &str) -> String {
    format!("NEXNUM_CHAOS_KEY_{}", name.to_uppercase())
}

/// A driver whose activations are short, and whose provider allows more calls.
fn hurried(document: &str) -> String {
    let set = |text: &str, field: &str, value: &str| {
        let line = Regex::new(&format!("(?m)^{field} = .*$")).unwrap();
        assert!(line.is_match(text), "{field}");
        line.replace(text, format!("{field} = {value}")).into_owned()
    };
    let text = set(document, "lifetime_ms", &LIFETIME_MS.to_string());
    let text = set(&text, "min_cancel_age_ms", &CANCEL_AGE_MS.to_string());
    let text = set(&text, "poll_interval_ms", "1000");
    let text = set(&text, "penalty_ms", "1000");
    set(&text, "windows", "[{ calls = 100, per_ms = 1000 }]")
}

fn program() -> Command {
    std::env::var("NEXNUM_CHAOS_SERVER").map_or_else(|_| nexnum(), Command::new)
}

/// Starts the server; gives it and where it listens.
fn serve(folder: &TempDir, sandbox: &Sandbox) -> (KilledOnDrop, String) {
    let log = File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
    let mut command = program();
    for provider in sandbox.providers() {
        command.env(key_env(provider.name), &provider.key);
    }
    let config: &Path = &data(folder).join("config.toml");
    let mut process = command
        .args(["serve", "--config"])
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
    (KilledOnDrop(process), base)
}

/// A customer with money. On a busy machine a connection may be idle for longer than the server
/// waits for a request: what is not answered is asked for again.
async fn prepare(admin: &Api, log: impl Fn() -> String) -> Api {
    let deadline = Instant::now() + START;
    let created = async |path: &str, body: Value| loop {
        if let Some(answer) = admin.post(path, &body, None).await {
            let is_there = answer.status.is_success() || answer.status == 409;
            assert!(is_there, "{}", answer.body);
            break answer.body;
        }
        assert!(Instant::now() < deadline, "{}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    created("admin/accounts", json!({"name": "buyer"})).await;
    let key = created("admin/accounts/1/keys", json!({})).await;
    let deposit = json!({"amount": PURSE.to_string(), "reference": "chaos"});
    created("admin/accounts/1/deposits", deposit).await;
    admin.with_key(key["key"].as_str().unwrap())
}
