//! The tree over a tensor: image, page roots, root, descriptor, id, and proofs of single words.
//!
//! ```text
//! packed rows ──pad each row to the stride, all to P pages──▶ image, words of 32 bytes
//!                                                               │ binary Keccak tree
//! id = keccak256(descriptor) ◀── dtype, dims ── root ◀──────────┘
//! ```
//!
//! A page (4,096 bytes, 128 words) and a row are complete subtrees. Subtrees of zeros are constants and
//! never hashed, and the padding is never materialised beyond one batch of pages.
//!
//! Descriptor, the preimage of the id:
//!
//! | offset | size | field | encoding |
//! |---|---|---|---|
//! | 0 | 17 | domain | `foggara/tensor/v1` |
//! | 17 | 1 | dtype | ONNX code |
//! | 18 | 1 | rank r | 1..=4 |
//! | 19 | 4r | dimensions | u32, big-endian |
//! | 19 + 4r | 32 | root | |
//!
//! Source: `PRECOMPILES.md` section 6.1.

use crate::{Backend, Dtype, Fatal, OpError, backend::Ctl, gas};
use alloc::{vec, vec::Vec};
use alloy_primitives::keccak256;

/// First bytes of every descriptor.
const DOMAIN: &[u8; 17] = b"foggara/tensor/v1";

/// Bytes of a page of the image.
pub const PAGE_BYTES: u64 = 4_096;
/// Bytes of a leaf.
const WORD: usize = 32;
/// [`PAGE_BYTES`] as a size in memory.
const PAGE: usize = 4_096;
/// Levels between a word and the root of its page.
const PAGE_LEVELS: u32 = 7;
/// Pages hashed together, between two looks for a cancellation: 32 KiB.
const BATCH: usize = 8;
/// Most dimensions.
const RANK_MAX: usize = 4;

/// A node, or a word, of the tree.
type Node = [u8; WORD];

/// Element type and dimensions of a tensor, checked: 1 to 4 dimensions, none zero, 256 MiB at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorShape {
    dtype: Dtype,
    rank: u8,
    dims: [u32; RANK_MAX],
}

impl TensorShape {
    /// Checks dimensions that are argument `which` of a call.
    ///
    /// # Errors
    /// - [`OpError::BadShape`]: not 1 to 4 dimensions, or one is zero.
    /// - [`OpError::TooLarge`]: more than 256 MiB.
    pub fn new(
        which: u8,
        dtype: Dtype,
        dims: impl IntoIterator<Item = u32>,
    ) -> Result<Self, OpError> {
        let mut shape = Self {
            dtype,
            rank: 0,
            dims: [0; RANK_MAX],
        };
        for dim in dims {
            let place = shape.dims.get_mut(usize::from(shape.rank));
            let place = place.ok_or(OpError::BadShape(which))?;
            if dim == 0 {
                return Err(OpError::BadShape(which));
            }
            *place = dim;
            shape.rank = shape.rank.saturating_add(1);
        }
        if shape.rank == 0 {
            return Err(OpError::BadShape(which));
        }
        gas::at_most(shape.bytes(), gas::TENSOR_BYTES_MAX)?;
        Ok(shape)
    }

    /// Type of the elements.
    pub const fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Dimensions.
    pub fn dims(&self) -> &[u32] {
        self.dims.get(..usize::from(self.rank)).unwrap_or_default()
    }

    /// Number of elements.
    pub fn count(&self) -> u64 {
        product(self.dims())
    }

    /// Packed size in bytes.
    pub fn bytes(&self) -> u64 {
        self.count().saturating_mul(self.dtype.bytes())
    }

    /// Elements that share the first index; a tensor of rank 1 is one row.
    pub fn rows(&self) -> u64 {
        match self.dims() {
            [rows, _, ..] => u64::from(*rows),
            _ => 1,
        }
    }

    /// Packed size of a row in bytes.
    pub fn row_bytes(&self) -> u64 {
        let row = match self.dims() {
            [_, row @ ..] if !row.is_empty() => row,
            all => all,
        };
        product(row).saturating_mul(self.dtype.bytes())
    }

