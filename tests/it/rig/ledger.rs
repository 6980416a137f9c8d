//! A small market of own stock in commands, and a stopped folder whose ledger gets them.

use nexnum::market::folder::Opened;
use nexnum_engine::activation::{MessageParts, SealedParts};
use nexnum_engine::command::{
    Command, Deposit, Incoming, IngestMessage, ListOffers, LoadStock, MakeSealKey, NewPayment,
    OpenAccount, PlaceOrder, RegisterProvider, Reply, Timings,
};
use nexnum_engine::event::{
    Arrival, LoadedNumber, MessageIdentity, MessageKind, MessageWay, ProviderKind, Routing, Terms,
};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, Seq, ServiceId, Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_engine::time::Time;
use nexnum_storage::keys::KeyFolder;
use nexnum_storage::merkle::SALT_LEN;
use nexnum_storage::{Ledger, Payload, Salt};

pub(crate) const ACCOUNT: AccountId = AccountId(1);
const PROVIDER: ProviderId = ProviderId(1);
const OFFER: OfferId = OfferId(1);
const PRODUCT: Product = Product::activation(CountryId(3), ServiceId(5));
const PRICE: Micros = Micros(100_000);
const COST: Micros = Micros(50_000);
/// The keys of the day on which messages come here, and of the stock.
const DAY_KEY: MakeSealKey = MakeSealKey { handle: KeyHandle(1), owner: KeyOwner::Day(0) };
const LOAD_KEY: MakeSealKey = MakeSealKey { handle: KeyHandle(2), owner: KeyOwner::Load(OFFER) };
/// How messages come here.
const POSTED: Arrival = Arrival {
    way: MessageWay::Callback,
    kind: MessageKind::Sms,
    identity: MessageIdentity::TextWithCode,
    names_service: true,
};

/// A customer with 10.00, and own stock to spend it on.
pub(crate) struct Furniture {
    pub(crate) keys: [MakeSealKey; 2],
    pub(crate) account: OpenAccount,
    pub(crate) deposit: Deposit,
    pub(crate) provider: RegisterProvider,
    pub(crate) offers: ListOffers,
    pub(crate) stock: LoadStock,
}

pub(crate) fn furniture(numbers: u64) -> Furniture {
    let offers = vec![OfferKey::of(PRODUCT, VariantId::ANY)];
    let loaded = |n| LoadedNumber { token: Token(n), sealed: sealed(LOAD_KEY) };
    let numbers = (0..numbers).map(loaded).collect();
    Furniture {
        keys: [DAY_KEY, LOAD_KEY],
        account: account(),
        deposit: Deposit {
            account: ACCOUNT,
            payment: NewPayment::new("bank", Micros::units(10), 1),
            sealed: None,
        },
        provider: RegisterProvider { name: "own".into(), kind: ProviderKind::Own },
        offers: ListOffers { provider: PROVIDER, offers },
        stock: LoadStock { offer: OFFER, cost: COST, price: PRICE, numbers, others: Vec::new() },
    }
}

pub(crate) const fn account() -> OpenAccount {
    OpenAccount { name: None, credit_limit: Micros::ZERO }
}

/// An order on that stock.
pub(crate) fn order() -> PlaceOrder {
    PlaceOrder {
        account: ACCOUNT,
        product: PRODUCT,
        variant: VariantId::ANY,
        limit: PRICE,
        terms: Terms { offer: OFFER, provider: PROVIDER, price: PRICE, cost: COST },
        max_price: None,
        routing: Routing::default(),
        timings: Timings { lifetime_ms: 1_200_000, min_cancel_age_ms: 0 },
        idempotency: None,
        notes: None,
    }
}

/// A message for an order, told from others by its digest.
pub(crate) fn message(order: OrderId, digest: u128) -> IngestMessage {
    let has = MessageParts { sender: true, text: true, code: true };
    let message =
        Incoming { digest: digest.into(), said: SealedParts { has, sealed: sealed(DAY_KEY) } };
    IngestMessage { order, message, arrival: POSTED, callback: None }
}

/// A value that does not open.
fn sealed(key: MakeSealKey) -> SealedValue {
    let (handle, nonce, commitment) = (key.handle, [1; 24], [2; 32]);
    SealedValue { handle, nonce, commitment, ciphertext: [3; 40].into() }
}

/// Makes the files of the keys that values name as theirs.
pub(crate) fn make_key_files(opened: &Opened) {
    let keys = KeyFolder::at(&opened.folder.keys(), opened.ledger.id());
    let master = opened.folder.read_master_key().unwrap();
    for MakeSealKey { handle, owner } in [DAY_KEY, LOAD_KEY] {
        keys.make(&master, handle, owner).unwrap();
    }
}

/// Decides a command and appends what happened, as one row.
pub(crate) fn append(opened: &mut Opened, at: Time, command: &Command) -> Reply {
    let mut groups = Groups::new();
    let reply = opened.engine.execute(Head::system(at), command, &mut groups).unwrap();
    assert!(!groups.is_empty(), "it changed nothing: {command:?}");
    append_row(opened, &groups);
    opened.last_at = at;
    reply
}

/// Appends a row of groups that need not fit the state.
pub(crate) fn append_row(opened: &mut Opened, groups: &Groups) {
    let last = opened.ledger.last();
    let payload = Payload::of(groups, &Salt([7; SALT_LEN]), Seq(last.seq.0 + 1));
    let epoch = opened.ledger.epoch();
    opened.ledger.append(&payload.batch(), last, epoch).unwrap();
}
