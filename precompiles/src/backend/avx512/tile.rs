//! Register tiles of 12 x 32 dwords: 24 accumulators, two vectors of B, the rest for A.

use core::arch::x86_64::{
    __m512i, __mmask16, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32, _mm512_loadu_si512, _mm512_mask_storeu_epi32, _mm512_maskz_loadu_epi32,
    _mm512_set1_epi32,
};

/// Rows of a full tile.
pub(super) const ROWS: usize = 12;
/// Columns of a panel: two vectors of sixteen sums.
pub(super) const COLUMNS: usize = 32;

/// What one tile works on.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// First group of the first row.
    pub(super) a: *const u32,
    /// First group of the panel.
    pub(super) b: *const u32,
    pub(super) groups: usize,
    /// What each of [`COLUMNS`] sums begins with.
    pub(super) bias: *const i32,
    /// First sum; no alignment is asked for.
    pub(super) c: *mut i32,
    /// Sums of a whole row of C.
    pub(super) pitch: usize,
    /// Columns of C in this tile, 1 to [`COLUMNS`].
    pub(super) columns: usize,
    /// Whether the sums are added to what C holds.
    pub(super) adds: bool,
}

/// Multiplies `R` rows with `V` vectors of columns. Groups of A are `ROW` dwords apart from row to
/// row and `GROUP` dwords from group to group. With `BYTES` they are four unsigned bytes times four
/// signed ones, else two words times two.
///
/// # Safety
/// The pointers of the tile reach `R` rows, `groups` groups and `columns` columns as its fields
/// say; a panel of B and the bias have all [`COLUMNS`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) unsafe fn tile<
    const BYTES: bool,
    const R: usize,
    const V: usize,
    const ROW: usize,
    const GROUP: usize,
>(
    t: &Tile,
) {
    let last = t.columns.wrapping_sub((V - 1) * 16);
    let mask: __mmask16 = (((1u32 << last) - 1) & 0xffff) as u16;
    // SAFETY: the caller's promise on the pointers covers every address formed here: rows below R,
    // groups below `groups`, columns under the mask.
    unsafe {
        for r in 0..R {
            let line = t.c.add(r * t.pitch).cast::<i8>();
            _mm_prefetch::<_MM_HINT_T0>(line);
            _mm_prefetch::<_MM_HINT_T0>(line.add(64));
        }
        let mut sums: [[__m512i; V]; R] =
            [core::array::from_fn(|v| _mm512_loadu_si512(t.bias.add(v * 16).cast())); R];
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.groups {
            let columns: [__m512i; V] =
                core::array::from_fn(|v| _mm512_loadu_si512(b.add(v * 16).cast()));
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = _mm512_set1_epi32(a.add(r * ROW).read().cast_signed());
                for (sum, column) in sums.iter_mut().zip(&columns) {
                    *sum = if BYTES {
                        _mm512_dpbusd_epi32(*sum, row, *column)
                    } else {
                        _mm512_dpwssd_epi32(*sum, row, *column)
                    };
                }
            }
            a = a.add(GROUP);
            b = b.add(COLUMNS);
        }
        for (r, sums) in sums.iter().enumerate() {
            let line = t.c.add(r * t.pitch);
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
