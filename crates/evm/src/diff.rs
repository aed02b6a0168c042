//! Laws of the canonical diff, and a plain state that they can be tried on.

use alloc::{collections::BTreeMap, format, sync::Arc};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use foggara_primitives::{
    AccountInfo, SourceError, StateDiff, StateSource, StoredTensor, TensorMap, TensorSource,
};

/// Removes from a merged diff what does not differ from the state that it applies to, so that
/// `normalise(fold of the diffs of a block's sub-steps)` is the diff of the block.
///
/// # Errors
/// [`SourceError`]: the source is broken.
pub fn normalise<S: StateSource>(diff: &mut StateDiff, parent: &mut S) -> Result<(), SourceError> {
    let mut error = None;
    diff.accounts.retain(|address, change| {
        let mut check = || -> Result<bool, SourceError> {
            let before = parent.account(*address)?;
            if before.is_none() {
                change.storage_wiped = false;
            }
            if change.info.is_none() {
                change.storage.clear();
            }
            let blank = change.storage_wiped || before.is_none();
            let mut failed = None;
            change.storage.retain(|slot, value| {
                let old = if blank {
                    Ok(U256::ZERO)
                } else {
                    parent.storage(*address, *slot)
                };
                old.map_or_else(
                    |error| {
                        failed = Some(error);
                        true
                    },
                    |old| old != *value,
                )
            });
            if let Some(error) = failed {
                return Err(error);
            }
            let old = before.map_or(KECCAK256_EMPTY, |info| info.code_hash);
            let new = change.info.map_or(KECCAK256_EMPTY, |info| info.code_hash);
            if new == old || new == KECCAK256_EMPTY {
                change.new_code = None;
            }
            Ok(before != change.info || change.storage_wiped || !change.storage.is_empty())
        };
        check().unwrap_or_else(|failed| {
            error = Some(failed);
            true
        })
    });
    error.map_or(Ok(()), Err)
}

/// An account in a [`MapState`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapAccount {
    /// Nonce, balance, code hash.
    pub info: AccountInfo,
    /// Slots that are not zero.
    pub storage: BTreeMap<B256, U256>,
}

/// A whole state in plain maps: the reference that fast states are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapState {
    /// Accounts that exist.
    pub accounts: BTreeMap<Address, MapAccount>,
    /// Code by hash; never removed.
    pub codes: BTreeMap<B256, Bytes>,
    /// Block hashes by number.
    pub hashes: BTreeMap<u64, B256>,
    /// Stored tensors; never removed.
    pub tensors: Arc<TensorMap>,
}

impl MapState {
    /// Writes a diff.
    pub fn apply(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            let Some(info) = change.info else {
                self.accounts.remove(address);
                continue;
            };
            let account = self.accounts.entry(*address).or_default();
            account.info = info;
            if change.storage_wiped {
                account.storage.clear();
            }
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    account.storage.remove(slot);
                } else {
                    account.storage.insert(*slot, *value);
                }
            }
            if let Some(code) = &change.new_code {
                self.codes.insert(info.code_hash, code.clone());
            }
        }
    }

    /// Keeps tensors.
    pub fn keep(&mut self, tensors: &[StoredTensor]) {
        if tensors.is_empty() {
            return;
        }
        let kept = Arc::make_mut(&mut self.tensors);
        for tensor in tensors {
            kept.insert(tensor.id, tensor.clone());
        }
    }

    /// Adds an account.
    pub fn insert(
        &mut self,
        address: Address,
        nonce: u64,
        balance: U256,
        code: Bytes,
        storage: impl IntoIterator<Item = (B256, U256)>,
    ) {
        let code_hash = if code.is_empty() {
            KECCAK256_EMPTY
        } else {
            keccak256(&code)
        };
        if !code.is_empty() {
            self.codes.insert(code_hash, code);
        }
        let storage = storage
            .into_iter()
            .filter(|(_, value)| !value.is_zero())
            .collect();
        let info = AccountInfo {
            nonce,
            balance,
            code_hash,
        };
        self.accounts.insert(address, MapAccount { info, storage });
    }
}

impl StateSource for MapState {
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        Ok(self.accounts.get(&address).map(|account| account.info))
    }

    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        let account = self.accounts.get(&address);
        Ok(account
            .and_then(|account| account.storage.get(&slot))
            .copied()
            .unwrap_or_default())
    }

    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        let code = self.codes.get(&code_hash).cloned();
        code.ok_or_else(|| SourceError(format!("no code with hash {code_hash}")))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        Ok(self.hashes.get(&number).copied().unwrap_or_default())
    }

    fn tensors(&mut self) -> Arc<dyn TensorSource> {
        Arc::clone(&self.tensors) as Arc<dyn TensorSource>
    }
}
