//! What every handler answers from.

use alloy_primitives::Address;
use foggara_pool::Pool;
use foggara_primitives::ChainSpec;
use foggara_store::Store;
use foggara_verifier::VerifierStatus;
use std::sync::Arc;
use tokio::sync::watch;
use url::Url;

/// What every handler answers from. A clone is another handle to the same node.
#[derive(Debug, Clone)]
pub struct Context {
    /// The chain.
    pub spec: Arc<ChainSpec>,
    /// The durable chain.
    pub store: Store,
    /// The pool; a replica has none.
    pub pool: Option<Pool>,
    /// RPC of the sequencer, to which a replica hands transactions on.
    pub forward: Option<Url>,
    /// What the verifier has seen of L1.
    pub verifier: watch::Receiver<VerifierStatus>,
    /// Bytes that the batcher has not posted yet.
    pub backlog: watch::Receiver<u64>,
    /// `sequencer`, `replica` or `dev`.
    pub role: &'static str,
    /// Accounts whose keys the node may use: the well-known ones in development, none elsewhere.
    pub accounts: Arc<Vec<Address>>,
}
