//! Proofs over a state: that the money adds up, and one hash that stands for all of it.

mod indexes;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::book::Book;
use crate::callbacks::Callbacks;
use crate::event::ProviderKind;
use crate::ids::CallbackId;
use crate::money::Micros;
use crate::order::OrderStatus;
use crate::state::{PaidTo, State};

/// Checks every invariant that a state alone can show.
///
/// # Errors
/// The first one that is broken, in words.
pub fn audit(state: &State) -> Result<(), String> {
    sums_to_zero(state)?;
    rails_are_payments(state)?;
    wallets_within_credit(state)?;
    escrow_is_open_orders(state)?;
    receivables_cover_outlays(state)?;
    providers_are_paid_one_way(state)?;
    losses_cover_what_is_open(state)?;
    orders_are_consistent(state)?;
    stock_is_held_once(state)?;
    indexes::follow_from_tables(state)
}

fn sums_to_zero(state: &State) -> Result<(), String> {
    let sum: i128 = state.books.iter().map(|(_, amount)| i128::from(amount.0)).sum();
    if sum == 0 { Ok(()) } else { Err(format!("the books sum to {sum} micros, not zero")) }
}

/// What stands in a rail is what came in by it, payment by payment, less what was paid out.
fn rails_are_payments(state: &State) -> Result<(), String> {
    let mut sums: BTreeMap<_, i128> = BTreeMap::new();
    for ((rail, _), paid) in &state.payments {
        // What came in stands below zero.
        let signed = match paid.to {
            PaidTo::Account(_) => -i128::from(paid.amount.0),
            PaidTo::Provider(_) => i128::from(paid.amount.0),
        };
        *sums.entry(*rail).or_default() += signed;
    }
    for (rail, name) in state.rails() {
        let stands = i128::from(state.balance(Book::Rail(rail)).0);
        let payments = sums.get(&rail).copied().unwrap_or_default();
        if stands != payments {
            return Err(format!(
                "the rail {name} stands at {stands} micros, and its payments are {payments}"
            ));
        }
    }
    Ok(())
}

/// A provider's losses are at least what may still be reversed of them: those of orders in memory. What has left memory stays lost.
fn losses_cover_what_is_open(state: &State) -> Result<(), String> {
    let mut open = BTreeMap::new();
    for written in state.write_offs.values().filter(|written| !written.reversed) {
        *open.entry(written.provider).or_insert(0) += i128::from(written.amount.0);
    }
    for (provider, open) in open {
        // A loss stands below zero.
        let lost = -i128::from(state.balance(Book::WriteOffs(provider)).0);
        if lost < open {
            return Err(format!(
                "provider {provider} lost us {lost} micros, and {open} may be reversed of them"
            ));
        }
    }
    Ok(())
}

fn wallets_within_credit(state: &State) -> Result<(), String> {
    for (id, account) in state.accounts.iter() {
        let available = state.balance(Book::Available(id));
        if available.0 < -account.credit_limit.0 {
            return Err(format!("account {id} stands at {available}, below its credit limit"));
        }
    }
    Ok(())
}

/// Escrow is what open orders hold, paid money and bonus apart.
fn escrow_is_open_orders(state: &State) -> Result<(), String> {
    let mut open = BTreeMap::new();
    for order in state.orders.values() {
        let held: &mut [i64; 2] = open.entry(order.account).or_default();
        held[0] += order.held.paid.0;
        held[1] += order.held.bonus.0;
    }
    for (id, _) in state.accounts.iter() {
        let [paid, bonus] = open.get(&id).copied().unwrap_or_default().map(Micros);
        for (book, orders) in [(Book::Escrow(id), paid), (Book::EscrowBonus(id), bonus)] {
            let escrow = state.balance(book);
            if escrow != orders {
                return Err(format!("{book:?} holds {escrow}, and open orders {orders}"));
            }
        }
    }
    Ok(())
}

/// What a provider has charged for is at least what orders in memory wait for; what has left
/// memory unaccounted for stays.
fn receivables_cover_outlays(state: &State) -> Result<(), String> {
    let mut open = BTreeMap::new();
    for order in state.orders.values() {
        let amount = order.outlay.map_or(0, |outlay| i128::from(outlay.amount.0));
        *open.entry(order.provider).or_insert(0) += amount;
    }
    for (provider, open) in open {
        // What is owed to us stands below zero.
        let charged = -i128::from(state.balance(Book::Receivable(provider)).0);
        if charged < open {
            return Err(format!(
                "provider {provider} charged {charged} micros for numbers that are not accounted \
                 for, and orders wait for {open}"
            ));
        }
    }
    Ok(())
}

/// A provider is owed, or has something of ours, and not both; neither is below nothing.
fn providers_are_paid_one_way(state: &State) -> Result<(), String> {
    for (id, _) in state.providers.iter() {
        let owed = state.balance(Book::Payable(id));
        let prepaid = state.balance(Book::Prepaid(id)).negated();
        let is_one_way = owed == Micros::ZERO || prepaid == Micros::ZERO;
        if !is_one_way || owed < Micros::ZERO || prepaid < Micros::ZERO {
            return Err(format!("provider {id} is owed {owed} and has {prepaid} of ours"));
        }
    }
    Ok(())
}

