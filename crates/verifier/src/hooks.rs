//! What the facade does around an unwind.

use async_trait::async_trait;
use foggara_primitives::L2Ref;
use foggara_store::StoredBlock;

/// The facade could not do its part; the unwind does not commit and the verifier stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookError(pub String);

/// Called around each unwind, so that no accepted transaction is lost (`RELIABILITY.md` section 1).
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// These canonical blocks, oldest first, are about to be unwound: their transactions must be
    /// durable elsewhere when this returns. Called again with all blocks and more if the chain grew in
    /// between; the last call is the one that counts.
    ///
    /// # Errors
    /// [`HookError`]: the transactions are not safe; nothing is unwound.
    async fn unwinding(&self, removed: &[StoredBlock]) -> Result<(), HookError>;

    /// The unwind is durable, and the chain now ends with `head`; `removed` are all blocks that went,
    /// oldest first. Transactions that the new chain does not hold go back to the pool.
    ///
    /// # Errors
    /// [`HookError`]: they cannot.
    async fn unwound(&self, removed: &[StoredBlock], head: L2Ref) -> Result<(), HookError>;
}

/// Hooks of a node without a pool.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

#[async_trait]
impl Hooks for NoHooks {
    async fn unwinding(&self, _: &[StoredBlock]) -> Result<(), HookError> {
        Ok(())
    }

    async fn unwound(&self, _: &[StoredBlock], _: L2Ref) -> Result<(), HookError> {
        Ok(())
    }
}
