//! One block at a time: what transactions and deposits do, what they pay, what refuses them.

mod common;

use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use common::*;
use foggara_evm::{
    BlockOptions, InvalidTx, L1FeeParams, MapState, OpenBlock, PreparedTx, TxError, TxOutcome,
    decode_receipt, l1_cost, normalise, op_spec_id, operator_cost,
};
use foggara_primitives::{
    SourceError, StateDiff, StateSource,
    addresses::{
        BASE_FEE_VAULT, BEACON_ROOTS, HISTORY_STORAGE, L1_BLOCK, L1_FEE_VAULT, OPERATOR_FEE_VAULT,
        SEQUENCER_FEE_VAULT,
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

const PARENT_HASH: B256 = B256::repeat_byte(0x77);

fn open(state: &MapState) -> OpenBlock<MapState> {
    let parent = parent();
    let attributes = attributes(&parent, Vec::new());
    OpenBlock::begin(
        &spec(parent.clone()),
        &parent,
        PARENT_HASH,
        &attributes,
        state.clone(),
    )
    .expect("the world is whole")
}

/// A block with its L1 attributes in place.
fn open_with_fees(state: &MapState) -> OpenBlock<MapState> {
    let mut block = open(state);
    let outcome = block
        .tx(&l1_attributes(&l1_info(9)))
        .expect("a deposit runs");
    assert!(outcome.success);
    block
}

fn invalid(result: Result<TxOutcome, TxError>) -> InvalidTx {
    match result {
        Err(TxError::Invalid(reason)) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn the_rules_are_isthmus_whatever_the_libraries_default_to() {
    let spec = spec(parent());
    for time in [0, 1, u64::MAX] {
        assert_eq!(
            op_spec_id(&spec, time),
            foggara_evm::op_revm::OpSpecId::ISTHMUS
        );
    }
}

#[test]
fn begin_writes_parent_hash_and_beacon_root() {
    let block = open(&world());
    let diff = block.begin_diff();
    let accounts: Vec<_> = diff.accounts.keys().copied().collect();
    assert_eq!(accounts, [HISTORY_STORAGE, BEACON_ROOTS]);
    // EIP-2935: slot = number of the parent mod 8191.
    let history = &diff.accounts[&HISTORY_STORAGE].storage;
    assert_eq!(
        history.get(&B256::with_last_byte(41)),
        Some(&U256::from_be_bytes(PARENT_HASH.0))
    );
    // EIP-4788: the timestamp at time mod 8191, the root 8191 slots further.
    let roots = &diff.accounts[&BEACON_ROOTS].storage;
    let time = U256::from(1_084);
    assert_eq!(roots.get(&B256::from(time)), Some(&time));
    let root = U256::from_be_bytes(keccak256(b"beacon").0);
    assert_eq!(
        roots.get(&B256::from(time + U256::from(8_191))),
        Some(&root)
    );
}

#[test]
fn l1_attributes_reach_the_fees_of_the_same_block() {
    let info = l1_info(9);
    let mut block = open_with_fees(&world());
    assert_eq!(block.fees().unwrap(), L1FeeParams::from(&info));
    let word = |block: &mut OpenBlock<MapState>, slot: u64| {
        block.state_mut().slot(L1_BLOCK, U256::from(slot)).unwrap()
    };
    assert_eq!(
        word(&mut block, 0),
        U256::from(info.time) << 64 | U256::from(9)
    );
    assert_eq!(word(&mut block, 2), U256::from_be_bytes(info.block_hash.0));
    assert_eq!(
        word(&mut block, 4),
        U256::from_be_bytes(info.batcher_hash.0)
    );
}

#[test]
fn every_fee_goes_to_its_vault() {
    let state = world();
    let (key, to) = (Key::new(1), Address::repeat_byte(0x42));
    let tx = key.tx(0, TxKind::Call(to), 5, 60_000, Bytes::new());
    let mut block = open_with_fees(&state);
    let base_fee = block.context().base_fee;
    let outcome = block.tx(&tx).unwrap();
    assert!(outcome.success && outcome.gas_used == 21_000);
    let mut after = state.clone();
    after.apply(&block.end().unwrap().diff);
    let fees = L1FeeParams::from(&l1_info(9));
    let (l1, operator) = (l1_cost(&fees, &tx.raw), operator_cost(&fees, 21_000));
    assert!(!l1.is_zero() && operator > U256::from(777));
    let gas = U256::from(21_000);
    assert_eq!(balance(&after, L1_FEE_VAULT), l1);
    assert_eq!(balance(&after, OPERATOR_FEE_VAULT), operator);
    assert_eq!(balance(&after, BASE_FEE_VAULT), gas * U256::from(base_fee));
    assert_eq!(balance(&after, SEQUENCER_FEE_VAULT), gas * U256::from(GWEI));
    assert_eq!(balance(&after, to), U256::from(5));
    assert_eq!(supply(&after), supply(&state));
}

#[test]
fn fees_are_read_anew_for_each_block_of_the_same_number() {
    // The engine caches L1 fees by block number: two blocks of one height must not share it (T3).
    let state = world();
    let tx = Key::new(1).tx(
        0,
        TxKind::Call(Address::repeat_byte(0x42)),
        5,
        60_000,
        Bytes::new(),
    );
    let cost = |info: &foggara_primitives::L1Info| {
        let mut block = open(&state);
        block.tx(&l1_attributes(info)).unwrap();
        block.tx(&tx).unwrap();
        let mut after = state.clone();
        after.apply(&block.end().unwrap().diff);
        balance(&after, L1_FEE_VAULT)
    };
    let (one, mut two) = (l1_info(9), l1_info(9));
    two.base_fee = U256::from(70 * GWEI);
    assert_eq!(cost(&one), l1_cost(&L1FeeParams::from(&one), &tx.raw));
    assert_eq!(cost(&two), l1_cost(&L1FeeParams::from(&two), &tx.raw));
    assert_ne!(cost(&one), cost(&two));
}

#[test]
fn a_failing_deposit_keeps_its_mint_and_bumps_the_nonce() {
    let state = world();
    let from = Address::repeat_byte(0x51);
    for (index, to, value, gas, data) in [
        (1, REVERTER, 0, 100_000, Bytes::new()),
        (2, LOOPER, 0, 100_000, Bytes::new()),
        // More value than the sender has, mint included.
        (
            3,
            Address::repeat_byte(0x52),
            10 * ETHER,
            100_000,
            Bytes::new(),
        ),
        // Less gas than the intrinsic cost.
        (4, Address::repeat_byte(0x52), 0, 20_000, Bytes::new()),
        // Less gas than the calldata floor (EIP-7623).
        (
            5,
            Address::repeat_byte(0x52),
            0,
            40_000,
            vec![1; 1_000].into(),
        ),
    ] {
        let tx = deposit(index, from, TxKind::Call(to), ETHER, value, gas, data);
        let mut block = open_with_fees(&state);
        let outcome = block.tx(&tx).unwrap();
        assert!(!outcome.success, "deposit {index}");
        assert!(outcome.logs.is_empty());
        let receipt = decode_receipt(&outcome.receipt).unwrap();
        assert_eq!((receipt.tx_type, receipt.success), (0x7e, false));
        assert_eq!(
            (receipt.deposit_nonce, receipt.deposit_receipt_version),
            (Some(0), Some(1))
        );
        let change = &outcome.diff.accounts[&from];
        let info = change.info.unwrap();
        assert_eq!(
            (info.nonce, info.balance),
            (1, U256::from(ETHER)),
            "deposit {index}"
        );
        assert_eq!(outcome.diff.accounts.len(), 1);
        // A revert returns what it did not use; everything else costs the limit.
        assert_eq!(
            outcome.gas_used == gas,
            index != 1,
            "deposit {index}: {}",
            outcome.gas_used
        );
        // The next deposit of the same sender starts clean.
        let outcome = block
            .tx(&deposit(
                9,
                from,
                TxKind::Call(LOGGER),
                1,
                0,
                100_000,
                Bytes::new(),
            ))
            .unwrap();
        assert!(outcome.success && outcome.logs.len() == 1);
        assert_eq!(
            decode_receipt(&outcome.receipt).unwrap().deposit_nonce,
            Some(1)
        );
    }
}

#[test]
fn a_deposit_creates_a_contract_and_pays_no_fee() {
    let state = world();
    let from = Address::repeat_byte(0x51);
    let runtime = asm("PUSH1 0x2a PUSH0 MSTORE PUSH1 0x20 PUSH0 RETURN");
    let tx = deposit(
        1,
        from,
        TxKind::Create,
        ETHER,
        3,
        500_000,
        deployer(&runtime),
    );
    let mut block = open_with_fees(&state);
    let outcome = block.tx(&tx).unwrap();
    assert!(outcome.success);
    let created = from.create(0);
    assert_eq!(outcome.created, Some(created));
    let change = &outcome.diff.accounts[&created];
    assert_eq!(change.new_code.as_ref(), Some(&runtime));
    assert_eq!(change.info.unwrap().balance, U256::from(3));
    assert!(!change.storage_wiped, "nothing was there to wipe");
    let sender = outcome.diff.accounts[&from].info.unwrap();
    assert_eq!((sender.nonce, sender.balance), (1, U256::from(ETHER - 3)));
    assert_eq!(outcome.diff.accounts.len(), 2, "no vault is touched");
    // The code can be called in the same block, and the world gained what was minted.
    assert!(
        block
            .tx(&deposit(
                2,
                from,
                TxKind::Call(created),
                0,
                0,
                50_000,
                Bytes::new()
            ))
            .unwrap()
            .success
    );
    let mut after = state.clone();
    after.apply(&block.end().unwrap().diff);
    assert_eq!(supply(&after), supply(&state) + U256::from(ETHER));
    assert!(has_code(&after, created));
}

#[test]
fn a_deposit_that_does_not_fit_is_refused() {
    let mut block = open_with_fees(&world());
    let left = block.gas_left();
    let from = Address::repeat_byte(0x51);
    let tx = deposit(1, from, TxKind::Call(from), 0, 0, left + 1, Bytes::new());
    let reason = invalid(block.tx(&tx));
    assert_eq!(
        reason,
        InvalidTx::BlockGas {
            gas_limit: left + 1,
            left
        }
    );
    let tx = deposit(1, from, TxKind::Call(from), 0, 0, left, Bytes::new());
    assert!(block.tx(&tx).unwrap().success);
}

/// Every way in which a transaction can be refused, with the numbers that the answer carries.
fn refusals(state: &MapState) -> Vec<(PreparedTx, InvalidTx)> {
    let (key, poor) = (Key::new(2), Key::new(77));
    let to = TxKind::Call(Address::repeat_byte(0x42));
    let none = Bytes::new;
    let fees = L1FeeParams::from(&l1_info(9));
    let rich = balance(state, key.address);
    let all = key.tx(0, to, 1_000 * ETHER, 21_000, none());
    let all_cost = U256::from(1_000 * ETHER)
        + U256::from(21_000 * 10 * GWEI)
        + l1_cost(&fees, &all.raw)
        + operator_cost(&fees, 21_000);
    let poor_tx = poor.tx(0, to, 0, 21_000, none());
    let poor_cost = U256::from(21_000 * 10 * GWEI)
        + l1_cost(&fees, &poor_tx.raw)
        + operator_cost(&fees, 21_000);
    let cheap = alloy_consensus::TxEip1559 {
        max_fee_per_gas: 7,
        max_priority_fee_per_gas: 7,
        ..base_tx(0, to, 0, 21_000, none())
    };
    let tip = alloy_consensus::TxEip1559 {
        max_priority_fee_per_gas: 11 * GWEI,
        ..base_tx(0, to, 0, 21_000, none())
    };
    let other_chain = alloy_consensus::TxEip1559 {
        chain_id: 1,
        ..base_tx(0, to, 0, 21_000, none())
    };
    let greedy = alloy_consensus::TxEip1559 {
        max_fee_per_gas: u128::MAX,
        value: U256::MAX,
        ..base_tx(0, to, 0, 21_000, none())
    };
    let empty_list = alloy_consensus::TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 100_000,
        max_fee_per_gas: 10 * GWEI,
        ..Default::default()
    };
    vec![
        (
            key.tx(5, to, 0, 21_000, none()),
            InvalidTx::NonceTooHigh { next: 0, tx: 5 },
        ),
        (
            all,
            InvalidTx::InsufficientFunds {
                have: rich,
                want: all_cost,
            },
        ),
        (
            poor_tx,
            InvalidTx::InsufficientFunds {
                have: U256::ZERO,
                want: poor_cost,
            },
        ),
        (
            key.tx(0, to, 0, 20_999, none()),
            InvalidTx::IntrinsicGas {
                have: 20_999,
                want: 21_000,
            },
        ),
        (
            key.tx(0, to, 0, 40_000, vec![1; 1_000].into()),
            InvalidTx::FloorGas {
                have: 40_000,
                want: 61_000,
            },
        ),
        (
            key.tx(0, to, 0, GAS_LIMIT, none()),
            InvalidTx::BlockGas {
                gas_limit: GAS_LIMIT,
                left: 0,
            },
        ),
        (
            key.envelope(cheap),
            InvalidTx::FeeCapBelowBaseFee {
                fee_cap: 7,
                base_fee: 1_000_000_000,
            },
        ),
        (
            key.envelope(tip),
            InvalidTx::TipAboveFeeCap {
                tip: 11 * GWEI,
                fee_cap: 10 * GWEI,
            },
        ),
        (
            key.envelope(other_chain),
            InvalidTx::ChainId {
                have: 1,
                want: CHAIN_ID,
            },
        ),
        (key.envelope(greedy), InvalidTx::CostOverflow),
        (key.envelope(empty_list), InvalidTx::EmptyAuthorizationList),
        (
            key.tx(0, TxKind::Create, 0, 5_000_000, vec![0; 49_153].into()),
            InvalidTx::InitCode {
                size: 49_153,
                limit: 49_152,
            },
        ),
    ]
}

/// A block whose transactions are watched by a flag that never fires.
fn watched_block(state: &MapState) -> OpenBlock<MapState> {
    let parent = parent();
    let attributes = attributes(&parent, Vec::new());
    let cancel: Arc<AtomicBool> = Arc::default();
    let options = BlockOptions {
        cancel: Some(cancel),
        ..BlockOptions::default()
    };
    let spec = spec(parent.clone());
    let mut block = OpenBlock::begin_with(
        &spec,
        &parent,
        PARENT_HASH,
        &attributes,
        state.clone(),
        options,
    )
    .expect("the world is whole");
    assert!(
        block
            .tx(&l1_attributes(&l1_info(9)))
            .expect("a deposit runs")
            .success
    );
    block
}

fn run(
    block: &mut OpenBlock<MapState>,
    tx: &PreparedTx,
    watched: bool,
) -> Result<TxOutcome, TxError> {
    if watched {
        block.tx_cancellable(tx)
    } else {
        block.tx(tx)
    }
}

#[test]
fn refusals_carry_their_numbers_and_leave_no_trace() {
    let mut state = world();
    // Tells by its gas whether the accounts that refused transactions loaded are still warm.
    let probe = Address::repeat_byte(0x62);
    let look = |address: Address| format!("PUSH20 0x{} BALANCE POP ", hex::encode(address));
    let code = look(Key::new(2).address) + &look(Key::new(77).address) + "STOP";
    state.insert(probe, 1, U256::ZERO, asm(&code), []);
    let good = [
        Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, vec![1, 2].into()),
        Key::new(2).tx(
            0,
            TxKind::Call(STORER),
            0,
            100_000,
            words(&[U256::from(3), U256::ZERO]),
        ),
        Key::new(1).tx(1, TxKind::Call(LOOPER), 0, 100_000, Bytes::new()),
        Key::new(1).tx(2, TxKind::Call(probe), 0, 100_000, Bytes::new()),
    ];
    let mut clean = open_with_fees(&state);
    let expected: Vec<_> = good.iter().map(|tx| clean.tx(tx).unwrap()).collect();
    let expected_block = clean.end().unwrap();

    // The library forgets to clean up behind a refusal that an inspector watched: both ways.
    for watched in [false, true] {
        let mut block = if watched {
            watched_block(&state)
        } else {
            open_with_fees(&state)
        };
        let mut outcomes = Vec::new();
        for tx in &good {
            for (bad, reason) in refusals(&state) {
                let got = invalid(run(&mut block, &bad, watched));
                match (&reason, &got) {
                    // What is left depends on what ran before.
                    (InvalidTx::BlockGas { .. }, InvalidTx::BlockGas { gas_limit, left }) => {
                        assert_eq!((*gas_limit, *left), (GAS_LIMIT, block.gas_left()));
                    }
                    // The base fee is that of the block.
                    (
                        InvalidTx::FeeCapBelowBaseFee { .. },
                        InvalidTx::FeeCapBelowBaseFee { fee_cap, base_fee },
                    ) => assert_eq!((*fee_cap, *base_fee), (7, block.context().base_fee)),
                    // The sender may have acted meanwhile.
                    _ if bad.sender == Key::new(2).address && outcomes.len() > 1 => {}
                    _ => assert_eq!(got, reason),
                }
            }
            outcomes.push(run(&mut block, tx, watched).unwrap());
        }
        assert_eq!(outcomes, expected);
        assert_eq!(block.end().unwrap(), expected_block);
    }
}

#[test]
fn a_sender_with_code_is_refused_unless_it_is_a_delegation() {
    let mut state = world();
    let key = Key::new(3);
    state.insert(key.address, 0, U256::from(ETHER), asm("STOP"), []);
    let tx = key.tx(0, TxKind::Call(key.address), 0, 21_000, Bytes::new());
    let mut block = open_with_fees(&state);
    assert_eq!(
        invalid(block.tx(&tx)),
        InvalidTx::SenderHasCode(key.address)
    );
    let mut delegated = hex::decode("ef0100").unwrap();
    delegated.extend_from_slice(LOGGER.as_slice());
    state.insert(key.address, 0, U256::from(ETHER), delegated.into(), []);
    let mut block = open_with_fees(&state);
    let tx = key.tx(0, TxKind::Call(key.address), 0, 100_000, Bytes::new());
    assert_eq!(block.tx(&tx).unwrap().logs.len(), 1);
}

#[test]
fn types_that_this_chain_does_not_run_are_refused_by_first_byte() {
    for first in [0x00u8, 0x03, 0x05, 0x7d, 0x7f] {
        let reason = PreparedTx::decode(vec![first, 0xc0].into()).unwrap_err();
        assert_eq!(reason, InvalidTx::TypeNotSupported(first));
    }
    assert!(matches!(
        PreparedTx::decode(Bytes::new()),
        Err(InvalidTx::Decode(_))
    ));
    assert!(matches!(
        PreparedTx::decode(vec![0x80].into()),
        Err(InvalidTx::Decode(_))
    ));
    let good = Key::new(1)
        .tx(0, TxKind::Create, 0, 100_000, Bytes::new())
        .raw;
    assert_eq!(
        PreparedTx::decode(good.clone()).unwrap().sender,
        Key::new(1).address
    );
    let mut long = good.to_vec();
    long.push(0);
    assert!(matches!(
        PreparedTx::decode(long.into()),
        Err(InvalidTx::Decode(_))
    ));
    for end in 0..good.len() {
        assert!(
            PreparedTx::decode(good.slice(..end)).is_err(),
            "cut at {end}"
        );
    }
}

#[test]
fn a_post_execution_transaction_is_refused_even_if_someone_decoded_it() {
    use op_alloy_consensus::OpTxEnvelope;
    let good = Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let raw = Bytes::from_static(&[0x7d, 0xc0]);
    let mut block = open_with_fees(&world());
    let tx = PreparedTx::with_sender(raw, good.tx.clone(), good.sender);
    assert_eq!(invalid(block.tx(&tx)), InvalidTx::TypeNotSupported(0x7d));
    assert!(!matches!(good.tx, OpTxEnvelope::PostExec(_)));
    assert!(block.tx(&good).unwrap().success);
}

#[test]
fn a_contract_that_is_created_and_destroyed_in_one_transaction_leaves_nothing() {
    let state = world();
    let mut block = open_with_fees(&state);
    let tx = Key::new(1).tx(0, TxKind::Call(FACTORY), 9, 300_000, Bytes::new());
    let outcome = block.tx(&tx).unwrap();
    assert!(outcome.success);
    let child = FACTORY.create(1);
    assert!(!outcome.diff.accounts.contains_key(&child));
    // It gave its value back; the factory's nonce stays.
    let factory = outcome.diff.accounts[&FACTORY].info.unwrap();
    assert_eq!((factory.nonce, factory.balance), (2, U256::from(9)));
    assert!(!block.end().unwrap().diff.accounts.contains_key(&child));
}

#[test]
fn an_empty_account_that_is_touched_is_not_in_the_diff() {
    let mut block = open_with_fees(&world());
    let nobody = Address::repeat_byte(0x99);
    let tx = Key::new(1).tx(0, TxKind::Call(nobody), 0, 21_000, Bytes::new());
    assert!(!block.tx(&tx).unwrap().diff.accounts.contains_key(&nobody));
}

#[test]
fn a_value_written_and_written_back_is_in_no_diff_of_the_block() {
    let mut block = open_with_fees(&world());
    let (key, slot) = (Key::new(1), U256::from(2));
    let write = |nonce, value: u64| {
        key.tx(
            nonce,
            TxKind::Call(STORER),
            0,
            100_000,
            words(&[slot, U256::from(value)]),
        )
    };
    let there = block.tx(&write(0, 99)).unwrap().diff;
    assert_eq!(there.accounts[&STORER].storage.len(), 1);
    let back = block.tx(&write(1, 3)).unwrap().diff;
    assert_eq!(
        back.accounts[&STORER].storage[&B256::from(slot)],
        U256::from(3)
    );
    let same = block.tx(&write(2, 3)).unwrap().diff;
    assert!(!same.accounts.contains_key(&STORER));
    assert!(!block.end().unwrap().diff.accounts.contains_key(&STORER));
}

#[test]
fn a_delegation_is_set_used_and_cleared() {
    let state = world();
    let (key, other) = (Key::new(4), Key::new(5));
    let mut block = open_with_fees(&state);
    // A stranger carries the authorization; the call to the authority runs the delegate's code.
    let outcome = block.tx(&key.delegate(0, &other, 0, LOGGER)).unwrap();
    assert!(outcome.success && outcome.logs.len() == 1);
    assert_eq!(outcome.logs[0].address, other.address);
    let code = outcome.diff.accounts[&other.address]
        .new_code
        .clone()
        .unwrap();
    assert_eq!(code[..3], [0xef, 0x01, 0x00]);
    assert_eq!(outcome.diff.accounts[&other.address].info.unwrap().nonce, 1);
    let cleared = block
        .tx(&key.delegate(1, &other, 1, Address::ZERO))
        .unwrap();
    let change = &cleared.diff.accounts[&other.address];
    assert_eq!(change.new_code, None);
    assert_eq!(
        change.info.unwrap().code_hash,
        alloy_primitives::KECCAK256_EMPTY
    );
    let block_diff = block.end().unwrap().diff;
    let change = &block_diff.accounts[&other.address];
    assert_eq!(
        (change.new_code.clone(), change.info.unwrap().nonce),
        (None, 2)
    );
}

#[test]
fn block_hashes_come_from_the_parent_and_the_source() {
    let mut state = world();
    let asker = Address::repeat_byte(0x61);
    state.insert(
        asker,
        1,
        U256::ZERO,
        asm("PUSH0 CALLDATALOAD BLOCKHASH PUSH0 SSTORE STOP"),
        [],
    );
    state.hashes.insert(40, B256::repeat_byte(0x40));
    let mut block = open_with_fees(&state);
    let mut ask = |nonce, number: u64| {
        let data = words(&[U256::from(number)]);
        block
            .tx(&Key::new(1).tx(nonce, TxKind::Call(asker), 0, 100_000, data))
            .unwrap();
        block.state_mut().slot(asker, U256::ZERO).unwrap()
    };
    assert_eq!(ask(0, 41), U256::from_be_bytes(PARENT_HASH.0));
    assert_eq!(ask(1, 40), U256::from_be_bytes([0x40; 32]));
    assert_eq!(ask(2, 42), U256::ZERO);
}

#[test]
fn an_execution_that_is_given_up_leaves_no_trace() {
    let state = world();
    let parent = parent();
    let attributes = attributes(&parent, Vec::new());
    let polls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&polls);
    // Fires at the third look of the looping transaction.
    let cancel = move || seen.fetch_add(1, Ordering::Relaxed) >= 2;
    let options = BlockOptions {
        cancel: Some(Arc::new(cancel)),
        ..BlockOptions::default()
    };
    let spec = spec(parent.clone());
    let mut block = OpenBlock::begin_with(
        &spec,
        &parent,
        PARENT_HASH,
        &attributes,
        state.clone(),
        options,
    )
    .unwrap();
    block.tx(&l1_attributes(&l1_info(9))).unwrap();
    let key = Key::new(1);
    let endless = key.tx(0, TxKind::Call(LOOPER), 0, 20_000_000, Bytes::new());
    assert_eq!(block.tx_cancellable(&endless), Err(TxError::Cancelled));
    assert!(polls.load(Ordering::Relaxed) >= 3);
    // The flag stays up and does not touch what is not cancellable.
    let good = key.tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let outcome = block.tx(&good).unwrap();
    let mut clean = open_with_fees(&state);
    assert_eq!(clean.tx(&good).unwrap(), outcome);
    assert_eq!(clean.end().unwrap(), block.end().unwrap());
}

#[test]
fn a_flag_that_does_not_fire_changes_nothing() {
    let state = world();
    let parent = parent();
    let attributes = attributes(&parent, Vec::new());
    let cancel: Arc<AtomicBool> = Arc::default();
    let options = BlockOptions {
        cancel: Some(cancel),
        ..BlockOptions::default()
    };
    let mut watched = OpenBlock::begin_with(
        &spec(parent.clone()),
        &parent,
        PARENT_HASH,
        &attributes,
        state.clone(),
        options,
    )
    .unwrap();
    let mut plain = open(&state);
    let key = Key::new(1);
    for tx in [
        l1_attributes(&l1_info(9)),
        key.tx(0, TxKind::Call(LOOPER), 0, 1_000_000, Bytes::new()),
        key.tx(1, TxKind::Call(REVERTER), 0, 1_000_000, Bytes::new()),
        key.tx(2, TxKind::Call(FACTORY), 0, 1_000_000, Bytes::new()),
    ] {
        assert_eq!(watched.tx_cancellable(&tx).unwrap(), plain.tx(&tx).unwrap());
    }
    assert_eq!(watched.end().unwrap(), plain.end().unwrap());
}

/// A source that breaks after a number of answers.
struct Breaking {
    inner: MapState,
    answers: u32,
}

impl Breaking {
    fn tick(&mut self) -> Result<(), SourceError> {
        self.answers = self
            .answers
            .checked_sub(1)
            .ok_or(SourceError("disk on fire".into()))?;
        Ok(())
    }
}

impl StateSource for Breaking {
    fn account(
        &mut self,
        address: Address,
    ) -> Result<Option<foggara_primitives::AccountInfo>, SourceError> {
        self.tick()?;
        self.inner.account(address)
    }
    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        self.tick()?;
        self.inner.storage(address, slot)
    }
    fn code(&mut self, hash: B256) -> Result<Bytes, SourceError> {
        self.tick()?;
        self.inner.code(hash)
    }
    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        self.tick()?;
        self.inner.block_hash(number)
    }
}

