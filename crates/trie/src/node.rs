//! A node of the trie and its RLP.
//!
//! | node | RLP |
//! |---|---|
//! | leaf | list of 2: compact path with flag 2, value as string |
//! | extension | list of 2: compact path, reference to a branch |
//! | branch | list of 17: a reference or the empty string for each nibble, and the empty string |
//!
//! A reference is the node itself if its RLP is below 32 bytes, else the hash of it as a string.
//! Keys have one length within a trie, so a branch never has a value and the length of a leaf's
//! path follows from its place. Decoding accepts the canonical form for that place and nothing else.

use crate::{
    arena::{Arena, BranchId, Children, NodeId, Value},
    path,
};
use alloc::vec::Vec;
use alloy_primitives::B256;
use alloy_rlp::{Encodable, Header};
use alloy_trie::Nibbles;

/// A reference to a node: its hash, or the node in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Link {
    Hash(B256),
    Node(NodeId),
}

/// A node in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
}

/// What is known of a node's stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Stored under this hash and unchanged.
    Stored(B256),
    /// Part of its parent's RLP and unchanged.
    Inline,
    /// New or changed.
    Dirty,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Leaf { path: Nibbles, value: Value },
    Extension { path: Nibbles, child: Link },
    Branch(BranchId),
}

/// Decodes a node below which `rest` nibbles of the key are still to go. The nodes inside it are
/// added to the arena; each level of recursion takes a nibble of `rest` and reads an item below 32
/// bytes.
pub(crate) fn decode(arena: &mut Arena, rlp: &[u8], rest: usize) -> Option<Kind> {
    let mut body = rlp;
    let list = Item::next(&mut body)?;
    if !list.is_list || !body.is_empty() {
        return None;
    }
    let mut body = list.payload;
    let (one, two) = (Item::next(&mut body)?, Item::next(&mut body)?);
    if !body.is_empty() {
        return decode_branch(arena, list.payload, rest);
    }
    if one.is_list {
        return None;
    }
    let (is_leaf, path) = decode_path(one.payload)?;
    if is_leaf {
        let fits = path.len() == rest && !two.is_list && !two.payload.is_empty();
        return fits.then(|| Kind::Leaf {
            path,
            value: arena.add_value(two.payload),
        });
    }
    let below = rest.checked_sub(path.len()).filter(|below| *below > 0)?;
    let child = decode_link(arena, &two, below).filter(|_| !path.is_empty())?;
    let is_branch = match child {
        Link::Hash(_) => true,
        Link::Node(id) => matches!(arena.node(id).kind, Kind::Branch(_)),
    };
    is_branch.then_some(Kind::Extension { path, child })
}

fn decode_branch(arena: &mut Arena, mut body: &[u8], rest: usize) -> Option<Kind> {
    let below = rest.checked_sub(1)?;
    let mut children = Children::default();
    for slot in &mut children {
        let item = Item::next(&mut body)?;
        if item.is_list || !item.payload.is_empty() {
            *slot = Some(decode_link(arena, &item, below)?);
        }
    }
    let value = Item::next(&mut body)?;
    let empty = !value.is_list && value.payload.is_empty() && body.is_empty();
    let forks = children.iter().flatten().count() >= 2;
    (empty && forks).then(|| Kind::Branch(arena.add_branch(children)))
}

fn decode_link(arena: &mut Arena, item: &Item<'_>, rest: usize) -> Option<Link> {
    if !item.is_list {
        return item
            .payload
            .try_into()
            .ok()
            .map(|hash: [u8; 32]| Link::Hash(hash.into()));
    }
    if item.rlp.len() >= 32 {
        return None;
    }
    let kind = decode(arena, item.rlp, rest)?;
    Some(Link::Node(arena.add(Node {
        kind,
        origin: Origin::Inline,
    })))
}

/// Whether the path ends in a leaf, and its nibbles.
fn decode_path(compact: &[u8]) -> Option<(bool, Nibbles)> {
    let (head, packed) = compact.split_first()?;
    let flags = head >> 4;
    let is_odd = flags & 1 == 1;
    if flags > 3
        || packed.len() > 32
        || (is_odd && packed.len() == 32)
        || (!is_odd && *head & 15 != 0)
    {
        return None;
    }
    let nibbles = Nibbles::unpack(packed);
    let path = if is_odd {
        path::with_tail(&Nibbles::new(), head & 15, &nibbles)
    } else {
        nibbles
    };
    Some((flags & 2 != 0, path))
}

/// One RLP item.
struct Item<'a> {
    is_list: bool,
    payload: &'a [u8],
    /// Header and payload.
    rlp: &'a [u8],
}

impl<'a> Item<'a> {
    /// Takes an item off the front; `None` if there is none or it is not canonical.
    fn next(body: &mut &'a [u8]) -> Option<Self> {
        let start = *body;
        let header = Header::decode(body).ok()?;
        let (payload, rest) = body.split_at_checked(header.payload_length)?;
        let rlp = start.get(..start.len().checked_sub(rest.len())?)?;
        *body = rest;
        Some(Self {
            is_list: header.list,
            payload,
            rlp,
        })
    }
}

/// Appends the RLP of a leaf.
pub(crate) fn encode_leaf(path: &Nibbles, value: &[u8], out: &mut Vec<u8>) {
    let path = Compact::new(path, true);
    let payload_length = path.as_slice().length().saturating_add(value.length());
    Header {
        list: true,
        payload_length,
    }
    .encode(out);
    path.as_slice().encode(out);
    value.encode(out);
}

/// Appends the RLP of an extension to the child with this reference.
pub(crate) fn encode_extension(path: &Nibbles, child: &[u8], out: &mut Vec<u8>) {
    let path = Compact::new(path, false);
    let payload_length = path.as_slice().length().saturating_add(child.len());
    Header {
        list: true,
        payload_length,
    }
    .encode(out);
    path.as_slice().encode(out);
    out.extend_from_slice(child);
}

/// Appends the RLP of a branch, given its 17 encoded items.
pub(crate) fn encode_branch(items: &[u8], out: &mut Vec<u8>) {
    Header {
        list: true,
        payload_length: items.len(),
    }
    .encode(out);
    out.extend_from_slice(items);
}

/// The compact form of a path: flags and, if the length is odd, the first nibble in one byte, then
/// two nibbles a byte.
struct Compact {
    bytes: [u8; 33],
    size: usize,
}

impl Compact {
    fn new(path: &Nibbles, is_leaf: bool) -> Self {
        let flags = if is_leaf { 0x20 } else { 0x00 };
        let (head, rest) = match path::split_first(path) {
            Some((nibble, rest)) if path.len() % 2 == 1 => (flags | 0x10 | nibble, rest),
            _ => (flags, *path),
        };
        let mut bytes = [0; 33];
        if let Some((first, body)) = bytes.split_first_mut() {
            *first = head;
            rest.pack_to(body);
        }
        Self {
            bytes,
            size: rest.byte_len().saturating_add(1),
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }
}
