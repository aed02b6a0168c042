//! A span batch: consecutive blocks in columns.
//!
//! | size | field |
//! |---|---|
//! | uvarint | seconds from the L2 genesis to the first block |
//! | uvarint | number of the last block's L1 origin |
//! | 20 | first bytes of the first block's parent hash |
//! | 20 | first bytes of the last block's L1 origin hash |
//! | uvarint | count of blocks `n`, at least 1 |
//! | `n` bits | whether the L1 origin changed with the block |
//! | `n` uvarints | transactions of each block, `t` in all |
//! | `t` bits | whether the transaction creates a contract |
//! | `t` bits | parity of the signature |
//! | 64 each | signatures, `r ++ s` |
//! | 20 each | recipients of those that do not create |
//! | rlp each | data, see `span_tx` |
//! | `t` uvarints | nonces |
//! | `t` uvarints | gas limits |
//! | bits | whether a legacy transaction is signed for the chain |
//!
//! Decoding checks all of it in one pass without allocating, so a batch that decodes can be walked to
//! its end; [`SpanBlocks`] then builds one block at a time. Source: OP delta/span-batches.

use crate::{
    BatchContext, BatchError, BuildError, SpanBuilder,
    batch::MAX_BLOCK_TRANSACTIONS,
    input::{Bits, Input},
    span_tx::{TxColumns, TxData, TxType},
};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use foggara_primitives::constants::MAX_SPAN_BATCH_ELEMENT_COUNT;

/// The data of consecutive blocks, checked but not expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanBatch {
    /// Seconds from the L2 genesis to the first block.
    pub rel_timestamp: u64,
    /// Number of the last block's L1 origin.
    pub l1_origin_num: u64,
    /// First 20 bytes of the first block's parent hash.
    pub parent_check: [u8; 20],
    /// First 20 bytes of the last block's L1 origin hash.
    pub l1_origin_check: [u8; 20],
    context: BatchContext,
    block_count: u64,
    tx_count: u64,
    start_epoch: u64,
    columns: Columns,
    raw: Bytes,
}

/// One block of a span batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanBlock {
    /// Unix seconds.
    pub timestamp: u64,
    /// Number of the L1 origin.
    pub epoch_num: u64,
    /// Transactions in EIP-2718 form; of more than [`MAX_BLOCK_TRANSACTIONS`] only the first ones.
    pub transactions: Vec<Bytes>,
}

/// Byte ranges of the columns, `(start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    origin_bits: (usize, usize),
    tx_counts: usize,
    creation_bits: (usize, usize),
    parity_bits: (usize, usize),
    signatures: usize,
    recipients: usize,
    data: usize,
    nonces: usize,
    gas_limits: usize,
    protected_bits: (usize, usize),
}

impl SpanBatch {
    /// Reads what stands behind the version byte. Keeps `raw` and allocates nothing else.
    ///
    /// # Errors
    /// [`BatchError`]: what was found instead.
    pub(crate) fn decode(raw: Bytes, context: BatchContext) -> Result<Self, BatchError> {
        let mut input = Input::new(&raw);
        let at = |input: &Input<'_>| raw.len().saturating_sub(input.len());
        let rel_timestamp = input.uvarint()?;
        let l1_origin_num = input.uvarint()?;
        let parent_check = input.array().ok_or(BatchError::Truncated)?;
        let l1_origin_check = input.array().ok_or(BatchError::Truncated)?;
        let block_count = bounded(input.uvarint()?)?;
        if block_count == 0 {
            return Err(BatchError::NoBlock);
        }
        let start = at(&input);
        let origins = input.bits(block_count)?;
        let tx_counts = at(&input);
        let mut tx_count = 0u64;
        for _ in 0..block_count {
            let count = bounded(input.uvarint()?)?;
            tx_count = bounded(tx_count.saturating_add(count))?;
        }
        let creation_start = at(&input);
        let creations = input.bits(tx_count)?;
        let parity_start = at(&input);
        input.bits(tx_count)?;
        let signatures = at(&input);
        input.take_many(tx_count, 64).ok_or(BatchError::Truncated)?;
        let recipients = at(&input);
        let recipient_count = tx_count.saturating_sub(creations.count_ones());
        input
            .take_many(recipient_count, 20)
            .ok_or(BatchError::Truncated)?;
        let data = at(&input);
        let mut legacy_count = 0u64;
        for index in 0..tx_count {
            match TxData::read(&mut input)?.tx_type {
                TxType::Legacy => legacy_count = legacy_count.saturating_add(1),
                TxType::SetCode if creations.get(index) => {
                    return Err(BatchError::SetCodeWithoutTo);
                }
                _ => {}
            }
        }
        let nonces = at(&input);
        (0..tx_count).try_for_each(|_| input.uvarint().map(drop))?;
        let gas_limits = at(&input);
        (0..tx_count).try_for_each(|_| input.uvarint().map(drop))?;
        let protected_start = at(&input);
        input.bits(legacy_count)?;
        let columns = Columns {
            origin_bits: (start, tx_counts),
            tx_counts,
            creation_bits: (creation_start, parity_start),
            parity_bits: (parity_start, signatures),
            signatures,
            recipients,
            data,
            nonces,
            gas_limits,
            protected_bits: (protected_start, at(&input)),
        };
        let changes = origins
            .count_ones()
            .saturating_sub(u64::from(origins.get(0)));
        Ok(Self {
            rel_timestamp,
            l1_origin_num,
            parent_check,
            l1_origin_check,
            context,
            block_count,
            tx_count,
            start_epoch: l1_origin_num.wrapping_sub(changes),
            columns,
            raw,
        })
    }

