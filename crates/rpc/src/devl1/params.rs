//! Parameters as clients send them.

use super::error::invalid;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_rpc_types_eth::{BlockId, BlockNumberOrTag, TransactionRequest};
use foggara_devl1::{CallRequest, DevL1};
use foggara_l1::{BlockAt, BlockTag};
use jsonrpsee::types::{ErrorObjectOwned, ParamsSequence};
use serde::de::DeserializeOwned;

/// A parameter that must be there.
pub(super) fn required<T: DeserializeOwned>(
    params: &mut ParamsSequence<'_>,
) -> Result<T, ErrorObjectOwned> {
    params.next()
}

/// A parameter that may be missing or null.
pub(super) fn optional<T: DeserializeOwned>(
    params: &mut ParamsSequence<'_>,
) -> Result<Option<T>, ErrorObjectOwned> {
    params.optional_next()
}

/// The number that a tag or number names; `pending` is the newest block.
pub(super) fn number(l1: &DevL1, tag: BlockNumberOrTag) -> u64 {
    match tag {
        BlockNumberOrTag::Number(number) => number,
        BlockNumberOrTag::Earliest => 0,
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => l1.latest().number,
        BlockNumberOrTag::Safe => l1.number_of(BlockTag::Safe),
        BlockNumberOrTag::Finalized => l1.number_of(BlockTag::Finalized),
    }
}

/// The block that an EIP-1898 parameter names; the newest if it is missing.
pub(super) fn block(l1: &DevL1, id: Option<BlockId>) -> BlockAt {
    match id.unwrap_or_default() {
        BlockId::Hash(hash) => BlockAt::Hash(hash.block_hash),
        BlockId::Number(tag) => BlockAt::Number(number(l1, tag)),
    }
}

/// A call object; `input` and `data` may both be there if they are equal.
pub(super) fn call(request: TransactionRequest) -> Result<CallRequest, ErrorObjectOwned> {
    let input: Bytes = match (request.input.input, request.input.data) {
        (Some(input), Some(data)) if input != data => {
            return Err(invalid("invalid argument 0: input and data differ"));
        }
        (Some(input), _) | (None, Some(input)) => input,
        (None, None) => Bytes::new(),
    };
    Ok(CallRequest {
        from: request.from.unwrap_or(Address::ZERO),
        to: request.to.unwrap_or(TxKind::Create),
        gas: request.gas,
        gas_price: request.gas_price.or(request.max_fee_per_gas).unwrap_or(0),
        value: request.value.unwrap_or(U256::ZERO),
        input,
    })
}
