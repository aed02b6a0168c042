//! Blocks that are executed but not yet durable, on top of those that are.
//!
//! The next block is built on this while the commit of the last one syncs (`RELIABILITY.md` D5).

use crate::{ExecutedBlock, StateView, view::changed};
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::{AccountInfo, BlockId, SourceError, StateSource, TensorSource};
use foggara_trie::{Nibbles, NodeSource};
use std::{collections::HashMap, sync::Arc};

/// The state after a view's block and the blocks on top of it, newest last.
#[derive(Debug, Clone)]
pub struct Overlay {
    base: StateView,
    blocks: Vec<Arc<ExecutedBlock>>,
    /// Code the blocks created. Looked up only, never walked.
    code: HashMap<B256, Bytes>,
}

/// A block that does not stand on the one below it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {number} stands on {parent}, the overlay ends at {tip}")]
pub struct NotOnTop {
    /// Number of the block.
    pub number: u64,
    /// Its parent.
    pub parent: B256,
    /// Hash of the overlay's newest block.
    pub tip: B256,
}

impl Overlay {
    /// An overlay of `blocks`, oldest first, on `base`.
    ///
    /// # Errors
    /// [`NotOnTop`]: a block does not stand on the one before it.
    pub fn new(
        base: StateView,
        blocks: impl IntoIterator<Item = Arc<ExecutedBlock>>,
    ) -> Result<Self, NotOnTop> {
        let mut overlay = Self {
            base,
            blocks: Vec::new(),
            code: HashMap::new(),
        };
        for block in blocks {
            overlay.push(block)?;
        }
        Ok(overlay)
    }

    /// Puts a block on top.
    ///
    /// # Errors
    /// [`NotOnTop`]: it does not stand on the newest one.
    pub fn push(&mut self, block: Arc<ExecutedBlock>) -> Result<(), NotOnTop> {
        let tip = self.tip();
        let header = &block.header;
        if header.parent_hash != tip.hash || header.number != tip.number.saturating_add(1) {
            let (number, parent) = (header.number, header.parent_hash);
            return Err(NotOnTop {
                number,
                parent,
                tip: tip.hash,
            });
        }
        for change in block.diff.accounts.values() {
            if let (Some(code), Some(info)) = (&change.new_code, &change.info) {
                self.code.insert(info.code_hash, code.clone());
            }
        }
        self.blocks.push(block);
        Ok(())
    }

    /// The newest block.
    pub fn tip(&self) -> BlockId {
        self.blocks.last().map_or_else(
            || self.base.id(),
            |block| BlockId {
                hash: block.hash,
                number: block.header.number,
            },
        )
    }

    /// State root after the newest block.
    pub fn state_root(&self) -> B256 {
        let root = self.blocks.last().map(|block| block.header.state_root);
        root.unwrap_or_else(|| self.base.state_root())
    }

    /// The state below the blocks.
    pub(crate) const fn base(&self) -> &StateView {
        &self.base
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> &[Arc<ExecutedBlock>] {
        &self.blocks
    }
}

impl From<StateView> for Overlay {
    fn from(base: StateView) -> Self {
        Self {
            base,
            blocks: Vec::new(),
            code: HashMap::new(),
        }
    }
}

impl StateSource for Overlay {
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        let mut newest_first = self.blocks.iter().rev();
        match newest_first.find_map(|block| block.diff.accounts.get(&address)) {
            Some(change) => Ok(change.info),
            None => self.base.account(address),
        }
    }

    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        for block in self.blocks.iter().rev() {
            let Some(change) = block.diff.accounts.get(&address) else {
                continue;
            };
            if change.info.is_none() {
                return Ok(U256::ZERO);
            }
            if let Some(value) = change.storage.get(&slot) {
                return Ok(*value);
            }
            if change.storage_wiped {
                return Ok(U256::ZERO);
            }
        }
        self.base.storage(address, slot)
    }

    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError> {
        match self.code.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code(code_hash),
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        match self
            .blocks
            .iter()
            .rev()
            .find(|block| block.header.number == number)
        {
            Some(block) => Ok(block.hash),
            None => self.base.block_hash(number),
        }
    }

    fn tensors(&mut self) -> Arc<dyn TensorSource> {
        self.tensor_source()
    }
}

impl NodeSource for Overlay {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        match self
            .blocks
            .iter()
            .rev()
            .find_map(|block| changed(&block.trie, owner, path))
        {
            Some(Some(node)) => Ok(node),
            Some(None) => Err(SourceError(format!(
                "no node {hash} at {path:?} of {owner:?}"
            ))),
            None => self.base.node(owner, path, hash),
        }
    }
}
