//! The output root (OP proposals, version 0).

use alloy_primitives::{B256, keccak256};

/// Version-0 output root: `keccak256(0^32 ++ stateRoot ++ withdrawalsRoot ++ blockHash)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct OutputRoot(pub B256);

/// Commits to a block's state, its withdrawals and its hash.
///
/// Source: OP proposals "L2 Output Commitment Construction", version 0.
pub fn output_root_v0(state_root: B256, withdrawals_root: B256, block_hash: B256) -> OutputRoot {
    let mut bytes = [0u8; 128];
    for (chunk, word) in
        bytes
            .chunks_mut(32)
            .skip(1)
            .zip([state_root, withdrawals_root, block_hash])
    {
        chunk.copy_from_slice(word.as_slice());
    }
    OutputRoot(keccak256(bytes))
}
