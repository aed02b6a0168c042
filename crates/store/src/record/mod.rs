//! Records: the values of the tables, each encoded and decoded in one file.
//!
//! Integers are big-endian. A decoder takes exactly the bytes of one record and answers `None` for
//! anything else; it never panics and never allocates more than its input.

mod account;
mod block;
mod heads;
mod l1;
mod posted;
mod trace;

pub(crate) use account::{decode_account, decode_value, encode_account, encode_value};
pub(crate) use block::BodyIndices;
pub(crate) use heads::{HeadRecord, decode_l2_ref, encode_l2_ref};
pub use l1::{L1Block, StoredFrame};
pub(crate) use l1::{SafeAtL1, decode_blob, encode_blob};
pub use posted::{DroppedTx, Posted};
pub use trace::Trace;

/// Takes `N` bytes from the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

/// The record, if nothing is left over.
fn all<T>(rest: &[u8], record: T) -> Option<T> {
    rest.is_empty().then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    /// Every decoder over seeded random bytes: no panic, and what decodes encodes to itself.
    #[test]
    fn random_bytes_never_panic_and_decoding_is_canonical() {
        let mut rng = StdRng::seed_from_u64(0x0066_6f67);
        let mut decoded = [0u32; 9];
        for case in 0..100_000u32 {
            let len = match case % 4 {
                0 => rng.random_range(0..16),
                1 => [1, 16, 32, 40, 41, 64, 128, 136, 160, 168][case as usize / 4 % 10],
                _ => rng.random_range(0..300),
            };
            let mut bytes = vec![0u8; len];
            rng.fill(bytes.as_mut_slice());
            if case % 3 == 0
                && let Some(first) = bytes.first_mut()
            {
                *first &= 1;
            }
            let mut check = |index: usize, back: Option<Vec<u8>>| {
                if let Some(back) = back {
                    assert_eq!(back, bytes, "decoder {index}");
                    decoded[index] += 1;
                }
            };
            check(0, decode_account(&bytes).map(|r| encode_account(&r)));
            check(1, decode_value(&bytes).map(|r| encode_value(&r)));
            check(2, BodyIndices::decode(&bytes).map(|r| r.encode()));
            check(3, HeadRecord::decode(&bytes).map(|r| r.encode()));
            check(4, SafeAtL1::decode(&bytes).map(|r| r.encode()));
            check(5, DroppedTx::decode(&bytes).map(|r| r.encode()));
            check(6, StoredFrame::decode(&bytes).map(|r| r.encode()));
            check(7, Trace::decode(&bytes).map(|r| r.encode()));
            check(
                8,
                decode_blob(&bytes).map(|(time, blob)| encode_blob(time, &blob)),
            );
            // RLP records: decoding must not panic; equality is checked in their own files.
            let _ = Posted::decode(&bytes);
            let _ = L1Block::decode(&bytes);
            let _ = foggara_primitives::Cursor::decode(&bytes);
        }
        assert!(
            decoded.iter().all(|&n| n > 0),
            "a decoder was never reached: {decoded:?}"
        );
    }
}
