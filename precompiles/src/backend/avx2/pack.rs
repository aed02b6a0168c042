//! Packing of B: 8 x 8 dwords are turned at a time.

use super::{
    tile::COLUMNS,
    tiled::{Form, Part, Side},
};
use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_cvtepi8_epi16, _mm256_loadu_si256, _mm256_permute2x128_si256,
    _mm256_setzero_si256, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

/// Packs lines of a side that lies as `[rows][k]` as a panel of B.
#[target_feature(enable = "avx2")]
pub(super) fn turn(form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
    let groups = part.count.div_ceil(2);
    let out = &mut out[..groups * COLUMNS * 4];
    // Eight groups are sixteen elements.
    let size = 16 * form.size();
    for half in 0..2 {
        for (block, out) in out.chunks_mut(8 * COLUMNS * 4).enumerate() {
            let lines: [__m256i; 8] = core::array::from_fn(|row| {
                let row = half * 8 + row;
                if row >= part.rows {
                    return _mm256_setzero_si256();
                }
                let line = side.line(form, part.row + row, part.from, part.count);
                let bytes = &line[block * size..];
                if form == Form::WideI8 {
                    widened(bytes)
                } else {
                    whole(bytes)
                }
            });
            let turned = transpose(lines);
            for (out, group) in out.chunks_exact_mut(COLUMNS * 4).zip(turned) {
                if let Some(out) = out[half * 32..].first_chunk_mut() {
                    store(out, group);
                }
            }
        }
    }
}

/// The first 16 signed bytes as words; those that are not there are zero.
#[inline]
#[target_feature(enable = "avx2")]
fn widened(bytes: &[u8]) -> __m256i {
    let mut rest = [0; 16];
    let bytes = bytes.first_chunk().unwrap_or_else(|| {
        rest[..bytes.len()].copy_from_slice(bytes);
        &rest
    });
    // SAFETY: the reference is to 16 bytes.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// The first 32 bytes; those that are not there are zero.
#[inline]
#[target_feature(enable = "avx2")]
fn whole(bytes: &[u8]) -> __m256i {
    let mut rest = [0; 32];
    let bytes = bytes.first_chunk().unwrap_or_else(|| {
        rest[..bytes.len()].copy_from_slice(bytes);
        &rest
    });
    // SAFETY: the reference is to 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(out: &mut [u8; 32], vector: __m256i) {
    // SAFETY: the reference is to 32 bytes.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) }
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let zero = _mm256_setzero_si256();
    // Within each half: 4 x 4 dwords.
    let mut quads = [zero; 8];
    for (four, out) in rows
        .as_chunks::<4>()
        .0
        .iter()
        .zip(quads.chunks_exact_mut(4))
    {
        let (low0, high0) = (
            _mm256_unpacklo_epi32(four[0], four[1]),
            _mm256_unpackhi_epi32(four[0], four[1]),
        );
        let (low1, high1) = (
            _mm256_unpacklo_epi32(four[2], four[3]),
            _mm256_unpackhi_epi32(four[2], four[3]),
        );
        out[0] = _mm256_unpacklo_epi64(low0, low1);
        out[1] = _mm256_unpackhi_epi64(low0, low1);
        out[2] = _mm256_unpacklo_epi64(high0, high1);
        out[3] = _mm256_unpackhi_epi64(high0, high1);
    }
    let mut out = [zero; 8];
    for column in 0..4 {
        let (top, bottom) = (quads[column], quads[column + 4]);
        out[column] = _mm256_permute2x128_si256::<0x20>(top, bottom);
        out[column + 4] = _mm256_permute2x128_si256::<0x31>(top, bottom);
    }
    out
}
