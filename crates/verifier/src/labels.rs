//! The finalized head, and frames that nobody will read again.

use crate::VerifierError;
use alloy_primitives::B256;
use foggara_primitives::Cursor;
use foggara_store::{Commit, Store};
use std::collections::BTreeSet;

/// The commit that finalizes what was derived from L1 blocks up to `l1_finalized`; empty if nothing
/// moves. Frames that only cursors below the finalized block refer to go with it.
pub(crate) fn finalize(store: &Store, l1_finalized: u64) -> Result<Commit, VerifierError> {
    let heads = store.heads();
    let Some((_, block)) = store.safe_at_l1(l1_finalized)? else {
        return Ok(Commit::default());
    };
    if block.number <= heads.finalized.number || block.number > heads.safe.number {
        return Ok(Commit::default());
    }
    let frames_done = unused_frames(
        store,
        heads.finalized.number,
        block.number,
        heads.safe.number,
    )?;
    Ok(Commit {
        finalized: Some(block.id()),
        frames_done,
        ..Commit::default()
    })
}

/// Frames that cursors of `old..new` hold and those of `new..=safe` do not.
fn unused_frames(store: &Store, old: u64, new: u64, safe: u64) -> Result<Vec<B256>, VerifierError> {
    let mut unused = held(store, old..new)?;
    if !unused.is_empty() {
        for acc in held(store, new..safe.saturating_add(1))? {
            unused.remove(&acc);
        }
    }
    Ok(unused.into_iter().collect())
}

/// Keys of all frames that the cursors of these blocks hold.
fn held(store: &Store, blocks: impl Iterator<Item = u64>) -> Result<BTreeSet<B256>, VerifierError> {
    let mut keys = BTreeSet::new();
    for number in blocks {
        let Some(Cursor {
            frame_acc,
            frames_held,
            ..
        }) = store.cursor(number)?
        else {
            continue;
        };
        let mut acc = frame_acc;
        for _ in 0..frames_held {
            if !keys.insert(acc) {
                break;
            }
            let Some(frame) = store.frame(acc)? else {
                break;
            };
            acc = frame.previous;
        }
    }
    Ok(keys)
}
