//! Laws of a block over random mixes of transactions: value is conserved to the wei, diffs fold to
//! the diff of the block, and an executor of other people's making agrees on everything.

mod common;

use alloy_consensus::transaction::Recovered;
use alloy_eips::{Encodable2718, eip2718::WithEncoded};
use alloy_evm::{EvmFactory, block::BlockExecutor, eth::NextEvmEnvAttributes};
use alloy_op_evm::{
    OpBlockExecutionCtx, OpBlockExecutor, OpEvmFactory, OpTx, block::OpAlloyReceiptBuilder,
    evm_env_for_op_next_block,
};
use alloy_op_hardforks::{ForkCondition, OpChainHardforks, OpHardfork};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use common::*;
use foggara_evm::{
    L1FeeParams, MapState, OpenBlock, PreparedTx, TxError, base_fee_of_next, l1_cost, normalise,
    operator_cost,
    revm::{
        bytecode::Bytecode,
        database::{CacheDB, EmptyDB, State, states::bundle_state::BundleRetention},
        state::AccountInfo,
    },
};
use foggara_primitives::{
    L1Info, StateDiff,
    addresses::{BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT},
};
use op_alloy_consensus::OpTxEnvelope;
use proptest::prelude::*;

const PARENT_HASH: B256 = B256::repeat_byte(0x77);
const TARGETS: [Address; 8] = [
    LOGGER,
    REVERTER,
    LOOPER,
    STORER,
    FACTORY,
    INSPECTOR,
    FORWARDER,
    Address::repeat_byte(0x42),
];

