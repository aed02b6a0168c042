//! Stored blocks in the shapes of the `eth` namespace.

use super::error::server;
use alloy_consensus::{
    BlockBody, ReceiptEnvelope, ReceiptWithBloom, Transaction as _, TxEnvelope,
    transaction::Recovered,
};
use alloy_eips::{Decodable2718, eip4895::Withdrawals};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth::{Block, BlockTransactions, Header, Log, Transaction, TransactionReceipt};
use foggara_devl1::{DevL1, blob_params};
use foggara_store::StoredBlock;
use jsonrpsee::types::ErrorObjectOwned;

pub(super) fn decode(raw: &Bytes) -> Result<TxEnvelope, ErrorObjectOwned> {
    TxEnvelope::decode_2718_exact(raw).map_err(|error| server(error.to_string()))
}

fn envelopes(block: &StoredBlock) -> Result<Vec<TxEnvelope>, ErrorObjectOwned> {
    block.transactions.iter().map(decode).collect()
}

/// A transaction that waits.
pub(super) fn pending(raw: &Bytes, sender: Address) -> Result<Transaction, ErrorObjectOwned> {
    Ok(Transaction {
        inner: Recovered::new_unchecked(decode(raw)?, sender),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: None,
        block_timestamp: None,
    })
}

/// The transactions of a block.
pub(super) fn transactions(block: &StoredBlock) -> Result<Vec<Transaction>, ErrorObjectOwned> {
    let one = |(index, (tx, sender)): (usize, (TxEnvelope, &Address))| {
        let price = tx.effective_gas_price(block.header.base_fee_per_gas);
        Transaction {
            inner: Recovered::new_unchecked(tx, *sender),
            block_hash: Some(block.hash),
            block_number: Some(block.header.number),
            transaction_index: Some(index as u64),
            effective_gas_price: Some(price),
            block_timestamp: Some(block.header.timestamp),
        }
    };
    let pairs = envelopes(block)?.into_iter().zip(&block.senders);
    Ok(pairs.enumerate().map(one).collect())
}

/// A block with its transactions or their hashes.
pub(super) fn full_block(block: &StoredBlock, full: bool) -> Result<Block, ErrorObjectOwned> {
    let envelopes = envelopes(block)?;
    let hashes = envelopes.iter().map(|tx| *tx.tx_hash()).collect();
    let size = alloy_consensus::Block::new(
        block.header.clone(),
        BlockBody {
            transactions: envelopes,
            ommers: Vec::new(),
            withdrawals: Some(Withdrawals::default()),
        },
    )
    .length();
    let header = Header {
        hash: block.hash,
        inner: block.header.clone(),
        total_difficulty: None,
        size: Some(U256::from(size)),
    };
    let transactions = if full {
        BlockTransactions::Full(transactions(block)?)
    } else {
        BlockTransactions::Hashes(hashes)
    };
    let block = Block {
        header,
        uncles: Vec::new(),
        transactions,
        withdrawals: None,
    };
    Ok(block.with_withdrawals(Some(Withdrawals::default())))
}

/// The receipts of a block.
pub(super) fn receipts(
    l1: &DevL1,
    block: &StoredBlock,
) -> Result<Vec<TransactionReceipt>, ErrorObjectOwned> {
    let number = block.header.number;
    let stored = l1.receipts_of(number).map_err(super::error::of)?;
    let blob_price = blob_params().calc_blob_fee(block.header.excess_blob_gas.unwrap_or(0));
    let (mut used_before, mut log_index) = (0u64, 0u64);
    let mut out = Vec::new();
    let pairs = envelopes(block)?
        .into_iter()
        .zip(stored.unwrap_or_default())
        .zip(&block.senders);
    for (index, ((tx, receipt), from)) in pairs.enumerate() {
        let used = receipt.cumulative_gas_used();
        let place = |log: alloy_primitives::Log| {
            let placed = Log {
                inner: log,
                block_hash: Some(block.hash),
                block_number: Some(number),
                block_timestamp: Some(block.header.timestamp),
                transaction_hash: Some(*tx.tx_hash()),
                transaction_index: Some(index as u64),
                log_index: Some(log_index),
                removed: false,
            };
            log_index = log_index.saturating_add(1);
            placed
        };
        let created = match tx.kind() {
            TxKind::Create if receipt.is_success() => Some(from.create(tx.nonce())),
            _ => None,
        };
        out.push(TransactionReceipt {
            inner: with_places(receipt, place),
            transaction_hash: *tx.tx_hash(),
            transaction_index: Some(index as u64),
            block_hash: Some(block.hash),
            block_number: Some(number),
            gas_used: used.saturating_sub(used_before),
            effective_gas_price: tx.effective_gas_price(block.header.base_fee_per_gas),
            blob_gas_used: tx.blob_gas_used(),
            blob_gas_price: tx.blob_gas_used().map(|_| blob_price),
            from: *from,
            to: tx.to(),
            contract_address: created,
        });
        used_before = used;
    }
    Ok(out)
}

fn with_places(
    receipt: ReceiptEnvelope,
    place: impl FnMut(alloy_primitives::Log) -> Log,
) -> ReceiptEnvelope<Log> {
    let (ty, logs_bloom) = (receipt.tx_type(), *receipt.logs_bloom());
    let receipt = receipt.into_receipt().map_logs(place);
    ReceiptEnvelope::from_typed(
        ty,
        ReceiptWithBloom {
            receipt,
            logs_bloom,
        },
    )
}
