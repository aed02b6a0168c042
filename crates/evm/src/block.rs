//! One open block of the rollup: BEGIN, TX and END of `FAULTPROOF.md` section 3.2.
//!
//! ```text
//! begin ── system calls ──▶ open ── tx ──▶ open ── end ──▶ ExecutedState
//!                                   │ Invalid, Cancelled: open, as before
//!                                   └ Fatal: drop the block
//! ```
//!
//! Invariants: the engine is made for this block alone (trap T3); every transaction starts from an
//! empty journal, whatever the one before did; the meter of a transaction that is not committed is
//! restored.

use crate::{
    BlockContext, BlockTensors, Cancel, DbError, ExecError, FoggaraEvmFactory, InvalidTx,
    L1FeeParams, Overlay, PrecompileContext, PreparedTx, TxError, Watch, base_fee_of_next,
    error::TxFacts,
    l1_cost, op_spec_id, operator_cost,
    receipt::{self, ReceiptParts},
};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{Header, Transaction};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::{BEACON_ROOTS_ADDRESS, SYSTEM_ADDRESS},
};
use alloy_evm::{Evm, EvmFactory, FromTxWithEncoded, precompiles::PrecompilesMap};
use alloy_op_evm::{OpEvm, OpEvmContext, OpTx, OpTxError};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind, U256};
use core::fmt;
use foggara_primitives::{
    ChainSpec, PayloadAttributes, SourceError, StateDiff, StateSource, StoredTensor,
    constants::POST_EXEC_TX_TYPE,
};
use op_alloy_consensus::OpTxEnvelope;
use op_revm::{L1BlockInfo, OpHaltReason, OpSpecId};
use revm::{
    Inspector,
    context_interface::{
        Cfg, JournalTr, LocalContextTr,
        result::{EVMError, ResultAndState},
    },
    inspector::NoOpInspector,
    state::EvmState,
};

type Engine<S, I> = OpEvm<Overlay<S>, Watch<I>, PrecompilesMap, OpTx>;

/// Who looks on while a block is executed.
pub struct BlockOptions<I = NoOpInspector> {
    /// Stops transactions run by [`OpenBlock::tx_cancellable`].
    pub cancel: Option<Arc<dyn Cancel>>,
    /// Sees what [`OpenBlock::tx_inspected`] runs.
    pub inspector: I,
}

impl Default for BlockOptions {
    fn default() -> Self {
        Self {
            cancel: None,
            inspector: NoOpInspector,
        }
    }
}

impl<I> fmt::Debug for BlockOptions<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockOptions")
            .field("cancel", &self.cancel.is_some())
            .finish()
    }
}

/// A block in execution: the engine over a source of state, and what has happened so far.
pub struct OpenBlock<S: StateSource, I = NoOpInspector> {
    evm: Engine<S, I>,
    precompiles: Arc<PrecompileContext>,
    context: BlockContext,
    chain_id: u64,
    spec_id: OpSpecId,
    begin_diff: StateDiff,
    receipts: Vec<Bytes>,
    gas_used: u64,
    logs_bloom: Bloom,
}

impl<S: StateSource, I> fmt::Debug for OpenBlock<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBlock")
            .field("context", &self.context)
            .field("transactions", &self.receipts.len())
            .field("gas_used", &self.gas_used)
            .finish_non_exhaustive()
    }
}

/// What one transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxOutcome {
    /// Values that differ from the state before it.
    pub diff: StateDiff,
    /// EIP-2718 receipt with bloom.
    pub receipt: Bytes,
    /// Gas used, refunds taken off.
    pub gas_used: u64,
    /// Whether it neither reverted nor halted.
    pub success: bool,
    /// Whether a call met the AI gas bound of the block: a builder tries it in the next one.
    pub ai_limit_hit: bool,
    /// Its logs.
    pub logs: Vec<Log>,
    /// Bloom of its logs.
    pub logs_bloom: Bloom,
    /// Address of the contract it created, if it was a successful creation.
    pub created: Option<Address>,
}

