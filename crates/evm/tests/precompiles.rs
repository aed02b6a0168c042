//! The AI precompiles inside our engines: the same bytes everywhere, prices of operands in state,
//! the meter of a transaction and of a block.

mod common;

use alloy_primitives::{Address, Bytes, TxKind, U256, address, hex};
use common::*;
use foggara_evm::{
    BlockContext, BlockOptions, MapState, OpenBlock, PreparedTx, TxError, TxOutcome,
    call::{CallLimits, CallOutcome, CallRequest, CallStatus, Simulation},
    mainnet::{EthBlock, EthContext, EthSpecId, PreparedEthTx},
    precompile_addresses,
};
use foggara_primitives::addresses::{AI_BASE, AI_MATMUL};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

const WEIGHTS: Address = address!("00000000000000000000000000000000da7a0001");
const INPUTS: Address = address!("00000000000000000000000000000000da7a0002");
const NO_DATA: Address = address!("00000000000000000000000000000000da7a0003");

/// ABI calldata of `matmul` without flags, batch 1.
fn matmul(kind: u8, m: u32, k: u32, n: u32, a: &[u8], b: &[u8]) -> Bytes {
    let mut out = hex!("20ad9ba0").to_vec();
    let mut word = |value: usize| out.extend_from_slice(&U256::from(value).to_be_bytes::<32>());
    let padded = |bytes: &[u8]| bytes.len().div_ceil(32) * 32;
    for value in [0, kind.into(), 1, m as usize, k as usize, n as usize] {
        word(value);
    }
    word(8 * 32);
    word(8 * 32 + 32 + padded(a));
    for bytes in [a, b] {
        out.extend_from_slice(&U256::from(bytes.len()).to_be_bytes::<32>());
        out.extend_from_slice(bytes);
        out.resize(out.len() + padded(bytes) - bytes.len(), 0);
    }
    out.into()
}

fn by_code(account: Address, offset: u32, length: u32) -> Vec<u8> {
    let mut out = vec![2];
    out.extend_from_slice(account.as_slice());
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out
}

/// The first golden vector: [[1,-2,3],[4,5,-6]] times [[7,8,9],[-1,0,1]] transposed, 156 gas.
fn golden() -> (Bytes, Bytes) {
    let call = matmul(0, 2, 3, 2, &hex!("0001fe030405fa"), &hex!("00070809ff0001"));
    assert_eq!(call.len(), 388);
    let mut out = words(&[U256::from(32), U256::from(16)]).to_vec();
    out.extend_from_slice(&hex!("12000000020000000e000000f6ffffff"));
    out.resize(96, 0);
    (call, out.into())
}

/// A world with data contracts: first byte zero, then the bytes 1, 2, 3, ...
fn data_world(size: usize) -> MapState {
    let mut state = world();
    let data = |seed: usize| {
        let bytes = (0..size).map(|n| u8::try_from((n * 7 + seed) % 251).unwrap());
        std::iter::once(0).chain(bytes).collect::<Vec<u8>>()
    };
    state.insert(WEIGHTS, 1, U256::ZERO, data(1).into(), []);
    state.insert(INPUTS, 1, U256::ZERO, data(2).into(), []);
    state.insert(
        NO_DATA,
        1,
        U256::ZERO,
        asm("STOP JUMPDEST").to_vec().into(),
        [],
    );
    state.accounts.remove(&NO_DATA);
    state.insert(NO_DATA, 1, U256::ZERO, asm("JUMPDEST STOP"), []);
    state
}

fn simulation(state: MapState) -> Simulation<MapState> {
    let parent = parent();
    let limits = CallLimits {
        gas_cap: 30_000_000,
        cancel: None,
    };
    Simulation::new(
        &spec(parent.clone()),
        BlockContext::of(&parent),
        state,
        limits,
    )
}

fn request(to: Address, data: Bytes) -> CallRequest {
    CallRequest {
        from: Key::new(1).address,
        to: TxKind::Call(to),
        data,
        ..CallRequest::default()
    }
}