fn orders_are_consistent(state: &State) -> Result<(), String> {
    for (id, order) in state.orders.iter() {
        let closed = order.state.is_closed();
        let delivered = order.status == OrderStatus::Delivered;
        let scheduled = state.deadlines.contains(&(state.ends_at(order), id));
        let rules = [
            (order.price <= order.limit, "was charged above its limit"),
            (!closed || order.status != OrderStatus::Escrow, "is closed with money in escrow"),
            (closed || order.status != OrderStatus::Refunded, "is open and refunded"),
            ((order.delivered().count() > 0) == delivered, "is not paid for what was readable"),
            (closed != scheduled, "is closed with a deadline, or open without one"),
        ];
        let broken = rules.iter().find(|(holds, _)| !holds).map(|(_, complaint)| *complaint);
        if let Some(complaint) = broken.or_else(|| state.money_complaint(order)) {
            return Err(format!("order {id} {complaint}"));
        }
    }
    Ok(())
}

fn stock_is_held_once(state: &State) -> Result<(), String> {
    let mut held = BTreeSet::new();
    let pools = state.pools.iter();
    let pooled =
        pools.flat_map(|(offer, pool)| pool.next.iter().map(move |number| (offer, number.token)));
    let open = state.orders.values().filter(|order| !order.state.is_closed());
    let own = open.filter(|order| state.providers[order.provider].kind == ProviderKind::Own);
    let assigned =
        own.filter_map(|order| order.assignment.as_ref().map(|a| (order.offer, a.token)));
    let resting = state.quarantine.iter().map(|resting| (resting.offer, resting.number.token));
    for (offer, number) in pooled.chain(resting).chain(assigned) {
        if !held.insert((offer, number)) {
            return Err(format!("offer {offer} has a number twice in stock, at rest and in use"));
        }
    }
    let known: BTreeSet<_> = state.held.iter().map(|(number, offer)| (*offer, *number)).collect();
    if known == held {
        Ok(())
    } else {
        Err("the numbers in stock, at rest and in use are not those that are held".to_owned())
    }
}

/// SHA-256 over every table in key order: equal states, equal hashes, on any machine.
#[must_use]
pub fn state_hash(state: &State) -> [u8; 32] {
    let mut hasher = Canonical(Sha256::new());
    let State {
        counters,
        ledger,
        epoch,
        closed_day: _,
        accounts,
        account_names: _,
        books,
        keys,
        key_hashes: _,
        rails,
        rail_ids: _,
        payments,
        providers,
        variants,
        variant_ids: _,
        offers,
        offer_ids: _,
        pools,
        held: _,
        orders,
        purchases: _,
        holders: _,
        seen,
        seen_ages: _,
        deadlines: _,
        closed: _,
        replies,
        given_up,
        quarantine,
        write_offs: _,
        orphans: _,
        named: _,
        ended_upstream: _,
        provider_words: _,
        resting: _,
        loads: _,
        callbacks,
        addresses: _,
        seal_keys: _,
    } = state;
    (counters, ledger, epoch).hash(&mut hasher);
    (accounts, keys, rails, payments, providers, variants).hash(&mut hasher);
    for (book, amount) in books.iter() {
        (book, amount).hash(&mut hasher);
    }
    (offers, orders, replies).hash(&mut hasher);
    for (offer, pool) in pools.iter() {
        (offer, pool.terms, &pool.next).hash(&mut hasher);
    }
    for given_up in given_up.values() {
        given_up.hash(&mut hasher);
    }
    for resting in quarantine {
        resting.hash(&mut hasher);
    }
    // Row by row, so that an empty table adds nothing: states from before it keep their hash.
    for seen in seen {
        seen.hash(&mut hasher);
    }
    hash_upstream(state, &mut hasher);
    if callbacks.last > CallbackId(0) {
        let Callbacks { last, dropped, kept, recent, keys: _, failed: _, refused: _ } = callbacks;
        (last, dropped, kept, recent).hash(&mut hasher);
    }
    hash_rows(state, &mut hasher);
    hasher.0.finalize().into()
}

/// Tables that came later, row by row: one that is empty adds nothing.
fn hash_rows(state: &State, hasher: &mut Canonical) {
    state.seal_keys.iter().for_each(|key| ("sealing key", key).hash(hasher));
    state.loads.iter().for_each(|load| ("load", load).hash(hasher));
    state.loads.keys().for_each(|key| ("load's key", key).hash(hasher));
    state.closed_day.iter().for_each(|closed| ("closed day", closed).hash(hasher));
    state.addresses.iter().for_each(|row| ("addresses", row).hash(hasher));
}

/// What is left at providers, row by row: a table that is empty adds nothing.
fn hash_upstream(state: &State, hasher: &mut Canonical) {
    state.write_offs.iter().for_each(|row| ("write-off", row).hash(hasher));
    state.orphans.iter().for_each(|row| ("orphan", row).hash(hasher));
    state.named.iter().for_each(|row| ("named", row).hash(hasher));
    state.ended_upstream.iter().for_each(|row| ("ended upstream", row).hash(hasher));
    state.provider_words.iter().for_each(|row| ("provider's word", row).hash(hasher));
}

/// A hasher with fixed widths and byte order, so that the hash means the same everywhere.
struct Canonical(Sha256);

impl Hasher for Canonical {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the digest is taken whole")
    }

    fn write_u16(&mut self, n: u16) {
        self.0.update(n.to_le_bytes());
    }

    fn write_u32(&mut self, n: u32) {
        self.0.update(n.to_le_bytes());
    }

    fn write_u64(&mut self, n: u64) {
        self.0.update(n.to_le_bytes());
    }

    fn write_u128(&mut self, n: u128) {
        self.0.update(n.to_le_bytes());
    }

    fn write_i64(&mut self, n: i64) {
        self.0.update(n.to_le_bytes());
    }

    fn write_usize(&mut self, n: usize) {
        self.0.update((n as u64).to_le_bytes());
    }

    fn write_isize(&mut self, n: isize) {
        self.0.update((n as i64).to_le_bytes());
    }
}
