//! Minima and maxima of vectors, for the sorting networks.

use super::{
    super::{
        Ctl,
        order::{self, Lanes},
    },
    Avx512,
};
use crate::{Dtype, Fatal};
use core::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_loadu_si512, _mm512_max_epi8, _mm512_max_epi16,
    _mm512_max_epi32, _mm512_max_epu8, _mm512_min_epi8, _mm512_min_epi16, _mm512_min_epi32,
    _mm512_min_epu8, _mm512_storeu_si512,
};

macro_rules! lanes {
    ($type:ty, $count:literal, $min:ident, $max:ident) => {
        impl Lanes<$type, $count> for Avx512 {
            type Vector = __m512i;

            #[inline(always)]
            fn load_bytes(self, bytes: &[u8]) -> __m512i {
                let bytes = &bytes[..64];
                // SAFETY: the slice has 64 bytes; `self` proves the instructions.
                unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
            }

            #[inline(always)]
            fn prefetch(self, address: *const u8) {
                // SAFETY: a hint reads nothing; all of x86-64 has the instruction.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
            }

            #[inline(always)]
            fn load(self, elements: &[$type; $count]) -> __m512i {
                // SAFETY: the array has 64 bytes; `self` proves the instructions.
                unsafe { _mm512_loadu_si512(elements.as_ptr().cast()) }
            }

            #[inline(always)]
            fn store(self, vector: __m512i, elements: &mut [$type; $count]) {
                // SAFETY: the array has 64 bytes; `self` proves the instructions.
                unsafe { _mm512_storeu_si512(elements.as_mut_ptr().cast(), vector) }
            }

            #[inline(always)]
            fn min(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: `self` proves the instructions.
                unsafe { $min(a, b) }
            }

            #[inline(always)]
            fn max(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: `self` proves the instructions.
                unsafe { $max(a, b) }
            }
        }
    };
}

lanes!(i8, 64, _mm512_min_epi8, _mm512_max_epi8);
lanes!(u8, 64, _mm512_min_epu8, _mm512_max_epu8);
lanes!(i16, 32, _mm512_min_epi16, _mm512_max_epi16);
lanes!(i32, 16, _mm512_min_epi32, _mm512_max_epi32);

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
