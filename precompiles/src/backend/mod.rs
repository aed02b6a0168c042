//! What does the work, once a call is decoded, checked and paid for.

mod arith;
#[cfg(test)]
mod plain;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

use crate::{Fatal, Host};

/// Multiply-adds, or elements moved, between two looks at [`Host::cancelled`].
const POLL_EVERY: u64 = 1 << 22;

/// Types of a product: `a * b` summed into `c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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

    pub(crate) const fn a_bytes(self) -> u64 {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::I32Wide => 4,
        }
    }

    pub(crate) const fn b_bytes(self) -> u64 {
        self.a_bytes()
    }

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
pub(crate) struct Gemm {
    pub(crate) kind: Kind,
    /// A is given as `[k][m]`, not `[m][k]`.
    pub(crate) a_transposed: bool,
    /// B is given as `[k][n]`, not `[n][k]`.
    pub(crate) b_transposed: bool,
    /// There is one B for all batches.
    pub(crate) b_shared: bool,
    pub(crate) batch: usize,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

/// Looks at [`Host::cancelled`] often enough.
pub(crate) struct Ctl<'a> {
    host: &'a dyn Host,
    /// Work since the last look.
    done: u64,
}

impl<'a> Ctl<'a> {
    pub(crate) const fn new(host: &'a dyn Host) -> Self {
        Self { host, done: 0 }
    }

    /// Announces a piece of work, at most [`POLL_EVERY`].
    pub(crate) fn next(&mut self, work: usize) -> Result<(), Fatal> {
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
