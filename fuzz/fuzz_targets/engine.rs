//! Commands that follow from the bytes, through the engine and through the naive model.

#![no_main]

#[path = "../../engine/tests/common/arbitrary.rs"]
#[allow(dead_code, reason = "tests take the rest")]
mod commands;
#[path = "../../engine/tests/common/key_uses.rs"]
mod key_uses;
#[path = "../../engine/tests/common/model/mod.rs"]
mod model;

use commands::{Arbitrary, Rng, START};
use key_uses::KeyUses;
use libfuzzer_sys::fuzz_target;
use model::Model;
use nexnum_engine::Engine;
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::Seq;
use nexnum_engine::state::State;
use nexnum_storage::{Payload, Salt, merkle::SALT_LEN, payload, record};

/// Commands of one input: the model compares everything after each.
const COMMANDS_MAX: usize = 300;

fuzz_target!(|bytes: &[u8]| {
    let mut arbitrary = Arbitrary::new(Rng::from_bytes(bytes));
    let policy = arbitrary.policy();
    let (mut engine, mut model) = (Engine::default().with_policy(policy), Model::new(policy));
    let (mut replayed, mut uses) = (Engine::default(), KeyUses::default());
    let mut market = Arbitrary::market().into_iter();
    let mut now = START;
    for _ in 0..COMMANDS_MAX {
        if arbitrary.is_spent() && market.len() == 0 {
            break;
        }
        let mut command = market.next().unwrap_or_else(|| arbitrary.command(engine.state()));
        uses.bring(engine.state().replies(), &mut command);
        let mut groups = Groups::new();
        let first = Seq(engine.state().seq().0 + 1);
        let answer = engine.execute(Head::system(now), &command, &mut groups);
        let answer = answer.map_err(|reject| reject.code());
        uses.follow(&groups, first);
        assert_eq!(answer, model.execute(now, &command), "{command:?}");
        model
            .compare(engine.state())
            .unwrap_or_else(|complaint| panic!("{command:?}: {complaint}"));
        audit(engine.state()).unwrap_or_else(|complaint| panic!("{command:?}: {complaint}"));
        let row = Payload::of(&groups, &Salt([0; SALT_LEN]), first);
        let decoded = payload::decode(row.batch().payload, first, now, |_, _, _| {})
            .expect("what was encoded decodes");
        assert_eq!(decoded, groups);
        decoded.iter().for_each(|(head, events)| replayed.replay(head, events));
        now = now.plus_ms(arbitrary.pause_ms());
    }
    assert_eq!(state_hash(replayed.state()), state_hash(engine.state()), "the replay differs");
    let mut rows = Vec::new();
    engine.state().rows().for_each(|row| record::encode_row(&row, &mut rows));
    let decoded = record::decode_rows(&rows).map(|row| row.map_err(|error| error.to_string()));
    let rebuilt = State::from_rows(decoded).expect("a state's rows are a state");
    assert!(&rebuilt == engine.state(), "the state from its rows differs");
});
