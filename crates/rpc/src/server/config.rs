//! How a server behaves.

use std::{net::SocketAddr, time::Duration};

/// How a server behaves. Start from the default and change what differs.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 lets the system choose.
    pub addr: SocketAddr,
    /// Allowed origins, `*` for all.
    pub cors: Vec<String>,
    /// Host names accepted beside the loopback ones.
    pub hosts: Vec<String>,
    /// Connections at once.
    pub connections: usize,
    /// Bytes of one request.
    pub request_bytes: usize,
    /// Bytes of one answer, or of a batch of them.
    pub answer_bytes: usize,
    /// Bytes of answers that wait, over all connections, for those who asked; never less than one answer.
    pub held_bytes: usize,
    /// Entries of one batch.
    pub batch: usize,
    /// Time for one batch.
    pub batch_time: Duration,
    /// Subscriptions of one connection.
    pub subscriptions: u32,
    /// Messages that wait for a reader before it is cut.
    pub unread: usize,
    /// Calls of one WebSocket connection at once; the next ones are not read until one ends.
    pub calls: usize,
    /// Time between pings; a connection that misses two is closed.
    pub ping: Duration,
    /// Time for the first header of a connection.
    pub first_header_time: Duration,
    /// Time for the body of a request, and for the other side to take the next bytes of an answer.
    pub stall_time: Duration,
    /// Time between two requests of a connection.
    pub idle_time: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            addr: ([127, 0, 0, 1], 8545).into(),
            cors: Vec::new(),
            hosts: Vec::new(),
            connections: 500,
            request_bytes: 10 * 1024 * 1024,
            answer_bytes: 25_000_000,
            held_bytes: 256_000_000,
            batch: 1_000,
            batch_time: Duration::from_secs(10),
            subscriptions: 1_024,
            unread: 1_024,
            calls: 64,
            ping: Duration::from_secs(30),
            first_header_time: Duration::from_secs(10),
            stall_time: Duration::from_secs(20),
            idle_time: Duration::from_secs(60),
        }
    }
}
