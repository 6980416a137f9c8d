//! What a client's address is counted and known by.

use std::net::{IpAddr, Ipv6Addr};

/// The address, or its network of 64 bits where one host has many: an IPv6 address. An IPv4 address
/// that is written as IPv6 is itself.
#[must_use]
pub fn of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// In words: an address of IPv4, or a network of IPv6 as `2001:db8::/64`.
#[must_use]
pub fn shown(network: IpAddr) -> String {
    match network {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(network) => format!("{network}/64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_by_itself_and_one_of_ipv6_by_its_network() {
        for (address, network) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::/64"),
            ("2001:db8::ffff:1", "2001:db8::/64"),
            ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(shown(of(address.parse().unwrap())), network);
        }
    }
}
