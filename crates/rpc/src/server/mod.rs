//! The server: one TCP port for HTTP and WebSocket (`USERS.md` section 2.1).
//!
//! ```text
//! accept ─▶ connection ─▶ Host, Origin, CORS ─▶ gzip ─▶ POST ─────▶ dispatch ─▶ method
//!                                                  ├──▶ upgrade ──▶ dispatch ─▶ method, subscription
//!                                                  └──▶ page, health, paths of others
//! ```
//!
//! Methods and subscriptions are jsonrpsee's; envelopes and transport are ours, because ids,
//! notifications, batches and limits have to be exact.

mod accept;
mod config;
mod dispatch;
mod envelope;
mod guard;
mod hangup;
mod http;
mod page;
mod patience;
mod ws;

pub use accept::{ServeError, ServerHandle, serve};
pub use config::ServerConfig;
pub(crate) use hangup::Hangup;
