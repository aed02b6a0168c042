//! Minima and maxima of vectors, for the sorting networks.

use super::{
    super::{
        Ctl,
        order::{self, Lanes},
        x86,
    },
    Avx2,
};
use crate::{Dtype, Fatal};
use core::arch::x86_64::{
    __m256i, _mm256_loadu_si256, _mm256_max_epi8, _mm256_max_epi16, _mm256_max_epi32,
    _mm256_max_epu8, _mm256_min_epi8, _mm256_min_epi16, _mm256_min_epi32, _mm256_min_epu8,
    _mm256_storeu_si256,
};

x86::lanes!(
    Avx2, __m256i, _mm256_loadu_si256, _mm256_storeu_si256:
    i8, 32, _mm256_min_epi8, _mm256_max_epi8;
    u8, 32, _mm256_min_epu8, _mm256_max_epu8;
    i16, 16, _mm256_min_epi16, _mm256_max_epi16;
    i32, 8, _mm256_min_epi32, _mm256_max_epi32;
);

/// [`super::super::Backend::trimmed`] for the four types that have an order here.
#[target_feature(enable = "avx2")]
pub(super) fn trimmed(
    proof: Avx2,
    dtype: Dtype,
    cut: usize,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    match dtype {
        Dtype::I8 => order::trimmed::<i8, 32, _>(proof, cut, inputs, out, ctl),
        Dtype::U8 => order::trimmed::<u8, 32, _>(proof, cut, inputs, out, ctl),
        Dtype::I16 => order::trimmed::<i16, 16, _>(proof, cut, inputs, out, ctl),
        _ => order::trimmed::<i32, 8, _>(proof, cut, inputs, out, ctl),
    }
}
