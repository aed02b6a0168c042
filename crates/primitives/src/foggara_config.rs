//! Our own parameters: `config.foggara` of `genesis.json` (`ROLLUP.md` section 3.2).

use alloc::vec::Vec;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::U256;
use alloy_rlp::RlpEncodable;

/// One entry of the L1 blob schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct BlobScheduleEntry {
    /// L1 unix seconds from which the entry holds.
    pub time: u64,
    /// Target blobs per block.
    pub target: u64,
    /// Maximum blobs per block.
    pub max: u64,
    /// Blob base fee update fraction.
    pub update_fraction: u64,
    /// Lowest blob base fee in wei.
    pub min_blob_fee: u64,
}

/// Which AI precompiles are active, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, RlpEncodable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct PrecompileSetConfig {
    /// Number of the set.
    pub id: u64,
    /// L2 unix seconds of activation, 0.
    pub time: u64,
}

/// `config.foggara` of `genesis.json` (`ROLLUP.md` section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct FoggaraConfig {
    /// Version of this object, 1.
    pub version: u64,
    /// Active AI precompiles.
    pub precompile_set: PrecompileSetConfig,
    /// Seconds between L1 blocks.
    pub l1_block_time: u64,
    /// Blob parameters of the L1 by time, ascending.
    pub l1_blob_schedule: Vec<BlobScheduleEntry>,
    /// L2 blocks of state history kept.
    pub history_window: u64,
}

impl Default for FoggaraConfig {
    fn default() -> Self {
        let prague = BlobParams::prague();
        Self {
            version: 1,
            precompile_set: PrecompileSetConfig::default(),
            l1_block_time: 12,
            l1_blob_schedule: alloc::vec![BlobScheduleEntry {
                time: 0,
                target: prague.target_blob_count,
                max: prague.max_blob_count,
                update_fraction: u64::try_from(prague.update_fraction).unwrap_or(u64::MAX),
                min_blob_fee: u64::try_from(prague.min_blob_fee).unwrap_or(u64::MAX),
            }],
            history_window: 90_000,
        }
    }
}

impl FoggaraConfig {
    /// Blob base fee in wei of an L1 block, 1 if it has no excess blob gas (`ROLLUP.md` section 5.3).
    pub fn blob_base_fee(&self, l1_time: u64, excess_blob_gas: Option<u64>) -> U256 {
        let Some(excess) = excess_blob_gas else {
            return U256::from(1);
        };
        let entry = self
            .l1_blob_schedule
            .iter()
            .rev()
            .find(|entry| entry.time <= l1_time);
        let mut params = BlobParams::prague();
        if let Some(entry) = entry {
            params.target_blob_count = entry.target;
            params.max_blob_count = entry.max;
            params.update_fraction = u128::from(entry.update_fraction);
            params.min_blob_fee = u128::from(entry.min_blob_fee);
        }
        U256::from(params.calc_blob_fee(excess))
    }
}
