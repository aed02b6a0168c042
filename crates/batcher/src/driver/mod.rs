//! The task around the machine: store and L1 in, transactions out.
//!
//! One round: read both heads of the store in one call and hand new blocks to the encoder; look at L1;
//! hear what became of the transactions; let the encoder work; post what it hands out. An error of
//! the L1 ends a round and is tried again; nothing is lost, because all state follows from the store
//! and L1.

mod held;
mod status;

pub use status::{BatcherError, BatcherParts, BatcherStatus};

use crate::{
    BatchEncoder, BatcherConfig, ChannelInfo, DaData, DaPolicy, L1Fees, Submission, SubmissionId,
};
use alloy_primitives::{B256, U256};
use foggara_batch::ChannelId;
use foggara_l1::{
    BlockTag, L1Client, SubmitError, TxEvent, TxId, TxManager, TxPayload, TxRequest,
    kzg_settings_loaded, load_kzg_settings,
};
use foggara_primitives::{BlockId, ChainSpec, Heads, L1Ref};
use foggara_store::{Commit, CommitError, Posted, Store};
use held::{Held, safe_block};
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Rounds never follow each other faster.
const ROUND_MIN: Duration = Duration::from_millis(20);
/// Longest pause after an error.
const RETRY_MAX: Duration = Duration::from_secs(12);
/// Blocks whose posting is recorded in one commit.
const POSTED_MAX: usize = 1_024;

/// Posts the blocks of a store until `stop` completes.
///
/// Starts from the store's safe head. Stopping is orderly at any moment: what is in flight lands or
/// not, and the next start finds out from L1.
///
/// # Errors
/// [`BatcherError`]: the batcher cannot go on; an L1 that does not answer is not among them.
pub async fn run(
    parts: BatcherParts,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), BatcherError> {
    let mut driver = Driver::new(parts)?;
    let mut pause = Duration::ZERO;
    tokio::pin!(stop);
    loop {
        let outcome = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            outcome = driver.round() => outcome,
        };
        match outcome {
            Ok(()) => pause = Duration::ZERO,
            Err(error) if error.is_transient() => {
                pause = longer(pause, driver.config.poll);
                driver.note(&error, pause);
            }
            Err(error) => {
                driver.note(&error, Duration::ZERO);
                return Err(error);
            }
        }
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            () = driver.wait(pause) => {}
        }
    }
}

#[derive(Debug)]
struct Driver {
    config: BatcherConfig,
    spec: Arc<ChainSpec>,
    store: Store,
    client: Arc<dyn L1Client>,
    tx: TxManager,
    /// Absent while a worker thread has it.
    encoder: Option<BatchEncoder>,
    /// What was given to the transaction manager.
    sent: BTreeMap<TxId, Sent>,
    l1_head: Option<L1Ref>,
    heads: watch::Receiver<Heads>,
    l1_heads: Option<watch::Receiver<L1Ref>>,
    sender: watch::Sender<BatcherStatus>,
    status: BatcherStatus,
}

#[derive(Debug)]
struct Sent {
    id: SubmissionId,
    channel: ChannelId,
    landed: Option<Landed>,
}

#[derive(Debug, Clone, Copy)]
struct Landed {
    tx_hash: B256,
    l1_block: u64,
    cost: U256,
}

impl Driver {
    fn new(parts: BatcherParts) -> Result<Self, BatcherError> {
        let BatcherParts {
            config,
            spec,
            store,
            client,
            tx,
            status: sender,
        } = parts;
        if config.da != DaPolicy::Calldata {
            load_kzg_settings();
        }
        let safe = safe_block(&store, &spec)?;
        let ids = Box::new(|| ChannelId::from(rand::random::<[u8; 16]>()));
        let encoder = BatchEncoder::new(Arc::clone(&spec), config.clone(), safe, ids);
        Ok(Self {
            heads: store.subscribe_heads(),
            l1_heads: client.head_changes(),
            encoder: Some(encoder),
            sent: BTreeMap::new(),
            l1_head: None,
            status: BatcherStatus::default(),
            config,
            spec,
            store,
            client,
            tx,
            sender,
        })
    }

    async fn round(&mut self) -> Result<(), BatcherError> {
        self.heads.borrow_and_update();
        let mut encoder = self.take_encoder()?;
        let outcome = self.round_with(&mut encoder).await;
        self.report(encoder.get()?);
        self.encoder = encoder.0;
        outcome
    }

    async fn round_with(&mut self, encoder: &mut Held) -> Result<(), BatcherError> {
        let (store, spec) = (self.store.clone(), Arc::clone(&self.spec));
        let max = self.config.max_backlog;
        encoder.follow(store, spec, max).await?;
        self.follow_l1(encoder.get()?).await?;
        self.settle(encoder.get()?).await?;
        encoder.work().await?;
        if self.submit(encoder).await? {
            self.settle(encoder.get()?).await?;
        }
        self.status.error = None;
        Ok(())
    }

