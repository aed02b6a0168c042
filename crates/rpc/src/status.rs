//! The life of a transaction: `rollup_txStatus` (`USERS.md` section 2.5).

use crate::Context;
use alloy_primitives::{B256, FixedBytes, U64};
use foggara_pool::{DropReason, TxPlace};
use foggara_store::{DroppedTx, StoreError, TxLocation};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far a transaction has come (`RELIABILITY.md` section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// This node has never heard of it, or has forgotten that it dropped it.
    Unknown,
    /// It will not be included; `dropped` says why.
    Dropped,
    /// Its hash was returned: it survives a power cut of this machine.
    Accepted,
    /// It stands in a durable block.
    Preconfirmed,
    /// Its batch is on L1 and derives to the same block.
    Safe,
    /// That L1 block is final.
    Finalized,
    /// The output root that covers it has outlived its challenge window.
    Settled,
}

/// The life of one transaction; `null` for what has not happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TxStatus {
    /// Hash of the transaction.
    pub hash: B256,
    /// How far it has come.
    pub level: Level,
    /// The level after that.
    pub next: Option<Level>,
    /// Seconds until then, where that is known: for the next block, at least one.
    pub eta_seconds: Option<u64>,
    /// How often an unwound block gave it back.
    pub requeued: u32,
    /// Its place in the pool.
    pub accepted: Option<Accepted>,
    /// Its place in the chain.
    pub preconfirmed: Option<Preconfirmed>,
    /// Its place on L1.
    pub safe: Option<Safe>,
    /// The L1 block that made it final.
    pub finalized: Option<Finalized>,
    /// Always `null` until output roots are proposed.
    pub settled: Option<()>,
    /// Why it was dropped.
    pub dropped: Option<Dropped>,
}

/// See [`TxStatus::accepted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// Unix milliseconds; `null` once it has left the pool.
    pub at: Option<u64>,
    /// `pending`, `queued`, or `null` once it has left the pool.
    pub pool: Option<String>,
}

/// See [`TxStatus::preconfirmed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preconfirmed {
    /// Number of its block.
    pub block: U64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Index in the block.
    pub index: U64,
    /// Unix milliseconds of the block.
    pub at: u64,
}

/// See [`TxStatus::safe`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Safe {
    /// L1 block from which its block was derived; `null` where this node has not posted it itself.
    pub l1_block: Option<U64>,
    /// Hash of that block, while this node keeps it.
    pub l1_block_hash: Option<B256>,
    /// L1 transactions that carry the batch.
    pub l1_transactions: Vec<B256>,
    /// Channel that carries the batch.
    pub channel: Option<FixedBytes<16>>,
    /// Frames of that channel.
    pub frames: Vec<u16>,
}

/// See [`TxStatus::finalized`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finalized {
    /// Newest final L1 block.
    pub l1_block: U64,
}

/// See [`TxStatus::dropped`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// `replaced`, `nonceUsed`, `unpayable`, `expired`, `evicted`, `removed` or `invalid`.
    pub reason: String,
    /// Hash of the transaction that replaced it, if one did and this process has seen it.
    pub by: Option<B256>,
    /// Unix milliseconds, if known.
    pub at: Option<u64>,
}

