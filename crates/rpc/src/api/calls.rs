//! Calls without a transaction.

use crate::{
    error::{Answer, Failure, invalid_params, of_execution},
    node::{Node, Registry},
    params::{AccountOverrides, Addr, Args, BlockOverrides, CallObject},
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Bytes, TxKind, U64};
use foggara_evm::call::{CallLimits, CallRequest, CallStatus, Simulation};
use foggara_primitives::constants::POOL_TX_GAS_MAX;
use foggara_store::StateView;
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;
use std::collections::BTreeMap;

/// Gas of a plain transfer; less is as good as no wish at all.
const TRANSFER_GAS: u64 = 21_000;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.execute("eth_call", call)?;
    r.execute("eth_estimateGas", estimate)?;
    r.execute("eth_createAccessList", access_list)
}

/// State, block and call of the parameters `call, block, state overrides, block overrides`.
pub(super) fn prepare(
    node: &Node,
    args: &mut Args<'_>,
) -> Answer<(Simulation<StateView>, CallRequest)> {
    let object: CallObject = args.required()?;
    let at = args.block()?;
    let accounts: BTreeMap<Addr, AccountOverrides> = args.optional()?.unwrap_or_default();
    let block: BlockOverrides = args.optional()?.unwrap_or_default();
    args.end()?;
    let request = object.request(node.chain_id())?;
    let (state, context) = node.call_site(at)?;
    let limits = CallLimits {
        gas_cap: node.limits.call_gas,
        cancel: Some(node.deadline()),
    };
    let mut simulation = Simulation::new(&node.context.spec, context, state, limits);
    simulation.override_block(&block.block());
    let accounts = AccountOverrides::state(accounts, 2)?;
    simulation
        .override_state(&accounts)
        .map_err(|why| of_execution(Failure::Call(why), node.limits.call_time))?;
    Ok((simulation, request))
}

fn call(node: &Node, args: &mut Args<'_>) -> Answer<Bytes> {
    let (mut simulation, request) = prepare(node, args)?;
    let fail = |failure| of_execution(failure, node.limits.call_time);
    let outcome = simulation
        .call(&request)
        .map_err(|why| fail(Failure::Call(why)))?;
    match outcome.status {
        CallStatus::Success(output) => Ok(output),
        status => Err(fail(Failure::Status(status))),
    }
}

fn estimate(node: &Node, args: &mut Args<'_>) -> Answer<U64> {
    let (mut simulation, mut request) = prepare(node, args)?;
    request.gas = Some(sendable_gas(&simulation, &request));
    if request.to == TxKind::Create && request.data.is_empty() {
        return Err(invalid_params(
            "invalid argument 0: contract creation without any data provided",
        ));
    }
    let fail = |failure| of_execution(failure, node.limits.call_time);
    simulation
        .estimate_gas(&request)
        .map(U64::from)
        .map_err(|why| fail(Failure::Estimate(why)))
}

/// The highest gas of an estimate: no more than a transaction with it could have.
pub(super) fn sendable_gas(simulation: &Simulation<StateView>, request: &CallRequest) -> u64 {
    let most = simulation.context().gas_limit.min(POOL_TX_GAS_MAX);
    request
        .gas
        .filter(|gas| *gas >= TRANSFER_GAS)
        .map_or(most, |gas| gas.min(most))
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Accessed {
    access_list: AccessList,
    gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn access_list(node: &Node, args: &mut Args<'_>) -> Answer<Accessed> {
    let (mut simulation, request) = prepare(node, args)?;
    let fail = |failure| of_execution(failure, node.limits.call_time);
    let (access_list, outcome) = simulation
        .access_list(&request)
        .map_err(|why| fail(Failure::Call(why)))?;
    let error = match outcome.status {
        CallStatus::Success(_) => None,
        status => Some(fail(Failure::Status(status)).message().to_owned()),
    };
    Ok(Accessed {
        access_list,
        gas_used: U64::from(outcome.gas_used),
        error,
    })
}
