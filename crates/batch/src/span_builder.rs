//! Builds a span batch block by block. The columns are kept apart while it grows, so that adding or
//! taking back a block costs what the block holds; [`SpanBuilder::encode`] then joins them.
//!
//! The layout is drawn in `span`. Source: OP delta/span-batches.

use crate::{
    BatchContext, SpanBatch, TxError,
    batch::SPAN_BATCH,
    input::{BitWriter, put_uvarint},
    span_tx::split,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use foggara_primitives::{BlockId, constants::MAX_SPAN_BATCH_ELEMENT_COUNT};

/// A block as a span batch takes it.
#[derive(Debug, Clone, Copy)]
pub struct SpanBlockInput<'a> {
    /// Unix seconds.
    pub timestamp: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// The L1 origin.
    pub l1_origin: BlockId,
    /// Index of the block in its epoch, from 0.
    pub sequence_number: u64,
    /// Transactions in EIP-2718 form without the deposits.
    pub transactions: &'a [Bytes],
}

/// A block that does not continue the span, or that no span batch can carry. The builder is as it was
/// before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The time is not that of the next block, or lies before genesis.
    #[error("block time is {got}, expected {expected}")]
    Timestamp {
        /// The time that fits.
        expected: u64,
        /// The block's time.
        got: u64,
    },
    /// The L1 origin is neither the previous block's nor its successor, or contradicts the sequence
    /// number.
    #[error(
        "L1 origin {got} with sequence number {sequence_number} cannot follow origin {previous}"
    )]
    Origin {
        /// The previous block's origin.
        previous: u64,
        /// The block's origin.
        got: u64,
        /// Index of the block in its epoch.
        sequence_number: u64,
    },
    /// The span would exceed the count of blocks or of transactions that a decoder takes.
    #[error("span batch is full")]
    Full,
    /// A transaction cannot stand in a span batch.
    #[error("transaction {index}: {error}")]
    Tx {
        /// Position among the block's transactions.
        index: usize,
        /// Why.
        error: TxError,
    },
}

/// A span batch that grows.
#[derive(Debug, Clone)]
pub struct SpanBuilder {
    context: BatchContext,
    start_timestamp: u64,
    parent_check: [u8; 20],
    blocks: Vec<Mark>,
    origin_bits: BitWriter,
    tx_counts: Vec<u8>,
    creation_bits: BitWriter,
    parity_bits: BitWriter,
    signatures: Vec<u8>,
    recipients: Vec<u8>,
    data: Vec<u8>,
    nonces: Vec<u8>,
    gas_limits: Vec<u8>,
    protected_bits: BitWriter,
}

/// One block's origin, and where the columns ended before it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    origin_num: u64,
    origin_check: [u8; 20],
    tx_counts: usize,
    txs: u64,
    recipients: usize,
    data: usize,
    nonces: usize,
    gas_limits: usize,
    legacy: u64,
}

impl SpanBuilder {
    /// An empty span.
    pub fn new(context: BatchContext) -> Self {
        Self {
            context,
            start_timestamp: 0,
            parent_check: [0; 20],
            blocks: Vec::new(),
            origin_bits: BitWriter::default(),
            tx_counts: Vec::new(),
            creation_bits: BitWriter::default(),
            parity_bits: BitWriter::default(),
            signatures: Vec::new(),
            recipients: Vec::new(),
            data: Vec::new(),
            nonces: Vec::new(),
            gas_limits: Vec::new(),
            protected_bits: BitWriter::default(),
        }
    }

    /// The span of a decoded batch.
    ///
    /// # Errors
    /// [`BuildError`]: a block cannot be encoded. Not reachable for a decoded batch.
    pub fn from_batch(batch: &SpanBatch) -> Result<Self, BuildError> {
        let mut builder = Self::new(batch.context());
        builder.start_timestamp = batch.start_timestamp();
        builder.parent_check = batch.parent_check;
        for (changed, block) in batch.whole_blocks() {
            let origin = (block.epoch_num, batch.l1_origin_check);
            builder.append(changed, origin, &block.transactions)?;
        }
        Ok(builder)
    }

    /// Adds the next block. Costs time and memory of its transactions only.
    ///
    /// # Errors
    /// [`BuildError`]: the block does not fit; the builder is unchanged.
    pub fn push(&mut self, block: &SpanBlockInput<'_>) -> Result<(), BuildError> {
        let check = first_20(&block.l1_origin.hash);
        if let Some(last) = self.blocks.last() {
            let expected = self.start_timestamp.saturating_add(
                self.context
                    .block_time
                    .saturating_mul(self.blocks.len() as u64),
            );
            if block.timestamp != expected {
                return Err(BuildError::Timestamp {
                    expected,
                    got: block.timestamp,
                });
            }
            let stays = block.l1_origin.number == last.origin_num && check == last.origin_check;
            let moves = Some(block.l1_origin.number) == last.origin_num.checked_add(1);
            if !(stays && block.sequence_number > 0 || moves && block.sequence_number == 0) {
                return Err(BuildError::Origin {
                    previous: last.origin_num,
                    got: block.l1_origin.number,
                    sequence_number: block.sequence_number,
                });
            }
        } else {
            let genesis = self.context.genesis_time;
            if block.timestamp < genesis {
                return Err(BuildError::Timestamp {
                    expected: genesis,
                    got: block.timestamp,
                });
            }
            self.start_timestamp = block.timestamp;
            self.parent_check = first_20(&block.parent_hash);
        }
        let origin = (block.l1_origin.number, check);
        self.append(block.sequence_number == 0, origin, block.transactions)
    }

