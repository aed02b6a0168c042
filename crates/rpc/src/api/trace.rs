//! `debug_trace*`: blocks replayed with somebody looking on.

use crate::{
    decode::Trace,
    error::{
        Answer, Failure, internal, invalid_params, of_execution, of_store, server, unknown_block,
    },
    node::{Node, Registry},
    params::{
        AccountOverrides, Addr, Args, BlockOverrides, BlockParam, BlockTag, CallObject, Hash,
    },
    tracer::{self, Tracer},
};
use alloy_primitives::B256;
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use foggara_evm::{
    BlockOptions, OpenBlock, PreparedTx, TxError, attributes_of,
    call::{CallError, CallLimits, Simulation},
};
use foggara_store::{StateView, StoredBlock};
use jsonrpsee::{core::RegisterMethodError, types::ErrorObjectOwned};
use revm_inspectors::tracing::TransactionContext;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.execute("debug_traceTransaction", transaction)?;
    r.execute("debug_traceCall", call)?;
    r.execute("debug_traceBlockByNumber", |node, args| {
        let tag: BlockTag = args.required()?;
        block(node, args, BlockParam::Tag(tag))
    })?;
    r.execute("debug_traceBlockByHash", |node, args| {
        let Hash(hash) = args.required()?;
        block(node, args, BlockParam::Hash(hash))
    })
}

/// The trace of one transaction of a block.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfBlock {
    tx_hash: B256,
    result: Trace,
}

fn transaction(node: &Node, args: &mut Args<'_>) -> Answer<Trace> {
    let Hash(hash) = args.required()?;
    let options: GethDebugTracingOptions = args.optional()?.unwrap_or_default();
    args.end()?;
    let location = node.store().tx_by_hash(hash).map_err(of_store)?;
    let location = location.ok_or_else(|| server("transaction not found"))?;
    let found = node
        .store()
        .block(location.block_number)
        .map_err(of_store)?;
    let block = found.filter(|block| block.hash == location.block_hash);
    let block = block.ok_or_else(|| server("transaction not found"))?;
    let index = usize::try_from(location.index).unwrap_or(usize::MAX);
    let traces = replay(node, &block, options, |at| at == index, index)?;
    let trace = traces.into_iter().next();
    trace
        .map(|trace| trace.result)
        .ok_or_else(|| internal("trace", &"the transaction is not in its block"))
}

fn block(node: &Node, args: &mut Args<'_>, at: BlockParam) -> Answer<Vec<OfBlock>> {
    let options: GethDebugTracingOptions = args.optional()?.unwrap_or_default();
    args.end()?;
    let number = node.expect(at)?;
    let block = node
        .store()
        .block(number)
        .map_err(of_store)?
        .ok_or_else(|| unknown_block(number))?;
    replay(node, &block, options, |_| true, usize::MAX)
}

/// Runs a block again up to transaction `last`, and traces those that are `wanted`.
fn replay(
    node: &Node,
    block: &StoredBlock,
    options: GethDebugTracingOptions,
    wanted: impl Fn(usize) -> bool,
    last: usize,
) -> Answer<Vec<OfBlock>> {
    let Some(parent) = block
        .header
        .number
        .checked_sub(1)
        .filter(|_| block.header.number > node.genesis())
    else {
        return Err(server("genesis is not traceable"));
    };
    let time = tracer::time(&options, &node.limits)?;
    let tracer = Tracer::new(options)?;
    let over = tracer.over();
    let stopped = |why: TxError| match why {
        TxError::Cancelled => Tracer::stopped(&over, time),
        other => internal("replay", &other),
    };
    let options = BlockOptions {
        cancel: Some(tracer.deadline(time)),
        inspector: tracer,
    };
    let state = node.store().view_at(parent).map_err(of_store)?;
    let parent = state.header().clone();
    let attributes = attributes_of(&block.header, Vec::new());
    let spec = &node.context.spec;
    let mut open = OpenBlock::begin_with(
        spec,
        &parent.header,
        parent.hash,
        &attributes,
        state,
        options,
    )
    .map_err(|why| internal("replay", &why))?;
    let mut out = Vec::new();
    let pairs = block.transactions.iter().zip(&block.senders);
    for (index, (raw, sender)) in pairs.enumerate().take(last.saturating_add(1)) {
        let tx = PreparedTx::decode_unrecovered(raw)
            .map_err(|why| internal("stored transaction", &why))?;
        let tx = PreparedTx::with_sender(raw.clone(), tx, *sender);
        open.inspector_mut().look(wanted(index));
        if !wanted(index) {
            open.tx_cancellable(&tx).map_err(stopped)?;
            continue;
        }
        let context = TransactionContext {
            block_hash: Some(block.hash),
            tx_index: Some(index),
            tx_hash: Some(tx.hash),
        };
        let (env, block_env) = (open.tx_env(&tx), open.context().block_env());
        let (_, trace) = open
            .tx_inspected(&tx, |tracer, result, state| {
                tracer
                    .inner_mut()
                    .get_result(Some(context), &env, &block_env, result, &mut &*state)
            })
            .map_err(stopped)?;
        let result = trace.map_err(|why| internal("tracer", &why))?;
        out.push(OfBlock {
            tx_hash: tx.hash,
            result: result.into(),
        });
        open.inspector_mut().fuse()?;
    }
    Ok(out)
}

/// Options of `debug_traceCall`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallOptions {
    #[serde(flatten)]
    tracing: GethDebugTracingOptions,
    #[serde(default)]
    state_overrides: Option<BTreeMap<Addr, AccountOverrides>>,
    #[serde(default)]
    block_overrides: Option<BlockOverrides>,
    tx_index: Option<serde::de::IgnoredAny>,
}

fn call(node: &Node, args: &mut Args<'_>) -> Answer<Trace> {
    let object: CallObject = args.required()?;
    let at = args.block()?;
    let options: CallOptions = args.optional()?.unwrap_or_default();
    args.end()?;
    if options.tx_index.is_some() {
        return Err(invalid_params(
            "invalid argument 2: txIndex is not supported",
        ));
    }
    let request = object.request(node.chain_id())?;
    let time = tracer::time(&options.tracing, &node.limits)?;
    let tracer = Tracer::new(options.tracing)?;
    let over = tracer.over();
    let (state, context) = node.call_site(at)?;
    let limits = CallLimits {
        gas_cap: node.limits.call_gas,
        cancel: Some(tracer.deadline(time)),
    };
    let mut simulation: Simulation<StateView> =
        Simulation::new(&node.context.spec, context, state, limits);
    simulation.override_block(&options.block_overrides.unwrap_or_default().block());
    let accounts = AccountOverrides::state(options.state_overrides.unwrap_or_default(), 2)?;
    let fail = |why: CallError| failure(why, &over, time);
    simulation.override_state(&accounts).map_err(fail)?;
    let (result, mut tracer) = simulation.inspect(&request, tracer).map_err(fail)?;
    let env = simulation.tx_env(&request).map_err(fail)?;
    let block_env = simulation.env().block_env.clone();
    let state = simulation.state_mut();
    let trace = tracer
        .inner_mut()
        .get_result(None, &env, &block_env, &result, &mut &*state)
        .map_err(|why| internal("tracer", &why))?;
    tracer.fuse()?;
    Ok(trace.into())
}

fn failure(
    why: CallError,
    over: &std::sync::atomic::AtomicBool,
    time: Duration,
) -> ErrorObjectOwned {
    match why {
        CallError::Cancelled => Tracer::stopped(over, time),
        other => of_execution(Failure::Call(other), time),
    }
}
