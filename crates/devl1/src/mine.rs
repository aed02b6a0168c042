//! Builds blocks.

use crate::{
    DevL1Error, PoolTx,
    chain::Core,
    config::{DevL1Config, blob_params},
    genesis::blank_header,
};
use alloy_consensus::{Header, Transaction};
use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use foggara_evm::{
    InvalidTx, TxError,
    mainnet::{EthBlock, EthContext, EthSpecId},
};
use foggara_primitives::StateSource;
use foggara_store::{Commit, ExecutedBlock, Store, StoredHeader};
use foggara_trie::{apply, ordered_root};
use std::sync::Arc;

/// Prices and time of a block to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    pub(crate) timestamp: u64,
    pub(crate) base_fee: u64,
    pub(crate) excess_blob_gas: u64,
}

impl Next {
    /// The block after `parent`; `excess` replaces the blob gas rule where a fee was set by hand.
    pub(crate) fn after(parent: &Header, timestamp: u64, excess: Option<u64>) -> Self {
        Self {
            timestamp: timestamp.max(parent.timestamp.saturating_add(1)),
            base_fee: parent
                .next_block_base_fee(BaseFeeParams::ethereum())
                .unwrap_or_default(),
            excess_blob_gas: excess
                .or_else(|| parent.next_block_excess_blob_gas(blob_params()))
                .unwrap_or_default(),
        }
    }

    /// Wei per blob gas.
    pub(crate) fn blob_fee(&self) -> u128 {
        blob_params().calc_blob_fee(self.excess_blob_gas)
    }
}

