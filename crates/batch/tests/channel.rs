//! Channels: compression both ways, its limits, broken streams, and the batches inside.

mod common;

use alloy_primitives::{B256, Bytes};
use brotli::enc::BrotliEncoderParams;
use common::{CONTEXT, b256, blocks, builder, bytes, rng};
use foggara_batch::{
    BROTLI_CHANNEL, Batch, BatchError, BatchReader, ChannelBuilder, ChannelId, Ended, Inflated,
    MAX_BLOCK_TRANSACTIONS, SingularBatch, compress, compress_zlib, encode_content, inflate,
    join_frames,
};
use foggara_primitives::{BlockId, constants::MAX_RLP_BYTES_PER_CHANNEL};
use proptest::prelude::*;
use rand::{Rng, rngs::StdRng};
use std::time::{Duration, Instant};

fn singular(rng: &mut StdRng) -> SingularBatch {
    SingularBatch {
        parent_hash: b256(rng),
        epoch: BlockId {
            hash: b256(rng),
            number: rng.random::<u64>() >> rng.random_range(0..64),
        },
        timestamp: rng.random::<u64>() >> rng.random_range(0..64),
        transactions: (0..rng.random_range(0..5))
            .map(|_| bytes(rng, 90).into())
            .collect(),
    }
}

fn decode(bytes: &[u8]) -> Result<SingularBatch, BatchError> {
    match Batch::decode(&Bytes::copy_from_slice(bytes), CONTEXT)? {
        Batch::Singular(batch) => Ok(batch),
        Batch::Span(batch) => panic!("not singular: {batch:?}"),
    }
}

proptest! {
    #[test]
    fn decode_inverts_encode_of_singular_batches(seed: u64) {
        let batch = singular(&mut rng(seed));
        let encoded = batch.encode();
        prop_assert_eq!(decode(&encoded), Ok(batch));
        for length in 1..encoded.len() {
            prop_assert!(decode(&encoded[..length]).is_err());
        }
        prop_assert_eq!(decode(&[&encoded[..], &[7]].concat()).unwrap().encode(), encoded);
    }

    #[test]
    fn a_changed_byte_of_a_singular_batch_is_refused_or_kept(seed: u64, at: prop::sample::Index, value: u8) {
        let mut encoded = singular(&mut rng(seed)).encode();
        let at = 1 + at.index(encoded.len() - 1);
        encoded[at] = value;
        if let Ok(batch) = decode(&encoded) {
            // A shorter outer list leaves trailing bytes, which are ignored.
            prop_assert!(encoded.starts_with(&batch.encode()));
        }
    }

    #[test]
    fn inflating_inverts_compressing(content in prop::collection::vec(0u8..20, 0..4_000), level in 0u8..=10) {
        let complete = Inflated { bytes: content.clone(), ended: Ended::Complete };
        prop_assert_eq!(&inflate(&compress(&content), 5_000), &complete);
        prop_assert_eq!(&inflate(&compress_zlib(&content, level), 5_000), &complete);
        // At the exact length it is complete, below it is clipped.
        prop_assert_eq!(inflate(&compress(&content), content.len()), complete);
        for limit in [0, content.len() / 2, content.len().saturating_sub(1)] {
            let clipped = Inflated { bytes: content[..limit].to_vec(), ended: Ended::Limit };
            if limit < content.len() {
                prop_assert_eq!(inflate(&compress(&content), limit), clipped.clone());
                prop_assert_eq!(inflate(&compress_zlib(&content, level), limit), clipped);
            }
        }
    }

    #[test]
    fn a_truncated_stream_gives_a_beginning(content in prop::collection::vec(0u8..40, 1..2_000), at: prop::sample::Index) {
        for channel in [compress(&content), compress_zlib(&content, 6)] {
            let cut = inflate(&channel[..at.index(channel.len())], 5_000);
            prop_assert_eq!(cut.ended, Ended::Error);
            prop_assert!(content.starts_with(&cut.bytes));
        }
    }

    #[test]
    fn batches_come_back_out_of_a_channel(seed: u64, size in 50usize..500) {
        let mut rng = rng(seed);
        let mut channel = ChannelBuilder::new(ChannelId::repeat_byte(9));
        let blocks = blocks(&mut rng, 3, 3);
        let batches = [singular(&mut rng).encode(), builder(&blocks).encode(), singular(&mut rng).encode()];
        batches.iter().for_each(|batch| channel.push(batch.clone()));
        let frames = channel.frames(size).unwrap();
        let inflated = inflate(&join_frames(&frames).unwrap(), 1_000_000);
        prop_assert_eq!(&inflated.bytes, &encode_content(&batches));
        let mut reader = BatchReader::new(inflated.bytes, CONTEXT);
        let again: Vec<Vec<u8>> = reader.by_ref().map(|batch| match batch {
            Batch::Singular(batch) => batch.encode(),
            Batch::Span(batch) => batch.encode().unwrap(),
        }).collect();
        prop_assert_eq!(again, batches);
        prop_assert_eq!(reader.error(), None);
    }
}

