//! The state machine of one account.

use super::{
    Fees, Intent, IntentLog, NoLog, SubmitError, TxEvent, TxId, TxKind, TxManagerConfig, TxPayload,
    TxRequest,
};
use crate::{BlockTag, L1Client, L1Error, SidecarForm, StateAt};
use alloy::signers::local::PrivateKeySigner;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, U256};
use foggara_primitives::{BlockId, L1Ref, constants::BLOB_SIZE};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use tokio::time::Instant;

/// Blobs in one transaction, at most (the lowest limit among the forks served).
const BLOBS_MAX: usize = 6;
/// Sends one account's transactions and follows them until they are final.
#[derive(Debug)]
pub struct TxManager {
    pub(super) client: Arc<dyn L1Client>,
    pub(super) signer: PrivateKeySigner,
    pub(super) config: TxManagerConfig,
    pub(super) log: Box<dyn IntentLog>,
    pub(super) chain_id: u64,
    pub(super) next_id: u64,
    pub(super) next_nonce: u64,
    /// Below this nonce an earlier run may have had something in flight that the node has lost.
    pub(super) earlier_until: u64,
    pub(super) form: SidecarForm,
    /// Taken, without nonce yet.
    pub(super) queue: VecDeque<(TxId, TxRequest)>,
    /// Sent or landed, by nonce.
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) last_head: Option<L1Ref>,
    pub(super) reverts: u32,
    pub(super) spent: VecDeque<(Instant, U256)>,
    pub(super) ready: Vec<TxEvent>,
}

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) id: TxId,
    pub(super) request: TxRequest,
    pub(super) sidecar: Option<BlobTransactionSidecarVariant>,
    pub(super) first_fees: Fees,
    pub(super) fees: Fees,
    pub(super) tx_hashes: Vec<B256>,
    pub(super) sent_at: Instant,
    /// Number of the L1 head when it was sent first; 0 if that was in an earlier run.
    pub(super) since: u64,
    /// Send the same bytes with the next round.
    pub(super) again: bool,
    /// Looks at which the nonce was used but no attempt was found.
    pub(super) missing: u32,
    pub(super) landed: Option<Landed>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Landed {
    pub(super) block: BlockId,
    pub(super) tx_hash: B256,
}

impl TxManager {
    /// Takes over an account. Reads chain id and next nonce, the node's pool included, so that
    /// transactions of an earlier run are neither replaced nor repeated.
    ///
    /// # Errors
    /// [`L1Error`]: the L1 did not answer.
    pub async fn new(
        client: Arc<dyn L1Client>,
        signer: PrivateKeySigner,
        config: TxManagerConfig,
    ) -> Result<Self, L1Error> {
        let chain_id = client.chain_id().await?;
        let next_nonce = client.nonce(signer.address(), StateAt::Pending).await?;
        let form = client.sidecar_form().await?;
        let in_flight_max = u64::try_from(config.in_flight_max).unwrap_or(u64::MAX);
        Ok(Self {
            earlier_until: next_nonce.saturating_add(in_flight_max),
            client,
            signer,
            config,
            log: Box::new(NoLog),
            chain_id,
            next_id: 0,
            next_nonce,
            form,
            queue: VecDeque::new(),
            flights: BTreeMap::new(),
            last_head: None,
            reverts: 0,
            spent: VecDeque::new(),
            ready: Vec::new(),
        })
    }

    /// Records intents in `log` and takes up those of an earlier run, which are watched and, where
    /// the L1 lost them, sent again under their own nonce.
    ///
    /// # Errors
    /// [`L1Error::Blob`]: an intent's blobs are damaged.
    pub async fn with_intents(
        mut self,
        log: Box<dyn IntentLog>,
        intents: Vec<Intent>,
    ) -> Result<Self, L1Error> {
        for intent in intents {
            let id = self.take_id();
            let sidecar = self.sidecar(&intent.request).await?;
            self.next_nonce = self.next_nonce.max(intent.nonce.saturating_add(1));
            let flight = Flight {
                id,
                request: intent.request,
                sidecar,
                first_fees: intent.fees,
                fees: intent.fees,
                tx_hashes: intent.tx_hashes,
                sent_at: Instant::now(),
                since: 0,
                again: true,
                missing: 0,
                landed: None,
            };
            self.flights.insert(intent.nonce, flight);
        }
        self.log = log;
        Ok(self)
    }

