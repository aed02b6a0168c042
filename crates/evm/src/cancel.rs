//! A way to stop an execution for which nobody waits any more.
//!
//! Cancelling decides whether an answer is given, never which: a cancelled execution leaves no
//! result at all. Import, derivation and proof never carry a flag that can fire.

use alloc::sync::Arc;
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};
use revm::handler::FrameResult;
use revm::{
    Inspector,
    context_interface::ContextTr,
    inspector::NoOpInspector,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, FrameInput, InstructionResult,
        Interpreter, interpreter::EthInterpreter,
    },
    primitives::{Address, Log, U256},
};

/// Instructions between two looks at the flag: about 10 microseconds of plain code.
const STEPS_PER_POLL: u32 = 1_024;

/// Says whether whoever waits has given up. An implementor may look at a clock; it must be cheap
/// (it is asked every thousand instructions) and must stay true once it is true.
pub trait Cancel: Send + Sync {
    /// Whether to stop.
    fn cancelled(&self) -> bool;
}

impl Cancel for AtomicBool {
    fn cancelled(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}

impl<F: Fn() -> bool + Send + Sync> Cancel for F {
    fn cancelled(&self) -> bool {
        self()
    }
}

/// A [`Cancel`] that only counts while it is armed, shared by the step hook and the precompiles.
#[derive(Clone, Default)]
pub(crate) struct Switch {
    token: Option<Arc<dyn Cancel>>,
    armed: Arc<AtomicBool>,
    seen: Arc<AtomicBool>,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("armed", &self.armed)
            .finish_non_exhaustive()
    }
}

impl Switch {
    pub(crate) fn new(token: Option<Arc<dyn Cancel>>) -> Self {
        Self {
            token,
            armed: Arc::default(),
            seen: Arc::default(),
        }
    }

    pub(crate) fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.token.is_some()
    }

    /// Asks the flag, and remembers that someone acted on it.
    pub(crate) fn fired(&self) -> bool {
        let fired = self.armed.load(Ordering::Relaxed)
            && self.token.as_ref().is_some_and(|token| token.cancelled());
        if fired {
            self.seen.store(true, Ordering::Relaxed);
        }
        fired
    }
}

/// An inspector that looks at a cancel flag between instructions and passes everything on.
#[derive(Debug, Clone)]
pub struct Watch<I = NoOpInspector> {
    /// Whoever else looks on.
    pub inner: I,
    switch: Switch,
    steps: u32,
    fired: bool,
}

impl<I> Watch<I> {
    pub(crate) fn new(inner: I, switch: Switch) -> Self {
        Self {
            inner,
            switch,
            steps: 0,
            fired: false,
        }
    }

    /// Starts a new execution.
    pub(crate) fn reset(&mut self) {
        self.steps = 0;
        self.fired = false;
        self.switch.seen.store(false, Ordering::Relaxed);
    }

    /// Whether the execution was stopped, so that its result means nothing. One that ended before
    /// anybody looked at the flag keeps its result.
    pub(crate) fn stopped(&self) -> bool {
        self.switch.seen.load(Ordering::Relaxed)
    }
}

impl<CTX: ContextTr, I: Inspector<CTX, EthInterpreter>> Inspector<CTX, EthInterpreter>
    for Watch<I>
{
    fn initialize_interp(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        self.inner.initialize_interp(interp, context);
    }

    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_POLL) && self.switch.fired() {
            self.fired = true;
        }
        if self.fired {
            // Every frame above stops at its next instruction as well; the result is discarded.
            interp.halt(InstructionResult::OutOfGas);
            return;
        }
        self.inner.step(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        self.inner.step_end(interp, context);
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX, log: Log) {
        self.inner.log_full(interp, context, log);
    }

    fn frame_start(&mut self, context: &mut CTX, input: &mut FrameInput) -> Option<FrameResult> {
        self.inner.frame_start(context, input)
    }

    fn frame_end(&mut self, context: &mut CTX, input: &FrameInput, result: &mut FrameResult) {
        self.inner.frame_end(context, input, result);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.inner.create(context, inputs)
    }

    fn create_end(
        &mut self,
        context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.inner.selfdestruct(contract, target, value);
    }
}
