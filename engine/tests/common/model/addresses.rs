//! Callers' addresses, as a list of what was numbered.

use std::collections::BTreeMap;

use nexnum_engine::command::{NumberAddress, Reply};
use nexnum_engine::ids::{AccountId, AddressNumber};
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::state::State;

use super::{Answer, Model, need, same};

/// An address that was numbered: whose, its digest, and whether that is under the newest key.
pub(super) type Numbered = (AccountId, u128, bool);

impl Model {
    pub(super) fn number_address(&mut self, new: &NumberAddress) -> Answer {
        let NumberAddress { account, digest, ref sealed } = *new;
        if account.0 > 0 {
            self.account(account)?;
        }
        let of_account = self.addresses.iter().filter(|(of, ..)| *of == account);
        let numbers = (1..).zip(of_account);
        let known = numbers.clone().find(|(_, known)| known.1 == digest && known.2);
        if let Some((number, _)) = known {
            return Ok(Reply::Address(AddressNumber(number)));
        }
        need((16..=61).contains(&sealed.ciphertext.len()), "invalid_field")?;
        let key = (sealed.handle, KeyOwner::Identity(account));
        need(self.seal_keys.contains(&key), "unknown_sealing_key")?;
        let number = numbers.count() as u32 + 1;
        self.addresses.push((account, digest, true));
        // The last ones of an account are known again.
        let of_account = self.addresses.iter_mut().filter(|(of, ..)| *of == account).rev();
        of_account.skip(1_024).for_each(|(.., is_known)| *is_known = false);
        Ok(Reply::Address(AddressNumber(number)))
    }

    /// With a new key of digests no address is known again.
    pub(super) fn forget_addresses(&mut self) {
        self.addresses.iter_mut().for_each(|(.., is_known)| *is_known = false);
    }

    pub(super) fn compare_addresses(&self, state: &State) -> Result<(), String> {
        let mut expected: BTreeMap<AccountId, (u32, BTreeMap<u128, u32>)> = BTreeMap::new();
        for (account, digest, is_known) in &self.addresses {
            let (last, known) = expected.entry(*account).or_default();
            *last += 1;
            if *is_known {
                known.insert(*digest, *last);
            }
        }
        let found = state.addresses().iter().map(|(account, of)| {
            let known = of.known.iter().map(|(digest, number)| (*digest, number.0)).collect();
            (account, (of.last.0, known))
        });
        same("addresses", found.collect(), expected)
    }
}
