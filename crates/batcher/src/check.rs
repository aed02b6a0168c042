//! The self-check: what is about to be posted, derived back.
//!
//! The payloads are laid into a synthetic L1 made of the blocks' own origins and one block behind the
//! last of them, and `foggara-derive` reads that from the block before the channel. It must yield
//! exactly the channel's blocks: same time, origin, place in the epoch and transactions. Deposits are
//! not looked at, they are L1's.

use crate::{BatchBlock, DaData, block::Link};
use alloy_primitives::{B256, Bytes, keccak256};
use foggara_derive::{Applied, Deriver, L1Header, L1Input, Payload, Step, SyncStart};
use foggara_primitives::{BlockId, ChainSpec, Cursor, L2Ref, constants::DEPOSIT_TX_TYPE};
use std::sync::Arc;

/// A channel that does not derive to its blocks: it must not be posted. Severity: fatal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A derived block differs.
    #[error("block {number} derives differently")]
    Differs {
        /// Number of the block that was expected.
        number: u64,
    },
    /// Fewer blocks were derived.
    #[error("block {number} is not derived: {step}")]
    Missing {
        /// Number of the first block that is missing.
        number: u64,
        /// What derivation asked for instead.
        step: String,
    },
    /// More blocks were derived.
    #[error("a block beyond {last} is derived")]
    Surplus {
        /// Number of the channel's last block.
        last: u64,
    },
}

/// Derives `data` back on top of the parent of `blocks`.
pub(crate) fn derives_to<'a>(
    spec: &Arc<ChainSpec>,
    blocks: &[Link],
    data: impl IntoIterator<Item = &'a DaData>,
) -> Result<(), CheckError> {
    let Some(parent) = blocks.first().map(|first| first.parent.as_ref()) else {
        return Ok(());
    };
    let mut deriver = Deriver::new(Arc::clone(spec), start(spec, parent));
    let l1 = synthetic_l1(parent, blocks, data);
    let mut safe = parent.l2;
    for block in blocks {
        let number = block.l2.number;
        let derived = match step(&mut deriver, &safe, &l1, parent) {
            Step::Attributes(derived) => derived,
            other => return Err(missing(number, &other, &mut deriver)),
        };
        let is_ours = |tx: &&Bytes| tx.first() != Some(&DEPOSIT_TX_TYPE);
        let l2 = derived.l2_ref(block.l2.hash);
        let transactions = derived.attributes.transactions.iter().filter(is_ours);
        if l2 != block.l2 || !transactions.eq(&block.transactions) {
            return Err(CheckError::Differs { number });
        }
        deriver.applied(Applied::Accepted(l2));
        safe = l2;
    }
    match step(&mut deriver, &safe, &l1, parent) {
        Step::Attributes(_) => Err(CheckError::Surplus { last: safe.number }),
        _ => Ok(()),
    }
}

fn missing(number: u64, step: &Step, deriver: &mut Deriver) -> CheckError {
    let dropped = deriver.take_dropped();
    CheckError::Missing {
        number,
        step: format!("{step:?}, dropped: {dropped:?}"),
    }
}

/// The next step that the synthetic L1 and the parent cannot answer.
fn step(deriver: &mut Deriver, safe: &L2Ref, l1: &[L1Input], parent: &BatchBlock) -> Step {
    let first = parent.l2.l1_origin.number;
    loop {
        match deriver.step(safe) {
            Step::NeedL1(number) => {
                let index = number
                    .checked_sub(first)
                    .and_then(|index| usize::try_from(index).ok());
                match index.and_then(|index| l1.get(index)) {
                    Some(input) => deriver.push_l1(input.clone()),
                    None => return Step::NeedL1(number),
                }
            }
            Step::NeedL2(number) if number == parent.l2.number => deriver.push_l2(parent.l2),
            other => return other,
        }
    }
}

fn start(spec: &ChainSpec, parent: &BatchBlock) -> SyncStart {
    let system = &spec.rollup.genesis.system_config;
    let origin = parent.l2.l1_origin;
    SyncStart {
        cursor: Cursor::genesis(origin.hash, origin.number, system.batcher_addr),
        safe: parent.l2,
        sys: system.system_config(),
        frames: Vec::new(),
    }
}

/// The origins from the parent's to the last block's, and one L1 block that holds the payloads.
fn synthetic_l1<'a>(
    parent: &BatchBlock,
    blocks: &[Link],
    data: impl IntoIterator<Item = &'a DaData>,
) -> Vec<L1Input> {
    let mut out: Vec<L1Input> = Vec::new();
    let mut origins = vec![(parent.l2.l1_origin, parent.origin_time)];
    for block in blocks {
        if origins
            .last()
            .is_none_or(|(origin, _)| *origin != block.l2.l1_origin)
        {
            origins.push((block.l2.l1_origin, block.origin_time));
        }
    }
    // The block of inclusion is later than every block, so none of them had to move to it.
    let (last, time) = origins.last().copied().unwrap_or_default();
    let latest = blocks
        .iter()
        .map(|block| block.l2.timestamp)
        .fold(time, u64::max);
    let inclusion = BlockId {
        hash: keccak256(last.hash),
        number: last.number + 1,
    };
    origins.push((inclusion, latest.saturating_add(1)));
    let mut parent_hash = B256::ZERO;
    for (id, timestamp) in origins {
        let header = L1Header {
            hash: id.hash,
            number: id.number,
            parent_hash,
            timestamp,
            ..L1Header::default()
        };
        parent_hash = id.hash;
        out.push(L1Input {
            header,
            ..L1Input::default()
        });
    }
    if let Some(last) = out.last_mut() {
        for data in data {
            match data {
                DaData::Calldata(payload) => last.payloads.push(Payload::Calldata(payload.clone())),
                DaData::Blobs(blobs) => {
                    last.payloads
                        .extend(blobs.iter().cloned().map(Payload::Blob));
                }
            }
        }
    }
    out
}
