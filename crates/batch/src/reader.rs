//! Batches out of the decompressed bytes of a channel: consecutive RLP byte strings, each a batch.
//!
//! Source: OP derivation "Channel Format".

use crate::{Batch, BatchContext, BatchError, input::Input};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use alloy_rlp::Encodable;

/// Reads the batches of a channel one by one. It ends at the end of the bytes or at the first batch
/// that cannot be decoded, whichever comes first; a byte string that is cut off by the size limit is
/// such a batch (reading R5).
#[derive(Debug, Clone)]
pub struct BatchReader {
    rest: Bytes,
    context: BatchContext,
    error: Option<BatchError>,
}

impl BatchReader {
    /// A reader over the decompressed bytes of a channel.
    pub fn new(bytes: Vec<u8>, context: BatchContext) -> Self {
        Self {
            rest: bytes.into(),
            context,
            error: None,
        }
    }

    /// Why the reader ended before the end of its bytes, if it did.
    pub const fn error(&self) -> Option<&BatchError> {
        self.error.as_ref()
    }

    fn read(&mut self) -> Result<Batch, BatchError> {
        let mut input = Input::new(&self.rest);
        let batch = self.rest.slice_ref(input.string()?.payload);
        let consumed = self.rest.len().saturating_sub(input.len());
        let decoded = Batch::decode(&batch, self.context)?;
        self.rest = self.rest.slice(consumed..);
        Ok(decoded)
    }
}

impl Iterator for BatchReader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.rest.is_empty() {
            return None;
        }
        match self.read() {
            Ok(batch) => Some(batch),
            Err(error) => {
                self.rest = Bytes::new();
                self.error = Some(error);
                None
            }
        }
    }
}

/// The uncompressed bytes of a channel with these batches, each with its version byte.
pub fn encode_content<B: AsRef<[u8]>>(batches: &[B]) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        batch.as_ref().encode(&mut out);
    }
    out
}
