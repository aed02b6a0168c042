//! Where the transactions of a block lie, and its place in L1.
//!
//! | size | field |
//! |---|---|
//! | 8 | number of the first transaction |
//! | 4 | transaction count |
//! | 32 | hash of the L1 origin, L2 blocks only |
//! | 8 | number of the L1 origin, L2 blocks only |
//! | 8 | index of the block in its epoch, L2 blocks only |

use super::{all, take, take_u64};
use foggara_primitives::BlockId;

/// Value of `BlockBodyIndices`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyIndices {
    /// Number of the block's first transaction, counted over the chain.
    pub(crate) first: u64,
    /// Transactions in the block.
    pub(crate) count: u32,
    /// L1 origin and index in its epoch; `None` for a block of the development L1.
    pub(crate) epoch: Option<(BlockId, u64)>,
}

impl BodyIndices {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(60);
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        if let Some((origin, sequence)) = &self.epoch {
            out.extend_from_slice(origin.hash.as_slice());
            out.extend_from_slice(&origin.number.to_be_bytes());
            out.extend_from_slice(&sequence.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let first = take_u64(&mut rest)?;
        let count = u32::from_be_bytes(take(&mut rest)?);
        let epoch = if rest.is_empty() {
            None
        } else {
            let hash = take::<32>(&mut rest)?.into();
            let origin = BlockId {
                hash,
                number: take_u64(&mut rest)?,
            };
            Some((origin, take_u64(&mut rest)?))
        };
        all(
            rest,
            Self {
                first,
                count,
                epoch,
            },
        )
    }

    /// Number of the transaction after the block's last one.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn decode_inverts_encode_and_every_cut_is_refused() {
        let plain = BodyIndices {
            first: 5,
            count: 3,
            epoch: None,
        };
        let origin = BlockId {
            hash: B256::repeat_byte(9),
            number: 77,
        };
        let with = BodyIndices {
            epoch: Some((origin, 4)),
            ..plain
        };
        for record in [plain, with] {
            assert_eq!(BodyIndices::decode(&record.encode()), Some(record));
        }
        let bytes = with.encode();
        for end in (0..bytes.len()).filter(|end| *end != 12) {
            assert_eq!(BodyIndices::decode(&bytes[..end]), None, "cut at {end}");
        }
        assert_eq!(with.end(), 8);
    }
}
