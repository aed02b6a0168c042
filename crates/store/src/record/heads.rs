//! Heads.
//!
//! | size | field of an L2 reference |
//! |---|---|
//! | 32 | hash |
//! | 8 | number |
//! | 32 | parent hash |
//! | 8 | unix seconds |
//! | 32 | hash of the L1 origin |
//! | 8 | number of the L1 origin |
//! | 8 | index in its epoch |
//!
//! A head is a reference followed by its generation, 8 bytes.

use super::{all, take, take_u64};
use foggara_primitives::{BlockId, L2Ref};

/// Value of `FgHeads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadRecord {
    /// The block.
    pub(crate) block: L2Ref,
    /// Rises with every unwind (`RELIABILITY.md` section 8).
    pub(crate) generation: u64,
}

impl HeadRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = encode_l2_ref(&self.block);
        out.extend_from_slice(&self.generation.to_be_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let block = take_l2_ref(&mut rest)?;
        let generation = take_u64(&mut rest)?;
        all(rest, Self { block, generation })
    }
}

/// Encodes an L2 reference, 128 bytes.
pub(crate) fn encode_l2_ref(block: &L2Ref) -> Vec<u8> {
    let mut out = Vec::with_capacity(136);
    out.extend_from_slice(block.hash.as_slice());
    out.extend_from_slice(&block.number.to_be_bytes());
    out.extend_from_slice(block.parent_hash.as_slice());
    out.extend_from_slice(&block.timestamp.to_be_bytes());
    out.extend_from_slice(block.l1_origin.hash.as_slice());
    out.extend_from_slice(&block.l1_origin.number.to_be_bytes());
    out.extend_from_slice(&block.sequence_number.to_be_bytes());
    out
}

/// Decodes an L2 reference.
pub(crate) fn decode_l2_ref(bytes: &[u8]) -> Option<L2Ref> {
    let mut rest = bytes;
    let block = take_l2_ref(&mut rest)?;
    all(rest, block)
}

fn take_l2_ref(rest: &mut &[u8]) -> Option<L2Ref> {
    Some(L2Ref {
        hash: take::<32>(rest)?.into(),
        number: take_u64(rest)?,
        parent_hash: take::<32>(rest)?.into(),
        timestamp: take_u64(rest)?,
        l1_origin: BlockId {
            hash: take::<32>(rest)?.into(),
            number: take_u64(rest)?,
        },
        sequence_number: take_u64(rest)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn decode_inverts_encode_and_other_lengths_are_refused() {
        let block = L2Ref {
            hash: B256::repeat_byte(1),
            number: 2,
            parent_hash: B256::repeat_byte(3),
            timestamp: 4,
            l1_origin: BlockId {
                hash: B256::repeat_byte(5),
                number: 6,
            },
            sequence_number: 7,
        };
        let record = HeadRecord {
            block,
            generation: 8,
        };
        let bytes = record.encode();
        assert_eq!(HeadRecord::decode(&bytes), Some(record));
        assert_eq!(decode_l2_ref(&bytes[..128]), Some(block));
        for end in 0..bytes.len() {
            assert_eq!(HeadRecord::decode(&bytes[..end]), None, "cut at {end}");
        }
        assert_eq!(decode_l2_ref(&bytes), None);
    }
}
