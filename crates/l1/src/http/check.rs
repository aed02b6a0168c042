//! Nothing an outside server says is used before it matches its commitment.

use crate::{L1Block, L1Error, L1Receipt};
use alloy_consensus::{Header, proofs::ordered_trie_root_encoded};
use alloy_primitives::{B256, Bytes};

fn equal(what: &'static str, expected: B256, got: B256) -> Result<(), L1Error> {
    if expected == got {
        Ok(())
    } else {
        Err(L1Error::Mismatch {
            what,
            expected,
            got,
        })
    }
}

fn root(items: &[Bytes]) -> B256 {
    ordered_trie_root_encoded(items)
}

/// The header hashes to what the server calls it and, if it was asked for by hash, to that.
pub(super) fn header(header: &Header, claimed: B256, asked: Option<B256>) -> Result<(), L1Error> {
    equal("block hash", asked.unwrap_or(claimed), header.hash_slow())
}

/// The transactions are those the header commits to.
pub(super) fn transactions(block: &L1Block) -> Result<(), L1Error> {
    let encoded: Vec<_> = block
        .transactions
        .iter()
        .map(crate::L1Tx::encoded)
        .collect();
    equal(
        "transactions root",
        block.header.transactions_root,
        root(&encoded),
    )
}

/// The receipts are those the header commits to.
pub(super) fn receipts(header: &Header, receipts: &[L1Receipt]) -> Result<(), L1Error> {
    let encoded: Vec<_> = receipts.iter().map(L1Receipt::encoded).collect();
    equal("receipts root", header.receipts_root, root(&encoded))
}
