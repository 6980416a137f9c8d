//! Arbitrary messages, and facts that events keep and no rule reads.

use nexnum_engine::activation::{MessageParts, SealedParts};
use nexnum_engine::command::{
    Command, CompleteMessage, EndUpstream, Incoming, LoadStock, Retoken, ShowMessages,
};
use nexnum_engine::event::{
    Arrival, AttemptEnd, AttemptError, Charged, MessageIdentity, MessageKind, MessageWay,
    OrderToken, RATE_LEN_MAX, Renamed, Routing, ShownBy, SkipReason, SkippedAsk, SkippedAsks,
    UpstreamEnd, WORD_LEN_MAX,
};
use nexnum_engine::ids::{KeyId, MessageId, OfferId, OrderId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderNotes;
use nexnum_engine::pricing::Margin;
use nexnum_engine::product::{LineType, Variant};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, Purpose, SealedValue};
use nexnum_engine::state::State;
use nexnum_engine::under_keys::UnderKeys;

use super::sealed::{DAY_KEY, load_key, loaded_under, sealed_under};
use super::{Arbitrary, Rng};

impl Arbitrary {
    /// An activation that has ended here ends at its provider.
    pub(super) fn end_upstream(&mut self, order: OrderId) -> Command {
        let ends = [UpstreamEnd::GivenBack, UpstreamEnd::Charged, UpstreamEnd::Unknown];
        EndUpstream { order, end: self.rng.pick(&ends) }.into()
    }

    /// The buyer sees an order's messages, up to the last one or to another.
    pub(super) fn show(&mut self, order: OrderId, state: &State) -> Command {
        let newest = state.order(order).and_then(|it| it.messages.last()).map(|it| it.id.0);
        let up_to = match self.rng.below(4) {
            0 => MessageId(self.rng.below(state.counters().message.0 + 2)),
            _ => MessageId(newest.unwrap_or(1)),
        };
        let ways = [ShownBy::Poll, ShownBy::Webhook, ShownBy::Stream, ShownBy::Session];
        let (by, key) = (self.rng.pick(&ways), self.rng.once_in(2).then_some(KeyId(1)));
        ShowMessages { order, up_to, by, key }.into()
    }

    pub(super) fn message(&mut self) -> Incoming {
        let mut has = || !self.rng.once_in(3);
        let has = MessageParts { sender: has(), text: has(), code: has() };
        let sealed = self.sealed(Purpose::Message.len_max());
        let digest = self.under_keys(|rng| u128::from(rng.below(300)));
        Incoming { digest, said: SealedParts { has, sealed } }
    }

    /// The same under one key, or under up to three.
    pub(super) fn under_keys<T>(&mut self, mut draw: impl FnMut(&mut Rng) -> T) -> UnderKeys<T> {
        let current = draw(&mut self.rng);
        let others = self.rng.below(8).saturating_sub(5);
        UnderKeys { current, others: (0..others).map(|_| draw(&mut self.rng)).collect() }
    }

    /// New tokens of a few numbers.
    pub(super) fn retoken(&mut self, state: &State) -> Command {
        let (stock, orders) = (self.rng.below(5), self.rng.below(3));
        let renamed = |it: &mut Self| Renamed { old: it.number(), new: it.number() };
        let stock = (0..stock).map(|_| renamed(self)).collect();
        let given = |it: &mut Self| OrderToken { order: it.order(state), new: it.number() };
        let orders = (0..orders).map(|_| given(self)).collect();
        Retoken { stock, orders }.into()
    }

    /// A value that may be too long, or under a key that does not live or is not a day's.
    pub(super) fn sealed(&mut self, len_max: usize) -> SealedValue {
        let len = if self.rng.once_in(30) { len_max + 1 } else { self.rng.below(40) as usize };
        let other = KeyHandle(self.rng.below(12).into());
        sealed_under(if self.rng.once_in(20) { other } else { DAY_KEY }, len)
    }

    pub(super) fn routing(&mut self) -> Routing {
        let mut skipped = SkippedAsks::default();
        for offer in 1..=self.rng.below(4) as u32 {
            let reason = self.rng.pick(&[SkipReason::Tried, SkipReason::Busy, SkipReason::Closed]);
            skipped.push(SkippedAsk { offer: OfferId(offer), reason });
        }
        Routing {
            document: self.rng.once_in(2).then(|| self.rng.next()),
            turn: self.rng.once_in(2).then(|| self.rng.below(9)),
            skipped,
            margin: self.rng.once_in(2).then_some(Margin { share_ppm: 200_000, floor: Micros(1) }),
        }
    }

