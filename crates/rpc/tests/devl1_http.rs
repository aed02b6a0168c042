//! An L1 by URL: the development L1 behind its own HTTP server, and anvil where `FOGGARA_ANVIL` names
//! its binary. Each is followed, sent to and read, blobs included, through the same client.

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{B256, Bytes, U256, address, hex};
use axum::{Router, extract::State, routing::post};
use foggara_derive::Payload;
use foggara_devl1::{DevL1, DevL1Config};
use foggara_l1::{
    BlockAt, BlockTag, Follower, FollowerConfig, HttpL1, HttpL1Config, L1Client, L1Error, L1Event,
    Rejection, Severity, SidecarForm, StateAt, SubmitError, TxEvent, TxManager, TxManagerConfig,
    TxPayload, TxRequest, fetch_input,
};
use foggara_primitives::{ChainSpec, FoggaraConfig, GenesisSystemConfig, L1Ref, RollupConfig};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const INBOX: alloy_primitives::Address = address!("00ff000000000000000000000000000000000901");

fn signer() -> PrivateKeySigner {
    let key = hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    PrivateKeySigner::from_bytes(&key.into()).unwrap()
}

fn spec() -> ChainSpec {
    let system_config = GenesisSystemConfig {
        batcher_addr: signer().address(),
        ..Default::default()
    };
    let mut rollup = RollupConfig {
        batch_inbox_address: INBOX,
        ..Default::default()
    };
    rollup.genesis.system_config = system_config;
    ChainSpec {
        rollup,
        foggara: FoggaraConfig::default(),
        genesis: alloy_consensus::Header::default(),
    }
}

async fn answer(State(module): State<RpcModule<DevL1>>, body: String) -> String {
    module
        .raw_json_request(&body, 1)
        .await
        .unwrap()
        .0
        .get()
        .to_owned()
}

