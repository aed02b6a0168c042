//! Leaves of the account trie and of storage tries. Source: Yellow Paper section 4.1.

use crate::TrieError;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use foggara_primitives::AccountInfo;

/// Value of an account's leaf: RLP of `[nonce, balance, storageRoot, codeHash]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct AccountLeaf {
    nonce: u64,
    balance: U256,
    pub(crate) storage_root: B256,
    code_hash: B256,
}

impl AccountLeaf {
    pub(crate) const fn new(info: &AccountInfo, storage_root: B256) -> Self {
        let AccountInfo {
            nonce,
            balance,
            code_hash,
        } = *info;
        Self {
            nonce,
            balance,
            storage_root,
            code_hash,
        }
    }

    pub(crate) const fn info(&self) -> AccountInfo {
        AccountInfo {
            nonce: self.nonce,
            balance: self.balance,
            code_hash: self.code_hash,
        }
    }

    pub(crate) fn rlp(&self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }

    pub(crate) fn decode(hashed: B256, leaf: &[u8]) -> Result<Self, TrieError> {
        alloy_rlp::decode_exact(leaf).map_err(|_| TrieError::BadAccount(hashed))
    }
}

/// Storage root that an optional leaf names.
pub(crate) fn root_of(leaf: Option<&AccountLeaf>) -> B256 {
    leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root)
}

/// Value of a slot's leaf: RLP of the integer without leading zeros.
pub(crate) fn encode_value(value: &U256) -> Vec<u8> {
    alloy_rlp::encode(value)
}

/// Reads the leaf of a slot.
pub(crate) fn decode_value(hashed: B256, mut leaf: &[u8]) -> Result<U256, TrieError> {
    U256::decode(&mut leaf)
        .ok()
        .filter(|value| leaf.is_empty() && !value.is_zero())
        .ok_or(TrieError::BadValue(hashed))
}

/// Hash and path of an address.
pub(crate) fn address_key(address: Address) -> (B256, Nibbles) {
    key(address.as_slice())
}

/// Hash and path of a slot.
pub(crate) fn slot_key(slot: B256) -> (B256, Nibbles) {
    key(slot.as_slice())
}

fn key(bytes: &[u8]) -> (B256, Nibbles) {
    let hashed = keccak256(bytes);
    (hashed, Nibbles::unpack(hashed))
}
