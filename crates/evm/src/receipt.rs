//! Receipts: built from a result, and read back from their EIP-2718 bytes.

use alloc::{string::ToString, vec::Vec};
use alloy_consensus::{Eip658Value, Receipt, ReceiptWithBloom, TxReceipt};
use alloy_eips::{Decodable2718, Encodable2718};
use alloy_primitives::{Bloom, BloomInput, Bytes, Log};
use foggara_primitives::SourceError;
use op_alloy_consensus::{OpDepositReceipt, OpReceiptEnvelope, OpTxType};

/// Bloom of logs.
pub fn logs_bloom<'a>(logs: impl IntoIterator<Item = &'a Log>) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
        for topic in log.topics() {
            bloom.accrue(BloomInput::Raw(topic.as_slice()));
        }
    }
    bloom
}

/// What a receipt is built from.
pub(crate) struct ReceiptParts {
    pub(crate) tx_type: OpTxType,
    pub(crate) success: bool,
    pub(crate) cumulative_gas: u64,
    pub(crate) logs: Vec<Log>,
    /// Nonce of a deposit's sender before it.
    pub(crate) deposit_nonce: Option<u64>,
}

/// The receipt, its bytes and its bloom.
pub(crate) fn build(parts: ReceiptParts) -> (Vec<Log>, Bytes, Bloom) {
    let logs_bloom = logs_bloom(&parts.logs);
    let receipt = Receipt {
        status: Eip658Value::Eip658(parts.success),
        cumulative_gas_used: parts.cumulative_gas,
        logs: parts.logs,
    };
    let plain = |receipt| ReceiptWithBloom {
        receipt,
        logs_bloom,
    };
    let envelope = match parts.tx_type {
        OpTxType::Legacy => OpReceiptEnvelope::Legacy(plain(receipt)),
        OpTxType::Eip2930 => OpReceiptEnvelope::Eip2930(plain(receipt)),
        OpTxType::Eip1559 => OpReceiptEnvelope::Eip1559(plain(receipt)),
        OpTxType::Eip7702 => OpReceiptEnvelope::Eip7702(plain(receipt)),
        OpTxType::PostExec => OpReceiptEnvelope::PostExec(plain(receipt)),
        OpTxType::Deposit => OpReceiptEnvelope::Deposit(ReceiptWithBloom {
            receipt: OpDepositReceipt {
                inner: receipt,
                deposit_nonce: parts.deposit_nonce,
                // Since Canyon (OP deposits "Deposit Receipt").
                deposit_receipt_version: Some(1),
            },
            logs_bloom,
        }),
    };
    let bytes = Bytes::from(envelope.encoded_2718());
    let logs = match envelope {
        OpReceiptEnvelope::Legacy(r)
        | OpReceiptEnvelope::Eip2930(r)
        | OpReceiptEnvelope::Eip1559(r)
        | OpReceiptEnvelope::Eip7702(r)
        | OpReceiptEnvelope::PostExec(r) => r.receipt.logs,
        OpReceiptEnvelope::Deposit(r) => r.receipt.inner.logs,
    };
    (logs, bytes, logs_bloom)
}

/// A receipt read back from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedReceipt {
    /// Transaction type.
    pub tx_type: u8,
    /// Whether execution succeeded.
    pub success: bool,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas: u64,
    /// Bloom of the logs.
    pub logs_bloom: Bloom,
    /// The logs in order.
    pub logs: Vec<Log>,
    /// Nonce of a deposit's sender before it.
    pub deposit_nonce: Option<u64>,
    /// Version of a deposit's receipt, 1.
    pub deposit_receipt_version: Option<u64>,
}

/// Reads a receipt of the rollup.
///
/// # Errors
/// [`SourceError`]: the bytes are none; they came from our own store, so it is damaged.
pub fn decode_receipt(bytes: &[u8]) -> Result<DecodedReceipt, SourceError> {
    let envelope = OpReceiptEnvelope::decode_2718_exact(bytes)
        .map_err(|error| SourceError(error.to_string()))?;
    Ok(DecodedReceipt {
        tx_type: envelope.tx_type() as u8,
        success: envelope.is_success(),
        cumulative_gas: envelope.cumulative_gas_used(),
        logs_bloom: *envelope.logs_bloom(),
        deposit_nonce: envelope.deposit_nonce(),
        deposit_receipt_version: envelope.deposit_receipt_version(),
        logs: TxReceipt::logs(&envelope).to_vec(),
    })
}
