//! The genesis block from an allocation (`ROLLUP.md` section 3.2).

use crate::{ExecError, ExecutedBlock, open::trie_error};
use alloc::{collections::BTreeMap, format, vec::Vec};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_primitives::{Address, B64, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use foggara_evm::encode_extra_data;
use foggara_primitives::{
    AccountChange, AccountInfo, L2Ref, RollupConfig, SourceError, StateDiff,
    addresses::{MESSAGE_PASSER, SEQUENCER_FEE_VAULT},
    constants::{EMPTY_REQUESTS_HASH, GENESIS_BASE_FEE},
};
use foggara_trie::{MapNodes, TrieOutcome, apply};

/// An account at genesis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenesisAccount {
    /// Balance in wei.
    pub balance: U256,
    /// Nonce.
    pub nonce: u64,
    /// Code.
    pub code: Bytes,
    /// Slots; zero values are left out of the state.
    pub storage: BTreeMap<B256, U256>,
}

/// All accounts at genesis.
pub type GenesisAlloc = BTreeMap<Address, GenesisAccount>;

/// State diff, root and trie nodes of an allocation, from the empty state. Accounts without
/// nonce, balance and code are left out (EIP-161).
///
/// # Errors
/// - [`ExecError::Source`]: an account has storage but neither nonce nor code.
/// - [`ExecError::Trie`]: the commitment failed.
pub fn genesis_state(alloc: &GenesisAlloc) -> Result<(StateDiff, TrieOutcome), ExecError> {
    let mut diff = StateDiff::default();
    for (address, account) in alloc {
        let storage: BTreeMap<_, _> = account
            .storage
            .iter()
            .filter(|(_, v)| !v.is_zero())
            .map(|(k, v)| (*k, *v))
            .collect();
        let has_code = !account.code.is_empty();
        if account.nonce == 0 && !has_code {
            // Such an account could be created over (EIP-7610).
            if !storage.is_empty() {
                let text = format!("genesis account {address} has storage but no nonce or code");
                return Err(SourceError(text).into());
            }
            if account.balance.is_zero() {
                continue;
            }
        }
        let code_hash = if has_code {
            keccak256(&account.code)
        } else {
            KECCAK256_EMPTY
        };
        diff.accounts.insert(
            *address,
            AccountChange {
                info: Some(AccountInfo {
                    nonce: account.nonce,
                    balance: account.balance,
                    code_hash,
                }),
                storage_wiped: false,
                new_code: has_code.then(|| account.code.clone()),
                storage,
            },
        );
    }
    let outcome = apply(&mut MapNodes::default(), EMPTY_ROOT_HASH, &diff).map_err(trie_error)?;
    Ok((diff, outcome))
}

/// The L2 genesis block of a rollup. Of the configuration it reads `genesis.l1`, `genesis.l2_time`
/// and `genesis.system_config`; the hash in `genesis.l2` is what this function gives.
///
/// # Errors
/// As [`genesis_state`].
pub fn genesis_block(
    rollup: &RollupConfig,
    alloc: &GenesisAlloc,
) -> Result<ExecutedBlock, ExecError> {
    let (diff, outcome) = genesis_state(alloc)?;
    let system = rollup.genesis.system_config;
    let passer_root = outcome
        .storage_roots
        .get(&MESSAGE_PASSER)
        .copied()
        .unwrap_or(EMPTY_ROOT_HASH);
    let header = Header {
        parent_hash: B256::ZERO,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: SEQUENCER_FEE_VAULT,
        state_root: outcome.root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: U256::ZERO,
        number: 0,
        gas_limit: system.gas_limit,
        gas_used: 0,
        timestamp: rollup.genesis.l2_time,
        extra_data: encode_extra_data(system.eip1559_params, rollup.canyon_eip1559()),
        mix_hash: B256::ZERO,
        nonce: B64::ZERO,
        base_fee_per_gas: Some(GENESIS_BASE_FEE),
        withdrawals_root: Some(passer_root),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    };
    let hash = header.hash_slow();
    Ok(ExecutedBlock {
        l2: Some(L2Ref {
            hash,
            number: 0,
            parent_hash: B256::ZERO,
            timestamp: header.timestamp,
            l1_origin: rollup.genesis.l1,
            sequence_number: 0,
        }),
        header,
        hash,
        transactions: Vec::new(),
        senders: Vec::new(),
        receipts: Vec::new(),
        diff,
        trie: outcome.updates,
        trace: Vec::new(),
        tensors: Vec::new(),
    })
}
