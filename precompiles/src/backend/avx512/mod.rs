//! AVX-512 with VNNI: `VPDPBUSD` multiplies 64 bytes and sums them by fours.
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

/// The proof that this processor has AVX-512 F, BW, VL, DQ and VNNI.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// The backend, if this processor has what it needs.
    pub fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni");
        has.then_some(Self(()))
    }
}

impl Backend for Avx512 {
    fn name(&self) -> &'static str {
        "avx512-vnni"
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn plain(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    portable::inlined(d, a, b, c, ctl)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn thin(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    thin::gemm(d, a, b, c, ctl)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn sum(dtype: Dtype, inputs: &[&[u8]], out: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    sums::sum(dtype, inputs, out, ctl)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn mean(d: &Mean<'_>, inputs: &[&[u8]], out: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    sums::mean(d, inputs, out, ctl)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
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
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
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

impl Micro for Avx512 {
    const ROWS: usize = tile::ROWS;
    const COLUMNS: usize = tile::COLUMNS;
    const SINGLE_BYTES: bool = true;

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

    fn bias(self, panel: &[u8], bias: &mut [i32]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { pack::bias(panel, bias) }
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
