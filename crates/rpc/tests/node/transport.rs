//! Statuses, hosts, origins and packing of `USERS.md` section 2.1, over raw sockets.

use crate::{
    common::Node,
    wire::{CHAIN_ID, HOST, JSON, code, raw, request},
};
use foggara_rpc::ServerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

#[tokio::test]
async fn statuses_are_those_of_the_table() {
    let server = ServerConfig {
        request_bytes: 1_000,
        cors: vec!["*".into()],
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let (head, body) = raw(&node, &request("POST", "/", JSON, CHAIN_ID)).await;
    assert!(
        head.starts_with("http/1.1 200") && body == r#"{"jsonrpc":"2.0","id":1,"result":"0x385"}"#
    );
    // An error is an answer as well.
    let (head, body) = raw(&node, &request("POST", "/", JSON, "{")).await;
    assert!(
        head.starts_with("http/1.1 200") && code(&body) == -32_700,
        "{head} {body}"
    );
    let notification = r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#;
    let (head, body) = raw(&node, &request("POST", "/", JSON, notification)).await;
    assert!(
        head.starts_with("http/1.1 204") && body.is_empty(),
        "{head} {body}"
    );
    let (head, _) = raw(&node, &request("PUT", "/", JSON, CHAIN_ID)).await;
    assert!(
        head.starts_with("http/1.1 405") && head.contains("allow: get,head,post"),
        "{head}"
    );
    let (head, _) = raw(&node, &request("POST", "/", HOST, CHAIN_ID)).await;
    assert!(head.starts_with("http/1.1 415"), "{head}");
    let other = "host: localhost\r\ncontent-type: text/plain\r\n";
    assert!(
        raw(&node, &request("POST", "/", other, CHAIN_ID))
            .await
            .0
            .starts_with("http/1.1 415")
    );
    let with_charset = "host: localhost\r\ncontent-type: Application/JSON; charset=utf-8\r\n";
    assert!(
        raw(&node, &request("POST", "/", with_charset, CHAIN_ID))
            .await
            .0
            .starts_with("http/1.1 200")
    );
    let (head, body) = raw(&node, &request("POST", "/", JSON, &" ".repeat(1_001))).await;
    assert!(
        head.starts_with("http/1.1 413") && code(&body) == -32_007,
        "{head} {body}"
    );
    // Without a length it is counted while it comes.
    let chunked = format!(
        "POST / HTTP/1.1\r\n{JSON}transfer-encoding: chunked\r\nconnection: close\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        " ".repeat(1_001)
    );
    let (head, body) = raw(&node, &chunked).await;
    assert!(
        head.starts_with("http/1.1 413") && code(&body) == -32_007,
        "{head} {body}"
    );
    let (head, body) = raw(&node, &request("GET", "/", HOST, "")).await;
    assert!(
        head.starts_with("http/1.1 200") && head.contains("text/html"),
        "{head}"
    );
    assert!(
        body.contains("<td>901") && body.contains("foggara/v"),
        "{body}"
    );
    let (head, body) = raw(&node, &request("GET", "/health", HOST, "")).await;
    assert!(
        head.starts_with("http/1.1 200") && body.contains(r#""status":"ok""#),
        "{head} {body}"
    );
    assert!(
        raw(&node, &request("GET", "/nothing", HOST, ""))
            .await
            .0
            .starts_with("http/1.1 404")
    );
}

#[tokio::test]
async fn only_known_hosts_are_answered_on_loopback() {
    let server = ServerConfig {
        hosts: vec!["node.example".into()],
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    for host in [
        "localhost",
        "127.0.0.1:1",
        "[::1]:8545",
        "host.docker.internal",
        "node.example:80",
        "LOCALHOST",
    ] {
        let headers = format!("host: {host}\r\ncontent-type: application/json\r\n");
        let (head, _) = raw(&node, &request("POST", "/", &headers, CHAIN_ID)).await;
        assert!(head.starts_with("http/1.1 200"), "{host}: {head}");
    }
    for host in ["evil.example", "localhost.evil.example", "127.0.0.2", ""] {
        let headers = format!("host: {host}\r\ncontent-type: application/json\r\n");
        let (head, _) = raw(&node, &request("POST", "/", &headers, CHAIN_ID)).await;
        assert!(head.starts_with("http/1.1 403"), "{host}: {head}");
        let mut request = format!("ws://{}/", node.server.addr())
            .into_client_request()
            .unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        assert!(connect_async(request).await.is_err(), "{host}");
    }
}

#[tokio::test]
async fn origins_are_those_of_the_list() {
    let server = ServerConfig {
        cors: vec!["https://app.example".into()],
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let preflight = |origin: &str| {
        let headers = format!(
            "{HOST}origin: {origin}\r\naccess-control-request-method: POST\r\n\
             access-control-request-headers: content-type\r\n\
             access-control-request-private-network: true\r\n"
        );
        request("OPTIONS", "/", &headers, "")
    };
    let (head, _) = raw(&node, &preflight("https://app.example")).await;
    assert!(head.starts_with("http/1.1 204"), "{head}");
    for line in [
        "access-control-allow-origin: https://app.example",
        "access-control-allow-headers: content-type",
        "access-control-max-age: 600",
        "access-control-allow-private-network: true",
        "vary: origin",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(!head.contains("allow-credentials"));
    let (head, _) = raw(&node, &preflight("https://other.example")).await;
    assert!(!head.contains("access-control-allow"), "{head}");
    let headers = format!("{JSON}origin: https://app.example\r\n");
    let (head, _) = raw(&node, &request("POST", "/", &headers, CHAIN_ID)).await;
    assert!(
        head.contains("access-control-allow-origin: https://app.example"),
        "{head}"
    );
    // A socket knows no preflight: its origin is checked at once.
    for (origin, fine) in [
        ("https://app.example", true),
        ("https://other.example", false),
    ] {
        let mut request = format!("ws://{}/ws", node.server.addr())
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        assert_eq!(connect_async(request).await.is_ok(), fine, "{origin}");
    }
    // A development node allows all.
    let node = Node::new().await;
    let (head, _) = raw(&node, &preflight("https://any.example")).await;
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
}

#[tokio::test]
async fn long_answers_are_packed_when_asked() {
    let node = Node::new().await;
    let block =
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",false]}"#;
    let mut stream = TcpStream::connect(node.server.addr()).await.unwrap();
    let headers = format!("{JSON}accept-encoding: gzip\r\n");
    stream
        .write_all(request("POST", "/", &headers, block).as_bytes())
        .await
        .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(text.contains("content-encoding: gzip"), "{text}");
    // A short one, or one that nobody asked to pack, is not.
    let (head, _) = raw(&node, &request("POST", "/", &headers, CHAIN_ID)).await;
    assert!(!head.contains("content-encoding"), "{head}");
    let (head, body) = raw(&node, &request("POST", "/", JSON, block)).await;
    assert!(
        !head.contains("content-encoding") && body.contains("logsBloom"),
        "{head}"
    );
}
