//! The tables that the structure is held against.

/// This file, which has the words that no other file may use.
pub(super) const OWN: &str = file!();

/// What is below every room.
pub(super) const BASE: &[&str] = &[
    "attention",
    "clock",
    "config_value",
    "digest",
    "json",
    "kept_file",
    "keys",
    "logs",
    "metrics",
    "network",
    "public_id",
    "supervisor",
];

/// Which rooms of `src/` a room may import, beside itself, [`BASE`] and the crates.
pub(super) const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("http", &[]),
    ("attention", &[]),
    ("clock", &[]),
    ("config_value", &[]),
    ("digest", &[]),
    ("json", &[]),
    ("kept_file", &[]),
    ("keys", &[]),
    ("logs", &[]),
    ("metrics", &[]),
    ("network", &[]),
    ("public_id", &[]),
    ("supervisor", &[]),
    ("market", &[]),
    ("provider", &[]),
    ("message", &[]),
    ("order", &["market", "message", "provider"]),
    ("supply", &["market", "provider"]),
    ("money", &["market", "provider"]),
    ("access", &["market", "provider"]),
    ("worker", &["order", "supply", "money", "access", "market", "message", "provider"]),
    ("face", &["order", "supply", "money", "access", "market", "message", "provider", "http"]),
    (
        "server",
        &["face", "worker", "order", "supply", "money", "access", "market", "provider", "http"],
    ),
    ("cli", &["server", "access", "supply", "market", "provider", "message"]),
    ("lib", &["cli", "server"]),
    ("main", &["cli"]),
];

/// What the files of a face may import of `face/`: these, and their own folder.
pub(super) const FACE_SHARED: &[&str] =
    &["auth", "parse", "problems", "query", "route", "spec", "wire", "description"];

/// Crates that a crate of the workspace may name.
pub(super) const CRATES: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("storage", &["nexnum_engine"]),
    ("index", &["nexnum_engine"]),
    ("driver", &["nexnum_engine"]),
    ("sandbox", &["nexnum_engine"]),
];

/// Words that are not used, each with what to write instead. The first column is a pattern.
pub(super) const WORDS: &[(&str, &str)] = &[
    (r"(?i)(?:\b|_)(?:somebody|someone)(?:\b|_)", "the type, the caller or the role"),
    (r"(?i)(?:\b|_)(?:nobody|no_one)(?:\b|_)", "no caller, no order, no client"),
    (r"(?i)(?:\b|_)(?:anybody|anyone)_", "any caller, any client"),
    (r"(?i)\banybody\b", "any caller, any client"),
    (r"(?i)(?:\b|_)everybody(?:\b|_)", "all callers, all customers"),
    (r"(?i)(?:\b|_)whoever(?:\b|_)", "the caller that"),
    (
        r"(?:\b|_)(?:[Hh]e|[Hh]im|[Hh]is|[Hh]imself|[Ss]he)(?:\b|_)",
        "the customer, the operator, its",
    ),
    (r"(?i)(?:\b|_)insist", "retry, require"),
    (r"(?i)\bat_the_door\b", "the guard, before the handler"),
    (r"(?i)\bclerk\b", "the type that does it"),
    (r"\bTODO\b", "an issue"),
    (r"\bFIXME\b", "an issue"),
];