/// What a block did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedState {
    /// Values that differ from the parent state.
    pub diff: StateDiff,
    /// EIP-2718 receipts in order.
    pub receipts: Vec<Bytes>,
    /// Gas used.
    pub gas_used: u64,
    /// Bloom of all logs.
    pub logs_bloom: Bloom,
    /// AI gas used.
    pub ai_gas: u64,
    /// Tensors that it made and that have a record now, ascending by id.
    pub tensors: Vec<StoredTensor>,
}

impl<S: StateSource> OpenBlock<S> {
    /// Opens the block that `attributes` make on top of `parent` and runs the system calls of
    /// EIP-2935 and EIP-4788; their diff is [`Self::begin_diff`].
    ///
    /// # Errors
    /// - [`ExecError::Timestamp`]: the attributes do not come after the parent.
    /// - [`ExecError::Overflow`]: the parent is the last block that can be.
    /// - [`ExecError::Source`]: the source is broken.
    pub fn begin(
        spec: &Arc<ChainSpec>,
        parent: &Header,
        parent_hash: B256,
        attributes: &PayloadAttributes,
        source: S,
    ) -> Result<Self, ExecError> {
        Self::begin_with(
            spec,
            parent,
            parent_hash,
            attributes,
            source,
            BlockOptions::default(),
        )
    }
}

impl<S: StateSource, I: Inspector<OpEvmContext<Overlay<S>>>> OpenBlock<S, I> {
    /// As [`OpenBlock::begin`], with a cancel flag and an inspector.
    ///
    /// # Errors
    /// As [`OpenBlock::begin`].
    pub fn begin_with(
        spec: &Arc<ChainSpec>,
        parent: &Header,
        parent_hash: B256,
        attributes: &PayloadAttributes,
        mut source: S,
        options: BlockOptions<I>,
    ) -> Result<Self, ExecError> {
        if attributes.timestamp <= parent.timestamp {
            let (timestamp, parent) = (attributes.timestamp, parent.timestamp);
            return Err(ExecError::Timestamp { timestamp, parent });
        }
        if parent.number == u64::MAX {
            return Err(ExecError::Overflow("number"));
        }
        let context = BlockContext::next(parent, attributes, base_fee_of_next(spec, parent));
        let tensors = BlockTensors::new(source.tensors(), parent.number);
        let precompiles = PrecompileContext::new(context.gas_limit, options.cancel, tensors);
        let mut overlay = Overlay::new(source);
        overlay.set_block_hash(parent.number, parent_hash);
        let spec_id = op_spec_id(spec, context.timestamp);
        let chain_id = spec.rollup.l2_chain_id;
        let mut evm = FoggaraEvmFactory::new(Arc::clone(&precompiles)).create_evm_with_inspector(
            overlay,
            context.op_env(spec_id, chain_id),
            Watch::new(options.inspector, precompiles.switch.clone()),
        );
        evm.set_inspector_enabled(false);
        let mut open = Self {
            evm,
            precompiles,
            context,
            chain_id,
            spec_id,
            begin_diff: StateDiff::default(),
            receipts: Vec::new(),
            gas_used: 0,
            logs_bloom: Bloom::ZERO,
        };
        open.system_call(HISTORY_STORAGE_ADDRESS, parent_hash)?;
        open.system_call(BEACON_ROOTS_ADDRESS, attributes.parent_beacon_block_root)?;
        Ok(open)
    }

    fn system_call(&mut self, to: Address, word: B256) -> Result<(), ExecError> {
        self.clean();
        let result = self
            .evm
            .transact_system_call(SYSTEM_ADDRESS, to, Bytes::from(word.0));
        let ResultAndState { mut state, .. } = result.map_err(|error| match error {
            EVMError::Database(DbError(error)) => ExecError::Source(error),
            other => ExecError::Source(SourceError(alloc::format!("system call: {other}"))),
        })?;
        // The call has no sender and pays nobody: only the contract can have changed.
        state.retain(|address, _| *address != SYSTEM_ADDRESS);
        let diff = self.evm.db_mut().commit(state)?;
        self.begin_diff.merge(&diff);
        Ok(())
    }

    /// Runs one transaction from a clean journal and commits it.
    ///
    /// # Errors
    /// - [`TxError::Invalid`]: it cannot be part of the block, and has left no trace in it. A
    ///   deposit is invalid only if it does not fit the gas left; then the block cannot be made.
    /// - [`TxError::Fatal`]: the source is broken; the block must be dropped.
    pub fn tx(&mut self, tx: &PreparedTx) -> Result<TxOutcome, TxError> {
        let result = self.run(tx, false)?;
        self.commit(tx, result)
    }

