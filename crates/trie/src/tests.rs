//! Tries over raw keys: the shapes that hashed keys reach too rarely, and hostile nodes.

use crate::{
    HashNodes, MapNodes, NodeSource, TrieError,
    arena::Arena,
    node::{Kind, encode_branch, encode_extension, encode_leaf},
    path,
    seal::NodeUpdates,
    trie::{KEY_NIBBLES, Trie},
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Header;
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, proof::verify_proof};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

fn decode(rlp: &Bytes, rest: usize) -> Option<Kind> {
    crate::node::decode(&mut Arena::default(), rlp, rest)
}

type Map = BTreeMap<Nibbles, Bytes>;

fn reference_root(map: &Map) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in map {
        builder.add_leaf(*key, value);
    }
    builder.root()
}

fn store(nodes: &mut MapNodes, updates: &NodeUpdates) {
    for (path, update) in updates {
        match update {
            Some(rlp) => nodes.accounts.insert(*path, rlp.clone()),
            None => nodes.accounts.remove(path),
        };
    }
}

fn built_at_once(map: &Map, key_nibbles: usize) -> MapNodes {
    let mut nodes = MapNodes::default();
    let mut trie = Trie::with_key_nibbles(None, EMPTY_ROOT_HASH, key_nibbles);
    for (key, value) in map {
        trie.insert(&mut nodes, key, value).unwrap();
    }
    store(&mut nodes, &trie.seal().1);
    nodes
}

/// Keys of one length with a common prefix, so that long extensions and inlined nodes occur.
#[derive(Debug, Clone)]
struct Shape {
    prefix: usize,
    tail: usize,
    radix: u8,
    value_bytes: usize,
}

impl Shape {
    fn random(rng: &mut StdRng) -> Self {
        let tail = rng.random_range(1..=8);
        let prefix = match rng.random_range(0..3) {
            0 => 0,
            1 => KEY_NIBBLES - tail,
            _ => rng.random_range(0..=KEY_NIBBLES - tail),
        };
        let (radix, value_bytes) = (rng.random_range(2..=16), rng.random_range(1..=40));
        Self {
            prefix,
            tail,
            radix,
            value_bytes,
        }
    }

    fn key(&self, rng: &mut StdRng) -> Nibbles {
        let mut key: Nibbles = (0u8..16).cycle().step_by(7).take(self.prefix).collect();
        if self.prefix > 0 && rng.random_bool(0.03) {
            key.set_at(rng.random_range(0..self.prefix), rng.random_range(0..16));
        }
        (0..self.tail).for_each(|_| key.push(rng.random_range(0..self.radix)));
        key
    }

    fn value(&self, rng: &mut StdRng) -> Bytes {
        let size = rng.random_range(1..=self.value_bytes);
        (0..size).map(|_| rng.random()).collect::<Vec<u8>>().into()
    }
}

/// Batches of changes against a plain map: same root, same values, and a store by path that holds
/// the nodes of a trie built at once, no more and no fewer.
fn run_batches(seed: u64) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let shape = Shape::random(rng);
    let key_nibbles = shape.prefix + shape.tail;
    let (mut map, mut nodes, mut root) = (Map::new(), MapNodes::default(), EMPTY_ROOT_HASH);
    for _ in 0..rng.random_range(1..8) {
        let mut trie = Trie::with_key_nibbles(None, root, key_nibbles);
        let removal = *[0.1, 0.5, 0.9].get(rng.random_range(0..3)).unwrap();
        for _ in 0..rng.random_range(0..24) {
            if rng.random_bool(removal) {
                let known = map
                    .keys()
                    .nth(rng.random_range(0..map.len().max(1)))
                    .copied();
                let key = known.filter(|_| rng.random_bool(0.9));
                let key = key.unwrap_or_else(|| shape.key(rng));
                trie.remove(&mut nodes, &key).unwrap();
                map.remove(&key);
            } else {
                let (key, value) = (shape.key(rng), shape.value(rng));
                trie.insert(&mut nodes, &key, &value).unwrap();
                map.insert(key, value);
            }
            let key = shape.key(rng);
            assert_eq!(
                trie.get(&mut nodes, &key).unwrap(),
                map.get(&key).map(|v| &v[..])
            );
        }
        let (new_root, updates) = trie.seal();
        store(&mut nodes, &updates);
        root = new_root;
        assert_eq!(root, reference_root(&map), "{shape:?}");
        assert_eq!(nodes, built_at_once(&map, key_nibbles), "{shape:?}");
    }
    let mut trie = Trie::with_key_nibbles(None, root, key_nibbles);
    for (key, value) in &map {
        assert_eq!(trie.get(&mut nodes, key).unwrap(), Some(&value[..]));
    }
    assert_eq!(
        trie.seal(),
        (root, NodeUpdates::new()),
        "reading changes nothing"
    );
}

