//! The operations: what can be asked of a provider.

/// What can be asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The account's balance.
    Balance,
    /// The whole price list.
    Prices,
    /// Buy a number.
    Buy,
    /// An activation's state and messages.
    Status,
    /// Give a number back.
    Cancel,
    /// Say that no more messages are wanted.
    Finish,
    /// Ask for another message.
    Resend,
    /// The activations open at the provider.
    ListActive,
}

impl Op {
    /// All operations, in the order of their documents.
    pub const ALL: [Self; 8] = [
        Self::Balance,
        Self::Prices,
        Self::Buy,
        Self::Status,
        Self::Cancel,
        Self::Finish,
        Self::Resend,
        Self::ListActive,
    ];

    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Prices => "prices",
            Self::Buy => "buy",
            Self::Status => "status",
            Self::Cancel => "cancel",
            Self::Finish => "finish",
            Self::Resend => "resend",
            Self::ListActive => "list_active",
        }
    }

    /// True if asking twice changes nothing.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        match self {
            Self::Balance | Self::Prices | Self::Status | Self::ListActive => true,
            Self::Buy | Self::Cancel | Self::Finish | Self::Resend => false,
        }
    }
}