    /// The encoder, or a new one if a round was broken off while a thread had it.
    fn take_encoder(&mut self) -> Result<Held, BatcherError> {
        if let Some(encoder) = self.encoder.take() {
            return Ok(Held(Some(encoder)));
        }
        let safe = safe_block(&self.store, &self.spec)?;
        let ids = Box::new(|| ChannelId::from(rand::random::<[u8; 16]>()));
        self.sent.clear();
        self.l1_head = None;
        let (spec, config) = (Arc::clone(&self.spec), self.config.clone());
        Ok(Held(Some(BatchEncoder::new(spec, config, safe, ids))))
    }

    async fn follow_l1(&mut self, encoder: &mut BatchEncoder) -> Result<(), BatcherError> {
        let head = self.client.head(BlockTag::Latest).await?;
        if self.l1_head.is_some_and(|last| last.hash == head.hash) {
            return Ok(());
        }
        let fees = self.client.fees().await?;
        let finalized = self.client.head(BlockTag::Finalized).await?;
        let no_blobs_yet = self.config.calldata_first && !kzg_settings_loaded();
        let fees = L1Fees {
            base_fee: fees.base_fee,
            // What cannot be made yet has no price.
            blob_base_fee: if no_blobs_yet {
                u128::MAX
            } else {
                fees.blob_base_fee
            },
        };
        let given_up = encoder.advance_l1_head(head.number, &fees);
        if given_up > 0 {
            tracing::warn!(channels = given_up, l1_head = head.number, "batch.given_up");
        }
        encoder.finalize_l1(finalized.number);
        self.l1_head = Some(head);
        self.status.l1_head = head.number;
        Ok(())
    }

    /// Lets the transaction manager look at the chain and passes its news on.
    async fn settle(&mut self, encoder: &mut BatchEncoder) -> Result<(), BatcherError> {
        let mut funded = true;
        let mut landed = Vec::new();
        for event in self.tx.tick().await? {
            match event {
                TxEvent::Landed {
                    id,
                    block,
                    tx_hash,
                    cost,
                } => {
                    self.status.spent = self.status.spent.saturating_add(cost);
                    let Some(sent) = self.sent.get_mut(&id) else {
                        continue;
                    };
                    sent.landed = Some(Landed {
                        tx_hash,
                        l1_block: block.number,
                        cost,
                    });
                    tracing::info!(%tx_hash, l1_block = block.number, channel = %sent.channel, "batch.landed");
                    landed.extend(encoder.confirm(sent.id, block.number));
                }
                TxEvent::Reorged { id, block, tx_hash } => {
                    let Some(sent) = self.sent.get_mut(&id) else {
                        continue;
                    };
                    tracing::warn!(%tx_hash, l1_block = block.number, "batch.reorged");
                    sent.landed = None;
                    encoder.unconfirm(sent.id);
                }
                TxEvent::Final { id, .. } => {
                    self.sent.remove(&id);
                }
                TxEvent::Failed { id, reason } => {
                    tracing::warn!(?reason, "batch.failed");
                    if let Some(sent) = self.sent.remove(&id) {
                        encoder.requeue(sent.id);
                    }
                }
                TxEvent::Unfunded { have, need } => {
                    funded = false;
                    if self.status.unfunded.is_none() {
                        tracing::error!(%have, %need, address = %self.tx.address(), "batch.unfunded");
                    }
                    self.status.unfunded = Some((have, need));
                }
                TxEvent::SpendingCap { spent } => {
                    self.status.error =
                        Some(format!("spending cap reached: {spent} wei this hour"));
                }
                _ => {}
            }
        }
        if funded && self.tx.in_flight() == 0 {
            self.status.unfunded = None;
        }
        for info in landed {
            self.record(&info).await;
        }
        Ok(())
    }

    /// Hands out what is ready; `true` if anything was.
    async fn submit(&mut self, encoder: &mut Held) -> Result<bool, BatcherError> {
        let mut any = false;
        while self.tx.in_flight() < self.config.max_in_flight {
            let Some(submission) = encoder.next_submission().await? else {
                break;
            };
            let Submission {
                id,
                channel,
                data,
                bytes,
                first,
                last,
            } = submission;
            let payload = match data {
                DaData::Blobs(blobs) => TxPayload::Blobs(blobs),
                DaData::Calldata(payload) => TxPayload::Calldata(payload),
            };
            let request = TxRequest::data(self.spec.rollup.batch_inbox_address, payload);
            match self.tx.submit(request) {
                Ok(tx) => {
                    self.sent.insert(
                        tx,
                        Sent {
                            id,
                            channel,
                            landed: None,
                        },
                    );
                    any = true;
                    tracing::info!(%channel, bytes, first = first.number, last = last.number, "batch.post");
                }
                Err(error @ SubmitError::Payload(_)) => return Err(error.into()),
                Err(_) => {
                    // Full, or the other kind is still in flight: it is the last one, so it waits.
                    encoder.get()?.requeue(id);
                    break;
                }
            }
        }
        Ok(any)
    }

