//! The server's process: the signals that it outlives, and the files that it may open.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nexnum::market::folder;
use rustix::process::{Pid, Signal, kill_process};

use crate::rig::process::KilledOnDrop;

/// Far above what any step takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server under the limits that a shell sets; it listens.
fn serve(dir: &Path, limits: &str) -> KilledOnDrop {
    let created = folder::init(dir).unwrap();
    let config = folder::config_path(&created.folder);
    fs::write(&config, "listen = \"127.0.0.1:0\"\n").unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limits} exec \"$0\" serve --config \"$1\""));
    shell.arg(env!("CARGO_BIN_EXE_nexnum")).arg(&config);
    let serving = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut serving = KilledOnDrop(serving);
    let mut line = String::new();
    BufReader::new(serving.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://"), "{line}");
    serving
}

fn signal(serving: &KilledOnDrop, signal: Signal) {
    let pid = Pid::from_raw(serving.0.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// How a process that was told to stop has ended.
fn end(process: &mut KilledOnDrop) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(ended) = process.0.try_wait().unwrap() {
            return ended;
        }
        assert!(began.elapsed() < PATIENCE, "it did not stop");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A demo that has printed its first line, started by these words of a shell.
fn demo(dir: &Path, start: &str) -> KilledOnDrop {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{start} \"$0\" demo --listen 127.0.0.1:0 --data \"$1\""));
    shell.arg(env!("CARGO_BIN_EXE_nexnum")).arg(dir.join("demo"));
    let demo = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut demo = KilledOnDrop(demo);
    let mut line = String::new();
    BufReader::new(demo.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("started"), "{line}");
    demo
}

/// The first line of the log with this word.
fn told(serving: &mut KilledOnDrop, word: &str) -> String {
    let mut log = BufReader::new(serving.0.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ends without {word}");
    }
    line
}

#[test]
fn a_hangup_does_not_end_the_server() {
    let temp = tempfile::tempdir().unwrap();
    let mut serving = serve(temp.path(), "");
    signal(&serving, Signal::HUP);
    let line = told(&mut serving, "SIGHUP");
    assert!(line.contains("after a restart"), "{line}");
    assert!(serving.0.try_wait().unwrap().is_none(), "it is alive");
    signal(&serving, Signal::TERM);
    let ended = end(&mut serving);
    let mut log = String::new();
    serving.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(ended.success(), "{ended}: {log}");
}

#[test]
fn a_demo_stops_in_order_when_its_terminal_is_closed() {
    let temp = tempfile::tempdir().unwrap();
    // The tests themselves may run where the signal is ignored, as under `nohup`.
    let mut demo = demo(temp.path(), "exec env --default-signal=HUP");
    // Nothing can be printed from then on.
    drop((demo.0.stdout.take(), demo.0.stderr.take()));
    signal(&demo, Signal::HUP);
    let ended = end(&mut demo);
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_demo_that_is_to_outlive_its_terminal_does() {
    let temp = tempfile::tempdir().unwrap();
    // As `nohup` starts it.
    let mut demo = demo(temp.path(), "trap '' HUP; exec");
    signal(&demo, Signal::HUP);
    let mut log = BufReader::new(demo.0.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C stops it") {
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {line}");
    }
    signal(&demo, Signal::TERM);
    assert!(end(&mut demo).success());
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_it_may_be() {
    let temp = tempfile::tempdir().unwrap();
    let serving = serve(temp.path(), "ulimit -Sn 200; ulimit -Hn 1000;");
    let limits = fs::read_to_string(format!("/proc/{}/limits", serving.0.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("1000"), "{line}");
}

#[test]
fn a_limit_of_open_files_that_is_too_low_is_told_to_the_operator() {
    let temp = tempfile::tempdir().unwrap();
    let mut serving = serve(temp.path(), "ulimit -n 300;");
    let line = told(&mut serving, "connection_limit_lowered");
    assert!(line.contains("at most 172 connections are served"), "{line}");
}
