//! Bonus and paid money of one order stay apart: what is refunded comes back as what it was.

mod common;

use common::proof::Recorded;
use common::sealed::{make_day_key, message, sealed};
use nexnum_engine::audit::audit;
use nexnum_engine::book::Book;
use nexnum_engine::command::{
    AssignNumber, Caller, Cancel, Command, Deposit, IngestMessage, ListOffers, NewPayment,
    NextAttempt, OpenAccount, PlaceOrder, Pulse, RegisterProvider, Timings,
};
use nexnum_engine::event::{
    Arrival, Event, Legs, MessageIdentity, MessageKind, MessageWay, MoneyEvent, MoveKind, Moved,
    ProviderKind, Routing, Terms,
};
use nexnum_engine::group::Head;
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, ServiceId, Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::policy::Policy;
use nexnum_engine::product::OfferKey;
use nexnum_engine::time::Time;

const ANN: AccountId = AccountId(1);
const TIMINGS: Timings = Timings { lifetime_ms: 60_000, min_cancel_age_ms: 0 };
const START: Time = Time(1_000);

/// A customer with 100 paid in and a bonus of 30, and a provider with an offer.
struct Market {
    recorded: Recorded,
    now: Time,
}

impl Market {
    fn open() -> Self {
        let mut market = Self { recorded: Recorded::new(Policy::default()), now: START };
        let product = Product::activation(CountryId(1), ServiceId(1));
        market.run(make_day_key());
        market.run(OpenAccount { name: None, credit_limit: Micros::ZERO });
        let payment = NewPayment::new("bank", Micros(100), 1);
        market.run(Deposit { account: ANN, payment, sealed: None });
        market.run(RegisterProvider { name: "hero".into(), kind: ProviderKind::Driven });
        let offers = vec![OfferKey::of(product, VariantId::ANY)];
        market.run(ListOffers { provider: ProviderId(1), offers });
        let mut legs = Legs::default();
        assert!(legs.push(Book::Adjustments, Micros(-30)));
        assert!(legs.push(Book::Bonus(ANN), Micros(30)));
        let (kind, reason, order, reverses) = (MoveKind::Deposit, None, None, None);
        let given = Moved { kind, reason, order, reverses, legs };
        let given = Event::Money(MoneyEvent::Moved(given));
        market.recorded.engine.replay(&Head::system(START), &[given]);
        market
    }

    fn run(&mut self, command: impl Into<Command>) {
        self.recorded.execute(self.now, &command.into()).expect("it is legal");
        audit(self.recorded.state()).expect("the books hold");
    }

    fn terms(price: i64) -> Terms {
        let (offer, provider) = (OfferId(1), ProviderId(1));
        Terms { offer, provider, price: Micros(price), cost: Micros(20) }
    }

    fn place(price: i64) -> PlaceOrder {
        PlaceOrder {
            account: ANN,
            product: Product::activation(CountryId(1), ServiceId(1)),
            variant: VariantId::ANY,
            limit: Micros(100),
            terms: Self::terms(price),
            max_price: None,
            routing: Routing::default(),
            timings: TIMINGS,
            idempotency: None,
            notes: None,
        }
    }

    fn order(&mut self, price: i64) {
        self.run(Self::place(price));
    }

    fn next(&mut self, refused: u8, price: i64) {
        let (order, terms) = (OrderId(1), Self::terms(price));
        let (routing, ended) = (Routing::default(), None);
        let timings = TIMINGS;
        self.run(NextAttempt { order, refused, terms, timings, routing, ended });
    }

    fn assign(&mut self) {
        let (order, attempt) =
            (OrderId(1), self.recorded.state().order(OrderId(1)).expect("it is placed").attempt);
        let (token, sealed, external_id) = (Token(10_001), sealed(13), "x1".into());
        let (cost, charged, carrier, timings) = (None, None, None, TIMINGS);
        self.run(AssignNumber {
            order,
            attempt,
            token,
            sealed,
            external_id,
            cost,
            charged,
            carrier,
            timings,
        });
    }

    /// Available, bonus, and both kinds of escrow.
    #[track_caller]
    fn stands(&self, expected: [i64; 4]) {
        let books =
            [Book::Available(ANN), Book::Bonus(ANN), Book::Escrow(ANN), Book::EscrowBonus(ANN)];
        let stands = books.map(|book| self.recorded.state().balance(book).0);
        assert_eq!(stands, expected);
    }
}

#[test]
fn a_refund_restores_what_was_paid_and_what_was_given() {
    let mut market = Market::open();
    market.order(50);
    market.stands([80, 0, 20, 30]);
    market.assign();
    market.run(Cancel { order: OrderId(1), caller: Caller::System });
    market.stands([100, 30, 0, 0]);
}

#[test]
fn a_cheaper_ask_gives_paid_money_back_first() {
    let mut market = Market::open();
    market.order(50);
    market.next(1, 40);
    market.stands([90, 0, 10, 30]);
    market.next(2, 25);
    market.stands([100, 5, 0, 25]);
    market.next(3, 60);
    market.stands([70, 0, 30, 30]);
    market.now = market.now.plus_ms(10 * 60 * 1000);
    market.run(Pulse { archived: Time(0), unasked: Time(0) });
    market.stands([100, 30, 0, 0]);
}

#[test]
fn bonus_pays_like_money() {
    let mut market = Market::open();
    market.order(50);
    market.assign();
    market.run(IngestMessage {
        order: OrderId(1),
        message: message(1, ["", "1234", ""]),
        arrival: Arrival {
            way: MessageWay::Status,
            kind: MessageKind::Sms,
            identity: MessageIdentity::Text,
            names_service: false,
        },
        callback: None,
    });
    market.stands([80, 0, 0, 0]);
    assert_eq!(market.recorded.state().balance(Book::Revenue), Micros(30));
    assert_eq!(market.recorded.state().balance(Book::Payable(ProviderId(1))), Micros(20));
    market.order(80);
    market.stands([0, 0, 80, 0]);
    let refused = market.recorded.execute(market.now, &Market::place(1).into());
    assert_eq!(refused.unwrap_err().code(), "insufficient_funds");
}
