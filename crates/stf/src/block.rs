//! A sealed block with everything that its execution produced.

use crate::TxTrace;
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use foggara_primitives::{L2Ref, OutputRoot, StateDiff, StoredTensor, output_root_v0};
use foggara_trie::TrieUpdates;

/// A sealed block: what a store writes in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedBlock {
    /// Header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// EIP-2718 transactions in order.
    pub transactions: Vec<Bytes>,
    /// Sender of each transaction.
    pub senders: Vec<Address>,
    /// EIP-2718 receipt with bloom of each transaction.
    pub receipts: Vec<Bytes>,
    /// Values that differ from the parent state.
    pub diff: StateDiff,
    /// Trie nodes that differ from those of the parent.
    pub trie: TrieUpdates,
    /// Accumulators after each transaction.
    pub trace: Vec<TxTrace>,
    /// Tensors that it made and that have a record after it, ascending by id.
    pub tensors: Vec<StoredTensor>,
    /// Place in L1; `None` for a block of plain Ethereum.
    pub l2: Option<L2Ref>,
}

impl ExecutedBlock {
    /// Output root of the block; `None` if the header has no withdrawals root.
    pub fn output_root(&self) -> Option<OutputRoot> {
        let passer = self.header.withdrawals_root?;
        Some(output_root_v0(self.header.state_root, passer, self.hash))
    }
}
