//! Arithmetic: what an event does to the state. Its meaning for a written event
//! never changes; what may be written is `decide`'s concern.
//!
//! An event that does not fit the state is a bug or a damaged ledger: it panics.

use crate::account::Transaction;
use crate::activation::{ActivationState, Assignment, Input, Message};
use crate::event::{Closing, Event, Idempotency, OfferTerms, ProviderKind, Scope, Terms};
use crate::ids::{AccountId, Number, OfferId, OrderId, ProviderId};
use crate::money::Micros;
use crate::order::{Order, OrderStatus};
use crate::replies::StoredReply;
use crate::state::{Account, GivenUp, Key, Offer, Provider, Quarantined, State};
use crate::time::Time;

impl State {
    /// Applies one event that happened at `at`.
    ///
    /// # Panics
    /// If the event contradicts the state.
    pub fn apply(&mut self, at: Time, event: &Event) {
        self.counters.seq.0 += 1;
        for transaction in event.transactions().into_iter().flatten() {
            self.post(&transaction);
        }
        if event.order().is_some() {
            self.apply_to_order(at, event);
        } else {
            self.apply_to_tables(at, event);
        }
    }

    /// The one place where money moves.
    fn post(&mut self, transaction: &Transaction) {
        for leg in transaction.postings() {
            let balance = self.books.get_mut(leg.book).expect("a posting's owner was opened");
            *balance = balance.checked_add(leg.amount).expect("deposits are bounded far below i64");
        }
    }

    fn apply_to_tables(&mut self, at: Time, event: &Event) {
        match event {
            Event::AccountOpened { account, name, credit_limit } => {
                next(&mut self.counters.account.0, account.0);
                assert!(self.account_names.insert(name.clone()), "account names are unique");
                let (name, credit_limit) = (name.clone(), *credit_limit);
                self.books.open_account(*account);
                self.accounts.insert(*account, Account { name, credit_limit, opened_at: at });
            }
            Event::KeyIssued { key, account, scope, hash, prefix } => {
                next(&mut self.counters.key.0, key.0);
                let belongs = match scope {
                    Scope::Trade => self.accounts.contains(*account),
                    Scope::Admin => account.0 == 0,
                };
                assert!(belongs, "a key trades for an account, or operates for none");
                let (hash, prefix) = (*hash, prefix.clone());
                let issued = Key { account: *account, scope: *scope, hash, prefix, revoked: false };
                self.key_hashes.insert(issued.hash);
                self.keys.insert(*key, issued);
            }
            Event::KeyRevoked { key } => {
                let key = self.keys.get_mut(*key).expect("a revoked key was issued");
                assert!(!key.revoked, "a key is revoked once");
                key.revoked = true;
            }
            Event::Deposited { account, amount, reference } => {
                assert!(amount.is_positive() && self.accounts.contains(*account));
                let before = self.deposits.insert((*account, *reference), *amount);
                assert_eq!(before, None, "a deposit is credited once");
            }
            Event::ProviderRegistered { provider, name, kind } => {
                let before = u32::from(self.counters.provider.0);
                assert_eq!(u32::from(provider.0), before + 1, "ids are dense");
                self.counters.provider = *provider;
                self.books.open_provider(*provider);
                self.providers.insert(*provider, Provider { name: name.clone(), kind: *kind });
            }
            Event::OperatorNamed { operator, name } => {
                assert_eq!(operator.0, self.counters.operator.0 + 1, "ids are dense");
                self.counters.operator = *operator;
                self.operator_ids.insert(name.clone(), *operator);
                self.operators.insert(*operator, name.clone());
            }
            Event::OffersListed { provider, first, offers } => {
                assert_eq!(first.0 as usize, self.offers.len() + 1, "ids are dense");
                self.list_offers(*provider, offers);
            }
            Event::OffersPriced { provider, terms } => self.price_offers(*provider, terms),
            Event::StockLoaded { offer, numbers } => self.load_stock(*offer, numbers),
            Event::Retired { orders_before, replies_before } => {
                self.retire(*orders_before, *replies_before);
            }
            Event::NumberReleased { offer, number, until } => {
                let resting = Quarantined { until: *until, offer: *offer, number: *number };
                assert!(self.quarantine.remove(&resting), "a number that rests is released");
                self.pool_mut(*offer).next.push_back(*number);
            }
            Event::OrderPlaced { .. }
            | Event::AttemptStarted { .. }
            | Event::OrderDoubted { .. }
            | Event::DoubtCleared { .. }
            | Event::NumberAssigned { .. }
            | Event::OrderFailed { .. }
            | Event::MessageReceived { .. }
            | Event::AnotherRequested { .. }
            | Event::ActivationClosed { .. }
            | Event::NumberQuarantined { .. }
            | Event::LossRecovered { .. } => unreachable!("events of an order go elsewhere"),
        }
    }