/// Tells the life of a transaction by a few indexed reads.
///
/// # Errors
/// [`StoreError`]: the store could not be read.
pub fn tx_status(context: &Context, hash: B256) -> Result<TxStatus, StoreError> {
    let mut status = TxStatus {
        hash,
        level: Level::Unknown,
        next: None,
        eta_seconds: None,
        requeued: 0,
        accepted: None,
        preconfirmed: None,
        safe: None,
        finalized: None,
        settled: None,
        dropped: None,
    };
    if let Some(location) = context.store.tx_by_hash(hash)? {
        included(context, &location, &mut status)?;
    } else if let Some(pool) = &context.pool
        && let Some(tx) = pool.get(&hash)
    {
        let place = match pool.place(&hash) {
            Some(TxPlace::Queued) => "queued",
            _ => "pending",
        };
        status.level = Level::Accepted;
        status.requeued = tx.requeued;
        status.accepted = Some(Accepted {
            at: Some(tx.accepted_ms),
            pool: Some(place.into()),
        });
    } else if let Some(dropped) = dropped(context, hash)? {
        status.level = Level::Dropped;
        status.dropped = Some(dropped);
    } else if let Some(location) = context.store.tx_by_hash(hash)? {
        // It moved from the pool into a block between the first look and the second.
        included(context, &location, &mut status)?;
    }
    if status.level == Level::Accepted
        && status
            .accepted
            .as_ref()
            .is_some_and(|a| a.pool.as_deref() == Some("pending"))
    {
        status.eta_seconds = Some(next_block_in(context));
    }
    status.next = match status.level {
        Level::Accepted => Some(Level::Preconfirmed),
        Level::Preconfirmed => Some(Level::Safe),
        Level::Safe => Some(Level::Finalized),
        Level::Finalized => Some(Level::Settled),
        Level::Unknown | Level::Dropped | Level::Settled => None,
    };
    Ok(status)
}

/// Seconds until the next block, by the clock of this machine; at least one.
fn next_block_in(context: &Context) -> u64 {
    let next = context
        .store
        .heads()
        .unsafe_
        .timestamp
        .saturating_add(context.spec.rollup.block_time);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    next.saturating_sub(now).max(1)
}

fn included(
    context: &Context,
    location: &TxLocation,
    status: &mut TxStatus,
) -> Result<(), StoreError> {
    let heads = context.store.heads();
    let number = location.block_number;
    let time = context
        .store
        .header(number)?
        .map_or(0, |stored| stored.header.timestamp);
    status.level = Level::Preconfirmed;
    status.accepted = Some(Accepted {
        at: None,
        pool: None,
    });
    status.preconfirmed = Some(Preconfirmed {
        block: U64::from(number),
        block_hash: location.block_hash,
        index: U64::from(location.index),
        at: time.saturating_mul(1_000),
    });
    if number <= heads.safe.number {
        let posted = context.store.posted(number)?;
        status.level = Level::Safe;
        let l1 = posted
            .as_ref()
            .map(|posted| context.store.l1_block(posted.l1_block))
            .transpose()?;
        status.safe = Some(Safe {
            l1_block_hash: l1.flatten().map(|block| block.hash),
            l1_block: posted.as_ref().map(|posted| U64::from(posted.l1_block)),
            frames: posted
                .as_ref()
                .map(|p| (0..p.frames).collect())
                .unwrap_or_default(),
            channel: posted.as_ref().map(|posted| posted.channel),
            l1_transactions: posted.map(|posted| posted.l1_txs).unwrap_or_default(),
        });
    }
    if number <= heads.finalized.number {
        let l1 = context.verifier.borrow().finalized_l1.number;
        status.level = Level::Finalized;
        status.finalized = Some(Finalized {
            l1_block: U64::from(l1),
        });
    }
    Ok(())
}

fn dropped(context: &Context, hash: B256) -> Result<Option<Dropped>, StoreError> {
    let stored = context
        .store
        .dropped(hash)?
        .map(|DroppedTx { time, reason }| Dropped {
            reason,
            by: None,
            at: Some(time.saturating_mul(1_000)),
        });
    let recent = || {
        let reason = context.pool.as_ref()?.dropped(&hash)?;
        let by = match reason {
            DropReason::Replaced { by } => Some(by),
            _ => None,
        };
        Some(Dropped {
            reason: reason.word().into(),
            by,
            at: None,
        })
    };
    let recent = recent();
    Ok(match (stored, recent) {
        // The store has the time, the pool the other transaction.
        (Some(stored), Some(recent)) => Some(Dropped {
            by: recent.by,
            ..stored
        }),
        (stored, recent) => stored.or(recent),
    })
}
