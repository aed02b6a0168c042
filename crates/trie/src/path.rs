//! Small operations on paths. A path and what is left of its key are at most 64 nibbles together,
//! so none of these can overflow.

use alloy_trie::Nibbles;

/// The first nibble and the rest; `None` for the empty path.
pub(crate) fn split_first(path: &Nibbles) -> Option<(u8, Nibbles)> {
    Some((path.first()?, skip(path, 1)))
}

/// The path without its first `count` nibbles.
pub(crate) fn skip(path: &Nibbles, count: usize) -> Nibbles {
    if count >= path.len() {
        Nibbles::new()
    } else {
        path.slice(count..)
    }
}

/// The first `count` nibbles of the path.
pub(crate) fn first(path: &Nibbles, count: usize) -> Nibbles {
    path.slice(..count.min(path.len()))
}

/// The path with one nibble after it.
pub(crate) fn with(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut longer = *path;
    longer.push(nibble);
    longer
}

/// The path with one nibble and another path after it.
pub(crate) fn with_tail(path: &Nibbles, nibble: u8, tail: &Nibbles) -> Nibbles {
    with(path, nibble).join(tail)
}
