//! Filters: what a client that polls is told since it last asked.

use crate::{
    Limits,
    error::{Answer, limit, server},
    follow::Watcher,
    params::{LogMatch, LogRange},
    reader,
};
use alloy_primitives::{B256, U128};
use alloy_rpc_types_eth::Log;
use foggara_pool::PoolTx;
use foggara_store::Store;
use parking_lot::Mutex;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use tokio::sync::broadcast::{self, error::TryRecvError};

/// What a filter watches.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Hashes of new blocks.
    Blocks(Watcher),
    /// Logs.
    Logs {
        watcher: Watcher,
        range: LogRange,
        wanted: LogMatch,
    },
    /// Transactions that became executable, whole or by hash; `None` where they are not shown.
    Pending {
        events: Option<broadcast::Receiver<Arc<PoolTx>>>,
        full: bool,
    },
}

#[derive(Debug)]
struct Filter {
    kind: Kind,
    used: Instant,
}

/// All filters of a node.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    all: Mutex<BTreeMap<U128, Arc<Mutex<Filter>>>>,
}

/// What changed since the last question.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Changes {
    Hashes(Vec<B256>),
    Logs(Vec<Log>),
    Transactions(Vec<reader::RpcTransaction>),
}

fn not_found() -> jsonrpsee::types::ErrorObjectOwned {
    server("filter not found")
}

impl Filters {
    /// Adds a filter, after forgetting those that nobody asked for too long.
    pub(crate) fn add(&self, kind: Kind, limits: &Limits) -> Answer<U128> {
        let mut all = self.all.lock();
        // One that is being asked right now is locked, and alive.
        all.retain(|_, filter| {
            filter
                .try_lock()
                .is_none_or(|f| f.used.elapsed() < limits.filter_life)
        });
        if all.len() >= limits.filters {
            return Err(limit(format!("too many filters: limit {}", limits.filters)));
        }
        let id = loop {
            let id = U128::from_be_bytes(rand::random::<[u8; 16]>());
            if !id.is_zero() && !all.contains_key(&id) {
                break id;
            }
        };
        all.insert(
            id,
            Arc::new(Mutex::new(Filter {
                kind,
                used: Instant::now(),
            })),
        );
        Ok(id)
    }

    pub(crate) fn remove(&self, id: U128) -> bool {
        self.all.lock().remove(&id).is_some()
    }

    fn get(&self, id: U128, limits: &Limits) -> Answer<Arc<Mutex<Filter>>> {
        let found = self.all.lock().get(&id).cloned().ok_or_else(not_found)?;
        let expired = found.lock().used.elapsed() >= limits.filter_life;
        if expired {
            self.remove(id);
            return Err(not_found());
        }
        Ok(found)
    }

    /// What a log filter asks for.
    pub(crate) fn query(&self, id: U128, limits: &Limits) -> Answer<(LogRange, LogMatch)> {
        let found = self.get(id, limits)?;
        let mut filter = found.lock();
        filter.used = Instant::now();
        match &filter.kind {
            Kind::Logs { range, wanted, .. } => Ok((*range, wanted.clone())),
            _ => Err(not_found()),
        }
    }

    /// What changed since the last question. A filter that is too far behind is gone: whoever asks
    /// makes a new one and reads what it missed.
    pub(crate) fn changes(&self, id: U128, limits: &Limits, store: &Store) -> Answer<Changes> {
        let found = self.get(id, limits)?;
        let mut filter = found.lock();
        filter.used = Instant::now();
        let changes = match &mut filter.kind {
            Kind::Blocks(watcher) => watcher.changed().map(|changed| {
                let hashes = changed.appended.iter().map(|block| block.hash);
                Ok(Changes::Hashes(hashes.collect()))
            }),
            Kind::Logs {
                watcher, wanted, ..
            } => watcher
                .changed()
                .map(|changed| Ok(Changes::Logs(watcher.logs(&changed, wanted, store)?))),
            Kind::Pending { events: None, full } => Some(Ok(transactions(Vec::new(), *full))),
            Kind::Pending {
                events: Some(events),
                full,
            } => {
                let full = *full;
                drain(events).map(|txs| Ok(transactions(txs, full)))
            }
        };
        drop(filter);
        changes.unwrap_or_else(|| {
            self.remove(id);
            Err(not_found())
        })
    }
}

fn transactions(txs: Vec<Arc<PoolTx>>, full: bool) -> Changes {
    if full {
        Changes::Transactions(
            txs.iter()
                .map(|tx| reader::pending_transaction(&tx.tx, tx.sender))
                .collect(),
        )
    } else {
        Changes::Hashes(txs.iter().map(|tx| tx.hash).collect())
    }
}

/// All that waits; `None` if something was missed.
fn drain<T: Clone>(events: &mut broadcast::Receiver<T>) -> Option<Vec<T>> {
    let mut out = Vec::new();
    loop {
        match events.try_recv() {
            Ok(event) => out.push(event),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(out),
            Err(TryRecvError::Lagged(_)) => return None,
        }
    }
}
