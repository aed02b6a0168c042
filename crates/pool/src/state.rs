//! What admission asks of the chain: accounts, code and prices at the head.

use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::{AccountInfo, L1Info, SourceError};

/// Prices at the head, for the block that will be built next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadFees {
    /// Number of the head.
    pub number: u64,
    /// Base fee of the next block in wei.
    pub base_fee_next: u64,
    /// Gas limit of the next block.
    pub block_gas_limit: u64,
    /// Inputs of the L1 and operator fees.
    pub l1: L1Info,
}

/// What a transaction costs beside its own gas and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TxQuote {
    /// Estimated size in the compressed batch, in bytes (OP fjord/exec-engine).
    pub da_size: u64,
    /// L1 data fee in wei.
    pub l1_cost: U256,
    /// Operator fee for the whole gas limit in wei.
    pub operator_cost: U256,
}

/// State at the durable head. An implementor answers from the newest committed block, and shows a
/// block at the latest when [`Pool::on_durable`](crate::Pool::on_durable) is called for it.
pub trait PoolState: Send + Sync {
    /// The account, or `None` if it does not exist.
    ///
    /// # Errors
    /// [`SourceError`]: the store is broken.
    fn account(&self, address: Address) -> Result<Option<AccountInfo>, SourceError>;

    /// The code with this hash; asked only for accounts that have code.
    ///
    /// # Errors
    /// [`SourceError`]: the store is broken or has no such code.
    fn code(&self, code_hash: B256) -> Result<Bytes, SourceError>;

    /// Prices at the head; asked once when the pool opens and after a reset. Later ones come with
    /// [`Pool::on_block`](crate::Pool::on_block).
    fn fees(&self) -> HeadFees;

    /// Whether a durable block holds the transaction: it then has left the pool in good order, however
    /// its sender's nonce moved on.
    ///
    /// # Errors
    /// [`SourceError`]: the store is broken.
    fn included(&self, hash: &B256) -> Result<bool, SourceError>;

    /// Size and fees of the enveloped bytes `raw` at prices `fees`.
    fn quote(&self, fees: &HeadFees, raw: &[u8], gas_limit: u64) -> TxQuote;
}
