//! Self-check and durable commit, one block at a time and in order, while the next one is built.

use crate::{SequencerError, check::agrees, tip::Tip};
use alloy_consensus::Header;
use foggara_derive::l1_info_of;
use foggara_evm::base_fee_of_next;
use foggara_evm::{AiChoice, choose_ai_backend};
use foggara_pool::{BlockUpdate, HeadFees, Pool};
use foggara_primitives::{ChainSpec, L1Info, PayloadAttributes};
use foggara_stf::{ExecError, ExecutedBlock};
use foggara_store::{Commit, CommitError, Store, StoredBlock};
use std::{sync::Arc, thread, time::Instant};
use tokio::sync::{mpsc, oneshot};

/// Blocks that wait for their commit at most; the builder waits when there are more.
const PIPELINE_BLOCKS_MAX: usize = 2;

/// A built block on its way to the store.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) parent: Tip,
    pub(crate) attributes: PayloadAttributes,
    pub(crate) block: Arc<ExecutedBlock>,
    pub(crate) done: oneshot::Sender<Committed>,
}

/// What became of a sealed block.
#[derive(Debug)]
pub(crate) enum Committed {
    /// It is durable.
    Durable,
    /// The head has moved away: the block and those on top of it are void.
    Conflict,
    /// It differed when it was executed again.
    Mismatch,
    /// No space left; the block may be offered again later.
    Full(String),
    /// The node is broken.
    Fatal(SequencerError),
}

/// The thread that checks and commits.
#[derive(Debug)]
pub(crate) struct Pipeline {
    sender: Option<mpsc::Sender<Sealed>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the thread works with.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Store,
    pub(crate) pool: Pool,
    pub(crate) self_check: bool,
}

impl Pipeline {
    pub(crate) fn start(committer: Committer) -> std::io::Result<Self> {
        let (sender, mut receiver) = mpsc::channel::<Sealed>(PIPELINE_BLOCKS_MAX);
        let thread = thread::Builder::new()
            .name("commit".into())
            .spawn(move || {
                while let Some(sealed) = receiver.blocking_recv() {
                    let outcome = committer.commit(&sealed);
                    // Whoever asked is gone only when the sequencer stops.
                    let _ = sealed.done.send(outcome);
                }
            })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Hands a block over; waits while the pipeline is full.
    pub(crate) async fn push(&self, sealed: Sealed) -> Result<(), SequencerError> {
        let gone = SequencerError::Thread("commit");
        let sender = self.sender.as_ref().ok_or_else(|| gone.clone())?;
        sender.send(sealed).await.map_err(|_| gone)
    }
}

impl Drop for Pipeline {
    /// Commits what was handed over, then ends the thread.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("commit.thread.panicked");
        }
    }
}

impl Committer {
    fn commit(&self, sealed: &Sealed) -> Committed {
        let number = sealed.block.header.number;
        if choose_ai_backend(AiChoice::Auto).is_faulty() {
            // From here on all is computed portably; what was sealed before may be wrong.
            tracing::error!(number, "ai.backend.faulty");
        }
        match self.check(sealed) {
            Ok(true) => {}
            Ok(false) => return Committed::Mismatch,
            Err(ExecError::Source(_) | ExecError::Trie(_))
                if self.store.heads().unsafe_.hash != sealed.parent.hash =>
            {
                return Committed::Conflict;
            }
            Err(source) => return Committed::Fatal(SequencerError::Build { number, source }),
        }
        let start = Instant::now();
        match self.store.commit(Commit::block(Arc::clone(&sealed.block))) {
            Ok(()) => {}
            Err(CommitError::Conflict { .. }) => return Committed::Conflict,
            Err(CommitError::Full(why)) => return Committed::Full(why),
            Err(source) => return Committed::Fatal(SequencerError::Commit { number, source }),
        }
        self.pool.on_durable(number);
        tracing::debug!(number, us = start.elapsed().as_micros(), "block.commit");
        Committed::Durable
    }

    fn check(&self, sealed: &Sealed) -> Result<bool, ExecError> {
        if !self.self_check {
            return Ok(true);
        }
        let view = self
            .store
            .view_at(sealed.parent.header.number)
            .map_err(|error| ExecError::Source(error.into()))?;
        let parent = &sealed.parent;
        let (header, block) = (&parent.header, sealed.block.as_ref());
        agrees(
            &self.spec,
            header,
            parent.hash,
            &sealed.attributes,
            block,
            view,
        )
    }
}

/// Tells the pool that a block is sealed: its transactions leave the queue, prices move on.
pub(crate) fn tell_pool(
    spec: &ChainSpec,
    pool: &Pool,
    block: &ExecutedBlock,
) -> Result<(), SequencerError> {
    let included: Vec<_> = block
        .transactions
        .iter()
        .map(alloy_primitives::keccak256)
        .collect();
    pool.on_block(BlockUpdate {
        number: block.header.number,
        included: &included,
        diff: &block.diff,
        fees: head_fees(
            spec,
            &block.header,
            block.transactions.first().map(|raw| raw.as_ref()),
        )?,
    });
    Ok(())
}

/// Prices for the block after the store's unsafe head.
///
/// # Errors
/// [`SequencerError`]: the head cannot be read, or is no block of this chain.
pub fn fees_at_head(spec: &ChainSpec, store: &Store) -> Result<HeadFees, SequencerError> {
    fees_after(spec, &store.head_block(|heads| heads.unsafe_)?)
}

pub(crate) fn fees_after(
    spec: &ChainSpec,
    block: &StoredBlock,
) -> Result<HeadFees, SequencerError> {
    let first = block.transactions.first().map(|raw| raw.as_ref());
    head_fees(spec, &block.header, first)
}

/// Prices for the block after the one with this header and first transaction. Genesis says nothing of
/// L1: block data cost nothing after it.
fn head_fees(
    spec: &ChainSpec,
    header: &Header,
    first: Option<&[u8]>,
) -> Result<HeadFees, SequencerError> {
    let l1 = if header.number == spec.genesis.number {
        L1Info::default()
    } else {
        l1_info_of(header.number, first).map_err(SequencerError::head)?
    };
    Ok(HeadFees {
        number: header.number,
        base_fee_next: base_fee_of_next(spec, header),
        block_gas_limit: header.gas_limit,
        l1,
    })
}
