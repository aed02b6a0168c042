//! Blocks and their receipts.

use crate::{
    error::Answer,
    node::{Node, Registry},
    params::{Args, BlockParam, BlockTag, Hash, Quantity},
    reader::{self, RpcBlock, RpcReceipt},
};
use alloy_primitives::U64;
use jsonrpsee::core::RegisterMethodError;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("eth_getBlockByNumber", |node, args| {
        let tag: BlockTag = args.required()?;
        block(node, args, BlockParam::Tag(tag))
    })?;
    r.read("eth_getBlockByHash", |node, args| {
        let Hash(hash) = args.required()?;
        block(node, args, BlockParam::Hash(hash))
    })?;
    r.read("eth_getBlockTransactionCountByNumber", |node, args| {
        let tag: BlockTag = args.required()?;
        count(node, args, BlockParam::Tag(tag))
    })?;
    r.read("eth_getBlockTransactionCountByHash", |node, args| {
        let Hash(hash) = args.required()?;
        count(node, args, BlockParam::Hash(hash))
    })?;
    r.read("eth_getUncleCountByBlockNumber", |node, args| {
        let tag: BlockTag = args.required()?;
        uncles(node, args, BlockParam::Tag(tag))
    })?;
    r.read("eth_getUncleCountByBlockHash", |node, args| {
        let Hash(hash) = args.required()?;
        uncles(node, args, BlockParam::Hash(hash))
    })?;
    r.read(
        "eth_getUncleByBlockNumberAndIndex",
        |_, args| -> Answer<Option<()>> {
            args.required::<BlockTag>()?;
            args.required::<Quantity>()?;
            args.end().map(|()| None)
        },
    )?;
    r.read(
        "eth_getUncleByBlockHashAndIndex",
        |_, args| -> Answer<Option<()>> {
            args.required::<Hash>()?;
            args.required::<Quantity>()?;
            args.end().map(|()| None)
        },
    )?;
    r.read("eth_getBlockReceipts", receipts)
}

fn block(node: &Node, args: &mut Args<'_>, at: BlockParam) -> Answer<Option<RpcBlock>> {
    let full: bool = args.optional()?.unwrap_or(false);
    args.end()?;
    if full {
        let found = node.block_and_receipts(at)?;
        found
            .map(|(block, receipts)| reader::block(&block, Some(&receipts)))
            .transpose()
    } else {
        node.block(at)?
            .map(|block| reader::block(&block, None))
            .transpose()
    }
}

fn count(node: &Node, args: &mut Args<'_>, at: BlockParam) -> Answer<Option<U64>> {
    args.end()?;
    Ok(node
        .block(at)?
        .map(|block| U64::from(block.transactions.len())))
}

fn uncles(node: &Node, args: &mut Args<'_>, at: BlockParam) -> Answer<Option<U64>> {
    args.end()?;
    Ok(node.find(at)?.map(|_| U64::ZERO))
}

fn receipts(node: &Node, args: &mut Args<'_>) -> Answer<Option<Vec<RpcReceipt>>> {
    let at: BlockParam = args.required()?;
    args.end()?;
    let found = node.block_and_receipts(at)?;
    found
        .map(|(block, stored)| reader::receipts(&block, &stored))
        .transpose()
}