    /// As [`Self::tx`], but gives up when the cancel flag fires: for a builder's candidates.
    ///
    /// # Errors
    /// As [`Self::tx`]; [`TxError::Cancelled`]: the flag fired, and the block is as before.
    pub fn tx_cancellable(&mut self, tx: &PreparedTx) -> Result<TxOutcome, TxError> {
        if !self.precompiles.switch.is_set() {
            return self.tx(tx);
        }
        self.precompiles.switch.arm(true);
        let result = self.run(tx, true);
        self.precompiles.switch.arm(false);
        self.commit(tx, result?)
    }

    /// As [`Self::tx`], with the inspector looking on; also gives the engine's own result and the
    /// state before the transaction to `look` before it is committed.
    ///
    /// # Errors
    /// As [`Self::tx_cancellable`].
    pub fn tx_inspected<R>(
        &mut self,
        tx: &PreparedTx,
        look: impl FnOnce(&mut I, &ResultAndState<OpHaltReason>, &mut Overlay<S>) -> R,
    ) -> Result<(TxOutcome, R), TxError> {
        self.precompiles.switch.arm(true);
        let result = self.run(tx, true);
        self.precompiles.switch.arm(false);
        let result = result?;
        let (overlay, watch, _) = self.evm.components_mut();
        let seen = look(&mut watch.inner, &result, overlay);
        Ok((self.commit(tx, result)?, seen))
    }

    /// The engine's form of a transaction, for tracers that ask for it.
    pub fn tx_env(&self, tx: &PreparedTx) -> OpTx {
        OpTx::from_encoded_tx(&tx.tx, tx.sender, tx.raw.clone())
    }

    /// The inspector.
    pub fn inspector_mut(&mut self) -> &mut I {
        &mut self.evm.inspector_mut().inner
    }

    fn run(
        &mut self,
        tx: &PreparedTx,
        inspect: bool,
    ) -> Result<ResultAndState<OpHaltReason>, TxError> {
        if matches!(tx.tx, OpTxEnvelope::PostExec(_)) || tx.raw.first() == Some(&POST_EXEC_TX_TYPE)
        {
            return Err(InvalidTx::TypeNotSupported(POST_EXEC_TX_TYPE).into());
        }
        let (gas_limit, left) = (tx.tx.gas_limit(), self.gas_left());
        if gas_limit > left {
            return Err(InvalidTx::BlockGas { gas_limit, left }.into());
        }
        let reading = self.precompiles.meter.read();
        self.precompiles.meter.begin_tx();
        self.clean();
        self.evm.set_inspector_enabled(inspect);
        self.evm.inspector_mut().reset();
        let result =
            self.evm
                .transact_raw(OpTx::from_encoded_tx(&tx.tx, tx.sender, tx.raw.clone()));
        self.evm.set_inspector_enabled(false);
        if inspect && self.evm.inspector().stopped() {
            self.precompiles.meter.restore(reading);
            return Err(TxError::Cancelled);
        }
        result.map_err(|error| {
            self.precompiles.meter.restore(reading);
            self.explain(tx, error)
        })
    }

    /// Empties whatever an earlier execution may have left in the engine.
    fn clean(&mut self) {
        let context = self.evm.ctx_mut();
        let _: EvmState = context.journaled_state.finalize();
        context.local.clear();
        context.chain.clear_tx_l1_cost();
        context.error = Ok(());
    }

