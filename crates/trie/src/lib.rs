#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

extern crate alloc;

mod account;
mod arena;
mod error;
mod node;
mod ordered;
mod path;
mod proof;
mod seal;
mod source;
mod state;
mod trie;
mod updates;

pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
pub use error::TrieError;
pub use ordered::ordered_root;
pub use proof::{AccountProof, StorageProof, prove, verify};
pub use source::{HashNodes, MapNodes, NodeSource, Witness};
pub use state::{TrieOutcome, apply, storage_root};
pub use updates::{StorageTrieUpdates, TrieUpdates};

#[cfg(test)]
mod tests;
