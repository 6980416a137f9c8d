//! Claims of the grid and orders of the engine against a book that a child could check:
//! claims, orders placed through them, numbers bought, refusals, deadlines that a pulse finds,
//! syncs whole and in part, closed providers. A unit is offered, claimed or sold, whatever
//! ends its order, and the money of an order is in the wallet, in escrow or earned.

#![no_main]

mod check;
mod step;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use nexnum_engine::Engine;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{
    AssignNumber, Command, Deposit, DoubtOrder, Effect, FailOrder, ListOffers, Listed, NameVariant,
    NewPayment, OpenAccount, PlaceOrder, Placed, Pulse, RegisterProvider, Reply, Timings,
};
use nexnum_engine::event::{ProviderKind, Routing, Terms};
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, ServiceId, Token, VariantId,
};
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::money::Micros;
use nexnum_engine::order::FailReason;
use nexnum_engine::product::OfferKey;
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::{Claim, ClaimRefusal};
use nexnum_engine::time::Time;
use step::Step;

#[path = "../../../engine/tests/common/sealed.rs"]
#[allow(dead_code, unreachable_pub, reason = "a target takes what it needs")]
mod sealed;

use sealed::{make_day_key, sealed};

/// Two providers, two countries, each offer in its own place.
const OFFERS: u32 = 6;
const BUYER: AccountId = AccountId(1);
/// Enough for a few orders, so that some are refused.
const PURSE: i64 = 1_000;
/// Within the reach of one `Wait`, as the time to buy is.
const LIFETIME_MS: u64 = 240_000;
const START: Time = Time(1_800_000_000_000);

#[derive(Clone, Copy, Debug)]
struct Line {
    listed: bool,
    price: i64,
    offered: u32,
    claimed: u32,
}

/// An order that holds its claim until the provider has answered.
struct Waiting {
    id: OrderId,
    deadline: Time,
    doubted: bool,
    claim: Claim,
}

/// An order with a number that waits for its message.
struct Active {
    id: OrderId,
    expires: Time,
    price: i64,
}

struct Market {
    grid: Arc<Grid>,
    engine: Engine,
    lines: [Line; OFFERS as usize],
    open: [bool; 2],
    priority: [u8; 2],
    claims: Vec<Claim>,
    waiting: Vec<Waiting>,
    active: Vec<Active>,
    orders: u64,
    balance: i64,
    now: Time,
}

fn id(offer: u8) -> u32 {
    u32::from(offer) % OFFERS + 1
}

/// Odd offers are the first provider's.
fn provider(offer: u32) -> usize {
    (offer as usize + 1) % 2
}

fn provider_id(at: usize) -> ProviderId {
    ProviderId(at as u16 + 1)
}

fn variant(offer: u32) -> VariantId {
    VariantId(offer.div_ceil(2) as u16)
}

fn listing(offer: u32, price: i64, stock: u32) -> Listing {
    Listing {
        offer: OfferId(offer),
        product: product(offer),
        variant: variant(offer),
        cost: Micros(price / 2),
        price: Micros(price),
        stock,
    }
}

fn product(offer: u32) -> Product {
    Product::activation(CountryId(u16::from(offer > 4)), ServiceId(1))
}

/// One of them, or `None` where there are none.
fn pick(which: u8, len: usize) -> Option<usize> {
    (len > 0).then(|| usize::from(which) % len)
}

impl Market {
    /// Knows all offers and sells none of them yet.
    fn new() -> Self {
        let line = Line { listed: false, price: 0, offered: 0, claimed: 0 };
        let mut market = Self {
            grid: Arc::new(Grid::new(2, 2)),
            engine: Engine::default(),
            lines: [line; OFFERS as usize],
            open: [true; 2],
            priority: [0; 2],
            claims: Vec::new(),
            waiting: Vec::new(),
            active: Vec::new(),
            orders: 0,
            balance: PURSE,
            now: START,
        };
        market.found();
        market
    }

    fn found(&mut self) {
        self.execute(&make_day_key()).expect("it is the first");
        let open = Command::OpenAccount(OpenAccount { name: None, credit_limit: Micros::ZERO });
        let amount = Micros(PURSE);
        let register = |name: &str| {
            Command::RegisterProvider(RegisterProvider {
                name: name.into(),
                kind: ProviderKind::Driven,
            })
        };
        let name = |name: &str| Command::NameVariant(NameVariant::of_carrier(name.into()));
        let payment = NewPayment::new("bank", amount, 1);
        let deposit = Command::Deposit(Deposit { account: BUYER, payment, sealed: None });
        let named = [name("a"), name("b"), name("c")];
        for command in [open, deposit, register("one"), register("two")].into_iter().chain(named) {
            self.execute(&command).expect("a new market is in order");
        }
        for offer in 1..=OFFERS {
            let (provider, offers) =
                (provider_id(provider(offer)), vec![OfferKey::of(product(offer), variant(offer))]);
            let listed = self.execute(&Command::ListOffers(ListOffers { provider, offers }));
            assert_eq!(listed, Ok(Reply::Listed(Listed { first: OfferId(offer), count: 1 })));
        }
    }

