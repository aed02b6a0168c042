//! Blocks, transactions, state, calls.

use super::{
    convert, error,
    params::{self, optional, required},
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256};
use alloy_rpc_types_eth::{
    Block, BlockId, BlockNumberOrTag, Transaction, TransactionReceipt, TransactionRequest,
};
use foggara_devl1::DevL1;
use foggara_l1::BlockAt;
use foggara_primitives::{AccountInfo, StateSource};
use foggara_store::{StateView, StoredBlock};
use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use serde_json::Value;

type Answer<T> = Result<T, ErrorObjectOwned>;

pub(super) fn register(module: &mut RpcModule<DevL1>) -> Result<(), RegisterMethodError> {
    macro_rules! methods {
        ($($name:literal => $handler:expr,)*) => {
            $(module.register_blocking_method($name, |params, l1, _| $handler(&l1, &params))?;)*
        };
    }
    methods! {
        "eth_chainId" => |l1: &DevL1, _: &Params<'_>| known(U64::from(l1.config().chain_id)),
        "net_version" => |l1: &DevL1, _: &Params<'_>| known(l1.config().chain_id.to_string()),
        "net_listening" => |_: &DevL1, _: &Params<'_>| known(true),
        "web3_clientVersion" => |_: &DevL1, _: &Params<'_>| known(client_version()),
        "eth_syncing" => |_: &DevL1, _: &Params<'_>| known(false),
        "eth_accounts" => |_: &DevL1, _: &Params<'_>| known(Vec::<Address>::new()),
        "eth_blockNumber" => |l1: &DevL1, _: &Params<'_>| known(U64::from(l1.latest().number)),
        "eth_getBlockByNumber" => block_by_number,
        "eth_getBlockByHash" => block_by_hash,
        "eth_getBlockTransactionCountByNumber" => count_by_number,
        "eth_getBlockTransactionCountByHash" => count_by_hash,
        "eth_getBlockReceipts" => block_receipts,
        "eth_getTransactionByHash" => transaction,
        "eth_getRawTransactionByHash" => raw_transaction,
        "eth_getTransactionReceipt" => receipt,
        "eth_getTransactionCount" => nonce,
        "eth_getBalance" => balance,
        "eth_getCode" => code,
        "eth_getStorageAt" => storage,
        "eth_call" => call,
        "eth_estimateGas" => estimate,
        "eth_sendRawTransaction" => send,
    }
    Ok(())
}

/// An answer that cannot fail.
#[expect(clippy::unnecessary_wraps, reason = "the shape of all handlers")]
const fn known<T>(answer: T) -> Answer<T> {
    Ok(answer)
}

fn client_version() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("foggara-devl1/v{}/{os}-{arch}", env!("CARGO_PKG_VERSION"))
}

fn find(l1: &DevL1, at: BlockAt) -> Answer<Option<StoredBlock>> {
    l1.block_at(at).map_err(error::of)
}

fn block_by_number(l1: &DevL1, params: &Params<'_>) -> Answer<Option<Block>> {
    let mut params = params.sequence();
    let tag: BlockNumberOrTag = required(&mut params)?;
    let full = optional(&mut params)?.unwrap_or(false);
    let found = find(l1, params::number(l1, tag).into())?;
    found
        .map(|block| convert::full_block(&block, full))
        .transpose()
}

fn block_by_hash(l1: &DevL1, params: &Params<'_>) -> Answer<Option<Block>> {
    let mut params = params.sequence();
    let hash: B256 = required(&mut params)?;
    let full = optional(&mut params)?.unwrap_or(false);
    find(l1, hash.into())?
        .map(|block| convert::full_block(&block, full))
        .transpose()
}

fn count_by_number(l1: &DevL1, params: &Params<'_>) -> Answer<Option<U64>> {
    let tag: BlockNumberOrTag = required(&mut params.sequence())?;
    let found = find(l1, params::number(l1, tag).into())?;
    Ok(found.map(|block| U64::from(block.transactions.len())))
}

fn count_by_hash(l1: &DevL1, params: &Params<'_>) -> Answer<Option<U64>> {
    let hash: B256 = required(&mut params.sequence())?;
    Ok(find(l1, hash.into())?.map(|block| U64::from(block.transactions.len())))
}

/// `eth_getBlockReceipts` also takes a bare hash.
fn block_receipts(l1: &DevL1, params: &Params<'_>) -> Answer<Option<Vec<TransactionReceipt>>> {
    let value: Value = required(&mut params.sequence())?;
    let at = match serde_json::from_value::<B256>(value.clone()) {
        Ok(hash) => BlockAt::Hash(hash),
        Err(_) => {
            let id: BlockId = serde_json::from_value(value)
                .map_err(|why| error::invalid(format!("invalid argument 0: {why}")))?;
            params::block(l1, Some(id))
        }
    };
    find(l1, at)?
        .map(|block| convert::receipts(l1, &block))
        .transpose()
}

fn place(l1: &DevL1, hash: B256) -> Answer<Option<(StoredBlock, usize)>> {
    let found = l1
        .store()
        .tx_by_hash(hash)
        .map_err(|why| error::of(why.into()))?;
    let Some(found) = found else { return Ok(None) };
    let index = usize::try_from(found.index).unwrap_or(usize::MAX);
    Ok(find(l1, found.block_hash.into())?.map(|block| (block, index)))
}

