//! Derived blocks that wait for one durable commit.

use foggara_derive::Derived;
use foggara_primitives::{BlockId, Cursor, L2Ref};
use foggara_stf::{ExecutedBlock, trace_root};
use foggara_store::{COMMIT_BLOCKS_MAX, Commit, Store, StoreError, StoredFrame, Trace};
use std::{collections::BTreeMap, sync::Arc};

/// Gas of executed blocks after which a group is committed, which bounds what it holds in memory.
const GROUP_GAS_MAX: u64 = 600_000_000;
/// Executed blocks after which a group is committed: each read of the next block looks through all of
/// them, while the cost of the commit is already spread thin.
const GROUP_EXECUTED_MAX: usize = 64;

/// Blocks in order. The first ones may be ours already and only get a label; from the first that was
/// executed here on, all were.
#[derive(Debug, Default)]
pub(crate) struct Group {
    blocks: Vec<L2Ref>,
    executed: Vec<Arc<ExecutedBlock>>,
    gas: u64,
    cursors: Vec<(u64, Cursor)>,
    safe_at_l1: BTreeMap<u64, (BlockId, BlockId)>,
    frames: Vec<(alloy_primitives::B256, StoredFrame)>,
}

impl Group {
    /// Takes a block: `executed` if it is not in the store.
    pub(crate) fn push(
        &mut self,
        derived: &Derived,
        block: L2Ref,
        cursor: Cursor,
        executed: Option<Arc<ExecutedBlock>>,
    ) {
        self.blocks.push(block);
        self.cursors.push((block.number, cursor));
        let l1 = derived.derived_from.id();
        self.safe_at_l1.insert(l1.number, (l1, block.id()));
        self.frames.extend(derived.frames.iter().map(|frame| {
            (
                frame.acc,
                StoredFrame {
                    previous: frame.prev,
                    data: frame.data.clone(),
                },
            )
        }));
        if let Some(executed) = executed {
            self.gas = self.gas.saturating_add(executed.header.gas_used);
            self.executed.push(executed);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Whether it has to be committed before it takes another block.
    pub(crate) fn is_full(&self) -> bool {
        self.blocks.len() >= COMMIT_BLOCKS_MAX
            || self.executed.len() >= GROUP_EXECUTED_MAX
            || self.gas >= GROUP_GAS_MAX
    }

    /// The block `number`, if it is in the group.
    pub(crate) fn block(&self, number: u64) -> Option<L2Ref> {
        let first = self.blocks.first()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.blocks.get(index).copied()
    }

    /// Blocks executed here, oldest first.
    pub(crate) fn executed(&self) -> &[Arc<ExecutedBlock>] {
        &self.executed
    }

    /// Lets go of executed blocks that came into the store in the meantime: a builder in recovery makes
    /// the very blocks that derivation forces.
    pub(crate) fn drop_known(&mut self, store: &Store) -> Result<(), StoreError> {
        let mut known = 0;
        for block in &self.executed {
            if store.block_hash(block.header.number)? != Some(block.hash) {
                break;
            }
            known += 1;
        }
        self.executed.drain(..known);
        Ok(())
    }

    /// Traces of these blocks, as they are kept from now on (`FAULTPROOF.md` section 1, rule 9).
    fn traces(&self, store: &Store) -> Result<Vec<(u64, Trace)>, StoreError> {
        let first = self
            .executed
            .first()
            .map_or(u64::MAX, |block| block.header.number);
        let mut out = Vec::with_capacity(self.blocks.len());
        for number in self
            .blocks
            .iter()
            .map(|block| block.number)
            .filter(|n| *n < first)
        {
            if let Some(Trace::Steps(steps)) = store.trace(number)? {
                out.push((number, Trace::Root(trace_root(&steps))));
            }
        }
        out.extend(
            self.executed
                .iter()
                .map(|block| (block.header.number, Trace::Root(trace_root(&block.trace)))),
        );
        Ok(out)
    }

    /// The commit, and the number of the block below those executed here, to which the chain is
    /// unwound if it goes on above.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub(crate) fn into_commit(
        mut self,
        store: &Store,
    ) -> Result<(Commit, Option<u64>), StoreError> {
        self.drop_known(store)?;
        let traces = self.traces(store)?;
        let below = self
            .executed
            .first()
            .map(|block| block.header.number.saturating_sub(1));
        let commit = Commit {
            blocks: self.executed,
            cursors: self.cursors,
            safe_at_l1: self.safe_at_l1.into_values().collect(),
            safe: self.blocks.last().map(L2Ref::id),
            frames: self.frames,
            traces,
            ..Commit::default()
        };
        Ok((commit, below))
    }
}
