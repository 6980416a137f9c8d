//! What makes an event long.

/// What an event holds besides some fifty integers: bounds its bytes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bulk {
    /// Rows of its list.
    pub rows: usize,
    /// Bytes of its texts.
    pub text_len: usize,
}

impl Bulk {
    /// Neither a list nor a text.
    pub const NONE: Self = Self { rows: 0, text_len: 0 };

    pub(super) const fn rows(rows: usize) -> Self {
        Self { rows, text_len: 0 }
    }
}
