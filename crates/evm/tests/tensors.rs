//! The tensor store through transactions: records in state and in the journal, bytes beside it.
//!
//! Blocks follow each other on a state in memory that keeps what each block says is to be kept.

mod common;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use common::*;
use foggara_evm::{
    BlockContext, BlockOptions, ExecutedState, MapState, OpenBlock, PreparedTx, TxError, TxOutcome,
    call::{CallLimits, CallRequest, CallStatus, Simulation},
    record_slot,
};
use foggara_primitives::addresses::{AI_MATMUL, AI_TENSOR};
use std::sync::Arc;

/// Makes the calls in its calldata one after the other: address 32, size 32, calldata. A first byte of
/// one lets a call fail; any other failure is passed on. Returns what the last call returned.
const SCRIPT: Address = address!("00000000000000000000000000000000c0de0101");
/// As above by DELEGATECALL and STATICCALL, one call.
const DELEGATE: Address = address!("00000000000000000000000000000000c0de0102");
const STATIC: Address = address!("00000000000000000000000000000000c0de0103");

const EPOCH: u64 = 604_800;
const ID: [u8; 32] = hex!("c393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704");
const SLOT: [u8; 32] = hex!("58f41f13959bf6f7cd34f9f3f024295e16da36563f4846526ecbc99bc8b1038b");

fn script_code() -> Bytes {
    asm("PUSH0 JUMPDEST DUP1 CALLDATASIZE EQ PUSH1 0x39 JUMPI \
         DUP1 PUSH1 0x20 ADD CALLDATALOAD DUP1 DUP3 PUSH1 0x40 ADD PUSH0 CALLDATACOPY \
         PUSH0 PUSH0 DUP3 PUSH0 PUSH0 DUP7 CALLDATALOAD GAS CALL \
         DUP3 CALLDATALOAD PUSH1 0xf8 SHR OR ISZERO PUSH1 0x31 JUMPI \
         ADD PUSH1 0x40 ADD PUSH1 0x01 JUMP \
         STOP STOP STOP \
         JUMPDEST RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY RETURNDATASIZE PUSH0 REVERT \
         JUMPDEST RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY RETURNDATASIZE PUSH0 RETURN")
}

fn word(value: u64) -> [u8; 32] {
    U256::from(value).to_be_bytes()
}

fn item(to: Address, may_fail: bool, data: &[u8]) -> Vec<u8> {
    let mut head = to.into_word().0;
    head[0] = may_fail.into();
    [&head[..], &word(data.len() as u64), data].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = [&word(bytes.len() as u64)[..], bytes].concat();
    out.resize(out.len().next_multiple_of(32), 0);
    out
}

fn selector(signature: &str) -> Vec<u8> {
    keccak256(signature)[..4].to_vec()
}

/// `put` of i8 `[2, 3]`.
fn put(data: &[u8; 6], epochs: u64) -> Vec<u8> {
    let mut call = selector("put(uint8,uint32[],uint32,bytes)");
    for value in [3, 128, epochs, 224, 2, 2, 3] {
        call.extend(word(value));
    }
    call.extend(padded(&[&[0][..], data].concat()));
    call
}

/// `[2, 3]` times `[2, 3]` transposed, A by handle.
fn product(flags: u8, id: [u8; 32]) -> Vec<u8> {
    let mut call = selector("matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)");
    let a = padded(&[&[1][..], &id, &[0; 16]].concat());
    let b = padded(&hex!("00070809ff0001"));
    let head = [flags.into(), 0, 1, 2, 3, 2, 256, 256 + a.len() as u64];
    for value in head {
        call.extend(word(value));
    }
    [call, a, b].concat()
}

fn with_id(signature: &str, id: [u8; 32], rest: &[u64]) -> Vec<u8> {
    let mut call = selector(signature);
    call.extend(id);
    for value in rest {
        call.extend(word(*value));
    }
    call
}

const DATA: [u8; 6] = hex!("01fe030405fa");

struct Chain {
    state: MapState,
    parent: Header,
    nonce: u64,
}

