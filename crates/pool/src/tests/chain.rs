//! Following the chain: blocks, unwinds, ordering for a builder.

use super::{Disk, ETHER, GWEI, TestState, config, sign, signer, transfer};
use crate::{
    BlockUpdate, DropReason, HeadFees, LostTx, Pool, PoolConfig, PoolError, PoolEvent, PoolState,
    TxPlace,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::{AccountChange, AccountInfo, StateDiff};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

fn open(state: &Arc<TestState>, disk: Option<&Disk>, config: PoolConfig) -> Pool {
    let state: Arc<dyn PoolState> = state.clone();
    let files = disk.map(|disk| Box::new(disk.clone()) as Box<_>);
    Pool::open_on(files, config, state, &|_| false).unwrap()
}

fn fees(number: u64) -> HeadFees {
    HeadFees {
        number,
        base_fee_next: 100,
        block_gas_limit: 60_000_000,
        ..Default::default()
    }
}

fn diff(accounts: &[(Address, u64, u128)]) -> StateDiff {
    let accounts = accounts
        .iter()
        .map(|(address, nonce, balance)| {
            let balance = U256::from(*balance);
            let info = AccountInfo {
                nonce: *nonce,
                balance,
                ..Default::default()
            };
            (
                *address,
                AccountChange {
                    info: Some(info),
                    ..Default::default()
                },
            )
        })
        .collect::<BTreeMap<_, _>>();
    StateDiff { accounts }
}

fn block(pool: &Pool, number: u64, included: &[B256], accounts: &[(Address, u64, u128)]) {
    let diff = diff(accounts);
    pool.on_block(BlockUpdate {
        number,
        included,
        diff: &diff,
        fees: fees(number),
    });
}

#[tokio::test]
async fn a_block_moves_senders_on_and_a_durable_one_ends_their_records() {
    let (state, disk) = (TestState::new(), Disk::default());
    let (a, b) = (signer(1), signer(2));
    state.set(a.address(), 0, ETHER);
    state.set(b.address(), 0, ETHER);
    let pool = open(&state, Some(&disk), config());
    let mut hashes = Vec::new();
    for nonce in 0..3 {
        hashes.push(pool.add(sign(transfer(nonce, GWEI, 1), &a)).await.unwrap());
    }
    let stale = pool.add(sign(transfer(0, GWEI, 1), &b)).await.unwrap();
    assert_eq!(pool.journal_stats().unwrap().live, 4);

    // The block holds two of a's, and another transaction of b's that the pool never saw.
    block(
        &pool,
        1,
        &hashes[..2],
        &[(a.address(), 2, ETHER), (b.address(), 1, ETHER)],
    );
    assert_eq!(pool.place(&hashes[0]), Some(TxPlace::Sealed { number: 1 }));
    assert_eq!(pool.place(&hashes[2]), Some(TxPlace::Pending));
    assert_eq!(pool.pending_nonce(a.address()).unwrap(), 3);
    // The state behind the pool is old still; the sealed block counts.
    assert_eq!(pool.pending_nonce(b.address()).unwrap(), 1);
    pool.add(sign(transfer(1, GWEI, 1), &b)).await.unwrap();
    assert_eq!(pool.status().pending, 2);
    // Not durable, so nothing was dropped for good.
    pool.flush().await.unwrap();
    assert_eq!(pool.dropped(&stale), None);
    assert!(pool.contains(&stale));
    assert_eq!(pool.journal_stats().unwrap().live, 5);

    state.set(a.address(), 2, ETHER);
    state.set(b.address(), 1, ETHER);
    pool.on_durable(1);
    pool.flush().await.unwrap();
    assert_eq!(
        pool.dropped(&stale),
        Some(DropReason::NonceUsed { next: 1 })
    );
    assert!(!pool.contains(&hashes[0]) && !pool.contains(&stale));
    assert_eq!(pool.dropped(&hashes[0]), None);
    assert_eq!(pool.journal_stats().unwrap().live, 2);
    assert_eq!(pool.pending_nonce(b.address()).unwrap(), 2);
}

/// A block commits; before the pool hears of it, it is about to be unwound, and its transactions are
/// journalled again. The late word of the commit must not forget those records: once their segment
/// went, a crash would lose what was accepted.
#[tokio::test]
async fn late_word_of_a_commit_does_not_forget_what_an_unwind_gave_back() {
    let (state, disk) = (TestState::new(), Disk::default());
    let a = signer(1);
    state.set(a.address(), 0, ETHER);
    let pool = open(&state, Some(&disk), config());
    let raw = sign(transfer(0, GWEI, 1), &a);
    let hash = pool.add(raw.clone()).await.unwrap();
    block(&pool, 1, &[hash], &[(a.address(), 1, ETHER)]);
    let lost = [LostTx {
        raw,
        sender: a.address(),
    }];
    let back = pool.journal_requeue(&lost).await.unwrap();
    pool.on_durable(1);
    pool.reinject(back, fees(0)).unwrap();
    pool.flush().await.unwrap();
    assert_eq!(pool.place(&hash), Some(TxPlace::Pending));
    assert_eq!(pool.journal_stats().unwrap().live, 1);
}

/// A builder gives up what it built, and one of those blocks commits all the same. Its transactions
/// then stood before all others of their senders for ever, with a nonce that is used.
#[tokio::test]
async fn a_block_that_was_given_up_and_still_commits_holds_nobody_back() {
    let (state, disk) = (TestState::new(), Disk::default());
    let a = signer(1);
    state.set(a.address(), 0, ETHER);
    let pool = open(&state, Some(&disk), config());
    let first = pool.add(sign(transfer(0, GWEI, 1), &a)).await.unwrap();
    let second = pool.add(sign(transfer(1, GWEI, 1), &a)).await.unwrap();
    block(&pool, 1, &[first], &[(a.address(), 1, ETHER)]);
    pool.reinject(Vec::new(), fees(0)).unwrap();
    assert_eq!(pool.best(100).count(), 2);

    state.set(a.address(), 1, ETHER);
    state.included.lock().insert(first);
    pool.on_durable(1);
    pool.flush().await.unwrap();
    let best: Vec<_> = pool.best(100).map(|tx| tx.hash).collect();
    assert_eq!(best, [second]);
    assert_eq!((pool.contains(&first), pool.dropped(&first)), (false, None));
    assert_eq!(pool.journal_stats().unwrap().live, 1);
}

/// The chain that replaces unwound blocks may hold the same transactions: they were not dropped.
#[tokio::test]
async fn what_the_new_chain_holds_is_not_called_dropped() {
    let (state, disk) = (TestState::new(), Disk::default());
    let (a, b) = (signer(1), signer(2));
    state.set(a.address(), 0, ETHER);
    state.set(b.address(), 0, ETHER);
    let pool = open(&state, Some(&disk), config());
    let held = pool.add(sign(transfer(0, GWEI, 1), &a)).await.unwrap();
    let other = pool.add(sign(transfer(0, GWEI, 1), &b)).await.unwrap();
    state.set(a.address(), 1, ETHER);
    state.set(b.address(), 1, ETHER);
    state.included.lock().insert(held);
    pool.reinject(Vec::new(), fees(1)).unwrap();
    pool.flush().await.unwrap();
    assert_eq!((pool.contains(&held), pool.dropped(&held)), (false, None));
    let used = DropReason::NonceUsed { next: 1 };
    assert_eq!(pool.dropped(&other), Some(used));
    assert_eq!(pool.journal_stats().unwrap().live, 0);
}

#[tokio::test]
async fn what_can_no_longer_be_paid_is_dropped_and_what_waits_returns() {
    let state = TestState::new();
    let a = signer(1);
    state.set(a.address(), 0, ETHER);
    let pool = open(&state, None, config());
    let mut tx = transfer(0, GWEI, 1);
    tx.value = U256::from(ETHER / 2);
    let big = pool.add(sign(tx, &a)).await.unwrap();
    let mut small = Vec::new();
    for nonce in 1..4 {
        small.push(pool.add(sign(transfer(nonce, GWEI, 1), &a)).await.unwrap());
    }
    let cost = u128::try_from(pool.get(&small[0]).unwrap().cost).unwrap();
    // The balance covers two of the small ones.
    block(&pool, 1, &[], &[(a.address(), 0, 2 * cost)]);
    pool.on_durable(1);
    assert_eq!(pool.dropped(&big), Some(DropReason::Unpayable));
    assert_eq!((pool.status().pending, pool.status().queued), (0, 3));
    block(&pool, 2, &[], &[(a.address(), 1, 2 * cost)]);
    let pending: Vec<_> = pool.best(100).map(|tx| tx.hash).collect();
    assert_eq!(pending, small[..2]);
    assert_eq!(pool.place(&small[2]), Some(TxPlace::Queued));
    block(&pool, 3, &small[..1], &[(a.address(), 2, 2 * cost)]);
    let pending: Vec<_> = pool.best(100).map(|tx| tx.hash).collect();
    assert_eq!(pending, small[1..]);
}

#[tokio::test]
async fn the_builder_gets_best_first_and_nonces_in_order() {
    let state = TestState::new();
    let pool = open(&state, None, config());
    let mut want = Vec::new();
    for (seed, tips) in [(1u64, [5u128, 50]), (2, [20, 1]), (3, [20, 20])] {
        let me = signer(seed);
        state.set(me.address(), 0, ETHER);
        for (nonce, tip) in tips.into_iter().enumerate() {
            let raw = sign(transfer(nonce as u64, GWEI, tip), &me);
            want.push((seed, pool.add(raw).await.unwrap()));
        }
    }
    let order: Vec<_> = pool.best(100).map(|tx| tx.hash).collect();
    let hash = |index: usize| want[index].1;
    // 2's and 3's first pay 20, 2's came first; 3's second pays 20 too; then 1's 5 and its 50; 2's 1.
    assert_eq!(
        order,
        [hash(2), hash(4), hash(5), hash(0), hash(1), hash(3)]
    );

    let mut best = pool.best(100);
    assert_eq!(best.next().unwrap().hash, hash(2));
    best.skip_sender(signer(3).address());
    assert_eq!(best.next().unwrap().hash, hash(0));
    // Replaced and removed while the iterator lives.
    let better = pool
        .add(sign(transfer(1, 2 * GWEI, 60), &signer(1)))
        .await
        .unwrap();
    assert!(pool.remove(&hash(3)));
    assert_eq!(best.next().unwrap().hash, better);
    assert!(best.next().is_none());
    // Arrivals come with a refresh, once.
    let new = pool
        .add(sign(transfer(2, GWEI, 1), &signer(1)))
        .await
        .unwrap();
    pool.add(sign(transfer(2, GWEI, 1), &signer(3)))
        .await
        .unwrap();
    assert!(best.next().is_none());
    best.refresh();
    assert_eq!(best.next().unwrap().hash, new);
    assert!(best.next().is_none());
    best.refresh();
    assert!(best.next().is_none());
}

#[tokio::test]
async fn unwound_transactions_come_back_before_anything_else_of_their_sender() {
    let (state, disk) = (TestState::new(), Disk::default());
    let (a, b) = (signer(1), signer(2));
    state.set(a.address(), 0, ETHER);
    state.set(b.address(), 0, ETHER);
    let pool = open(&state, Some(&disk), config());
    let mut events = pool.subscribe_events();
    let raws: Vec<Bytes> = (0..3)
        .map(|nonce| sign(transfer(nonce, GWEI, 5), &a))
        .collect();
    for raw in &raws[..2] {
        pool.add(raw.clone()).await.unwrap();
    }
    let hashes: Vec<B256> = raws.iter().map(alloy_primitives::keccak256).collect();
    block(&pool, 1, &hashes[..2], &[(a.address(), 2, ETHER)]);
    state.set(a.address(), 2, ETHER);
    pool.on_durable(1);
    pool.flush().await.unwrap();
    assert_eq!(pool.journal_stats().unwrap().live, 0);
    pool.add(raws[2].clone()).await.unwrap();

    // The block is lost. A deposit in it is not ours to bring back.
    let mut lost: Vec<LostTx> = raws[..2]
        .iter()
        .map(|raw| LostTx {
            raw: raw.clone(),
            sender: a.address(),
        })
        .collect();
    lost.insert(
        0,
        LostTx {
            raw: vec![0x7e, 0xc0].into(),
            sender: Address::ZERO,
        },
    );
    let back = pool.journal_requeue(&lost).await.unwrap();
    assert_eq!(back.len(), 2);
    assert_eq!(pool.journal_stats().unwrap().live, 3);
    // A crash here, before the unwind commits, finds them in the chain.
    let state_now: Arc<dyn PoolState> = state.clone();
    let files = Box::new(Disk::of(disk.image()));
    let chain = hashes.clone();
    let crashed = Pool::open_on(Some(files), config(), state_now, &|hash| {
        chain[..2].contains(hash)
    })
    .unwrap();
    assert_eq!((crashed.status().pending, crashed.status().queued), (1, 0));

    // On the other branch b paid a; a's nonce is 0 again.
    state.set(a.address(), 0, ETHER);
    pool.reinject(back, fees(0)).unwrap();
    let order: Vec<_> = pool.best(100).map(|tx| (tx.hash, tx.requeued)).collect();
    assert_eq!(order, [(hashes[0], 1), (hashes[1], 1), (hashes[2], 0)]);
    let mut requeued = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let PoolEvent::Requeued(tx) = event {
            requeued.push(tx.hash);
        }
    }
    assert_eq!(requeued, hashes[..2]);
    // A restart keeps the count, and the order.
    drop(pool);
    let pool = open(&state, Some(&Disk::of(disk.image())), config());
    let order: Vec<_> = pool.best(100).map(|tx| (tx.hash, tx.requeued)).collect();
    assert_eq!(order, [(hashes[0], 1), (hashes[1], 1), (hashes[2], 0)]);
    // Lost a second time.
    block(&pool, 1, &hashes[..1], &[(a.address(), 1, ETHER)]);
    let back = pool.journal_requeue(&lost[1..2]).await.unwrap();
    assert_eq!(back[0].requeued, 2);
}

