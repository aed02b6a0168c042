//! The loop: one block per slot.

use crate::{
    DaBudget, Origin, OriginView, SequencerError, Skipped, SpaceLimits,
    build::{Built, Job, build},
    choose_origin, drift_exceeded,
    pipeline::{Committed, Committer, Pipeline, Sealed, fees_after, tell_pool},
    tip::{Pending, Tip},
};
use alloy_primitives::{B256, keccak256};
use foggara_derive::{EpochStart, L1Header, L1Input, attributes};
use foggara_l1::{BlockAt, BlockTag, L1Client, L1Error, fetch_events, ref_of};
use foggara_pool::Pool;
use foggara_primitives::{ChainSpec, L1Ref, PayloadAttributes};
use foggara_stf::ExecutedBlock;
use foggara_store::Store;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

/// Pause after a look at a disk that is too full to build.
const DISK_RETRY: Duration = Duration::from_secs(2);
/// Share of the slot in which a block is filled, in percent (`ROLLUP.md` section 6).
const FILL_PERCENT: u32 = 80;
/// Share of the slot that filling gets in any case, in percent: an L1 that takes most of the slot to
/// answer must not keep transactions out for ever.
const FILL_PERCENT_MIN: u32 = 20;
/// Pause after an L1 that did not answer, or a decision to wait.
const RETRY: Duration = Duration::from_millis(200);
/// Self-check mismatches of one block before it is built with deposits only.
const MISMATCHES_MAX: u32 = 3;

/// How blocks are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequencerConfig {
    /// Execute every block a second time before it is committed.
    pub self_check: bool,
    /// L1 blocks on top of an origin before it is taken.
    pub l1_confs: u64,
    /// Free space that accepting and building need.
    pub space: SpaceLimits,
}

impl Default for SequencerConfig {
    fn default() -> Self {
        Self {
            self_check: true,
            l1_confs: 0,
            space: SpaceLimits::default(),
        }
    }
}

/// Builds one block per slot until it is told to stop.
#[derive(Debug)]
pub struct Sequencer {
    spec: Arc<ChainSpec>,
    store: Store,
    pool: Pool,
    l1: Arc<dyn L1Client>,
    config: SequencerConfig,
    backlog: watch::Receiver<u64>,
    pending: Pending,
    waiting: Vec<oneshot::Receiver<Committed>>,
    tip: Tip,
    epoch: Option<L1Input>,
    mismatches: u32,
    quarantine: Vec<B256>,
}

/// Why a slot gave no block.
enum Pause {
    L1(L1Error),
    Wait,
    Reset,
}

impl From<L1Error> for Pause {
    fn from(error: L1Error) -> Self {
        Self::L1(error)
    }
}

impl Sequencer {
    /// A sequencer on the store's unsafe head. `backlog` carries the bytes that the batcher has not
    /// posted yet.
    ///
    /// # Errors
    /// [`SequencerError`]: the head cannot be read.
    pub fn new(
        spec: Arc<ChainSpec>,
        store: Store,
        pool: Pool,
        l1: Arc<dyn L1Client>,
        config: SequencerConfig,
        backlog: watch::Receiver<u64>,
    ) -> Result<Self, SequencerError> {
        let tip = Tip::durable(&spec, &store)?;
        Ok(Self {
            spec,
            store,
            pool,
            l1,
            config,
            backlog,
            pending: Pending::default(),
            waiting: Vec::new(),
            tip,
            epoch: None,
            mismatches: 0,
            quarantine: Vec::new(),
        })
    }

