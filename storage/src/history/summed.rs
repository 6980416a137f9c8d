//! Rows with their sum: a plain open of the database trusts the pages that it finds.

/// The row and its CRC-32.
pub(super) fn sealed(row: &[u8]) -> Vec<u8> {
    [row, &crc32fast::hash(row).to_le_bytes()].concat()
}

pub(super) fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (row, sum) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(row) == u32::from_le_bytes(*sum)).then_some(row)
}