#[test]
fn raw_tries_equal_the_reference() {
    (0..6_000).for_each(run_batches);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn raw_tries_equal_the_reference_for_any_seed(seed in any::<u64>()) {
        run_batches(seed);
    }
}

/// Reads through and keeps the order, as a proof is made.
struct Listing<'a>(&'a mut MapNodes, Vec<Bytes>);

impl NodeSource for Listing<'_> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, foggara_primitives::SourceError> {
        let node = self.0.node(owner, path, hash)?;
        self.1.push(node.clone());
        Ok(node)
    }
}

#[test]
fn proofs_through_inlined_nodes_satisfy_the_reference() {
    let mut inlined = 0;
    for seed in 0..2_000 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let shape = Shape {
            prefix: 58,
            tail: 6,
            radix: rng.random_range(2..=16),
            value_bytes: 3,
        };
        let map: Map = (0..rng.random_range(1..20))
            .map(|_| (shape.key(rng), shape.value(rng)))
            .collect();
        let mut nodes = built_at_once(&map, KEY_NIBBLES);
        inlined += usize::from(nodes.accounts.len() < map.len());
        let root = reference_root(&map);
        for key in map.keys().copied().chain((0..4).map(|_| shape.key(rng))) {
            let mut listing = Listing(&mut nodes, Vec::new());
            let mut trie = Trie::open(None, root);
            let value = trie
                .get(&mut listing, &key)
                .unwrap()
                .map(|value| value.to_vec());
            assert_eq!(value.as_deref(), map.get(&key).map(|v| &v[..]));
            assert_eq!(
                verify_proof(root, key, value, &listing.1),
                Ok(()),
                "seed {seed} {key:?}"
            );
        }
    }
    assert!(
        inlined > 500,
        "inlined nodes occurred in {inlined} tries only"
    );
}

#[test]
fn the_empty_root_loads_nothing() {
    let mut nodes = HashNodes::default();
    let key = Nibbles::unpack([7; 32]);
    let mut trie = Trie::open(None, EMPTY_ROOT_HASH);
    assert_eq!(trie.get(&mut nodes, &key), Ok(None));
    assert_eq!(trie.remove(&mut nodes, &key), Ok(()));
    trie.insert(&mut nodes, &key, b"x").unwrap();
    trie.remove(&mut nodes, &key).unwrap();
    assert_eq!(trie.seal(), (EMPTY_ROOT_HASH, NodeUpdates::new()));
}

#[test]
fn an_unchanged_value_writes_nothing() {
    let rng = &mut StdRng::seed_from_u64(1);
    let shape = Shape {
        prefix: 40,
        tail: 5,
        radix: 16,
        value_bytes: 40,
    };
    let map: Map = (0..200)
        .map(|_| (shape.key(rng), shape.value(rng)))
        .collect();
    let mut nodes = built_at_once(&map, 45);
    let mut trie = Trie::with_key_nibbles(None, reference_root(&map), 45);
    for (key, value) in &map {
        trie.insert(&mut nodes, key, value).unwrap();
    }
    assert_eq!(trie.seal(), (reference_root(&map), NodeUpdates::new()));
}

