//! What can go wrong with an L1, grouped by what the caller does next.

use alloy_primitives::B256;
use foggara_derive::Severity;

/// Why an L1 node refuses a transaction, read from its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// A transaction with this nonce is in the chain.
    NonceTooLow,
    /// The nonce leaves too wide a gap.
    NonceTooHigh,
    /// The node holds these bytes.
    AlreadyKnown,
    /// The fees are too low to enter or to replace.
    Underpriced,
    /// The balance does not cover the worst cost.
    InsufficientFunds,
    /// The account has transactions of the other kind (blob or not) in flight.
    AccountReserved,
    /// The blob sidecar is not in the form this L1 wants.
    Sidecar,
    /// Anything else: the transaction itself is refused.
    Invalid,
}

impl Rejection {
    /// Reads a node's error message. Source: the error texts of geth, reth and anvil.
    pub fn of_message(message: &str) -> Self {
        let text = message.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&["nonce too low", "nonce is too low"]) {
            Self::NonceTooLow
        } else if has(&["nonce too high", "nonce gap", "gapped nonce"]) {
            Self::NonceTooHigh
        } else if has(&["already known", "already imported", "known transaction"]) {
            Self::AlreadyKnown
        } else if has(&[
            "underpriced",
            "less than block base fee",
            "fee cap less than",
            "fee too low",
            "max fee per gas less",
        ]) {
            Self::Underpriced
        } else if has(&["insufficient funds", "insufficient balance"]) {
            Self::InsufficientFunds
        } else if has(&["address already reserved", "already reserved"]) {
            Self::AccountReserved
        } else if has(&["sidecar", "cell proof", "blob proof", "kzg"]) {
            Self::Sidecar
        } else {
            Self::Invalid
        }
    }
}

/// A failed conversation with an L1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum L1Error {
    /// The node cannot be reached or broke the connection.
    #[error("L1 {endpoint} cannot be reached: {reason}")]
    Transport {
        /// Host and port.
        endpoint: String,
        /// What the transport said.
        reason: String,
    },
    /// No answer in time.
    #[error("L1 {endpoint} did not answer {what} within {after_ms} ms")]
    Timeout {
        /// Host and port.
        endpoint: String,
        /// Method or path.
        what: String,
        /// Milliseconds waited.
        after_ms: u64,
    },
    /// The answer is larger than allowed.
    #[error("L1 {endpoint}: the answer to {what} is larger than {max_bytes} bytes")]
    TooLarge {
        /// Host and port.
        endpoint: String,
        /// Method or path.
        what: String,
        /// Bytes allowed.
        max_bytes: usize,
    },
    /// The node answered with an error.
    #[error("L1 refused {method}: {message} (code {code})")]
    Rpc {
        /// JSON-RPC method or REST path.
        method: String,
        /// JSON-RPC error code or HTTP status.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The answer has another shape.
    #[error("L1 answer to {what} cannot be read: {reason}")]
    Decode {
        /// Method or path.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A URL that no client can be made for.
    #[error("L1 URL {url} cannot be used: {reason}")]
    Url {
        /// The URL given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The node does not have this yet.
    #[error("L1 has no {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A block known by hash is gone: another branch is canonical.
    #[error("L1 block {hash} is no longer known")]
    Reorged {
        /// The block asked for.
        hash: B256,
    },
    /// Data does not match its commitment.
    #[error("L1 answer is wrong: {what} is {got}, committed is {expected}")]
    Mismatch {
        /// Which commitment.
        what: &'static str,
        /// The commitment.
        expected: B256,
        /// What the data gives.
        got: B256,
    },
    /// No source has these blobs.
    #[error("{missing} blobs of L1 block {block} are nowhere to be found, first {first}")]
    BlobsMissing {
        /// Number of the L1 block.
        block: u64,
        /// How many are missing.
        missing: usize,
        /// Versioned hash of the first.
        first: B256,
    },
    /// The L1 is another chain.
    #[error("L1 has chain id {got}, expected {expected}")]
    ChainId {
        /// Configured.
        expected: u64,
        /// Seen.
        got: u64,
    },
    /// The L1 dropped a block that it had called final.
    #[error(
        "L1 reorganised below its finalized block {finalized}: the fork is at {fork}; it is a wrong or faulty L1"
    )]
    ReorgBelowFinalized {
        /// Number of the finalized block.
        finalized: u64,
        /// Number of the last common block.
        fork: u64,
    },
    /// A reorg reaches below all remembered blocks.
    #[error("L1 reorganised below block {oldest}, the oldest that is remembered")]
    ReorgTooDeep {
        /// Number of the oldest remembered block.
        oldest: u64,
    },
    /// A transaction was refused.
    #[error("L1 refused the transaction: {message}")]
    Rejected {
        /// What it means.
        kind: Rejection,
        /// The node's words.
        message: String,
    },
    /// Blob data that KZG cannot commit to, or a sidecar that does not verify.
    #[error("blob is not valid: {0}")]
    Blob(String),
    /// A nonce of our account was used by somebody else.
    #[error("nonce {nonce} of our account was used by a stranger: the key has leaked or is shared")]
    Stranger {
        /// The nonce.
        nonce: u64,
    },
    /// Transactions of our account revert one after the other.
    #[error("{count} transactions of our account reverted in a row")]
    Reverts {
        /// How many.
        count: u32,
    },
    /// The key cannot sign.
    #[error("signer failed: {0}")]
    Signer(String),
    /// What is about to be sent could not be recorded.
    #[error("{0}")]
    Intent(String),
    /// The node is stopping: nothing is asked any more.
    #[error("the node is stopping")]
    Stopped,
    /// The in-process L1 itself is broken.
    #[error("development L1 failed: {0}")]
    Node(String),
}

