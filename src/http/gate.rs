//! How many connections are open, in all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::error::Problem;
use crate::network;

/// Counts what is open.
#[derive(Debug)]
pub(super) struct Gate {
    connections_max: usize,
    connections_per_address_max: u32,
    open: watch::Sender<usize>,
    by_address: Mutex<HashMap<IpAddr, u32>>,
}

/// The right to one connection; given back on drop.
#[derive(Debug)]
pub(super) struct Slot {
    gate: Arc<Gate>,
    address: Option<IpAddr>,
}

impl Gate {
    /// Nothing is open yet.
    pub(super) fn new(connections_max: usize, connections_per_address_max: u32) -> Self {
        Self {
            connections_max,
            connections_per_address_max,
            open: watch::Sender::new(0),
            by_address: Mutex::default(),
        }
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until none is open.
    pub(super) async fn emptied(&self) {
        // The sender is ours: it cannot be gone.
        let mut open = self.open.subscribe();
        let _empty = open.wait_for(|open| *open == 0).await;
    }

    /// A slot, or what to answer instead.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Problem> {
        if *self.open.borrow() >= self.connections_max {
            return Err(Problem::overloaded(1).detail("too many connections are open"));
        }
        let address = counted(address);
        if let Some(address) = address {
            let mut by_address = self.by_address.lock();
            let count = by_address.entry(address).or_insert(0);
            if *count >= self.connections_per_address_max {
                return Err(
                    Problem::rate_limited(1).detail("too many connections from this address")
                );
            }
            *count += 1;
        }
        self.open.send_modify(|open| *open += 1);
        Ok(Slot { gate: Arc::clone(self), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.gate.by_address.lock();
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
                }
            }
        }
        self.gate.open.send_modify(|open| *open -= 1);
    }
}

/// What connections are counted by; those of this machine are not.
fn counted(address: IpAddr) -> Option<IpAddr> {
    Some(address).filter(|address| !address.to_canonical().is_loopback()).map(network::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections_max: usize, connections_per_address_max: u32) -> Arc<Gate> {
        Arc::new(Gate::new(connections_max, connections_per_address_max))
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let gate = gate(10, 2);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = gate.admit(address).unwrap();
        let _second = gate.admit(address).unwrap();
        assert_eq!(gate.admit(address).unwrap_err().code(), "rate_limited");
        assert!(gate.admit("192.0.2.2".parse().unwrap()).is_ok());
        drop(first);
        assert!(gate.admit(address).is_ok());
    }

    #[test]
    fn the_hosts_of_one_ipv6_network_share_and_loopback_is_exempt() {
        let gate = gate(10, 1);
        let _one = gate.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert!(gate.admit("2001:db8::2".parse().unwrap()).is_err());
        assert!(gate.admit("2001:db8:0:1::1".parse().unwrap()).is_ok());
        let local: Vec<_> =
            (0..4).map(|_| gate.admit("127.0.0.1".parse().unwrap()).unwrap()).collect();
        assert_eq!(gate.open(), 5);
        drop(local);
        assert_eq!(gate.open(), 1);
    }

    #[test]
    fn the_whole_is_bounded_for_loopback_too() {
        let gate = gate(1, 1);
        let _one = gate.admit("::1".parse().unwrap()).unwrap();
        assert_eq!(gate.admit("::1".parse().unwrap()).unwrap_err().code(), "overloaded");
        assert!(gate.by_address.lock().is_empty());
    }
}
