//! What readers see: the durable state, in maps that never make a reader wait for the
//! engine or the disk.
//!
//! One writer, the committing thread, publishes whole batches in order and before any
//! caller is answered, so a caller that was answered reads its own writes. Orders and wallets come as
//! values from the engine: no rule is repeated here.

mod addresses;
mod directory;
mod held;
mod kept;
mod keys;
mod loads;
mod lost;
mod opened;
mod placed;
mod replies;
mod unended;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexnum_engine::addresses::Addresses;
use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::event::{
    AccountEvent, AccountName, CallbackEvent, Event, MemoryEvent, OfferEvent, ProviderKind, Scope,
    SealKeyEvent,
};
use nexnum_engine::group::{Made, Recorded};
use nexnum_engine::holders::NumberHolders;
use nexnum_engine::ids::{AccountId, KeyId, Number, OrderId, OrderNumber, ProviderId, Seq};
use nexnum_engine::order::Order;
use nexnum_engine::replies::{AskedKey, KeyUseRefusal};
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::state::{GivenUp, NamedPurchase, State};
use nexnum_engine::time::Time;
use papaya::HashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::market::change::{Change, Wallet};

pub use directory::{Directory, ProviderView};
pub use kept::Kept;
pub use upstream::LostPurchase;

use loads::LoadsView;
use lost::LostCallbacks;
use replies::RepliesView;
use upstream::UpstreamWork;

/// Waiters are woken by the order's number modulo this: few enough to be small, many
/// enough that a wake-up rarely wakes the waiter of another order.
const BELLS: usize = 1024;

/// A customer's account as readers see it.
#[derive(Debug)]
pub struct AccountView {
    /// The operator's name for it, sealed, where it has one.
    pub name: Option<AccountName>,
    wallet: Mutex<Wallet>,
    open: Mutex<BTreeMap<OrderNumber, OrderId>>,
}

impl AccountView {
    fn new(name: Option<AccountName>) -> Self {
        Self { name, wallet: Mutex::default(), open: Mutex::default() }
    }

    /// Available and escrow, of one moment.
    #[must_use]
    pub fn wallet(&self) -> Wallet {
        *self.wallet.lock()
    }

    /// Up to `limit` open orders with numbers below `before`, newest first.
    #[must_use]
    pub fn open_orders(&self, before: OrderNumber, limit: usize) -> Vec<OrderId> {
        self.open.lock().range(..before).rev().take(limit).map(|(_, id)| *id).collect()
    }
}

/// An API key as the guard of the faces checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// Whose; 0 for operators.
    pub account: AccountId,
    /// What it may do.
    pub scope: Scope,
}

/// The durable state for readers.
#[derive(Debug)]
pub struct ReadModel {
    published: watch::Sender<Seq>,
    accounts: HashMap<AccountId, Arc<AccountView>>,
    keys: HashMap<[u8; 32], KeyView>,
    key_hashes: HashMap<KeyId, [u8; 32]>,
    orders: HashMap<OrderId, Arc<Order>>,
    /// The last order that was placed. Ids have no gaps.
    last_order: AtomicU64,
    replies: RepliesView,
    directory: Directory,
    /// Orders with work upstream: to be bought, polled, ended.
    driven: Mutex<BTreeSet<OrderId>>,
    /// Orders whose buyers have begun to wait for a message from a provider since the last look
    /// of the poller.
    awaiting: Mutex<Vec<OrderId>>,
    /// Orders by what stands for their numbers, to find where a message belongs, and whether a number
    /// is taken.
    held: Mutex<NumberHolders>,
    /// Orders by what their provider calls the purchase.
    purchases: HashMap<(ProviderId, Box<str>), OrderId>,
    closed: Mutex<BTreeSet<(Time, OrderId)>>,
    /// Those of them that had work upstream.
    driven_closed: Mutex<BTreeSet<(Time, OrderId)>>,
    /// Purchases given up before the start, until `Orders::remember_given_up` takes them;
    /// later ones are remembered by the worker that gives them up.
    given_up: Mutex<Vec<GivenUp>>,
    upstream: UpstreamWork,
    /// Callbacks that wait or could not be processed; their bodies are the engine's.
    callbacks: Mutex<Callbacks>,
    addresses: Mutex<Addresses>,
    lost_callbacks: LostCallbacks,
    /// Numbers of open orders that were looked at, in clear.
    opened: HashMap<OrderId, Number>,
    /// Loads of own stock whose keys live.
    loads: LoadsView,
    bells: Box<[Notify]>,
}

