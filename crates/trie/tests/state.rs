//! A state under random diffs, against roots computed from the whole state by another
//! implementation, and against stores that hold exactly the current nodes.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use foggara_primitives::{AccountChange, AccountInfo, SourceError, StateDiff};
use foggara_trie::{
    EMPTY_ROOT_HASH, HashNodes, MapNodes, Nibbles, NodeSource, TrieError, TrieOutcome, TrieUpdates,
    Witness, apply, ordered_root, storage_root,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

/// The state as plain maps: the slow, obvious reference.
#[derive(Debug, Clone, Default)]
struct Plain(BTreeMap<Address, (AccountInfo, BTreeMap<B256, U256>)>);

impl Plain {
    fn apply(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            let Some(info) = change.info else {
                self.0.remove(address);
                continue;
            };
            let account = self.0.entry(*address).or_default();
            account.0 = info;
            if change.storage_wiped {
                account.1.clear();
            }
            for (slot, value) in &change.storage {
                match value.is_zero() {
                    true => account.1.remove(slot),
                    false => account.1.insert(*slot, *value),
                };
            }
        }
    }

    fn storage_root(&self, address: &Address) -> B256 {
        self.0.get(address).map_or(EMPTY_ROOT_HASH, |(_, storage)| {
            storage_root_unhashed(storage.iter().map(|(slot, value)| (*slot, *value)))
        })
    }

    fn root(&self) -> B256 {
        state_root_unhashed(self.0.iter().map(|(address, (info, _))| {
            let AccountInfo {
                nonce,
                balance,
                code_hash,
            } = *info;
            (
                *address,
                TrieAccount::new(nonce, balance, self.storage_root(address), code_hash),
            )
        }))
    }

    /// The diff that makes this state out of nothing.
    fn as_diff(&self) -> StateDiff {
        let change = |(info, storage): &(AccountInfo, BTreeMap<B256, U256>)| AccountChange {
            info: Some(*info),
            storage: storage.clone(),
            ..Default::default()
        };
        StateDiff {
            accounts: self
                .0
                .iter()
                .map(|(a, account)| (*a, change(account)))
                .collect(),
        }
    }
}

fn address(n: u8) -> Address {
    Address::from_slice(&keccak256([n])[..20])
}

fn random_diff(rng: &mut StdRng, accounts: u8, slots: u8) -> StateDiff {
    let mut diff = StateDiff::default();
    for _ in 0..rng.random_range(0..=12) {
        let mut change = AccountChange::default();
        if rng.random_bool(0.8) {
            change.info = Some(AccountInfo {
                nonce: rng.random_range(0..300),
                balance: U256::from(rng.random::<u128>() >> rng.random_range(0..128)),
                code_hash: keccak256([rng.random::<u8>() & 3]),
            });
        }
        change.storage_wiped = rng.random_bool(0.1);
        let size = *[0, 0, 1, 4, 20].get(rng.random_range(0..5)).unwrap();
        for _ in 0..size {
            let value = if rng.random_bool(0.4) {
                0
            } else {
                rng.random::<u64>() >> rng.random_range(0..64)
            };
            let slot = B256::with_last_byte(rng.random_range(0..slots));
            change.storage.insert(slot, U256::from(value));
        }
        diff.accounts
            .insert(address(rng.random_range(0..accounts)), change);
    }
    diff
}

fn check_storage_roots(before: &Plain, after: &Plain, outcome: &TrieOutcome) {
    let mut expected = BTreeMap::new();
    for address in before.0.keys().chain(after.0.keys()) {
        let root = after.storage_root(address);
        if root != before.storage_root(address) {
            expected.insert(*address, root);
        }
    }
    assert_eq!(outcome.storage_roots, expected);
}

/// A chain of diffs: after each the root is the reference's, the store holds the nodes of a state
/// built at once, and a guest with nothing but the recorded nodes comes to the same outcome.
fn run_chain(seed: u64) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let (accounts, slots) = (rng.random_range(1..=40), rng.random_range(1..=60));
    let (mut plain, mut nodes, mut root) = (Plain::default(), MapNodes::default(), EMPTY_ROOT_HASH);
    let (mut merged, mut start) = (TrieUpdates::default(), MapNodes::default());
    for step in 0..rng.random_range(1..10) {
        let diff = random_diff(rng, accounts, slots);
        let before = plain.clone();
        plain.apply(&diff);

        let mut witness = Witness::new(&mut nodes);
        let outcome = apply(&mut witness, root, &diff).unwrap();
        let mut guest: HashNodes = witness.into_seen();
        assert_eq!(apply(&mut guest, root, &diff).unwrap(), outcome);
        for hash in guest.0.keys() {
            let mut less = guest.clone();
            less.0.remove(hash);
            assert!(matches!(
                apply(&mut less, root, &diff),
                Err(TrieError::Source(_))
            ));
        }

        assert_eq!(outcome.root, plain.root());
        check_storage_roots(&before, &plain, &outcome);
        nodes.apply(&outcome.updates);
        merged.merge(outcome.updates);
        root = outcome.root;

        let mut fresh = MapNodes::default();
        let at_once = apply(&mut fresh, EMPTY_ROOT_HASH, &plain.as_diff()).unwrap();
        fresh.apply(&at_once.updates);
        assert_eq!((at_once.root, &fresh), (root, &nodes));
        for n in 0..accounts {
            let address = address(n);
            let expected = plain.storage_root(&address);
            assert_eq!(storage_root(&mut nodes, root, address), Ok(expected));
        }
        // Several blocks written as one: from a state in the middle, too.
        let mut sum = start.clone();
        sum.apply(&merged);
        assert_eq!(sum, nodes);
        if step == 3 {
            (merged, start) = (TrieUpdates::default(), nodes.clone());
        }
    }
}

