//! Ordered tables of bytes: what the store asks of an engine.
//!
//! An engine guarantees: a read transaction sees the state of one instant, whatever is committed
//! beside it; at most one write transaction exists, later ones wait; a write transaction sees its
//! own writes; `commit` returns only when everything is durable, or fails and nothing is visible;
//! dropping a write transaction undoes it. Keys order bytewise.

mod mdbx;
mod memory;

#[cfg(test)]
mod conformance;

pub use mdbx::{MDBX_READERS_MAX, MDBX_SIZE_MAX, Mdbx};
pub use memory::Memory;

use crate::{
    error::DbError,
    table::{Table, VALUE_SIZE_MAX},
};
use core::ops::ControlFlow;
use std::borrow::Cow;

/// A key and its value.
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Receives the rows of a walk and says whether to go on.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Reads of one consistent state.
pub trait ReadTx {
    /// The value of a key, borrowed from the transaction where the engine can.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, DbError>;

    /// The first row at or after `key`.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn seek(&self, table: Table, key: &[u8]) -> Result<Option<Pair<'_>>, DbError>;

    /// The last row at or before `key`; the last of the table where `key` is `None`.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn seek_back(&self, table: Table, key: Option<&[u8]>) -> Result<Option<Pair<'_>>, DbError>;

    /// Visits rows in ascending order from the first at or after `from`, until told to stop.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn walk(&self, table: Table, from: &[u8], visit: &mut Visitor<'_>) -> Result<(), DbError>;

    /// Number of rows of a table.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn count(&self, table: Table) -> Result<u64, DbError>;
}

/// The one write transaction. It stays on the thread that began it.
pub trait WriteTx: ReadTx {
    /// Writes a row, replacing what is there.
    ///
    /// # Errors
    /// [`DbError`]: key or value beyond the bounds of [`Table`], no space, or the engine failed.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), DbError>;

    /// Deletes a row; says whether it existed.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool, DbError>;

    /// Makes everything durable and visible at once.
    ///
    /// # Errors
    /// [`DbError`]: nothing became visible. [`DbError::Full`] may be tried again; after any other the
    /// file is not to be trusted by this process.
    fn commit(self: Box<Self>) -> Result<(), DbError>;
}

/// An engine.
pub trait Database: Send + Sync + core::fmt::Debug {
    /// Begins a consistent read. Cheap.
    ///
    /// # Errors
    /// [`DbError`]: no reader slot is free, or the engine failed.
    fn read(&self) -> Result<Box<dyn ReadTx + Send>, DbError>;

    /// Begins the write transaction; waits for another one to end.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn write(&self) -> Result<Box<dyn WriteTx + '_>, DbError>;

    /// Bytes the data takes, on disk or in memory.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn size_bytes(&self) -> Result<u64, DbError>;
}

/// Refuses what an engine must never see.
pub(crate) fn check_bounds(table: Table, key: &[u8], value: &[u8]) -> Result<(), DbError> {
    if key.is_empty() || key.len() > table.key_max() {
        return Err(DbError::Key {
            table,
            len: key.len(),
        });
    }
    if value.len() > VALUE_SIZE_MAX {
        return Err(DbError::Value {
            table,
            len: value.len(),
        });
    }
    Ok(())
}