/// Every operation on a trie of hostile nodes ends, with an answer or an error.
fn exercise(nodes: &mut HashNodes, root: B256, key_nibbles: usize, rng: &mut StdRng) -> bool {
    let mut trie = Trie::with_key_nibbles(None, root, key_nibbles);
    let mut failed = false;
    for _ in 0..4 {
        let radix = rng.random_range(1..=16);
        let key: Nibbles = (0..key_nibbles)
            .map(|_| rng.random_range(0..radix))
            .collect();
        failed |= trie.get(nodes, &key).is_err();
        failed |= trie.insert(nodes, &key, b"value").is_err();
        failed |= trie.remove(nodes, &key).is_err();
    }
    let _ = trie.seal();
    failed
}

fn keep(nodes: &mut HashNodes, rlp: Vec<u8>) -> B256 {
    let hash = keccak256(&rlp);
    nodes.0.insert(hash, rlp.into());
    hash
}

#[test]
fn random_bytes_under_their_own_hash_are_an_error() {
    let rng = &mut StdRng::seed_from_u64(2);
    for _ in 0..50_000 {
        let mut rlp: Vec<u8> = (0..rng.random_range(0..80)).map(|_| rng.random()).collect();
        if let Some(first) = rlp.first_mut()
            && rng.random_bool(0.7)
        {
            *first = rng.random_range(0xc0..=0xf8);
        }
        let mut nodes = HashNodes::default();
        let root = keep(&mut nodes, rlp);
        assert!(exercise(&mut nodes, root, KEY_NIBBLES, rng));
    }
}

/// A random node over random references: sometimes sound, mostly not.
fn hostile_node(rng: &mut StdRng, known: &[Vec<u8>], rest: usize) -> Vec<u8> {
    let reference = |rng: &mut StdRng| -> Vec<u8> {
        match rng.random_range(0..10) {
            0 => vec![0x80],
            1 => vec![0xc0],
            2 => alloy_rlp::encode(B256::repeat_byte(9)),
            _ => known
                .get(rng.random_range(0..known.len().max(1)))
                .cloned()
                .unwrap_or(vec![0x80]),
        }
    };
    let size = if rng.random_bool(0.8) {
        rest
    } else {
        rng.random_range(0..=64)
    };
    let whole: Nibbles = (0..size).map(|_| rng.random_range(0..16)).collect();
    let mut out = Vec::new();
    match rng.random_range(0..8) {
        0 | 1 => encode_leaf(&whole, &vec![5; rng.random_range(0..40)], &mut out),
        2 => {
            let part = path::first(&whole, rng.random_range(0..=size));
            encode_extension(&part, &reference(rng), &mut out);
        }
        3 => {
            let items: Vec<_> = (0..rng.random_range(0..20))
                .flat_map(|_| reference(rng))
                .collect();
            encode_branch(&items, &mut out);
        }
        4 => {
            out = known
                .get(rng.random_range(0..known.len().max(1)))
                .cloned()
                .unwrap_or_default();
            if !out.is_empty() {
                let at = rng.random_range(0..out.len());
                out[at] ^= 1 << rng.random_range(0..8);
            }
        }
        _ => {
            let mut items: Vec<_> = (0..16).flat_map(|_| reference(rng)).collect();
            items.push(0x80);
            encode_branch(&items, &mut out);
        }
    }
    out
}

