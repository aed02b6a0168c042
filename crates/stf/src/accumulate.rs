//! Commitments to what each transaction did (`FAULTPROOF.md` section 3.4).
//!
//! `ref(bytes) = keccak256(len:u64 ++ keccak(chunk_0) ++ keccak(chunk_1) ++ ..)`, chunks of 32 KiB;
//! `acc' = keccak256(acc ++ ref(object))`, starting from zero.

use alloc::vec::Vec;
use alloy_primitives::{B256, Keccak256, keccak256};
use foggara_primitives::StateDiff;

/// Bytes of one chunk of an object (`FAULTPROOF.md` section 3.4).
const CHUNK: usize = 32 * 1024;

/// State of the accumulators after one sub-step of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TxTrace {
    /// Commitment to the diffs so far, that of BEGIN included.
    pub diff_acc: B256,
    /// Commitment to the receipts so far.
    pub receipt_acc: B256,
    /// Gas used so far.
    pub cumulative_gas: u64,
}

/// Names an object by its length and the hashes of its chunks.
pub fn object_ref(bytes: &[u8]) -> B256 {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut hasher = Keccak256::new();
    hasher.update(length.to_be_bytes());
    for chunk in bytes.chunks(CHUNK) {
        hasher.update(keccak256(chunk));
    }
    hasher.finalize()
}

fn extend(acc: B256, object: &[u8]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(acc);
    hasher.update(object_ref(object));
    hasher.finalize()
}

/// The two accumulators of an open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accumulators {
    /// Commitment to the diffs.
    pub diff: B256,
    /// Commitment to the receipts.
    pub receipt: B256,
}

impl Accumulators {
    /// Adds the diff of BEGIN: diff 0 of the block.
    pub fn begin(&mut self, diff: &StateDiff) {
        self.diff = extend(self.diff, &diff.encode());
    }

    /// Adds one transaction.
    pub fn tx(&mut self, diff: &StateDiff, receipt: &[u8], cumulative_gas: u64) -> TxTrace {
        self.diff = extend(self.diff, &diff.encode());
        self.receipt = extend(self.receipt, receipt);
        TxTrace {
            diff_acc: self.diff,
            receipt_acc: self.receipt,
            cumulative_gas,
        }
    }
}

/// The 32 bytes that stay of a block's trace once it is safe:
/// `keccak256("foggara/trace/v1" ++ (diffAcc ++ receiptAcc ++ cumulativeGas:u64) of each transaction)`.
pub fn trace_root(trace: &[TxTrace]) -> B256 {
    let mut bytes = Vec::with_capacity(trace.len().saturating_mul(72).saturating_add(16));
    bytes.extend_from_slice(b"foggara/trace/v1");
    for step in trace {
        bytes.extend_from_slice(step.diff_acc.as_slice());
        bytes.extend_from_slice(step.receipt_acc.as_slice());
        bytes.extend_from_slice(&step.cumulative_gas.to_be_bytes());
    }
    keccak256(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_length_and_chunks() {
        let bytes = vec![7u8; CHUNK + 1];
        let mut preimage = ((CHUNK + 1) as u64).to_be_bytes().to_vec();
        preimage.extend_from_slice(keccak256(&bytes[..CHUNK]).as_slice());
        preimage.extend_from_slice(keccak256(&bytes[CHUNK..]).as_slice());
        assert_eq!(object_ref(&bytes), keccak256(preimage));
        assert_eq!(object_ref(&[]), keccak256(0u64.to_be_bytes()));
    }

    #[test]
    fn every_byte_and_the_order_count() {
        let mut one = Accumulators::default();
        let mut two = Accumulators::default();
        let diff = StateDiff::default();
        one.tx(&diff, &[1], 0);
        let after_one = one.tx(&diff, &[2], 0);
        two.tx(&diff, &[2], 0);
        let after_two = two.tx(&diff, &[1], 0);
        assert_ne!(after_one.receipt_acc, after_two.receipt_acc);
        assert_eq!(after_one.diff_acc, after_two.diff_acc);
        assert_ne!(trace_root(&[after_one]), trace_root(&[after_two]));
    }
}
