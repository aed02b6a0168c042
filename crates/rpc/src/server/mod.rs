//! The server: one TCP port for HTTP and WebSocket.

mod hangup;

pub(crate) use hangup::Hangup;

use jsonrpsee::{Methods, server::Server};
use std::net::SocketAddr;

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}")]
pub struct ServeError {
    /// Where it was to listen.
    pub addr: SocketAddr,
    /// Why it cannot.
    pub source: std::io::Error,
}

impl ServeError {
    /// Whether the port is taken.
    pub fn in_use(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::AddrInUse
    }
}

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 lets the system choose.
    pub addr: SocketAddr,
    /// Allowed origins, `*` for all.
    pub cors: Vec<String>,
    /// Host names accepted beside the loopback ones.
    pub hosts: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            addr: ([127, 0, 0, 1], 8545).into(),
            cors: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    inner: jsonrpsee::server::ServerHandle,
}

impl ServerHandle {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening and waits for requests under way.
    pub async fn stop(self) {
        if self.inner.stop().is_ok() {
            self.inner.stopped().await;
        }
    }
}

/// Serves methods, and `extra` paths beside them.
///
/// # Errors
/// [`ServeError`]: the port is taken or the address is not ours.
pub async fn serve(
    config: ServerConfig,
    methods: impl Into<Methods>,
    extra: Option<axum::Router>,
) -> Result<ServerHandle, ServeError> {
    let fail = |source| ServeError {
        addr: config.addr,
        source,
    };
    let server = Server::builder().build(config.addr).await.map_err(fail)?;
    let addr = server.local_addr().map_err(fail)?;
    drop(extra);
    Ok(ServerHandle {
        addr,
        inner: server.start(methods),
    })
}
