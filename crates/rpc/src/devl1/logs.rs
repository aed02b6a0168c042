//! Log queries.

use super::{convert, error, params};
use alloy_rpc_types_eth::{BlockNumberOrTag, Filter, FilterBlockOption, Log};
use foggara_devl1::{DevL1, DevL1Error};
use foggara_l1::BlockAt;
use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};

/// Blocks of one query at most.
const BLOCKS_MAX: u64 = 100_000;
/// Logs of one answer at most.
const LOGS_MAX: usize = 20_000;

pub(super) fn register(module: &mut RpcModule<DevL1>) -> Result<(), RegisterMethodError> {
    module.register_blocking_method("eth_getLogs", |params, l1, _| logs(&l1, &params))?;
    Ok(())
}

fn logs(l1: &DevL1, params: &Params<'_>) -> Result<Vec<Log>, ErrorObjectOwned> {
    let filter: Filter = params::required(&mut params.sequence())?;
    let mut out = Vec::new();
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let found = l1.store().block_number(hash);
            let found = found.map_err(|why| error::of(DevL1Error::Store(why)))?;
            let unknown = || error::of(DevL1Error::UnknownBlock(hash.to_string()));
            collect(l1, &filter, hash.into(), &mut out)?;
            found.ok_or_else(unknown)?;
        }
        FilterBlockOption::Range {
            from_block,
            to_block,
        } => {
            let number =
                |tag: Option<BlockNumberOrTag>| params::number(l1, tag.unwrap_or_default());
            let (from, to) = (number(from_block), number(to_block).min(l1.latest().number));
            if from > number(to_block) {
                return Err(error::invalid("invalid block range params"));
            }
            if to.saturating_sub(from) >= BLOCKS_MAX {
                return Err(error::limit(format!("block range exceeds {BLOCKS_MAX}")));
            }
            for block in from..=to {
                collect(l1, &filter, block.into(), &mut out)?;
            }
        }
    }
    Ok(out)
}

fn collect(
    l1: &DevL1,
    filter: &Filter,
    at: BlockAt,
    out: &mut Vec<Log>,
) -> Result<(), ErrorObjectOwned> {
    let Some(header) = l1.header_at(at).map_err(error::of)? else {
        return Ok(());
    };
    if !filter.matches_bloom(header.header.logs_bloom) {
        return Ok(());
    }
    let Some(block) = l1.block_at(header.hash.into()).map_err(error::of)? else {
        return Ok(());
    };
    for receipt in convert::receipts(l1, &block)? {
        let matching = receipt.inner.into_logs().into_iter();
        out.extend(matching.filter(|log| filter.matches(&log.inner)));
        if out.len() > LOGS_MAX {
            return Err(error::limit(format!(
                "query returned more than {LOGS_MAX} results"
            )));
        }
    }
    Ok(())
}
