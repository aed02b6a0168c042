#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

extern crate alloc;

mod batch;
pub mod blob;
#[cfg(feature = "std")]
mod channel;
mod frame;
mod heap;
mod inflate;
mod input;
mod reader;
mod singular;
mod span;
mod span_builder;
mod span_tx;

pub use batch::{
    Batch, BatchContext, BatchError, MAX_BLOCK_TRANSACTIONS, SINGULAR_BATCH, SPAN_BATCH,
};
pub use blob::BlobError;
#[cfg(feature = "std")]
pub use channel::{BROTLI_QUALITY, BROTLI_WINDOW, ChannelBuilder, compress, compress_zlib};
pub use frame::{
    ChannelError, ChannelId, Frame, FrameError, cut_frames, decode_payload, encode_payload,
    join_frames,
};
pub use inflate::{BROTLI_CHANNEL, Ended, Inflated, inflate};
pub use reader::{BatchReader, encode_content};
pub use singular::SingularBatch;
pub use span::{SpanBatch, SpanBlock, SpanBlocks};
pub use span_builder::{BuildError, SpanBlockInput, SpanBuilder};
pub use span_tx::TxError;
