//! Prices.

use crate::{
    error::{Answer, invalid_params, limit, of_source, of_store, unknown_block},
    node::{Node, Registry},
    params::{Args, BlockTag, Quantity},
};
use alloy_consensus::Transaction;
use alloy_primitives::{Bytes, U64, U128};
use alloy_rpc_types_eth::FeeHistory;
use foggara_evm::{PreparedTx, base_fee_of_next, decode_receipt};
use foggara_primitives::constants::DEPOSIT_TX_TYPE;
use foggara_store::StoredBlock;
use jsonrpsee::core::RegisterMethodError;
use serde::Deserialize;

/// Tip in wei per gas that gets a transaction into a block that has room.
const TIP_MIN: u128 = 1_000_000;
/// Highest tip that is suggested.
const TIP_MAX: u128 = 500_000_000_000;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("eth_gasPrice", |node, args| {
        args.end()?;
        let (tip, base_fee) = prices(node)?;
        Ok(U128::from(tip.saturating_add(base_fee.into())))
    })?;
    r.read("eth_maxPriorityFeePerGas", |node, args| {
        args.end()?;
        Ok(U128::from(prices(node)?.0))
    })?;
    r.read("eth_baseFee", |node, args| {
        args.end()?;
        Ok(U64::from(prices(node)?.1))
    })?;
    // The opcode answers 1: there are no blobs on this layer.
    r.instant("eth_blobBaseFee", |_, args| {
        args.end().map(|()| U64::from(1))
    })?;
    r.execute("eth_feeHistory", history)
}

/// The tip that does while blocks have room, in wei per gas.
pub(super) const fn tip_min() -> u128 {
    TIP_MIN
}

/// Suggested tip and the next block's base fee. While blocks have room, the least tip does; in a full
/// block it takes more than half of those in it paid.
fn prices(node: &Node) -> Answer<(u128, u64)> {
    let number = node.heads().unsafe_.number;
    let found = node.store().block_and_receipts(number).map_err(of_store)?;
    let (block, receipts) = found.ok_or_else(|| unknown_block(number))?;
    let base_fee = base_fee_of_next(&node.context.spec, &block.header);
    let full = block.header.gas_used.saturating_mul(10) > block.header.gas_limit.saturating_mul(9);
    if !full {
        return Ok((TIP_MIN, base_fee));
    }
    let tips = tips(&block, &receipts)?;
    let median = tips.get(tips.len() / 2).map_or(TIP_MIN, |(tip, _)| *tip);
    Ok((
        (median.saturating_mul(11) / 10).clamp(TIP_MIN, TIP_MAX),
        base_fee,
    ))
}

/// Tip and gas of each transaction that pays one, ascending.
fn tips(block: &StoredBlock, receipts: &[Bytes]) -> Answer<Vec<(u128, u64)>> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let (mut out, mut used_before) = (Vec::new(), 0u64);
    for (raw, receipt) in block.transactions.iter().zip(receipts) {
        let used = decode_receipt(receipt).map_err(of_source)?.cumulative_gas;
        if raw.first() != Some(&DEPOSIT_TX_TYPE)
            && let Ok(tx) = PreparedTx::decode_unrecovered(raw)
        {
            let tip = tx.effective_tip_per_gas(base_fee).unwrap_or_default();
            out.push((tip, used.saturating_sub(used_before)));
        }
        used_before = used;
    }
    out.sort_unstable();
    Ok(out)
}

/// A number of blocks, as a quantity or a number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(Quantity),
}

fn history(node: &Node, args: &mut Args<'_>) -> Answer<FeeHistory> {
    let (Count::Number(count) | Count::Text(Quantity(count))) = args.required()?;
    let newest: BlockTag = args.required()?;
    let percentiles: Vec<f64> = args.optional()?.unwrap_or_default();
    args.end()?;
    let limits = &node.limits;
    if percentiles.len() > limits.fee_history_percentiles {
        let (got, max) = (percentiles.len(), limits.fee_history_percentiles);
        return Err(limit(format!("too many percentiles: {got}, limit {max}")));
    }
    if let Some(bad) = percentiles.iter().find(|p| !(0.0..=100.0).contains(*p)) {
        return Err(invalid_params(format!(
            "invalid argument 2: invalid reward percentile: {bad}"
        )));
    }
    if !percentiles.is_sorted() {
        return Err(invalid_params(
            "invalid argument 2: invalid reward percentile: must ascend",
        ));
    }
    let newest = node.number_of(newest);
    if newest > node.heads().unsafe_.number {
        return Err(unknown_block(newest));
    }
    let count = count
        .min(limits.fee_history_blocks)
        .min(newest.saturating_add(1));
    let oldest = newest.saturating_add(1).saturating_sub(count);
    let mut answer = FeeHistory {
        oldest_block: oldest,
        ..FeeHistory::default()
    };
    if count == 0 {
        return Ok(FeeHistory {
            oldest_block: 0,
            ..answer
        });
    }
    let mut rewards = Vec::new();
    let mut last = None;
    let deadline = node.deadline();
    for number in oldest..=newest {
        if deadline.cancelled() {
            let (done, time) = (number - oldest, limits.call_time.as_secs());
            return Err(limit(format!(
                "fee history took longer than {time} s: ask for {done} blocks or fewer"
            )));
        }
        let header = if percentiles.is_empty() {
            node.header(number)?.header
        } else {
            let found = node.store().block_and_receipts(number).map_err(of_store)?;
            let (block, receipts) = found.ok_or_else(|| unknown_block(number))?;
            rewards.push(at_percentiles(&tips(&block, &receipts)?, &percentiles));
            block.header
        };
        answer
            .base_fee_per_gas
            .push(header.base_fee_per_gas.unwrap_or_default().into());
        answer
            .gas_used_ratio
            .push(share(header.gas_used, header.gas_limit));
        last = Some(header);
    }
    if let Some(header) = last {
        answer
            .base_fee_per_gas
            .push(base_fee_of_next(&node.context.spec, &header).into());
    }
    answer.base_fee_per_blob_gas = vec![1; answer.base_fee_per_gas.len()];
    answer.blob_gas_used_ratio = vec![0.0; answer.gas_used_ratio.len()];
    answer.reward = (!percentiles.is_empty()).then_some(rewards);
    Ok(answer)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Tips at the percentiles of the gas that paid them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percentiles of an answer for people"
)]
fn at_percentiles(tips: &[(u128, u64)], percentiles: &[f64]) -> Vec<u128> {
    let total: u64 = tips.iter().map(|(_, gas)| gas).sum();
    let at = |percentile: &f64| {
        let threshold = (total as f64 * percentile / 100.0) as u64;
        let mut sum = 0u64;
        let reached = tips.iter().find(|(_, gas)| {
            sum = sum.saturating_add(*gas);
            sum >= threshold
        });
        reached.or(tips.last()).map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(at).collect()
}
