//! One row of a state.

use crate::activation::StockNumber;
use crate::addresses::AccountAddresses;
use crate::book::Book;
use crate::callback::Callback;
use crate::event::{ClosedDay, Epoch, LedgerTerms, ProviderWord};
use crate::ids::{
    AccountId, CallbackId, KeyId, LoadId, OfferId, OrderId, ProviderId, RailId, Token, VariantId,
};
use crate::loads::LoadPlace;
use crate::money::Micros;
use crate::order::Order;
use crate::product::Variant;
use crate::replies::{ShortReply, StoredReply};
use crate::sealed::{KeyHandle, KeyOwner};
use crate::state::{
    Account, Counters, GivenUp, Key, NamedPurchase, Offer, Orphan, Paid, Provider, Quarantined,
    Seen, StockTerms, WriteOff,
};
use crate::time::Time;

/// One row of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// The counters, first and once.
    Counters(Counters),
    /// What the ledger is.
    Ledger(LedgerTerms),
    /// The last writer's term.
    Epoch(Epoch),
    /// The last day that was closed.
    ClosedDay(ClosedDay),
    /// An account.
    Account(AccountId, Account),
    /// What stands in a book.
    Book(Book, Micros),
    /// A key.
    Key(KeyId, Key),
    /// A rail's name.
    Rail(RailId, Box<str>),
    /// A payment over a rail, by the digest of its reference.
    Payment(RailId, u128, Paid),
    /// A provider.
    Provider(ProviderId, Provider),
    /// A variant's parts.
    Variant(VariantId, Variant),
    /// An offer, in the order of their ids.
    Offer(Offer),
    /// Terms and numbers of own stock, next to be sold first; the next row of the offer goes on.
    Pool(OfferId, StockTerms, Vec<StockNumber>),
    /// The key of loads of own stock, and since when it would be over; before these.
    LoadKey(KeyHandle, Time),
    /// Where a load of own stock stands in the ledger, and its key.
    Load(LoadId, LoadPlace),
    /// An order in memory.
    Order(Box<Order>),
    /// What an idempotency key stands for.
    Reply(StoredReply),
    /// What is kept of an old one.
    ShortReply(ShortReply),
    /// A purchase given up that may still turn up, oldest first.
    GivenUp(GivenUp),
    /// A number of own stock at rest.
    Quarantined(Quarantined),
    /// What a number of own stock received for orders that have left memory.
    Seen(ProviderId, Token, Seen),
    /// What was written off for an attempt of an order.
    WrittenOff(OrderId, u8, WriteOff),
    /// A purchase that no order has.
    Orphan(ProviderId, Box<str>, Orphan),
    /// A purchase of an attempt of an order whose id is known and that has no number.
    Named(OrderId, u8, NamedPurchase),
    /// An order whose activation has been ended at its provider.
    EndedUpstream(OrderId),
    /// An order that its provider ended, and the provider's word.
    EndedByProvider(OrderId, ProviderWord),
    /// A callback that waits or could not be processed.
    Callback(CallbackId, Callback),
    /// The last callback's id, how many were dropped, and the keys of the last ones, if there
    /// was any; before the callbacks.
    Callbacks(CallbackId, u64, Vec<(CallbackId, u128)>),
    /// A key that values are sealed under and that lives.
    SealKey(KeyHandle, KeyOwner),
    /// From which addresses an account's callers came.
    Addresses(AccountId, AccountAddresses),
}
