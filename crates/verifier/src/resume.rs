//! Where to go on: the newest stored cursor whose L1 block is canonical (`ROLLUP.md` section 8).

use crate::{VerifierError, engine::Engine, fetch::patient, group::Group, inputs::stored_frame};
use foggara_derive::{Deriver, SyncStart, frames_of, system_config_of};
use foggara_l1::{BlockAt, L1Client, L1Error, ref_of};
use foggara_primitives::{BlockId, ChainSpec, Cursor, L1Ref, L2Ref, SystemConfig};
use foggara_store::{Commit, Store};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// What has to be done before derivation goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResumePoint {
    /// The block at which to resume.
    pub(crate) safe: L2Ref,
    /// Its cursor.
    pub(crate) cursor: Cursor,
    /// The block to unwind to, if origins of blocks above it are gone. Those that were appended since
    /// the search began do not count.
    pub(crate) unwind_to: Option<u64>,
}

/// Answers whether an L1 block is canonical, asking for each number once.
struct Canonical<'a> {
    l1: &'a dyn L1Client,
    pause: Duration,
    known: HashMap<u64, Option<L1Ref>>,
}

impl Canonical<'_> {
    /// `None`: L1 does not reach that far.
    async fn at(&mut self, number: u64) -> Result<Option<L1Ref>, L1Error> {
        if let Some(known) = self.known.get(&number) {
            return Ok(*known);
        }
        let header = patient(self.pause, || self.l1.header(BlockAt::Number(number))).await?;
        let found = header.map(|(header, hash)| ref_of(&header, hash));
        self.known.insert(number, found);
        Ok(found)
    }
}

/// Finds the newest safe block whose cursor's L1 block is canonical, and the newest unsafe block whose
/// origin is.
pub(crate) async fn find(
    store: &Store,
    spec: &ChainSpec,
    l1: &dyn L1Client,
    pause: Duration,
) -> Result<ResumePoint, VerifierError> {
    let heads = store.heads();
    let mut canonical = Canonical {
        l1,
        pause,
        known: HashMap::new(),
    };
    let mut number = heads.safe.number;
    let (safe, cursor) = loop {
        let missing = || VerifierError::Missing(format!("derivation cursor of block {number}"));
        let cursor = store.cursor(number)?.ok_or_else(missing)?;
        let found = canonical.at(cursor.l1_number).await?;
        if found.is_none() && number == heads.safe.number {
            // An L1 node that is still syncing: nothing is lost by waiting for it.
            let what = format!("block {}, which was consumed before", cursor.l1_number);
            return Err(L1Error::NotFound { what }.into());
        }
        if found.is_some_and(|block| block.hash == cursor.l1_hash) {
            let missing = || VerifierError::Missing(format!("block {number}"));
            break (store.l2_ref(number)?.ok_or_else(missing)?, cursor);
        }
        if number <= heads.finalized.number {
            return Err(VerifierError::ForeignL1 {
                finalized: heads.finalized.number,
                l1_number: cursor.l1_number,
            });
        }
        number = number.saturating_sub(1);
    };
    // Origins rise with the blocks: the lowest one that is gone takes all above it along. An origin
    // ahead of L1's head says nothing yet.
    let mut unwind_to = None;
    let lowest = safe.number.max(spec.rollup.genesis.l2.number);
    for number in (lowest..=heads.unsafe_.number)
        .rev()
        .take_while(|number| *number > lowest)
    {
        let missing = || VerifierError::Missing(format!("block {number}"));
        let origin = store.l2_ref(number)?.ok_or_else(missing)?.l1_origin;
        match canonical.at(origin.number).await? {
            Some(block) if block.hash == origin.hash => break,
            Some(_) => unwind_to = number.checked_sub(1),
            None => {}
        }
    }
    Ok(ResumePoint {
        safe,
        cursor,
        unwind_to,
    })
}

impl ResumePoint {
    /// The commit that lowers the labels to this point; nothing to write if they stand there.
    pub(crate) fn commit(&self, store: &Store) -> Commit {
        if store.heads().safe.id() == self.safe.id() {
            return Commit::default();
        }
        Commit {
            safe: Some(self.safe.id()),
            l1_reorged_above: Some(self.cursor.l1_number),
            ..Commit::default()
        }
    }

    /// The engine at this point.
    pub(crate) fn engine(
        &self,
        spec: &Arc<ChainSpec>,
        store: &Store,
        execute_all: bool,
    ) -> Result<Engine, VerifierError> {
        let start = SyncStart {
            cursor: self.cursor.clone(),
            safe: self.safe,
            sys: system_config(spec, store, self.safe.id())?,
            frames: frames(store, &self.cursor)?,
        };
        Ok(Engine {
            spec: Arc::clone(spec),
            store: store.clone(),
            deriver: Deriver::new(Arc::clone(spec), start),
            fetched: BTreeMap::new(),
            group: Group::default(),
            execute_all,
        })
    }
}

fn system_config(
    spec: &ChainSpec,
    store: &Store,
    block: BlockId,
) -> Result<SystemConfig, VerifierError> {
    let missing = || VerifierError::Missing(format!("block {}", block.number));
    let stored = store.block(block.number)?.ok_or_else(missing)?;
    let first = stored.transactions.first().map(AsRef::as_ref);
    Ok(system_config_of(spec, &stored.header, first)?)
}

fn frames(store: &Store, cursor: &Cursor) -> Result<Vec<alloy_primitives::Bytes>, VerifierError> {
    let frames = frames_of(cursor, |acc| stored_frame(store, acc).ok());
    frames.map_err(|error| VerifierError::Missing(format!("channel of the cursor ({error})")))
}
