//! What a person sees: the banner, then one line a block.

use crate::config::NodeConfig;
use foggara::{SequencerHandle, StoreEvent, dev_accounts};
use std::{io::Write, path::Path, time::Instant};
use tokio::{sync::broadcast::error::RecvError, task::JoinHandle};

/// Prints a line. That nobody reads it (any more) is no reason to stop.
macro_rules! say {
    ($($what:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($what)*);
    }};
}

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
    say!(
        "foggara {} · {role} chain {} · state {}{}",
        env!("CARGO_PKG_VERSION"),
        rollup.l2_chain_id,
        dir.display(),
        if config.tmp {
            " (removed at the end)"
        } else {
            ""
        },
    );
    match (&config.l1.url, node.l1_rpc_addr()) {
        (Some(url), _) => say!("  L1   {url}   chain {}", rollup.l1_chain_id),
        (None, Some(addr)) => {
            say!(
                "  L1   simulator    http://{addr}   chain {}",
                rollup.l1_chain_id
            );
        }
        (None, None) => {}
    }
    say!(
        "  L2   genesis      {}   Isthmus, precompiles in genesis",
        rollup.genesis.l2.hash
    );
    if let Some(addr) = node.rpc_addr() {
        say!("  RPC  http + ws    http://{addr}   {}", elapsed());
    }
    if config.pool.ack == "memory" {
        say!("  WARNING: pool.ack is memory, a returned hash survives nothing");
    }
    if role == "dev" {
        say!("  10 accounts × 10,000 ETH, their keys are public:");
        for (index, account) in dev_accounts().iter().enumerate() {
            say!("  ({index}) {} {}", account.address(), account.to_bytes());
        }
        if let Some(addr) = node.rpc_addr() {
            let (from, to) = (&dev_accounts()[0], &dev_accounts()[1]);
            say!(
                "  try  cast send --rpc-url http://{addr} --private-key {} {} --value 1ether",
                from.to_bytes(),
                to.address()
            );
        }
    }
}

/// Prints where the state lies and how to go on.
pub(crate) fn stopped(dir: &Path) {
    say!(
        "stopped; the state lies in {}, the same command goes on from there",
        dir.display()
    );
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
                    say!(
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
                    say!(
                        "reorg: {} blocks above #{} are gone",
                        removed.len(),
                        to.number
                    );
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    })
}

#[allow(clippy::cast_precision_loss, reason = "printed with one decimal")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}