#[test]
fn a_broken_source_is_fatal_wherever_it_breaks() {
    let parent = parent();
    let attributes = attributes(&parent, Vec::new());
    let spec = spec(parent.clone());
    let key = Key::new(1);
    let txs = [
        l1_attributes(&l1_info(9)),
        key.tx(
            0,
            TxKind::Call(STORER),
            0,
            100_000,
            words(&[U256::from(1), U256::from(9)]),
        ),
        deposit(
            1,
            Address::repeat_byte(5),
            TxKind::Call(INSPECTOR),
            1,
            0,
            100_000,
            Bytes::new(),
        ),
    ];
    let attempt = |answers| -> Result<(), String> {
        let source = Breaking {
            inner: world(),
            answers,
        };
        let begun = OpenBlock::begin(&spec, &parent, PARENT_HASH, &attributes, source);
        let mut block = begun.map_err(|error| error.to_string())?;
        for tx in &txs {
            match block.tx(tx) {
                Ok(_) => {}
                Err(TxError::Fatal(error)) => return Err(error.to_string()),
                Err(other) => panic!("after {answers} answers: {other:?}"),
            }
        }
        block.end().map(|_| ()).map_err(|error| error.to_string())
    };
    let mut answers = 0;
    while let Err(error) = attempt(answers) {
        assert!(
            error.contains("disk on fire"),
            "after {answers} answers: {error}"
        );
        answers += 1;
    }
    assert!(answers > 15, "the whole block took {answers} answers");
}

