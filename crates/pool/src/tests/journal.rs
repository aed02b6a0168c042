//! Laws of the journal: what was synced is found again, whatever happens to the rest.

use super::{Disk, bare};
use crate::{
    DropReason, FolderFiles, JournalError, PoolTx,
    journal::{
        Op, recover,
        testing::{
            Accepted, BatchWriter, Header, JournalConfig, RawRecord, Record, SECTOR, Tail, Writer,
            scan,
        },
    },
};
use alloy_primitives::{Address, B256};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn tx(seed: u64, len: usize) -> Arc<PoolTx> {
    let mut raw = vec![0; len.max(8)];
    StdRng::seed_from_u64(seed).fill(&mut raw[..]);
    raw[..8].copy_from_slice(&seed.to_be_bytes());
    let mut tx = bare(
        Address::left_padding_from(&seed.to_be_bytes()),
        seed,
        1,
        1,
        raw,
    );
    tx.arrival = seed;
    tx.accepted_ms = seed * 10;
    Arc::new(tx)
}

fn writer(disk: &Disk, segment_bytes: u64, segments_max: usize) -> Result<Writer, JournalError> {
    let mut files = Box::new(disk.clone());
    let found = recover(&mut *files)?;
    let config = JournalConfig {
        segment_bytes,
        segments_max,
        batch_bytes_max: 1 << 20,
    };
    Ok(Writer::new(
        files,
        config,
        found.index,
        found.next_batch,
        Default::default(),
    ))
}

fn found(disk: &Disk) -> Result<Vec<B256>, JournalError> {
    Ok(recover(&mut disk.clone())?
        .accepted
        .into_iter()
        .map(|(hash, _)| hash)
        .collect())
}

/// Three batches in one segment; also gives where each ends.
fn small_journal() -> (Disk, Vec<Vec<B256>>, Vec<usize>) {
    let disk = Disk::default();
    let mut writer = writer(&disk, 8 * 1024, 16).unwrap();
    let mut states = vec![Vec::new()];
    let mut ends = vec![SECTOR];
    let mut all = Vec::new();
    for batch in 0..4u64 {
        let txs: Vec<_> = (0..=batch)
            .map(|n| tx(batch * 10 + n, 150 + 40 * usize::try_from(n).unwrap()))
            .collect();
        let ops: Vec<Op> = txs.iter().map(|tx| Op::Accept(Arc::clone(tx))).collect();
        writer.commit(ops.iter()).unwrap();
        all.extend(txs.iter().map(|tx| tx.hash));
        states.push(all.clone());
        let image = disk.image();
        let bytes = image.values().next().unwrap();
        ends.push(
            bytes
                .iter()
                .rposition(|b| *b != 0)
                .unwrap()
                .next_multiple_of(SECTOR),
        );
    }
    (disk, states, ends)
}

#[test]
fn every_truncation_recovers_a_prefix_of_batches() {
    let (disk, states, ends) = small_journal();
    let (name, bytes) = disk.image().into_iter().next().unwrap();
    for cut in 0..bytes.len() {
        // Cut off for good, and cut off with zeros behind it as a preallocated file would be.
        for len in [cut, bytes.len()] {
            let mut torn = bytes[..cut].to_vec();
            torn.resize(len, 0);
            let disk = Disk::of(BTreeMap::from([(name.clone(), torn)]));
            let got = found(&disk).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            assert!(
                states.contains(&got),
                "cut at {cut} left {} records",
                got.len()
            );
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert!(
                got.len() >= states[whole.saturating_sub(1)].len(),
                "cut at {cut} lost a batch"
            );
            let image = disk.image();
            assert_eq!(found(&disk).unwrap(), got);
            assert_eq!(disk.image(), image, "a second recovery changed something");
        }
    }
}

#[test]
fn every_flipped_byte_is_refused_or_a_torn_tail() {
    let (disk, states, ends) = small_journal();
    let (name, bytes) = disk.image().into_iter().next().unwrap();
    let last_begin = ends[ends.len() - 2];
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            let outcome = found(&Disk::of(BTreeMap::from([(name.clone(), bad)])));
            if at < last_begin {
                let error = outcome.expect_err("a synced byte changed unseen");
                assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
            } else {
                // Nothing stands behind the last batch, so it may have been torn.
                let got = outcome.unwrap();
                assert!(got == states[3] || got == states[4], "byte {at}");
            }
        }
    }
}

