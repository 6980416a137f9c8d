//! What readers see against a state: the read model, and the grid of own stock.

use std::collections::BTreeSet;

use nexnum::market::change::Wallet;
use nexnum::market::grid_follower::GridFollower;
use nexnum::market::read_model::{Kept, ReadModel};
use nexnum_engine::activation::StockNumber;
use nexnum_engine::book::Book;
use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::{OfferId, OrderId, OrderNumber};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::replies::StoredReply;
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::{Quarantined, State};

fn same<T: PartialEq + std::fmt::Debug>(what: &str, shown: T, is: T) -> Result<(), String> {
    if shown == is { Ok(()) } else { Err(format!("{what}: readers see {shown:?}, not {is:?}")) }
}

/// The read model shows this state and nothing else.
///
/// # Errors
/// The first difference.
pub(crate) fn compare(model: &ReadModel, state: &State) -> Result<(), String> {
    same("position", *model.published().borrow(), state.seq())?;
    same("orders", model.orders_len(), state.orders().count())?;
    for order in state.orders() {
        let shown = model.order(order.id);
        same("order", shown.as_deref(), Some(order))?;
        if let Some(number) = &order.assignment {
            let found = model.holders(order.provider, &number.token.into());
            same("an order is found by its number", found.contains(&order.id), true)?;
        }
    }
    accounts(model, state)?;
    for (_, key) in state.keys() {
        // Two keys with one hash cannot be told apart; real ones are random.
        let alike = state.keys().filter(|(_, other)| other.hash == key.hash);
        if alike.count() == 1 {
            same("a key works", model.key(&key.hash).is_some(), !key.revoked)?;
        }
    }
    same(
        "replies",
        state.replies().whole().all(|StoredReply { key_use: it, .. }| {
            let asked = it.used.into();
            model.made_for(it.account, &asked) == state.replies().made_for(it.account, &asked)
        }),
        true,
    )?;
    kept(model, state)?;
    let is_open = |order: &&Order| is_driven(state, order) && order.closed_at.is_none();
    let upstream: Vec<OrderId> = state.orders().filter(is_open).map(|order| order.id).collect();
    same("work upstream", model.driven(), upstream)?;
    self::upstream(model, state)?;
    same("callbacks", model.callbacks(|shown| shown == state.callbacks()), true)?;
    directory(model, state)
}

fn is_driven(state: &State, order: &Order) -> bool {
    let kind = state.provider(order.provider).map(|provider| provider.kind);
    kind == Some(ProviderKind::Driven)
}

/// What has left the state has left the readers.
fn kept(model: &ReadModel, state: &State) -> Result<(), String> {
    let count = |is_it: fn(&State, &Order) -> bool| {
        state.orders().filter(|order| is_it(state, order)).count()
    };
    let is = Kept {
        replies: state.replies().counts(),
        purchases: count(|state, it| is_driven(state, it) && it.assignment.is_some()),
        numbers: count(|_, it| it.assignment.is_some()),
        opened: 0,
        closed: count(|_, it| it.closed_at.is_some()),
        driven_closed: count(|state, it| is_driven(state, it) && it.closed_at.is_some()),
    };
    same("what is kept", model.kept(), is)
}

fn accounts(model: &ReadModel, state: &State) -> Result<(), String> {
    same("accounts", model.accounts().len(), state.accounts().count())?;
    for (id, account) in state.accounts() {
        let view = model.account(id).ok_or_else(|| format!("readers miss account {id}"))?;
        let both = |paid, bonus| Micros(state.balance(paid).0 + state.balance(bonus).0);
        let available = both(Book::Available(id), Book::Bonus(id));
        let escrow = both(Book::Escrow(id), Book::EscrowBonus(id));
        same("name", &view.name, &account.name)?;
        same("the next account", model.next_account().0 as usize, state.accounts().count() + 1)?;
        same("wallet", view.wallet(), Wallet { available, escrow })?;
        let is_open = |order: &&Order| order.account == id && order.closed_at.is_none();
        let open: BTreeSet<OrderId> = state.orders().filter(is_open).map(|o| o.id).collect();
        let shown = view.open_orders(OrderNumber(u64::MAX), usize::MAX).into_iter().collect();
        same("open orders", shown, open)?;
    }
    Ok(())
}

