//! Arbitrary messages, and facts that events keep and no rule reads.

use nexnum_engine::command::Incoming;
use nexnum_engine::event::{
    Arrival, AttemptEnd, AttemptError, Charged, MessageIdentity, MessageKind, MessageWay,
    RATE_LEN_MAX, Routing, SkipReason, SkippedAsk, SkippedAsks, WORD_LEN_MAX,
};
use nexnum_engine::ids::OfferId;

use super::{Arbitrary, Rng};

impl Arbitrary {
    pub(super) fn message(&mut self) -> Incoming {
        let text = |rng: &mut Rng, len: usize| match rng.below(30) {
            0 => "x".repeat(len + 1).into(),
            1..=3 => "".into(),
            _ => "x".repeat(rng.below(9) as usize).into(),
        };
        Incoming {
            digest: self.rng.below(300).into(),
            sender: text(&mut self.rng, 100),
            text: text(&mut self.rng, 2_000),
            code: text(&mut self.rng, 100),
        }
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
}
