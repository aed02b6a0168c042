//! Blobs or calldata: what a submission carries, what it costs, which of the two is chosen.

use crate::{BatcherConfig, DaPolicy};
use alloy_primitives::{Bytes, U256};
use foggara_batch::{BlobError, Frame, blob, encode_payload};
use foggara_primitives::constants::{BLOB_SIZE, FRAME_OVERHEAD};

/// The kind of L1 data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DaKind {
    /// Blobs of a type 3 transaction.
    Blobs,
    /// Calldata of a type 2 transaction.
    Calldata,
}

/// What one L1 transaction carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaData {
    /// Blobs of 131,072 bytes each in OP's encoding.
    Blobs(Vec<Bytes>),
    /// A payload of frames.
    Calldata(Bytes),
}

/// Prices of the next L1 block in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1Fees {
    /// Per gas.
    pub base_fee: u128,
    /// Per blob gas.
    pub blob_base_fee: u128,
}

impl DaData {
    /// The kind.
    pub const fn kind(&self) -> DaKind {
        match self {
            Self::Blobs(_) => DaKind::Blobs,
            Self::Calldata(_) => DaKind::Calldata,
        }
    }
}

impl DaKind {
    /// Bytes of channel data in one frame of this kind.
    pub const fn frame_data(self, config: &BatcherConfig) -> usize {
        match self {
            Self::Blobs => BatcherConfig::BLOB_FRAME_DATA,
            Self::Calldata => config.max_calldata - 1 - FRAME_OVERHEAD,
        }
    }

    /// Compressed bytes at which a channel of this kind is full.
    pub const fn target(self, config: &BatcherConfig) -> usize {
        match self {
            Self::Blobs => config.target_blobs * self.frame_data(config),
            Self::Calldata => self.frame_data(config),
        }
    }

    /// Frames in one transaction at most.
    pub(crate) const fn frames_per_tx(self, config: &BatcherConfig) -> usize {
        match self {
            Self::Blobs => config.target_blobs,
            Self::Calldata => 1,
        }
    }

    /// What one transaction with these frames carries: a blob each, or one payload.
    pub(crate) fn data(self, frames: &[Frame]) -> Result<DaData, BlobError> {
        match self {
            Self::Blobs => frames
                .iter()
                .map(|frame| blob::encode(&encode_payload(std::slice::from_ref(frame))))
                .map(|blob| blob.map(Bytes::from))
                .collect::<Result<_, _>>()
                .map(DaData::Blobs),
            Self::Calldata => Ok(DaData::Calldata(encode_payload(frames).into())),
        }
    }

    /// Wei for a channel of `size` bytes (`ROLLUP.md` section 9.3). Compressed bytes are taken as
    /// nonzero.
    fn cost(self, size: usize, fees: &L1Fees, config: &BatcherConfig) -> U256 {
        let base_fee = U256::from(fees.base_fee);
        let frames = size.div_ceil(self.frame_data(config)).max(1);
        match self {
            Self::Blobs => {
                let txs = frames.div_ceil(self.frames_per_tx(config));
                U256::from(frames * BLOB_SIZE) * U256::from(fees.blob_base_fee)
                    + U256::from(21_000 * txs) * base_fee
            }
            Self::Calldata => {
                let bytes = size + frames * (FRAME_OVERHEAD + 1);
                U256::from(21_000 * frames + 40 * bytes) * base_fee
            }
        }
    }
}

/// L1 blocks during which the other kind must be cheaper by half before it is taken.
const SWITCH_AFTER: u32 = 10;

/// Chooses the kind, slowly: a change costs a drained account.
#[derive(Debug, Clone)]
pub(crate) struct Chooser {
    policy: DaPolicy,
    kind: DaKind,
    decided: bool,
    cheaper_for: u32,
}

impl Chooser {
    pub(crate) const fn new(policy: DaPolicy) -> Self {
        let kind = match policy {
            DaPolicy::Auto | DaPolicy::Blobs => DaKind::Blobs,
            DaPolicy::Calldata => DaKind::Calldata,
        };
        Self {
            policy,
            kind,
            decided: false,
            cheaper_for: 0,
        }
    }

    pub(crate) const fn kind(&self) -> DaKind {
        self.kind
    }

