//! The durable engine: one MDBX environment, `SyncMode::Durable`, no write map.
//!
//! A commit writes and syncs the data, then writes and syncs the page that makes it visible; a crash
//! at any point leaves the last commit. Write transactions never leave the thread that began them
//! (`ROLLUP.md` T8): the handle is not `Send`.

use super::{Database, Pair, ReadTx, Visitor, WriteTx, check_bounds};
use crate::{error::DbError, table::Table};
use signet_libmdbx::{
    self as mdbx, DatabaseFlags, Environment, EnvironmentFlags, Geometry, MdbxError, Mode,
    ReadError, Ro, Rw, SyncMode, TransactionKind, WriteFlags,
};
use std::{borrow::Cow, collections::BTreeMap, path::Path, sync::Arc};

/// Greatest size of a database in bytes, 1 TiB. Address space, not disk: the file starts at one
/// growth step and is sparse.
pub const MDBX_SIZE_MAX: usize = 1 << 40;

/// Reader slots: one per open view, whatever its thread.
pub const MDBX_READERS_MAX: u64 = 1_024;

/// The file grows by this many bytes at a time.
const GROWTH_STEP: isize = 64 << 20;

/// Bytes of a page.
const PAGE_SIZE: usize = 4_096;

/// Tables a newer release may have beside ours, so that its folder opens far enough to be refused.
const TABLES_MAX: usize = 128;

/// MDBX in a folder.
#[derive(Debug)]
pub struct Mdbx {
    env: Environment,
    tables: Arc<[mdbx::Database]>,
}

impl Mdbx {
    /// Opens the environment in `dir`, or makes it, without touching a table.
    ///
    /// # Errors
    /// [`DbError`]: the engine refused the folder.
    fn environment(dir: &Path, size_max: usize) -> Result<Environment, DbError> {
        Environment::builder()
            .set_flags(EnvironmentFlags {
                mode: Mode::ReadWrite {
                    sync_mode: SyncMode::Durable,
                },
                // Point reads of a working set that is mostly larger than a node of the tree.
                no_rdahead: true,
                coalesce: true,
                liforeclaim: true,
                ..EnvironmentFlags::default()
            })
            .set_geometry(Geometry {
                size: Some(0..size_max),
                growth_step: Some(GROWTH_STEP),
                shrink_threshold: None,
                page_size: Some(mdbx::sys::PageSize::Set(PAGE_SIZE)),
            })
            .set_max_dbs(TABLES_MAX)
            .set_max_readers(MDBX_READERS_MAX)
            .open(dir)
            .map_err(engine)
    }

    /// Opens every table of the schema, making those that are missing.
    ///
    /// # Errors
    /// [`DbError`]: the engine failed.
    fn with_tables(env: Environment) -> Result<Self, DbError> {
        // A second opening finds every table and writes nothing.
        let tables = match Self::find_tables(&env) {
            Err(MdbxError::NotFound) => Self::make_tables(&env),
            other => other,
        };
        Ok(Self {
            tables: tables.map_err(engine)?.into(),
            env,
        })
    }

    fn find_tables(env: &Environment) -> Result<Vec<mdbx::Database>, MdbxError> {
        let tx = env.begin_ro_unsync()?;
        let tables = Table::ALL
            .iter()
            .map(|t| tx.open_db(Some(t.name())))
            .collect::<Result<_, _>>()?;
        // Handles opened in a transaction outlive it only if it commits.
        tx.commit()?;
        Ok(tables)
    }

    fn make_tables(env: &Environment) -> Result<Vec<mdbx::Database>, MdbxError> {
        let tx = env.begin_rw_unsync()?;
        let tables = Table::ALL
            .iter()
            .map(|t| tx.create_db(Some(t.name()), DatabaseFlags::empty()))
            .collect::<Result<_, _>>()?;
        tx.commit()?;
        Ok(tables)
    }

