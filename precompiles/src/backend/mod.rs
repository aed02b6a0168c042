//! What does the work, once a call is decoded, checked and paid for.
//!
//! A backend computes; what it computes is defined once, in [`plain`] and [`aggregate`], as scalar
//! code. Every backend gives the same bytes.

mod aggregate;
mod arith;
#[cfg(test)]
mod plain;
mod portable;
mod requant;
mod sampled;
#[cfg(test)]
mod tests;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx512;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod divide;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod gram;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod interleave;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod keccak;
#[cfg(all(feature = "std", target_arch = "aarch64"))]
mod neon;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod order;
#[cfg(feature = "parallel")]
mod parallel;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod products;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod rescale;
#[cfg(feature = "std")]
mod select;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod sorts;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod straight;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod sums;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod thin;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod tiled;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub use avx2::Avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub use avx512::Avx512;
#[cfg(all(feature = "std", target_arch = "aarch64"))]
pub use neon::Neon;
#[cfg(feature = "parallel")]
pub use parallel::Parallel;
pub use portable::Portable;
pub use sampled::Sampled;
#[cfg(feature = "std")]
pub use select::{Alarm, Choice, Selection, UnknownChoice, select};

use crate::{Dtype, Fatal, Host};
use core::fmt::Debug;

/// Computes what an operation has decoded, checked and charged.
///
/// All tensors are packed, little-endian and row-major, at any alignment, and have exactly the sizes
/// that their descriptions say. An implementor must give the bytes of [`Portable`], whatever the
/// shape; [`Fatal::Cancelled`] is the only other answer, and only when `ctl` said so.
pub trait Backend: Debug + Send + Sync {
    /// Name for logs and metrics.
    fn name(&self) -> &'static str;

    /// Integer matrix products.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`]; `c` is then of no use.
    fn gemm(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal>;

    /// Brings `i32` accumulators, rows of `d.columns`, to 8 bits.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn requant(
        &self,
        d: &Requant<'_>,
        accumulators: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        requant::requant(d, accumulators, out, ctl)
    }

    /// Sums modulo `2^32` ([`Dtype::I32`]) or `2^64` ([`Dtype::I64`]), coordinate by coordinate.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn sum(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        aggregate::sum(dtype, inputs, out, ctl)
    }

    /// Weighted means, coordinate by coordinate, as `i32`.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn mean(
        &self,
        d: &Mean<'_>,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        aggregate::mean(d, inputs, out, ctl)
    }

    /// Per coordinate the mean of the values that are left when the `cut` lowest and the `cut` highest
    /// are dropped, half away from zero. With `cut = (count - 1) / 2` this is the median.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn trimmed(
        &self,
        dtype: Dtype,
        cut: usize,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        aggregate::trimmed(dtype, cut, inputs, out, ctl)
    }

    /// Inner products of all pairs of `i8` or `i16` vectors: upper triangle, row by row, with the
    /// diagonal. Exact for up to `2^22` elements.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`].
    fn gram(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [i64],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        aggregate::gram(dtype, inputs, out, ctl)
    }

    /// `keccak256` of each 64 bytes of `pairs`, into the 32 bytes at its place in `nodes`.
    fn keccak_nodes(&self, pairs: &[u8], nodes: &mut [u8]) {
        for (pair, node) in pairs.chunks_exact(64).zip(nodes.chunks_exact_mut(32)) {
            node.copy_from_slice(alloy_primitives::keccak256(pair).as_slice());
        }
    }
}

/// How `i32` accumulators become 8-bit elements: scaled, shifted by a zero point, clamped, looked up.
#[derive(Debug, Clone, Copy)]
pub struct Requant<'a> {
    /// [`Dtype::I8`] or [`Dtype::U8`].
    pub to: Dtype,
    /// Columns of a row; a scale belongs to a column.
    pub columns: usize,
    /// One scale for all columns, or one for each.
    pub scales: Scales<'a>,
    /// Zero point of the result.
    pub zero: i32,
    /// Lowest result, in the range of `to`.
    pub lowest: i32,
    /// Highest result, in the range of `to`.
    pub highest: i32,
    /// 256 bytes that replace each result, if any.
    pub lut: Option<&'a [u8]>,
}

/// Scales, checked.
#[derive(Debug, Clone, Copy)]
pub enum Scales<'a> {
    /// `R_TOSA`: little-endian `i32` multipliers, and as many `u8` shifts.
    Tosa {
        /// Multipliers, 4 bytes each, not negative.
        multipliers: &'a [u8],
        /// Shifts, 2..=62.
        shifts: &'a [u8],
    },
    /// `R_ONNX`: little-endian bit patterns of `f32`.
    Onnx(&'a [u8]),
}

