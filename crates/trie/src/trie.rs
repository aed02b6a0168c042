//! One trie in memory, as much of it as was asked for.
//!
//! Nodes come in from a [`NodeSource`] when a key leads through them; each is checked against the
//! hash by which its parent names it. Changes stay in memory until [`Trie::seal`] hashes what is
//! dirty, from the bottom up, each node once.
//!
//! Invariant: below a node at path `p`, keys have `key_nibbles - p.len()` nibbles to go. Decoding
//! holds every loaded node to it, so recursion ends after 64 levels whatever a source answers.

use crate::{
    NodeSource, TrieError,
    arena::{Arena, BranchId, Children, NodeId},
    node::{Kind, Link, Node, Origin, decode},
    path,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// Nibbles of a hashed address or slot.
pub(crate) const KEY_NIBBLES: usize = 64;

/// A trie over keys of one length.
#[derive(Debug)]
pub(crate) struct Trie {
    owner: Option<B256>,
    key_nibbles: usize,
    pub(crate) arena: Arena,
    pub(crate) root: Option<Link>,
    /// Paths at which a stored node was changed, moved or removed.
    pub(crate) stale: Vec<Nibbles>,
}

/// What became of a subtree from which a key was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removed {
    /// It never had the key.
    Absent,
    /// It changed.
    Changed,
    /// Nothing is left of it.
    Gone,
}

/// A place on the way to a key.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Path from the root.
    at: Nibbles,
    /// What is left of the key.
    rest: Nibbles,
    /// Whether the parent is an extension: then only a branch may stand here.
    under_extension: bool,
}

impl Place {
    const fn root(key: &Nibbles) -> Self {
        Self {
            at: Nibbles::new(),
            rest: *key,
            under_extension: false,
        }
    }

    /// The place below an extension with this path, a prefix of `rest`.
    fn below_extension(&self, path: &Nibbles) -> Self {
        let rest = path::skip(&self.rest, path.len());
        Self {
            at: self.at.join(path),
            rest,
            under_extension: true,
        }
    }

    /// The place below a branch, and the nibble that leads there.
    fn below_branch(&self) -> Option<(u8, Self)> {
        let (nibble, rest) = path::split_first(&self.rest)?;
        Some((
            nibble,
            Self {
                at: path::with(&self.at, nibble),
                rest,
                under_extension: false,
            },
        ))
    }
}

impl Trie {
    /// The trie with this root; nothing is loaded yet.
    pub(crate) fn open(owner: Option<B256>, root: B256) -> Self {
        Self::with_key_nibbles(owner, root, KEY_NIBBLES)
    }

    pub(crate) fn with_key_nibbles(owner: Option<B256>, root: B256, key_nibbles: usize) -> Self {
        let root = (root != EMPTY_ROOT_HASH).then_some(Link::Hash(root));
        Self {
            owner,
            key_nibbles,
            arena: Arena::default(),
            root,
            stale: Vec::new(),
        }
    }

