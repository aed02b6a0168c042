//! The adapter of `foggara-precompiles`: one entry of its registry, one address of the engine.
//!
//! State goes through the journal, so a reverted frame takes back what a call warmed; the meter is
//! not journaled, because work that was reverted was done (`PRECOMPILES.md` section 5.3).

use crate::cancel::{Cancel, Switch};
use alloc::{string::ToString, sync::Arc};
use alloy_evm::{
    EvmInternals,
    precompiles::{DynPrecompile, PrecompileInput, PrecompilesMap},
};
use alloy_primitives::{Address, Bytes};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use foggara_precompiles::{
    CallKind, Fatal, Host, Loaded, Op, Outcome, Portable, REGISTRY, address_of, call,
};
use revm::{
    context_interface::journaled_state::account::JournaledAccountTr,
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
}

impl PrecompileContext {
    /// For a block with this gas limit; `cancel` stops only what is run as cancellable.
    pub fn new(block_gas_limit: u64, cancel: Option<Arc<dyn Cancel>>) -> Arc<Self> {
        Arc::new(Self {
            meter: AiMeter::new(block_gas_limit),
            switch: Switch::new(cancel),
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
    };
    match call(op, data, gas, &mut host, &Portable) {
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
}

impl Host for JournalHost<'_, '_> {
    fn kind(&self) -> CallKind {
        self.kind
    }

    fn code(&mut self, account: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        let loaded = self
            .internals
            .load_account_code(Address::from(account))
            .map_err(|error| Fatal::Source(error.to_string()))?;
        let value = loaded
            .data
            .code()
            .map(|code| code.original_bytes())
            .unwrap_or_default();
        Ok(Loaded {
            value,
            is_cold: loaded.is_cold,
        })
    }

    fn meter(&mut self, gas: u64) -> Result<(), u64> {
        self.context.meter.add(gas)
    }

    fn cancelled(&self) -> bool {
        self.context.switch.fired()
    }
}
