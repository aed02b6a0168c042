//! What waits in the pool.

use crate::{
    error::Answer,
    node::{Node, Registry},
    params::Addr,
    reader::{self, RpcTransaction},
};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, U64};
use foggara_pool::{Content, PoolTx, SenderContent};
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// Transactions by nonce, in decimal.
type ByNonce<T> = BTreeMap<String, T>;

#[derive(Debug, Clone, Serialize)]
struct Halves<T> {
    pending: T,
    queued: T,
}

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.instant("txpool_status", |node, args| {
        args.end()?;
        let status = node
            .context
            .pool
            .as_ref()
            .map(foggara_pool::Pool::status)
            .unwrap_or_default();
        Ok(Halves {
            pending: U64::from(status.pending),
            queued: U64::from(status.queued),
        })
    })?;
    r.read("txpool_content", |node, args| {
        args.end()?;
        Ok(by_sender(&content(node), whole))
    })?;
    r.read(
        "txpool_contentFrom",
        |node, args| -> Answer<Halves<ByNonce<RpcTransaction>>> {
            let Addr(sender) = args.required()?;
            args.end()?;
            let none = SenderContent {
                sender,
                pending: Vec::new(),
                queued: Vec::new(),
            };
            let content = node
                .context
                .pool
                .as_ref()
                .map_or(none, |pool| pool.content_of(sender));
            Ok(Halves {
                pending: by_nonce(&content.pending, whole),
                queued: by_nonce(&content.queued, whole),
            })
        },
    )?;
    r.read("txpool_inspect", |node, args| {
        args.end()?;
        Ok(by_sender(&content(node), summary))
    })
}

fn content(node: &Node) -> Content {
    node.context
        .pool
        .as_ref()
        .map(foggara_pool::Pool::content)
        .unwrap_or_default()
}

fn whole(tx: &PoolTx) -> RpcTransaction {
    reader::pending_transaction(&tx.tx, tx.sender)
}

/// One line for people.
fn summary(tx: &PoolTx) -> String {
    let to = tx
        .tx
        .to()
        .map_or_else(|| "contract creation".into(), |to| format!("{to:?}"));
    format!(
        "{to}: {} wei + {} gas × {} wei",
        tx.tx.value(),
        tx.gas_limit,
        tx.max_fee
    )
}

fn by_nonce<T>(txs: &[Arc<PoolTx>], show: fn(&PoolTx) -> T) -> ByNonce<T> {
    txs.iter()
        .map(|tx| (tx.nonce.to_string(), show(tx)))
        .collect()
}

type BySender<T> = BTreeMap<Address, ByNonce<T>>;

fn by_sender<T>(content: &Content, show: fn(&PoolTx) -> T) -> Halves<BySender<T>> {
    let half = |part: fn(&SenderContent) -> &Vec<Arc<PoolTx>>| -> BySender<T> {
        content
            .iter()
            .filter(|sender| !part(sender).is_empty())
            .map(|sender| (sender.sender, by_nonce(part(sender), show)))
            .collect()
    };
    Halves {
        pending: half(|sender| &sender.pending),
        queued: half(|sender| &sender.queued),
    }
}
