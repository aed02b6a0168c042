//! Why a transaction was not taken, and why one was dropped later. The numbers are those that the
//! messages of `USERS.md` section 2.8 print.

use crate::journal::JournalError;
use alloy_primitives::{Address, B256, U256};
use foggara_primitives::SourceError;

/// A transaction was refused. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The bytes are not a signed transaction.
    #[error("failed to decode signed transaction: {reason}")]
    Undecodable {
        /// What the decoder said.
        reason: String,
    },
    /// A type that this chain does not take (3 is a blob transaction).
    #[error("transaction type not valid: type {ty} not supported on this chain")]
    UnsupportedType {
        /// First byte.
        ty: u8,
    },
    /// More bytes than the pool takes.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Bytes seen.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The signature is not canonical or recovers to nobody.
    #[error("invalid transaction signature")]
    InvalidSignature,
    /// The transaction names another chain.
    #[error("invalid chain ID: have {have}, want {want}")]
    ChainId {
        /// Seen.
        have: u64,
        /// This chain.
        want: u64,
    },
    /// A legacy transaction without a chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// Init code is too long.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeTooLarge {
        /// Bytes seen.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A set-code transaction without authorizations (EIP-7702).
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizations,
    /// The gas limit does not cover what is charged before execution (EIP-2028, 2930, 3860, 7702),
    /// or the floor of EIP-7623.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// Gas limit.
        have: u64,
        /// Gas needed.
        want: u64,
    },
    /// The gas limit is above the block's.
    #[error("exceeds block gas limit (gas limit reached): have {have}, limit {limit}")]
    ExceedsBlockGas {
        /// Gas limit of the transaction.
        have: u64,
        /// Gas limit of a block.
        limit: u64,
    },
    /// The gas limit is above what the pool takes.
    #[error("transaction gas limit too high (cap: {cap}, tx: {have})")]
    GasAboveCap {
        /// Gas limit of the transaction.
        have: u64,
        /// What the pool takes.
        cap: u64,
    },
    /// The tip is above the fee cap.
    #[error("max priority fee per gas higher than max fee per gas: tip {tip}, fee {fee}")]
    TipAboveFee {
        /// `maxPriorityFeePerGas` in wei.
        tip: u128,
        /// `maxFeePerGas` in wei.
        fee: u128,
    },
    /// The fee cap is below the next base fee, and this pool does not hold such transactions.
    #[error("max fee per gas less than block base fee: maxFeePerGas: {fee}, baseFee: {base_fee}")]
    FeeBelowBaseFee {
        /// `maxFeePerGas` in wei.
        fee: u128,
        /// Base fee of the next block in wei.
        base_fee: u64,
    },
    /// Gas limit times fee cap is above the node's cap.
    #[error("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)")]
    FeeAboveCap {
        /// Gas limit times fee cap in wei.
        fee: U256,
        /// The node's cap in wei.
        cap: u128,
    },
    /// The nonce is used.
    #[error("nonce too low: next nonce {next}, tx nonce {got}")]
    NonceTooLow {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        got: u64,
    },
    /// The nonce is further ahead than a gap may be.
    #[error("nonce too high: next nonce {next}, tx nonce {got}, reach {reach}")]
    NonceTooHigh {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        got: u64,
        /// Nonces from `next` that are held.
        reach: u64,
    },
    /// The balance does not cover the worst costs of the sender's pooled transactions and this one.
    #[error("insufficient funds for gas * price + value: have {have} want {want}")]
    InsufficientFunds {
        /// Balance in wei.
        have: U256,
        /// Worst cost of all, with L1 and operator fee, in wei; saturates.
        want: U256,
        /// What of `want` other pooled transactions of the sender take.
        pooled: U256,
    },
    /// The sender has code that is not a delegation (EIP-3607).
    #[error("sender not an eoa: address {sender}, codehash: {code_hash}")]
    SenderNotEoa {
        /// The sender.
        sender: Address,
        /// Hash of its code.
        code_hash: B256,
    },
    /// The same bytes are in the pool.
    #[error("already known")]
    AlreadyKnown {
        /// Their hash.
        hash: B256,
    },
    /// A pooled transaction with this nonce does not pay enough less.
    #[error(
        "replacement transaction underpriced: needs >= {fee_min} wei fee and {tip_min} wei tip"
    )]
    ReplacementUnderpriced {
        /// `maxFeePerGas` needed at least, in wei.
        fee_min: u128,
        /// `maxPriorityFeePerGas` needed at least, in wei.
        tip_min: u128,
        /// `maxFeePerGas` of the transaction.
        fee: u128,
        /// `maxPriorityFeePerGas` of the transaction.
        tip: u128,
    },
    /// The pool is full, or asks a minimum, and this transaction pays less.
    #[error("transaction underpriced: pool minimum {minimum}, effective tip {tip}")]
    Underpriced {
        /// Effective tip at the next base fee, in wei per gas; negative if the fee cap is below it.
        tip: i128,
        /// Effective tip needed at least.
        minimum: i128,
    },
    /// A delegated account, or one with a pending authorization, has its one transaction in flight.
    #[error("in-flight transaction limit reached for delegated accounts: {sender}, limit {limit}")]
    DelegatedInFlight {
        /// The account.
        sender: Address,
        /// Transactions allowed.
        limit: usize,
    },
    /// A delegated account may only send its next nonce.
    #[error("gapped-nonce tx from delegated accounts: next nonce {next}, tx nonce {got}")]
    DelegatedGap {
        /// The account.
        sender: Address,
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        got: u64,
    },
    /// The authority of an authorization has another authorization or transactions in the pool.
    #[error("authority already reserved: {authority}, limit {limit}")]
    AuthorityReserved {
        /// The authority.
        authority: Address,
        /// Authorizations allowed.
        limit: usize,
    },
    /// Admission is closed (`USERS.md` section 2.8: node not ready).
    #[error("node is not accepting transactions: {reason}")]
    Closed {
        /// Why.
        reason: String,
    },
    /// The journal could not take the record. The transaction is not accepted.
    #[error("transaction could not be journalled: {0}")]
    Journal(#[from] JournalError),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] SourceError),
}

/// Why an accepted transaction left the pool without being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Another transaction of the sender took its nonce.
    Replaced {
        /// Hash of the other.
        by: B256,
    },
    /// The account's nonce has passed it.
    NonceUsed {
        /// Nonce of the account.
        next: u64,
    },
    /// The balance no longer covers its worst cost.
    Unpayable,
    /// It stayed behind a nonce gap for too long.
    Expired,
    /// The pool was full and it paid least.
    Evicted,
    /// An operator or a development method removed it.
    Removed,
    /// A builder found that no block can take it.
    Invalid,
}

impl DropReason {
    /// The word of `rollup_txStatus` (`USERS.md` section 2.5).
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Replaced { .. } => "replaced",
            Self::NonceUsed { .. } => "nonceUsed",
            Self::Unpayable => "unpayable",
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Removed => "removed",
            Self::Invalid => "invalid",
        }
    }
}

/// The pool could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The journal is damaged or unreadable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] SourceError),
    /// A thread could not be started.
    #[error("cannot start a thread of the pool: {0}")]
    Thread(std::io::Error),
}
