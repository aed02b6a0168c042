//! AVX-512 with VNNI: `VPDPBUSD` multiplies 64 bytes and sums them by fours.
#![allow(unsafe_code)]
// Indices come from checked shapes.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod lanes;
mod pack;
mod tile;
mod words;

use super::{
    Backend, Ctl, Gemm, Mean, Requant, gram, interleave, portable, products, rescale, straight,
    sums, thin,
    tiled::{self, Form, Micro, Part, ROW, Side, Tile},
    x86,
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

x86::backend!(Avx512, "avx512-vnni", "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni", single_bytes: true, {
    fn bias(self, panel: &[u8], bias: &mut [i32]) {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { pack::bias(panel, bias) }
    }
});
