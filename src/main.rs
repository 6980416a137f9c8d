//! The nexnum binary.
fn main() {}
