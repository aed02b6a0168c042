//! `open()` is recovery: lock, schema, checks, in this order and nowhere else.
//!
//! 1. exclusive lock on the folder, naming its holder;
//! 2. schema version: equal, older (migrated), newer (refused before anything is written);
//! 3. the chain from the head back to the safe block: headers have their hashes and name their
//!    parents, the newest bodies are whole, the state root's node is there, the heads are in order.
//!
//! Killed anywhere and run again it gives the same contents; run twice, the second time writes
//! nothing. The pool's journal is the next step and belongs to the pool.

use crate::{
    COMMIT_BLOCKS_MAX, DbError, OpenError, Recovery, SCHEMA_VERSION, Store, StoreError,
    StoredHeader, Table,
    backend::{Database, MDBX_SIZE_MAX, Mdbx, ReadTx, WriteTx},
    chain, keys,
    lock::FolderLock,
};
use alloy_primitives::{B256, keccak256};
use foggara_primitives::Heads;
use foggara_trie::{EMPTY_ROOT_HASH, Nibbles};
use std::path::Path;

/// Blocks whose state can be read, by default.
pub const HISTORY_WINDOW: u64 = 90_000;

/// Folder of the database inside the data folder.
const DB_DIR: &str = "db";

/// Newest blocks whose bodies are read at opening; of older ones above *safe* the headers are. One
/// commit holds no more blocks, and opening must not take longer the longer L1 was away.
const BODIES_CHECKED_MAX: u64 = COMMIT_BLOCKS_MAX as u64;

pub(crate) const SCHEMA: &[u8] = b"store.schema";
pub(crate) const RELEASE: &[u8] = b"store.release";
pub(crate) const SPEC_HASH: &[u8] = b"store.spec_hash";

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Blocks below the head whose state stays readable; `None` keeps all of them (archive).
    pub history_window: Option<u64>,
    /// Hash of the chain specification the folder has to belong to; `None` takes any.
    pub spec_hash: Option<B256>,
    /// Bytes the database may grow to.
    pub size_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history_window: Some(HISTORY_WINDOW),
            spec_hash: None,
            size_max: MDBX_SIZE_MAX,
        }
    }
}

/// Brings the contents from one schema version to the next, within one transaction that also
/// records the new version.
pub(crate) type Migration = fn(&mut dyn WriteTx) -> Result<(), DbError>;

/// `MIGRATIONS[v - 1]` leads from version `v` to `v + 1`.
const MIGRATIONS: &[Migration] = &[];

impl Store {
    /// Opens the store in `dir`, or makes it. Needs no network.
    ///
    /// # Errors
    /// - [`OpenError::InUse`]: another process holds the folder; known within a second.
    /// - [`OpenError::Newer`]: a newer release wrote it. Nothing was changed.
    /// - [`OpenError::Damaged`]: it contradicts itself.
    /// - [`OpenError::OtherChain`]: it belongs to another chain specification.
    /// - [`OpenError::Io`]: the operating system refused.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<(Self, Recovery), OpenError> {
        let dir = dir.as_ref();
        let db_dir = dir.join(DB_DIR);
        std::fs::create_dir_all(&db_dir).map_err(|error| OpenError::Io {
            dir: dir.to_path_buf(),
            what: error.to_string(),
        })?;
        let lock = FolderLock::take(dir)?;
        let fail = |error: StoreError| failure(dir, error);
        let opened = Mdbx::open_checked(&db_dir, options.size_max, |metadata| {
            match metadata.get(SCHEMA).map(|bytes| version(bytes)) {
                Some(Some(found)) if found > SCHEMA_VERSION => Err(OpenError::Newer {
                    dir: dir.to_path_buf(),
                    found,
                    supported: SCHEMA_VERSION,
                    release: metadata
                        .get(RELEASE)
                        .map_or_else(|| "?".into(), |b| String::from_utf8_lossy(b).into_owned()),
                }),
                _ => Ok(()),
            }
        });
        let db = opened.map_err(|error| fail(error.into()))??;
        let mut recovery = Recovery::default();
        migrate(&db, SCHEMA_VERSION, MIGRATIONS, &mut recovery).map_err(fail)?;
        check(&*db.read().map_err(|e| fail(e.into()))?, &mut recovery).map_err(fail)?;
        let tx = db.read().map_err(|e| fail(e.into()))?;
        let found = spec_hash(&*tx).map_err(fail)?;
        drop(tx);
        if let (Some(expected), Some(found)) = (options.spec_hash, found)
            && expected != found
        {
            return Err(OpenError::OtherChain {
                dir: dir.to_path_buf(),
                found,
                expected,
            });
        }
        let heads = recovery.heads.unwrap_or_default();
        let place = Some((dir.to_path_buf(), lock));
        Ok((
            Self::assemble(Box::new(db), options, heads, place),
            recovery,
        ))
    }
}