    fn list_offers(
        &mut self,
        provider: ProviderId,
        offers: &[(crate::ids::Product, crate::ids::OperatorId)],
    ) {
        assert!(self.providers.contains(provider), "an offer has a provider");
        for &(product, operator) in offers {
            let (cost, price) = (Micros::ZERO, Micros::ZERO);
            self.offers.push(Offer { provider, product, operator, cost, price, stock: 0 });
            let id = OfferId(self.offers.len() as u32);
            let before = self.offer_ids.insert((provider, product, operator), id);
            assert_eq!(before, None, "an offer is listed once");
        }
    }

    fn price_offers(&mut self, provider: ProviderId, terms: &[OfferTerms]) {
        for OfferTerms { offer, cost, price, stock } in terms {
            let offer = &mut self.offers[offer.0 as usize - 1];
            assert_eq!(offer.provider, provider, "a provider prices its own offers");
            (offer.cost, offer.price, offer.stock) = (*cost, *price, *stock);
        }
    }

    fn load_stock(&mut self, id: OfferId, numbers: &[Number]) {
        let provider = self.offer(id).expect("stock is of a listed offer").provider;
        assert_eq!(self.providers[provider].kind, ProviderKind::Own, "only own stock is loaded");
        let pool = self.pool_mut(id);
        for number in numbers {
            assert!(pool.held.insert(*number), "a number is held once an offer");
        }
        pool.next.extend(numbers);
        self.held += numbers.len();
    }

    fn retire(&mut self, orders_before: Time, replies_before: Time) {
        while let Some(&(closed_at, id)) = self.closed.first()
            && closed_at <= orders_before
        {
            self.closed.pop_first();
            let order = self.orders.remove(id).expect("a closed order is in memory");
            self.written_off.remove(&id);
            assert!(order.state.is_closed() && order.status != OrderStatus::Escrow);
            if let Some(assignment) = order.assignment {
                self.holders.remove(&(order.provider, assignment.number, id));
                self.purchases.remove(&(order.provider, assignment.external_id));
            }
        }
        while let Some(oldest) = self.given_up.first_entry()
            && oldest.key().0 <= orders_before
        {
            oldest.remove();
        }
        while self.replies.forget_first(replies_before) {}
    }

    fn apply_to_order(&mut self, at: Time, event: &Event) {
        match event {
            Event::OrderPlaced { .. } => self.place(at, event),
            Event::AttemptStarted { order, account, attempt, terms, change } => {
                self.check_terms(*terms);
                let order = self.order_mut(*order);
                assert!(order.account == *account && terms.price <= order.limit);
                assert_eq!((order.state, *attempt), (ActivationState::Init, order.attempt + 1));
                let price = order.price.checked_add(*change).expect("prices are bounded");
                assert_eq!(price, terms.price, "escrow follows the ask");
                (order.attempt, order.in_doubt) = (*attempt, false);
                (order.offer, order.provider) = (terms.offer, terms.provider);
                (order.price, order.cost) = (terms.price, terms.cost);
            }
            Event::OrderDoubted { order } => self.order_mut(*order).in_doubt = true,
            Event::DoubtCleared { order } => {
                let doubted = self.order_mut(*order);
                let waits = doubted.state == ActivationState::Init && doubted.in_doubt;
                assert!(waits, "a doubt is cleared once, before the order ends");
                doubted.in_doubt = false;
                self.give_up(at, *order);
            }
            Event::NumberAssigned { order, assignment, cost } => {
                let placed = self.order_mut(*order);
                (placed.cost, placed.in_doubt) = (*cost, false);
                let deadline = placed.deadline;
                assert!(self.deadlines.remove(&(deadline, *order)), "an open order has a deadline");
                self.assign(*order, assignment);
            }
            Event::OrderFailed { order, account, refund, provider, loss, .. } => {
                let failed = self.order_mut(*order);
                let owed = (failed.account, failed.price, failed.provider);
                assert_eq!((*account, *refund, *provider), owed, "a refund is what was paid");
                self.fail(at, *order, *loss);
            }
            Event::MessageReceived { order, .. } => self.receive(at, *order, event),
            Event::AnotherRequested { order } => {
                self.advance(*order, Input::Another);
                self.order_mut(*order).awaits_another = true;
            }
            Event::ActivationClosed { order, account, closing, refund } => {
                let closed = self.order_mut(*order);
                let delivered = closed.status == OrderStatus::Delivered;
                let owed = if delivered { Micros::ZERO } else { closed.price };
                assert_eq!(
                    (*account, *refund),
                    (closed.account, owed),
                    "a refund is what was paid"
                );
                self.close(at, *order, *closing);
            }
            Event::NumberQuarantined { order, until } => self.rest(*order, *until),
            Event::LossRecovered { order, provider, amount } => {
                assert_eq!(self.order_mut(*order).provider, *provider, "a loss is its provider's");
                assert_eq!(self.written_off.remove(order), Some(*amount), "reversed once, whole");
            }
            Event::AccountOpened { .. }
            | Event::KeyIssued { .. }
            | Event::KeyRevoked { .. }
            | Event::Deposited { .. }
            | Event::ProviderRegistered { .. }
            | Event::OperatorNamed { .. }
            | Event::OffersListed { .. }
            | Event::OffersPriced { .. }
            | Event::StockLoaded { .. }
            | Event::NumberReleased { .. }
            | Event::Retired { .. } => unreachable!("events of no order go elsewhere"),
        }
    }

