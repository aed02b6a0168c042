//! Call objects and what they may override.

use super::scalar::{Addr, Data, Hash, Quantity, Word};
use crate::error::{Answer, invalid_params};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, TxKind, U256};
use foggara_evm::call::{AccountOverride, BlockOverride, CallRequest, StateOverride};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A call that nobody signed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallObject {
    from: Option<Addr>,
    to: Option<Addr>,
    gas: Option<Word>,
    gas_price: Option<Word>,
    max_fee_per_gas: Option<Word>,
    max_priority_fee_per_gas: Option<Word>,
    value: Option<Word>,
    data: Option<Data>,
    input: Option<Data>,
    nonce: Option<Quantity>,
    chain_id: Option<Quantity>,
    access_list: Option<AccessList>,
    authorization_list: Option<Vec<SignedAuthorization>>,
    #[serde(rename = "type")]
    tx_type: Option<Quantity>,
    max_fee_per_blob_gas: Option<serde::de::IgnoredAny>,
    blob_versioned_hashes: Option<Vec<Hash>>,
}

fn price(word: Option<Word>, name: &str) -> Answer<Option<u128>> {
    let Some(Word(word)) = word else {
        return Ok(None);
    };
    let too_high = |_| invalid_params(format!("invalid argument 0: {name} > 128 bits"));
    u128::try_from(word).map(Some).map_err(too_high)
}

impl CallObject {
    /// The same for the engine. `gas` above 64 bits is as good as the highest.
    pub(crate) fn request(self, chain_id: u64) -> Answer<CallRequest> {
        let fail = |why: String| invalid_params(format!("invalid argument 0: {why}"));
        if let Some(Quantity(id)) = self.chain_id
            && id != chain_id
        {
            return Err(fail(format!(
                "chainId does not match node's (have={id}, want={chain_id})"
            )));
        }
        if self.max_fee_per_blob_gas.is_some() || self.blob_versioned_hashes.is_some() {
            return Err(fail("type 3 (blob) not supported on this chain".into()));
        }
        if let Some(Quantity(ty)) = self.tx_type
            && !matches!(ty, 0 | 1 | 2 | 4)
        {
            return Err(fail(format!(
                "transaction type not valid: type {ty} not supported on this chain"
            )));
        }
        let dynamic = self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some();
        if self.gas_price.is_some() && dynamic {
            return Err(fail(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".into(),
            ));
        }
        let data = match (self.input, self.data) {
            (Some(input), Some(data)) if input != data => {
                return Err(fail(
                    "both \"data\" and \"input\" are set and not equal".into(),
                ));
            }
            (Some(data), _) | (None, Some(data)) => data.0,
            (None, None) => Default::default(),
        };
        Ok(CallRequest {
            from: self.from.map_or(Address::ZERO, |from| from.0),
            to: self.to.map_or(TxKind::Create, |to| TxKind::Call(to.0)),
            gas: self.gas.map(|gas| gas.0.saturating_to()),
            gas_price: price(self.gas_price, "gasPrice")?,
            max_fee_per_gas: price(self.max_fee_per_gas, "maxFeePerGas")?,
            max_priority_fee_per_gas: price(self.max_priority_fee_per_gas, "maxPriorityFeePerGas")?,
            value: self.value.map_or(U256::ZERO, |value| value.0),
            data,
            nonce: self.nonce.map(|nonce| nonce.0),
            access_list: self.access_list,
            authorization_list: self.authorization_list.unwrap_or_default(),
        })
    }
}

/// What replaces parts of one account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountOverrides {
    balance: Option<Word>,
    nonce: Option<Quantity>,
    code: Option<Data>,
    state: Option<BTreeMap<Hash, Hash>>,
    state_diff: Option<BTreeMap<Hash, Hash>>,
    move_precompile_to_address: Option<Addr>,
}

impl AccountOverrides {
    /// The same for the engine; `position` is that of the parameter.
    pub(crate) fn state(all: BTreeMap<Addr, Self>, position: usize) -> Answer<StateOverride> {
        let slots =
            |slots: BTreeMap<Hash, Hash>| slots.into_iter().map(|(k, v)| (k.0, v.0)).collect();
        let one = |(address, account): (Addr, Self)| {
            if account.move_precompile_to_address.is_some() {
                return Err(invalid_params(format!(
                    "invalid argument {position}: movePrecompileToAddress is not supported"
                )));
            }
            let account = AccountOverride {
                balance: account.balance.map(|word| word.0),
                nonce: account.nonce.map(|nonce| nonce.0),
                code: account.code.map(|code| code.0),
                state: account.state.map(slots),
                state_diff: account.state_diff.map(slots),
            };
            Ok((address.0, account))
        };
        all.into_iter().map(one).collect()
    }
}

/// What replaces parts of the block.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BlockOverrides {
    number: Option<Quantity>,
    #[serde(alias = "timestamp")]
    time: Option<Quantity>,
    gas_limit: Option<Quantity>,
    #[serde(alias = "coinbase")]
    fee_recipient: Option<Addr>,
    #[serde(alias = "random")]
    prev_randao: Option<Hash>,
    #[serde(alias = "baseFee")]
    base_fee_per_gas: Option<Quantity>,
    blob_base_fee: Option<Quantity>,
    difficulty: Option<serde::de::IgnoredAny>,
    block_hash: Option<BTreeMap<Quantity, Hash>>,
}

impl BlockOverrides {
    /// The same for the engine.
    pub(crate) fn block(self) -> BlockOverride {
        let _ = self.difficulty;
        BlockOverride {
            number: self.number.map(|number| number.0),
            timestamp: self.time.map(|time| time.0),
            gas_limit: self.gas_limit.map(|limit| limit.0),
            fee_recipient: self.fee_recipient.map(|recipient| recipient.0),
            base_fee: self.base_fee_per_gas.map(|fee| fee.0),
            prev_randao: self.prev_randao.map(|randao| randao.0),
            blob_base_fee: self.blob_base_fee.map(|fee| fee.0.into()),
            block_hashes: self
                .block_hash
                .unwrap_or_default()
                .into_iter()
                .map(|(n, h)| (n.0, h.0))
                .collect(),
        }
    }
}
