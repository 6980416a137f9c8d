//! The named bounds of what the engine holds and takes, and how long it remembers.
//!
//! Leaves to others: what the grid has room for (`grid`), which amounts are money (`money`).

/// How long a closed order stays in memory, where a late message still finds it.
pub const CLOSED_KEPT_MS: u64 = 60 * 60 * 1000;
/// How long an idempotency key is remembered: the published 48 hours.
pub const REPLIES_KEPT_MS: u64 = 48 * 60 * 60 * 1000;
/// How long it is known whole: clients repeat a request within seconds. After that the ledger is
/// read for it.
pub const REPLIES_WHOLE_MS: u64 = 60 * 60 * 1000;
/// How long it is known whole at most: where no order leaves memory, since history does not go on or
/// none has ended, a pulse of its own keeps it short.
pub const REPLIES_WHOLE_MAX_MS: u64 = 2 * REPLIES_WHOLE_MS;
/// How long an order may be without a number, reconciliation included.
pub const BUY_TIME_MS: u64 = 3 * 60 * 1000;
/// How long after its time a provider's number without a message may still get one: the
/// provider is asked once more before the buyer is refunded. It covers a call, which may take
/// 15 seconds, and what follows from its answer.
pub const LAST_LOOK_MS: u64 = 20 * 1000;
/// How many asks an order may try.
pub const ATTEMPTS_MAX: u8 = 16;
/// How many messages an activation keeps; the providers' own lists are shorter.
pub const MESSAGES_MAX: usize = 100;
/// How many messages of a number of own stock are remembered to know them again, beside those
/// of orders in memory: the newest.
pub const SEEN_MAX: usize = 128;
/// How long they are remembered after the number has left own stock.
pub const SEEN_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Bytes of a message's text, and of its sender or code.
pub const TEXT_LEN_MAX: usize = 2_000;
/// Bytes of a name, a sender, a code, a provider's id.
pub const NAME_LEN_MAX: usize = 100;
/// Orders, and replies, that one pulse retires, or those of one moment: a few milliseconds
/// of the engine's thread. The next pulse goes on.
pub const RETIRED_MAX: usize = 4_000;
/// Bytes of a callback's body.
pub const CALLBACK_LEN_MAX: usize = 64 * 1024;
/// Callbacks that wait for being processed: far above what one server answers at once.
pub const CALLBACKS_WAITING_MAX: usize = 20_000;
/// Callbacks kept that could not be processed.
pub const CALLBACKS_FAILED_MAX: usize = 1_000;
/// Bytes of the bodies of those.
pub const CALLBACK_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Callbacks kept that were refused: of a source whose proof is wrong.
pub const CALLBACKS_REFUSED_MAX: usize = 500;
/// Bytes of the body of such a one: a message's fields, far from what could fill the ledger.
pub const CALLBACK_REFUSED_LEN_MAX: usize = 8 * 1024;
/// How many of them are kept of a minute, so that the ledger grows by a megabyte at most.
pub const CALLBACKS_REFUSED_A_MINUTE: usize = 120;
/// How many callbacks back a repeated one is known by its key.
pub const CALLBACK_KEYS_MAX: usize = 4_096;
/// Rows of one list in a command: keeps a batch far below the ledger's row bound.
pub const ROWS_MAX: usize = 20_000;
/// Orders that one pulse ends; the next pulse goes on.
pub const PULSE_MAX: usize = 1_000;
/// Offers over all providers; as many cells fit the grid.
pub const OFFERS_MAX: usize = 4_000_000;
/// Numbers of own stock over all offers.
pub const NUMBERS_MAX: usize = 20_000_000;
/// Keys that values are sealed under and that live: two an account, one a person, a day, a load and
/// a rental. A state holds them in some 100 MB.
pub const SEAL_KEYS_MAX: usize = 1_000_000;
/// Addresses of an account's callers that are known again: the last that got numbers. An older one
/// gets another number when it calls again.
pub const ADDRESSES_MAX: usize = 1_024;
/// Bytes of a caller's address in words.
pub const ADDRESS_LEN_MAX: usize = 45;
/// Bytes of what a buyer notes on an order.
pub const NOTE_LEN_MAX: usize = 400;
/// Bytes of a payment's reference.
pub const REFERENCE_LEN_MAX: usize = 255;
/// Rails: a mistyped name makes one, and they are few.
pub const RAILS_MAX: u16 = 256;
/// Bytes of a rail's name.
pub const RAIL_NAME_LEN_MAX: usize = 32;
/// The most that a book may hold, in micros, for an order to begin, or a payment, that may move more
/// into it: what a billion open orders may still move fits above it.
pub const BOOK_MAX: u64 = i64::MAX as u64 / 2;
