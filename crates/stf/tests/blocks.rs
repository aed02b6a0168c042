//! Blocks from genesis on: sealing, folding, replacing, replaying, over a source in memory.

#![allow(clippy::result_large_err)]

#[path = "../../evm/tests/common/mod.rs"]
mod common;

use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::{Address, B64, B256, Bytes, TxKind, U256, hex, keccak256};
use common::*;
use foggara_primitives::{
    ChainSpec, L1Info, PayloadAttributes, SourceError, StateDiff, StateSource,
    addresses::{AI_MATMUL, MESSAGE_PASSER},
    constants::EMPTY_REQUESTS_HASH,
    output_root_v0,
};
use foggara_stf::{
    ExecError, Executed, ExecutedBlock, GenesisAccount, GenesisAlloc, InvalidTx, MemorySource,
    NodeSource, PreparedTx, TxError, attributes_of, begin, execute_block, genesis_block,
    object_ref, replay_block, replay_prepared, trace_root,
};
use foggara_trie::{Nibbles, ordered_root, storage_root};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

struct Chain {
    spec: Arc<ChainSpec>,
    source: MemorySource,
    tip: ExecutedBlock,
}

fn genesis_alloc() -> GenesisAlloc {
    alloc()
        .into_iter()
        .map(|(address, nonce, balance, code, storage)| {
            let storage = storage.into_iter().collect();
            (
                address,
                GenesisAccount {
                    balance: U256::from(balance),
                    nonce,
                    code,
                    storage,
                },
            )
        })
        .collect()
}

impl Chain {
    fn new() -> Self {
        let genesis = genesis_block(&rollup(), &genesis_alloc()).unwrap();
        let spec = spec(genesis.header.clone());
        Self {
            spec,
            source: MemorySource::new(&genesis),
            tip: genesis,
        }
    }

    /// Attributes of the next block: L1 attributes first, then these.
    fn attributes(&self, txs: &[PreparedTx]) -> PayloadAttributes {
        let mut raws = vec![l1_attributes(&l1_info(self.tip.header.number + 1)).raw];
        raws.extend(txs.iter().map(|tx| tx.raw.clone()));
        attributes(&self.tip.header, raws)
    }

    fn execute(&mut self, attributes: &PayloadAttributes) -> Result<Executed, ExecError> {
        let tip = &self.tip;
        execute_block(
            &self.spec,
            &tip.header,
            tip.hash,
            attributes,
            &mut self.source,
        )
    }

    fn extend(&mut self, block: ExecutedBlock) {
        self.source.apply(&block);
        self.tip = block;
    }
}

#[test]
fn genesis_is_what_the_specification_says() {
    let genesis = Chain::new().tip;
    let header = &genesis.header;
    assert_eq!(genesis.hash, header.hash_slow());
    assert_eq!(
        (header.number, header.timestamp, header.gas_limit),
        (0, 1_000, GAS_LIMIT)
    );
    assert_eq!(header.base_fee_per_gas, Some(1_000_000_000));
    assert_eq!(header.extra_data.as_ref(), hex!("00000000fa00000006"));
    assert_eq!(header.requests_hash, Some(EMPTY_REQUESTS_HASH));
    assert_eq!(header.withdrawals_root, Some(EMPTY_ROOT_HASH));
    assert_eq!(
        (header.blob_gas_used, header.excess_blob_gas),
        (Some(0), Some(0))
    );
    assert_eq!(header.transactions_root, EMPTY_ROOT_HASH);
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    // The same allocation always gives the same root; one wei more gives another.
    assert_eq!(genesis_block(&rollup(), &genesis_alloc()).unwrap(), genesis);
    let mut richer = genesis_alloc();
    richer.get_mut(&Key::new(1).address).unwrap().balance += U256::from(1);
    assert_ne!(
        genesis_block(&rollup(), &richer).unwrap().header.state_root,
        header.state_root
    );
}

#[test]
fn genesis_refuses_storage_without_an_account() {
    let mut alloc = genesis_alloc();
    let storage = BTreeMap::from([(B256::ZERO, U256::from(1))]);
    let lost = GenesisAccount {
        balance: U256::from(1),
        storage,
        ..GenesisAccount::default()
    };
    alloc.insert(Address::repeat_byte(1), lost);
    assert!(matches!(
        genesis_block(&rollup(), &alloc),
        Err(ExecError::Source(_))
    ));
}