#[test]
fn damage_names_the_segment_and_the_byte() {
    let (disk, _, ends) = small_journal();
    let (name, mut bytes) = disk.image().into_iter().next().unwrap();
    bytes[ends[1] + 60] ^= 1;
    let error = found(&Disk::of(BTreeMap::from([(name.clone(), bytes)]))).unwrap_err();
    let JournalError::Damaged {
        segment, offset, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(segment, name);
    let batch = ends[1] as u64..ends[2] as u64;
    assert!(batch.contains(&offset), "{offset} is not in {batch:?}");
}

#[test]
fn a_missing_segment_in_the_middle_is_damage() {
    let disk = Disk::default();
    let mut writer = writer(&disk, 2_048, 16).unwrap();
    for n in 0..12 {
        writer.commit([Op::Accept(tx(n, 600))].iter()).unwrap();
    }
    let image = disk.image();
    assert!(image.len() >= 4);
    let names: Vec<_> = image.keys().cloned().collect();
    for gone in &names[1..names.len() - 1] {
        let mut image = image.clone();
        image.remove(gone);
        assert!(
            matches!(found(&Disk::of(image)), Err(JournalError::Damaged { .. })),
            "{gone}"
        );
    }
}

/// One random history, cut by power after its n-th sync, for every n: what a commit returned is
/// there, the batch in flight is there as a whole or not at all.
#[test]
fn a_power_cut_after_any_sync_loses_nothing_that_was_acknowledged() {
    let mut cuts = 0;
    for seed in 0..6u64 {
        for syncs_max in 1.. {
            let disk = Disk::default();
            disk.with(|disk| disk.syncs_max = Some(syncs_max));
            let mut rng = StdRng::seed_from_u64(seed);
            let mut live = BTreeSet::new();
            let mut forgotten = BTreeSet::new();
            let mut in_doubt = None;
            let mut journal = writer(&disk, 4 * 1024, 4).unwrap();
            for step in 0..60u64 {
                let mut ops = Vec::new();
                let mut after = live.clone();
                for n in 0..rng.random_range(1..5u64) {
                    let victim = after.iter().copied().collect::<Vec<u64>>();
                    match (rng.random_range(0..10), victim.choose(&mut rng)) {
                        (0..=2, Some(victim)) => {
                            after.remove(victim);
                            let reason = DropReason::Evicted;
                            ops.push(Op::Drop {
                                tx: tx(*victim, 200),
                                reason,
                            });
                        }
                        (3..=5, Some(victim)) => {
                            after.remove(victim);
                            forgotten.insert(*victim);
                            ops.push(Op::Forget(vec![tx(*victim, 200).hash]));
                        }
                        _ => {
                            let id = step * 10 + n;
                            after.insert(id);
                            ops.push(Op::Accept(tx(id, 200)));
                        }
                    }
                }
                if journal.commit(ops.iter()).is_err() {
                    in_doubt = Some(after);
                    break;
                }
                live = after;
                if journal.reclaim().is_err() {
                    in_doubt = Some(live.clone());
                    break;
                }
            }
            for cut in 0..8 {
                let disk = disk.after_power_cut(seed * 1_000 + syncs_max * 10 + cut);
                let got: BTreeSet<B256> = found(&disk)
                    .unwrap_or_else(|error| panic!("seed {seed}, sync {syncs_max}: {error}"))
                    .into_iter()
                    .collect();
                let hashes = |ids: &BTreeSet<u64>| -> BTreeSet<B256> {
                    ids.iter().map(|id| tx(*id, 200).hash).collect()
                };
                let included = hashes(&forgotten);
                let real: BTreeSet<B256> = got.difference(&included).copied().collect();
                let before: BTreeSet<B256> = hashes(&live).difference(&included).copied().collect();
                let after = in_doubt
                    .as_ref()
                    .map(&hashes)
                    .map(|set| set.difference(&included).copied().collect::<BTreeSet<_>>());
                assert!(
                    real == before || Some(&real) == after.as_ref(),
                    "seed {seed}, power cut after sync {syncs_max}, image {cut}"
                );
                let image = disk.image();
                found(&disk).unwrap();
                assert_eq!(disk.image(), image);
                // And the journal goes on from there.
                let mut journal = writer(&disk, 4 * 1024, 4).unwrap();
                journal.commit([Op::Accept(tx(9_999, 300))].iter()).unwrap();
                assert!(found(&disk).unwrap().contains(&tx(9_999, 300).hash));
                cuts += 1;
            }
            if in_doubt.is_none() {
                break;
            }
        }
    }
    assert!(cuts > 1_000, "{cuts}");
}

#[test]
fn segments_stay_bounded_while_few_records_live() {
    let disk = Disk::default();
    let mut journal = writer(&disk, 8 * 1024, 6).unwrap();
    let mut live = Vec::new();
    for n in 0..3_000u64 {
        let mut ops = vec![Op::Accept(tx(n, 200))];
        // One in forty stays for ever.
        if n % 40 == 0 {
            live.push(tx(n, 200).hash);
        } else {
            ops.push(Op::Forget(vec![tx(n, 200).hash]));
        }
        journal.commit(ops.iter()).unwrap();
        journal.reclaim().unwrap();
        assert!(
            disk.image().len() <= 7,
            "{} segments after {n}",
            disk.image().len()
        );
    }
    let got: BTreeSet<B256> = found(&disk).unwrap().into_iter().collect();
    let order: Vec<_> = recover(&mut Disk::of(disk.image())).unwrap().accepted;
    assert!(order.is_sorted_by_key(|(_, record)| record.arrival));
    for hash in live {
        assert!(got.contains(&hash));
    }
}

#[test]
fn an_idle_journal_takes_no_space_and_a_dead_one_shrinks() {
    let disk = Disk::default();
    let mut journal = writer(&disk, 4 * 1024, 16).unwrap();
    journal.commit([Op::Fence].iter()).unwrap();
    assert!(disk.image().is_empty());
    for n in 0..40 {
        journal.commit([Op::Accept(tx(n, 700))].iter()).unwrap();
    }
    assert!(disk.image().len() > 5);
    let all = (0..40).map(|n| tx(n, 700).hash).collect();
    journal.commit([Op::Forget(all)].iter()).unwrap();
    journal.reclaim().unwrap();
    assert_eq!(disk.image().len(), 1);
}

#[test]
fn no_space_is_refused_and_passes() {
    let disk = Disk::default();
    disk.with(|disk| disk.bytes_max = Some(10 * 1024));
    let mut journal = writer(&disk, 4 * 1024, 16).unwrap();
    let mut kept = Vec::new();
    let mut refused = 0;
    for n in 0..20 {
        match journal.commit([Op::Accept(tx(n, 700))].iter()) {
            Ok(()) => kept.push(tx(n, 700).hash),
            Err(JournalError::NoSpace { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0);
    disk.with(|disk| disk.bytes_max = None);
    journal.commit([Op::Accept(tx(99, 700))].iter()).unwrap();
    kept.push(tx(99, 700).hash);
    assert_eq!(found(&disk).unwrap(), kept);
}

#[test]
fn a_record_survives_a_real_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut files = Box::new(FolderFiles::open(&path).unwrap());
    let found = recover(&mut *files).unwrap();
    let config = JournalConfig {
        segment_bytes: 16 * 1024,
        segments_max: 16,
        batch_bytes_max: 1 << 20,
    };
    let mut writer = Writer::new(
        files,
        config,
        found.index,
        found.next_batch,
        Default::default(),
    );
    let ops = [Op::Accept(tx(1, 300)), Op::Accept(tx(2, 400))];
    writer.commit(ops.iter()).unwrap();
    writer
        .commit(
            [Op::Drop {
                tx: tx(1, 300),
                reason: DropReason::Expired,
            }]
            .iter(),
        )
        .unwrap();
    drop(writer);
    // A torn tail: half a batch.
    let name = std::fs::read_dir(&path)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&name).unwrap();
    let end = bytes
        .iter()
        .rposition(|b| *b != 0)
        .unwrap()
        .next_multiple_of(SECTOR);
    bytes[end..end + 100].fill(0xab);
    std::fs::write(&name, &bytes).unwrap();

    let mut files = FolderFiles::open(&path).unwrap();
    let first = recover(&mut files).unwrap();
    assert!(first.repaired);
    assert_eq!(first.accepted.len(), 1);
    assert_eq!(first.accepted[0].1.raw, tx(2, 400).raw);
    assert_eq!(first.dropped, vec![(tx(1, 300).hash, DropReason::Expired)]);
    let second = recover(&mut files).unwrap();
    assert!(!second.repaired);
    assert_eq!(second.accepted, first.accepted);
    bytes[end..].fill(0);
    assert_eq!(std::fs::read(&name).unwrap(), bytes);
}

fn segment(batches: &[Vec<Record>], header: &Header, len: usize) -> Vec<u8> {
    let mut bytes = header.encode().to_vec();
    for (n, records) in batches.iter().enumerate() {
        let mut batch = BatchWriter::new(header.first_batch + n as u64, header.salt);
        for record in records {
            match record {
                Record::Accepted(accepted) => {
                    batch.accepted(&accepted.as_ref());
                }
                Record::Dropped { hash, reason } => batch.dropped(hash, reason),
            }
        }
        bytes.extend(batch.close());
    }
    bytes.resize(len.max(bytes.len()), 0);
    bytes
}

fn any_record() -> impl Strategy<Value = Record> {
    let accepted = (
        any::<(u64, u64, u32, bool, [u8; 20])>(),
        proptest::collection::vec(any::<u8>(), 0..900),
    )
        .prop_map(|((arrival, accepted_ms, requeued, private, sender), raw)| {
            let sender = sender.into();
            let raw = raw.into();
            Record::Accepted(Accepted {
                arrival,
                accepted_ms,
                requeued,
                private,
                sender,
                raw,
            })
        });
    let dropped = any::<([u8; 32], u8, [u8; 32], u64)>().prop_map(|(hash, kind, by, next)| {
        let reason = match kind % 7 {
            0 => DropReason::Replaced { by: by.into() },
            1 => DropReason::NonceUsed { next },
            2 => DropReason::Unpayable,
            3 => DropReason::Expired,
            4 => DropReason::Evicted,
            5 => DropReason::Removed,
            _ => DropReason::Invalid,
        };
        Record::Dropped {
            hash: hash.into(),
            reason,
        }
    });
    prop_oneof![accepted, dropped]
}

proptest! {
    #[test]
    fn decode_inverts_encode(
        batches in proptest::collection::vec(proptest::collection::vec(any_record(), 1..6), 0..6),
        number in 0..u64::MAX / 2,
        salt in any::<u64>(),
    ) {
        let header = Header { segment: number, first_batch: number, salt };
        let bytes = segment(&batches, &header, 0);
        prop_assert_eq!(Header::decode(&bytes), Some(header));
        let scan = scan(&bytes, &header);
        prop_assert_eq!(scan.tail, Tail::Clean);
        prop_assert_eq!(scan.next_batch, number + batches.len() as u64);
        prop_assert_eq!(scan.end, bytes.len() as u64);
        for placed in &scan.records {
            let at = usize::try_from(placed.offset).unwrap();
            let (raw, len) = RawRecord::read(&bytes[at..], salt).unwrap();
            prop_assert_eq!(len, placed.len as usize);
            let record = Record::decode(raw.kind, raw.payload);
            prop_assert_eq!(record.as_ref(), Some(&placed.record));
        }
        let records: Vec<Record> = scan.records.into_iter().map(|placed| placed.record).collect();
        prop_assert_eq!(records, batches.concat());
    }
}

/// 10^5 seeded mutants of a valid segment and of noise: an answer, never a panic, and whatever was
/// in front of the first changed byte is found unless the segment is refused.
#[test]
fn the_scan_survives_mutants() {
    let header = Header {
        segment: 1,
        first_batch: 1,
        salt: 7,
    };
    let accepted = |n: u8| {
        Record::Accepted(Accepted {
            arrival: u64::from(n),
            accepted_ms: 0,
            requeued: 0,
            private: false,
            sender: Address::ZERO,
            raw: vec![n; 90].into(),
        })
    };
    let batches = vec![
        vec![accepted(1)],
        vec![accepted(2), accepted(3)],
        vec![accepted(4)],
    ];
    let valid = segment(&batches, &header, 4_096);
    let whole = scan(&valid, &header);
    let mut rng = StdRng::seed_from_u64(0xf0_66a7a);
    let (mut torn, mut damaged) = (0, 0);
    for case in 0..100_000u32 {
        let mut bytes = valid.clone();
        let mut first = bytes.len();
        match case % 4 {
            0 => {
                for _ in 0..rng.random_range(1..4) {
                    let at = rng.random_range(SECTOR..bytes.len());
                    bytes[at] ^= rng.random_range(1..=255u8);
                    first = first.min(at);
                }
            }
            1 => {
                let from = rng.random_range(SECTOR..bytes.len());
                let len = rng.random_range(1..600).min(bytes.len() - from);
                rng.fill(&mut bytes[from..from + len]);
                first = from;
            }
            2 => {
                // Lengths at their edges.
                let at = SECTOR + SECTOR * rng.random_range(0..6usize);
                let len: u32 = *[0, 1, 9, 17, 0x7fff_ffff, u32::MAX]
                    .choose(&mut rng)
                    .unwrap();
                bytes[at..at + 4].copy_from_slice(&len.to_le_bytes());
                first = at;
            }
            _ => {
                bytes.truncate(rng.random_range(0..bytes.len()));
                first = bytes.len();
            }
        }
        let got = scan(&bytes, &header);
        assert!(got.end <= bytes.len().next_multiple_of(SECTOR) as u64 || bytes.len() < SECTOR);
        match got.tail {
            Tail::Clean => {}
            Tail::Torn => torn += 1,
            Tail::Damaged { .. } => damaged += 1,
        }
        for placed in &whole.records {
            let batch_end = usize::try_from(placed.offset + u64::from(placed.len)).unwrap();
            let batch_end = batch_end.next_multiple_of(SECTOR);
            if batch_end <= first {
                assert!(got.records.contains(placed), "case {case}");
            }
        }
        for placed in &got.records {
            assert!(
                whole.records.contains(placed),
                "case {case} made a record up"
            );
        }
    }
    assert!(
        torn > 1_000 && damaged > 1_000,
        "{torn} torn, {damaged} damaged"
    );
    for _ in 0..20_000 {
        let mut noise = vec![0; rng.random_range(0..2_000)];
        rng.fill(&mut noise[..]);
        assert_eq!(Header::decode(&noise), None);
        let _ = scan(&noise, &header);
        let _ = RawRecord::read(&noise, 0);
        let _ = Record::decode(noise.first().copied().unwrap_or(0), &noise);
    }
}

/// A transaction may carry bytes that look like a batch. Without the salt they are never taken for a
/// later one, so a torn tail that holds them is a torn tail.
#[test]
fn a_crafted_transaction_cannot_fake_a_later_batch() {
    let forged = {
        let header = Header {
            segment: 9,
            first_batch: 1_000,
            salt: 0,
        };
        segment(
            &[vec![Record::Dropped {
                hash: B256::ZERO,
                reason: DropReason::Expired,
            }]],
            &header,
            0,
        )
    };
    let mut raw = vec![0xaa; 4 * SECTOR];
    for at in (0..3 * SECTOR).step_by(SECTOR) {
        let at = at + SECTOR - 25 - 58;
        raw[at..at + SECTOR].copy_from_slice(&forged[SECTOR..2 * SECTOR]);
    }
    let disk = Disk::default();
    let mut journal = writer(&disk, 16 * 1024, 16).unwrap();
    journal.commit([Op::Accept(tx(1, 100))].iter()).unwrap();
    let tricky = Arc::new(bare(Address::ZERO, 0, 1, 1, raw));
    journal.commit([Op::Accept(tricky)].iter()).unwrap();
    let (name, mut bytes) = disk.image().into_iter().next().unwrap();
    bytes[2 * SECTOR + 4] ^= 1;
    let disk = Disk::of(BTreeMap::from([(name, bytes)]));
    assert_eq!(found(&disk).unwrap(), vec![tx(1, 100).hash]);
}
