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
    Backend, Ctl, Gemm, Mean, Requant, gram, interleave, portable, products, rescale, straight,
    sums, thin,
    tiled::{self, Form, Micro, Part, ROW, Side, Tile},
    x86,
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

x86::backend!(Avx2, "avx2", "avx2", single_bytes: false, {});