#[derive(Debug, Clone)]
enum Act {
    Call {
        key: u8,
        target: u8,
        value: u64,
        gas: u32,
        data: [u8; 2],
    },
    Create {
        key: u8,
        runtime: u8,
        value: u64,
    },
    Delegate {
        key: u8,
        authority: u8,
        target: u8,
        good_nonce: bool,
    },
    Deposit {
        from: u8,
        target: u8,
        mint: u64,
        value: u64,
        gas: u32,
    },
    DepositCreate {
        from: u8,
        mint: u64,
        gas: u32,
    },
    Odd {
        key: u8,
        kind: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let key = 1..6u8;
    let gas = prop_oneof![Just(21_000u32), Just(60_000), 20_000..400_000u32];
    prop_oneof![
        6 => (key.clone(), 0..8u8, any::<u64>(), gas.clone(), any::<[u8; 2]>())
            .prop_map(|(key, target, value, gas, data)| Act::Call { key, target, value, gas, data }),
        2 => (key.clone(), any::<u8>(), any::<u64>())
            .prop_map(|(key, runtime, value)| Act::Create { key, runtime, value }),
        2 => (key.clone(), key.clone(), 0..8u8, any::<bool>())
            .prop_map(|(key, authority, target, good_nonce)| Act::Delegate { key, authority, target, good_nonce }),
        2 => (0..4u8, 0..8u8, any::<u64>(), any::<u64>(), gas.clone())
            .prop_map(|(from, target, mint, value, gas)| Act::Deposit { from, target, mint, value, gas }),
        1 => (0..4u8, any::<u64>(), gas)
            .prop_map(|(from, mint, gas)| Act::DepositCreate { from, mint, gas }),
        1 => (key, 0..4u8).prop_map(|(key, kind)| Act::Odd { key, kind }),
    ]
}

fn fees() -> impl Strategy<Value = L1Info> {
    (
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(
            |(base_fee, blob, scalar, blob_scalar, operator, constant)| L1Info {
                base_fee: U256::from(base_fee),
                blob_base_fee: U256::from(blob),
                base_fee_scalar: scalar >> 8,
                blob_base_fee_scalar: blob_scalar >> 8,
                operator_fee_scalar: operator >> 4,
                operator_fee_constant: u64::from(constant),
                ..l1_info(9)
            },
        )
}

/// The transaction of an act, given the state in which it is sent.
fn transaction(act: &Act, index: u8, nonce: impl Fn(Address) -> u64) -> PreparedTx {
    let target = |n: u8| TARGETS[usize::from(n) % TARGETS.len()];
    match *act {
        Act::Call {
            key,
            target: t,
            value,
            gas,
            data,
        } => {
            let key = Key::new(key);
            let forwarded = target(data[0]);
            let data = match target(t) {
                STORER => words(&[U256::from(data[0] % 8), U256::from(data[1] % 3)]),
                FORWARDER => words(&[U256::from_be_bytes(forwarded.into_word().0)]),
                _ => data.to_vec().into(),
            };
            key.tx(
                nonce(key.address),
                TxKind::Call(target(t)),
                value.into(),
                gas.into(),
                data,
            )
        }
        Act::Create {
            key,
            runtime,
            value,
        } => {
            let key = Key::new(key);
            let code = match runtime % 4 {
                0 => deployer(&asm("STOP")),
                1 => asm("PUSH0 PUSH0 REVERT"),
                2 => asm("CALLER SELFDESTRUCT"),
                // A runtime that must not begin with 0xef.
                _ => deployer(&[0xef, 0x00]),
            };
            key.tx(
                nonce(key.address),
                TxKind::Create,
                value.into(),
                300_000,
                code,
            )
        }
        Act::Delegate {
            key,
            authority,
            target: t,
            good_nonce,
        } => {
            let (key, authority) = (Key::new(key), Key::new(authority));
            let own = u64::from(key.address == authority.address);
            let auth_nonce = nonce(authority.address) + own + u64::from(!good_nonce);
            let to = if t == 0 { Address::ZERO } else { target(t) };
            key.delegate(nonce(key.address), &authority, auth_nonce, to)
        }
        Act::Deposit {
            from,
            target: t,
            mint,
            value,
            gas,
        } => {
            let from = Address::repeat_byte(0xd0 + from);
            deposit(
                index,
                from,
                TxKind::Call(target(t)),
                mint.into(),
                value.into(),
                gas.into(),
                Bytes::new(),
            )
        }
        Act::DepositCreate { from, mint, gas } => {
            let from = Address::repeat_byte(0xd0 + from);
            deposit(
                index,
                from,
                TxKind::Create,
                mint.into(),
                0,
                gas.into(),
                deployer(&asm("STOP")),
            )
        }
        Act::Odd { key, kind } => {
            let key = Key::new(key);
            let nonce = nonce(key.address);
            match kind {
                0 => key.tx(nonce + 1, TxKind::Call(LOGGER), 0, 100_000, Bytes::new()),
                1 => key.tx(
                    nonce,
                    TxKind::Call(LOGGER),
                    u128::MAX,
                    100_000,
                    Bytes::new(),
                ),
                2 => key.legacy(nonce, LOGGER, None),
                _ => key.type_1(nonce, LOGGER),
            }
        }
    }
}

/// The same block by the libraries' own executor over their own state; the state and receipts.
fn reference(world: &MapState, txs: &[PreparedTx]) -> (MapState, Vec<Bytes>, u64) {
    let mut forks = vec![(OpHardfork::Bedrock, ForkCondition::Block(0))];
    forks.extend(
        [
            OpHardfork::Regolith,
            OpHardfork::Canyon,
            OpHardfork::Ecotone,
            OpHardfork::Fjord,
            OpHardfork::Granite,
            OpHardfork::Holocene,
            OpHardfork::Isthmus,
        ]
        .map(|fork| (fork, ForkCondition::Timestamp(0))),
    );
    forks.extend(
        [OpHardfork::Jovian, OpHardfork::Karst, OpHardfork::Interop]
            .map(|fork| (fork, ForkCondition::Never)),
    );
    let forks = OpChainHardforks::new(forks);
    let mut cache = CacheDB::new(EmptyDB::default());
    for (address, account) in &world.accounts {
        let code = world
            .codes
            .get(&account.info.code_hash)
            .cloned()
            .unwrap_or_default();
        cache.insert_account_info(
            *address,
            AccountInfo::new(
                account.info.balance,
                account.info.nonce,
                account.info.code_hash,
                Bytecode::new_raw(code),
            ),
        );
        for (slot, value) in &account.storage {
            cache
                .insert_account_storage(*address, U256::from_be_bytes(slot.0), *value)
                .unwrap();
        }
    }
    let mut state = State::builder()
        .with_database(cache)
        .with_bundle_update()
        .build();
    let parent = parent();
    let attributes = attributes(&parent, Vec::new());
    let next = NextEvmEnvAttributes {
        timestamp: attributes.timestamp,
        suggested_fee_recipient: attributes.fee_recipient,
        prev_randao: attributes.prev_randao,
        gas_limit: attributes.gas_limit,
        slot_number: None,
    };
    let base_fee = base_fee_of_next(&spec(parent.clone()), &parent);
    let env = evm_env_for_op_next_block(&parent, next, base_fee, &forks, CHAIN_ID);
    let evm = OpEvmFactory::<OpTx>::default().create_evm(&mut state, env);
    let context = OpBlockExecutionCtx {
        parent_hash: PARENT_HASH,
        parent_beacon_block_root: Some(attributes.parent_beacon_block_root),
        extra_data: Bytes::new(),
    };
    let mut executor = OpBlockExecutor::new(evm, context, &forks, OpAlloyReceiptBuilder::default());
    executor.apply_pre_execution_changes().unwrap();
    for tx in txs {
        let recovered = Recovered::new_unchecked(tx.tx.clone(), tx.sender);
        executor
            .execute_transaction(WithEncoded::new(tx.raw.clone(), recovered))
            .unwrap();
    }
    let (_, result) = executor.finish().unwrap();
    let receipts = result
        .receipts
        .iter()
        .map(|r| Bytes::from(r.encoded_2718()))
        .collect();
    state.merge_transitions(BundleRetention::PlainState);
    let bundle = state.take_bundle();
    let mut after = world.clone();
    for (address, account) in bundle.state {
        let Some(info) = account.info.clone() else {
            after.accounts.remove(&address);
            continue;
        };
        let mine = after.accounts.entry(address).or_default();
        mine.info = foggara_primitives::AccountInfo {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        };
        if account.was_destroyed() {
            mine.storage.clear();
        }
        for (slot, value) in account.storage {
            let slot = B256::from(slot);
            if value.present_value.is_zero() {
                mine.storage.remove(&slot);
            } else {
                mine.storage.insert(slot, value.present_value);
            }
        }
    }
    (after, receipts, result.gas_used)
}

fn gain(before: &MapState, after: &MapState, address: Address) -> U256 {
    balance(after, address) - balance(before, address)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn value_is_conserved_and_everyone_agrees(
        info in fees(),
        acts in proptest::collection::vec(act(), 1..20),
    ) {
        let world = world();
        let parent = parent();
        let attributes = attributes(&parent, Vec::new());
        let mut block = OpenBlock::begin(
            &spec(parent.clone()), &parent, PARENT_HASH, &attributes, world.clone(),
        ).unwrap();
        let params = L1FeeParams::from(&info);
        let base_fee = block.context().base_fee;
        let mut now = world.clone();
        now.apply(block.begin_diff());
        let mut fold = block.begin_diff().clone();
        let mut done = vec![l1_attributes(&info)];
        let outcome = block.tx(&done[0]).unwrap();
        now.apply(&outcome.diff);
        fold.merge(&outcome.diff);
        for (index, act) in acts.iter().enumerate() {
            let nonce = |address: Address| now.accounts.get(&address).map_or(0, |a| a.info.nonce);
            let tx = transaction(act, u8::try_from(index).unwrap(), nonce);
            let outcome = match block.tx(&tx) {
                Ok(outcome) => outcome,
                Err(TxError::Invalid(_)) => {
                    prop_assert!(!tx.is_deposit(), "deposits are never invalid: {act:?}");
                    continue;
                }
                Err(other) => panic!("{other:?}"),
            };
            let mut after = now.clone();
            after.apply(&outcome.diff);
            let minted = match &tx.tx {
                OpTxEnvelope::Deposit(deposit) => U256::from(deposit.mint),
                _ => U256::ZERO,
            };
            // Nothing here destroys value: a destroyed contract pays its caller.
            prop_assert_eq!(supply(&after), supply(&now) + minted, "{:?}", act);
            if tx.is_deposit() {
                for vault in [L1_FEE_VAULT, BASE_FEE_VAULT, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT] {
                    prop_assert_eq!(gain(&now, &after, vault), U256::ZERO);
                }
            } else {
                let gas = U256::from(outcome.gas_used);
                prop_assert_eq!(gain(&now, &after, L1_FEE_VAULT), l1_cost(&params, &tx.raw));
                prop_assert_eq!(gain(&now, &after, BASE_FEE_VAULT), gas * U256::from(base_fee));
                prop_assert_eq!(
                    gain(&now, &after, OPERATOR_FEE_VAULT), operator_cost(&params, outcome.gas_used)
                );
            }
            // The diff is canonical: everything in it differs, and nothing else is missing.
            let mut again = outcome.diff.clone();
            normalise(&mut again, &mut now.clone()).unwrap();
            prop_assert_eq!(&again, &outcome.diff);
            prop_assert_eq!(StateDiff::decode(&outcome.diff.encode()).unwrap().accounts.len(), again.accounts.len());
            fold.merge(&outcome.diff);
            now = after;
            done.push(tx);
        }
        let executed = block.end().unwrap();
        normalise(&mut fold, &mut world.clone()).unwrap();
        prop_assert_eq!(&fold, &executed.diff);
        let mut at_once = world.clone();
        at_once.apply(&executed.diff);
        prop_assert_eq!(&at_once.accounts, &now.accounts);
        let (theirs, receipts, gas_used) = reference(&world, &done);
        prop_assert_eq!(&theirs.accounts, &now.accounts);
        prop_assert_eq!(&receipts, &executed.receipts);
        prop_assert_eq!(gas_used, executed.gas_used);
    }
}
