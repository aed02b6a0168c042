//! `debug_getRaw*`: the bytes whose hashes are reported.

use crate::{
    error::{Answer, of_store},
    node::{Node, Registry},
    params::{Args, BlockParam, Hash},
};
use alloy_primitives::Bytes;
use alloy_rlp::Encodable;
use jsonrpsee::core::RegisterMethodError;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("debug_getRawHeader", |node, args| {
        let number = at(node, args)?;
        Ok(Bytes::from(alloy_rlp::encode(&node.header(number)?.header)))
    })?;
    r.read("debug_getRawBlock", block)?;
    r.read("debug_getRawReceipts", |node, args| -> Answer<Vec<Bytes>> {
        let number = at(node, args)?;
        Ok(node
            .store()
            .receipts(number)
            .map_err(of_store)?
            .unwrap_or_default())
    })?;
    r.read("debug_getRawTransaction", |node, args| -> Answer<Bytes> {
        let Hash(hash) = args.required()?;
        args.end()?;
        let found = node.store().tx_by_hash(hash).map_err(of_store)?;
        Ok(found.map(|location| location.raw).unwrap_or_default())
    })
}

fn at(node: &Node, args: &mut Args<'_>) -> Answer<u64> {
    let at: BlockParam = args.required()?;
    args.end()?;
    node.expect(at)
}

/// RLP of header, transactions, no uncles and no withdrawals.
fn block(node: &Node, args: &mut Args<'_>) -> Answer<Bytes> {
    let number = at(node, args)?;
    let block = node.block(BlockParam::Tag(crate::params::BlockTag::Number(number)))?;
    let block = block.ok_or_else(|| crate::error::unknown_block(number))?;
    let mut body = Vec::new();
    for raw in &block.transactions {
        match raw.first() {
            // A legacy transaction stands in the list as it is, a typed one as a string.
            Some(0xc0..) => body.extend_from_slice(raw),
            _ => raw.encode(&mut body),
        }
    }
    let mut inner = alloy_rlp::encode(&block.header);
    alloy_rlp::Header {
        list: true,
        payload_length: body.len(),
    }
    .encode(&mut inner);
    inner.extend_from_slice(&body);
    inner.extend_from_slice(&[alloy_rlp::EMPTY_LIST_CODE; 2]);
    let mut out = Vec::new();
    alloy_rlp::Header {
        list: true,
        payload_length: inner.len(),
    }
    .encode(&mut out);
    out.extend_from_slice(&inner);
    Ok(out.into())
}