    /// Builds until `stop` is true. A block that was begun is finished and committed.
    ///
    /// # Errors
    /// [`SequencerError`]: the node is broken.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), SequencerError> {
        let pipeline = Pipeline::start(Committer {
            spec: Arc::clone(&self.spec),
            store: self.store.clone(),
            pool: self.pool.clone(),
            self_check: self.config.self_check,
        })
        .map_err(|_| SequencerError::Thread("commit"))?;
        while !*stop.borrow() {
            self.settle()?;
            let time = self
                .tip
                .header
                .timestamp
                .saturating_add(self.spec.rollup.block_time);
            if let Some(early) = until(time) {
                // Wakes early only to look at what the pipeline has finished, or to stop.
                let _ = timeout(early.min(RETRY), stop.wait_for(|stop| *stop)).await;
                continue;
            }
            let free = self.store.free_bytes()?;
            if !self.config.space.allow_building(free) {
                self.pool.set_closed(self.config.space.refusal(free));
                tracing::error!(free_bytes = free, "block.build.disk_full");
                let _ = timeout(DISK_RETRY, stop.wait_for(|stop| *stop)).await;
                continue;
            }
            match self.slot(time, &pipeline).await? {
                Ok(()) => {}
                Err(Pause::Reset) => {
                    tracing::warn!(number = self.tip.header.number, "origin.reset");
                    self.reset()?;
                    sleep(RETRY).await;
                }
                Err(Pause::Wait) => sleep(RETRY).await,
                Err(Pause::L1(error)) => {
                    tracing::warn!(%error, "origin.unavailable");
                    sleep(RETRY).await;
                }
            }
        }
        drop(pipeline);
        Ok(())
    }

    /// Builds the block at `time` and hands it to the pipeline.
    async fn slot(
        &mut self,
        time: u64,
        pipeline: &Pipeline,
    ) -> Result<Result<(), Pause>, SequencerError> {
        let start = Instant::now();
        let attributes = match self.attributes(time).await {
            Ok(attributes) => attributes,
            Err(pause) => return Ok(Err(pause)),
        };
        let slot = Duration::from_secs(self.spec.rollup.block_time);
        let job = Job {
            spec: Arc::clone(&self.spec),
            parent: self.tip.clone(),
            attributes,
            budget: DaBudget::at_backlog(*self.backlog.borrow()),
            deadline: fill_until(start, Instant::now(), slot),
            quarantine: self.quarantine.clone(),
        };
        let Some(state) = self.pending.state(&self.store, self.tip.hash)? else {
            return Ok(Err(Pause::Reset));
        };
        let pool = self.pool.clone();
        let built =
            tokio::task::spawn_blocking(move || build(&job, &pool, state).map(|b| (job, b)))
                .await
                .map_err(|_| SequencerError::Thread("builder"))?;
        let (job, Built { block, skipped }) = match built {
            Ok(built) => built,
            // The durable state moved away while the block was built on it.
            Err(SequencerError::Source(_)) if self.state_is_gone() => return Ok(Err(Pause::Reset)),
            Err(error) => return Err(error),
        };
        for skip in &skipped {
            if let Skipped::Invalid { hash, reason } = skip {
                tracing::debug!(%hash, %reason, "block.build.skipped");
            }
        }
        let block = Arc::new(block);
        tracing::debug!(
            number = block.header.number,
            transactions = block.transactions.len(),
            us = start.elapsed().as_micros(),
            "block.build"
        );
        tell_pool(&self.spec, &self.pool, &block)?;
        self.tip = Tip::built(&self.spec, &block)?;
        self.pending.push(Arc::clone(&block));
        let (done, waiting) = oneshot::channel();
        self.waiting.push(waiting);
        let Job {
            parent, attributes, ..
        } = job;
        pipeline
            .push(Sealed {
                parent,
                attributes,
                block,
                done,
            })
            .await?;
        Ok(Ok(()))
    }

    /// Whether the chain below the tip was unwound.
    fn state_is_gone(&mut self) -> bool {
        !matches!(self.pending.state(&self.store, self.tip.hash), Ok(Some(_)))
    }

    /// Takes note of what the pipeline has finished, oldest first.
    fn settle(&mut self) -> Result<(), SequencerError> {
        while let Some(first) = self.waiting.first_mut() {
            let committed = match first.try_recv() {
                Ok(committed) => committed,
                Err(oneshot::error::TryRecvError::Empty) => break,
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(SequencerError::Thread("commit"));
                }
            };
            self.waiting.remove(0);
            match committed {
                Committed::Durable => {
                    self.mismatches = 0;
                    self.quarantine.clear();
                    self.pending.forget(self.store.heads().unsafe_.number);
                }
                Committed::Conflict => return self.reset(),
                Committed::Full(why) => {
                    tracing::error!(why, "block.commit.full");
                    return self.reset();
                }
                Committed::Mismatch => return self.mismatch(),
                Committed::Fatal(error) => return Err(error),
            }
        }
        // The verifier may have moved the chain while nothing of ours was under way, and so may a block
        // of ours that was given up too early.
        if self.pending.is_empty() && self.store.heads().unsafe_.hash != self.tip.hash {
            return self.restart(&[]);
        }
        Ok(())
    }

    /// Discards a block that differed when it was executed again, and builds it anew without its
    /// pool transactions' first half, then without any.
    fn mismatch(&mut self) -> Result<(), SequencerError> {
        self.mismatches = self.mismatches.saturating_add(1);
        let blocks = self.pending.take();
        let Some(bad) = blocks.first() else {
            return self.reset();
        };
        let number = bad.header.number;
        tracing::error!(
            number,
            attempt = self.mismatches,
            "block.self_check.mismatch"
        );
        if self.mismatches > MISMATCHES_MAX {
            return Err(SequencerError::SelfCheck { number });
        }
        let hashes: Vec<B256> = bad.transactions.iter().map(keccak256).collect();
        let suspects = if self.mismatches == MISMATCHES_MAX {
            0
        } else {
            hashes.len() / 2
        };
        self.quarantine.extend(hashes.into_iter().skip(suspects));
        self.restart(&blocks)
    }

    /// Starts again from the durable head; what was built on top goes back to the pool.
    fn reset(&mut self) -> Result<(), SequencerError> {
        let blocks = self.pending.take();
        self.restart(&blocks)
    }

    fn restart(&mut self, discarded: &[Arc<ExecutedBlock>]) -> Result<(), SequencerError> {
        self.waiting.clear();
        self.epoch = None;
        let head = self.store.head_block(|heads| heads.unsafe_)?;
        let durable = head.header.number;
        let back: Vec<_> = discarded
            .iter()
            .filter(|block| {
                block.header.number > durable
                    || self.store.block_hash(block.header.number).ok().flatten() != Some(block.hash)
            })
            .flat_map(|block| block.transactions.iter())
            .filter_map(|raw| self.pool.get(&keccak256(raw)))
            .collect();
        self.pool.reinject(back, fees_after(&self.spec, &head)?)?;
        self.tip = Tip::stored(&self.spec, head)?;
        Ok(())
    }

    /// Decides origin and attributes of the block at `time`.
    async fn attributes(&mut self, time: u64) -> Result<PayloadAttributes, Pause> {
        let parent = self.tip.l2;
        let head = self.l1.head(BlockTag::Latest).await?;
        let view = self.view(parent.l1_origin.number, head).await?;
        let (origin, new_epoch) = match choose_origin(parent.l1_origin, &view, time) {
            Origin::Keep(origin) => (origin, false),
            Origin::Next(origin) => (origin, true),
            Origin::Wait => return Err(Pause::Wait),
            Origin::Reset => return Err(Pause::Reset),
        };
        let (spec, sys) = (Arc::clone(&self.spec), self.tip.sys);
        let input = self.epoch(origin).await?;
        let header: L1Header = input.header.clone();
        let events = new_epoch.then(|| EpochStart {
            config_updates: &input.config_updates,
            deposits: &input.deposits,
        });
        let built =
            attributes(&spec, &parent, &sys, &header, events, Vec::new()).map_err(|error| {
                tracing::warn!(%error, "attributes");
                Pause::Reset
            })?;
        let behind = self.window_half_spent(head);
        self.pool.set_closed(self.refusal(behind));
        let no_tx_pool = drift_exceeded(time, origin.timestamp) || behind;
        Ok(PayloadAttributes {
            no_tx_pool,
            ..built.attributes
        })
    }

    /// One L1 view around the parent's origin.
    async fn view(&self, origin: u64, head: L1Ref) -> Result<OriginView, L1Error> {
        let at = async |number: u64| -> Result<Option<L1Ref>, L1Error> {
            if number > head.number {
                return Ok(None);
            }
            let found = self.l1.header(BlockAt::Number(number)).await?;
            Ok(found.map(|(header, hash)| ref_of(&header, hash)))
        };
        let next = origin.saturating_add(1);
        let confirmed = next.saturating_add(self.config.l1_confs) <= head.number;
        Ok(OriginView {
            current: at(origin).await?,
            next: if confirmed { at(next).await? } else { None },
        })
    }

    /// Header and events of an origin, kept while blocks stay in its epoch.
    async fn epoch(&mut self, origin: L1Ref) -> Result<&L1Input, L1Error> {
        let known = self
            .epoch
            .as_ref()
            .is_some_and(|input| input.header.hash == origin.hash);
        if !known {
            self.epoch = Some(fetch_events(self.l1.as_ref(), &self.spec, origin.hash).await?);
        }
        self.epoch
            .as_ref()
            .ok_or(L1Error::Reorged { hash: origin.hash })
    }

    /// Whether the oldest unposted block is so old that half of its window is gone: then nothing new
    /// is promised until the batcher has caught up (`ROLLUP.md` section 9.4).
    fn window_half_spent(&self, l1_head: L1Ref) -> bool {
        let safe = self.store.heads().safe;
        let age = l1_head.number.saturating_sub(safe.l1_origin.number);
        age.saturating_mul(2) >= self.spec.rollup.seq_window_size
    }

    /// Why nothing new is accepted, if so.
    fn refusal(&self, behind: bool) -> Option<String> {
        if behind {
            return Some("the batcher is behind, the sequencing window is half spent".to_owned());
        }
        let free = self.store.free_bytes().ok()?;
        self.config.space.refusal(free)
    }
}

/// When a block is no longer filled whose slot began at `start` and whose attributes are there at `now`.
fn fill_until(start: Instant, now: Instant, slot: Duration) -> Instant {
    (start + slot * FILL_PERCENT / 100).max(now + slot * FILL_PERCENT_MIN / 100)
}

/// Time until a block of unix second `time` is due; `None` if it is.
fn until(time: u64) -> Option<Duration> {
    let due = SystemTime::UNIX_EPOCH + Duration::from_secs(time);
    due.duration_since(SystemTime::now())
        .ok()
        .filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time that L1 takes to answer counts against the slot. Where it took four fifths of it, no block
    /// ever held a transaction.
    #[test]
    fn a_slow_l1_leaves_time_to_fill_a_block() {
        let (start, slot) = (Instant::now(), Duration::from_secs(1));
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(fill_until(start, at(5), slot), at(800));
        assert_eq!(fill_until(start, at(700), slot), at(900));
        assert_eq!(fill_until(start, at(1_500), slot), at(1_700));
    }
}
