//! Values as bytes: integers, texts, lists, frames. What a record is made of (`record`).
//!
//! Integers are LEB128, signed ones zigzag first; digests and keys are raw bytes of a known number; text,
//! bytes and lists carry their length. Decoding is total: any bytes give a value or an
//! error, without a panic and without allocating more than they justify.
//!
//! What has fields stands in a frame, which is its length and then the fields in their order. A
//! frame grows at its end only, by optional fields. One that ends before an optional field does
//! not record it: that never reads as zero. One that goes on after the last field that is known,
//! and a tag that is not known, were written by a newer program ([`RecordError::is_newer`]).

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end inside a value.
    #[error("the record ends inside a value")]
    Truncated,
    /// An event that comes before the head of its group.
    #[error("the record is an event without the head of a group before it")]
    NoHead,
    /// Bytes are left after the last value.
    #[error("the record goes on after its last value")]
    Trailing,
    /// A tag that this version does not know: a newer one wrote it.
    #[error("the record has a tag that this version does not know")]
    NewerTag,
    /// A frame that goes on after the fields that this version knows: a newer one wrote it.
    #[error("the record has fields that this version does not know")]
    NewerField,
    /// An integer above the range of its field, or not in its shortest form.
    #[error("the record has an integer out of range")]
    OutOfRange,
    /// A text that is not UTF-8.
    #[error("the record has a text that is not UTF-8")]
    NotText,
}

impl RecordError {
    /// Whether a newer version wrote the record, provided that its bytes are not damaged.
    #[must_use]
    pub const fn is_newer(self) -> bool {
        matches!(self, Self::NewerTag | Self::NewerField)
    }
}

/// A value with one way to be written.
pub(crate) trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(input: &mut &[u8]) -> Result<Self, RecordError>;
}

pub(crate) fn take_bytes<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], RecordError> {
    let (head, tail) = input.split_at_checked(len).ok_or(RecordError::Truncated)?;
    *input = tail;
    Ok(head)
}

/// Writes a frame around what `fields` writes.
pub(crate) fn put_frame(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    // Most frames are short, so that their length fits the byte that is kept for it.
    out.push(0);
    fields(out);
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(4);
        (len as u64).put(&mut prefix);
        out.splice(at..=at, prefix);
    }
}

/// Takes a frame, and from it what `fields` takes.
pub(crate) fn take_frame<T>(
    input: &mut &[u8],
    fields: impl FnOnce(&mut &[u8]) -> Result<T, RecordError>,
) -> Result<T, RecordError> {
    let len = usize::try_from(u64::take(input)?).map_err(|_| RecordError::Truncated)?;
    let mut frame = take_bytes(input, len)?;
    let taken = fields(&mut frame)?;
    if frame.is_empty() { Ok(taken) } else { Err(RecordError::NewerField) }
}

/// Writes the optional fields at the end of a frame: up to the last one that is recorded.
pub(crate) struct Optional<'a> {
    out: &'a mut Vec<u8>,
    /// Bytes up to the last one that is recorded.
    recorded: usize,
}

impl<'a> Optional<'a> {
    pub(crate) fn at_end_of(out: &'a mut Vec<u8>) -> Self {
        let recorded = out.len();
        Self { out, recorded }
    }

    pub(crate) fn put<T: Wire>(mut self, field: &Option<T>) -> Self {
        field.put(self.out);
        if field.is_some() {
            self.recorded = self.out.len();
        }
        self
    }

    pub(crate) fn end(self) {
        self.out.truncate(self.recorded);
    }
}

/// Takes an optional field at the end of a frame.
pub(crate) fn take_optional<T: Wire>(frame: &mut &[u8]) -> Result<Option<T>, RecordError> {
    if frame.is_empty() {
        return Ok(None);
    }
    let field = <Option<T> as Wire>::take(frame)?;
    // A frame ends with a field that is recorded: there is one way to write it.
    if field.is_none() && frame.is_empty() { Err(RecordError::OutOfRange) } else { Ok(field) }
}

impl Wire for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let mut value = 0u64;
        for shift in (0..).step_by(7).take(10) {
            let byte = take_bytes(input, 1)?[0];
            let bits = u64::from(byte & 0x7f);
            // A last byte of zero says nothing: the same integer has a shorter form.
            let is_padded = byte == 0 && shift > 0;
            if shift == 63 && bits > 1 || is_padded {
                return Err(RecordError::OutOfRange);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(RecordError::OutOfRange)
    }
}

macro_rules! narrow {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            fn put(&self, out: &mut Vec<u8>) {
                u64::from(*self).put(out);
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                Self::try_from(u64::take(input)?).map_err(|_| RecordError::OutOfRange)
            }
        }
    )*};
}

narrow!(u8, u16, u32);

impl Wire for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        (((*self << 1) ^ (*self >> 63)) as u64).put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let zigzag = u64::take(input)?;
        Ok((zigzag >> 1) as Self ^ -((zigzag & 1) as Self))
    }
}

impl Wire for u128 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let bytes = take_bytes(input, 16)?;
        Ok(Self::from_le_bytes(bytes.try_into().expect("sixteen were taken")))
    }
}

impl<const N: usize> Wire for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(take_bytes(input, N)?.try_into().expect("as many were taken"))
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        match take_bytes(input, 1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            // One byte alone can be wrong here, no version writes another.
            _ => Err(RecordError::OutOfRange),
        }
    }
}

impl Wire for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend(self.as_bytes());
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let len = usize::try_from(u64::take(input)?).map_err(|_| RecordError::Truncated)?;
        let text = std::str::from_utf8(take_bytes(input, len)?);
        text.map(Into::into).map_err(|_| RecordError::NotText)
    }
}

/// Bytes as they are, with their length.
impl Wire for Arc<[u8]> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend(&**self);
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let len = usize::try_from(u64::take(input)?).map_err(|_| RecordError::Truncated)?;
        take_bytes(input, len).map(Into::into)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        if bool::take(input)? { T::take(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let len = u64::take(input)?;
        // Every value takes a byte or more, so a longer list cannot be whole.
        if len > input.len() as u64 {
            return Err(RecordError::Truncated);
        }
        // A lying length may cost a little memory, never its own size in values.
        let mut values = Self::with_capacity((len as usize).min(1024));
        for _ in 0..len {
            values.push(T::take(input)?);
        }
        Ok(values)
    }
}

/// As a list of pairs, in the order of the keys.
impl<K: Wire + Ord, T: Wire> Wire for BTreeMap<K, T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        for (key, value) in self {
            put_frame(out, |out| {
                key.put(out);
                value.put(out);
            });
        }
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let mut map = Self::new();
        for (key, value) in <Vec<(K, T)> as Wire>::take(input)? {
            // There is one way to write it.
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(RecordError::OutOfRange);
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        T::take(input).map(Self::new)
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        T::take(input).map(Self::new)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        put_frame(out, |out| {
            self.0.put(out);
            self.1.put(out);
        });
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        take_frame(input, |frame| Ok((A::take(frame)?, B::take(frame)?)))
    }
}