/// Calldata of the FORWARDER contract.
fn through(target: Address, data: &[u8]) -> Bytes {
    let mut out = target.into_word().to_vec();
    out.extend_from_slice(data);
    out.into()
}

fn open(state: &MapState, gas_limit: u64, options: BlockOptions) -> OpenBlock<MapState> {
    let parent = parent();
    let mut attributes = attributes(&parent, Vec::new());
    attributes.gas_limit = gas_limit;
    let spec = spec(parent.clone());
    let hash = parent.hash_slow();
    OpenBlock::begin_with(&spec, &parent, hash, &attributes, state.clone(), options).unwrap()
}

#[test]
fn all_operations_are_registered_and_warm() {
    let all: Vec<_> = precompile_addresses().collect();
    assert!(all.contains(&AI_MATMUL) && all.is_sorted());
    for address in &all {
        assert_eq!(address[..19], AI_BASE[..19]);
    }
    // A call of a cold account costs 2,600, of a warm one 100; the rest is the same.
    let cost = |target: Address| {
        let data = through(target, &[]);
        let request = CallRequest {
            gas: Some(1_000_000),
            ..request(FORWARDER, data)
        };
        let mut simulation = simulation(world());
        simulation.call_and_commit(&request).unwrap();
        simulation
            .state_mut()
            .slot(FORWARDER, U256::from(1))
            .unwrap()
    };
    let cold = cost(Address::repeat_byte(0x31));
    // An empty input is refused for 150 gas.
    assert_eq!(cold - U256::from(2_500) + U256::from(150), cost(AI_MATMUL));
}

#[test]
fn the_same_bytes_in_a_call_a_block_and_plain_ethereum() {
    let (call, expected) = golden();
    let direct = simulation(world())
        .call(&request(AI_MATMUL, call.clone()))
        .unwrap();
    assert_eq!(direct.status, CallStatus::Success(expected.clone()));
    let nested = simulation(world())
        .call(&request(FORWARDER, through(AI_MATMUL, &call)))
        .unwrap();
    assert_eq!(nested.status, CallStatus::Success(expected.clone()));

    // In a block: a contract stores the hash of what came back.
    let mut state = world();
    let keeper = Address::repeat_byte(0x71);
    let code = asm(&format!(
        "CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY PUSH0 PUSH0 CALLDATASIZE PUSH0 PUSH20 0x{} GAS \
         STATICCALL PUSH0 SSTORE RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY \
         RETURNDATASIZE PUSH0 KECCAK256 PUSH1 0x01 SSTORE STOP",
        hex::encode(AI_MATMUL)
    ));
    state.insert(keeper, 1, U256::ZERO, code, []);
    let hash = U256::from_be_bytes(alloy_primitives::keccak256(&expected).0);
    let tx = Key::new(1).tx(0, TxKind::Call(keeper), 0, 200_000, call);
    let mut block = open(&state, GAS_LIMIT, BlockOptions::default());
    assert!(block.tx(&tx).unwrap().success);
    assert_eq!(block.ai_gas(), 156);
    assert_eq!(block.state_mut().slot(keeper, U256::from(1)).unwrap(), hash);
    let executed = block.end().unwrap();
    assert_eq!(executed.ai_gas, 156);

    let context = EthContext {
        spec: EthSpecId::PRAGUE,
        chain_id: CHAIN_ID,
        number: U256::from(1),
        timestamp: U256::from(1),
        beneficiary: Address::ZERO,
        gas_limit: GAS_LIMIT,
        base_fee: 7,
        difficulty: U256::ZERO,
        prev_randao: Some(Default::default()),
        excess_blob_gas: Some(0),
        blob_update_fraction: 5_007_716,
        max_blobs: 9,
    };
    let mut eth = EthBlock::new(context, state).with_precompiles();
    assert!(
        eth.tx(&PreparedEthTx::decode(tx.raw).unwrap())
            .unwrap()
            .success
    );
    assert_eq!(eth.state_mut().slot(keeper, U256::from(1)).unwrap(), hash);
}

