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
    node::{Children, Kind, Link, Node, Origin, decode},
    path,
};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use core::mem;

/// Nibbles of a hashed address or slot.
pub(crate) const KEY_NIBBLES: usize = 64;

/// A trie over keys of one length.
#[derive(Debug)]
pub(crate) struct Trie {
    owner: Option<B256>,
    key_nibbles: usize,
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
            root,
            stale: Vec::new(),
        }
    }

    /// The value of a key.
    pub(crate) fn get<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
    ) -> Result<Option<Bytes>, TrieError> {
        debug_assert_eq!(key.len(), self.key_nibbles);
        let Some(mut link) = self.root.as_mut() else {
            return Ok(None);
        };
        let mut loader = Loader {
            nodes,
            owner: self.owner,
            stale: &mut self.stale,
        };
        let mut place = Place::root(key);
        loop {
            match &mut loader.load(link, &place)?.kind {
                Kind::Leaf { path, value } => {
                    return Ok((*path == place.rest).then(|| value.clone()));
                }
                Kind::Extension { path, child } => {
                    if !place.rest.starts_with(path) {
                        return Ok(None);
                    }
                    place = place.below_extension(path);
                    link = child;
                }
                Kind::Branch(children) => {
                    let Some((slot, below)) = step(children, &place) else {
                        return Ok(None);
                    };
                    let Some(child) = slot else { return Ok(None) };
                    place = below;
                    link = child;
                }
            }
        }
    }

    /// Sets the value of a key; it must not be empty.
    pub(crate) fn insert<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
        value: Bytes,
    ) -> Result<(), TrieError> {
        debug_assert_eq!(key.len(), self.key_nibbles);
        let Some(root) = &mut self.root else {
            self.root = Some(Link::dirty(Kind::Leaf { path: *key, value }));
            return Ok(());
        };
        let mut loader = Loader {
            nodes,
            owner: self.owner,
            stale: &mut self.stale,
        };
        loader.insert(root, Place::root(key), value)?;
        Ok(())
    }

    /// Removes a key if it is there.
    pub(crate) fn remove<N: NodeSource>(
        &mut self,
        nodes: &mut N,
        key: &Nibbles,
    ) -> Result<(), TrieError> {
        debug_assert_eq!(key.len(), self.key_nibbles);
        let Some(root) = &mut self.root else {
            return Ok(());
        };
        let mut loader = Loader {
            nodes,
            owner: self.owner,
            stale: &mut self.stale,
        };
        if loader.remove(root, Place::root(key))? == Removed::Gone {
            self.root = None;
        }
        Ok(())
    }
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
}

/// The slot of a branch at `place` through which its key leads, and the place below it.
fn step<'a>(children: &'a mut Children, place: &Place) -> Option<(&'a mut Option<Link>, Place)> {
    let (nibble, rest) = path::split_first(&place.rest)?;
    let slot = children.get_mut(usize::from(nibble))?;
    Some((
        slot,
        Place {
            at: path::with(&place.at, nibble),
            rest,
            under_extension: false,
        },
    ))
}

/// Loads and edits the nodes of one trie.
struct Loader<'a, N> {
    nodes: &'a mut N,
    owner: Option<B256>,
    stale: &'a mut Vec<Nibbles>,
}

