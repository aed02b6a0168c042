//! `rollup_subscribe`: the heads, or the life of a transaction, pushed when they change.

use super::rollup::heads;
use crate::{
    error::{Answer, invalid_params, of_store},
    node::{Node, Registry},
    params::{Args, Hash},
    push::Out,
    tx_status,
};
use alloy_primitives::B256;
use jsonrpsee::{core::RegisterMethodError, types::Params};
use std::{sync::Arc, time::Duration};

/// How often the life of a transaction is looked at beside the moves of the heads: what the pool
/// decides moves none.
const LOOK_EVERY: Duration = Duration::from_secs(1);

enum Wanted {
    Heads,
    TxStatus(B256),
}

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.0.register_subscription(
        "rollup_subscribe",
        "rollup_subscription",
        "rollup_unsubscribe",
        |params, sink, node, extensions| async move {
            let wanted = match wanted(&params) {
                Ok(wanted) => wanted,
                Err(why) => return sink.reject(why).await,
            };
            let Ok(sink) = sink.accept().await else {
                return;
            };
            follow(&node, wanted, Out::new(sink, &extensions)).await;
        },
    )?;
    Ok(())
}

fn wanted(params: &Params<'_>) -> Answer<Wanted> {
    let mut args = Args::new(params)?;
    let kind: String = args.required()?;
    let wanted = match kind.as_str() {
        "heads" => Wanted::Heads,
        "txStatus" => {
            let Hash(hash) = args.required()?;
            Wanted::TxStatus(hash)
        }
        _ => {
            return Err(invalid_params(
                "invalid argument 0: no such subscription in rollup namespace, known are heads, txStatus",
            ));
        }
    };
    args.end()?;
    Ok(wanted)
}

async fn follow(node: &Arc<Node>, wanted: Wanted, mut out: Out) {
    let mut moves = node.store().subscribe_heads();
    let mut told = None;
    loop {
        moves.mark_unchanged();
        match &wanted {
            Wanted::Heads => {
                if !out.push(&heads(node)) {
                    return;
                }
            }
            Wanted::TxStatus(hash) => {
                let (reader, hash) = (Arc::clone(node), *hash);
                let status = move |node: &Node| tx_status(&node.context, hash).map_err(of_store);
                let Ok(status) = reader.read(status).await else {
                    return;
                };
                if told.as_ref() != Some(&status) {
                    if !out.push(&status) {
                        return;
                    }
                    told = Some(status);
                }
            }
        }
        let look = async {
            match wanted {
                Wanted::Heads => std::future::pending().await,
                Wanted::TxStatus(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        };
        tokio::select! {
            () = out.closed() => return,
            moved = moves.changed() => if moved.is_err() { return },
            () = look => {}
        }
    }
}