#[test]
fn a_direct_call_costs_the_formula() {
    let (call, _) = golden();
    let tokens: u64 = call.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
    let request = CallRequest {
        gas: Some(1_000_000),
        ..request(AI_MATMUL, call)
    };
    let outcome = simulation(world()).call(&request).unwrap();
    // Standard calldata price plus execution, or the floor (EIP-7623).
    assert_eq!(
        outcome.gas_used,
        (21_000 + 4 * tokens + 156).max(21_000 + 10 * tokens)
    );
    assert_eq!(outcome.gas_spent, 21_000 + 4 * tokens + 156);
}

fn exec_gas(outcome: &CallOutcome, call: &Bytes) -> u64 {
    let tokens: u64 = call.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
    outcome.gas_spent - 21_000 - 4 * tokens
}

#[test]
fn operands_in_code_are_priced_cold_once_and_give_the_same_result() {
    let state = data_world(600);
    let code = state.codes.clone();
    let bytes = |account: Address| code[&state.accounts[&account].info.code_hash].clone();
    let (a, b) = (bytes(INPUTS), bytes(WEIGHTS));
    let inline =
        |code: &Bytes, range: std::ops::Range<usize>| [&[0u8][..], &code[1..][range]].concat();
    let run = |call: &Bytes| {
        let request = CallRequest {
            gas: Some(1_000_000),
            ..request(AI_MATMUL, call.clone())
        };
        simulation(state.clone()).call(&request).unwrap()
    };
    let by_value = matmul(0, 4, 64, 4, &inline(&a, 10..266), &inline(&b, 5..261));
    let by_name = matmul(
        0,
        4,
        64,
        4,
        &by_code(INPUTS, 10, 256),
        &by_code(WEIGHTS, 5, 256),
    );
    let twice = matmul(
        0,
        4,
        64,
        4,
        &by_code(WEIGHTS, 10, 256),
        &by_code(WEIGHTS, 5, 256),
    );
    let (value, name) = (run(&by_value), run(&by_name));
    assert!(value.is_success());
    assert_eq!(value.status, name.status);
    assert_eq!(
        exec_gas(&name, &by_name),
        exec_gas(&value, &by_value) + 2 * 2_600
    );
    assert_eq!(
        exec_gas(&run(&twice), &twice),
        exec_gas(&value, &by_value) + 2_600 + 100
    );
    // Out of range, and not a data contract: errors that name the account.
    for call in [
        matmul(
            0,
            4,
            64,
            4,
            &by_code(INPUTS, 400, 256),
            &by_code(WEIGHTS, 5, 256),
        ),
        matmul(0, 1, 1, 1, &by_code(NO_DATA, 0, 1), &by_code(WEIGHTS, 5, 1)),
        matmul(
            0,
            1,
            1,
            1,
            &by_code(Address::repeat_byte(9), 0, 1),
            &by_code(WEIGHTS, 5, 1),
        ),
    ] {
        let CallStatus::Revert(data) = run(&call).status else {
            panic!("refused")
        };
        assert_eq!(data[..4], hex!("4e74d12b"));
    }
}

#[test]
fn an_operand_in_code_warms_its_account_and_a_revert_cools_it() {
    // BALANCE of WEIGHTS after the call: 100 if it stayed warm, 2,600 if not.
    let mut state = data_world(600);
    let call = matmul(0, 1, 8, 1, &by_code(WEIGHTS, 0, 8), &by_code(WEIGHTS, 0, 8));
    let probe = Address::repeat_byte(0x72);
    let code = asm(&format!(
        "CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY PUSH0 PUSH0 CALLDATASIZE PUSH0 PUSH20 0x{} \
         GAS STATICCALL POP GAS PUSH20 0x{} BALANCE POP GAS SWAP1 SUB PUSH0 SSTORE STOP",
        hex::encode(AI_MATMUL),
        hex::encode(WEIGHTS)
    ));
    state.insert(probe, 1, U256::ZERO, code, []);
    let price = |call: Bytes| {
        let mut simulation = simulation(state.clone());
        let request = CallRequest {
            gas: Some(1_000_000),
            ..request(probe, call)
        };
        assert!(simulation.call_and_commit(&request).unwrap().0.is_success());
        simulation
            .state_mut()
            .slot(probe, U256::ZERO)
            .unwrap()
            .to::<u64>()
    };
    let warm = price(call);
    // The second operand is out of range: the call reverts, and with it the warming.
    let refused = matmul(
        0,
        1,
        8,
        1,
        &by_code(WEIGHTS, 0, 8),
        &by_code(WEIGHTS, 599, 8),
    );
    assert_eq!(price(refused), warm + 2_500);
}

