//! Bounds of a request's head.

/// Longest request line with headers: a long URL and a dozen headers fit.
pub const HEADER_LEN_MAX: usize = 16 * 1024;
/// Most headers: browsers behind proxies send about thirty.
pub const HEADERS_MAX: usize = 64;