#[test]
fn a_block_is_sealed_as_the_specification_says() {
    let mut chain = Chain::new();
    let slot = words(&[U256::from(5), U256::from(1)]);
    let txs = [
        Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, vec![1].into()),
        Key::new(2).tx(0, TxKind::Call(MESSAGE_PASSER), 0, 100_000, slot),
    ];
    let attributes = chain.attributes(&txs);
    let Executed::Full(block) = chain.execute(&attributes).unwrap() else {
        panic!("full")
    };
    let header = &block.header;
    assert_eq!(block.hash, header.hash_slow());
    assert_eq!(header.parent_hash, chain.tip.hash);
    assert_eq!((header.number, header.timestamp), (1, 1_002));
    assert_eq!(header.gas_limit, GAS_LIMIT);
    assert_eq!(header.mix_hash, attributes.prev_randao);
    assert_eq!(header.beneficiary, attributes.fee_recipient);
    assert_eq!(
        header.parent_beacon_block_root,
        Some(attributes.parent_beacon_block_root)
    );
    assert_eq!(
        header.transactions_root,
        ordered_root(&attributes.transactions)
    );
    assert_eq!(header.receipts_root, ordered_root(&block.receipts));
    assert_eq!(header.requests_hash, Some(EMPTY_REQUESTS_HASH));
    assert_eq!(header.extra_data.as_ref(), hex!("00000000fa00000006"));
    // An empty parent: the base fee falls by a 250th.
    assert_eq!(header.base_fee_per_gas, Some(1_000_000_000 - 4_000_000));
    assert_eq!(block.senders[1], Key::new(1).address);
    assert!(!header.logs_bloom.is_zero());
    let l2 = block.l2.unwrap();
    assert_eq!(
        (l2.number, l2.l1_origin.number, l2.sequence_number),
        (1, 1, 0)
    );
    assert_eq!(l2.l1_origin.hash, l1_info(1).block_hash);
    // The message passer's root is that of the new state.
    let root = header.state_root;
    chain.extend(block.clone());
    let passer = storage_root(&mut chain.source, root, MESSAGE_PASSER).unwrap();
    assert_eq!(header.withdrawals_root, Some(passer));
    assert_ne!(passer, EMPTY_ROOT_HASH);
    assert_eq!(
        block.output_root(),
        Some(output_root_v0(root, passer, block.hash))
    );
    // A block that does not touch it keeps the root.
    let attributes = chain.attributes(&[]);
    let next = chain.execute(&attributes).unwrap().into_block();
    assert_eq!(next.header.withdrawals_root, Some(passer));
}

#[test]
fn zero_parameters_in_the_attributes_are_the_canyon_values() {
    let mut chain = Chain::new();
    let mut attributes = chain.attributes(&[]);
    attributes.eip1559_params = B64::ZERO;
    let block = chain.execute(&attributes).unwrap().into_block();
    assert_eq!(block.header.extra_data.as_ref(), hex!("00000000fa00000006"));
    attributes.eip1559_params = B64::from(77u64 << 32 | 3);
    let block = chain.execute(&attributes).unwrap().into_block();
    assert_eq!(block.header.extra_data.as_ref(), hex!("000000004d00000003"));
}