/// Lowest excess blob gas at which a blob costs `fee` wei per gas.
pub(crate) fn excess_for(fee: u128) -> u64 {
    let params = blob_params();
    let (mut low, mut high) = (0u64, 1 << 32);
    while low < high {
        let middle = low + (high - low) / 2;
        if params.calc_blob_fee(middle) >= fee {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The environment of a block of this chain.
pub(crate) fn context(config: &DevL1Config, header: &Header) -> EthContext {
    let params = blob_params();
    EthContext {
        spec: EthSpecId::PRAGUE,
        chain_id: config.chain_id,
        number: U256::from(header.number),
        timestamp: U256::from(header.timestamp),
        beneficiary: header.beneficiary,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prev_randao: Some(header.mix_hash),
        excess_blob_gas: header.excess_blob_gas,
        blob_update_fraction: u64::try_from(params.update_fraction).unwrap_or(u64::MAX),
        max_blobs: params.max_blob_count,
    }
}

/// The header of a block to come, without what its contents decide. `salt` tells the branches of
/// reorgs apart.
pub(crate) fn open_header(
    config: &DevL1Config,
    parent: &StoredHeader,
    next: &Next,
    salt: u64,
) -> Header {
    let word = |domain: &[u8]| {
        let mut bytes = domain.to_vec();
        bytes.extend_from_slice(parent.hash.as_slice());
        bytes.extend_from_slice(&next.timestamp.to_be_bytes());
        bytes.extend_from_slice(&salt.to_be_bytes());
        keccak256(bytes)
    };
    Header {
        parent_hash: parent.hash,
        number: parent.header.number.saturating_add(1),
        timestamp: next.timestamp,
        gas_limit: config.gas_limit,
        base_fee_per_gas: Some(next.base_fee),
        excess_blob_gas: Some(next.excess_blob_gas),
        mix_hash: word(b"foggara/devl1/randao/v1"),
        parent_beacon_block_root: Some(word(b"foggara/devl1/beacon/v1")),
        ..blank_header()
    }
}

/// Builds a block on the head from the pool and commits it; nobody sees it before it is durable.
pub(crate) fn mine(
    store: &Store,
    config: &DevL1Config,
    core: &mut Core,
    timestamp: u64,
) -> Result<Arc<ExecutedBlock>, DevL1Error> {
    let head = store.heads().unsafe_.number;
    let parent = store
        .header(head)?
        .ok_or_else(|| DevL1Error::UnknownBlock(head.to_string()))?;
    let next = Next::after(&parent.header, timestamp, core.blob_excess);
    let header = open_header(config, &parent, &next, core.salt);
    let mut block = EthBlock::new(context(config, &header), store.latest_view()?);
    block
        .begin(parent.hash, header.parent_beacon_block_root)
        .map_err(DevL1Error::state)?;
    let mut taken = Vec::new();
    fill(&mut block, core, &next, &mut taken)?;
    let (executed, mut view) = block.into_parts().map_err(DevL1Error::state)?;
    let outcome =
        apply(&mut view, parent.header.state_root, &executed.diff).map_err(DevL1Error::state)?;
    drop(view);
    let transactions: Vec<Bytes> = taken.iter().map(|tx| tx.prepared.raw.clone()).collect();
    let header = Header {
        state_root: outcome.root,
        transactions_root: ordered_root(&transactions),
        receipts_root: ordered_root(&executed.receipts),
        logs_bloom: executed.logs_bloom,
        gas_used: executed.gas_used,
        blob_gas_used: Some(executed.blob_gas_used),
        ..header
    };
    let block = Arc::new(ExecutedBlock {
        hash: header.hash_slow(),
        header,
        senders: taken.iter().map(PoolTx::sender).collect(),
        transactions,
        receipts: executed.receipts,
        diff: executed.diff,
        trie: outcome.updates,
        trace: Vec::new(),
        tensors: Vec::new(),
        l2: None,
    });
    let blobs = taken
        .iter()
        .flat_map(|tx| blobs(tx, block.header.timestamp))
        .collect();
    store.commit(Commit {
        blobs,
        ..Commit::block(Arc::clone(&block))
    })?;
    for tx in &taken {
        core.pool.remove(tx.sender(), tx.nonce());
    }
    tracing::debug!(
        number = block.header.number,
        txs = taken.len(),
        "devl1.block"
    );
    Ok(block)
}

/// The blobs of a transaction as the store keeps them: trailing zeros cut off, which are most of a
/// blob that is not full.
fn blobs(tx: &PoolTx, time: u64) -> Vec<(B256, u64, Bytes)> {
    let hashes = tx.prepared.tx.blob_versioned_hashes().unwrap_or_default();
    let sidecar = tx.sidecar.iter().flat_map(|sidecar| &sidecar.blobs);
    let cut = |blob: &[u8]| {
        let end = blob
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        Bytes::copy_from_slice(blob.get(..end).unwrap_or_default())
    };
    hashes
        .iter()
        .zip(sidecar)
        .map(|(hash, blob)| (*hash, time, cut(blob.as_slice())))
        .collect()
}

/// Puts into the block what pays, highest tip first, each sender's in order of nonce.
fn fill<S: StateSource>(
    block: &mut EthBlock<S>,
    core: &mut Core,
    next: &Next,
    taken: &mut Vec<PoolTx>,
) -> Result<(), DevL1Error> {
    let mut blobs_left = blob_params().max_blob_count;
    // The next nonce of every sender that may still have something to offer.
    let mut offers: Vec<(Address, u64)> = Vec::new();
    for sender in core.pool.senders() {
        let account = block.state_mut().account(sender)?;
        let nonce = account.map_or(0, |account| account.nonce);
        core.pool.overtaken(sender, nonce);
        offers.push((sender, nonce));
    }
    loop {
        let fits = |tx: &PoolTx| {
            let blob_fee = tx.prepared.tx.max_fee_per_blob_gas().unwrap_or(u128::MAX);
            tx.blob_count() <= blobs_left
                && blob_fee >= next.blob_fee()
                && tx.prepared.tx.gas_limit() <= block.gas_left()
        };
        offers.retain(|(sender, nonce)| {
            let tx = core.pool.at(*sender, *nonce);
            tx.is_some_and(|tx| fits(tx) && tx.tip(next.base_fee).is_some())
        });
        let best = offers
            .iter()
            .enumerate()
            .filter_map(|(index, (sender, nonce))| {
                let tx = core.pool.at(*sender, *nonce)?;
                Some((
                    tx.tip(next.base_fee)?,
                    std::cmp::Reverse(tx.arrival),
                    index,
                    tx,
                ))
            })
            .max_by_key(|(tip, arrival, ..)| (*tip, *arrival))
            .map(|(_, _, index, tx)| (index, tx.clone()));
        let Some((index, tx)) = best else {
            return Ok(());
        };
        match block.tx(&tx.prepared) {
            Ok(_) => {
                blobs_left = blobs_left.saturating_sub(tx.blob_count());
                if let Some((_, nonce)) = offers.get_mut(index) {
                    *nonce = nonce.saturating_add(1);
                }
                taken.push(tx);
            }
            Err(TxError::Invalid(why)) => {
                offers.swap_remove(index);
                if !matches!(why, InvalidTx::BlockGas { .. }) {
                    tracing::warn!(hash = %tx.hash(), %why, "devl1.dropped");
                    core.pool.remove(tx.sender(), tx.nonce());
                }
            }
            Err(TxError::Fatal(error)) => return Err(error.into()),
            Err(TxError::Cancelled) => return Err(DevL1Error::state("execution aborted")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_fee_set_by_hand_is_met_by_the_rule() {
        for fee in [1u128, 2, 1_000, 1_000_000_000, 123_456_789_012] {
            let excess = excess_for(fee);
            assert!(blob_params().calc_blob_fee(excess) >= fee);
            assert!(excess == 0 || blob_params().calc_blob_fee(excess - 1) < fee);
        }
    }
}
