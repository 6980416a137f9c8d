//! A run: lives of a process on one disk, each ended by a crash or a clean stop, and the
//! naive model that remembers every answer.

use std::collections::{BTreeSet, VecDeque};
use std::io;

use nexnum::market::sequencer::core::{Answer, Envelope, Sealed};
use nexnum::metrics::Metrics;
use nexnum::order::claim::{self, Wish};
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::command::{Command, NextAttempt, PlaceOrder, Placed, Pulse, Reply};
use nexnum_engine::event::{ProviderKind, Terms};
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::limits::REPLIES_KEPT_MS;
use nexnum_engine::money::Micros;
use nexnum_engine::policy::Policy;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::history::HistoryTables;
use nexnum_storage::{Ledger, RedbLedger};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::arbitrary::{Arbitrary, Rng, START};
use crate::archive;
use crate::files::Files;
use crate::late_ledger::LateLedger;
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
struct Asked {
    at: Time,
    command: Command,
    expected: model::Answer,
    answer: oneshot::Receiver<Answer>,
}

/// A sealed batch that may be on disk.
#[derive(Debug)]
struct Written {
    last: Seq,
    state_hash: [u8; 32],
    commands: Vec<(Time, Command)>,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The power went, or the disk failed and the process ended.
    Crash,
    /// All was committed and closed.
    CleanStop,
}

pub(crate) struct World {
    rules: Rules,
    rng: Rng,
    policy: Policy,
    arbitrary: Arbitrary,
    script: VecDeque<Command>,
    model: Model,
    now: Time,
    batch_at: Time,
    disk: FaultyDisk,
    files: Files,
    history_disk: FaultyDisk,
    /// HistoryTables was asked to fail in this life.
    history_faulty: bool,
    /// HistoryTables was lost at this position: until its disk has come so far again, another crash
    /// loses again what memory had let go of.
    history_lost_at: Seq,
    life: Option<Life>,
    open: Vec<Asked>,
    sealed: Option<(Sealed, Vec<Asked>, Seq)>,
    written: Vec<Written>,
    /// Answers that left the process depend on events up to here.
    acknowledged: Seq,
    /// Orders with a key that were answered.
    placed: Vec<(Time, PlaceOrder, OrderId)>,
    /// Orders that an answer named.
    told: BTreeSet<OrderId>,
    /// Of ten steps, how many execute; the rest seals and commits.
    eagerness: u64,
    tally: Tally,
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
            batch_at: START,
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