    fn explain(&mut self, tx: &PreparedTx, error: EVMError<DbError, OpTxError>) -> TxError {
        let have = match self.evm.db_mut().account(tx.sender) {
            Ok(account) => account.unwrap_or_default().balance,
            Err(error) => return TxError::Fatal(error),
        };
        let fees = L1FeeParams::from(&self.evm.ctx().chain);
        let gas_limit = tx.tx.gas_limit();
        let want = U256::from(tx.tx.max_fee_per_gas())
            .checked_mul(U256::from(gas_limit))
            .and_then(|gas| gas.checked_add(tx.tx.value()))
            .and_then(|sum| sum.checked_add(l1_cost(&fees, &tx.raw)))
            .and_then(|sum| sum.checked_add(operator_cost(&fees, gas_limit)));
        TxFacts {
            sender: tx.sender,
            chain_id: self.chain_id,
            tx_chain_id: tx.tx.chain_id(),
            gas_limit,
            fee_cap: tx.tx.max_fee_per_gas(),
            tip: tx.tx.max_priority_fee_per_gas().unwrap_or_default(),
            base_fee: self.context.base_fee,
            block_gas: self.context.gas_limit,
            input_len: tx.tx.input().len(),
            init_code_limit: self.evm.cfg_env().max_initcode_size(),
            have,
            want,
        }
        .sort_op(error)
    }

    fn commit(
        &mut self,
        tx: &PreparedTx,
        result: ResultAndState<OpHaltReason>,
    ) -> Result<TxOutcome, TxError> {
        let ResultAndState { result, state } = result;
        let nonce_before = match tx.tx.kind() {
            _ if !tx.is_deposit() => None,
            _ => Some(
                self.evm
                    .db_mut()
                    .account(tx.sender)?
                    .unwrap_or_default()
                    .nonce,
            ),
        };
        let diff = self.evm.db_mut().commit(state)?;
        let gas_used = result.tx_gas_used();
        let success = result.is_success();
        let created = match tx.tx.kind() {
            TxKind::Create => result.created_address(),
            TxKind::Call(_) => None,
        };
        let logs = result.into_logs();
        self.gas_used = self.gas_used.saturating_add(gas_used);
        let (logs, receipt, logs_bloom) = receipt::build(ReceiptParts {
            tx_type: tx.tx.tx_type(),
            success,
            cumulative_gas: self.gas_used,
            logs,
            deposit_nonce: nonce_before,
        });
        self.logs_bloom |= logs_bloom;
        self.receipts.push(receipt.clone());
        Ok(TxOutcome {
            diff,
            receipt,
            gas_used,
            success,
            ai_limit_hit: self.precompiles.meter.block_limit_hit(),
            logs,
            logs_bloom,
            created,
        })
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Gas left.
    pub const fn gas_left(&self) -> u64 {
        self.context.gas_limit.saturating_sub(self.gas_used)
    }

    /// AI gas used so far.
    pub fn ai_gas(&self) -> u64 {
        self.precompiles.meter.block_gas()
    }

    /// What the system calls changed: diff 0 of the block.
    pub const fn begin_diff(&self) -> &StateDiff {
        &self.begin_diff
    }

    /// What the block tells its transactions.
    pub const fn context(&self) -> &BlockContext {
        &self.context
    }

    /// Fees that sequenced transactions of this block pay, read from the L1 block contract as it
    /// is now: call it after the L1 attributes transaction.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    pub fn fees(&mut self) -> Result<L1FeeParams, SourceError> {
        let number = U256::from(self.context.number);
        let spec_id = self.spec_id;
        let info = L1BlockInfo::try_fetch(self.evm.db_mut(), number, spec_id)?;
        Ok(L1FeeParams::from(&info))
    }

    /// The state as it is now.
    pub fn state_mut(&mut self) -> &mut Overlay<S> {
        self.evm.db_mut()
    }

    /// Closes the block.
    ///
    /// # Errors
    /// [`ExecError::Source`]: the source is broken.
    pub fn end(self) -> Result<ExecutedState, ExecError> {
        self.into_parts().map(|(state, _)| state)
    }

    /// Closes the block and gives the source back.
    ///
    /// # Errors
    /// As [`Self::end`].
    pub fn into_parts(self) -> Result<(ExecutedState, S), ExecError> {
        let Self {
            evm,
            precompiles,
            receipts,
            gas_used,
            logs_bloom,
            ..
        } = self;
        let mut overlay = evm.into_db();
        let diff = overlay.diff()?;
        let ai_gas = precompiles.meter.block_gas();
        let tensors = precompiles.tensors.recorded_in(&diff);
        let state = ExecutedState {
            diff,
            receipts,
            gas_used,
            logs_bloom,
            ai_gas,
            tensors,
        };
        Ok((state, overlay.into_source()))
    }
}
