//! The blocked product around a register tile: shared by the vector instruction sets.
//!
//! Both sides are cut into blocks of the inner dimension and packed as *groups* of 32 bits, the
//! unit in which the instructions eat: four bytes or two words of one vector. A tile kernel then
//! multiplies some rows of A with a panel of columns of B:
//!
//! ```text
//! A given as [m][k]   [row][GROUPS + 16]           copied
//! A given as [k][m]   [tile][group][ROWS]          interleaved
//! B                   [panel][group][COLUMNS]      stays in cache while all tiles of A pass
//! ```
//!
//! Beyond the inner dimension B is filled with zeros, so what A holds there does not count.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{Ctl, Gemm};
use crate::Fatal;
use alloc::vec::Vec;
use core::cell::Cell;

/// Groups of a block of the inner dimension.
pub(super) const GROUPS: usize = 512;
/// Bytes from row to row of A. Not a power of two, so that rows fall into different cache sets.
pub(super) const ROW: usize = (GROUPS + 16) * 4;
/// Rows of a block of A: a multiple of every tile, and at most 2^22 multiply-adds with a panel.
pub(super) const BLOCK_ROWS: usize = 60;
/// Columns of a block of B: a multiple of every panel.
pub(super) const BLOCK_COLUMNS: usize = 256;
/// Groups of a block when words are multiplied by halves: sums of 2 * 128 products of 8 by 16 bits
/// fit 32 bits.
pub(super) const GROUPS_OF_HALVES: usize = 128;

/// How elements become groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Four bytes as they are.
    Bytes,
    /// Four signed bytes plus 128, so that they are unsigned.
    Flipped,
    /// Two signed bytes, widened.
    WideI8,
    /// Two unsigned bytes, widened.
    WideU8,
    /// Two words as they are.
    Words,
    /// The low bytes of two words, unsigned and widened.
    LowBytes,
    /// The high bytes of two words, signed and widened.
    HighBytes,
}

impl Form {
    /// Elements in a group.
    pub(super) const fn elements(self) -> usize {
        match self {
            Self::Bytes | Self::Flipped => 4,
            _ => 2,
        }
    }

    /// Bytes of an element as it is given.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::Words | Self::LowBytes | Self::HighBytes => 2,
            _ => 1,
        }
    }
}

/// A or B of one product: `rows` vectors of length `k`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) rows: usize,
    pub(super) k: usize,
    /// Whether it lies as `[k][rows]`.
    pub(super) transposed: bool,
}

/// A part of a side, in elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) row: usize,
    pub(super) rows: usize,
    pub(super) from: usize,
    pub(super) count: usize,
}

impl<'a> Side<'a> {
    /// The bytes of one line as it lies, from `first` on, `count` elements.
    #[inline(always)]
    pub(super) fn line(&self, form: Form, line: usize, first: usize, count: usize) -> &'a [u8] {
        let pitch = if self.transposed { self.rows } else { self.k };
        let start = (line * pitch + first) * form.size();
        &self.bytes[start..start + count * form.size()]
    }
}

/// One tile: `rows` of A times `columns` of B over `groups`.
#[derive(Debug)]
pub(super) struct Tile<'a> {
    /// Rows from here on: [`ROW`] bytes apart, or as groups of all rows of a tile.
    pub(super) a: &'a [u8],
    pub(super) interleaved: bool,
    pub(super) b: &'a [u8],
    /// What the sum of each column begins with; as many as a panel has.
    pub(super) bias: &'a [i32],
    pub(super) groups: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Sums of a whole row of C.
    pub(super) pitch: usize,
    /// Whether sums are added to what C holds.
    pub(super) adds: bool,
    /// Whether groups are four bytes, the first side unsigned, or two words.
    pub(super) of_bytes: bool,
}

/// An instruction set as the blocked product sees it. A value is the proof that it is there.
pub(super) trait Micro: Copy {
    /// Rows of a tile, a divisor of 60.
    const ROWS: usize;
    /// Columns of a panel, a divisor of 256.
    const COLUMNS: usize;
    /// Whether it multiplies groups of four bytes, and not only pairs of words.
    const SINGLE_BYTES: bool;

    /// Any product, by the portable loops.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn plain(
        self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal>;
    /// A product of few or short rows: [`super::thin::gemm`].
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn thin(
        self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal>;
    /// Lays transposed sides straight: [`super::straight::straighten`].
    fn straighten(self, side: (usize, usize, usize), from: &[u8], to: &mut [u8]);
    /// Packs lines of `side` as rows of A: [`pack_rows`].
    fn pack_rows(self, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]);
    /// Packs a transposed side as groups of [`Micro::ROWS`] or [`Micro::COLUMNS`]: [`super::interleave`].
    fn interleave(
        self,
        form: Form,
        side: &Side<'_>,
        part: Part,
        columns: (usize, usize),
        out: &mut [u8],
    );
    /// Packs lines of `side` as a panel of B. Columns and inner elements that are not there are
    /// zero.
    fn turn(self, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]);
    /// `-128` times the sum of the bytes of each column of a panel; asked only of those with
    /// [`Micro::SINGLE_BYTES`].
    fn bias(self, panel: &[u8], bias: &mut [i32]) {
        let _ = (panel, bias);
    }
    /// Multiplies a tile; `c` begins at its first sum.
    fn tile(self, tile: &Tile<'_>, c: &mut [u8]);
    /// Joins products of low and high bytes: [`join`].
    fn join(self, tile: &Tile<'_>, low: &[u8], high: &[u8], c: &mut [u8]);
}

/// A product of one A with one B.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) a: Side<'a>,
    pub(super) b: Side<'a>,
    pub(super) forms: Forms,
}

