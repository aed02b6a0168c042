//! Which block a parameter names.

use crate::{
    error::{Answer, of_store, unknown_block},
    node::Node,
    params::{BlockParam, BlockTag},
};
use alloy_primitives::Bytes;
use foggara_primitives::Heads;
use foggara_store::{StateView, Store, StoredBlock, StoredHeader};

impl Node {
    pub(crate) const fn store(&self) -> &Store {
        &self.context.store
    }

    pub(crate) fn heads(&self) -> Heads {
        self.store().heads()
    }

    /// Number of the first block.
    pub(crate) fn genesis(&self) -> u64 {
        self.context.spec.genesis.number
    }

    /// The number that a tag names; it may lie beyond the head.
    pub(crate) fn number_of(&self, tag: BlockTag) -> u64 {
        let heads = self.heads();
        match tag {
            BlockTag::Earliest => self.genesis(),
            BlockTag::Finalized => heads.finalized.number,
            BlockTag::Safe => heads.safe.number,
            BlockTag::Latest | BlockTag::Pending => heads.unsafe_.number,
            BlockTag::Number(number) => number,
        }
    }

    /// The number of the block that a parameter names, if there is such a block.
    pub(crate) fn find(&self, block: BlockParam) -> Answer<Option<u64>> {
        match block {
            BlockParam::Hash(hash) => self.store().block_number(hash).map_err(of_store),
            BlockParam::Tag(tag) => {
                let number = self.number_of(tag);
                Ok((number <= self.heads().unsafe_.number).then_some(number))
            }
        }
    }

    /// As [`Self::find`], where no block is an error.
    pub(crate) fn expect(&self, block: BlockParam) -> Answer<u64> {
        self.find(block)?.ok_or_else(|| match block {
            BlockParam::Hash(hash) => unknown_block(hash),
            BlockParam::Tag(tag) => unknown_block(self.number_of(tag)),
        })
    }

    pub(crate) fn block(&self, block: BlockParam) -> Answer<Option<StoredBlock>> {
        match block {
            BlockParam::Hash(hash) => self.store().block_by_hash(hash).map_err(of_store),
            BlockParam::Tag(tag) => self.store().block(self.number_of(tag)).map_err(of_store),
        }
    }

    pub(crate) fn header(&self, number: u64) -> Answer<StoredHeader> {
        let found = self.store().header(number).map_err(of_store)?;
        found.ok_or_else(|| unknown_block(number))
    }

    pub(crate) fn block_and_receipts(
        &self,
        block: BlockParam,
    ) -> Answer<Option<(StoredBlock, Vec<Bytes>)>> {
        let Some(number) = self.find(block)? else {
            return Ok(None);
        };
        let found = self.store().block_and_receipts(number).map_err(of_store)?;
        // An unwind may have put another block there between the two reads.
        Ok(found.filter(|(found, _)| match block {
            BlockParam::Hash(hash) => found.hash == hash,
            BlockParam::Tag(_) => true,
        }))
    }

    /// The state after the block that a parameter names.
    pub(crate) fn state(&self, block: BlockParam) -> Answer<StateView> {
        match block {
            BlockParam::Tag(BlockTag::Latest | BlockTag::Pending) => {
                self.store().latest_view().map_err(of_store)
            }
            BlockParam::Hash(hash) => {
                let state = self.store().view_at(self.expect(block)?);
                let state = state.map_err(of_store)?;
                if state.header().hash == hash {
                    Ok(state)
                } else {
                    Err(unknown_block(hash))
                }
            }
            other => self.store().view_at(self.expect(other)?).map_err(of_store),
        }
    }
}
