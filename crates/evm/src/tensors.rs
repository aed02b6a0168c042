//! Stored tensors as the operations of one block see them: those that the block has made, over those of
//! the state below it.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use core::ops::Range;
use foggara_precompiles::{Fatal, NewTensor};
use foggara_primitives::{
    SourceError, StateDiff, StoredTensor, TensorSource, addresses::AI_TENSOR,
};
use spin::Mutex;

/// What an execution fails with that needs bytes of a tensor which nobody keeps any more.
pub const BYTES_PRUNED: &str = "pruned history unavailable: the bytes of a tensor are gone";

/// Slot of a tensor's record in the storage of [`AI_TENSOR`]: that of a Solidity mapping at slot 0.
///
/// Source: `PRECOMPILES.md` section 6.2.
pub fn record_slot(id: B256) -> B256 {
    let mut preimage = [0; 64];
    let (key, _) = preimage.split_at_mut(32);
    key.copy_from_slice(id.as_slice());
    keccak256(preimage)
}

/// The tensors of one block or simulation. What a transaction made stays here even if it was reverted or
/// dropped: reads ask the records first, and the id says what the bytes are.
#[derive(Debug)]
pub struct BlockTensors {
    below: Arc<dyn TensorSource>,
    /// Number of the newest block whose tensors every transaction may read.
    sealed_block: u64,
    new: Mutex<BTreeMap<B256, StoredTensor>>,
}

impl BlockTensors {
    /// Nothing made yet on top of the tensors of block `sealed_block`.
    pub fn new(below: Arc<dyn TensorSource>, sealed_block: u64) -> Arc<Self> {
        Arc::new(Self {
            below,
            sealed_block,
            new: Mutex::new(BTreeMap::new()),
        })
    }

    pub(crate) const fn sealed_block(&self) -> u64 {
        self.sealed_block
    }

    pub(crate) fn stage(&self, tensor: NewTensor) {
        let NewTensor {
            id,
            descriptor,
            bytes,
            page_roots,
        } = tensor;
        let id = B256::from(id);
        self.new.lock().insert(
            id,
            StoredTensor {
                id,
                descriptor,
                bytes,
                page_roots,
            },
        );
    }

    pub(crate) fn descriptor(&self, id: B256) -> Result<Bytes, Fatal> {
        let new = self.new_tensor(id).map(|tensor| tensor.descriptor);
        here(
            id,
            new.map_or_else(|| self.below.descriptor(id), |found| Ok(Some(found))),
        )
    }

    pub(crate) fn bytes(&self, id: B256, range: Range<u64>) -> Result<Bytes, Fatal> {
        let new = self
            .new_tensor(id)
            .and_then(|tensor| tensor.slice(range.clone()));
        here(
            id,
            new.map_or_else(|| self.below.bytes(id, range), |found| Ok(Some(found))),
        )
    }

    pub(crate) fn page_roots(&self, id: B256) -> Result<Bytes, Fatal> {
        let new = self.new_tensor(id).map(|tensor| tensor.page_roots);
        here(
            id,
            new.map_or_else(|| self.below.page_roots(id), |found| Ok(Some(found))),
        )
    }

    fn new_tensor(&self, id: B256) -> Option<StoredTensor> {
        self.new.lock().get(&id).cloned()
    }

    /// The new tensors whose record a diff writes, ascending by id: what a store has to keep.
    pub(crate) fn recorded_in(&self, diff: &StateDiff) -> Vec<StoredTensor> {
        let Some(records) = diff.accounts.get(&AI_TENSOR).map(|change| &change.storage) else {
            return Vec::new();
        };
        let is_recorded = |id: B256| {
            let record = records.get(&record_slot(id));
            record.is_some_and(|record| *record != U256::ZERO)
        };
        let new = self.new.lock();
        new.values()
            .filter(|tensor| is_recorded(tensor.id))
            .cloned()
            .collect()
    }
}

/// A record says that the tensor exists: without it the node cannot go on.
fn here(id: B256, found: Result<Option<Bytes>, SourceError>) -> Result<Bytes, Fatal> {
    match found {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Fatal::Source(alloc::format!("{BYTES_PRUNED}: {id}"))),
        Err(SourceError(why)) => Err(Fatal::Source(why)),
    }
}
