#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod best;
mod config;
mod error;
mod journal;
mod pool;
mod state;
mod tx;

pub use best::BestTransactions;
pub use config::{Ack, Clock, PoolConfig};
pub use error::{DropReason, OpenError, PoolError};
pub use journal::{FolderFiles, Journal, JournalConfig, JournalError, JournalFiles, JournalStats};
pub use pool::{BlockUpdate, Content, LostTx, Pool, PoolEvent, PoolStatus, SenderContent, TxPlace};
pub use state::{HeadFees, PoolState, TxQuote};
pub use tx::PoolTx;