    fn append(
        &mut self,
        origin_changed: bool,
        (origin_num, origin_check): (u64, [u8; 20]),
        transactions: &[Bytes],
    ) -> Result<(), BuildError> {
        let mark = Mark {
            origin_num,
            origin_check,
            tx_counts: self.tx_counts.len(),
            txs: self.creation_bits.count(),
            recipients: self.recipients.len(),
            data: self.data.len(),
            nonces: self.nonces.len(),
            gas_limits: self.gas_limits.len(),
            legacy: self.protected_bits.count(),
        };
        let (blocks, txs) = (self.blocks.len() as u64, transactions.len() as u64);
        if blocks >= MAX_SPAN_BATCH_ELEMENT_COUNT
            || mark.txs.saturating_add(txs) > MAX_SPAN_BATCH_ELEMENT_COUNT
        {
            return Err(BuildError::Full);
        }
        self.blocks.push(mark);
        self.origin_bits.push(origin_changed);
        put_uvarint(&mut self.tx_counts, txs);
        for (index, tx) in transactions.iter().enumerate() {
            if let Err(error) = self.append_tx(tx) {
                self.pop();
                return Err(BuildError::Tx { index, error });
            }
        }
        Ok(())
    }

    fn append_tx(&mut self, raw: &[u8]) -> Result<(), TxError> {
        let (data, columns) = split(raw, self.context.chain_id)?;
        self.creation_bits.push(columns.to.is_none());
        self.parity_bits.push(columns.parity);
        self.signatures.extend_from_slice(&columns.r);
        self.signatures.extend_from_slice(&columns.s);
        self.recipients
            .extend_from_slice(columns.to.unwrap_or_default());
        data.write(&mut self.data);
        put_uvarint(&mut self.nonces, columns.nonce);
        put_uvarint(&mut self.gas_limits, columns.gas);
        if data.tx_type == crate::span_tx::TxType::Legacy {
            self.protected_bits.push(columns.protected);
        }
        Ok(())
    }

    /// Takes the last block back; `false` if there is none.
    pub fn pop(&mut self) -> bool {
        let Some(mark) = self.blocks.pop() else {
            return false;
        };
        self.origin_bits.truncate(self.blocks.len() as u64);
        self.tx_counts.truncate(mark.tx_counts);
        self.creation_bits.truncate(mark.txs);
        self.parity_bits.truncate(mark.txs);
        let signatures = usize::try_from(mark.txs.saturating_mul(64)).unwrap_or(usize::MAX);
        self.signatures.truncate(signatures);
        self.recipients.truncate(mark.recipients);
        self.data.truncate(mark.data);
        self.nonces.truncate(mark.nonces);
        self.gas_limits.truncate(mark.gas_limits);
        self.protected_bits.truncate(mark.legacy);
        true
    }

    /// Count of blocks.
    pub const fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Count of transactions.
    pub const fn tx_count(&self) -> u64 {
        self.creation_bits.count()
    }

    /// Whether there is no block.
    pub const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Bytes of the encoded batch, at most 40 more than exact.
    pub fn size(&self) -> usize {
        let bits = [
            &self.origin_bits,
            &self.creation_bits,
            &self.parity_bits,
            &self.protected_bits,
        ];
        let bytes = [
            &self.tx_counts,
            &self.signatures,
            &self.recipients,
            &self.data,
            &self.nonces,
            &self.gas_limits,
        ];
        let bits = bits.into_iter().map(BitWriter::byte_len);
        let bytes = bytes.into_iter().map(Vec::len);
        bits.chain(bytes).fold(71, usize::saturating_add)
    }

    /// The batch with its version byte. An empty span gives bytes that every decoder refuses.
    pub fn encode(&self) -> Vec<u8> {
        let (origin_num, origin_check) = self
            .blocks
            .last()
            .map_or((0, [0; 20]), |mark| (mark.origin_num, mark.origin_check));
        let mut out = Vec::with_capacity(self.size());
        out.push(SPAN_BATCH);
        put_uvarint(
            &mut out,
            self.start_timestamp.wrapping_sub(self.context.genesis_time),
        );
        put_uvarint(&mut out, origin_num);
        out.extend_from_slice(&self.parent_check);
        out.extend_from_slice(&origin_check);
        put_uvarint(&mut out, self.blocks.len() as u64);
        self.origin_bits.write(&mut out);
        out.extend_from_slice(&self.tx_counts);
        self.creation_bits.write(&mut out);
        self.parity_bits.write(&mut out);
        for column in [
            &self.signatures,
            &self.recipients,
            &self.data,
            &self.nonces,
            &self.gas_limits,
        ] {
            out.extend_from_slice(column);
        }
        self.protected_bits.write(&mut out);
        out
    }
}

fn first_20(hash: &B256) -> [u8; 20] {
    hash.first_chunk().copied().unwrap_or_default()
}
