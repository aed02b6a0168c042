//! AVX2: `VPMADDWD` multiplies 16 words and sums them by pairs. Bytes are widened first; the
//! instruction on bytes saturates its pairs and so is of no use.
#![allow(unsafe_code)]
// Indices come from checked shapes.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod lanes;
mod pack;
mod tile;
mod words;

use super::{
    Backend, Ctl, Gemm, Mean, Requant, gram, portable, products, rescale, sums, thin,
    tiled::{self, Form, Micro, Part, ROW, Side, Tile},
};
use crate::{Dtype, Fatal};

/// The proof that this processor has AVX2.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// The backend, if this processor has what it needs.
    pub fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Backend for Avx2 {
    fn name(&self) -> &'static str {
        "avx2"
    }

    fn gemm(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        products::gemm(*self, d, a, b, c, ctl)
    }

    fn requant(
        &self,
        d: &Requant<'_>,
        accumulators: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { requant(d, accumulators, out, ctl) }
    }

    fn keccak_nodes(&self, pairs: &[u8], nodes: &mut [u8]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { words::keccak_nodes(*self, pairs, nodes) }
    }

    fn sum(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { sum(dtype, inputs, out, ctl) }
    }

    fn mean(
        &self,
        d: &Mean<'_>,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { mean(d, inputs, out, ctl) }
    }

    fn gram(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [i64],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        gram::gram(*self, dtype, inputs, out, ctl)
    }

    fn trimmed(
        &self,
        dtype: Dtype,
        cut: usize,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { lanes::trimmed(*self, dtype, cut, inputs, out, ctl) }
    }
}

#[target_feature(enable = "avx2")]
fn plain(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    portable::inlined(d, a, b, c, ctl)
}

#[target_feature(enable = "avx2")]
fn thin(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    thin::gemm(d, a, b, c, ctl)
}

#[target_feature(enable = "avx2")]
fn sum(dtype: Dtype, inputs: &[&[u8]], out: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    sums::sum(dtype, inputs, out, ctl)
}

#[target_feature(enable = "avx2")]
fn mean(d: &Mean<'_>, inputs: &[&[u8]], out: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    sums::mean(d, inputs, out, ctl)
}

#[target_feature(enable = "avx2")]
fn requant(
    d: &Requant<'_>,
    accumulators: &[u8],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    rescale::rescale(d, accumulators, out, ctl)
}

/// Wraps a function of [`tiled`], so that it is compiled for this instruction set.
macro_rules! wrap {
    ($name:ident, $function:path, ($($argument:ident: $type:ty),*)) => {
        #[target_feature(enable = "avx2")]
        fn $name($($argument: $type),*) {
            $function($($argument),*);
        }
    };
}

wrap!(pack_rows, tiled::pack_rows, (form: Form, side: &Side<'_>, part: Part, out: &mut [u8]));
wrap!(interleave, tiled::interleave,
    (form: Form, side: &Side<'_>, part: Part, width: usize, out: &mut [u8]));
wrap!(join, tiled::join,
    (tile: &Tile<'_>, width: usize, low: &[u8], high: &[u8], c: &mut [u8]));

impl Micro for Avx2 {
    const ROWS: usize = tile::ROWS;
    const COLUMNS: usize = tile::COLUMNS;
    const SINGLE_BYTES: bool = false;

    fn plain(
        self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { plain(d, a, b, c, ctl) }
    }

    fn thin(
        self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { thin(d, a, b, c, ctl) }
    }

    fn pack_rows(self, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { pack_rows(form, side, part, out) }
    }

    fn interleave(self, form: Form, side: &Side<'_>, part: Part, width: usize, out: &mut [u8]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { interleave(form, side, part, width, out) }
    }

    fn turn(self, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { pack::turn(form, side, part, out) }
    }

    fn tile(self, tile: &Tile<'_>, c: &mut [u8]) {
        tile::check(tile, c);
        // SAFETY: a value of this type proves that the instructions are there, and the sizes that
        // the kernel reads and writes were checked.
        unsafe { tile::run(tile, c) }
    }

    fn join(self, tile: &Tile<'_>, low: &[u8], high: &[u8], c: &mut [u8]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { join(tile, tile::COLUMNS, low, high, c) }
    }
}
