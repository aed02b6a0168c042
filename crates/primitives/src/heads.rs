//! References to blocks of both layers, and the heads of the chain.

use alloy_primitives::B256;

/// A block by number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BlockId {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
}

/// An L1 block as a head or an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct L1Ref {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
}

impl L1Ref {
    /// Number and hash alone.
    pub const fn id(&self) -> BlockId {
        BlockId {
            hash: self.hash,
            number: self.number,
        }
    }
}

/// An L2 block with its place in L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct L2Ref {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
    /// The L1 block whose epoch this block belongs to.
    pub l1_origin: BlockId,
    /// Index of the block in its epoch, from 0.
    pub sequence_number: u64,
}

impl L2Ref {
    /// Number and hash alone.
    pub const fn id(&self) -> BlockId {
        BlockId {
            hash: self.hash,
            number: self.number,
        }
    }
}

/// The heads of the chain (`ROLLUP.md` section 4). `finalized <= safe <= unsafe_` always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heads {
    /// Tip of the durable local chain (*preconfirmed*, `latest`).
    pub unsafe_: L2Ref,
    /// Newest block derived from canonical L1 whose hash equals ours.
    pub safe: L2Ref,
    /// Newest safe block whose inclusion L1 block is final.
    pub finalized: L2Ref,
}
