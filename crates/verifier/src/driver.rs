//! The loop: L1 events in, heads out.

use crate::{
    Hooks, VerifierError, VerifierStatus,
    engine::{Engine, Need},
    fetch::patient,
    labels,
    prefetch::Prefetch,
    resume::{self, ResumePoint},
};
use foggara_derive::Severity;
use foggara_l1::{BlockAt, BlockTag, Follower, FollowerConfig, L1Client, L1Error, L1Event, ref_of};
use foggara_primitives::{ChainSpec, L1Ref};
use foggara_store::{Commit, CommitError, Store, StoredBlock};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};

/// How L1 is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierConfig {
    /// How L1 is followed.
    pub follower: FollowerConfig,
    /// L1 blocks read ahead while catching up.
    pub prefetch_max: usize,
    /// Pause after an L1 that did not answer; doubles up to 16 times this.
    pub retry: Duration,
    /// Execute blocks of our own again when L1 confirms them, and compare hashes.
    pub execute_all: bool,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self {
            follower: FollowerConfig::default(),
            prefetch_max: 8,
            retry: Duration::from_millis(250),
            execute_all: false,
        }
    }
}

/// L1 blocks below the start that are remembered at most, so that a reorg across it can be followed.
const REMEMBER_MAX: u64 = 256;
/// Times that the chain may grow while what an unwind takes away is being saved.
const UNWIND_RETRIES_MAX: u32 = 16;

/// Derives from L1 until it is told to stop.
pub struct Verifier {
    pub(crate) config: VerifierConfig,
    store: Store,
    pub(crate) l1: Arc<dyn L1Client>,
    pub(crate) spec: Arc<ChainSpec>,
    hooks: Arc<dyn Hooks>,
    status: watch::Sender<VerifierStatus>,
    stop: watch::Receiver<bool>,
}

impl core::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Verifier")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Follows `l1` and moves the heads of `store` until `stop` is true; `status` is kept up to date.
///
/// # Errors
/// [`VerifierError`] of severity Fatal: a human is needed.
pub async fn run(
    config: VerifierConfig,
    store: Store,
    l1: Arc<dyn L1Client>,
    spec: Arc<ChainSpec>,
    hooks: Arc<dyn Hooks>,
    status: watch::Sender<VerifierStatus>,
    stop: watch::Receiver<bool>,
) -> Result<(), VerifierError> {
    Verifier {
        config,
        store,
        l1,
        spec,
        hooks,
        status,
        stop,
    }
    .run()
    .await
}

/// Why a wait ended.
enum Woken {
    Stop,
    Again,
    Reorg(L1Ref),
}

/// One life of a follower.
pub(crate) struct Session {
    engine: Option<Box<Engine>>,
    pub(crate) follower: Follower,
    pub(crate) prefetch: Prefetch,
    current: L1Ref,
    l1_finalized: Option<L1Ref>,
}

impl Verifier {
    /// A verifier; [`Self::run`] drives it. The receiver shows its status.
    pub fn new(
        config: VerifierConfig,
        store: Store,
        l1: Arc<dyn L1Client>,
        spec: Arc<ChainSpec>,
        hooks: Arc<dyn Hooks>,
        stop: watch::Receiver<bool>,
    ) -> (Self, watch::Receiver<VerifierStatus>) {
        let (status, receiver) = watch::channel(VerifierStatus {
            heads: store.heads(),
            ..VerifierStatus::default()
        });
        (
            Self {
                config,
                store,
                l1,
                spec,
                hooks,
                status,
                stop,
            },
            receiver,
        )
    }

    /// Runs until told to stop. L1 outages are waited for, reorgs followed.
    ///
    /// # Errors
    /// [`VerifierError`] of severity Fatal.
    pub async fn run(mut self) -> Result<(), VerifierError> {
        let mut failures = 0u32;
        while !*self.stop.borrow() {
            let before = self.store.heads().safe.number;
            match self.session().await {
                Ok(()) => break,
                Err(error) if error.severity() == Severity::Fatal => return Err(error),
                Err(_) if *self.stop.borrow() => break,
                Err(error) => tracing::warn!(%error, "verifier.restart"),
            }
            let progress = self.store.heads().safe.number > before;
            failures = if progress {
                0
            } else {
                failures.saturating_add(1).min(4)
            };
            self.pause(failures).await;
        }
        Ok(())
    }

