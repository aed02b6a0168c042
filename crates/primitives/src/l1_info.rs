//! The L1 attributes calldata (OP isthmus/l1-attributes).
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | selector `098999be` |
//! | 4 | 4 | base fee scalar |
//! | 8 | 4 | blob base fee scalar |
//! | 12 | 8 | sequence number |
//! | 20 | 8 | L1 timestamp |
//! | 28 | 8 | L1 number |
//! | 36 | 32 | L1 base fee |
//! | 68 | 32 | L1 blob base fee |
//! | 100 | 32 | L1 block hash |
//! | 132 | 32 | batcher hash |
//! | 164 | 4 | operator fee scalar |
//! | 168 | 8 | operator fee constant |

use crate::{
    BlockId,
    constants::{L1_ATTRIBUTES_LEN, L1_ATTRIBUTES_SELECTOR},
};
use alloy_primitives::{Address, B256, U256};

/// What the first transaction of every block says about L1 and the fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct L1Info {
    /// Scalar on the L1 base fee.
    pub base_fee_scalar: u32,
    /// Scalar on the L1 blob base fee.
    pub blob_base_fee_scalar: u32,
    /// Index of the block in its epoch.
    pub sequence_number: u64,
    /// Unix seconds of the L1 origin.
    pub time: u64,
    /// Number of the L1 origin.
    pub number: u64,
    /// Base fee of the L1 origin in wei.
    pub base_fee: U256,
    /// Blob base fee of the L1 origin in wei.
    pub blob_base_fee: U256,
    /// Hash of the L1 origin.
    pub block_hash: B256,
    /// The batcher, left-padded.
    pub batcher_hash: B256,
    /// Operator fee scalar, parts per million of gas.
    pub operator_fee_scalar: u32,
    /// Operator fee constant, wei per transaction.
    pub operator_fee_constant: u64,
}

/// Calldata that is not an Isthmus L1 attributes call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum L1InfoError {
    /// The length is not 176.
    #[error("L1 attributes calldata has {got} bytes, expected 176")]
    Length {
        /// Bytes seen.
        got: usize,
    },
    /// Another selector.
    #[error("L1 attributes selector is not 098999be")]
    Selector,
}

impl L1Info {
    /// The L1 origin.
    pub const fn origin(&self) -> BlockId {
        BlockId {
            hash: self.block_hash,
            number: self.number,
        }
    }

    /// The batcher's address.
    pub fn batcher(&self) -> Address {
        Address::from_word(self.batcher_hash)
    }

    /// The 176 bytes of calldata.
    pub fn encode(&self) -> [u8; L1_ATTRIBUTES_LEN] {
        let mut out = [0u8; L1_ATTRIBUTES_LEN];
        let mut rest = out.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            let (head, tail) = core::mem::take(&mut rest).split_at_mut(bytes.len());
            head.copy_from_slice(bytes);
            rest = tail;
        };
        put(&L1_ATTRIBUTES_SELECTOR);
        put(&self.base_fee_scalar.to_be_bytes());
        put(&self.blob_base_fee_scalar.to_be_bytes());
        put(&self.sequence_number.to_be_bytes());
        put(&self.time.to_be_bytes());
        put(&self.number.to_be_bytes());
        put(&self.base_fee.to_be_bytes::<32>());
        put(&self.blob_base_fee.to_be_bytes::<32>());
        put(self.block_hash.as_slice());
        put(self.batcher_hash.as_slice());
        put(&self.operator_fee_scalar.to_be_bytes());
        put(&self.operator_fee_constant.to_be_bytes());
        out
    }

    /// Reads 176 bytes of calldata.
    ///
    /// # Errors
    /// - [`L1InfoError::Length`]: not 176 bytes.
    /// - [`L1InfoError::Selector`]: another call.
    pub fn decode(bytes: &[u8]) -> Result<Self, L1InfoError> {
        let length = L1InfoError::Length { got: bytes.len() };
        if bytes.len() != L1_ATTRIBUTES_LEN {
            return Err(length);
        }
        let mut rest = bytes;
        if take::<4>(&mut rest) != Some(L1_ATTRIBUTES_SELECTOR) {
            return Err(L1InfoError::Selector);
        }
        (|| {
            Some(Self {
                base_fee_scalar: u32::from_be_bytes(take(&mut rest)?),
                blob_base_fee_scalar: u32::from_be_bytes(take(&mut rest)?),
                sequence_number: u64::from_be_bytes(take(&mut rest)?),
                time: u64::from_be_bytes(take(&mut rest)?),
                number: u64::from_be_bytes(take(&mut rest)?),
                base_fee: U256::from_be_bytes(take::<32>(&mut rest)?),
                blob_base_fee: U256::from_be_bytes(take::<32>(&mut rest)?),
                block_hash: take::<32>(&mut rest)?.into(),
                batcher_hash: take::<32>(&mut rest)?.into(),
                operator_fee_scalar: u32::from_be_bytes(take(&mut rest)?),
                operator_fee_constant: u64::from_be_bytes(take(&mut rest)?),
            })
        })()
        .ok_or(length)
    }
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
        fn what_decodes_encodes_to_itself(mut bytes in proptest::collection::vec(any::<u8>(), L1_ATTRIBUTES_LEN)) {
            bytes[..4].copy_from_slice(&L1_ATTRIBUTES_SELECTOR);
            prop_assert_eq!(L1Info::decode(&bytes).unwrap().encode().to_vec(), bytes);
        }
    }

    #[test]
    fn refuses_other_calls() {
        assert_eq!(L1Info::decode(&[]), Err(L1InfoError::Length { got: 0 }));
        assert_eq!(L1Info::decode(&[0; 176]), Err(L1InfoError::Selector));
    }

    #[test]
    fn the_selector_is_that_of_the_call() {
        let hash = alloy_primitives::keccak256("setL1BlockValuesIsthmus()");
        assert_eq!(hash[..4], L1_ATTRIBUTES_SELECTOR);
    }
}
