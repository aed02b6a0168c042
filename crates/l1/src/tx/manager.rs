//! The state machine of one account.
use super::*;
use crate::{L1Client, L1Error};
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, U256};
use std::sync::Arc;

/// Sends one account's transactions and follows them until they are final.
#[derive(Debug)]
pub struct TxManager {
    client: Arc<dyn L1Client>,
    signer: PrivateKeySigner,
    config: TxManagerConfig,
    log: Box<dyn IntentLog>,
}

impl TxManager {
    /// Takes over an account. Reads chain id and next nonce (the node's pool included).
    ///
    /// # Errors
    /// [`L1Error`]: the L1 did not answer.
    pub async fn new(
        client: Arc<dyn L1Client>,
        signer: PrivateKeySigner,
        config: TxManagerConfig,
    ) -> Result<Self, L1Error> {
        let _ = client.chain_id().await?;
        Ok(Self {
            client,
            signer,
            config,
            log: Box::new(NoLog),
        })
    }

    /// The account.
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// Takes a request; it leaves with the next [`Self::tick`].
    ///
    /// # Errors
    /// [`SubmitError`]: not now.
    pub fn submit(&mut self, request: TxRequest) -> Result<TxId, SubmitError> {
        let _ = (request, &self.client, &self.config, &self.log);
        unimplemented!()
    }

    /// One round: looks at the chain, reports what has landed or was dropped, sends what is queued,
    /// raises the fees of what waits too long.
    ///
    /// # Errors
    /// [`L1Error`]: the L1 did not answer (Retry: call again), or the account must stop (Fatal).
    pub async fn tick(&mut self) -> Result<Vec<TxEvent>, L1Error> {
        unimplemented!()
    }

    /// Requests not yet landed.
    pub fn in_flight(&self) -> usize {
        unimplemented!()
    }

    /// The account's balance in wei at the head.
    ///
    /// # Errors
    /// [`L1Error`]: the L1 did not answer.
    pub async fn balance(&self) -> Result<U256, L1Error> {
        unimplemented!()
    }
}
