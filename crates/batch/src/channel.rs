//! The compressing side of a channel. Not consensus: any compressor whose output inflates will do.

use crate::{BROTLI_CHANNEL, ChannelError, ChannelId, Frame, cut_frames, encode_content};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use brotli::enc::BrotliEncoderParams;

/// Brotli quality: 10, the last one before the slowest, which gains nothing on signatures.
pub const BROTLI_QUALITY: i32 = 10;
/// Largest brotli window, as a power of two: 4 MiB. Shorter content gets the smallest window that holds
/// all of it, which compresses as well and spares both sides the memory.
pub const BROTLI_WINDOW: i32 = 22;
const BROTLI_WINDOW_MIN: i32 = 16;

/// Compresses content into the bytes of a brotli channel, quality 10, window up to 22.
pub fn compress(content: &[u8]) -> Vec<u8> {
    let params = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: window(content.len()),
        size_hint: content.len(),
        ..Default::default()
    };
    let mut out = Vec::with_capacity(content.len() / 2);
    out.push(BROTLI_CHANNEL);
    let mut input = content;
    // Reading from a slice and writing to a vector have no error to give.
    let written = brotli::BrotliCompress(&mut input, &mut out, &params);
    debug_assert!(written.is_ok(), "{written:?}");
    out
}

/// RFC 7932: a window of `w` bits reaches back `2^w - 16` bytes.
fn window(length: usize) -> i32 {
    let holds = |bits: &i32| 1usize.checked_shl(bits.unsigned_abs()) >= length.checked_add(16);
    (BROTLI_WINDOW_MIN..BROTLI_WINDOW)
        .find(holds)
        .unwrap_or(BROTLI_WINDOW)
}

/// Compresses content into the bytes of a zlib channel, level 0 to 10.
pub fn compress_zlib(content: &[u8], level: u8) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(content, level)
}

/// Collects batches into one channel and cuts it into frames.
#[derive(Debug, Clone)]
pub struct ChannelBuilder {
    id: ChannelId,
    batches: Vec<Vec<u8>>,
}

impl ChannelBuilder {
    /// An empty channel. The id must never have been used before.
    pub const fn new(id: ChannelId) -> Self {
        Self {
            id,
            batches: Vec::new(),
        }
    }

    /// Adds a batch with its version byte.
    pub fn push(&mut self, batch: Vec<u8>) {
        self.batches.push(batch);
    }

    /// The compressed bytes.
    pub fn compress(&self) -> Bytes {
        compress(&encode_content(&self.batches)).into()
    }

    /// Compresses the channel and cuts it into frames of at most `data_size` bytes.
    ///
    /// # Errors
    /// [`ChannelError`]: the size is out of range, or too many frames would be needed.
    pub fn frames(&self, data_size: usize) -> Result<Vec<Frame>, ChannelError> {
        cut_frames(self.id, &self.compress(), data_size)
    }
}
