//! The engine without a disk: copy-on-write maps of rows, cut into chunks.
//!
//! A table is a map from the first key of a chunk to the chunk, both behind an `Arc`. A snapshot
//! copies one pointer per table; a writer copies what it touches: the map of chunks (one entry per
//! [`CHUNK_ROWS_MAX`] rows at most) and the chunks it changes. Nothing survives the process.

use super::{Database, Pair, ReadTx, Visitor, WriteTx, check_bounds};
use crate::{error::DbError, table::Table};
use core::fmt;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::{borrow::Cow, collections::BTreeMap, ops::Bound, sync::Arc};

/// A chunk is cut in two when it has more rows.
const CHUNK_ROWS_MAX: usize = 64;

type Bytes = Arc<[u8]>;
type Chunk = Vec<(Bytes, Bytes)>;

/// One table. No chunk is empty; the keys of a chunk lie at or above its own and below the next one's.
#[derive(Debug, Clone, Default)]
struct Rows {
    chunks: Arc<BTreeMap<Bytes, Arc<Chunk>>>,
    count: u64,
    bytes: u64,
}

impl Rows {
    /// The chunk that holds `key` if any does, and the key under which it stands.
    fn chunk(&self, key: &[u8]) -> Option<(&Bytes, &Arc<Chunk>)> {
        let below = (Bound::Unbounded, Bound::Included(key));
        self.chunks.range::<[u8], _>(below).next_back()
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, chunk) = self.chunk(key)?;
        let at = find(chunk, key).ok()?;
        chunk.get(at).map(|(_, value)| &**value)
    }

    /// The first row at or after `key`.
    fn seek(&self, key: &[u8]) -> Option<(&[u8], &[u8])> {
        let after = match self.chunk(key) {
            Some((name, chunk)) => {
                let at = find(chunk, key).unwrap_or_else(|at| at);
                if let Some((key, value)) = chunk.get(at) {
                    return Some((key, value));
                }
                Bound::Excluded(&**name)
            }
            None => Bound::Unbounded,
        };
        let (_, chunk) = self
            .chunks
            .range::<[u8], _>((after, Bound::Unbounded))
            .next()?;
        chunk.first().map(|(key, value)| (&**key, &**value))
    }

    /// Rows at or after `from`, ascending.
    fn walk<'a>(&'a self, from: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let start = self.chunk(from).map_or(from, |(first, _)| first);
        self.chunks
            .range::<[u8], _>((Bound::Included(start), Bound::Unbounded))
            .flat_map(|(_, chunk)| chunk.iter())
            .map(|(key, value)| (&**key, &**value))
            .skip_while(move |(key, _)| *key < from)
    }

    /// The last row at or before `key`.
    fn back(&self, key: Option<&[u8]>) -> Option<(&[u8], &[u8])> {
        let chunk = match key {
            None => self.chunks.last_key_value()?.1,
            Some(key) => self.chunk(key)?.1,
        };
        let end = match key.map(|key| find(chunk, key)) {
            None => chunk.len(),
            Some(Ok(at)) => at.saturating_add(1),
            Some(Err(at)) => at,
        };
        // Where the chunk's own first row was deleted, the answer may be the end of the one before.
        match end.checked_sub(1).and_then(|at| chunk.get(at)) {
            Some((key, value)) => Some((key, value)),
            None => {
                let below = (Bound::Unbounded, Bound::Excluded(&**self.chunk(key?)?.0));
                let (_, chunk) = self.chunks.range::<[u8], _>(below).next_back()?;
                chunk.last().map(|(key, value)| (&**key, &**value))
            }
        }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        let value: Bytes = value.into();
        self.bytes = self.bytes.saturating_add(value.len() as u64);
        // A key below every chunk goes to the first one.
        let name = match self.chunk(key) {
            Some((name, _)) => Some(Arc::clone(name)),
            None => self
                .chunks
                .first_key_value()
                .map(|(name, _)| Arc::clone(name)),
        };
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(name) = name else {
            let key: Bytes = key.into();
            self.bytes = self.bytes.saturating_add(key.len() as u64);
            self.count = 1;
            chunks.insert(Arc::clone(&key), Arc::new(vec![(key, value)]));
            return;
        };
        let Some(shared) = chunks.get_mut(&name) else {
            return;
        };
        let chunk = Arc::make_mut(shared);
        match find(chunk, key) {
            Ok(at) => {
                if let Some(row) = chunk.get_mut(at) {
                    self.bytes = self.bytes.saturating_sub(row.1.len() as u64);
                    row.1 = value;
                }
            }
            Err(at) => {
                let key: Bytes = key.into();
                self.bytes = self.bytes.saturating_add(key.len() as u64);
                self.count = self.count.saturating_add(1);
                chunk.insert(at, (Arc::clone(&key), value));
                // Appended rows fill chunks: cut so that the old one stays full.
                let last = at.saturating_add(1) == chunk.len();
                let cut = if last { at } else { chunk.len() / 2 };
                let rest = if chunk.len() > CHUNK_ROWS_MAX {
                    chunk.split_off(cut)
                } else {
                    Vec::new()
                };
                if key < name
                    && let Some(chunk) = chunks.remove(&name)
                {
                    chunks.insert(key, chunk);
                }
                if let Some((first, _)) = rest.first() {
                    chunks.insert(Arc::clone(first), Arc::new(rest));
                }
            }
        }
    }

    fn delete(&mut self, key: &[u8]) -> bool {
        let Some((name, chunk)) = self.chunk(key) else {
            return false;
        };
        let Ok(at) = find(chunk, key) else {
            return false;
        };
        let name = Arc::clone(name);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(shared) = chunks.get_mut(&name) else {
            return false;
        };
        let chunk = Arc::make_mut(shared);
        let (key, value) = chunk.remove(at);
        self.count = self.count.saturating_sub(1);
        let freed = key.len().saturating_add(value.len());
        self.bytes = self.bytes.saturating_sub(freed as u64);
        if chunk.is_empty() {
            chunks.remove(&name);
        }
        true
    }
}

