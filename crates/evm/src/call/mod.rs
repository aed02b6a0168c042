//! Calls without a block: `eth_call`, `eth_estimateGas`, `eth_createAccessList`, simulation and
//! tracing, over any source of state.
//!
//! A [`Simulation`] is the state of one block with overrides on top. Each call gets a new engine
//! (trap T3) with the rules, precompiles and meter of a block. As in geth, a call without a gas
//! price sees a base fee of zero and pays nothing; the L1 and operator fees are never charged
//! (trap T4), so no estimate fails for them; nonce, sender code and block gas are not checked.

mod access;
mod estimate;
mod request;

pub use access::AccessListInspector;
pub use estimate::{EstimateError, MaxGas};
pub use request::{AccountOverride, BlockOverride, CallRequest, StateOverride};

use crate::{
    BlockContext, BlockTensors, Cancel, DbError, FoggaraEvmFactory, InvalidTx, Overlay,
    PrecompileContext, TxError, Watch, error::TxFacts, op_spec_id,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_evm::{Evm, EvmEnv, EvmFactory};
use alloy_op_evm::{OpEvmContext, OpTx};
use alloy_primitives::{Address, Bytes, Log, U256};
use core::fmt;
use foggara_primitives::{ChainSpec, SourceError, StateDiff, StateSource};
use op_revm::{L1BlockInfo, OpHaltReason, OpSpecId, OpTransaction};
use revm::{
    Inspector,
    context::TxEnv,
    context_interface::{
        Cfg,
        result::{ExecutionResult, HaltReason, OutOfGasError, ResultAndState},
    },
    inspector::NoOpInspector,
};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStatus {
    /// It returned these bytes, or created a contract.
    Success(Bytes),
    /// It reverted with these bytes.
    Revert(Bytes),
    /// It halted and spent all gas.
    Halt(HaltReason),
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub status: CallStatus,
    /// Gas used, refunds taken off.
    pub gas_used: u64,
    /// Gas spent before refunds: what the gas limit had to cover.
    pub gas_spent: u64,
    /// Refund granted.
    pub gas_refunded: u64,
    /// Logs, if it succeeded.
    pub logs: Vec<Log>,
    /// Address of the contract it created.
    pub created: Option<Address>,
}

impl CallOutcome {
    /// Whether it neither reverted nor halted.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, CallStatus::Success(_))
    }

    /// Whether it ran out of gas in its outermost frame.
    pub const fn is_out_of_gas(&self) -> bool {
        matches!(self.status, CallStatus::Halt(HaltReason::OutOfGas(_)))
    }
}

/// The text of a halt as clients expect it: never the word *revert* (`USERS.md` section 2.8).
pub fn halt_message(reason: &HaltReason) -> alloc::string::String {
    use HaltReason as H;
    match reason {
        H::OutOfGas(OutOfGasError::Basic) => "out of gas".into(),
        H::OutOfGas(kind) => alloc::format!("out of gas: {kind:?}"),
        H::OpcodeNotFound => "invalid opcode: undefined".into(),
        H::InvalidFEOpcode => "invalid opcode: 0xfe INVALID".into(),
        H::InvalidJump => "invalid jump destination".into(),
        H::StackUnderflow => "stack underflow".into(),
        H::StackOverflow => "stack limit reached 1024 (1024)".into(),
        H::OutOfOffset => "return data out of bounds".into(),
        H::CreateCollision => "contract address collision".into(),
        H::CreateContractSizeLimit => "max code size exceeded".into(),
        H::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        H::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        H::StateChangeDuringStaticCall | H::CallNotAllowedInsideStatic => "write protection".into(),
        H::NonceOverflow => "nonce uint64 overflow".into(),
        H::OutOfFunds => "insufficient balance for transfer".into(),
        H::CallTooDeep => "max call depth exceeded".into(),
        other => alloc::format!("execution halted: {other:?}"),
    }
}

/// Why a call has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The request cannot be executed at all: funds, fees, intrinsic gas, init code.
    #[error(transparent)]
    Invalid(#[from] InvalidTx),
    /// The deadline passed.
    #[error("execution aborted")]
    Cancelled,
    /// Full and partial storage were given for one account.
    #[error("account {0} has both 'state' and 'stateDiff'")]
    BothStates(Address),
    /// The node is broken.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl From<TxError> for CallError {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Invalid(error) => Self::Invalid(error),
            TxError::Cancelled => Self::Cancelled,
            TxError::Fatal(error) => Self::Source(error),
        }
    }
}

impl From<DbError> for CallError {
    fn from(error: DbError) -> Self {
        Self::Source(error.0)
    }
}

/// How far a call may go.
#[derive(Clone)]
pub struct CallLimits {
    /// Highest gas limit of a call, and what a call without one gets.
    pub gas_cap: u64,
    /// Polled during execution.
    pub cancel: Option<Arc<dyn Cancel>>,
}

