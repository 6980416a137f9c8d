//! Values that the records are made of, and every row of a state.

use std::sync::Arc;

use nexnum_engine::activation::{
    ActivationState, Assignment, Message, MessageParts, NumberPlace, SealedParts, StockNumber,
};
use nexnum_engine::addresses::AccountAddresses;
use nexnum_engine::book::Book;
use nexnum_engine::callback::{Callback, CallbackFailure};
use nexnum_engine::event::{
    AccountName, CatalogVersion, ClosedDay, Epoch, LedgerTerms, LoadedNumber, MoveReason,
    ProviderKind, ProviderWord, Scope, Terms,
};
use nexnum_engine::group::{Idempotency, KeyUse, Made};
use nexnum_engine::ids::{
    AccountId, AddressNumber, CallbackId, CountryId, KeyId, LoadId, MessageId, OfferId, OrderId,
    OrderNumber, Product, ProviderId, RailId, Seq, ServiceId, SourceId, Token, VariantId,
};
use nexnum_engine::loads::LoadPlace;
use nexnum_engine::money::Micros;
use nexnum_engine::order::{Held, Order, OrderNotes, OrderRef, OrderStatus, Outlay};
use nexnum_engine::product::{LineType, Variant};
use nexnum_engine::replies::{ShortReply, StoredReply};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::{
    Account, Counters, GivenUp, Key, NamedPurchase, Offer, Orphan, Paid, PaidTo, Provider,
    Quarantined, Seen, StockTerms, WriteOff,
};
use nexnum_engine::time::Time;

pub(crate) const PRODUCT: Product = Product::activation(CountryId(62), ServiceId(300));
pub(crate) const TERMS: Terms =
    Terms { offer: OfferId(7), provider: ProviderId(2), price: Micros(500_000), cost: Micros(1) };
pub(crate) const DIGEST: u128 = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;
pub(crate) const ACCOUNT: AccountId = AccountId(3);
pub(crate) const ORDER: OrderId = OrderId(130);
pub(crate) const REFERENCE: OrderRef =
    OrderRef { id: ORDER, account: ACCOUNT, line: 1, attempt: 2, assignment: 1 };
pub(crate) const NUMBER: OrderNumber = OrderNumber(4_294_967_297);
pub(crate) const NOW: Time = Time(1_800_000_000_000);

pub(crate) const LEDGER: LedgerTerms =
    LedgerTerms { currency: *b"USD", permutation: [0xcd; 16], index_check: DIGEST };

pub(crate) fn closed_day() -> ClosedDay {
    ClosedDay { day: 20_787, root: [0xAB; 32], rows: 300 }
}

pub(crate) fn epoch() -> Epoch {
    let catalog = CatalogVersion { countries: 250, services: 900, hash: [0xab; 32] };
    Epoch { epoch: 130, node: "edge-1".into(), program: "0.1.0".into(), rules: 1, catalog }
}

pub(crate) fn assignment() -> Assignment {
    Assignment {
        token: TOKEN,
        place: NumberPlace::Here(Arc::new(sealed(&[0x77; 29]))),
        external_id: "x9".into(),
        cancel_from: NOW,
        expires_at: NOW.plus_ms(1_200_000),
    }
}

pub(crate) const TOKEN: Token = Token(0x0102_0304_0506_0708);
/// A number of own stock.
pub(crate) const STOCK: StockNumber = StockNumber { token: TOKEN, load: LoadId(3), index: 300 };

/// A number that is loaded.
pub(crate) fn loaded(token: Token) -> LoadedNumber {
    LoadedNumber { token, sealed: sealed(&[0x77; 29]) }
}

/// A sealed value of some bytes.
pub(crate) fn sealed(ciphertext: &[u8]) -> SealedValue {
    let (handle, nonce) = (KeyHandle(DIGEST), [0x24; 24]);
    SealedValue { handle, nonce, commitment: [0xcd; 32], ciphertext: ciphertext.into() }
}

/// What a message says: a text, and a code or a sender.
pub(crate) fn said(code: bool) -> SealedParts {
    let has = MessageParts { sender: !code, text: true, code };
    SealedParts { has, sealed: sealed(&[0x77; 16]) }
}

pub(crate) fn message() -> Message {
    Message {
        id: MessageId(5),
        digest: DIGEST,
        said: vec![said(true), said(false)],
        received_at: NOW,
        late: true,
        shown: true,
    }
}

pub(crate) fn notes() -> OrderNotes {
    OrderNotes { reference: Some(sealed(b"basket 7")), end_user: None }
}

