//! Golden vectors of the byte formats, one case a file in `testdata/{frame,blob,channel,batch}/`.
//!
//! Each file holds an input and what it reads as; the test reads the input again and compares. With
//! `FOGGARA_WRITE_VECTORS=1` the files are written anew from the cases below: an unexplained change
//! in them is a broken format.

mod common;

use alloy_primitives::{Bytes, hex, keccak256};
use brotli::enc::BrotliEncoderParams;
use common::{Block, CONTEXT, b256, blocks, builder, rng};
use foggara_batch::{
    Batch, BatchContext, BatchReader, ChannelId, Frame, SingularBatch, blob, compress,
    compress_zlib, decode_payload, encode_content, encode_payload, inflate,
};
use foggara_primitives::{BlockId, constants::BLOB_MAX_DATA};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

fn text(bytes: &[u8]) -> Value {
    hex::encode_prefixed(bytes).into()
}

fn field(case: &Value, name: &str) -> Vec<u8> {
    hex::decode(case[name].as_str().expect("a hex field")).expect("hex")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads the input of every file of a format again and compares with the whole file.
fn check(format: &str, read_again: impl Fn(&Value) -> Value) {
    let mut count = 0;
    for entry in fs::read_dir(testdata().join(format)).unwrap() {
        let path = entry.unwrap().path();
        let case = read(&path);
        assert_eq!(read_again(&case), case, "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "testdata/{format} is empty");
}

#[test]
fn frame() {
    check("frame", |case| frame_case(&field(case, "payload")));
}

#[test]
fn blob_encoding() {
    check("blob", |case| blob_case(&field(case, "blob")));
}

#[test]
fn channel() {
    check("channel", |case| {
        let limit = usize::try_from(case["limit"].as_u64().unwrap()).unwrap();
        channel_case(&field(case, "channel"), limit)
    });
}

#[test]
fn batch() {
    check("batch", |case| {
        let context = BatchContext {
            chain_id: case["chain_id"].as_u64().unwrap(),
            genesis_time: case["genesis_time"].as_u64().unwrap(),
            block_time: case["block_time"].as_u64().unwrap(),
        };
        batch_case(&field(case, "batch"), context)
    });
}

/// Every case below has its file, and no file is without a case.
#[test]
fn vectors_are_complete() {
    let cases = cases();
    if std::env::var_os("FOGGARA_WRITE_VECTORS").is_some() {
        for (format, name, case) in &cases {
            let folder = testdata().join(format);
            fs::create_dir_all(&folder).unwrap();
            let text = serde_json::to_string_pretty(case).unwrap();
            fs::write(folder.join(name).with_extension("json"), text + "\n").unwrap();
        }
    }
    for format in ["frame", "blob", "channel", "batch"] {
        let expected: BTreeSet<String> = cases
            .iter()
            .filter(|(of, ..)| *of == format)
            .map(|(_, name, _)| format!("{name}.json"))
            .collect();
        let found: BTreeSet<String> = fs::read_dir(testdata().join(format))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".json"))
            .collect();
        assert_eq!(found, expected, "testdata/{format}");
    }
    for (format, name, case) in cases {
        // A new version of the compressor may write another channel, which must read the same.
        let mut stored = read(&testdata().join(format).join(name).with_extension("json"));
        if format == "channel" {
            stored["channel"] = case["channel"].clone();
        }
        assert_eq!(stored, case, "{format}/{name}");
    }
}

fn frame_case(payload: &[u8]) -> Value {
    let frame = |frame: &Frame| {
        json!({
            "id": text(frame.id.as_slice()),
            "number": frame.number,
            "data": text(&frame.data),
            "is_last": frame.is_last,
        })
    };
    match decode_payload(payload) {
        Ok(frames) => {
            assert_eq!(encode_payload(&frames), payload);
            json!({ "payload": text(payload), "frames": frames.iter().map(frame).collect::<Vec<_>>() })
        }
        Err(error) => json!({ "payload": text(payload), "error": error.to_string() }),
    }
}

/// Zeros at the end of the blob are left out of the file.
fn blob_case(stripped: &[u8]) -> Value {
    let mut encoded = stripped.to_vec();
    encoded.resize(131_072, 0);
    let hash = text(keccak256(&encoded).as_slice());
    match blob::decode(&encoded) {
        Ok(data) => json!({ "blob": text(stripped), "blob_keccak": hash, "data": text(&data) }),
        Err(error) => {
            json!({ "blob": text(stripped), "blob_keccak": hash, "error": error.to_string() })
        }
    }
}

fn channel_case(channel: &[u8], limit: usize) -> Value {
    let inflated = inflate(channel, limit);
    let mut reader = BatchReader::new(inflated.bytes.clone(), CONTEXT);
    let batches = reader.by_ref().count();
    json!({
        "channel": text(channel),
        "limit": limit,
        "bytes": text(&inflated.bytes),
        "ended": format!("{:?}", inflated.ended).to_lowercase(),
        "batches": batches,
        "batch_error": reader.error().map(ToString::to_string),
    })
}

fn batch_case(batch: &[u8], context: BatchContext) -> Value {
    let texts = |txs: &[Bytes]| txs.iter().map(|tx| text(tx)).collect::<Vec<_>>();
    let mut case = match Batch::decode(&Bytes::copy_from_slice(batch), context) {
        Ok(Batch::Singular(batch)) => json!({
            "canonical": text(&batch.encode()),
            "singular": {
                "parent_hash": batch.parent_hash,
                "epoch_number": batch.epoch.number,
                "epoch_hash": batch.epoch.hash,
                "timestamp": batch.timestamp,
                "transactions": texts(&batch.transactions),
            },
        }),
        Ok(Batch::Span(batch)) => json!({
            "canonical": text(&batch.encode().unwrap()),
            "span": {
                "rel_timestamp": batch.rel_timestamp,
                "l1_origin_num": batch.l1_origin_num,
                "parent_check": text(&batch.parent_check),
                "l1_origin_check": text(&batch.l1_origin_check),
                "blocks": batch.blocks().map(|block| json!({
                    "timestamp": block.timestamp,
                    "epoch_num": block.epoch_num,
                    "transactions": texts(&block.transactions),
                })).collect::<Vec<_>>(),
            },
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    case["batch"] = text(batch);
    case["chain_id"] = context.chain_id.into();
    case["genesis_time"] = context.genesis_time.into();
    case["block_time"] = context.block_time.into();
    case
}

type Case = (&'static str, &'static str, Value);

fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    frame_cases(&mut |name, payload| out.push(("frame", name, frame_case(&payload))));
    blob_cases(&mut |name, blob| out.push(("blob", name, blob_case(&blob))));
    channel_cases(&mut |name, channel, limit| {
        out.push(("channel", name, channel_case(&channel, limit)));
    });
    batch_cases(&mut |name, batch| out.push(("batch", name, batch_case(&batch, CONTEXT))));
    out
}

fn frame_cases(add: &mut dyn FnMut(&'static str, Vec<u8>)) {
    let id: ChannelId = hex!("00112233445566778899aabbccddeeff").into();
    let frame = |number, data: &'static [u8], is_last| Frame {
        id,
        number,
        data: Bytes::from_static(data),
        is_last,
    };
    let one = encode_payload(&[frame(0, b"abc", true)]);
    add("one_frame", one.clone());
    add("empty_frame", encode_payload(&[frame(7, b"", false)]));
    let other = Frame {
        id: ChannelId::repeat_byte(0xff),
        ..frame(u16::MAX, b"z", true)
    };
    add(
        "frames_of_two_channels",
        encode_payload(&[frame(258, b"abcdef", false), other]),
    );
    add("empty_payload", vec![]);
    add("version_without_frame", vec![0]);
    add("version_1", [&[1], &one[1..]].concat());
    add("is_last_2", [&one[..one.len() - 1], &[2]].concat());
    add("truncated_is_last", one[..one.len() - 1].to_vec());
    add("truncated_data", one[..one.len() - 2].to_vec());
    add("trailing_byte", [&one[..], &[0]].concat());
    let mut long = one[..23].to_vec();
    long[19..23].copy_from_slice(&1_000_001u32.to_be_bytes());
    add("length_above_the_limit", long);
}

fn blob_cases(add: &mut dyn FnMut(&'static str, Vec<u8>)) {
    let mut strip = |name, mut blob: Vec<u8>| {
        while blob.last() == Some(&0) {
            blob.pop();
        }
        add(name, blob);
    };
    let counting = |length: usize| {
        (0..length)
            .map(|i| u8::try_from(i % 251).unwrap() + 1)
            .collect::<Vec<u8>>()
    };
    strip("empty", blob::encode(&[]).unwrap());
    strip("one_byte", blob::encode(&[0xff]).unwrap());
    strip("one_element", blob::encode(&counting(27)).unwrap());
    strip("two_rounds", blob::encode(&counting(250)).unwrap());
    strip("all_ones", blob::encode(&[0xff; 127 * 3 - 4]).unwrap());
    strip("full", blob::encode(&counting(BLOB_MAX_DATA)).unwrap());
    let good = blob::encode(&counting(100)).unwrap();
    let changed = |at: usize, value: u8| {
        let mut blob = good.clone();
        blob[at] = value;
        blob
    };
    strip("version_1", changed(1, 1));
    strip("length_above_the_limit", changed(2, 2));
    strip("data_behind_the_length", changed(4, 99));
    strip("last_byte_set", changed(131_071, 1));
    strip("second_element_top_bit", changed(32, 0x80));
    strip("r2_first_element_bit_6", changed(0, good[0] | 0x40));
}

fn channel_cases(add: &mut dyn FnMut(&'static str, Vec<u8>, usize)) {
    let mut rng = rng(21);
    let span = builder(&blocks(&mut rng, 3, 2)).encode();
    let singular = golden_singular().encode();
    let content = encode_content(&[&span[..], &singular]);
    let (brotli, zlib) = (compress(&content), compress_zlib(&content, 6));
    add("brotli", brotli.clone(), 100_000_000);
    add("zlib", zlib.clone(), 100_000_000);
    add("zlib_stored", compress_zlib(&content, 0), 100_000_000);
    add("empty_content", compress(&[]), 100_000_000);
    add("no_byte", vec![], 100_000_000);
    add(
        "unknown_compression",
        [&[2], &brotli[1..]].concat(),
        100_000_000,
    );
    add(
        "zlib_method_15",
        [&[0x7f], &zlib[1..]].concat(),
        100_000_000,
    );
    add(
        "r5_clipped_inside_the_second_batch",
        brotli.clone(),
        content.len() - 1,
    );
    add(
        "r5_clipped_inside_the_first_batch",
        zlib.clone(),
        span.len() - 1,
    );
    add(
        "r5_zlib_check_sum_wrong",
        [&zlib[..zlib.len() - 1], &[!zlib[zlib.len() - 1]]].concat(),
        100_000_000,
    );
    let stored = compress_zlib(&content, 0);
    add(
        "r5_zlib_truncated",
        stored[..stored.len() - singular.len() / 2].to_vec(),
        100_000_000,
    );
    add(
        "bytes_behind_the_stream",
        [&brotli[..], &[1, 2, 3]].concat(),
        100_000_000,
    );
    let params = BrotliEncoderParams {
        large_window: true,
        lgwin: 26,
        quality: 5,
        ..Default::default()
    };
    let mut large = vec![1];
    brotli::BrotliCompress(&mut content.as_slice(), &mut large, &params).unwrap();
    add("t5_large_window_brotli", large, 100_000_000);
    let foreign = encode_content(&[&singular[..], &[9, 9], &singular]);
    add(
        "second_batch_of_unknown_version",
        compress(&foreign),
        100_000_000,
    );
}

fn golden_singular() -> SingularBatch {
    let mut rng = rng(22);
    let block = blocks(&mut rng, 1, 4).remove(0);
    SingularBatch {
        parent_hash: block.parent_hash,
        epoch: block.l1_origin,
        timestamp: block.timestamp,
        transactions: block.transactions,
    }
}

fn batch_cases(add: &mut dyn FnMut(&'static str, Vec<u8>)) {
    let singular = golden_singular();
    let encoded = singular.encode();
    add("singular", encoded.clone());
    add(
        "singular_empty",
        SingularBatch {
            transactions: vec![],
            ..singular
        }
        .encode(),
    );
    let odd: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(&[0x7e, 1]),
        Bytes::from_static(&[5]),
    ];
    add(
        "r3_singular_with_any_bytes",
        SingularBatch {
            transactions: odd,
            ..singular
        }
        .encode(),
    );
    add("singular_trailing_byte", [&encoded[..], &[0]].concat());
    add("singular_truncated", encoded[..encoded.len() - 1].to_vec());
    let mut epoch = encoded;
    let at = epoch.windows(1).position(|byte| byte[0] == 0xa0).unwrap() + 33;
    epoch[at] = 0;
    add("singular_epoch_not_canonical", epoch);
    add("empty", vec![]);
    add("version_2", vec![2, 1, 2, 3]);

    add("span_of_all_types", builder(&of_all_types()).encode());
    let mut rng = rng(23);
    add(
        "span_of_empty_blocks",
        builder(&blocks(&mut rng, 20, 0)).encode(),
    );
    let long = blocks(&mut rng, 9, 3);
    let span = builder(&long).encode();
    add("span_of_nine_blocks", span.clone());
    add("span_trailing_byte", [&span[..], &[0x55]].concat());
    add("span_truncated", span[..span.len() - 1].to_vec());
    let by_hand = |payload: &[u8]| [&[1, 5, 9][..], &[0xaa; 20], &[0xbb; 20], payload].concat();
    add("span_without_block", by_hand(&[0]));
    add("span_of_one_empty_block", by_hand(&[1, 1, 0]));
    add("span_longer_uvarint", by_hand(&[0x81, 0x00, 1, 0x80, 0x00]));
    add("span_uvarint_of_eleven_bytes", by_hand(&[0x80; 11]));
    add("span_too_many_blocks", by_hand(&[0x81, 0xad, 0xe2, 0x04]));
    add(
        "span_too_many_transactions",
        by_hand(&[1, 0, 0x81, 0xad, 0xe2, 0x04]),
    );
    add("span_bit_beyond_the_list", by_hand(&[3, 8, 0, 0, 0]));
    let one_tx = |creation: u8, data: &[u8]| {
        let to: &[u8] = if creation == 1 { &[] } else { &[0x11; 20] };
        by_hand(
            &[
                &[1, 1, 1, creation, 1],
                &[0x22; 64][..],
                to,
                data,
                &[7, 9, 1],
            ]
            .concat(),
        )
    };
    add("span_legacy_by_hand", one_tx(0, &[0xc3, 5, 6, 0x80]));
    add("span_type_0_prefix", one_tx(0, &[0, 0xc3, 5, 6, 0x80]));
    add(
        "t2_span_postexec_type",
        one_tx(0, &[0x7d, 0xc3, 5, 6, 0x80]),
    );
    add("span_deposit_type", one_tx(0, &[0x7e, 0xc3, 5, 6, 0x80]));
    add("span_blob_type", one_tx(0, &[3, 0xc5, 5, 6, 7, 0x80, 0xc0]));
    add(
        "span_set_code_creation",
        one_tx(1, &[4, 0xc6, 5, 6, 7, 0x80, 0xc0, 0xc0]),
    );
    add(
        "span_set_code_by_hand",
        one_tx(0, &[4, 0xc6, 5, 6, 7, 0x80, 0xc0, 0xc0]),
    );
    add(
        "span_time_wraps",
        [&[1][..], &[0xff; 9], &[1, 9], &[0; 40], &[1, 1, 0]].concat(),
    );
}

/// Two blocks that hold each type, creating and calling, protected and not.
fn of_all_types() -> Vec<Block> {
    let mut rng = rng(24);
    let mut pair = blocks(&mut rng, 2, 0);
    for seed in 0..20 {
        let source = blocks(&mut common::rng(seed), 1, 2).remove(0);
        let target = &mut pair[usize::from(seed >= 10)];
        target.envelopes.extend(source.envelopes);
        target.transactions.extend(source.transactions);
    }
    let first = pair[0]
        .transactions
        .iter()
        .map(|tx| tx[0].min(0x80))
        .collect::<BTreeSet<u8>>();
    assert_eq!(first.into_iter().collect::<Vec<_>>(), [1, 2, 4, 0x80]);
    let number = pair[0].l1_origin.number + 1;
    pair[1].l1_origin = BlockId {
        hash: b256(&mut rng),
        number,
    };
    pair[1].sequence_number = 0;
    pair
}
