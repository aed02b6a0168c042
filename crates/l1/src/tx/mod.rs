//! The transaction manager: what arrives is a payload, what leaves is news of its life on L1.
//!
//! ```text
//! submit ─▶ queued ─▶ sent ─▶ landed ─▶ final
//!             ▲        │ ▲       │
//!             └────────┘ └───────┘
//!        bump after a time   reorged
//! ```
//!
//! One account, one writer. Nothing runs by itself: the owner calls [`TxManager::tick`] on every new
//! head and now and then between.

mod build;
mod config;
mod fees;
mod intent;
mod manager;
mod send;
mod types;
mod watch;

pub use config::TxManagerConfig;
pub use fees::Fees;
pub use intent::{Intent, IntentError, IntentLog, NoLog};
pub use manager::TxManager;
pub use types::{SubmitError, TxEvent, TxFailure, TxId, TxKind, TxPayload, TxRequest};
