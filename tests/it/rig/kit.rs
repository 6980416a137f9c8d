//! The HTTP kit's server with routes of a test.

use std::net::SocketAddr;
use std::sync::Arc;

use nexnum::http::request_id::RequestIds;
use nexnum::http::{Router, Server, ServerLimits, bind};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a port of its own; it stops when dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    cut_off: JoinHandle<usize>,
}

pub(crate) async fn serve(router: Router, limits: ServerLimits) -> Served {
    let server = Server { router: Arc::new(router), limits, request_ids: RequestIds::new(7) };
    let (listener, address) = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let cut_off = tokio::spawn(server.serve(listener, async {
        // An error means that the sender was dropped: stop as well.
        let _stop = stopped.await;
    }));
    Served { address, stop, cut_off }
}

impl Served {
    /// Stops the server; says how many connections it cut off.
    pub(crate) async fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        self.cut_off.await.unwrap()
    }
}
