//! Stored tensors beside the state: what a record says exists, found by id (`PRECOMPILES.md` section 6).

use crate::SourceError;
use alloc::collections::BTreeMap;
use alloy_primitives::{B256, Bytes};
use core::{fmt::Debug, ops::Range};

/// A stored tensor. All of it is a function of its bytes and its shape; the record in state says for
/// how long it is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredTensor {
    /// Hash of the descriptor.
    pub id: B256,
    /// Element type, dimensions and root.
    pub descriptor: Bytes,
    /// Packed elements.
    pub bytes: Bytes,
    /// Roots of the pages of its image, 32 bytes each.
    pub page_roots: Bytes,
}

/// Tensors by id. An implementor must have, at least, every tensor whose record is in the state that it
/// goes with, expired ones for 60 days of chain time; what else it has is of no matter, since the id
/// says what the bytes are.
pub trait TensorSource: Debug + Send + Sync {
    /// The descriptor, or `None` if the tensor is not here.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn descriptor(&self, id: B256) -> Result<Option<Bytes>, SourceError>;

    /// Packed bytes of a range, or `None` if any of them is not here.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn bytes(&self, id: B256, range: Range<u64>) -> Result<Option<Bytes>, SourceError>;

    /// Page roots, 32 bytes each, or `None` if they are not here.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    fn page_roots(&self, id: B256) -> Result<Option<Bytes>, SourceError>;
}

/// No tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoTensors;

impl TensorSource for NoTensors {
    fn descriptor(&self, _: B256) -> Result<Option<Bytes>, SourceError> {
        Ok(None)
    }
    fn bytes(&self, _: B256, _: Range<u64>) -> Result<Option<Bytes>, SourceError> {
        Ok(None)
    }
    fn page_roots(&self, _: B256) -> Result<Option<Bytes>, SourceError> {
        Ok(None)
    }
}

/// Tensors in memory.
pub type TensorMap = BTreeMap<B256, StoredTensor>;

impl TensorSource for TensorMap {
    fn descriptor(&self, id: B256) -> Result<Option<Bytes>, SourceError> {
        Ok(self.get(&id).map(|tensor| tensor.descriptor.clone()))
    }
    fn bytes(&self, id: B256, range: Range<u64>) -> Result<Option<Bytes>, SourceError> {
        Ok(self.get(&id).and_then(|tensor| tensor.slice(range)))
    }
    fn page_roots(&self, id: B256) -> Result<Option<Bytes>, SourceError> {
        Ok(self.get(&id).map(|tensor| tensor.page_roots.clone()))
    }
}

impl StoredTensor {
    /// A range of its bytes; `None` if it ends beyond them.
    pub fn slice(&self, range: Range<u64>) -> Option<Bytes> {
        let start = usize::try_from(range.start).ok()?;
        let end = usize::try_from(range.end).ok()?;
        (start <= end && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}
