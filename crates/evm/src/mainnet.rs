//! Plain Ethereum over the same state machinery: the L1 of development chains, and the executor
//! that the Ethereum state tests run through.

use crate::{
    BlockTensors, Cancel, DbError, ExecError, InvalidTx, Overlay, PrecompileContext, TxError,
    error::TxFacts, install_precompiles, logs_bloom, recover,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{
    Eip658Value, EthereumTxEnvelope, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction,
    TxEip4844, TxType,
};
use alloy_eips::{
    Decodable2718, Encodable2718,
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::{BEACON_ROOTS_ADDRESS, SYSTEM_ADDRESS},
    eip4844::DATA_GAS_PER_BLOB,
};
use alloy_evm::{
    Evm, EvmEnv, FromRecoveredTx,
    eth::{EthEvm, EthEvmBuilder},
    precompiles::PrecompilesMap,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind, U256, keccak256};
use core::fmt;
use foggara_primitives::{SourceError, StateDiff, StateSource};
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::{
        Cfg, JournalTr, LocalContextTr,
        block::BlobExcessGasAndPrice,
        result::{EVMError, ExecutionResult, ResultAndState},
    },
    inspector::NoOpInspector,
    primitives::hardfork::SpecId,
    state::EvmState,
};

/// A transaction of plain Ethereum, without blobs.
pub type EthTx = EthereumTxEnvelope<TxEip4844>;

/// Rules of plain Ethereum, Frontier to Prague.
pub use revm::primitives::hardfork::SpecId as EthSpecId;

/// A decoded transaction with its bytes, sender and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedEthTx {
    /// EIP-2718 bytes as they stand in a block: a blob transaction without its blobs.
    pub raw: Bytes,
    /// The decoded form of `raw`.
    pub tx: EthTx,
    /// Who sends it.
    pub sender: Address,
    /// `keccak256(raw)`.
    pub hash: B256,
}

impl PreparedEthTx {
    /// Decodes EIP-2718 bytes and recovers the sender.
    ///
    /// # Errors
    /// - [`InvalidTx::Decode`]: not the one encoding of a transaction.
    /// - [`InvalidTx::Signature`]: no sender.
    pub fn decode(raw: Bytes) -> Result<Self, InvalidTx> {
        let tx = EthTx::decode_2718_exact(&raw)
            .map_err(|error| InvalidTx::Decode(alloc::format!("{error}")))?;
        if tx.encoded_2718() != raw.as_ref() {
            return Err(InvalidTx::Decode("encoding is not canonical".into()));
        }
        let sender = match &tx {
            EthTx::Legacy(tx) => recover::signed(tx),
            EthTx::Eip2930(tx) => recover::signed(tx),
            EthTx::Eip1559(tx) => recover::signed(tx),
            EthTx::Eip4844(tx) => recover::signed(tx),
            EthTx::Eip7702(tx) => recover::signed(tx),
        };
        let sender = sender.ok_or(InvalidTx::Signature)?;
        Ok(Self {
            hash: keccak256(&raw),
            raw,
            tx,
            sender,
        })
    }
}

/// EIP-7594: blobs of one transaction at most.
const MAX_BLOBS_PER_TX: u64 = 6;

/// What a block of plain Ethereum tells its transactions, and its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EthContext {
    /// Rules in force.
    pub spec: SpecId,
    /// Chain id.
    pub chain_id: u64,
    /// Block number.
    pub number: U256,
    /// Unix seconds.
    pub timestamp: U256,
    /// Who receives the priority fees.
    pub beneficiary: Address,
    /// Gas limit.
    pub gas_limit: u64,
    /// Base fee in wei; zero before London.
    pub base_fee: u64,
    /// Difficulty before the merge.
    pub difficulty: U256,
    /// Randomness since the merge.
    pub prev_randao: Option<B256>,
    /// Excess blob gas since Cancun.
    pub excess_blob_gas: Option<u64>,
    /// Update fraction of the blob base fee.
    pub blob_update_fraction: u64,
    /// Most blobs of one block.
    pub max_blobs: u64,
}

impl EthContext {
    fn env(&self) -> EvmEnv {
        let mut cfg = CfgEnv::new_with_spec(self.spec).with_chain_id(self.chain_id);
        cfg.blob_base_fee_update_fraction = Some(self.blob_update_fraction);
        // EIP-7594 caps one transaction below the block.
        let osaka = self.spec.is_enabled_in(SpecId::OSAKA);
        let max_blobs = if osaka {
            self.max_blobs.min(MAX_BLOBS_PER_TX)
        } else {
            self.max_blobs
        };
        cfg.set_max_blobs_per_tx(max_blobs);
        let block = BlockEnv {
            number: self.number,
            beneficiary: self.beneficiary,
            timestamp: self.timestamp,
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: self.difficulty,
            prevrandao: self.prev_randao,
            blob_excess_gas_and_price: self
                .excess_blob_gas
                .map(|excess| BlobExcessGasAndPrice::new(excess, self.blob_update_fraction)),
            ..BlockEnv::default()
        };
        EvmEnv::new(cfg, block)
    }
}