impl ReadModel {
    /// Shows a replayed state, all of which is durable.
    #[must_use]
    pub fn from_state(state: &State) -> Self {
        let model = Self {
            published: watch::Sender::new(state.seq()),
            accounts: HashMap::new(),
            keys: HashMap::new(),
            key_hashes: HashMap::new(),
            orders: HashMap::new(),
            last_order: AtomicU64::new(state.counters().order.0),
            replies: RepliesView::from_state(state),
            directory: Directory::from_state(state),
            driven: Mutex::default(),
            awaiting: Mutex::default(),
            held: Mutex::default(),
            purchases: HashMap::new(),
            closed: Mutex::default(),
            driven_closed: Mutex::default(),
            given_up: Mutex::new(state.given_up().copied().collect()),
            upstream: UpstreamWork::from_state(state),
            callbacks: Mutex::new(state.callbacks().clone()),
            addresses: Mutex::new(state.addresses().clone()),
            lost_callbacks: LostCallbacks::from_callbacks(state.callbacks()),
            opened: HashMap::new(),
            loads: LoadsView::from_state(state),
            bells: (0..BELLS).map(|_| Notify::new()).collect(),
        };
        for (id, account) in state.accounts() {
            model.accounts.pin().insert(id, Arc::new(AccountView::new(account.name.clone())));
            model.show_wallet(id, Wallet::of(state, id));
        }
        for (id, key) in state.keys().filter(|(_, key)| !key.revoked) {
            model.show_key(id, key.hash, key.account, key.scope);
        }
        for order in state.orders() {
            model.show_order(Arc::new(order.clone()));
        }
        model
    }

    /// Shows a durable change. Called by one thread, in the ledger's order.
    pub fn publish(&self, change: &Change) {
        for recorded in change.recorded() {
            self.show_event(recorded);
        }
        for (account, wallet) in &change.wallets {
            self.show_wallet(*account, *wallet);
        }
        for order in &change.orders {
            self.show_order(Arc::clone(order));
        }
        if change.events().iter().any(|event| matches!(event, Event::Memory(_))) {
            let orders = self.orders.pin();
            self.upstream.forget(|id| !orders.contains_key(&id));
        }
        // Last, so that a reader that finds a reply finds its order.
        self.replies.publish(change);
        self.published.send_replace(change.last());
        for order in &change.orders {
            self.bell(order.id).notify_waiters();
        }
    }

    fn show_event(&self, Recorded { seq, head, event }: Recorded<'_>) {
        self.directory.show(event);
        self.upstream.show(event);
        match event {
            Event::Account(event) => self.show_account(event),
            Event::Memory(MemoryEvent::Retired { orders_before, .. }) => {
                self.retire(*orders_before);
            }
            Event::Callback(event) => self.show_callback(head.at, event),
            Event::Offer(OfferEvent::StockLoaded { load, numbers, .. }) => {
                self.loads.show(*load, seq, numbers);
            }
            Event::SealKey(SealKeyEvent::KeyDestroyed { handle, why: _ }) => {
                self.loads.forget(*handle);
            }
            Event::SealKey(SealKeyEvent::KeyMade { owner: KeyOwner::Lookup(_), .. }) => {
                self.forget_addresses();
            }
            Event::SealKey(SealKeyEvent::Retokened { stock, orders }) => {
                self.retoken(stock, orders);
            }
            // Orders come as values, and providers are the directory's.
            Event::Offer(_)
            | Event::Order(_)
            | Event::Upstream(_)
            | Event::Money(_)
            | Event::Memory(MemoryEvent::MessagesRemembered { .. })
            | Event::Ledger(_)
            | Event::SealKey(_) => {}
        }
    }

