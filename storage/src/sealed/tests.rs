use std::sync::Arc;

use proptest::prelude::*;

use nexnum_engine::sealed::TAG_LEN;

use super::*;
use crate::wire::{RecordError, Wire};

const HANDLE: KeyHandle = KeyHandle(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
const NONCE: [u8; NONCE_LEN] = [0x24; NONCE_LEN];
const PLACE: SealedPlace = SealedPlace {
    ledger: LedgerId([0xAB; 16]),
    purpose: Purpose::Message,
    order: Some(OrderId(7)),
};
const PURPOSES: [Purpose; 8] = [
    Purpose::Message,
    Purpose::Number,
    Purpose::Address,
    Purpose::Reason,
    Purpose::CallbackBody,
    Purpose::EndUser,
    Purpose::Reference,
    Purpose::Name,
];

fn key() -> SealingKey {
    SealingKey::new(HANDLE, Zeroizing::new([0x11; KEY_LEN]))
}

fn sealed() -> SealedValue {
    key().seal(&PLACE, b"12345", NONCE).unwrap()
}

fn bytes_of(value: &SealedValue) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    bytes
}

fn decoded(mut bytes: &[u8]) -> Result<SealedValue, RecordError> {
    let value = SealedValue::take(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(RecordError::Trailing) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// The bytes were computed by a second implementation, of BLAKE3, HChaCha20 and this layout.
#[test]
fn the_first_format_keeps_its_bytes() {
    let expected = concat!(
        "5e",
        "100f0e0d0c0b0a090807060504030201",
        "242424242424242424242424242424242424242424242424",
        "04ba7dc109ec8c52d1037bdd48d7eb3a137cf91eac6164544c2425ee64f2218c",
        "15",
        "aecbddc5aabdfe8dd821d4780f59e28451ffa268bd"
    );
    assert_eq!(hex(&bytes_of(&sealed())), expected);
    assert_eq!(decoded(&bytes_of(&sealed())), Ok(sealed()));
    let subkey = "11b4b7e4cdd23639df2eea57ce250b1af9dae185b25cc02175e7b70937600bcc";
    assert_eq!(hex(&*key().subkey(NONCE).0), subkey);
}

#[test]
fn purposes_have_tags_of_their_own() {
    let tags: Vec<u8> = PURPOSES.iter().map(|purpose| purpose.tag()).collect();
    assert_eq!(tags, [2, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
    assert_eq!(key().open(&PLACE, &sealed()).unwrap().expose(), b"12345");
    let altered = Err(SealError::Altered { named: HANDLE });
    let mut places = vec![
        SealedPlace { ledger: LedgerId([0xAC; 16]), ..PLACE },
        SealedPlace { order: Some(OrderId(8)), ..PLACE },
        SealedPlace { order: None, ..PLACE },
    ];
    let others = PURPOSES.into_iter().filter(|purpose| *purpose != PLACE.purpose);
    places.extend(others.map(|purpose| SealedPlace { purpose, ..PLACE }));
    for place in places {
        assert_eq!(key().open(&place, &sealed()), altered, "{place:?}");
    }
    // Without an order is a place of its own too.
    let unordered = SealedPlace { order: None, ..PLACE };
    let value = key().seal(&unordered, b"12345", NONCE).unwrap();
    assert!(key().open(&unordered, &value).is_ok());
    assert_eq!(key().open(&PLACE, &value), altered);
    let zero = SealedPlace { order: Some(OrderId(0)), ..PLACE };
    assert_eq!(key().open(&zero, &value), altered);
}

#[test]
fn another_key_and_another_handle_open_nothing() {
    let value = sealed();
    let (other, named) = (KeyHandle(5), HANDLE);
    let same_name = SealingKey::new(HANDLE, Zeroizing::new([0x12; KEY_LEN]));
    assert_eq!(same_name.open(&PLACE, &value), Err(SealError::OtherKey { named }));
    let same_key = SealingKey::new(other, Zeroizing::new([0x11; KEY_LEN]));
    assert_eq!(same_key.open(&PLACE, &value), Err(SealError::OtherKey { named }));
    // The same bytes under another name: the name is authenticated.
    let renamed = SealedValue { handle: other, ..value };
    assert_eq!(same_key.open(&PLACE, &renamed), Err(SealError::Altered { named: other }));
}

#[test]
fn every_altered_byte_is_noticed() {
    let bytes = bytes_of(&sealed());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(value) = decoded(&bytes) {
                assert!(key().open(&PLACE, &value).is_err(), "byte {at}, bit {bit}");
            }
        }
        assert_eq!(decoded(&bytes[..at]), Err(RecordError::Truncated), "{at} bytes");
    }
}

#[test]
fn a_subkey_opens_its_own_value_alone() {
    let (mine, other) = (sealed(), key().seal(&PLACE, b"67890", [0x25; NONCE_LEN]).unwrap());
    let subkey = key().subkey(mine.nonce);
    assert_eq!(subkey.open_value(&PLACE, &mine).unwrap().expose(), b"12345");
    let refused = Err(SealError::OtherKey { named: HANDLE });
    assert_eq!(subkey.open_value(&PLACE, &other), refused);
    // Not even when the other value is given the commitment: the cipher refuses it.
    let forged = SealedValue { commitment: mine.commitment, ..other };
    assert_eq!(subkey.open_value(&PLACE, &forged), Err(SealError::Altered { named: HANDLE }));
    // And a value that opens under the subkey is refused when it commits to another one.
    let other = key().seal(&PLACE, b"67890", [0x25; NONCE_LEN]).unwrap();
    let uncommitted = SealedValue { commitment: other.commitment, ..mine };
    assert_eq!(subkey.open_value(&PLACE, &uncommitted), refused);
}

#[test]
fn a_text_has_the_bound_of_its_purpose_both_ways() {
    for purpose in PURPOSES {
        let (place, max) = (SealedPlace { purpose, ..PLACE }, purpose.len_max());
        for len in [0, max] {
            let value = key().seal(&place, &vec![7; len], NONCE).unwrap();
            assert_eq!(key().open(&place, &value).unwrap().expose(), vec![7; len]);
        }
        let len = max + 1;
        let refused = key().seal(&place, &vec![7; len], NONCE);
        assert_eq!(refused, Err(SealError::TooLong { len, max }));
        let long = SealedValue { ciphertext: Arc::from(vec![0; len + TAG_LEN]), ..sealed() };
        assert_eq!(key().open(&place, &long), Err(SealError::Altered { named: HANDLE }));
    }
}

#[test]
fn neither_keys_nor_values_are_shown() {
    let shown = format!("{:?} {:?} {:?}", key(), key().subkey(NONCE), sealed());
    let name = "0102030405060708090a0b0c0d0e0f10";
    let expected = format!("SealingKey({name}, …) Subkey(…) SealedValue({name}, 21 bytes)");
    assert_eq!(shown, expected);
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_itself(
        bytes: [u8; KEY_LEN],
        handle: u128,
        nonce: [u8; NONCE_LEN],
        order in prop::option::of(any::<u64>().prop_map(OrderId)),
        clear in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let key = SealingKey::new(KeyHandle(handle), Zeroizing::new(bytes));
        let place = SealedPlace { purpose: Purpose::Number, order, ..PLACE };
        let value = key.seal(&place, &clear, nonce).unwrap();
        prop_assert_eq!(decoded(&bytes_of(&value)), Ok(value.clone()));
        let opened = key.open(&place, &value).unwrap();
        prop_assert_eq!(opened.expose(), &clear[..]);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decoded(&bytes);
    }
}
