//! What a configuration may hold, and how a wrong one is refused.

use super::*;
use crate::market::folder::CONFIG_TEMPLATE;
use nexnum_driver::Driver;
use nexnum_engine::money::Micros;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("nexnum.toml"))
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let message = parse(text).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

/// Checks that a text is a configuration without one provider, for a reason with these words.
#[track_caller]
fn left_out(text: &str, words: &[&str]) {
    let config = parse(text).unwrap();
    let [FaultyProvider { name, reason }] = &config.faulty_providers[..] else {
        panic!("{config:?}");
    };
    assert!(config.providers.iter().all(|provider| provider.name != *name), "{config:?}");
    for word in words.iter().copied().chain([&*format!("{name:?}")]) {
        assert!(reason.contains(word), "{word:?} is not in: {reason}");
    }
}

#[test]
fn the_template_says_the_defaults() {
    assert_eq!(parse(CONFIG_TEMPLATE).unwrap(), Config::default());
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn the_template_s_own_listener_for_measures_is_right() {
    let line =
        CONFIG_TEMPLATE.lines().find_map(|line| line.strip_prefix("# metrics_listen")).unwrap();
    let config = parse(&format!("metrics_listen{line}")).unwrap();
    assert_eq!(config.metrics_listen, Some(SocketAddr::from(([127, 0, 0, 1], 9100))));
    assert_eq!(parse(&config.effective(|_| true)).unwrap(), config);
}

#[test]
fn the_template_s_sources_of_the_master_key_are_right_one_by_one() {
    let (_, example) = CONFIG_TEMPLATE.split_once("# [master_key]\n").unwrap();
    let lines: Vec<&str> = example.lines().take(3).map(|line| &line[2..]).collect();
    for line in &lines {
        let config = parse(&format!("[master_key]\n{line}\n")).unwrap();
        assert!(!config.master_key.is_own_file(), "{line}");
        assert_eq!(parse(&config.effective(|_| true)).unwrap(), config);
    }
    let two = format!("[master_key]\n{}\n{}\n", lines[0], lines[1]);
    refused(&two, &["more than one of file, env and command"]);
    refused("[master_key]\nkey = \"00\"\n", &["unknown field", "`key`"]);
}

#[test]
fn the_template_s_example_of_a_provider_is_right() {
    let (_, example) = CONFIG_TEMPLATE.split_once("# [[providers]]\n").unwrap();
    let lines = example.lines().filter(|line| !line.contains("key_env"));
    let text: String = lines.map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let config = parse(&format!("[[providers]]\n{text}")).unwrap();
    let [provider] = &config.providers[..] else { panic!("{config:?}") };
    assert_eq!((&*provider.name, provider.priority, provider.enabled), ("5sim", 0, true));
    assert_eq!(provider.margin.unwrap().floor, Micros(20_000));
    assert_eq!((provider.weight, provider.low_balance), (1, Micros::units(5)));
}

#[test]
fn the_template_s_addresses_are_those_of_the_drivers() {
    let examples = CONFIG_TEMPLATE.split("# [[providers]]\n").skip(1);
    let value = |example: &str, key: &str| {
        let line = example.lines().find(|line| line.starts_with(&format!("# {key} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    for example in examples {
        let (name, address) = (value(example, "driver"), value(example, "base_url"));
        let (_, text) = Driver::shipped().iter().find(|(driver, _)| *driver == name).unwrap();
        assert_eq!(Driver::parse(text).unwrap().base_url(), Some(&*address), "{name}");
    }
}

#[test]
fn an_error_names_the_line_and_the_field() {
    refused("listen = \"here\"", &["line 1", "nexnum.toml", "IP address with a port"]);
    let name = "listen = \"localhost:80\"";
    refused(name, &["line 1", "listen", "\"localhost:80\" is a host name", "as 127.0.0.1:80"]);
    refused("listen = \"127.0.0.1\"", &["line 1", "has no port", "127.0.0.1:8080"]);
    refused("listen = \":80\"", &["line 1", "127.0.0.1:80", "0.0.0.0:80"]);
    refused("listen = \"[::1]\"", &["has no port"]);
    refused("listen = \"1.2.3.4:99999\"", &["IP address with a port"]);
    let twice = "listen = \"127.0.0.1:9\"\nmetrics_listen = \"127.0.0.1:9\"";
    refused(twice, &["listen and metrics_listen are both", "another port"]);
    refused("listen = 80", &["line 1", "in quotes"]);
    refused("metrics_listen = \"localhost:9\"", &["line 1", "IP address with a port"]);
    refused("drain_seconds = 5\nlisen = \"127.0.0.1:1\"", &["line 2", "lisen", "listen"]);
    refused("[margin]\npercent = \"-1\"\nfloor = \"0\"", &["line 2", "-1", "percentage"]);
    refused("[margin]\npercent = \"1.23456\"\nfloor = \"0\"", &["line 2", "4 places"]);
    refused("[margin]\npercent = \"1\"\nfloor = \"0.0000001\"", &["line 3", "decimal places"]);
    refused("[margin]\npercent = true\nfloor = \"0\"", &["line 2", "a decimal number, as 20"]);
    refused("[margin]\npercent = 12.34567\nfloor = \"0\"", &["line 2", "4 places"]);
    refused("[margin]\npercent = -1\nfloor = \"0\"", &["line 2", "-1", "percentage"]);
    refused("[margin]\npercent = nan\nfloor = \"0\"", &["line 2", "in quotes"]);
    let long = "[margin]\npercent = 0.1000000000000001\nfloor = \"0\"";
    refused(long, &["line 2", "in quotes", "15 digits"]);
    refused("[limits]\nconnections_max = 0", &["line 2", "from 1 to 4294967295, not 0"]);
    refused("drain_seconds = 81", &["drain_seconds", "80"]);
    refused("[own_stock]\nlifetime_s = 0", &["own_stock.lifetime_s"]);
    refused("[own_stock]\nlifetime_s = 60", &["min_cancel_age_s", "at most"]);
    refused("[own_stock]\nquarantine_s = 86401", &["own_stock.quarantine_s", "86400"]);
}

#[test]
fn what_a_margin_leaves_out_is_as_without_it() {
    let margin = |fields: &str| parse(&format!("[margin]\n{fields}")).unwrap().margin;
    assert_eq!(margin("percent = 20"), margin("percent = \"20\"\nfloor = \"0.01\""));
    assert_eq!(margin("floor = \"0.5\""), margin("percent = \"20\"\nfloor = \"0.5\""));
    refused("[margin]\npercnt = 20", &["percnt"]);
}

#[test]
fn a_number_means_the_same_with_and_without_quotes() {
    let margin = |percent: &str, floor: &str| {
        parse(&format!("[margin]\npercent = {percent}\nfloor = {floor}")).unwrap().margin
    };
    assert_eq!(margin("20", "1"), margin("\"20\"", "\"1\""));
    assert_eq!(margin("12.5", "0.02"), margin("\"12.5\"", "\"0.02\""));
    assert_eq!(margin("0.1", "0.000001"), margin("\"0.1\"", "\"0.000001\""));
    let rate = |rate: &str| {
        let text = format!("[[providers]]\nname = \"a\"\ndriver = \"d\"\nrate = {rate}");
        parse(&text).unwrap().providers[0].rate
    };
    assert_eq!(rate("1"), rate("\"1\""));
    assert_eq!(rate("0.0127"), rate("\"0.0127\""));
}

#[test]
fn a_provider_s_error_names_the_provider() {
    let provider = |rest: &str| format!("[[providers]]\nname = \"a\"\ndriver = \"d\"\n{rest}");
    left_out("[[providers]]\nname = \"a\"", &["line 1", "missing field `driver`"]);
    refused("[[providers]]\ndriver = \"d\"", &["line 1", "missing field `name`"]);
    refused("[[providers]]\nname = \"\"\ndriver = \"d\"", &["line 2", "1 to 100"]);
    refused("[[providers]]\nname = \"..\"\ndriver = \"d\"", &["line 2", "\"..\" is no name"]);
    for name in ["a\\nb", "a\\tb", "\\u007F"] {
        let named = format!("[[providers]]\nname = \"{name}\"\ndriver = \"d\"");
        refused(&named, &["line 2", "control characters"]);
    }
    refused("[[providers]]\nname = \"own\"\ndriver = \"d\"", &["\"own\"", "own stock's name"]);
    left_out("[[providers]]\nname = \"a\"\ndriver = \"\"", &["line 3", "driver", "1 to 4096"]);
    let long = format!("[[providers]]\nname = \"a\"\ndriver = \"{}\"", "d/".repeat(100));
    assert_eq!(parse(&long).unwrap().providers[0].driver.len(), 200);
    left_out(&provider("key = \"1\""), &["line 4", "unknown field", "key"]);
    left_out(&provider("sync_interval_s = 1"), &["sync_interval_s", "\"a\"", "5"]);
    left_out(&provider("rate = \"0.7\"\ncurrency = \"points\""), &["line 5: currency: ", "as CAD"]);
    left_out(&provider("currency = \"CAD\""), &["currency", "set rate too"]);
    left_out(&provider("key_secret = \"x\"\nkey_env = \"Y\""), &["\"a\"", "both"]);
    left_out(&provider("call_timeout_s = 21"), &["call_timeout_s", "\"a\"", "from 1 to 20"]);
    left_out(&provider("connect_timeout_s = 0"), &["connect_timeout_s", "from 1 to 20"]);
    left_out(&provider("prices_timeout_s = 301"), &["prices_timeout_s", "from 1 to 300"]);
    left_out(&provider("proxy = \"http://a:b@c:1\""), &["proxy", "proxy_env"]);
    left_out(&provider("proxy = \"none\"\nproxy_env = \"P\""), &["both proxy and proxy_env"]);
    left_out(&provider("rate = \"0\""), &["line 4: rate: ", "rate above 0"]);
    left_out(
        &provider("margin = { percent = \"-1\" }"),
        &["line 4: margin.percent: ", "0 to 1000"],
    );
    left_out(&provider("margin = { percnt = 1 }"), &["line 4", "unknown field `percnt`"]);
    left_out(&provider("[providers.margin]\nfloor = true"), &["line 5: margin.floor: "]);
    left_out(&provider("enabled = \"no\""), &["line 4: enabled: must be true or false"]);
    left_out(&provider("rate = \"0.7\"\ncurrency = \"points\""), &["line 5: currency: ", "as CAD"]);
    left_out(&provider("currency = \"CAD\""), &["currency", "set rate too"]);
    left_out(&provider("key_secret = \"\""), &["key_secret", "1 to 200 bytes"]);
    left_out(&provider("priority = 256"), &["line 4", "256"]);
    left_out(&provider("weight = 0"), &["weight", "\"a\"", "1 to 100"]);
    left_out(&provider("weight = 101"), &["weight", "101", "1 to 100"]);
    for (field, range) in [
        ("weight", "from 1 to 100"),
        ("sync_interval_s", "from 5 to 86400"),
        ("connect_timeout_s", "from 1 to 20"),
        ("call_timeout_s", "from 1 to 20"),
        ("prices_timeout_s", "from 1 to 300"),
    ] {
        for value in ["-1", "0", "99999", "1.5", "\"x\""] {
            left_out(&provider(&format!("{field} = {value}")), &["line 4", field, range]);
        }
    }
    left_out(&provider("low_balance = true"), &["line 4", "a decimal number"]);
    left_out(&provider("low_balance = \"-1\""), &["low_balance"]);
    refused(&format!("{}{}", provider(""), provider("")), &["two providers", "\"a\""]);
    for address in ["ftp://x", "https://", "https://user:pass@x", "http://x/?key=1"] {
        left_out(&provider(&format!("base_url = \"{address}\"")), &["line 4", "address"]);
    }
}

#[test]
fn a_fault_in_one_provider_s_section_leaves_the_others_and_the_rest() {
    let text = "drain_seconds = 5\n[[providers]]\nname = \"a\"\ndriver = \"d\"\n\
                [[providers]]\nname = \"b\"\ndriver = \"d\"\nnope = 1\nrate = \"0\"\n\
                [[providers]]\nname = \"c\"\ndriver = \"d\"\nweight = 3\n";
    left_out(text, &["provider \"b\": line 8: unknown field `nope`"]);
    let config = parse(text).unwrap();
    let names: Vec<_> = config.providers.iter().map(|provider| &*provider.name).collect();
    assert_eq!((names, config.drain_seconds), (vec!["a", "c"], 5));
    let shown = config.effective(|_| false);
    assert!(shown.ends_with("# \"b\" is left out: its section breaks a rule\n"), "{shown}");
    // What is outside the sections is refused all the same, and two of a name if one is wrong.
    refused(&format!("nope = 1\n{text}"), &["line 1", "nope"]);
    refused(&format!("{text}[[providers]]\nname = \"b\"\n"), &["two providers", "\"b\""]);
    refused(&format!("{text}["), &["line 14"]);
    refused("providers = [5]", &["line 1", "must be a table, not a number"]);
}

#[test]
fn a_provider_s_timeouts_are_the_usual_ones_unless_it_says_otherwise() {
    let timeouts = |lines: &str| {
        let text = format!("[[providers]]\nname = \"a\"\ndriver = \"d\"\n{lines}");
        let timeouts = parse(&text).unwrap().providers[0].timeouts();
        [timeouts.connect, timeouts.call, timeouts.prices].map(|time| time.as_secs())
    };
    assert_eq!(timeouts(""), [3, 15, 60]);
    let lines = "connect_timeout_s = 5\ncall_timeout_s = 20\nprices_timeout_s = 120";
    assert_eq!(timeouts(lines), [5, 20, 120]);
}

#[test]
fn the_effective_configuration_reads_back_and_shows_no_key() {
    let text = "[[providers]]\nname = \"a\"\ndriver = \"d\"\nkey_env = \"KEY_A\"\n\
                rate = \"0.72\"\ncurrency = \"CAD\"\n";
    let config = parse(text).unwrap();
    let shown = config.effective(|_| false);
    assert!(shown.ends_with("# key of \"a\": ********, the variable KEY_A: NOT SET\n"), "{shown}");
    assert_eq!(parse(&shown).unwrap(), config);
}

#[test]
fn relative_paths_are_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexnum.toml");
    fs::write(&path, "data_dir = \"data\"").unwrap();
    assert_eq!(Config::load(&path).unwrap().data_dir, folder.path().join("data"));
    fs::write(&path, "data_dir = \"/var/lib/nexnum\"").unwrap();
    assert_eq!(Config::load(&path).unwrap().data_dir, Path::new("/var/lib/nexnum"));
    let provider = |driver: &str| {
        fs::write(&path, format!("[[providers]]\nname = \"a\"\ndriver = {driver:?}")).unwrap();
        Config::load(&path).unwrap().providers.remove(0).driver
    };
    assert_eq!(Path::new(&provider("d/own.toml")), folder.path().join("d/own.toml"));
    assert_eq!(provider("/etc/own.toml"), "/etc/own.toml");
    assert_eq!(provider("handler"), "handler", "a shipped driver is no file");
    let text = "[[providers]]\nname = \"a\"\ndriver = \"d\"\ncodes = \"c/own.csv\"";
    fs::write(&path, text).unwrap();
    let codes = Config::load(&path).unwrap().providers.remove(0).codes.unwrap();
    assert_eq!(Path::new(&codes), folder.path().join("c/own.csv"));
    let missing = folder.path().join("none.toml");
    let message = Config::load(&missing).unwrap_err().to_string();
    assert!(message.contains("none.toml") && message.contains("nexnum init"), "{message}");
}

#[test]
fn a_number_rests_by_default_as_long_as_a_message_may_be_for_its_last_buyer() {
    let policy = Config::default().own_stock.policy();
    assert!(policy.quarantine_ms >= nexnum_engine::limits::CLOSED_KEPT_MS);
}

#[test]
fn a_value_of_another_type_is_refused_without_the_name_of_ours() {
    refused("margin = 5", &["line 1", "must be a table, not a number"]);
    refused("drain_seconds = \"x\"", &["line 1", "must be a whole number of 0 or more"]);
    refused("data_dir = 5", &["line 1", "must be a string, not a number"]);
    refused("providers = 5", &["line 1", "must be an array, not a number"]);
    refused("listen = [1]", &["line 1", "must be an IP address with a port in quotes"]);
    refused("[[providers]]\nname = [1]", &["line 2", "must be a string, not an array"]);
}
