//! An L1 that goes away: it takes what it is asked and never answers. Blocks go on meanwhile, all lands once
//! it is back, and a node that is told to stop does not wait for it.

mod common;

use alloy_primitives::{U256, address};
use common::l1_of;
use foggara::{DevL1Options, L1, LaunchError, SequencerBuilder, SequencerHandle, dev_signer};
use foggara_devl1::{DevL1, DevL1Config};
use foggara_rpc::ServerConfig;
use foggara_testkit::{Account, TxParams, numbered_signer};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// A line to a server. While it hangs, connections are taken and nothing passes.
struct Proxy {
    addr: SocketAddr,
    hangs: Arc<AtomicBool>,
}

impl Proxy {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let hangs = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&hangs);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else {
                    return;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let gate = Arc::clone(&gate);
                    thread::spawn(move || pass(from, to, &gate));
                }
            }
        });
        Self { addr, hangs }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, hangs: &AtomicBool) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        while hangs.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

async fn until(what: &str, node: &SequencerHandle, reached: impl Fn(&SequencerHandle) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !reached(node) {
        assert!(
            Instant::now() < deadline,
            "{what}: {:?}",
            node.heads().borrow()
        );
        sleep(Duration::from_millis(50)).await;
    }
}

fn head(node: &SequencerHandle) -> u64 {
    node.store().heads().unsafe_.number
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_go_on_without_l1_and_a_stop_does_not_wait_for_it() {
    let options = DevL1Options {
        port: Some(0),
        ..DevL1Options::default()
    };
    let host = SequencerBuilder::dev().l1(L1::Dev(options));
    let host = host.launch().await.unwrap();
    let L1::Url { rpc, .. } = l1_of(&host) else {
        panic!("it is served by URL");
    };
    let proxy = Proxy::to(rpc.socket_addrs(|| None).unwrap()[0]);
    let dir = tempfile::tempdir().unwrap();
    let l1 = L1::Url {
        rpc: format!("http://{}", proxy.addr).parse().unwrap(),
        beacon: None,
    };
    let node = SequencerBuilder::dev()
        .l1(l1)
        .batcher_key(dev_signer(5))
        .datadir(dir.path())
        .launch()
        .await
        .unwrap();
    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let mut alice = Account::new(dev_signer(0));
    let to = address!("00000000000000000000000000000000000000aa");
    let mut transfer = || alice.sign(chain_id, &TxParams::transfer(to, U256::from(7)));
    node.submit(transfer()).await.unwrap().safe().await.unwrap();

    // Every call takes its ten seconds now, and every block had made four.
    proxy.hangs.store(true, Ordering::SeqCst);
    let before = head(&node);
    let ticket = node.submit(transfer()).await.unwrap();
    let included = timeout(Duration::from_secs(5), ticket.preconfirmed()).await;
    included.expect("it is included without L1").unwrap();
    sleep(Duration::from_secs(8)).await;
    let built = head(&node) - before;
    assert!(built >= 6, "{built} blocks in more than 8 s");

    // It answers again: later origins are taken, and what was built meanwhile becomes safe.
    proxy.hangs.store(false, Ordering::SeqCst);
    ticket.safe().await.unwrap();
    let origin = node.store().heads().unsafe_.l1_origin.number;
    until("origins go on", &node, |node| {
        node.store().heads().unsafe_.l1_origin.number > origin + 2
    })
    .await;

    proxy.hangs.store(true, Ordering::SeqCst);
    sleep(Duration::from_secs(2)).await;
    let asked = Instant::now();
    node.stop().await.unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    host.stop().await.unwrap();
}

/// Whoever has the key takes what lies on its account, and everybody has these.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_posts_only_to_an_l1_for_development() {
    let own = numbered_signer(77);
    for (l1_chain_id, key, refused) in [
        (11_155_111, None, true),
        (11_155_111, Some(dev_signer(19)), true),
        (11_155_111, Some(own), false),
        (31_337, None, false),
    ] {
        let config = DevL1Config {
            chain_id: l1_chain_id,
            ..DevL1Config::default()
        };
        let l1 = DevL1::open(config).unwrap();
        let module = foggara_rpc::devl1::module(l1).unwrap();
        let config = ServerConfig {
            addr: ([127, 0, 0, 1], 0).into(),
            ..ServerConfig::default()
        };
        let server = foggara_rpc::serve(config, module, None).await.unwrap();
        let rpc = format!("http://{}", server.addr()).parse().unwrap();
        let mut builder = SequencerBuilder::dev().l1(L1::Url { rpc, beacon: None });
        if let Some(key) = key {
            builder = builder.batcher_key(key);
        }
        match builder.launch().await {
            Ok(node) => {
                assert!(!refused, "{l1_chain_id}");
                node.stop().await.unwrap();
            }
            Err(error) => {
                assert!(
                    refused && matches!(error, LaunchError::Config(_)),
                    "{error}"
                );
                let text = error.to_string();
                assert!(
                    text.contains("11155111") && text.contains("--batcher.key"),
                    "{text}"
                );
            }
        }
    }
}
