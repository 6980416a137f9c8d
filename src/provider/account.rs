//! Our account at a provider, as its lists of open activations show it.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_driver::{ActiveRow, ErrorKind, Op, ProviderError};
use nexnum_engine::time::Time;

use super::active::OpenList;
use super::connected::Connected;
use super::listed::Listed;
use super::reported_rows;
use super::server_clock::{ClockOffset, Look};
use super::sightings::{Made, Shown};
use crate::attention::AttentionKind;
use crate::clock::Clock;

/// What shows that others buy on an account where that was seen before the start, or is not known
/// for want of room.
pub(crate) const TOLD_BEFORE: &str = "showed, before the start, an activation that was";

impl Connected {
    /// Asks for the open activations, as the client does with `since` by our clock, and
    /// remembers what the list shows: each list proves for later ones what is old.
    ///
    /// # Errors
    /// Those of the client.
    pub(crate) async fn list_active(
        &self,
        clock: &Clock,
        since: Time,
    ) -> Result<Listed, ProviderError> {
        let since = self.sightings.lock().reach(since);
        let asked = clock.now();
        let asked_for = self.client().list_active(since).await;
        let open = asked_for.inspect_err(|error| self.has_no_list(clock.now(), error))?;
        Ok(self.saw(open, Look { asked, answered: clock.now() }))
    }

    /// Until when its account counts as shared, for what lists have shown, before this start too.
    pub(crate) fn shared_until(&self) -> Time {
        self.accounts().map_or(Time(0), |accounts| accounts.until(self.name()))
    }

    /// Keeps until when its account counts as shared.
    pub(crate) fn is_shared_until(&self, until: Time) {
        if let Some(accounts) = self.accounts().filter(|_| !self.is_retired()) {
            accounts.set(self.name(), until);
        }
    }

    /// Tells the operator that others buy on the account: by what shows it, in words.
    pub(crate) fn tell_shared(&self, shown: &str) {
        let text = format!(
            "the account {shown} bought within the last hour and not by this market: a purchase \
             whose answer is lost is neither adopted nor given back until an hour after it; give \
             the account to one market, or set shared_account"
        );
        self.attention.raise(AttentionKind::SharedAccount, self.name(), text);
    }

    /// A list came.
    fn has_listed(&self) {
        if std::mem::take(&mut *self.unlisted.lock()).is_told && !self.is_retired() {
            self.attention.clear(AttentionKind::ActiveListFailed, self.name());
        }
    }

    /// A list did not come. A call that was not made says nothing of the provider.
    pub(crate) fn has_no_list(&self, now: Time, error: &ProviderError) {
        if !self.is_news(error) || self.is_retired() {
            return;
        }
        if self.unlisted.lock().fails(now, error.kind) {
            let doubts = if error.kind == ErrorKind::Unsupported {
                "orders end whose purchases are in doubt"
            } else {
                "purchases in doubt wait for the list"
            };
            let text = format!(
                "its list of open activations does not come ({}: {}): each activation is asked \
                 about alone, and {doubts}",
                error.kind.word(),
                error.excerpt
            );
            self.attention.raise(AttentionKind::ActiveListFailed, self.name(), text);
        }
    }

    /// Whether no list can be had: the driver knows none, or the provider says that it has none.
    pub(crate) fn has_none_to_list(&self, now: Time) -> bool {
        !self.driver().supports(Op::ListActive) || self.unlisted.lock().is_none(now)
    }

    /// Remembers what a list showed that has just come, for whatever it was asked for.
    pub(crate) fn saw(&self, OpenList { list, pages }: OpenList, look: Look) -> Listed {
        self.has_listed();
        // Other replies tell the provider's clock better than a list that took long.
        let by_all = self.client().server_clock().offset(look.answered);
        let offset = ClockOffset::of_list(&list, look)
            .map(|by_list| by_all.and_then(|by_all| by_all.and(by_list)).unwrap_or(by_list));
        let listed = Listed { list, pages, look, offset };
        self.sightings.lock().note(&listed);
        listed
    }

    /// When an activation of the last list was made, as far as lists prove it.
    pub(crate) fn made(&self, row: &ActiveRow) -> Made {
        self.sightings.lock().made(row)
    }

    /// True if a list that was there before a moment showed an activation.
    pub(crate) fn showed(&self, external_id: &str, before: Time) -> bool {
        let is_remembered = || self.reported_at(external_id).is_some_and(|at| at < before);
        self.sightings.lock().showed(external_id, before) || is_remembered()
    }

    /// Remembers what is reported of a list, over a restart too, and that it shows all of
    /// `shown`. False if there is no room for one.
    pub(crate) fn is_reported<'a>(
        &self,
        reported: impl Iterator<Item = &'a ActiveRow>,
        shown: &BTreeSet<&str>,
        is_cut: bool,
        now: Time,
    ) -> bool {
        let Some(rows) = self.reported().filter(|_| !self.is_retired()) else { return true };
        let reported = reported.map(|row| (&*row.external_id, self.made(row).before.min(now)));
        rows.note(self.name(), reported, shown, is_cut, now)
    }

    /// When a row was made, of which its date or lists say so: not after it was reported.
    pub(crate) fn made_by_report(&self, row: &ActiveRow, made: Made) -> Made {
        reported_rows::made_by(made, self.reported_at(&row.external_id))
    }

    /// When an activation that was reported was seen first.
    fn reported_at(&self, external_id: &str) -> Option<Time> {
        self.reported()?.seen_at(self.name(), external_id)
    }

    /// Remembers between which moments a purchase of ours was made.
    pub(crate) fn bought(&self, external_id: &str, made: Look) {
        self.sightings.lock().bought(external_id, made);
    }

    /// Between which moments the last purchases of ours were made.
    pub(crate) fn all_bought(&self) -> BTreeMap<Box<str>, Look> {
        self.sightings.lock().all_bought()
    }

    /// What the last list says of an activation that was bought at or after `since`; nothing
    /// if it was asked for before `not_before`.
    pub(crate) fn shown(&self, external_id: &str, since: Time, not_before: Time) -> Option<Shown> {
        self.sightings.lock().shown(external_id, since, not_before)
    }

    /// True if the last list shows an open activation that is one of ours.
    pub(crate) fn shows_any(&self, is_ours: impl Fn(&str) -> bool) -> bool {
        self.sightings.lock().shows_any(is_ours)
    }

    /// When the open activations were last listed, at the beginning of time if never; `None`
    /// where their dates prove what is new.
    pub(crate) fn undated_since(&self) -> Option<Time> {
        self.sightings.lock().undated_since()
    }
}
