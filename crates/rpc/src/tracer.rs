//! The library's tracers, bounded.

use crate::{
    Limits,
    error::{Answer, invalid_params, limit, server},
};
use alloy_rpc_types_trace::geth::{GethDebugTracerType, GethDebugTracingOptions};
use foggara_evm::{
    Cancel,
    revm::{
        DatabaseRef, Inspector,
        context_interface::ContextTr,
        inspector::JournalExt,
        interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
        primitives::{Address, Log, U256},
    },
};
use jsonrpsee::types::ErrorObjectOwned;
use revm_inspectors::tracing::{DebugInspector, TraceLimits};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Names of the tracers there are.
const KNOWN: &str =
    "callTracer, prestateTracer, 4byteTracer, flatCallTracer, muxTracer, noopTracer";
/// Steps that struct logs record: no answer could hold more.
const STEPS_MAX: u64 = 400_000;
/// Bytes of memory and input that a trace records.
const BYTES_MAX: usize = 128 << 20;

/// A tracer that stops at its limits.
#[derive(Debug)]
pub(crate) struct Tracer {
    inner: DebugInspector,
    steps: u64,
    /// Steps that are recorded.
    steps_max: u64,
    /// Whether the caller asked for no more than that.
    cut: bool,
    /// Whether it looks at all.
    on: bool,
    over: Arc<AtomicBool>,
}

impl Tracer {
    /// The tracer that the options ask for.
    pub(crate) fn new(options: GethDebugTracingOptions) -> Answer<Self> {
        let name = match &options.tracer {
            Some(GethDebugTracerType::JsTracer(name)) => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = name {
            let short: String = name.chars().take(64).collect();
            return Err(server(format!("unknown tracer: {short}; known: {KNOWN}")));
        }
        let mut inner = DebugInspector::new(options)
            .map_err(|why| invalid_params(format!("invalid argument 1: {why}")))?;
        let (mut steps_max, mut cut) = (u64::MAX, false);
        if let DebugInspector::Default(tracer, config) = &mut inner {
            let limits = TraceLimits::default().set_max_recorded_bytes(Some(BYTES_MAX));
            *tracer = tracer.clone().with_limits(limits);
            let wanted = config.limit.filter(|limit| (1..=STEPS_MAX).contains(limit));
            (steps_max, cut) = (wanted.unwrap_or(STEPS_MAX), wanted.is_some());
        }
        Ok(Self {
            inner,
            steps: 0,
            steps_max,
            cut,
            on: true,
            over: Arc::default(),
        })
    }

    /// Fires when time or steps are over.
    pub(crate) fn deadline(&self, time: Duration) -> Arc<dyn Cancel> {
        let (end, over) = (Instant::now() + time, Arc::clone(&self.over));
        Arc::new(move || over.load(Ordering::Relaxed) || Instant::now() >= end)
    }

    /// Why the execution was stopped.
    pub(crate) fn stopped(over: &AtomicBool, time: Duration) -> ErrorObjectOwned {
        if over.load(Ordering::Relaxed) {
            limit(format!(
                "trace has too many steps: limit {STEPS_MAX}, use callTracer instead"
            ))
        } else {
            server(format!(
                "execution aborted (timeout = {}s)",
                time.as_secs_f32()
            ))
        }
    }

    /// The flag of [`Self::stopped`].
    pub(crate) fn over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.over)
    }

    /// The library's tracer, for its result.
    pub(crate) const fn inner_mut(&mut self) -> &mut DebugInspector {
        &mut self.inner
    }

    /// Looks at what follows, or away.
    pub(crate) const fn look(&mut self, on: bool) {
        self.on = on;
    }

    /// Forgets what was recorded, for the next transaction; refuses a record with gaps.
    pub(crate) fn fuse(&mut self) -> Answer<()> {
        if let DebugInspector::Default(tracer, _) = &self.inner
            && tracer.limit_exceeded()
        {
            return Err(limit(format!(
                "trace holds too much memory: limit {BYTES_MAX} bytes"
            )));
        }
        self.steps = 0;
        self.inner
            .fuse()
            .map_err(|why| crate::error::internal("tracer", &why))
    }
}

/// How long a trace may take: what was asked for, at most the node's limit.
pub(crate) fn time(options: &GethDebugTracingOptions, limits: &Limits) -> Answer<Duration> {
    let Some(text) = &options.timeout else {
        return Ok(limits.call_time);
    };
    let wanted = duration(text).ok_or_else(|| {
        invalid_params(format!(
            "invalid argument 1: timeout {text:?} is no duration such as \"5s\" or \"500ms\""
        ))
    })?;
    Ok(wanted.min(limits.call_time))
}

/// A duration of one number and one unit.
fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.saturating_mul(60))),
        _ => None,
    }
}

impl<CTX> Inspector<CTX> for Tracer
where
    CTX: ContextTr<Journal: JournalExt, Db: DatabaseRef>,
{
    fn initialize_interp(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        if !self.on {
            return;
        }
        self.inner.initialize_interp(interp, context);
    }

    fn step(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        if !self.on {
            return;
        }
        self.steps = self.steps.saturating_add(1);
        if self.steps > self.steps_max {
            if !self.cut {
                self.over.store(true, Ordering::Relaxed);
            }
            return;
        }
        self.inner.step(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        if !self.on {
            return;
        }
        if self.steps <= self.steps_max {
            self.inner.step_end(interp, context);
        }
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        if !self.on {
            return;
        }
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interp: &mut Interpreter, context: &mut CTX, log: Log) {
        if !self.on {
            return;
        }
        self.inner.log_full(interp, context, log);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        if !self.on {
            return None;
        }
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        if !self.on {
            return;
        }
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        if !self.on {
            return None;
        }
        self.inner.create(context, inputs)
    }

    fn create_end(
        &mut self,
        context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        if !self.on {
            return;
        }
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if !self.on {
            return;
        }
        Inspector::<CTX>::selfdestruct(&mut self.inner, contract, target, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1m"), Some(Duration::from_secs(60)));
        for bad in ["", "5", "s", "5h", "-1s", "1.5s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