    /// As [`Mdbx::open`], but shows `check` the table `Metadata` first, as it is, and goes no further
    /// if it objects: a folder of a newer release is left as it was.
    ///
    /// # Errors
    /// [`DbError`]: the engine refused the folder. The inner error is that of `check`.
    pub(crate) fn open_checked<E>(
        dir: &Path,
        size_max: usize,
        check: impl FnOnce(&BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), E>,
    ) -> Result<Result<Self, E>, DbError> {
        let env = Self::environment(dir, size_max)?;
        let metadata = Self::read_metadata(&env)?;
        match check(&metadata) {
            Ok(()) => Self::with_tables(env).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn read_metadata(env: &Environment) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, DbError> {
        let tx = env.begin_ro_unsync().map_err(engine)?;
        let table = match tx.open_db(Some(Table::Metadata.name())) {
            Ok(table) => table,
            Err(MdbxError::NotFound) => return Ok(BTreeMap::new()),
            Err(error) => return Err(engine(error)),
        };
        let mut cursor = tx.cursor(table).map_err(engine)?;
        let mut rows = BTreeMap::new();
        let mut row: Option<(Vec<u8>, Vec<u8>)> = cursor.first().map_err(read_error)?;
        while let Some((key, value)) = row {
            rows.insert(key, value);
            row = cursor.next().map_err(read_error)?;
        }
        Ok(rows)
    }

    /// Opens or makes a database in `dir` that may grow to `size_max` bytes.
    ///
    /// # Errors
    /// [`DbError`]: the engine refused the folder.
    pub fn open(dir: &Path, size_max: usize) -> Result<Self, DbError> {
        Self::with_tables(Self::environment(dir, size_max)?)
    }
}

impl Database for Mdbx {
    fn read(&self) -> Result<Box<dyn ReadTx + Send>, DbError> {
        let tx = self.env.begin_ro_unsync().map_err(engine)?;
        Ok(Box::new(Tx {
            tx,
            tables: Arc::clone(&self.tables),
        }))
    }

    fn write(&self) -> Result<Box<dyn WriteTx + '_>, DbError> {
        let tx = self.env.begin_rw_unsync().map_err(engine)?;
        Ok(Box::new(Tx {
            tx,
            tables: Arc::clone(&self.tables),
        }))
    }

    fn size_bytes(&self) -> Result<u64, DbError> {
        let info = self.env.info().map_err(engine)?;
        let pages = info.last_pgno().saturating_add(1);
        Ok((pages as u64).saturating_mul(PAGE_SIZE as u64))
    }
}

/// A transaction of either kind.
struct Tx<K: TransactionKind> {
    tx: signet_libmdbx::tx::Tx<K>,
    tables: Arc<[mdbx::Database]>,
}

impl<K: TransactionKind> Tx<K> {
    fn table(&self, table: Table) -> Result<mdbx::Database, DbError> {
        let found = self.tables.get(table as usize).copied();
        found.ok_or_else(|| DbError::Engine(format!("table {table} is not open")))
    }

    fn cursor(&self, table: Table) -> Result<mdbx::Cursor<'_, K>, DbError> {
        self.tx.cursor(self.table(table)?).map_err(engine)
    }
}

impl<K: TransactionKind> ReadTx for Tx<K> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, DbError> {
        check_bounds(table, key, &[])?;
        self.tx
            .get(self.table(table)?.dbi(), key)
            .map_err(read_error)
    }

    fn seek(&self, table: Table, key: &[u8]) -> Result<Option<Pair<'_>>, DbError> {
        check_bounds(table, key, &[])?;
        self.cursor(table)?.set_range(key).map_err(read_error)
    }

    fn seek_back(&self, table: Table, key: Option<&[u8]>) -> Result<Option<Pair<'_>>, DbError> {
        let mut cursor = self.cursor(table)?;
        let Some(key) = key else {
            return cursor.last().map_err(read_error);
        };
        check_bounds(table, key, &[])?;
        match cursor
            .set_range::<Cow<'_, [u8]>, Cow<'_, [u8]>>(key)
            .map_err(read_error)?
        {
            Some(pair) if pair.0 == key => Ok(Some(pair)),
            Some(_) => cursor.prev().map_err(read_error),
            None => cursor.last().map_err(read_error),
        }
    }

    fn walk(&self, table: Table, from: &[u8], visit: &mut Visitor<'_>) -> Result<(), DbError> {
        let mut cursor = self.cursor(table)?;
        let mut row: Option<Pair<'_>> = if from.is_empty() {
            cursor.first().map_err(read_error)?
        } else {
            check_bounds(table, from, &[])?;
            cursor.set_range(from).map_err(read_error)?
        };
        while let Some((key, value)) = row {
            if visit(&key, &value).is_break() {
                break;
            }
            row = cursor.next().map_err(read_error)?;
        }
        Ok(())
    }

    fn count(&self, table: Table) -> Result<u64, DbError> {
        let stat = self.tx.db_stat(&self.table(table)?).map_err(engine)?;
        Ok(stat.entries() as u64)
    }
}

impl WriteTx for Tx<Rw> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), DbError> {
        check_bounds(table, key, value)?;
        self.tx
            .put(self.table(table)?, key, value, WriteFlags::empty())
            .map_err(engine)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool, DbError> {
        check_bounds(table, key, &[])?;
        self.tx.del(self.table(table)?, key, None).map_err(engine)
    }

    fn commit(self: Box<Self>) -> Result<(), DbError> {
        self.tx.commit().map_err(engine)
    }
}

/// A snapshot moves between threads, one at a time.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Tx<Ro>>();
};

fn read_error(error: ReadError) -> DbError {
    match error {
        ReadError::Mdbx(error) => engine(error),
        ReadError::Decoding(error) => DbError::Engine(error.to_string()),
    }
}

fn engine(error: MdbxError) -> DbError {
    /// Linux: no space left on device; disk quota exceeded.
    const NO_SPACE: [i32; 2] = [28, 122];
    match error {
        MdbxError::MapFull | MdbxError::UnableExtendMapSize => DbError::Full(error.to_string()),
        MdbxError::Other(code) if NO_SPACE.contains(&code) => {
            DbError::Full(std::io::Error::from_raw_os_error(code).to_string())
        }
        MdbxError::Other(code) => {
            DbError::Engine(std::io::Error::from_raw_os_error(code).to_string())
        }
        MdbxError::ReadersFull => DbError::Readers(MDBX_READERS_MAX),
        MdbxError::Corrupted
        | MdbxError::PageNotFound
        | MdbxError::Invalid
        | MdbxError::VersionMismatch
        | MdbxError::WannaRecovery => DbError::Damaged(error.to_string()),
        other => DbError::Engine(other.to_string()),
    }
}
