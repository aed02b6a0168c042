//! A batch: the data of one block (singular) or of consecutive blocks (span).
//!
//! The first byte is the version, 0 or 1. Bytes behind a complete batch are ignored, as both public
//! implementations do; [`crate::BatchReader`] takes batches out of a channel.

use crate::{SingularBatch, SpanBatch};
use alloy_primitives::Bytes;
use foggara_primitives::{RollupConfig, constants::GAS_LIMIT_MAX};

/// Version byte of a singular batch.
pub const SINGULAR_BATCH: u8 = 0;
/// Version byte of a span batch.
pub const SPAN_BATCH: u8 = 1;

/// Transactions that are kept of one block's data: one more than fit under the highest gas limit at
/// 21,000 gas each. A block with more is invalid whatever stands behind them, so the rest is left out
/// and memory stays bounded.
pub const MAX_BLOCK_TRANSACTIONS: usize = (GAS_LIMIT_MAX / 21_000) as usize + 1;

/// What of the chain's configuration the batch formats refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchContext {
    /// L2 chain id, which span batches leave out of their transactions.
    pub chain_id: u64,
    /// Unix seconds of the L2 genesis, to which span batches count their time.
    pub genesis_time: u64,
    /// Seconds between L2 blocks.
    pub block_time: u64,
}

impl BatchContext {
    /// The context of a rollup.
    pub const fn of(config: &RollupConfig) -> Self {
        Self {
            chain_id: config.l2_chain_id,
            genesis_time: config.genesis.l2_time,
            block_time: config.block_time,
        }
    }
}

/// The data of one block or of consecutive blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// One block.
    Singular(SingularBatch),
    /// Consecutive blocks.
    Span(SpanBatch),
}

/// Bytes that are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The byte string is empty.
    #[error("batch is empty")]
    Empty,
    /// The version byte is neither 0 nor 1.
    #[error("batch version is {0}, expected 0 or 1")]
    Version(u8),
    /// The bytes end inside a field.
    #[error("batch is truncated")]
    Truncated,
    /// An RLP item is malformed, not canonical, or not of the expected shape.
    #[error("batch holds bad RLP: {0}")]
    Rlp(alloy_rlp::Error),
    /// A base-128 integer exceeds 64 bits.
    #[error("uvarint exceeds 64 bits")]
    Uvarint,
    /// A bit list has bits set beyond its length.
    #[error("bit list has bits beyond its length")]
    Bits,
    /// A span batch states no block.
    #[error("span batch has no block")]
    NoBlock,
    /// A span batch states more blocks, transactions, or bytes of one transaction than allowed.
    #[error("span batch states {got} elements, allowed are {max}")]
    TooMany {
        /// Count stated.
        got: u64,
        /// `MAX_SPAN_BATCH_ELEMENT_COUNT`.
        max: u64,
    },
    /// A span batch holds a transaction of a type it cannot carry.
    #[error("span batch holds a transaction of type {0:#x}")]
    TxType(u8),
    /// A type 4 transaction without recipient.
    #[error("span batch holds a type 4 transaction that creates a contract")]
    SetCodeWithoutTo,
}

impl From<alloy_rlp::Error> for BatchError {
    fn from(error: alloy_rlp::Error) -> Self {
        Self::Rlp(error)
    }
}

impl Batch {
    /// Reads a batch with its version byte.
    ///
    /// # Errors
    /// [`BatchError`]: what was found instead. Nothing of an undecodable batch is used.
    pub fn decode(bytes: &Bytes, context: BatchContext) -> Result<Self, BatchError> {
        match bytes.first().ok_or(BatchError::Empty)? {
            &SINGULAR_BATCH => SingularBatch::decode(&bytes.slice(1..)).map(Self::Singular),
            &SPAN_BATCH => SpanBatch::decode(bytes.slice(1..), context).map(Self::Span),
            other => Err(BatchError::Version(*other)),
        }
    }
}