impl fmt::Debug for CallLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLimits")
            .field("gas_cap", &self.gas_cap)
            .finish_non_exhaustive()
    }
}

/// The engine's context that an inspector of a simulated call sees.
pub type CallContext<S> = OpEvmContext<Overlay<S>>;

/// The state of one block with overrides on top, on which calls are tried.
pub struct Simulation<S: StateSource> {
    /// Absent only while the engine holds it, inside `run_env`.
    overlay: Option<Overlay<S>>,
    env: EvmEnv<OpSpecId>,
    context: BlockContext,
    limits: CallLimits,
    /// Kept from call to call, as the state is. All tensors of the state are mature: it is sealed.
    tensors: Arc<BlockTensors>,
}

impl<S: StateSource> fmt::Debug for Simulation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl<S: StateSource> Simulation<S> {
    /// Calls see the environment `context` and the state `source`.
    pub fn new(spec: &ChainSpec, context: BlockContext, mut source: S, limits: CallLimits) -> Self {
        let tensors = BlockTensors::new(source.tensors(), context.number);
        let spec_id = op_spec_id(spec, context.timestamp);
        let mut env = context.op_env(spec_id, spec.rollup.l2_chain_id);
        env.cfg_env.disable_nonce_check = true;
        env.cfg_env.disable_eip3607 = true;
        env.cfg_env.disable_block_gas_limit = true;
        Self {
            overlay: Some(Overlay::new(source)),
            env,
            context,
            limits,
            tensors,
        }
    }

    /// Puts accounts on top of the state.
    ///
    /// # Errors
    /// - [`CallError::BothStates`]: contradicting overrides.
    /// - [`CallError::Source`]: the source is broken.
    pub fn override_state(&mut self, overrides: &StateOverride) -> Result<(), CallError> {
        for (address, account) in overrides {
            if account.state.is_some() && account.state_diff.is_some() {
                return Err(CallError::BothStates(*address));
            }
            self.state_mut().override_account(
                *address,
                account.nonce,
                account.balance,
                account.code.clone(),
            )?;
            let (slots, all) = match (&account.state, &account.state_diff) {
                (Some(slots), _) => (slots, true),
                (None, Some(slots)) => (slots, false),
                (None, None) => continue,
            };
            let slots = slots
                .iter()
                .map(|(slot, value)| (*slot, U256::from_be_bytes(value.0)));
            self.state_mut().override_storage(*address, slots, all)?;
        }
        Ok(())
    }

    /// Changes what the block tells.
    pub fn override_block(&mut self, overrides: &BlockOverride) {
        overrides.apply(&mut self.context, &mut self.env);
        for (number, hash) in &overrides.block_hashes {
            self.state_mut().set_block_hash(*number, *hash);
        }
    }

    /// What the block tells.
    pub const fn context(&self) -> &BlockContext {
        &self.context
    }

    /// The state, with what was committed.
    ///
    /// # Panics
    /// Never: see the field.
    pub const fn state_mut(&mut self) -> &mut Overlay<S> {
        self.overlay
            .as_mut()
            .expect("the engine gives it back before run_env returns")
    }

    /// Tries one call; the state stays as it is.
    ///
    /// # Errors
    /// As [`CallError`].
    pub fn call(&mut self, request: &CallRequest) -> Result<CallOutcome, CallError> {
        self.run(request, NoOpInspector)
            .map(|(result, _)| outcome(result.result))
    }

    /// Tries one call and keeps what it did for the calls that follow.
    ///
    /// # Errors
    /// As [`CallError`].
    pub fn call_and_commit(
        &mut self,
        request: &CallRequest,
    ) -> Result<(CallOutcome, StateDiff), CallError> {
        let (result, _) = self.run(request, NoOpInspector)?;
        let diff = self.state_mut().commit(result.state)?;
        Ok((outcome(result.result), diff))
    }

    /// Tries one call with an inspector looking on, for instance a tracer, and gives back both the
    /// engine's own result and the inspector. The state stays as it is; [`Self::commit`] keeps.
    ///
    /// # Errors
    /// As [`CallError`].
    pub fn inspect<I>(
        &mut self,
        request: &CallRequest,
        inspector: I,
    ) -> Result<(ResultAndState<OpHaltReason>, I), CallError>
    where
        I: Inspector<CallContext<S>>,
    {
        self.run(request, inspector)
    }

    /// Keeps the state of an inspected call for the calls that follow.
    ///
    /// # Errors
    /// [`CallError::Source`]: the source is broken.
    pub fn commit(
        &mut self,
        result: ResultAndState<OpHaltReason>,
    ) -> Result<(CallOutcome, StateDiff), CallError> {
        let diff = self.state_mut().commit(result.state)?;
        Ok((outcome(result.result), diff))
    }