#[test]
fn the_first_byte_names_the_compression() {
    let content = vec![3; 1_000];
    let nothing = Inflated {
        bytes: Vec::new(),
        ended: Ended::Error,
    };
    assert_eq!(inflate(&[], 10), nothing);
    let stream = &compress(&content)[1..];
    for first in 0u8..=255 {
        let inflated = inflate(&[&[first], stream].concat(), 2_000);
        if first == BROTLI_CHANNEL {
            assert_eq!(inflated.bytes, content);
        } else {
            assert_eq!(inflated, nothing, "first byte {first}");
        }
    }
    // Low nibble 15 goes to zlib, which knows method 8 only.
    let mut zlib = compress_zlib(&content, 6);
    zlib[0] = 0x7f;
    assert_eq!(inflate(&zlib, 2_000), nothing);
}

#[test]
fn bytes_behind_the_stream_are_ignored() {
    let content = b"some content, some content".repeat(20);
    for channel in [compress(&content), compress_zlib(&content, 6)] {
        let inflated = inflate(&[channel, vec![0xee; 50]].concat(), 10_000);
        assert_eq!(
            inflated,
            Inflated {
                bytes: content.clone(),
                ended: Ended::Complete
            }
        );
    }
}

/// T5: the decoder's default accepts windows beyond RFC 7932, which op-node refuses.
#[test]
fn large_window_brotli_is_refused() {
    let content = bytes(&mut rng(1), 100_000);
    let encode = |large_window: bool, lgwin: i32| {
        let params = BrotliEncoderParams {
            large_window,
            lgwin,
            quality: 5,
            ..Default::default()
        };
        let mut out = vec![BROTLI_CHANNEL];
        brotli::BrotliCompress(&mut content.as_slice(), &mut out, &params).unwrap();
        out
    };
    assert_eq!(inflate(&encode(false, 24), 200_000).bytes, content);
    let refused = inflate(&encode(true, 28), 200_000);
    assert_eq!(
        refused,
        Inflated {
            bytes: Vec::new(),
            ended: Ended::Error
        }
    );
}

/// T6: a helper of the library returns its whole buffer, garbage included, when the stream breaks.
#[test]
fn zlib_tail_is_exact() {
    let content: Vec<u8> = (0..50_000u32).flat_map(|i| (i * i).to_be_bytes()).collect();
    let mut channel = compress_zlib(&content, 6);
    let length = channel.len();
    channel[length - 1] ^= 1;
    // Only the check sum is wrong: all of the bytes count, and not one more.
    let inflated = inflate(&channel, 1_000_000);
    assert_eq!(
        inflated,
        Inflated {
            bytes: content.clone(),
            ended: Ended::Error
        }
    );
    for cut in [length / 4, length / 2, length - 5] {
        let inflated = inflate(&channel[..cut], 1_000_000);
        assert_eq!(inflated.ended, Ended::Error);
        assert!(!inflated.bytes.is_empty() && content.starts_with(&inflated.bytes));
    }
}

