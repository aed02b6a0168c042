//! `rollup_*`: what only this node tells.

use super::{
    basic::version,
    optimism::{BlockRef, Number},
};
use crate::{
    Limits, TxStatus,
    error::{Answer, Failure, of_execution, of_store, unknown_block},
    node::{Node, Registry},
    params::{Args, CallObject, Hash},
    tx_status,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, FixedBytes, Signature, U64, U256};
use foggara_derive::l1_info_of;
use foggara_evm::{
    L1FeeParams, base_fee_of_next,
    call::{CallLimits, CallRequest, Simulation},
    l1_cost, operator_cost,
};
use foggara_precompiles::{REGISTRY, address_of};
use foggara_primitives::{Heads, L1Ref, addresses};
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("rollup_txStatus", |node, args| -> Answer<TxStatus> {
        let Hash(hash) = args.required()?;
        args.end()?;
        tx_status(&node.context, hash).map_err(of_store)
    })?;
    r.instant("rollup_heads", |node, args| {
        args.end()?;
        Ok(heads(node))
    })?;
    r.instant("rollup_info", |node, args| {
        args.end()?;
        Ok(info(node))
    })?;
    r.read("rollup_batchAt", batch_at)?;
    r.execute("rollup_estimateFee", estimate_fee)
}

/// The heads of the chain and what moves them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RollupHeads {
    #[serde(rename = "unsafe")]
    unsafe_: BlockRef,
    safe: BlockRef,
    finalized: BlockRef,
    /// Always `null` until output roots are proposed.
    settled: Option<BlockRef>,
    l1: L1Ref,
    backlog_bytes: u64,
    seconds_since: Moved,
}

/// Seconds since each head moved, as far as this process has seen it.
#[derive(Debug, Clone, Serialize)]
struct Moved {
    #[serde(rename = "unsafe")]
    unsafe_: u64,
    safe: u64,
    finalized: u64,
}

pub(super) fn heads(node: &Node) -> RollupHeads {
    let heads: Heads = node.heads();
    let moved = node.moved.seconds();
    RollupHeads {
        unsafe_: heads.unsafe_.into(),
        safe: heads.safe.into(),
        finalized: heads.finalized.into(),
        settled: None,
        l1: node.context.verifier.borrow().head_l1,
        backlog_bytes: *node.context.backlog.borrow(),
        seconds_since: Moved {
            unsafe_: moved[0],
            safe: moved[1],
            finalized: moved[2],
        },
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    version: String,
    profile: &'static str,
    chain_id: u64,
    l1_chain_id: u64,
    role: &'static str,
    genesis_hash: B256,
    contracts: BTreeMap<&'static str, Address>,
    precompiles: Vec<Precompile>,
    limits: LimitsTold,
    sandbox: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Precompile {
    name: &'static str,
    address: Address,
    gas_formula: &'static str,
}

/// Limits by name; times in milliseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitsTold {
    call_gas: u64,
    call_time_ms: u128,
    calls_at_once: usize,
    calls_waiting: usize,
    proofs_at_once: usize,
    proof_keys: usize,
    log_blocks: u64,
    logs: usize,
    log_addresses: usize,
    log_topics: usize,
    fee_history_blocks: u64,
    fee_history_percentiles: usize,
    filters: usize,
    filter_life_ms: u128,
    send_sync_time_ms: u128,
    send_sync_time_max_ms: u128,
    transaction_bytes: Option<usize>,
    transaction_gas: Option<u64>,
    transaction_fee_cap: Option<U256>,
}

fn limits(node: &Node) -> LimitsTold {
    let pool = node.context.pool.as_ref().map(foggara_pool::Pool::config);
    let limits: &Limits = &node.limits;
    LimitsTold {
        call_gas: limits.call_gas,
        call_time_ms: limits.call_time.as_millis(),
        calls_at_once: limits.calls_at_once,
        calls_waiting: limits.calls_waiting,
        proofs_at_once: limits.proofs_at_once,
        proof_keys: limits.proof_keys,
        log_blocks: limits.log_blocks,
        logs: limits.logs,
        log_addresses: limits.log_addresses,
        log_topics: limits.log_topics,
        fee_history_blocks: limits.fee_history_blocks,
        fee_history_percentiles: limits.fee_history_percentiles,
        filters: limits.filters,
        filter_life_ms: limits.filter_life.as_millis(),
        send_sync_time_ms: limits.send_sync_time.as_millis(),
        send_sync_time_max_ms: limits.send_sync_time_max.as_millis(),
        transaction_bytes: pool.map(|pool| pool.tx_bytes_max),
        transaction_gas: pool.map(|pool| pool.tx_gas_max),
        transaction_fee_cap: pool.and_then(|pool| pool.tx_fee_cap).map(U256::from),
    }
}

fn info(node: &Node) -> Info {
    let rollup = &node.context.spec.rollup;
    let contracts = [
        ("batchInbox", rollup.batch_inbox_address),
        ("optimismPortal", rollup.deposit_contract_address),
        ("systemConfig", rollup.l1_system_config_address),
        ("l1Block", addresses::L1_BLOCK),
        ("gasPriceOracle", addresses::GAS_PRICE_ORACLE),
        ("messagePasser", addresses::MESSAGE_PASSER),
        ("sequencerFeeVault", addresses::SEQUENCER_FEE_VAULT),
    ];
    let precompiles = REGISTRY.iter().map(|op| Precompile {
        name: op.name,
        address: address_of(op.code).into(),
        gas_formula: op.id,
    });
    Info {
        version: version(),
        profile: "isthmus",
        chain_id: rollup.l2_chain_id,
        l1_chain_id: rollup.l1_chain_id,
        role: node.context.role,
        genesis_hash: rollup.genesis.l2.hash,
        contracts: contracts.into(),
        precompiles: precompiles.collect(),
        limits: limits(node),
        sandbox: false,
    }
}

/// Where a block lies on L1.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchAt {
    block: U64,
    l1_transactions: Vec<B256>,
    l1_block: U64,
    channel: FixedBytes<16>,
    frames: Vec<u16>,
    posted_bytes: U64,
    l1_cost: U256,
}