    /// The first submission leaves: from now on a change is a switch.
    pub(crate) const fn decide(&mut self) {
        self.decided = true;
    }

    /// Whether the other kind has been cheaper for long enough: hand out nothing new, drain, switch.
    pub(crate) const fn wants_to_switch(&self) -> bool {
        self.cheaper_for >= SWITCH_AFTER
    }

    /// Takes note of a new L1 block's prices for channels of about `size` bytes.
    pub(crate) fn observe(&mut self, fees: &L1Fees, size: usize, config: &BatcherConfig) {
        if self.policy != DaPolicy::Auto {
            return;
        }
        let (blobs, calldata) = (
            DaKind::Blobs.cost(size, fees, config),
            DaKind::Calldata.cost(size, fees, config),
        );
        if !self.decided {
            self.decided = true;
            self.kind = if blobs <= calldata {
                DaKind::Blobs
            } else {
                DaKind::Calldata
            };
            return;
        }
        let (mine, other) = match self.kind {
            DaKind::Blobs => (blobs, calldata),
            DaKind::Calldata => (calldata, blobs),
        };
        let cheaper = other * U256::from(2) <= mine;
        self.cheaper_for = if cheaper {
            self.cheaper_for.saturating_add(1)
        } else {
            0
        };
    }

    /// Switches, if that is due. Only while nothing is in flight and no channel is sent in part.
    pub(crate) fn switch(&mut self) {
        if self.wants_to_switch() {
            self.cheaper_for = 0;
            self.kind = match self.kind {
                DaKind::Blobs => DaKind::Calldata,
                DaKind::Calldata => DaKind::Blobs,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP_BLOBS: L1Fees = L1Fees {
        base_fee: 1_000_000_000,
        blob_base_fee: 1,
    };
    const DEAR_BLOBS: L1Fees = L1Fees {
        base_fee: 1_000,
        blob_base_fee: 1_000_000_000,
    };

    #[test]
    fn costs_are_those_of_the_specification() {
        let config = BatcherConfig::dev();
        let fees = L1Fees {
            base_fee: 7,
            blob_base_fee: 3,
        };
        let blobs = DaKind::Blobs.cost(200_000, &fees, &config);
        assert_eq!(blobs, U256::from(2 * 131_072 * 3 + 2 * 21_000 * 7));
        let calldata = DaKind::Calldata.cost(500, &fees, &config);
        assert_eq!(calldata, U256::from((21_000 + 40 * 524) * 7));
    }

    #[test]
    fn a_switch_waits_for_ten_blocks_of_half_the_price() {
        let config = BatcherConfig::dev();
        let mut chooser = Chooser::new(DaPolicy::Auto);
        chooser.observe(&CHEAP_BLOBS, 1_000, &config);
        assert_eq!(chooser.kind(), DaKind::Blobs);
        for _ in 0..9 {
            chooser.observe(&DEAR_BLOBS, 1_000, &config);
        }
        assert!(!chooser.wants_to_switch());
        chooser.observe(&CHEAP_BLOBS, 1_000, &config);
        for _ in 0..9 {
            chooser.observe(&DEAR_BLOBS, 1_000, &config);
        }
        chooser.switch();
        assert_eq!(
            chooser.kind(),
            DaKind::Blobs,
            "one cheap block starts the count anew"
        );
        chooser.observe(&DEAR_BLOBS, 1_000, &config);
        assert!(chooser.wants_to_switch());
        chooser.switch();
        assert_eq!(chooser.kind(), DaKind::Calldata);
        assert!(!chooser.wants_to_switch());
    }

    #[test]
    fn a_fixed_policy_never_switches() {
        let config = BatcherConfig::dev();
        for (policy, kind) in [
            (DaPolicy::Blobs, DaKind::Blobs),
            (DaPolicy::Calldata, DaKind::Calldata),
        ] {
            let mut chooser = Chooser::new(policy);
            for fees in [CHEAP_BLOBS, DEAR_BLOBS] {
                (0..20).for_each(|_| chooser.observe(&fees, 1_000, &config));
                chooser.switch();
                assert_eq!(chooser.kind(), kind);
            }
        }
    }
}
