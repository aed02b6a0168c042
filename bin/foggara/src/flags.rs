//! Flags. They only carry what was given; `config` merges them with environment, file and defaults.

use clap::Args;
use figment::value::{Dict, Value};
use std::{net::IpAddr, path::PathBuf};
use url::Url;

/// Headings of the help text.
const BLOCKS: &str = "Batcher and sequencer";
const L1: &str = "L1";
const LOGS: &str = "Logs";
const RPC: &str = "RPC";

/// Flags of the commands that run a node. Each is also a key of `foggara.toml` and, with `FOGGARA_` in
/// front and `__` for each dot, an environment variable.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct NodeFlags {
    /// Configuration file [default: ./foggara.toml, else in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the state [default: foggara/ROLE in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the state in a folder that is removed at the end
    #[arg(long, conflicts_with = "data")]
    pub(crate) tmp: bool,
    /// Remove the state first
    #[arg(long)]
    pub(crate) reset: bool,
    /// L2 chain id of a new chain [default: drawn from 0x464F0000-0x464FFFFF]
    #[arg(long, value_name = "N")]
    pub(crate) chain_id: Option<u64>,
    /// Time between L2 blocks of a new chain, whole seconds [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub(crate) block_time: Option<String>,
    /// rollup.json of the chain
    #[arg(long, value_name = "FILE")]
    pub(crate) rollup: Option<PathBuf>,
    /// genesis.json of the chain [default: genesis.json beside the rollup file]
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,

    /// Address of the RPC server [default: 127.0.0.1]
    #[arg(long = "rpc.addr", value_name = "IP", help_heading = RPC)]
    pub(crate) rpc_addr: Option<IpAddr>,
    /// Port of HTTP and WebSocket [default: 8545]
    #[arg(long = "rpc.port", value_name = "N", help_heading = RPC)]
    pub(crate) rpc_port: Option<u16>,
    /// Allowed origins, separated by commas [default: * in dev, none elsewhere]
    #[arg(long = "rpc.cors", value_name = "LIST", value_delimiter = ',', help_heading = RPC)]
    pub(crate) rpc_cors: Option<Vec<String>>,
    /// Host names accepted beside the loopback ones, separated by commas
    #[arg(long = "rpc.hosts", value_name = "LIST", value_delimiter = ',', help_heading = RPC)]
    pub(crate) rpc_hosts: Option<Vec<String>>,
    /// Namespaces beside the default ones, separated by commas
    #[arg(long = "rpc.api", value_name = "LIST", value_delimiter = ',', help_heading = RPC)]
    pub(crate) rpc_api: Option<Vec<String>>,
    /// Operator port [default: RPC port + 1000]
    #[arg(long = "admin.port", value_name = "N", help_heading = RPC)]
    pub(crate) admin_port: Option<u16>,

    /// Execution RPC of the L1 [default in dev: its own simulator]
    #[arg(long = "l1", value_name = "URL", help_heading = L1)]
    pub(crate) l1_url: Option<Url>,
    /// Beacon API of the L1, for blobs
    #[arg(long = "l1.beacon", value_name = "URL", help_heading = L1)]
    pub(crate) l1_beacon: Option<Url>,
    /// Port of the development L1 [default: 8546]
    #[arg(long = "l1.port", value_name = "N", help_heading = L1)]
    pub(crate) l1_port: Option<u16>,
    /// Blocks by which finalized trails on the development L1, or off [default: 2]
    #[arg(long = "l1.finality", value_name = "N", help_heading = L1)]
    pub(crate) l1_finality: Option<String>,
    /// Time between blocks of the development L1 [default: 1s]
    #[arg(long = "l1.block-time", value_name = "TIME", help_heading = L1)]
    pub(crate) l1_block_time: Option<String>,

    /// Where batches go: auto, blobs or calldata [default: auto]
    #[arg(long = "batcher.da", value_name = "KIND", help_heading = BLOCKS)]
    pub(crate) batcher_da: Option<String>,
    /// L1 blocks for which a channel stays open at most [default: 1 in dev, 5 elsewhere]
    #[arg(long = "batcher.max-channel-age", value_name = "N", help_heading = BLOCKS)]
    pub(crate) batcher_max_channel_age: Option<u64>,
    /// The batcher's key: env:NAME or file:PATH
    #[arg(long = "batcher.key", value_name = "SECRET", help_heading = BLOCKS)]
    pub(crate) batcher_key: Option<String>,
    /// Execute every block a second time before it is committed [default: true]
    #[arg(long = "sequencer.self-check", value_name = "BOOL", help_heading = BLOCKS)]
    pub(crate) sequencer_self_check: Option<bool>,
    /// L1 blocks on top of an origin before it is taken [default: 0 in dev, 4 elsewhere]
    #[arg(long = "sequencer.l1-confs", value_name = "N", help_heading = BLOCKS)]
    pub(crate) sequencer_l1_confs: Option<u64>,
    /// What covers a returned hash: disk, or memory (survives nothing) [default: disk]
    #[arg(long = "pool.ack", value_name = "KIND", help_heading = BLOCKS)]
    pub(crate) pool_ack: Option<String>,

    /// Log format: human or json [default: human]
    #[arg(long = "log", value_name = "FORMAT", help_heading = LOGS)]
    pub(crate) log_format: Option<String>,
    /// Log filter, for instance info,foggara_derive=debug [default: warn]
    #[arg(long = "log.filter", value_name = "FILTER", help_heading = LOGS)]
    pub(crate) log_filter: Option<String>,
}

