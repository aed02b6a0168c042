//! The block environment: what the opcodes of a block see, and the rules that hold in it.

use crate::decode_extra_data;
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_evm::EvmEnv;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use foggara_primitives::{ChainSpec, PayloadAttributes};
use op_revm::OpSpecId;
use revm::{
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
};

/// What a block tells its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// Block number.
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// Who receives the priority fees.
    pub beneficiary: Address,
    /// Gas limit.
    pub gas_limit: u64,
    /// Base fee in wei.
    pub base_fee: u64,
    /// Randomness of the L1 origin.
    pub prev_randao: B256,
}

impl BlockContext {
    /// Of a sealed block.
    pub fn of(header: &Header) -> Self {
        Self {
            number: header.number,
            timestamp: header.timestamp,
            beneficiary: header.beneficiary,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            prev_randao: header.mix_hash,
        }
    }

    /// Of the block that these attributes make on top of a parent.
    pub fn next(parent: &Header, attributes: &PayloadAttributes, base_fee: u64) -> Self {
        Self {
            number: parent.number.saturating_add(1),
            timestamp: attributes.timestamp,
            beneficiary: attributes.fee_recipient,
            gas_limit: attributes.gas_limit,
            base_fee,
            prev_randao: attributes.prev_randao,
        }
    }

    /// The environment of the engine on the chain with this id, under these rules.
    pub(crate) fn op_env(&self, spec: OpSpecId, chain_id: u64) -> EvmEnv<OpSpecId> {
        let cfg = CfgEnv::new()
            .with_chain_id(chain_id)
            .with_spec_and_mainnet_gas_params(spec);
        EvmEnv::new(cfg, self.block_env())
    }

    /// The engine's form of it, for tracers that ask for it.
    pub fn block_env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prev_randao),
            // No blobs on this layer: the opcode answers 1 (OP ecotone/exec-engine).
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            ..BlockEnv::default()
        }
    }
}

/// The attributes that a sealed block was made of, for replaying, checking or tracing it: what
/// `begin` needs is all in the header.
pub fn attributes_of(header: &Header, transactions: Vec<Bytes>) -> PayloadAttributes {
    let params =
        decode_extra_data(&header.extra_data).map_or(B64::ZERO, |(denominator, elasticity)| {
            B64::from((u64::from(denominator) << 32) | u64::from(elasticity))
        });
    PayloadAttributes {
        timestamp: header.timestamp,
        prev_randao: header.mix_hash,
        fee_recipient: header.beneficiary,
        parent_beacon_block_root: header.parent_beacon_block_root.unwrap_or_default(),
        gas_limit: header.gas_limit,
        eip1559_params: params,
        transactions,
        no_tx_pool: true,
    }
}

/// The rules in force at a time: Isthmus from genesis. Named, because the libraries default to a
/// later fork (trap T1); `RollupConfig::validate` refuses a chain that schedules one.
pub const fn op_spec_id(spec: &ChainSpec, timestamp: u64) -> OpSpecId {
    let _ = (spec, timestamp);
    OpSpecId::ISTHMUS
}
