//! Jumps of the machine's clock: recorded when they are seen, accepted by the operator.

use std::sync::Arc;

use nexnum_engine::command::{AcceptClock, RecordClockStep};
use nexnum_engine::event::ClockJump;
use nexnum_engine::group::{Actor, Origin};

use super::{Market, Refused};
use crate::attention::{AttentionKind, AttentionSubject};

impl Market {
    /// Records that the machine's clock jumped and that time did not follow it.
    ///
    /// # Errors
    /// Why the engine did not take it.
    pub async fn record_clock_step(&self, jump: ClockJump) -> Result<(), Refused> {
        self.execute(Actor::System, RecordClockStep { jump }).await.map(drop)
    }

    /// Accepts what the machine's clock shows since it jumped: recorded first, then followed.
    /// `None` if the two agree, or the clock jumped again meanwhile, which is another jump.
    ///
    /// # Errors
    /// Why the engine did not take it; time goes on as before then.
    pub async fn accept_clock(&self, origin: &Origin) -> Result<Option<ClockJump>, Refused> {
        let Some(jump) = self.clock.jump().filter(|jump| jump.from != jump.to) else {
            return Ok(None);
        };
        self.execute(origin, AcceptClock { jump }).await?;
        if !self.clock.accept(jump) {
            return Ok(None);
        }
        self.attention.clear(AttentionKind::ClockApart, AttentionSubject::default());
        let clock = Arc::clone(&self.clock);
        // A panic there is logged; the loop that looks at the clock keeps it a second later.
        let _kept = tokio::task::spawn_blocking(move || clock.keep()).await;
        Ok(Some(jump))
    }
}
