//! The books: places where money stands. All of them together hold nothing, always.
//!
//! What we owe stands above zero, what we have or are owed below it.

use crate::ids::{AccountId, ProviderId, RailId};

/// A place where money stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// What a customer can spend of the money that was paid in.
    Available(AccountId),
    /// What a customer can spend of the money that was given, and that is never paid out.
    Bonus(AccountId),
    /// What of a customer's paid money is committed to open orders.
    Escrow(AccountId),
    /// What of a customer's bonus is committed to open orders.
    EscrowBonus(AccountId),
    /// What of a customer's money waits for a decision, such as a withdrawal's.
    Hold(AccountId),
    /// What we have at a provider: paid, and not used up.
    Prepaid(ProviderId),
    /// What we owe a provider for what it charged beyond that.
    Payable(ProviderId),
    /// What a provider has charged for numbers that no delivery and no return accounts for yet.
    Receivable(ProviderId),
    /// What a provider cost us without a delivery.
    WriteOffs(ProviderId),
    /// Our margin.
    Revenue,
    /// What customers paid for services beside their orders.
    Fees,
    /// What an operator put right by hand.
    Adjustments,
    /// What conversions between currencies brought or cost.
    ExchangeDifferences,
    /// What sold numbers of own stock cost.
    OwnStockCost,
    /// What came in by a rail, less what was paid out by it.
    Rail(RailId),
}

impl Book {
    /// The provider whose it is, where it is one's.
    #[must_use]
    pub const fn provider(self) -> Option<ProviderId> {
        match self {
            Self::Prepaid(provider)
            | Self::Payable(provider)
            | Self::Receivable(provider)
            | Self::WriteOffs(provider) => Some(provider),
            Self::Available(_)
            | Self::Bonus(_)
            | Self::Escrow(_)
            | Self::EscrowBonus(_)
            | Self::Hold(_)
            | Self::Revenue
            | Self::Fees
            | Self::Adjustments
            | Self::ExchangeDifferences
            | Self::OwnStockCost
            | Self::Rail(_) => None,
        }
    }

    /// The customer whose it is, where it is one's.
    #[must_use]
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::Available(account)
            | Self::Bonus(account)
            | Self::Escrow(account)
            | Self::EscrowBonus(account)
            | Self::Hold(account) => Some(account),
            Self::Prepaid(_)
            | Self::Payable(_)
            | Self::Receivable(_)
            | Self::WriteOffs(_)
            | Self::Revenue
            | Self::Fees
            | Self::Adjustments
            | Self::ExchangeDifferences
            | Self::OwnStockCost
            | Self::Rail(_) => None,
        }
    }
}
