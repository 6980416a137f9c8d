//! Values as the scenario tables write them.

use nexnum_engine::money::Micros;
use nexnum_engine::product::LineType;

/// An integer.
pub fn int<T: TryFrom<u64>>(text: &str) -> T {
    let value = text.parse().ok().and_then(|value: u64| T::try_from(value).ok());
    value.unwrap_or_else(|| panic!("{text:?} is not an integer of that width"))
}

/// The number behind an id's letter.
pub fn id<T: TryFrom<u64>>(text: &str) -> T {
    int(&text[1..])
}

/// An amount, negative ones too.
pub fn money(text: &str) -> Micros {
    match text.strip_prefix('-') {
        Some(text) => Micros::parse(text).unwrap().negated(),
        None => Micros::parse(text).unwrap(),
    }
}

/// Milliseconds of `5ms`, `5s`, `5m`, `5h`.
pub fn span(text: &str) -> u64 {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let unit = match &text[at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        unit => panic!("{unit:?} is not a unit of time"),
    };
    int::<u64>(&text[..at]) * unit
}

/// A type of line.
pub fn line_type(text: &str) -> LineType {
    match text {
        "mobile" => LineType::Mobile,
        "voip" => LineType::Voip,
        "landline" => LineType::Landline,
        line => panic!("{line:?} is no type of line"),
    }
}