/// A weighted mean.
#[derive(Debug, Clone, Copy)]
pub struct Mean<'a> {
    /// Element type of the inputs: [`Dtype::I8`], [`Dtype::I16`] or [`Dtype::I32`].
    pub dtype: Dtype,
    /// One weight for each input; sums of products stay within 63 bits.
    pub weights: &'a [i32],
    /// What the sums are divided by, not zero.
    pub denominator: u64,
}

/// Multiply-adds, or elements moved, between two looks at [`Host::cancelled`].
const POLL_EVERY: u64 = 1 << 22;

/// Types of a product: `a * b` summed into `c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `i8 * i8` into `i32`, exact.
    I8,
    /// `u8 * i8` into `i32`, exact.
    U8,
    /// `i16 * i16` into `i64`, exact.
    I16,
    /// `i32 * i32` into `i32`, mod 2^32.
    I32,
    /// `i32 * i32` into `i64`, mod 2^64.
    I32Wide,
}

impl Kind {
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::I8,
            1 => Self::U8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::I32Wide,
            _ => return None,
        })
    }

    /// Type of B's elements (and of A's, but for [`Kind::U8`]), and of the result's.
    pub(crate) const fn dtypes(self) -> (Dtype, Dtype) {
        match self {
            Self::I8 | Self::U8 => (Dtype::I8, Dtype::I32),
            Self::I16 => (Dtype::I16, Dtype::I64),
            Self::I32 => (Dtype::I32, Dtype::I32),
            Self::I32Wide => (Dtype::I32, Dtype::I64),
        }
    }

    /// Bytes of an element and of a sum.
    #[cfg(feature = "std")]
    const fn sizes(self) -> (usize, usize) {
        match self {
            Self::I8 | Self::U8 => (1, 4),
            Self::I16 => (2, 8),
            Self::I32 => (4, 4),
            Self::I32Wide => (4, 8),
        }
    }

    #[cfg(test)]
    pub(crate) const fn a_bytes(self) -> u64 {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::I32Wide => 4,
        }
    }

    #[cfg(test)]
    pub(crate) const fn b_bytes(self) -> u64 {
        self.a_bytes()
    }

    #[cfg(test)]
    pub(crate) const fn c_bytes(self) -> u64 {
        match self {
            Self::I8 | Self::U8 | Self::I32 => 4,
            Self::I16 | Self::I32Wide => 8,
        }
    }

    pub(crate) const fn multiply_adds_per_gas(self) -> u64 {
        match self {
            Self::I8 | Self::U8 => 128,
            Self::I16 => 64,
            Self::I32 => 16,
            Self::I32Wide => 8,
        }
    }
}

/// A checked product: `c[i][j] = sum over l of a[i][l] * b[j][l]`, `batch` times. Every side is at
/// least 1, and the slices that go with it have exactly its sizes.
#[derive(Debug, Clone, Copy)]
pub struct Gemm {
    /// Types.
    pub kind: Kind,
    /// A is given as `[k][m]`, not `[m][k]`.
    pub a_transposed: bool,
    /// B is given as `[k][n]`, not `[n][k]`.
    pub b_transposed: bool,
    /// There is one B for all batches.
    pub b_shared: bool,
    /// How many products.
    pub batch: usize,
    /// Rows of A and C.
    pub m: usize,
    /// Elements summed.
    pub k: usize,
    /// Rows of B, columns of C.
    pub n: usize,
}

/// Looks at [`Host::cancelled`] often enough.
#[allow(missing_debug_implementations)]
pub struct Ctl<'a> {
    host: &'a dyn Host,
    /// Work since the last look.
    done: u64,
}

impl<'a> Ctl<'a> {
    /// Asks `host`.
    pub const fn new(host: &'a dyn Host) -> Self {
        Self { host, done: 0 }
    }

    /// Announces a piece of work, at most `2^22` multiply-adds or elements.
    ///
    /// # Errors
    /// [`Fatal::Cancelled`]: nobody waits for the answer any more.
    pub fn next(&mut self, work: usize) -> Result<(), Fatal> {
        self.done = self.done.saturating_add(work as u64);
        if self.done > POLL_EVERY {
            self.done = work as u64;
            if self.host.cancelled() {
                return Err(Fatal::Cancelled);
            }
        }
        Ok(())
    }
}
