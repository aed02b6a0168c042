//! Payload attributes: all that determines a block beside its parent.

use alloc::vec::Vec;
use alloy_primitives::{Address, B64, B256, Bytes};

/// All that determines a block, the same type for the sequencer and for derivation.
///
/// Transactions are EIP-2718 bytes: the L1 attributes deposit first, then user deposits (first block
/// of an epoch only), then batch transactions. A sequencer appends pool transactions while it builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadAttributes {
    /// Unix seconds: parent time plus block time.
    pub timestamp: u64,
    /// `mixHash` of the L1 origin.
    pub prev_randao: B256,
    /// Beneficiary: the sequencer fee vault.
    pub fee_recipient: Address,
    /// `parentBeaconBlockRoot` of the L1 origin, or zero.
    pub parent_beacon_block_root: B256,
    /// Gas limit of the block.
    pub gas_limit: u64,
    /// Holocene parameters, `denominator:u32 ++ elasticity:u32`; zero stands for the chain's Canyon values.
    pub eip1559_params: B64,
    /// Forced transactions in order, EIP-2718 bytes.
    pub transactions: Vec<Bytes>,
    /// Whether no pool transaction may be appended. Always true when derived.
    pub no_tx_pool: bool,
}

impl PayloadAttributes {
    /// The same attributes with deposits only, which replace a payload that proved invalid
    /// (OP holocene/derivation).
    pub fn deposits_only(&self) -> Self {
        Self {
            transactions: self
                .transactions
                .iter()
                .filter(|tx| tx.first() == Some(&crate::constants::DEPOSIT_TX_TYPE))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }
}
