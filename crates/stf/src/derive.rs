//! DERIVE: the sub-step that turns L1 data into the attributes of the next block
//! (`FAULTPROOF.md` section 3.2).

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256};
use foggara_derive::{
    Derived, Deriver, FrameObject, L1Input, ResetReason, ResumeError, Severity, Step, SyncStart,
    frames_of,
};
use foggara_primitives::{ChainSpec, Cursor, L2Ref, SourceError, SystemConfig};

/// What derivation asks of the world. The node answers from its store and its L1 client, the
/// fault-proof guest from preimages; both must answer from one L1 chain and one L2 chain.
pub trait DeriveSource {
    /// The L1 block `number` on the chain that ends at the source's L1 head; `None` above the head.
    /// Payloads are those of the batcher in force after the block's own config updates, where
    /// `batcher` is the one before it; `None` if payloads are not read.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn l1_input(
        &mut self,
        number: u64,
        batcher: Option<Address>,
    ) -> Result<Option<L1Input>, SourceError>;

    /// The L2 block `number`, at or below the last sealed one.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken or has no such block.
    fn l2_block(&mut self, number: u64) -> Result<L2Ref, SourceError>;

    /// The frame object with this key.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken or has no such object.
    fn frame(&mut self, acc: B256) -> Result<FrameObject, SourceError>;
}

/// What one DERIVE came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeriveOutcome {
    /// Attributes: BEGIN comes next. Report the block by [`Deriver::applied`].
    Begin(Box<Derived>),
    /// One L1 block was consumed and gave no block yet: DERIVE again.
    Derive {
        /// The cursor after it.
        cursor: Cursor,
        /// Frames that the cursor refers to and that were not handed out before.
        frames: Vec<FrameObject>,
    },
    /// All of L1 below the head is consumed.
    Exhausted,
}

/// Why a DERIVE gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// The source is broken.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's answers do not fit together: L1 has changed.
    #[error(transparent)]
    Reset(#[from] ResetReason),
    /// Attributes were handed out and not reported back by [`Deriver::applied`].
    #[error("the block derived before was not reported back")]
    Pending,
}

impl DeriveError {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Source(_) | Self::Pending => Severity::Fatal,
            Self::Reset(reason) => reason.severity(),
        }
    }
}

/// A pipeline that continues after the block `safe` with the cursor stored beside it. Fetches the
/// frames that the cursor holds, each checked against it.
///
/// # Errors
/// - [`DeriveError::Source`]: a frame cannot be had.
/// - [`DeriveError::Reset`]: a frame is not what the cursor commits to.
pub fn resume_deriver<S: DeriveSource>(
    spec: &Arc<ChainSpec>,
    cursor: Cursor,
    safe: L2Ref,
    sys: SystemConfig,
    source: &mut S,
) -> Result<Deriver, DeriveError> {
    let mut broken = None;
    let frames = frames_of(&cursor, |acc| {
        source.frame(acc).map_err(|error| broken = Some(error)).ok()
    });
    if let Some(error) = broken {
        return Err(error.into());
    }
    let frames = frames.map_err(|error: ResumeError| ResetReason::from(error))?;
    Ok(Deriver::new(
        Arc::clone(spec),
        SyncStart {
            cursor,
            safe,
            sys,
            frames,
        },
    ))
}

/// DERIVE: yields the next block if that needs no new L1 data; else consumes exactly one L1 block, and
/// yields if that now suffices.
///
/// Work is bounded by one L1 block and what it inflates to, beside the L1 blocks between the safe head's
/// origin and the cursor that a pipeline just resumed reads again.
///
/// # Errors
/// As [`DeriveError`].
pub fn derive_step<S: DeriveSource>(
    deriver: &mut Deriver,
    source: &mut S,
) -> Result<DeriveOutcome, DeriveError> {
    let mut consumed = false;
    loop {
        let safe = *deriver.safe();
        match deriver.step(&safe) {
            Step::Attributes(derived) => return Ok(DeriveOutcome::Begin(derived)),
            Step::NeedL1(number) => {
                let new = number > deriver.cursor().l1_number;
                if new && consumed {
                    let (cursor, frames) = (deriver.cursor().clone(), deriver.take_frames());
                    return Ok(DeriveOutcome::Derive { cursor, frames });
                }
                let batcher = deriver.needs_payloads(number).then(|| deriver.batcher());
                match source.l1_input(number, batcher)? {
                    Some(block) => deriver.push_l1(block),
                    None => return Ok(DeriveOutcome::Exhausted),
                }
                consumed |= new;
            }
            Step::NeedL2(number) => deriver.push_l2(source.l2_block(number)?),
            Step::Idle => return Err(DeriveError::Pending),
            Step::Reset(reason) => return Err(reason.into()),
        }
    }
}