/// What one transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EthTxOutcome {
    /// Values that differ from the state before it.
    pub diff: StateDiff,
    /// EIP-2718 receipt with bloom.
    pub receipt: Bytes,
    /// Gas used, refunds taken off.
    pub gas_used: u64,
    /// Blob gas used.
    pub blob_gas_used: u64,
    /// Whether it neither reverted nor halted.
    pub success: bool,
    /// Its logs.
    pub logs: Vec<Log>,
    /// What the outermost call returned or reverted with.
    pub output: Bytes,
    /// Address of the contract it created, if it was a successful creation.
    pub created: Option<Address>,
}

/// What a block did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EthExecuted {
    /// Values that differ from the parent state.
    pub diff: StateDiff,
    /// EIP-2718 receipts in order.
    pub receipts: Vec<Bytes>,
    /// Gas used.
    pub gas_used: u64,
    /// Blob gas used.
    pub blob_gas_used: u64,
    /// Bloom of all logs.
    pub logs_bloom: Bloom,
}

/// A block of plain Ethereum in execution.
pub struct EthBlock<S: StateSource> {
    evm: EthEvm<Overlay<S>, NoOpInspector, PrecompilesMap>,
    context: EthContext,
    receipts: Vec<Bytes>,
    gas_used: u64,
    blob_gas_used: u64,
    logs_bloom: Bloom,
    precompiles: Option<Arc<PrecompileContext>>,
}

