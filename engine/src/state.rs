//! What the engine knows: tables keyed by dense ids, in one owner's hands.
//!
//! Reading is public; only `apply` changes it. All tables iterate in key order,
//! so the same events leave the same state on every machine.

mod parts;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use parts::Pool;
pub use parts::{
    Account, Counters, GivenUp, Key, Lost, NamedPurchase, Offer, Orphan, Paid, PaidTo, Provider,
    Quarantined, Seen, StockTerms, WriteOff,
};

use crate::activation::ActivationState;
use crate::activation::StockNumber;
use crate::addresses::Addresses;
use crate::book::Book;
use crate::books::Books;
use crate::callbacks::Callbacks;
use crate::event::{ClosedDay, Epoch, LedgerTerms, ProviderKind, ProviderWord};
use crate::holders::NumberHolders;
use crate::ids::{
    AccountId, KeyId, LoadId, OfferId, OrderId, ProviderId, RailId, Seq, Token, VariantId,
};
use crate::limits::{CLOSED_KEPT_MS, LAST_LOOK_MS};
use crate::loads::Loads;
use crate::money::Micros;
use crate::order::{Order, OrderRef};
use crate::product::{OfferKey, Variant};
use crate::replies::StoredReplies;
use crate::seal_keys::SealKeys;
use crate::table::{Aged, Table};
use crate::time::Time;
use crate::under_keys::UnderKeys;

/// The state. Equal states have equal hashes (`audit::state_hash`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(crate) counters: Counters,
    pub(crate) ledger: Option<LedgerTerms>,
    pub(crate) epoch: Option<Epoch>,
    pub(crate) closed_day: Option<ClosedDay>,
    pub(crate) accounts: Table<AccountId, Account>,
    /// Digests of their names.
    pub(crate) account_names: BTreeSet<u128>,
    pub(crate) books: Books,
    pub(crate) keys: Table<KeyId, Key>,
    /// Hashes of all keys, revoked ones too.
    pub(crate) key_hashes: BTreeSet<[u8; 32]>,
    pub(crate) rails: Table<RailId, Box<str>>,
    pub(crate) rail_ids: BTreeMap<Box<str>, RailId>,
    /// Every payment by its rail and the digest of its reference.
    pub(crate) payments: BTreeMap<(RailId, u128), Paid>,
    pub(crate) providers: Table<ProviderId, Provider>,
    pub(crate) variants: Table<VariantId, Variant>,
    pub(crate) variant_ids: BTreeMap<Variant, VariantId>,
    /// Dense: the offer with id `n` is at `n - 1`.
    pub(crate) offers: Vec<Offer>,
    pub(crate) offer_ids: BTreeMap<(ProviderId, OfferKey), OfferId>,
    /// Of every offer of own stock that ever had numbers.
    pub(crate) pools: Table<OfferId, Pool>,
    /// Numbers of own stock by the offers that hold them: in stock, at rest or in an open
    /// activation.
    pub(crate) held: BTreeSet<(Token, OfferId)>,
    pub(crate) orders: Table<OrderId, Order>,
    pub(crate) purchases: BTreeMap<(ProviderId, Box<str>), OrderId>,
    /// Orders in memory by their number of own stock: a number is sold again after a refund.
    pub(crate) holders: NumberHolders,
    /// What numbers of own stock received for orders that have left memory.
    pub(crate) seen: BTreeMap<(ProviderId, Token), Seen>,
    /// The same numbers by age.
    pub(crate) seen_ages: BTreeSet<(Time, ProviderId, Token)>,
    /// Open orders by the moment at which they end by themselves.
    pub(crate) deadlines: BTreeSet<(Time, OrderId)>,
    /// Closed orders by the moment at which they ended.
    pub(crate) closed: Aged<(Time, OrderId)>,
    pub(crate) replies: StoredReplies,
    /// Purchases given up, until their moment retires.
    pub(crate) given_up: BTreeMap<(Time, OrderId, u8), GivenUp>,
    /// Numbers of own stock at rest, by the moment at which they are for sale again.
    pub(crate) quarantine: BTreeSet<Quarantined>,
    /// What was written off for attempts of orders in memory.
    pub(crate) write_offs: BTreeMap<(OrderId, u8, Lost), WriteOff>,
    /// Purchases that no order has, of orders in memory.
    pub(crate) orphans: BTreeMap<(ProviderId, Box<str>), Orphan>,
    /// Purchases of attempts of orders in memory whose ids are known and that have no number.
    pub(crate) named: BTreeMap<(OrderId, u8), NamedPurchase>,
    /// Closed orders in memory whose activations have been ended at their providers.
    pub(crate) ended_upstream: BTreeSet<OrderId>,
    /// Orders in memory that their providers ended, and their words.
    pub(crate) provider_words: BTreeMap<OrderId, ProviderWord>,
    /// The same by what stands for them: until when each rests for each offer.
    pub(crate) resting: BTreeMap<(Token, OfferId), (Time, StockNumber)>,
    /// Loads of own stock whose keys live.
    pub(crate) loads: Loads,
    pub(crate) callbacks: Callbacks,
    pub(crate) addresses: Addresses,
    pub(crate) seal_keys: SealKeys,
}

