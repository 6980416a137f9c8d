//! Commands from rooms and workers: sent once, or until the engine takes them.

use std::time::Duration;

use nexnum_engine::command::Request;
use nexnum_engine::group::Origin;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;

use super::Market;
use super::refused::Refused;
use super::sequencer::SendError;

/// First pause before a command is sent again to a full inbox: it drains in milliseconds.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause before a command is sent again.
pub const BUSY_PAUSE_MAX: Duration = Duration::from_millis(500);

impl Market {
    /// Sends a command that an origin brings, once, and gives its answer.
    ///
    /// # Errors
    /// The engine's refusal, or why it did not take the command.
    pub async fn execute<R: Request>(
        &self,
        origin: impl Into<Origin>,
        request: R,
    ) -> Result<R::Answer, Refused> {
        Ok(self.handle.ask(origin, request).await??)
    }

    /// Sends a command until the engine takes it; a full inbox is tried again until `until`.
    ///
    /// # Errors
    /// [`SendError::Busy`] when the time is over, [`SendError::Stopped`] at once.
    pub async fn send_until<R: Request + Clone>(
        &self,
        origin: impl Into<Origin>,
        request: &R,
        until: Time,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        self.send_whole_until(origin, request.clone(), until).await
    }

    /// As [`Market::send_until`], of a command that is too long to be copied.
    ///
    /// # Errors
    /// As [`Market::send_until`].
    pub async fn send_whole_until<R: Request>(
        &self,
        origin: impl Into<Origin>,
        request: R,
        until: Time,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        let mut next = BUSY_PAUSE;
        let pause = || {
            let pause = next;
            next = (2 * next).min(BUSY_PAUSE_MAX);
            (self.clock.now() < until).then_some(pause)
        };
        self.handle.ask_again(origin, request, pause).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::testing::started;
    use nexnum_engine::command::NameVariant;
    use nexnum_engine::group::Actor;
    use nexnum_engine::product::Variant;
    use tempfile::TempDir;

    #[tokio::test]
    async fn a_command_is_sent_until_the_inbox_has_room_or_its_time_is_over() {
        let folder = TempDir::new().unwrap();
        let (market, threads) = started(&folder);
        let full_for = |ms| {
            let handle = market.handle.full_for(Duration::from_millis(ms));
            Market { handle, ..market.clone() }
        };
        let name = |name: &str| NameVariant::of_carrier(name.into());
        let in_ms = |ms| market.clock.now().plus_ms(ms);
        let directory = market.read_model.directory();
        let known = |name: &str| directory.variant(&Variant::of_carrier(name.into()));
        // 1. Room comes in time: it is done once, and answered.
        let busy = full_for(300);
        let answer = busy.send_whole_until(Actor::System, name("late"), in_ms(30_000)).await;
        assert_eq!(answer.unwrap().ok(), known("late"));
        // 2. Time is over: nothing has happened, and nothing does when there is room again.
        let (busy, began) = (full_for(1_500), market.clock.now());
        let answer = busy.send_whole_until(Actor::System, name("never"), in_ms(200)).await;
        assert_eq!(answer, Err(SendError::Busy));
        assert!(market.clock.now().ms_since(began) < 1_400, "it waited on");
        tokio::time::sleep(Duration::from_millis(1_700)).await;
        assert_eq!(known("never"), None);
        // 3. What the engine refuses is an answer, not sent again.
        let refused = market.send_whole_until(Actor::System, name(""), in_ms(30_000)).await;
        assert!(matches!(refused, Ok(Err(_))), "{refused:?}");
        drop(busy);
        threads.stop().unwrap();
        // 4. An engine that has stopped takes nothing: that is told at once.
        let stopped = market.send_whole_until(Actor::System, name("after"), in_ms(30_000)).await;
        assert_eq!(stopped, Err(SendError::Stopped));
    }
}