impl<N: NodeSource> Loader<'_, N> {
    /// The node behind a link, asked of the source if it is not in memory.
    fn load<'l>(&mut self, link: &'l mut Link, place: &Place) -> Result<&'l mut Node, TrieError> {
        if let Link::Hash(hash) = *link {
            let rlp = self.nodes.node(self.owner, &place.at, hash)?;
            let kind = (keccak256(&rlp) == hash)
                .then(|| decode(&rlp, place.rest.len()))
                .flatten();
            let kind = kind
                .filter(|kind| !place.under_extension || matches!(kind, Kind::Branch(_)))
                .ok_or(TrieError::BadNode {
                    owner: self.owner,
                    path: place.at,
                    hash,
                })?;
            *link = Link::Node(Box::new(Node {
                kind,
                origin: Origin::Stored(hash),
            }));
        }
        match link {
            Link::Node(node) => Ok(node),
            Link::Hash(hash) => Err(self.bad(place, *hash)),
        }
    }

    const fn bad(&self, place: &Place, hash: B256) -> TrieError {
        TrieError::BadNode {
            owner: self.owner,
            path: place.at,
            hash,
        }
    }

    /// Notes that the node at this path changes.
    fn touch(&mut self, node: &mut Node, at: &Nibbles) {
        if matches!(node.origin, Origin::Stored(_)) {
            self.stale.push(*at);
        }
        node.origin = Origin::Dirty;
    }

    /// Sets a value below `link`; false if it was there already.
    fn insert(&mut self, link: &mut Link, place: Place, value: Bytes) -> Result<bool, TrieError> {
        let node = self.load(link, &place)?;
        match &mut node.kind {
            Kind::Leaf { path, value: old } if *path == place.rest => {
                if *old == value {
                    return Ok(false);
                }
                *old = value;
            }
            Kind::Leaf { path, value: old } => {
                let (path, old) = (*path, mem::take(old));
                let ours = |tail| Link::dirty(Kind::Leaf { path: tail, value });
                let theirs = |tail| {
                    Link::dirty(Kind::Leaf {
                        path: tail,
                        value: old,
                    })
                };
                node.kind = fork(&place.rest, ours, &path, theirs);
            }
            Kind::Extension { path, child } if place.rest.starts_with(path) => {
                let below = place.below_extension(path);
                if !self.insert(child, below, value)? {
                    return Ok(false);
                }
            }
            Kind::Extension { path, child } => {
                let path = *path;
                let child = mem::replace(child, Link::Hash(B256::ZERO));
                let ours = |tail| Link::dirty(Kind::Leaf { path: tail, value });
                let theirs = |tail: Nibbles| {
                    if tail.is_empty() {
                        child
                    } else {
                        Link::dirty(Kind::Extension { path: tail, child })
                    }
                };
                node.kind = fork(&place.rest, ours, &path, theirs);
            }
            Kind::Branch(children) => {
                let Some((slot, below)) = step(children, &place) else {
                    return Ok(false);
                };
                match slot {
                    Some(child) => {
                        if !self.insert(child, below, value)? {
                            return Ok(false);
                        }
                    }
                    None => {
                        *slot = Some(Link::dirty(Kind::Leaf {
                            path: below.rest,
                            value,
                        }))
                    }
                }
            }
        }
        self.touch(node, &place.at);
        Ok(true)
    }

    /// Removes the key of `place` below `link`.
    fn remove(&mut self, link: &mut Link, place: Place) -> Result<Removed, TrieError> {
        let node = self.load(link, &place)?;
        let removed = match &mut node.kind {
            Kind::Leaf { path, .. } if *path == place.rest => Removed::Gone,
            Kind::Leaf { .. } => Removed::Absent,
            Kind::Extension { path, child } if place.rest.starts_with(path) => {
                let removed = self.remove(child, place.below_extension(path))?;
                if removed == Removed::Changed
                    && let Some(joined) = absorb(path, child)
                {
                    node.kind = joined;
                }
                removed
            }
            Kind::Extension { .. } => Removed::Absent,
            Kind::Branch(children) => self.remove_from_branch(children, &place)?,
        };
        if removed == Removed::Changed
            && let Kind::Branch(children) = &mut node.kind
            && let Some((nibble, child)) = take_only(children)
        {
            node.kind = self.collapse(nibble, child, &place)?;
        }
        if removed != Removed::Absent {
            self.touch(node, &place.at);
        }
        Ok(removed)
    }

    fn remove_from_branch(
        &mut self,
        children: &mut Children,
        place: &Place,
    ) -> Result<Removed, TrieError> {
        let Some((slot, below)) = step(children, place) else {
            return Ok(Removed::Absent);
        };
        let Some(child) = slot else {
            return Ok(Removed::Absent);
        };
        let removed = self.remove(child, below)?;
        if removed != Removed::Gone {
            return Ok(removed);
        }
        *slot = None;
        // A branch has at least two children, so one is left.
        Ok(Removed::Changed)
    }

    /// What a branch at `place` becomes when `child` is its only child left.
    fn collapse(&mut self, nibble: u8, mut child: Link, place: &Place) -> Result<Kind, TrieError> {
        let below = Place {
            at: path::with(&place.at, nibble),
            rest: path::skip(&place.rest, 1),
            under_extension: false,
        };
        let node = self.load(&mut child, &below)?;
        if !matches!(node.kind, Kind::Branch(_)) {
            self.touch(node, &below.at);
        }
        let prefix = path::with(&Nibbles::new(), nibble);
        Ok(absorb(&prefix, &mut child).unwrap_or(Kind::Extension {
            path: prefix,
            child,
        }))
    }
}

/// A node with `prefix` before the path of `child`, which is in memory; `None` if it is a branch.
fn absorb(prefix: &Nibbles, child: &mut Link) -> Option<Kind> {
    let Link::Node(node) = child else { return None };
    match &mut node.kind {
        Kind::Leaf { path, value } => Some(Kind::Leaf {
            path: prefix.join(path),
            value: mem::take(value),
        }),
        Kind::Extension { path, child } => {
            let child = mem::replace(child, Link::Hash(B256::ZERO));
            Some(Kind::Extension {
                path: prefix.join(path),
                child,
            })
        }
        Kind::Branch(_) => None,
    }
}

/// The only child of a branch, taken out; `None` if there are more.
fn take_only(children: &mut Children) -> Option<(u8, Link)> {
    if children.iter().flatten().count() != 1 {
        return None;
    }
    (0u8..)
        .zip(children.iter_mut())
        .find_map(|(nibble, slot)| Some((nibble, slot.take()?)))
}

/// A node from which two different paths go on; neither is a prefix of the other. Each side is
/// made from what is left of its path.
fn fork(
    ours: &Nibbles,
    make_ours: impl FnOnce(Nibbles) -> Link,
    theirs: &Nibbles,
    make_theirs: impl FnOnce(Nibbles) -> Link,
) -> Kind {
    let common = ours.common_prefix_length(theirs);
    let mut children = Box::new(Children::default());
    plant(&mut children, &path::skip(ours, common), make_ours);
    plant(&mut children, &path::skip(theirs, common), make_theirs);
    let branch = Kind::Branch(children);
    match common {
        0 => branch,
        _ => Kind::Extension {
            path: path::first(ours, common),
            child: Link::dirty(branch),
        },
    }
}

/// Puts what is made of a path's tail into the slot that its first nibble names.
fn plant(children: &mut Children, path: &Nibbles, make: impl FnOnce(Nibbles) -> Link) {
    if let Some((nibble, tail)) = path::split_first(path)
        && let Some(slot) = children.get_mut(usize::from(nibble))
    {
        *slot = Some(make(tail));
    }
}
