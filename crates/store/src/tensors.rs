//! Stored tensors: their bytes beside the state (`PRECOMPILES.md` section 6.5).
//!
//! The record in state says that a tensor exists and until when; the tables say what it is. They are
//! written with the block that made the tensor and never unwound: bytes without a record are not read,
//! and the id says what they are. Bytes are kept for 60 days of chain time after their expiry at least;
//! [`Store::collect_tensors`] then forgets them, a bounded number at a time.

use crate::{
    CommitError, Overlay, StateView, Store, StoreError, Table,
    backend::{ReadTx, WriteTx},
    chain, history, keys, state,
};
use alloy_primitives::{B256, Bytes, U256};
use core::{ops::ControlFlow, ops::Range};
use foggara_evm::record_slot;
use foggara_primitives::{
    SourceError, StoredTensor, TensorMap, TensorSource, addresses::AI_TENSOR,
};
use parking_lot::Mutex;
use std::sync::Arc;

/// Packed bytes of one row of `TensorBytes`.
const RUN: usize = 65_536;

/// Most packed bytes of a tensor (`PRECOMPILES.md` section 3).
const TENSOR_BYTES_MAX: usize = 256 << 20;

/// Seconds for which bytes are kept after their expiry (`PRECOMPILES.md` section 6.3): 60 days.
pub const TENSOR_RETENTION: u64 = 5_184_000;

/// Tensors that one call of [`Store::collect_tensors`] looks at.
const COLLECT_MAX: usize = 1_000;

/// Writes a tensor. All of it is a function of the id, so what is there may be written again.
pub(crate) fn write(tx: &mut dyn WriteTx, tensor: &StoredTensor) -> Result<(), StoreError> {
    let StoredTensor {
        id,
        descriptor,
        bytes,
        page_roots,
    } = tensor;
    let mut run = 0u32;
    for chunk in bytes.chunks(RUN) {
        tx.put(Table::TensorBytes, &keys::tensor_run(id, run), chunk)?;
        run = run.saturating_add(1);
    }
    tx.put(Table::TensorPageRoots, id.as_slice(), page_roots)?;
    tx.put(Table::TensorDescriptors, id.as_slice(), descriptor)?;
    Ok(())
}

fn whole(tx: &dyn ReadTx, table: Table, id: B256) -> Result<Option<Bytes>, StoreError> {
    let found = tx.get(table, id.as_slice())?;
    Ok(found.map(|value| Bytes::copy_from_slice(&value)))
}

fn read(tx: &dyn ReadTx, id: B256, range: &Range<u64>) -> Result<Option<Bytes>, StoreError> {
    let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else {
        return Ok(None);
    };
    let mut out = Vec::with_capacity(end.saturating_sub(start).min(TENSOR_BYTES_MAX));
    let mut at = start;
    while at < end {
        let Ok(run) = u32::try_from(at / RUN) else {
            return Ok(None);
        };
        let Some(chunk) = tx.get(Table::TensorBytes, &keys::tensor_run(&id, run))? else {
            return Ok(None);
        };
        let from = at % RUN;
        let to = RUN.min(end - at + from);
        let Some(part) = chunk.get(from..to) else {
            return Ok(None);
        };
        out.extend_from_slice(part);
        at += to - from;
    }
    Ok(Some(out.into()))
}

/// The tensors of a view.
#[derive(Debug)]
struct ViewTensors(Mutex<StateView>);

impl TensorSource for ViewTensors {
    fn descriptor(&self, id: B256) -> Result<Option<Bytes>, SourceError> {
        let mut view = self.0.lock();
        Ok(view.read(|_, tx| whole(tx, Table::TensorDescriptors, id))?)
    }

    fn bytes(&self, id: B256, range: Range<u64>) -> Result<Option<Bytes>, SourceError> {
        let mut view = self.0.lock();
        Ok(view.read(|_, tx| read(tx, id, &range))?)
    }

