//! What an event of one order does to the state, its messages included.

use super::dense::next;
use crate::activation::{ActivationState, Assignment, Input};
use crate::event::{Closing, Completion, OrderEvent, Placement, ProviderKind, Receipt, Terms};
use crate::ids::{MessageId, OrderId};
use crate::order::{Held, Order, OrderRef, OrderStatus};
use crate::state::{GivenUp, Quarantined, State};
use crate::time::Time;

impl State {
    pub(super) fn apply_order(&mut self, at: Time, event: &OrderEvent) {
        let named = event.order();
        let id = named.id;
        self.check_order(event);
        match event {
            OrderEvent::OrderPlaced(placement) => self.place(at, placement),
            OrderEvent::AttemptStarted { terms, .. } => {
                self.check_terms(*terms);
                let order = self.order_mut(id);
                assert!(terms.price <= order.limit && order.state == ActivationState::Init);
                (order.attempt, order.in_doubt) = (named.attempt, false);
                (order.offer, order.provider) = (terms.offer, terms.provider);
                (order.price, order.cost) = (terms.price, terms.cost);
            }
            OrderEvent::OrderDoubted { .. } => self.order_mut(id).in_doubt = true,
            OrderEvent::DoubtCleared { order: _ } => {
                let doubted = self.order_mut(id);
                let waits = doubted.state == ActivationState::Init && doubted.in_doubt;
                assert!(waits, "a doubt is cleared once, before the order ends");
                doubted.in_doubt = false;
                self.give_up(at, id);
            }
            OrderEvent::NumberAssigned { assignment, cost, .. } => {
                self.unschedule(id);
                let placed = self.order_mut(id);
                (placed.cost, placed.in_doubt) = (*cost, false);
                let attempt = (id, placed.attempt);
                let named = self.named.get(&attempt).map(|named| &named.external_id);
                if named == Some(&assignment.external_id) {
                    self.named.remove(&attempt);
                }
                self.assign(id, assignment);
            }
            OrderEvent::OrderFailed { provider, .. } => {
                assert_eq!(*provider, self.order_mut(id).provider, "the last attempt's fails");
                self.fail(at, id);
            }
            OrderEvent::MessageReceived(receipt) => self.receive(at, receipt),
            OrderEvent::MessageCompleted(completion) => self.complete(completion),
            OrderEvent::MessageShown { message, .. } => self.show(id, *message),
            OrderEvent::AnotherRequested { order: _ } => {
                self.unschedule(id);
                self.advance(id, Input::Another);
                self.order_mut(id).awaits_another = true;
                self.schedule(id);
            }
            OrderEvent::ActivationClosed { order: _, closing } => self.close(at, id, *closing),
            OrderEvent::NumberQuarantined { order: _, until } => self.rest(id, *until),
        }
    }

    /// An event names its order as the order is: its buyer, the attempt that runs, and whether it
    /// has a number; what brings the next of them names that.
    fn check_order(&self, event: &OrderEvent) {
        // Its order comes with it.
        if matches!(event, OrderEvent::OrderPlaced(_)) {
            return;
        }
        let named = event.order();
        let mut known = self.orders[named.id].reference();
        match event {
            OrderEvent::AttemptStarted { .. } => known.attempt += 1,
            OrderEvent::NumberAssigned { .. } => known.assignment += 1,
            _ => {}
        }
        assert_eq!(named, known, "an event names its order as it is");
    }

