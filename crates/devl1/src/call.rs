//! Calls and gas estimates without a block.

use crate::{DevL1, DevL1Error, mine::context};
use alloy_evm::{Evm, EvmEnv, eth::EthEvmBuilder};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use foggara_evm::{Overlay, mainnet::EthContext};
use foggara_l1::BlockAt;
use foggara_store::StateView;
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    context_interface::block::BlobExcessGasAndPrice,
};

/// Gas of a call at most (`RELIABILITY.md` section 7).
pub const CALL_GAS_MAX: u64 = 50_000_000;

/// A call that is not a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// Sender; nothing of it is checked.
    pub from: Address,
    /// Receiver, or creation.
    pub to: TxKind,
    /// Gas limit; `None` for as much as allowed.
    pub gas: Option<u64>,
    /// Wei per gas; zero does not even need to meet the base fee.
    pub gas_price: u128,
    /// Wei to send along.
    pub value: U256,
    /// Calldata or init code.
    pub input: Bytes,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// It returned.
    Success {
        /// What it returned.
        output: Bytes,
        /// Gas it used.
        gas_used: u64,
    },
    /// It reverted.
    Revert {
        /// What it reverted with.
        output: Bytes,
    },
    /// It was stopped.
    Halt {
        /// Why, in the words that clients know.
        reason: String,
    },
}

impl DevL1 {
    /// Runs a call on the state after a block, in that block's environment.
    ///
    /// # Errors
    /// - [`DevL1Error::UnknownBlock`]: there is no such block.
    /// - [`DevL1Error::Request`]: the call is not well formed, for instance below its intrinsic gas.
    pub fn call(&self, request: &CallRequest, at: BlockAt) -> Result<CallOutcome, DevL1Error> {
        let gas = request.gas.unwrap_or(CALL_GAS_MAX).min(CALL_GAS_MAX);
        let (view, env) = self.environment(at)?;
        run(view, &env, request, gas)
    }

    /// The lowest gas limit, to within 1.5 %, with which a call succeeds when it is sent.
    ///
    /// # Errors
    /// As [`Self::call`]; the outcome is that of the call with as much gas as allowed if it fails.
    pub fn estimate_gas(
        &self,
        request: &CallRequest,
        at: BlockAt,
    ) -> Result<Result<u64, CallOutcome>, DevL1Error> {
        let (view, env) = self.environment(at)?;
        let cap = self.config().gas_limit;
        let mut high = request.gas.unwrap_or(cap).min(cap);
        let used = match run(view.clone(), &env, request, high)? {
            CallOutcome::Success { gas_used, .. } => gas_used,
            failed => return Ok(Err(failed)),
        };
        let succeeds = |gas: u64| {
            let outcome = run(view.clone(), &env, request, gas);
            matches!(outcome, Ok(CallOutcome::Success { .. }))
        };
        if succeeds(used) {
            return Ok(Ok(used));
        }
        let mut low = used;
        while high.saturating_sub(low) > low / 64 {
            let middle = low + (high - low) / 2;
            if succeeds(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Ok(high))
    }

    fn environment(&self, at: BlockAt) -> Result<(StateView, EvmEnv), DevL1Error> {
        let name = || match at {
            BlockAt::Number(number) => number.to_string(),
            BlockAt::Hash(hash) => hash.to_string(),
        };
        let found = self
            .header_at(at)?
            .ok_or_else(|| DevL1Error::UnknownBlock(name()))?;
        let view = self.store().view_at(found.header.number)?;
        Ok((view, lenient(&context(self.config(), &found.header))))
    }
}

/// The environment of a block without the checks that only concern transactions.
fn lenient(context: &EthContext) -> EvmEnv {
    let mut cfg = CfgEnv::new_with_spec(context.spec).with_chain_id(context.chain_id);
    cfg.disable_nonce_check = true;
    cfg.disable_balance_check = true;
    cfg.disable_base_fee = true;
    cfg.disable_block_gas_limit = true;
    cfg.disable_eip3607 = true;
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    let blob = context
        .excess_blob_gas
        .map(|excess| BlobExcessGasAndPrice::new(excess, context.blob_update_fraction));
    let block = BlockEnv {
        number: context.number,
        beneficiary: context.beneficiary,
        timestamp: context.timestamp,
        gas_limit: context.gas_limit,
        basefee: context.base_fee,
        difficulty: context.difficulty,
        prevrandao: context.prev_randao,
        blob_excess_gas_and_price: blob,
        ..BlockEnv::default()
    };
    EvmEnv::new(cfg, block)
}

fn run(
    view: StateView,
    env: &EvmEnv,
    request: &CallRequest,
    gas: u64,
) -> Result<CallOutcome, DevL1Error> {
    let mut evm = EthEvmBuilder::new(Overlay::new(view), env.clone()).build();
    let tx = TxEnv {
        caller: request.from,
        gas_limit: gas,
        gas_price: request.gas_price,
        kind: request.to,
        value: request.value,
        data: request.input.clone(),
        chain_id: None,
        ..TxEnv::default()
    };
    let result = evm
        .transact_raw(tx)
        .map_err(|error| DevL1Error::Request(error.to_string()))?;
    let gas_used = result.result.tx_gas_used();
    Ok(match result.result {
        ExecutionResult::Success { output, .. } => CallOutcome::Success {
            output: output.into_data(),
            gas_used,
        },
        ExecutionResult::Revert { output, .. } => CallOutcome::Revert { output },
        ExecutionResult::Halt { reason, .. } => CallOutcome::Halt {
            reason: halt_words(&format!("{reason:?}")),
        },
    })
}

/// Clients know *out of gas*; other reasons keep their names.
fn halt_words(reason: &str) -> String {
    if reason.starts_with("OutOfGas") {
        "out of gas".into()
    } else {
        reason.to_owned()
    }
}
