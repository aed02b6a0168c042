//! L1 and L2 as `stf::derive_step` reads them: L1 blocks that were fetched, L2 blocks of the store and of
//! the group not yet committed.

use crate::group::Group;
use alloy_primitives::{Address, B256};
use foggara_derive::{FrameObject, L1Input};
use foggara_primitives::{L2Ref, SourceError};
use foggara_stf::DeriveSource;
use foggara_store::Store;
use std::collections::BTreeMap;

/// An L1 block that derivation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) number: u64,
    /// The batcher before it, if payloads are read.
    pub(crate) batcher: Option<Address>,
}

#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) store: &'a Store,
    pub(crate) group: &'a Group,
    pub(crate) fetched: &'a mut BTreeMap<u64, L1Input>,
    /// Set when a block that was asked for is not there.
    pub(crate) wanted: Option<Wanted>,
}

impl DeriveSource for Inputs<'_> {
    fn l1_input(
        &mut self,
        number: u64,
        batcher: Option<Address>,
    ) -> Result<Option<L1Input>, SourceError> {
        let found = self.fetched.remove(&number);
        if found.is_none() {
            self.wanted = Some(Wanted { number, batcher });
        }
        Ok(found)
    }

    fn l2_block(&mut self, number: u64) -> Result<L2Ref, SourceError> {
        if let Some(block) = self.group.block(number) {
            return Ok(block);
        }
        let found = self
            .store
            .l2_ref(number)
            .map_err(|error| SourceError(error.to_string()))?;
        found.ok_or_else(|| SourceError(format!("block {number} is not stored")))
    }

    fn frame(&mut self, acc: B256) -> Result<FrameObject, SourceError> {
        stored_frame(self.store, acc)
    }
}

/// The frame object with this key.
pub(crate) fn stored_frame(store: &Store, acc: B256) -> Result<FrameObject, SourceError> {
    let found = store
        .frame(acc)
        .map_err(|error| SourceError(error.to_string()))?;
    let frame = found.ok_or_else(|| SourceError(format!("frame {acc} is not stored")))?;
    Ok(FrameObject {
        acc,
        prev: frame.previous,
        data: frame.data,
    })
}
