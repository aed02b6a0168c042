//! Log queries over the chain.

use super::convert::{Place, mined_logs};
use crate::{
    error::{Answer, code, error_with, invalid_params, of_source, of_store, unknown_block},
    node::Node,
    params::{BlockTag, LogMatch, LogRange},
};
use alloy_primitives::{B256, Bytes, U64, keccak256};
use alloy_rpc_types_eth::Log;
use core::ops::ControlFlow;
use foggara_evm::decode_receipt;
use jsonrpsee::types::ErrorObjectOwned;
use serde::Serialize;

/// The wanted logs of one block.
pub(crate) fn logs_in_block(
    wanted: &LogMatch,
    block: (B256, u64, u64),
    transactions: &[Bytes],
    receipts: &[Bytes],
    removed: bool,
) -> Answer<Vec<Log>> {
    let (block_hash, block_number, timestamp) = block;
    let (mut out, mut first) = (Vec::new(), 0u64);
    for (index, (raw, receipt)) in (0u64..).zip(transactions.iter().zip(receipts)) {
        let receipt = decode_receipt(receipt).map_err(of_source)?;
        let count = receipt.logs.len() as u64;
        if count > 0 {
            let place = Place {
                block_hash,
                block_number,
                timestamp,
                transaction_hash: keccak256(raw),
                transaction_index: index,
                removed,
            };
            let logs = mined_logs(receipt.logs, place, first);
            out.extend(logs.into_iter().filter(|log| wanted.log(&log.inner)));
        }
        first = first.saturating_add(count);
    }
    Ok(out)
}

/// A range that would have been answered.
#[derive(Debug, Clone, Serialize)]
struct Suggestion {
    from: U64,
    to: U64,
    limit: u64,
}

fn too_much(message: String, from: u64, to: u64, limit: u64) -> ErrorObjectOwned {
    let message = format!("{message} Try with this block range [{from:#x}, {to:#x}].");
    error_with(
        code::LIMIT,
        message,
        Suggestion {
            from: U64::from(from),
            to: U64::from(to),
            limit,
        },
    )
}

/// Answers `eth_getLogs`.
pub(crate) fn query(node: &Node, range: LogRange, wanted: &LogMatch) -> Answer<Vec<Log>> {
    match range {
        LogRange::Hash(hash) => {
            let number = node.store().block_number(hash).map_err(of_store)?;
            let number = number.ok_or_else(|| unknown_block(hash))?;
            one_block(node, wanted, number, Some(hash))
        }
        LogRange::Blocks(from, to) => {
            let (from, to) = bounds(node, from, to)?;
            in_range(node, wanted, from, to)
        }
    }
}

fn bounds(node: &Node, from: Option<BlockTag>, to: Option<BlockTag>) -> Answer<(u64, u64)> {
    let head = node.heads().unsafe_.number;
    let (first, last) = (
        node.number_of(from.unwrap_or_default()),
        node.number_of(to.unwrap_or_default()),
    );
    // Where only the end is open, it is the head, whatever that is by now.
    let last = if to.is_none_or(|to| matches!(to, BlockTag::Latest | BlockTag::Pending)) {
        last.max(first.min(head))
    } else {
        last
    };
    if first > head || last > head {
        return Err(invalid_params(format!(
            "block range extends beyond current head block: [{first}, {last}], head {head}"
        )));
    }
    if first > last {
        return Err(invalid_params(format!(
            "invalid block range params: from {first} to {last}"
        )));
    }
    Ok((first, last))
}

/// The wanted logs of block `number`, if it still is the one with this hash.
fn one_block(node: &Node, wanted: &LogMatch, number: u64, hash: Option<B256>) -> Answer<Vec<Log>> {
    let found = node.store().block_and_receipts(number).map_err(of_store)?;
    // An unwind may have come between.
    let Some((block, receipts)) = found.filter(|(block, _)| hash.is_none_or(|h| h == block.hash))
    else {
        return Ok(Vec::new());
    };
    let place = (block.hash, number, block.header.timestamp);
    logs_in_block(wanted, place, &block.transactions, &receipts, false)
}

fn in_range(node: &Node, wanted: &LogMatch, from: u64, to: u64) -> Answer<Vec<Log>> {
    let limits = &node.limits;
    let end = to.min(from.saturating_add(limits.log_blocks.saturating_sub(1)));
    let deadline = node.deadline();
    let mut candidates = Vec::new();
    let mut seen = from;
    let visit = |stored: foggara_store::StoredHeader| {
        seen = stored.header.number;
        if wanted.bloom(&stored.header.logs_bloom) {
            candidates.push(stored.header.number);
        }
        // One block is looked at however long it takes: there is no smaller range.
        if seen > from && deadline.cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    node.store()
        .walk_headers(from, end, visit)
        .map_err(of_store)?;
    let too_slow = |number: u64| {
        let middle = from + (number - from) / 2;
        let message = format!("query took longer than {} s.", limits.call_time.as_secs());
        too_much(message, from, middle, limits.call_time.as_secs())
    };
    if seen < end && deadline.cancelled() {
        return Err(too_slow(seen));
    }
    let mut out = Vec::new();
    for number in candidates {
        let logs = one_block(node, wanted, number, None)?;
        // What one block holds is answered whole: there is no smaller range.
        if number > from && out.len() + logs.len() > limits.logs {
            let message = format!("query returned more than {} results.", limits.logs);
            return Err(too_much(message, from, number - 1, limits.logs as u64));
        }
        out.extend(logs);
        if number > from && number < end && deadline.cancelled() {
            return Err(too_slow(number));
        }
    }
    if end < to {
        let message = format!("block range exceeds {}.", limits.log_blocks);
        return Err(too_much(message, from, end, limits.log_blocks));
    }
    Ok(out)
}