/// Serves a chain on a port that the OS chooses; returns its URL.
async fn serve(l1: &DevL1) -> String {
    let module = foggara_rpc::devl1::module(l1.clone()).unwrap();
    let app = Router::new()
        .route("/", post(answer))
        .with_state(module)
        .merge(foggara_rpc::devl1::beacon_router(l1.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn client(url: &str) -> Arc<HttpL1> {
    Arc::new(HttpL1::new(HttpL1Config::new(url)).unwrap())
}

async fn ask(url: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = reqwest::Client::new()
        .post(url)
        .json(&body)
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

/// Sends `payload` and waits until it has landed; returns the block.
async fn landed(l1: &Arc<HttpL1>, sender: &mut TxManager, payload: TxPayload) -> L1Ref {
    let deadline = Instant::now() + Duration::from_secs(30);
    // The other kind of transaction is taken only when the one before has its confirmations.
    let id = loop {
        match sender.submit(TxRequest::data(INBOX, payload.clone())) {
            Ok(id) => break id,
            Err(error) => assert_eq!(error, SubmitError::OtherKind),
        }
        assert!(Instant::now() < deadline, "no turn in time");
        sender.tick().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    while Instant::now() < deadline {
        for event in sender.tick().await.unwrap() {
            match event {
                TxEvent::Landed {
                    id: found, block, ..
                } if found == id => {
                    return l1.block(block.hash.into()).await.unwrap().unwrap().l1_ref();
                }
                TxEvent::Final { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not landed in time");
}

/// What every L1 must do for us, whichever it is; its blocks come by themselves.
async fn whole_life(url: &str) {
    let l1 = client(url);
    let spec = spec();
    let start = l1.head(BlockTag::Latest).await.unwrap();
    let mut follower = Follower::new(
        l1.clone(),
        start,
        FollowerConfig {
            poll: Duration::from_millis(100),
            ..FollowerConfig::default()
        },
    );
    let mut sender = TxManager::new(l1.clone(), signer(), TxManagerConfig::dev())
        .await
        .unwrap();
    let text = |text: &'static [u8]| Bytes::from_static(text);
    let blob = |data: &[u8]| Bytes::from(foggara_batch::blob::encode(data).unwrap());
    let payloads = [
        (
            TxPayload::Calldata(text(b"calldata")),
            vec![Payload::Calldata(text(b"calldata"))],
        ),
        (
            TxPayload::Blobs(vec![blob(b"first"), blob(&[9; 100_000])]),
            vec![
                Payload::Blob(blob(b"first")),
                Payload::Blob(blob(&[9; 100_000])),
            ],
        ),
        (
            TxPayload::Calldata(text(b"again")),
            vec![Payload::Calldata(text(b"again"))],
        ),
    ];
    for (payload, expected) in payloads {
        let block = landed(&l1, &mut sender, payload).await;
        let mut sys = spec.rollup.genesis.system_config.system_config();
        let input = fetch_input(l1.as_ref(), &spec, block.hash, &mut sys)
            .await
            .unwrap();
        assert_eq!(input.payloads, expected);
        assert_eq!(input.header.l1_ref(), block);
        let whole = l1.block(block.hash.into()).await.unwrap().unwrap();
        let receipts = l1.receipts(&whole).await.unwrap();
        assert_eq!(receipts.len(), whole.transactions.len());
    }
    let mut tip = start;
    let mut finalized = None;
    while finalized.is_none_or(|number| number <= start.number) {
        let event = tokio::time::timeout(Duration::from_secs(20), follower.next()).await;
        match event.unwrap().unwrap() {
            L1Event::Advance(block) => {
                assert_eq!(block.parent_hash, tip.hash);
                tip = block;
            }
            L1Event::Finalized(block) => finalized = Some(block.number),
            reorg @ L1Event::Reorg { .. } => panic!("{reorg:?}"),
        }
    }
    assert_eq!(
        l1.balance(INBOX, StateAt::Latest).await.unwrap(),
        U256::ZERO
    );
    assert_eq!(
        l1.nonce(signer().address(), StateAt::Latest).await.unwrap(),
        3
    );
    assert!(
        l1.code(INBOX, StateAt::Hash(tip.hash))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        l1.block(BlockAt::Number(u64::MAX >> 8)).await.unwrap(),
        None
    );
    assert_eq!(l1.block(B256::repeat_byte(9).into()).await.unwrap(), None);
    let missing = l1.blobs(tip, &[B256::repeat_byte(1)]).await.unwrap_err();
    assert_eq!(missing.severity(), Severity::Retry);
    let rejected = l1
        .send_raw(Bytes::from_static(b"\x02garbage"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            rejected,
            L1Error::Rejected {
                kind: Rejection::Invalid,
                ..
            }
        ),
        "{rejected}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_development_l1_over_http_is_an_l1() {
    let l1 = DevL1::open(DevL1Config::default()).unwrap();
    let url = serve(&l1).await;
    let running = tokio::spawn({
        let l1 = l1.clone();
        async move { l1.run(std::future::pending()).await }
    });
    assert_eq!(client(&url).chain_id().await.unwrap(), 900);
    whole_life(&url).await;
    running.abort();
}

/// anvil is another implementation of the same RPC, with another blob endpoint and real proofs.
struct Anvil(Child, String);

impl Anvil {
    async fn start(fork: &str) -> Option<Self> {
        let Some(binary) = std::env::var_os("FOGGARA_ANVIL") else {
            eprintln!(
                "SKIPPED: FOGGARA_ANVIL names no anvil binary, nothing was tested against it"
            );
            return None;
        };
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let flags = ["--block-time", "1", "--slots-in-an-epoch", "1", "--silent"];
        let mut command = Command::new(binary);
        command
            .args(["--port", &port, "--hardfork", fork])
            .args(flags)
            .stdout(Stdio::null());
        let anvil = Self(command.spawn().unwrap(), format!("http://127.0.0.1:{port}"));
        let l1 = client(&anvil.1);
        for _ in 0..100 {
            if l1.chain_id().await.is_ok() {
                return Some(anvil);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("anvil does not answer");
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anvil_is_an_l1() {
    let Some(anvil) = Anvil::start("prague").await else {
        return;
    };
    assert_eq!(
        client(&anvil.1).sidecar_form().await.unwrap(),
        SidecarForm::Eip4844
    );
    whole_life(&anvil.1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anvil_with_osaka_takes_cell_proofs() {
    let Some(anvil) = Anvil::start("osaka").await else {
        return;
    };
    assert_eq!(
        client(&anvil.1).sidecar_form().await.unwrap(),
        SidecarForm::Eip7594
    );
    whole_life(&anvil.1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_of_anvil_is_followed() {
    let Some(anvil) = Anvil::start("prague").await else {
        return;
    };
    let l1 = client(&anvil.1);
    ask(&anvil.1, "anvil_mine", json!(["0xa"])).await;
    let start = l1.header(BlockAt::Number(1)).await.unwrap().unwrap();
    let start = foggara_l1::ref_of(&start.0, start.1);
    let mut follower = Follower::new(l1.clone(), start, FollowerConfig::default());
    follower.poll().await.unwrap();
    let before = follower.tip();
    let answer = ask(&anvil.1, "anvil_reorg", json!([1, []])).await;
    assert!(answer.get("error").is_none(), "{answer}");
    let mut events = Vec::new();
    for _ in 0..20 {
        events.extend(follower.poll().await.unwrap());
        if events
            .iter()
            .any(|event| matches!(event, L1Event::Reorg { .. }))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let fork = events.iter().find_map(|event| match event {
        L1Event::Reorg { fork, .. } => Some(fork.number),
        _ => None,
    });
    assert!(
        fork.is_some_and(|fork| fork < before.number + 3),
        "{events:?}"
    );
}

/// Changes the answer to a method.
type Lie = fn(&str, &mut Value);

/// A server may lie about anything that a commitment covers; each lie is noticed.
#[tokio::test]
async fn lies_are_noticed() {
    async fn lie(State((url, lie)): State<(String, Lie)>, body: String) -> String {
        let request: Value = serde_json::from_str(&body).unwrap();
        let method = request["method"].as_str().unwrap().to_owned();
        let mut answer = ask(&url, &method, request["params"].clone()).await;
        lie(&method, &mut answer["result"]);
        answer.to_string()
    }
    let l1 = DevL1::open(DevL1Config::default()).unwrap();
    let honest = serve(&l1).await;
    let mut sender = TxManager::new(client(&honest), signer(), TxManagerConfig::dev())
        .await
        .unwrap();
    let payload = TxPayload::Calldata(Bytes::from_static(b"truth"));
    sender.submit(TxRequest::data(INBOX, payload)).unwrap();
    sender.tick().await.unwrap();
    l1.mine().unwrap();

    let lies: [(&str, Lie); 5] = [
        ("block hash", |method, result| {
            if method.starts_with("eth_getBlockBy") {
                result["timestamp"] = json!("0x1");
            }
        }),
        ("block hash", |method, result| {
            if method.starts_with("eth_getBlockBy") {
                result["hash"] = json!(B256::repeat_byte(1));
            }
        }),
        ("transactions root", |method, result| {
            if method.starts_with("eth_getBlockBy") {
                result["transactions"] = json!([]);
            }
        }),
        ("receipts root", |method, result| {
            if method == "eth_getBlockReceipts" {
                *result = json!([]);
            }
        }),
        ("receipts root", |method, result| {
            if method == "eth_getBlockReceipts" {
                result[0]["status"] = json!("0x0");
            }
        }),
    ];
    for (what, change) in lies {
        let app = Router::new()
            .route("/", post(lie))
            .with_state((honest.clone(), change));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let liar = client(&url);
        let error = match liar.block(BlockAt::Number(1)).await {
            Ok(block) => liar.receipts(&block.unwrap()).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(
            matches!(error, L1Error::Mismatch { what: found, .. } if found == what),
            "{error}"
        );
    }
}

/// A dead, slow, huge or senseless server gives an error that says so, in bounded time and memory.
#[tokio::test]
async fn bad_servers_are_bounded() {
    async fn start(app: Router) -> HttpL1 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        HttpL1::new(HttpL1Config {
            timeout: Duration::from_millis(200),
            answer_max_bytes: 1 << 20,
            retries: 1,
            backoff: Duration::from_millis(10),
            ..HttpL1Config::new(url)
        })
        .unwrap()
    }
    let huge = start(Router::new().route("/", post(async || "x".repeat(2 << 20)))).await;
    assert!(matches!(
        huge.chain_id().await,
        Err(L1Error::TooLarge {
            max_bytes: 1_048_576,
            ..
        })
    ));
    let slow = Router::new().route(
        "/",
        post(async || tokio::time::sleep(Duration::from_secs(9)).await),
    );
    assert!(matches!(
        start(slow).await.chain_id().await,
        Err(L1Error::Timeout { after_ms: 200, .. })
    ));
    let senseless = start(Router::new().route("/", post(async || "<html>"))).await;
    assert!(matches!(
        senseless.chain_id().await,
        Err(L1Error::Decode { .. })
    ));
    let dead = HttpL1::new(HttpL1Config {
        retries: 0,
        ..HttpL1Config::new("http://127.0.0.1:9/key")
    });
    let error = dead.unwrap().chain_id().await.unwrap_err();
    assert!(matches!(&error, L1Error::Transport { endpoint, .. } if endpoint == "127.0.0.1:9"));
    assert_eq!(error.severity(), Severity::Retry);
    for url in ["", "ftp://x", "127.0.0.1:8545", "http://"] {
        let error = HttpL1::new(HttpL1Config::new(url)).unwrap_err();
        assert!(matches!(error, L1Error::Url { .. }), "{url}");
    }
}

/// What wallets and tools ask beside blocks and transactions.
#[tokio::test]
async fn tools_get_the_answers_they_expect() {
    let l1 = DevL1::open(DevL1Config {
        finality: None,
        ..DevL1Config::default()
    })
    .unwrap();
    let url = serve(&l1).await;
    let result = async |method: &str, params: Value| {
        let mut answer = ask(&url, method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    };
    let error = async |method: &str, params: Value| ask(&url, method, params).await["error"].take();
    assert_eq!(result("eth_chainId", json!([])).await, "0x384");
    assert_eq!(result("net_version", json!([])).await, "900");
    assert_eq!(result("eth_blobBaseFee", json!([])).await, "0x1");
    let head = result("dev_mine", json!([3])).await;
    assert_eq!(head["number"], "0x3");
    assert_eq!(result("eth_blockNumber", json!([])).await, "0x3");
    assert_eq!(result("dev_finalize", json!([2])).await, true);
    assert_eq!(
        result("eth_getBlockByNumber", json!(["finalized", false])).await["number"],
        "0x2"
    );
    let reorged = result("dev_reorg", json!([1, false])).await;
    assert_ne!(reorged["hash"], head["hash"]);
    assert_eq!(error("dev_reorg", json!([9])).await["code"], -32_000);
    assert_eq!(result("dev_setBlobFee", json!(["0x64"])).await, true);
    assert_eq!(result("eth_blobBaseFee", json!([])).await, "0x64");
    let history = result("eth_feeHistory", json!(["0x3", "latest", [25, 75]])).await;
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 4);
    assert_eq!(history["reward"].as_array().unwrap().len(), 3);
    assert_eq!(
        error("eth_feeHistory", json!(["0x3", "latest", [75, 25]])).await["code"],
        -32_602
    );
    // Multicall3 answers, and its revert reason comes through.
    let multicall = "0xcA11bde05977b3631167028862bE2a173976CA11";
    let chain_id_call = json!({ "to": multicall, "data": "0x3408e470", "input": "0x3408e470" });
    let word = result("eth_call", json!([chain_id_call, "latest"])).await;
    assert_eq!(word, format!("0x{:064x}", 900));
    let differing = json!({ "to": multicall, "data": "0x3408e470", "input": "0x" });
    assert_eq!(error("eth_call", json!([differing])).await["code"], -32_602);
    // tryAggregate(true, [(multicall, unknown selector)]) reverts with a reason.
    let reverting = format!(
        "0xbce38bd7{:064x}{:064x}{:064x}{:064x}000000000000000000000000{}{:064x}{:064x}deadbeef{:056x}",
        1,
        0x40,
        1,
        0x20,
        &multicall[2..],
        0x40,
        4,
        0
    );
    let failed = error("eth_call", json!([{ "to": multicall, "data": reverting }])).await;
    assert_eq!(failed["code"], 3, "{failed}");
    assert_eq!(
        failed["message"],
        "execution reverted: Multicall3: call failed"
    );
    let transfer = json!({ "from": signer().address(), "to": INBOX, "value": "0x1" });
    assert_eq!(result("eth_estimateGas", json!([transfer])).await, "0x5208");
    assert_eq!(result("eth_getCode", json!([INBOX, "latest"])).await, "0x");
    assert_eq!(
        result("eth_getStorageAt", json!([multicall, "0x0", "latest"])).await,
        format!("0x{:064x}", 0)
    );
    assert_eq!(
        result("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await,
        json!([])
    );
    assert_eq!(
        result("eth_getTransactionReceipt", json!([B256::ZERO])).await,
        Value::Null
    );
    assert_eq!(
        error("eth_getBalance", json!([INBOX, "0x99"])).await["code"],
        -32_001
    );
    assert_eq!(error("eth_getBalance", json!([])).await["code"], -32_602);
    assert_eq!(error("eth_nonsense", json!([])).await["code"], -32_601);
}

/// Blob servers differ: some know only the older path, some have dropped the blobs, some give others.
/// Whatever is given is taken only if it hashes to what was asked for; our own copies come last.
#[tokio::test]
async fn blobs_are_found_wherever_they_are_and_checked() {
    use axum::{extract::Request, http::StatusCode, response::IntoResponse};
    use tower::ServiceExt;
    async fn beacon(l1: &DevL1, broken: &'static [&'static str]) -> String {
        let inner = foggara_rpc::devl1::beacon_router(l1.clone());
        let app = Router::new().fallback(async move |request: Request| {
            let path = request.uri().path().to_owned();
            if broken.iter().any(|part| path.contains(part)) {
                return StatusCode::NOT_FOUND.into_response();
            }
            inner.clone().oneshot(request).await.unwrap()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }
    async fn liar() -> String {
        let other = Bytes::from(foggara_batch::blob::encode(b"another").unwrap());
        let body = json!({ "data": [other, "0x", "0xff"] }).to_string();
        let app = Router::new().fallback(async move || body.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }
    let l1 = DevL1::open(DevL1Config::default()).unwrap();
    let rpc = serve(&l1).await;
    let blob = Bytes::from(foggara_batch::blob::encode(b"wanted").unwrap());
    let mut sender = TxManager::new(client(&rpc), signer(), TxManagerConfig::dev())
        .await
        .unwrap();
    sender
        .submit(TxRequest::data(INBOX, TxPayload::Blobs(vec![blob.clone()])))
        .unwrap();
    sender.tick().await.unwrap();
    // Slots count seconds: a block that is not at slot 1 tells a slot from a number.
    l1.set_next_timestamp(l1.latest().timestamp + 77).unwrap();
    let block = l1.mine().unwrap();
    let hash = foggara_l1::versioned_hash(&blob).unwrap();

    let old_path = beacon(&l1, &["/blobs/"]).await;
    let no_clock = beacon(&l1, &["/config/spec"]).await;
    let nothing = beacon(&l1, &["/blobs/", "/blob_sidecars/"]).await;
    let lies = liar().await;
    let with = |beacon: &str, archives: Vec<String>| {
        let config = HttpL1Config {
            archives,
            ..HttpL1Config::new(&rpc)
        };
        HttpL1::new(config.with_beacon(Some(beacon.to_owned()))).unwrap()
    };
    let found = Ok(vec![blob.clone()]);
    assert_eq!(with(&rpc, vec![]).blobs(block, &[hash]).await, found);
    assert_eq!(with(&old_path, vec![]).blobs(block, &[hash]).await, found);
    assert_eq!(
        with(&nothing, vec![lies.clone(), old_path])
            .blobs(block, &[hash])
            .await,
        found
    );
    let missing = L1Error::BlobsMissing {
        block: block.number,
        missing: 1,
        first: hash,
    };
    assert_eq!(
        with(&nothing, vec![]).blobs(block, &[hash]).await,
        Err(missing.clone())
    );
    // Without a clock the number is asked for, at which this server has no slot.
    assert_eq!(
        with(&no_clock, vec![]).blobs(block, &[hash]).await,
        Err(missing)
    );
    let error = with(&lies, vec![]).blobs(block, &[hash]).await.unwrap_err();
    assert_eq!(error.severity(), Severity::Retry);
    let kept = blob.clone();
    let last = with(&lies, vec![]).with_local_blobs(Arc::new(move |_| Some(kept.clone())));
    assert_eq!(last.blobs(block, &[hash]).await, found);
    let wrong = with(&nothing, vec![]).with_local_blobs(Arc::new(|_| Some(Bytes::new())));
    assert!(wrong.blobs(block, &[hash]).await.is_err());
}