fn find(chunk: &Chunk, key: &[u8]) -> Result<usize, usize> {
    chunk.binary_search_by(|(probe, _)| (**probe).cmp(key))
}

type Tables = Arc<[Rows]>;

/// Tables in memory.
pub struct Memory {
    current: RwLock<Tables>,
    writer: Mutex<()>,
}

impl Memory {
    /// Empty tables.
    pub fn new() -> Self {
        let tables: Vec<Rows> = Table::ALL.iter().map(|_| Rows::default()).collect();
        Self {
            current: RwLock::new(tables.into()),
            writer: Mutex::new(()),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Database for Memory {
    fn read(&self) -> Result<Box<dyn ReadTx + Send>, DbError> {
        Ok(Box::new(Snapshot {
            tables: Arc::clone(&self.current.read()),
        }))
    }

    fn write(&self) -> Result<Box<dyn WriteTx + '_>, DbError> {
        let turn = self.writer.lock();
        let tables = self.current.read().to_vec();
        Ok(Box::new(Writer {
            tables,
            home: &self.current,
            _turn: turn,
        }))
    }

    fn size_bytes(&self) -> Result<u64, DbError> {
        Ok(self.current.read().iter().map(|rows| rows.bytes).sum())
    }
}

struct Snapshot {
    tables: Tables,
}

struct Writer<'a> {
    tables: Vec<Rows>,
    home: &'a RwLock<Tables>,
    _turn: MutexGuard<'a, ()>,
}

/// The rows of a table in either kind of transaction.
trait Holds {
    fn tables(&self) -> &[Rows];
}

impl Holds for Snapshot {
    fn tables(&self) -> &[Rows] {
        &self.tables
    }
}

impl Holds for Writer<'_> {
    fn tables(&self) -> &[Rows] {
        &self.tables
    }
}

fn rows(tables: &[Rows], table: Table) -> Result<&Rows, DbError> {
    let found = tables.get(table as usize);
    found.ok_or_else(|| DbError::Engine(format!("table {table} is not open")))
}

fn pair<'a>((key, value): (&'a [u8], &'a [u8])) -> Pair<'a> {
    (Cow::Borrowed(key), Cow::Borrowed(value))
}

impl<T: Holds> ReadTx for T {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, DbError> {
        check_bounds(table, key, &[])?;
        Ok(rows(self.tables(), table)?.get(key).map(Cow::Borrowed))
    }

    fn seek(&self, table: Table, key: &[u8]) -> Result<Option<Pair<'_>>, DbError> {
        check_bounds(table, key, &[])?;
        Ok(rows(self.tables(), table)?.seek(key).map(pair))
    }

    fn seek_back(&self, table: Table, key: Option<&[u8]>) -> Result<Option<Pair<'_>>, DbError> {
        if let Some(key) = key {
            check_bounds(table, key, &[])?;
        }
        Ok(rows(self.tables(), table)?.back(key).map(pair))
    }

    fn walk(&self, table: Table, from: &[u8], visit: &mut Visitor<'_>) -> Result<(), DbError> {
        for (key, value) in rows(self.tables(), table)?.walk(from) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn count(&self, table: Table) -> Result<u64, DbError> {
        Ok(rows(self.tables(), table)?.count)
    }
}

impl WriteTx for Writer<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), DbError> {
        check_bounds(table, key, value)?;
        if let Some(rows) = self.tables.get_mut(table as usize) {
            rows.put(key, value);
        }
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool, DbError> {
        check_bounds(table, key, &[])?;
        Ok(self
            .tables
            .get_mut(table as usize)
            .is_some_and(|rows| rows.delete(key)))
    }

    fn commit(self: Box<Self>) -> Result<(), DbError> {
        *self.home.write() = self.tables.into();
        Ok(())
    }
}
