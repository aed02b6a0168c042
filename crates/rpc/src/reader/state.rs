//! The block that a call runs in.

use crate::{
    error::Answer,
    node::Node,
    params::{BlockParam, BlockTag},
};
use foggara_evm::{BlockContext, base_fee_of_next};
use foggara_store::StateView;

/// What a call on top of this state sees of its block: the block itself, or the next one for `pending`.
pub(crate) fn context_of(node: &Node, block: BlockParam, state: &StateView) -> BlockContext {
    let header = &state.header().header;
    let mut context = BlockContext::of(header);
    if block == BlockParam::Tag(BlockTag::Pending) {
        context.number = context.number.saturating_add(1);
        context.timestamp = context
            .timestamp
            .saturating_add(node.context.spec.rollup.block_time);
        context.base_fee = base_fee_of_next(&node.context.spec, header);
    }
    context
}

impl Node {
    /// State and block for a call.
    pub(crate) fn call_site(&self, block: BlockParam) -> Answer<(StateView, BlockContext)> {
        let state = self.state(block)?;
        let context = context_of(self, block, &state);
        Ok((state, context))
    }
}
