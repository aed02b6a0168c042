//! Looks after the pool while the node runs: stops the node when its journal fails, records what was
//! dropped, lets old gaps expire.

use crate::node::stopped;
use foggara_pool::{JournalError, Pool};
use foggara_store::{Commit, CommitError, DroppedTx, Store};
use std::time::{Duration, SystemTime};
use tokio::{sync::watch, time::interval};

/// Time between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two sweeps of gapped transactions.
const EXPIRE_TICKS: u64 = 60;
/// Drops recorded in one commit at most.
const DROPS_MAX: usize = 1_024;

/// Runs until the signal is given.
///
/// # Errors
/// The journal has failed for good (`RELIABILITY.md` D6), or drops could not be recorded.
pub(crate) async fn run(
    pool: Pool,
    store: Store,
    stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let mut fatal = pool.fatal();
    // Drops that the journal still knows come first: the last run may have ended before they were recorded.
    let mut mark = 0;
    let mut ticks = interval(TICK);
    let mut count = 0u64;
    let mut stop = std::pin::pin!(stopped(stop));
    loop {
        tokio::select! {
            () = &mut stop => return record(&pool, &mut mark, &store).await,
            why = failure(&mut fatal) => return Err(why),
            _ = ticks.tick() => {
                record(&pool, &mut mark, &store).await?;
                count = count.wrapping_add(1);
                if count.is_multiple_of(EXPIRE_TICKS) {
                    pool.expire(now_ms());
                }
            }
        }
    }
}

/// Completes when the journal has failed.
async fn failure(fatal: &mut watch::Receiver<Option<JournalError>>) -> String {
    let failed = fatal.wait_for(Option::is_some).await;
    let why = failed
        .ok()
        .and_then(|why| why.as_ref().map(ToString::to_string));
    why.unwrap_or_else(|| "the journal thread ended".into())
}

/// Writes down what was dropped since `mark`, so that `rollup_txStatus` can tell after a restart. The pool
/// remembers drops longer than any burst between two looks lasts.
async fn record(pool: &Pool, mark: &mut u64, store: &Store) -> Result<(), String> {
    loop {
        let recent = pool.drops_since(*mark, DROPS_MAX);
        if recent.missed > 0 {
            tracing::warn!(missed = recent.missed, "pool.dropped.missed");
        }
        if recent.mark == *mark {
            return Ok(());
        }
        let writer = store.clone();
        let commit = move || {
            let time = now_ms() / 1_000;
            let mut dropped = Vec::with_capacity(recent.drops.len());
            for (hash, reason) in recent.drops {
                if writer.dropped(hash)?.is_none() {
                    let reason = reason.word().into();
                    dropped.push((hash, DroppedTx { time, reason }));
                }
            }
            if dropped.is_empty() {
                return Ok(());
            }
            writer.commit(Commit {
                dropped,
                ..Commit::default()
            })
        };
        match tokio::task::spawn_blocking(commit).await {
            Ok(Ok(())) => *mark = recent.mark,
            Ok(Err(CommitError::Full(why))) => {
                // They follow when there is space.
                tracing::warn!(why, "pool.dropped.not_recorded");
                return Ok(());
            }
            Ok(Err(error)) => return Err(error.to_string()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool_state::DurableState;
    use foggara_pool::PoolConfig;
    use foggara_testkit::{DevNet, NET_CHAIN_ID, NetConfig};
    use std::sync::Arc;

    /// More drops between two looks than a subscriber may be behind: what it missed was never recorded.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_burst_of_drops_is_recorded_whole_and_once() {
        let mut net = DevNet::new(NetConfig::default());
        let state = DurableState {
            spec: Arc::clone(&net.spec),
            store: net.store.clone(),
        };
        let config = PoolConfig::dev(NET_CHAIN_ID);
        let pool = Pool::open(None, config, Arc::new(state), &|_| false).unwrap();
        let mut hashes = Vec::new();
        for _ in 0..1_500 {
            hashes.push(pool.add(net.transfer()).await.unwrap());
        }
        assert!(hashes.iter().all(|hash| pool.remove(hash)));
        let mut mark = 0;
        record(&pool, &mut mark, &net.store).await.unwrap();
        assert_eq!(mark, 1_500);
        for hash in &hashes {
            let dropped = net.store.dropped(*hash).unwrap();
            assert_eq!(dropped.unwrap().reason, "removed");
        }
        // A restart looks from the beginning: what is recorded keeps its time.
        let old = DroppedTx {
            time: 1,
            reason: "removed".into(),
        };
        let commit = Commit {
            dropped: vec![(hashes[0], old.clone())],
            ..Commit::default()
        };
        net.store.commit(commit).unwrap();
        record(&pool, &mut 0, &net.store).await.unwrap();
        assert_eq!(net.store.dropped(hashes[0]).unwrap(), Some(old));
    }
}
