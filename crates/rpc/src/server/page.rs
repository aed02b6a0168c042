//! What a browser and a load balancer see.

use super::http::{Shared, json};
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

/// Whether the node answers: its newest block.
pub(super) async fn health(State(shared): State<Shared>) -> Response {
    match shared.dispatch.ask("eth_blockNumber").await {
        Some(block) => json(
            StatusCode::OK,
            json!({ "status": "ok", "block": block }).to_string(),
        ),
        None => json(
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "status": "failed" }).to_string(),
        ),
    }
}

/// A page for people.
pub(super) async fn page(shared: &Shared) -> Response {
    let dispatch = &shared.dispatch;
    let name = dispatch.ask("web3_clientVersion").await;
    let id = dispatch.ask("eth_chainId").await;
    let block = dispatch.ask("eth_blockNumber").await;
    let heads = dispatch.ask("rollup_heads").await;
    let head = |label: &str| {
        heads
            .as_ref()
            .map_or(Value::Null, |heads| heads[label]["number"].clone())
    };
    let rows = [
        ("chain id", text(id)),
        ("latest block", text(block)),
        ("safe block", text(Some(head("safe")))),
        ("finalized block", text(Some(head("finalized")))),
    ];
    let rows: String = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| format!("<tr><th>{label}<td>{value}"))
        .collect();
    let name = text(name);
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>{name}</title><h1>{name}</h1><table>{rows}</table>\
         <p>JSON-RPC: <code>POST /</code>, WebSocket on <code>/</code> and <code>/ws</code>, \
         <a href=/health>health</a>.\n"
    ))
    .into_response()
}

/// A value as it stands in a page: text, and quantities in decimal.
fn text(value: Option<Value>) -> String {
    let text = match value {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        _ => return String::new(),
    };
    let number = text
        .strip_prefix("0x")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let text = number.map_or(text, |number| number.to_string());
    text.replace('&', "&amp;").replace('<', "&lt;")
}
