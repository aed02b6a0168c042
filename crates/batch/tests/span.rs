//! Span batches both ways: against typed transactions, against a slow reference, and against bytes
//! that somebody has changed.

mod common;

use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bytes, hex};
use common::{Block, CONTEXT, blocks, builder, reference_span, rng};
use foggara_batch::{
    Batch, BatchContext, BatchError, BuildError, SpanBatch, SpanBlock, SpanBlockInput, SpanBuilder,
    TxError,
};
use foggara_primitives::BlockId;
use proptest::prelude::*;

fn decode(bytes: &[u8]) -> Result<SpanBatch, BatchError> {
    match Batch::decode(&Bytes::copy_from_slice(bytes), CONTEXT)? {
        Batch::Span(span) => Ok(span),
        Batch::Singular(batch) => panic!("not a span: {batch:?}"),
    }
}

fn expected(blocks: &[Block]) -> Vec<SpanBlock> {
    blocks
        .iter()
        .map(|block| SpanBlock {
            timestamp: block.timestamp,
            epoch_num: block.l1_origin.number,
            transactions: block.transactions.clone(),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn decode_inverts_encode(seed: u64, count in 1usize..12, max_txs in 0usize..8) {
        let blocks = blocks(&mut rng(seed), count, max_txs);
        let encoded = builder(&blocks).encode();
        prop_assert_eq!(&encoded, &reference_span(&blocks));
        let batch = decode(&encoded).unwrap();
        prop_assert_eq!(batch.blocks().collect::<Vec<_>>(), expected(&blocks));
        prop_assert_eq!(batch.encode().unwrap(), encoded);
        let (first, last) = (&blocks[0], &blocks[count - 1]);
        prop_assert_eq!(batch.start_timestamp(), first.timestamp);
        prop_assert_eq!(batch.end_timestamp(), last.timestamp);
        prop_assert_eq!(batch.start_epoch_num(), first.l1_origin.number);
        prop_assert_eq!(batch.l1_origin_num, last.l1_origin.number);
        prop_assert_eq!(batch.first_changes_origin(), first.sequence_number == 0);
        prop_assert_eq!(batch.block_count(), count as u64);
        prop_assert!(batch.is_child_of(&first.parent_hash));
        prop_assert!(batch.ends_at_origin(&last.l1_origin.hash));
        prop_assert!(!batch.ends_at_origin(&B256::repeat_byte(9)));
    }

    #[test]
    fn taking_blocks_back_leaves_no_trace(seed: u64, keep in 0usize..6, extra in 1usize..6) {
        let blocks = blocks(&mut rng(seed), keep + extra, 5);
        let mut grown = builder(&blocks);
        for _ in 0..extra {
            prop_assert!(grown.pop());
        }
        let short = builder(&blocks[..keep]);
        prop_assert_eq!(grown.block_count(), keep);
        prop_assert_eq!(grown.tx_count(), short.tx_count());
        if keep > 0 {
            prop_assert_eq!(grown.encode(), short.encode());
        }
        for block in &blocks[keep..] {
            grown.push(&block.input()).unwrap();
        }
        let encoded = grown.encode();
        prop_assert!(encoded.len() <= grown.size() && grown.size() <= encoded.len() + 40);
        prop_assert_eq!(encoded, reference_span(&blocks));
    }

    #[test]
    fn passing_over_blocks_is_like_building_them(seed: u64, count in 1usize..12, skip in 0usize..13) {
        let blocks = blocks(&mut rng(seed), count, 4);
        let batch = decode(&builder(&blocks).encode()).unwrap();
        let mut walk = batch.blocks();
        prop_assert_eq!(walk.nth(skip), expected(&blocks).into_iter().nth(skip));
        prop_assert_eq!(walk.collect::<Vec<_>>(), expected(&blocks).split_off(count.min(skip + 1)));
    }
}

/// What decodes after a change has a canonical form that means the same.
fn check_law(bytes: &[u8]) -> bool {
    let Ok(batch) = decode(bytes) else {
        return false;
    };
    let canonical = batch.encode().unwrap();
    let again = decode(&canonical).unwrap();
    assert!(again.blocks().eq(batch.blocks()));
    assert_eq!(again.blocks().count() as u64, batch.block_count());
    assert_eq!(again.encode().unwrap(), canonical);
    true
}

#[test]
fn every_truncation_is_refused() {
    for seed in 0..20 {
        let bytes = builder(&blocks(&mut rng(seed), 3, 4)).encode();
        for length in 1..bytes.len() {
            assert!(
                decode(&bytes[..length]).is_err(),
                "seed {seed}, {length} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn every_changed_byte_is_refused_or_means_itself() {
    let (mut refused, mut accepted) = (0, 0);
    for seed in 0..6 {
        let bytes = builder(&blocks(&mut rng(seed), 3, 3)).encode();
        for at in 1..bytes.len() {
            for value in [
                0,
                1,
                bytes[at] ^ 1,
                bytes[at] ^ 0x80,
                bytes[at].wrapping_add(1),
                0xff,
            ] {
                let mut changed = bytes.clone();
                changed[at] = value;
                if check_law(&changed) {
                    accepted += 1
                } else {
                    refused += 1
                }
            }
        }
    }
    assert!(
        refused > 1_000 && accepted > 1_000,
        "{refused} refused, {accepted} accepted"
    );
}

#[test]
fn trailing_bytes_are_ignored() {
    let blocks = blocks(&mut rng(1), 3, 3);
    let bytes = builder(&blocks).encode();
    for tail in [&[0u8][..], &[1], &[0x80], &[0xff; 40]] {
        let longer = [&bytes, tail].concat();
        assert!(check_law(&longer));
        assert_eq!(decode(&longer).unwrap().encode().unwrap(), bytes);
    }
}

#[test]
fn bits_beyond_a_list_are_refused() {
    // Three blocks without transactions: origin bits are one byte behind two uvarints and the checks.
    let blocks = blocks(&mut rng(2), 3, 0);
    let bytes = builder(&blocks).encode();
    let at = bytes.len() - 4;
    for bit in 3..8 {
        let mut changed = bytes.clone();
        changed[at] |= 1 << bit;
        assert_eq!(decode(&changed), Err(BatchError::Bits), "bit {bit}");
    }
}

/// A span batch written by hand: prefix, then the given payload.
fn by_hand(payload: &[u8]) -> Vec<u8> {
    [&[1, 0, 9][..], &[0xaa; 20], &[0xbb; 20], payload].concat()
}

#[test]
fn counts_are_bounded_before_anything_is_read() {
    assert_eq!(decode(&by_hand(&[0])), Err(BatchError::NoBlock));
    // 10,000,001 blocks; 10,000,001 transactions in one block; the same over two blocks.
    let too_many = [0x81, 0xad, 0xe2, 0x04];
    let error = Err(BatchError::TooMany {
        got: 10_000_001,
        max: 10_000_000,
    });
    assert_eq!(decode(&by_hand(&too_many)), error);
    assert_eq!(decode(&by_hand(&[&[1, 0][..], &too_many].concat())), error);
    let two = [&[2, 0, 1][..], &[0x80, 0xad, 0xe2, 0x04]].concat();
    assert_eq!(decode(&by_hand(&two)), error);
    // The bound itself passes and then lacks its bytes.
    assert_eq!(
        decode(&by_hand(&[0x80, 0xad, 0xe2, 0x04])),
        Err(BatchError::Truncated)
    );
    assert_eq!(
        decode(&by_hand(&[1, 0, 0x80, 0xad, 0xe2, 0x04])),
        Err(BatchError::Truncated)
    );
    // A count of 2^64 - 1, and one that needs 65 bits.
    let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert!(matches!(
        decode(&by_hand(&max)),
        Err(BatchError::TooMany { got: u64::MAX, .. })
    ));
    let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(decode(&by_hand(&over)), Err(BatchError::Uvarint));
    let eleven = [
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00,
    ];
    assert_eq!(decode(&by_hand(&eleven)), Err(BatchError::Uvarint));
}

#[test]
fn longer_uvarints_mean_the_same() {
    let long = by_hand(&[0x81, 0x80, 0x00, 1, 0x80, 0x00]);
    let short = by_hand(&[1, 1, 0]);
    assert_eq!(decode(&long).unwrap().encode().unwrap(), short);
}

/// One block with one transaction whose data column is `data`.
fn with_data(creation: u8, data: &[u8]) -> Vec<u8> {
    let to = if creation == 1 { &[][..] } else { &[0x11; 20] };
    by_hand(
        &[
            &[1, 1, 1, creation, 0],
            &[0x22; 64][..],
            to,
            data,
            &[0, 0, 0],
        ]
        .concat(),
    )
}

#[test]
fn postexec_type_is_refused() {
    // T2: library decoders know type 0x7d. A deposit and types 0, 3, 5 cannot stand here either.
    let body = [0xc4, 0x80, 0x80, 0x80, 0xc0];
    for tx_type in [0x7d, 0x7e, 0, 3, 5, 0x7f] {
        let data = [&[tx_type][..], &body].concat();
        assert_eq!(
            decode(&with_data(0, &data)),
            Err(BatchError::TxType(tx_type))
        );
    }
    assert!(decode(&with_data(0, &[&[1][..], &body].concat())).is_ok());
}

#[test]
fn set_code_needs_a_recipient() {
    let data = [4, 0xc6, 0x80, 0x80, 0x80, 0x80, 0xc0, 0xc0];
    assert!(decode(&with_data(0, &data)).is_ok());
    assert_eq!(
        decode(&with_data(1, &data)),
        Err(BatchError::SetCodeWithoutTo)
    );
}

#[test]
fn malformed_data_is_refused() {
    let bad: [&[u8]; 14] = [
        &[0x83, 1, 1, 1],                                        // a string
        &[0xc2, 0x80, 0x80],                                     // a field less
        &[0xc4, 0x80, 0x80, 0x80, 0x80],                         // a field more
        &[0xc3, 0x00, 0x80, 0x80],                               // zero as a byte
        &[0xc5, 0x82, 0x00, 0x01, 0x80, 0x80],                   // leading zero
        &[0xc4, 0x81, 0x01, 0x80, 0x80],                         // long form of a small byte
        &[0xc3, 0xc0, 0x80, 0x80],                               // a list for an amount
        &[0xc3, 0x80, 0x80, 0xc0],                               // a list for calldata
        &[0xf8, 0x03, 0x80, 0x80, 0x80],                         // long form of a short list
        &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // 2^64 - 1 bytes
        &[1, 0xc4, 0x80, 0x80, 0x80, 0x80],                      // access list is a string
        &[1, 0xc6, 0x80, 0x80, 0x80, 0xc2, 0xc1, 0x80],          // short address
        &[2, 0xc5, 0x80, 0x80, 0x80, 0x80, 0x80],                // access list is a string
        &[4, 0xc7, 0x80, 0x80, 0x80, 0x80, 0xc0, 0xc1, 0xc0],    // empty authorization
    ];
    for data in bad {
        assert!(
            decode(&with_data(0, data)).is_err(),
            "{}",
            hex::encode(data)
        );
    }
    // An amount beyond 256 bits stands in types 0 to 2, and execution refuses it; not in type 4.
    let amount = [&[0xa1][..], &[1; 33]].concat();
    let legacy = [&[0xc0 + 36][..], &amount, &[0x80, 0x80]].concat();
    let block = decode(&with_data(0, &legacy))
        .unwrap()
        .blocks()
        .next()
        .unwrap();
    assert!(TxEnvelope::decode_2718(&mut block.transactions[0].as_ref()).is_err());
    let set_code = [
        &[4, 0xc0 + 39][..],
        &amount,
        &[0x80, 0x80, 0x80, 0xc0, 0xc0],
    ]
    .concat();
    assert!(decode(&with_data(0, &set_code)).is_err());
}

/// Unprotected transactions keep their `v` of 27 or 28: this one is public, from the report of
/// ethereum-optimism/optimism#8458.
#[test]
fn unprotected_legacy_transactions_survive() {
    let tx: Bytes = hex!(
        "f86280830f42418252089400000000000000000000000030bd3402deadbeef01801ca048543f9148389fc09f9c37\
         092a255a9550f6748d6fee3d6e066c92f56199f0e1a02003e0128eece7c6ee59d13a9856964c7252034558fe5551\
         b309f033d4d3efb5"
    )
    .into();
    let mut builder = SpanBuilder::new(CONTEXT);
    let input = SpanBlockInput {
        timestamp: CONTEXT.genesis_time,
        parent_hash: B256::ZERO,
        l1_origin: BlockId::default(),
        sequence_number: 0,
        transactions: std::slice::from_ref(&tx),
    };
    builder.push(&input).unwrap();
    let block = decode(&builder.encode()).unwrap().blocks().next().unwrap();
    assert_eq!(block.transactions, [tx]);
}

#[test]
fn the_encoder_refuses_what_no_decoder_takes() {
    let block = &blocks(&mut rng(7), 1, 0)[0];
    let push = |tx: &[u8]| {
        let mut builder = SpanBuilder::new(CONTEXT);
        let transactions = [Bytes::copy_from_slice(tx)];
        let error = builder.push(&SpanBlockInput {
            transactions: &transactions,
            ..block.input()
        });
        assert!(builder.is_empty() || error.is_ok());
        error.map_err(|error| match error {
            BuildError::Tx { index: 0, error } => error,
            other => panic!("{other}"),
        })
    };
    assert_eq!(push(&[]), Err(TxError::Empty));
    for tx_type in [0x7e, 0x7d, 3, 0] {
        assert_eq!(push(&[tx_type, 0xc0]), Err(TxError::Type(tx_type)));
    }
    let mut rng = rng(3);
    let sample: Vec<Vec<u8>> = (0..200)
        .map(|_| alloy_eips::eip2718::Encodable2718::encoded_2718(&common::transaction(&mut rng)))
        .collect();
    for tx in &sample {
        assert_eq!(push(tx), Ok(()));
        assert!(push(&tx[..tx.len() - 1]).is_err());
        assert!(push(&[&tx[..], &[0]].concat()).is_err());
    }
    let other = BatchContext {
        chain_id: 902,
        ..CONTEXT
    };
    let protected = sample.iter().filter(|tx| {
        let transactions = [Bytes::copy_from_slice(tx)];
        let input = SpanBlockInput {
            transactions: &transactions,
            ..block.input()
        };
        let result = SpanBuilder::new(other).push(&input);
        matches!(
            result,
            Err(BuildError::Tx {
                error: TxError::ChainId { .. },
                ..
            })
        )
    });
    assert!(protected.count() > 100);
}

#[test]
fn the_encoder_refuses_blocks_that_do_not_follow() {
    let base = blocks(&mut rng(8), 2, 1);
    let next = &base[1];
    let mut builder = builder(&base[..1]);
    let before = builder.encode();
    let late = SpanBlockInput {
        timestamp: next.timestamp + 1,
        ..next.input()
    };
    assert!(matches!(
        builder.push(&late),
        Err(BuildError::Timestamp { .. })
    ));
    let origin = base[0].l1_origin;
    let jump = BlockId {
        number: origin.number + 2,
        ..origin
    };
    let other_hash = BlockId {
        hash: B256::repeat_byte(7),
        ..origin
    };
    for (l1_origin, sequence_number) in [
        (jump, 0),
        (origin, 0),
        (other_hash, 1),
        (
            BlockId {
                number: origin.number + 1,
                ..origin
            },
            1,
        ),
    ] {
        let input = SpanBlockInput {
            l1_origin,
            sequence_number,
            ..next.input()
        };
        assert!(matches!(
            builder.push(&input),
            Err(BuildError::Origin { .. })
        ));
    }
    assert_eq!(builder.encode(), before);
    let early = SpanBlockInput {
        timestamp: CONTEXT.genesis_time - 1,
        ..next.input()
    };
    assert!(matches!(
        SpanBuilder::new(CONTEXT).push(&early),
        Err(BuildError::Timestamp { .. })
    ));
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "seven bits")]
fn a_block_of_too_many_transactions_is_clipped_but_counted() {
    let sample = [0xc3, 0x80, 0x80, 0x80];
    let count = foggara_batch::MAX_BLOCK_TRANSACTIONS + 10;
    let mut payload = vec![2, 0];
    payload.extend([(count & 0x7f) as u8 | 0x80, ((count >> 7) & 0x7f) as u8]);
    payload.push(1);
    let total = count + 1;
    payload.extend(vec![0; total.div_ceil(8) * 2]);
    payload.extend(vec![5; total * 64]);
    payload.extend(vec![6; total * 20]);
    for _ in 0..total {
        payload.extend(sample);
    }
    payload.extend(vec![1; total * 2]);
    payload.extend(vec![0; total.div_ceil(8)]);
    let batch = decode(&by_hand(&payload)).unwrap();
    assert_eq!(batch.tx_count(), total as u64);
    let sizes: Vec<usize> = batch
        .blocks()
        .map(|block| block.transactions.len())
        .collect();
    assert_eq!(sizes, [foggara_batch::MAX_BLOCK_TRANSACTIONS, 1]);
    assert_eq!(batch.encode().unwrap(), by_hand(&payload));
}
