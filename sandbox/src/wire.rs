//! The wire formats: their names, addresses and keys. How each answers is its own file's.

use crate::random::mix;

/// Providers in a sandbox: one a wire format.
pub const PROVIDERS: usize = Wire::ALL.len();

/// A wire format, and with it one simulated provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Handler,
    FiveSim,
    SmsPool,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Handler, Self::FiveSim, Self::SmsPool];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Handler => "Kestrel",
            Self::FiveSim => "Heron",
            Self::SmsPool => "Lagoon",
        }
    }

    pub(crate) const fn driver(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::FiveSim => "fivesim",
            Self::SmsPool => "smspool",
        }
    }

    /// What the base address adds to the host.
    pub(crate) const fn base_path(self) -> &'static str {
        match self {
            Self::Handler => "/stubs/handler_api.php",
            Self::FiveSim => "/v1",
            Self::SmsPool => "",
        }
    }

    /// The name of its ids in the table of ids.
    pub(crate) const fn dialect(self) -> &'static str {
        match self {
            Self::Handler => "handler_api",
            Self::FiveSim => "fivesim",
            Self::SmsPool => "smspool",
        }
    }

    /// An account key of the length clients expect.
    pub(crate) fn key(self, seed: u64) -> String {
        let words = |count: u64| -> String {
            (0..count).map(|at| format!("{:016x}", mix(seed, &[20, self as u64, at]))).collect()
        };
        match self {
            Self::Handler => words(2),
            Self::FiveSim => format!("eyJhbGciOiJSUzUxMiJ9.{}.{}", words(8), words(8)),
            Self::SmsPool => words(2).to_uppercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_lengths_that_clients_check() {
        let lens = Wire::ALL.map(|wire| wire.key(1).len());
        assert_eq!((lens[0], lens[2]), (32, 32));
        assert!(lens[1] > 100);
    }
}
