//! `optimism_*` in the fields of op-node.

use crate::{
    error::{Answer, internal, of_store, server},
    node::{Node, Registry},
    params::{Args, Quantity},
};
use alloy_primitives::B256;
use foggara_primitives::{BlockId, L1Ref, L2Ref, RollupConfig, output_root_v0};
use jsonrpsee::core::RegisterMethodError;
use serde::{Deserialize, Serialize};

/// A block number as op-node takes it: a quantity, or a number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Json(u64),
    Text(Quantity),
}

impl Number {
    pub(super) const fn get(self) -> u64 {
        match self {
            Self::Json(number) | Self::Text(Quantity(number)) => number,
        }
    }
}

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("optimism_outputAtBlock", output)?;
    r.instant("optimism_syncStatus", |node, args| {
        args.end()?;
        Ok(sync_status(node))
    })?;
    r.instant(
        "optimism_rollupConfig",
        |node, args| -> Answer<RollupConfig> {
            args.end()?;
            Ok(node.context.spec.rollup.clone())
        },
    )?;
    r.instant("optimism_version", |_, args| {
        args.end().map(|()| super::basic::version())
    })?;
    r.read("optimism_safeHeadAtL1Block", safe_head)
}

/// An L2 block as op-node writes it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockRef {
    hash: B256,
    number: u64,
    parent_hash: B256,
    timestamp: u64,
    #[serde(rename = "l1origin")]
    l1_origin: BlockId,
    sequence_number: u64,
}

impl From<L2Ref> for BlockRef {
    fn from(block: L2Ref) -> Self {
        let L2Ref {
            hash,
            number,
            parent_hash,
            timestamp,
            l1_origin,
            sequence_number,
        } = block;
        Self {
            hash,
            number,
            parent_hash,
            timestamp,
            l1_origin,
            sequence_number,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
struct SyncStatus {
    current_l1: L1Ref,
    current_l1_finalized: L1Ref,
    head_l1: L1Ref,
    safe_l1: L1Ref,
    finalized_l1: L1Ref,
    unsafe_l2: BlockRef,
    safe_l2: BlockRef,
    finalized_l2: BlockRef,
    pending_safe_l2: BlockRef,
    cross_unsafe_l2: BlockRef,
    local_safe_l2: BlockRef,
}

fn sync_status(node: &Node) -> SyncStatus {
    let l1 = *node.context.verifier.borrow();
    let heads = node.heads();
    // One layer of safety: what this node calls safe is so in every sense that op-node tells apart.
    SyncStatus {
        current_l1: l1.current_l1,
        current_l1_finalized: l1.finalized_l1,
        head_l1: l1.head_l1,
        safe_l1: l1.safe_l1,
        finalized_l1: l1.finalized_l1,
        unsafe_l2: heads.unsafe_.into(),
        safe_l2: heads.safe.into(),
        finalized_l2: heads.finalized.into(),
        pending_safe_l2: heads.safe.into(),
        cross_unsafe_l2: heads.unsafe_.into(),
        local_safe_l2: heads.safe.into(),
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    version: B256,
    output_root: B256,
    block_ref: BlockRef,
    withdrawal_storage_root: B256,
    state_root: B256,
    sync_status: SyncStatus,
}

fn output(node: &Node, args: &mut Args<'_>) -> Answer<Output> {
    let number: Number = args.required()?;
    args.end()?;
    let stored = node.header(number.get())?;
    let block = node.store().l2_ref(number.get()).map_err(of_store)?;
    let block = block.ok_or_else(|| internal("store", &"a header without its reference"))?;
    let withdrawals = stored.header.withdrawals_root.unwrap_or_default();
    Ok(Output {
        version: B256::ZERO,
        output_root: output_root_v0(stored.header.state_root, withdrawals, stored.hash).0,
        block_ref: block.into(),
        withdrawal_storage_root: withdrawals,
        state_root: stored.header.state_root,
        sync_status: sync_status(node),
    })
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct SafeHead {
    l1_block: BlockId,
    safe_head: BlockId,
}

fn safe_head(node: &Node, args: &mut Args<'_>) -> Answer<SafeHead> {
    let number: Number = args.required()?;
    args.end()?;
    let found = node.store().safe_at_l1(number.get()).map_err(of_store)?;
    let (l1_block, safe) = found.ok_or_else(|| server("safe head not found"))?;
    Ok(SafeHead {
        l1_block,
        safe_head: safe.id(),
    })
}