pub(crate) fn order(state: ActivationState) -> Order {
    let closed = state.is_closed();
    Order {
        id: ORDER,
        account: ACCOUNT,
        number: NUMBER,
        product: PRODUCT,
        variant: VariantId(4),
        limit: Micros(600_000),
        price: Micros(500_000),
        cost: Micros(300_000),
        held: if state == ActivationState::Active {
            Held { paid: Micros(400_000), bonus: Micros(100_000) }
        } else {
            Held::NONE
        },
        outlay: (state == ActivationState::Active)
            .then_some(Outlay { amount: Micros(300_000), moved: Seq(7) }),
        offer: OfferId(7),
        provider: ProviderId(2),
        attempt: 2,
        in_doubt: state == ActivationState::Init,
        placed_at: NOW,
        deadline: NOW.plus_ms(180_000),
        status: match state {
            ActivationState::Init | ActivationState::Active => OrderStatus::Escrow,
            ActivationState::Received | ActivationState::Completed => OrderStatus::Delivered,
            ActivationState::Cancelled | ActivationState::TimedOut | ActivationState::Failed => {
                OrderStatus::Refunded
            }
        },
        state,
        awaits_another: state == ActivationState::Received,
        assignment: (state != ActivationState::Init).then(assignment),
        messages: if closed { vec![message()] } else { Vec::new() },
        closed_at: closed.then_some(NOW),
        notes: closed.then(|| Box::new(notes())),
    }
}

pub(crate) fn account_name() -> AccountName {
    AccountName { digest: DIGEST, sealed: sealed(&[8; 19]) }
}

fn account() -> Account {
    let (name, credit_limit) = (Some(account_name()), Micros(i64::MIN));
    Account { name, credit_limit, opened_at: NOW, orders: NUMBER }
}

fn replies() -> [(String, Row); 2] {
    let used = Idempotency { key: DIGEST, fingerprint: 1 };
    let key_use = KeyUse { account: ACCOUNT, used, made: Made::Order(ORDER) };
    let reply = StoredReply { at: NOW, seq: Seq(6), key_use };
    let short = ShortReply { at: NOW, seq: Seq(6), bits: 1 << 63 };
    [("Reply".to_owned(), Row::Reply(reply)), ("ShortReply".to_owned(), Row::ShortReply(short))]
}

fn stock() -> [(String, Row); 3] {
    let (terms, key) = (StockTerms { cost: Micros(1), price: Micros(2) }, KeyHandle(DIGEST));
    let place = LoadPlace { at: Seq(300), key, for_sale: true };
    [
        ("LoadKey".to_owned(), Row::LoadKey(key, NOW)),
        ("Load".to_owned(), Row::Load(LoadId(3), place)),
        ("Pool".to_owned(), Row::Pool(OfferId(7), terms, vec![STOCK])),
    ]
}

/// Every variant of a row.
pub(crate) fn rows() -> Vec<(String, Row)> {
    let counters = Counters {
        seq: Seq(u64::MAX),
        account: ACCOUNT,
        key: KeyId(2),
        provider: ProviderId(2),
        variant: VariantId(4),
        order: ORDER,
        message: MessageId(5),
        load: LoadId(3),
        rail: RailId(2),
    };
    let key = Key {
        account: ACCOUNT,
        scope: Scope::Trade,
        hash: [0xab; 32],
        prefix: "nx_live_".into(),
        revoked: true,
    };
    let provider = Provider { name: "sims".into(), kind: ProviderKind::Own };
    let offer = Offer {
        provider: ProviderId(2),
        product: PRODUCT,
        variant: VariantId(4),
        source: SourceId(3),
        step: 2,
    };
    let parts = Variant {
        carrier: Some("telkomsel".into()),
        line: Some(LineType::Mobile),
        area: Some("jakarta".into()),
    };
    let mut rows = vec![
        ("Counters".to_owned(), Row::Counters(counters)),
        ("Account".to_owned(), Row::Account(ACCOUNT, account())),
        ("Key".to_owned(), Row::Key(KeyId(2), key)),
        ("Provider".to_owned(), Row::Provider(ProviderId(2), provider)),
        ("Variant".to_owned(), Row::Variant(VariantId(4), parts)),
        ("Offer".to_owned(), Row::Offer(offer)),
    ];
    rows.extend(stock());
    rows.extend(replies());
    rows.extend(of_money());
    let states = nexnum_engine::activation::STATES;
    rows.extend(
        states.map(|state| (format!("Order {state:?}"), Row::Order(Box::new(order(state))))),
    );
    let given_up = GivenUp {
        at: NOW.plus_ms(180_000),
        order: ORDER,
        attempt: 2,
        provider: ProviderId(2),
        product: PRODUCT,
        placed_at: NOW,
    };
    rows.push(("GivenUp".to_owned(), Row::GivenUp(given_up)));
    let resting = Quarantined { until: NOW, offer: OfferId(7), number: STOCK };
    rows.push(("Quarantined".to_owned(), Row::Quarantined(resting)));
    let seen = Seen { last: NOW, digests: vec![DIGEST, 1] };
    rows.push(("Seen".to_owned(), Row::Seen(ProviderId(2), TOKEN, seen)));
    rows.extend(of_the_rest());
    rows.extend(of_callbacks());
    rows
}