    fn place(&mut self, at: Time, event: &Event) {
        let Event::OrderPlaced {
            order,
            account,
            product,
            operator,
            limit,
            terms: Terms { offer, provider, price, cost },
            deadline,
            idempotency,
            assignment,
        } = event
        else {
            unreachable!("only a placement is placed")
        };
        next(&mut self.counters.order.0, order.0);
        assert!(price <= limit, "the price charged is within the buyer's limit");
        assert!(self.accounts.contains(*account), "an order has a buyer");
        self.check_terms(Terms { offer: *offer, provider: *provider, price: *price, cost: *cost });
        let placed = Order {
            id: *order,
            account: *account,
            product: *product,
            operator: *operator,
            limit: *limit,
            price: *price,
            cost: *cost,
            offer: *offer,
            provider: *provider,
            attempt: 1,
            in_doubt: false,
            placed_at: at,
            deadline: *deadline,
            status: OrderStatus::Escrow,
            state: ActivationState::Init,
            awaits_another: false,
            assignment: None,
            messages: Vec::new(),
            closed_at: None,
        };
        self.orders.insert(*order, placed);
        self.store_reply(at, *account, *order, *idempotency);
        match assignment {
            Some(assignment) => self.assign(*order, assignment),
            None => {
                self.deadlines.insert((*deadline, *order));
            }
        }
    }

    /// Remembers that the current attempt's purchase may still turn up at its provider.
    fn give_up(&mut self, at: Time, id: OrderId) {
        let Order { attempt, provider, product, placed_at, .. } = *self.order_mut(id);
        if self.providers[provider].kind == ProviderKind::Driven {
            let given_up = GivenUp { at, order: id, attempt, provider, product, placed_at };
            self.given_up.insert(given_up.key(), given_up);
        }
    }

    /// What was claimed is a listed offer of that provider.
    fn check_terms(&self, terms: Terms) {
        let offer = self.offer(terms.offer).expect("a claim is of a listed offer");
        assert_eq!(offer.provider, terms.provider, "a claim names its offer's provider");
    }

    fn store_reply(
        &mut self,
        at: Time,
        account: AccountId,
        order: OrderId,
        idempotency: Option<Idempotency>,
    ) {
        let Some(Idempotency { key, fingerprint }) = idempotency else { return };
        let reply = StoredReply { fingerprint, order, at };
        assert!(self.replies.insert(account, key, reply), "an idempotency key has one effect");
    }

    /// Gives the order its number; one from own stock leaves its pool.
    fn assign(&mut self, id: OrderId, assignment: &Assignment) {
        self.advance(id, Input::Assign);
        let order = self.orders.get_mut(id).expect("advanced just now");
        order.deadline = assignment.expires_at;
        order.assignment = Some(assignment.clone());
        self.deadlines.insert((assignment.expires_at, id));
        let (provider, offer) = (order.provider, order.offer);
        if self.providers[provider].kind == ProviderKind::Own {
            let pool = self.pools.get_mut(offer).expect("an own offer has a pool");
            assert_eq!(pool.next.pop_front(), Some(assignment.number), "the pool's first is sold");
            self.holders.insert((provider, assignment.number, id));
        } else {
            let key = (provider, assignment.external_id.clone());
            assert_eq!(self.purchases.insert(key, id), None, "a purchase serves one order");
        }
    }

