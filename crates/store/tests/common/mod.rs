//! A small chain of random changes, and a naive model of its state beside it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::cast_possible_truncation,
    reason = "each test file uses a part of it"
)]

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use foggara_primitives::{
    AccountChange, AccountInfo, BlockId, Cursor, L2Ref, StateDiff, addresses::MESSAGE_PASSER,
};
use foggara_store::{Commit, ExecutedBlock, Options, Store, Table, TxTrace};
use foggara_trie::{EMPTY_ROOT_HASH, MapNodes, NodeSource, TrieOutcome, apply};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

pub type Slots = BTreeMap<B256, U256>;

/// The whole state in plain maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub accounts: BTreeMap<Address, (AccountInfo, Slots)>,
}

impl Model {
    pub fn apply(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            let Some(info) = change.info else {
                self.accounts.remove(address);
                continue;
            };
            let entry = self.accounts.entry(*address).or_default();
            entry.0 = info;
            if change.storage_wiped {
                entry.1.clear();
            }
            entry.1.extend(change.storage.iter().map(|(k, v)| (*k, *v)));
            entry.1.retain(|_, value| !value.is_zero());
        }
    }

    /// The tries built from nothing.
    pub fn tries(&self) -> (B256, MapNodes) {
        let accounts = self
            .accounts
            .iter()
            .map(|(address, (info, storage))| {
                let change = AccountChange {
                    info: Some(*info),
                    storage: storage.clone(),
                    ..AccountChange::default()
                };
                (*address, change)
            })
            .collect();
        let mut nodes = MapNodes::default();
        let outcome = apply(&mut nodes, EMPTY_ROOT_HASH, &StateDiff { accounts }).unwrap();
        nodes.apply(&outcome.updates);
        (outcome.root, nodes)
    }

    pub fn root(&self) -> B256 {
        self.tries().0
    }
}

pub fn address(n: u8) -> Address {
    if n == 0 {
        MESSAGE_PASSER
    } else {
        Address::repeat_byte(n)
    }
}

pub fn slot(n: u8) -> B256 {
    B256::with_last_byte(n)
}

pub const ADDRESSES: u8 = 12;
pub const SLOTS: u8 = 8;

/// A random diff of a state: new accounts, changed ones, deleted ones, wiped storages, code.
pub fn random_diff(rng: &mut StdRng, model: &Model) -> StateDiff {
    let mut diff = StateDiff::default();
    for _ in 0..rng.random_range(0..6) {
        let address = address(rng.random_range(0..ADDRESSES));
        let old = model.accounts.get(&address);
        let mut change = AccountChange::default();
        if old.is_some() && rng.random_ratio(1, 6) {
            change.storage_wiped = rng.random();
            diff.accounts.insert(address, change);
            continue;
        }
        let mut info = old.map(|(info, _)| *info).unwrap_or_default();
        if old.is_none() || rng.random_ratio(3, 4) {
            info.nonce += 1;
            info.balance = U256::from(rng.random::<u128>() >> rng.random_range(0..128));
        }
        if info.code_hash == KECCAK256_EMPTY && rng.random_ratio(1, 3) {
            let code = Bytes::from(vec![rng.random::<u8>(); rng.random_range(1..60)]);
            info.code_hash = keccak256(&code);
            change.new_code = Some(code);
        }
        change.info = Some(info);
        change.storage_wiped = old.is_some() && rng.random_ratio(1, 8);
        for _ in 0..rng.random_range(0..5) {
            let value = if rng.random_ratio(1, 3) {
                0
            } else {
                rng.random::<u64>()
            };
            change
                .storage
                .insert(slot(rng.random_range(0..SLOTS)), U256::from(value));
        }
        diff.accounts.insert(address, change);
    }
    diff
}

/// A block with this diff on top of `parent`.
pub fn seal(
    nodes: &mut impl NodeSource,
    parent: Option<&ExecutedBlock>,
    diff: StateDiff,
    txs: usize,
    salt: u64,
) -> ExecutedBlock {
    let number = parent.map_or(0, |p| p.header.number + 1);
    let parent_root = parent.map_or(EMPTY_ROOT_HASH, |p| p.header.state_root);
    let TrieOutcome {
        root,
        updates,
        storage_roots,
    } = apply(nodes, parent_root, &diff).unwrap();
    let passer = storage_roots.get(&MESSAGE_PASSER).copied();
    let before = parent
        .and_then(|p| p.header.withdrawals_root)
        .unwrap_or(EMPTY_ROOT_HASH);
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |p| p.hash),
        state_root: root,
        timestamp: 1_000 + number,
        extra_data: salt.to_be_bytes().to_vec().into(),
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(passer.unwrap_or(before)),
        ..Header::default()
    };
    let hash = header.hash_slow();
    let bytes = |kind: u8, i: usize| {
        let mut raw = vec![kind; 90 + i % 40];
        raw[1..9].copy_from_slice(&number.to_be_bytes());
        raw[9..17].copy_from_slice(&(i as u64).to_be_bytes());
        raw[17..25].copy_from_slice(&salt.to_be_bytes());
        Bytes::from(raw)
    };
    ExecutedBlock {
        l2: Some(L2Ref {
            hash,
            number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            l1_origin: BlockId {
                hash: B256::repeat_byte(0xee),
                number: 100 + number / 4,
            },
            sequence_number: number % 4,
        }),
        transactions: (0..txs).map(|i| bytes(2, i)).collect(),
        senders: (0..txs).map(|i| address(i as u8 % 7 + 1)).collect(),
        receipts: (0..txs).map(|i| bytes(0x52, i)).collect(),
        tensors: Vec::new(),
        trace: (0..txs)
            .map(|i| TxTrace {
                diff_acc: keccak256([i as u8, 1]),
                receipt_acc: keccak256([i as u8, 2]),
                cumulative_gas: i as u64,
            })
            .collect(),
        header,
        hash,
        diff,
        trie: updates,
    }
}

