//! Where the master key comes from: the data folder's own file, another file, a variable of the
//! environment, or what a command prints.
//!
//! Promises: the key is 64 hexadecimal digits wherever it comes from; an error names the source and
//! shows no part of the key. A command has bounds in time and in what is read of it. What the key
//! opens is storage's concern.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nexnum_storage::secrets::{MasterKey, SecretBytes};
use nexnum_storage::{Folder, StorageError};
use serde::{Deserialize, Serialize};

use super::boot_error::BootError;

/// How long a command may take: it may ask a key store elsewhere.
const COMMAND_S_MAX: u64 = 30;
/// How often it is looked whether a command that has printed its key has ended.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes that are read of what a command prints: a key has 65 with its line break.
const OUTPUT_LEN_MAX: u64 = 1024;

/// Where the master key comes from: one of these, or the data folder's own file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MasterKeyConfig {
    /// A file with the key; relative to the configuration's own folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The variable of the environment that holds the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// A program and its arguments, without a shell; it prints the key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

impl MasterKeyConfig {
    /// Whether the key is in the data folder.
    #[must_use]
    pub fn is_own_file(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with the section.
    #[must_use]
    pub fn broken_rule(&self) -> Option<String> {
        let named = [self.file.is_some(), self.env.is_some(), !self.command.is_empty()];
        let named = named.into_iter().filter(|is_named| *is_named).count();
        (named > 1).then(|| {
            "master_key names more than one of file, env and command: the key has one source"
                .to_owned()
        })
    }

    /// Makes the path relative to where we are; it was relative to `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        if let Some(file) = &mut self.file {
            *file = folder.join(&file);
        }
    }

    /// The folder with the key that opens its secrets and keys, unless it was given one before.
    /// Where the key is the folder's own, it is read when it is needed.
    ///
    /// # Errors
    /// [`BootError::MasterKey`]; or the file's own error.
    pub fn keyed(&self, folder: Folder) -> Result<Folder, BootError> {
        if folder.has_given_key() {
            return Ok(folder);
        }
        let key = if let Some(file) = &self.file {
            read_file(file)?
        } else if let Some(name) = &self.env {
            let source = || format!("the variable {name}");
            let text = env::var(name).map_err(|_| refused(source(), "it is not set"))?;
            parse(&SecretBytes::new(text.into_bytes()), source)?
        } else if let [program, arguments @ ..] = &self.command[..] {
            let source = || format!("the command {program:?}");
            let text = printed(program, arguments).map_err(|why| refused(source(), why))?;
            parse(&text, source)?
        } else {
            return Ok(folder);
        };
        Ok(folder.with_master_key(key))
    }
}

fn refused(source_name: String, reason: impl Into<String>) -> BootError {
    BootError::MasterKey { source_name, reason: reason.into() }
}

fn parse(text: &SecretBytes, source: impl FnOnce() -> String) -> Result<MasterKey, BootError> {
    let key = str::from_utf8(text.expose()).ok().and_then(MasterKey::parse);
    key.ok_or_else(|| refused(source(), "it does not hold 64 hexadecimal digits"))
}

fn read_file(path: &Path) -> Result<MasterKey, BootError> {
    MasterKey::read(path).map_err(|error| match error {
        StorageError::Missing { path } => {
            refused(format!("the file {}", path.display()), "it is not there")
        }
        error => error.into(),
    })
}

/// What a command prints, once it has ended well.
fn printed(program: &str, arguments: &[String]) -> Result<SecretBytes, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("it cannot be run: {error}"))?;
    let text = output(&mut child);
    if text.is_err() {
        // It may have ended by itself; what is said is why its key was not taken.
        let _ended = child.kill();
    }
    let text = text?;
    let status = ended(&mut child)?;
    if status.success() { Ok(text) } else { Err(format!("it failed: {status}")) }
}