    /// Bytes of the image that a row takes.
    pub fn stride(&self) -> u64 {
        // A row has at most 2^28 bytes.
        self.row_bytes().next_power_of_two().max(WORD as u64)
    }

    /// Where the rows end in the image: padded rows, but for a tensor of rank 1 the data itself, since
    /// what is joined to it goes on with the row.
    fn image_end(&self) -> u64 {
        match self.rank {
            1 => self.row_bytes(),
            _ => self.rows().saturating_mul(self.stride()),
        }
    }

    /// Pages up to the end of the rows; those after it are zero.
    pub fn used_pages(&self) -> u64 {
        self.image_end().div_ceil(PAGE_BYTES)
    }

    /// Whether the rows end where a page does, so that more can be joined to them.
    pub fn ends_on_a_page(&self) -> bool {
        self.image_end().is_multiple_of(PAGE_BYTES)
    }

    /// Whether a tensor of this shape can be a part of one of the other, cut along the first axis:
    /// equal types, ranks and dimensions behind the first.
    pub fn joins(&self, whole: &Self) -> bool {
        let behind = |shape: &Self| {
            let [_, behind @ ..] = shape.dims;
            behind
        };
        self.dtype == whole.dtype && self.rank == whole.rank && behind(self) == behind(whole)
    }

    /// Pages of the image, a power of two.
    pub fn pages(&self) -> u64 {
        self.used_pages().next_power_of_two()
    }

    /// Levels between a word and the root.
    pub fn depth(&self) -> u32 {
        PAGE_LEVELS.saturating_add(self.pages().trailing_zeros())
    }

    /// Words that hold data: what hashing is priced by.
    pub fn data_words(&self) -> u64 {
        self.rows().saturating_mul(gas::words(self.row_bytes()))
    }

    /// Number of pages that hold any of the packed bytes from `start` to `end`, which are inside the
    /// tensor, `start < end`. Padding is not data: a page of nothing else does not count.
    pub fn pages_touched(&self, start: u64, end: u64) -> u64 {
        let (row_bytes, stride) = (self.row_bytes().max(1), self.stride());
        let place = |byte: u64| {
            let row = byte.checked_div(row_bytes).unwrap_or(0);
            (row, byte.checked_rem(row_bytes).unwrap_or(0))
        };
        let (first_row, first) = place(start);
        let (last_row, last) = place(end.saturating_sub(1));
        if stride <= PAGE_BYTES || first_row == last_row {
            let page = |row: u64, byte: u64| {
                let at = row.saturating_mul(stride).saturating_add(byte);
                at.checked_div(PAGE_BYTES).unwrap_or(0)
            };
            let (first, last) = (page(first_row, first), page(last_row, last));
            return last.saturating_sub(first).saturating_add(1);
        }
        let per_row = row_bytes.div_ceil(PAGE_BYTES);
        let before = first.checked_div(PAGE_BYTES).unwrap_or(0);
        let in_last = last.checked_div(PAGE_BYTES).unwrap_or(0).saturating_add(1);
        let between = last_row.saturating_sub(first_row).saturating_sub(1);
        per_row
            .saturating_sub(before)
            .saturating_add(between.saturating_mul(per_row))
            .saturating_add(in_last)
    }

    /// Writes page `index` of the image of `data` to `page`, which is zero.
    fn fill(&self, data: &[u8], index: u64, page: &mut [u8]) {
        let start = index.saturating_mul(PAGE_BYTES);
        let (row_bytes, stride) = (self.row_bytes(), self.stride());
        // Within a page or a row all strides are powers of two: either many rows lie in the page, or
        // the page lies in one row.
        let (mut row, skip) = (
            start.checked_div(stride).unwrap_or(0),
            start.checked_rem(stride).unwrap_or(0),
        );
        let step = usize::try_from(stride.min(PAGE_BYTES)).unwrap_or(PAGE);
        for place in page.chunks_mut(step) {
            let from = row.saturating_mul(row_bytes).saturating_add(skip);
            let size = row_bytes.saturating_sub(skip).min(place.len() as u64);
            let end = from.saturating_add(size);
            let range = usize::try_from(from).unwrap_or(usize::MAX)
                ..usize::try_from(end).unwrap_or(usize::MAX);
            let Some(bytes) = data.get(range) else {
                return;
            };
            if let Some(place) = place.get_mut(..bytes.len()) {
                place.copy_from_slice(bytes);
            }
            row = row.saturating_add(1);
        }
    }
}