    fn place(&mut self, at: Time, placement: &Placement) {
        let Placement { order: named, terms, assignment, .. } = placement;
        let OrderRef { id, account, .. } = *named;
        next(&mut self.counters.order.0, id.0);
        assert!(terms.price <= placement.limit, "the price charged is within the buyer's limit");
        let buyer = self.accounts.get_mut(account).expect("an order has a buyer");
        next(&mut buyer.orders.0, placement.number.0);
        self.check_terms(*terms);
        let placed = Order {
            id,
            account,
            number: placement.number,
            product: placement.product,
            variant: placement.variant,
            limit: placement.limit,
            price: terms.price,
            cost: terms.cost,
            held: Held::NONE,
            outlay: None,
            offer: terms.offer,
            provider: terms.provider,
            attempt: 1,
            in_doubt: false,
            placed_at: at,
            deadline: placement.deadline,
            status: OrderStatus::Escrow,
            state: ActivationState::Init,
            awaits_another: false,
            assignment: None,
            messages: Vec::new(),
            closed_at: None,
            notes: placement.notes.clone(),
        };
        self.orders.insert(id, placed);
        match assignment {
            Some(assignment) => self.assign(id, assignment),
            None => self.schedule(id),
        }
        assert_eq!(*named, self.orders[id].reference(), "it is named as it is");
    }

    /// Notes when an open order ends by itself.
    fn schedule(&mut self, id: OrderId) {
        let order = self.orders.get(id).expect("an event's order is in memory");
        let ends_at = self.ends_at(order);
        self.deadlines.insert((ends_at, id));
    }

    /// Forgets when an order ends by itself, before anything of it changes.
    fn unschedule(&mut self, id: OrderId) {
        let order = self.orders.get(id).expect("an event's order is in memory");
        let ends_at = self.ends_at(order);
        let closed = order.state.is_closed();
        assert!(self.deadlines.remove(&(ends_at, id)) != closed, "an open order has a deadline");
    }

    /// Remembers that the current attempt's purchase may still turn up at its provider; one whose
    /// id is known is told by that.
    fn give_up(&mut self, at: Time, id: OrderId) {
        let Order { attempt, provider, product, placed_at, .. } = *self.order_mut(id);
        let is_named = self.named.contains_key(&(id, attempt));
        if self.providers[provider].kind == ProviderKind::Driven && !is_named {
            let given_up = GivenUp { at, order: id, attempt, provider, product, placed_at };
            self.given_up.insert(given_up.key(), given_up);
        }
    }

    /// What was claimed is a listed offer of that provider.
    fn check_terms(&self, terms: Terms) {
        let offer = self.offer(terms.offer).expect("a claim is of a listed offer");
        assert_eq!(offer.provider, terms.provider, "a claim names its offer's provider");
    }

    /// Gives the order its number; one from own stock leaves its pool.
    fn assign(&mut self, id: OrderId, assignment: &Assignment) {
        self.advance(id, Input::Assign);
        let order = self.orders.get_mut(id).expect("advanced just now");
        order.deadline = assignment.expires_at;
        order.assignment = Some(assignment.clone());
        let (provider, offer) = (order.provider, order.offer);
        self.schedule(id);
        if self.providers[provider].kind == ProviderKind::Own {
            let pool = self.pools.get_mut(offer).expect("an own offer has a pool");
            let sold = assignment.stock();
            assert!(sold.is_some() && pool.next.pop_front() == sold, "the pool's first is sold");
            self.holders.insert(assignment.token, provider, id);
        } else {
            let key = (provider, assignment.external_id.clone());
            assert_eq!(self.purchases.insert(key, id), None, "a purchase serves one order");
        }
    }

    fn receive(&mut self, at: Time, receipt: &Receipt) {
        let Receipt { order: OrderRef { id, .. }, message, late, delivers, .. } = receipt;
        next(&mut self.counters.message.0, message.0);
        self.unschedule(*id);
        self.advance(*id, Input::Message);
        let order = self.order_mut(*id);
        assert_eq!(*late, order.state.is_closed(), "late is after the end");
        if *delivers {
            assert_eq!(order.status, OrderStatus::Escrow, "an order is delivered once");
            order.status = OrderStatus::Delivered;
        }
        order.awaits_another = false;
        if order.messages.is_empty() {
            // Most orders have one.
            order.messages.reserve_exact(1);
        }
        order.messages.push(receipt.message(at));
        if !late {
            self.schedule(*id);
        }
    }