fn failure(dir: &Path, error: StoreError) -> OpenError {
    let dir = dir.to_path_buf();
    match error {
        StoreError::Db(DbError::Full(what) | DbError::Engine(what)) => OpenError::Io { dir, what },
        other => OpenError::Damaged {
            dir,
            what: other.to_string(),
        },
    }
}

fn version(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().map(u32::from_be_bytes).ok()
}

/// The chain specification the store belongs to, once it has a genesis.
pub(crate) fn spec_hash(tx: &dyn ReadTx) -> Result<Option<B256>, StoreError> {
    chain::record(tx, Table::Metadata, SPEC_HASH, |bytes| {
        B256::try_from(bytes).ok()
    })
}

/// Step 2. `steps[v - 1]` leads from version `v` to `v + 1`; each commits with its version, so a kill
/// between two of them resumes at the second.
pub(crate) fn migrate(
    db: &dyn Database,
    newest: u32,
    steps: &[Migration],
    recovery: &mut Recovery,
) -> Result<(), StoreError> {
    let read = db.read()?;
    let found = chain::record(&*read, Table::Metadata, SCHEMA, version)?;
    let empty = read
        .seek(Table::CanonicalHeaders, &keys::number(0))?
        .is_none();
    drop(read);
    let Some(found) = found else {
        if !empty {
            return Err(StoreError::Damaged(
                "there are blocks but no schema version".into(),
            ));
        }
        recovery.created = true;
        let mut tx = db.write()?;
        record_version(&mut *tx, newest)?;
        return Ok(tx.commit()?);
    };
    for from in found..newest {
        recovery.migrated_from.get_or_insert(from);
        let step = from
            .checked_sub(1)
            .and_then(|index| steps.get(index as usize));
        let step = step.ok_or_else(|| {
            StoreError::Damaged(format!("no migration leads on from schema version {from}"))
        })?;
        let mut tx = db.write()?;
        step(&mut *tx)?;
        record_version(&mut *tx, from.saturating_add(1))?;
        tx.commit()?;
    }
    Ok(())
}

fn record_version(tx: &mut dyn WriteTx, version: u32) -> Result<(), DbError> {
    tx.put(Table::Metadata, SCHEMA, &version.to_be_bytes())?;
    tx.put(
        Table::Metadata,
        RELEASE,
        env!("CARGO_PKG_VERSION").as_bytes(),
    )
}

