//! A run: lives of a process on one disk, each ended by a crash or a clean stop, and the
//! naive model that remembers every answer.

use std::collections::{BTreeSet, VecDeque};
use std::io;

use nexnum::market::sequencer::core::{Answer, Envelope, Sealed};
use nexnum::metrics::Metrics;
use nexnum::order::claim::{self, Wish};
use nexnum::provider::providers::Providers;
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::command::{Command, NextAttempt, PlaceOrder, Placed, Pulse, Reply};
use nexnum_engine::event::{ProviderKind, Terms};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::policy::Policy;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::arbitrary::{Arbitrary, Rng, START};
use crate::archive;
use crate::files::Files;
use crate::life::{self, Life};
use crate::model::{self, Model};
use crate::readers;
use crate::tally::Tally;

/// Steps of a life: executing, sealing, committing.
const STEPS: u64 = 260;
/// Disk operations after which a cut comes at the latest: a commit has some six.
const CUT_OPS_MAX: u64 = 240;
/// The same for history's disk: it is written to by a flush only, and seldom.
const HISTORY_CUT_OPS_MAX: u64 = 60;

/// Which rule is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Kept,
    /// The disk acknowledges syncs and does nothing.
    LyingDisk,
    /// Answers are given before the batch is written.
    AnswersFirst,
    /// Memory lets go of closed orders that history may not have on disk.
    ForgetsFirst,
}

/// A command on its way, and what it must be told.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) at: Time,
    pub(crate) command: Command,
    pub(crate) expected: model::Answer,
    pub(crate) answer: oneshot::Receiver<Answer>,
}

/// A sealed batch that may be on disk.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) last: Seq,
    pub(crate) state_hash: [u8; 32],
    pub(crate) commands: Vec<(Time, Command)>,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The power went, or the disk failed and the process ended.
    Crash,
    /// All was committed and closed.
    CleanStop,
}

pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) rng: Rng,
    pub(crate) policy: Policy,
    pub(crate) arbitrary: Arbitrary,
    pub(crate) script: VecDeque<Command>,
    pub(crate) model: Model,
    pub(crate) now: Time,
    pub(crate) disk: FaultyDisk,
    pub(crate) files: Files,
    pub(crate) history_disk: FaultyDisk,
    /// History was asked to fail in this life.
    pub(crate) history_faulty: bool,
    /// History was lost at this position: until its disk has come so far again, another crash
    /// loses again what memory had let go of.
    pub(crate) history_lost_at: Seq,
    pub(crate) life: Option<Life>,
    pub(crate) open: Vec<Asked>,
    pub(crate) sealed: Option<(Sealed, Vec<Asked>, Seq)>,
    pub(crate) written: Vec<Written>,
    /// Answers that left the process depend on events up to here.
    pub(crate) acknowledged: Seq,
    /// Orders with a key that were answered.
    pub(crate) placed: Vec<(Time, PlaceOrder, OrderId)>,
    /// Orders that an answer named.
    pub(crate) told: BTreeSet<OrderId>,
    /// Of ten steps, how many execute; the rest seals and commits.
    pub(crate) eagerness: u64,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64, rules: Rules) -> Result<Self, String> {
        let mut rng = Rng::new(seed ^ 0x51D0_0000);
        let disk = FaultyDisk::new(rng.next());
        life::create(&disk)?;
        let history_disk = FaultyDisk::new(rng.next());
        archive::create(&history_disk)?;
        let eagerness = rng.pick(&[2, 4, 6, 8, 9]);
        let mut arbitrary = Arbitrary::new(Rng::new(rng.next()));
        let policy = arbitrary.policy();
        let mut world = Self {
            rules,
            policy,
            arbitrary,
            rng,
            script: Arbitrary::market().into(),
            model: Model::new(policy),
            now: START,
            disk,
            files: Files::new()?,
            history_disk,
            history_faulty: false,
            history_lost_at: Seq(0),
            life: None,
            open: Vec::new(),
            sealed: None,
            written: Vec::new(),
            acknowledged: Seq(0),
            placed: Vec::new(),
            told: BTreeSet::new(),
            eagerness,
            tally: Tally::default(),
        };
        world.recover(Ending::CleanStop)?;
        Ok(world)
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub(crate) fn run(mut self) -> Result<Tally, String> {
        for _ in 0..2 + self.rng.below(4) {
            let ending = self.live()?;
            self.recover(ending)?;
        }
        self.finish()?;
        self.recover(Ending::CleanStop)?;
        Ok(self.tally)
    }

    pub(crate) fn life(&self) -> &Life {
        self.life.as_ref().expect("a life has begun")
    }

    fn life_mut(&mut self) -> &mut Life {
        self.life.as_mut().expect("a life has begun")
    }

    /// Lives until a crash or a stop.
    fn live(&mut self) -> Result<Ending, String> {
        let faulty = match self.rng.below(10) {
            0..=6 => {
                self.disk.cut_after(self.rng.below(CUT_OPS_MAX));
                true
            }
            7 => {
                let kind = self.rng.pick(&[io::ErrorKind::StorageFull, io::ErrorKind::Other]);
                self.disk.fail_after(self.rng.below(CUT_OPS_MAX / 2), kind);
                true
            }
            _ => false,
        };
        self.endanger_history();
        for _ in 0..STEPS {
            if !self.step()? {
                return Ok(Ending::Crash);
            }
        }
        if faulty || self.rng.once_in(2) || !self.finish()? {
            return Ok(Ending::Crash);
        }
        Ok(Ending::CleanStop)
    }

    /// Lets history's disk fail in some lives. A cut ends the life, a failure does not.
    fn endanger_history(&mut self) {
        let after = self.rng.below(HISTORY_CUT_OPS_MAX);
        match self.rng.below(10) {
            0..=2 => self.history_disk.cut_after(after),
            3 => {
                self.history_disk.fail_after(after, io::ErrorKind::StorageFull);
                self.history_faulty = true;
            }
            _ => {}
        }
    }

    /// One step; false when the disk has ended the life.
    fn step(&mut self) -> Result<bool, String> {
        let now = self.now;
        if self.life().core.is_full(now) {
            if !self.commit()? {
                return Ok(false);
            }
            self.seal()?;
        }
        if self.rng.below(10) < self.eagerness {
            let command = self.next_command();
            return self.execute(command).map(|()| true);
        }
        match self.rng.below(12) {
            0..=3 if self.sealed.is_none() => self.seal().map(|()| true),
            0..=7 => self.commit(),
            8 => {
                let reader = self.life().writer.ledger.ledger.reader();
                self.files.snapshot(&reader);
                Ok(true)
            }
            9 | 10 => self.follow_history(false),
            _ => self.follow_history(true),
        }
    }

    /// A pulse lets go of what history has on disk, as the sequencer's own does.
    fn next_command(&mut self) -> Command {
        if let Some(command) = self.script.pop_front() {
            return command;
        }
        let life = self.life.as_ref().expect("a life has begun");
        let archived = match self.rules {
            Rules::ForgetsFirst => Time(u64::MAX),
            Rules::Kept | Rules::LyingDisk | Rules::AnswersFirst => archive::archived(&life.follow),
        };
        let mut command = self.arbitrary.command(life.core.state());
        if let Command::Pulse(Pulse { archived: asked, .. }) = &mut command {
            *asked = archived;
        }
        command
    }

    /// Lets history follow; false if the power went meanwhile. A failure is tried again later.
    pub(crate) fn follow_history(&mut self, flush: bool) -> Result<bool, String> {
        let followed = self.life().follow_history(flush);
        if self.disk.is_cut() || self.history_disk.is_cut() {
            return Ok(false);
        }
        match followed {
            Ok(()) => Ok(true),
            Err(_) if self.history_faulty => {
                self.tally.history_failures += 1;
                Ok(true)
            }
            Err(error) => Err(format!("history does not follow: {error}")),
        }
    }

    /// Commits what is on its way; false if the disk did not take it.
    fn finish(&mut self) -> Result<bool, String> {
        while self.sealed.is_some() || !self.open.is_empty() {
            if self.sealed.is_none() {
                self.seal()?;
            }
            if !self.commit()? {
                return Ok(false);
            }
        }
        let life = self.life_mut();
        if life.writer.ledger.write_late().is_err() {
            return Ok(false);
        }
        readers::stock_is(&life.market, life.core.state()).map(|()| true)
    }

    /// A command through phase 1, the engine and the model.
    pub(crate) fn execute(&mut self, mut command: Command) -> Result<(), String> {
        let Some(read) = self.life().bring(&mut command) else { return Ok(()) };
        let Some((command, claim)) = self.phase_one(command) else { return Ok(()) };
        self.tally.key_reads += read;
        let (now, life) = (self.now, self.life.as_mut().expect("a life has begun"));
        let expected = self.model.execute(now, &command);
        let (answer_to, answer) = oneshot::channel();
        let (origin, answer_to) = (Origin::SYSTEM, Some(answer_to));
        let envelope = Envelope { origin, command: command.clone(), claim, answer_to };
        life.core.execute(now, envelope);
        readers::never_oversells(&life.market, life.core.state(), life.shown())?;
        self.tally.commands += 1;
        self.open.push(Asked { at: now, command, expected, answer });
        self.now = now.plus_ms(self.arbitrary.pause_ms());
        Ok(())
    }

    /// Claims the unit that an order takes, as a request would; `None` if there is none.
    fn phase_one(&mut self, mut command: Command) -> Option<(Command, Option<Claim>)> {
        let claim = match &mut command {
            Command::PlaceOrder(order) if self.rng.once_in(3) => {
                let limit = (!self.rng.once_in(3)).then_some(order.limit);
                let wish = Wish { product: order.product, variant: order.variant, limit };
                let claim =
                    claim::claim(self.life().market.grid(), &Providers::default(), &wish, &[]);
                let claim = claim.ok()?.claim;
                order.terms = claim::terms(&claim);
                order.limit = limit.unwrap_or(claim.price());
                Some(claim)
            }
            Command::PlaceOrder(order) => {
                let limit = order.limit;
                self.claim(&mut order.terms, limit)?
            }
            Command::NextAttempt(NextAttempt { order, terms, .. }) => {
                let known = self.life().core.state().order(*order);
                let limit = known.map_or(terms.price, |order| order.limit);
                self.claim(terms, limit)?
            }
            _ => None,
        };
        Some((command, claim))
    }

    /// Own stock is never asked for without a claim; what is bought upstream may be, as it
    /// is when a restart has lost the claim.
    fn claim(&mut self, terms: &mut Terms, limit: Micros) -> Option<Option<Claim>> {
        let life = self.life();
        let state = life.core.state();
        let provider = state.offer(terms.offer).and_then(|offer| state.provider(offer.provider));
        let own = provider.is_some_and(|provider| provider.kind == ProviderKind::Own);
        match life.market.grid().claim(terms.offer, limit) {
            Ok(claim) => {
                if !self.rng.once_in(8) {
                    *terms = claim::terms(&claim);
                }
                Some(Some(claim))
            }
            Err(_) if own => None,
            Err(_) => Some(None),
        }
    }

    /// Closes the open batch; the state after it is what a replay must give.
    fn seal(&mut self) -> Result<(), String> {
        let asked = std::mem::take(&mut self.open);
        let life = self.life.as_mut().expect("a life has begun");
        let sealed = life.core.seal();
        let state = life.core.state();
        self.model.compare(state)?;
        audit(state)?;
        let last = state.seq();
        let before = self.written.last().map_or(Seq(0), |written| written.last);
        if last > before {
            let commands = asked.iter().map(|asked| (asked.at, asked.command.clone())).collect();
            self.written.push(Written { last, state_hash: state_hash(state), commands });
        }
        self.sealed = Some((sealed, asked, last));
        Ok(())
    }

    /// Commits the sealed batch, if there is one; false if the disk did not take it.
    fn commit(&mut self) -> Result<bool, String> {
        let Some((sealed, asked, last)) = self.sealed.take() else { return Ok(true) };
        let life = self.life.as_mut().expect("a life has begun");
        let mut shown = None;
        let (writer, market, read_model) = life.parts();
        let committed = sealed.commit(writer, &Metrics::default(), |change| {
            Life::show(market, read_model, &change);
            shown = Some(change);
        });
        if let Err(error) = committed {
            self.tally.failures += u64::from(!self.disk.is_cut());
            self.unanswered(asked)?;
            return if shown.is_none() { Ok(false) } else { Err(format!("shown, then: {error}")) };
        }
        if let Some(change) = shown {
            life.follow(&change)?;
            let written = self.written.iter().find(|written| written.last == change.last());
            if written.map(|written| written.state_hash) != Some(state_hash(life.shown())) {
                return Err(format!("the events up to {} give another state", change.last()));
            }
            self.tally.commits += 1;
        }
        self.acknowledged = self.acknowledged.max(last);
        asked.into_iter().try_for_each(|asked| self.answered(asked)).map(|()| true)
    }

    /// The answer is there and is the model's.
    fn answered(&mut self, mut asked: Asked) -> Result<(), String> {
        let Ok(answer) = asked.answer.try_recv() else {
            return Err(format!("committed and not answered: {:?}", asked.command));
        };
        let said = answer.as_ref().map(|accepted| accepted.reply).map_err(|no| no.code());
        if said != asked.expected {
            let Asked { command, expected, .. } = asked;
            return Err(format!("{command:?} was answered {said:?}, expected {expected:?}"));
        }
        self.tally.accepted += u64::from(said.is_ok());
        if let (
            Command::PlaceOrder(order),
            Ok(Reply::Placed(Placed::Filled(id) | Placed::Waiting(id))),
        ) = (asked.command, said)
        {
            self.told.insert(id);
            if order.idempotency.is_some() {
                self.placed.push((asked.at, order, id));
            }
        }
        self.life_mut().keep_claim(answer);
        Ok(())
    }

    /// None of these was answered. A command with an idempotency key is repeated.
    pub(crate) fn unanswered(&mut self, asked: Vec<Asked>) -> Result<(), String> {
        for mut asked in asked {
            match asked.answer.try_recv() {
                Err(TryRecvError::Closed) => {}
                told => {
                    return Err(format!("told {told:?} before the commit: {:?}", asked.command));
                }
            }
            if matches!(&asked.command, Command::PlaceOrder(order) if order.idempotency.is_some()) {
                self.script.push_back(asked.command);
            }
        }
        Ok(())
    }
}