fn of_money() -> Vec<(String, Row)> {
    let paid = |to| Paid { to, amount: Micros(1_000_000), foreign: None };
    let mut rows = vec![
        ("Rail".to_owned(), Row::Rail(RailId(2), "usdt-trc20".into())),
        ("Payment in".to_owned(), Row::Payment(RailId(2), DIGEST, paid(PaidTo::Account(ACCOUNT)))),
        (
            "Payment out".to_owned(),
            Row::Payment(RailId(2), DIGEST, paid(PaidTo::Provider(ProviderId(2)))),
        ),
    ];
    let books = [
        Book::Available(ACCOUNT),
        Book::Escrow(ACCOUNT),
        Book::Payable(ProviderId(2)),
        Book::WriteOffs(ProviderId(2)),
        Book::Revenue,
        Book::Rail(RailId(2)),
        Book::Bonus(ACCOUNT),
        Book::EscrowBonus(ACCOUNT),
        Book::Hold(ACCOUNT),
        Book::Prepaid(ProviderId(2)),
        Book::Receivable(ProviderId(2)),
        Book::Fees,
        Book::Adjustments,
        Book::ExchangeDifferences,
        Book::OwnStockCost,
    ];
    rows.extend(books.map(|book| (format!("Book {book:?}"), Row::Book(book, Micros(-1)))));
    rows
}

fn of_callbacks() -> Vec<(String, Row)> {
    let mut rows = Vec::new();
    let recent = vec![(CallbackId(299), DIGEST), (CallbackId(300), 1)];
    rows.push(("Callbacks".to_owned(), Row::Callbacks(CallbackId(300), 7, recent)));
    let kept = |failure| Callback {
        provider: ProviderId(2),
        received_at: NOW,
        content_type: "text/plain".into(),
        sealed: sealed(&[0, 0x7f, 0xff]),
        failure,
    };
    rows.push(("Callback".to_owned(), Row::Callback(CallbackId(300), kept(None))));
    let failed = kept(Some(CallbackFailure::Ambiguous));
    rows.push(("Callback Failed".to_owned(), Row::Callback(CallbackId(300), failed)));
    rows
}

fn of_the_rest() -> [(String, Row); 10] {
    let provider = ProviderId(2);
    let (amount, reason, moved) = (Micros(300_000), MoveReason::Stayed, Seq(9));
    let written = WriteOff { provider, amount, reason, moved, reversed: true };
    let orphan = Orphan { order: ORDER, attempt: 2, from: NOW, cost: Micros(300_000) };
    let (external_id, cost) = ("x9".into(), Micros(300_000));
    let known = [(1, AddressNumber(299)), (DIGEST, AddressNumber(300))].into();
    let addresses = AccountAddresses { last: AddressNumber(300), known };
    let named = NamedPurchase { provider, external_id, cost, is_orphan: true };
    [
        ("WrittenOff".to_owned(), Row::WrittenOff(ORDER, 2, written)),
        ("Orphan".to_owned(), Row::Orphan(provider, "x9".into(), orphan)),
        ("Named".to_owned(), Row::Named(ORDER, 2, named)),
        ("Ledger".to_owned(), Row::Ledger(LEDGER)),
        ("Epoch".to_owned(), Row::Epoch(epoch())),
        ("ClosedDay".to_owned(), Row::ClosedDay(closed_day())),
        ("EndedUpstream".to_owned(), Row::EndedUpstream(ORDER)),
        ("EndedByProvider".to_owned(), Row::EndedByProvider(ORDER, ProviderWord::Missing)),
        ("Addresses".to_owned(), Row::Addresses(ACCOUNT, addresses)),
        ("SealKey".to_owned(), Row::SealKey(KeyHandle(DIGEST), KeyOwner::Identity(ACCOUNT))),
    ]
}
