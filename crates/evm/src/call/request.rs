//! What a caller asks for, free of JSON.

use crate::BlockContext;
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_consensus::transaction::Either;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_evm::EvmEnv;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use op_revm::OpSpecId;
use revm::{context::TxEnv, context_interface::block::BlobExcessGasAndPrice};

/// A call that nobody signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallRequest {
    /// Who calls.
    pub from: Address,
    /// Whom, or a creation.
    pub to: TxKind,
    /// Gas limit; the cap of the simulation if absent, and at most that.
    pub gas: Option<u64>,
    /// Price per gas in wei of a legacy call.
    pub gas_price: Option<u128>,
    /// Highest price per gas in wei.
    pub max_fee_per_gas: Option<u128>,
    /// Highest tip per gas in wei.
    pub max_priority_fee_per_gas: Option<u128>,
    /// Value in wei.
    pub value: U256,
    /// Calldata or init code.
    pub data: Bytes,
    /// Nonce; that of the account if absent. Never checked.
    pub nonce: Option<u64>,
    /// Access list, if any.
    pub access_list: Option<AccessList>,
    /// EIP-7702 authorizations.
    pub authorization_list: Vec<SignedAuthorization>,
}

impl CallRequest {
    /// Highest price per gas in wei; zero if none is named.
    pub fn fee_cap(&self) -> u128 {
        self.gas_price
            .or(self.max_fee_per_gas)
            .or(self.max_priority_fee_per_gas)
            .unwrap_or(0)
    }

    pub(super) fn tx_env(&self, nonce: u64, gas: u64, chain_id: u64, base_fee: u64) -> TxEnv {
        let dynamic = self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some();
        let tip = self.max_priority_fee_per_gas;
        // A tip without a cap pays the base fee and the tip.
        let gas_price = match (self.gas_price, self.max_fee_per_gas, tip) {
            (Some(price), _, _) | (None, Some(price), _) => price,
            (None, None, Some(tip)) if tip > 0 => tip.saturating_add(u128::from(base_fee)),
            (None, None, _) => 0,
        };
        let tx_type = if !self.authorization_list.is_empty() {
            4
        } else if dynamic {
            2
        } else if self.access_list.is_some() {
            1
        } else {
            0
        };
        TxEnv {
            tx_type,
            caller: self.from,
            gas_limit: gas,
            gas_price,
            kind: self.to,
            value: self.value,
            data: self.data.clone(),
            nonce,
            chain_id: Some(chain_id),
            access_list: self.access_list.clone().unwrap_or_default(),
            gas_priority_fee: (tx_type >= 2).then(|| tip.unwrap_or(0)),
            authorization_list: self
                .authorization_list
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
            ..TxEnv::default()
        }
    }
}

/// Replaces parts of one account for a simulation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountOverride {
    /// Balance in wei.
    pub balance: Option<U256>,
    /// Nonce.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// All slots; the others become zero.
    pub state: Option<BTreeMap<B256, B256>>,
    /// Some slots; the others stay.
    pub state_diff: Option<BTreeMap<B256, B256>>,
}

/// Replaced accounts.
pub type StateOverride = BTreeMap<Address, AccountOverride>;

/// Replaces what the block tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockOverride {
    /// Block number.
    pub number: Option<u64>,
    /// Unix seconds.
    pub timestamp: Option<u64>,
    /// Gas limit.
    pub gas_limit: Option<u64>,
    /// Who receives the priority fees.
    pub fee_recipient: Option<Address>,
    /// Base fee in wei.
    pub base_fee: Option<u64>,
    /// Randomness.
    pub prev_randao: Option<B256>,
    /// Blob base fee in wei.
    pub blob_base_fee: Option<u128>,
    /// Hashes of earlier blocks by number.
    pub block_hashes: BTreeMap<u64, B256>,
}

impl BlockOverride {
    pub(super) fn apply(&self, context: &mut BlockContext, env: &mut EvmEnv<OpSpecId>) {
        let block = &mut env.block_env;
        if let Some(number) = self.number {
            context.number = number;
            block.number = U256::from(number);
        }
        if let Some(timestamp) = self.timestamp {
            context.timestamp = timestamp;
            block.timestamp = U256::from(timestamp);
        }
        if let Some(gas_limit) = self.gas_limit {
            context.gas_limit = gas_limit;
            block.gas_limit = gas_limit;
        }
        if let Some(recipient) = self.fee_recipient {
            context.beneficiary = recipient;
            block.beneficiary = recipient;
        }
        if let Some(base_fee) = self.base_fee {
            context.base_fee = base_fee;
            block.basefee = base_fee;
        }
        if let Some(randao) = self.prev_randao {
            context.prev_randao = randao;
            block.prevrandao = Some(randao);
        }
        if let Some(price) = self.blob_base_fee {
            block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: price,
            });
        }
    }
}
