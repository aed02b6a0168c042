//! What is asked of the manager and what it says.

use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::BlockId;

/// Number of a request, ascending in order of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxId(pub u64);

/// What a transaction carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxPayload {
    /// Calldata of an EIP-1559 transaction.
    Calldata(Bytes),
    /// Blobs of 131,072 bytes each of an EIP-4844 transaction, at most six.
    Blobs(Vec<Bytes>),
}

/// The two kinds that never share an account in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TxKind {
    /// Without blobs.
    Plain,
    /// With blobs.
    Blob,
}

impl TxPayload {
    /// The kind.
    pub const fn kind(&self) -> TxKind {
        match self {
            Self::Calldata(_) => TxKind::Plain,
            Self::Blobs(_) => TxKind::Blob,
        }
    }
}

/// One transaction to bring into the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxRequest {
    /// Receiver.
    pub to: Address,
    /// Calldata or blobs.
    pub payload: TxPayload,
    /// Wei to send along.
    pub value: U256,
    /// Gas limit; `None` for a receiver without code: the intrinsic gas then suffices.
    pub gas_limit: Option<u64>,
}

impl TxRequest {
    /// Data to an address without code, such as a batch inbox.
    pub const fn data(to: Address, payload: TxPayload) -> Self {
        Self {
            to,
            payload,
            value: U256::ZERO,
            gas_limit: None,
        }
    }
}

/// Why a request is not taken now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many as allowed are in flight.
    #[error("{in_flight} transactions are in flight, allowed are {max}")]
    Full {
        /// Not yet landed.
        in_flight: usize,
        /// Allowed.
        max: usize,
    },
    /// Transactions of the other kind are in flight, or have landed with too few blocks upon them.
    #[error("transactions of the other kind are in flight or not yet confirmed")]
    OtherKind,
    /// A blob transaction carries one to six blobs of 131,072 bytes.
    #[error("{0}")]
    Payload(String),
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxFailure {
    /// The transaction is in the chain but reverted.
    Reverted {
        /// The block that holds it.
        block: BlockId,
        /// Its hash.
        tx_hash: B256,
    },
    /// A transaction of ours from before a restart, which the L1 node had lost, took its nonce.
    Superseded {
        /// The block that holds the other.
        block: BlockId,
        /// Hash of the other.
        tx_hash: B256,
    },
    /// The L1 refuses the transaction itself.
    Rejected {
        /// The node's words.
        message: String,
    },
}

/// News of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxEvent {
    /// It is in a block.
    Landed {
        /// The request.
        id: TxId,
        /// The L1 block.
        block: BlockId,
        /// Hash of the transaction.
        tx_hash: B256,
        /// What it cost beside its value, in wei.
        cost: U256,
    },
    /// A reorg dropped the block it was in. It has been sent again and may land again.
    Reorged {
        /// The request.
        id: TxId,
        /// The block that is gone.
        block: BlockId,
        /// Hash of the transaction.
        tx_hash: B256,
    },
    /// Its block is final; the request is forgotten.
    Final {
        /// The request.
        id: TxId,
        /// The L1 block.
        block: BlockId,
    },
    /// It came to nothing; the request is forgotten.
    Failed {
        /// The request.
        id: TxId,
        /// Why.
        reason: TxFailure,
    },
    /// The balance does not cover the worst cost of what is in flight; nothing more is sent until it
    /// does.
    Unfunded {
        /// Wei on the account.
        have: U256,
        /// Wei needed.
        need: U256,
    },
    /// The hour's spending is used up; nothing more is sent until it is over.
    SpendingCap {
        /// Wei spent within the last hour.
        spent: U256,
    },
}
