//! Hashing a changed trie: dirty nodes from the bottom up, each once. Needs no source, so tries
//! can be sealed beside each other.

use crate::{
    node::{Children, Kind, Link, Node, Origin, encode_branch, encode_extension, encode_leaf},
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
    pub(crate) fn seal(mut self) -> (B256, NodeUpdates) {
        let mut sealer = Sealer {
            updates: self.stale.iter().map(|path| (*path, None)).collect(),
            items: Vec::new(),
        };
        let root = match &mut self.root {
            None => EMPTY_ROOT_HASH,
            Some(Link::Hash(hash)) => *hash,
            Some(Link::Node(node)) => sealer.root(node),
        };
        (root, sealer.updates)
    }
}

struct Sealer {
    updates: NodeUpdates,
    /// Encoded items of the branches that are being sealed, innermost last.
    items: Vec<u8>,
}

impl Sealer {
    fn root(&mut self, node: &mut Node) -> B256 {
        if let Origin::Stored(hash) = node.origin {
            return hash;
        }
        let rlp = self.encode(node, &Nibbles::new());
        let hash = keccak256(&rlp);
        self.updates.insert(Nibbles::new(), Some(rlp.into()));
        hash
    }

    /// The reference to a node, after everything dirty in it is written down.
    fn link(&mut self, link: &mut Link, at: &Nibbles) -> RlpNode {
        let node = match link {
            Link::Hash(hash) => return RlpNode::word_rlp(hash),
            Link::Node(node) => node,
        };
        if let Origin::Stored(hash) = node.origin {
            return RlpNode::word_rlp(&hash);
        }
        let rlp = self.encode(node, at);
        let reference = RlpNode::from_rlp(&rlp);
        // An unchanged node inside its parent is always below 32 bytes.
        if rlp.len() >= 32 {
            self.updates.insert(*at, Some(rlp.into()));
        }
        reference
    }

    fn encode(&mut self, node: &mut Node, at: &Nibbles) -> Vec<u8> {
        let mut rlp = Vec::with_capacity(node.size_hint());
        match &mut node.kind {
            Kind::Leaf { path, value } => encode_leaf(path, value, &mut rlp),
            Kind::Extension { path, child } => {
                let reference = self.link(child, &at.join(path));
                encode_extension(path, reference.as_slice(), &mut rlp);
            }
            Kind::Branch(children) => {
                let start = self.items.len();
                self.children(children, at);
                encode_branch(self.items.get(start..).unwrap_or_default(), &mut rlp);
                self.items.truncate(start);
            }
        }
        rlp
    }

    fn children(&mut self, children: &mut Children, at: &Nibbles) {
        for (nibble, slot) in (0u8..).zip(children.iter_mut()) {
            match slot {
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
