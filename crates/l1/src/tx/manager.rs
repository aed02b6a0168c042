//! The state machine of one account.

use super::{
    Fees, Intent, IntentLog, NoLog, SubmitError, TxEvent, TxFailure, TxId, TxKind, TxManagerConfig,
    TxPayload, TxRequest,
    build::{Draft, Signed, sign},
};
use crate::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Client, L1Error, Rejection, SidecarForm, StateAt,
};
use alloy::signers::local::PrivateKeySigner;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, U256};
use foggara_primitives::{BlockId, L1Ref, constants::BLOB_SIZE};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// Blobs in one transaction, at most (the lowest limit among the forks served).
const BLOBS_MAX: usize = 6;
/// Looks at the chain after which a used nonce without a transaction of ours is a stranger's.
const STRANGER_LOOKS: u32 = 3;
/// The window of the spending cap.
const HOUR: Duration = Duration::from_secs(3_600);

/// Sends one account's transactions and follows them until they are final.
#[derive(Debug)]
pub struct TxManager {
    client: Arc<dyn L1Client>,
    signer: PrivateKeySigner,
    config: TxManagerConfig,
    log: Box<dyn IntentLog>,
    chain_id: u64,
    next_id: u64,
    next_nonce: u64,
    form: SidecarForm,
    /// Taken, without nonce yet.
    queue: VecDeque<(TxId, TxRequest)>,
    /// Sent or landed, by nonce.
    flights: BTreeMap<u64, Flight>,
    last_head: Option<L1Ref>,
    reverts: u32,
    spent: VecDeque<(Instant, U256)>,
    ready: Vec<TxEvent>,
}

#[derive(Debug)]
struct Flight {
    id: TxId,
    request: TxRequest,
    sidecar: Option<BlobTransactionSidecarVariant>,
    first_fees: Fees,
    fees: Fees,
    tx_hashes: Vec<B256>,
    sent_at: Instant,
    /// Send the same bytes with the next round.
    again: bool,
    /// Looks at which the nonce was used but no attempt was found.
    missing: u32,
    landed: Option<Landed>,
}

#[derive(Debug, Clone, Copy)]
struct Landed {
    block: BlockId,
    tx_hash: B256,
}

