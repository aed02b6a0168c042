//! Register tiles of 12 x 32 dwords: 24 accumulators, two vectors of B, the rest for A.

use super::{ROW, Tile};
use core::arch::x86_64::{
    __m512i, __mmask16, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32, _mm512_loadu_si512, _mm512_mask_storeu_epi32, _mm512_maskz_loadu_epi32,
    _mm512_set1_epi32,
};

/// Rows of a full tile.
pub(super) const ROWS: usize = 12;
/// Columns of a panel: two vectors of sixteen sums.
pub(super) const COLUMNS: usize = 32;

/// Panics unless the slices of a tile have what [`run`] reads and writes.
pub(super) fn check(t: &Tile<'_>, c: &[u8]) {
    let rows = 1..=ROWS;
    let a = if t.interleaved {
        t.groups * ROWS * 4
    } else {
        (t.rows - 1) * ROW + t.groups * 4
    };
    let sums = (t.rows - 1) * t.pitch + t.columns;
    assert!(
        rows.contains(&t.rows)
            && (1..=COLUMNS).contains(&t.columns)
            && t.a.len() >= a
            && t.b.len() >= t.groups * COLUMNS * 4
            && t.bias.len() >= COLUMNS
            && c.len() >= sums * 4,
        "a tile beyond its panels"
    );
}

/// Multiplies a tile that passed [`check`]: twelve rows at once, or the rest by eight, four, two and
/// one.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) unsafe fn run(t: &Tile<'_>, c: &mut [u8]) {
    let mut row = 0;
    while row < t.rows {
        let left = t.rows - row;
        let step = if left >= 12 { 12 } else { 1 << left.ilog2() };
        // SAFETY: the caller has checked all rows, of which these are a part.
        unsafe {
            match (t.columns > 16, t.interleaved, t.of_bytes) {
                (true, false, true) => rows::<true, 2, ROW_GROUPS, 1>(t, row, step, c),
                (false, false, true) => rows::<true, 1, ROW_GROUPS, 1>(t, row, step, c),
                (true, true, true) => rows::<true, 2, 1, ROWS>(t, row, step, c),
                (false, true, true) => rows::<true, 1, 1, ROWS>(t, row, step, c),
                (true, false, false) => rows::<false, 2, ROW_GROUPS, 1>(t, row, step, c),
                (false, false, false) => rows::<false, 1, ROW_GROUPS, 1>(t, row, step, c),
                (true, true, false) => rows::<false, 2, 1, ROWS>(t, row, step, c),
                (false, true, false) => rows::<false, 1, 1, ROWS>(t, row, step, c),
            }
        }
        row += step;
    }
}

/// Groups from row to row.
const ROW_GROUPS: usize = ROW / 4;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn rows<const BYTES: bool, const V: usize, const ROW: usize, const GROUP: usize>(
    t: &Tile<'_>,
    row: usize,
    step: usize,
    c: &mut [u8],
) {
    // SAFETY: as for `run`, whose rows `row..row + step` these are.
    unsafe {
        match step {
            12 => kernel::<BYTES, 12, V, ROW, GROUP>(t, row, c),
            8 => kernel::<BYTES, 8, V, ROW, GROUP>(t, row, c),
            4 => kernel::<BYTES, 4, V, ROW, GROUP>(t, row, c),
            2 => kernel::<BYTES, 2, V, ROW, GROUP>(t, row, c),
            _ => kernel::<BYTES, 1, V, ROW, GROUP>(t, row, c),
        }
    }
}

/// Multiplies `R` rows from `row` on with `V` vectors of columns. Groups of A are `ROW` dwords apart
/// from row to row and `GROUP` dwords from group to group. With `BYTES` they are four unsigned bytes
/// times four signed ones, else two words times two.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn kernel<
    const BYTES: bool,
    const R: usize,
    const V: usize,
    const ROW: usize,
    const GROUP: usize,
>(
    t: &Tile<'_>,
    row: usize,
    c: &mut [u8],
) {
    let last = t.columns.wrapping_sub((V - 1) * 16);
    let mask: __mmask16 = 0xffff >> (16 - last);
    let (groups, pitch) = (t.groups, t.pitch);
    // SAFETY: `check` has seen that A has these rows of these groups, B and the bias all columns of
    // a panel, and C the sums under the mask; no address outside them is read or written.
    unsafe {
        let bias = t.bias.as_ptr();
        let c = c.as_mut_ptr().cast::<i32>().add(row * pitch);
        let mut a = t.a.as_ptr().cast::<u32>().add(row * ROW);
        let mut b = t.b.as_ptr().cast::<i32>();
        if groups >= 32 {
            for r in 0..R {
                let line = c.wrapping_add(r * pitch).cast::<i8>();
                _mm_prefetch::<_MM_HINT_T0>(line);
                _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(64));
            }
        }
        let bias: [__m512i; V] =
            core::array::from_fn(|v| _mm512_loadu_si512(bias.add(v * 16).cast()));
        let mut sums: [[__m512i; V]; R] = [bias; R];
        for _ in 0..groups {
            let columns: [__m512i; V] =
                core::array::from_fn(|v| _mm512_loadu_si512(b.add(v * 16).cast()));
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = _mm512_set1_epi32(a.add(r * ROW).read_unaligned().cast_signed());
                for (sum, column) in sums.iter_mut().zip(&columns) {
                    *sum = if BYTES {
                        _mm512_dpbusd_epi32(*sum, row, *column)
                    } else {
                        _mm512_dpwssd_epi32(*sum, row, *column)
                    };
                }
            }
            a = a.wrapping_add(GROUP);
            b = b.wrapping_add(COLUMNS);
        }
        for (r, sums) in sums.iter().enumerate() {
            let line = c.add(r * pitch);
            for (v, sum) in sums.iter().enumerate() {
                let mask = if v + 1 == V { mask } else { 0xffff };
                let at = line.add(v * 16);
                let mut sum = *sum;
                if t.adds {
                    sum = _mm512_add_epi32(sum, _mm512_maskz_loadu_epi32(mask, at));
                }
                _mm512_mask_storeu_epi32(at, mask, sum);
            }
        }
    }
}
