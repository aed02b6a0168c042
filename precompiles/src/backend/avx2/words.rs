//! Four words at a time, for Keccak.

use super::{
    super::keccak::{self, Words},
    Avx2,
};
use core::arch::x86_64::{
    __m256i, _mm256_andnot_si256, _mm256_loadu_si256, _mm256_or_si256, _mm256_set1_epi64x,
    _mm256_sllv_epi64, _mm256_srlv_epi64, _mm256_storeu_si256, _mm256_xor_si256,
};

impl Words<4> for Avx2 {
    type Vector = __m256i;

    #[inline(always)]
    fn load(self, words: &[u64; 4]) -> __m256i {
        // SAFETY: the array has 32 bytes; `self` proves the instructions.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: __m256i, words: &mut [u64; 4]) {
        // SAFETY: the array has 32 bytes; `self` proves the instructions.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn chi(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_xor_si256(a, _mm256_andnot_si256(b, c)) }
    }

    #[inline(always)]
    fn rotate(self, a: __m256i, left: u32) -> __m256i {
        let left = i64::from(left);
        // SAFETY: `self` proves the instructions.
        unsafe {
            _mm256_or_si256(
                _mm256_sllv_epi64(a, _mm256_set1_epi64x(left)),
                _mm256_srlv_epi64(a, _mm256_set1_epi64x(64 - left)),
            )
        }
    }
}

/// [`super::super::Backend::keccak_nodes`].
#[target_feature(enable = "avx2")]
pub(super) fn keccak_nodes(proof: Avx2, pairs: &[u8], nodes: &mut [u8]) {
    keccak::nodes(proof, pairs, nodes);
}