/// R5: batches wholly inside the bytes before the break count, the one across it does not.
#[test]
fn batches_before_a_break_count() {
    let mut rng = rng(4);
    let batches: Vec<SingularBatch> = (0..200).map(|_| singular(&mut rng)).collect();
    let encoded: Vec<Vec<u8>> = batches.iter().map(SingularBatch::encode).collect();
    let content = encode_content(&encoded);
    let channel = compress_zlib(&content, 1);
    let cut = inflate(&channel[..channel.len() / 2], 10_000_000);
    let got: Vec<Batch> = BatchReader::new(cut.bytes, CONTEXT).collect();
    assert!(got.len() > 50 && got.len() < 150, "{}", got.len());
    for (got, batch) in got.iter().zip(&batches) {
        assert_eq!(got, &Batch::Singular(batch.clone()));
    }
    // The same by the limit, at every border.
    let mut border = 0;
    for (index, batch) in encoded.iter().enumerate().take(20) {
        let clipped = inflate(&channel, border);
        assert_eq!(BatchReader::new(clipped.bytes, CONTEXT).count(), index);
        let size = encode_content(std::slice::from_ref(batch)).len();
        let clipped = inflate(&channel, border + size - 1);
        let mut reader = BatchReader::new(clipped.bytes, CONTEXT);
        assert_eq!(reader.by_ref().count(), index);
        assert!(matches!(reader.error(), Some(BatchError::Rlp(_))));
        border += size;
    }
}

#[test]
fn the_first_undecodable_batch_ends_the_channel() {
    let mut rng = rng(4);
    let good = singular(&mut rng).encode();
    for bad in [vec![], vec![2, 0xc0], vec![0], vec![0, 0xc0], vec![1]] {
        let content = encode_content(&[&good[..], &bad, &good]);
        let mut reader = BatchReader::new(content, CONTEXT);
        assert_eq!(reader.by_ref().count(), 1);
        assert!(reader.error().is_some());
        assert_eq!(reader.next(), None);
    }
    let mut list = encode_content(&[&good[..]]);
    list.extend([0xc1, 0x80]);
    assert_eq!(BatchReader::new(list, CONTEXT).count(), 1);
}

/// A bomb: 100 MB out of a few hundred kilobytes or less stop at the limit, in memory and in time.
#[test]
fn bombs_stop_at_the_limit() {
    let limit = usize::try_from(MAX_RLP_BYTES_PER_CHANNEL).unwrap();
    let bomb = {
        let params = BrotliEncoderParams {
            quality: 5,
            lgwin: 22,
            ..Default::default()
        };
        let mut out = vec![BROTLI_CHANNEL];
        let zeros = std::io::Read::take(std::io::repeat(0), limit as u64 + 1_000);
        brotli::BrotliCompress(&mut std::io::BufReader::new(zeros), &mut out, &params).unwrap();
        out
    };
    let zlib = compress_zlib(&vec![0; limit + 1_000], 6);
    for channel in [bomb, zlib] {
        assert!(channel.len() * 150 < limit, "{} bytes", channel.len());
        let start = Instant::now();
        let inflated = inflate(&channel, limit);
        assert_eq!(
            (inflated.bytes.len(), inflated.ended),
            (limit, Ended::Limit)
        );
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(BatchReader::new(inflated.bytes, CONTEXT).count(), 0);
    }
}

/// A million empty transactions in one batch cost no memory each, and the batch still shows that it
/// must be dropped.
#[test]
fn a_singular_batch_of_too_many_transactions_is_clipped() {
    let one = Bytes::from_static(&[2]);
    let mut batch = SingularBatch {
        transactions: vec![one; 1_000_000],
        ..Default::default()
    };
    let clipped = decode(&batch.encode()).unwrap();
    assert_eq!(clipped.transactions.len(), MAX_BLOCK_TRANSACTIONS);
    assert!(!clipped.has_forbidden_transaction());
    for forbidden in [&[][..], &[0x7e], &[0x7e, 1]] {
        batch.transactions[999_999] = Bytes::copy_from_slice(forbidden);
        batch.transactions[999_998] = Bytes::copy_from_slice(forbidden);
        let clipped = decode(&batch.encode()).unwrap();
        assert_eq!(clipped.transactions.len(), MAX_BLOCK_TRANSACTIONS + 1);
        assert!(clipped.has_forbidden_transaction());
    }
}

#[test]
fn singular_fields_are_canonical() {
    let batch = SingularBatch {
        parent_hash: B256::repeat_byte(1),
        timestamp: 1,
        ..Default::default()
    };
    let good = batch.encode();
    assert_eq!(decode(&good), Ok(batch));
    // version, list header, 33 bytes of parent hash: then the epoch number, zero.
    for bad in [0x00, 0x81, 0xc0] {
        let mut changed = good.clone();
        changed[2 + 34] = bad;
        assert!(decode(&changed).is_err(), "{bad:#x}");
    }
}