    /// The account.
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// Requests not yet landed.
    pub fn in_flight(&self) -> usize {
        self.queue.len() + self.waiting().count()
    }

    /// The kind that the account is bound to: that of what is queued, in flight, or landed with too
    /// few blocks upon it. `None` where either may be submitted.
    pub fn kind_in_flight(&self) -> Option<TxKind> {
        let head = self.last_head.map_or(0, |head| head.number);
        let settled =
            |block: BlockId| head.saturating_sub(block.number) >= self.config.confirmations;
        let queued = self.queue.front().map(|(_, request)| request.kind());
        queued.or_else(|| {
            let open = |flight: &&Flight| !flight.landed.is_some_and(|l| settled(l.block));
            self.flights
                .values()
                .find(open)
                .map(|flight| flight.request.kind())
        })
    }

    /// Everything that is not final yet, oldest first: after a restart with intents this tells which
    /// request has which number.
    pub fn requests(&self) -> impl Iterator<Item = (TxId, &TxRequest)> {
        let sent = self
            .flights
            .values()
            .map(|flight| (flight.id, &flight.request));
        sent.chain(self.queue.iter().map(|(id, request)| (*id, request)))
    }

    /// The account's balance in wei at the head.
    ///
    /// # Errors
    /// [`L1Error`]: the L1 did not answer.
    pub async fn balance(&self) -> Result<U256, L1Error> {
        self.client.balance(self.address(), StateAt::Latest).await
    }

    /// Takes a request; it leaves with the next [`Self::tick`].
    ///
    /// # Errors
    /// [`SubmitError`]: not now, or never in this shape.
    pub fn submit(&mut self, request: TxRequest) -> Result<TxId, SubmitError> {
        if let TxPayload::Blobs(blobs) = &request.payload {
            if blobs.is_empty() || blobs.len() > BLOBS_MAX {
                let text = format!("{} blobs in a transaction, allowed are 1 to 6", blobs.len());
                return Err(SubmitError::Payload(text));
            }
            if let Some(blob) = blobs.iter().find(|blob| blob.len() != BLOB_SIZE) {
                let text = format!("a blob of {} bytes, expected 131072", blob.len());
                return Err(SubmitError::Payload(text));
            }
        }
        let (in_flight, max) = (self.in_flight(), self.config.in_flight_max);
        if in_flight >= max || self.flights.len() >= self.config.watched_max {
            return Err(SubmitError::Full { in_flight, max });
        }
        if self
            .kind_in_flight()
            .is_some_and(|kind| kind != request.kind())
        {
            return Err(SubmitError::OtherKind);
        }
        let id = self.take_id();
        self.queue.push_back((id, request));
        Ok(id)
    }

    /// One round: looks at the chain, reports what has landed or was dropped, sends what is queued,
    /// raises the fees of what waits too long.
    ///
    /// # Errors
    /// [`L1Error`]: the L1 did not answer (Retry: call again), or the account must stop (Fatal).
    pub async fn tick(&mut self) -> Result<Vec<TxEvent>, L1Error> {
        let outcome = self.round().await;
        match outcome {
            // News comes first; an error that matters is there again at the next round.
            Err(error) if self.ready.is_empty() => Err(error),
            _ => Ok(std::mem::take(&mut self.ready)),
        }
    }

    async fn round(&mut self) -> Result<(), L1Error> {
        if self.reverts >= self.config.reverts_max {
            return Err(L1Error::Reverts {
                count: self.reverts,
            });
        }
        let head = self.client.head(BlockTag::Latest).await?;
        self.watch_landed(head).await?;
        self.collect(head).await?;
        self.last_head = Some(head);
        self.finish().await?;
        self.send(head).await
    }

    fn take_id(&mut self) -> TxId {
        let id = TxId(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        id
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = (&u64, &Flight)> {
        self.flights
            .iter()
            .filter(|(_, flight)| flight.landed.is_none())
    }
}
