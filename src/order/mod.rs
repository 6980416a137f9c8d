//! A number, from the wish to the refund: what buyers ask, a file a verb.
//!
//! Operations speak of accounts, orders and refusals. They know no HTTP: a face parses,
//! calls one of them and renders what it gives. Every outcome goes to the engine as a
//! command; nothing here decides what is allowed.

mod absence;
mod arrived;
mod assigned;
mod attempt_end;
pub mod buy;
mod callback;
mod cancel;
pub mod claim;
pub mod doubt;
mod elsewhere;
mod finish;
mod in_flight;
mod ingest;
pub(crate) mod least_cost;
pub mod matching;
pub(crate) mod misfit;
pub(crate) mod missing;
pub mod notes;
mod numbered;
pub mod orphan;
mod overflow;
mod place;
mod posted;
mod query;
pub mod quote;
mod received;
mod refusal;
mod refused;
mod refused_ids;
mod refused_told;
mod resend;
mod show;
pub(crate) mod shown;
mod single_flight;
mod spare_copies;
mod take_up;
mod tasks;
pub mod texts;
mod unanswered;
mod unknown;
mod upstream;
mod waited;

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::command::{Request, Timings};
use nexnum_engine::group::{Actor, Origin};
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use crate::market::Market;
use crate::market::sequencer::SendError;
use crate::provider::providers::Providers;

use self::doubt::Doubts;
use self::in_flight::InFlight;
use self::missing::Missing;
use self::numbered::Numbered;
use self::refused_ids::RefusedIds;
use self::refused_told::RefusedTold;
use self::shown::ShownNotes;
use self::single_flight::SingleFlight;
use self::spare_copies::SpareCopies;
use self::tasks::Tasks;
use self::unanswered::UnansweredCancels;
use self::waited::Waited;

/// How long a change that a provider has made waits for a full inbox.
const RECORD_MS: u64 = 2_000;

pub(crate) use assigned::Given;
pub(crate) use callback::DroppedCallbacks;
pub use callback::{CallbackRefusal, OperatorsWord, Processed};
pub use ingest::{ActivationReport, INGEST_MS, Unseen};
pub(crate) use orphan::TOLD_AFTER;
pub use place::{NUMBER_WAIT, OrderRequest, PlacedOrder};
pub use query::{OrdersPage, SCAN_MAX};
pub use refusal::{Refusal, UpstreamError};
pub use refused::CallbackSource;
pub use shown::Asker;
pub(crate) use take_up::UNENDED;

/// Own stock as a provider.
#[derive(Clone, Copy, Debug)]
pub struct OwnStock {
    /// Its id among the providers.
    pub provider: ProviderId,
    /// How its numbers live.
    pub timings: Timings,
}

/// What orders need.
#[derive(Debug)]
pub struct Orders {
    /// Where they are bought and sold.
    pub market: Market,
    /// Whom they are bought from.
    pub providers: Providers,
    /// Purchases whose outcome is unknown.
    pub doubts: Doubts,
    /// Activations that their providers do not know at the moment.
    pub(crate) missing: Mutex<BTreeMap<ProviderId, Missing>>,
    /// What runs in the background for single orders.
    pub(crate) tasks: Tasks,
    single_flight: SingleFlight,
    in_flight: InFlight,
    waited: Waited,
    /// Wishes that a text without a code came to: a code that is equal answers them still.
    kept_wishes: Waited,
    numbered: Numbered,
    spare_copies: SpareCopies,
    pub(crate) shown_notes: ShownNotes,
    unanswered_cancels: UnansweredCancels,
    own: OwnStock,
    refused_ids: RefusedIds,
    /// What the operator has been told of each provider's refused callbacks.
    refused_told: Mutex<BTreeMap<ProviderId, RefusedTold>>,
}

impl Orders {
    /// Orders of a market.
    #[must_use]
    pub fn new(market: Market, providers: Providers, own: OwnStock) -> Arc<Self> {
        let tasks = Tasks::new(&market.attention);
        let read_model = &market.read_model;
        let is_open = |id: &OrderId| read_model.order(*id).is_some_and(|it| it.awaits_another);
        let wishes = read_model.driven().into_iter().filter(is_open).collect();
        Arc::new(Self {
            market,
            providers,
            own,
            doubts: Doubts::default(),
            missing: Mutex::default(),
            tasks,
            single_flight: SingleFlight::default(),
            in_flight: InFlight::default(),
            refused_ids: RefusedIds::default(),
            refused_told: Mutex::default(),
            waited: Waited::default(),
            kept_wishes: Waited::default(),
            numbered: Numbered::default(),
            spare_copies: SpareCopies::after_start(wishes),
            shown_notes: ShownNotes::default(),
            unanswered_cancels: UnansweredCancels::default(),
        })
    }

    /// Sends a command about an order that was found.
    async fn command(
        &self,
        origin: &Origin,
        order: &Order,
        request: impl Request,
    ) -> Result<(), Refusal> {
        let answer = self.market.handle.ask(origin, request).await?;
        answer.map(drop).map_err(|reject| about(order, reject))
    }

    /// Records what a worker has done or learnt at the provider of an order, or not if the engine
    /// takes nothing until then.
    pub(crate) async fn record<R: Request + Clone>(
        &self,
        order: &Order,
        request: &R,
        until: Time,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        self.market.send_until(Actor::Worker(order.provider), request, until).await
    }

    /// Records a change that a provider has made, also if its buyer has stopped waiting. A refusal
    /// is told to the request that comes to say so itself.
    async fn record_change(&self, origin: &Origin, request: &(impl Request + Clone)) {
        let until = self.market.clock.now().plus_ms(RECORD_MS);
        let _answer = self.market.send_until(origin, request, until).await;
    }
}

/// The engine's refusal of a command about an order that was found.
fn about(order: &Order, reject: Reject) -> Refusal {
    match reject {
        // If the engine has it no more, it ended long ago.
        Reject::UnknownOrder => Refusal::Rejected(Reject::ActivationClosed(order.state)),
        reject => Refusal::Rejected(reject),
    }
}
