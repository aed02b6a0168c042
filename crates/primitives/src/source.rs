//! What execution asks of the world: the state at the last sealed block.

use crate::{AccountInfo, NoTensors, TensorSource};
use alloc::{string::String, sync::Arc};
use alloy_primitives::{Address, B256, Bytes, U256};

/// A source of state could not answer. Never reachable from input bytes: the node itself is broken
/// (damaged store, missing preimage), so whoever sees it stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state source failed: {0}")]
pub struct SourceError(pub String);

/// State as of one sealed block. Implementors must answer from exactly that block, whatever happens
/// beside them, and must return zero or `None` for what does not exist.
pub trait StateSource {
    /// The account, or `None` if it does not exist.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError>;

    /// The value of a storage slot, zero if unset.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError>;

    /// The code with this hash.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken or has no such code.
    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError>;

    /// Hash of the block with this number at or below the sealed one; zero if there is none.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError>;

    /// The stored tensors whose records this state has. A handle of its own: operations read tensors
    /// while the state is in use.
    fn tensors(&mut self) -> Arc<dyn TensorSource> {
        Arc::new(NoTensors)
    }
}

impl<T: StateSource + ?Sized> StateSource for &mut T {
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        (**self).account(address)
    }
    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        (**self).storage(address, slot)
    }
    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError> {
        (**self).code(code_hash)
    }
    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        (**self).block_hash(number)
    }
    fn tensors(&mut self) -> Arc<dyn TensorSource> {
        (**self).tensors()
    }
}