impl Chain {
    fn new() -> Self {
        let mut state = world();
        let forward = |call: &str| {
            asm(&format!(
                "PUSH1 0x20 CALLDATASIZE SUB PUSH1 0x20 PUSH0 CALLDATACOPY \
                 PUSH0 PUSH0 PUSH1 0x20 CALLDATASIZE SUB PUSH0 PUSH0 CALLDATALOAD GAS {call} \
                 RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY RETURNDATASIZE PUSH0 RETURN"
            ))
        };
        state.insert(SCRIPT, 1, U256::ZERO, script_code(), []);
        state.insert(DELEGATE, 1, U256::ZERO, forward("DELEGATECALL"), []);
        state.insert(STATIC, 1, U256::ZERO, forward("STATICCALL"), []);
        Self {
            state,
            parent: parent(),
            nonce: 0,
        }
    }

    fn open(&self, seconds: u64) -> OpenBlock<MapState> {
        let mut attributes = attributes(&self.parent, Vec::new());
        attributes.timestamp = self.parent.timestamp + seconds;
        let (spec, hash) = (spec(self.parent.clone()), self.parent.hash_slow());
        let options = BlockOptions::default();
        OpenBlock::begin_with(
            &spec,
            &self.parent,
            hash,
            &attributes,
            self.state.clone(),
            options,
        )
        .unwrap()
    }

    fn tx(&mut self, to: Address, data: Vec<u8>) -> PreparedTx {
        let tx = Key::new(1).tx(self.nonce, TxKind::Call(to), 0, 2_000_000, data.into());
        self.nonce += 1;
        tx
    }

    /// Executes the next block, some seconds later, and keeps it.
    fn block(
        &mut self,
        seconds: u64,
        calls: &[(Address, Vec<u8>)],
    ) -> (Vec<TxOutcome>, ExecutedState) {
        let mut open = self.open(seconds);
        let outcomes: Vec<_> = calls
            .iter()
            .map(|(to, data)| open.tx(&self.tx(*to, data.clone())).unwrap())
            .collect();
        let block = open.end().unwrap();
        self.state.apply(&block.diff);
        self.state.keep(&block.tensors);
        self.parent = Header {
            number: self.parent.number + 1,
            timestamp: self.parent.timestamp + seconds,
            ..self.parent.clone()
        };
        (outcomes, block)
    }

    fn simulation(&self) -> Simulation<MapState> {
        let limits = CallLimits {
            gas_cap: 30_000_000,
            cancel: None,
        };
        let context = BlockContext::of(&self.parent);
        Simulation::new(
            &spec(self.parent.clone()),
            context,
            self.state.clone(),
            limits,
        )
    }

    fn call(&self, to: Address, data: Vec<u8>) -> CallStatus {
        let request = CallRequest {
            from: Key::new(1).address,
            to: TxKind::Call(to),
            data: data.into(),
            ..CallRequest::default()
        };
        self.simulation().call(&request).unwrap().status
    }
}

/// C of the product, as `bytes`.
fn product_result() -> Bytes {
    let mut out = [word(32), word(16)].concat();
    out.extend(hex!("12000000020000000e000000f6ffffff"));
    out.resize(96, 0);
    out.into()
}

fn error(name: &str, id: [u8; 32]) -> CallStatus {
    CallStatus::Revert([&keccak256(name)[..4], &id].concat().into())
}

