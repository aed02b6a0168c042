//! `dev_*`: what a test does to its L1.

use super::{
    error,
    params::{optional, required},
};
use alloy_primitives::{B256, U64, U128};
use foggara_devl1::{DevL1, DevL1Error};
use foggara_primitives::L1Ref;
use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use serde::{Deserialize, Serialize};

/// Blocks that one call mines at most.
const MINE_MAX: u64 = 10_000;

type Answer<T> = Result<T, ErrorObjectOwned>;

/// The head after a call.
#[derive(Debug, Clone, Serialize)]
struct Head {
    number: U64,
    hash: B256,
    timestamp: U64,
}

impl From<L1Ref> for Head {
    fn from(head: L1Ref) -> Self {
        Self {
            number: U64::from(head.number),
            hash: head.hash,
            timestamp: U64::from(head.timestamp),
        }
    }
}

/// A number as tools write it: JSON, or `0x` text.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Number {
    Json(u64),
    Text(U128),
}

impl Number {
    fn get(self) -> Answer<u64> {
        match self {
            Self::Json(number) => Ok(number),
            Self::Text(number) => u64::try_from(number)
                .map_err(|_| error::invalid(format!("{number} is above 64 bits"))),
        }
    }
}

pub(super) fn register(module: &mut RpcModule<DevL1>) -> Result<(), RegisterMethodError> {
    module.register_blocking_method("dev_mine", |params, l1, _| mine(&l1, &params))?;
    module.register_blocking_method("dev_setNextTimestamp", |params, l1, _| {
        let number: Number = required(&mut params.sequence())?;
        done(l1.set_next_timestamp(number.get()?))
    })?;
    module.register_blocking_method("dev_reorg", |params, l1, _| {
        let mut params = params.sequence();
        let depth: Number = required(&mut params)?;
        let keep = optional(&mut params)?.unwrap_or(true);
        l1.reorg(depth.get()?, keep)
            .map(Head::from)
            .map_err(error::of)
    })?;
    module.register_blocking_method("dev_setBlobFee", |params, l1, _| -> Answer<bool> {
        let fee: Number = required(&mut params.sequence())?;
        l1.set_blob_fee(match fee {
            Number::Json(fee) => fee.into(),
            Number::Text(fee) => fee.to(),
        });
        Ok(true)
    })?;
    module.register_blocking_method("dev_finalize", |params, l1, _| {
        let number: Number = required(&mut params.sequence())?;
        done(l1.finalize(number.get()?))
    })?;
    Ok(())
}

fn done(result: Result<(), DevL1Error>) -> Answer<bool> {
    result.map(|()| true).map_err(error::of)
}

fn mine(l1: &DevL1, params: &Params<'_>) -> Answer<Head> {
    let count: Option<Number> = optional(&mut params.sequence())?;
    let count = count.map_or(Ok(1), Number::get)?;
    if count > MINE_MAX {
        return Err(error::limit(format!(
            "{count} blocks at once, allowed are {MINE_MAX}"
        )));
    }
    let mut head = l1.latest();
    for _ in 0..count {
        head = l1.mine().map_err(error::of)?;
    }
    Ok(head.into())
}
