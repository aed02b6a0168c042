//! Builds and signs transactions.

use super::{Fees, TxKind, TxPayload, TxRequest};
use crate::L1Error;
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar, TxEnvelope,
};
use alloy_eips::{eip2718::Encodable2718, eip7594::BlobTransactionSidecarVariant};
use alloy_primitives::{B256, Bytes, TxKind as To, U256};

/// Gas per blob (EIP-4844).
const GAS_PER_BLOB: u64 = 131_072;

/// A signed transaction in network form.
pub(super) struct Signed {
    pub(super) tx_hash: B256,
    pub(super) raw: Bytes,
}

/// What determines a transaction beside the key.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) fees: Fees,
}

/// Gas of a call without execution: the larger of the standard and the floor price of its data
/// (EIP-7623).
pub(super) fn intrinsic_gas(data: &[u8]) -> u64 {
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros + (data.len() as u64 - zeros) * 4;
    21_000 + tokens * 10
}

impl TxRequest {
    pub(super) fn gas(&self) -> u64 {
        let data: &[u8] = match &self.payload {
            TxPayload::Calldata(data) => data,
            TxPayload::Blobs(_) => &[],
        };
        self.gas_limit.unwrap_or_else(|| intrinsic_gas(data))
    }

    pub(super) const fn blob_count(&self) -> usize {
        match &self.payload {
            TxPayload::Calldata(_) => 0,
            TxPayload::Blobs(blobs) => blobs.len(),
        }
    }

    /// The most that the transaction can take from the account, in wei.
    pub(super) fn worst_cost(&self, fees: &Fees) -> U256 {
        let blob_gas = U256::from(self.blob_count()) * U256::from(GAS_PER_BLOB);
        self.value
            + U256::from(self.gas()) * U256::from(fees.max_fee)
            + blob_gas * U256::from(fees.max_blob_fee)
    }

    pub(super) const fn kind(&self) -> TxKind {
        self.payload.kind()
    }
}

/// Signs `request` as `draft` says; `sidecar` belongs to the blobs of the request.
pub(super) fn sign(
    signer: &PrivateKeySigner,
    request: &TxRequest,
    sidecar: Option<&BlobTransactionSidecarVariant>,
    draft: &Draft,
) -> Result<Signed, L1Error> {
    let Draft {
        chain_id,
        nonce,
        fees,
    } = draft.clone();
    let envelope: TxEnvelope = match (&request.payload, sidecar) {
        (TxPayload::Blobs(_), Some(sidecar)) => {
            let tx = TxEip4844 {
                chain_id,
                nonce,
                gas_limit: request.gas(),
                max_fee_per_gas: fees.max_fee,
                max_priority_fee_per_gas: fees.tip,
                to: request.to,
                value: request.value,
                blob_versioned_hashes: sidecar.versioned_hashes().collect(),
                max_fee_per_blob_gas: fees.max_blob_fee,
                ..Default::default()
            };
            let tx = TxEip4844Variant::TxEip4844WithSidecar(
                TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar.clone()),
            );
            let signature = signature(signer, tx.signature_hash())?;
            tx.into_signed(signature).into()
        }
        (TxPayload::Blobs(_), None) => return Err(L1Error::Blob("it has no sidecar".into())),
        (TxPayload::Calldata(data), _) => {
            let tx = TxEip1559 {
                chain_id,
                nonce,
                gas_limit: request.gas(),
                max_fee_per_gas: fees.max_fee,
                max_priority_fee_per_gas: fees.tip,
                to: To::Call(request.to),
                value: request.value,
                input: data.clone(),
                ..Default::default()
            };
            let signature = signature(signer, tx.signature_hash())?;
            tx.into_signed(signature).into()
        }
    };
    Ok(Signed {
        tx_hash: *envelope.tx_hash(),
        raw: envelope.encoded_2718().into(),
    })
}

fn signature(
    signer: &PrivateKeySigner,
    hash: B256,
) -> Result<alloy_primitives::Signature, L1Error> {
    signer
        .sign_hash_sync(&hash)
        .map_err(|error| L1Error::Signer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_paid_at_the_floor() {
        assert_eq!(intrinsic_gas(&[]), 21_000);
        assert_eq!(intrinsic_gas(&[0, 1]), 21_000 + 50);
    }
}
