//! Tracers of the library on our engines: a call, and a transaction of a replayed block.

mod common;

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_rpc_types_trace::geth::{
    CallConfig, GethDebugBuiltInTracerType, GethDebugTracingOptions, GethTrace, PreStateConfig,
};
use common::*;
use foggara_evm::{
    BlockContext, BlockOptions, OpenBlock, attributes_of,
    call::{CallLimits, CallRequest, Simulation},
};
use revm_inspectors::tracing::{DebugInspector, TracingInspector, TracingInspectorConfig};

#[test]
fn a_call_is_traced() {
    let parent = parent();
    let limits = CallLimits {
        gas_cap: 30_000_000,
        cancel: None,
    };
    let mut simulation = Simulation::new(
        &spec(parent.clone()),
        BlockContext::of(&parent),
        world(),
        limits,
    );
    let request = CallRequest {
        from: Key::new(1).address,
        to: TxKind::Call(FORWARDER),
        data: words(&[U256::from_be_bytes(REVERTER.into_word().0)]),
        ..CallRequest::default()
    };
    let tracer = TracingInspector::new(TracingInspectorConfig::default_geth());
    let (result, tracer) = simulation.inspect(&request, tracer).unwrap();
    let gas = result.result.tx_gas_used();
    let frame = tracer
        .into_geth_builder()
        .geth_call_traces(CallConfig::default(), gas);
    assert_eq!((frame.to, frame.calls.len()), (Some(FORWARDER), 1));
    let inner = &frame.calls[0];
    assert_eq!(inner.to, Some(REVERTER));
    assert_eq!(inner.error.as_deref(), Some("execution reverted"));
}

fn debug(tracer: GethDebugBuiltInTracerType, config: PreStateConfig) -> DebugInspector {
    let options = GethDebugTracingOptions::new_tracer(tracer).with_prestate_config(config);
    DebugInspector::new(options).unwrap()
}

#[test]
fn a_transaction_of_a_block_is_traced_where_it_stood() {
    let state = world();
    let parent = parent();
    let spec = spec(parent.clone());
    let (key, receiver) = (Key::new(1), Address::repeat_byte(0x42));
    let txs = [
        l1_attributes(&l1_info(9)),
        key.tx(0, TxKind::Call(receiver), 5, 21_000, Bytes::new()),
        key.tx(1, TxKind::Call(receiver), 7, 21_000, Bytes::new()),
    ];
    let attributes = attributes(&parent, Vec::new());
    let hash = parent.hash_slow();
    let mut plain = OpenBlock::begin(&spec, &parent, hash, &attributes, state.clone()).unwrap();
    let expected: Vec<_> = txs.iter().map(|tx| plain.tx(tx).unwrap()).collect();

    let inspector = debug(
        GethDebugBuiltInTracerType::PreStateTracer,
        PreStateConfig::default(),
    );
    let options = BlockOptions {
        cancel: None,
        inspector,
    };
    let header = alloy_consensus::Header {
        number: parent.number + 1,
        timestamp: attributes.timestamp,
        beneficiary: attributes.fee_recipient,
        gas_limit: attributes.gas_limit,
        mix_hash: attributes.prev_randao,
        parent_beacon_block_root: Some(attributes.parent_beacon_block_root),
        extra_data: parent.extra_data.clone(),
        ..Default::default()
    };
    let replayed = attributes_of(&header, Vec::new());
    assert_eq!(replayed, attributes);
    let mut block = OpenBlock::begin_with(&spec, &parent, hash, &replayed, state, options).unwrap();
    for (tx, expected) in txs.iter().zip(&expected).take(2) {
        assert_eq!(&block.tx(tx).unwrap(), expected);
    }
    let (env, context) = (block.tx_env(&txs[2]), *block.context());
    let (outcome, trace) = block
        .tx_inspected(&txs[2], |tracer, result, state| {
            let block = context.block_env();
            tracer
                .get_result(None, &env, &block, result, &mut &*state)
                .unwrap()
        })
        .unwrap();
    assert_eq!(outcome, expected[2], "looking on changes nothing");
    let GethTrace::PreStateTracer(frame) = trace else {
        panic!("prestate")
    };
    let before = &frame.as_default().unwrap().0;
    assert_eq!(before[&receiver].balance, Some(U256::from(5)));
    assert_eq!(before[&key.address].nonce, Some(1));
}