/// How the sides of a product are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forms {
    /// Sums of 32 bits from these forms of A and B.
    Single(Form, Form),
    /// Words, A by low and high bytes; sums of 64 bits.
    Halves,
}

/// Buffers for packed blocks, kept by a thread between products.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    bias: Vec<i32>,
}

/// Bytes of a packed block of A.
const A_BYTES: usize = BLOCK_ROWS * ROW;
/// Bytes of a packed block of B.
const B_BYTES: usize = BLOCK_COLUMNS * GROUPS * 4;
/// Bytes of a tile of sums of 32 bits.
const SUMS_BYTES: usize = Scratch::SUMS;
/// Cache line, and the widest vector.
const LINE: usize = 64;

impl Scratch {
    /// Bytes of the largest tile of sums.
    const SUMS: usize = 12 * 32 * 4;

    const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            bias: Vec::new(),
        }
    }

    /// Buffers for the bias of [`BLOCK_COLUMNS`], as many columns of B, two blocks of A, and two tiles of
    /// sums.
    pub(super) fn buffers(&mut self) -> (&mut [i32], [&mut [u8]; 5]) {
        if self.bytes.is_empty() {
            self.bytes = alloc::vec![0; 2 * A_BYTES + B_BYTES + 2 * SUMS_BYTES + LINE];
            self.bias = alloc::vec![0; BLOCK_COLUMNS];
        }
        let skip = self.bytes.as_ptr().align_offset(LINE).min(LINE);
        let (b, rest) = self.bytes[skip..].split_at_mut(B_BYTES);
        let (first, rest) = rest.split_at_mut(A_BYTES);
        let (second, sums) = rest.split_at_mut(A_BYTES);
        let (low, high) = sums.split_at_mut(SUMS_BYTES);
        (&mut self.bias, [b, first, second, low, high])
    }
}

/// Computes `c` of `p`, as bytes of its sums.
///
/// `poll` is told of work before it is done, at most 2^22 multiply-adds or 2^20 bytes at a time.
///
/// # Errors
/// What `poll` answers.
pub(super) fn product<M: Micro>(
    micro: M,
    p: &Product<'_>,
    c: &mut [u8],
    poll: &mut dyn FnMut(usize) -> Result<(), Fatal>,
) -> Result<(), Fatal> {
    with_scratch(|scratch| blocked(micro, p, c, scratch, poll))
}

/// Lends the buffers of this thread.
pub(super) fn with_scratch<R>(run: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.take();
    let result = run(&mut scratch);
    SCRATCH.set(scratch);
    result
}

