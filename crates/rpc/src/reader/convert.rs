//! Stored blocks in the shapes of the OP Stack (`USERS.md` section 2.4).

use crate::error::{Answer, internal, of_source};
use alloy_consensus::{
    Eip658Value, Header, Receipt, ReceiptWithBloom, Transaction as _, transaction::Recovered,
};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth::{
    Block, BlockTransactions, Header as RpcHeader, Log, TransactionInfo, TransactionReceipt,
};
use foggara_derive::l1_info_of;
use foggara_evm::{DecodedReceipt, L1FeeParams, PreparedTx, decode_receipt, l1_cost};
use foggara_primitives::{L1Info, constants::DEPOSIT_TX_TYPE};
use foggara_store::StoredBlock;
use op_alloy_consensus::{
    OpDepositReceipt, OpReceipt, OpTxEnvelope,
    transaction::{OpDepositInfo, OpTransactionInfo},
};
use op_alloy_rpc_types::{L1BlockInfo, OpTransactionReceipt, Transaction};

/// A block with its transactions or their hashes.
pub(crate) type RpcBlock = Block<Transaction>;
/// A transaction.
pub(crate) type RpcTransaction = Transaction;
/// A receipt.
pub(crate) type RpcReceipt = OpTransactionReceipt;

/// Decodes a transaction that stands in a block or in the pool.
fn decode(raw: &Bytes) -> Answer<OpTxEnvelope> {
    PreparedTx::decode_unrecovered(raw).map_err(|why| internal("stored transaction", &why))
}

/// Bytes of the RLP of a block, from its parts.
fn size(header: &Header, transactions: &[Bytes]) -> usize {
    let list = |payload: usize| {
        alloy_rlp::Header {
            list: true,
            payload_length: payload,
        }
        .length()
            + payload
    };
    // A typed transaction stands in the body as a string, a legacy one as it is.
    let item = |raw: &Bytes| match raw.first() {
        Some(0xc0..) => raw.len(),
        _ => raw.length(),
    };
    let body: usize = transactions.iter().map(item).sum();
    // No uncles, no withdrawals.
    list(header.length() + list(body) + 1 + 1)
}

/// A header.
pub(crate) fn header(header: Header, hash: B256, transactions: &[Bytes]) -> RpcHeader {
    let size = size(&header, transactions);
    RpcHeader {
        hash,
        inner: header,
        total_difficulty: None,
        size: Some(U256::from(size)),
    }
}

/// A block; `receipts` are needed for whole transactions, which carry what their deposits' receipts say.
pub(crate) fn block(block: &StoredBlock, receipts: Option<&[Bytes]>) -> Answer<RpcBlock> {
    let transactions = match receipts {
        Some(receipts) => BlockTransactions::Full(transactions(block, receipts)?),
        None => BlockTransactions::Hashes(block.transactions.iter().map(keccak256).collect()),
    };
    Ok(Block {
        header: header(block.header.clone(), block.hash, &block.transactions),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(Withdrawals::default()),
    })
}

/// The transactions of a block.
pub(crate) fn transactions(block: &StoredBlock, receipts: &[Bytes]) -> Answer<Vec<RpcTransaction>> {
    (0..block.transactions.len())
        .map(|index| transaction(block, receipts, index))
        .collect()
}

/// One transaction of a block.
pub(crate) fn transaction(
    block: &StoredBlock,
    receipts: &[Bytes],
    index: usize,
) -> Answer<RpcTransaction> {
    let missing = || {
        internal(
            "stored block",
            &"transactions, senders and receipts differ in number",
        )
    };
    let raw = block.transactions.get(index).ok_or_else(missing)?;
    let sender = block.senders.get(index).ok_or_else(missing)?;
    let tx = decode(raw)?;
    let deposit_meta = match raw.first() {
        Some(&DEPOSIT_TX_TYPE) => {
            let receipt = receipts.get(index).ok_or_else(missing)?;
            let receipt = decode_receipt(receipt).map_err(of_source)?;
            OpDepositInfo {
                deposit_nonce: receipt.deposit_nonce,
                deposit_receipt_version: receipt.deposit_receipt_version,
            }
        }
        _ => OpDepositInfo::default(),
    };
    let inner = TransactionInfo {
        hash: Some(keccak256(raw)),
        index: u64::try_from(index).ok(),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        base_fee: block.header.base_fee_per_gas,
        block_timestamp: Some(block.header.timestamp),
    };
    let tx = Recovered::new_unchecked(tx, *sender);
    Ok(Transaction::from_transaction(
        tx,
        OpTransactionInfo::new(inner, deposit_meta),
    ))
}

/// A transaction that waits in the pool.
pub(crate) fn pending_transaction(tx: &OpTxEnvelope, sender: Address) -> RpcTransaction {
    let tx = Recovered::new_unchecked(tx.clone(), sender);
    Transaction::from_transaction(tx, OpTransactionInfo::default())
}

