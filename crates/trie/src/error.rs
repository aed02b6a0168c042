//! Why a trie operation failed.

use alloy_primitives::B256;
use alloy_trie::Nibbles;
use foggara_primitives::SourceError;

/// A trie operation failed. Over an honest source none of these occurs; in a proof that someone
/// else made, the last four name what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrieError {
    /// The source of nodes could not answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The bytes given for a node do not have its hash, or are no canonical node for this place.
    #[error("bad trie node {hash} at path {path:?} of {owner:?}")]
    BadNode {
        /// Hashed address of the storage trie; `None` for the account trie.
        owner: Option<B256>,
        /// Path of the node.
        path: Nibbles,
        /// Hash by which its parent names it.
        hash: B256,
    },
    /// The leaf of an account does not hold the RLP of an account.
    #[error("leaf of hashed address {0} is not an account")]
    BadAccount(B256),
    /// The leaf of a slot does not hold the RLP of a non-zero 256-bit integer.
    #[error("leaf of hashed slot {0} is not a storage value")]
    BadValue(B256),
    /// A proof ends before its key is decided.
    #[error("proof is too short")]
    ProofTooShort,
    /// A proof goes on after its key is decided.
    #[error("proof has {0} nodes too many")]
    ProofTooLong(usize),
    /// The proof shows another account (or none) than the one claimed.
    #[error("proof does not show the claimed account")]
    AccountMismatch,
    /// The proof shows another value of this slot than the one claimed.
    #[error("proof does not show the claimed value of slot {0}")]
    SlotMismatch(B256),
}
