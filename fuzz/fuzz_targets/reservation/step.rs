//! What a step of the target does.

use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug)]
pub enum Step {
    Claim {
        offer: u8,
        price_max: u8,
    },
    /// As after a restart, for an order that was waiting.
    ClaimOpen {
        offer: u8,
    },
    Release {
        which: u8,
    },
    /// An order through a claim: phase 2.
    Place {
        which: u8,
    },
    /// The provider gives a number.
    Assign {
        which: u8,
    },
    /// The provider has none.
    Refuse {
        which: u8,
    },
    /// The provider's answer is lost: from now on only a pulse ends the order.
    Doubt {
        which: u8,
    },
    Wait {
        s: u8,
    },
    Pulse,
    Add {
        offer: u8,
        units: u8,
    },
    Exhaust {
        offer: u8,
    },
    Reprice {
        offer: u8,
        price: u8,
    },
    Sync {
        second: bool,
        whole: bool,
        rows: Vec<(u8, u8, u8)>,
    },
    Switch {
        second: bool,
        open: bool,
    },
    Prefer {
        second: bool,
        priority: u8,
    },
}