fn upstream(model: &ReadModel, state: &State) -> Result<(), String> {
    let unended = state.orders().filter(|order| state.has_to_end_upstream(order));
    let unended: Vec<OrderId> = unended.map(|order| order.id).collect();
    same("orders to be ended upstream", model.unended(), unended)?;
    let orphans = state.orphans().map(|(provider, id, orphan)| (provider, id.into(), orphan));
    same("purchases without an order", model.orphans(), orphans.collect())
}

fn directory(model: &ReadModel, state: &State) -> Result<(), String> {
    let directory = model.directory();
    for (id, provider) in state.providers() {
        same("provider", directory.kind(id), Some(provider.kind))?;
    }
    let shown = directory.providers();
    same("providers", shown.len(), state.providers().count())?;
    for (id, shown) in shown {
        same("its name", Some(&*shown.name), state.provider(id).map(|known| &*known.name))?;
        let books = [
            (shown.books.loss, Book::WriteOffs(id)),
            (shown.books.prepaid, Book::Prepaid(id)),
            (shown.books.receivable, Book::Receivable(id)),
            (shown.books.payable.negated(), Book::Payable(id)),
        ];
        for (shown, book) in books {
            same("its books", shown, state.balance(book).negated())?;
        }
    }
    for (id, parts) in state.variants() {
        same("variant", directory.variant(parts), Some(id))?;
    }
    same("loads", model.load_ids(), state.loads().iter().map(|(id, _)| id).collect())?;
    for (id, offer) in state.offers() {
        let shown = directory.offer(offer.provider, offer.key());
        same("offer", shown, Some(id))?;
    }
    Ok(())
}

/// Own offers with what the grid sells of them and what the engine has.
fn own_stock<'a>(
    market: &'a GridFollower,
    state: &'a State,
) -> impl Iterator<Item = (OfferId, u32, u32)> + 'a {
    let own = |(_, offer): &(OfferId, &nexnum_engine::state::Offer)| {
        state.provider(offer.provider).is_some_and(|known| known.kind == ProviderKind::Own)
    };
    state.offers().filter(own).map(|(id, _)| {
        let shown = market.grid().ask(id).map_or(0, |ask| ask.stock);
        (id, shown, state.stock(id).map_or(0, |(_, stock)| stock))
    })
}

/// The grid never offers a unit that the engine, ahead of the disk, does not have; but for
/// numbers that were on sale in the state `on_disk` and rest or were taken back since.
///
/// # Errors
/// The first offer that is oversold.
pub(crate) fn never_oversells(
    market: &GridFollower,
    state: &State,
    on_disk: &State,
) -> Result<(), String> {
    let held_back = |id: OfferId| {
        let rests = state.quarantine().filter(|rests| rests.offer == id);
        let was_sold = |rests: &&Quarantined| {
            let rested =
                on_disk.quarantine().any(|known| known.offer == id && known.number == rests.number);
            let used = on_disk.orders().any(|order| {
                let number = order.assignment.as_ref().map(|assigned| assigned.token);
                order.offer == id && number == Some(rests.number.token) && order.closed_at.is_none()
            });
            !rested && !used
        };
        rests.filter(was_sold).count() as u32
    };
    let taken_back = |id: OfferId| {
        let is_gone = |number: &&StockNumber| !state.loads().is_for_sale(number.load);
        let gone = on_disk.rows().filter_map(|row| match row {
            Row::Pool(offer, _, numbers) if offer == id => {
                Some(numbers.iter().filter(is_gone).count())
            }
            _ => None,
        });
        gone.sum::<usize>() as u32
    };
    let mut over =
        own_stock(market, state).filter(|(id, shown, has)| *shown > has + held_back(*id));
    let over = over.find(|(id, shown, has)| *shown > has + held_back(*id) + taken_back(*id));
    over.map_or(Ok(()), |(id, shown, has)| Err(format!("offer {id} sells {shown} of {has}")))
}

/// When nothing is on its way, the grid offers exactly what the engine has, at its price.
///
/// # Errors
/// The first difference.
pub(crate) fn stock_is(market: &GridFollower, state: &State) -> Result<(), String> {
    for (id, shown, has) in own_stock(market, state) {
        same(&format!("stock of offer {id}"), shown, has)?;
        let price = state.stock(id).map(|(terms, _)| terms.price);
        let ask = market.grid().ask(id).map(|ask| ask.price);
        if ask.is_some() {
            same(&format!("price of offer {id}"), ask, price)?;
        }
    }
    Ok(())
}
