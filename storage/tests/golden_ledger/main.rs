//! Ledgers as released versions have written them, with the hash of the state after each row: what
//! they say, and what follows from it, stays the same for ever.
//!
//! One file a version in `ledgers/`, with several ledgers: of each a line with its id, then one a row.
//! They are made by random runs that have every kind of event between them. Before its release the one
//! of a version is written anew when formats or rules change:
//! `cargo test -p nexnum-storage --test golden_ledger -- --ignored`. A field of the state that comes
//! after a release is hashed only where it is there, so that the hashes of older ledgers stay.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../engine/tests/common/arbitrary.rs"]
#[allow(dead_code, unreachable_pub, reason = "fuzzing takes the rest")]
mod arbitrary;
#[path = "../../../engine/tests/common/key_uses.rs"]
mod key_uses;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Rng, START, sealed::sealed_under};
use key_uses::KeyUses;
use nexnum_engine::Engine;
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::group::{ActingFor, Actor, Groups, Head, Origin};
use nexnum_engine::ids::{AddressNumber, PersonId, ProviderId, Seq};
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::state::State;
use nexnum_storage::merkle::SALT_LEN;
use nexnum_storage::payload::checked_groups_of;
use nexnum_storage::{Hash, LedgerId, LedgerRow, Payload, RowHeader, Salt, format};

/// Commands of a run.
const COMMANDS: usize = 1_000;
/// Runs that are looked at; those are taken that have a kind of event which none before them has.
const SEEDS: u64 = 2_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}

fn ledgers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden_ledger/ledgers")
}

/// The ledger of this version.
fn own() -> PathBuf {
    ledgers().join(format!("{}.txt", env!("CARGO_PKG_VERSION")))
}

/// Every kind of event that this version writes.
fn kinds() -> BTreeSet<String> {
    let records = include_str!("../golden/records.txt").lines();
    let named = records.filter_map(|line| line.strip_prefix("event "));
    named.map(|name| name.split([' ', ':']).next().unwrap().to_owned()).collect()
}

/// Who has a command carried out, with everything that a head may say of it.
fn origin(rng: &mut Rng, state: &State) -> Origin {
    let keys: Vec<_> = state.keys().map(|(id, key)| (id, key.account)).collect();
    let mut origin = match rng.below(4) {
        0 => Origin::of(Actor::Worker(ProviderId(2))),
        1 => Origin::of(Actor::Person(PersonId(3))),
        2 if !keys.is_empty() => {
            let (key, account) = rng.pick(&keys);
            let address = Some(AddressNumber(1 + rng.below(2) as u32));
            let address = address.filter(|it| state.addresses().was_given(account, *it));
            Origin { address, ..Origin::of(Actor::Key(key)) }
        }
        _ => Origin::SYSTEM,
    };
    if rng.once_in(3) {
        origin.request = Some("r-1".into());
    }
    if let (Actor::Person(person), true) = (origin.actor, rng.once_in(2)) {
        origin.acting_for = Some(ActingFor::Plan(person));
    }
    let day = state.seal_keys().iter().find(|(_, owner)| matches!(owner, KeyOwner::Day(_)));
    if let (Some((handle, _)), true) = (day, rng.once_in(6)) {
        origin.reason = Some(Box::new(sealed_under(handle, 12)));
    }
    origin
}

/// A run in rows, each with the state behind it.
struct Run {
    rng: Rng,
    engine: Engine,
    groups: Groups,
    lines: Vec<String>,
    /// The hash of the last row, and the position of the next.
    tip: (Hash, Seq),
}

impl Run {
    /// Writes the open groups as a row.
    fn seal(&mut self) {
        if self.groups.is_empty() {
            return;
        }
        let salt = Salt([self.lines.len() as u8; SALT_LEN]);
        let payload = Payload::of(&self.groups, &salt, self.tip.1);
        let epoch = self.engine.state().epoch().map_or(0, |last| last.epoch);
        let header = RowHeader::of(&payload.batch(), self.tip.0, epoch);
        let mut row = Vec::new();
        format::encode(&header, payload.batch().payload, &mut row);
        self.lines.push(format!("{} {}", hex(&state_hash(self.engine.state())), hex(&row)));
        self.tip = (header.hash(), Seq(header.last().0 + 1));
        self.groups.clear();
    }

    /// The rows of a run up to the last one that has a kind which is missing, and takes those kinds
    /// from what is missing.
    fn lines(seed: u64, missing: &mut BTreeSet<String>) -> Vec<String> {
        let id = LedgerId([seed as u8; 16]);
        let mut run = Self {
            rng: Rng::new(seed),
            engine: Engine::default(),
            groups: Groups::new(),
            lines: vec![hex(&id.0)],
            tip: (id.genesis(), Seq(1)),
        };
        let (mut arbitrary, mut now) = (Arbitrary::new(Rng::new(seed)), START);
        run.engine = Engine::default().with_policy(arbitrary.policy());
        let (mut market, mut needed) = (Arbitrary::market().into_iter(), 0);
        let mut uses = KeyUses::default();
        for _ in 0..COMMANDS {
            let state = run.engine.state();
            let mut command = market.next().unwrap_or_else(|| arbitrary.command(state));
            uses.bring(state.replies(), &mut command);
            let head = Head::new(now, origin(&mut run.rng, run.engine.state()));
            let _refused = run.engine.execute(head, &command, &mut run.groups);
            uses.follow(&run.groups, run.tip.1);
            if run.rng.once_in(4) {
                let before = missing.len();
                missing.retain(|kind| !run.groups.events().iter().any(|it| it.kind() == kind));
                run.seal();
                needed = if missing.len() < before { run.lines.len() } else { needed };
            }
            now = now.plus_ms(arbitrary.pause_ms());
        }
        run.lines.truncate(needed);
        run.lines
    }
}

