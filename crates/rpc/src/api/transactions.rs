//! Transactions and their receipts.

use crate::{
    error::{Answer, of_store},
    node::{Node, Registry},
    params::{Args, BlockParam, BlockTag, Hash, Quantity},
    reader::{self, RpcReceipt, RpcTransaction},
};
use alloy_primitives::{B256, Bytes};
use foggara_store::StoredBlock;
use jsonrpsee::core::RegisterMethodError;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("eth_getTransactionByHash", |node, args| {
        let Hash(hash) = args.required()?;
        args.end()?;
        by_hash(node, hash)
    })?;
    r.read("eth_getTransactionReceipt", |node, args| {
        let Hash(hash) = args.required()?;
        args.end()?;
        receipt(node, hash)
    })?;
    r.read("eth_getRawTransactionByHash", |node, args| {
        let Hash(hash) = args.required()?;
        args.end()?;
        raw(node, hash)
    })?;
    r.read("eth_getTransactionByBlockNumberAndIndex", |node, args| {
        let tag: BlockTag = args.required()?;
        by_index(node, args, BlockParam::Tag(tag))
    })?;
    r.read("eth_getTransactionByBlockHashAndIndex", |node, args| {
        let Hash(hash) = args.required()?;
        by_index(node, args, BlockParam::Hash(hash))
    })?;
    r.read(
        "eth_getRawTransactionByBlockNumberAndIndex",
        |node, args| {
            let tag: BlockTag = args.required()?;
            raw_by_index(node, args, BlockParam::Tag(tag))
        },
    )?;
    r.read("eth_getRawTransactionByBlockHashAndIndex", |node, args| {
        let Hash(hash) = args.required()?;
        raw_by_index(node, args, BlockParam::Hash(hash))
    })
}

/// The block that holds a transaction, its receipts, and the index in it.
type Mined = (StoredBlock, Vec<Bytes>, usize);

fn mined(node: &Node, hash: B256) -> Answer<Option<Mined>> {
    let Some(location) = node.store().tx_by_hash(hash).map_err(of_store)? else {
        return Ok(None);
    };
    let found = node
        .store()
        .block_and_receipts(location.block_number)
        .map_err(of_store)?;
    // An unwind may have come between the two reads: then it is in no block now.
    let same = found.filter(|(block, _)| block.hash == location.block_hash);
    let index = usize::try_from(location.index).unwrap_or(usize::MAX);
    Ok(same.map(|(block, receipts)| (block, receipts, index)))
}

pub(super) fn receipt(node: &Node, hash: B256) -> Answer<Option<RpcReceipt>> {
    let Some((block, stored, index)) = mined(node, hash)? else {
        return Ok(None);
    };
    reader::receipt(&block, &stored, index)
}

fn by_hash(node: &Node, hash: B256) -> Answer<Option<RpcTransaction>> {
    if let Some((block, receipts, index)) = mined(node, hash)? {
        return reader::transaction(&block, &receipts, index).map(Some);
    }
    let pooled = node.context.pool.as_ref().and_then(|pool| pool.get(&hash));
    if let Some(tx) = pooled {
        return Ok(Some(reader::pending_transaction(&tx.tx, tx.sender)));
    }
    // It may have moved from the pool into a block in between.
    let again = mined(node, hash)?;
    again
        .map(|(block, receipts, index)| reader::transaction(&block, &receipts, index))
        .transpose()
}

fn raw(node: &Node, hash: B256) -> Answer<Option<Bytes>> {
    if let Some(location) = node.store().tx_by_hash(hash).map_err(of_store)? {
        return Ok(Some(location.raw));
    }
    let pool = node.context.pool.as_ref();
    Ok(pool
        .and_then(|pool| pool.get(&hash))
        .map(|tx| tx.raw.clone()))
}

fn by_index(node: &Node, args: &mut Args<'_>, at: BlockParam) -> Answer<Option<RpcTransaction>> {
    let Quantity(index) = args.required()?;
    args.end()?;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let found = node
        .block_and_receipts(at)?
        .filter(|(block, _)| index < block.transactions.len());
    found
        .map(|(block, receipts)| reader::transaction(&block, &receipts, index))
        .transpose()
}

fn raw_by_index(node: &Node, args: &mut Args<'_>, at: BlockParam) -> Answer<Option<Bytes>> {
    let Quantity(index) = args.required()?;
    args.end()?;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    Ok(node
        .block(at)?
        .and_then(|block| block.transactions.get(index).cloned()))
}
