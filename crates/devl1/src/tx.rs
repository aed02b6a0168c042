//! A transaction on its way into a block.

use crate::{DevL1Error, config::blob_params};
use alloy_consensus::{
    EthereumTxEnvelope, Transaction, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar,
};
use alloy_eips::{
    Decodable2718, Encodable2718, eip4844::BlobTransactionSidecar,
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_evm::mainnet::PreparedEthTx;
use foggara_l1::{Rejection, TxKind, kzg_settings};

/// The network form of a transaction of this chain.
type Network = EthereumTxEnvelope<TxEip4844Variant<BlobTransactionSidecarVariant>>;

/// A blob transaction as it comes in.
type WithSidecar = TxEip4844WithSidecar<BlobTransactionSidecarVariant>;

/// A transaction of the pool.
#[derive(Debug, Clone)]
pub struct PoolTx {
    /// As it will stand in a block, with its sender.
    pub prepared: PreparedEthTx,
    /// Its blobs with commitments and proofs; `None` where there are none or the chain holds them.
    pub sidecar: Option<BlobTransactionSidecar>,
    /// Order of arrival.
    pub arrival: u64,
}

fn invalid(message: impl Into<String>) -> DevL1Error {
    DevL1Error::rejected(Rejection::Invalid, message)
}

impl PoolTx {
    /// Decodes the network form, recovers the sender and verifies the blobs' proofs.
    pub(crate) fn decode(raw: &[u8]) -> Result<Self, DevL1Error> {
        Self::decode_with(raw, verified)
    }

    /// The same for what was verified before: loading the trusted setup takes seconds, for which a
    /// restart has no use.
    pub(crate) fn decode_verified(raw: &[u8]) -> Result<Self, DevL1Error> {
        Self::decode_with(raw, |tx| match tx.sidecar() {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => Ok(sidecar.clone()),
            BlobTransactionSidecarVariant::Eip7594(_) => Err(cell_proofs()),
        })
    }

    fn decode_with(
        raw: &[u8],
        sidecar_of: impl FnOnce(&WithSidecar) -> Result<BlobTransactionSidecar, DevL1Error>,
    ) -> Result<Self, DevL1Error> {
        let tx = Network::decode_2718_exact(raw)
            .map_err(|error| invalid(format!("failed to decode signed transaction: {error}")))?;
        let sidecar = match &tx {
            Network::Eip4844(signed) => match signed.tx() {
                TxEip4844Variant::TxEip4844WithSidecar(tx) => Some(sidecar_of(tx)?),
                TxEip4844Variant::TxEip4844(_) => {
                    return Err(invalid("missing sidecar in blob transaction"));
                }
            },
            _ => None,
        };
        let canonical: EthereumTxEnvelope<TxEip4844> = tx.into();
        let prepared = PreparedEthTx::decode(canonical.encoded_2718().into())
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            prepared,
            sidecar,
            arrival: 0,
        })
    }

    /// A transaction that stood in a block which is gone; the chain still holds its blobs.
    pub(crate) fn returned(raw: Bytes) -> Option<Self> {
        PreparedEthTx::decode(raw).ok().map(|prepared| Self {
            prepared,
            sidecar: None,
            arrival: 0,
        })
    }

    /// The network form.
    pub(crate) fn network(&self) -> Bytes {
        let network = match (&self.prepared.tx, &self.sidecar) {
            (EthereumTxEnvelope::Eip4844(signed), Some(sidecar)) => {
                let (tx, signature, hash) = signed.clone().into_parts();
                let tx = TxEip4844WithSidecar::from_tx_and_sidecar(
                    tx,
                    BlobTransactionSidecarVariant::Eip4844(sidecar.clone()),
                );
                Network::Eip4844(alloy_consensus::Signed::new_unchecked(
                    TxEip4844Variant::TxEip4844WithSidecar(tx),
                    signature,
                    hash,
                ))
            }
            _ => return self.prepared.raw.clone(),
        };
        network.encoded_2718().into()
    }

    /// Hash.
    pub const fn hash(&self) -> B256 {
        self.prepared.hash
    }

    /// Sender.
    pub const fn sender(&self) -> Address {
        self.prepared.sender
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.prepared.tx.nonce()
    }

    pub(crate) const fn kind(&self) -> TxKind {
        match self.prepared.tx {
            EthereumTxEnvelope::Eip4844(_) => TxKind::Blob,
            _ => TxKind::Plain,
        }
    }

    pub(crate) fn blob_count(&self) -> u64 {
        self.prepared
            .tx
            .blob_versioned_hashes()
            .map_or(0, |hashes| hashes.len() as u64)
    }

    /// The most that it can take from its sender, in wei; `None` above 2^256.
    pub(crate) fn worst_cost(&self) -> Option<U256> {
        let tx = &self.prepared.tx;
        let gas = U256::from(tx.gas_limit()).checked_mul(U256::from(tx.max_fee_per_gas()))?;
        let blobs = U256::from(tx.blob_gas_used().unwrap_or(0))
            .checked_mul(U256::from(tx.max_fee_per_blob_gas().unwrap_or(0)))?;
        gas.checked_add(blobs)?.checked_add(tx.value())
    }

    /// Wei per gas that the beneficiary gets at this base fee; `None` if the base fee is not met.
    pub(crate) fn tip(&self, base_fee: u64) -> Option<u128> {
        self.prepared.tx.effective_tip_per_gas(base_fee)
    }

    /// Whether this transaction may take the place of `old` at the same nonce: a tenth more on every
    /// fee, twice as much for blobs.
    pub(crate) fn outbids(&self, old: &Self) -> bool {
        let enough = |new: u128, old: u128| match self.kind() {
            TxKind::Blob => new >= old.saturating_mul(2),
            TxKind::Plain => new >= old.saturating_add(old.div_ceil(10)),
        };
        let fees = |tx: &Self| {
            let tx = &tx.prepared.tx;
            [
                tx.max_fee_per_gas(),
                tx.max_priority_fee_per_gas()
                    .unwrap_or_else(|| tx.max_fee_per_gas()),
                tx.max_fee_per_blob_gas().unwrap_or(0),
            ]
        };
        fees(self)
            .into_iter()
            .zip(fees(old))
            .all(|(new, old)| enough(new, old))
    }
}

fn cell_proofs() -> DevL1Error {
    DevL1Error::rejected(
        Rejection::Sidecar,
        "cell proofs in sidecar: this chain is before Osaka",
    )
}

fn verified(tx: &WithSidecar) -> Result<BlobTransactionSidecar, DevL1Error> {
    let count = tx.tx().blob_versioned_hashes.len() as u64;
    let max = blob_params().max_blob_count;
    if count == 0 || count > max {
        return Err(invalid(format!(
            "{count} blobs in blob transaction, allowed are 1 to {max}"
        )));
    }
    let BlobTransactionSidecarVariant::Eip4844(sidecar) = tx.sidecar() else {
        return Err(cell_proofs());
    };
    sidecar
        .validate(&tx.tx().blob_versioned_hashes, kzg_settings())
        .map_err(|error| {
            let text = format!("blob sidecar does not verify: {error}");
            DevL1Error::rejected(Rejection::Sidecar, text)
        })?;
    Ok(sidecar.clone())
}