std::thread_local! {
    /// Packed blocks want the same pages again.
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

fn blocked<M: Micro>(
    micro: M,
    p: &Product<'_>,
    c: &mut [u8],
    scratch: &mut Scratch,
    poll: &mut dyn FnMut(usize) -> Result<(), Fatal>,
) -> Result<(), Fatal> {
    let (m, k, n) = (p.a.rows, p.a.k, p.b.rows);
    let (a_forms, b_form, most_groups, size) = match p.forms {
        Forms::Single(a, b) => ([a, a], b, GROUPS, 4),
        Forms::Halves => {
            let halves = [Form::LowBytes, Form::HighBytes];
            (halves, Form::Words, GROUPS_OF_HALVES, 8)
        }
    };
    let (bias, [b_block, first, second, low, high]) = scratch.buffers();
    bias.fill(0);
    let step = most_groups * b_form.elements();
    let panel_bytes = |groups: usize| M::COLUMNS * groups * 4;

    for (column, columns) in blocks(n, BLOCK_COLUMNS) {
        for (from, count) in blocks(k, step) {
            let groups = count.div_ceil(b_form.elements());
            poll(columns * count)?;
            for (j, panel_columns) in blocks(columns, M::COLUMNS) {
                let part = Part {
                    row: column + j,
                    rows: panel_columns,
                    from,
                    count,
                };
                let at = j / M::COLUMNS * panel_bytes(groups);
                let panel = &mut b_block[at..at + panel_bytes(groups)];
                if p.b.transposed {
                    micro.interleave(b_form, &p.b, part, (M::COLUMNS, panel.len()), panel);
                } else {
                    micro.turn(b_form, &p.b, part, panel);
                }
                if a_forms[0] == Form::Flipped {
                    micro.bias(panel, &mut bias[j..j + M::COLUMNS]);
                }
            }
            for (row, rows) in blocks(m, BLOCK_ROWS) {
                let part = Part {
                    row,
                    rows,
                    from,
                    count,
                };
                poll(rows * count)?;
                pack_a::<M>(micro, a_forms[0], &p.a, part, first);
                if p.forms == Forms::Halves {
                    pack_a::<M>(micro, a_forms[1], &p.a, part, second);
                }
                for (j, panel_columns) in blocks(columns, M::COLUMNS) {
                    poll(rows * M::COLUMNS * count)?;
                    let at = j / M::COLUMNS * panel_bytes(groups);
                    for (i, tile_rows) in blocks(rows, M::ROWS) {
                        let a_at = if p.a.transposed {
                            i * GROUPS * 4
                        } else {
                            i * ROW
                        };
                        let mut tile = Tile {
                            a: &first[a_at..],
                            interleaved: p.a.transposed,
                            b: &b_block[at..at + panel_bytes(groups)],
                            bias: &bias[j..j + M::COLUMNS],
                            groups,
                            rows: tile_rows,
                            columns: panel_columns,
                            pitch: n,
                            adds: from > 0,
                            of_bytes: b_form == Form::Bytes,
                        };
                        let c = &mut c[((row + i) * n + column + j) * size..];
                        if p.forms == Forms::Halves {
                            (tile.pitch, tile.adds) = (M::COLUMNS, false);
                            micro.tile(&tile, low);
                            tile.a = &second[a_at..];
                            micro.tile(&tile, high);
                            (tile.pitch, tile.adds) = (n, from > 0);
                            micro.join(&tile, low, high, c);
                        } else {
                            micro.tile(&tile, c);
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn pack_a<M: Micro>(micro: M, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
    if !side.transposed {
        return micro.pack_rows(form, side, part, out);
    }
    micro.interleave(form, side, part, (M::ROWS, M::ROWS * GROUPS * 4), out);
}

/// Splits `0..total` into blocks, each as (first, count).
#[inline(always)]
pub(super) fn blocks(total: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..total)
        .step_by(size)
        .map(move |first| (first, size.min(total - first)))
}

/// Packs lines of `side` as rows of A, [`ROW`] bytes apart.
#[inline(always)]
pub(super) fn pack_rows(form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
    for (row, out) in out.chunks_exact_mut(ROW).take(part.rows).enumerate() {
        widen(
            form,
            side.line(form, part.row + row, part.from, part.count),
            out,
        );
    }
}

/// Writes the elements of a line as groups.
#[inline(always)]
pub(super) fn widen(form: Form, line: &[u8], out: &mut [u8]) {
    let words = || line.chunks_exact(2).map(|word| [word[0], word[1]]);
    let pairs = out.chunks_exact_mut(2);
    match form {
        Form::Bytes | Form::Words => out[..line.len()].copy_from_slice(line),
        Form::Flipped => line
            .iter()
            .zip(out)
            .for_each(|(byte, out)| *out = byte ^ 0x80),
        Form::WideI8 => line.iter().zip(pairs).for_each(|(byte, out)| {
            out.copy_from_slice(&i16::from(byte.cast_signed()).to_le_bytes());
        }),
        Form::WideU8 => line
            .iter()
            .zip(pairs)
            .for_each(|(byte, out)| out.copy_from_slice(&u16::from(*byte).to_le_bytes())),
        Form::LowBytes => words().zip(pairs).for_each(|(word, out)| {
            out.copy_from_slice(&(u16::from_le_bytes(word) & 0xff).to_le_bytes());
        }),
        Form::HighBytes => words().zip(pairs).for_each(|(word, out)| {
            out.copy_from_slice(&(i16::from_le_bytes(word) >> 8).to_le_bytes());
        }),
    }
}

/// Writes `low + 256 * high` of each sum of a tile into C. `low` and `high` are as wide as a panel.
#[inline(always)]
pub(super) fn join(tile: &Tile<'_>, width: usize, low: &[u8], high: &[u8], c: &mut [u8]) {
    let lines = low
        .chunks_exact(width * 4)
        .zip(high.chunks_exact(width * 4));
    for ((low, high), c) in lines.zip(c.chunks_mut(tile.pitch * 8)).take(tile.rows) {
        let sums = low.as_chunks::<4>().0.iter().zip(high.as_chunks::<4>().0);
        let outs = c.as_chunks_mut::<8>().0.iter_mut().take(tile.columns);
        for ((low, high), out) in sums.zip(outs) {
            let sum =
                i64::from(i32::from_le_bytes(*low)) + (i64::from(i32::from_le_bytes(*high)) << 8);
            let before = if tile.adds {
                i64::from_le_bytes(*out)
            } else {
                0
            };
            *out = before.wrapping_add(sum).to_le_bytes();
        }
    }
}
