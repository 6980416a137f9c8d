//! The bytes of groups in a row, and what is read of them.

use nexnum_engine::event::{AccountEvent, Event};
use nexnum_engine::group::{Idempotency, KeyUse, Made};
use nexnum_engine::ids::{AccountId, AddressNumber, KeyId, OrderId, PersonId, ProviderId};
use nexnum_engine::sealed::{KeyHandle, SealedValue, TAG_LEN};
use proptest::prelude::*;

use super::*;

const SALT: Salt = Salt([9; SALT_LEN]);
const FIRST: Seq = Seq(40);

const KEY_USE: KeyUse = KeyUse {
    account: AccountId(3),
    used: Idempotency { key: 1, fingerprint: u128::MAX },
    made: Made::Order(OrderId(300)),
};

fn event(key: u32) -> Event {
    Event::Account(AccountEvent::KeyRevoked { key: KeyId(key) })
}

fn reason() -> SealedValue {
    let ciphertext = [7; TAG_LEN].as_slice().into();
    SealedValue { handle: KeyHandle(3), nonce: [4; 24], commitment: [5; 32], ciphertext }
}

/// A group of each actor, with and without what may be absent.
fn groups() -> Groups {
    let origin = |actor, acting_for, request: Option<&str>| Origin {
        actor,
        acting_for,
        request: request.map(Into::into),
        address: (actor == Actor::Key(KeyId(300))).then_some(AddressNumber(200)),
        reason: (actor == Actor::Person(PersonId(2))).then(|| Box::new(reason())),
    };
    let origins = [
        origin(Actor::System, None, None),
        origin(Actor::Key(KeyId(300)), None, Some("r-1")),
        origin(Actor::Person(PersonId(2)), Some(ActingFor::Account(AccountId(3))), None),
        origin(Actor::Key(KeyId(1)), Some(ActingFor::Parent(AccountId(4))), Some("x")),
        origin(Actor::Key(KeyId(1)), Some(ActingFor::Plan(PersonId(5))), None),
        origin(Actor::Worker(ProviderId(6)), None, None),
    ];
    let mut groups = Groups::new();
    for (n, origin) in (0..).zip(origins) {
        let mut head = Head::new(Time(1_000 + 100 * n), origin);
        head.key_use = (n == 3).then_some(KEY_USE);
        groups.add(head, |events| events.extend((0..=n as u32 % 2).map(event)));
    }
    groups
}

fn bytes() -> Vec<u8> {
    Payload::of(&groups(), &SALT, FIRST).bytes
}

fn read(bytes: &[u8]) -> Result<Groups, RecordError> {
    decode(bytes, FIRST, Time(1_000), |_, _, _| {})
}

#[test]
fn groups_keep_their_bytes() {
    let hex: String = bytes()[SALT_LEN..].iter().map(|byte| format!("{byte:02x}")).collect();
    // A head: tag, length, milliseconds since the row's time, actor, and what else it says. Then
    // its events.
    let expected = [
        "00020001",
        "030100",
        // With the number of the caller's address, behind no account to act for and no key.
        "000f640202ac02000103722d310001c801",
        "030100030101",
        // With a reason: its key, nonce and commitment, and what is sealed.
        "0067c801030102010101030000000159",
        "03000000000000000000000000000000",
        "040404040404040404040404040404040404040404040404",
        "0505050505050505050505050505050505050505050505050505050505050505",
        "1007070707070707070707070707070707",
        "030100",
        // The same with an idempotency key: whose, its digest and the request's, what was made.
        "0034ac0202010101020104010178012603",
        "2001000000000000000000000000000000ffffffffffffffffffffffffffffffff0102ac02",
        "030100030101",
        "0009900302010101030105",
        "030100",
        "0005f403040106",
        "030100030101",
    ];
    assert_eq!(hex, expected.concat());
    assert_eq!(read(&bytes()), Ok(groups()));
    assert_eq!(
        Payload::of(&groups(), &SALT, FIRST).root.to_string(),
        "43a00508840b4183208e83d3fca84084be2cadbaf6ee479df62f3a1fc8bb2008"
    );
}

#[test]
fn each_record_is_a_leaf_with_its_own_position_and_the_time_of_its_group() {
    let mut seen = Vec::new();
    let mut leaves = Vec::new();
    decode(&bytes(), FIRST, Time(1_000), |seq, at, record| {
        seen.push((seq.0, at.0, record[0]));
        leaves.push(SALT.leaf(seq, at, record));
    })
    .unwrap();
    let expected: [(u64, u64, u8); 5] =
        [(40, 1_000, 0), (41, 1_000, 3), (42, 1_100, 0), (43, 1_100, 3), (44, 1_100, 3)];
    assert_eq!(seen[..5], expected);
    assert_eq!(seen.len(), groups().len());
    assert_eq!(merkle::root(leaves), Payload::of(&groups(), &SALT, FIRST).root);
}

