//! Raw HTTP and WebSocket against a node.

use crate::common::Node;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

pub(crate) const HOST: &str = "host: localhost\r\n";
pub(crate) const JSON: &str = "host: localhost\r\ncontent-type: application/json\r\n";
pub(crate) const CHAIN_ID: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

pub(crate) type Ws = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn connect(node: &Node, path: &str) -> Ws {
    connect_async(format!("ws://{}{path}", node.server.addr()))
        .await
        .unwrap()
        .0
}

/// The next JSON message.
pub(crate) async fn next(ws: &mut Ws) -> Value {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(10), ws.next()).await;
        match message
            .expect("a message in time")
            .expect("an open socket")
            .expect("a message")
        {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn send(ws: &mut Ws, text: impl Into<String>) {
    ws.send(Message::text(text.into())).await.unwrap();
}

/// Status line, headers and body of a raw request.
pub(crate) async fn raw(node: &Node, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(node.server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap()
        .unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub(crate) fn code(text: &str) -> i64 {
    serde_json::from_str::<Value>(text).unwrap()["error"]["code"]
        .as_i64()
        .unwrap_or_default()
}