#[test]
fn folded_diffs_are_the_diff_of_the_block() {
    let state = world();
    let mut block = open(&state);
    let mut fold = StateDiff::default();
    let mut naive = state.clone();
    fold.merge(block.begin_diff());
    naive.apply(block.begin_diff());
    let (key, other) = (Key::new(1), Key::new(2));
    let slot = |n: u64, v: u64| words(&[U256::from(n), U256::from(v)]);
    for tx in [
        l1_attributes(&l1_info(9)),
        key.tx(0, TxKind::Call(STORER), 0, 100_000, slot(1, 0)),
        key.tx(1, TxKind::Call(STORER), 0, 100_000, slot(1, 2)),
        key.tx(2, TxKind::Call(FACTORY), 5, 300_000, Bytes::new()),
        other.delegate(0, &key, 3, LOGGER),
        other.delegate(1, &key, 4, Address::ZERO),
        key.tx(5, TxKind::Create, 1, 500_000, deployer(&asm("STOP"))),
    ] {
        let outcome = block.tx(&tx).unwrap();
        assert!(outcome.success, "nonce {}", tx.tx.nonce());
        fold.merge(&outcome.diff);
        naive.apply(&outcome.diff);
    }
    let diff = block.end().unwrap().diff;
    normalise(&mut fold, &mut state.clone()).unwrap();
    assert_eq!(fold, diff);
    let mut at_once = state;
    at_once.apply(&diff);
    assert_eq!(at_once.accounts, naive.accounts);
}
