//! Rows of state, and what only they hold.

use nexnum_engine::activation::{ActivationState, Message};
use nexnum_engine::addresses::AccountAddresses;
use nexnum_engine::callback::Callback;
use nexnum_engine::loads::LoadPlace;
use nexnum_engine::order::{Held, Order, OrderStatus, Outlay};
use nexnum_engine::replies::{ShortReply, StoredReply};
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::{
    Account, Counters, GivenUp, Key, NamedPurchase, Offer, Orphan, Paid, PaidTo, Provider,
    Quarantined, Seen, StockTerms, WriteOff,
};

use super::WalletRow;
use crate::wire::{RecordError, Wire, put_frame, take_bytes, take_frame};

structs! {
    LoadPlace { at, key, for_sale }
    Paid { to, amount, foreign }
    Held { paid, bonus }
    Outlay { amount, moved }
    Message { id, digest, said, received_at, late, shown }
    Order {
        id, account, number, product, variant, limit, price, cost, held, outlay, offer, provider,
        attempt, in_doubt, placed_at, deadline, status, state, awaits_another, assignment, messages,
        closed_at, notes
    }
    Counters { seq, account, key, provider, variant, order, message, load, rail }
    Account { name, credit_limit, opened_at, orders }
    Key { account, scope, hash, prefix, revoked }
    Provider { name, kind }
    Offer { provider, product, variant, source, step }
    StockTerms { cost, price }
    StoredReply { at, seq, key_use }
    ShortReply { at, seq, bits }
    GivenUp { at, order, attempt, provider, product, placed_at }
    Quarantined { until, offer, number }
    Seen { last, digests }
    Callback { provider, received_at, content_type, sealed, failure }
    WriteOff { provider, amount, reason, moved, reversed }
    Orphan { order, attempt, from, cost }
    NamedPurchase { provider, external_id, cost, is_orphan }
    WalletRow { kind, amount, order, at }
    AccountAddresses { last, known }
}

enums! {
    PaidTo { 1 Account(id), 2 Provider(id) }
    OrderStatus { 1 Escrow, 2 Delivered, 3 Refunded }
    ActivationState {
        1 Init, 2 Active, 3 Received, 4 Completed, 5 Cancelled, 6 TimedOut, 7 Failed
    }
    Row {
        1 Counters(counters),
        2 Account(id, account),
        3 Book(book, amount),
        4 Key(id, key),
        5 Payment(rail, reference, paid),
        6 Provider(id, provider),
        7 Variant(id, parts),
        8 Offer(offer),
        9 Pool(id, terms, numbers),
        10 Order(order),
        11 Reply(reply),
        12 GivenUp(given_up),
        14 Quarantined(resting),
        15 Seen(provider, number, seen),
        16 Callback(id, callback),
        17 Callbacks(last, dropped, recent),
        18 WrittenOff(id, attempt, written),
        19 Orphan(provider, external_id, orphan),
        20 EndedUpstream(id),
        21 EndedByProvider(id, word),
        22 Named(id, attempt, named),
        23 Ledger(terms),
        24 Epoch(epoch),
        25 SealKey(handle, owner),
        26 Rail(id, name),
        27 Load(id, place),
        28 ClosedDay(closed),
        29 Addresses(account, addresses),
        30 ShortReply(reply),
        31 LoadKey(handle, last),
    }
}