/// Everything that a command prints within its time, read on a thread of its own: a process that it
/// leaves behind may hold the pipe open.
fn output(child: &mut Child) -> Result<SecretBytes, String> {
    let stdout = child.stdout.take().expect("its output is a pipe");
    let (done, read) = mpsc::channel();
    thread::spawn(move || {
        // As long as it may get, so that no copy of it stays behind where it was shorter.
        let mut text = Vec::with_capacity(OUTPUT_LEN_MAX as usize);
        let all = stdout.take(OUTPUT_LEN_MAX).read_to_end(&mut text);
        // A receiver that is gone has given the command up.
        let _given_up = done.send(all.map(|_| SecretBytes::new(text)));
    });
    let late = || format!("it has not ended after {COMMAND_S_MAX} s");
    let read = read.recv_timeout(Duration::from_secs(COMMAND_S_MAX)).map_err(|_| late())?;
    read.map_err(|error| format!("its output cannot be read: {error}"))
}

/// How a command ended that has printed its key.
fn ended(child: &mut Child) -> Result<std::process::ExitStatus, String> {
    let failed = |error| format!("it cannot be waited for: {error}");
    for _ in 0..COMMAND_S_MAX * 1000 / LOOK.as_millis() as u64 {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        thread::sleep(LOOK);
    }
    let _ended = child.kill();
    Err(format!("it has not ended {COMMAND_S_MAX} s after it printed the key"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

    /// A folder whose key is `KEY`, without a file of its own.
    fn folder(dir: &Path) -> Folder {
        let folder = Folder::at(dir.join("data"));
        folder.init(Some(&MasterKey::from_bytes([7; 32]))).unwrap();
        folder
    }

    fn command(script: &str) -> MasterKeyConfig {
        let words = ["sh", "-c", script].map(str::to_owned);
        MasterKeyConfig { command: words.to_vec(), ..Default::default() }
    }

    #[test]
    fn each_source_gives_the_key_that_opens_the_secrets() {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder(temp.path());
        assert!(folder.open_secrets().is_err(), "it has no key of its own");
        let file = temp.path().join("elsewhere");
        fs::write(&file, format!("{KEY}\n")).unwrap();
        let file = MasterKeyConfig { file: Some("elsewhere".into()), ..Default::default() };
        let mut resolved = file.clone();
        resolved.resolve(temp.path());
        for source in [
            resolved,
            command(&format!("echo {KEY}")),
            // What it leaves behind does not hold the start up.
            command(&format!("printf {KEY}; exec sleep 0.1 >/dev/null")),
        ] {
            let keyed = source.keyed(folder.clone()).unwrap();
            keyed.open_secrets().unwrap().put("a", &SecretBytes::new(vec![1])).unwrap();
        }
        // Nothing is read where the key is the folder's own.
        assert!(MasterKeyConfig::default().keyed(Folder::at("nowhere")).is_ok());
    }

    #[test]
    fn a_source_without_a_key_is_refused_by_its_name() {
        let variable = "NEXNUM_TEST_NO_MASTER_KEY".to_owned();
        let file = MasterKeyConfig { file: Some("no/such/key".into()), ..Default::default() };
        let env = MasterKeyConfig { env: Some(variable), ..Default::default() };
        for (source, expected) in [
            (file, "the file no/such/key: it is not there"),
            (env, "the variable NEXNUM_TEST_NO_MASTER_KEY: it is not set"),
            (command("echo abc"), "the command \"sh\": it does not hold 64 hexadecimal digits"),
            (
                command(&format!("echo {KEY}; exit 3")),
                "the command \"sh\": it failed: exit status: 3",
            ),
        ] {
            let error = source.keyed(Folder::at("data")).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.is_damage() && !error.to_string().contains(KEY), "{error}");
        }
    }

    #[test]
    fn a_key_has_one_source() {
        let mut both = command("true");
        assert_eq!(both.broken_rule(), None);
        both.env = Some("A".to_owned());
        assert!(both.broken_rule().unwrap().contains("more than one"));
    }
}
