//! Packing of transposed sides for the blocked product ([`super::tiled`]): by the instructions that every
//! x86-64 has.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::tiled::{BLOCK_ROWS, Form, Part, Side};
use core::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16,
    _mm_setzero_si128, _mm_srai_epi16, _mm_unpackhi_epi8, _mm_unpackhi_epi16, _mm_unpackhi_epi64,
    _mm_unpacklo_epi8, _mm_unpacklo_epi16, _mm_xor_si128,
};

/// Bytes of a line that are packed at once.
const RUN: usize = 16;

/// Packs columns of a transposed side: each group gathers one element from each of some lines. Groups
/// of `WIDTH` columns follow each other, the next columns are `stride` bytes behind. Elements that are
/// not there are zero, columns that are not there hold anything.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn interleave<const WIDTH: usize>(
    form: Form,
    side: &Side<'_>,
    part: Part,
    stride: usize,
    out: &mut [u8],
) {
    let lines = form.elements();
    let mut packed = [[0; RUN]; BLOCK_ROWS.div_ceil(RUN) * 4];
    for group in 0..part.count.div_ceil(lines) {
        let mut packed_runs = packed.chunks_exact_mut(4 / form.size());
        for first in (0..part.rows).step_by(RUN / form.size()) {
            let mut runs = [_mm_setzero_si128(); 4];
            for (at, run) in runs.iter_mut().take(lines).enumerate() {
                let at = group * lines + at;
                if at >= part.count {
                    break;
                }
                let start = ((part.from + at) * side.rows + part.row + first) * form.size();
                let bytes = &side.bytes[start..];
                *run = if let Some(bytes) = bytes.first_chunk() {
                    vector(bytes)
                } else {
                    let mut rest = [0; RUN];
                    rest[..bytes.len()].copy_from_slice(bytes);
                    vector(&rest)
                };
            }
            if let Some(out) = packed_runs.next() {
                for (out, groups) in out.iter_mut().zip(gather(form, runs)) {
                    *out = bytes(groups);
                }
            }
        }
        let groups = packed.as_flattened().as_chunks::<4>().0;
        let pieces = groups.as_chunks::<WIDTH>().0.iter();
        let outs = out.chunks_mut(stride);
        for (piece, out) in pieces.zip(outs).take(part.rows.div_ceil(WIDTH)) {
            out.as_chunks_mut::<4>().0.as_chunks_mut::<WIDTH>().0[group] = *piece;
        }
    }
}

/// The groups of the columns of a run, four to a vector; of words there are half as many.
#[inline]
#[target_feature(enable = "sse2")]
fn gather(form: Form, [a, b, c, d]: [__m128i; 4]) -> [__m128i; 4] {
    let zero = _mm_setzero_si128();
    let (low, high) = (_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b));
    match form {
        Form::Bytes | Form::Flipped => {
            let flip = _mm_set1_epi8(if form == Form::Flipped { i8::MIN } else { 0 });
            let (low_cd, high_cd) = (_mm_unpacklo_epi8(c, d), _mm_unpackhi_epi8(c, d));
            [
                _mm_unpacklo_epi16(low, low_cd),
                _mm_unpackhi_epi16(low, low_cd),
                _mm_unpacklo_epi16(high, high_cd),
                _mm_unpackhi_epi16(high, high_cd),
            ]
            .map(|groups| _mm_xor_si128(groups, flip))
        }
        Form::WideU8 => [
            _mm_unpacklo_epi8(low, zero),
            _mm_unpackhi_epi8(low, zero),
            _mm_unpacklo_epi8(high, zero),
            _mm_unpackhi_epi8(high, zero),
        ],
        Form::WideI8 => [
            _mm_unpacklo_epi8(zero, low),
            _mm_unpackhi_epi8(zero, low),
            _mm_unpacklo_epi8(zero, high),
            _mm_unpackhi_epi8(zero, high),
        ]
        .map(|groups| _mm_srai_epi16::<8>(groups)),
        Form::Words | Form::LowBytes | Form::HighBytes => {
            let [a, b] = [a, b].map(|words| match form {
                Form::LowBytes => _mm_and_si128(words, _mm_set1_epi16(0xff)),
                Form::HighBytes => _mm_srai_epi16::<8>(words),
                _ => words,
            });
            let (low, high) = (_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b));
            [low, high, zero, zero]
        }
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn vector(bytes: &[u8; RUN]) -> __m128i {
    let [low, high] = [0, 8].map(|at| i64::from_le_bytes(core::array::from_fn(|i| bytes[at + i])));
    _mm_set_epi64x(high, low)
}

#[inline]
#[target_feature(enable = "sse2")]
fn bytes(vector: __m128i) -> [u8; RUN] {
    let mut bytes = [0; RUN];
    let high = _mm_unpackhi_epi64(vector, vector);
    bytes[..8].copy_from_slice(&_mm_cvtsi128_si64(vector).to_le_bytes());
    bytes[8..].copy_from_slice(&_mm_cvtsi128_si64(high).to_le_bytes());
    bytes
}
