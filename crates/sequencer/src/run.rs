//! The loop: one block per slot.

use crate::{
    DaBudget, Origin, SequencerError, Skipped, SpaceLimits,
    build::{Built, Job, build, is_permanent},
    drift_exceeded,
    look::{Look, Looker, Question},
    pipeline::{Committed, Committer, Pipeline, Sealed, fees_after, tell_pool},
    tip::{Pending, Tip},
};
use alloy_primitives::{B256, keccak256};
use foggara_derive::{EpochStart, L1Header, L1Input, attributes};
use foggara_l1::L1Client;
use foggara_pool::Pool;
use foggara_primitives::{BlockId, ChainSpec, L1Ref, PayloadAttributes};
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
/// Share of the slot in which L1 is waited for, in percent; then the block stays in its parent's epoch.
const LOOK_PERCENT: u32 = 50;
/// Pause after a decision to wait.
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
    /// For an L1 of development.
    fn default() -> Self {
        Self {
            self_check: true,
            l1_confs: 0,
            space: SpaceLimits::default(),
        }
    }
}

impl SequencerConfig {
    /// For a public L1, whose newest blocks may be replaced: an origin has 4 blocks on top.
    pub fn public() -> Self {
        Self {
            l1_confs: 4,
            ..Self::default()
        }
    }
}

/// Builds one block per slot until it is told to stop.
#[derive(Debug)]
pub struct Sequencer {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Store,
    pub(crate) pool: Pool,
    looker: Looker,
    config: SequencerConfig,
    backlog: watch::Receiver<u64>,
    pub(crate) pending: Pending,
    waiting: Vec<oneshot::Receiver<Committed>>,
    tip: Tip,
    /// Header and events of the newest origin taken.
    pub(crate) epoch: Option<L1Input>,
    /// The L1 head seen last.
    l1_head: Option<L1Ref>,
    /// An origin that L1 had dropped when it answered last.
    gone: Option<BlockId>,
    /// Set while L1 fails: what was said about it.
    pub(crate) silence: Silence,
    mismatches: u32,
    quarantine: Vec<B256>,
}

/// Why a slot gave no block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    Wait,
    Reset,
}

/// What the log knows of an L1 that fails; each is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Silence {
    None,
    /// Blocks stay in the epoch of their parents.
    Told,
    /// The drift is used up, no block is built.
    Alarmed,
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
            looker: Looker::new(Arc::clone(&spec), l1),
            spec,
            store,
            pool,
            config,
            backlog,
            pending: Pending::default(),
            waiting: Vec::new(),
            tip,
            epoch: None,
            l1_head: None,
            gone: None,
            silence: Silence::None,
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
            }
        }
        drop(pipeline);
        Ok(())
    }

    /// Builds the block at `time` and hands it to the pipeline.
    pub(crate) async fn slot(
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
                if is_permanent(reason) && self.pool.refuse(hash) {
                    tracing::info!(%hash, %reason, "block.build.refused");
                }
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
    pub(crate) fn mismatch(&mut self) -> Result<(), SequencerError> {
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
    pub(crate) async fn attributes(&mut self, time: u64) -> Result<PayloadAttributes, Pause> {
        let parent = self.tip.l2;
        let question = Question {
            origin: parent.l1_origin,
            known: self.known(parent.l1_origin).is_some(),
            time,
            l1_confs: self.config.l1_confs,
        };
        let slot = Duration::from_secs(self.spec.rollup.block_time);
        let answer = self.looker.look(question, slot * LOOK_PERCENT / 100).await;
        let origin = match answer {
            Some(Ok(look)) => self.decide(look, time)?,
            Some(Err(error)) => {
                self.say(Silence::Told, &error.to_string());
                self.keep(time)?
            }
            None => self.keep(time)?,
        };
        let input = self.known(origin).ok_or(Pause::Wait)?;
        let new_epoch = (origin != parent.l1_origin).then(|| EpochStart {
            config_updates: &input.config_updates,
            deposits: &input.deposits,
        });
        let origin_time = input.header.timestamp;
        let (header, sys): (&L1Header, _) = (&input.header, &self.tip.sys);
        let built = attributes(&self.spec, &parent, sys, header, new_epoch, Vec::new());
        let built = built.map_err(|error| {
            tracing::warn!(%error, "attributes");
            Pause::Reset
        })?;
        let behind = self.window_half_spent(time);
        self.pool.set_closed(self.refusal(behind));
        let deposits_only = self.mismatches >= MISMATCHES_MAX;
        Ok(PayloadAttributes {
            no_tx_pool: drift_exceeded(time, origin_time) || behind || deposits_only,
            ..built.attributes
        })
    }

    /// The origin that what L1 says asks for; its header and events are at hand then.
    fn decide(&mut self, look: Look, time: u64) -> Result<BlockId, Pause> {
        if self.silence != Silence::None {
            self.silence = Silence::None;
            tracing::warn!("origin.l1_answers_again");
        }
        let parent = self.tip.l2.l1_origin;
        let choice = look.choose(parent, time);
        self.l1_head = Some(look.head);
        self.gone = (choice == Origin::Reset).then_some(parent);
        let origin = match choice {
            Origin::Keep(origin) | Origin::Next(origin) => origin.id(),
            Origin::Wait => return Err(Pause::Wait),
            Origin::Reset => return Err(Pause::Reset),
        };
        if let Some(input) = look.into_input(origin) {
            self.epoch = Some(input);
        }
        Ok(origin)
    }

    /// The parent's origin, as long as blocks may stay there without a word of L1: for the drift, unless
    /// L1 had dropped it (`ROLLUP.md` section 6).
    fn keep(&mut self, time: u64) -> Result<BlockId, Pause> {
        let parent = self.tip.l2.l1_origin;
        if self.gone == Some(parent) {
            return Err(Pause::Reset);
        }
        match self.known(parent) {
            Some(input) if !drift_exceeded(time, input.header.timestamp) => Ok(parent),
            Some(_) => {
                self.say(Silence::Alarmed, "no block is built until L1 answers");
                Err(Pause::Wait)
            }
            None => Err(Pause::Wait),
        }
    }

    /// Says once what an L1 that fails leads to.
    fn say(&mut self, silence: Silence, why: &str) {
        if self.silence >= silence {
            return;
        }
        self.silence = silence;
        match silence {
            Silence::Alarmed => tracing::error!(why, "origin.drift_spent"),
            _ => tracing::warn!(why, "origin.l1_fails"),
        }
    }

    /// Header and events of this origin, if they are at hand.
    fn known(&self, origin: BlockId) -> Option<&L1Input> {
        let newest = self.epoch.as_ref();
        newest.filter(|input| input.header.id() == origin)
    }

    /// Whether the oldest unposted block is so old that half of its window is gone when the block at
    /// `time` is built: then nothing new is promised until the batcher has caught up (`ROLLUP.md` section
    /// 9.4). An L1 that is not heard goes on all the same, at its usual pace.
    fn window_half_spent(&self, time: u64) -> bool {
        let Some(head) = self.l1_head else {
            return false;
        };
        let pace = self.spec.foggara.l1_block_time.max(1);
        let unheard = match self.silence {
            Silence::None => 0,
            _ => time.saturating_sub(head.timestamp) / pace,
        };
        let safe = self.store.heads().safe;
        let number = head.number.saturating_add(unheard);
        let age = number.saturating_sub(safe.l1_origin.number);
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
