#![doc = include_str!("../README.md")]

pub mod backend;
mod batch;

mod chain;
mod changes;
mod error;
mod expire;
#[cfg(test)]
mod faults;
mod history;
mod keys;
mod lock;
mod open;
mod overlay;
mod record;
mod records;
mod snapshot;
mod state;
mod store;
mod stored;
mod table;
mod tensors;
mod unwind;
mod verify;
mod view;
mod write;

pub use batch::{COMMIT_BLOCKS_MAX, Commit};
pub use changes::StoreChange;
pub use error::{CommitError, DbError, OpenError, StoreError};
pub use foggara_stf::{ExecutedBlock, TxTrace};
pub use history::REVERT_ENTRIES_MAX;
pub use lock::FolderLock;
pub use open::{HISTORY_WINDOW, Options};
pub use overlay::{NotOnTop, Overlay};
pub use record::{DroppedTx, L1Block, Posted, StoredFrame, Trace};
pub use snapshot::READER_AGE_MAX;
pub use store::{EVENTS_MAX, Store};
pub use stored::{Recovery, RemovedBlock, StoreEvent, StoredBlock, StoredHeader, TxLocation};
pub use table::{KEY_SIZE_MAX, SCHEMA_VERSION, Table, VALUE_SIZE_MAX};
pub use tensors::TENSOR_RETENTION;
pub use verify::StateCheck;
pub use view::StateView;

// Lets the unit tests use the chain generator of the integration tests.
#[cfg(test)]
extern crate self as foggara_store;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