#[test]
fn a_transaction_stores_and_the_next_block_reads() {
    let mut chain = Chain::new();
    let (outcomes, block) = chain.block(2, &[(AI_TENSOR, put(&DATA, 1))]);
    assert!(outcomes[0].success);
    let record = block.diff.accounts[&AI_TENSOR].storage[&B256::from(SLOT)];
    assert_eq!(record_slot(ID.into()), B256::from(SLOT));
    let expiry = chain.parent.timestamp + EPOCH;
    let expected = (U256::from(1) << 248) | (U256::from(expiry) << 64) | U256::from(42);
    assert_eq!(record, expected);
    let [log] = &outcomes[0].logs[..] else {
        panic!("one event")
    };
    let by = Key::new(1).address.into_word();
    let topic = keccak256("TensorStored(bytes32,address,uint64)");
    assert_eq!(log.address, AI_TENSOR);
    assert_eq!(log.data.topics(), [topic, ID.into(), by]);
    assert_eq!(log.data.data[..], word(expiry));
    assert_eq!(block.tensors.len(), 1);
    assert_eq!(
        (block.tensors[0].id, &block.tensors[0].bytes[..]),
        (ID.into(), &DATA[..])
    );
    assert_eq!(keccak256(&block.tensors[0].descriptor), B256::from(ID));
    // The meter has seen the whole price; the calldata weighs more than the call here or not, the gas of
    // the call itself is in the worked example.
    assert_eq!(block.ai_gas, 23_815);

    // A call on the sealed block reads it at once, as does a transaction of the next block.
    let success = CallStatus::Success(product_result());
    assert_eq!(chain.call(AI_MATMUL, product(0, ID)), success);
    let nested = [AI_MATMUL.into_word().to_vec(), product(0, ID)].concat();
    for door in [FORWARDER, DELEGATE, STATIC] {
        assert_eq!(chain.call(door, nested.clone()), success);
    }
    let (outcomes, block) = chain.block(2, &[(AI_MATMUL, product(0, ID))]);
    assert!(outcomes[0].success && block.tensors.is_empty());
    // To the last second before its expiry.
    chain.block(EPOCH - 3, &[]);
    assert_eq!(chain.call(AI_MATMUL, product(0, ID)), success);
    chain.block(1, &[]);
    let expired = error("TensorExpired(bytes32)", ID);
    assert_eq!(chain.call(AI_MATMUL, product(0, ID)), expired);
    // Pruned after 60 days: the slot is clear, the event says 0.
    let prune = with_id("prune(bytes32)", ID, &[]);
    let (outcomes, _) = chain.block(60 * 86_400 - 1, &[(AI_TENSOR, prune.clone())]);
    assert!(!outcomes[0].success);
    let (outcomes, block) = chain.block(1, &[(AI_TENSOR, prune)]);
    assert!(outcomes[0].success);
    assert_eq!(
        block.diff.accounts[&AI_TENSOR].storage[&B256::from(SLOT)],
        U256::ZERO
    );
    assert_eq!(outcomes[0].logs[0].data.data[..], word(0));
    let unknown = error("UnknownTensor(bytes32)", ID);
    assert_eq!(chain.call(AI_MATMUL, product(0, ID)), unknown);
}

#[test]
fn in_its_block_only_its_transaction_reads_a_tensor() {
    let mut chain = Chain::new();
    let own = [
        item(AI_TENSOR, false, &put(&DATA, 1)),
        item(AI_MATMUL, false, &product(0x80, ID)),
    ];
    let (outcomes, block) = chain.block(
        2,
        &[
            (SCRIPT, own.concat()),
            (AI_MATMUL, product(0, ID)),
            // What it makes itself it reads, whoever made it before.
            (SCRIPT, own.concat()),
        ],
    );
    let success: Vec<_> = outcomes.iter().map(|outcome| outcome.success).collect();
    assert_eq!(success, [true, false, true]);
    assert_eq!(outcomes[0].logs.len(), 2);
    let by = outcomes[0].logs[1].data.topics()[2];
    assert_eq!(by, SCRIPT.into_word());
    // The operand and the product, each once.
    assert_eq!(block.tensors.len(), 2);
    assert!(block.tensors[0].id < block.tensors[1].id);
    let result = block
        .tensors
        .iter()
        .find(|tensor| tensor.id != B256::from(ID))
        .unwrap();
    assert_eq!(result.bytes[..], product_result()[64..80]);
    // `touch` moves the record and keeps the bytes where they are.
    let touch = with_id("touch(bytes32,uint32)", ID, &[3]);
    let (outcomes, block) = chain.block(2, &[(AI_TENSOR, touch)]);
    assert!(outcomes[0].success && block.tensors.is_empty());
    assert!(
        block.diff.accounts[&AI_TENSOR]
            .storage
            .contains_key(&B256::from(SLOT))
    );
}