#[test]
fn hostile_structures_end_with_an_answer_or_an_error() {
    let rng = &mut StdRng::seed_from_u64(3);
    let (mut failures, mut successes) = (0, 0);
    for _ in 0..30_000 {
        let mut nodes = HashNodes::default();
        let key_nibbles = rng.random_range(1..=10);
        let mut known: Vec<Vec<u8>> = Vec::new();
        let mut root = B256::ZERO;
        for level in 0..rng.random_range(1..10) {
            let rlp = hostile_node(rng, &known, key_nibbles.min(level));
            let inline = rlp.len() < 32 && rng.random_bool(0.7);
            root = keep(&mut nodes, rlp.clone());
            known.push(if inline { rlp } else { alloy_rlp::encode(root) });
        }
        match exercise(&mut nodes, root, key_nibbles, rng) {
            true => failures += 1,
            false => successes += 1,
        }
    }
    assert!(
        failures > 1_000 && successes > 100,
        "{failures} failures, {successes} successes"
    );
}

#[test]
fn a_chain_of_nodes_deeper_than_a_key_is_refused() {
    let mut nodes = HashNodes::default();
    let mut leaf = Vec::new();
    encode_leaf(&Nibbles::new(), b"value", &mut leaf);
    let mut below = alloy_rlp::encode(keep(&mut nodes, leaf));
    for depth in 1..=200 {
        let mut items = below.repeat(2);
        items.extend([0x80; 15]);
        let mut rlp = Vec::new();
        encode_branch(&items, &mut rlp);
        let root = keep(&mut nodes, rlp);
        below = alloy_rlp::encode(root);
        let key: Nibbles = (0..KEY_NIBBLES).map(|_| 0).collect();
        let mut trie = Trie::open(None, root);
        let answer = trie.get(&mut nodes, &key);
        let insert = Trie::open(None, root).insert(&mut nodes, &key, b"v");
        let remove = Trie::open(None, root).remove(&mut nodes, &key);
        if depth == KEY_NIBBLES {
            assert_eq!(answer, Ok(Some(&b"value"[..])));
            assert_eq!((insert, remove), (Ok(()), Ok(())));
        } else {
            assert!(matches!(answer, Err(TrieError::BadNode { .. })), "{depth}");
            assert!(insert.is_err() && remove.is_err(), "{depth}");
        }
    }
}

#[test]
fn an_extension_to_a_stored_node_other_than_a_branch_is_refused() {
    let nibbles = |n: usize| -> Nibbles { (0..n).map(|_| 3).collect() };
    let (mut leaf, mut extension) = (Vec::new(), Vec::new());
    encode_leaf(&nibbles(60), b"value", &mut leaf);
    encode_extension(&nibbles(2), &alloy_rlp::encode(B256::ZERO), &mut extension);
    for below in [leaf, extension] {
        let mut nodes = HashNodes::default();
        let hash = keep(&mut nodes, below);
        let mut top = Vec::new();
        encode_extension(&nibbles(4), &alloy_rlp::encode(hash), &mut top);
        let root = keep(&mut nodes, top);
        let answer = Trie::open(None, root).insert(&mut nodes, &nibbles(64), b"v");
        assert_eq!(
            answer,
            Err(TrieError::BadNode {
                owner: None,
                path: nibbles(4),
                hash
            })
        );
    }
}

#[test]
fn nested_inline_nodes_are_bounded_by_their_size() {
    // 64 lists in each other are 64 bytes or more, so the outermost is no inline node.
    let mut rlp = vec![0xc0];
    for _ in 0..1_000 {
        let mut outer = Vec::new();
        Header {
            list: true,
            payload_length: rlp.len(),
        }
        .encode(&mut outer);
        outer.extend(&rlp);
        rlp = outer;
        assert!(decode(&rlp.clone().into(), KEY_NIBBLES).is_none());
    }
}

