//! Keccak-256 of many inputs of 64 bytes at once: each lane of a vector is one input.
//!
//! Source: FIPS 202 section 3.2 for the permutation, with the padding of the original Keccak.

/// Vectors of `N` words, for whoever holds the proof of their instructions.
pub(super) trait Words<const N: usize>: Copy {
    /// A vector.
    type Vector: Copy;
    fn load(self, words: &[u64; N]) -> Self::Vector;
    fn store(self, vector: Self::Vector, words: &mut [u64; N]);
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a ^ (!b & c)`.
    fn chi(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    fn rotate(self, a: Self::Vector, left: u32) -> Self::Vector;
}

const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Word 8 and word 16 of the only block: the first and the last bit of the padding.
const FIRST: u64 = 1;
const LAST: u64 = 1 << 63;

/// Hashes `pairs`, 64 bytes each, into `nodes`, 32 bytes each.
#[inline(always)]
pub(super) fn nodes<const N: usize, W: Words<N>>(w: W, pairs: &[u8], nodes: &mut [u8]) {
    let size = |each: usize| each.wrapping_mul(N);
    let vectors = pairs.chunks(size(64)).zip(nodes.chunks_mut(size(32)));
    for (pairs, nodes) in vectors {
        let mut state = [w.load(&[0; N]); 25];
        for (index, word) in state.iter_mut().take(8).enumerate() {
            let mut lanes = [0; N];
            for (lane, pair) in lanes.iter_mut().zip(pairs.as_chunks::<64>().0) {
                let words = pair.as_chunks::<8>().0;
                *lane = u64::from_le_bytes(words.get(index).copied().unwrap_or_default());
            }
            *word = w.load(&lanes);
        }
        state[8] = w.load(&[FIRST; N]);
        state[16] = w.load(&[LAST; N]);
        for constant in ROUNDS {
            state = round(w, state, w.load(&[constant; N]));
        }
        for (index, word) in state.into_iter().take(4).enumerate() {
            let mut lanes = [0; N];
            w.store(word, &mut lanes);
            for (lane, node) in lanes.into_iter().zip(nodes.as_chunks_mut::<32>().0) {
                if let Some(out) = node.as_chunks_mut::<8>().0.get_mut(index) {
                    *out = lane.to_le_bytes();
                }
            }
        }
    }
}

/// One round; a word is at `x + 5 * y`.
#[inline(always)]
fn round<const N: usize, W: Words<N>>(
    w: W,
    a: [W::Vector; 25],
    constant: W::Vector,
) -> [W::Vector; 25] {
    macro_rules! column {
        ($x:literal) => {
            w.xor(
                w.xor(w.xor(a[$x], a[$x + 5]), w.xor(a[$x + 10], a[$x + 15])),
                a[$x + 20],
            )
        };
    }
    let c = [column!(0), column!(1), column!(2), column!(3), column!(4)];
    macro_rules! parity {
        ($before:literal, $after:literal) => {
            w.xor(c[$before], w.rotate(c[$after], 1))
        };
    }
    let d = [
        parity!(4, 1),
        parity!(0, 2),
        parity!(1, 3),
        parity!(2, 4),
        parity!(3, 0),
    ];
    macro_rules! moved {
        ($at:literal, $left:literal) => {
            w.rotate(w.xor(a[$at], d[$at % 5]), $left)
        };
    }
    // Each word in its new place: b[y + 5 * (2 x + 3 y)] = rotated a[x + 5 y].
    let b = [
        moved!(0, 0),
        moved!(6, 44),
        moved!(12, 43),
        moved!(18, 21),
        moved!(24, 14),
        moved!(3, 28),
        moved!(9, 20),
        moved!(10, 3),
        moved!(16, 45),
        moved!(22, 61),
        moved!(1, 1),
        moved!(7, 6),
        moved!(13, 25),
        moved!(19, 8),
        moved!(20, 18),
        moved!(4, 27),
        moved!(5, 36),
        moved!(11, 10),
        moved!(17, 15),
        moved!(23, 56),
        moved!(2, 62),
        moved!(8, 55),
        moved!(14, 39),
        moved!(15, 41),
        moved!(21, 2),
    ];
    macro_rules! rows {
        ($($at:literal $one:literal $two:literal,)*) => {
            [$(w.chi(b[$at], b[$one], b[$two])),*]
        };
    }
    let mut a = rows!(
        0 1 2, 1 2 3, 2 3 4, 3 4 0, 4 0 1,
        5 6 7, 6 7 8, 7 8 9, 8 9 5, 9 5 6,
        10 11 12, 11 12 13, 12 13 14, 13 14 10, 14 10 11,
        15 16 17, 16 17 18, 17 18 19, 18 19 15, 19 15 16,
        20 21 22, 21 22 23, 22 23 24, 23 24 20, 24 20 21,
    );
    a[0] = w.xor(a[0], constant);
    a
}
