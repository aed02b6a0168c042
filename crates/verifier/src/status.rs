//! What the verifier tells about itself.

use foggara_primitives::{Heads, L1Ref};

/// The verifier's view, as `optimism_syncStatus` shows it. Changes only after what it tells is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifierStatus {
    /// Tip of L1 as last seen.
    pub head_l1: L1Ref,
    /// Newest L1 block whose data are consumed.
    pub current_l1: L1Ref,
    /// Newest L1 block that is safe by L1's own word.
    pub safe_l1: L1Ref,
    /// Newest final L1 block.
    pub finalized_l1: L1Ref,
    /// Heads of L2.
    pub heads: Heads,
    /// Whether all of L1 up to `head_l1` was consumed at the time.
    pub synced: bool,
}
