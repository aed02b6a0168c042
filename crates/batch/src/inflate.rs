//! The decompressed bytes of a channel, clipped at a limit.
//!
//! | first byte | compression |
//! |---|---|
//! | low nibble 8 or 15 | zlib, the byte being part of the stream |
//! | 1 | brotli behind it, window of at most 16 MiB as RFC 7932 has it |
//!
//! What a stream yields before its end, before the limit, or before it turns out to be broken counts
//! (reading R5); bytes behind the end of the stream are ignored. Both decoders are pinned, because
//! how far they get into a broken stream is consensus. Source: OP derivation "Channel Format",
//! fjord/derivation "Brotli Channel Compression".

use crate::heap::Heap;
use alloc::{boxed::Box, vec::Vec};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress,
        inflate_flags::{TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};

/// First byte of a brotli channel.
pub const BROTLI_CHANNEL: u8 = 1;

/// Why decompression stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The stream was complete and its check sum right.
    Complete,
    /// The limit was reached; the bytes are clipped at it.
    Limit,
    /// The stream is truncated, broken, or of no known compression.
    Error,
}

/// What a channel decompresses to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inflated {
    /// The bytes, at most as many as the limit.
    pub bytes: Vec<u8>,
    /// Why they end.
    pub ended: Ended,
}

/// Decompresses a channel to at most `limit` bytes.
///
/// Memory is at most twice the output plus a window of 16 MiB. Never fails: a broken channel gives
/// the bytes before the break.
pub fn inflate(channel: &[u8], limit: usize) -> Inflated {
    match channel.split_first() {
        Some((first, _)) if matches!(first & 0x0f, 8 | 15) => zlib(channel, limit),
        Some((&BROTLI_CHANNEL, stream)) => brotli(stream, limit),
        _ => Inflated {
            bytes: Vec::new(),
            ended: Ended::Error,
        },
    }
}

/// Room for output: grows by doubling up to one byte more than the limit, so that a stream that ends
/// exactly at the limit is told from one that goes on.
#[derive(Debug)]
struct Output {
    bytes: Vec<u8>,
    used: usize,
    limit: usize,
}

impl Output {
    const FIRST: usize = 1 << 16;

    const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            used: 0,
            limit,
        }
    }

    /// Makes room; `false` at the limit.
    fn grow(&mut self) -> bool {
        let max = self.limit.saturating_add(1);
        if self.used < self.bytes.len() {
            return true;
        }
        if self.used >= max {
            return false;
        }
        let size = self
            .bytes
            .len()
            .saturating_mul(2)
            .clamp(Self::FIRST.min(max), max);
        self.bytes
            .reserve_exact(size.saturating_sub(self.bytes.len()));
        self.bytes.resize(size, 0);
        true
    }

    fn finish(mut self, ended: Ended) -> Inflated {
        let over = self.used > self.limit;
        self.bytes.truncate(self.used.min(self.limit));
        Inflated {
            bytes: self.bytes,
            ended: if over { Ended::Limit } else { ended },
        }
    }
}

fn zlib(mut input: &[u8], limit: usize) -> Inflated {
    let mut state = Box::<DecompressorOxide>::default();
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut out = Output::new(limit);
    while out.grow() {
        let (status, read, written) =
            decompress(&mut state, input, &mut out.bytes, out.used, flags);
        input = input.get(read..).unwrap_or_default();
        out.used = out.used.saturating_add(written);
        match status {
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::Done => return out.finish(Ended::Complete),
            _ => return out.finish(Ended::Error),
        }
    }
    out.finish(Ended::Limit)
}

fn brotli(input: &[u8], limit: usize) -> Inflated {
    let mut state = BrotliState::new_strict(Heap, Heap, Heap);
    let (mut available_in, mut input_offset, mut total) = (input.len(), 0, 0);
    let mut out = Output::new(limit);
    while out.grow() {
        let mut available_out = out.bytes.len().saturating_sub(out.used);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut input_offset,
            input,
            &mut available_out,
            &mut out.used,
            &mut out.bytes,
            &mut total,
            &mut state,
        );
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultSuccess => return out.finish(Ended::Complete),
            BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => {
                return out.finish(Ended::Error);
            }
        }
    }
    out.finish(Ended::Limit)
}
