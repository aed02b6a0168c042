//! The adapter of `foggara-precompiles`: one entry of its registry, one address of the engine.
//!
//! State goes through the journal, so a reverted frame takes back what a call warmed; the meter is
//! not journaled, because work that was reverted was done (`PRECOMPILES.md` section 5.3).

use crate::{
    cancel::{Cancel, Switch},
    tensors::{BlockTensors, record_slot},
};
use alloc::{string::ToString, sync::Arc, vec::Vec};
use alloy_evm::{
    EvmInternals,
    precompiles::{DynPrecompile, PrecompileInput, PrecompilesMap},
};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256};
use core::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use foggara_precompiles::{
    CallKind, Fatal, Host, Loaded, NewTensor, Op, Outcome, REGISTRY, Record, address_of, call,
};
use foggara_primitives::addresses::AI_TENSOR;
use revm::{
    context_interface::journaled_state::{
        JournalLoadErasedError, JournalLoadError, account::JournaledAccountTr,
    },
    precompile::{
        PrecompileError, PrecompileHalt, PrecompileId, PrecompileOutput, PrecompileResult,
    },
};

/// Highest AI gas of one transaction (`PRECOMPILES.md` section 5.3): `2^24`.
const AI_GAS_TX_MAX: u64 = 1 << 24;

/// Counts the gas of AI operations per transaction and per block.
#[derive(Debug)]
pub struct AiMeter {
    block_max: u64,
    tx_max: u64,
    block: AtomicU64,
    tx: AtomicU64,
    block_hit: AtomicBool,
}

/// What a meter showed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    block: u64,
    tx: u64,
    block_hit: bool,
}

impl AiMeter {
    /// A meter for a block with this gas limit: half of it for the block, at most `2^24` of that
    /// for one transaction.
    pub const fn new(block_gas_limit: u64) -> Self {
        let block_max = block_gas_limit >> 1;
        let tx_max = if block_max < AI_GAS_TX_MAX {
            block_max
        } else {
            AI_GAS_TX_MAX
        };
        Self {
            block_max,
            tx_max,
            block: AtomicU64::new(0),
            tx: AtomicU64::new(0),
            block_hit: AtomicBool::new(false),
        }
    }

    /// AI gas used in the block so far.
    pub fn block_gas(&self) -> u64 {
        self.block.load(Ordering::Relaxed)
    }

