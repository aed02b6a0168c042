//! The derivation cursor: all derivation state between two L2 blocks.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 32 | hash of the last consumed L1 block |
//! | 32 | 8 | its number |
//! | 40 | 32 | batcher hash in force after that block |
//! | 72 | 4 | batcher payloads of that block fully taken |
//! | 76 | 4 | frames of the current payload taken, after pruning |
//! | 80 | 16 | channel id |
//! | 96 | 4 | bytes inflated so far on behalf of that L1 block |
//! | 100 | 8 | L1 number of the channel's first frame |
//! | 108 | 4 | frames held |
//! | 112 | 8 | channel size as counted for its cap |
//! | 120 | 32 | `frameAcc` |
//! | 152 | 1 | phase: 0 none, 1 assembling, 2 reading |
//! | 153 | 4 | singular batches taken from the channel, span batches flattened |
//!
//! Integers are big-endian. Source: `FAULTPROOF.md` section 3.3.

use alloy_primitives::{Address, B256, FixedBytes, keccak256};

/// What the channel stage is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum Phase {
    /// No channel is held.
    #[default]
    None = 0,
    /// A channel is open and takes frames.
    Assembling = 1,
    /// A complete channel is being read batch by batch.
    Reading = 2,
}

/// Bytes that are not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The length is not [`Cursor::LEN`].
    #[error("cursor has {got} bytes, expected 157")]
    Length {
        /// Bytes seen.
        got: usize,
    },
    /// The phase byte is above 2.
    #[error("cursor phase {0} is unknown")]
    Phase(u8),
}

/// All derivation state between two L2 blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Cursor {
    /// Hash of the last consumed L1 block.
    pub l1_hash: B256,
    /// Number of the last consumed L1 block.
    pub l1_number: u64,
    /// Batcher address in force after that block, left-padded to 32 bytes.
    pub batcher_hash: B256,
    /// Batcher payloads of that block fully taken (one calldata or one blob each).
    pub payloads_taken: u32,
    /// Frames of the current payload taken, after pruning.
    pub frames_taken: u32,
    /// Id of the held channel.
    pub channel_id: FixedBytes<16>,
    /// Bytes inflated so far on behalf of that L1 block.
    pub inflated: u32,
    /// L1 number of the channel's first frame.
    pub opened_at: u64,
    /// Frames held.
    pub frames_held: u32,
    /// Channel size as counted for its cap: data plus 200 bytes per frame.
    pub channel_size: u64,
    /// `keccak256(frameAcc ++ ref(frameData))` over the held frames.
    pub frame_acc: B256,
    /// What the channel stage is doing.
    pub phase: Phase,
    /// Singular batches taken from the channel, span batches flattened.
    pub batches_taken: u32,
}

impl Cursor {
    /// Bytes of an encoded cursor.
    pub const LEN: usize = 157;

    /// The cursor at genesis: nothing consumed beyond `genesis.l1`.
    pub fn genesis(l1_hash: B256, l1_number: u64, batcher: Address) -> Self {
        Self {
            l1_hash,
            l1_number,
            batcher_hash: batcher.into_word(),
            ..Self::default()
        }
    }

    /// `keccak256("foggara/cursor/v1" ++ bytes)`.
    pub fn hash(&self) -> B256 {
        let mut preimage = [0u8; 17 + Self::LEN];
        let (tag, body) = preimage.split_at_mut(17);
        tag.copy_from_slice(b"foggara/cursor/v1");
        body.copy_from_slice(&self.encode());
        keccak256(preimage)
    }

    /// The 157 bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0u8; Self::LEN];
        let mut rest = out.as_mut_slice();
        put(&mut rest, self.l1_hash.as_slice());
        put(&mut rest, &self.l1_number.to_be_bytes());
        put(&mut rest, self.batcher_hash.as_slice());
        put(&mut rest, &self.payloads_taken.to_be_bytes());
        put(&mut rest, &self.frames_taken.to_be_bytes());
        put(&mut rest, self.channel_id.as_slice());
        put(&mut rest, &self.inflated.to_be_bytes());
        put(&mut rest, &self.opened_at.to_be_bytes());
        put(&mut rest, &self.frames_held.to_be_bytes());
        put(&mut rest, &self.channel_size.to_be_bytes());
        put(&mut rest, self.frame_acc.as_slice());
        put(&mut rest, &[self.phase as u8]);
        put(&mut rest, &self.batches_taken.to_be_bytes());
        out
    }

    /// Reads 157 bytes.
    ///
    /// # Errors
    /// - [`CursorError::Length`]: not 157 bytes.
    /// - [`CursorError::Phase`]: unknown phase.
    pub fn decode(bytes: &[u8]) -> Result<Self, CursorError> {
        let length = CursorError::Length { got: bytes.len() };
        if bytes.len() != Self::LEN {
            return Err(length);
        }
        let mut rest = bytes;
        let cursor = (|| {
            Some(Self {
                l1_hash: take::<32>(&mut rest)?.into(),
                l1_number: u64::from_be_bytes(take(&mut rest)?),
                batcher_hash: take::<32>(&mut rest)?.into(),
                payloads_taken: u32::from_be_bytes(take(&mut rest)?),
                frames_taken: u32::from_be_bytes(take(&mut rest)?),
                channel_id: take::<16>(&mut rest)?.into(),
                inflated: u32::from_be_bytes(take(&mut rest)?),
                opened_at: u64::from_be_bytes(take(&mut rest)?),
                frames_held: u32::from_be_bytes(take(&mut rest)?),
                channel_size: u64::from_be_bytes(take(&mut rest)?),
                frame_acc: take::<32>(&mut rest)?.into(),
                phase: match take::<1>(&mut rest)? {
                    [0] => Phase::None,
                    [1] => Phase::Assembling,
                    [2] => Phase::Reading,
                    [_] => return None,
                },
                batches_taken: u32::from_be_bytes(take(&mut rest)?),
            })
        })();
        cursor.ok_or(CursorError::Phase(
            bytes.get(152).copied().unwrap_or_default(),
        ))
    }
}

fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    let (head, tail) = core::mem::take(rest).split_at_mut(bytes.len());
    head.copy_from_slice(bytes);
    *rest = tail;
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_decodes_encodes_to_itself(mut bytes in proptest::collection::vec(any::<u8>(), Cursor::LEN), phase in 0u8..3) {
            bytes[152] = phase;
            let cursor = Cursor::decode(&bytes).unwrap();
            prop_assert_eq!(cursor.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn refuses_other_lengths_and_phases() {
        assert_eq!(
            Cursor::decode(&[0; 156]),
            Err(CursorError::Length { got: 156 })
        );
        assert_eq!(
            Cursor::decode(&[0; 158]),
            Err(CursorError::Length { got: 158 })
        );
        let mut bytes = [0; Cursor::LEN];
        bytes[152] = 3;
        assert_eq!(Cursor::decode(&bytes), Err(CursorError::Phase(3)));
    }
}
