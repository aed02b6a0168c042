//! A transaction in the pool.

use alloy_primitives::{Address, B256, Bytes, U256};
use op_alloy_consensus::OpTxEnvelope;

/// A decoded transaction with its sender, recovered once, and what the pool orders it by.
#[derive(Debug, Clone)]
pub struct PoolTx {
    /// EIP-2718 bytes, as received.
    pub raw: Bytes,
    /// The decoded transaction (type 0, 1, 2 or 4).
    pub tx: OpTxEnvelope,
    /// The signer.
    pub sender: Address,
    /// `keccak256(raw)`.
    pub hash: B256,
    /// Nonce.
    pub nonce: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Fee cap in wei per gas; the gas price of types 0 and 1.
    pub max_fee: u128,
    /// Tip cap in wei per gas; the gas price of types 0 and 1.
    pub max_tip: u128,
    /// `value + gas_limit * max_fee + L1 fee + operator fee` at admission, in wei; saturates.
    pub cost: U256,
    /// Estimated size in the compressed batch, in bytes.
    pub da_size: u64,
    /// Position in the order of acceptance; kept over restarts.
    pub arrival: u64,
    /// Unix milliseconds of acceptance; kept over restarts.
    pub accepted_ms: u64,
    /// How often an unwound block gave it back.
    pub requeued: u32,
    /// Private lane: in no content listing and no subscription.
    pub private: bool,
    /// Signers of its EIP-7702 authorizations, ascending, each once.
    pub authorities: Vec<Address>,
}

impl PoolTx {
    /// Tip per gas at `base_fee` in wei: `min(max_tip, max_fee - base_fee)`, negative if the fee cap
    /// is below the base fee.
    pub fn effective_tip(&self, base_fee: u64) -> i128 {
        let above = clip(self.max_fee).saturating_sub(i128::from(base_fee));
        above.min(clip(self.max_tip))
    }
}

fn clip(fee: u128) -> i128 {
    i128::try_from(fee).unwrap_or(i128::MAX)
}
