//! A source in memory, for tests of any crate: plain state and trie nodes of one chain.

use crate::ExecutedBlock;
use alloc::sync::Arc;
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_evm::MapState;
use foggara_primitives::{AccountInfo, SourceError, StateSource, TensorSource};
use foggara_trie::{MapNodes, Nibbles, NodeSource};

/// State and trie nodes at the newest block applied to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemorySource {
    /// The state by value.
    pub state: MapState,
    /// The nodes of its tries.
    pub nodes: MapNodes,
}

impl MemorySource {
    /// The state of a genesis block.
    pub fn new(genesis: &ExecutedBlock) -> Self {
        let mut source = Self::default();
        source.apply(genesis);
        source
    }

    /// Moves on by one block.
    pub fn apply(&mut self, block: &ExecutedBlock) {
        self.state.apply(&block.diff);
        self.state.keep(&block.tensors);
        self.nodes.apply(&block.trie);
        self.state.hashes.insert(block.header.number, block.hash);
    }
}

impl StateSource for MemorySource {
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        self.state.account(address)
    }
    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        self.state.storage(address, slot)
    }
    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError> {
        self.state.code(code_hash)
    }
    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        self.state.block_hash(number)
    }
    fn tensors(&mut self) -> Arc<dyn TensorSource> {
        self.state.tensors()
    }
}

impl NodeSource for MemorySource {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        self.nodes.node(owner, path, hash)
    }
}