#[test]
fn what_is_no_group_is_named() {
    let salted = |records: &[u8]| [&SALT.0, records].concat();
    for (records, expected) in [
        (&[3u8, 1, 1][..], RecordError::NoHead),
        (&[0, 2, 0, 9], RecordError::NewerTag),
        // An option that says no more, where it need not be written.
        (&[0, 3, 0, 1, 0], RecordError::OutOfRange),
        (&[0, 1, 0], RecordError::Truncated),
    ] {
        assert_eq!(read(&salted(records)), Err(expected), "{records:?}");
    }
    // Neither an account to act for nor a request, an idempotency key, an address, no reason, one byte more.
    let keyed = |rest: &[u8]| {
        let mut bytes = vec![HEAD];
        put_frame(&mut bytes, |out| {
            out.extend([0, 1, 0, 0, 1, 38, 3, 32]);
            out.extend([7; 32]);
            out.extend([1, 2, 0xac, 2]);
            out.extend(rest);
        });
        read(&salted(&bytes))
    };
    let mut said = vec![1, 9, 1];
    reason().put(&mut said);
    for rest in [&[][..], &[1, 9], &said] {
        assert!(keyed(rest).is_ok(), "{rest:?}");
    }
    said.push(0);
    assert_eq!(keyed(&said), Err(RecordError::NewerField));
    assert_eq!(read(&SALT.0[1..]), Err(RecordError::Truncated));
    assert_eq!(read(&SALT.0), Ok(Groups::new()));
    // A head that ends early does not record what follows, and one without events stands.
    let groups = read(&salted(&[0, 2, 5, 1])).unwrap();
    let heads: Vec<_> = groups.iter().map(|(head, events)| (head.clone(), events.len())).collect();
    assert_eq!(heads, [(Head::system(Time(1_005)), 0)]);
}

proptest! {
    #[test]
    fn random_records_never_panic(
        records in prop::collection::vec(any::<u8>(), 0..200),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let _ = read(&[&SALT.0[..], &records].concat());
        let mut damaged = bytes();
        for (index, byte) in flips {
            let index = index.index(damaged.len());
            damaged[index] ^= byte;
        }
        let _ = read(&damaged);
    }
}

#[test]
fn shown_records_lead_to_the_row_s_root_with_the_heads_of_their_groups() {
    let (groups, payload) = (groups(), Payload::of(&groups(), &SALT, FIRST));
    let header = RowHeader::of(&payload.batch(), Hash::default(), 1);
    let row = LedgerRow::new(header, Some(payload.bytes));
    let heads: Vec<Seq> = groups.heads(FIRST).map(|(seq, _)| seq).collect();
    let events: Vec<Seq> = groups.recorded(FIRST).map(|recorded| recorded.seq).collect();
    let head_of = |seq: Seq| heads[heads.partition_point(|head| *head < seq) - 1];
    for wanted in 1..1_u32 << events.len() {
        let wanted: Vec<Seq> =
            (0..events.len()).filter(|at| wanted >> at & 1 == 1).map(|at| events[at]).collect();
        let shown = show(&row, &wanted).unwrap();
        let mut expected: Vec<Seq> = wanted.iter().flat_map(|seq| [head_of(*seq), *seq]).collect();
        expected.dedup();
        expected.sort();
        expected.dedup();
        assert_eq!(shown.records.iter().map(|it| it.seq).collect::<Vec<_>>(), expected);
        let leaf = |it: &ShownRecord| {
            assert_ne!(it.salt, SALT);
            (it.seq.0 - FIRST.0, merkle::leaf(&it.salt, it.seq, it.at, &it.bytes))
        };
        let leaves: Vec<_> = shown.records.iter().map(leaf).collect();
        let reached = merkle::climb(&leaves, header.count.into(), &shown.path);
        assert_eq!(reached, Some(header.root));
        for record in &shown.records {
            let is_head = matches!(read_record(&record.bytes, header.at), Ok(ReadRecord::Head(_)));
            assert_eq!(is_head, heads.contains(&record.seq));
            let longer = [&record.bytes[..], &[0]].concat();
            assert!(read_record(&longer, header.at) == Err(RecordError::Trailing));
        }
    }
    let other = LedgerRow::new(RowHeader { root: Hash([1; 32]), ..header }, Some(bytes()));
    assert!(show(&other, &events).is_err_and(|error| error.to_string().contains("root")));
}
