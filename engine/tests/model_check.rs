//! The engine against its naive model, over random runs: the same answers, the same
//! money, stock and states after every command, and the same state again from the
//! events and from the rows. `NEXNUM_SEEDS` says how many runs, the seed of a failing
//! one is printed.

mod common;

use common::arbitrary::{Arbitrary, Rng, START};
use common::model::Model;
use common::proof::Recorded;
use nexnum_engine::Engine;
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::command::{Command, Pulse, Reply};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::policy::Policy;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

/// Runs of a normal test: about ten seconds unoptimized.
const SEEDS_DEFAULT: u64 = 120;

/// Commands of a run.
const COMMANDS: usize = 400;

fn seeds() -> u64 {
    std::env::var("NEXNUM_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS_DEFAULT)
}

struct Run {
    policy: Policy,
    engine: Recorded,
    model: Model,
    commands: Vec<(Time, Command)>,
    accepted: usize,
}

/// For a pulse, whether `next_pulse` says that it has something to do.
fn has_work(state: &State, now: Time, command: &Command) -> Option<bool> {
    match command {
        // An order that has its last look still is due, and does not end.
        Command::Pulse(Pulse { archived, unasked: Time(0) }) => {
            Some(state.next_pulse(*archived).is_some_and(|due| due <= now))
        }
        _ => None,
    }
}

/// One run; the answers and the states are compared after every command.
fn run(seed: u64) -> Result<Run, String> {
    let mut arbitrary = Arbitrary::new(Rng::new(seed));
    let policy = arbitrary.policy();
    let mut run = Run {
        policy,
        engine: Recorded::new(policy),
        model: Model::new(policy),
        commands: Vec::new(),
        accepted: 0,
    };
    let mut now = START;
    let mut market = Arbitrary::market().into_iter();
    for index in 0..COMMANDS {
        let command = market.next().unwrap_or_else(|| arbitrary.command(run.engine.state()));
        let command = run.engine.with_key_uses(&command);
        let announced = has_work(run.engine.state(), now, &command);
        let answer = run.engine.execute(now, &command).map_err(|reject| reject.code());
        if announced.is_some_and(|work| work == (answer == Ok(Reply::Changed(0)))) {
            return Err(format!("command {index}: {answer:?}, against what next_pulse said"));
        }
        run.accepted += usize::from(answer.is_ok());
        let expected = run.model.execute(now, &command);
        let place = || format!("command {index}, {command:?}");
        if answer != expected {
            return Err(format!("{}: answered {answer:?}, expected {expected:?}", place()));
        }
        run.model.compare(run.engine.state()).map_err(|e| format!("{}: {e}", place()))?;
        audit(run.engine.state()).map_err(|e| format!("{}: {e}", place()))?;
        run.commands.push((now, command));
        now = now.plus_ms(arbitrary.pause_ms());
    }
    run.engine.prove()?;
    Ok(run)
}

#[track_caller]
fn checked(seed: u64) -> Run {
    run(seed).unwrap_or_else(|complaint| panic!("seed {seed}: {complaint}"))
}

#[test]
fn the_engine_answers_and_stands_as_its_naive_model() {
    let mut accepted = 0;
    for seed in 0..seeds() {
        accepted += checked(seed).accepted;
    }
    let share = accepted * 100 / (seeds() as usize * COMMANDS);
    assert!(share >= 25, "only {share} % of the commands were accepted: the runs say little");
}

#[test]
fn the_same_commands_give_the_same_events_in_one_batch_or_many() {
    for seed in 0..seeds().div_ceil(10) {
        let run = checked(seed);
        let mut engine = Engine::default().with_policy(run.policy);
        let mut groups = Groups::new();
        let mut answers = Recorded::new(run.policy);
        for (at, command) in &run.commands {
            let batched = engine.execute(Head::system(*at), command, &mut groups);
            let alone = answers.execute(*at, command);
            assert_eq!(batched, alone, "seed {seed}: {command:?}");
        }
        assert_eq!(groups, run.engine.groups, "seed {seed}");
        assert_eq!(state_hash(engine.state()), state_hash(run.engine.state()), "seed {seed}");
    }
}

#[test]
fn a_state_rebuilt_from_rows_goes_on_like_the_one_it_came_from() {
    for seed in 0..seeds().div_ceil(10) {
        let run = checked(seed);
        let cut = run.commands.len() / 2;
        let mut first = Recorded::new(run.policy);
        for (at, command) in &run.commands[..cut] {
            let _ = first.execute(*at, command);
        }
        let rows = first.state().rows().map(Ok::<_, String>);
        let second = Engine::from_state(State::from_rows(rows).unwrap());
        let mut second = second.with_policy(run.policy);
        for (at, command) in &run.commands[cut..] {
            let answer = second.execute(Head::system(*at), command, &mut Groups::new());
            assert_eq!(answer, first.execute(*at, command), "seed {seed}: {command:?}");
        }
        assert_eq!(state_hash(second.state()), state_hash(run.engine.state()), "seed {seed}");
    }
}