#[tokio::test]
async fn an_unwind_takes_the_place_of_what_came_meanwhile() {
    let state = TestState::new();
    let a = signer(1);
    state.set(a.address(), 0, ETHER);
    let pool = open(&state, None, config());
    let first = sign(transfer(0, GWEI, 5), &a);
    let lost = [LostTx {
        raw: first.clone(),
        sender: a.address(),
    }];
    let back = pool.journal_requeue(&lost).await.unwrap();
    let usurper = pool.add(sign(transfer(0, 3 * GWEI, 50), &a)).await.unwrap();
    pool.reinject(back, fees(0)).unwrap();
    let by = alloy_primitives::keccak256(&first);
    assert_eq!(pool.best(100).next().unwrap().hash, by);
    assert_eq!(pool.dropped(&usurper), Some(DropReason::Replaced { by }));
}

#[tokio::test]
async fn a_sealed_block_that_never_commits_gives_everything_back() {
    let state = TestState::new();
    let (a, b) = (signer(1), signer(2));
    state.set(a.address(), 0, ETHER);
    state.set(b.address(), 0, ETHER);
    let pool = open(&state, None, config());
    let included = pool.add(sign(transfer(0, GWEI, 5), &a)).await.unwrap();
    let stale = pool.add(sign(transfer(0, GWEI, 5), &b)).await.unwrap();
    block(
        &pool,
        1,
        &[included],
        &[(a.address(), 1, ETHER), (b.address(), 1, ETHER)],
    );
    assert_eq!(pool.best(100).count(), 0);
    pool.reinject(Vec::new(), fees(0)).unwrap();
    let order: Vec<_> = pool.best(100).map(|tx| tx.hash).collect();
    assert_eq!(order, [included, stale]);
    assert_eq!(pool.place(&included), Some(TxPlace::Pending));
}

