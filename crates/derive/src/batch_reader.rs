//! Stage 5: batches of a complete channel, one by one; spans are walked, never expanded.

use alloc::vec::Vec;
use foggara_batch::{
    Batch, BatchContext, BatchError, BatchReader, SingularBatch, SpanBatch, SpanBlock, SpanBlocks,
};

/// Reads the decompressed bytes of a channel.
#[derive(Debug)]
pub(crate) struct ChannelReader {
    batches: BatchReader,
    span: Option<SpanBlocks>,
}

/// What comes next in the channel.
#[derive(Debug)]
pub(crate) enum Item {
    /// A singular batch.
    Singular(SingularBatch),
    /// A span batch that was not judged yet.
    Span(SpanBatch),
    /// The next block of the span batch that was accepted.
    Block(SpanBlock),
}

impl ChannelReader {
    pub(crate) fn new(bytes: Vec<u8>, context: BatchContext) -> Self {
        Self {
            batches: BatchReader::new(bytes, context),
            span: None,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Item> {
        if let Some(block) = self.span.as_mut().and_then(Iterator::next) {
            return Some(Item::Block(block));
        }
        self.span = None;
        match self.batches.next()? {
            Batch::Singular(batch) => Some(Item::Singular(batch)),
            Batch::Span(batch) => Some(Item::Span(batch)),
        }
    }

    /// Why the channel ended early, if it did.
    pub(crate) const fn error(&self) -> Option<&BatchError> {
        self.batches.error()
    }

    /// Accepts a span: its blocks come next, without the first `skip`.
    pub(crate) fn open_span(&mut self, span: &SpanBatch, skip: u64) {
        let mut blocks = span.blocks();
        pass_over(&mut blocks, skip);
        self.span = Some(blocks);
    }

    /// Passes over batches that were taken before a restart, spans flattened, without judging them.
    /// `false` if there are fewer.
    pub(crate) fn skip(&mut self, mut taken: u64) -> bool {
        while taken > 0 {
            match self.next() {
                Some(Item::Singular(_) | Item::Block(_)) => taken = taken.saturating_sub(1),
                Some(Item::Span(span)) if span.block_count() <= taken => {
                    taken = taken.saturating_sub(span.block_count());
                }
                Some(Item::Span(span)) => {
                    self.open_span(&span, taken);
                    taken = 0;
                }
                None => return false,
            }
        }
        true
    }
}

fn pass_over(blocks: &mut SpanBlocks, count: u64) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if let Some(last) = count.checked_sub(1) {
        let _ = blocks.nth(last);
    }
}