    /// Writes beside each block where it was posted. A failure costs a user's look-up, not a block.
    async fn record(&mut self, info: &ChannelInfo) {
        self.status.channels += 1;
        self.status.bytes += info.size as u64;
        self.status.last_fill_ppm = info.fill_ppm;
        let parts: Vec<Landed> = self
            .sent
            .values()
            .filter(|sent| sent.channel == info.id)
            .filter_map(|sent| sent.landed)
            .collect();
        let posted = posted(info, &parts);
        let store = self.store.clone();
        let written = tokio::task::spawn_blocking(move || {
            posted.chunks(POSTED_MAX).try_for_each(|posted| {
                store.commit(Commit {
                    posted: posted.to_vec(),
                    ..Commit::default()
                })
            })
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(CommitError::Invalid(reason))) => tracing::debug!(%reason, "batch.not_recorded"),
            Ok(Err(error)) => tracing::warn!(%error, "batch.not_recorded"),
            Err(error) => tracing::warn!(%error, "batch.not_recorded"),
        }
    }

    fn report(&mut self, encoder: &BatchEncoder) {
        let status = BatcherStatus {
            backlog_bytes: encoder.backlog_bytes(),
            oldest_unposted: encoder.oldest_unposted().map(|block| block.l2.number),
            unposted_age: encoder.unposted_age(),
            expired: encoder.is_expired(),
            in_flight: self.tx.in_flight(),
            da: Some(encoder.da_kind()),
            ..self.status.clone()
        };
        if status.expired && !self.status.expired {
            tracing::error!(age = status.unposted_age, "batch.window_expired");
        }
        self.status = status.clone();
        self.sender.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }

    fn note(&mut self, error: &BatcherError, pause: Duration) {
        let text = error.to_string();
        if self.status.error.as_ref() != Some(&text) {
            tracing::warn!(error = text, pause_ms = pause.as_millis(), "batch.held_up");
        }
        self.status.error = Some(text.clone());
        self.sender.send_if_modified(|status| {
            let changed = status.error.as_ref() != Some(&text);
            status.error = Some(text);
            changed
        });
    }

    /// Waits for news of the store or the L1, or for the time to look again.
    async fn wait(&mut self, pause: Duration) {
        if !pause.is_zero() {
            return tokio::time::sleep(pause).await;
        }
        tokio::time::sleep(ROUND_MIN).await;
        let l1_heads = async {
            if let Some(heads) = &mut self.l1_heads
                && heads.changed().await.is_ok()
            {
                return;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = tokio::time::sleep(self.config.poll) => {}
            () = l1_heads => {}
            changed = self.heads.changed() => {
                if changed.is_err() {
                    tokio::time::sleep(self.config.poll).await;
                }
            }
        }
    }
}

/// The pause after one more error in a row; `poll` is what an embedder chose, without a bound.
fn longer(pause: Duration, poll: Duration) -> Duration {
    pause.saturating_mul(2).min(RETRY_MAX).max(poll)
}

/// One record per block: its share of the channel's bytes and cost goes by the size of its
/// transactions.
fn posted(info: &ChannelInfo, parts: &[Landed]) -> Vec<(u64, Option<Posted>)> {
    let cost = parts
        .iter()
        .fold(U256::ZERO, |sum, part| sum.saturating_add(part.cost));
    let total = info.block_sizes.iter().sum::<usize>().max(1);
    let BlockId { number: first, .. } = info.first;
    let share = |size: usize| Posted {
        l1_txs: parts.iter().map(|part| part.tx_hash).collect(),
        channel: info.id,
        frames: u16::try_from(info.frames).unwrap_or(u16::MAX),
        l1_block: parts
            .iter()
            .map(|part| part.l1_block)
            .max()
            .unwrap_or_default(),
        bytes: (info.size * size / total) as u64,
        cost: cost.saturating_mul(U256::from(size)) / U256::from(total),
    };
    (first..)
        .zip(&info.block_sizes)
        .map(|(number, size)| (number, Some(share(*size))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll above the longest pause made the first error of L1 a panic.
    #[test]
    fn pauses_grow_from_the_poll_to_a_bound_whatever_the_poll() {
        let s = Duration::from_secs;
        let mut pause = Duration::ZERO;
        let mut seen = Vec::new();
        for _ in 0..5 {
            pause = longer(pause, s(2));
            seen.push(pause);
        }
        assert_eq!(seen, [s(2), s(4), s(8), s(12), s(12)]);
        assert_eq!(longer(Duration::ZERO, s(13)), s(13));
        assert_eq!(longer(s(13), s(13)), s(13));
    }
}