    fn life(&self) -> &Life {
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
        if self.rng.below(10) < self.eagerness {
            let command = self.next_command();
            return self.execute(command).map(|()| true);
        }
        match self.rng.below(12) {
            0..=3 if self.sealed.is_none() => self.seal().map(|()| true),
            0..=7 => self.commit(),
            8 => {
                let reader = self.life().late_ledger.ledger.reader();
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
        if let Command::Pulse(Pulse { archived: asked }) = &mut command {
            *asked = archived;
        }
        command
    }

    /// Lets history follow; false if the power went meanwhile. A failure is tried again later.
    fn follow_history(&mut self, flush: bool) -> Result<bool, String> {
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
        if life.late_ledger.write_late().is_err() {
            return Ok(false);
        }
        readers::stock_is(&life.market, life.core.state()).map(|()| true)
    }

    /// A command through phase 1, the engine and the model.
    fn execute(&mut self, command: Command) -> Result<(), String> {
        let Some((command, claim)) = self.phase_one(command) else { return Ok(()) };
        let (now, life) = (self.now, self.life.as_mut().expect("a life has begun"));
        if life.core.open_len() == 0 {
            self.batch_at = now;
        }
        let at = self.batch_at;
        let expected = self.model.execute(at, &command);
        let (answer_to, answer) = oneshot::channel();
        let envelope = Envelope { command: command.clone(), claim, answer_to: Some(answer_to) };
        life.core.execute(now, envelope);
        readers::never_oversells(&life.market, life.core.state())?;
        self.tally.commands += 1;
        self.open.push(Asked { at, command, expected, answer });
        self.now = now.plus_ms(self.arbitrary.pause_ms());
        Ok(())
    }

    /// Claims the unit that an order takes, as a request would; `None` if there is none.
    fn phase_one(&mut self, mut command: Command) -> Option<(Command, Option<Claim>)> {
        let claim = match &mut command {
            Command::PlaceOrder(order) if self.rng.once_in(3) => {
                let limit = (!self.rng.once_in(3)).then_some(order.limit);
                let wish = Wish { product: order.product, carrier: order.carrier, limit };
                let claim = claim::claim(self.life().market.grid(), &wish, &[]).ok()?;
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
        let (late_ledger, market, read_model) = life.parts();
        let committed = sealed.commit(late_ledger, &Metrics::default(), |change| {
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
    fn unanswered(&mut self, asked: Vec<Asked>) -> Result<(), String> {
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

    /// Ends the life, opens what survived, and holds it against everything promised.
    fn recover(&mut self, ending: Ending) -> Result<(), String> {
        self.end(ending)?;
        let ledger = self.reopen()?;
        let survived = ledger.last().seq;
        if survived < self.acknowledged {
            let acknowledged = self.acknowledged;
            return Err(format!("acknowledged up to {acknowledged}, survived up to {survived}"));
        }
        self.tally.unanswered_kept += u64::from(survived > self.acknowledged);
        let before = self.written.len();
        self.written.retain(|written| written.last <= survived);
        self.tally.unanswered_lost += u64::from(self.written.len() < before);
        // From now on answers show what survived.
        self.acknowledged = survived;
        let found = life::replay(&ledger.reader())?;
        if !self.written.iter().map(|written| written.last).eq(found.rows.iter().copied()) {
            return Err(format!("batches are not whole: {:?}", found.rows));
        }
        if let Some(written) = self.written.last()
            && written.state_hash != state_hash(found.replay.state())
        {
            return Err(format!("the replay up to {survived} gives another state"));
        }
        self.model = Model::new(self.policy);
        for (at, command) in self.written.iter().flat_map(|written| &written.commands) {
            let _said_before = self.model.execute(*at, command);
        }
        self.model.compare(found.replay.state())?;
        if let Some(lost) = self.told.iter().find(|id| !found.orders.contains_key(id)) {
            return Err(format!("acknowledged order {lost} is gone"));
        }
        self.begin(ledger, found)?;
        self.repeat()
    }

    fn end(&mut self, ending: Ending) -> Result<(), String> {
        self.tally.cuts += u64::from(self.disk.is_cut());
        self.tally.history_cuts += u64::from(self.history_disk.is_cut());
        if ending == Ending::CleanStop && self.life.is_some() {
            // As the server's thread does at its end; the first life has nothing before it.
            let _followed = self.follow_history(true)?;
        }
        let durable = self.life.as_ref().map(|life| life.follow.tables.durable_cursor());
        if durable >= Some(self.history_lost_at) {
            self.history_lost_at = Seq(0);
        }
        match ending {
            Ending::Crash => {
                let survivors = (self.disk.survivor(), self.history_disk.survivor());
                self.life = None;
                (self.disk, self.history_disk) = survivors;
            }
            Ending::CleanStop => {
                self.tally.clean_stops += 1;
                self.life = None;
                self.history_disk = self.history_disk.survivor();
            }
        }
        self.history_faulty = false;
        self.tally.snapshots_damaged += self.files.damage(&mut self.rng)?;
        let sealed = self.sealed.take().map(|(_, asked, _)| asked);
        let open = std::mem::take(&mut self.open);
        sealed.into_iter().chain([open]).try_for_each(|asked| self.unanswered(asked))
    }

    /// Opens the ledger; the power may go again while it recovers.
    fn reopen(&mut self) -> Result<RedbLedger, String> {
        for attempt in 0.. {
            if self.rules == Rules::LyingDisk {
                self.disk.lie_about_syncs();
            }
            if attempt < 2 && self.rng.once_in(5) {
                self.disk.cut_after(self.rng.below(16));
            }
            let opened = life::open(&self.disk, &self.files.manifest()?);
            if !self.disk.is_cut() {
                return opened.map_err(|error| format!("the ledger does not open: {error}"));
            }
            self.tally.interrupted_opens += 1;
            self.disk = self.disk.survivor();
        }
        unreachable!("only two opens are cut")
    }

    fn begin(&mut self, ledger: RedbLedger, found: life::Found) -> Result<(), String> {
        let newest = self.files.newest(&ledger.reader())?;
        self.tally.snapshots_used += u64::from(newest.state().seq() > Seq(0));
        let replay = life::replay_from(newest, &ledger.reader(), &found)?;
        let tables = self.open_history(&found)?;
        // The machine's clock may come back earlier; time goes on from the ledger.
        let wall = Time(self.now.0 - self.rng.pick(&[0, 1_000, 3_600_000]));
        self.now = wall.max(replay.at());
        let late_ledger = LateLedger::new(ledger, self.rules == Rules::AnswersFirst);
        let life = Life::begin(late_ledger, replay, self.policy, tables)?;
        life.follow_history(false)?;
        archive::compare(&life.follow.tables, found.replay.state(), &found.orders)?;
        self.tally.retired += (found.orders.len() - found.replay.state().orders().count()) as u64;
        self.life = Some(life);
        Ok(())
    }

    /// HistoryTables as the crash has left it: with everything that memory has let go of. Now and
    /// then it is lost altogether, and is rebuilt from the ledger.
    fn open_history(&mut self, found: &life::Found) -> Result<HistoryTables, String> {
        let state = found.replay.state();
        if self.rng.once_in(8) {
            self.history_disk = FaultyDisk::new(self.rng.next());
            archive::create(&self.history_disk)?;
            self.tally.rebuilt += u64::from(state.orders().count() < found.orders.len());
            self.history_lost_at = state.seq();
            return archive::open(&self.history_disk, state.seq());
        }
        let tables = archive::open(&self.history_disk, state.seq())?;
        if self.history_lost_at == Seq(0) {
            archive::holds_what_left(&tables, state, &found.orders)?;
        }
        Ok(tables)
    }

    /// Some who were answered ask again with the same key: the first answer stands.
    fn repeat(&mut self) -> Result<(), String> {
        let now = self.now;
        self.placed.retain(|(at, ..)| now.ms_since(*at) < REPLIES_KEPT_MS);
        for _ in 0..self.placed.len().min(2) {
            let (at, order, id) = self.placed[self.rng.below(self.placed.len() as u64) as usize];
            if self.now.ms_since(at) >= REPLIES_KEPT_MS {
                continue;
            }
            let before = self.open.len();
            self.execute(Command::PlaceOrder(order))?;
            if let Some(asked) = self.open.get(before) {
                self.tally.repeats += 1;
                if asked.expected != Ok(Reply::Placed(Placed::Replayed(id))) {
                    return Err(format!("order {id} came back as {:?}", asked.expected));
                }
            }
        }
        Ok(())
    }
}
