//! What stands for a thing under a key of digests, beside what stands for it under the other keys that
//! live: it may be known from before under one of those.

/// A token or digests of one thing, by the keys that they are made under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnderKeys<T> {
    /// Under the key in use, or of a message under that of its order: what the ledger keeps of it.
    pub current: T,
    /// Under the others that live.
    pub others: Box<[T]>,
}

impl<T> UnderKeys<T> {
    /// Each, the one in use first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.current).chain(&self.others)
    }
}

impl<T: PartialEq> UnderKeys<T> {
    /// Whether it is one of these.
    pub fn contains(&self, it: &T) -> bool {
        self.current == *it || self.others.contains(it)
    }
}

/// Where one key lives.
impl<T> From<T> for UnderKeys<T> {
    fn from(current: T) -> Self {
        Self { current, others: Box::default() }
    }
}