/// Whether the round may go on sending.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Stop,
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
        Ok(Self {
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

    /// The kind of what is in flight; the other kind must wait until nothing is.
    pub fn kind_in_flight(&self) -> Option<TxKind> {
        let queued = self.queue.front().map(|(_, request)| request.kind());
        queued.or_else(|| self.waiting().next().map(|(_, flight)| flight.request.kind()))
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
        if self.kind_in_flight().is_some_and(|kind| kind != request.kind()) {
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
            return Err(L1Error::Reverts { count: self.reverts });
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

    fn waiting(&self) -> impl Iterator<Item = (&u64, &Flight)> {
        self.flights.iter().filter(|(_, flight)| flight.landed.is_none())
    }

    /// Looks after a reorg whether what had landed still stands where it stood.
    async fn watch_landed(&mut self, head: L1Ref) -> Result<(), L1Error> {
        let Some(last) = self.last_head else { return Ok(()) };
        if head.hash == last.hash || head.parent_hash == last.hash {
            return Ok(());
        }
        if self.canonical(last.id()).await? {
            return Ok(());
        }
        let landed: Vec<(u64, Landed)> =
            self.flights.iter().filter_map(|(n, f)| f.landed.map(|landed| (*n, landed))).collect();
        for (nonce, landed) in landed {
            if self.canonical(landed.block).await? {
                continue;
            }
            let now = self.client.inclusion(landed.tx_hash).await?;
            let Some(flight) = self.flights.get_mut(&nonce) else { continue };
            let id = flight.id;
            let Landed { block, tx_hash } = landed;
            flight.landed = None;
            flight.again = true;
            self.ready.push(TxEvent::Reorged { id, block, tx_hash });
            if let Some(now) = now {
                self.included(nonce, landed.tx_hash, now)?;
            }
        }
        Ok(())
    }

    async fn canonical(&self, block: BlockId) -> Result<bool, L1Error> {
        let found = self.client.header(BlockAt::Number(block.number)).await?;
        Ok(found.is_some_and(|(_, hash)| hash == block.hash))
    }

    /// Finds what has landed: only nonces that the chain has used are asked for.
    async fn collect(&mut self, head: L1Ref) -> Result<(), L1Error> {
        if self.waiting().next().is_none() {
            return Ok(());
        }
        let used = self.client.nonce(self.address(), StateAt::Hash(head.hash)).await?;
        let due: Vec<(u64, Vec<B256>)> = self
            .waiting()
            .take_while(|(nonce, _)| **nonce < used)
            .map(|(nonce, flight)| (*nonce, flight.tx_hashes.clone()))
            .collect();
        for (nonce, tx_hashes) in due {
            let mut found = None;
            for tx_hash in tx_hashes.into_iter().rev() {
                if let Some(inclusion) = self.client.inclusion(tx_hash).await? {
                    found = Some((tx_hash, inclusion));
                    break;
                }
            }
            if let Some((tx_hash, inclusion)) = found {
                self.included(nonce, tx_hash, inclusion)?;
            } else if let Some(flight) = self.flights.get_mut(&nonce) {
                let new_look = self.last_head.is_none_or(|last| last.hash != head.hash);
                flight.missing = flight.missing.saturating_add(u32::from(new_look));
                if flight.missing >= STRANGER_LOOKS {
                    return Err(L1Error::Stranger { nonce });
                }
            }
        }
        Ok(())
    }

    fn included(&mut self, nonce: u64, tx_hash: B256, now: Inclusion) -> Result<(), L1Error> {
        let Some(flight) = self.flights.get_mut(&nonce) else { return Ok(()) };
        let id = flight.id;
        self.spent.push_back((Instant::now(), now.cost()));
        if now.success {
            self.reverts = 0;
            flight.landed = Some(Landed { block: now.block, tx_hash });
            flight.again = false;
            flight.missing = 0;
            let (block, cost) = (now.block, now.cost());
            self.ready.push(TxEvent::Landed { id, block, tx_hash, cost });
            return Ok(());
        }
        self.reverts = self.reverts.saturating_add(1);
        self.flights.remove(&nonce);
        let reason = TxFailure::Reverted { block: now.block, tx_hash };
        self.ready.push(TxEvent::Failed { id, reason });
        self.log.forget(nonce).map_err(|error| L1Error::Intent(error.to_string()))
    }

    /// Forgets what is final.
    async fn finish(&mut self) -> Result<(), L1Error> {
        if self.flights.values().all(|flight| flight.landed.is_none()) {
            return Ok(());
        }
        let finalized = self.client.head(BlockTag::Finalized).await?;
        let done: Vec<(u64, TxId, BlockId)> = self
            .flights
            .iter()
            .filter_map(|(nonce, flight)| Some((*nonce, flight.id, flight.landed?.block)))
            .filter(|(_, _, block)| block.number <= finalized.number)
            .collect();
        for (nonce, id, block) in done {
            self.flights.remove(&nonce);
            self.ready.push(TxEvent::Final { id, block });
            self.log.forget(nonce).map_err(|error| L1Error::Intent(error.to_string()))?;
        }
        Ok(())
    }

    /// Sends in order of nonce: what a reorg dropped, what waits too long, what is queued.
    async fn send(&mut self, head: L1Ref) -> Result<(), L1Error> {
        let now = Instant::now();
        let late = |flight: &Flight| {
            flight.again || now.duration_since(flight.sent_at) >= self.config.bump_after
        };
        let late: Vec<u64> =
            self.waiting().filter(|(_, flight)| late(flight)).map(|(nonce, _)| *nonce).collect();
        if late.is_empty() && self.queue.is_empty() {
            return Ok(());
        }
        if let Some(spent) = self.over_the_cap(now) {
            self.ready.push(TxEvent::SpendingCap { spent });
            return Ok(());
        }
        let market = self.client.fees().await?;
        let mut credit = self.client.balance(self.address(), StateAt::Hash(head.hash)).await?;
        for (_, flight) in self.waiting() {
            credit = credit.saturating_sub(flight.request.worst_cost(&flight.fees));
        }
        for nonce in late {
            if self.renew(nonce, &market).await? == Flow::Stop {
                return Ok(());
            }
        }
        if !self.queue.is_empty() && self.waiting().next().is_none() {
            self.next_nonce = self.client.nonce(self.address(), StateAt::Pending).await?;
        }
        while let Some((id, request)) = self.queue.pop_front() {
            let fees = Fees::first(request.kind(), &market, &self.config);
            let need = request.worst_cost(&fees);
            if need > credit {
                self.ready.push(TxEvent::Unfunded { have: credit, need });
                self.queue.push_front((id, request));
                return Ok(());
            }
            credit = credit.saturating_sub(need);
            if self.launch(id, request, fees).await? == Flow::Stop {
                return Ok(());
            }
        }
        Ok(())
    }

    fn over_the_cap(&mut self, now: Instant) -> Option<U256> {
        while self.spent.front().is_some_and(|(at, _)| now.duration_since(*at) > HOUR) {
            self.spent.pop_front();
        }
        let spent = self.spent.iter().fold(U256::ZERO, |sum, (_, cost)| sum.saturating_add(*cost));
        (spent >= U256::from(self.config.spending_per_hour_max)).then_some(spent)
    }

    async fn sidecar(
        &self,
        request: &TxRequest,
    ) -> Result<Option<BlobTransactionSidecarVariant>, L1Error> {
        let TxPayload::Blobs(blobs) = &request.payload else { return Ok(None) };
        let (blobs, form) = (blobs.clone(), self.form);
        tokio::task::spawn_blocking(move || crate::sidecar(&blobs, form).map(Some))
            .await
            .map_err(|error| L1Error::Blob(error.to_string()))?
    }

    /// Sends a queued request for the first time, at the next nonce.
    async fn launch(&mut self, id: TxId, request: TxRequest, fees: Fees) -> Result<Flow, L1Error> {
        let sidecar = match self.sidecar(&request).await {
            Ok(sidecar) => sidecar,
            Err(error) => {
                let reason = TxFailure::Rejected { message: error.to_string() };
                self.ready.push(TxEvent::Failed { id, reason });
                return Ok(Flow::On);
            }
        };
        let nonce = self.next_nonce;
        let mut flight = Flight {
            id,
            request,
            sidecar,
            first_fees: fees,
            fees,
            tx_hashes: Vec::new(),
            sent_at: Instant::now(),
            again: false,
            missing: 0,
            landed: None,
        };
        match self.transmit(nonce, &mut flight).await {
            Ok(()) => {
                self.next_nonce = nonce.saturating_add(1);
                self.flights.insert(nonce, flight);
                Ok(Flow::On)
            }
            Err(L1Error::Rejected { kind: Rejection::Invalid, message }) => {
                self.forget(nonce)?;
                self.ready.push(TxEvent::Failed { id, reason: TxFailure::Rejected { message } });
                Ok(Flow::On)
            }
            Err(L1Error::Rejected { kind, message }) => {
                tracing::warn!(nonce, ?kind, message, "tx.refused");
                self.forget(nonce)?;
                if kind == Rejection::Underpriced {
                    // Somebody's, perhaps our own earlier run's, stands at this nonce: outbid it.
                    flight.again = true;
                    flight.sent_at = Instant::now();
                    self.next_nonce = nonce.saturating_add(1);
                    self.flights.insert(nonce, flight);
                    return Ok(Flow::Stop);
                }
                if kind == Rejection::NonceTooLow {
                    self.next_nonce =
                        self.client.nonce(self.address(), StateAt::Pending).await?;
                }
                if kind == Rejection::Sidecar {
                    self.form = other(self.form);
                }
                self.queue.push_front((id, flight.request));
                Ok(Flow::Stop)
            }
            Err(error) => {
                // It may or may not have arrived: it keeps its nonce and goes out again.
                flight.again = true;
                self.next_nonce = nonce.saturating_add(1);
                self.flights.insert(nonce, flight);
                Err(error)
            }
        }
    }

    fn forget(&mut self, nonce: u64) -> Result<(), L1Error> {
        self.log.forget(nonce).map_err(|error| L1Error::Intent(error.to_string()))
    }

    /// Sends again what a reorg dropped or the pool lost, and outbids what waits too long.
    async fn renew(&mut self, nonce: u64, market: &FeeData) -> Result<Flow, L1Error> {
        let Some(mut flight) = self.flights.remove(&nonce) else { return Ok(Flow::On) };
        let outcome = self.renew_flight(nonce, &mut flight, market).await;
        self.flights.insert(nonce, flight);
        outcome
    }

    async fn renew_flight(
        &mut self,
        nonce: u64,
        flight: &mut Flight,
        market: &FeeData,
    ) -> Result<Flow, L1Error> {
        let kind = flight.request.kind();
        let waited = flight.sent_at.elapsed();
        if waited >= self.config.bump_after {
            match flight.fees.bumped(kind, market, &flight.first_fees, &self.config) {
                Some(fees) => flight.fees = fees,
                None if flight.again || waited >= self.config.resend_after => {}
                None => return Ok(Flow::On),
            }
        }
        match self.transmit(nonce, flight).await {
            Ok(()) => Ok(Flow::On),
            Err(L1Error::Rejected { kind: refusal, message }) => {
                tracing::warn!(nonce, ?refusal, message, "tx.refused");
                flight.again = !matches!(refusal, Rejection::NonceTooLow);
                match refusal {
                    // In the chain, or a stranger's: `collect` finds out which.
                    Rejection::NonceTooLow => {}
                    Rejection::Underpriced => {
                        let first = &flight.first_fees;
                        if let Some(fees) = flight.fees.bumped(kind, market, first, &self.config) {
                            flight.fees = fees;
                        }
                    }
                    Rejection::Sidecar => {
                        self.form = other(self.form);
                        flight.sidecar = self.sidecar(&flight.request).await?;
                    }
                    _ => return Ok(Flow::Stop),
                }
                Ok(Flow::On)
            }
            Err(error) => {
                flight.again = true;
                Err(error)
            }
        }
    }

    /// Signs, records the intent, sends. A node that already holds the bytes is content.
    async fn transmit(&mut self, nonce: u64, flight: &mut Flight) -> Result<(), L1Error> {
        let draft = Draft { chain_id: self.chain_id, nonce, fees: flight.fees };
        let sidecar = flight.sidecar.as_ref();
        let Signed { tx_hash, raw } = sign(&self.signer, &flight.request, sidecar, &draft)?;
        if flight.tx_hashes.last() != Some(&tx_hash) {
            flight.tx_hashes.push(tx_hash);
        }
        let intent = Intent {
            nonce,
            kind: flight.request.kind(),
            request: flight.request.clone(),
            fees: flight.fees,
            tx_hashes: flight.tx_hashes.clone(),
            blob_hashes: sidecar.map(|s| s.versioned_hashes().collect()).unwrap_or_default(),
        };
        self.log.record(&intent).map_err(|error| L1Error::Intent(error.to_string()))?;
        flight.sent_at = Instant::now();
        match self.client.send_raw(raw).await {
            Ok(_) | Err(L1Error::Rejected { kind: Rejection::AlreadyKnown, .. }) => {
                flight.again = false;
                tracing::debug!(nonce, %tx_hash, "tx.sent");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

const fn other(form: SidecarForm) -> SidecarForm {
    match form {
        SidecarForm::Eip4844 => SidecarForm::Eip7594,
        SidecarForm::Eip7594 => SidecarForm::Eip4844,
    }
}
