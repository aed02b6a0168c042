//! The block that the next one stands on: durable, or still in the pipeline.

use crate::SequencerError;
use alloy_consensus::Header;
use alloy_primitives::B256;
use foggara_derive::{l2_ref, system_config_of};
use foggara_primitives::{ChainSpec, L2Ref, SystemConfig};
use foggara_stf::ExecutedBlock;
use foggara_store::{Overlay, Store, StoredBlock};
use std::{collections::VecDeque, sync::Arc};

/// The parent of the next block.
#[derive(Debug, Clone)]
pub(crate) struct Tip {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) l2: L2Ref,
    pub(crate) sys: SystemConfig,
}

impl Tip {
    /// The durable head.
    pub(crate) fn durable(spec: &ChainSpec, store: &Store) -> Result<Self, SequencerError> {
        Self::stored(spec, store.head_block(|heads| heads.unsafe_)?)
    }

    /// A block of the store.
    pub(crate) fn stored(spec: &ChainSpec, block: StoredBlock) -> Result<Self, SequencerError> {
        let first = block.transactions.first().map(|raw| raw.as_ref());
        Self::of(spec, block.header, block.hash, first)
    }

    /// A block that was just built.
    pub(crate) fn built(spec: &ChainSpec, block: &ExecutedBlock) -> Result<Self, SequencerError> {
        let first = block.transactions.first().map(|raw| raw.as_ref());
        Self::of(spec, block.header.clone(), block.hash, first)
    }

    fn of(
        spec: &ChainSpec,
        header: Header,
        hash: B256,
        first: Option<&[u8]>,
    ) -> Result<Self, SequencerError> {
        let l2 = l2_ref(spec, &header, hash, first).map_err(SequencerError::head)?;
        let sys = system_config_of(spec, &header, first).map_err(SequencerError::head)?;
        Ok(Self {
            header,
            hash,
            l2,
            sys,
        })
    }
}

/// Blocks that are built and not yet durable, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    blocks: VecDeque<Arc<ExecutedBlock>>,
}

impl Pending {
    pub(crate) fn push(&mut self, block: Arc<ExecutedBlock>) {
        self.blocks.push_back(block);
    }

    /// Forgets what is durable up to block `number`.
    pub(crate) fn forget(&mut self, number: u64) {
        while self
            .blocks
            .front()
            .is_some_and(|block| block.header.number <= number)
        {
            self.blocks.pop_front();
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Arc<ExecutedBlock>> {
        self.blocks.drain(..).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// State after `tip`: the durable state with the pending blocks on top. `None` if the durable head
    /// has moved away from under them.
    pub(crate) fn state(
        &mut self,
        store: &Store,
        tip: B256,
    ) -> Result<Option<Overlay>, SequencerError> {
        let base = store.latest_view()?;
        self.forget(base.number());
        let overlay = Overlay::new(base, self.blocks.iter().cloned());
        Ok(overlay.ok().filter(|overlay| overlay.tip().hash == tip))
    }
}
