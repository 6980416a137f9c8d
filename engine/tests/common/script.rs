//! The language of the scenario tables: a line is words and `name=value` pairs, an
//! arrow, the expected answer, and a remark behind `#`.

use std::collections::BTreeMap;

use nexnum_engine::audit::audit;
use nexnum_engine::book::Book;
use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::command::{
    AssignNumber, Caller, Cancel, ClearDoubt, Command, CompleteMessage, Deposit, DoubtOrder,
    Effect, EndByProvider, EndUpstream, Expire, FailOrder, FindOrphan, Finish, Incoming,
    IngestMessage, IssueKey, ListOffers, Listed, LoadStock, NamePurchase, NameVariant, NewPayment,
    NextAttempt, OpenAccount, PayProvider, PlaceOrder, Placed, Pulse, ReceiveCallback, RecoverLoss,
    RegisterProvider, Reply, RequestAnother, RevokeKey, SettleCallback, SettleOrphan, Timings,
};
use nexnum_engine::event::{
    Arrival, MessageIdentity, MessageKind, MessageWay, OrphanEnd, ProviderKind, ProviderWord,
    Routing, Terms, UpstreamEnd as End,
};
use nexnum_engine::group::Idempotency;
use nexnum_engine::ids::{
    AccountId, CallbackId, CountryId, KeyId, Number, OfferId, OrderId, Product, ProviderId, RailId,
    ServiceId, SourceId, Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::order::FailReason;
use nexnum_engine::policy::Policy;
use nexnum_engine::product::{OfferKey, Variant};
use nexnum_engine::time::Time;

use super::proof::Recorded;
use super::sealed::{self, loaded, make_day_key, message, next_named, sealed};
use super::words::{id, int, line_type, money, span};

/// When every table begins.
const START: Time = Time(1_800_000_000_000);

/// How messages come here.
const POSTED: Arrival = Arrival {
    way: MessageWay::Callback,
    kind: MessageKind::Sms,
    identity: MessageIdentity::TextWithCode,
    names_service: true,
};

/// Runs a table.
///
/// # Errors
/// The line whose answer was another, or what does not hold of the state.
pub fn run(text: &str) -> Result<(), String> {
    let mut scene = Scene { recorded: Recorded::default(), now: START, listed: BTreeMap::new() };
    scene.execute(&make_day_key());
    // Of more offers and accounts than a table has.
    (1..10).for_each(|offer| drop(scene.execute(&sealed::make_load_key(OfferId(offer)))));
    (1..10).for_each(|account| drop(scene.execute(&sealed::make_identity_key(AccountId(account)))));
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (asked, expected) = line.split_once("->").unwrap_or((line, "ok"));
        let (asked, expected) = (asked.trim(), expected.trim());
        let answer = scene.answer(&Line::new(asked));
        if answer != expected {
            return Err(format!(
                "line {}: {asked}\n  expected {expected}\n  got      {answer}",
                index + 1
            ));
        }
        audit(scene.recorded.state()).map_err(|broken| format!("line {}: {broken}", index + 1))?;
    }
    scene.recorded.prove()
}

struct Scene {
    recorded: Recorded,
    /// What driven offers cost and are sold for.
    listed: BTreeMap<OfferId, (Micros, Micros)>,
    now: Time,
}

