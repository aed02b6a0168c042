//! The sub-steps `begin`, `tx` and `end` of one block (`FAULTPROOF.md` section 3.2), which builder,
//! replica, verifier and guest call and nothing else.

use crate::{
    Accumulators, ExecError, ExecutedBlock, PreparedTx, Source, TxError, TxOutcome, TxTrace,
};
use alloc::{string::ToString, sync::Arc, vec::Vec};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use foggara_evm::{BlockOptions, ExecutedState, OpenBlock, encode_extra_data};
use foggara_primitives::{
    ChainSpec, L1Info, L2Ref, PayloadAttributes, StateDiff, addresses::MESSAGE_PASSER,
    constants::EMPTY_REQUESTS_HASH,
};
use foggara_trie::{TrieError, apply, ordered_root, storage_root};
use op_alloy_consensus::OpTxEnvelope;

/// A block between BEGIN and END.
#[derive(Debug)]
pub struct Open<S: Source> {
    spec: Arc<ChainSpec>,
    parent: Header,
    parent_hash: B256,
    attributes: PayloadAttributes,
    block: OpenBlock<S>,
    transactions: Vec<Bytes>,
    senders: Vec<Address>,
    trace: Vec<TxTrace>,
    acc: Accumulators,
    l1_info: Option<L1Info>,
}

/// BEGIN: opens the block that `attributes` make on top of `parent` and runs the system calls. The
/// attributes' own transactions are not run: pass them to [`Open::tx`] in order.
///
/// # Errors
/// As [`OpenBlock::begin`].
pub fn begin<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    source: S,
) -> Result<Open<S>, ExecError> {
    begin_with(
        spec,
        parent,
        parent_hash,
        attributes,
        source,
        BlockOptions::default(),
    )
}

/// As [`begin`], with a cancel flag for [`Open::tx_cancellable`].
///
/// # Errors
/// As [`begin`].
pub fn begin_with<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    source: S,
    options: BlockOptions,
) -> Result<Open<S>, ExecError> {
    let block = OpenBlock::begin_with(spec, parent, parent_hash, attributes, source, options)?;
    let mut acc = Accumulators::default();
    acc.begin(block.begin_diff());
    let attributes = PayloadAttributes {
        transactions: Vec::new(),
        ..attributes.clone()
    };
    Ok(Open {
        spec: Arc::clone(spec),
        parent: parent.clone(),
        parent_hash,
        attributes,
        block,
        transactions: Vec::new(),
        senders: Vec::new(),
        trace: Vec::new(),
        acc,
        l1_info: None,
    })
}

impl<S: Source> Open<S> {
    /// TX: runs one transaction.
    ///
    /// # Errors
    /// As [`OpenBlock::tx`]; an invalid transaction leaves no trace.
    pub fn tx(&mut self, tx: &PreparedTx) -> Result<TxOutcome, TxError> {
        let outcome = self.block.tx(tx)?;
        self.record(tx, &outcome);
        Ok(outcome)
    }

    /// As [`Self::tx`], but gives up when the cancel flag of [`begin_with`] fires.
    ///
    /// # Errors
    /// As [`OpenBlock::tx_cancellable`].
    pub fn tx_cancellable(&mut self, tx: &PreparedTx) -> Result<TxOutcome, TxError> {
        let outcome = self.block.tx_cancellable(tx)?;
        self.record(tx, &outcome);
        Ok(outcome)
    }

    fn record(&mut self, tx: &PreparedTx, outcome: &TxOutcome) {
        if self.transactions.is_empty()
            && let OpTxEnvelope::Deposit(deposit) = &tx.tx
        {
            self.l1_info = L1Info::decode(&deposit.input).ok();
        }
        self.transactions.push(tx.raw.clone());
        self.senders.push(tx.sender);
        let gas = self.block.gas_used();
        self.trace
            .push(self.acc.tx(&outcome.diff, &outcome.receipt, gas));
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.block.gas_used()
    }

    /// Gas left.
    pub const fn gas_left(&self) -> u64 {
        self.block.gas_left()
    }

    /// Base fee of this block in wei.
    pub const fn base_fee(&self) -> u64 {
        self.block.context().base_fee
    }

    /// Number of transactions so far.
    pub fn tx_count(&self) -> usize {
        self.transactions.len()
    }

    /// What the system calls changed.
    pub const fn begin_diff(&self) -> &StateDiff {
        self.block.begin_diff()
    }

    /// The open block below: its state and fees.
    pub const fn block_mut(&mut self) -> &mut OpenBlock<S> {
        &mut self.block
    }

    /// END: applies the diffs to the trie and seals the header. Cost grows with what changed.
    ///
    /// # Errors
    /// - [`ExecError::Source`]: the source is broken.
    /// - [`ExecError::Trie`]: its trie nodes are.
    pub fn end(self) -> Result<ExecutedBlock, ExecError> {
        self.end_with_source().map(|(block, _)| block)
    }

    /// As [`Self::end`], and gives the source back.
    ///
    /// # Errors
    /// As [`Self::end`].
    pub fn end_with_source(self) -> Result<(ExecutedBlock, S), ExecError> {
        let base_fee = self.base_fee();
        let Self {
            spec,
            parent,
            parent_hash,
            attributes,
            block,
            transactions,
            ..
        } = self;
        let (executed, mut source) = block.into_parts()?;
        let ExecutedState {
            diff,
            receipts,
            gas_used,
            logs_bloom,
            tensors,
            ..
        } = executed;
        let outcome = apply(&mut source, parent.state_root, &diff).map_err(trie_error)?;
        let passer_root = match outcome.storage_roots.get(&MESSAGE_PASSER) {
            Some(root) => *root,
            None => {
                storage_root(&mut source, parent.state_root, MESSAGE_PASSER).map_err(trie_error)?
            }
        };
        let number = parent
            .number
            .checked_add(1)
            .ok_or(ExecError::Overflow("number"))?;
        let header = Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: attributes.fee_recipient,
            state_root: outcome.root,
            transactions_root: ordered_root(&transactions),
            receipts_root: ordered_root(&receipts),
            logs_bloom,
            difficulty: U256::ZERO,
            number,
            gas_limit: attributes.gas_limit,
            gas_used,
            timestamp: attributes.timestamp,
            extra_data: encode_extra_data(attributes.eip1559_params, spec.rollup.canyon_eip1559()),
            mix_hash: attributes.prev_randao,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(base_fee),
            withdrawals_root: Some(passer_root),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(attributes.parent_beacon_block_root),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        let hash = header.hash_slow();
        let l2 = self.l1_info.map(|info| L2Ref {
            hash,
            number,
            parent_hash,
            timestamp: header.timestamp,
            l1_origin: info.origin(),
            sequence_number: info.sequence_number,
        });
        let block = ExecutedBlock {
            header,
            hash,
            transactions,
            senders: self.senders,
            receipts,
            diff,
            trie: outcome.updates,
            trace: self.trace,
            tensors,
            l2,
        };
        Ok((block, source))
    }
}

/// A commitment that cannot be computed, by cause.
pub(crate) fn trie_error(error: TrieError) -> ExecError {
    match error {
        TrieError::Source(error) => ExecError::Source(error),
        other => ExecError::Trie(other.to_string()),
    }
}