#[tokio::test]
async fn gapped_transactions_expire_and_say_so() {
    let state = TestState::new();
    let a = signer(1);
    state.set(a.address(), 0, ETHER);
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = {
        let now = Arc::clone(&now);
        crate::Clock::new(move || now.load(Ordering::Relaxed))
    };
    let pool = open(&state, None, PoolConfig { clock, ..config() });
    let first = pool.add(sign(transfer(0, GWEI, 5), &a)).await.unwrap();
    let gapped = pool.add(sign(transfer(5, GWEI, 5), &a)).await.unwrap();
    let life = 3 * 3_600 * 1_000;
    pool.expire(1_000 + life - 1);
    assert!(pool.contains(&gapped));
    now.store(1_000 + life, Ordering::Relaxed);
    block(&pool, 1, &[], &[]);
    assert_eq!(pool.dropped(&gapped), Some(DropReason::Expired));
    assert!(pool.contains(&first));
}

#[tokio::test]
async fn a_delegation_in_a_block_holds_its_account_to_one() {
    let state = TestState::new();
    let a = signer(1);
    state.set(a.address(), 0, ETHER);
    let pool = open(&state, None, config());
    for nonce in 0..3 {
        pool.add(sign(transfer(nonce, GWEI, 5), &a)).await.unwrap();
    }
    assert_eq!(pool.best(100).count(), 3);
    let mut code = vec![0xef, 0x01, 0x00];
    code.extend_from_slice(&[7; 20]);
    let mut diff = diff(&[(a.address(), 0, ETHER)]);
    let change = diff.accounts.get_mut(&a.address()).unwrap();
    change.info.as_mut().unwrap().code_hash = alloy_primitives::keccak256(&code);
    change.new_code = Some(code.into());
    pool.on_block(BlockUpdate {
        number: 1,
        included: &[],
        diff: &diff,
        fees: fees(1),
    });
    assert_eq!(pool.best(100).count(), 1);
    assert_eq!(pool.content_of(a.address()).queued.len(), 2);
    // The code is not in the state yet; the sealed block knows it.
    let error = pool.add(sign(transfer(3, GWEI, 5), &a)).await.unwrap_err();
    assert_eq!(
        error,
        PoolError::DelegatedInFlight {
            sender: a.address(),
            limit: 1
        }
    );
}