#[test]
fn gas_one_short_halts_and_exact_passes() {
    let (call, _) = golden();
    // The precompile gets exactly the gas that the caller names: 63/64 do not matter here.
    let mut state = world();
    let caller = Address::repeat_byte(0x73);
    let code = |gas: u64| {
        asm(&format!(
            "CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY PUSH0 PUSH0 CALLDATASIZE PUSH0 PUSH20 0x{} \
             PUSH2 0x{gas:04x} STATICCALL PUSH0 MSTORE PUSH1 0x20 PUSH0 RETURN",
            hex::encode(AI_MATMUL)
        ))
    };
    for (gas, expected) in [(155, 0u64), (156, 1), (157, 1), (0, 0)] {
        state.insert(caller, 1, U256::ZERO, code(gas), []);
        let outcome = simulation(state.clone())
            .call(&request(caller, call.clone()))
            .unwrap();
        assert_eq!(
            outcome.status,
            CallStatus::Success(words(&[U256::from(expected)])),
            "{gas}"
        );
    }
}

#[test]
fn value_is_refused_and_comes_back() {
    let (call, _) = golden();
    let request = CallRequest {
        value: U256::from(1),
        ..request(AI_MATMUL, call.clone())
    };
    let CallStatus::Revert(data) = simulation(world()).call(&request).unwrap().status else {
        panic!("refused")
    };
    assert_eq!(data.as_ref(), hex!("1574f9f3"));
    let tx = Key::new(1).tx(0, TxKind::Call(AI_MATMUL), 7, 200_000, call);
    let mut block = open(&world(), GAS_LIMIT, BlockOptions::default());
    let outcome = block.tx(&tx).unwrap();
    assert!(!outcome.success);
    assert!(!outcome.diff.accounts.contains_key(&AI_MATMUL));
    assert_eq!(block.ai_gas(), 0, "refused before the work");
}

/// A product of 64 x 4,096 and 4,096 x 64: 2^24 multiply-adds.
fn large() -> (MapState, Bytes, u64) {
    let state = data_world(64 * 4_096);
    let size = 64 * 4_096;
    let call = matmul(
        0,
        64,
        4_096,
        64,
        &by_code(INPUTS, 0, size),
        &by_code(WEIGHTS, 0, size),
    );
    let words = u64::from(size) / 32;
    let gas = 150 + 2 * words + 3 * (64 * 64 * 4 / 32) + (1 << 24) / 128 + 2 * 2_600;
    (state, call, gas)
}

fn large_tx(key: u8, call: &Bytes, gas: u64) -> PreparedTx {
    Key::new(key).tx(0, TxKind::Call(AI_MATMUL), 0, gas + 60_000, call.clone())
}

#[test]
fn the_meter_of_a_block_refuses_what_passes_it() {
    let (state, call, gas) = large();
    // Room for two, not for three.
    let limit = 5 * gas;
    let mut block = open(&state, limit, BlockOptions::default());
    for key in [1, 2] {
        let outcome = block.tx(&large_tx(key, &call, gas)).unwrap();
        assert!(outcome.success && !outcome.ai_limit_hit);
    }
    assert_eq!(block.ai_gas(), 2 * gas);
    let outcome = block.tx(&large_tx(3, &call, gas)).unwrap();
    assert!(
        !outcome.success && outcome.ai_limit_hit,
        "met the bound of the block"
    );
    assert_eq!(block.ai_gas(), 2 * gas, "refused before the work");
    // A small one still fits, and does not inherit the flag.
    let small = Key::new(4).tx(0, TxKind::Call(AI_MATMUL), 0, 200_000, golden().0);
    let outcome = block.tx(&small).unwrap();
    assert!(outcome.success && !outcome.ai_limit_hit);
    let ai_gas = block.end().unwrap().ai_gas;
    assert_eq!(ai_gas, 2 * gas + 156);
}