impl State {
    /// How many events it holds.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.counters.seq
    }

    /// The counters.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What stands in a book; zero where nothing was ever posted.
    #[must_use]
    pub fn balance(&self, book: Book) -> Micros {
        self.books.get(book)
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// All accounts by id.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.accounts.iter()
    }

    /// All books that do not stand at zero.
    pub fn books(&self) -> impl Iterator<Item = (Book, Micros)> {
        self.books.iter()
    }

    /// All keys by id.
    pub fn keys(&self) -> impl Iterator<Item = (KeyId, &Key)> {
        self.keys.iter()
    }

    /// A provider.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.providers.get(id)
    }

    /// All providers by id.
    pub fn providers(&self) -> impl Iterator<Item = (ProviderId, &Provider)> {
        self.providers.iter()
    }

    /// All variants by id.
    pub fn variants(&self) -> impl Iterator<Item = (VariantId, &Variant)> {
        self.variants.iter()
    }

    /// Whether numbers of a variant are of the one asked for.
    #[must_use]
    pub fn is_variant_of(&self, given: VariantId, asked: VariantId) -> bool {
        if asked == VariantId::ANY || given == asked {
            return true;
        }
        let parts = (self.variants.get(given), self.variants.get(asked));
        matches!(parts, (Some(given), Some(asked)) if given.is_one_of(asked))
    }

    /// A rail's id.
    #[must_use]
    pub fn rail(&self, name: &str) -> Option<RailId> {
        self.rail_ids.get(name).copied()
    }

    /// All rails' names by id.
    pub fn rails(&self) -> impl Iterator<Item = (RailId, &str)> {
        self.rails.iter().map(|(id, name)| (id, &**name))
    }

    /// All payments by rail and the digest of their references.
    pub fn payments(&self) -> impl Iterator<Item = (RailId, u128, &Paid)> {
        self.payments.iter().map(|((rail, reference), paid)| (*rail, *reference, paid))
    }

    /// An offer.
    #[must_use]
    pub fn offer(&self, id: OfferId) -> Option<&Offer> {
        self.offers.get((id.0 as usize).checked_sub(1)?)
    }

    /// The offer that a provider has under a key.
    #[must_use]
    pub fn offer_for(&self, provider: ProviderId, key: OfferKey) -> Option<OfferId> {
        self.offer_ids.get(&(provider, key)).copied()
    }

    /// All offers by id.
    pub fn offers(&self) -> impl Iterator<Item = (OfferId, &Offer)> {
        (1u32..).map(OfferId).zip(&self.offers)
    }

    /// The terms and the numbers in stock of an offer of own stock; `None` if it never had any.
    #[must_use]
    pub fn stock(&self, id: OfferId) -> Option<(StockTerms, u32)> {
        self.pools.get(id).map(|pool| (pool.terms, pool.next.len() as u32))
    }

    /// The loads of own stock whose keys live: the event of each has the numbers, sealed.
    #[must_use]
    pub const fn loads(&self) -> &Loads {
        &self.loads
    }

    /// The loads of which each number is that is used: in stock, at rest, of an order in memory.
    pub(crate) fn used_loads(&self) -> impl Iterator<Item = LoadId> {
        let in_stock = self.pools.iter().flat_map(|(_, pool)| &pool.next);
        let resting = self.quarantine.iter().map(|resting| &resting.number);
        let sold = self.orders.values().filter_map(|order| order.assignment.as_ref()?.stock());
        in_stock.chain(resting).map(|number| number.load).chain(sold.map(|number| number.load))
    }

    /// An order still in memory.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// All orders still in memory, by id.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// The order that a provider's purchase belongs to.
    #[must_use]
    pub fn purchase(&self, provider: ProviderId, external_id: &str) -> Option<OrderId> {
        self.purchases.get(&(provider, external_id.into())).copied()
    }

    /// The answers that idempotency keys stand for.
    #[must_use]
    pub const fn replies(&self) -> &StoredReplies {
        &self.replies
    }

    /// The numbers of an offer of own stock; none so far, if there are none.
    pub(crate) fn pool_mut(&mut self, id: OfferId) -> &mut Pool {
        if !self.pools.contains(id) {
            self.pools.insert(id, Pool::default());
        }
        self.pools.get_mut(id).expect("it is there now")
    }

    /// The orders in memory on a number of own stock, oldest first.
    pub(crate) fn holders(
        &self,
        provider: ProviderId,
        number: Token,
    ) -> impl Iterator<Item = &Order> {
        let of_provider = self.holders.of(number).filter(move |(known, _)| *known == provider);
        of_provider.filter_map(|(_, id)| self.orders.get(id))
    }

    /// True if a number of own stock received a message, for an order in memory or before.
    pub(crate) fn has_seen(&self, provider: ProviderId, number: Token, digest: u128) -> bool {
        let mut holders = self.holders(provider, number);
        let seen = self.seen.get(&(provider, number));
        seen.is_some_and(|seen| seen.digests.contains(&digest))
            || holders.any(|order| order.has_message(digest))
    }

    /// Providers whose numbers are own stock.
    pub(crate) fn own_providers(&self) -> impl Iterator<Item = ProviderId> {
        let own = self.providers.iter().filter(|(_, provider)| provider.kind == ProviderKind::Own);
        own.map(|(id, _)| id)
    }

    /// Whether a number has this token here, of the providers of own stock.
    pub(crate) fn knows_token(&self, own: &[ProviderId], token: Token) -> bool {
        self.holders.of(token).next().is_some()
            || self.offers_with(token).next().is_some()
            || own.iter().any(|own| self.seen.contains_key(&(*own, token)))
    }

    /// The token of a number: the one that it has here, or that under the key in use. So a number has
    /// one token in all tables, also while new ones are put in place of old ones.
    pub(crate) fn known_token(&self, tokens: &UnderKeys<Token>) -> Token {
        if tokens.others.is_empty() {
            return tokens.current;
        }
        let own: Vec<ProviderId> = self.own_providers().collect();
        let is_known = |token: &&Token| self.knows_token(&own, **token);
        *tokens.iter().find(is_known).unwrap_or(&tokens.current)
    }

    /// The offers that hold a number of own stock, by id.
    pub(crate) fn offers_with(&self, number: Token) -> impl Iterator<Item = OfferId> {
        let all = (number, OfferId(0))..=(number, OfferId(u32::MAX));
        self.held.range(all).map(|(_, offer)| *offer)
    }

    /// Until when a number of own stock rests, for the offer that waits longest; `None` if it
    /// rests for none.
    pub(crate) fn rests_until(&self, number: Token) -> Option<Time> {
        let all = (number, OfferId(0))..=(number, OfferId(u32::MAX));
        self.resting.range(all).map(|(_, (until, _))| *until).max()
    }

    /// Purchases given up that may still turn up, oldest first.
    pub fn given_up(&self) -> impl Iterator<Item = &GivenUp> {
        self.given_up.values()
    }

    /// Numbers of own stock at rest, next to be for sale first.
    pub fn quarantine(&self) -> impl Iterator<Item = &Quarantined> {
        self.quarantine.iter()
    }

    /// What was written off for attempts of orders in memory.
    pub fn write_offs(&self) -> impl Iterator<Item = (OrderId, u8, WriteOff)> {
        self.write_offs.iter().map(|((order, attempt, _), written)| (*order, *attempt, *written))
    }

    /// Purchases that no order has and that have to go back.
    pub fn orphans(&self) -> impl Iterator<Item = (ProviderId, &str, Orphan)> {
        self.orphans.iter().map(|((provider, id), orphan)| (*provider, &**id, *orphan))
    }

    /// Purchases of attempts whose ids are known and that have no number.
    pub fn named(&self) -> impl Iterator<Item = (OrderId, u8, &NamedPurchase)> {
        self.named.iter().map(|((order, attempt), named)| (*order, *attempt, named))
    }

    /// A purchase that no order has.
    #[must_use]
    pub fn orphan(&self, provider: ProviderId, external_id: &str) -> Option<&Orphan> {
        self.orphans.get(&(provider, external_id.into()))
    }

    /// What the provider of an order in memory said when it ended it.
    #[must_use]
    pub fn provider_word(&self, order: OrderId) -> Option<ProviderWord> {
        self.provider_words.get(&order).copied()
    }

    /// What was written off for an attempt's purchase, be it that this was reversed.
    pub(crate) fn loss_of(&self, order: OrderRef, lost: Lost) -> Option<&WriteOff> {
        self.write_offs.get(&(order.id, order.attempt, lost))
    }

    /// What a customer can spend, and what is committed to open orders: paid money and bonus.
    ///
    /// # Panics
    /// Never: both are bounded by deposits.
    #[must_use]
    pub fn wallet(&self, account: AccountId) -> (Micros, Micros) {
        let both = |paid, bonus| {
            let (paid, bonus) = (self.balance(paid), self.balance(bonus));
            paid.checked_add(bonus).expect("deposits are bounded far below i64")
        };
        let free = both(Book::Available(account), Book::Bonus(account));
        (free, both(Book::Escrow(account), Book::EscrowBonus(account)))
    }

    /// True for an activation that has ended here and not at its provider yet. What a buyer
    /// cancels has been cancelled there before.
    #[must_use]
    pub fn has_to_end_upstream(&self, order: &Order) -> bool {
        let driven = self.providers[order.provider].kind == ProviderKind::Driven;
        let missing = self.provider_word(order.id) == Some(ProviderWord::Missing);
        let ends = match order.state {
            ActivationState::Completed | ActivationState::TimedOut => true,
            ActivationState::Cancelled => missing,
            ActivationState::Init
            | ActivationState::Active
            | ActivationState::Received
            | ActivationState::Failed => false,
        };
        ends && driven && order.assignment.is_some() && !self.ended_upstream.contains(&order.id)
    }

    /// Whether an order's provider is asked once more when its time is over.
    pub(crate) fn has_last_look(&self, order: &Order) -> bool {
        let driven = self.providers[order.provider].kind == ProviderKind::Driven;
        driven && order.awaits_message()
    }

    /// When an open order ends by itself: a number at a provider has a grace after its time,
    /// in which the provider is asked once more.
    pub(crate) fn ends_at(&self, order: &Order) -> Time {
        let grace = if self.has_last_look(order) { LAST_LOOK_MS } else { 0 };
        order.deadline.plus_ms(grace)
    }

    /// Callbacks that wait or could not be processed.
    #[must_use]
    pub const fn callbacks(&self) -> &Callbacks {
        &self.callbacks
    }

    /// When the next order ends by itself.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// When the next pulse has work: an expiry, a number that has rested, or something old
    /// enough to retire.
    /// `archived` is what that pulse will say of history.
    #[must_use]
    pub fn next_pulse(&self, archived: Time) -> Option<Time> {
        let closed = self.closed.first().filter(|(at, _)| *at <= archived);
        let order = closed.map(|(at, _)| at.plus_ms(CLOSED_KEPT_MS));
        let rested = self.quarantine.first().map(|resting| resting.until);
        let due = [self.next_deadline(), rested, order].into_iter().chain(self.replies.due());
        due.flatten().min()
    }
}
