//! A code, and a figure that may be one.

/// Characters of a code.
pub(super) const CODE_LEN: std::ops::RangeInclusive<usize> = 3..=10;

/// ASCII digits and capitals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Code {
    bytes: [u8; 10],
    len: usize,
}

impl Code {
    /// The parts put together; `None` if no code is so long or so short.
    pub(super) fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut code = Self::default();
        for part in parts {
            code.push(part)?;
        }
        CODE_LEN.contains(&code.len).then_some(code)
    }

    /// Adds to it; `None` if it would be too long.
    pub(super) fn push(&mut self, part: &str) -> Option<()> {
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end)?.copy_from_slice(part.as_bytes());
        self.len = end;
        Some(())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("a code is ASCII")
    }
}

/// How a figure is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Digits alone, or in groups of one length.
    Digits,
    /// Digits as a voice says them, one by one.
    Spelled,
    /// Digits in groups of several lengths: a code only where the text says so at once.
    Uneven,
    /// Digits and capitals.
    Mixed,
    /// Capitals alone.
    Capitals,
    /// No code, but where one would stand: too long, or with small letters.
    Taken,
    /// No code: an amount, a date, a phone number.
    Measure,
}

/// Bytes `start..end` of the folded text, and the code that they would be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) shape: Shape,
    pub(super) code: Code,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Figure {
    /// True if it may be a code.
    pub(super) fn is_open(&self) -> bool {
        match self.shape {
            Shape::Digits | Shape::Spelled | Shape::Uneven | Shape::Mixed | Shape::Capitals => true,
            Shape::Taken | Shape::Measure => false,
        }
    }
}

/// True for four digits that are a year of our time.
pub(super) fn is_year(digits: impl AsRef<[u8]>) -> bool {
    matches!(digits.as_ref(), [b'1', b'9', _, _] | [b'2', b'0', b'0'..=b'3', _])
}

/// True for eight digits that are a day of our time, the year first.
pub(super) fn is_day(digits: &str) -> bool {
    let within = |from: usize, last: &str| {
        digits.get(from..from + 2).is_some_and(|part| part > "00" && part <= last)
    };
    digits.len() == 8 && digits.get(..4).is_some_and(is_year) && within(4, "12") && within(6, "31")
}
