//! Where a block's batch lies on L1, and why a transaction was dropped.
//!
//! `Posted` is RLP of its fields in order. A dropped transaction is unix seconds, 8 bytes, then the
//! reason in UTF-8.

use super::take_u64;
use alloy_primitives::{B256, FixedBytes, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

/// Where a block's batch was posted, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, RlpEncodable, RlpDecodable)]
pub struct Posted {
    /// L1 transactions that carry the frames of its channel.
    pub l1_txs: Vec<B256>,
    /// Id of the channel.
    pub channel: FixedBytes<16>,
    /// Frames of the channel.
    pub frames: u16,
    /// L1 block of the last frame.
    pub l1_block: u64,
    /// Bytes of the channel that are this block's share.
    pub bytes: u64,
    /// Cost of that share in wei.
    pub cost: U256,
}

impl Posted {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Encodable::encode(self, &mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let record = <Self as Decodable>::decode(&mut rest).ok()?;
        super::all(rest, record)
    }
}

/// Why and when an accepted transaction was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DroppedTx {
    /// Unix seconds.
    pub time: u64,
    /// Reason, one word or sentence.
    pub reason: String,
}

impl DroppedTx {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.time.to_be_bytes().to_vec();
        out.extend_from_slice(self.reason.as_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let time = take_u64(&mut rest)?;
        Some(Self {
            time,
            reason: core::str::from_utf8(rest).ok()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decode_inverts_encode(
            txs in proptest::collection::vec(any::<[u8; 32]>(), 0..4),
            channel: [u8; 16], frames: u16, l1_block: u64, bytes: u64, cost: [u8; 32], reason: String,
        ) {
            let posted = Posted {
                l1_txs: txs.into_iter().map(B256::from).collect(),
                channel: channel.into(), frames, l1_block, bytes, cost: U256::from_be_bytes(cost),
            };
            let encoded = posted.encode();
            prop_assert_eq!(Posted::decode(&encoded), Some(posted));
            for end in 0..encoded.len() {
                prop_assert_eq!(Posted::decode(&encoded[..end]), None);
            }
            let dropped = DroppedTx { time: bytes, reason };
            prop_assert_eq!(DroppedTx::decode(&dropped.encode()), Some(dropped));
        }
    }
}
