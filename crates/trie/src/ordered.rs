//! Tries of a block body: values keyed by their index.

use alloy_primitives::{B256, Bytes};

/// Root of the trie that maps `rlp(index)` to each item: the transactions and receipts roots of a
/// header, over EIP-2718 bytes. [`crate::EMPTY_ROOT_HASH`] for no items.
pub fn ordered_root(items: &[Bytes]) -> B256 {
    alloy_trie::root::ordered_trie_root_encoded(items)
}
