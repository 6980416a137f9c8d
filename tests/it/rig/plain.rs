//! A search for what should not be readable on disk, however it may be written there.

use std::fs;
use std::path::Path;

/// How a text may be written.
pub(crate) fn ways_of_text(text: &str) -> Vec<Vec<u8>> {
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(bytes).collect() };
    vec![text.as_bytes().to_vec(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)]
}

/// How a number may be written: its digits, as an integer of either byte order, of seven bits a
/// byte, and two digits a byte.
pub(crate) fn ways_of_number(number: u64) -> Vec<Vec<u8>> {
    let digits = number.to_string();
    let mut ways = ways_of_text(&digits);
    // Without the zeros, so that a shorter integer is found as well.
    let little: Vec<u8> = number.to_le_bytes().into_iter().take_while(|byte| *byte != 0).collect();
    let big: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    ways.extend([little, big]);
    for shift in [0, 1] {
        // As an unsigned one, and as one with its sign in the lowest bit.
        let (mut rest, mut bytes) = (number << shift, Vec::new());
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        ways.push(bytes);
    }
    for padded in [digits.clone(), format!("0{digits}"), format!("{digits}0")] {
        if padded.len().is_multiple_of(2) {
            let nibble = |digit: u8| digit - b'0';
            let pairs = padded.as_bytes().chunks(2);
            ways.push(pairs.map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect());
        }
    }
    ways
}

/// The files below a folder in which one of these stands, but for the journals of simulated
/// providers: they are another company's.
pub(crate) fn files_with(dir: &Path, ways: &[Vec<u8>]) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_some_and(|it| it == "jsonl") {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let holds = |way: &Vec<u8>| bytes.windows(way.len()).any(|part| part == way);
            found.extend(ways.iter().any(holds).then(|| path.display().to_string()));
        }
    }
    found
}
