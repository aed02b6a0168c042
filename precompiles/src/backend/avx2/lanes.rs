//! Minima and maxima of vectors, for the sorting networks.

use super::{
    super::{
        Ctl,
        order::{self, Lanes},
    },
    Avx2,
};
use crate::{Dtype, Fatal};
use core::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm256_max_epi8, _mm256_max_epi16,
    _mm256_max_epi32, _mm256_max_epu8, _mm256_min_epi8, _mm256_min_epi16, _mm256_min_epi32,
    _mm256_min_epu8, _mm256_storeu_si256,
};

macro_rules! lanes {
    ($type:ty, $count:literal, $min:ident, $max:ident) => {
        impl Lanes<$type, $count> for Avx2 {
            type Vector = __m256i;

            #[inline(always)]
            fn load_bytes(self, bytes: &[u8]) -> __m256i {
                let bytes = &bytes[..32];
                // SAFETY: the slice has 32 bytes; `self` proves the instructions.
                unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
            }

            #[inline(always)]
            fn prefetch(self, address: *const u8) {
                // SAFETY: a hint reads nothing; all of x86-64 has the instruction.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
            }

            #[inline(always)]
            fn load(self, elements: &[$type; $count]) -> __m256i {
                // SAFETY: the array has 32 bytes; `self` proves the instructions.
                unsafe { _mm256_loadu_si256(elements.as_ptr().cast()) }
            }

            #[inline(always)]
            fn store(self, vector: __m256i, elements: &mut [$type; $count]) {
                // SAFETY: the array has 32 bytes; `self` proves the instructions.
                unsafe { _mm256_storeu_si256(elements.as_mut_ptr().cast(), vector) }
            }

            #[inline(always)]
            fn min(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: `self` proves the instructions.
                unsafe { $min(a, b) }
            }

            #[inline(always)]
            fn max(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: `self` proves the instructions.
                unsafe { $max(a, b) }
            }
        }
    };
}

lanes!(i8, 32, _mm256_min_epi8, _mm256_max_epi8);
lanes!(u8, 32, _mm256_min_epu8, _mm256_max_epu8);
lanes!(i16, 16, _mm256_min_epi16, _mm256_max_epi16);
lanes!(i32, 8, _mm256_min_epi32, _mm256_max_epi32);

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
