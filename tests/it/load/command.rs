//! `nexnum bench http` as it is typed: it brings its own server, measures, and leaves nothing.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::rig::machine;
use crate::rig::process::nexnum;

/// Runs `nexnum bench http` for a second, with its temporary folders in `tmp`.
fn bench(tmp: &Path, words: &[&str]) -> Output {
    nexnum()
        .args(["bench", "http", "--connections", "3", "--seconds", "1", "--json"])
        .args(words)
        .env("TMPDIR", tmp)
        .output()
        .unwrap()
}

fn report(tmp: &Path, load: &str) -> Value {
    let done = bench(tmp, &["--load", load]);
    let (shown, said) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{load}: {shown}{said}");
    assert_eq!(shown.lines().count(), 1, "{load}: {shown}");
    serde_json::from_str(&shown).unwrap()
}

#[test]
fn every_load_runs_without_error_and_leaves_nothing() {
    let _machine = machine::alone_blocking();
    let tmp = TempDir::new().unwrap();
    for load in ["order", "order-hot", "race", "quote", "poll", "plain"] {
        let report = report(tmp.path(), load);
        assert_eq!((&report["load"], &report["errors"]), (&load.into(), &0.into()), "{report}");
        assert_eq!(report["connections"], 3, "{report}");
        assert!(report["requests"].as_u64().unwrap() > 10, "{report}");
        for figure in ["seconds", "rate", "p50_us", "p90_us", "p99_us", "p999_us"] {
            assert!(report[figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
        }
        assert!(report["load_average"].is_number(), "{report}");
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0, "{load}");
    }
}

#[test]
fn what_cannot_be_measured_is_one_line_and_no_report() {
    let tmp = TempDir::new().unwrap();
    let unreachable = bench(tmp.path(), &["--url", "http://127.0.0.1:1", "--key", "x"]);
    assert_eq!(unreachable.status.code(), Some(1));
    assert_eq!(unreachable.stdout, b"");
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("refused"));
    let keyless = bench(tmp.path(), &["--url", "http://127.0.0.1:1"]);
    assert_eq!(keyless.status.code(), Some(2));
    let gone = tmp.path().join("gone");
    assert_eq!(bench(&gone, &["--load", "plain"]).status.code(), Some(1));
}
