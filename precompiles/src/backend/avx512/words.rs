//! Eight words at a time, for Keccak: rotations and three-operand logic are single instructions.

use super::{
    super::keccak::{self, Words},
    Avx512,
};
use core::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_rolv_epi64, _mm512_set1_epi64, _mm512_storeu_si512,
    _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

impl Words<8> for Avx512 {
    type Vector = __m512i;

    #[inline(always)]
    fn load(self, words: &[u64; 8]) -> __m512i {
        // SAFETY: the array has 64 bytes; `self` proves the instructions.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: __m512i, words: &mut [u64; 8]) {
        // SAFETY: the array has 64 bytes; `self` proves the instructions.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn chi(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // The truth table of `a ^ (!b & c)`.
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_ternarylogic_epi64::<0xd2>(a, b, c) }
    }

    #[inline(always)]
    fn rotate(self, a: __m512i, left: u32) -> __m512i {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_rolv_epi64(a, _mm512_set1_epi64(left.into())) }
    }
}

/// [`super::super::Backend::keccak_nodes`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn keccak_nodes(proof: Avx512, pairs: &[u8], nodes: &mut [u8]) {
    keccak::nodes(proof, pairs, nodes);
}