impl L1Error {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Transport { .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::Stopped
            | Self::Rpc { .. }
            | Self::Decode { .. }
            | Self::NotFound { .. }
            | Self::Mismatch { .. }
            | Self::BlobsMissing { .. }
            | Self::Rejected { .. } => Severity::Retry,
            Self::Reorged { .. } => Severity::Reset,
            Self::Url { .. }
            | Self::ChainId { .. }
            | Self::ReorgBelowFinalized { .. }
            | Self::ReorgTooDeep { .. }
            | Self::Blob(_)
            | Self::Stranger { .. }
            | Self::Reverts { .. }
            | Self::Signer(_)
            | Self::Intent(_)
            | Self::Node(_) => Severity::Fatal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One answer that is too long ended the node, while its promises stood.
    #[test]
    fn an_answer_that_is_too_long_is_asked_for_again() {
        let error = L1Error::TooLarge {
            endpoint: "localhost:8545".into(),
            what: "eth_getBlockReceipts".into(),
            max_bytes: 64 << 20,
        };
        assert_eq!(error.severity(), Severity::Retry);
        let text =
            "L1 localhost:8545: the answer to eth_getBlockReceipts is larger than 67108864 bytes";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn reads_the_words_of_known_nodes() {
        for (message, kind) in [
            (
                "nonce too low: next nonce 5, tx nonce 4",
                Rejection::NonceTooLow,
            ),
            ("already known", Rejection::AlreadyKnown),
            ("transaction already imported", Rejection::AlreadyKnown),
            (
                "replacement transaction underpriced",
                Rejection::Underpriced,
            ),
            (
                "max fee per gas less than block base fee",
                Rejection::Underpriced,
            ),
            (
                "Insufficient funds for gas * price + value",
                Rejection::InsufficientFunds,
            ),
            ("address already reserved", Rejection::AccountReserved),
            ("invalid sidecar version", Rejection::Sidecar),
            ("intrinsic gas too low", Rejection::Invalid),
        ] {
            assert_eq!(Rejection::of_message(message), kind, "{message}");
        }
    }
}
