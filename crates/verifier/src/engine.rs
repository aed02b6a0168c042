//! The synchronous part: derive, compare or execute, gather. Runs on a worker thread.

use crate::{
    VerifierError,
    consolidate::is_made_of,
    group::Group,
    inputs::{Inputs, Wanted},
};
use alloy_consensus::Header;
use foggara_derive::{Applied, Derived, Deriver, Dropped, L1Input};
use foggara_primitives::{BlockId, ChainSpec, L2Ref};
use foggara_stf::{DeriveOutcome, ExecError, Executed, ExecutedBlock, derive_step, execute_block};
use foggara_store::{Overlay, Store, StoredBlock};
use std::{collections::BTreeMap, sync::Arc};

/// The pipeline with what it works on.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Store,
    pub(crate) deriver: Deriver,
    /// L1 blocks fetched and not yet read.
    pub(crate) fetched: BTreeMap<u64, L1Input>,
    pub(crate) group: Group,
    /// Execute blocks of our own too and compare hashes.
    pub(crate) execute_all: bool,
}

/// What the engine needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// This L1 block.
    L1(Wanted),
    /// The group has to be committed.
    Commit,
}

impl Engine {
    /// Derives until an L1 block is missing or the group is full.
    pub(crate) fn work(&mut self) -> Result<Need, VerifierError> {
        loop {
            if self.group.is_full() {
                return Ok(Need::Commit);
            }
            let mut inputs = Inputs {
                store: &self.store,
                group: &self.group,
                fetched: &mut self.fetched,
                wanted: None,
            };
            let outcome = derive_step(&mut self.deriver, &mut inputs)?;
            let wanted = inputs.wanted;
            match (outcome, wanted) {
                (DeriveOutcome::Begin(derived), _) => self.apply(&derived)?,
                (DeriveOutcome::Derive { .. }, _) | (DeriveOutcome::Exhausted, None) => {}
                (DeriveOutcome::Exhausted, Some(wanted)) => return Ok(Need::L1(wanted)),
            }
            log_dropped(&self.deriver.take_dropped());
        }
    }

    /// Position on L1.
    pub(crate) fn l1(&self) -> BlockId {
        let cursor = self.deriver.cursor();
        BlockId {
            hash: cursor.l1_hash,
            number: cursor.l1_number,
        }
    }

    fn apply(&mut self, derived: &Derived) -> Result<(), VerifierError> {
        let number = derived.parent.number.saturating_add(1);
        let ours = if self.group.executed().is_empty() {
            self.store.block(number)?
        } else {
            None
        };
        let equal = ours.as_ref().is_some_and(|ours| {
            is_made_of(&self.spec, ours, derived.parent.hash, &derived.attributes)
        });
        match ours {
            Some(ours) if equal && !self.execute_all => {
                self.take(derived, derived.l2_ref(ours.hash), true, None);
                Ok(())
            }
            ours => self.execute(derived, ours.as_ref(), equal),
        }
    }

    /// Executes derived attributes. A block that turns out to be ours already is only labelled.
    fn execute(
        &mut self,
        derived: &Derived,
        ours: Option<&StoredBlock>,
        equal: bool,
    ) -> Result<(), VerifierError> {
        let number = derived.parent.number.saturating_add(1);
        let (parent, state) = self.parent(&derived.parent)?;
        let executed = execute_block(
            &self.spec,
            &parent,
            derived.parent.hash,
            &derived.attributes,
            state,
        )
        .map_err(|source| failed(number, source))?;
        if let Executed::DepositsOnly { index, reason, .. } = &executed {
            tracing::warn!(number, index, %reason, "derive.deposits_only");
        }
        let whole = executed.is_full();
        let block = executed.into_block();
        let reference = derived.l2_ref(block.hash);
        match ours {
            Some(ours) if ours.hash == block.hash => self.take(derived, reference, whole, None),
            Some(ours) if equal => {
                return Err(VerifierError::HashDiffers {
                    number,
                    ours: ours.hash,
                    derived: block.hash,
                });
            }
            _ => self.take(derived, reference, whole, Some(block)),
        }
        Ok(())
    }

    fn take(
        &mut self,
        derived: &Derived,
        block: L2Ref,
        whole: bool,
        executed: Option<ExecutedBlock>,
    ) {
        let (applied, cursor) = if whole {
            (Applied::Accepted(block), derived.cursor.clone())
        } else {
            (
                Applied::DepositsOnly(block),
                derived.cursor_if_deposits_only(),
            )
        };
        self.deriver.applied(applied);
        self.group
            .push(derived, block, cursor, executed.map(Arc::new));
    }

    /// Header of `parent` and the state after it.
    fn parent(&self, parent: &L2Ref) -> Result<(Header, Overlay), VerifierError> {
        let executed = self.group.executed();
        let base = executed
            .first()
            .map_or(parent.number, |block| block.header.number.saturating_sub(1));
        let view = self.store.view_at(base)?;
        let overlay = Overlay::new(view, executed.iter().cloned()).map_err(|error| {
            let source = foggara_primitives::SourceError(error.to_string());
            failed(parent.number, ExecError::Source(source))
        })?;
        let header = match executed.last() {
            Some(block) => block.header.clone(),
            None => {
                let stored = self.store.header(parent.number)?;
                let missing = || VerifierError::Missing(format!("header {}", parent.number));
                stored.ok_or_else(missing)?.header
            }
        };
        Ok((header, overlay))
    }
}

fn failed(number: u64, source: ExecError) -> VerifierError {
    VerifierError::Execute {
        number,
        source: Box::new(source),
    }
}

fn log_dropped(dropped: &[Dropped]) {
    for Dropped { l1_number, why } in dropped {
        tracing::debug!(l1_number, ?why, "derive.dropped");
    }
}
