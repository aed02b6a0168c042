//! Calls without a block: outcomes, overrides, deadlines, estimates, access lists, tracing.

mod common;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use common::*;
use foggara_evm::{
    BlockContext, InvalidTx, MapState,
    call::{
        AccountOverride, BlockOverride, CallError, CallLimits, CallRequest, CallStatus,
        EstimateError, MaxGas, Simulation, StateOverride, halt_message,
    },
    revm::{
        DatabaseRef, Inspector,
        context_interface::{ContextTr, result::HaltReason},
        interpreter::{Interpreter, interpreter::EthInterpreter},
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

fn simulation(state: MapState) -> Simulation<MapState> {
    let parent = parent();
    let limits = CallLimits {
        gas_cap: 50_000_000,
        cancel: None,
    };
    Simulation::new(
        &spec(parent.clone()),
        BlockContext::of(&parent),
        state,
        limits,
    )
}

fn to(address: Address) -> CallRequest {
    CallRequest {
        from: Key::new(1).address,
        to: TxKind::Call(address),
        ..CallRequest::default()
    }
}

fn word(bytes: &Bytes, index: usize) -> U256 {
    U256::from_be_slice(&bytes[32 * index..32 * index + 32])
}

fn returned(status: &CallStatus) -> &Bytes {
    match status {
        CallStatus::Success(bytes) => bytes,
        other => panic!("expected success, got {other:?}"),
    }
}

#[test]
fn a_call_sees_the_block_of_its_header() {
    let parent = parent();
    let mut state = world();
    state.hashes.insert(40, B256::repeat_byte(0x40));
    let outcome = simulation(state).call(&to(INSPECTOR)).unwrap();
    let out = returned(&outcome.status);
    assert_eq!(
        word(out, 0),
        U256::ZERO,
        "no price, no base fee, as in geth"
    );
    assert_eq!(word(out, 1), U256::from(parent.number));
    assert_eq!(word(out, 2), U256::from(parent.timestamp));
    assert_eq!(word(out, 3), U256::from_be_bytes(parent.mix_hash.0));
    assert_eq!(word(out, 5), U256::from(CHAIN_ID));
    assert_eq!(word(out, 6), U256::from(1));
    assert_eq!(word(out, 7), U256::from_be_bytes([0x40; 32]));
    assert_eq!(word(out, 8), U256::ZERO);
    let priced = CallRequest {
        gas_price: Some(3 * GWEI),
        gas: Some(100_000),
        ..to(INSPECTOR)
    };
    let outcome = simulation(world()).call(&priced).unwrap();
    let out = returned(&outcome.status);
    assert_eq!(word(out, 0), U256::from(1_000_000_000));
    assert_eq!(word(out, 8), U256::from(3 * GWEI));
}

#[test]
fn block_overrides_hold() {
    let mut simulation = simulation(world());
    simulation.override_block(&BlockOverride {
        number: Some(1_000),
        timestamp: Some(5_000),
        fee_recipient: Some(Address::repeat_byte(7)),
        prev_randao: Some(B256::repeat_byte(8)),
        base_fee: Some(77),
        blob_base_fee: Some(9),
        gas_limit: None,
        block_hashes: BTreeMap::from([(999, B256::repeat_byte(9))]),
    });
    let request = CallRequest {
        gas_price: Some(100),
        gas: Some(100_000),
        ..to(INSPECTOR)
    };
    let outcome = simulation.call(&request).unwrap();
    let out = returned(&outcome.status);
    let words: Vec<U256> = (0..8).map(|index| word(out, index)).collect();
    assert_eq!(words[0], U256::from(77));
    assert_eq!(words[1], U256::from(1_000));
    assert_eq!(words[2], U256::from(5_000));
    assert_eq!(words[3], U256::from_be_bytes([8; 32]));
    assert_eq!(
        words[4],
        U256::from_be_bytes(Address::repeat_byte(7).into_word().0)
    );
    assert_eq!(words[6], U256::from(9));
    assert_eq!(words[7], U256::from_be_bytes([9; 32]));
}

#[test]
fn reverts_and_halts_keep_apart() {
    let mut simulation = simulation(world());
    let reverted = simulation.call(&to(REVERTER)).unwrap();
    assert_eq!(
        reverted.status,
        CallStatus::Revert(Bytes::from_static(&[0x08, 0xc3, 0x79, 0xa0]))
    );
    let endless = CallRequest {
        gas: Some(100_000),
        ..to(LOOPER)
    };
    let halted = simulation.call(&endless).unwrap();
    assert!(halted.is_out_of_gas());
    assert_eq!(halted.gas_used, 100_000);
    let CallStatus::Halt(reason) = halted.status else {
        panic!("halts")
    };
    assert_eq!(halt_message(&reason), "out of gas");
    assert!(!halt_message(&HaltReason::InvalidFEOpcode).contains("revert"));
    assert!(halt_message(&HaltReason::InvalidFEOpcode).starts_with("invalid opcode: 0xfe"));
    let logged = simulation
        .call(&CallRequest {
            data: vec![1].into(),
            ..to(LOGGER)
        })
        .unwrap();
    assert_eq!(logged.logs.len(), 1);
    assert_eq!(logged.logs[0].data.data.as_ref(), [1]);
}

#[test]
fn value_is_checked_and_fees_only_when_a_price_is_named() {
    let mut simulation = simulation(world());
    let poor = Address::repeat_byte(0x66);
    let free = CallRequest {
        from: poor,
        ..to(LOGGER)
    };
    assert!(simulation.call(&free).unwrap().is_success());
    let value = CallRequest {
        value: U256::from(1),
        ..free.clone()
    };
    assert_eq!(
        simulation.call(&value),
        Err(CallError::Invalid(InvalidTx::InsufficientFunds {
            have: U256::ZERO,
            want: U256::from(1)
        }))
    );
    let priced = CallRequest {
        gas_price: Some(2 * GWEI),
        gas: Some(100_000),
        ..free.clone()
    };
    let want = U256::from(2 * GWEI * 100_000);
    assert_eq!(
        simulation.call(&priced),
        Err(CallError::Invalid(InvalidTx::InsufficientFunds {
            have: U256::ZERO,
            want
        }))
    );
    let low = CallRequest {
        max_fee_per_gas: Some(5),
        ..to(LOGGER)
    };
    assert_eq!(
        simulation.call(&low),
        Err(CallError::Invalid(InvalidTx::FeeCapBelowBaseFee {
            fee_cap: 5,
            base_fee: 1_000_000_000
        }))
    );
    // Nonce, sender code and gas above the block are not checked.
    let odd = CallRequest {
        from: STORER,
        nonce: Some(99),
        gas: Some(u64::MAX),
        ..to(LOGGER)
    };
    assert!(simulation.call(&odd).unwrap().is_success());
}

#[test]
fn state_overrides_replace_code_balance_and_slots() {
    let slot = |n: u8| B256::with_last_byte(n);
    // Returns slots 1 and 2 and the own balance.
    let reader = asm(
        "PUSH1 0x01 SLOAD PUSH0 MSTORE PUSH1 0x02 SLOAD PUSH1 0x20 MSTORE \
         SELFBALANCE PUSH1 0x40 MSTORE PUSH1 0x60 PUSH0 RETURN",
    );
    let mut overrides = StateOverride::new();
    let account = AccountOverride {
        code: Some(reader),
        balance: Some(U256::from(5)),
        state_diff: Some(BTreeMap::from([(slot(1), slot(0x11))])),
        ..AccountOverride::default()
    };
    overrides.insert(STORER, account.clone());
    let mut partial = simulation(world());
    partial.override_state(&overrides).unwrap();
    let outcome = partial.call(&to(STORER)).unwrap();
    let out = returned(&outcome.status);
    assert_eq!(
        [word(out, 0), word(out, 1), word(out, 2)].map(|w| w.to::<u64>()),
        [0x11, 3, 5]
    );
    let full = AccountOverride {
        state: account.state_diff.clone(),
        state_diff: None,
        ..account.clone()
    };
    overrides.insert(STORER, full);
    let mut whole = simulation(world());
    whole.override_state(&overrides).unwrap();
    let outcome = whole.call(&to(STORER)).unwrap();
    let out = returned(&outcome.status);
    assert_eq!(
        [word(out, 0), word(out, 1), word(out, 2)].map(|w| w.to::<u64>()),
        [0x11, 0, 5]
    );
    let both = AccountOverride {
        state: account.state_diff.clone(),
        ..account
    };
    overrides.insert(STORER, both);
    assert_eq!(
        whole.override_state(&overrides),
        Err(CallError::BothStates(STORER))
    );
}

#[test]
fn committed_calls_are_seen_by_the_next_and_others_are_not() {
    let mut simulation = simulation(world());
    let write = CallRequest {
        data: words(&[U256::from(1), U256::from(77)]),
        ..to(STORER)
    };
    let value = |simulation: &mut Simulation<MapState>| {
        simulation
            .state_mut()
            .slot(STORER, U256::from(1))
            .unwrap()
            .to::<u64>()
    };
    simulation.call(&write).unwrap();
    assert_eq!(value(&mut simulation), 2);
    let (_, diff) = simulation.call_and_commit(&write).unwrap();
    assert_eq!(diff.accounts[&STORER].storage.len(), 1);
    assert_eq!(value(&mut simulation), 77);
}

#[test]
fn a_deadline_stops_an_endless_call() {
    let polls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&polls);
    let cancel = move || seen.fetch_add(1, Ordering::Relaxed) > 10;
    let parent = parent();
    let limits = CallLimits {
        gas_cap: u64::MAX,
        cancel: Some(Arc::new(cancel)),
    };
    let mut simulation = Simulation::new(
        &spec(parent.clone()),
        BlockContext::of(&parent),
        world(),
        limits,
    );
    assert_eq!(simulation.call(&to(LOOPER)), Err(CallError::Cancelled));
    assert!(polls.load(Ordering::Relaxed) < 20);
    // The frame of an outer call stops as well.
    let data = words(&[U256::from_be_bytes(LOOPER.into_word().0)]);
    let nested = CallRequest {
        data,
        ..to(FORWARDER)
    };
    assert_eq!(simulation.call(&nested), Err(CallError::Cancelled));
}

#[test]
fn an_estimate_suffices_and_little_less_does_not() {
    let state = world();
    let mut simulation = simulation(state);
    let forward = words(&[
        U256::from_be_bytes(STORER.into_word().0),
        U256::from(3),
        U256::from(9),
    ]);
    let clear = words(&[U256::from(1), U256::ZERO]);
    let create = CallRequest {
        to: TxKind::Create,
        data: deployer(&[0; 1_000]),
        ..to(LOGGER)
    };
    for (name, request) in [
        (
            "write",
            CallRequest {
                data: words(&[U256::from(9), U256::from(1)]),
                ..to(STORER)
            },
        ),
        (
            "clear, with a refund",
            CallRequest {
                data: clear,
                ..to(STORER)
            },
        ),
        (
            "nested write",
            CallRequest {
                data: forward,
                ..to(FORWARDER)
            },
        ),
        (
            "log",
            CallRequest {
                data: vec![3; 500].into(),
                ..to(LOGGER)
            },
        ),
        (
            "floor",
            CallRequest {
                data: vec![3; 5_000].into(),
                ..to(Address::repeat_byte(3))
            },
        ),
        ("create", create),
    ] {
        let gas = simulation.estimate_gas(&request).unwrap();
        let with = |gas| CallRequest {
            gas: Some(gas),
            ..request.clone()
        };
        assert!(
            simulation.call(&with(gas)).unwrap().is_success(),
            "{name}: {gas}"
        );
        let less = gas - gas * 2 / 100 - 1;
        let short = simulation.call(&with(less));
        assert!(
            !short.is_ok_and(|outcome| outcome.is_success()),
            "{name}: {less} also does"
        );
    }
    let plain = CallRequest {
        value: U256::from(1),
        ..to(Address::repeat_byte(3))
    };
    assert_eq!(simulation.estimate_gas(&plain), Ok(21_000));
}

#[test]
fn estimates_do_not_fail_for_the_l1_fee_and_name_what_is_missing() {
    let mut simulation = simulation(world());
    let poor = Address::repeat_byte(0x66);
    let free = simulation
        .estimate_gas(&CallRequest {
            from: poor,
            ..to(LOGGER)
        })
        .unwrap();
    assert!((22_000..24_000).contains(&free), "{free}");
    let priced = CallRequest {
        from: poor,
        gas_price: Some(2 * GWEI),
        ..to(LOGGER)
    };
    assert_eq!(
        simulation.estimate_gas(&priced),
        Err(EstimateError::Allowance(MaxGas::Allowance(0)))
    );
    let reverting = simulation.estimate_gas(&to(REVERTER));
    assert_eq!(
        reverting,
        Err(EstimateError::Reverted(Bytes::from_static(&[
            0x08, 0xc3, 0x79, 0xa0
        ])))
    );
    let endless = simulation.estimate_gas(&CallRequest {
        gas: Some(1_000_000),
        ..to(LOOPER)
    });
    let error = endless.unwrap_err();
    assert_eq!(error, EstimateError::Allowance(MaxGas::Limit(1_000_000)));
    assert_eq!(
        error.to_string(),
        "gas required exceeds allowance (1000000)"
    );
}

#[test]
fn an_access_list_names_what_the_call_touches() {
    let mut simulation = simulation(world());
    let data = words(&[
        U256::from_be_bytes(STORER.into_word().0),
        U256::from(3),
        U256::from(9),
    ]);
    let request = CallRequest {
        data,
        ..to(FORWARDER)
    };
    let (list, outcome) = simulation.access_list(&request).unwrap();
    assert!(outcome.is_success());
    let found: Vec<_> = list
        .0
        .iter()
        .map(|item| (item.address, item.storage_keys.clone()))
        .collect();
    let slot = |n: u8| B256::with_last_byte(n);
    assert_eq!(
        found,
        [(STORER, vec![slot(3)]), (FORWARDER, vec![slot(0), slot(1)])]
    );
    let with = CallRequest {
        access_list: Some(list),
        ..request
    };
    assert_eq!(simulation.call(&with).unwrap().gas_used, outcome.gas_used);
}

#[derive(Default)]
struct Steps(usize);

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for Steps {
    fn step(&mut self, _: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        self.0 += 1;
    }
}

#[test]
fn an_inspector_sees_every_step_and_changes_nothing() {
    let mut simulation = simulation(world());
    let request = CallRequest {
        gas: Some(30_000),
        ..to(LOOPER)
    };
    let plain = simulation.call(&request).unwrap();
    let (result, steps) = simulation.inspect(&request, Steps::default()).unwrap();
    assert_eq!(foggara_evm::call::outcome(result.result), plain);
    // JUMPDEST 1, PUSH0 2, JUMP 8: nine thousand gas are about 2,450 steps.
    assert!((2_400..2_500).contains(&steps.0), "{}", steps.0);
    // The state before can be read through a shared reference, code included.
    let state = &*simulation.state_mut();
    let info = state.basic_ref(LOOPER).unwrap().unwrap();
    assert_eq!(
        info.code.unwrap().original_bytes(),
        asm("JUMPDEST PUSH0 JUMP")
    );
    assert_eq!(
        state.storage_ref(STORER, U256::from(1)).unwrap(),
        U256::from(2)
    );
}
