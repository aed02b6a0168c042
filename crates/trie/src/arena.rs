//! The memory of one trie: nodes, children of branches and values of leaves, each in one growing
//! block. Nothing is freed before the trie is, so an identifier stays good.

use crate::node::{Kind, Link, Node, Origin};
use alloc::vec::Vec;
use core::ops::Range;

/// Index of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

/// Index of a branch's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BranchId(u32);

/// Place of a leaf's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    start: usize,
    end: usize,
}

/// Children of a branch by nibble.
pub(crate) type Children = [Option<Link>; 16];

/// Identifiers are given out by `add*` and used with the arena that gave them.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
    branches: Vec<Children>,
    values: Vec<u8>,
}

// Every identifier was given out for an element that is still there.
#[allow(clippy::indexing_slicing)]
impl Arena {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    pub(crate) fn children(&self, id: BranchId) -> &Children {
        &self.branches[id.0 as usize]
    }

    pub(crate) fn children_mut(&mut self, id: BranchId) -> &mut Children {
        &mut self.branches[id.0 as usize]
    }

    pub(crate) fn value(&self, value: Value) -> &[u8] {
        &self.values[Range::from(value)]
    }
}

impl From<Value> for Range<usize> {
    fn from(value: Value) -> Self {
        value.start..value.end
    }
}

impl Arena {
    pub(crate) fn add(&mut self, node: Node) -> NodeId {
        let id = NodeId(index(self.nodes.len()));
        self.nodes.push(node);
        id
    }

    /// Adds a new node and refers to it.
    pub(crate) fn add_dirty(&mut self, kind: Kind) -> Link {
        Link::Node(self.add(Node {
            kind,
            origin: Origin::Dirty,
        }))
    }

    pub(crate) fn add_branch(&mut self, children: Children) -> BranchId {
        let id = BranchId(index(self.branches.len()));
        self.branches.push(children);
        id
    }

    pub(crate) fn add_value(&mut self, value: &[u8]) -> Value {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        Value {
            start,
            end: self.values.len(),
        }
    }
}

/// An index as it is kept: 2^32 nodes of 100 bytes fit no memory that a diff can fill.
fn index(len: usize) -> u32 {
    u32::try_from(len).expect("a trie in memory has fewer than 2^32 nodes")
}