impl<S: StateSource> fmt::Debug for EthBlock<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EthBlock")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl<S: StateSource> EthBlock<S> {
    /// Opens a block without system calls.
    pub fn new(context: EthContext, source: S) -> Self {
        let evm = EthEvmBuilder::new(Overlay::new(source), context.env()).build();
        Self {
            evm,
            context,
            receipts: Vec::new(),
            gas_used: 0,
            blob_gas_used: 0,
            logs_bloom: Bloom::ZERO,
            precompiles: None,
        }
    }

    /// Adds the AI precompiles of the rollup.
    #[must_use]
    pub fn with_precompiles(mut self) -> Self {
        let sealed = self.context.number.saturating_to::<u64>().saturating_sub(1);
        let tensors = BlockTensors::new(self.evm.db_mut().source_mut().tensors(), sealed);
        let gas_limit = self.context.gas_limit;
        let context = PrecompileContext::new(gas_limit, None::<Arc<dyn Cancel>>, tensors);
        install_precompiles(self.evm.precompiles_mut(), &context);
        self.precompiles = Some(context);
        self
    }

    /// Runs the system calls that begin a block: EIP-2935 since Prague, EIP-4788 since Cancun.
    ///
    /// # Errors
    /// [`ExecError::Source`]: the source is broken.
    pub fn begin(
        &mut self,
        parent_hash: B256,
        parent_beacon_block_root: Option<B256>,
    ) -> Result<StateDiff, ExecError> {
        let mut diff = StateDiff::default();
        if let Some(parent) = self.context.number.checked_sub(U256::from(1)) {
            let parent = parent.saturating_to();
            self.evm.db_mut().set_block_hash(parent, parent_hash);
        }
        if self.context.spec.is_enabled_in(SpecId::PRAGUE) {
            diff.merge(&self.system_call(HISTORY_STORAGE_ADDRESS, parent_hash)?);
        }
        if let Some(root) = parent_beacon_block_root
            && self.context.spec.is_enabled_in(SpecId::CANCUN)
        {
            diff.merge(&self.system_call(BEACON_ROOTS_ADDRESS, root)?);
        }
        Ok(diff)
    }

    fn system_call(&mut self, to: Address, word: B256) -> Result<StateDiff, ExecError> {
        self.clean();
        let result = self
            .evm
            .transact_system_call(SYSTEM_ADDRESS, to, Bytes::from(word.0));
        let ResultAndState { mut state, .. } = result.map_err(|error| match error {
            EVMError::Database(DbError(error)) => ExecError::Source(error),
            other => ExecError::Source(SourceError(alloc::format!("system call: {other}"))),
        })?;
        state.retain(|address, _| *address != SYSTEM_ADDRESS);
        Ok(self.evm.db_mut().commit(state)?)
    }

    /// Runs one transaction from a clean journal and commits it.
    ///
    /// # Errors
    /// - [`TxError::Invalid`]: it cannot be part of the block, and has left no trace in it.
    /// - [`TxError::Fatal`]: the source is broken; the block must be dropped.
    pub fn tx(&mut self, tx: &PreparedEthTx) -> Result<EthTxOutcome, TxError> {
        let (gas_limit, left) = (tx.tx.gas_limit(), self.gas_left());
        if gas_limit > left {
            return Err(InvalidTx::BlockGas { gas_limit, left }.into());
        }
        let blob_gas = tx.tx.blob_gas_used().unwrap_or_default();
        let blob_max = self.context.max_blobs.saturating_mul(DATA_GAS_PER_BLOB);
        if blob_gas > blob_max.saturating_sub(self.blob_gas_used) {
            return Err(InvalidTx::Blob("too many blobs in the block".into()).into());
        }
        let env = TxEnv::from_recovered_tx(&tx.tx, tx.sender);
        self.execute(env, tx.tx.tx_type(), blob_gas)
    }

    /// As [`Self::tx`], from the engine's form of a transaction: for the state tests.
    ///
    /// # Errors
    /// As [`Self::tx`].
    pub fn execute(
        &mut self,
        tx: TxEnv,
        tx_type: TxType,
        blob_gas: u64,
    ) -> Result<EthTxOutcome, TxError> {
        self.clean();
        if let Some(context) = &self.precompiles {
            context.meter.begin_tx();
        }
        let facts = self.facts(&tx)?;
        let kind = tx.kind;
        let ResultAndState { result, state } = self
            .evm
            .transact_raw(tx)
            .map_err(|error| facts.sort(error))?;
        let diff = self.evm.db_mut().commit(state)?;
        let gas_used = result.tx_gas_used();
        let success = result.is_success();
        let created = match kind {
            TxKind::Create => result.created_address(),
            TxKind::Call(_) => None,
        };
        let (logs, output) = match result {
            ExecutionResult::Success { logs, output, .. } => (logs, output.into_data()),
            ExecutionResult::Revert { logs, output, .. } => (logs, output),
            ExecutionResult::Halt { logs, .. } => (logs, Bytes::new()),
        };
        self.gas_used = self.gas_used.saturating_add(gas_used);
        self.blob_gas_used = self.blob_gas_used.saturating_add(blob_gas);
        let bloom = logs_bloom(&logs);
        self.logs_bloom |= bloom;
        let receipt = receipt(tx_type, success, self.gas_used, logs.clone(), bloom);
        self.receipts.push(receipt.clone());
        Ok(EthTxOutcome {
            diff,
            receipt,
            gas_used,
            blob_gas_used: blob_gas,
            success,
            logs,
            output,
            created,
        })
    }

    fn facts(&mut self, tx: &TxEnv) -> Result<TxFacts, SourceError> {
        let account = self.evm.db_mut().account(tx.caller)?;
        let blob_gas = u64::try_from(tx.blob_hashes.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(DATA_GAS_PER_BLOB);
        let want = U256::from(tx.gas_price)
            .checked_mul(U256::from(tx.gas_limit))
            .and_then(|gas| gas.checked_add(tx.value))
            .and_then(|sum| {
                let blobs =
                    U256::from(tx.max_fee_per_blob_gas).checked_mul(U256::from(blob_gas))?;
                sum.checked_add(blobs)
            });
        Ok(TxFacts {
            sender: tx.caller,
            chain_id: self.context.chain_id,
            tx_chain_id: tx.chain_id,
            gas_limit: tx.gas_limit,
            fee_cap: tx.gas_price,
            tip: tx.gas_priority_fee.unwrap_or_default(),
            base_fee: self.context.base_fee,
            block_gas: self.context.gas_limit,
            input_len: tx.data.len(),
            init_code_limit: self.evm.cfg_env().max_initcode_size(),
            have: account.unwrap_or_default().balance,
            want,
        })
    }

    fn clean(&mut self) {
        let context = self.evm.ctx_mut();
        let _: EvmState = context.journaled_state.finalize();
        context.local.clear();
        context.error = Ok(());
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Gas left.
    pub const fn gas_left(&self) -> u64 {
        self.context.gas_limit.saturating_sub(self.gas_used)
    }

    /// Blob gas used so far.
    pub const fn blob_gas_used(&self) -> u64 {
        self.blob_gas_used
    }

    /// The state as it is now.
    pub fn state_mut(&mut self) -> &mut Overlay<S> {
        self.evm.db_mut()
    }

    /// Closes the block.
    ///
    /// # Errors
    /// [`ExecError::Source`]: the source is broken.
    pub fn end(self) -> Result<EthExecuted, ExecError> {
        self.into_parts().map(|(executed, _)| executed)
    }

    /// Closes the block and gives the source back.
    ///
    /// # Errors
    /// As [`Self::end`].
    pub fn into_parts(self) -> Result<(EthExecuted, S), ExecError> {
        let Self {
            evm,
            receipts,
            gas_used,
            blob_gas_used,
            logs_bloom,
            ..
        } = self;
        let mut overlay = evm.into_db();
        let diff = overlay.diff()?;
        let executed = EthExecuted {
            diff,
            receipts,
            gas_used,
            blob_gas_used,
            logs_bloom,
        };
        Ok((executed, overlay.into_source()))
    }
}

fn receipt(
    tx_type: TxType,
    success: bool,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
    logs_bloom: Bloom,
) -> Bytes {
    let receipt = Receipt {
        status: Eip658Value::Eip658(success),
        cumulative_gas_used,
        logs,
    };
    let receipt = ReceiptWithBloom {
        receipt,
        logs_bloom,
    };
    let envelope = match tx_type {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    };
    Bytes::from(envelope.encoded_2718())
}
