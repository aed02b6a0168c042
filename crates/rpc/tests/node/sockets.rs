//! Connections of `USERS.md` section 2.1: WebSockets, and what bounds their number and their silence.

use crate::{
    common::Node,
    wire::{CHAIN_ID, JSON, connect, next, raw, request, send},
};
use foggara_rpc::{ServerConfig, serve};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_socket_survives_what_is_malformed() {
    let server = ServerConfig {
        request_bytes: 1_000,
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let mut ws = connect(&node, "/").await;
    for (text, code) in [
        ("", -32_700),
        ("{", -32_700),
        ("nonsense", -32_700),
        ("7", -32_600),
        ("{}", -32_600),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32_600),
    ] {
        send(&mut ws, text).await;
        assert_eq!(next(&mut ws).await["error"]["code"], code, "{text}");
    }
    ws.send(Message::binary(CHAIN_ID.as_bytes().to_vec()))
        .await
        .unwrap();
    assert_eq!(next(&mut ws).await["result"], "0x385");
    ws.send(Message::binary(vec![0xff, 0xfe])).await.unwrap();
    assert_eq!(next(&mut ws).await["error"]["code"], -32_700);
    send(&mut ws, " ".repeat(1_500)).await;
    assert_eq!(next(&mut ws).await["error"]["code"], -32_007);
    // A notification is not answered: the next answer is that of the next call.
    send(&mut ws, r#"{"jsonrpc":"2.0","method":"eth_blockNumber"}"#).await;
    send(&mut ws, CHAIN_ID).await;
    assert_eq!(next(&mut ws).await["result"], "0x385");
}

#[tokio::test]
async fn silent_sockets_are_closed_and_living_ones_are_not() {
    let server = ServerConfig {
        ping: Duration::from_millis(100),
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let mut living = connect(&node, "/").await;
    // A handshake by hand, and then nothing: no answer to any ping.
    let mut silent = TcpStream::connect(node.server.addr()).await.unwrap();
    let upgrade = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    silent.write_all(upgrade.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let gone = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut all));
    let answering = async {
        let end = tokio::time::Instant::now() + Duration::from_millis(1_000);
        // Reading answers pings.
        while tokio::time::timeout_at(end, living.next()).await.is_ok() {}
    };
    let (gone, ()) = tokio::join!(gone, answering);
    assert!(gone.is_ok(), "the silent socket is still open");
    send(&mut living, CHAIN_ID).await;
    assert_eq!(next(&mut living).await["result"], "0x385");
}

#[tokio::test]
async fn connections_are_bounded() {
    let server = ServerConfig {
        connections: 2,
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let first = connect(&node, "/").await;
    let _second = connect(&node, "/").await;
    let (head, _) = raw(&node, &request("POST", "/", JSON, CHAIN_ID)).await;
    assert!(head.starts_with("http/1.1 429"), "{head}");
    drop(first);
    let mut served = false;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        served = raw(&node, &request("POST", "/", JSON, CHAIN_ID))
            .await
            .0
            .starts_with("http/1.1 200");
        if served {
            break;
        }
    }
    assert!(served);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let server = ServerConfig {
        first_header_time: Duration::from_millis(100),
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let mut stream = TcpStream::connect(node.server.addr()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: local")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
}

#[tokio::test]
async fn subscriptions_need_a_socket_and_say_so() {
    let node = Node::new().await;
    for method in ["eth_subscribe", "eth_unsubscribe"] {
        let (code, message) = node.refused(method, json!(["newHeads"])).await;
        assert_eq!(code, -32_601);
        let address = node.server.addr();
        assert_eq!(
            message,
            format!("notifications not supported over HTTP, connect to ws://{address}")
        );
    }
}

#[tokio::test]
async fn a_used_port_is_named_as_such() {
    let node = Node::new().await;
    let config = ServerConfig {
        addr: node.server.addr(),
        ..ServerConfig::default()
    };
    let error = serve(config, jsonrpsee::Methods::new(), None)
        .await
        .unwrap_err();
    assert!(error.in_use(), "{error}");
    // Once the server has stopped, the port is free.
    let addr = node.server.addr();
    let Node { server, .. } = node;
    server.stop().await;
    let config = ServerConfig {
        addr,
        ..ServerConfig::default()
    };
    assert!(serve(config, jsonrpsee::Methods::new(), None).await.is_ok());
}
