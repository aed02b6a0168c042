//! Crashes and failing disks, through the pool's own surface.

use super::{Disk, ETHER, GWEI, TestState, config, sign, signer, transfer};
use crate::{
    Ack, BlockUpdate, DropReason, JournalError, OpenError, Pool, PoolConfig, PoolError, PoolState,
};
use alloy_primitives::{B256, Bytes, U256};
use foggara_primitives::{AccountChange, AccountInfo, StateDiff};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

fn open(state: &Arc<TestState>, disk: &Disk, config: PoolConfig) -> Result<Pool, OpenError> {
    let state: Arc<dyn PoolState> = state.clone();
    Pool::open_on(Some(Box::new(disk.clone())), config, state, &|_| false)
}

fn funded(senders: u64) -> Arc<TestState> {
    let state = TestState::new();
    for seed in 0..senders {
        state.set(signer(seed).address(), 0, ETHER);
    }
    state
}

fn raws(senders: u64, nonces: u64) -> Vec<Bytes> {
    (0..senders)
        .flat_map(|seed| {
            (0..nonces).map(move |nonce| sign(transfer(nonce, GWEI, 5), &signer(seed)))
        })
        .collect()
}

/// Whatever `add` returned is there again, and nothing it refused for the disk, after a power cut at
/// any sync. Blocks and drops happen in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_returned_hash_is_lost_by_a_power_cut_at_any_sync() {
    let raws = raws(6, 4);
    let mut finished = false;
    let mut images = 0;
    for syncs_max in 1.. {
        if finished {
            break;
        }
        let (state, disk) = (funded(6), Disk::default());
        disk.with(|disk| disk.syncs_max = Some(syncs_max));
        let pool = open(&state, &disk, config()).unwrap();
        let mut returned = BTreeSet::new();
        let mut gone = BTreeSet::new();
        finished = true;
        for (index, chunk) in raws.chunks(3).enumerate() {
            let mut tasks = Vec::new();
            for raw in chunk {
                let (pool, raw) = (pool.clone(), raw.clone());
                tasks.push(tokio::spawn(async move { pool.add(raw).await }));
            }
            for task in tasks {
                match task.await.unwrap() {
                    Ok(hash) => {
                        returned.insert(hash);
                    }
                    Err(PoolError::Journal(_)) => finished = false,
                    Err(error) => panic!("{error}"),
                }
            }
            if index % 2 == 1 && finished {
                // A block takes the first of the best.
                let best = pool.best(100).next().unwrap();
                let info = AccountInfo {
                    nonce: best.nonce + 1,
                    balance: U256::from(ETHER),
                    ..Default::default()
                };
                let change = AccountChange {
                    info: Some(info),
                    ..Default::default()
                };
                let diff = StateDiff {
                    accounts: [(best.sender, change)].into(),
                };
                let fees = state.fees();
                pool.on_block(BlockUpdate {
                    number: 1,
                    included: &[best.hash],
                    diff: &diff,
                    fees,
                });
                state.set(best.sender, best.nonce + 1, ETHER);
                pool.on_durable(1);
                gone.insert(best.hash);
            }
        }
        if !finished {
            assert!(
                pool.fatal().borrow().is_some(),
                "the failure was not announced"
            );
            let raw = sign(transfer(0, GWEI, 1), &signer(0));
            assert!(matches!(pool.add(raw).await, Err(PoolError::Journal(_))));
        }
        drop(pool);
        for seed in 0..4 {
            let disk = disk.after_power_cut(syncs_max * 4 + seed);
            let chain = gone.clone();
            let shared: Arc<dyn PoolState> = state.clone();
            let files = Box::new(disk.clone());
            let pool =
                Pool::open_on(Some(files), config(), shared, &|hash| chain.contains(hash)).unwrap();
            for hash in returned.difference(&gone) {
                assert!(pool.contains(hash), "lost by a cut after sync {syncs_max}");
            }
            for hash in &gone {
                assert!(!pool.contains(hash), "in the pool and in the chain");
            }
            images += 1;
        }
    }
    assert!(images > 40, "{images}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_is_final() {
    let (state, disk) = (funded(2), Disk::default());
    let pool = open(&state, &disk, config()).unwrap();
    let mut fatal = pool.fatal();
    let raws = raws(2, 2);
    let first = pool.add(raws[0].clone()).await.unwrap();
    disk.with(|disk| disk.fail_sync = true);
    let error = pool.add(raws[1].clone()).await.unwrap_err();
    assert!(
        matches!(error, PoolError::Journal(JournalError::Failed { .. })),
        "{error}"
    );
    fatal.changed().await.unwrap();
    assert!(matches!(
        &*fatal.borrow(),
        Some(JournalError::Failed {
            during: "syncing a batch",
            ..
        })
    ));
    // The disk would work again; nobody asks it.
    let syncs = disk.with(|disk| disk.syncs);
    for raw in &raws[2..] {
        assert!(matches!(
            pool.add(raw.clone()).await,
            Err(PoolError::Journal(_))
        ));
    }
    assert!(pool.flush().await.is_err());
    assert_eq!(disk.with(|disk| disk.syncs), syncs);
    // Never shown either, since its record is not known to be durable.
    assert!(pool.contains(&first));
    assert_eq!(
        pool.content()
            .iter()
            .map(|content| content.pending.len())
            .sum::<usize>(),
        1
    );
}