fn product(dims: &[u32]) -> u64 {
    dims.iter()
        .fold(1, |all, dim| u64::from(*dim).saturating_mul(all))
}

/// What identifies a tensor: its shape and the root of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Element type and dimensions.
    pub shape: TensorShape,
    /// Root of the tree over the image.
    pub root: [u8; 32],
}

impl Descriptor {
    /// The preimage of the id, laid out as above.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(67);
        out.extend_from_slice(DOMAIN);
        out.extend([self.shape.dtype.code(), self.shape.rank]);
        for dim in self.shape.dims() {
            out.extend(dim.to_be_bytes());
        }
        out.extend(self.root);
        out
    }

    /// Reads a descriptor; `None` if the bytes are not exactly one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(DOMAIN)?;
        let ([dtype, rank], rest) = rest.split_first_chunk()?;
        let (dims, root) = rest.split_at_checked(usize::from(*rank).checked_mul(4)?)?;
        let dims = dims
            .as_chunks()
            .0
            .iter()
            .map(|dim| u32::from_be_bytes(*dim));
        Some(Self {
            shape: TensorShape::new(0, Dtype::from_code(*dtype)?, dims).ok()?,
            root: root.try_into().ok()?,
        })
    }

    /// The id: the hash of the descriptor.
    pub fn id(&self) -> [u8; 32] {
        keccak256(self.encode()).0
    }
}

/// Roots of the pages of `data`, 32 bytes each, up to the last that holds a row.
///
/// Time: at most 1.4 hashes of 64 bytes per word of data.
///
/// # Errors
/// [`Fatal::Cancelled`].
pub fn page_roots(
    shape: &TensorShape,
    data: &[u8],
    backend: &dyn Backend,
    ctl: &mut Ctl<'_>,
) -> Result<Vec<u8>, Fatal> {
    let pages = usize::try_from(shape.used_pages()).unwrap_or(0);
    let mut roots = Vec::with_capacity(pages.saturating_mul(WORD));
    let mut levels = Levels::new();
    let mut image = vec![0; BATCH.min(pages).saturating_mul(PAGE)];
    let mut done = 0u64;
    while done < pages as u64 {
        ctl.next(HASH_WORK)?;
        image.fill(0);
        let mut batch = 0usize;
        for (index, page) in (done..pages as u64).zip(image.chunks_exact_mut(PAGE)) {
            shape.fill(data, index, page);
            batch = batch.saturating_add(1);
        }
        let used = batch.saturating_mul(PAGE);
        let leaves = image.get(..used).unwrap_or_default();
        let mut level = levels.up(0, leaves, backend);
        for height in 1..PAGE_LEVELS {
            level = levels.up(height, &level, backend);
        }
        roots.extend_from_slice(&level);
        done = done.saturating_add(batch as u64);
    }
    Ok(roots)
}

/// Announced to [`Ctl`] for a batch, so that it looks after each.
const HASH_WORK: usize = 1 << 22;

/// Root of the tree over pages with these roots, 32 bytes each.
///
/// # Errors
/// [`Fatal::Cancelled`].
pub fn root(
    shape: &TensorShape,
    page_roots: &[u8],
    backend: &dyn Backend,
    ctl: &mut Ctl<'_>,
) -> Result<[u8; 32], Fatal> {
    let mut levels = Levels::new();
    let mut level = page_roots.to_vec();
    for height in PAGE_LEVELS..shape.depth() {
        ctl.next(level.len())?;
        level = levels.up(height, &level, backend);
    }
    Ok(level.first_chunk().copied().unwrap_or_default())
}

/// One level of the tree after another, with the constants that stand for zeros.
struct Levels {
    /// Root of a subtree of zeros, by height.
    zero: Node,
    height: u32,
}

impl Levels {
    const fn new() -> Self {
        Self {
            zero: [0; WORD],
            height: 0,
        }
    }

