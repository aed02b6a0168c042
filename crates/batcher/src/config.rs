//! What an operator may choose.

use foggara_primitives::constants::{BLOB_MAX_DATA, FRAME_OVERHEAD};
use std::time::Duration;

/// Where batches go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DaPolicy {
    /// The cheaper of the two, with hysteresis.
    #[default]
    Auto,
    /// Always blobs.
    Blobs,
    /// Always calldata.
    Calldata,
}

/// How blocks are collected and posted (`ROLLUP.md` section 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatcherConfig {
    /// Blobs, calldata, or the cheaper.
    pub da: DaPolicy,
    /// Where the kind is chosen by price: begin with calldata while the trusted setup of blobs is
    /// loaded, which takes seconds after each start. For chains whose window is not much longer.
    pub calldata_first: bool,
    /// L1 blocks that a channel's first block waits at most before the channel is closed, unless more
    /// than one channel's worth of blocks is waiting.
    pub max_channel_age: u64,
    /// Blobs of one channel and of one transaction, 1 to 6.
    pub target_blobs: usize,
    /// Bytes of calldata of one transaction at most.
    pub max_calldata: usize,
    /// Transactions handed out and not yet landed, at most.
    pub max_in_flight: usize,
    /// Uncompressed bytes of one channel at most.
    pub max_content: usize,
    /// L1 blocks before the channel timeout at which a channel that has not landed as a whole is given
    /// up.
    pub timeout_margin: u64,
    /// L1 blocks that a landed channel waits for the safe head to pass it, and the safe head stands
    /// still, before it counts as lost.
    pub lost_after: u64,
    /// Bytes of blocks that are taken into memory at most; the rest waits in the store.
    pub max_backlog: usize,
    /// Time between two looks at the store and L1 when neither announces news.
    pub poll: Duration,
}

impl BatcherConfig {
    /// For a public L1 with blocks of 12 seconds.
    pub const fn public() -> Self {
        Self {
            da: DaPolicy::Auto,
            calldata_first: false,
            max_channel_age: 5,
            target_blobs: 1,
            max_calldata: 100_000,
            max_in_flight: 6,
            max_content: 25_000_000,
            timeout_margin: 10,
            lost_after: 20,
            max_backlog: 64 << 20,
            poll: Duration::from_secs(2),
        }
    }

    /// For a development L1 with blocks of a second.
    pub const fn dev() -> Self {
        Self {
            calldata_first: true,
            max_channel_age: 1,
            poll: Duration::from_millis(100),
            ..Self::public()
        }
    }

    /// Bytes of a channel that fill one blob: its payload less version byte and frame overhead.
    pub const BLOB_FRAME_DATA: usize = BLOB_MAX_DATA - 1 - FRAME_OVERHEAD;

    /// Values brought within their bounds.
    pub(crate) fn bounded(mut self) -> Self {
        self.target_blobs = self.target_blobs.clamp(1, 6);
        self.max_calldata = self.max_calldata.clamp(1_000, 120_000);
        self.max_in_flight = self.max_in_flight.max(1);
        self.max_content = self.max_content.clamp(1_000, 90_000_000);
        self.timeout_margin = self.timeout_margin.min(40);
        self
    }
}

impl Default for BatcherConfig {
    fn default() -> Self {
        Self::dev()
    }
}