/// The node's tasks move between threads.
#[test]
fn handles_and_futures_are_send() {
    fn send<T: Send>(_: &T) {}
    let state = TestState::new();
    let pool = open(&state, None, config());
    send(&pool);
    send(&pool.add(Bytes::new()));
    send(&pool.journal_requeue(&[]));
    send(&pool.flush());
    send(&pool.best(0));
}

/// While a sender's lost first is not back yet, everything behind it is gapped. That must not cost
/// it a place, however small the gapped part is.
#[tokio::test]
async fn an_unwind_evicts_nobody_for_a_gap_that_it_closes() {
    let state = TestState::new();
    let a = signer(1);
    state.set(a.address(), 1, ETHER);
    let pool = open(
        &state,
        None,
        PoolConfig {
            gapped_count_max: 2,
            ..config()
        },
    );
    let raws: Vec<Bytes> = (0..9)
        .map(|nonce| sign(transfer(nonce, GWEI, 5), &a))
        .collect();
    for raw in &raws[1..] {
        pool.add(raw.clone()).await.unwrap();
    }
    let lost = [LostTx {
        raw: raws[0].clone(),
        sender: a.address(),
    }];
    let back = pool.journal_requeue(&lost).await.unwrap();
    state.set(a.address(), 0, ETHER);
    pool.reinject(
        back,
        HeadFees {
            base_fee_next: 90,
            ..fees(0)
        },
    )
    .unwrap();
    assert_eq!(pool.best(90).count(), 9);
}