fn batch_at(node: &Node, args: &mut Args<'_>) -> Answer<Option<BatchAt>> {
    let number: Number = args.required()?;
    args.end()?;
    let number = number.get();
    if number > node.heads().unsafe_.number {
        return Err(unknown_block(number));
    }
    let posted = node.store().posted(number).map_err(of_store)?;
    Ok(posted.map(|posted| BatchAt {
        block: U64::from(number),
        l1_transactions: posted.l1_txs,
        l1_block: U64::from(posted.l1_block),
        channel: posted.channel,
        frames: (0..posted.frames).collect(),
        posted_bytes: U64::from(posted.bytes),
        l1_cost: posted.cost,
    }))
}

/// What a call would cost as a transaction, in wei.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fee {
    gas: U64,
    execution_fee: U256,
    l1_fee: U256,
    operator_fee: U256,
    total: U256,
}

fn estimate_fee(node: &Node, args: &mut Args<'_>) -> Answer<Fee> {
    let object: CallObject = args.required()?;
    let at = args.block()?;
    args.end()?;
    let mut request = object.request(node.chain_id())?;
    let (state, context) = node.call_site(at)?;
    let header = state.header().header.clone();
    let limits = CallLimits {
        gas_cap: node.limits.call_gas,
        cancel: Some(node.deadline()),
    };
    let mut simulation = Simulation::new(&node.context.spec, context, state, limits);
    request.gas = Some(super::calls::sendable_gas(&simulation, &request));
    let gas = simulation
        .estimate_gas(&request)
        .map_err(|why| of_execution(Failure::Estimate(why), node.limits.call_time))?;
    let transactions = node
        .store()
        .transactions(header.number)
        .map_err(of_store)?
        .unwrap_or_default();
    let first = transactions.first().map(|raw| raw.as_ref());
    let params = L1FeeParams::from(&l1_info_of(header.number, first).unwrap_or_default());
    let base_fee = base_fee_of_next(&node.context.spec, &header);
    let tip = request
        .max_priority_fee_per_gas
        .unwrap_or_else(super::fees::tip_min);
    let price = match request.gas_price.or(request.max_fee_per_gas) {
        Some(cap) => cap
            .min(tip.saturating_add(base_fee.into()))
            .max(base_fee.into()),
        None => tip.saturating_add(base_fee.into()),
    };
    let execution_fee = U256::from(gas).saturating_mul(U256::from(price));
    let l1_fee = l1_cost(&params, &signed(node.chain_id(), request, gas, price));
    let operator_fee = operator_cost(&params, gas);
    let total = execution_fee
        .saturating_add(l1_fee)
        .saturating_add(operator_fee);
    Ok(Fee {
        gas: U64::from(gas),
        execution_fee,
        l1_fee,
        operator_fee,
        total,
    })
}

/// The call as a transaction, with a signature that does not compress.
fn signed(chain_id: u64, request: CallRequest, gas_limit: u64, price: u128) -> Vec<u8> {
    let tx = TxEip1559 {
        chain_id,
        nonce: request.nonce.unwrap_or_default(),
        gas_limit,
        max_fee_per_gas: price,
        max_priority_fee_per_gas: request.max_priority_fee_per_gas.unwrap_or(price),
        to: request.to,
        value: request.value,
        access_list: request.access_list.unwrap_or_default(),
        input: request.data,
    };
    let hash = |of: &[u8]| U256::from_be_bytes(alloy_primitives::keccak256(of).0);
    tx.into_signed(Signature::new(hash(b"r"), hash(b"s"), true))
        .encoded_2718()
}
