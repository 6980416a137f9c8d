//! What this face may touch.

use std::sync::{Arc, OnceLock, Weak};

use crate::face::description::Description;
use crate::http::Router;
use crate::order::Orders;

/// What this face may touch.
#[derive(Clone, Debug)]
pub struct State {
    /// Orders, their market and its providers: what metrics are read from.
    pub orders: Arc<Orders>,
    /// The routes of the whole server, for the counters they keep; set once they are complete.
    pub router: Arc<OnceLock<Weak<Router>>>,
    /// The description of all routes; set once they are complete.
    pub description: Arc<OnceLock<Description>>,
}