#[test]
fn an_invalid_transaction_makes_a_block_of_deposits_only() {
    let key = Key::new(1);
    let good = key.tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let from = Address::repeat_byte(0x51);
    let user = deposit(
        1,
        from,
        TxKind::Call(LOGGER),
        ETHER,
        0,
        100_000,
        Bytes::new(),
    );
    let gap = key.tx(7, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let huge = key.tx(1, TxKind::Call(LOGGER), 0, GAS_LIMIT, Bytes::new());
    let mut unsigned = good.raw.to_vec();
    let last = unsigned.len() - 40;
    unsigned[last..].fill(0xff);
    for (name, bad) in [
        ("nonce gap", gap.raw),
        ("beyond the gas left", huge.raw),
        ("blob type", Bytes::from_static(&[0x03, 0xc0])),
        ("post-execution type", Bytes::from_static(&[0x7d, 0xc0])),
        ("unknown type", Bytes::from_static(&[0x55])),
        ("no bytes", Bytes::new()),
        ("no signature", unsigned.into()),
        ("cut short", good.raw.slice(..20)),
    ] {
        let mut chain = Chain::new();
        let mut attributes = chain.attributes(&[user.clone(), good.clone()]);
        attributes.transactions.push(bad);
        let executed = chain.execute(&attributes).unwrap();
        let Executed::DepositsOnly { block, index, .. } = &executed else {
            panic!("{name}")
        };
        assert_eq!(*index, 3, "{name}");
        assert_eq!(block.transactions, attributes.transactions[..2], "{name}");
        let deposits = attributes.deposits_only();
        assert_eq!(
            chain.execute(&deposits).unwrap(),
            Executed::Full(block.clone()),
            "{name}"
        );
        let replay = replay_block(
            &chain.spec,
            &chain.tip.header,
            chain.tip.hash,
            &attributes,
            &mut chain.source,
        );
        assert!(
            matches!(replay, Err(ExecError::Invalid { index: 3, .. })),
            "{name}"
        );
    }
}

fn refused(executed: Result<Executed, ExecError>) -> (usize, InvalidTx) {
    match executed {
        Err(ExecError::Deposit { index, reason }) => (index, reason),
        other => panic!("expected a fatal deposit, got {other:?}"),
    }
}

#[test]
fn a_deposit_that_cannot_be_is_fatal() {
    let mut chain = Chain::new();
    let from = Address::repeat_byte(0x51);
    let huge = deposit(1, from, TxKind::Call(from), 0, 0, GAS_LIMIT, Bytes::new());
    let attributes = chain.attributes(&[huge]);
    assert!(matches!(
        refused(chain.execute(&attributes)),
        (1, InvalidTx::BlockGas { .. })
    ));
    let mut attributes = chain.attributes(&[]);
    attributes
        .transactions
        .push(Bytes::from_static(&[0x7e, 0xff]));
    assert!(matches!(
        refused(chain.execute(&attributes)),
        (1, InvalidTx::Decode(_))
    ));
    let mut attributes = chain.attributes(&[]);
    attributes.timestamp = chain.tip.header.timestamp;
    assert!(matches!(
        chain.execute(&attributes),
        Err(ExecError::Timestamp { .. })
    ));
}

#[test]
fn accumulators_commit_to_every_diff_and_receipt() {
    let mut chain = Chain::new();
    let tx = Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let attributes = chain.attributes(std::slice::from_ref(&tx));
    let tip = chain.tip.clone();
    let mut open = begin(
        &chain.spec,
        &tip.header,
        tip.hash,
        &attributes,
        &mut chain.source,
    )
    .unwrap();
    let mut diff_acc = B256::ZERO;
    let mut receipt_acc = B256::ZERO;
    let extend = |acc: B256, bytes: &[u8]| keccak256([acc.0, object_ref(bytes).0].concat());
    diff_acc = extend(diff_acc, &open.begin_diff().encode());
    let mut expected = Vec::new();
    for tx in [l1_attributes(&l1_info(1)), tx] {
        let outcome = open.tx(&tx).unwrap();
        diff_acc = extend(diff_acc, &outcome.diff.encode());
        receipt_acc = extend(receipt_acc, &outcome.receipt);
        expected.push((diff_acc, receipt_acc, open.gas_used()));
    }
    let block = open.end().unwrap();
    let trace: Vec<_> = block
        .trace
        .iter()
        .map(|t| (t.diff_acc, t.receipt_acc, t.cumulative_gas))
        .collect();
    assert_eq!(trace, expected);
    let mut shorter = block.trace.clone();
    shorter.pop();
    assert_ne!(trace_root(&block.trace), trace_root(&shorter));
}

#[test]
fn a_contract_multiplies_matrices_in_a_block() {
    let mut chain = Chain::new();
    // The first golden vector of PRECOMPILES.md section 13, through a forwarding contract.
    let mut data = hex!("20ad9ba0").to_vec();
    for word in [0u64, 0, 1, 2, 3, 2, 256, 320] {
        data.extend_from_slice(&U256::from(word).to_be_bytes::<32>());
    }
    for operand in [hex!("0001fe030405fa"), hex!("00070809ff0001")] {
        data.extend_from_slice(&U256::from(7).to_be_bytes::<32>());
        data.extend_from_slice(&operand);
        data.resize(data.len() + 25, 0);
    }
    let mut call = AI_MATMUL.into_word().to_vec();
    call.extend_from_slice(&data);
    let tx = Key::new(1).tx(0, TxKind::Call(FORWARDER), 0, 300_000, call.into());
    let attributes = chain.attributes(&[tx]);
    let block = chain.execute(&attributes).unwrap().into_block();
    chain.extend(block);
    // The forwarder stores 1 + success at slot 0.
    let stored = chain.source.storage(FORWARDER, B256::ZERO).unwrap();
    assert_eq!(stored, U256::from(2));
}

/// A source whose n-th answer is an error.
struct Breaking<'a> {
    inner: &'a mut MemorySource,
    answers: u32,
}