    fn receive(&mut self, at: Time, id: OrderId, event: &Event) {
        let Event::MessageReceived { message, digest, sender, text, code, late, capture, .. } =
            event
        else {
            unreachable!("only a message is received")
        };
        assert_eq!(message.0, self.counters.message.0 + 1, "ids are dense");
        self.counters.message = *message;
        self.advance(id, Input::Message);
        let order = self.order_mut(id);
        assert_eq!(*late, order.state.is_closed(), "late is after the end");
        if let Some(sale) = capture {
            assert_eq!((*sale, order.status), (order.sale(), OrderStatus::Escrow));
            order.status = OrderStatus::Delivered;
        }
        order.awaits_another = false;
        if order.messages.is_empty() {
            // Most orders have one.
            order.messages.reserve_exact(1);
        }
        order.messages.push(Message {
            id: *message,
            digest: *digest,
            sender: sender.clone(),
            text: text.clone(),
            code: code.clone(),
            received_at: at,
            late: *late,
        });
    }

    fn close(&mut self, at: Time, id: OrderId, closing: Closing) {
        let input = match closing {
            Closing::Completed => Input::Finish,
            Closing::Cancelled => Input::Cancel,
            Closing::TimedOut => Input::Expire,
        };
        self.advance(id, input);
        let order = self.order_mut(id);
        let delivered = order.status == OrderStatus::Delivered;
        assert_eq!(delivered, closing == Closing::Completed, "delivered is completed");
        let ended = if delivered { OrderStatus::Delivered } else { OrderStatus::Refunded };
        self.end(at, id, ended);
    }

    fn fail(&mut self, at: Time, id: OrderId, loss: Micros) {
        let failed = self.order_mut(id);
        // A deadline that passes without an outcome leaves it unknown, doubted or not.
        if failed.in_doubt || failed.deadline <= at {
            self.give_up(at, id);
        }
        if loss.is_positive() {
            self.written_off.insert(id, loss);
        }
        self.advance(id, Input::Fail);
        self.end(at, id, OrderStatus::Refunded);
    }

    /// Ends an order; an unused number of own stock goes back to its pool's end.
    fn end(&mut self, at: Time, id: OrderId, status: OrderStatus) {
        let order = self.orders.get_mut(id).expect("an order that ends is in memory");
        order.status = status;
        order.closed_at = Some(at);
        assert!(self.deadlines.remove(&(order.deadline, id)), "an open order has a deadline");
        self.closed.insert((at, id));
        let Some(assignment) = &order.assignment else { return };
        if self.providers[order.provider].kind != ProviderKind::Own {
            return;
        }
        let pool = self.pools.get_mut(order.offer).expect("an own offer has a pool");
        if status == OrderStatus::Refunded {
            pool.next.push_back(assignment.number);
        } else if pool.held.remove(&assignment.number) {
            self.held -= 1;
        }
    }

    /// Takes the number that an order gave back a moment ago out of stock until it has rested.
    fn rest(&mut self, id: OrderId, until: Time) {
        let order = self.order_mut(id);
        assert_eq!(order.status, OrderStatus::Refunded, "what was not used rests");
        let offer = order.offer;
        let number = order.assignment.as_ref().expect("a number that rests was assigned").number;
        let pool = self.pools.get_mut(offer).expect("an own offer has a pool");
        assert_eq!(pool.next.pop_back(), Some(number), "what came back last rests");
        self.quarantine.insert(Quarantined { until, offer, number });
    }

    fn advance(&mut self, id: OrderId, input: Input) {
        let order = self.order_mut(id);
        order.state = order.state.after(input).expect("a written event fits the state");
    }

    fn order_mut(&mut self, id: OrderId) -> &mut Order {
        self.orders.get_mut(id).expect("an event's order is in memory")
    }
}

/// Advances a dense counter. Panics unless `id` is the next one.
fn next(counter: &mut u32, id: u32) {
    assert_eq!(id, *counter + 1, "ids are dense");
    *counter = id;
}