#[test]
fn a_state_under_random_diffs_equals_the_reference() {
    (0..400).for_each(run_chain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_state_under_random_diffs_equals_the_reference_for_any_seed(seed in any::<u64>()) {
        run_chain(seed);
    }
}

#[test]
fn an_account_that_keeps_its_storage_loads_none_of_it() {
    let mut nodes = MapNodes::default();
    let mut change = AccountChange {
        info: Some(AccountInfo::default()),
        ..Default::default()
    };
    change.storage = (0..50)
        .map(|n| (B256::with_last_byte(n), U256::from(1)))
        .collect();
    let diff = StateDiff {
        accounts: BTreeMap::from([(address(1), change)]),
    };
    let first = apply(&mut nodes, EMPTY_ROOT_HASH, &diff).unwrap();
    nodes.apply(&first.updates);

    let info = AccountInfo {
        nonce: 1,
        ..Default::default()
    };
    let change = AccountChange {
        info: Some(info),
        ..Default::default()
    };
    let diff = StateDiff {
        accounts: BTreeMap::from([(address(1), change.clone())]),
    };
    let mut without = MapNodes {
        accounts: nodes.accounts.clone(),
        ..Default::default()
    };
    let second = apply(&mut without, first.root, &diff).unwrap();
    assert!(second.storage_roots.is_empty() && second.updates.storage_nodes.is_empty());
    let root = storage_root(&mut nodes, first.root, address(1)).unwrap();
    without.apply(&second.updates);
    assert_eq!(
        storage_root(&mut without, second.root, address(1)),
        Ok(root)
    );

    // Nor does one whose storage goes: it is enough that it had some.
    for change in [
        AccountChange {
            storage_wiped: true,
            ..change
        },
        AccountChange::default(),
    ] {
        let diff = StateDiff {
            accounts: BTreeMap::from([(address(1), change)]),
        };
        let third = apply(&mut without.clone(), second.root, &diff).unwrap();
        assert_eq!(
            third.storage_roots,
            BTreeMap::from([(address(1), EMPTY_ROOT_HASH)])
        );
        assert!(
            third
                .updates
                .storage_nodes
                .values()
                .all(|s| s.wiped && s.nodes.is_empty())
        );
        assert_eq!(third.updates.storage_nodes.len(), 1);
    }
}

#[test]
fn an_empty_diff_changes_and_loads_nothing() {
    let root = B256::repeat_byte(3);
    let outcome = apply(&mut HashNodes::default(), root, &StateDiff::default()).unwrap();
    assert_eq!(outcome.root, root);
    assert!(outcome.updates.is_empty() && outcome.storage_roots.is_empty());
}

/// A source whose answer to the n-th question is wrong in one bit.
struct Damaged<'a> {
    nodes: &'a mut MapNodes,
    countdown: usize,
    bit: usize,
}

impl NodeSource for Damaged<'_> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        let node = self.nodes.node(owner, path, hash)?;
        self.countdown = self.countdown.wrapping_sub(1);
        if self.countdown != usize::MAX {
            return Ok(node);
        }
        let mut damaged = node.to_vec();
        let at = self.bit / 8 % damaged.len();
        damaged[at] ^= 1 << (self.bit % 8);
        Ok(damaged.into())
    }
}

#[test]
fn a_damaged_store_is_an_error_and_never_a_wrong_root() {
    let rng = &mut StdRng::seed_from_u64(11);
    let (mut plain, mut nodes, mut root) = (Plain::default(), MapNodes::default(), EMPTY_ROOT_HASH);
    for _ in 0..20 {
        let diff = random_diff(rng, 40, 60);
        plain.apply(&diff);
        let outcome = apply(&mut nodes, root, &diff).unwrap();
        nodes.apply(&outcome.updates);
        root = outcome.root;
    }
    let mut refused = 0;
    for _ in 0..2_000 {
        let diff = random_diff(rng, 40, 60);
        let sound = apply(&mut nodes, root, &diff).unwrap();
        let (countdown, bit) = (rng.random_range(0..30), rng.random_range(0..4_256));
        let mut damaged = Damaged {
            nodes: &mut nodes,
            countdown,
            bit,
        };
        match apply(&mut damaged, root, &diff) {
            Err(TrieError::BadNode { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
            Ok(outcome) => {
                assert!(damaged.countdown < 30, "damage went unseen");
                assert_eq!(outcome, sound);
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn ordered_roots_of_known_lists() {
    assert_eq!(ordered_root(&[]), EMPTY_ROOT_HASH);
    // One item of 32 bytes: a leaf with path 8, 0 and flag 2.
    let item = Bytes::from(vec![7; 32]);
    let mut leaf = vec![0xe4, 0x82, 0x20, 0x80, 0xa0];
    leaf.extend_from_slice(&item);
    leaf[0] = 0xc0 + u8::try_from(leaf.len() - 1).unwrap();
    assert_eq!(ordered_root(std::slice::from_ref(&item)), keccak256(&leaf));
    // Order matters, also past the index at which its RLP grows.
    let items: Vec<Bytes> = (0..300u16)
        .map(|n| n.to_be_bytes().repeat(20).into())
        .collect();
    let mut swapped = items.clone();
    swapped.swap(127, 128);
    assert_ne!(ordered_root(&items), ordered_root(&swapped));
}
