//! Starts on a folder whose last event is far from the machine's clock.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nexnum::clock::{self, rfc3339};
use nexnum::market::folder::{self, BootError};
use nexnum_engine::event::{Event, LedgerEvent};
use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::Ledger;

use super::opened;
use crate::rig::ledger;
use crate::rig::process::{KilledOnDrop, nexnum};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// A folder whose last event is so much later than the machine's clock. Gives its time.
fn ahead(dir: &Path, ms: u64) -> Time {
    let created = folder::init(dir).unwrap();
    let config = folder::config_path(&created.folder);
    fs::write(config, "listen = \"127.0.0.1:0\"\n").unwrap();
    let mut live = opened(dir);
    let at = live.last_at.plus_ms(ms);
    ledger::append(&mut live, at, &ledger::account().into());
    at
}

/// As after another boot of the machine.
fn boot_again(dir: &Path) {
    let [_, file] = clock::files(dir);
    let line = fs::read_to_string(&file).unwrap();
    assert!(line.starts_with("nexnum clock 1 boot "), "{line}");
    fs::remove_file(file).unwrap();
}

fn serve(dir: &Path, more: &[&str]) -> Command {
    let mut command = nexnum();
    command.args(["serve", "--config"]).arg(dir.join("config.toml")).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command that is refused says.
fn refused(mut command: Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    said
}

/// What accepting has left in the ledger.
fn accepted(dir: &Path) -> Vec<(Time, Time)> {
    let live = opened(dir);
    let mut found = Vec::new();
    for row in live.reader.read(Seq(1)).unwrap() {
        let row = nexnum::market::replay::Decoded::from_row(&row.unwrap()).unwrap();
        for event in row.groups.events() {
            if let Event::Ledger(LedgerEvent::ClockAccepted(jump)) = event {
                found.push((jump.from, jump.to));
            }
        }
    }
    found
}

#[test]
fn more_than_a_day_in_another_boot_has_to_be_accepted() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let at = ahead(dir, 25 * HOUR_MS);
    let last = opened(dir).ledger.last();
    boot_again(dir);
    let mut key = nexnum();
    key.args(["key", "create", "--admin", "--data"]).arg(dir);
    for command in [serve(dir, &[]), serve(dir, &["--check-config"]), key] {
        let said = refused(command);
        for word in ["before the server last ran", &rfc3339(at), "--accept-clock"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    let mut live = opened(dir);
    assert!(matches!(folder::begin_epoch(&mut live), Err(BootError::ClockGap(_))));
    drop(live);
    let after = opened(dir);
    assert_eq!((after.last_at, after.ledger.last()), (at, last), "it was written to");
    drop(after);
    // Accepted, it starts, and says so in the ledger; the next start asks no more.
    let checked = serve(dir, &["--check-config", "--accept-clock"]).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    for more in [&["--accept-clock"][..], &[]] {
        let mut serving = KilledOnDrop(serve(dir, more).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on http://"), "{line}");
    }
    let accepted = accepted(dir);
    assert_eq!(accepted.len(), 1);
    assert!(accepted[0].0 == at && accepted[0].1 < at, "{accepted:?}");
}

#[test]
fn an_operator_key_is_made_with_an_accepted_clock_too() {
    let temp = tempfile::tempdir().unwrap();
    let at = ahead(temp.path(), 25 * HOUR_MS);
    boot_again(temp.path());
    let mut key = nexnum();
    key.args(["key", "create", "--admin", "--accept-clock", "--data"]).arg(temp.path());
    assert!(key.output().unwrap().status.success());
    assert_eq!(accepted(temp.path()).len(), 1);
    assert!(opened(temp.path()).last_at >= at);
}

#[test]
fn less_than_a_day_needs_no_word_and_within_a_boot_nothing_does() {
    for (ahead_ms, is_same_boot) in [(23 * HOUR_MS, false), (25 * HOUR_MS, true)] {
        let temp = tempfile::tempdir().unwrap();
        let at = ahead(temp.path(), ahead_ms);
        if !is_same_boot {
            boot_again(temp.path());
        }
        let mut live = opened(temp.path());
        assert!(folder::begin_epoch(&mut live).unwrap() >= at);
        // The clock is far behind: it is not followed, and told.
        let jump = live.clock.follow().expect("it is told");
        assert!(jump.from >= at && jump.to.plus_ms(ahead_ms - HOUR_MS) < at, "{jump:?}");
        drop(live);
        assert_eq!(accepted(temp.path()), []);
    }
}

#[test]
fn init_keeps_how_time_stands_to_the_boot_s_clock() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let [_, file] = clock::files(temp.path());
    let kept = fs::read_to_string(&file).unwrap();
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(kept.contains(&format!(" boot {} ", boot_id.trim())), "{kept}");
    let mut live = opened(temp.path());
    folder::begin_epoch(&mut live).unwrap();
    assert!(live.clock.off_ms().abs() < 1_000, "{}", live.clock.off_ms());
}