fn transaction(l1: &DevL1, params: &Params<'_>) -> Answer<Option<Transaction>> {
    let hash: B256 = required(&mut params.sequence())?;
    if let Some((block, index)) = place(l1, hash)? {
        return Ok(convert::transactions(&block)?.into_iter().nth(index));
    }
    let waiting = l1.pending(hash);
    waiting
        .map(|tx| convert::pending(&tx.prepared.raw, tx.sender()))
        .transpose()
}

fn raw_transaction(l1: &DevL1, params: &Params<'_>) -> Answer<Option<Bytes>> {
    let hash: B256 = required(&mut params.sequence())?;
    let mined = l1
        .store()
        .tx_by_hash(hash)
        .map_err(|why| error::of(why.into()))?;
    Ok(mined
        .map(|found| found.raw)
        .or_else(|| l1.pending(hash).map(|tx| tx.prepared.raw)))
}

fn receipt(l1: &DevL1, params: &Params<'_>) -> Answer<Option<TransactionReceipt>> {
    let hash: B256 = required(&mut params.sequence())?;
    let Some((block, index)) = place(l1, hash)? else {
        return Ok(None);
    };
    Ok(convert::receipts(l1, &block)?.into_iter().nth(index))
}

/// The state that a parameter names.
fn state(l1: &DevL1, id: Option<BlockId>) -> Answer<StateView> {
    let at = params::block(l1, id);
    let unknown = |name: String| error::of(foggara_devl1::DevL1Error::UnknownBlock(name));
    let failed = |why| error::of(foggara_devl1::DevL1Error::Store(why));
    let number = match at {
        BlockAt::Number(number) => number,
        BlockAt::Hash(hash) => {
            let found = l1.store().block_number(hash).map_err(failed)?;
            found.ok_or_else(|| unknown(hash.to_string()))?
        }
    };
    if number > l1.latest().number {
        return Err(unknown(number.to_string()));
    }
    l1.store().view_at(number).map_err(failed)
}

fn account(l1: &DevL1, params: &Params<'_>) -> Answer<AccountInfo> {
    let mut params = params.sequence();
    let address: Address = required(&mut params)?;
    let found = state(l1, optional(&mut params)?)?.account(address);
    Ok(found
        .map_err(|why| error::of(why.into()))?
        .unwrap_or_default())
}

fn nonce(l1: &DevL1, params: &Params<'_>) -> Answer<U64> {
    let mut sequence = params.sequence();
    let address: Address = required(&mut sequence)?;
    let id: Option<BlockId> = optional(&mut sequence)?;
    if id == Some(BlockId::pending()) {
        return l1.pending_nonce(address).map(U64::from).map_err(error::of);
    }
    account(l1, params).map(|account| U64::from(account.nonce))
}

fn balance(l1: &DevL1, params: &Params<'_>) -> Answer<U256> {
    account(l1, params).map(|account| account.balance)
}

fn code(l1: &DevL1, params: &Params<'_>) -> Answer<Bytes> {
    let mut params = params.sequence();
    let address: Address = required(&mut params)?;
    let mut state = state(l1, optional(&mut params)?)?;
    let failed = |why: foggara_primitives::SourceError| error::of(why.into());
    let hash = state
        .account(address)
        .map_err(failed)?
        .map_or(KECCAK256_EMPTY, |a| a.code_hash);
    if hash == KECCAK256_EMPTY {
        return Ok(Bytes::new());
    }
    state.code(hash).map_err(failed)
}

fn storage(l1: &DevL1, params: &Params<'_>) -> Answer<B256> {
    let mut params = params.sequence();
    let address: Address = required(&mut params)?;
    let slot: U256 = required(&mut params)?;
    let found = state(l1, optional(&mut params)?)?.storage(address, slot.into());
    found.map(B256::from).map_err(|why| error::of(why.into()))
}

fn call(l1: &DevL1, params: &Params<'_>) -> Answer<Bytes> {
    let mut params = params.sequence();
    let request = params::call(required::<TransactionRequest>(&mut params)?)?;
    let at = params::block(l1, optional(&mut params)?);
    refuse_overrides(optional(&mut params)?)?;
    error::outcome(l1.call(&request, at).map_err(error::of)?)
}

fn estimate(l1: &DevL1, params: &Params<'_>) -> Answer<U64> {
    let mut params = params.sequence();
    let request = params::call(required::<TransactionRequest>(&mut params)?)?;
    let at = params::block(l1, optional(&mut params)?);
    refuse_overrides(optional(&mut params)?)?;
    match l1.estimate_gas(&request, at).map_err(error::of)? {
        Ok(gas) => Ok(U64::from(gas)),
        Err(failed) => error::outcome(failed).map(|_| U64::ZERO),
    }
}

/// Overrides are a matter of the L2's node; saying nothing would give a wrong answer.
fn refuse_overrides(overrides: Option<Value>) -> Answer<()> {
    match overrides {
        Some(Value::Object(fields)) if !fields.is_empty() => Err(error::invalid(
            "invalid argument 2: the development L1 takes no overrides",
        )),
        _ => Ok(()),
    }
}

fn send(l1: &DevL1, params: &Params<'_>) -> Answer<B256> {
    let raw: Bytes = required(&mut params.sequence())?;
    l1.send_raw(&raw).map_err(error::of)
}
