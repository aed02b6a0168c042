//! Register tiles of 6 x 16 dwords: 12 accumulators, two vectors of B, one of A, one product.

use super::{ROW, Tile};
use core::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi32, _mm256_cmpgt_epi32, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maskload_epi32, _mm256_maskstore_epi32, _mm256_set1_epi32,
    _mm256_setr_epi32,
};

/// Rows of a full tile.
pub(super) const ROWS: usize = 6;
/// Columns of a panel: two vectors of eight sums.
pub(super) const COLUMNS: usize = 16;

/// Panics unless the slices of a tile have what [`run`] reads and writes.
pub(super) fn check(t: &Tile<'_>, c: &[u8]) {
    let a = if t.interleaved {
        t.groups * ROWS * 4
    } else {
        (t.rows - 1) * ROW + t.groups * 4
    };
    let sums = (t.rows - 1) * t.pitch + t.columns;
    assert!(
        (1..=ROWS).contains(&t.rows)
            && (1..=COLUMNS).contains(&t.columns)
            && t.a.len() >= a
            && t.b.len() >= t.groups * COLUMNS * 4
            && t.bias.len() >= COLUMNS
            && c.len() >= sums * 4,
        "a tile beyond its panels"
    );
}

/// Multiplies a tile that passed [`check`]: six rows at once, or the rest by four, two and one.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn run(t: &Tile<'_>, c: &mut [u8]) {
    let mut row = 0;
    while row < t.rows {
        let left = t.rows - row;
        let step = if left >= 6 { 6 } else { 1 << left.ilog2() };
        // SAFETY: the caller has checked all rows, of which these are a part.
        unsafe {
            match (t.columns > 8, t.interleaved) {
                (true, false) => rows::<2, ROW_GROUPS, 1>(t, row, step, c),
                (false, false) => rows::<1, ROW_GROUPS, 1>(t, row, step, c),
                (true, true) => rows::<2, 1, ROWS>(t, row, step, c),
                (false, true) => rows::<1, 1, ROWS>(t, row, step, c),
            }
        }
        row += step;
    }
}

/// Groups from row to row.
const ROW_GROUPS: usize = ROW / 4;

#[target_feature(enable = "avx2")]
unsafe fn rows<const V: usize, const ROW: usize, const GROUP: usize>(
    t: &Tile<'_>,
    row: usize,
    step: usize,
    c: &mut [u8],
) {
    // SAFETY: as for `run`, whose rows `row..row + step` these are.
    unsafe {
        match step {
            6 => kernel::<6, V, ROW, GROUP>(t, row, c),
            4 => kernel::<4, V, ROW, GROUP>(t, row, c),
            2 => kernel::<2, V, ROW, GROUP>(t, row, c),
            _ => kernel::<1, V, ROW, GROUP>(t, row, c),
        }
    }
}

/// Multiplies `R` rows from `row` on with `V` vectors of columns. Groups of A are `ROW` dwords apart
/// from row to row and `GROUP` dwords from group to group.
#[target_feature(enable = "avx2")]
unsafe fn kernel<const R: usize, const V: usize, const ROW: usize, const GROUP: usize>(
    t: &Tile<'_>,
    row: usize,
    c: &mut [u8],
) {
    let (groups, pitch) = (t.groups, t.pitch);
    let masks: [__m256i; V] = core::array::from_fn(|v| below(t.columns - v * 8));
    // SAFETY: `check` has seen that A has these rows of these groups, B and the bias all columns of
    // a panel, and C the sums under the masks; no address outside them is read or written.
    unsafe {
        let bias = t.bias.as_ptr();
        let c = c.as_mut_ptr().cast::<i32>().add(row * pitch);
        let mut a = t.a.as_ptr().cast::<u32>().add(row * ROW);
        let mut b = t.b.as_ptr().cast::<i32>();
        if groups >= 32 {
            for r in 0..R {
                let line = c.wrapping_add(r * pitch).cast::<i8>();
                _mm_prefetch::<_MM_HINT_T0>(line);
                _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(60));
            }
        }
        let bias: [__m256i; V] =
            core::array::from_fn(|v| _mm256_loadu_si256(bias.add(v * 8).cast()));
        let mut sums: [[__m256i; V]; R] = [bias; R];
        for _ in 0..groups {
            let columns: [__m256i; V] =
                core::array::from_fn(|v| _mm256_loadu_si256(b.add(v * 8).cast()));
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = _mm256_set1_epi32(a.add(r * ROW).read_unaligned().cast_signed());
                for (sum, column) in sums.iter_mut().zip(&columns) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(row, *column));
                }
            }
            a = a.wrapping_add(GROUP);
            b = b.wrapping_add(COLUMNS);
        }
        for (r, sums) in sums.iter().enumerate() {
            let line = c.add(r * pitch);
            for (v, (sum, mask)) in sums.iter().zip(masks).enumerate() {
                let at = line.add(v * 8);
                let mut sum = *sum;
                if t.adds {
                    sum = _mm256_add_epi32(sum, _mm256_maskload_epi32(at, mask));
                }
                _mm256_maskstore_epi32(at, mask, sum);
            }
        }
    }
}

/// All bits set in the first `count` dwords.
#[inline]
#[target_feature(enable = "avx2")]
fn below(count: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    // Not above 16.
    let count = i32::from(count.min(8).to_le_bytes()[0]);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes)
}
