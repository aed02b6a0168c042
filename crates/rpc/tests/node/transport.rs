//! Every row of `USERS.md` section 2.1, over raw sockets.

use crate::common::{Node, Setup};
use foggara_rpc::{ServerConfig, serve};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

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
async fn raw(node: &Node, request: &str) -> (String, String) {
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

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

const HOST: &str = "host: localhost\r\n";
const JSON: &str = "host: localhost\r\ncontent-type: application/json\r\n";
const CHAIN_ID: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

fn code(text: &str) -> i64 {
    serde_json::from_str::<Value>(text).unwrap()["error"]["code"]
        .as_i64()
        .unwrap_or_default()
}

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

#[tokio::test]
async fn ids_are_echoed_or_refused() {
    let node = Node::new().await;
    for id in [
        "0",
        "1",
        "18446744073709551615",
        "\"\"",
        "\"a b\"",
        "\"\\u00e9\"",
        "null",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId","more":[1]}}"#);
        let (_, text) = node.post(body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            answer["id"],
            serde_json::from_str::<Value>(id).unwrap(),
            "{text}"
        );
        assert_eq!(answer["result"], "0x385", "{text}");
    }
    let mut ws = connect(&node, "/").await;
    for id in [
        "-1",
        "1.5",
        "1e3",
        "18446744073709551616",
        "true",
        "[]",
        "{}",
        "[1]",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId"}}"#);
        let (_, text) = node.post(body.clone()).await;
        assert_eq!(code(&text), -32_600, "{text}");
        assert!(text.contains(r#""id":null"#), "{text}");
        send(&mut ws, body).await;
        assert_eq!(next(&mut ws).await["error"]["code"], -32_600, "{id}");
    }
}

#[tokio::test]
async fn no_parameters_are_no_parameters_in_every_form() {
    let node = Node::new().await;
    for params in ["", r#","params":null"#, r#","params":[]"#] {
        let (_, text) = node
            .post(format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"eth_chainId"{params}}}"#
            ))
            .await;
        assert!(text.contains("0x385"), "{text}");
    }
    let refused = node.refused("eth_chainId", json!([1])).await;
    assert_eq!(
        refused,
        (-32_602, "too many arguments, want at most 0".into())
    );
}

#[tokio::test]
async fn batches_are_answered_entry_by_entry() {
    let node = Node::new().await;
    let mut ws = connect(&node, "/ws").await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" },
        { "jsonrpc": "2.0", "id": -1, "method": "eth_chainId" },
        7,
        { "jsonrpc": "2.0", "method": "eth_chainId" },
        { "jsonrpc": "2.0", "id": "x", "method": "nonsense" },
        { "jsonrpc": "2.0", "id": 2, "method": "eth_subscribe", "params": ["newHeads"] },
    ]);
    let check = |answers: Value, over_socket: bool| {
        let answers = answers.as_array().unwrap().clone();
        assert_eq!(answers.len(), 5, "{answers:?}");
        let with = |id: Value| {
            answers
                .iter()
                .find(|answer| answer["id"] == id)
                .unwrap()
                .clone()
        };
        assert_eq!(with(json!(1))["result"], "0x385");
        assert_eq!(with(json!("x"))["error"]["code"], -32_601);
        let subscribe = if over_socket { -32_600 } else { -32_601 };
        assert_eq!(with(json!(2))["error"]["code"], subscribe);
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer["id"].is_null())
                .count(),
            2
        );
    };
    check(
        serde_json::from_str(&node.post(batch.to_string()).await.1).unwrap(),
        false,
    );
    send(&mut ws, batch.to_string()).await;
    check(next(&mut ws).await, true);
    for (body, code) in [("[]", -32_600), ("[1", -32_700)] {
        let answer: Value = serde_json::from_str(&node.post(body).await.1).unwrap();
        assert!(
            answer.is_object() && answer["error"]["code"] == code,
            "{answer}"
        );
        send(&mut ws, body).await;
        assert_eq!(next(&mut ws).await["error"]["code"], code);
    }
    let notifications =
        r#"[{"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","method":"no"}]"#;
    assert_eq!(node.post(notifications).await, (204, String::new()));
    let entry = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let answer: Value = serde_json::from_str(
        &node
            .post(json!(vec![entry.clone(); 1_000]).to_string())
            .await
            .1,
    )
    .unwrap();
    assert_eq!(answer.as_array().unwrap().len(), 1_000);
    let answer: Value =
        serde_json::from_str(&node.post(json!(vec![entry; 1_001]).to_string()).await.1).unwrap();
    assert_eq!(answer["error"]["code"], -32_010);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("1000"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_slow_batch_is_answered_with_what_is_done() {
    let server = ServerConfig {
        batch_time: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let raw = crate::world::Key::new(1)
        .tx(0, Default::default(), 0, 100_000, vec![0].into())
        .raw;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransactionSync", "params": [raw, 5_000] },
        { "jsonrpc": "2.0", "id": 2, "method": "eth_chainId" },
    ]);
    let answers: Value = serde_json::from_str(&node.post(batch.to_string()).await.1).unwrap();
    assert_eq!(answers[0]["error"]["code"], -32_005, "{answers}");
    assert_eq!(answers[1]["result"], "0x385", "{answers}");
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = ServerConfig {
        answer_bytes: 4_000,
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    for _ in 0..3 {
        let key = crate::world::Key::new(1);
        let nonce = node.store.heads().unsafe_.number;
        node.mine(&[key.tx(
            nonce,
            alloy_primitives::TxKind::Call(crate::world::LOGGER),
            0,
            200_000,
            vec![1; 3_000].into(),
        )]);
    }
    assert_eq!(
        node.refused("eth_getLogs", json!([{ "fromBlock": "earliest" }]))
            .await
            .0,
        -32_008
    );
    let entry = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_getBlockByNumber", "params": ["0x0", false] });
    let answers: Value = serde_json::from_str(
        &node
            .post(json!([entry(1), entry(2), entry(3), entry(4)]).to_string())
            .await
            .1,
    )
    .unwrap();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 4);
    assert!(answers[0].get("result").is_some());
    assert_eq!(answers[3]["error"]["code"], -32_008);
    assert_eq!(answers[3]["id"], 4);
}