impl Breaking<'_> {
    fn tick(&mut self) -> Result<(), SourceError> {
        self.answers = self
            .answers
            .checked_sub(1)
            .ok_or(SourceError("disk on fire".into()))?;
        Ok(())
    }
}

impl StateSource for Breaking<'_> {
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

impl NodeSource for Breaking<'_> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        self.tick()?;
        self.inner.node(owner, path, hash)
    }
}

#[test]
fn a_broken_source_is_never_a_block_of_deposits_only() {
    let mut chain = Chain::new();
    let tx = Key::new(1).tx(
        0,
        TxKind::Call(STORER),
        0,
        100_000,
        words(&[U256::from(1); 2]),
    );
    let attributes = chain.attributes(&[tx]);
    let tip = chain.tip.clone();
    let whole = chain.execute(&attributes).unwrap();
    assert!(whole.is_full());
    let mut answers = 0;
    loop {
        let source = Breaking {
            inner: &mut chain.source,
            answers,
        };
        match execute_block(&chain.spec, &tip.header, tip.hash, &attributes, source) {
            Err(ExecError::Source(error)) => assert_eq!(error.0, "disk on fire"),
            Ok(executed) => {
                assert_eq!(executed, whole);
                break;
            }
            Err(other) => panic!("after {answers} answers: {other}"),
        }
        answers += 1;
    }
    assert!(answers > 20, "the block took {answers} answers");
}

