//! `eth_subscribe` (`USERS.md` section 2.7).

use super::filters::pending;
use crate::{
    error::{Answer, invalid_params},
    follow::Follower,
    node::{Node, Registry},
    params::{Args, LogMatch, LogQuery, LogRange},
    push::Out,
    reader,
};
use foggara_pool::PoolTx;
use jsonrpsee::{core::RegisterMethodError, types::Params};
use std::sync::Arc;
use tokio::sync::broadcast;

/// What a subscriber wants.
enum Wanted {
    Heads,
    Logs(LogMatch),
    Transactions { full: bool },
    Syncing,
}

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.0.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, sink, node, extensions| async move {
            let wanted = match wanted(&params, &node) {
                Ok(wanted) => wanted,
                Err(why) => return sink.reject(why).await,
            };
            // Followers begin before the id is known, so that nothing after it is missed.
            let follower = Follower::new(node.store());
            let transactions = pending(&node);
            let Ok(sink) = sink.accept().await else {
                return;
            };
            let out = Out::new(sink, &extensions);
            match wanted {
                Wanted::Heads => heads(follower, out).await,
                Wanted::Logs(wanted) => logs(follower, wanted, out).await,
                Wanted::Transactions { full } => match transactions {
                    Some(events) => pooled(events, full, out).await,
                    None => out.closed().await,
                },
                Wanted::Syncing => {
                    let mut out = out;
                    if out.push(&false) {
                        out.closed().await;
                    }
                }
            }
        },
    )?;
    Ok(())
}

fn wanted(params: &Params<'_>, node: &Node) -> Answer<Wanted> {
    let mut args = Args::new(params)?;
    let kind: String = args.required()?;
    let wanted = match kind.as_str() {
        "newHeads" => Wanted::Heads,
        "logs" => {
            let query: LogQuery = args.optional()?.unwrap_or_default();
            let (range, wanted) = query.check(&node.limits, 1)?;
            if matches!(range, LogRange::Hash(_)) {
                return Err(invalid_params(
                    "invalid argument 1: a subscription has no blockHash",
                ));
            }
            Wanted::Logs(wanted)
        }
        "newPendingTransactions" => Wanted::Transactions {
            full: args.optional()?.unwrap_or(false),
        },
        "syncing" => Wanted::Syncing,
        other => {
            return Err(invalid_params(format!(
                "invalid argument 0: no \"{other}\" subscription in eth namespace, known are newHeads, logs, \
                 newPendingTransactions, syncing"
            )));
        }
    };
    args.end()?;
    Ok(wanted)
}

async fn heads(mut follower: Follower, mut out: Out) {
    while let Some(event) = out.next(&mut follower.events).await {
        let header = follower.step(event).and_then(|step| step.header());
        if header.is_some_and(|header| !out.push(&header)) {
            return;
        }
    }
}

async fn logs(mut follower: Follower, wanted: LogMatch, mut out: Out) {
    while let Some(event) = out.next(&mut follower.events).await {
        let Some(step) = follower.step(event) else {
            continue;
        };
        let Ok(logs) = step.logs(&wanted) else { return };
        for log in logs {
            if !out.push(&log) {
                return;
            }
        }
    }
}

async fn pooled(mut events: broadcast::Receiver<Arc<PoolTx>>, full: bool, mut out: Out) {
    while let Some(tx) = out.next(&mut events).await {
        let open = if full {
            out.push(&reader::pending_transaction(&tx.tx, tx.sender))
        } else {
            out.push(&tx.hash)
        };
        if !open {
            return;
        }
    }
}