#[test]
fn the_error_of_the_meter_says_what_was_left() {
    let (state, call, gas) = large();
    let mut context = BlockContext::of(&parent());
    context.gas_limit = 2 * gas - 2;
    let limits = CallLimits {
        gas_cap: 30_000_000,
        cancel: None,
    };
    let mut simulation = Simulation::new(&spec(parent()), context, state, limits);
    let CallStatus::Revert(data) = simulation.call(&request(AI_MATMUL, call)).unwrap().status
    else {
        panic!("refused")
    };
    assert_eq!(data[..4], hex!("fa5e45dc"));
    assert_eq!(U256::from_be_slice(&data[4..36]), U256::from(gas));
    assert_eq!(U256::from_be_slice(&data[36..68]), U256::from(gas - 1));
}

/// Calls MATMUL with its calldata, then does what `end` says.
fn caller_that(end: &str) -> Bytes {
    asm(&format!(
        "CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY PUSH0 PUSH0 CALLDATASIZE PUSH0 PUSH20 0x{} GAS \
         STATICCALL {end}",
        hex::encode(AI_MATMUL)
    ))
}

#[test]
fn work_that_was_reverted_was_done_but_work_that_is_not_committed_was_not() {
    let (call, _) = golden();
    let (reverts, spins) = (Address::repeat_byte(0x74), Address::repeat_byte(0x75));
    let mut state = world();
    state.insert(
        reverts,
        1,
        U256::ZERO,
        caller_that("PUSH0 PUSH0 REVERT"),
        [],
    );
    let spin = caller_that("");
    let target = spin.len();
    let spin = caller_that(&format!("JUMPDEST PUSH1 0x{target:02x} JUMP"));
    state.insert(spins, 1, U256::ZERO, spin, []);
    let polls = AtomicU32::new(0);
    let cancel = move || polls.fetch_add(1, Ordering::Relaxed) >= 3;
    let options = BlockOptions {
        cancel: Some(Arc::new(cancel)),
        ..BlockOptions::default()
    };
    let mut block = open(&state, GAS_LIMIT, options);
    let key = Key::new(1);
    let reverted: TxOutcome = block
        .tx(&key.tx(0, TxKind::Call(reverts), 0, 200_000, call.clone()))
        .unwrap();
    assert!(!reverted.success);
    assert_eq!(block.ai_gas(), 156);
    let spinning = key.tx(1, TxKind::Call(spins), 0, 10_000_000, call);
    assert_eq!(block.tx_cancellable(&spinning), Err(TxError::Cancelled));
    assert_eq!(block.ai_gas(), 156, "restored");
}

#[test]
fn a_deadline_inside_the_work_aborts_without_an_answer() {
    let (state, call, _) = large();
    let parent = parent();
    // The flag is up from the start, but no interpreter step is taken: only the work can ask.
    let limits = CallLimits {
        gas_cap: 30_000_000,
        cancel: Some(Arc::new(|| true)),
    };
    let mut simulation = Simulation::new(
        &spec(parent.clone()),
        BlockContext::of(&parent),
        state,
        limits,
    );
    let error = simulation.call(&request(AI_MATMUL, call)).unwrap_err();
    assert_eq!(error, foggara_evm::call::CallError::Cancelled);
    // What asks nobody gets its answer.
    let plain = request(Address::repeat_byte(0x11), Bytes::new());
    assert!(simulation.call(&plain).unwrap().is_success());
}