impl NodeFlags {
    /// What was given, as nested configuration keys.
    pub(crate) fn to_dict(&self) -> Dict {
        let mut dict = Dict::new();
        let mut set = |path: &str, value: Option<Value>| {
            if let Some(value) = value {
                insert(&mut dict, path, value);
            }
        };
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let list = |value: &Option<Vec<String>>| value.clone().map(Value::from);
        let path =
            |value: &Option<PathBuf>| value.as_ref().map(|p| Value::from(p.display().to_string()));
        let url = |value: &Option<Url>| value.as_ref().map(|u| Value::from(u.to_string()));
        set("data", path(&self.data));
        set("tmp", self.tmp.then(|| Value::from(true)));
        set("reset", self.reset.then(|| Value::from(true)));
        set("chain-id", self.chain_id.map(Value::from));
        set("block-time", text(&self.block_time));
        set("rollup", path(&self.rollup));
        set("genesis", path(&self.genesis));
        set(
            "rpc.addr",
            self.rpc_addr.map(|ip| Value::from(ip.to_string())),
        );
        set("rpc.port", self.rpc_port.map(Value::from));
        set("rpc.cors", list(&self.rpc_cors));
        set("rpc.hosts", list(&self.rpc_hosts));
        set("rpc.api", list(&self.rpc_api));
        set("admin.port", self.admin_port.map(Value::from));
        set("l1.url", url(&self.l1_url));
        set("l1.beacon", url(&self.l1_beacon));
        set("l1.port", self.l1_port.map(Value::from));
        set("l1.finality", text(&self.l1_finality));
        set("l1.block-time", text(&self.l1_block_time));
        set("batcher.da", text(&self.batcher_da));
        set(
            "batcher.max-channel-age",
            self.batcher_max_channel_age.map(Value::from),
        );
        set("batcher.key", text(&self.batcher_key));
        set(
            "sequencer.self-check",
            self.sequencer_self_check.map(Value::from),
        );
        set(
            "sequencer.l1-confs",
            self.sequencer_l1_confs.map(Value::from),
        );
        set("pool.ack", text(&self.pool_ack));
        set("log.format", text(&self.log_format));
        set("log.filter", text(&self.log_filter));
        dict
    }
}

fn insert(dict: &mut Dict, path: &str, value: Value) {
    let Some((head, tail)) = path.split_once('.') else {
        dict.insert(path.to_owned(), value);
        return;
    };
    let entry = dict
        .entry(head.to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = entry {
        insert(inner, tail, value);
    }
}