/// Where a log lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) timestamp: u64,
    pub(crate) transaction_hash: B256,
    pub(crate) transaction_index: u64,
    pub(crate) removed: bool,
}

impl Place {
    fn log(&self, inner: alloy_primitives::Log, log_index: u64) -> Log {
        Log {
            inner,
            block_hash: Some(self.block_hash),
            block_number: Some(self.block_number),
            block_timestamp: Some(self.timestamp),
            transaction_hash: Some(self.transaction_hash),
            transaction_index: Some(self.transaction_index),
            log_index: Some(log_index),
            removed: self.removed,
        }
    }
}

/// The logs of one receipt, numbered through the block from `first` on.
pub(crate) fn mined_logs(logs: Vec<alloy_primitives::Log>, place: Place, first: u64) -> Vec<Log> {
    logs.into_iter()
        .zip(first..)
        .map(|(log, index)| place.log(log, index))
        .collect()
}

/// The receipts of a block.
pub(crate) fn receipts(block: &StoredBlock, stored: &[Bytes]) -> Answer<Vec<RpcReceipt>> {
    let first = block.transactions.first().map(|raw| raw.as_ref());
    let info = l1_info_of(block.header.number, first).unwrap_or_default();
    let (mut used_before, mut log_index) = (0u64, 0u64);
    let mut out = Vec::with_capacity(stored.len());
    let rows = block.transactions.iter().zip(&block.senders).zip(stored);
    for (index, ((raw, sender), receipt)) in (0u64..).zip(rows) {
        let receipt = decode_receipt(receipt).map_err(of_source)?;
        let (used, logs) = (receipt.cumulative_gas, receipt.logs.len() as u64);
        let at = At {
            block,
            index,
            raw,
            sender: *sender,
            gas_used: used.saturating_sub(used_before),
            log_index,
            info: &info,
        };
        out.push(at.receipt(receipt)?);
        used_before = used;
        log_index = log_index.saturating_add(logs);
    }
    Ok(out)
}

/// One receipt of a block; of those before it, only what it builds on is read.
pub(crate) fn receipt(
    block: &StoredBlock,
    stored: &[Bytes],
    index: usize,
) -> Answer<Option<RpcReceipt>> {
    let (Some(raw), Some(sender), Some(own)) = (
        block.transactions.get(index),
        block.senders.get(index),
        stored.get(index),
    ) else {
        return Ok(None);
    };
    let first = block.transactions.first().map(|raw| raw.as_ref());
    let info = l1_info_of(block.header.number, first).unwrap_or_default();
    let (mut used_before, mut log_index) = (0u64, 0u64);
    for before in stored.iter().take(index) {
        let (used, logs) = gas_and_logs(before).map_err(|why| internal("stored receipt", &why))?;
        used_before = used;
        log_index = log_index.saturating_add(logs);
    }
    let own = decode_receipt(own).map_err(of_source)?;
    let at = At {
        block,
        index: index as u64,
        raw,
        sender: *sender,
        gas_used: own.cumulative_gas.saturating_sub(used_before),
        log_index,
        info: &info,
    };
    at.receipt(own).map(Some)
}

/// Gas used up to and with a receipt, and the number of its logs, without decoding it.
fn gas_and_logs(receipt: &[u8]) -> alloy_rlp::Result<(u64, u64)> {
    // A type, unless the list begins at once.
    let typed = receipt.first().is_some_and(|first| *first < 0xc0);
    let mut rest = receipt.get(usize::from(typed)..).unwrap_or_default();
    let mut fields = alloy_rlp::Header::decode_bytes(&mut rest, true)?;
    let _status = alloy_rlp::Header::decode_bytes(&mut fields, false)?;
    let gas = <u64 as alloy_rlp::Decodable>::decode(&mut fields)?;
    let _bloom = alloy_rlp::Header::decode_bytes(&mut fields, false)?;
    let mut logs = alloy_rlp::Header::decode_bytes(&mut fields, true)?;
    let mut count = 0u64;
    while !logs.is_empty() {
        alloy_rlp::Header::decode_bytes(&mut logs, true)?;
        count = count.saturating_add(1);
    }
    Ok((gas, count))
}

/// A transaction in its block, with what comes before its receipt.
struct At<'a> {
    block: &'a StoredBlock,
    index: u64,
    raw: &'a Bytes,
    sender: Address,
    gas_used: u64,
    log_index: u64,
    info: &'a L1Info,
}