#[test]
fn a_reverted_frame_leaves_no_record_flag_log_or_byte() {
    let mut chain = Chain::new();
    let inner = [
        item(AI_TENSOR, false, &put(&DATA, 1)),
        item(AI_MATMUL, false, &product(0, ID)),
        item(REVERTER, false, &[]),
    ]
    .concat();
    let other = hex!("010203040506");
    // The frame inside reverts; then the tensor is unknown; another one is stored.
    let script = [
        item(SCRIPT, true, &inner),
        item(AI_MATMUL, true, &product(0, ID)),
        item(AI_TENSOR, false, &put(&other, 1)),
    ];
    let (outcomes, block) = chain.block(2, &[(SCRIPT, script.concat()), (SCRIPT, inner.clone())]);
    assert!(outcomes[0].success && !outcomes[1].success);
    assert_eq!(outcomes[0].logs.len(), 1);
    let records = &block.diff.accounts[&AI_TENSOR].storage;
    assert_eq!(records.len(), 1);
    assert!(!records.contains_key(&B256::from(SLOT)));
    assert_eq!(block.tensors.len(), 1);
    assert_eq!(block.tensors[0].bytes[..], other);
    let unknown = error("UnknownTensor(bytes32)", ID);
    assert_eq!(chain.call(AI_MATMUL, product(0, ID)), unknown);
    // In the transaction of the revert too.
    let look = [
        item(SCRIPT, true, &inner),
        item(AI_MATMUL, true, &product(0, ID)),
    ];
    assert_eq!(
        chain.call(SCRIPT, look.concat()),
        CallStatus::Success(
            [&keccak256("UnknownTensor(bytes32)")[..4], &ID]
                .concat()
                .into()
        )
    );
    // A revert of the outermost frame leaves nothing at all.
    let (_, block) = chain.block(2, &[(SCRIPT, inner)]);
    assert!(block.tensors.is_empty() && !block.diff.accounts.contains_key(&AI_TENSOR));
}

#[test]
fn writers_want_a_direct_call_that_may_write() {
    let chain = Chain::new();
    let calls = [
        (AI_TENSOR, put(&DATA, 1)),
        (AI_TENSOR, with_id("touch(bytes32,uint32)", ID, &[1])),
        (AI_TENSOR, with_id("prune(bytes32)", ID, &[])),
        (AI_MATMUL, product(0x80, ID)),
    ];
    for (to, call) in calls {
        let nested = [to.into_word().to_vec(), call].concat();
        for (door, error) in [(STATIC, "StaticStore()"), (DELEGATE, "DirectCallOnly()")] {
            // The doors pass the data of a revert on as if it were a result.
            let expected = Bytes::copy_from_slice(&keccak256(error)[..4]);
            assert_eq!(
                chain.call(door, nested.clone()),
                CallStatus::Success(expected)
            );
        }
        // A static frame further out forbids it as well.
        let deep = [FORWARDER.into_word().to_vec(), nested].concat();
        assert!(!matches!(chain.call(STATIC, deep), CallStatus::Success(out) if out.len() > 4));
    }
}

#[test]
fn whoever_lacks_the_bytes_stops() {
    let mut chain = Chain::new();
    chain.block(2, &[(AI_TENSOR, put(&DATA, 1))]);
    chain.state.tensors = Arc::default();
    let mut open = chain.open(2);
    let tx = chain.tx(AI_MATMUL, product(0, ID));
    let Err(TxError::Fatal(error)) = open.tx(&tx) else {
        panic!("a record without bytes is a broken node")
    };
    assert!(error.0.contains("pruned history unavailable"), "{error}");
}

#[test]
fn calls_of_one_simulation_share_what_they_made() {
    let chain = Chain::new();
    let mut simulation = chain.simulation();
    let request = |to: Address, data: Vec<u8>| CallRequest {
        from: Key::new(1).address,
        to: TxKind::Call(to),
        data: data.into(),
        ..CallRequest::default()
    };
    let put = request(AI_TENSOR, put(&DATA, 1));
    let (outcome, _) = simulation.call_and_commit(&put).unwrap();
    assert_eq!(outcome.status, CallStatus::Success(ID.into()));
    let product = simulation
        .call(&request(AI_MATMUL, product(0, ID)))
        .unwrap();
    assert_eq!(product.status, CallStatus::Success(product_result()));
}