/// Step 3.
pub(crate) fn check(tx: &dyn ReadTx, recovery: &mut Recovery) -> Result<(), StoreError> {
    let Some(heads) = chain::heads(tx)? else {
        return Ok(());
    };
    let Heads {
        unsafe_,
        safe,
        finalized,
    } = heads;
    if finalized.number > safe.number || safe.number > unsafe_.number {
        return Err(chain::damaged(
            Table::FgHeads,
            format_args!(
                "heads are out of order: finalized {}, safe {}, unsafe {}",
                finalized.number, safe.number, unsafe_.number
            ),
        ));
    }
    for head in [unsafe_, safe, finalized] {
        if chain::canonical(tx, head.id())? != Some(head) {
            let (n, hash) = (head.number, head.hash);
            return Err(chain::damaged(
                Table::FgHeads,
                format_args!("{n} {hash} is not there"),
            ));
        }
    }
    let above = tx.seek(
        Table::CanonicalHeaders,
        &keys::number(unsafe_.number.saturating_add(1)),
    )?;
    if above.is_some() {
        return Err(chain::damaged(
            Table::CanonicalHeaders,
            "there are blocks above the head",
        ));
    }
    let mut child: Option<B256> = None;
    for n in (safe.number..=unsafe_.number).rev() {
        let found = if unsafe_.number.saturating_sub(n) < BODIES_CHECKED_MAX {
            let block = chain::block(tx, n)?.ok_or(StoreError::UnknownBlock(n))?;
            StoredHeader {
                header: block.header,
                hash: block.hash,
            }
        } else {
            chain::expect_header(tx, n)?
        };
        if child.is_some_and(|parent| parent != found.hash) {
            let above = n.saturating_add(1);
            return Err(chain::damaged(
                Table::Headers,
                format_args!("block {above} does not stand on {n}"),
            ));
        }
        if chain::number(tx, found.hash)? != Some(n) {
            return Err(chain::damaged(
                Table::HeaderNumbers,
                format_args!("block {n} is missing"),
            ));
        }
        child = Some(found.header.parent_hash);
        recovery.blocks_checked = recovery.blocks_checked.saturating_add(1);
    }
    let root = chain::expect_header(tx, unsafe_.number)?.header.state_root;
    let node = tx.get(Table::AccountsTrie, &keys::node(None, &Nibbles::default()))?;
    if node.map_or(EMPTY_ROOT_HASH, keccak256) != root {
        return Err(chain::damaged(
            Table::AccountsTrie,
            format_args!("state root {root} is missing"),
        ));
    }
    recovery.heads = Some(heads);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Memory;

    fn value(db: &dyn Database) -> Vec<u8> {
        let tx = db.read().unwrap();
        tx.get(Table::Metadata, b"x")
            .unwrap()
            .map(Vec::from)
            .unwrap_or_default()
    }

    fn append(tx: &mut dyn WriteTx, byte: u8) -> Result<(), DbError> {
        let mut value = tx
            .get(Table::Metadata, b"x")?
            .map(Vec::from)
            .unwrap_or_default();
        value.push(byte);
        tx.put(Table::Metadata, b"x", &value)
    }

    fn killed(tx: &mut dyn WriteTx) -> Result<(), DbError> {
        append(tx, 99)?;
        Err(DbError::Engine("killed".into()))
    }

    #[test]
    fn migrations_run_once_in_order_and_resume_where_they_were_killed() {
        let db = Memory::new();
        let run = |newest, steps: &[Migration]| {
            let mut recovery = Recovery::default();
            migrate(&db, newest, steps, &mut recovery).map(|()| recovery)
        };
        assert!(run(1, &[]).unwrap().created);
        let step1: Migration = |tx| append(tx, 1);
        let step2: Migration = |tx| append(tx, 2);
        let step3: Migration = |tx| append(tx, 3);
        // Killed in the second of three: the first stays done, the second leaves nothing.
        assert!(run(4, &[step1, killed, step3]).is_err());
        assert_eq!(value(&db), [1]);
        let recovery = run(4, &[step1, step2, step3]).unwrap();
        assert_eq!((recovery.created, recovery.migrated_from), (false, Some(2)));
        assert_eq!(value(&db), [1, 2, 3]);
        assert_eq!(run(4, &[step1, step2, step3]).unwrap(), Recovery::default());
        assert_eq!(value(&db), [1, 2, 3]);
    }

    #[test]
    fn blocks_without_a_schema_version_are_refused() {
        let db = Memory::new();
        let mut tx = db.write().unwrap();
        tx.put(Table::CanonicalHeaders, &keys::number(0), &[1; 32])
            .unwrap();
        tx.commit().unwrap();
        let refused = migrate(&db, 1, &[], &mut Recovery::default());
        assert!(matches!(refused, Err(StoreError::Damaged(_))));
    }
}
