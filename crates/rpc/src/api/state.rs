//! Accounts, code, storage and proofs.

use crate::{
    error::{Answer, limit, of_source, of_store, pruned},
    node::{Node, Registry},
    params::{Addr, Args, BlockParam, BlockTag, Slot},
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256};
use foggara_primitives::{AccountInfo, StateSource};
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("eth_getBalance", |node, args| {
        Ok(account(node, args)?.balance)
    })?;
    r.read("eth_getTransactionCount", nonce)?;
    r.read("eth_getCode", code)?;
    r.read("eth_getStorageAt", storage)?;
    r.prove("eth_getProof", proof)
}

fn account(node: &Node, args: &mut Args<'_>) -> Answer<AccountInfo> {
    let Addr(address) = args.required()?;
    let at = args.block()?;
    args.end()?;
    let found = node.state(at)?.account(address).map_err(of_source)?;
    Ok(found.unwrap_or_default())
}

fn nonce(node: &Node, args: &mut Args<'_>) -> Answer<U64> {
    let Addr(address) = args.required()?;
    let at = args.block()?;
    args.end()?;
    if let (BlockParam::Tag(BlockTag::Pending), Some(pool)) = (at, &node.context.pool) {
        return pool
            .pending_nonce(address)
            .map(U64::from)
            .map_err(of_source);
    }
    let found = node.state(at)?.account(address).map_err(of_source)?;
    Ok(U64::from(found.unwrap_or_default().nonce))
}

fn code(node: &Node, args: &mut Args<'_>) -> Answer<Bytes> {
    let Addr(address) = args.required()?;
    let at = args.block()?;
    args.end()?;
    let mut state = node.state(at)?;
    let account = state
        .account(address)
        .map_err(of_source)?
        .unwrap_or_default();
    if account.code_hash == KECCAK256_EMPTY || account.code_hash == B256::ZERO {
        return Ok(Bytes::new());
    }
    state.code(account.code_hash).map_err(of_source)
}

fn storage(node: &Node, args: &mut Args<'_>) -> Answer<B256> {
    let Addr(address) = args.required()?;
    let slot: Slot = args.required()?;
    let at = args.block()?;
    args.end()?;
    node.state(at)?
        .storage(address, slot.key)
        .map(B256::from)
        .map_err(of_source)
}

/// An account with its proof (EIP-1186).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_hash: B256,
    storage_proof: Vec<SlotProof>,
}

#[derive(Debug, Clone, Serialize)]
struct SlotProof {
    key: String,
    value: U256,
    proof: Vec<Bytes>,
}

fn proof(node: &Node, args: &mut Args<'_>) -> Answer<Proof> {
    let Addr(address) = args.required()?;
    let slots: Vec<Slot> = args.optional()?.unwrap_or_default();
    let at = args.block()?;
    args.end()?;
    let max = node.limits.proof_keys;
    if slots.len() > max {
        return Err(limit(format!(
            "too many storage keys: {}, limit {max}",
            slots.len()
        )));
    }
    let mut state = node.state(at)?;
    let oldest = node.store().oldest_state().map_err(of_store)?;
    if state.number() < oldest {
        return Err(pruned(state.number(), oldest));
    }
    let keys: Vec<B256> = slots.iter().map(|slot| slot.key).collect();
    let made = state.prove(address, &keys).map_err(of_store)?;
    let account = made.info.unwrap_or_default();
    let storage_proof = made
        .storage
        .into_iter()
        .zip(&slots)
        .map(|(slot, asked)| SlotProof {
            // The key comes back in the form in which it was asked for.
            key: if asked.full {
                slot.slot.to_string()
            } else {
                format!("{:#x}", U256::from_be_bytes(slot.slot.0))
            },
            value: slot.value,
            proof: slot.proof,
        });
    Ok(Proof {
        address,
        account_proof: made.proof,
        balance: account.balance,
        code_hash: if account.code_hash == B256::ZERO {
            KECCAK256_EMPTY
        } else {
            account.code_hash
        },
        nonce: U64::from(account.nonce),
        storage_hash: made.storage_root,
        storage_proof: storage_proof.collect(),
    })
}