/// Random blocks from genesis on, with the state after each.
#[derive(Debug, Clone)]
pub struct Chain {
    pub blocks: Vec<Arc<ExecutedBlock>>,
    pub models: Vec<Model>,
    pub nodes: Vec<MapNodes>,
}

impl Chain {
    pub fn genesis(rng: &mut StdRng) -> Self {
        let mut diff = StateDiff::default();
        for n in 0..4 {
            let mut change = AccountChange {
                info: Some(AccountInfo {
                    nonce: 1,
                    balance: U256::from(rng.random::<u64>()),
                    ..AccountInfo::default()
                }),
                ..AccountChange::default()
            };
            change.storage.insert(slot(n), U256::from(n + 1));
            diff.accounts.insert(address(n), change);
        }
        let mut nodes = MapNodes::default();
        let block = seal(&mut nodes, None, diff, 0, 0);
        let mut model = Model::default();
        model.apply(&block.diff);
        nodes.apply(&block.trie);
        Self {
            blocks: vec![Arc::new(block)],
            models: vec![model],
            nodes: vec![nodes],
        }
    }

    /// A genesis and `count` random blocks.
    pub fn random(seed: u64, count: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut chain = Self::genesis(&mut rng);
        for _ in 0..count {
            chain.grow(&mut rng);
        }
        chain
    }

    pub fn grow(&mut self, rng: &mut StdRng) {
        let mut model = self.models.last().unwrap().clone();
        let mut nodes = self.nodes.last().unwrap().clone();
        let diff = random_diff(rng, &model);
        let txs = rng.random_range(0..5);
        let block = seal(&mut nodes, Some(self.tip()), diff, txs, rng.random());
        model.apply(&block.diff);
        nodes.apply(&block.trie);
        self.blocks.push(Arc::new(block));
        self.models.push(model);
        self.nodes.push(nodes);
    }

    /// The same chain up to block `n`.
    pub fn cut(&self, n: usize) -> Self {
        Self {
            blocks: self.blocks[..=n].to_vec(),
            models: self.models[..=n].to_vec(),
            nodes: self.nodes[..=n].to_vec(),
        }
    }

    pub fn tip(&self) -> &Arc<ExecutedBlock> {
        self.blocks.last().unwrap()
    }

    pub fn id(&self, n: usize) -> BlockId {
        BlockId {
            hash: self.blocks[n].hash,
            number: n as u64,
        }
    }

    /// Writes genesis and every block to a store.
    pub fn write(&self, store: &Store) {
        init(store, &self.blocks[0]);
        for block in &self.blocks[1..] {
            store.commit(Commit::block(Arc::clone(block))).unwrap();
        }
    }
}

pub const SPEC: B256 = B256::repeat_byte(0x5c);

pub fn init(store: &Store, genesis: &ExecutedBlock) {
    store.init(genesis, SPEC, Cursor::default()).unwrap();
}

/// A cursor that is told from others by its number.
pub fn cursor(n: u64) -> Cursor {
    Cursor {
        l1_number: n,
        l1_hash: B256::repeat_byte(9),
        ..Cursor::default()
    }
}

pub fn archive() -> Options {
    Options {
        history_window: None,
        ..Options::default()
    }
}

/// A store of each engine.
pub fn stores(options: &Options) -> Vec<(Store, Option<tempfile::TempDir>)> {
    let dir = tempfile::tempdir().unwrap();
    let durable = Store::open(dir.path(), options.clone()).unwrap().0;
    vec![
        (Store::in_memory_with(options.clone()), None),
        (durable, Some(dir)),
    ]
}

pub type Dump = BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Every row of every table, but what is kept for ever by design or tells how often was unwound.
pub fn dump(store: &Store) -> Dump {
    let skipped = [Table::Bytecodes, Table::FgPasserNodes];
    let mut out = Dump::new();
    for table in Table::ALL.iter().filter(|table| !skipped.contains(table)) {
        let rows = out.entry(*table).or_default();
        store
            .walk_table(*table, &[], |key, value| {
                let value = match table {
                    // Without the generation.
                    Table::FgHeads => &value[..128],
                    _ => value,
                };
                rows.insert(key.to_vec(), value.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    // A memory store has no schema row: it is never opened again.
    out.entry(Table::Metadata)
        .or_default()
        .retain(|key, _| !key.starts_with(b"store.schema") && !key.starts_with(b"store.release"));
    out
}

/// Asserts that two stores hold the same, and says where they differ.
pub fn assert_same(a: &Store, b: &Store, when: &str) {
    let (a, b) = (dump(a), dump(b));
    for (table, rows) in &a {
        let other = &b[table];
        let keys = rows.keys().chain(other.keys());
        for key in keys {
            let show = |row: Option<&Vec<u8>>| row.map(hex::encode);
            let (left, right) = (show(rows.get(key)), show(other.get(key)));
            assert_eq!(
                left,
                right,
                "{table} differs {when} at {}",
                hex::encode(key)
            );
        }
    }
}