    /// Root of a subtree of zeros with this height.
    fn zero(&mut self, height: u32) -> Node {
        if height < self.height {
            *self = Self::new();
        }
        while self.height < height {
            self.zero = node(&self.zero, &self.zero);
            self.height = self.height.saturating_add(1);
        }
        self.zero
    }

    /// The level above `level`, whose nodes have this height. What is missing on the right is zero.
    fn up(&mut self, height: u32, level: &[u8], backend: &dyn Backend) -> Vec<u8> {
        let zero = self.zero(height);
        let above = self.zero(height.saturating_add(1));
        let count = level.len().div_ceil(2 * WORD);
        let mut out = Vec::with_capacity(count.saturating_mul(WORD));
        let mut pairs = Vec::with_capacity(level.len().next_multiple_of(2 * WORD));
        for pair in level.chunks(2 * WORD) {
            if is_zero(pair, &zero) {
                continue;
            }
            pairs.extend_from_slice(pair);
            if pair.len() == WORD {
                pairs.extend_from_slice(&zero);
            }
        }
        let mut hashed = vec![0; pairs.len() >> 1];
        backend.keccak_nodes(&pairs, &mut hashed);
        if hashed.len() == count.saturating_mul(WORD) {
            return hashed;
        }
        let mut hashed = hashed.chunks_exact(WORD);
        for pair in level.chunks(2 * WORD) {
            let node = if is_zero(pair, &zero) {
                &above[..]
            } else {
                hashed.next().unwrap_or_default()
            };
            out.extend_from_slice(node);
        }
        out
    }
}

/// Whether all nodes of a pair are the root of zeros.
fn is_zero(pair: &[u8], zero: &Node) -> bool {
    pair.chunks(WORD).all(|node| node == zero)
}

fn node(left: &Node, right: &Node) -> Node {
    let mut pair = [0; 2 * WORD];
    let (a, b) = pair.split_at_mut(WORD);
    a.copy_from_slice(left);
    b.copy_from_slice(right);
    keccak256(pair).0
}

/// That a word of the image is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordProof {
    /// Index of the word in the image.
    pub index: u64,
    /// The word.
    pub word: [u8; 32],
    /// Siblings from the word to the root.
    pub siblings: Vec<[u8; 32]>,
}

impl WordProof {
    /// Proves word `index` of the image of `data`, given the roots of its pages; `None` if the image
    /// ends before it.
    pub fn new(
        shape: &TensorShape,
        data: &[u8],
        page_roots: &[u8],
        index: u64,
        backend: &dyn Backend,
    ) -> Option<Self> {
        if index >> shape.depth() != 0 {
            return None;
        }
        let mut page = [0; PAGE];
        shape.fill(data, index >> PAGE_LEVELS, &mut page);
        let mut levels = Levels::new();
        let mut siblings = Vec::new();
        let mut level = page.to_vec();
        let mut at = index & 127;
        let word = *level.as_chunks().0.get(usize::try_from(at).ok()?)?;
        for height in 0..shape.depth() {
            if height == PAGE_LEVELS {
                level = page_roots.to_vec();
                at = index >> PAGE_LEVELS;
            }
            let sibling = usize::try_from(at ^ 1).ok()?;
            let found = level.as_chunks().0.get(sibling).copied();
            siblings.push(found.unwrap_or_else(|| levels.zero(height)));
            level = levels.up(height, &level, backend);
            at >>= 1;
        }
        Some(Self {
            index,
            word,
            siblings,
        })
    }

    /// Whether the word belongs to an image with this root and depth.
    pub fn verify(&self, root: &[u8; 32], depth: u32) -> bool {
        if self.siblings.len() as u64 != u64::from(depth)
            || self.index.checked_shr(depth).unwrap_or(0) != 0
        {
            return false;
        }
        let mut at = self.index;
        let mut hash = self.word;
        for sibling in &self.siblings {
            hash = match at & 1 {
                0 => node(&hash, sibling),
                _ => node(sibling, &hash),
            };
            at >>= 1;
        }
        hash == *root
    }
}

#[cfg(test)]
mod tests;
