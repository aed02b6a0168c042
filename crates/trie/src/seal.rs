//! Hashing a changed trie: dirty nodes from the bottom up, each once. Needs no source, so tries
//! can be sealed beside each other.

use crate::{
    arena::{Arena, BranchId, NodeId},
    node::{Kind, Link, Origin, encode_branch, encode_extension, encode_leaf},
    path,
    trie::Trie,
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::EMPTY_STRING_CODE;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};

/// Changed nodes by path; `None` deletes.
pub(crate) type NodeUpdates = BTreeMap<Nibbles, Option<Bytes>>;

impl Trie {
    /// The root, and what to write so that a store holds exactly this trie.
    pub(crate) fn seal(&self) -> (B256, NodeUpdates) {
        let mut sealer = Sealer {
            arena: &self.arena,
            writes: self.stale.iter().map(|path| (*path, None)).collect(),
            items: Vec::new(),
            rlp: Vec::new(),
        };
        let root = match self.root {
            None => EMPTY_ROOT_HASH,
            Some(Link::Hash(hash)) => hash,
            Some(Link::Node(id)) => sealer.root(id),
        };
        // A path that comes again is written after all; the later one counts.
        (root, sealer.writes.into_iter().collect())
    }
}

struct Sealer<'a> {
    arena: &'a Arena,
    writes: Vec<(Nibbles, Option<Bytes>)>,
    /// Encoded items of the branches that are being sealed, innermost last.
    items: Vec<u8>,
    /// The node that was encoded last.
    rlp: Vec<u8>,
}

impl Sealer<'_> {
    fn root(&mut self, id: NodeId) -> B256 {
        if let Origin::Stored(hash) = self.arena.node(id).origin {
            return hash;
        }
        self.encode(id, &Nibbles::new());
        self.write(&Nibbles::new());
        keccak256(&self.rlp)
    }

    fn write(&mut self, at: &Nibbles) {
        self.writes
            .push((*at, Some(Bytes::copy_from_slice(&self.rlp))));
    }

    /// The reference to a node, after everything dirty in it is written down.
    fn link(&mut self, link: Link, at: &Nibbles) -> RlpNode {
        let id = match link {
            Link::Hash(hash) => return RlpNode::word_rlp(&hash),
            Link::Node(id) => id,
        };
        if let Origin::Stored(hash) = self.arena.node(id).origin {
            return RlpNode::word_rlp(&hash);
        }
        self.encode(id, at);
        // An unchanged node inside its parent is always below 32 bytes.
        if self.rlp.len() >= 32 {
            self.write(at);
        }
        RlpNode::from_rlp(&self.rlp)
    }

    /// Encodes a node into `rlp`, those below it first.
    fn encode(&mut self, id: NodeId, at: &Nibbles) {
        match self.arena.node(id).kind {
            Kind::Leaf { path, value } => {
                self.rlp.clear();
                encode_leaf(&path, self.arena.value(value), &mut self.rlp);
            }
            Kind::Extension { path, child } => {
                let reference = self.link(child, &at.join(&path));
                self.rlp.clear();
                encode_extension(&path, reference.as_slice(), &mut self.rlp);
            }
            Kind::Branch(branch) => {
                let start = self.items.len();
                self.push_items(branch, at);
                self.rlp.clear();
                encode_branch(self.items.get(start..).unwrap_or_default(), &mut self.rlp);
                self.items.truncate(start);
            }
        }
    }

    fn push_items(&mut self, branch: BranchId, at: &Nibbles) {
        let arena = self.arena;
        for (nibble, slot) in (0u8..).zip(arena.children(branch)) {
            match *slot {
                None => self.items.push(EMPTY_STRING_CODE),
                Some(child) => {
                    let reference = self.link(child, &path::with(at, nibble));
                    self.items.extend_from_slice(reference.as_slice());
                }
            }
        }
        self.items.push(EMPTY_STRING_CODE);
    }
}
