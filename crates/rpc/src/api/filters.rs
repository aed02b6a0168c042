//! Filters for clients that poll.

use crate::{
    filters::Kind,
    follow::Watcher,
    node::{Node, Registry},
    params::{Args, LogQuery, Word},
    reader,
};
use alloy_primitives::{U128, U256};
use foggara_pool::PoolTx;
use jsonrpsee::core::RegisterMethodError;
use std::sync::Arc;
use tokio::sync::broadcast;

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.read("eth_newFilter", |node, args| {
        let query: LogQuery = args.required()?;
        args.end()?;
        let (range, wanted) = query.check(&node.limits, 0)?;
        let watcher = Watcher::new(node.store());
        node.filters.add(
            Kind::Logs {
                watcher,
                range,
                wanted,
            },
            &node.limits,
        )
    })?;
    r.read("eth_newBlockFilter", |node, args| {
        args.end()?;
        node.filters
            .add(Kind::Blocks(Watcher::new(node.store())), &node.limits)
    })?;
    r.read("eth_newPendingTransactionFilter", |node, args| {
        let full = args.optional()?.unwrap_or(false);
        args.end()?;
        node.filters.add(
            Kind::Pending {
                events: pending(node),
                full,
            },
            &node.limits,
        )
    })?;
    r.read("eth_getFilterChanges", |node, args| {
        let id = id(args)?;
        node.filters.changes(id, &node.limits, node.store())
    })?;
    r.execute("eth_getFilterLogs", |node, args| {
        let id = id(args)?;
        let (range, wanted) = node.filters.query(id, &node.limits)?;
        reader::query(node, range, &wanted)
    })?;
    r.read("eth_uninstallFilter", |node, args| {
        Ok(node.filters.remove(id(args)?))
    })
}

/// Ids beyond 128 bits were never given out; they are unknown, not malformed.
fn id(args: &mut Args<'_>) -> crate::error::Answer<U128> {
    let Word(id) = args.required()?;
    args.end()?;
    Ok(if id > U256::from(U128::MAX) {
        U128::ZERO
    } else {
        id.to()
    })
}

/// Transactions as they come, where this node shows its pool: in development.
pub(super) fn pending(node: &Node) -> Option<broadcast::Receiver<Arc<PoolTx>>> {
    let shown = node
        .context
        .pool
        .as_ref()
        .filter(|_| node.context.role == "dev");
    shown.map(foggara_pool::Pool::subscribe_pending)
}
