//! A configuration that is checked: what keeps the server from starting, and what does not.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nexnum::market::folder;
use nexnum_driver::Driver;
use nexnum_storage::Folder;
use nexnum_storage::secrets::SecretBytes;
use redb::{Database, TableDefinition};

use crate::rig::process::{KilledOnDrop, nexnum};

/// A data folder whose configuration has these lines besides.
fn configured(dir: &Path, lines: &str) -> PathBuf {
    let created = folder::init(dir).unwrap();
    let config = folder::config_path(&created.folder);
    fs::write(&config, format!("listen = \"127.0.0.1:0\"\n{lines}")).unwrap();
    config
}

/// Exit code, standard output and standard error of `serve --check-config`.
fn checked(config: &Path, key: Option<&str>) -> (Option<i32>, String, String) {
    let mut command = nexnum();
    command.args(["serve", "--check-config", "--config"]).arg(config).env_remove("SMS_KEY");
    let done = command.envs(key.map(|key| ("SMS_KEY", key))).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn a_provider_s_variable_without_a_key_disables_it_alone() {
    let temp = tempfile::tempdir().unwrap();
    let provider =
        "[[providers]]\nname = \"My SMS\"\ndriver = \"fivesim\"\nkey_env = \"SMS_KEY\"\n";
    let config = configured(temp.path(), provider);
    for key in [None, Some(""), Some(" \t")] {
        let (code, shown, said) = checked(&config, key);
        assert!(code == Some(2) && shown.contains("NOT SET"), "{shown}{said}");
        for word in ["\"My SMS\"", "SMS_KEY", "is not bought from", "without 1 of its providers"] {
            assert!(said.contains(word), "{said}");
        }
        let mut command = nexnum();
        command.args(["serve", "--config"]).arg(&config).env_remove("SMS_KEY");
        command.envs(key.map(|key| ("SMS_KEY", key))).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut serving = KilledOnDrop(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on http://"), "{line}");
        let mut told = String::new();
        BufReader::new(serving.0.stderr.take().unwrap()).read_line(&mut told).unwrap();
        assert!(told.contains("WARN") && told.contains("key_missing"), "{told}");
    }
    for key in ["k", "k\n", "k\r\n"] {
        let (code, shown, said) = checked(&config, Some(key));
        assert!(code == Some(0) && shown.contains(": set\n"), "{key:?} {shown}{said}");
    }
    for key in ["k\nl", "ké", "\tk"] {
        let (code, _, said) = checked(&config, Some(key));
        let words = ["its key has characters", "printable ASCII", "the variable SMS_KEY"];
        assert!(code == Some(2) && words.iter().all(|word| said.contains(word)), "{key:?} {said}");
        assert!(!said.contains(key), "{said}");
    }
}

#[test]
fn a_provider_whose_stored_key_is_damaged_is_left_out_alone() {
    let temp = tempfile::tempdir().unwrap();
    let section = |name: &str| {
        format!("[[providers]]\nname = {name:?}\ndriver = \"fivesim\"\nkey_secret = {name:?}\n")
    };
    let config = configured(temp.path(), &(section("good") + &section("bad")));
    let folder = Folder::at(temp.path());
    {
        let secrets = folder::secrets(&folder).unwrap();
        secrets.put("good", &SecretBytes::new(b"k1".to_vec())).unwrap();
        secrets.put("bad", &SecretBytes::new(b"k2".to_vec())).unwrap();
    }
    {
        let sealed = TableDefinition::<&str, &[u8]>::new("sealed");
        let write = Database::open(folder.secrets()).unwrap().begin_write().unwrap();
        write.open_table(sealed).unwrap().insert("bad", &b"cut"[..]).unwrap();
        write.commit().unwrap();
    }
    let (code, _, said) = checked(&config, None);
    assert_eq!(code, Some(2), "{said}");
    for word in ["\"bad\"", "was altered", "set-key \"bad\"", "without 1 of its providers"] {
        assert!(said.contains(word), "{said}");
    }
    let mut command = nexnum();
    command.args(["provider", "set-key", "bad", "--data"]).arg(temp.path());
    let mut setting = command.stdin(Stdio::piped()).spawn().unwrap();
    setting.stdin.take().unwrap().write_all(b"k3\n").unwrap();
    assert!(setting.wait().unwrap().success());
    assert_eq!(checked(&config, None).0, Some(0));
}

#[test]
fn a_check_tells_what_the_server_would_refuse_from_what_it_would_do_without() {
    let refused = |lines: &str, words: &[&str]| {
        let temp = tempfile::tempdir().unwrap();
        let (code, _, said) = checked(&configured(temp.path(), lines), None);
        assert!(code == Some(1) && words.iter().all(|word| said.contains(word)), "{code:?} {said}");
    };
    // An address of the range for documentation: no machine has it.
    refused("metrics_listen = \"192.0.2.1:9\"", &["192.0.2.1:9", "metrics_listen"]);
    refused("data_dir = \"other\"", &["other", "nexnum init"]);
    refused("nope = 1", &["line 2", "nope"]);

    let temp = tempfile::tempdir().unwrap();
    let provider = |name: &str, driver: &str, more: &str| {
        let key = "key_env = \"SMS_KEY\"\n";
        format!("[[providers]]\nname = {name:?}\ndriver = {driver:?}\n{key}{more}\n")
    };
    let lines = [
        provider("good", "fivesim", ""),
        provider("lost", "lost.toml", ""),
        provider("wrong", "wrong.toml", "enabled = false"),
        provider("alien", "alien.toml", ""),
        provider("homeless", "homeless.toml", ""),
    ];
    let config = configured(temp.path(), &lines.concat());
    let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "fivesim").unwrap();
    let write = |name: &str, from: &str, to: &str| {
        assert!(text.contains(from));
        fs::write(temp.path().join(name), text.replacen(from, to, 1)).unwrap();
    };
    write("wrong.toml", "version = ", "versio = ");
    write("alien.toml", "dialect = \"fivesim\"", "dialect = \"alien\"");
    write("homeless.toml", "base_url = ", "# ");
    let (code, _, said) = checked(&config, Some("k"));
    assert_eq!(code, Some(2), "{said}");
    for (name, why) in [
        ("lost", "no file of that path"),
        ("wrong", "versio"),
        ("alien", "\"alien\""),
        ("homeless", "no base address is set"),
    ] {
        let named = |line: &str| line.contains(&format!("provider {name:?}")) && said.contains(why);
        assert!(said.lines().any(named), "{name}: {said}");
    }
    assert!(said.contains("without 4 of its providers") && !said.contains("\"good\""), "{said}");
}

#[test]
fn a_fault_in_one_provider_s_section_disables_it_alone() {
    let temp = tempfile::tempdir().unwrap();
    let provider = |name: &str, more: &str| {
        let lines = "driver = \"fivesim\"\nkey_env = \"SMS_KEY\"\n";
        format!("[[providers]]\nname = {name:?}\n{lines}{more}\n")
    };
    let faults = [
        ("free", "rate = \"0\"", "rate: "),
        ("light", "weight = 0", "from 1 to 100"),
        ("hasty", "call_timeout_s = 0", "from 1 to 20"),
        ("dear", "margin = { percent = \"many\" }", "margin.percent: "),
        ("odd", "wieght = 1", "unknown field `wieght`"),
        ("mistyped", "priority = \"high\"", "priority: must be a whole number"),
        ("off", "enabled = false\nkey_secret = \"\"", "key_secret"),
    ];
    let sections = faults.map(|(name, fault, _)| provider(name, fault)).concat();
    let config = configured(temp.path(), &(provider("good", "") + &sections));
    let (code, shown, said) = checked(&config, Some("k"));
    assert_eq!(code, Some(2), "{said}");
    for (name, _, why) in faults {
        let named = |line: &&str| line.contains(&format!("{name:?}")) && line.contains(why);
        assert!(said.lines().any(|line| named(&line)), "{name}: {said}");
        assert!(shown.contains(&format!("# {name:?} is left out")), "{shown}");
    }
    assert!(said.contains("without 7 of its providers") && !said.contains("\"good\""), "{said}");

    let mut command = nexnum();
    command.args(["serve", "--config"]).arg(&config).env("SMS_KEY", "k");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serving = KilledOnDrop(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://"), "{line}");
    let told = BufReader::new(serving.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<_> = told.take(faults.len()).collect();
    for (line, (name, _, why)) in told.iter().zip(faults) {
        let has = |word: &str| line.contains(word);
        assert!(has("WARN") && has("provider_not_set_up") && has(name) && has(why), "{line}");
    }
}

#[test]
fn a_machine_without_certificates_does_without_the_providers_that_need_them() {
    let temp = tempfile::tempdir().unwrap();
    let provider = |name: &str, base: &str| {
        format!(
            "[[providers]]\nname = {name:?}\ndriver = \"handler\"\nkey_env = \"SMS_KEY\"\n{base}"
        )
    };
    let plain = provider("plain", "base_url = \"http://127.0.0.1:9/api\"\n");
    let config = configured(temp.path(), &(plain + &provider("secure", "")));
    let mut command = nexnum();
    command.args(["serve", "--check-config", "--config"]).arg(&config);
    command.env("SMS_KEY", "k").env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR");
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("\"secure\"") && said.contains("SSL_CERT_FILE"), "{said}");
    assert!(said.contains("without 1 of its providers") && !said.contains("\"plain\""), "{said}");

    let mut command = nexnum();
    command.args(["attention", "--url", "http://127.0.0.1:9", "--admin-key", "k"]);
    command.env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR");
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("cannot reach") && !said.contains("certificates"), "{said}");
}

#[test]
fn a_data_folder_that_a_start_refuses_is_told_also_while_a_server_runs_on_it() {
    let temp = tempfile::tempdir().unwrap();
    let config = configured(temp.path(), "");
    let folder = Folder::at(temp.path());
    let check = |expected: Option<&str>| {
        let (code, _, said) = checked(&config, None);
        assert_eq!(code, Some(i32::from(expected.is_some())), "{said}");
        assert!(expected.is_none_or(|part| said.contains(part)), "{said}");
    };
    {
        let mut command = nexnum();
        command.args(["serve", "--config"]).arg(&config).stdout(Stdio::piped());
        let mut serving = KilledOnDrop(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        check(None);
    }
    check(None);
    let (manifest, ledger) = (folder.manifest(), folder.ledger());
    let whole = fs::read(&manifest).unwrap();
    fs::write(&manifest, &whole[..whole.len() / 2]).unwrap();
    check(Some("MANIFEST"));
    fs::write(&manifest, whole).unwrap();
    let aside = temp.path().join("aside");
    fs::rename(&ledger, &aside).unwrap();
    check(Some("ledger.redb"));
    fs::write(&ledger, b"").unwrap();
    check(Some("ledger.redb"));
    fs::rename(&aside, &ledger).unwrap();
    check(None);
}

#[test]
fn a_provider_whose_limits_are_too_low_for_its_interval_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "fivesim").unwrap();
    let begin = text.find("windows = [").unwrap();
    let end = begin + text[begin..].find("]\n").unwrap() + 1;
    let windows = "windows = [{ calls = 6, per_ms = 60000 }]";
    let document = temp.path().join("slow.toml");
    fs::write(&document, [&text[..begin], windows, &text[end..]].concat()).unwrap();
    let section = |interval: u32| {
        format!(
            "[[providers]]\nname = \"slow\"\ndriver = {document:?}\nkey_env = \"SMS_KEY\"\n\
             sync_interval_s = {interval}\n"
        )
    };
    let config = configured(&temp.path().join("data"), &section(60));
    let (code, _, said) = checked(&config, Some("k"));
    for word in ["warning: provider \"slow\"", "one call in 10.0 s", "50 s after", "120 suit"] {
        assert!(code == Some(0) && said.contains(word), "{word}: {code:?} {said}");
    }
    fs::write(&config, format!("listen = \"127.0.0.1:0\"\n{}", section(120))).unwrap();
    let (code, _, said) = checked(&config, Some("k"));
    assert!(code == Some(0) && !said.contains("suit"), "{code:?} {said}");
}