    fn show_account(&self, event: &AccountEvent) {
        match event {
            AccountEvent::AccountOpened { account, name, .. } => {
                self.accounts.pin().insert(*account, Arc::new(AccountView::new(name.clone())));
            }
            AccountEvent::KeyIssued { key, account, scope, hash, .. } => {
                self.show_key(*key, *hash, *account, *scope);
            }
            AccountEvent::AddressSeen { account, address, digest, sealed: _ } => {
                self.show_address(*account, *digest, *address);
            }
            AccountEvent::KeyRevoked { key } => {
                if let Some(hash) = self.key_hashes.pin().remove(key) {
                    self.keys.pin().remove(hash);
                }
            }
        }
    }

    fn show_key(&self, key: KeyId, hash: [u8; 32], account: AccountId, scope: Scope) {
        self.keys.pin().insert(hash, KeyView { id: key, account, scope });
        self.key_hashes.pin().insert(key, hash);
    }

    fn show_wallet(&self, account: AccountId, wallet: Wallet) {
        if let Some(view) = self.accounts.pin().get(&account) {
            *view.wallet.lock() = wallet;
        }
    }

    fn show_order(&self, order: Arc<Order>) {
        let (id, closed, mut begins_to_wait) = (order.id, order.state.is_closed(), false);
        if let Some(account) = self.accounts.pin().get(&order.account) {
            let mut open = account.open.lock();
            if closed {
                open.remove(&order.number)
            } else {
                open.insert(order.number, id)
            };
        }
        if let Some(assignment) = &order.assignment {
            self.held.lock().insert(assignment.token, order.provider, id);
        }
        match self.directory.kind(order.provider) {
            Some(ProviderKind::Own) => {
                self.driven.lock().remove(&id);
            }
            Some(ProviderKind::Driven) | None => {
                let mut driven = self.driven.lock();
                if closed {
                    driven.remove(&id)
                } else {
                    driven.insert(id)
                };
                self.upstream.show_order(&order);
                if let Some(assignment) = &order.assignment {
                    let key = (order.provider, assignment.external_id.clone());
                    let is_new = self.purchases.pin().insert(key, id).is_none();
                    let waited = self.order(id).is_some_and(|known| known.awaits_another);
                    begins_to_wait = is_new || order.awaits_another && !waited;
                }
                if let Some(at) = order.closed_at {
                    self.driven_closed.lock().insert((at, id));
                }
            }
        }
        if let Some(at) = order.closed_at {
            self.closed.lock().insert((at, id));
        }
        self.orders.pin().insert(id, order);
        if closed {
            self.opened.pin().remove(&id);
        }
        // Pairs with the load of a reader who did not find the order before.
        self.last_order.fetch_max(id.0, Ordering::Release);
        // The poller finds it as it is by now.
        if begins_to_wait {
            self.awaiting.lock().push(id);
        }
    }

    fn retire(&self, orders_before: Time) {
        let first_kept = (orders_before.plus_ms(1), OrderId(0));
        let mut driven_closed = self.driven_closed.lock();
        *driven_closed = driven_closed.split_off(&first_kept);
        drop(driven_closed);
        let mut closed = self.closed.lock();
        let kept = closed.split_off(&first_kept);
        let orders = self.orders.pin();
        for (_, id) in std::mem::replace(&mut *closed, kept) {
            if let Some(order) = orders.remove(&id)
                && let Some(assignment) = &order.assignment
            {
                self.upstream.leave(id, order.provider);
                self.held.lock().remove(assignment.token, order.provider, id);
                let key = (order.provider, assignment.external_id.clone());
                self.purchases.pin().remove(&key);
            }
        }
    }

