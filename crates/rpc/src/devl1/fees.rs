//! Prices.

use super::{
    error,
    params::{self, optional, required},
};
use alloy_consensus::{Header, Transaction};
use alloy_primitives::{U64, U128};
use alloy_rpc_types_eth::{BlockNumberOrTag, FeeHistory};
use foggara_devl1::{DevL1, DevL1Error, blob_params};
use foggara_l1::FeeData;
use foggara_store::StoredBlock;
use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};

/// Blocks of one answer at most.
const HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles of one question at most.
const PERCENTILES_MAX: usize = 100;
/// What a wallet is told to pay the block producer, in wei.
const TIP: u128 = 1_000_000_000;

type Answer<T> = Result<T, ErrorObjectOwned>;

pub(super) fn register(module: &mut RpcModule<DevL1>) -> Result<(), RegisterMethodError> {
    module.register_blocking_method("eth_gasPrice", |_, l1, _| {
        fees(&l1).map(|fees| U128::from(fees.base_fee.saturating_add(TIP)))
    })?;
    module.register_blocking_method("eth_maxPriorityFeePerGas", |_, _, _| -> Answer<U128> {
        Ok(U128::from(TIP))
    })?;
    module.register_blocking_method("eth_blobBaseFee", |_, l1, _| {
        fees(&l1).map(|fees| U128::from(fees.blob_base_fee))
    })?;
    module.register_blocking_method("eth_feeHistory", |params, l1, _| history(&l1, &params))?;
    Ok(())
}

fn fees(l1: &DevL1) -> Answer<FeeData> {
    l1.fee_data().map_err(error::of)
}

fn history(l1: &DevL1, params: &Params<'_>) -> Answer<FeeHistory> {
    let mut params = params.sequence();
    let count: U64 = required(&mut params)?;
    let newest: BlockNumberOrTag = required(&mut params)?;
    let percentiles: Vec<f64> = optional(&mut params)?.unwrap_or_default();
    let in_order = percentiles.is_sorted() && percentiles.iter().all(|p| (0.0..=100.0).contains(p));
    if !in_order || percentiles.len() > PERCENTILES_MAX {
        return Err(error::invalid(format!(
            "invalid argument 2: percentiles must rise within 0..100, at most {PERCENTILES_MAX}"
        )));
    }
    let newest = params::number(l1, newest);
    if newest > l1.latest().number {
        return Err(error::of(DevL1Error::UnknownBlock(newest.to_string())));
    }
    let count = count
        .to::<u64>()
        .min(HISTORY_BLOCKS_MAX)
        .min(newest.saturating_add(1));
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    let oldest = newest.saturating_add(1).saturating_sub(count);
    let mut answer = FeeHistory {
        oldest_block: oldest,
        ..FeeHistory::default()
    };
    let mut rewards = Vec::new();
    let missing = |number: u64| error::of(DevL1Error::UnknownBlock(number.to_string()));
    for number in oldest..=newest {
        let block = l1
            .block_at(number.into())
            .map_err(error::of)?
            .ok_or_else(|| missing(number))?;
        push(&mut answer, &block.header);
        if !percentiles.is_empty() {
            rewards.push(reward(l1, &block, &percentiles)?);
        }
    }
    let next = if newest == l1.latest().number {
        fees(l1)?
    } else {
        let header = l1
            .header_at(newest.saturating_add(1).into())
            .map_err(error::of)?;
        let header = header
            .ok_or_else(|| missing(newest.saturating_add(1)))?
            .header;
        FeeData {
            base_fee: header.base_fee_per_gas.unwrap_or_default().into(),
            blob_base_fee: blob_fee(&header),
            tip: 0,
        }
    };
    answer.base_fee_per_gas.push(next.base_fee);
    answer.base_fee_per_blob_gas.push(next.blob_base_fee);
    answer.reward = (!percentiles.is_empty()).then_some(rewards);
    Ok(answer)
}

fn blob_fee(header: &Header) -> u128 {
    blob_params().calc_blob_fee(header.excess_blob_gas.unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "ratios of an answer for people")]
fn push(answer: &mut FeeHistory, header: &Header) {
    answer
        .base_fee_per_gas
        .push(header.base_fee_per_gas.unwrap_or_default().into());
    answer.base_fee_per_blob_gas.push(blob_fee(header));
    answer
        .gas_used_ratio
        .push(header.gas_used as f64 / header.gas_limit as f64);
    let blobs = header.blob_gas_used.unwrap_or(0) as f64;
    answer
        .blob_gas_used_ratio
        .push(blobs / blob_params().max_blob_gas_per_block() as f64);
}

/// Tips at the percentiles of the gas that paid them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percentiles of an answer for people"
)]
fn reward(l1: &DevL1, block: &StoredBlock, percentiles: &[f64]) -> Answer<Vec<u128>> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let receipts = super::convert::receipts(l1, block)?;
    let mut paid = Vec::new();
    for (raw, receipt) in block.transactions.iter().zip(&receipts) {
        let tip = super::convert::decode(raw)?
            .effective_tip_per_gas(base_fee)
            .unwrap_or(0);
        paid.push((tip, receipt.gas_used));
    }
    paid.sort_unstable();
    Ok(percentiles
        .iter()
        .map(|percentile| {
            let threshold = (block.header.gas_used as f64 * percentile / 100.0) as u64;
            let mut sum = 0u64;
            let reached = paid.iter().find(|(_, gas)| {
                sum = sum.saturating_add(*gas);
                sum >= threshold
            });
            reached.or(paid.last()).map_or(0, |(tip, _)| *tip)
        })
        .collect())
}