/// A line's words and pairs.
struct Line<'a> {
    words: Vec<&'a str>,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let (pairs, words): (Vec<_>, Vec<_>) =
            text.split_whitespace().partition(|word| word.contains('='));
        Self { words, pairs: pairs.iter().filter_map(|pair| pair.split_once('=')).collect() }
    }

    fn word(&self, index: usize) -> &'a str {
        self.words.get(index).unwrap_or_else(|| panic!("{:?} lacks word {index}", self.words))
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn get(&self, name: &str, default: &'a str) -> &'a str {
        self.find(name).unwrap_or(default)
    }

    fn money(&self, name: &str, default: &'a str) -> Micros {
        money(self.get(name, default))
    }

    fn int<T: TryFrom<u64>>(&self, name: &str, default: &'a str) -> T {
        int(self.get(name, default))
    }

    fn order(&self) -> OrderId {
        OrderId(id(self.word(1)))
    }

    fn product(&self) -> Product {
        let (country, service) = self.get("product", "1/1").split_once('/').unwrap();
        Product::activation(CountryId(int(country)), ServiceId(int(service)))
    }

    fn message(&self, [sender, text, code]: [&'a str; 3]) -> Incoming {
        let parts = [self.get("sender", sender), self.get("text", text), self.get("code", code)];
        message(self.int::<u64>("digest", "1").into(), parts)
    }

    fn variant(&self) -> VariantId {
        VariantId(self.int("variant", "0"))
    }

    fn parts(&self) -> Variant {
        let text = |name| self.find(name).map(Box::from);
        let (carrier, line, area) =
            (text("carrier"), self.find("line").map(line_type), text("area"));
        Variant { carrier, line, area }
    }

    fn offer_key(&self) -> OfferKey {
        let (source, step) = (SourceId(self.int("source", "0")), self.int("step", "0"));
        OfferKey { product: self.product(), variant: self.variant(), source, step }
    }

    fn timings(&self) -> Timings {
        Timings {
            lifetime_ms: span(self.get("lifetime", "20m")),
            min_cancel_age_ms: span(self.get("min_age", "2m")),
        }
    }

    fn caller(&self) -> Caller {
        match self.get("by", "system") {
            "system" => Caller::System,
            account => Caller::Account(AccountId(id(account))),
        }
    }

    fn numbers(&self) -> Vec<Token> {
        let texts = self.get("numbers", "").split(',').filter(|text| !text.is_empty());
        texts.map(|text| Token(Number::parse(text).unwrap().0)).collect()
    }
}

/// What was paid by which rail, with which reference.
fn payment(line: &Line<'_>) -> NewPayment {
    NewPayment::new(line.get("rail", "bank"), money(line.word(2)), line.int("ref", "1"))
}

impl Scene {
    fn answer(&mut self, line: &Line<'_>) -> String {
        match line.word(0) {
            "wait" => {
                self.now = self.now.plus_ms(span(line.word(1)));
                "ok".to_owned()
            }
            "tick" => {
                self.now = self.now.plus_ms(span(line.word(1)));
                let behind = span(line.get("behind", "0s"));
                self.execute(&Command::Pulse(Pulse {
                    archived: Time(self.now.0 - behind),
                    unasked: Time(0),
                }))
            }
            "policy" => {
                let quarantine_ms = span(line.get("quarantine", "0s"));
                self.recorded.set_policy(Policy { quarantine_ms });
                "ok".to_owned()
            }
            "wallet" => self.wallet(AccountId(id(line.word(1)))),
            "book" => self.book(line.word(1)),
            "left" => {
                let stock = self.recorded.state().stock(OfferId(id(line.word(1))));
                stock.map_or(0, |(_, left)| left).to_string()
            }
            // What a provider's list says, which the engine does not know.
            "price" => {
                let terms = (line.money("cost", "0.1"), line.money("price", "0.5"));
                self.listed.insert(OfferId(id(line.word(1))), terms);
                "listed".to_owned()
            }
            "show" => self.show(line.order()),
            "callbacks" => {
                let callbacks = self.recorded.state().callbacks();
                let (waiting, failed) = (callbacks.waiting_len(), callbacks.failed_len());
                let (refused, dropped) = (callbacks.refused_len(), callbacks.dropped());
                let refused =
                    if refused > 0 { format!("{refused} refused ") } else { String::new() };
                format!("{waiting} waiting {failed} failed {refused}{dropped} dropped")
            }
            _ => {
                let command = self.command(line);
                self.execute(&command)
            }
        }
    }

    fn execute(&mut self, command: &Command) -> String {
        match self.recorded.execute(self.now, command) {
            Err(reject) => reject.code().to_owned(),
            Ok(Reply::Account(id)) => format!("A{id}"),
            Ok(Reply::Key(id)) => format!("K{id}"),
            Ok(Reply::Provider(id)) => format!("P{id}"),
            Ok(Reply::Variant(id)) => id.to_string(),
            Ok(Reply::Address(id)) => id.to_string(),
            Ok(Reply::Listed(Listed { first: id, count: 1 })) => format!("O{id}"),
            Ok(Reply::Listed(Listed { first: id, count })) => format!("O{id} x{count}"),
            Ok(Reply::Placed(Placed::Filled(id))) => format!("R{id} with number"),
            Ok(Reply::Placed(Placed::Waiting(id))) => format!("R{id}"),
            Ok(Reply::Placed(Placed::Replayed(id))) => format!("R{id} again"),
            Ok(Reply::Changed(count)) => format!("{count} changed"),
            Ok(Reply::Callback(id)) => format!("C{id}"),
            Ok(Reply::KeyEnded(_)) => unreachable!("no word of a script ends keys"),
            Ok(Reply::Effect(Effect::Done)) => "ok".to_owned(),
            Ok(Reply::Effect(Effect::Unchanged)) => "unchanged".to_owned(),
        }
    }

    fn wallet(&self, account: AccountId) -> String {
        let balance = |book| self.recorded.state().balance(book);
        format!("{} + {}", balance(Book::Available(account)), balance(Book::Escrow(account)))
    }

    fn book(&self, name: &str) -> String {
        let book = match name.split_once('/') {
            None if name == "revenue" => Book::Revenue,
            None if name == "bank" => Book::Rail(RailId(1)),
            Some(("prepaid", provider)) => Book::Prepaid(ProviderId(id(provider))),
            None if name == "own_cost" => Book::OwnStockCost,
            Some(("payable", provider)) => Book::Payable(ProviderId(id(provider))),
            Some(("receivable", provider)) => Book::Receivable(ProviderId(id(provider))),
            Some(("loss", provider)) => Book::WriteOffs(ProviderId(id(provider))),
            _ => panic!("{name:?} is no book"),
        };
        self.recorded.state().balance(book).to_string()
    }

    /// Money, activation, price, number and messages of an order, in one line.
    fn show(&self, id: OrderId) -> String {
        let Some(order) = self.recorded.state().order(id) else { return "gone".to_owned() };
        let mut text = format!("{:?} {:?} {}", order.status, order.state, order.price);
        if let Some(assignment) = &order.assignment {
            text.push_str(&format!(" +{}", assignment.token.0));
        }
        let late = order.messages.len() - order.delivered().count();
        text.push_str(&format!(" {} delivered {late} late", order.delivered().count()));
        for (holds, remark) in [(order.in_doubt, " in doubt"), (order.awaits_another, " waiting")] {
            text.push_str(if holds { remark } else { "" });
        }
        text
    }

    fn command(&self, line: &Line<'_>) -> Command {
        match line.word(0) {
            "account" => Command::OpenAccount(OpenAccount {
                name: Some(next_named(self.recorded.state(), line.words.get(1).unwrap_or(&""))),
                credit_limit: line.money("credit", "0"),
            }),
            "key" => Command::IssueKey(IssueKey {
                account: line.find("account").map(|account| AccountId(id(account))),
                hash: [line.int("hash", "7"); 32],
                prefix: line.get("prefix", "nx_live_").into(),
            }),
            "revoke" => Command::RevokeKey(RevokeKey { key: KeyId(id(line.word(1))) }),
            "deposit" => Command::Deposit(Deposit {
                account: AccountId(id(line.word(1))),
                payment: payment(line),
                sealed: None,
            }),
            "pay" => Command::PayProvider(PayProvider {
                provider: ProviderId(id(line.word(1))),
                payment: payment(line),
                text: "invoice".into(),
            }),
            "provider" => Command::RegisterProvider(RegisterProvider {
                name: line.word(1).into(),
                kind: match line.word(2) {
                    "own" => ProviderKind::Own,
                    "driven" => ProviderKind::Driven,
                    kind => panic!("{kind:?} is no kind of provider"),
                },
            }),
            "variant" => Command::NameVariant(NameVariant { parts: line.parts() }),
            "callback" => Command::ReceiveCallback(ReceiveCallback {
                provider: ProviderId(id(line.get("provider", "P1"))),
                key: line.int::<u64>("key", "1").into(),
                content_type: line.get("type", "").into(),
                sealed: sealed(line.int("len", "9")),
                failure: match line.get("refused", "") {
                    "" => None,
                    "signature" => Some(CallbackFailure::InvalidSignature),
                    "token" => Some(CallbackFailure::ExpiredToken),
                    "over" => Some(CallbackFailure::TooManyMessages),
                    word => panic!("{word:?} is no reason to refuse a callback"),
                },
            }),
            "settle" => Command::SettleCallback(SettleCallback {
                callback: CallbackId(id(line.word(1))),
                outcome: match line.word(2) {
                    "accepted" => CallbackOutcome::Accepted,
                    "duplicate" => CallbackOutcome::Duplicate,
                    "discarded" => CallbackOutcome::Discarded,
                    "unreadable" => CallbackOutcome::Failed(CallbackFailure::Unreadable),
                    "ambiguous" => CallbackOutcome::Failed(CallbackFailure::Ambiguous),
                    word => panic!("{word:?} is no outcome of a callback"),
                },
            }),
            "list" | "stock" => Self::market(line),
            "order" => Command::PlaceOrder(self.order(line)),
            "orphan" | "orphan_ends" | "named" | "ended" | "provider_ends" | "expire" => {
                self.upstream(line)
            }
            _ => self.of_order(line),
        }
    }

    fn upstream(&self, line: &Line<'_>) -> Command {
        let provider = ProviderId(id(line.get("provider", "P1")));
        let external_id = line.get("purchase", "x1").into();
        match line.word(0) {
            "orphan" => Command::FindOrphan(FindOrphan {
                order: line.order(),
                attempt: line.int("attempt", "1"),
                provider,
                external_id,
                from: self.now,
                cost: line.find("cost").map(money),
            }),
            "orphan_ends" => Command::SettleOrphan(SettleOrphan {
                provider,
                external_id,
                end: match line.word(1) {
                    "given_back" => OrphanEnd::GivenBack,
                    "stayed" => OrphanEnd::Stayed,
                    _ => OrphanEnd::Gone,
                },
            }),
            "named" => Command::NamePurchase(NamePurchase {
                ended: None,
                order: line.order(),
                attempt: line.int("attempt", "1"),
                external_id,
                cost: line.find("cost").map(money),
            }),
            "ended" => {
                let has = |word| line.words.contains(&word);
                let end = if has("unknown") { End::Unknown } else { End::GivenBack };
                let end = if has("finished") { End::Charged } else { end };
                EndUpstream { order: line.order(), end }.into()
            }
            "expire" => Command::Expire(Expire { order: line.order() }),
            _ => Command::EndByProvider(EndByProvider {
                order: line.order(),
                word: match line.word(2) {
                    "cancelled" => ProviderWord::Cancelled,
                    "expired" => ProviderWord::Expired,
                    "finished" => ProviderWord::Finished,
                    _ => ProviderWord::Missing,
                },
            }),
        }
    }

    fn market(line: &Line<'_>) -> Command {
        let offer = || OfferId(id(line.word(1)));
        let (cost, price) = (line.money("cost", "0.1"), line.money("price", "0.5"));
        match line.word(0) {
            "list" => Command::ListOffers(ListOffers {
                provider: ProviderId(id(line.word(1))),
                offers: vec![line.offer_key(); line.int("times", "1")],
            }),
            _ => {
                let (offer, others) = (offer(), Vec::new());
                let numbers = loaded(offer, line.numbers());
                Command::LoadStock(LoadStock { offer, cost, price, numbers, others })
            }
        }
    }

    /// The terms a router would have claimed: the offer's own, where the line does not say.
    fn terms(&self, line: &Line<'_>) -> Terms {
        let offer = OfferId(id(line.get("offer", "O1")));
        let known = self.recorded.state().offer(offer);
        let own = self.recorded.state().stock(offer).map(|(terms, _)| (terms.cost, terms.price));
        let listed = own.or_else(|| self.listed.get(&offer).copied());
        let given =
            |name, of: Option<Micros>| line.find(name).map(money).or(of).unwrap_or_default();
        Terms {
            offer,
            provider: line
                .find("provider")
                .map(|provider| ProviderId(id(provider)))
                .or(known.map(|offer| offer.provider))
                .unwrap_or_default(),
            price: given("price", listed.map(|(_, price)| price)),
            cost: given("cost", listed.map(|(cost, _)| cost)),
        }
    }

    fn order(&self, line: &Line<'_>) -> PlaceOrder {
        let terms = self.terms(line);
        PlaceOrder {
            account: AccountId(id(line.word(1))),
            product: line.product(),
            variant: line.variant(),
            limit: line.find("max").map_or(terms.price, money),
            terms,
            max_price: line.find("max").map(money),
            routing: Routing::default(),
            timings: line.timings(),
            notes: None,
            idempotency: line.find("key").map(|key| {
                let fingerprint = line.int::<u64>("body", "1").into();
                Idempotency { key: int::<u64>(key).into(), fingerprint }.into()
            }),
        }
    }

    fn of_order(&self, line: &Line<'_>) -> Command {
        let (order, caller, attempt) = (line.order(), line.caller(), line.int("attempt", "1"));
        match line.word(0) {
            "next" => Command::NextAttempt(NextAttempt {
                order,
                refused: attempt,
                terms: self.terms(line),
                routing: Routing::default(),
                ended: None,
                timings: line.timings(),
            }),
            "clear" => Command::ClearDoubt(ClearDoubt { order, attempt }),
            "doubt" => Command::DoubtOrder(DoubtOrder { order, attempt, ended: None }),
            "recover" => Command::RecoverLoss(RecoverLoss { order, attempt }),
            "assign" => Command::AssignNumber(AssignNumber {
                order,
                attempt,
                token: Token(Number::parse(line.get("number", "4915112345678")).unwrap().0),
                sealed: sealed(13),
                external_id: line.get("purchase", "x1").into(),
                cost: line.find("cost").map(money),
                charged: None,
                carrier: None,
                timings: line.timings(),
            }),
            "fail" => Command::FailOrder(FailOrder {
                order,
                attempt,
                ended: None,
                reason: match line.get("reason", "no_numbers") {
                    "in_doubt" => FailReason::InDoubt,
                    _ => FailReason::NoNumbers,
                },
            }),
            "message" => Command::IngestMessage(IngestMessage {
                order,
                message: line.message(["Telegram", "Your-code-12345", "12345"]),
                arrival: POSTED,
                callback: line.find("callback").map(|callback| CallbackId(id(callback))),
            }),
            "complete" => Command::CompleteMessage(CompleteMessage {
                order,
                message: line.message(["", "", "12345"]),
            }),
            "another" => Command::RequestAnother(RequestAnother { order, caller }),
            "cancel" => Command::Cancel(Cancel { order, caller }),
            "finish" => Command::Finish(Finish { order, caller }),
            word => panic!("{word:?} is no command"),
        }
    }
}
