//! The command as a user meets it: help, configuration, exit codes, signals, `inspect`, the first seconds.

mod common;

use alloy::primitives::{Address, Bytes, U64, U256, hex};
use common::{
    Node, Rpc, Said, arg, ether, foggara, folder, free_port, funded, quantity, run, transfer,
};
use foggara_batch::{Batch, BatchContext, decode_payload, inflate, join_frames};
use foggara_primitives::RollupConfig;
use foggara_store::{
    SCHEMA_VERSION, Table,
    backend::{Database, MDBX_SIZE_MAX, Mdbx},
};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::time::sleep;

/// The tests run unoptimised on busy machines: a goal is asserted at so many times its figure.
const SLACK: u32 = 4;

fn dev(args: &[&str]) -> Said {
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    run(foggara(["dev", "--rpc.port", &ports[0], "--l1.port", &ports[1]]).args(args))
}

fn replica(args: &[&str]) -> Said {
    let port = free_port().to_string();
    run(foggara(["replica", "--rpc.port", &port]).args(args))
}

/// A chain that was made and stopped: its data folder.
async fn stopped_chain() -> TempDir {
    let data = folder();
    let node = Node::dev(data.path()).await;
    node.rpc.reach("latest", 2).await;
    node.stop("TERM");
    data
}

