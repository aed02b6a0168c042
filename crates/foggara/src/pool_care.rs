//! Looks after the pool while the node runs: stops the node when its journal fails, records what was
//! dropped, lets old gaps expire.

use crate::node::stopped;
use foggara_pool::{JournalError, Pool, PoolEvent};
use foggara_store::{Commit, DroppedTx, Store};
use std::time::{Duration, SystemTime};
use tokio::{
    sync::{broadcast, watch},
    time::interval,
};

/// Time between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two sweeps of gapped transactions.
const EXPIRE_TICKS: u64 = 60;
/// Drops recorded in one commit at most; the rest follows with the next look.
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
    let mut events = pool.subscribe_events();
    let mut ticks = interval(TICK);
    let mut count = 0u64;
    let mut stop = std::pin::pin!(stopped(stop));
    loop {
        tokio::select! {
            () = &mut stop => return record(&mut events, &store).await,
            why = failure(&mut fatal) => return Err(why),
            _ = ticks.tick() => {
                record(&mut events, &store).await?;
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

/// Writes down what was dropped since the last look, so that `rollup_txStatus` can tell after a restart.
async fn record(events: &mut broadcast::Receiver<PoolEvent>, store: &Store) -> Result<(), String> {
    let mut dropped = Vec::new();
    while dropped.len() < DROPS_MAX {
        match events.try_recv() {
            Ok(PoolEvent::Dropped { tx, reason }) => {
                let time = now_ms() / 1_000;
                dropped.push((
                    tx.hash,
                    DroppedTx {
                        time,
                        reason: reason.word().into(),
                    },
                ));
            }
            Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    if dropped.is_empty() {
        return Ok(());
    }
    let store = store.clone();
    let commit = move || {
        store.commit(Commit {
            dropped,
            ..Commit::default()
        })
    };
    match tokio::task::spawn_blocking(commit).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(foggara_store::CommitError::Full(why))) => {
            tracing::warn!(why, "pool.dropped.not_recorded");
            Ok(())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