    /// The value of a key.
    pub(crate) fn get<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
    ) -> Result<Option<&[u8]>, TrieError> {
        let Some((mut id, mut place)) = self.start(nodes, key)? else {
            return Ok(None);
        };
        loop {
            (id, place) = match self.arena.node(id).kind {
                Kind::Leaf { path, value } => {
                    return Ok((path == place.rest).then(|| self.arena.value(value)));
                }
                Kind::Extension { path, child } => {
                    if !place.rest.starts_with(&path) {
                        return Ok(None);
                    }
                    let below = place.below_extension(&path);
                    (self.extension_child(nodes, id, path, child, &below)?, below)
                }
                Kind::Branch(branch) => {
                    let Some(next) = self.branch_child(nodes, branch, &place)? else {
                        return Ok(None);
                    };
                    next
                }
            }
        }
    }

    /// Sets the value of a key; it must not be empty.
    pub(crate) fn insert<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
        value: &[u8],
    ) -> Result<(), TrieError> {
        match self.start(nodes, key)? {
            Some((root, place)) => {
                self.insert_at(nodes, root, &place, value)?;
            }
            None => self.root = Some(self.add_leaf(*key, value)),
        }
        Ok(())
    }

    /// Removes a key if it is there.
    pub(crate) fn remove<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
    ) -> Result<(), TrieError> {
        if let Some((root, place)) = self.start(nodes, key)?
            && self.remove_at(nodes, root, &place)? == Removed::Gone
        {
            self.root = None;
        }
        Ok(())
    }

    /// The root node, if there is one, and the place of a key there.
    fn start<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
    ) -> Result<Option<(NodeId, Place)>, TrieError> {
        debug_assert_eq!(key.len(), self.key_nibbles);
        let Some(root) = self.root else {
            return Ok(None);
        };
        let place = Place::root(key);
        let id = self.load(nodes, root, &place)?;
        self.root = Some(Link::Node(id));
        Ok(Some((id, place)))
    }

    /// The node behind a link, asked of the source if it is not in memory.
    fn load<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        link: Link,
        place: &Place,
    ) -> Result<NodeId, TrieError> {
        let hash = match link {
            Link::Node(id) => return Ok(id),
            Link::Hash(hash) => hash,
        };
        let rlp = nodes.node(self.owner, &place.at, hash)?;
        let is_it = keccak256(&rlp) == hash;
        is_it
            .then(|| decode(&mut self.arena, &rlp, place.rest.len()))
            .flatten()
            .filter(|kind| !place.under_extension || matches!(kind, Kind::Branch(_)))
            .map(|kind| {
                self.arena.add(Node {
                    kind,
                    origin: Origin::Stored(hash),
                })
            })
            .ok_or(TrieError::BadNode {
                owner: self.owner,
                path: place.at,
                hash,
            })
    }

    /// The child of the extension `id`, which it keeps from now on.
    fn extension_child<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        id: NodeId,
        path: Nibbles,
        child: Link,
        below: &Place,
    ) -> Result<NodeId, TrieError> {
        let loaded = self.load(nodes, child, below)?;
        self.arena.node_mut(id).kind = Kind::Extension {
            path,
            child: Link::Node(loaded),
        };
        Ok(loaded)
    }

    /// The child of a branch at `place` on the way to its key, which the branch keeps from now on;
    /// `None` if there is none.
    fn branch_child<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        branch: BranchId,
        place: &Place,
    ) -> Result<Option<(NodeId, Place)>, TrieError> {
        let Some((nibble, below)) = place.below_branch() else {
            return Ok(None);
        };
        let Some(link) = child(self.arena.children(branch), nibble) else {
            return Ok(None);
        };
        let id = self.load(nodes, link, &below)?;
        self.set_child(branch, nibble, Some(Link::Node(id)));
        Ok(Some((id, below)))
    }

    fn set_child(&mut self, branch: BranchId, nibble: u8, link: Option<Link>) {
        if let Some(slot) = self.arena.children_mut(branch).get_mut(usize::from(nibble)) {
            *slot = link;
        }
    }

    fn add_leaf(&mut self, path: Nibbles, value: &[u8]) -> Link {
        let value = self.arena.add_value(value);
        self.arena.add_dirty(Kind::Leaf { path, value })
    }

    /// Notes that the node at this path changes.
    fn touch(&mut self, id: NodeId, at: &Nibbles) {
        let node = self.arena.node_mut(id);
        if matches!(node.origin, Origin::Stored(_)) {
            self.stale.push(*at);
        }
        node.origin = Origin::Dirty;
    }

    /// Sets the value of the key of `place` below `id`; false if it was there already.
    fn insert_at<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        id: NodeId,
        place: &Place,
        value: &[u8],
    ) -> Result<bool, TrieError> {
        let kind = self.arena.node(id).kind;
        let changed = match kind {
            Kind::Leaf { path, value: old } if path == place.rest => {
                if self.arena.value(old) == value {
                    return Ok(false);
                }
                let value = self.arena.add_value(value);
                self.arena.node_mut(id).kind = Kind::Leaf { path, value };
                true
            }
            Kind::Extension { path, child } if place.rest.starts_with(&path) => {
                let below = place.below_extension(&path);
                let child = self.extension_child(nodes, id, path, child, &below)?;
                self.insert_at(nodes, child, &below, value)?
            }
            Kind::Leaf { path, .. } | Kind::Extension { path, .. } => {
                self.arena.node_mut(id).kind = self.fork(kind, &path, &place.rest, value);
                true
            }
            Kind::Branch(branch) => match self.branch_child(nodes, branch, place)? {
                Some((child, below)) => self.insert_at(nodes, child, &below, value)?,
                None => self.grow(branch, place, value),
            },
        };
        if changed {
            self.touch(id, &place.at);
        }
        Ok(changed)
    }

    /// Gives a branch a new leaf.
    fn grow(&mut self, branch: BranchId, place: &Place, value: &[u8]) -> bool {
        let Some((nibble, below)) = place.below_branch() else {
            return false;
        };
        let leaf = self.add_leaf(below.rest, value);
        self.set_child(branch, nibble, Some(leaf));
        true
    }

    /// What stands in the place of a leaf or extension with `path` when a key joins that leaves
    /// this path on the way.
    fn fork(&mut self, old: Kind, path: &Nibbles, key: &Nibbles, value: &[u8]) -> Kind {
        let common = path.common_prefix_length(key);
        let branch = self.arena.add_branch(Children::default());
        if let Some((nibble, tail)) = path::split_first(&path::skip(key, common)) {
            let leaf = self.add_leaf(tail, value);
            self.set_child(branch, nibble, Some(leaf));
        }
        if let Some((nibble, tail)) = path::split_first(&path::skip(path, common)) {
            let link = match old {
                Kind::Leaf { value, .. } => self.arena.add_dirty(Kind::Leaf { path: tail, value }),
                Kind::Extension { child, .. } if tail.is_empty() => child,
                Kind::Extension { child, .. } => {
                    self.arena.add_dirty(Kind::Extension { path: tail, child })
                }
                Kind::Branch(_) => self.arena.add_dirty(old),
            };
            self.set_child(branch, nibble, Some(link));
        }
        let branch = Kind::Branch(branch);
        match common {
            0 => branch,
            _ => Kind::Extension {
                path: path::first(key, common),
                child: self.arena.add_dirty(branch),
            },
        }
    }

    /// Removes the key of `place` below `id`.
    fn remove_at<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        id: NodeId,
        place: &Place,
    ) -> Result<Removed, TrieError> {
        let removed = match self.arena.node(id).kind {
            Kind::Leaf { path, .. } if path == place.rest => Removed::Gone,
            Kind::Extension { path, child } if place.rest.starts_with(&path) => {
                let below = place.below_extension(&path);
                let child = self.extension_child(nodes, id, path, child, &below)?;
                let removed = self.remove_at(nodes, child, &below)?;
                if removed == Removed::Changed {
                    self.arena.node_mut(id).kind = self.prefixed(path, child);
                }
                removed
            }
            Kind::Leaf { .. } | Kind::Extension { .. } => Removed::Absent,
            Kind::Branch(branch) => self.remove_in_branch(nodes, id, branch, place)?,
        };
        if removed != Removed::Absent {
            self.touch(id, &place.at);
        }
        Ok(removed)
    }

    fn remove_in_branch<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        id: NodeId,
        branch: BranchId,
        place: &Place,
    ) -> Result<Removed, TrieError> {
        let Some((child, below)) = self.branch_child(nodes, branch, place)? else {
            return Ok(Removed::Absent);
        };
        let removed = self.remove_at(nodes, child, &below)?;
        if removed != Removed::Gone {
            return Ok(removed);
        }
        if let Some(nibble) = place.rest.first() {
            self.set_child(branch, nibble, None);
        }
        // A branch had two children at least, so one is left.
        if let Some((nibble, link)) = only(self.arena.children(branch)) {
            self.arena.node_mut(id).kind = self.collapse(nodes, nibble, link, place)?;
        }
        Ok(Removed::Changed)
    }

    /// What a branch at `place` becomes when `link` is its only child left.
    fn collapse<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        nibble: u8,
        link: Link,
        place: &Place,
    ) -> Result<Kind, TrieError> {
        let at = path::with(&place.at, nibble);
        let below = Place {
            at,
            rest: path::skip(&place.rest, 1),
            under_extension: false,
        };
        let child = self.load(nodes, link, &below)?;
        if !matches!(self.arena.node(child).kind, Kind::Branch(_)) {
            self.touch(child, &below.at);
        }
        Ok(self.prefixed(path::with(&Nibbles::new(), nibble), child))
    }

    /// A node with `prefix` before what `child` is: its path grows, or it gets an extension.
    fn prefixed(&self, prefix: Nibbles, child: NodeId) -> Kind {
        match self.arena.node(child).kind {
            Kind::Leaf { path, value } => Kind::Leaf {
                path: prefix.join(&path),
                value,
            },
            Kind::Extension { path, child } => Kind::Extension {
                path: prefix.join(&path),
                child,
            },
            Kind::Branch(_) => Kind::Extension {
                path: prefix,
                child: Link::Node(child),
            },
        }
    }
}

fn child(children: &Children, nibble: u8) -> Option<Link> {
    *children.get(usize::from(nibble))?
}

/// The only child of a branch; `None` if there are more.
fn only(children: &Children) -> Option<(u8, Link)> {
    let mut there = (0u8..)
        .zip(children)
        .filter_map(|(nibble, slot)| Some((nibble, (*slot)?)));
    let first = there.next()?;
    there.next().is_none().then_some(first)
}