    fn execute(&mut self, command: &Command) -> Result<Reply, Reject> {
        self.engine.execute(Head::system(self.now), command, &mut Groups::new())
    }

    fn line(&mut self, offer: u32) -> &mut Line {
        &mut self.lines[offer as usize - 1]
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Claim { offer, price_max } => self.claim(id(offer), i64::from(price_max)),
            Step::ClaimOpen { offer } => self.claim_open(id(offer)),
            Step::Release { which } => {
                if let Some(at) = pick(which, self.claims.len()) {
                    let claim = self.claims.swap_remove(at);
                    self.give_back(claim);
                }
            }
            Step::Place { which } => {
                if let Some(at) = pick(which, self.claims.len()) {
                    let claim = self.claims.swap_remove(at);
                    self.place(claim);
                }
            }
            Step::Assign { which } => {
                if let Some(at) = pick(which, self.waiting.len()) {
                    self.assign(at);
                }
            }
            Step::Refuse { which } => {
                if let Some(at) = pick(which, self.waiting.len()) {
                    self.refuse(at);
                }
            }
            Step::Doubt { which } => {
                if let Some(at) = pick(which, self.waiting.len()) {
                    let order = self.waiting[at].id;
                    let was = std::mem::replace(&mut self.waiting[at].doubted, true);
                    let said = self.execute(&Command::DoubtOrder(DoubtOrder {
                        order,
                        attempt: 1,
                        ended: None,
                    }));
                    assert_eq!(
                        said,
                        Ok(if was {
                            Reply::Effect(Effect::Unchanged)
                        } else {
                            Reply::Effect(Effect::Done)
                        })
                    );
                }
            }
            Step::Wait { s } => self.now = self.now.plus_ms(1_000 * u64::from(s)),
            Step::Pulse => self.pulse(),
            Step::Add { offer, units } => self.add(id(offer), u32::from(units)),
            Step::Exhaust { offer } => {
                self.grid.exhaust(OfferId(id(offer)));
                self.line(id(offer)).offered = 0;
            }
            Step::Reprice { offer, price } => self.reprice(id(offer), i64::from(price)),
            Step::Sync { second, whole, ref rows } => self.sync(usize::from(second), whole, rows),
            Step::Switch { second, open } => self.switch(usize::from(second), open),
            Step::Prefer { second, priority } => {
                self.priority[usize::from(second)] = priority;
                self.grid.set_priority(provider_id(usize::from(second)), priority);
            }
        }
    }

    fn claim(&mut self, offer: u32, price_max: i64) {
        let open = self.open[provider(offer)];
        let claimed = self.grid.claim(OfferId(offer), Micros(price_max));
        let line = self.line(offer);
        let expected = if !line.listed {
            Some(ClaimRefusal::UnknownOffer)
        } else if !open {
            Some(ClaimRefusal::Closed)
        } else if line.offered <= line.claimed {
            Some(ClaimRefusal::SoldOut)
        } else if line.price > price_max {
            Some(ClaimRefusal::PriceMoved(Micros(line.price)))
        } else {
            None
        };
        match claimed {
            Err(refusal) => assert_eq!(expected, Some(refusal)),
            Ok(claim) => {
                assert_eq!(expected, None);
                line.claimed += 1;
                assert!(line.claimed <= line.offered, "a unit was sold twice");
                let (price, cost) = (line.price, line.price / 2);
                assert_eq!((claim.price().0, claim.cost().0), (price, cost));
                assert_eq!(claim.provider(), provider_id(provider(offer)));
                self.claims.push(claim);
            }
        }
    }

    fn claim_open(&mut self, offer: u32) {
        let claimed = self.grid.claim_open(OfferId(offer));
        if self.line(offer).listed {
            self.line(offer).claimed += 1;
            self.claims.push(claimed.expect("an open reservation is claimed again"));
        } else {
            assert_eq!(claimed.err(), Some(ClaimRefusal::UnknownOffer));
        }
    }

    fn give_back(&mut self, claim: Claim) {
        self.line(claim.offer().0).claimed -= 1;
    }

    /// A claim of which the engine makes an order, or which is back in stock.
    fn place(&mut self, claim: Claim) {
        let price = claim.price().0;
        let order = PlaceOrder {
            account: BUYER,
            product: claim.product(),
            variant: VariantId::ANY,
            limit: claim.price(),
            terms: Terms {
                offer: claim.offer(),
                provider: claim.provider(),
                price: claim.price(),
                cost: claim.cost(),
            },
            max_price: None,
            routing: Routing::default(),
            timings: Timings { lifetime_ms: LIFETIME_MS, min_cancel_age_ms: 0 },
            idempotency: None,
            notes: None,
        };
        let placed = self.execute(&Command::PlaceOrder(order)).map_err(|reject| reject.code());
        if price == 0 {
            assert_eq!(placed, Err(Reject::AmountOutOfRange("price").code()));
            self.give_back(claim);
        } else if price > self.balance {
            assert_eq!(placed, Err("insufficient_funds"));
            self.give_back(claim);
        } else {
            self.orders += 1;
            let (id, deadline) = (OrderId(self.orders), self.now.plus_ms(BUY_TIME_MS));
            assert_eq!(placed, Ok(Reply::Placed(Placed::Waiting(id))));
            self.balance -= price;
            self.waiting.push(Waiting { id, deadline, doubted: false, claim });
        }
    }

    fn assign(&mut self, at: usize) {
        let Waiting { id, claim, .. } = self.waiting.swap_remove(at);
        let assign = Command::AssignNumber(AssignNumber {
            order: id,
            attempt: 1,
            token: Token(62_810_000_000 + id.0),
            sealed: sealed(13),
            external_id: id.0.to_string().into(),
            cost: None,
            charged: None,
            carrier: None,
            timings: Timings { lifetime_ms: LIFETIME_MS, min_cancel_age_ms: 0 },
        });
        assert_eq!(self.execute(&assign), Ok(Reply::Placed(Placed::Filled(id))));
        let (price, expires) = (claim.price().0, self.now.plus_ms(LIFETIME_MS));
        let line = self.line(claim.offer().0);
        line.claimed -= 1;
        line.offered = line.offered.saturating_sub(1);
        claim.book();
        self.active.push(Active { id, expires, price });
    }

    /// A refusal ends the order, unless it is in doubt.
    fn refuse(&mut self, at: usize) {
        let (order, doubted) = (self.waiting[at].id, self.waiting[at].doubted);
        let fail = Command::FailOrder(FailOrder {
            order,
            attempt: 1,
            reason: FailReason::NoNumbers,
            ended: None,
        });
        let said = self.execute(&fail);
        if doubted {
            assert_eq!(said, Err(Reject::InDoubt));
            return;
        }
        assert_eq!(said, Ok(Reply::Effect(Effect::Done)));
        let claim = self.waiting.swap_remove(at).claim;
        self.balance += claim.price().0;
        self.give_back(claim);
    }

    /// Ends what is due and nothing else: refunded, and its unit back in stock.
    fn pulse(&mut self) {
        let now = self.now;
        let (over, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|waiting| waiting.deadline <= now);
        let (ended, active): (Vec<_>, Vec<_>) =
            self.active.drain(..).partition(|active| active.expires <= now);
        (self.waiting, self.active) = (waiting, active);
        let due = (over.len() + ended.len()) as u32;
        assert_eq!(
            self.execute(&Command::Pulse(Pulse { archived: Time(0), unasked: Time(0) })),
            Ok(Reply::Changed(due))
        );
        for Waiting { id, claim, .. } in over {
            self.ended_as(id, ActivationState::Failed);
            self.balance += claim.price().0;
            self.give_back(claim);
        }
        for Active { id, price, .. } in ended {
            self.ended_as(id, ActivationState::TimedOut);
            self.balance += price;
        }
    }

    fn add(&mut self, offer: u32, units: u32) {
        let added = self.grid.add_stock(OfferId(offer), units);
        let line = self.line(offer);
        assert_eq!(added.is_some(), line.listed);
        if line.listed {
            line.offered += units;
        }
    }

    fn reprice(&mut self, offer: u32, price: i64) {
        let done = self.grid.reprice(OfferId(offer), Micros(price / 2), Micros(price));
        let line = self.line(offer);
        assert_eq!(done.is_some(), line.listed);
        line.price = if line.listed { price } else { line.price };
    }

    fn switch(&mut self, provided: usize, open: bool) {
        self.open[provided] = open;
        if open {
            self.grid.open_provider(provider_id(provided));
        } else {
            self.grid.close_provider(provider_id(provided));
        }
    }

    fn sync(&mut self, provided: usize, whole: bool, rows: &[(u8, u8, u8)]) {
        let mut list: Vec<Listing> = Vec::new();
        for &(offer, price, stock) in rows {
            let offer = id(offer);
            if provider(offer) == provided && list.iter().all(|row| row.offer.0 != offer) {
                list.push(listing(offer, i64::from(price), u32::from(stock)));
            }
        }
        let coverage = if whole { Coverage::Whole } else { Coverage::Delta };
        self.grid.publish(provider_id(provided), &list, coverage).expect("the rows are in range");
        for offer in (1..=OFFERS).filter(|offer| provider(*offer) == provided) {
            let row = list.iter().find(|row| row.offer.0 == offer);
            let line = self.line(offer);
            match row {
                Some(row) => {
                    (line.listed, line.price, line.offered) = (true, row.price.0, row.stock);
                }
                None if whole => line.offered = 0,
                None => {}
            }
        }
    }

    /// Time ends everything: no unit is claimed any more, and the buyer's money is back.
    fn end(&mut self) {
        self.now = self.now.plus_ms(BUY_TIME_MS + LIFETIME_MS);
        self.pulse();
        for claim in std::mem::take(&mut self.claims) {
            self.give_back(claim);
        }
        self.check();
        assert!(self.lines.iter().all(|line| line.claimed == 0));
        assert_eq!(self.balance, PURSE);
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut market = Market::new();
    for step in &steps {
        market.step(step);
        market.check();
    }
    market.end();
});
