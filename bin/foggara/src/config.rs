//! The configuration of a node and where each value comes from: flag, environment, file, default.

mod explain;

use crate::flags::NodeFlags;
use eyre::{Result, eyre};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

/// Environment variables start with this; `__` stands for a dot and `_` for a hyphen.
const ENV_PREFIX: &str = "FOGGARA_";
/// Read by the tests, not a setting.
const ENV_IGNORED: [&str; 5] = ["fixtures", "anvil", "e2e", "soak", "write_vectors"];

/// Every setting of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeConfig {
    /// Folder of the state. Without it: `foggara/ROLE` in the user's data folder.
    pub(crate) data: Option<PathBuf>,
    /// Keep the state in a folder that is removed at the end.
    pub(crate) tmp: bool,
    /// Remove the state first.
    pub(crate) reset: bool,
    /// L2 chain id of a new chain; drawn at random without it.
    #[serde(rename = "chain-id")]
    pub(crate) chain_id: Option<u64>,
    /// Time between L2 blocks of a new chain, whole seconds.
    #[serde(rename = "block-time", with = "humantime_serde")]
    pub(crate) block_time: Duration,
    /// `rollup.json` of the chain.
    pub(crate) rollup: Option<PathBuf>,
    /// `genesis.json` of the chain; beside the rollup file without it.
    pub(crate) genesis: Option<PathBuf>,
    pub(crate) rpc: RpcConfig,
    pub(crate) admin: AdminConfig,
    pub(crate) l1: L1Config,
    pub(crate) log: LogConfig,
    pub(crate) batcher: BatcherConfig,
    pub(crate) sequencer: SequencerConfig,
    pub(crate) pool: PoolConfig,
}

/// `rpc.*`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RpcConfig {
    /// Address to bind.
    pub(crate) addr: IpAddr,
    /// Port of HTTP and WebSocket.
    pub(crate) port: u16,
    /// Allowed origins, `*` for all.
    pub(crate) cors: Option<Vec<String>>,
    /// Host names accepted beside the loopback ones.
    pub(crate) hosts: Vec<String>,
    /// Namespaces beside the default ones.
    pub(crate) api: Vec<String>,
}

/// `admin.*`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminConfig {
    /// Operator port; RPC port + 1,000 without it.
    pub(crate) port: Option<u16>,
}

/// `l1.*`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct L1Config {
    /// Execution RPC of the L1; `dev` brings its own without it.
    pub(crate) url: Option<Url>,
    /// Beacon API of the L1, for blobs.
    pub(crate) beacon: Option<Url>,
    /// Port of the development L1.
    pub(crate) port: u16,
    /// Blocks by which `finalized` trails on the development L1, or `off`.
    pub(crate) finality: String,
    /// Time between blocks of the development L1, whole seconds.
    #[serde(rename = "block-time", with = "humantime_serde")]
    pub(crate) block_time: Duration,
}

/// `log.*`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    /// `human` or `json`.
    pub(crate) format: String,
    /// Filter directives, for instance `info,foggara_derive=debug`.
    pub(crate) filter: String,
}

/// `batcher.*`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BatcherConfig {
    /// Where batches go: `auto`, `blobs` or `calldata`.
    pub(crate) da: String,
    /// L1 blocks for which a channel stays open at most; the role's own without it.
    #[serde(rename = "max-channel-age")]
    pub(crate) max_channel_age: Option<u64>,
    /// The batcher's key: `env:NAME` or `file:PATH`.
    pub(crate) key: Option<String>,
}

/// `sequencer.*`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SequencerConfig {
    /// Execute every block a second time before it is committed.
    #[serde(rename = "self-check")]
    pub(crate) self_check: bool,
    /// L1 blocks on top of an origin before it is taken; the role's own without it.
    #[serde(rename = "l1-confs")]
    pub(crate) l1_confs: Option<u64>,
}

/// `pool.*`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PoolConfig {
    /// What covers a returned hash: `disk`, or `memory` (survives nothing).
    pub(crate) ack: String,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            data: None,
            tmp: false,
            reset: false,
            chain_id: None,
            block_time: Duration::from_secs(1),
            rollup: None,
            genesis: None,
            rpc: RpcConfig::default(),
            admin: AdminConfig::default(),
            l1: L1Config::default(),
            log: LogConfig::default(),
            batcher: BatcherConfig::default(),
            sequencer: SequencerConfig::default(),
            pool: PoolConfig::default(),
        }
    }
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            addr: [127, 0, 0, 1].into(),
            port: 8545,
            cors: None,
            hosts: vec![],
            api: vec![],
        }
    }
}

impl Default for L1Config {
    fn default() -> Self {
        Self {
            url: None,
            beacon: None,
            port: 8546,
            finality: "2".into(),
            block_time: Duration::from_secs(1),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: "human".into(),
            filter: "warn".into(),
        }
    }
}

impl Default for BatcherConfig {
    fn default() -> Self {
        Self {
            da: "auto".into(),
            max_channel_age: None,
            key: None,
        }
    }
}

impl Default for SequencerConfig {
    fn default() -> Self {
        Self {
            self_check: true,
            l1_confs: None,
        }
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { ack: "disk".into() }
    }
}

impl NodeConfig {
    /// Merges defaults, file, environment and flags, the last one winning.
    ///
    /// # Errors
    /// An unknown key, a value of the wrong kind, or a file that cannot be read: names the key and its source.
    pub(crate) fn load(flags: &NodeFlags) -> Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = config_file(flags)? {
            figment = figment.merge(Toml::file_exact(path));
        }
        let env = Env::prefixed(ENV_PREFIX).ignore(&ENV_IGNORED).map(|key| {
            key.as_str()
                .to_ascii_lowercase()
                .replace("__", ".")
                .replace('_', "-")
                .into()
        });
        figment = figment
            .merge(env)
            .merge(Serialized::defaults(flags.to_dict()));
        figment
            .extract()
            .map_err(|error| eyre!("configuration: {}", explain::sentence(error)))
    }

    /// Folder of the state for a role, and the guard that removes a throw-away one.
    ///
    /// # Errors
    /// No data folder is known for this user and none was given.
    pub(crate) fn data_dir(&self, role: &str) -> Result<PathBuf> {
        match &self.data {
            Some(dir) => Ok(dir.clone()),
            None => dirs::data_dir()
                .map(|dir| dir.join("foggara").join(role))
                .ok_or_else(|| {
                    eyre!("no data folder is known for this user: give one with --data DIR")
                }),
        }
    }
}

fn config_file(flags: &NodeFlags) -> Result<Option<PathBuf>> {
    if let Some(path) = &flags.config {
        if !path.is_file() {
            return Err(eyre!(
                "configuration file {} does not exist",
                path.display()
            ));
        }
        return Ok(Some(path.clone()));
    }
    let beside = flags.data.as_ref().map(|dir| dir.join("foggara.toml"));
    Ok([Some(Path::new("foggara.toml").to_owned()), beside]
        .into_iter()
        .flatten()
        .find(|p| p.is_file()))
}
