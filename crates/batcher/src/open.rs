//! The channel being filled.
//!
//! Blocks go into one span batch until its compressed size, estimated by the ratio of the last true
//! compression, reaches a mark; then it is compressed. That is repeated with a better ratio each time.
//! If it came out too large, blocks go back to the queue; between the largest count known to fit and
//! the smallest known not to fit the search ends, at the latest when they are neighbours.

use crate::{CloseReason, EncoderError, block::Link};
use alloy_primitives::Bytes;
use foggara_batch::{BatchContext, BuildError, ChannelId, SpanBuilder, compress, encode_content};
use std::collections::VecDeque;

/// Per cent of the target.
const FIRST_MARK: usize = 90;
const LATER_MARK: usize = 98;
const FULL: usize = 97;

/// One span batch that grows.
#[derive(Debug)]
pub(crate) struct OpenChannel {
    pub(crate) id: ChannelId,
    pub(crate) blocks: Vec<Link>,
    builder: SpanBuilder,
    /// Raw and compressed size at the last compression.
    measured: Option<(usize, usize)>,
    /// Largest count of blocks known to fit, and their channel.
    fitting: Option<(usize, Bytes)>,
    /// Smallest count of blocks known not to fit.
    too_many: Option<usize>,
}

/// What filling came to.
#[derive(Debug)]
pub(crate) enum Filled {
    /// All blocks are in and there is room for more.
    Waiting,
    /// Something was done; call again.
    Worked,
    /// The channel is full; its bytes.
    Full(Bytes, CloseReason),
}

impl OpenChannel {
    pub(crate) fn new(id: ChannelId, context: BatchContext) -> Self {
        Self {
            id,
            blocks: Vec::new(),
            builder: SpanBuilder::new(context),
            measured: None,
            fitting: None,
            too_many: None,
        }
    }

    /// Takes blocks from the queue, or compresses once. A single block that exceeds the target makes
    /// a channel of its own, which takes more frames.
    pub(crate) fn fill(
        &mut self,
        queue: &mut VecDeque<Link>,
        target: usize,
        max_content: usize,
    ) -> Result<Filled, EncoderError> {
        let before = self.blocks.len();
        let mark = if self.measured.is_some() {
            LATER_MARK
        } else {
            FIRST_MARK
        };
        while self.may_grow()
            && self.estimate() < target * mark / 100
            && self.builder.size() < max_content
        {
            let Some(block) = queue.pop_front() else {
                return Ok(Filled::Waiting);
            };
            if !self.push(&block)? {
                queue.push_front(block);
                return Ok(Filled::Full(self.compressed(), CloseReason::Content));
            }
        }
        let bytes = self.compressed();
        let count = self.blocks.len();
        if bytes.len() <= target {
            if self.builder.size() >= max_content {
                return Ok(Filled::Full(bytes, CloseReason::Content));
            }
            // Measured before and no block added: the estimate sees no room either.
            let stuck = self
                .fitting
                .as_ref()
                .is_some_and(|(fits, _)| *fits == count)
                && before == count;
            if bytes.len() >= target * FULL / 100 || !self.may_grow() || stuck {
                return Ok(Filled::Full(bytes, CloseReason::Size));
            }
            self.fitting = Some((count, bytes));
            return Ok(Filled::Worked);
        }
        self.too_many = Some(count);
        if count == 1 {
            return Ok(Filled::Full(bytes, CloseReason::Size));
        }
        match self.fitting.take() {
            Some((fits, bytes)) if fits + 1 == count => {
                self.pop(queue);
                Ok(Filled::Full(bytes, CloseReason::Size))
            }
            fitting => {
                let least = fitting.as_ref().map_or(1, |(fits, _)| fits + 1);
                self.fitting = fitting;
                while self.blocks.len() > least {
                    self.pop(queue);
                    if self.estimate() <= target * LATER_MARK / 100 {
                        break;
                    }
                }
                Ok(Filled::Worked)
            }
        }
    }

    /// Compresses what is there. `None` if that exceeds the target: fill again.
    pub(crate) fn close(&mut self, target: usize) -> Option<Bytes> {
        let bytes = self.compressed();
        (bytes.len() <= target || self.blocks.len() == 1).then_some(bytes)
    }

    fn may_grow(&self) -> bool {
        self.too_many
            .is_none_or(|count| self.blocks.len() + 1 < count)
    }

    /// `false`: the batch takes no more.
    fn push(&mut self, block: &Link) -> Result<bool, EncoderError> {
        match self.builder.push(&block.input()) {
            Ok(()) => {
                self.blocks.push(block.clone());
                Ok(true)
            }
            Err(BuildError::Full) if !self.blocks.is_empty() => Ok(false),
            Err(error) => Err(EncoderError::Unencodable {
                number: block.l2.number,
                error,
            }),
        }
    }

    fn pop(&mut self, queue: &mut VecDeque<Link>) {
        if let Some(block) = self.blocks.pop() {
            self.builder.pop();
            queue.push_front(block);
        }
    }

    /// Compressed size by the last ratio, and at least what the signatures take.
    fn estimate(&self) -> usize {
        let raw = self.builder.size();
        let by_ratio = match self.measured {
            Some((measured, compressed)) if measured > 0 => raw * compressed / measured,
            _ => raw,
        };
        by_ratio.max(usize::try_from(self.builder.tx_count()).unwrap_or(usize::MAX) * 60)
    }

    fn compressed(&mut self) -> Bytes {
        if let Some((count, bytes)) = &self.fitting
            && *count == self.blocks.len()
        {
            return bytes.clone();
        }
        let content = encode_content(&[self.builder.encode()]);
        let bytes = Bytes::from(compress(&content));
        self.measured = Some((self.builder.size(), bytes.len()));
        bytes
    }
}