    /// Waits; ends early when told to stop.
    async fn pause(&mut self, failures: u32) {
        tokio::select! {
            () = sleep(self.pause_after(failures)) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }

    fn pause_after(&self, failures: u32) -> Duration {
        self.config.retry.saturating_mul(1 << failures.min(4))
    }

    /// As [`Self::pause`], listening: what could not be read may be gone from L1 for good.
    async fn pause_and_listen(
        &mut self,
        session: &mut Session,
        failures: u32,
    ) -> Result<Woken, VerifierError> {
        let mut over = pin!(sleep(self.pause_after(failures)));
        loop {
            let event = tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return Ok(Woken::Stop),
                () = &mut over => return Ok(Woken::Again),
                event = session.follower.next() => event,
            };
            match event {
                // The follower remembers it; whoever derives asks there.
                Ok(L1Event::Advance(_)) => {}
                Ok(L1Event::Finalized(block)) => session.l1_finalized = Some(block),
                Ok(L1Event::Reorg { fork, .. }) => return Ok(Woken::Reorg(fork)),
                Err(error) if error.severity() == Severity::Retry => {
                    over.as_mut().await;
                    return Ok(Woken::Again);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn session(&mut self) -> Result<(), VerifierError> {
        let point = self.resume().await?;
        let mut session = self.begin(&point).await?;
        let mut failures = 0u32;
        loop {
            let woken = match self.catch_up(&mut session).await? {
                Woken::Again => {
                    self.finalize(&session).await?;
                    self.tell(&session).await;
                    self.next_event(&mut session, &mut failures).await?
                }
                woken => woken,
            };
            match woken {
                Woken::Stop => return Ok(()),
                Woken::Again => {}
                Woken::Reorg(fork) => self.reorg(&mut session, fork).await?,
            }
        }
    }

    /// Waits for something new on L1.
    async fn next_event(
        &mut self,
        session: &mut Session,
        failures: &mut u32,
    ) -> Result<Woken, VerifierError> {
        loop {
            let event = tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return Ok(Woken::Stop),
                event = session.follower.next() => event,
            };
            match event {
                // A look delivers many blocks, which the first event made known.
                Ok(L1Event::Advance(block)) if block.number <= session.current.number => {}
                Ok(L1Event::Advance(_)) => {
                    *failures = 0;
                    return Ok(Woken::Again);
                }
                Ok(L1Event::Finalized(block)) => {
                    session.l1_finalized = Some(block);
                    return Ok(Woken::Again);
                }
                Ok(L1Event::Reorg { fork, .. }) => return Ok(Woken::Reorg(fork)),
                Err(error) if error.severity() == Severity::Retry => {
                    tracing::warn!(%error, "verifier.l1");
                    *failures = failures.saturating_add(1);
                    self.pause(*failures).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Finds where to go on, lowers labels and unwinds blocks whose origin is gone.
    async fn resume(&self) -> Result<ResumePoint, VerifierError> {
        let point = resume::find(&self.store, &self.spec, &*self.l1, self.config.retry).await?;
        let commit = point.commit(&self.store);
        match point.unwind_to {
            Some(to) => {
                tracing::warn!(to, "verifier.unwind.origin_gone");
                self.unwind(to, commit).await?;
            }
            None if commit.is_empty() => {}
            None => self.write(commit).await?,
        }
        Ok(point)
    }

    /// Unwinds to `to` and commits; the hooks stand around it. The chain may grow while they save
    /// what will be lost: then nothing is unwound, and they are asked again about all of it.
    async fn unwind(&self, to: u64, commit: Commit) -> Result<(), VerifierError> {
        let mut attempts = 0;
        let removed = loop {
            let saved = self.blocks_above(to)?;
            self.hooks.unwinding(&saved).await?;
            let batch = Commit {
                on_head: saved.last().map(|block| block.hash),
                ..commit.clone()
            };
            let store = self.store.clone();
            match spawn(move || store.unwind(to, batch)).await? {
                Err(CommitError::Conflict { .. }) if attempts < UNWIND_RETRIES_MAX => attempts += 1,
                done => break done?,
            }
        };
        self.hooks
            .unwound(&removed, self.store.heads().unsafe_)
            .await?;
        Ok(())
    }

    /// The canonical blocks above `number`, oldest first.
    fn blocks_above(&self, number: u64) -> Result<Vec<StoredBlock>, VerifierError> {
        let mut blocks = Vec::new();
        let mut next = number.saturating_add(1);
        while let Some(block) = self.store.block(next)? {
            blocks.push(block);
            next = next.saturating_add(1);
        }
        Ok(blocks)
    }

    async fn begin(&self, point: &ResumePoint) -> Result<Session, VerifierError> {
        let engine = point.engine(&self.spec, &self.store, self.config.execute_all)?;
        let at = BlockAt::Hash(point.cursor.l1_hash);
        let gone = || L1Error::Reorged {
            hash: point.cursor.l1_hash,
        };
        let found = patient(self.config.retry, || self.l1.header(at)).await?;
        let (header, hash) = found.ok_or_else(gone)?;
        let current = ref_of(&header, hash);
        let mut follower =
            Follower::new(Arc::clone(&self.l1), current, self.config.follower.clone());
        follower.remember(self.blocks_below(current).await?);
        Ok(Session {
            engine: Some(Box::new(engine)),
            follower,
            prefetch: Prefetch::default(),
            current,
            l1_finalized: None,
        })
    }

    /// L1 blocks below `block` down to the finalized one, newest first.
    async fn blocks_below(&self, block: L1Ref) -> Result<Vec<L1Ref>, VerifierError> {
        let pause = self.config.retry;
        let head = patient(pause, || self.l1.head(BlockTag::Finalized)).await?;
        let finalized = head.number;
        let lowest = finalized.max(block.number.saturating_sub(REMEMBER_MAX));
        let (mut out, mut parent) = (Vec::new(), block.parent_hash);
        for _ in lowest..block.number {
            let at = BlockAt::Hash(parent);
            let Some((header, hash)) = patient(pause, || self.l1.header(at)).await? else {
                break;
            };
            out.push(ref_of(&header, hash));
            parent = header.parent_hash;
        }
        Ok(out)
    }

    /// Derives all that the follower has delivered; ends earlier where L1 changes its mind meanwhile.
    async fn catch_up(&mut self, session: &mut Session) -> Result<Woken, VerifierError> {
        let mut failures = 0u32;
        loop {
            if *self.stop.borrow() {
                return Ok(Woken::Stop);
            }
            let wanted = match session.work().await? {
                Need::Commit => {
                    self.commit(session).await?;
                    continue;
                }
                Need::L1(wanted) => wanted,
            };
            match self.input(session, wanted).await {
                Ok(Some(input)) => {
                    failures = 0;
                    if wanted.batcher.is_some() {
                        session.current = input.header.l1_ref();
                    }
                    session.engine()?.fetched.insert(wanted.number, input);
                }
                Ok(None) => {
                    self.commit(session).await?;
                    return Ok(Woken::Again);
                }
                Err(error) if error.severity() == Severity::Retry => {
                    tracing::warn!(%error, number = wanted.number, "verifier.l1_input");
                    self.commit(session).await?;
                    failures = failures.saturating_add(1);
                    match self.pause_and_listen(session, failures).await? {
                        Woken::Again => {}
                        woken => return Ok(woken),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes the group durable.
    async fn commit(&self, session: &mut Session) -> Result<(), VerifierError> {
        let engine = session.engine()?;
        if engine.group.is_empty() {
            return Ok(());
        }
        let group = core::mem::take(&mut engine.group);
        let store = self.store.clone();
        let (commit, below) = spawn(move || group.into_commit(&store)).await??;
        let safe = commit.safe;
        match below {
            Some(below) if self.store.heads().unsafe_.number > below => {
                tracing::warn!(to = below, "verifier.unwind.differs");
                self.unwind(below, commit).await?;
            }
            _ => self.write(commit).await?,
        }
        tracing::debug!(safe = safe.map(|block| block.number), "verifier.commit");
        Ok(())
    }

    async fn write(&self, commit: Commit) -> Result<(), VerifierError> {
        let store = self.store.clone();
        Ok(spawn(move || store.commit(commit)).await??)
    }

    async fn finalize(&self, session: &Session) -> Result<(), VerifierError> {
        let Some(block) = session.l1_finalized else {
            return Ok(());
        };
        let store = self.store.clone();
        let commit = spawn(move || labels::finalize(&store, block.number)).await??;
        if commit.is_empty() {
            Ok(())
        } else {
            self.write(commit).await
        }
    }

    /// Goes back to what both branches share.
    async fn reorg(&self, session: &mut Session, fork: L1Ref) -> Result<(), VerifierError> {
        tracing::warn!(fork = fork.number, "verifier.l1_reorg");
        session.prefetch.clear();
        let point = self.resume().await?;
        session.engine = Some(Box::new(point.engine(
            &self.spec,
            &self.store,
            self.config.execute_all,
        )?));
        if let Some(block) = session.follower.get(point.cursor.l1_number) {
            session.current = block;
        }
        Ok(())
    }

    /// Shows the status. Heads of L1 that cannot be read now stay as they were.
    async fn tell(&self, session: &Session) {
        let old = *self.status.borrow();
        let tip = session.follower.tip();
        let head_l1 = self.l1.head(BlockTag::Latest).await.unwrap_or(tip);
        let safe_l1 = self.l1.head(BlockTag::Safe).await.unwrap_or(old.safe_l1);
        let status = VerifierStatus {
            head_l1,
            current_l1: session.current,
            safe_l1,
            finalized_l1: session.l1_finalized.unwrap_or(old.finalized_l1),
            heads: self.store.heads(),
            synced: tip.hash == head_l1.hash,
        };
        self.status
            .send_if_modified(|old| core::mem::replace(old, status) != status);
    }
}

impl Session {
    fn engine(&mut self) -> Result<&mut Engine, VerifierError> {
        let lost = || VerifierError::Worker("the engine was lost".into());
        self.engine.as_deref_mut().ok_or_else(lost)
    }

    /// Number of the newest L1 block consumed.
    pub(crate) fn consumed(&self) -> u64 {
        self.engine.as_ref().map_or(0, |engine| engine.l1().number)
    }

    /// Runs the engine on a worker thread until it needs something.
    async fn work(&mut self) -> Result<Need, VerifierError> {
        let lost = || VerifierError::Worker("the engine was lost".into());
        let mut engine = self.engine.take().ok_or_else(lost)?;
        let (engine, need) = spawn(move || {
            let need = engine.work();
            (engine, need)
        })
        .await?;
        self.engine = Some(engine);
        need
    }
}

/// Runs `work` where it may block.
async fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VerifierError> {
    let ended = |error: tokio::task::JoinError| VerifierError::Worker(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(ended)
}
