//! Taking transactions: into the pool, or on to the sequencer.

use super::transactions::receipt;
use crate::{
    error::{Answer, code, error, error_with, of_pool, of_source, server},
    node::{Node, Registry},
    params::{Args, Data, Quantity},
    reader::RpcReceipt,
};
use alloy_primitives::{B256, Bytes, U64};
use foggara_pool::TxPlace;
use foggara_store::StoreEvent;
use jsonrpsee::{
    core::{RegisterMethodError, RpcResult},
    types::ErrorObjectOwned,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// EIP-7966: the transaction was accepted, but not included in time.
const NOT_IN_TIME: i32 = 4;
/// EIP-7966: the transaction was accepted, but cannot be executed yet.
const NOT_READY: i32 = 5;
/// EIP-7966: the transaction was accepted, but nonces before its own are missing.
const NONCE_GAP: i32 = 6;
/// How long the sequencer of a replica may take to answer.
const FORWARD_TIME: Duration = Duration::from_secs(10);

pub(super) fn register(r: &mut Registry) -> Result<(), RegisterMethodError> {
    r.0.register_async_method("eth_sendRawTransaction", |params, node, _| async move {
        let raw = {
            let mut args = Args::new(&params)?;
            let Data(raw) = args.required()?;
            args.end()?;
            raw
        };
        send(&node, raw).await
    })?;
    r.0.register_async_method("eth_sendRawTransactionSync", |params, node, _| async move {
        let (raw, timeout) = {
            let mut args = Args::new(&params)?;
            let Data(raw) = args.required()?;
            let timeout: Option<Timeout> = args.optional()?;
            args.end()?;
            (raw, timeout)
        };
        send_sync(node, raw, timeout).await
    })?;
    r.0.register_method("eth_sendTransaction", |_, _, _| -> RpcResult<B256> {
        Err(server("unknown account"))
    })?;
    r.0.register_method("eth_sign", |_, _, _| -> RpcResult<Bytes> {
        Err(server("unknown account"))
    })?;
    r.0.register_method("eth_signTypedData_v4", |_, _, _| -> RpcResult<Bytes> {
        Err(server("unknown account"))
    })?;
    Ok(())
}

/// Milliseconds, as a quantity or a number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Timeout {
    Number(u64),
    Text(Quantity),
}

async fn send(node: &Node, raw: Bytes) -> Answer<B256> {
    match (&node.context.pool, &node.context.forward) {
        (Some(pool), _) => pool.add(raw).await.map_err(of_pool),
        (None, Some(url)) => forward(node, url.clone(), raw).await,
        (None, None) => Err(server(
            "node is not accepting transactions: a replica without a sequencer to hand them on to",
        )),
    }
}

/// Hands a transaction on; it is accepted only once the sequencer says so.
async fn forward(node: &Node, url: url::Url, raw: Bytes) -> Answer<B256> {
    let unreachable = |why: &dyn std::fmt::Display| {
        server(format!(
            "node is not accepting transactions: sequencer: {why}"
        ))
    };
    let body =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw] });
    let request = node.http.post(url).timeout(FORWARD_TIME).json(&body).send();
    let answer = request
        .await
        .map_err(|why| unreachable(&why.without_url()))?;
    let mut answer: Value = answer
        .json()
        .await
        .map_err(|why| unreachable(&why.without_url()))?;
    let mut part = |name| answer.get_mut(name).map_or(Value::Null, Value::take);
    if let Ok(why) = serde_json::from_value::<ErrorObjectOwned>(part("error")) {
        return Err(why);
    }
    serde_json::from_value(part("result")).map_err(|why| unreachable(&why))
}

/// A transaction that waits behind others is in the pool; nobody should wait for it to be included.
fn held(node: &Node, hash: B256) -> Answer<()> {
    let Some(pool) = &node.context.pool else {
        return Ok(());
    };
    let Some(tx) = pool
        .get(&hash)
        .filter(|_| pool.place(&hash) == Some(TxPlace::Queued))
    else {
        return Ok(());
    };
    let expected = pool.pending_nonce(tx.sender).map_err(of_source)?;
    if tx.nonce > expected {
        let message = format!(
            "the transaction was added to the pool behind a nonce gap: expected {expected}"
        );
        return Err(error_with(NONCE_GAP, message, U64::from(expected)));
    }
    Err(error_with(
        NOT_READY,
        "the transaction was added to the pool but cannot be executed yet",
        hash,
    ))
}

async fn send_sync(node: Arc<Node>, raw: Bytes, timeout: Option<Timeout>) -> Answer<RpcReceipt> {
    let limits = node.limits;
    let time = match timeout {
        Some(Timeout::Number(ms) | Timeout::Text(Quantity(ms))) => Duration::from_millis(ms),
        None => limits.send_sync_time,
    };
    let time = time.min(limits.send_sync_time_max);
    let mut events = node.store().subscribe();
    let hash = send(&node, raw).await?;
    held(&node, hash)?;
    let included = async {
        loop {
            let reader = Arc::clone(&node);
            if let Some(receipt) = reader.read(move |node| receipt(node, hash)).await? {
                return Ok(receipt);
            }
            loop {
                match events.recv().await {
                    Ok(StoreEvent::Block(_)) | Err(RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return Err(error(code::SERVER, "the node stops")),
                }
            }
        }
    };
    tokio::time::timeout(time, included)
        .await
        .unwrap_or_else(|_| {
            let message = format!(
                "the transaction was added to the pool but was not included within {} ms",
                time.as_millis()
            );
            Err(error_with(NOT_IN_TIME, message, hash))
        })
}
