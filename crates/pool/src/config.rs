//! Limits and switches of the pool (`RELIABILITY.md` section 7).

use foggara_primitives::constants::POOL_TX_GAS_MAX;
use std::{fmt, sync::Arc, time::SystemTime};

/// When [`Pool::add`](crate::Pool::add) returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// After the journal record is synced (`RELIABILITY.md` D1).
    #[default]
    Journal,
    /// After admission; the record is written and synced behind the caller's back (D7: never a
    /// default, and shown to the operator).
    Memory,
}

/// Where the pool reads the time from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock from a function that returns unix milliseconds.
    pub fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// The system's clock.
    pub fn system() -> Self {
        Self::new(|| {
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Every limit of the pool. Start from [`PoolConfig::public`] or [`PoolConfig::dev`].
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The chain that transactions must name.
    pub chain_id: u64,
    /// When an addition is acknowledged.
    pub ack: Ack,
    /// Bytes of one encoded transaction at most.
    pub tx_bytes_max: usize,
    /// Bytes of init code at most (EIP-3860).
    pub init_code_bytes_max: usize,
    /// Gas limit of one transaction at most (EIP-7825's figure, `ROLLUP.md` D5).
    pub tx_gas_max: u64,
    /// Gas limit times fee cap of one transaction at most, in wei; `None` is off.
    pub tx_fee_cap: Option<u128>,
    /// Pooled transactions per sender, and how far a nonce may be ahead of the account.
    pub slots_per_sender: u64,
    /// Executable transactions kept at least, in slots of 2 KiB; the limit is the larger of this
    /// and four times `block gas limit / 21,000`.
    pub executable_slots_min: u64,
    /// Gapped transactions kept at most.
    pub gapped_count_max: usize,
    /// Bytes of gapped transactions kept at most.
    pub gapped_bytes_max: usize,
    /// Life of a gapped transaction in milliseconds.
    pub gapped_life_ms: u64,
    /// Rise of both fees that a replacement needs, in percent.
    pub replacement_percent: u64,
    /// Effective tip at the next base fee that the pool asks at least, in wei per gas.
    pub tip_min: u128,
    /// Whether a transaction whose fee cap is below the next base fee is held.
    pub hold_below_base_fee: bool,
    /// Bytes between admission and the disk at most; more callers wait.
    pub in_flight_bytes_max: usize,
    /// Size of one journal segment in bytes.
    pub journal_segment_bytes: u64,
    /// Segments on disk before live records are rewritten.
    pub journal_segments_max: usize,
    /// Threads that recover senders and admit.
    pub admission_threads: usize,
    /// Dropped transactions whose reason is remembered in memory.
    pub dropped_max: usize,
    /// Unread messages before a subscriber is cut.
    pub subscriber_messages_max: usize,
    /// Source of the time.
    pub clock: Clock,
}

impl PoolConfig {
    /// Limits of a public node.
    pub fn public(chain_id: u64) -> Self {
        Self {
            chain_id,
            ack: Ack::Journal,
            tx_bytes_max: 128 * 1024,
            init_code_bytes_max: 49_152,
            tx_gas_max: POOL_TX_GAS_MAX,
            tx_fee_cap: Some(1_000_000_000_000_000_000),
            slots_per_sender: 64,
            executable_slots_min: 10_000,
            gapped_count_max: 10_000,
            gapped_bytes_max: 20_000_000,
            gapped_life_ms: 3 * 3_600 * 1_000,
            replacement_percent: 10,
            tip_min: 0,
            hold_below_base_fee: true,
            in_flight_bytes_max: 8 * 1024 * 1024,
            journal_segment_bytes: 64 * 1024 * 1024,
            journal_segments_max: 16,
            admission_threads: std::thread::available_parallelism().map_or(1, |n| n.get().min(4)),
            dropped_max: 16_384,
            subscriber_messages_max: 1_024,
            clock: Clock::system(),
        }
    }

    /// Limits of a development node: more slots, no fee cap, a small journal.
    pub fn dev(chain_id: u64) -> Self {
        Self {
            tx_fee_cap: None,
            slots_per_sender: 4_096,
            journal_segment_bytes: 1024 * 1024,
            ..Self::public(chain_id)
        }
    }
}
