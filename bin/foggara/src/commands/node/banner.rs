//! What a person sees: the banner, then one line a block.

use crate::config::NodeConfig;
use foggara::{SequencerHandle, StoreEvent, dev_accounts};
use std::{path::Path, time::Instant};
use tokio::{sync::broadcast::error::RecvError, task::JoinHandle};

/// Prints where everything is.
pub(crate) fn print(
    role: &str,
    config: &NodeConfig,
    node: &SequencerHandle,
    dir: &Path,
    start: Instant,
) {
    let rollup = &node.chain().spec.rollup;
    let elapsed = || format!("{:.1} s", start.elapsed().as_secs_f64());
    println!(
        "foggara {} · {role} chain {} · state {}{}",
        env!("CARGO_PKG_VERSION"),
        rollup.l2_chain_id,
        dir.display(),
        if config.tmp { " (removed at the end)" } else { "" },
    );
    match (&config.l1.url, node.l1_rpc_addr()) {
        (Some(url), _) => println!("  L1   {url}   chain {}", rollup.l1_chain_id),
        (None, Some(addr)) => {
            println!("  L1   simulator    http://{addr}   chain {}", rollup.l1_chain_id);
        }
        (None, None) => {}
    }
    println!("  L2   genesis      {}   Isthmus, precompiles in genesis", rollup.genesis.l2.hash);
    if let Some(addr) = node.rpc_addr() {
        println!("  RPC  http + ws    http://{addr}   {}", elapsed());
    }
    if config.pool.ack == "memory" {
        println!("  WARNING: pool.ack is memory, a returned hash survives nothing");
    }
    if role == "dev" {
        println!("  10 accounts × 10,000 ETH, their keys are public:");
        for (index, account) in dev_accounts().iter().enumerate() {
            println!("  ({index}) {} {}", account.address(), account.to_bytes());
        }
        if let Some(addr) = node.rpc_addr() {
            let (from, to) = (&dev_accounts()[0], &dev_accounts()[1]);
            println!(
                "  try  cast send --rpc-url http://{addr} --private-key {} {} --value 1ether",
                from.to_bytes(),
                to.address()
            );
        }
    }
}

/// Prints a line per block until it is aborted.
pub(crate) fn follow(node: &SequencerHandle, start: Instant) -> JoinHandle<()> {
    let mut events = node.events();
    let store = node.store().clone();
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(StoreEvent::Block(block)) => {
                    let header = &block.header;
                    let heads = store.heads();
                    println!(
                        "#{:<6} {}…  {:>5} tx  gas {:>5.1} %  base {} wei  unsafe-safe {}  safe {}  final {}  {:.1} s",
                        header.number,
                        &block.hash.to_string()[..10],
                        block.transactions.len(),
                        percent(header.gas_used, header.gas_limit),
                        header.base_fee_per_gas.unwrap_or_default(),
                        heads.unsafe_.number.saturating_sub(heads.safe.number),
                        heads.safe.number,
                        heads.finalized.number,
                        start.elapsed().as_secs_f64(),
                    );
                }
                Ok(StoreEvent::Reorg { to, removed }) => {
                    println!("reorg: {} blocks above #{} are gone", removed.len(), to.number);
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    })
}

#[allow(clippy::cast_precision_loss, reason = "printed with one decimal")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