    /// Whether the transaction met the bound of the block, and would have fitted its own.
    pub fn block_limit_hit(&self) -> bool {
        self.block_hit.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_tx(&self) {
        self.tx.store(0, Ordering::Relaxed);
        self.block_hit.store(false, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        Reading {
            block: self.block_gas(),
            tx: self.tx.load(Ordering::Relaxed),
            block_hit: self.block_limit_hit(),
        }
    }

    pub(crate) fn restore(&self, reading: Reading) {
        self.block.store(reading.block, Ordering::Relaxed);
        self.tx.store(reading.tx, Ordering::Relaxed);
        self.block_hit.store(reading.block_hit, Ordering::Relaxed);
    }

    /// Adds the gas of a call that is about to do its work.
    fn add(&self, gas: u64) -> Result<(), u64> {
        let (block, tx) = (self.block_gas(), self.tx.load(Ordering::Relaxed));
        let block_left = self.block_max.saturating_sub(block);
        let tx_left = self.tx_max.saturating_sub(tx);
        if gas > tx_left || gas > block_left {
            if gas <= tx_left {
                self.block_hit.store(true, Ordering::Relaxed);
            }
            return Err(tx_left.min(block_left));
        }
        self.block
            .store(block.saturating_add(gas), Ordering::Relaxed);
        self.tx.store(tx.saturating_add(gas), Ordering::Relaxed);
        Ok(())
    }
}

/// What all precompiles of one block or call share.
#[derive(Debug)]
pub struct PrecompileContext {
    /// The meter.
    pub meter: AiMeter,
    pub(crate) switch: Switch,
    pub(crate) tensors: Arc<BlockTensors>,
}

impl PrecompileContext {
    /// For a block with this gas limit; `cancel` stops only what is run as cancellable.
    pub fn new(
        block_gas_limit: u64,
        cancel: Option<Arc<dyn Cancel>>,
        tensors: Arc<BlockTensors>,
    ) -> Arc<Self> {
        Arc::new(Self {
            meter: AiMeter::new(block_gas_limit),
            switch: Switch::new(cancel),
            tensors,
        })
    }
}

/// Addresses of all AI precompiles, ascending.
pub fn precompile_addresses() -> impl Iterator<Item = Address> {
    REGISTRY.iter().map(|op| Address::from(address_of(op.code)))
}

/// Adds every operation of the registry to an engine's precompiles, whatever its rules are.
pub fn install_precompiles(map: &mut PrecompilesMap, context: &Arc<PrecompileContext>) {
    for op in REGISTRY {
        let context = Arc::clone(context);
        let entry = DynPrecompile::new_stateful(PrecompileId::custom(op.id), move |input| {
            run(op, input, &context)
        });
        map.apply_precompile(&Address::from(address_of(op.code)), |_| Some(entry));
    }
}

fn run(op: &Op, mut input: PrecompileInput<'_>, context: &PrecompileContext) -> PrecompileResult {
    let (gas, reservoir) = (input.gas, input.reservoir);
    let is_direct = input.target_address == input.bytecode_address;
    let kind = CallKind {
        is_direct,
        is_static: input.is_static,
        has_value: is_direct && !input.value.is_zero(),
    };
    let data = input.data;
    let mut host = JournalHost {
        internals: &mut input.internals,
        context,
        kind,
        caller: input.caller,
    };
    match call(op, data, gas, &mut host, crate::backend::backend()) {
        // The engine ignores a cost above the gas given and would run the call for free.
        Outcome::Success { gas: used, .. } | Outcome::Revert { gas: used, .. } if used > gas => {
            Ok(PrecompileOutput::halt(PrecompileHalt::OutOfGas, reservoir))
        }
        Outcome::Success { gas, output } => {
            Ok(PrecompileOutput::new(gas, Bytes::from(output), reservoir))
        }
        Outcome::Revert { gas, data } => {
            Ok(PrecompileOutput::revert(gas, Bytes::from(data), reservoir))
        }
        Outcome::OutOfGas => Ok(PrecompileOutput::halt(PrecompileHalt::OutOfGas, reservoir)),
        Outcome::Fatal(Fatal::Source(text)) => Err(PrecompileError::Fatal(text)),
        Outcome::Fatal(other) => Err(PrecompileError::Fatal(alloc::format!("{other:?}"))),
    }
}

/// The chain as an operation sees it during one call.
struct JournalHost<'a, 'b> {
    internals: &'a mut EvmInternals<'b>,
    context: &'a PrecompileContext,
    kind: CallKind,
    caller: Address,
}

/// What went wrong in the journal, which only a broken source makes.
fn broken(error: impl ToString) -> Fatal {
    Fatal::Source(error.to_string())
}

/// `None` for what is cold and may not be.
fn unless_cold<T>(error: JournalLoadErasedError) -> Result<Option<T>, Fatal> {
    match error {
        JournalLoadError::ColdLoadSkipped => Ok(None),
        JournalLoadError::DBError(error) => Err(broken(error)),
    }
}

impl Host for JournalHost<'_, '_> {
    fn kind(&self) -> CallKind {
        self.kind
    }

    fn code(&mut self, account: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        let loaded = self.code_if(account, true)?;
        loaded.ok_or_else(|| broken("a load that may be cold was skipped"))
    }

    fn code_if(
        &mut self,
        account: [u8; 20],
        may_be_cold: bool,
    ) -> Result<Option<Loaded<Bytes>>, Fatal> {
        let address = Address::from(account);
        let loaded = self
            .internals
            .load_account_mut_skip_cold_load(address, !may_be_cold);
        let mut loaded = match loaded {
            Ok(loaded) => loaded,
            Err(JournalLoadError::ColdLoadSkipped) => return Ok(None),
            Err(JournalLoadError::DBError(error)) => return Err(broken(error)),
        };
        let is_cold = loaded.is_cold;
        match loaded.load_code() {
            Ok(code) => Ok(Some(Loaded {
                value: code.original_bytes(),
                is_cold,
            })),
            Err(error) => unless_cold(error),
        }
    }

    fn caller(&self) -> [u8; 20] {
        self.caller.into_array()
    }

    fn block_number(&self) -> u64 {
        self.internals.block_number().saturating_to()
    }

    fn sealed_block(&self) -> u64 {
        self.context.tensors.sealed_block()
    }

    fn timestamp(&self) -> u64 {
        self.internals.block_timestamp().saturating_to()
    }

    fn record(
        &mut self,
        id: [u8; 32],
        may_be_cold: bool,
    ) -> Result<Option<Loaded<Option<Record>>>, Fatal> {
        let mut account = self.internals.load_account_mut(AI_TENSOR).map_err(broken)?;
        match account.sload(record_slot(id.into()).into(), !may_be_cold) {
            Ok(slot) => Ok(Some(Loaded {
                value: Record::decode(slot.present_value().to_be_bytes()),
                is_cold: slot.is_cold,
            })),
            Err(error) => unless_cold(error),
        }
    }

    fn set_record(&mut self, id: [u8; 32], record: Option<Record>) -> Result<(), Fatal> {
        // The operation has refused static calls: the journal does not.
        let value = record.map_or(U256::ZERO, |record| U256::from_be_bytes(record.encode()));
        let slot = record_slot(id.into()).into();
        let stored = self.internals.sstore(AI_TENSOR, slot, value);
        stored.map(drop).map_err(broken)
    }

    fn flags(&mut self, id: [u8; 32]) -> u8 {
        let flags = self.internals.tload(AI_TENSOR, U256::from_be_bytes(id));
        flags.saturating_to()
    }

    fn set_flags(&mut self, id: [u8; 32], flags: u8) {
        self.internals
            .tstore(AI_TENSOR, U256::from_be_bytes(id), U256::from(flags));
    }

    fn log(&mut self, topics: [[u8; 32]; 3], data: [u8; 32]) {
        let topics = topics.iter().map(B256::from).collect::<Vec<_>>();
        let data = LogData::new_unchecked(topics, Bytes::copy_from_slice(&data));
        self.internals.log(Log {
            address: AI_TENSOR,
            data,
        });
    }

    fn stage(&mut self, tensor: NewTensor) {
        self.context.tensors.stage(tensor);
    }

    fn descriptor(&mut self, id: [u8; 32]) -> Result<Bytes, Fatal> {
        self.context.tensors.descriptor(id.into())
    }

    fn tensor(&mut self, id: [u8; 32], range: Range<u64>) -> Result<Bytes, Fatal> {
        self.context.tensors.bytes(id.into(), range)
    }

    fn page_roots(&mut self, id: [u8; 32]) -> Result<Bytes, Fatal> {
        self.context.tensors.page_roots(id.into())
    }

    fn meter(&mut self, gas: u64) -> Result<(), u64> {
        self.context.meter.add(gas)
    }

    fn cancelled(&self) -> bool {
        self.context.switch.fired()
    }
}
