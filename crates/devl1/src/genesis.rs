//! The first block.

use crate::{DevL1Config, DevL1Error, GenesisAccount, config::BENEFICIARY};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::EMPTY_WITHDRAWALS};
use alloy_primitives::{Address, B64, B256, Bloom, KECCAK256_EMPTY, U256, keccak256};
use foggara_primitives::{
    AccountChange, AccountInfo, StateDiff,
    constants::{EMPTY_REQUESTS_HASH, GENESIS_BASE_FEE},
};
use foggara_store::ExecutedBlock;
use foggara_trie::{EMPTY_ROOT_HASH, MapNodes, apply};
use std::collections::BTreeMap;

/// A header of this chain with everything that does not depend on the block's contents.
pub(crate) fn blank_header() -> Header {
    Header {
        parent_hash: B256::ZERO,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: BENEFICIARY,
        state_root: EMPTY_ROOT_HASH,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        logs_bloom: Bloom::ZERO,
        difficulty: U256::ZERO,
        nonce: B64::ZERO,
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

/// The block that `config` describes, at `timestamp`.
pub(crate) fn genesis_block(
    config: &DevL1Config,
    timestamp: u64,
) -> Result<ExecutedBlock, DevL1Error> {
    let diff = state(&config.alloc);
    let outcome =
        apply(&mut MapNodes::default(), EMPTY_ROOT_HASH, &diff).map_err(DevL1Error::state)?;
    let header = Header {
        state_root: outcome.root,
        timestamp,
        gas_limit: config.gas_limit,
        base_fee_per_gas: Some(GENESIS_BASE_FEE),
        ..blank_header()
    };
    Ok(ExecutedBlock {
        hash: header.hash_slow(),
        header,
        transactions: Vec::new(),
        senders: Vec::new(),
        receipts: Vec::new(),
        diff,
        trie: outcome.updates,
        trace: Vec::new(),
        tensors: Vec::new(),
        l2: None,
    })
}

fn state(alloc: &BTreeMap<Address, GenesisAccount>) -> StateDiff {
    let change = |account: &GenesisAccount| {
        let code = (!account.code.is_empty()).then(|| account.code.clone());
        let code_hash = code.as_ref().map_or(KECCAK256_EMPTY, keccak256);
        AccountChange {
            info: Some(AccountInfo {
                nonce: account.nonce,
                balance: account.balance,
                code_hash,
            }),
            storage_wiped: false,
            new_code: code,
            storage: account
                .storage
                .iter()
                .filter(|(_, value)| !value.is_zero())
                .map(|(slot, value)| (*slot, *value))
                .collect(),
        }
    };
    let accounts = alloc
        .iter()
        .map(|(address, account)| (*address, change(account)))
        .collect();
    StateDiff { accounts }
}

/// What tells one development L1 from another: chain id, limits and genesis accounts, not the time.
pub(crate) fn spec_hash(config: &DevL1Config) -> B256 {
    let mut bytes = b"foggara/devl1/v1".to_vec();
    bytes.extend_from_slice(&config.chain_id.to_be_bytes());
    bytes.extend_from_slice(&config.gas_limit.to_be_bytes());
    bytes.extend_from_slice(&state(&config.alloc).encode());
    keccak256(bytes)
}