impl At<'_> {
    fn receipt(&self, receipt: DecodedReceipt) -> Answer<RpcReceipt> {
        let tx = decode(self.raw)?;
        let header = &self.block.header;
        let hash = keccak256(self.raw);
        let deposit = matches!(tx, OpTxEnvelope::Deposit(_));
        let nonce = receipt.deposit_nonce.unwrap_or_else(|| tx.nonce());
        let contract_address = match tx.kind() {
            TxKind::Create => Some(self.sender.create(nonce)),
            TxKind::Call(_) => None,
        };
        let logs_bloom = receipt.logs_bloom;
        let inner = ReceiptWithBloom {
            receipt: self.envelope(receipt, hash),
            logs_bloom,
        };
        Ok(OpTransactionReceipt {
            inner: TransactionReceipt {
                inner,
                transaction_hash: hash,
                transaction_index: Some(self.index),
                block_hash: Some(self.block.hash),
                block_number: Some(header.number),
                gas_used: self.gas_used,
                effective_gas_price: if deposit {
                    0
                } else {
                    tx.effective_gas_price(header.base_fee_per_gas)
                },
                blob_gas_used: None,
                blob_gas_price: None,
                from: self.sender,
                to: tx.to(),
                contract_address,
            },
            l1_block_info: if deposit {
                L1BlockInfo::default()
            } else {
                self.l1_fields()
            },
            op_gas_refund: None,
        })
    }

    fn envelope(&self, receipt: DecodedReceipt, hash: B256) -> OpReceipt<Log> {
        let place = Place {
            block_hash: self.block.hash,
            block_number: self.block.header.number,
            timestamp: self.block.header.timestamp,
            transaction_hash: hash,
            transaction_index: self.index,
            removed: false,
        };
        let inner = Receipt {
            status: Eip658Value::Eip658(receipt.success),
            cumulative_gas_used: receipt.cumulative_gas,
            logs: mined_logs(receipt.logs, place, self.log_index),
        };
        match receipt.tx_type {
            1 => OpReceipt::Eip2930(inner),
            2 => OpReceipt::Eip1559(inner),
            4 => OpReceipt::Eip7702(inner),
            DEPOSIT_TX_TYPE => OpReceipt::Deposit(OpDepositReceipt {
                inner,
                deposit_nonce: receipt.deposit_nonce,
                deposit_receipt_version: receipt.deposit_receipt_version,
            }),
            _ => OpReceipt::Legacy(inner),
        }
    }

    /// What the transaction paid for its place on L1.
    fn l1_fields(&self) -> L1BlockInfo {
        let info = self.info;
        let operator = info.operator_fee_scalar != 0 || info.operator_fee_constant != 0;
        let fee = l1_cost(&L1FeeParams::from(info), self.raw);
        // Bytes after compression, 16 gas each (OP fjord/exec-engine).
        let gas = op_revm::estimate_tx_compressed_size(self.raw).saturating_mul(16) / 1_000_000;
        L1BlockInfo {
            l1_gas_price: Some(info.base_fee.saturating_to()),
            l1_gas_used: Some(gas.into()),
            l1_fee: Some(fee.saturating_to()),
            l1_fee_scalar: None,
            l1_base_fee_scalar: Some(info.base_fee_scalar.into()),
            l1_blob_base_fee: Some(info.blob_base_fee.saturating_to()),
            l1_blob_base_fee_scalar: Some(info.blob_base_fee_scalar.into()),
            operator_fee_scalar: operator.then_some(info.operator_fee_scalar.into()),
            operator_fee_constant: operator.then_some(info.operator_fee_constant.into()),
            da_footprint_gas_scalar: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxReceipt;
    use alloy_eips::Encodable2718;
    use alloy_primitives::LogData;
    use op_alloy_consensus::OpReceiptEnvelope;

    #[test]
    fn gas_and_logs_are_those_of_the_decoded_receipt() {
        let log = |data: usize| alloy_primitives::Log {
            address: Address::repeat_byte(1),
            data: LogData::new_unchecked(vec![B256::ZERO; 2], vec![7; data].into()),
        };
        for count in [0usize, 1, 2, 300] {
            for (used, nonce) in [(0, None), (21_000, Some(0)), (u64::MAX, Some(u64::MAX))] {
                let inner = Receipt {
                    status: Eip658Value::Eip658(count % 2 == 0),
                    cumulative_gas_used: used,
                    logs: (0..count).map(log).collect(),
                };
                let deposit = OpDepositReceipt {
                    inner: inner.clone(),
                    deposit_nonce: nonce,
                    deposit_receipt_version: nonce.map(|_| 1),
                };
                for envelope in [
                    OpReceiptEnvelope::Legacy(inner.clone().into_with_bloom()),
                    OpReceiptEnvelope::Eip1559(inner.clone().into_with_bloom()),
                    OpReceiptEnvelope::Eip7702(inner.into_with_bloom()),
                    OpReceiptEnvelope::Deposit(deposit.into_with_bloom()),
                ] {
                    let raw = envelope.encoded_2718();
                    let decoded = decode_receipt(&raw).unwrap();
                    let expected = (decoded.cumulative_gas, decoded.logs.len() as u64);
                    assert_eq!(gas_and_logs(&raw), Ok(expected));
                }
            }
        }
    }
}