    /// Count of blocks, at least 1.
    pub const fn block_count(&self) -> u64 {
        self.block_count
    }

    /// Count of transactions in all blocks.
    pub const fn tx_count(&self) -> u64 {
        self.tx_count
    }

    /// The chain the batch was read for.
    pub const fn context(&self) -> BatchContext {
        self.context
    }

    /// Unix seconds of the first block. Wraps, as both public implementations do; a start that
    /// wrapped lies before genesis.
    pub const fn start_timestamp(&self) -> u64 {
        self.context.genesis_time.wrapping_add(self.rel_timestamp)
    }

    /// Unix seconds of the last block.
    pub const fn end_timestamp(&self) -> u64 {
        let span = self
            .block_count
            .wrapping_sub(1)
            .wrapping_mul(self.context.block_time);
        self.start_timestamp().wrapping_add(span)
    }

    /// Number of the first block's L1 origin.
    pub const fn start_epoch_num(&self) -> u64 {
        self.start_epoch
    }

    /// Whether the first block says that its L1 origin differs from its parent's.
    pub fn first_changes_origin(&self) -> bool {
        self.bits(self.columns.origin_bits).get(0)
    }

    /// Whether `parent_check` is the beginning of this hash.
    pub fn is_child_of(&self, parent_hash: &[u8; 32]) -> bool {
        parent_hash.starts_with(&self.parent_check)
    }

    /// Whether `l1_origin_check` is the beginning of this hash.
    pub fn ends_at_origin(&self, l1_hash: &[u8; 32]) -> bool {
        l1_hash.starts_with(&self.l1_origin_check)
    }

    /// The blocks in order, each built when it is asked for. Cheap: shares the batch's bytes.
    pub fn blocks(&self) -> SpanBlocks {
        SpanBlocks::new(self.clone(), MAX_BLOCK_TRANSACTIONS)
    }

    /// The canonical form, with its version byte: equal to the bytes it was read from where those
    /// were canonical.
    ///
    /// # Errors
    /// [`BuildError`]: a block cannot be encoded. Not reachable for a decoded batch.
    pub fn encode(&self) -> Result<Vec<u8>, BuildError> {
        Ok(SpanBuilder::from_batch(self)?.encode())
    }

    /// Every block with all of its transactions, and whether its L1 origin changed.
    pub(crate) fn whole_blocks(&self) -> impl Iterator<Item = (bool, SpanBlock)> {
        let whole = SpanBlocks::new(self.clone(), usize::MAX);
        let origins = self.clone();
        (0u64..).zip(whole).map(move |(index, block)| {
            (origins.bits(origins.columns.origin_bits).get(index), block)
        })
    }

    fn bits(&self, (start, end): (usize, usize)) -> Bits<'_> {
        Bits::new(self.raw.get(start..end).unwrap_or_default())
    }
}