/// Writes the ledgers of this version.
#[test]
#[ignore = "it is for those who change formats before a release"]
fn write_the_ledger_of_this_version() {
    let changelog = include_str!("../../../CHANGELOG.md");
    let unreleased = format!("## [{}] - unreleased", env!("CARGO_PKG_VERSION"));
    assert!(changelog.contains(&unreleased), "a released version's ledger stays as it is");
    let (mut missing, mut lines) = (kinds(), Vec::new());
    for seed in 0..SEEDS {
        if missing.is_empty() {
            break;
        }
        lines.extend(Run::lines(seed, &mut missing));
    }
    assert!(missing.is_empty(), "no run has these kinds: {missing:?}");
    fs::create_dir_all(ledgers()).unwrap();
    fs::write(own(), lines.join("\n") + "\n").unwrap();
}

/// A ledger on its way through a replay.
struct Replay {
    engine: Engine,
    prev: Hash,
}

impl Replay {
    fn of(id: &str) -> Self {
        let id = LedgerId(from_hex(id).try_into().unwrap());
        Self { engine: Engine::default(), prev: id.genesis() }
    }

    /// Replays a row, which stands `at` this place; gives its groups.
    fn row(&mut self, hash: &str, row: &[u8], (at, is_own): (&str, bool)) -> Groups {
        let (header, payload) = format::decode(row).unwrap();
        assert_eq!(header.prev, self.prev, "{at}: the chain");
        self.prev = header.hash();
        let payload = payload.unwrap();
        let groups = checked_groups_of(&LedgerRow::new(header, Some(payload.to_vec()))).unwrap();
        groups.iter().for_each(|(head, events)| self.engine.replay(head, events));
        let state = self.engine.state();
        audit(state).unwrap_or_else(|complaint| panic!("{at}: {complaint}"));
        assert_eq!(hex(&state_hash(state)), hash, "{at}: the state's hash");
        if is_own {
            let salt = Salt(*payload.first_chunk().unwrap());
            let again = Payload::of(&groups, &salt, header.first);
            assert!(again.batch().payload == payload, "{at}: it is written in other bytes");
        }
        groups
    }

    /// A snapshot of the end is the same state.
    fn end(&self) {
        let state = self.engine.state();
        let rebuilt = State::from_rows(state.rows().map(Ok::<_, String>)).unwrap();
        assert_eq!(state_hash(&rebuilt), state_hash(state));
    }
}

/// Replays the ledgers of a version; gives the kinds of their events.
fn replayed(path: &Path) -> BTreeSet<String> {
    let (text, is_own) = (fs::read_to_string(path).unwrap(), path == own());
    let (mut replay, mut kinds) = (None::<Replay>, BTreeSet::new());
    for (n, line) in (1..).zip(text.lines()) {
        let Some((hash, row)) = line.split_once(' ') else {
            if let Some(before) = replay.replace(Replay::of(line)) {
                before.end();
            }
            continue;
        };
        let at = format!("{}, line {n}", path.display());
        let groups = replay.as_mut().unwrap().row(hash, &from_hex(row), (&at, is_own));
        kinds.extend(groups.events().iter().map(|event| event.kind().to_owned()));
    }
    replay.unwrap().end();
    kinds
}

#[test]
fn every_released_ledger_replays_to_the_states_that_it_had() {
    let entries = fs::read_dir(ledgers()).unwrap().map(|entry| entry.unwrap().path());
    let paths: Vec<_> = entries.collect();
    assert!(paths.contains(&own()), "this version has no golden ledger: write it");
    for path in paths {
        let found = replayed(&path);
        if path == own() {
            let missing: Vec<_> =
                kinds().into_iter().filter(|kind| !found.contains(kind)).collect();
            assert!(missing.is_empty(), "no event of these kinds is in it: {missing:?}");
        }
    }
}

#[test]
fn a_ledger_with_one_byte_altered_does_not_pass() {
    let text = fs::read_to_string(own()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut rng = Rng::new(1);
    let temp = tempfile::tempdir().unwrap();
    for n in 0..16 {
        let line = 1 + rng.below(lines.len() as u64 - 1) as usize;
        let at = rng.below(lines[line].len() as u64) as usize;
        let mut altered: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let other = if altered[line].as_bytes()[at] == b'0' { "1" } else { "0" };
        if altered[line].as_bytes()[at] == b' ' {
            continue;
        }
        altered[line].replace_range(at..=at, other);
        let path = temp.path().join(format!("{n}.txt"));
        fs::write(&path, altered.join("\n")).unwrap();
        assert!(std::panic::catch_unwind(|| replayed(&path)).is_err(), "line {line}, letter {at}");
    }
}
