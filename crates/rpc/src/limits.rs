//! Every limit of JSON-RPC (`USERS.md` section 2.9), each named in its error.

use std::time::Duration;

/// Limits of the methods. Those of the transport are in [`crate::ServerConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Gas of one call, estimate or trace.
    pub call_gas: u64,
    /// Time of one call, estimate or trace.
    pub call_time: Duration,
    /// Calls executed at once.
    pub calls_at_once: usize,
    /// Calls that wait for their turn.
    pub calls_waiting: usize,
    /// How long a call waits for its turn before the node says that it is busy.
    pub wait_time: Duration,
    /// Reads of the store at once. The next ones wait for their turn, so that the node's own work never
    /// stands behind them in the queue for threads.
    pub reads_at_once: usize,
    /// Proofs made at once.
    pub proofs_at_once: usize,
    /// Slots of one proof.
    pub proof_keys: usize,
    /// Blocks of one log query.
    pub log_blocks: u64,
    /// Logs of one answer, unless they are all of one block.
    pub logs: usize,
    /// Addresses of one log query.
    pub log_addresses: usize,
    /// Topic values of one log query.
    pub log_topics: usize,
    /// Blocks of one fee history.
    pub fee_history_blocks: u64,
    /// Percentiles of one fee history.
    pub fee_history_percentiles: usize,
    /// Filters alive.
    pub filters: usize,
    /// Life of a filter that nobody asks.
    pub filter_life: Duration,
    /// How long `eth_sendRawTransactionSync` waits unless told.
    pub send_sync_time: Duration,
    /// How long it waits at most.
    pub send_sync_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Self {
            call_gas: 50_000_000,
            call_time: Duration::from_secs(5),
            calls_at_once: cores.saturating_mul(2),
            calls_waiting: 256,
            wait_time: Duration::from_secs(1),
            reads_at_once: 64,
            proofs_at_once: 25,
            proof_keys: 1_024,
            log_blocks: 100_000,
            logs: 20_000,
            log_addresses: 1_024,
            log_topics: 1_024,
            fee_history_blocks: 1_024,
            fee_history_percentiles: 100,
            filters: 10_000,
            filter_life: Duration::from_secs(300),
            send_sync_time: Duration::from_secs(2),
            send_sync_time_max: Duration::from_secs(30),
        }
    }
}
