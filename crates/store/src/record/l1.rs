//! What is kept of L1: safe heads by L1 block, headers, blobs, channel frames.
//!
//! | record | layout |
//! |---|---|
//! | safe at L1 | L1 hash 32, L2 reference 128 |
//! | L1 block | hash 32, header RLP |
//! | blob | unix seconds of its L1 block 8, blob bytes |
//! | frame | previous `frameAcc` 32, frame data |

use super::{decode_l2_ref, encode_l2_ref, take, take_u64};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable};
use foggara_primitives::L2Ref;

/// Value of `FgSafeAtL1`: the safe head once this L1 block was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SafeAtL1 {
    pub(crate) l1_hash: B256,
    pub(crate) safe: L2Ref,
}

impl SafeAtL1 {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.l1_hash.to_vec();
        out.extend_from_slice(&encode_l2_ref(&self.safe));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let l1_hash = take::<32>(&mut rest)?.into();
        Some(Self {
            l1_hash,
            safe: decode_l2_ref(rest)?,
        })
    }
}

/// An L1 block of the window that is kept for derivation and finality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1Block {
    /// Block hash.
    pub hash: B256,
    /// Header.
    pub header: Header,
}

impl L1Block {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.hash.to_vec();
        self.header.encode(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let hash = take::<32>(&mut rest)?.into();
        let header = Header::decode(&mut rest).ok()?;
        super::all(rest, Self { hash, header })
    }
}

/// A frame of the channel that is being assembled, by the accumulator after it: walking the chain of
/// accumulators back from a cursor reads the whole channel again (`FAULTPROOF.md` section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFrame {
    /// `frameAcc` before this frame; zero for a channel's first one.
    pub previous: B256,
    /// Data of the frame.
    pub data: Bytes,
}

impl StoredFrame {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.previous.to_vec();
        out.extend_from_slice(&self.data);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let previous = take::<32>(&mut rest)?.into();
        Some(Self {
            previous,
            data: Bytes::copy_from_slice(rest),
        })
    }
}

/// Encodes a blob with the time of its L1 block.
pub(crate) fn encode_blob(time: u64, blob: &[u8]) -> Vec<u8> {
    let mut out = time.to_be_bytes().to_vec();
    out.extend_from_slice(blob);
    out
}

/// Decodes a blob and the time of its L1 block.
pub(crate) fn decode_blob(bytes: &[u8]) -> Option<(u64, Bytes)> {
    let mut rest = bytes;
    let time = take_u64(&mut rest)?;
    Some((time, Bytes::copy_from_slice(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_inverts_encode() {
        let safe = SafeAtL1 {
            l1_hash: B256::repeat_byte(1),
            safe: L2Ref {
                number: 9,
                ..L2Ref::default()
            },
        };
        assert_eq!(SafeAtL1::decode(&safe.encode()), Some(safe));
        let header = Header {
            number: 5,
            base_fee_per_gas: Some(7),
            ..Header::default()
        };
        let block = L1Block {
            hash: header.hash_slow(),
            header,
        };
        assert_eq!(L1Block::decode(&block.encode()), Some(block.clone()));
        let frame = StoredFrame {
            previous: B256::repeat_byte(2),
            data: Bytes::from_static(b"data"),
        };
        assert_eq!(StoredFrame::decode(&frame.encode()), Some(frame));
        assert_eq!(
            decode_blob(&encode_blob(3, b"blob")),
            Some((3, Bytes::from_static(b"blob")))
        );
        let mut long = block.encode();
        long.push(0);
        assert_eq!(L1Block::decode(&long), None);
    }
}