#[derive(Debug, Clone)]
enum Act {
    Call {
        key: u8,
        target: u8,
        value: u32,
        data: [u8; 2],
    },
    Create {
        key: u8,
    },
    Delegate {
        key: u8,
        authority: u8,
    },
    Deposit {
        from: u8,
        target: u8,
        mint: u64,
        value: u64,
    },
    Invalid {
        key: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let key = 1..6u8;
    prop_oneof![
        5 => (key.clone(), 0..7u8, any::<u32>(), any::<[u8; 2]>())
            .prop_map(|(key, target, value, data)| Act::Call { key, target, value, data }),
        1 => key.clone().prop_map(|key| Act::Create { key }),
        1 => (key.clone(), key.clone()).prop_map(|(key, authority)| Act::Delegate { key, authority }),
        1 => (0..3u8, 0..7u8, any::<u64>(), any::<u64>())
            .prop_map(|(from, target, mint, value)| Act::Deposit { from, target, mint, value }),
        1 => key.prop_map(|key| Act::Invalid { key }),
    ]
}

fn transaction(act: &Act, index: u8, nonce: impl Fn(Address) -> u64) -> PreparedTx {
    const TARGETS: [Address; 7] = [
        LOGGER,
        REVERTER,
        LOOPER,
        STORER,
        FACTORY,
        MESSAGE_PASSER,
        FORWARDER,
    ];
    let target = |n: u8| TARGETS[usize::from(n) % TARGETS.len()];
    match *act {
        Act::Call {
            key,
            target: t,
            value,
            data,
        } => {
            let key = Key::new(key);
            let data = match target(t) {
                STORER | MESSAGE_PASSER => {
                    words(&[U256::from(data[0] % 16), U256::from(data[1] % 3)])
                }
                FORWARDER => words(&[U256::from_be_bytes(target(data[0]).into_word().0)]),
                _ => data.to_vec().into(),
            };
            key.tx(
                nonce(key.address),
                TxKind::Call(target(t)),
                value.into(),
                150_000,
                data,
            )
        }
        Act::Create { key } => {
            let key = Key::new(key);
            let code = deployer(&asm("CALLER SELFDESTRUCT"));
            key.tx(nonce(key.address), TxKind::Create, 3, 300_000, code)
        }
        Act::Delegate { key, authority } => {
            let (key, authority) = (Key::new(key), Key::new(authority));
            let own = u64::from(key.address == authority.address);
            let auth = nonce(authority.address) + own;
            key.delegate(nonce(key.address), &authority, auth, LOGGER)
        }
        Act::Deposit {
            from,
            target: t,
            mint,
            value,
        } => {
            let from = Address::repeat_byte(0xd0 + from);
            let to = TxKind::Call(target(t));
            deposit(
                index,
                from,
                to,
                mint.into(),
                value.into(),
                120_000,
                Bytes::new(),
            )
        }
        Act::Invalid { key } => {
            let key = Key::new(key);
            key.tx(
                nonce(key.address) + 1,
                TxKind::Call(LOGGER),
                0,
                100_000,
                Bytes::new(),
            )
        }
    }
}

/// Root of a whole state by the libraries' own hash builder.
fn naive_root(source: &MemorySource) -> B256 {
    alloy_trie::root::state_root_unhashed(source.state.accounts.iter().map(|(address, account)| {
        let storage = account.storage.iter().map(|(slot, value)| (*slot, *value));
        let account = alloy_trie::TrieAccount {
            nonce: account.info.nonce,
            balance: account.info.balance,
            storage_root: alloy_trie::root::storage_root_unhashed(storage),
            code_hash: account.info.code_hash,
        };
        (*address, account)
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What a builder seals, a follower that knows only the bytes seals too, block after block; the
    /// state root is that of the plain state, and refused candidates leave no trace.
    #[test]
    fn a_follower_seals_what_the_builder_sealed(
        blocks in proptest::collection::vec(proptest::collection::vec(act(), 0..8), 1..5),
    ) {
        let mut chain = Chain::new();
        let mut follower = chain.source.clone();
        for acts in blocks {
            let attributes = chain.attributes(&[]);
            let tip = chain.tip.clone();
            let mut open =
                begin(&chain.spec, &tip.header, tip.hash, &attributes, &mut chain.source).unwrap();
            let info: L1Info = l1_info(tip.header.number + 1);
            let mut prepared = vec![l1_attributes(&info)];
            let mut diffs = vec![open.begin_diff().clone()];
            diffs.push(open.tx(&prepared[0]).unwrap().diff);
            for (index, act) in acts.iter().enumerate() {
                let mut nonces = BTreeMap::new();
                for seed in 1..6 {
                    let address = Key::new(seed).address;
                    let account = open.block_mut().state_mut().account(address).unwrap();
                    nonces.insert(address, account.unwrap().nonce);
                }
                let number = tip.header.number;
                let index = u8::try_from(10 * number + index as u64).unwrap();
                let tx = transaction(act, index, |address| nonces[&address]);
                match open.tx(&tx) {
                    Ok(outcome) => {
                        diffs.push(outcome.diff);
                        prepared.push(tx);
                    }
                    Err(TxError::Invalid(_)) => prop_assert!(!tx.is_deposit()),
                    Err(other) => panic!("{other:?}"),
                }
            }
            let block = open.end().unwrap();
            let mut attributes = attributes.clone();
            attributes.transactions.clone_from(&block.transactions);
            let again =
                execute_block(&chain.spec, &tip.header, tip.hash, &attributes, &mut follower);
            prop_assert_eq!(again.unwrap(), Executed::Full(block.clone()));
            let third = replay_prepared(
                &chain.spec, &tip.header, tip.hash, &attributes, &prepared, &mut follower,
            );
            prop_assert_eq!(&third.unwrap(), &block);
            let attributes = attributes_of(&block.header, block.transactions.clone());
            let fourth = replay_block(
                &chain.spec, &tip.header, tip.hash, &attributes, &mut follower,
            );
            prop_assert_eq!(&fourth.unwrap(), &block);
            let mut fold = StateDiff::default();
            for diff in &diffs {
                fold.merge(diff);
            }
            foggara_evm::normalise(&mut fold, &mut follower).unwrap();
            prop_assert_eq!(&fold, &block.diff);
            follower.apply(&block);
            chain.extend(block);
            prop_assert_eq!(&chain.source, &follower);
            prop_assert_eq!(naive_root(&follower), chain.tip.header.state_root);
        }
    }
}
