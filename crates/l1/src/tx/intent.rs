//! What a restart must know: which transaction stands at which nonce.
//!
//! Without a log a restart is still safe: the nonce is read from the chain with the node's pool, so
//! what is in flight lands on its own, and data posted twice is skipped by derivation.

use super::{Fees, TxKind, TxRequest};
use alloy_primitives::B256;

/// A decision to send, recorded before the transaction leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Nonce on the account.
    pub nonce: u64,
    /// Kind of the transaction.
    pub kind: TxKind,
    /// What is sent.
    pub request: TxRequest,
    /// Fees of the newest attempt.
    pub fees: Fees,
    /// Hashes of all attempts, oldest first.
    pub tx_hashes: Vec<B256>,
    /// Versioned hashes of its blobs.
    pub blob_hashes: Vec<B256>,
}

/// An intent could not be recorded; the transaction does not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("intent could not be recorded: {0}")]
pub struct IntentError(pub String);

/// Where intents are kept. `record` must not return before the intent is durable; a later record
/// with the same nonce replaces the earlier.
pub trait IntentLog: core::fmt::Debug + Send + Sync {
    /// Keeps an intent.
    ///
    /// # Errors
    /// [`IntentError`]: it is not durable.
    fn record(&mut self, intent: &Intent) -> Result<(), IntentError>;

    /// Forgets the intent at this nonce: it is final or came to nothing.
    ///
    /// # Errors
    /// [`IntentError`]: it is not durable.
    fn forget(&mut self, nonce: u64) -> Result<(), IntentError>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl IntentLog for NoLog {
    fn record(&mut self, _: &Intent) -> Result<(), IntentError> {
        Ok(())
    }
    fn forget(&mut self, _: u64) -> Result<(), IntentError> {
        Ok(())
    }
}