fn bounded(got: u64) -> Result<u64, BatchError> {
    let max = MAX_SPAN_BATCH_ELEMENT_COUNT;
    if got > max {
        Err(BatchError::TooMany { got, max })
    } else {
        Ok(got)
    }
}

/// Walks a span batch block by block. [`Iterator::nth`] passes over blocks without building them.
#[derive(Debug, Clone)]
pub struct SpanBlocks {
    batch: SpanBatch,
    cap: usize,
    index: u64,
    tx_index: u64,
    legacy_index: u64,
    epoch_num: u64,
    tx_counts: usize,
    recipients: usize,
    data: usize,
    nonces: usize,
    gas_limits: usize,
}

impl SpanBlocks {
    const fn new(batch: SpanBatch, cap: usize) -> Self {
        Self {
            cap,
            index: 0,
            tx_index: 0,
            legacy_index: 0,
            epoch_num: batch.start_epoch,
            tx_counts: batch.columns.tx_counts,
            recipients: batch.columns.recipients,
            data: batch.columns.data,
            nonces: batch.columns.nonces,
            gas_limits: batch.columns.gas_limits,
            batch,
        }
    }

    /// The batch that is walked.
    pub const fn batch(&self) -> &SpanBatch {
        &self.batch
    }

    /// Blocks not yet handed out.
    pub const fn remaining(&self) -> u64 {
        self.batch.block_count.saturating_sub(self.index)
    }

    /// Steps over one block and builds at most `cap` of its transactions. `None` at the end; the
    /// bytes were checked when the batch was decoded, so nothing else can end the walk.
    fn advance(&mut self, cap: usize) -> Option<SpanBlock> {
        if self.index >= self.batch.block_count {
            return None;
        }
        let raw = self.batch.raw.clone();
        let input = |at: usize| Input::new(raw.get(at..).unwrap_or_default());
        let position = |input: &Input<'_>| raw.len().saturating_sub(input.len());
        let columns = self.batch.columns;
        let mut counts = input(self.tx_counts);
        let (mut recipients, mut data) = (input(self.recipients), input(self.data));
        let (mut nonces, mut gas_limits) = (input(self.nonces), input(self.gas_limits));
        let signature_at = usize::try_from(self.tx_index.checked_mul(64)?).ok()?;
        let mut signatures = input(columns.signatures.checked_add(signature_at)?);
        let creations = self.batch.bits(columns.creation_bits);
        let parities = self.batch.bits(columns.parity_bits);
        let protections = self.batch.bits(columns.protected_bits);
        let mut transactions = Vec::new();
        for _ in 0..counts.uvarint().ok()? {
            let entry = TxData::read(&mut data).ok()?;
            let to = if creations.get(self.tx_index) {
                None
            } else {
                Some(recipients.take(20)?)
            };
            let legacy = entry.tx_type == TxType::Legacy;
            let columns = TxColumns {
                nonce: nonces.uvarint().ok()?,
                gas: gas_limits.uvarint().ok()?,
                to,
                parity: parities.get(self.tx_index),
                protected: !legacy || protections.get(self.legacy_index),
                r: signatures.array()?,
                s: signatures.array()?,
            };
            self.tx_index = self.tx_index.saturating_add(1);
            self.legacy_index = self.legacy_index.saturating_add(u64::from(legacy));
            if transactions.len() < cap {
                transactions.push(entry.assemble(&columns, self.batch.context.chain_id));
            }
        }
        let changed = self.index > 0 && self.batch.bits(columns.origin_bits).get(self.index);
        self.epoch_num = self.epoch_num.wrapping_add(u64::from(changed));
        self.tx_counts = position(&counts);
        self.recipients = position(&recipients);
        self.data = position(&data);
        self.nonces = position(&nonces);
        self.gas_limits = position(&gas_limits);
        let offset = self.index.wrapping_mul(self.batch.context.block_time);
        self.index = self.index.saturating_add(1);
        Some(SpanBlock {
            timestamp: self.batch.start_timestamp().wrapping_add(offset),
            epoch_num: self.epoch_num,
            transactions,
        })
    }
}

impl Iterator for SpanBlocks {
    type Item = SpanBlock;

    fn next(&mut self) -> Option<SpanBlock> {
        self.advance(self.cap)
    }

    fn nth(&mut self, count: usize) -> Option<SpanBlock> {
        for _ in 0..count {
            self.advance(0)?;
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.remaining()).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}