    /// Adds what a message lacks: what it said stays, and counts before it.
    fn complete(&mut self, completion: &Completion) {
        let Completion { order, message, said } = completion;
        let order = self.order_mut(order.id);
        assert!(!order.state.is_closed(), "what is over is in history as it is");
        let known = order.messages.iter_mut().find(|known| known.id == *message);
        let message = known.expect("a message of the order is completed");
        assert_ne!(message.has().or(said.has), message.has(), "it says more than before");
        message.said.push(said.clone());
        // It is another one for who saw its first part.
        message.shown = false;
    }

    fn show(&mut self, id: OrderId, message: MessageId) {
        let order = self.order_mut(id);
        assert!(order.shown().any(|known| known.id == message), "it is its buyer's to see");
        let known = order.messages.iter_mut().find(|known| known.id == message);
        let known = known.expect("it is there");
        assert!(!known.shown, "a message is shown for the first time once");
        known.shown = true;
    }

    fn close(&mut self, at: Time, id: OrderId, closing: Closing) {
        let input = match closing {
            Closing::Completed => Input::Finish,
            Closing::Cancelled => Input::Cancel,
            Closing::TimedOut => Input::Expire,
        };
        self.unschedule(id);
        self.advance(id, input);
        let order = self.order_mut(id);
        let delivered = order.status == OrderStatus::Delivered;
        assert_eq!(delivered, closing == Closing::Completed, "delivered is completed");
        let ended = if delivered { OrderStatus::Delivered } else { OrderStatus::Refunded };
        self.end(at, id, ended);
    }

    fn fail(&mut self, at: Time, id: OrderId) {
        let failed = self.order_mut(id);
        // A deadline that passes without an outcome leaves it unknown, doubted or not.
        if failed.in_doubt || failed.deadline <= at {
            self.give_up(at, id);
        }
        self.unschedule(id);
        self.advance(id, Input::Fail);
        self.end(at, id, OrderStatus::Refunded);
    }

    /// Ends an order; an unused number of own stock goes back to its pool's end.
    fn end(&mut self, at: Time, id: OrderId, status: OrderStatus) {
        let order = self.orders.get_mut(id).expect("an order that ends is in memory");
        order.status = status;
        order.closed_at = Some(at);
        self.closed.insert((at, id));
        let Some(assignment) = &order.assignment else { return };
        if self.providers[order.provider].kind != ProviderKind::Own {
            return;
        }
        let number = assignment.stock().expect("it is of own stock");
        if status == OrderStatus::Refunded && self.loads.is_for_sale(number.load) {
            self.loads.begin_uses(number.load, 1);
            let pool = self.pools.get_mut(order.offer).expect("an own offer has a pool");
            pool.next.push_back(number);
        } else {
            self.held.remove(&(number.token, order.offer));
        }
    }

    /// Takes the number that an order gave back a moment ago out of stock until it has rested.
    fn rest(&mut self, id: OrderId, until: Time) {
        let order = self.order_mut(id);
        assert_eq!(order.status, OrderStatus::Refunded, "what was not used rests");
        let offer = order.offer;
        let number = order.assignment.as_ref().and_then(Assignment::stock);
        let number = number.expect("a number that rests was assigned");
        let pool = self.pools.get_mut(offer).expect("an own offer has a pool");
        assert_eq!(pool.next.pop_back(), Some(number), "what came back last rests");
        self.begin_rest(Quarantined { until, offer, number });
    }

    fn advance(&mut self, id: OrderId, input: Input) {
        let order = self.order_mut(id);
        order.state = order.state.after(input).expect("a written event fits the state");
    }

    fn order_mut(&mut self, id: OrderId) -> &mut Order {
        self.orders.get_mut(id).expect("an event's order is in memory")
    }
}
