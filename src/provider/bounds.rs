//! How long a reply may be.

use nexnum_driver::Op;

/// Bytes of a price list: three times the largest known, and little beside the offers.
pub const PRICES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of a list of open activations: fifteen thousand of the longest known rows, far
/// more than one account holds open; one that is cut settles no doubt, ever.
pub const ACTIVE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of any other reply: twice the longest concatenated SMS, each letter of it escaped.
pub const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// The longest reply that is read whole.
pub(super) const fn bytes_max(op: Op) -> usize {
    match op {
        Op::Prices => PRICES_BYTES_MAX,
        Op::ListActive => ACTIVE_BYTES_MAX,
        Op::Balance | Op::Buy | Op::Status | Op::Cancel | Op::Finish | Op::Resend => {
            REPLY_BYTES_MAX
        }
    }
}
