//! `foggara inspect`: bytes from L1 to JSON.

use crate::exit::Usage;
use alloy::primitives::{Bytes, hex};
use clap::{Args, Subcommand};
use eyre::{Result, WrapErr};
use foggara_batch::{
    Batch, BatchContext, BatchReader, Ended, Frame, decode_payload, inflate, join_frames,
};
use foggara_primitives::{RollupConfig, constants::MAX_RLP_BYTES_PER_CHANNEL};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

/// Bytes read from a file or standard input at most.
const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What to decode.
#[derive(Debug, Subcommand)]
pub(crate) enum Inspect {
    /// A batch: version byte and content
    Batch(Input),
    /// A batcher payload (calldata or decoded blob): its frames
    Frame(Input),
    /// A channel, compressed, or the payloads that hold all of its frames: its batches
    Channel(Input),
}

/// Where the bytes come from.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Hex with 0x, a file of hex or raw bytes, or - for standard input; several payloads of one channel in order
    #[arg(required = true, value_name = "BYTES")]
    bytes: Vec<String>,
    /// rollup.json of the chain, for times and signatures of span batches
    #[arg(long, value_name = "FILE")]
    rollup: Option<PathBuf>,
}

/// Decodes and prints.
///
/// # Errors
/// The input cannot be read or does not decode; the message says at which part.
pub(crate) fn run(what: &Inspect) -> Result<()> {
    let value = match what {
        Inspect::Frame(input) => {
            let mut frames = Vec::new();
            for bytes in input.read()? {
                frames.extend(decode_payload(&bytes).wrap_err("not a batcher payload")?);
            }
            Value::from(frames.iter().map(frame_json).collect::<Vec<_>>())
        }
        Inspect::Batch(input) => {
            let context = input.context()?;
            let mut batches = Vec::new();
            for bytes in input.read()? {
                batches.push(batch_json(
                    &Batch::decode(&bytes, context).wrap_err("not a batch")?,
                ));
            }
            Value::from(batches)
        }
        Inspect::Channel(input) => channel(input)?,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &value)?;
    writeln!(out)?;
    Ok(())
}

fn channel(input: &Input) -> Result<Value> {
    let parts = input.read()?;
    let is_payload = parts.iter().all(|part| decode_payload(part).is_ok());
    let bytes = if is_payload {
        let mut frames = Vec::new();
        for part in &parts {
            frames.extend(decode_payload(part)?);
        }
        join_frames(&frames).wrap_err("the payloads do not hold one whole channel")?
    } else {
        parts.concat()
    };
    let limit = usize::try_from(MAX_RLP_BYTES_PER_CHANNEL)?;
    let inflated = inflate(&bytes, limit);
    let size = inflated.bytes.len();
    let ended = match inflated.ended {
        Ended::Complete => "complete",
        Ended::Limit => "limit",
        Ended::Error => "error",
    };
    let mut reader = BatchReader::new(inflated.bytes, input.context()?);
    let batches: Vec<Value> = reader.by_ref().map(|batch| batch_json(&batch)).collect();
    Ok(json!({
        "compressedSize": bytes.len(),
        "size": size,
        "ended": ended,
        "batches": batches,
        "error": reader.error().map(ToString::to_string),
    }))
}

fn frame_json(frame: &Frame) -> Value {
    json!({
        "channel": frame.id,
        "number": frame.number,
        "isLast": frame.is_last,
        "size": frame.data.len(),
        "data": frame.data,
    })
}

fn batch_json(batch: &Batch) -> Value {
    match batch {
        Batch::Singular(batch) => json!({
            "type": "singular",
            "parentHash": batch.parent_hash,
            "epoch": batch.epoch,
            "timestamp": batch.timestamp,
            "transactions": batch.transactions,
        }),
        Batch::Span(span) => json!({
            "type": "span",
            "relTimestamp": span.rel_timestamp,
            "l1OriginNum": span.l1_origin_num,
            "parentCheck": hex::encode_prefixed(span.parent_check),
            "l1OriginCheck": hex::encode_prefixed(span.l1_origin_check),
            "blocks": span.blocks().map(|block| json!({
                "timestamp": block.timestamp,
                "epochNum": block.epoch_num,
                "transactions": block.transactions,
            })).collect::<Vec<_>>(),
        }),
    }
}

impl Input {
    fn context(&self) -> Result<BatchContext> {
        let Some(path) = &self.rollup else {
            return Ok(BatchContext::default());
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("{}: {error}", path.display())))?;
        let config: RollupConfig = serde_json::from_str(&text)
            .map_err(|error| Usage(format!("{}: {error}", path.display())))?;
        Ok(BatchContext::of(&config))
    }

    fn read(&self) -> Result<Vec<Bytes>> {
        self.bytes.iter().map(|arg| read_one(arg)).collect()
    }
}

fn read_one(arg: &str) -> Result<Bytes> {
    if arg.starts_with("0x") {
        return Ok(hex::decode(arg)
            .map_err(|error| Usage(format!("not hex: {error}")))?
            .into());
    }
    let mut raw = Vec::new();
    if arg == "-" {
        std::io::stdin()
            .lock()
            .take(INPUT_BYTES_MAX)
            .read_to_end(&mut raw)?;
    } else {
        let file = std::fs::File::open(Path::new(arg))
            .map_err(|error| Usage(format!("{arg}: {error} (hex needs 0x in front)")))?;
        file.take(INPUT_BYTES_MAX).read_to_end(&mut raw)?;
    }
    let text = std::str::from_utf8(&raw).map(str::trim).unwrap_or_default();
    match hex::decode(text) {
        Ok(bytes) if !text.is_empty() => Ok(bytes.into()),
        _ => Ok(raw.into()),
    }
}