    /// The position up to which everything is shown; changes can be awaited on it.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Seq> {
        self.published.subscribe()
    }

    /// The position up to which everything is shown now.
    #[must_use]
    pub fn position(&self) -> Seq {
        *self.published.borrow()
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<Arc<AccountView>> {
        self.accounts.pin().get(&id).cloned()
    }

    /// The id of the account that is opened next, of those that are shown. Ids have no gaps.
    #[must_use]
    pub fn next_account(&self) -> AccountId {
        AccountId(self.accounts.len() as u32 + 1)
    }

    /// All accounts, in no order.
    #[must_use]
    pub fn accounts(&self) -> Vec<(AccountId, Arc<AccountView>)> {
        self.accounts.pin().iter().map(|(id, view)| (*id, Arc::clone(view))).collect()
    }

    /// An order still in memory.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<Arc<Order>> {
        self.orders.pin().get(&id).cloned()
    }

    /// Orders in memory.
    #[must_use]
    pub fn orders_len(&self) -> usize {
        self.orders.len()
    }

    /// What an account's request with an idempotency key made: see [`StoredReplies::made_for`].
    ///
    /// # Errors
    /// [`KeyUseRefusal`].
    ///
    /// [`StoredReplies::made_for`]: nexnum_engine::replies::StoredReplies::made_for
    pub fn made_for(
        &self,
        account: AccountId,
        asked: &AskedKey,
    ) -> Result<Option<Made>, KeyUseRefusal> {
        self.replies.made_for(account, asked)
    }

    /// Providers, variants and own offers.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Open orders with work upstream.
    #[must_use]
    pub fn driven(&self) -> Vec<OrderId> {
        self.driven.lock().iter().copied().collect()
    }

    /// How many those are.
    #[must_use]
    pub fn driven_len(&self) -> usize {
        self.driven.lock().len()
    }

    /// How many of them a provider has, with their numbers.
    #[must_use]
    pub fn open_len(&self, provider: ProviderId) -> usize {
        self.upstream.open_len(provider)
    }

    /// Takes the orders that got their number from a provider since the last call, whose buyers
    /// asked for another message since, or that were in memory at the start.
    #[must_use]
    pub fn take_awaiting(&self) -> Vec<OrderId> {
        std::mem::take(&mut self.awaiting.lock())
    }

    /// The order that a provider's purchase belongs to, while it is in memory.
    #[must_use]
    pub fn purchase(&self, provider: ProviderId, external_id: &str) -> Option<OrderId> {
        self.purchases.pin().get(&(provider, external_id.into())).copied()
    }

    /// Orders with work upstream, in memory, that ended at or after a moment, oldest end
    /// first.
    #[must_use]
    pub fn driven_closed_since(&self, since: Time) -> Vec<Arc<Order>> {
        let closed = self.driven_closed.lock();
        let ids = closed.range((since, OrderId(0))..).map(|(_, id)| *id);
        ids.filter_map(|id| self.order(id)).collect()
    }

    /// Takes the purchases that had been given up when the process started, oldest first:
    /// all of them once, then none.
    #[must_use]
    pub fn take_given_up(&self) -> Vec<GivenUp> {
        std::mem::take(&mut self.given_up.lock())
    }

    /// Takes the purchases without a number, each with its order and attempt, that were known by
    /// their ids when the process started: all of them once, then none.
    #[must_use]
    pub fn take_named(&self) -> Vec<(OrderId, u8, NamedPurchase)> {
        self.upstream.take_named()
    }

    /// Purchases that no order has and that have to go back, of orders in memory.
    #[must_use]
    pub fn orphans(&self) -> Vec<LostPurchase> {
        self.upstream.orphans()
    }

    /// Looks at the callbacks that wait or could not be processed.
    pub fn callbacks<R>(&self, look: impl FnOnce(&Callbacks) -> R) -> R {
        look(&self.callbacks.lock())
    }

    /// Those that were dropped to make room, or thrown away.
    #[must_use]
    pub const fn lost_callbacks(&self) -> &LostCallbacks {
        &self.lost_callbacks
    }

    /// Both tables change at once for those that look at the callbacks.
    fn show_callback(&self, at: Time, event: &CallbackEvent) {
        self.lost_callbacks.follow(&mut self.callbacks.lock(), at, event);
    }

    /// Waits until `done` holds of the order, at most `wait`; gives it as it stands then.
    pub async fn await_order(
        &self,
        id: OrderId,
        wait: Duration,
        done: impl Fn(&Order) -> bool,
    ) -> Option<Arc<Order>> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            // Enabled before the look, so that a change between the two is not missed.
            let rung = self.bell(id).notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let order = self.order(id)?;
            if done(&order) || tokio::time::timeout_at(deadline, rung).await.is_err() {
                return self.order(id);
            }
        }
    }

    fn bell(&self, id: OrderId) -> &Notify {
        &self.bells[id.0 as usize % BELLS]
    }
}
