#![doc = include_str!("../README.md")]

mod api;
mod context;
mod decode;
pub mod devl1;
mod error;
mod filters;
mod follow;
mod limits;
mod moved;
mod node;
mod params;
mod push;
mod reader;
mod server;
mod status;
mod tracer;

pub use api::{node_module, node_module_with};
pub use context::Context;
pub use limits::Limits;
pub use server::{ServeError, ServerConfig, ServerHandle, serve};
pub use status::{Accepted, Dropped, Finalized, Level, Preconfirmed, Safe, TxStatus, tx_status};