#[test]
fn help_names_what_scripts_rely_on() {
    let top = run(&mut foggara(["--help"]));
    assert_eq!(top.code, Some(0));
    for command in ["dev", "sequencer", "replica", "inspect", "model"] {
        assert!(
            top.out.contains(&format!("\n  {command} ")),
            "{command}: {}",
            top.out
        );
    }
    let flags = [
        "--data",
        "--tmp",
        "--rpc.addr",
        "--rpc.port",
        "--chain-id",
        "--block-time",
        "--l1",
        "--l1.beacon",
        "--l1.port",
        "--l1.finality",
        "--rollup",
        "--genesis",
        "--batcher.da",
    ];
    for command in ["dev", "sequencer", "replica"] {
        let help = run(&mut foggara([command, "--help"]));
        assert_eq!(help.code, Some(0));
        for flag in flags {
            assert!(
                help.out.contains(&format!("{flag} ")) || help.out.contains(&format!("{flag}\n")),
                "{command} {flag}: {}",
                help.out
            );
        }
    }
    for what in ["batch", "frame", "channel"] {
        assert_eq!(run(&mut foggara(["inspect", what, "--help"])).code, Some(0));
    }
    let version = run(&mut foggara(["--version"]));
    assert_eq!(
        version.out.trim(),
        concat!("foggara ", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(run(&mut foggara::<&str>([])).code, Some(2));
}

#[test]
fn a_wrong_word_is_answered_by_the_right_one() {
    dev(&["--tmp", "--rpc.prot", "1"]).refuses(2, &["--rpc.prot", "similar", "--rpc.port"]);
    run(&mut foggara(["deev"])).refuses(2, &["deev", "similar", "dev"]);

    let at = folder();
    let file = at.path().join("foggara.toml");
    for (text, words) in [
        (
            "[rpc]\nprot = 1\n",
            &["rpc.prot", "did you mean", "rpc.port"][..],
        ),
        ("chain_id = 5\n", &["chain_id", "did you mean", "chain-id"]),
        (
            "[bachter]\nda = 'auto'\n",
            &["bachter", "did you mean", "batcher"],
        ),
        (
            "[batcher]\nmax-channel-age = 'long'\n",
            &["batcher.max-channel-age", "foggara.toml"],
        ),
        ("block-time = '1 fortnight'\n", &["block-time"]),
        ("block-time = '1500ms'\n", &["block-time", "whole seconds"]),
        (
            "[batcher]\nda = 'pigeon'\n",
            &["batcher.da", "auto, blobs and calldata"],
        ),
        ("[l1]\nfinality = 'soon'\n", &["l1.finality", "soon"]),
        ("rpc = [", &["foggara.toml"]),
    ] {
        fs::write(&file, text).unwrap();
        dev(&["--tmp", "--config", file.to_str().unwrap()]).refuses(2, words);
        run(foggara(["dev", "--tmp"]).current_dir(at.path())).refuses(2, words);
    }
    dev(&["--tmp", "--config", "/nowhere/foggara.toml"]).refuses(2, &["/nowhere/foggara.toml"]);

    let env = |name: &str, value: &str| run(foggara(["dev", "--tmp"]).env(name, value));
    env("FOGGARA_RPC__PROT", "1").refuses(
        2,
        &["FOGGARA_RPC__PROT", "did you mean", "FOGGARA_RPC__PORT"],
    );
    env("FOGGARA_RPC__PORT", "x").refuses(2, &["FOGGARA_RPC__PORT"]);
    env("FOGGARA_LOG__FORMAT", "xml").refuses(2, &["log.format", "human and json"]);
    dev(&["--tmp", "--data", "some-folder"]).refuses(2, &["--tmp", "--data"]);
    dev(&["--tmp", "--block-time", "0s"]).refuses(2, &["block-time"]);
    dev(&["--tmp", "--batcher.key", "0xac09"]).refuses(2, &["batcher.key", "never the key itself"]);
}

/// flag > environment > file > default
#[tokio::test]
async fn the_nearest_setting_wins() {
    let at = folder();
    let ports = [(); 6].map(|()| free_port());
    let file = format!(
        "chain-id = 777\n[rpc]\nport = {}\n[l1]\nport = {}\nfinality = '5'\n",
        ports[0], ports[1]
    );
    fs::write(at.path().join("foggara.toml"), file).unwrap();
    let mut command = foggara(["dev", "--tmp", "--rpc.port", &ports[2].to_string()]);
    command
        .current_dir(at.path())
        .env("FOGGARA_RPC__PORT", ports[3].to_string())
        .env("FOGGARA_L1__PORT", ports[4].to_string())
        // Known to tests, not a setting.
        .env("FOGGARA_FIXTURES", "/nowhere");
    let mut node = Node::spawn_on(command, ports[2], ports[4]);
    node.ready().await;
    assert_eq!(
        node.rpc.get::<U64>("eth_chainId", json!([])).await,
        U64::from(777)
    );
    assert_eq!(
        node.l1.get::<U64>("eth_chainId", json!([])).await,
        U64::from(900)
    );
    let out = node.stop("INT");
    let dir = out
        .split_once("state ")
        .unwrap()
        .1
        .split_once(" (removed")
        .unwrap()
        .0
        .to_owned();
    assert!(!Path::new(&dir).exists(), "{dir} is still there");
}

#[test]
fn a_used_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let free = free_port().to_string();
    let start = |rpc: &str, l1: &str| {
        run(&mut foggara([
            "dev",
            "--tmp",
            "--rpc.port",
            rpc,
            "--l1.port",
            l1,
        ]))
    };
    start(&port, &free).refuses(6, &["--rpc.port", &port]);
    start(&free, &port).refuses(6, &["--l1.port", &port]);
}

#[tokio::test]
async fn a_second_process_on_a_folder_names_the_first() {
    let data = folder();
    let mut first = Node::dev(data.path()).await;
    let path = arg(data.path());
    for args in [&["--data", &path][..], &["--data", &path, "--reset"]] {
        let said = dev(args);
        said.refuses(6, &[&path, &first.pid().to_string()]);
        println!("refused in {:?}", said.took);
        assert!(said.took < Duration::from_secs(1) * SLACK, "{said:?}");
    }
    // The first is undisturbed.
    first.assert_alive();
    let head = first.rpc.number("latest").await;
    first.rpc.reach("latest", head + 2).await;
    first.stop("TERM");
    let mut again = Node::dev(data.path()).await;
    assert!(again.rpc.number("latest").await >= head + 2);
    again.assert_alive();
}

#[tokio::test]
async fn a_folder_of_another_release_or_a_damaged_one_is_refused() {
    let data = stopped_chain().await;
    let path = arg(data.path());
    let schema = |version: u32| {
        let db = Mdbx::open(&data.path().join("l2/db"), MDBX_SIZE_MAX).unwrap();
        let mut tx = db.write().unwrap();
        tx.put(Table::Metadata, b"store.schema", &version.to_be_bytes())
            .unwrap();
        tx.put(Table::Metadata, b"store.release", b"9.8.7").unwrap();
        tx.commit().unwrap();
    };
    schema(SCHEMA_VERSION + 1);
    dev(&["--data", &path]).refuses(5, &["9.8.7"]);
    schema(SCHEMA_VERSION);
    dev(&["--data", &path, "--chain-id", "5"]).refuses(2, &["--reset", "not 5"]);
    let mut node = Node::dev(data.path()).await;
    node.assert_alive();
    node.stop("TERM");

    let file = data.path().join("l2/db/mdbx.dat");
    let mut bytes = fs::read(&file).unwrap();
    bytes.fill(0x5a);
    fs::write(&file, bytes).unwrap();
    dev(&["--data", &path]).refuses(5, &[&path]);
}

#[tokio::test]
async fn chain_files_that_are_wrong_are_named() {
    let data = stopped_chain().await;
    let (rollup, genesis) = (
        data.path().join("rollup.json"),
        data.path().join("genesis.json"),
    );
    let at = folder();
    let bad = at.path().join("rollup.json");
    let path = arg(&bad);
    let with = |text: &str, words: &[&str]| {
        fs::write(&bad, text).unwrap();
        let l1 = [
            "--l1",
            "http://127.0.0.1:1",
            "--data",
            at.path().to_str().unwrap(),
        ];
        replica(&[&["--rollup", &path][..], &l1].concat()).refuses(2, words);
    };
    let good = fs::read_to_string(&rollup).unwrap();
    let change = |key: &str, value: Value| {
        let mut json: Value = serde_json::from_str(&good).unwrap();
        json[key] = value;
        json.to_string()
    };
    with("", &["rollup.json"]);
    with("{", &["rollup.json"]);
    with("{}", &["rollup.json", "missing field"]);
    with(&good[..good.len() / 2], &["rollup.json"]);
    with(
        &change("block_time", json!("one")),
        &["rollup.json", "\"one\"", "line 1"],
    );
    // Good, but no genesis.json lies beside it.
    with(&good, &["genesis.json"]);
    fs::copy(&genesis, at.path().join("genesis.json")).unwrap();
    with(&change("l2_chain_id", json!(5)), &["chain 5"]);
    with(&change("block_time", json!(0)), &["block_time"]);
    with(&change("isthmus_time", json!(7)), &["isthmus"]);
    fs::write(at.path().join("genesis.json"), "[]").unwrap();
    with(&good, &["genesis.json"]);
    replica(&[
        "--rollup",
        "/nowhere/rollup.json",
        "--l1",
        "http://127.0.0.1:1",
    ])
    .refuses(2, &["/nowhere/rollup.json"]);
}

#[test]
fn what_is_missing_is_named() {
    replica(&[]).refuses(2, &["--rollup"]);
    replica(&["--l1", "http://127.0.0.1:1"]).refuses(2, &["--rollup"]);
    let port = free_port().to_string();
    run(&mut foggara(["sequencer", "--rpc.port", &port])).refuses(2, &["--rollup"]);
}

#[tokio::test]
async fn a_missing_or_wrong_l1_is_named() {
    let (data, other) = (folder(), folder());
    let first = Node::dev(data.path()).await;
    // Two development L1s begun in one second have one genesis.
    sleep(Duration::from_millis(1_100)).await;
    let second = Node::dev(other.path()).await;
    let rollup = arg(data.path().join("rollup.json"));
    let at = folder();
    let replica = |l1: &str| {
        replica(&[
            "--rollup",
            &rollup,
            "--data",
            at.path().to_str().unwrap(),
            "--l1",
            l1,
        ])
    };

    replica_needs_l1(&rollup);
    let nobody = format!("127.0.0.1:{}", free_port());
    let said = replica(&format!("http://{nobody}"));
    said.refuses(4, &[&nobody, "--l1"]);
    println!(
        "an L1 that does not answer is reported after {:?}",
        said.took
    );
    dev(&["--tmp", "--l1", &format!("http://{nobody}")]).refuses(4, &[&nobody]);
    replica("ftp://127.0.0.1").refuses(2, &["ftp"]);
    // Accepts connections and says nothing that makes sense.
    replica(&format!("{}/nothing/here", first.l1.url)).refuses(4, &[]);
    // The L2 itself has another chain id; the other node's L1 has another genesis.
    replica(&first.rpc.url).refuses(4, &["chain id", "900", "--l1"]);
    replica(&second.l1.url).refuses(4, &["another L1"]);
}

fn replica_needs_l1(rollup: &str) {
    replica(&["--rollup", rollup]).refuses(2, &["--l1"]);
    let said = replica(&["--rollup", rollup, "--l1", "not a url"]);
    said.refuses(2, &["--l1"]);
}

#[tokio::test]
async fn a_signal_flushes_and_loses_nothing() {
    let data = folder();
    let mut accepted = Vec::new();
    let mut accounts = Vec::new();
    for signal in ["INT", "TERM", "INT"] {
        let node = Node::dev(data.path()).await;
        if accounts.is_empty() {
            accounts = funded(&node.rpc, 3, ether(10)).await;
        }
        let chain_id: U64 = node.rpc.get("eth_chainId", json!([])).await;
        for account in &mut accounts {
            let raw = account.sign(chain_id.to(), &transfer(Address::ZERO, U256::ONE));
            accepted.push(node.rpc.send(&raw).await.unwrap());
        }
        let before = Instant::now();
        let out = node.stop(signal);
        println!("SIG{signal}: ended after {:?}", before.elapsed());
        assert!(
            out.contains(data.path().to_str().unwrap()) && out.contains("stopped"),
            "{out}"
        );
    }
    let node = Node::dev(data.path()).await;
    let found = node
        .rpc
        .each("eth_getTransactionByHash", &accepted)
        .await
        .unwrap();
    assert!(found.iter().all(|tx| !tx.is_null()), "{found:?}");
    for hash in accepted {
        assert_eq!(node.rpc.receipt(hash).await["status"], "0x1");
    }
}

/// Payloads of the batcher in order of inclusion, from L1 blocks with calldata.
async fn payloads(l1: &Rpc, inbox: Address) -> Vec<Bytes> {
    let mut found = Vec::new();
    for number in 0..=l1.number("latest").await {
        let block: Value = l1
            .get("eth_getBlockByNumber", json!([U64::from(number), true]))
            .await;
        for tx in block["transactions"].as_array().unwrap() {
            if serde_json::from_value(tx["to"].clone())
                .is_ok_and(|to: Option<Address>| to == Some(inbox))
            {
                found.push(serde_json::from_value(tx["input"].clone()).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn inspect_shows_what_stands_on_l1() {
    let data = folder();
    let mut node = Node::spawn([
        "dev",
        "--data",
        &arg(data.path()),
        "--batcher.da",
        "calldata",
    ]);
    node.ready().await;
    let mut account = funded(&node.rpc, 1, ether(10)).await.remove(0);
    let chain_id: U64 = node.rpc.get("eth_chainId", json!([])).await;
    let raw = account.sign(
        chain_id.to(),
        &transfer(Address::repeat_byte(9), U256::from(12_345)),
    );
    let hash = node.rpc.send(&raw).await.unwrap();
    let number = quantity(&node.rpc.receipt(hash).await["blockNumber"]);
    node.rpc.reach("safe", number).await;
    let rollup_file = arg(data.path().join("rollup.json"));
    let rollup: RollupConfig = serde_json::from_slice(&fs::read(&rollup_file).unwrap()).unwrap();
    let payloads = payloads(&node.l1, rollup.batch_inbox_address).await;
    assert!(!payloads.is_empty(), "nothing was posted as calldata");
    node.stop("TERM");

    let inspect = |what: &str, args: &[String]| -> Said {
        run(foggara(["inspect", what])
            .args(args)
            .args(["--rollup", &rollup_file]))
    };
    let json = |said: Said| -> Value {
        assert_eq!(said.code, Some(0), "{said:#?}");
        serde_json::from_str(&said.out).unwrap()
    };
    // Frames of all payloads, from a file of hex for the first and from the command line for the others.
    let file = data.path().join("payload.hex");
    fs::write(&file, hex::encode_prefixed(&payloads[0])).unwrap();
    let mut args = vec![arg(&file)];
    args.extend(payloads[1..].iter().map(hex::encode_prefixed));
    let frames = json(inspect("frame", &args));
    let frames = frames.as_array().unwrap();
    assert!(frames.len() >= payloads.len());
    assert!(frames.iter().all(|frame| frame["size"].as_u64() > Some(0)));
    assert!(frames.iter().any(|frame| frame["isLast"] == true));

    // The channel that holds the transaction.
    let text = hex::encode_prefixed(&raw);
    let mut channels: Vec<Vec<Bytes>> = Vec::new();
    for payload in payloads {
        let first = decode_payload(&payload).unwrap()[0].number == 0;
        match channels.last_mut() {
            Some(open) if !first => open.push(payload),
            _ => channels.push(vec![payload]),
        }
    }
    let of = |parts: &[Bytes]| parts.iter().map(hex::encode_prefixed).collect::<Vec<_>>();
    let shown = |value: &Value| value.to_string().contains(&text);
    let holder = channels
        .iter()
        .find(|parts| shown(&json(inspect("channel", &of(parts)))))
        .unwrap();
    let channel = json(inspect("channel", &of(holder)));
    assert_eq!(channel["ended"], "complete");
    assert_eq!(channel["error"], Value::Null);
    let batches = channel["batches"].as_array().unwrap();
    let blocks = batches
        .iter()
        .flat_map(|batch| batch["blocks"].as_array().unwrap());
    let time = blocks
        .filter(|block| shown(block))
        .map(|block| block["timestamp"].as_u64());
    assert_eq!(
        time.collect::<Vec<_>>(),
        [Some(rollup.genesis.l2_time + number * rollup.block_time)]
    );

    // The same without the payloads' wrapping, and its batches by themselves.
    let frames: Vec<_> = holder
        .iter()
        .flat_map(|part| decode_payload(part).unwrap())
        .collect();
    let bytes = join_frames(&frames).unwrap();
    assert_eq!(
        json(inspect("channel", &[hex::encode_prefixed(&bytes)])),
        channel
    );
    let mut content = &inflate(&bytes, 1 << 30).bytes[..];
    let mut shown_alone = Vec::new();
    while !content.is_empty() {
        let batch = alloy::rlp::Header::decode_bytes(&mut content, false).unwrap();
        let batch = Bytes::copy_from_slice(batch);
        Batch::decode(&batch, BatchContext::of(&rollup)).unwrap();
        let alone = json(inspect("batch", &[hex::encode_prefixed(&batch)]));
        shown_alone.extend(alone.as_array().unwrap().clone());
    }
    assert_eq!(&shown_alone, batches);
    refuses_garbage(&bytes);
}

fn refuses_garbage(channel: &[u8]) {
    let inspect = |what: &str, bytes: &str| run(&mut foggara(["inspect", what, bytes]));
    let cut = hex::encode_prefixed(&channel[..channel.len() / 2]);
    for what in ["frame", "batch", "channel"] {
        for bytes in [
            "0x",
            "0x00",
            "0xzz",
            "0x123",
            "0xffffffff",
            "/nowhere",
            &cut,
        ] {
            let said = inspect(what, bytes);
            let ended = said.code;
            if ended == Some(0) {
                // A channel's error stands in its description: what came before it is worth seeing.
                let json: Value = serde_json::from_str(&said.out).unwrap();
                assert_eq!(what, "channel", "{bytes}: {said:#?}");
                assert!(
                    json["ended"] == "error" || json["error"] != Value::Null,
                    "{bytes}: {json}"
                );
                continue;
            }
            assert!(matches!(ended, Some(1 | 2)), "{what} {bytes}: {said:#?}");
            assert!(
                said.err.starts_with("error: ") && said.out.is_empty(),
                "{said:#?}"
            );
            assert!(!said.err.contains("panicked"), "{said:#?}");
        }
    }
}

/// Resident memory in MB: all of it, and the part that is not backed by files.
fn memory(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1024
    };
    (of("VmRSS:"), of("RssAnon:"))
}

/// `USERS.md` U2 and U3.
#[tokio::test]
async fn dev_is_safe_in_five_seconds() {
    let mut node = Node::spawn(["dev", "--tmp"]);
    let answer = node.ready().await;
    let start = node.started;
    let mut after = [Duration::ZERO; 2];
    for (took, tag) in after.iter_mut().zip(["latest", "safe"]) {
        while node.rpc.number(tag).await == 0 {
            assert!(
                start.elapsed() < common::START,
                "no {tag} block\n{}",
                node.said()
            );
            sleep(Duration::from_millis(5)).await;
        }
        *took = start.elapsed();
    }
    sleep(Duration::from_secs(8).saturating_sub(start.elapsed())).await;
    let (resident, own) = memory(node.pid());
    let [block, safe] = after;
    println!(
        "first answer {answer:?} (goal 0.5 s), first block {block:?} (1 s), safe {safe:?} (5 s), \
         idle {resident} MB resident, {own} MB of it its own (120 MB)"
    );
    assert!(answer < Duration::from_millis(500) * SLACK);
    assert!(block < Duration::from_secs(1) * SLACK);
    assert!(safe < Duration::from_secs(5) * SLACK);
    assert!(resident <= 120, "{resident} MB");
    node.stop("INT");
}
