//! A server of the bench's own: this same program in a child process, on a temporary data
//! folder. The generator stays outside, so that what it costs is not the server's.
//!
//! Promises: when it is dropped, the child has ended and the folder is gone.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nexnum_driver::Secret;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::BenchError;
use crate::server::config::{Config, LimitsConfig};
use crate::supply::config::OwnStockConfig;

/// A start on an empty folder takes well below a second, on a busy machine some.
const START_MAX: Duration = Duration::from_secs(30);
/// What a server says when it can be reached.
const LISTENING: &str = "listening on ";
/// Longest stop: a last snapshot of millions of numbers takes seconds.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks at whether it has stopped.
const STOP_LOOK: Duration = Duration::from_millis(5);
/// Nothing that a run bought ends while the run lasts.
const LIFETIME_S: u64 = 24 * 60 * 60;
/// Bytes of a server's own words that are repeated.
const WORDS_LEN_MAX: usize = 2_000;

/// The running child.
#[derive(Debug)]
pub struct OwnServer {
    process: Child,
    // The child may still write to it: with the reading end closed, that would be its end.
    _stdout: Option<BufReader<ChildStdout>>,
    // Dropped last, when nothing writes into it any more.
    _folder: TempDir,
    base_url: String,
    admin_key: Secret,
}

impl OwnServer {
    /// Makes a data folder under the system's temporary one (`TMPDIR`) and serves from it.
    /// Blocks until the server answers.
    ///
    /// # Errors
    /// What the program says that keeps it from serving.
    pub fn start() -> Result<Self, BenchError> {
        // 1. A data folder and its configuration, beside each other in a temporary folder.
        let program = std::env::current_exe()?;
        let folder = tempfile::Builder::new().prefix("nexnum-bench-").tempdir()?;
        let admin_key = init(&program, &folder.path().join("market"))?;
        let config = folder.path().join("bench.toml");
        fs::write(&config, self::config().effective(|_| true))?;
        // 2. The child; its log goes to a file that can be shown where it does not start.
        let log = folder.path().join("log");
        let mut process = Command::new(&program)
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        // 3. It is owned from here on: an early return stops it and removes the folder.
        let stdout = process.stdout.take();
        let mut server =
            Self { process, _stdout: None, _folder: folder, base_url: String::new(), admin_key };
        // 4. Its address, as soon as it can be reached.
        match stdout.and_then(address) {
            Some((base_url, stdout)) => {
                (server.base_url, server._stdout) = (base_url, Some(stdout));
                Ok(server)
            }
            None => Err(BenchError::NotStarted(words(&log))),
        }
    }

    /// `http://HOST:PORT`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The operator's key.
    #[must_use]
    pub const fn admin_key(&self) -> &Secret {
        &self.admin_key
    }

    /// Asks it to stop and waits; what does not stop in time is killed.
    fn stop(&mut self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX {
            if self.process.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(STOP_LOOK);
        }
        self.process.kill()?;
        self.process.wait().map(drop)
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // One that has ended by itself cannot be asked; its run has told of it.
        if let Ok(None) = self.process.try_wait()
            && let Err(error) = self.stop()
        {
            tracing::warn!(%error, "the server that the bench started could not be stopped");
        }
    }
}

/// Makes the data folder; its operator's key comes back.
fn init(program: &Path, dir: &Path) -> Result<Secret, BenchError> {
    let made = Command::new(program).args(["init", "--json"]).arg(dir).output()?;
    let told: Option<Value> = serde_json::from_slice(&made.stdout).ok();
    match told.as_ref().and_then(|told| told["admin_key"].as_str()) {
        Some(key) => Ok(Secret::new(key)),
        None => Err(BenchError::NotStarted(String::from_utf8_lossy(&made.stderr).into_owned())),
    }
}

/// No providers and no rate limit; everything else as it comes.
fn config() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: "market".into(),
        own_stock: OwnStockConfig {
            lifetime_s: LIFETIME_S,
            min_cancel_age_s: 0,
            ..OwnStockConfig::default()
        },
        limits: LimitsConfig {
            requests_per_minute: std::num::NonZeroU32::MAX,
            ..LimitsConfig::default()
        },
        ..Config::default()
    }
}

/// Waits for the line that names the address; `None` where it does not come.
fn address(stdout: ChildStdout) -> Option<(String, BufReader<ChildStdout>)> {
    let (found, told) = std::sync::mpsc::channel();
    // Ends with the child at the latest; the child is stopped when its address is not awaited
    // any more.
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(url) = line.trim_end().strip_prefix(LISTENING) {
                let _given_up = found.send((url.to_owned(), stdout));
                return;
            }
            line.clear();
        }
    });
    told.recv_timeout(START_MAX).ok()
}

/// The end of what the server logged.
fn words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.ceil_char_boundary(text.len().saturating_sub(WORDS_LEN_MAX));
    match text[from..].trim() {
        "" => "it says nothing".to_owned(),
        words => words.to_owned(),
    }
}
