//! Seeded fuzzing on stable Rust: 100,000 changed inputs for each format. Nothing panics, and what
//! still decodes means what its canonical form means. `FOGGARA_FUZZ_CASES` and `FOGGARA_FUZZ_SEED`
//! change the number and the start.

mod common;

use alloy_primitives::Bytes;
use common::{CONTEXT, blocks, builder, bytes, mutate, rng};
use foggara_batch::{
    Batch, BatchReader, ChannelId, Ended, Frame, SingularBatch, blob, compress, compress_zlib,
    decode_payload, encode_content, encode_payload, inflate,
};
use rand::Rng;

fn parameter(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs `check` on changed copies of the inputs, and asks that both outcomes are met.
fn fuzz(inputs: &[Vec<u8>], mut check: impl FnMut(&[u8]) -> bool) {
    let cases = parameter("FOGGARA_FUZZ_CASES", 100_000);
    let seed = parameter("FOGGARA_FUZZ_SEED", 1);
    let mut rng = rng(seed);
    let mut accepted = 0;
    for _ in 0..cases {
        let mut input = inputs[rng.random_range(0..inputs.len())].clone();
        mutate(&mut rng, &mut input);
        accepted += u64::from(check(&input));
    }
    assert!(
        accepted > cases / 100 && accepted < cases,
        "{accepted} of {cases} accepted"
    );
}

#[test]
fn frames() {
    let mut rng = rng(10);
    let inputs: Vec<Vec<u8>> = (0..50)
        .map(|_| {
            let frames: Vec<Frame> = (0..rng.random_range(1..4))
                .map(|_| Frame {
                    id: ChannelId::repeat_byte(rng.random()),
                    number: rng.random(),
                    data: bytes(&mut rng, 40).into(),
                    is_last: rng.random(),
                })
                .collect();
            encode_payload(&frames)
        })
        .collect();
    fuzz(&inputs, |input| match decode_payload(input) {
        Ok(frames) => {
            assert_eq!(encode_payload(&frames), input);
            true
        }
        Err(_) => false,
    });
}

#[test]
fn channels() {
    let mut rng = rng(11);
    let mut inputs = Vec::new();
    for index in 0..60 {
        let span = builder(&blocks(&mut rng, 2, 2)).encode();
        let single = SingularBatch {
            timestamp: rng.random(),
            ..Default::default()
        }
        .encode();
        let content = encode_content(&[single.clone(), span, single]);
        inputs.push(if index % 2 == 0 {
            compress(&content)
        } else {
            compress_zlib(&content, 6)
        });
    }
    fuzz(&inputs, |input| {
        let limit = 100_000;
        let inflated = inflate(input, limit);
        assert!(inflated.bytes.len() <= limit);
        let clipped = inflate(input, inflated.bytes.len() / 2);
        assert!(inflated.bytes.starts_with(&clipped.bytes));
        let complete = inflated.ended == Ended::Complete;
        for batch in BatchReader::new(inflated.bytes, CONTEXT) {
            check_batch(&batch);
        }
        complete
    });
}

#[test]
fn singular_batches() {
    let mut rng = rng(12);
    let inputs: Vec<Vec<u8>> = (0..50)
        .map(|_| {
            let transactions = (0..3).map(|_| bytes(&mut rng, 60).into()).collect();
            SingularBatch {
                timestamp: rng.random(),
                transactions,
                ..Default::default()
            }
            .encode()
        })
        .collect();
    fuzz(&inputs, decodes);
}

#[test]
fn span_batches() {
    let mut rng = rng(13);
    let inputs: Vec<Vec<u8>> = (0..100)
        .map(|index| builder(&blocks(&mut rng, 1 + index % 4, index % 5)).encode())
        .collect();
    fuzz(&inputs, decodes);
}

#[test]
fn blobs() {
    let mut rng = rng(14);
    for case in 0..parameter("FOGGARA_FUZZ_CASES", 100_000) / 100 {
        let data = bytes(&mut rng, 600);
        let mut encoded = blob::encode(&data).unwrap();
        let near = if case % 2 == 0 { 700 } else { encoded.len() };
        encoded[rng.random_range(0..near)] ^= 1 << rng.random_range(0..8);
        if let Ok(decoded) = blob::decode(&encoded) {
            let again = blob::encode(&decoded).unwrap();
            encoded[0] &= 0x3f;
            assert_eq!(again, encoded);
        }
    }
}

fn decodes(input: &[u8]) -> bool {
    match Batch::decode(&Bytes::copy_from_slice(input), CONTEXT) {
        Ok(batch) => {
            check_batch(&batch);
            true
        }
        Err(_) => false,
    }
}

fn check_batch(batch: &Batch) {
    let canonical = match batch {
        Batch::Singular(batch) => batch.encode(),
        Batch::Span(batch) => batch.encode().unwrap(),
    };
    let again = Batch::decode(&canonical.clone().into(), CONTEXT).unwrap();
    match (batch, &again) {
        (Batch::Singular(one), Batch::Singular(other)) => assert_eq!(one, other),
        (Batch::Span(one), Batch::Span(other)) => {
            assert!(one.blocks().eq(other.blocks()));
            assert_eq!(one.blocks().count() as u64, one.block_count());
            assert_eq!(other.encode().unwrap(), canonical);
        }
        _ => panic!("the kind of a batch changed"),
    }
}
