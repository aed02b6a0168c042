//! Minima and maxima of vectors, for the sorting networks.

use super::{
    super::{
        Ctl,
        order::{self, Lanes},
        x86,
    },
    Avx512,
};
use crate::{Dtype, Fatal};
use core::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_max_epi8, _mm512_max_epi16, _mm512_max_epi32,
    _mm512_max_epu8, _mm512_min_epi8, _mm512_min_epi16, _mm512_min_epi32, _mm512_min_epu8,
    _mm512_storeu_si512,
};

x86::lanes!(
    Avx512, __m512i, _mm512_loadu_si512, _mm512_storeu_si512:
    i8, 64, _mm512_min_epi8, _mm512_max_epi8;
    u8, 64, _mm512_min_epu8, _mm512_max_epu8;
    i16, 32, _mm512_min_epi16, _mm512_max_epi16;
    i32, 16, _mm512_min_epi32, _mm512_max_epi32;
);

/// [`super::super::Backend::trimmed`] for the four types that have an order here.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn trimmed(
    proof: Avx512,
    dtype: Dtype,
    cut: usize,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    match dtype {
        Dtype::I8 => order::trimmed::<i8, 64, _>(proof, cut, inputs, out, ctl),
        Dtype::U8 => order::trimmed::<u8, 64, _>(proof, cut, inputs, out, ctl),
        Dtype::I16 => order::trimmed::<i16, 32, _>(proof, cut, inputs, out, ctl),
        _ => order::trimmed::<i32, 16, _>(proof, cut, inputs, out, ctl),
    }
}
