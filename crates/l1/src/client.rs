//! What the rollup asks of an L1: one trait for the in-process chain, anvil and a real Ethereum.

use crate::L1Error;
use alloy_consensus::{Header, ReceiptWithBloom, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::Encodable;
use async_trait::async_trait;
use foggara_primitives::{BlockId, L1Ref};
use tokio::sync::watch;

/// A head of the L1 by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockTag {
    /// Tip of the chain.
    Latest,
    /// Unlikely to be dropped.
    Safe,
    /// Never dropped.
    Finalized,
}

/// One L1 block, named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockAt {
    /// The canonical block with this number.
    Number(u64),
    /// The block with this hash.
    Hash(B256),
}

impl From<u64> for BlockAt {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<B256> for BlockAt {
    fn from(hash: B256) -> Self {
        Self::Hash(hash)
    }
}

/// A state of the L1 that an account is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateAt {
    /// After the newest block.
    Latest,
    /// After the newest block and the node's own pool.
    Pending,
    /// After the block with this hash.
    Hash(B256),
}

/// An L1 transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum L1Tx {
    /// A type this version knows. Blob transactions come without sidecar.
    Known(Box<TxEnvelope>),
    /// A later type: its EIP-2718 bytes. Never an inbox transaction.
    Other(Bytes),
}

impl L1Tx {
    /// The EIP-2718 bytes as the transactions root commits to them.
    pub fn encoded(&self) -> Bytes {
        match self {
            Self::Known(tx) => tx.encoded_2718().into(),
            Self::Other(raw) => raw.clone(),
        }
    }

    /// The typed envelope, if the type is known.
    pub fn envelope(&self) -> Option<&TxEnvelope> {
        match self {
            Self::Known(tx) => Some(tx),
            Self::Other(_) => None,
        }
    }

    /// The sender, recovered from the signature (a node's word is not taken for it).
    pub fn sender(&self) -> Option<Address> {
        self.envelope()?.recover_signer().ok()
    }
}

/// An L1 receipt of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1Receipt {
    /// Type of the transaction.
    pub ty: u8,
    /// Status, cumulative gas, logs and their bloom.
    pub receipt: ReceiptWithBloom,
}

impl L1Receipt {
    /// The EIP-2718 bytes as the receipts root commits to them.
    pub fn encoded(&self) -> Bytes {
        let mut out = Vec::new();
        if self.ty != 0 {
            out.push(self.ty);
        }
        self.receipt.encode(&mut out);
        out.into()
    }
}

/// An L1 block with its transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1Block {
    /// The header; its hash is `hash`.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// Transactions in order; their root is the header's.
    pub transactions: Vec<L1Tx>,
}

impl L1Block {
    /// The block as a reference.
    pub const fn l1_ref(&self) -> L1Ref {
        ref_of(&self.header, self.hash)
    }
}

/// A header as a reference.
pub const fn ref_of(header: &Header, hash: B256) -> L1Ref {
    L1Ref {
        hash,
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
    }
}

/// Where a transaction stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inclusion {
    /// The block that holds it.
    pub block: BlockId,
    /// Whether it succeeded.
    pub success: bool,
    /// Gas used by it alone.
    pub gas_used: u64,
    /// Wei per gas that it paid.
    pub gas_price: u128,
    /// Blob gas used by it alone.
    pub blob_gas_used: u64,
    /// Wei per blob gas that it paid.
    pub blob_gas_price: u128,
}

impl Inclusion {
    /// What the transaction cost beside its value, in wei.
    pub fn cost(&self) -> U256 {
        U256::from(self.gas_used) * U256::from(self.gas_price)
            + U256::from(self.blob_gas_used) * U256::from(self.blob_gas_price)
    }
}

/// Prices for the next block, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeeData {
    /// Base fee per gas of the next block.
    pub base_fee: u128,
    /// Base fee per blob gas of the next block.
    pub blob_base_fee: u128,
    /// Priority fee per gas that recent transactions paid.
    pub tip: u128,
}

/// The form of a blob sidecar that the L1 wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SidecarForm {
    /// One proof per blob (EIP-4844), until Prague.
    #[default]
    Eip4844,
    /// Cell proofs (EIP-7594), since Osaka.
    Eip7594,
}

/// An L1, whichever it is.
///
/// Implementors answer by hash from exactly that block, check what an outside server says against
/// its commitment (headers by hash, transactions and receipts by root, blobs by versioned hash),
/// bound every answer and every wait, and never panic on an answer.
#[async_trait]
pub trait L1Client: core::fmt::Debug + Send + Sync + 'static {
    /// The chain id.
    async fn chain_id(&self) -> Result<u64, L1Error>;

    /// A head by name. Genesis where the L1 has no such head yet.
    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error>;

    /// The header of a block and its hash; `None` if it is unknown.
    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error>;

    /// A block with its transactions; `None` if it is unknown.
    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error>;

    /// The receipts of a block in order, equal to its receipts root.
    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error>;

    /// The blobs with these versioned hashes, in the same order, 131,072 bytes each.
    ///
    /// # Errors
    /// [`L1Error::BlobsMissing`]: no source has one of them.
    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error>;

    /// Sends a signed transaction in network form (blobs with sidecar); returns its hash.
    ///
    /// # Errors
    /// [`L1Error::Rejected`]: the node refuses it.
    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error>;

    /// Next nonce of an account.
    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error>;

    /// Balance of an account in wei.
    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error>;

    /// Code of an account, empty if it has none.
    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error>;

    /// Prices for the next block.
    async fn fees(&self) -> Result<FeeData, L1Error>;

    /// Where the transaction with this hash stands in the canonical chain, if it does.
    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error>;

    /// The sidecar form that the L1 wants now.
    async fn sidecar_form(&self) -> Result<SidecarForm, L1Error> {
        Ok(SidecarForm::Eip4844)
    }

    /// A channel that changes whenever the head does, where the L1 has one. Others are polled.
    fn head_changes(&self) -> Option<watch::Receiver<L1Ref>> {
        None
    }
}