    fn page_roots(&self, id: B256) -> Result<Option<Bytes>, SourceError> {
        let mut view = self.0.lock();
        Ok(view.read(|_, tx| whole(tx, Table::TensorPageRoots, id))?)
    }
}

/// The tensors of blocks that are not yet durable, over those of a view.
#[derive(Debug)]
struct OverlayTensors {
    new: TensorMap,
    below: Arc<dyn TensorSource>,
}

impl TensorSource for OverlayTensors {
    fn descriptor(&self, id: B256) -> Result<Option<Bytes>, SourceError> {
        match self.new.get(&id) {
            Some(tensor) => Ok(Some(tensor.descriptor.clone())),
            None => self.below.descriptor(id),
        }
    }

    fn bytes(&self, id: B256, range: Range<u64>) -> Result<Option<Bytes>, SourceError> {
        match self.new.get(&id) {
            Some(tensor) => Ok(tensor.slice(range)),
            None => self.below.bytes(id, range),
        }
    }

    fn page_roots(&self, id: B256) -> Result<Option<Bytes>, SourceError> {
        match self.new.get(&id) {
            Some(tensor) => Ok(Some(tensor.page_roots.clone())),
            None => self.below.page_roots(id),
        }
    }
}

impl StateView {
    /// The stored tensors, read in the view's own snapshot.
    pub(crate) fn tensor_source(&self) -> Arc<dyn TensorSource> {
        Arc::new(ViewTensors(Mutex::new(self.clone())))
    }
}

impl Overlay {
    pub(crate) fn tensor_source(&self) -> Arc<dyn TensorSource> {
        let below = self.base().tensor_source();
        let all = self.blocks().iter().flat_map(|block| &block.tensors);
        let new: TensorMap = all.map(|tensor| (tensor.id, tensor.clone())).collect();
        if new.is_empty() {
            return below;
        }
        Arc::new(OverlayTensors { new, below })
    }
}

impl Store {
    /// Forgets the bytes of tensors whose retention is over, and everything about those without a record,
    /// if their record has not changed since the finalized block, so that no reorganisation asks for them
    /// again: a bounded number, from `after` on. Says where to go on, or `None` at the end. Called now and then, from no hot path,
    /// and never by a node that answers calls of any age.
    ///
    /// # Errors
    /// [`CommitError`]: nothing was deleted.
    pub fn collect_tensors(&self, after: B256) -> Result<Option<B256>, CommitError> {
        self.check_poison()?;
        let _turn = self.inner.writing.lock();
        let mut tx = self.inner.db.write()?;
        let finalized = chain::heads(&*tx)?.ok_or(StoreError::Empty)?.finalized;
        let mut ids = Vec::new();
        tx.walk(Table::TensorDescriptors, after.as_slice(), &mut |key, _| {
            ids.extend(B256::try_from(key).ok().filter(|id| *id != after));
            if ids.len() < COLLECT_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        for id in &ids {
            let slot = record_slot(*id);
            if history::has_changed(&*tx, AI_TENSOR, slot, finalized.number)? {
                continue;
            }
            let record = state::storage(&*tx, AI_TENSOR, slot)?;
            let kept_until = expiry(record).saturating_add(TENSOR_RETENTION);
            if !record.is_zero() && finalized.timestamp < kept_until {
                continue;
            }
            let mut run = 0u32;
            while tx.delete(Table::TensorBytes, &keys::tensor_run(id, run))? {
                run = run.saturating_add(1);
            }
            tx.delete(Table::TensorPageRoots, id.as_slice())?;
            if record.is_zero() {
                tx.delete(Table::TensorDescriptors, id.as_slice())?;
            }
        }
        self.finish(tx)?;
        Ok(ids.last().copied().filter(|_| ids.len() == COLLECT_MAX))
    }
}

/// Bits 64 to 127 of a record.
fn expiry(record: U256) -> u64 {
    (record >> 64u32 & U256::from(u64::MAX)).saturating_to()
}