/// Whoever asks for much and takes nothing held the answer in memory for ever, one on every connection
/// over HTTP and a thousand on one over WebSocket.
#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_in_bytes_and_time() {
    let server = ServerConfig {
        held_bytes: 12_000_000,
        answer_bytes: 12_000_000,
        stall_time: Duration::from_millis(1_500),
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    for nonce in 0..5 {
        let (to, data) = (crate::world::LOGGER, vec![1; 100_000]);
        let to = alloy_primitives::TxKind::Call(to);
        node.mine(&[crate::world::Key::new(1).tx(nonce, to, 0, 6_000_000, data.into())]);
    }
    // Ten times a megabyte.
    let entry = json!({
        "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [{ "fromBlock": "0x0" }]
    });
    let body = json!(vec![entry; 10]).to_string();
    let mut idle = TcpStream::connect(node.server.addr()).await.unwrap();
    let ask = request("POST", "/", JSON, &body);
    idle.write_all(ask.as_bytes()).await.unwrap();
    let mut head = [0u8; 12];
    idle.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    let (status, answer) = node.post(body.clone()).await;
    assert_eq!(status, 503, "{}", &answer[..100.min(answer.len())]);
    assert_eq!(code(&answer), -32_009);
    // Small answers go on.
    assert_eq!(node.result("eth_chainId", json!([])).await, "0x385");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(node.post(body).await.0, 200);
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    assert!(rest.len() < 10_000_000, "{} bytes were kept", rest.len());
}

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

#[tokio::test]
async fn namespaces_that_are_not_served_name_the_option() {
    let public = Setup {
        api: Some(vec!["txpool".into()]),
        ..Setup::default()
    };
    let node = Node::with(public).await;
    let (code, message) = node.refused("debug_getRawHeader", json!(["latest"])).await;
    assert_eq!(code, -32_601);
    assert!(
        message.starts_with("Method not found") && message.ends_with("--rpc.api debug"),
        "{message}"
    );
    assert_eq!(
        node.result("txpool_status", json!([])).await["pending"],
        "0x0"
    );
    let modules = node.result("rpc_modules", json!([])).await;
    let names: Vec<&String> = modules.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["eth", "net", "optimism", "rollup", "rpc", "txpool", "web3"]
    );
    assert_eq!(
        node.refused("admin_stopSequencer", json!([])).await.0,
        -32_601
    );
}
