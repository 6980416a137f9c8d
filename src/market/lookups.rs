//! The keys that live of what numbers and texts are found by.
//!
//! Promises: every command has its digests and tokens under all of them, also under one that is not
//! in use yet, so that two commands that are under way at once find the same thing while the key in
//! use changes: that is the newest one of a day before, or the first. Leaves to others: when keys are
//! made and destroyed.

use nexnum_engine::ids::{Number, Token};
use nexnum_engine::sealed::KeyHandle;
use nexnum_engine::under_keys::UnderKeys;
use nexnum_storage::lookup_key::LookupKey;

/// A key that lives.
#[derive(Clone, Debug)]
pub(super) struct LivingLookup {
    /// The day on which it was made, of those of UTC from 1970-01-01 on.
    pub day: u32,
    /// Its name.
    pub handle: KeyHandle,
    /// The key.
    pub key: LookupKey,
}

/// The keys that live, at least one; the oldest first.
#[derive(Clone, Debug)]
pub struct Lookups(Vec<LivingLookup>);

impl Lookups {
    /// `None` if there is none.
    pub(super) fn new(mut keys: Vec<LivingLookup>) -> Option<Self> {
        keys.sort_unstable_by_key(|key| (key.day, key.handle));
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The same with one key more.
    pub(super) fn with(&self, new: LivingLookup) -> Self {
        let keys = self.0.iter().cloned().chain([new]);
        Self::new(keys.collect()).unwrap_or_else(|| self.clone())
    }

    /// The same without a key that was destroyed; the last one stays.
    pub(super) fn without(&self, destroyed: KeyHandle) -> Self {
        let keys = self.0.iter().filter(|key| key.handle != destroyed).cloned();
        Self::new(keys.collect()).unwrap_or_else(|| self.clone())
    }

    /// All, the oldest first.
    pub(super) fn all(&self) -> &[LivingLookup] {
        &self.0
    }

    /// The one that was made last: it may not be in use yet.
    #[must_use]
    pub fn newest(&self) -> &LookupKey {
        &self.0[self.0.len() - 1].key
    }

    /// The one in use on a day.
    fn living_on(&self, day: u32) -> &LivingLookup {
        self.0.iter().rfind(|key| key.day < day).unwrap_or(&self.0[0])
    }

    /// The key in use on a day.
    #[must_use]
    pub fn on(&self, day: u32) -> &LookupKey {
        &self.living_on(day).key
    }

    /// All but one.
    pub fn but<'a>(&'a self, one: &'a LookupKey) -> impl Iterator<Item = &'a LookupKey> {
        self.0.iter().map(|living| &living.key).filter(move |key| !std::ptr::eq(*key, one))
    }

    /// What `of` gives under each key; that in use on a day is the current one.
    pub fn each<T>(&self, day: u32, mut of: impl FnMut(&LookupKey) -> T) -> UnderKeys<T> {
        let used = self.on(day);
        UnderKeys { current: of(used), others: self.but(used).map(of).collect() }
    }

    /// The tokens of numbers, in their order, under each key but that in use on a day.
    pub(super) fn other_tokens(&self, day: u32, numbers: &[Number]) -> Vec<Box<[Token]>> {
        let tokens = |key: &LookupKey| numbers.iter().map(|number| key.token(*number)).collect();
        self.but(self.on(day)).map(tokens).collect()
    }
}

#[cfg(test)]
mod tests {
    use nexnum_storage::sealed::SealingKey;

    use super::*;

    fn living(day: u32) -> LivingLookup {
        let handle = KeyHandle(u128::from(day));
        let key = LookupKey::of(&SealingKey::new(handle, [day as u8; 32].into()));
        LivingLookup { day, handle, key }
    }

    #[test]
    fn a_key_is_in_use_from_the_day_after_its_making_on() {
        let lookups = Lookups::new(vec![living(45), living(10)]).unwrap();
        let day_of = |day| lookups.living_on(day).day;
        assert_eq!([9, 10, 44, 45, 46, 99].map(day_of), [10, 10, 10, 10, 45, 45]);
        let token = |day: u32| living(day).key.token(Number(7));
        assert_eq!(lookups.newest().token(Number(7)), token(45));
        let tokens = lookups.each(45, |key| key.token(Number(7)));
        assert_eq!((tokens.current, &*tokens.others), (token(10), &[token(45)][..]));
        let later = lookups.each(46, |key| key.token(Number(7)));
        assert_eq!((later.current, &*later.others), (token(45), &[token(10)][..]));
        let only = lookups.without(KeyHandle(10));
        assert_eq!((only.all().len(), only.living_on(9).day), (1, 45));
        assert_eq!(only.without(KeyHandle(45)).all().len(), 1, "the last one stays");
        assert_eq!(only.with(living(90)).living_on(91).day, 90);
        assert!(Lookups::new(Vec::new()).is_none());
    }
}
