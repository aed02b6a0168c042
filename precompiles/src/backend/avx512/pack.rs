//! Packing of B: 16 x 16 dwords are turned at a time.

use super::{
    tile::COLUMNS,
    tiled::{Form, Part, Side},
};
use core::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_set1_epi8,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_storeu_si512,
    _mm512_sub_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

/// Packs lines of a side that lies as `[rows][k]` as a panel of B.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn turn(form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
    let bytes = part.count * form.size();
    let groups = part.count.div_ceil(form.elements());
    let out = &mut out[..groups * COLUMNS * 4];
    for half in 0..2 {
        for (block, out) in out.chunks_mut(16 * COLUMNS * 4).enumerate() {
            let (start, left) = (block * 64, bytes - block * 64);
            let lines: [__m512i; 16] = core::array::from_fn(|row| {
                let row = half * 16 + row;
                if row >= part.rows {
                    return _mm512_setzero_si512();
                }
                let line = side.line(form, part.row + row, part.from, part.count);
                load(&line[start..start + left.min(64)])
            });
            let turned = transpose(lines);
            for (out, group) in out.chunks_exact_mut(COLUMNS * 4).zip(turned) {
                if let Some(out) = out[half * 64..].first_chunk_mut() {
                    store(out, group);
                }
            }
        }
    }
}

/// The first bytes of a vector; the rest is zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    let mask = u64::MAX >> (64 - bytes.len().clamp(1, 64));
    // SAFETY: bytes beyond the mask are not read, and the slice is never empty here.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(out: &mut [u8; 64], vector: __m512i) {
    // SAFETY: the reference is to 64 bytes.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), vector) }
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
    let zero = _mm512_setzero_si512();
    // Within each quarter: 4 x 4 dwords.
    let mut quads = [zero; 16];
    for (four, out) in rows
        .as_chunks::<4>()
        .0
        .iter()
        .zip(quads.chunks_exact_mut(4))
    {
        let (low0, high0) = (
            _mm512_unpacklo_epi32(four[0], four[1]),
            _mm512_unpackhi_epi32(four[0], four[1]),
        );
        let (low1, high1) = (
            _mm512_unpacklo_epi32(four[2], four[3]),
            _mm512_unpackhi_epi32(four[2], four[3]),
        );
        out[0] = _mm512_unpacklo_epi64(low0, low1);
        out[1] = _mm512_unpackhi_epi64(low0, low1);
        out[2] = _mm512_unpacklo_epi64(high0, high1);
        out[3] = _mm512_unpackhi_epi64(high0, high1);
    }
    // Quarters: 4 x 4 of them, for each column of a quarter.
    let mut out = [zero; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|four| quads[four + column]);
        let (ab_even, ab_odd) = (
            _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b),
        );
        let (cd_even, cd_odd) = (
            _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d),
        );
        out[column] = _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_even, cd_even);
        out[column + 8] = _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_even, cd_even);
        out[column + 4] = _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_odd, cd_odd);
        out[column + 12] = _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_odd, cd_odd);
    }
    out
}

/// `-128` times the sum of the bytes of each column of a panel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn bias(panel: &[u8], bias: &mut [i32]) {
    let (ones, zero) = (_mm512_set1_epi8(1), _mm512_setzero_si512());
    let mut sums = [zero; 2];
    for group in panel.as_chunks::<{ COLUMNS * 4 }>().0 {
        for (sum, bytes) in sums.iter_mut().zip(group.as_chunks::<64>().0) {
            // SAFETY: the reference is to 64 bytes.
            let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
            *sum = _mm512_dpbusd_epi32(*sum, ones, bytes);
        }
    }
    for (out, sum) in bias.as_chunks_mut::<16>().0.iter_mut().zip(sums) {
        let sum = _mm512_sub_epi32(zero, _mm512_slli_epi32::<7>(sum));
        // SAFETY: the reference is to 16 dwords.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sum) }
    }
}