#[test]
fn nodes_that_are_not_canonical_are_refused() {
    let value = |bytes: &[u8]| alloy_rlp::encode(bytes);
    let list = |items: &[Vec<u8>]| {
        let body = items.concat();
        let mut out = Vec::new();
        Header {
            list: true,
            payload_length: body.len(),
        }
        .encode(&mut out);
        out.extend(body);
        Bytes::from(out)
    };
    let word = value(&[1; 32]);
    let leaf = |compact: &[u8]| list(&[value(compact), value(b"v")]);
    assert!(matches!(
        decode(&leaf(&[0x20, 0xab]), 2),
        Some(Kind::Leaf { .. })
    ));
    assert!(matches!(decode(&leaf(&[0x3a]), 1), Some(Kind::Leaf { .. })));
    let branch = |items: &[(usize, &[u8])], value: &[u8]| {
        let mut all = vec![vec![0x80]; 16];
        items.iter().for_each(|(at, item)| all[*at] = item.to_vec());
        all.push(value.to_vec());
        list(&all)
    };
    assert!(decode(&branch(&[(0, &word), (15, &word)], &[0x80]), 2).is_some());
    let inline = leaf(&[0x20]);
    assert!(decode(&branch(&[(0, &inline), (1, &inline)], &[0x80]), 1).is_some());
    let mut trailing = leaf(&[0x20]).to_vec();
    trailing.push(0);
    let long = list(&[value(&[0x20]), value(&[7; 40])]);
    let bad: &[(&str, Bytes, usize)] = &[
        ("no bytes", Bytes::new(), 0),
        (
            "a string",
            value(b"0123456789012345678901234567890123456789").into(),
            0,
        ),
        ("bytes after the list", trailing.into(), 0),
        ("an empty list", list(&[]), 0),
        ("one item", list(&[value(&[0x20])]), 0),
        ("a path without flags", leaf(&[]), 0),
        ("a path with unknown flags", leaf(&[0x40]), 0),
        ("a padded even path", leaf(&[0x21]), 0),
        (
            "a path of 65 nibbles",
            leaf(&[&[0x31][..], &[0; 32]].concat()),
            65,
        ),
        (
            "a path of 66 nibbles",
            leaf(&[&[0x20][..], &[0; 33]].concat()),
            66,
        ),
        ("a leaf that is too short", leaf(&[0x20, 0xab]), 3),
        ("a leaf that is too long", leaf(&[0x20, 0xab]), 1),
        (
            "a leaf without value",
            list(&[value(&[0x20]), value(b"")]),
            0,
        ),
        ("a leaf with a list", list(&[value(&[0x20]), vec![0xc0]]), 0),
        (
            "a path that is a list",
            list(&[vec![0xc1, 0x20], value(b"v")]),
            0,
        ),
        (
            "an extension of nothing",
            list(&[value(&[0x00]), word.clone()]),
            2,
        ),
        (
            "an extension to the end",
            list(&[value(&[0x11]), word.clone()]),
            1,
        ),
        (
            "an extension to no node",
            list(&[value(&[0x11]), value(b"")]),
            3,
        ),
        (
            "an extension to a leaf",
            list(&[value(&[0x11]), inline.to_vec()]),
            2,
        ),
        (
            "a branch at the end",
            branch(&[(0, &word), (1, &word)], &[0x80]),
            0,
        ),
        ("a branch with one child", branch(&[(3, &word)], &[0x80]), 2),
        ("a branch with no child", branch(&[], &[0x80]), 2),
        (
            "a branch with a value",
            branch(&[(0, &word), (1, &word)], &value(b"v")),
            2,
        ),
        (
            "a branch with a short hash",
            branch(&[(0, &word), (1, &value(&[1; 31]))], &[0x80]),
            2,
        ),
        (
            "an inlined node above 31 bytes",
            branch(&[(0, &word), (1, &long)], &[0x80]),
            1,
        ),
        (
            "an item too many",
            list(&[vec![vec![0x80]; 14], vec![word.clone(); 4]].concat()),
            2,
        ),
        (
            "an item too few",
            list(&[vec![word.clone(); 2], vec![vec![0x80]; 14]].concat()),
            2,
        ),
    ];
    for (what, rlp, rest) in bad {
        assert!(decode(rlp, *rest).is_none(), "{what}");
    }
}
