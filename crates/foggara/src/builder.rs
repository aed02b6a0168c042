//! What a node is made of, before it runs.

use crate::{Chain, LaunchError, SequencerHandle, dev_signer, launch};
use alloy::signers::local::PrivateKeySigner;
use foggara_batcher::BatcherConfig;
use foggara_evm::AiChoice;
use foggara_sequencer::SequencerConfig;
use std::{net::IpAddr, path::PathBuf};
use url::Url;

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Builds blocks and posts them.
    Sequencer,
    /// Derives the chain from L1; hands transactions on to `forward`, if that is given.
    Replica {
        /// RPC of the sequencer.
        forward: Option<Url>,
    },
}

/// The L1 that a node stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum L1 {
    /// A small Ethereum of its own, in the process.
    Dev(DevL1Options),
    /// Any other, by URL.
    Url {
        /// Execution RPC.
        rpc: Url,
        /// Beacon API, for blobs.
        beacon: Option<Url>,
    },
}

/// How the development L1 behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevL1Options {
    /// Seconds between blocks.
    pub block_time: u64,
    /// Blocks by which `finalized` trails; `None` leaves it to `dev_finalize`.
    pub finality: Option<u64>,
    /// Port of its JSON-RPC; `None` serves none, 0 lets the system choose.
    pub port: Option<u16>,
}

impl Default for DevL1Options {
    fn default() -> Self {
        Self {
            block_time: 1,
            finality: Some(2),
            port: None,
        }
    }
}

/// How JSON-RPC is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcOptions {
    /// Address to bind.
    pub addr: IpAddr,
    /// Port; 0 lets the system choose.
    pub port: u16,
    /// Allowed origins, `*` for all.
    pub cors: Vec<String>,
    /// Host names accepted beside the loopback ones.
    pub hosts: Vec<String>,
    /// Namespaces beside the default ones; `None` serves all but `admin`.
    pub api: Option<Vec<String>>,
}

impl RpcOptions {
    /// On the loopback address, for development.
    pub fn dev(port: u16) -> Self {
        Self {
            addr: [127, 0, 0, 1].into(),
            port,
            cors: vec!["*".into()],
            hosts: Vec::new(),
            api: None,
        }
    }
}

/// Builds a node: `SequencerBuilder::dev().launch().await` is a chain with its L1, in memory.
#[derive(Debug, Clone)]
pub struct SequencerBuilder {
    pub(crate) chain: Option<Chain>,
    pub(crate) chain_id: Option<u64>,
    pub(crate) block_time: u64,
    pub(crate) role: Role,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) l1: L1,
    pub(crate) batcher_key: Option<PrivateKeySigner>,
    pub(crate) batcher: BatcherConfig,
    pub(crate) sequencer: SequencerConfig,
    pub(crate) ai_backend: AiChoice,
    pub(crate) ack_memory: bool,
    pub(crate) rpc: Option<RpcOptions>,
    pub(crate) dev: bool,
}

impl SequencerBuilder {
    /// A sequencer of `chain`. It needs an L1 and a data folder.
    pub fn new(chain: Chain) -> Self {
        let block_time = chain.spec.rollup.block_time;
        Self {
            chain: Some(chain),
            block_time,
            batcher: BatcherConfig::public(),
            sequencer: SequencerConfig::public(),
            dev: false,
            ..Self::dev()
        }
    }

    /// A new development chain with an L1 of its own, in memory.
    pub fn dev() -> Self {
        Self {
            chain: None,
            chain_id: None,
            block_time: 1,
            role: Role::Sequencer,
            dir: None,
            l1: L1::Dev(DevL1Options::default()),
            batcher_key: None,
            batcher: BatcherConfig::dev(),
            sequencer: SequencerConfig::default(),
            ai_backend: AiChoice::Auto,
            ack_memory: false,
            rpc: None,
            dev: true,
        }
    }

    /// What the node does.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Keeps the state in a folder.
    #[must_use]
    pub fn datadir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Keeps the state in memory: it ends with the node.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.dir = None;
        self
    }

    /// The L1 to stand on.
    #[must_use]
    pub fn l1(mut self, l1: L1) -> Self {
        self.l1 = l1;
        self
    }

    /// Chain id of a new development chain; drawn at random without it.
    #[must_use]
    pub const fn chain_id(mut self, chain_id: u64) -> Self {
        self.chain_id = Some(chain_id);
        self
    }

    /// Seconds between blocks of a new development chain.
    #[must_use]
    pub const fn block_time(mut self, seconds: u64) -> Self {
        self.block_time = seconds;
        self
    }

    /// The key that posts batches; in development the well-known account 9 without it.
    #[must_use]
    pub fn batcher_key(mut self, key: PrivateKeySigner) -> Self {
        self.batcher_key = Some(key);
        self
    }

    /// How batches are made and posted.
    #[must_use]
    pub fn batcher(mut self, config: BatcherConfig) -> Self {
        self.batcher = config;
        self
    }

    /// How blocks are built.
    #[must_use]
    pub const fn sequencer(mut self, config: SequencerConfig) -> Self {
        self.sequencer = config;
        self
    }

    /// Which instructions of the processor do the work of the AI operations. It changes no result; the
    /// first node of a process decides for all.
    #[must_use]
    pub const fn ai_backend(mut self, choice: AiChoice) -> Self {
        self.ai_backend = choice;
        self
    }

    /// Returns a hash before it is on disk. It then survives nothing.
    #[must_use]
    pub const fn ack_memory(mut self, on: bool) -> Self {
        self.ack_memory = on;
        self
    }

    /// Serves JSON-RPC.
    #[must_use]
    pub fn rpc(mut self, options: RpcOptions) -> Self {
        self.rpc = Some(options);
        self
    }

    /// Opens the state, recovers it if need be, and starts every part.
    ///
    /// # Errors
    /// [`LaunchError`]: nothing is left running.
    pub async fn launch(self) -> Result<SequencerHandle, LaunchError> {
        if self.chain.is_some() && self.dir.is_none() && !matches!(self.l1, L1::Dev(_)) {
            // Without a folder everything that is not yet on L1 is lost at the end of the process.
            if self.role == Role::Sequencer {
                return Err(LaunchError::Config(
                    "a sequencer on an L1 that outlives it needs a data folder".into(),
                ));
            }
        }
        if self.block_time == 0 {
            return Err(LaunchError::Config(
                "the block time is at least one second".into(),
            ));
        }
        launch::launch(self).await
    }

    /// The account that posts batches.
    pub(crate) fn batcher_signer(&self) -> Result<PrivateKeySigner, LaunchError> {
        match &self.batcher_key {
            Some(key) => Ok(key.clone()),
            None if self.dev => Ok(dev_signer(crate::accounts::DEV_BATCHER)),
            None => Err(LaunchError::Config(
                "the batcher's key is missing: --batcher.key".into(),
            )),
        }
    }
}