    /// The engine's form of a request, for tracers that ask for it.
    ///
    /// # Errors
    /// As [`CallError`].
    pub fn tx_env(&mut self, request: &CallRequest) -> Result<TxEnv, CallError> {
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => {
                self.state_mut()
                    .account(request.from)?
                    .unwrap_or_default()
                    .nonce
            }
        };
        let gas = request
            .gas
            .unwrap_or(self.limits.gas_cap)
            .min(self.limits.gas_cap);
        Ok(request.tx_env(nonce, gas, self.env.cfg_env.chain_id, self.context.base_fee))
    }

    /// The engine's environment of calls.
    pub const fn env(&self) -> &EvmEnv<OpSpecId> {
        &self.env
    }

    fn run<I>(
        &mut self,
        request: &CallRequest,
        inspector: I,
    ) -> Result<(ResultAndState<OpHaltReason>, I), CallError>
    where
        I: Inspector<CallContext<S>>,
    {
        let tx = self.tx_env(request)?;
        self.run_env(tx, inspector)
    }

    fn run_env<I>(
        &mut self,
        tx: TxEnv,
        inspector: I,
    ) -> Result<(ResultAndState<OpHaltReason>, I), CallError>
    where
        I: Inspector<CallContext<S>>,
    {
        let mut env = self.env.clone();
        if tx.gas_price == 0 {
            env.block_env.basefee = 0;
        }
        let have = self
            .state_mut()
            .account(tx.caller)?
            .unwrap_or_default()
            .balance;
        let facts = facts(&tx, &env, have);
        let Some(overlay) = self.overlay.take() else {
            return Err(SourceError("simulation is in use".into()).into());
        };
        let context = PrecompileContext::new(
            self.context.gas_limit,
            self.limits.cancel.clone(),
            Arc::clone(&self.tensors),
        );
        context.switch.arm(true);
        let watch = Watch::new(inspector, context.switch.clone());
        let mut evm =
            FoggaraEvmFactory::new(context).create_evm_with_inspector(overlay, env, watch);
        // Fees of zero that need not be read from state; the engine wants some bytes (trap T4).
        let number = evm.block().number;
        evm.ctx_mut().chain = free_of_charge(number);
        let tx = OpTransaction {
            base: tx,
            enveloped_tx: Some(Bytes::from_static(&[0x02])),
            deposit: op_revm::transaction::deposit::DepositTransactionParts::default(),
        };
        let result = evm.transact_raw(OpTx(tx));
        let stopped = evm.inspector().stopped();
        let revm::context::Evm { ctx, inspector, .. } = evm.into_inner().0;
        self.overlay = Some(ctx.journaled_state.database);
        let inspector = inspector.inner;
        if stopped {
            return Err(CallError::Cancelled);
        }
        let result = result.map_err(|error| CallError::from(facts.sort_op(error)))?;
        Ok((result, inspector))
    }
}

fn facts(tx: &TxEnv, env: &EvmEnv<OpSpecId>, have: U256) -> TxFacts {
    let want = U256::from(tx.gas_price)
        .checked_mul(U256::from(tx.gas_limit))
        .and_then(|gas| gas.checked_add(tx.value));
    TxFacts {
        sender: tx.caller,
        chain_id: env.cfg_env.chain_id,
        tx_chain_id: tx.chain_id,
        gas_limit: tx.gas_limit,
        fee_cap: tx.gas_price,
        tip: tx.gas_priority_fee.unwrap_or_default(),
        base_fee: env.block_env.basefee,
        block_gas: env.block_env.gas_limit,
        input_len: tx.data.len(),
        init_code_limit: env.cfg_env.max_initcode_size(),
        have,
        want,
    }
}

fn free_of_charge(number: U256) -> L1BlockInfo {
    L1BlockInfo {
        l2_block: Some(number),
        l1_blob_base_fee: Some(U256::ZERO),
        l1_blob_base_fee_scalar: Some(U256::ZERO),
        operator_fee_scalar: Some(U256::ZERO),
        operator_fee_constant: Some(U256::ZERO),
        ..L1BlockInfo::default()
    }
}

/// The outcome in a result of the engine.
pub fn outcome(result: ExecutionResult<OpHaltReason>) -> CallOutcome {
    let gas_used = result.tx_gas_used();
    let created = result.created_address();
    let gas = *result.gas();
    let (status, logs) = match result {
        ExecutionResult::Success { output, logs, .. } => {
            (CallStatus::Success(output.into_data()), logs)
        }
        ExecutionResult::Revert { output, .. } => (CallStatus::Revert(output), Vec::new()),
        ExecutionResult::Halt { reason, .. } => {
            let reason = match reason {
                OpHaltReason::Base(reason) => reason,
                OpHaltReason::FailedDeposit => HaltReason::PrecompileError,
            };
            (CallStatus::Halt(reason), Vec::new())
        }
    };
    CallOutcome {
        status,
        gas_used,
        gas_spent: gas.total_gas_spent(),
        gas_refunded: gas.final_refunded(),
        logs,
        created,
    }
}