    pub(super) fn ended(&mut self) -> Option<AttemptEnd> {
        let error = self.rng.pick(&[AttemptError::NoNumbers, AttemptError::NoAnswer]);
        let len = if self.rng.once_in(20) { WORD_LEN_MAX + 1 } else { self.rng.below(9) as usize };
        self.rng.once_in(2).then(|| AttemptEnd { error, word: "x".repeat(len).into() })
    }

    pub(super) fn charged(&mut self) -> Option<Charged> {
        let currency = self.rng.once_in(2).then_some(*b"RUB");
        let len = if self.rng.once_in(20) { RATE_LEN_MAX + 1 } else { 6 };
        let rate = self.rng.once_in(2).then(|| "0".repeat(len).into());
        let charged = Charged { amount: self.amount(), currency, rate };
        self.rng.once_in(2).then_some(charged)
    }

    /// Of few: parts come together again, and narrow one another.
    pub(super) fn parts(&mut self) -> Variant {
        let mut word = |words: &[&str]| {
            let text = self.rng.pick(words);
            (text != "none").then(|| Box::from(text))
        };
        let (carrier, area) = (word(&["none", "any", "tele", ""]), word(&["none", "212", ""]));
        let lines = [None, None, Some(LineType::Mobile), Some(LineType::Landline)];
        let line = self.rng.pick(&lines);
        match self.rng.below(12) {
            0 => Variant { carrier: Some(self.name()), line, area },
            1 => Variant { carrier, line, area: Some(self.name()) },
            _ => Variant { carrier, line, area },
        }
    }

    pub(super) fn carrier_word(&mut self) -> Option<Box<str>> {
        let len = if self.rng.once_in(20) { 101 } else { 3 };
        self.rng.once_in(2).then(|| "x".repeat(len).into())
    }

    pub(super) fn arrival(&mut self) -> Arrival {
        use {MessageIdentity as By, MessageWay as Way};
        Arrival {
            way: self.rng.pick(&[Way::Callback, Way::Status, Way::List]),
            kind: self.rng.pick(&[MessageKind::Sms, MessageKind::Voice, MessageKind::FlashCall]),
            identity: self.rng.pick(&[By::SourceId, By::TextWithCode, By::Text]),
            names_service: self.rng.once_in(2),
        }
    }

    pub(super) fn load(&mut self, state: &State) -> Command {
        let offer = match self.rng.below(6) {
            0 | 1 => self.offer(state),
            2 | 3 => OfferId(1),
            _ => OfferId(4),
        };
        let (cost, price) = self.cost_and_price();
        let numbers: Vec<_> = (0..self.rng.below(4)).map(|_| self.number()).collect();
        let keys: Vec<_> = state.seal_keys().of(KeyOwner::Load(offer)).collect();
        let key = if keys.is_empty() { load_key(offer) } else { self.rng.pick(&keys) };
        let mut numbers = loaded_under(key, numbers);
        if let Some(number) = numbers.first_mut().filter(|_| self.rng.once_in(20)) {
            number.sealed = self.sealed(100);
        }
        let mut others = Vec::new();
        for _ in 0..self.rng.below(9).saturating_sub(6) {
            let len = if self.rng.once_in(20) { 9 } else { numbers.len() };
            others.push((0..len).map(|_| self.number()).collect());
        }
        Command::LoadStock(LoadStock { offer, cost, price, numbers, others })
    }

    /// More of a message: mostly of one that the order has.
    pub(super) fn complete(&mut self, order: OrderId, state: &State) -> Command {
        let mut message = self.message();
        let had = state.order(order).map(|it| &it.messages[..]).unwrap_or_default();
        if !had.is_empty() && !self.rng.once_in(4) {
            message.digest =
                self.rng.pick(had.iter().map(|it| it.digest).collect::<Vec<_>>().as_slice()).into();
        }
        CompleteMessage { order, message }.into()
    }

    /// What a buyer notes, mostly nothing.
    pub(super) fn notes(&mut self) -> Option<Box<OrderNotes>> {
        if !self.rng.once_in(4) {
            return None;
        }
        let reference = self.rng.once_in(2).then(|| self.sealed(400));
        let end_user = self.rng.once_in(2).then(|| self.sealed(400));
        Some(Box::new(OrderNotes { reference, end_user }))
    }
}