/// A thread of the pool that panics is told, and the process ends. It used to end alone: whoever had
/// offered a transaction waited for ever, and nobody knew why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_panics_is_told_and_nobody_waits_for_it() {
    let patience = std::time::Duration::from_secs(10);
    for journal in [true, false] {
        let (state, disk) = (funded(2), Disk::default());
        let pool = open(&state, &disk, config()).unwrap();
        let mut fatal = pool.fatal();
        let raws = raws(2, 2);
        if journal {
            disk.with(|disk| disk.panic_sync = true);
        } else {
            state
                .panics
                .store(true, std::sync::atomic::Ordering::SeqCst);
        }
        for raw in raws {
            let answer = tokio::time::timeout(patience, pool.add(raw)).await;
            let refused = answer.expect("an answer").unwrap_err();
            assert!(matches!(refused, PoolError::Journal(_)), "{refused}");
            let told = tokio::time::timeout(patience, fatal.wait_for(Option::is_some)).await;
            drop(told.expect("told").unwrap());
        }
    }
}

/// A node that stops on a full disk waited for space for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_full_disk() {
    for ack in [Ack::Journal, Ack::Memory] {
        let (state, disk) = (funded(2), Disk::default());
        let config = PoolConfig {
            journal_segment_bytes: 2_048,
            ack,
            ..config()
        };
        let pool = open(&state, &disk, config).unwrap();
        let first = pool.add(sign(transfer(0, GWEI, 5), &signer(0)));
        let first = first.await.unwrap();
        pool.flush().await.unwrap();
        disk.with(|disk| disk.bytes_max = Some(2_048));
        for nonce in 1..20 {
            let _ = pool.add(sign(transfer(nonce, GWEI, 5), &signer(0))).await;
            if pool.flush().await.is_err() {
                break;
            }
        }
        pool.remove(&first);
        let flushed = tokio::time::timeout(std::time::Duration::from_secs(10), pool.flush()).await;
        assert!(
            matches!(flushed, Ok(Err(JournalError::NoSpace { .. }))),
            "{ack:?}: {flushed:?}"
        );
        // What could not be written is written once there is space.
        disk.with(|disk| disk.bytes_max = None);
        while pool.flush().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(pool.dropped(&first), Some(DropReason::Removed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_restores_what_was_pushed_out() {
    let (state, disk) = (funded(2), Disk::default());
    let config = PoolConfig {
        journal_segment_bytes: 2_048,
        ..config()
    };
    let pool = open(&state, &disk, config).unwrap();
    let me = signer(0);
    let old = pool.add(sign(transfer(0, GWEI, 5), &me)).await.unwrap();
    disk.with(|disk| disk.bytes_max = Some(2_048));
    // Too long for what is left of the segment.
    let mut tx = transfer(0, 2 * GWEI, 50);
    tx.gas_limit = 200_000;
    tx.input = vec![1; 3_000].into();
    let replacement = sign(tx, &me);
    let error = pool.add(replacement.clone()).await.unwrap_err();
    assert!(
        matches!(error, PoolError::Journal(JournalError::NoSpace { .. })),
        "{error}"
    );
    assert!(pool.contains(&old));
    assert_eq!(pool.best(100).next().unwrap().hash, old);
    assert!(pool.fatal().borrow().is_none());
    disk.with(|disk| disk.bytes_max = None);
    let new = pool.add(replacement).await.unwrap();
    pool.flush().await.unwrap();
    assert_eq!(pool.dropped(&old), Some(DropReason::Replaced { by: new }));
    drop(pool);
    let pool = open(&state, &disk, super::config()).unwrap();
    assert!(pool.contains(&new) && !pool.contains(&old));
    assert_eq!(pool.dropped(&old), Some(DropReason::Replaced { by: new }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_concurrent_additions_share_few_syncs() {
    let (state, disk) = (funded(400), Disk::default());
    disk.with(|disk| disk.sync_time = Duration::from_millis(5));
    let pool = open(&state, &disk, config()).unwrap();
    let mut tasks = Vec::new();
    for raw in raws(400, 1) {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move { pool.add(raw).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let stats = pool.journal_stats().unwrap();
    assert_eq!((stats.records, stats.live), (400, 400));
    assert!(stats.syncs <= 40, "{} syncs", stats.syncs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_shown_before_its_sync() {
    let (state, disk) = (funded(1), Disk::default());
    let pool = open(&state, &disk, config()).unwrap();
    let mut pending = pool.subscribe_pending();
    disk.with(|disk| disk.sync_time = Duration::from_millis(150));
    let raw = sign(transfer(0, GWEI, 5), &signer(0));
    let hash = alloy_primitives::keccak256(&raw);
    let task = tokio::spawn({
        let (pool, raw) = (pool.clone(), raw.clone());
        async move { pool.add(raw).await }
    });
    while pool.status().pending == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!pool.contains(&hash) && pool.place(&hash).is_none());
    assert_eq!(pool.pending_nonce(signer(0).address()).unwrap(), 0);
    assert!(pool.content().is_empty() && pending.try_recv().is_err());
    assert_eq!(pool.best(100).count(), 0);
    // The same bytes again: the answer waits for the same sync.
    let again = pool.add(raw).await.unwrap_err();
    assert_eq!(again, PoolError::AlreadyKnown { hash });
    assert!(pool.contains(&hash));
    assert_eq!(task.await.unwrap().unwrap(), hash);
    assert_eq!(pending.recv().await.unwrap().hash, hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_acknowledgement_does_not_wait_but_writes() {
    let (state, disk) = (funded(1), Disk::default());
    disk.with(|disk| disk.sync_time = Duration::from_millis(100));
    let pool = open(
        &state,
        &disk,
        PoolConfig {
            ack: Ack::Memory,
            ..config()
        },
    )
    .unwrap();
    let started = std::time::Instant::now();
    let hash = pool
        .add(sign(transfer(0, GWEI, 5), &signer(0)))
        .await
        .unwrap();
    assert!(started.elapsed() < Duration::from_millis(80));
    assert!(pool.contains(&hash));
    assert_eq!(pool.best(100).next().unwrap().hash, hash);
    pool.flush().await.unwrap();
    drop(pool);
    assert!(open(&state, &disk, config()).unwrap().contains(&hash));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_keeps_order_and_drops_what_the_chain_or_the_accounts_took() {
    let (state, disk) = (funded(3), Disk::default());
    let pool = open(&state, &disk, config()).unwrap();
    let mut hashes = Vec::new();
    for raw in raws(3, 3) {
        hashes.push(pool.add(raw).await.unwrap());
    }
    let first_best: Vec<B256> = pool.best(100).map(|tx| tx.hash).collect();
    let times: Vec<u64> = hashes
        .iter()
        .map(|h| pool.get(h).unwrap().accepted_ms)
        .collect();
    drop(pool);
    let pool = open(&state, &disk, config()).unwrap();
    assert_eq!(
        pool.best(100).map(|tx| tx.hash).collect::<Vec<_>>(),
        first_best
    );
    for (hash, time) in hashes.iter().zip(times) {
        assert_eq!(pool.get(hash).unwrap().accepted_ms, time);
    }
    drop(pool);
    // Meanwhile sender 0 moved on by others' hands, 1's first is in a block, 2 is broke.
    state.set(signer(0).address(), 2, ETHER);
    state.set(signer(1).address(), 1, ETHER);
    state.set(signer(2).address(), 0, 1);
    let included = hashes[3];
    for run in 0..2 {
        let shared: Arc<dyn PoolState> = state.clone();
        let files = Box::new(disk.clone());
        let pool = Pool::open_on(Some(files), config(), shared, &|hash| *hash == included).unwrap();
        pool.flush().await.unwrap();
        let best: BTreeSet<B256> = pool.best(100).map(|tx| tx.hash).collect();
        assert_eq!(best, [hashes[2], hashes[4], hashes[5]].into());
        for hash in &hashes[..2] {
            assert_eq!(
                pool.dropped(hash),
                Some(DropReason::NonceUsed { next: 2 }),
                "run {run}"
            );
        }
        for hash in &hashes[6..] {
            assert_eq!(pool.dropped(hash), Some(DropReason::Unpayable), "run {run}");
        }
        assert_eq!(pool.dropped(&included), None);
        drop(pool);
        if run == 0 {
            disk.with(|disk| disk.writes = 0);
        }
    }
    assert_eq!(
        disk.with(|disk| disk.writes),
        0,
        "the second recovery wrote"
    );
}

#[tokio::test]
async fn damage_stops_the_opening_and_says_where() {
    let (state, disk) = (funded(3), Disk::default());
    let pool = open(&state, &disk, config()).unwrap();
    for raw in raws(3, 1) {
        pool.add(raw).await.unwrap();
    }
    drop(pool);
    let mut image = disk.image();
    let (name, bytes) = image.iter_mut().next().unwrap();
    let name = name.clone();
    bytes[600] ^= 4;
    let error = open(&state, &Disk::of(image), config()).unwrap_err();
    let OpenError::Journal(JournalError::Damaged {
        segment, offset, ..
    }) = error
    else {
        panic!("{error}")
    };
    assert_eq!((segment, offset / 512), (name, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn additions_wait_while_too_much_is_in_flight() {
    let (state, disk) = (funded(64), Disk::default());
    disk.with(|disk| disk.sync_time = Duration::from_millis(20));
    // Room for about four at once.
    let config = PoolConfig {
        in_flight_bytes_max: 4_600,
        ..config()
    };
    let pool = open(&state, &disk, config).unwrap();
    let mut tasks = Vec::new();
    for raw in raws(64, 1) {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move { pool.add(raw).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let stats = pool.journal_stats().unwrap();
    assert!(
        stats.syncs >= 16,
        "{} syncs for 64 records, four at a time",
        stats.syncs
    );
    assert_eq!(stats.live, 64);
}

#[tokio::test]
async fn a_closed_pool_keeps_what_it_took_and_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = funded(2);
    let shared: Arc<dyn PoolState> = state.clone();
    let pool = Pool::open(Some(dir.path()), config(), shared.clone(), &|_| false).unwrap();
    let raws = raws(2, 1);
    let hash = pool.add(raws[0].clone()).await.unwrap();
    pool.close();
    assert!(matches!(
        pool.add(raws[1].clone()).await,
        Err(PoolError::Journal(JournalError::Closed))
    ));
    drop(pool);
    let pool = Pool::open(Some(dir.path()), config(), shared, &|_| false).unwrap();
    assert!(pool.contains(&hash));
}
