//! Limits of the transaction manager.

use std::time::Duration;

/// How one account's transactions are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxManagerConfig {
    /// Transactions not yet landed, at most. They stand at consecutive nonces.
    pub in_flight_max: usize,
    /// Landed transactions that are watched until final, at most.
    pub watched_max: usize,
    /// Blocks upon a landed transaction before one of the other kind (blob or not) is taken: a reorg
    /// that drops the first must not find the second in its way.
    pub confirmations: u64,
    /// Without inclusion for this long, fees are raised.
    pub bump_after: Duration,
    /// Without inclusion for this long at the highest fee, the same bytes are sent again.
    pub resend_after: Duration,
    /// Highest fee per gas, in wei.
    pub max_fee_cap: u128,
    /// Highest fee per blob gas, in wei.
    pub max_blob_fee_cap: u128,
    /// Lowest priority fee per gas, in wei.
    pub tip_min: u128,
    /// A fee never exceeds this multiple of its first estimate.
    pub fee_multiple_max: u128,
    /// Reverts in a row that stop the account.
    pub reverts_max: u32,
    /// Wei spent in an hour, at most.
    pub spending_per_hour_max: u128,
}

impl TxManagerConfig {
    /// For a public L1 (`RELIABILITY.md` section 9).
    pub const fn public() -> Self {
        Self {
            in_flight_max: 6,
            watched_max: 1_024,
            confirmations: 10,
            bump_after: Duration::from_secs(48),
            resend_after: Duration::from_secs(120),
            max_fee_cap: 500_000_000_000,
            max_blob_fee_cap: 500_000_000_000,
            tip_min: 1_000_000_000,
            fee_multiple_max: 5,
            reverts_max: 3,
            spending_per_hour_max: 5_000_000_000_000_000_000,
        }
    }

    /// For a development L1 with blocks of a second.
    pub const fn dev() -> Self {
        Self {
            confirmations: 4,
            bump_after: Duration::from_secs(6),
            resend_after: Duration::from_secs(10),
            ..Self::public()
        }
    }
}

impl Default for TxManagerConfig {
    fn default() -> Self {
        Self::public()
    }
}
