//! Who the node is: `eth_chainId` and its like, `net_*`, `web3_*`.

use crate::{
    error::Answer,
    node::{Node, Registry},
    params::{Args, Data},
};
use alloy_primitives::{Address, B256, U64, keccak256};
use jsonrpsee::core::RegisterMethodError;

/// `web3_clientVersion` and `optimism_version`.
pub(super) fn version() -> String {
    let rustc = option_env!("CARGO_PKG_RUST_VERSION").unwrap_or("1");
    let (version, os, arch) = (
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    format!("foggara/v{version}/{os}-{arch}/rustc{rustc}")
}

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.instant("eth_chainId", |node, args| {
        args.end()?;
        Ok(U64::from(node.chain_id()))
    })?;
    r.instant("eth_blockNumber", |node, args| {
        args.end()?;
        Ok(U64::from(node.heads().unsafe_.number))
    })?;
    r.instant("eth_syncing", syncing)?;
    r.instant("eth_accounts", |node, args| -> Answer<Vec<Address>> {
        args.end()?;
        Ok(node.context.accounts.to_vec())
    })?;
    r.instant("net_version", |node, args| {
        args.end()?;
        Ok(node.chain_id().to_string())
    })?;
    r.instant("net_listening", |_, args| args.end().map(|()| true))?;
    r.instant("net_peerCount", |_, args| args.end().map(|()| U64::ZERO))?;
    r.instant("web3_clientVersion", |_, args| {
        args.end().map(|()| version())
    })?;
    r.instant("web3_sha3", |_, args| -> Answer<B256> {
        let Data(bytes) = args.required()?;
        args.end()?;
        Ok(keccak256(bytes))
    })
}

/// What we show is always whole: a node that still derives serves a shorter chain, not a hollow one.
fn syncing(_: &Node, args: &mut Args<'_>) -> Answer<bool> {
    args.end()?;
    Ok(false)
}
