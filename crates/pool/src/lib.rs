#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod best;
mod book;
mod config;
mod error;
mod inner;
mod journal;
mod ledger;
mod open;
mod pool;
mod queue;
mod recover;
mod state;
#[cfg(test)]
mod tests;
mod tx;
mod view;
mod workers;

pub use best::BestTransactions;
pub use config::{Ack, Clock, PoolConfig};
pub use error::{DropReason, OpenError, PoolError};
pub use journal::{FolderFiles, JournalError, JournalFiles, JournalStats};
pub use pool::Pool;
pub use state::{HeadFees, PoolState, TxQuote};
pub use tx::PoolTx;
pub use view::{
    BlockUpdate, Content, LostTx, PoolEvent, PoolStatus, RecentDrops, SenderContent, TxPlace,
};
