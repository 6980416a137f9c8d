//! What follows a life: what survived is opened and held against everything promised.

use nexnum_engine::audit::state_hash;
use nexnum_engine::command::{Command, Placed, Reply};
use nexnum_engine::ids::Seq;
use nexnum_engine::limits::REPLIES_KEPT_MS;
use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::history::HistoryTables;
use nexnum_storage::{Ledger, RedbLedger};

use crate::archive;
use crate::late_ledger::LateLedger;
use crate::life::{self, Life};
use crate::model::Model;
use crate::world::{Ending, Rules, World};

impl World {
    /// Ends the life, opens what survived, and holds it against everything promised.
    pub(crate) fn recover(&mut self, ending: Ending) -> Result<(), String> {
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
        life.check_tallies()?;
        self.tally.retired += (found.orders.len() - found.replay.state().orders().count()) as u64;
        self.life = Some(life);
        Ok(())
    }

    /// History as the crash has left it: with everything that memory has let go of. Now and
    /// then it is lost altogether, and is built anew from the ledger.
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
            let (at, order, id) =
                self.placed[self.rng.below(self.placed.len() as u64) as usize].clone();
            let now = self.now;
            if now.ms_since(at) >= REPLIES_KEPT_MS || self.life().core.is_full(now) {
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
