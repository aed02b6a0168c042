//! `foggara dev`, `sequencer` and `replica`.

mod banner;

use crate::{
    config::NodeConfig,
    exit::{Interrupted, Usage},
    flags::NodeFlags,
    logs,
};
use alloy::signers::local::PrivateKeySigner;
use eyre::{Result, WrapErr};
use foggara::{
    BatcherConfig, Chain, DaPolicy, DevL1Options, L1, Role, RpcOptions, SequencerBuilder,
    SequencerConfig, remove_state,
};
use std::{path::PathBuf, time::Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Which node to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everything in one process.
    Dev,
    /// Builds and posts.
    Sequencer,
    /// Derives.
    Replica,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Sequencer => "sequencer",
            Self::Replica => "replica",
        }
    }
}

/// Runs a node until a signal ends it.
///
/// # Errors
/// Configuration, launch, or a part that failed.
pub(crate) fn run(kind: Kind, flags: &NodeFlags) -> Result<()> {
    let start = Instant::now();
    let config = NodeConfig::load(flags).map_err(|error| Usage(error.to_string()))?;
    logs::init(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .wrap_err("cannot start the runtime")?;
    runtime.block_on(serve(kind, &config, start))
}

async fn serve(kind: Kind, config: &NodeConfig, start: Instant) -> Result<()> {
    // Signals are taken before anything is opened, so that none is missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let builder = builder(kind, config)?;
    let (dir, _throw_away) = state_dir(kind, config)?;
    let mut node = tokio::select! {
        launched = builder.datadir(&dir).launch() => launched?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    banner::print(kind.name(), config, &node, &dir, start);
    let printing = (kind == Kind::Dev).then(|| banner::follow(&node, start));
    let ended = tokio::select! {
        ended = node.wait() => Some(ended),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    if let Some(printing) = printing {
        printing.abort();
    }
    if let Some(ended) = ended {
        return Err(ended
            .err()
            .map_or_else(|| eyre::eyre!("the node ended"), Into::into));
    }
    tokio::select! {
        stopped = node.stop() => stopped?,
        _ = interrupt.recv() => return Err(Interrupted.into()),
    }
    if !config.tmp {
        banner::stopped(&dir);
    }
    Ok(())
}

fn state_dir(kind: Kind, config: &NodeConfig) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    if config.tmp {
        let dir = tempfile::Builder::new().prefix("foggara-").tempdir()?;
        return Ok((dir.path().to_owned(), Some(dir)));
    }
    let dir = config.data_dir(kind.name())?;
    if config.reset {
        // The files of the chain are written by `dev` and given to the others.
        remove_state(&dir, kind == Kind::Dev && config.rollup.is_none())?;
    }
    std::fs::create_dir_all(&dir).wrap_err_with(|| format!("cannot create {}", dir.display()))?;
    Ok((dir, None))
}

fn builder(kind: Kind, config: &NodeConfig) -> Result<SequencerBuilder> {
    let mut builder = match (kind, &config.rollup) {
        (Kind::Dev, None) => SequencerBuilder::dev(),
        (_, Some(rollup)) => {
            let chain = Chain::load(rollup, config.genesis.as_deref())
                .map_err(|error| Usage(error.to_string()))?;
            SequencerBuilder::new(chain)
        }
        (_, None) => {
            return Err(Usage(format!("{} needs --rollup FILE", kind.name())).into());
        }
    };
    if kind == Kind::Replica {
        builder = builder.role(Role::Replica { forward: None });
    }
    if let Some(id) = config.chain_id {
        builder = builder.chain_id(id);
    }
    builder = builder
        .block_time(whole_seconds("block-time", config.block_time)?)
        .l1(l1(kind, config)?);
    if let Some(key) = &config.batcher.key {
        builder = builder.batcher_key(secret("batcher.key", key)?);
    }
    let ack_memory = match config.pool.ack.as_str() {
        "disk" => false,
        "memory" => true,
        other => {
            return Err(Usage(format!(
                "pool.ack is {other:?}, allowed are disk and memory"
            ))
            .into());
        }
    };
    Ok(builder
        .batcher(batcher(kind, &config.batcher)?)
        .sequencer(sequencer(kind, &config.sequencer))
        .ack_memory(ack_memory)
        .rpc(RpcOptions {
            addr: config.rpc.addr,
            port: config.rpc.port,
            cors: config.rpc.cors.clone().unwrap_or_else(|| match kind {
                Kind::Dev => vec!["*".into()],
                Kind::Sequencer | Kind::Replica => Vec::new(),
            }),
            hosts: config.rpc.hosts.clone(),
            api: (kind != Kind::Dev).then(|| config.rpc.api.clone()),
        }))
}

/// How blocks are built: as the role does it, but for what was given.
fn sequencer(kind: Kind, given: &crate::config::SequencerConfig) -> SequencerConfig {
    let base = if kind == Kind::Dev {
        SequencerConfig::default()
    } else {
        SequencerConfig::public()
    };
    SequencerConfig {
        self_check: given.self_check,
        l1_confs: given.l1_confs.unwrap_or(base.l1_confs),
        ..base
    }
}

/// How batches are made: as the role does it, but for what was given.
fn batcher(kind: Kind, given: &crate::config::BatcherConfig) -> Result<BatcherConfig> {
    let da = match given.da.as_str() {
        "auto" => DaPolicy::Auto,
        "blobs" => DaPolicy::Blobs,
        "calldata" => DaPolicy::Calldata,
        other => {
            let text = format!("batcher.da is {other:?}, allowed are auto, blobs and calldata");
            return Err(Usage(text).into());
        }
    };
    let base = if kind == Kind::Dev {
        BatcherConfig::dev()
    } else {
        BatcherConfig::public()
    };
    Ok(BatcherConfig {
        da,
        max_channel_age: given.max_channel_age.unwrap_or(base.max_channel_age),
        ..base
    })
}

fn l1(kind: Kind, config: &NodeConfig) -> Result<L1> {
    if let Some(rpc) = &config.l1.url {
        return Ok(L1::Url {
            rpc: rpc.clone(),
            beacon: config.l1.beacon.clone(),
        });
    }
    if kind != Kind::Dev {
        return Err(Usage(format!("{} needs --l1 URL", kind.name())).into());
    }
    let finality = match config.l1.finality.as_str() {
        "off" => None,
        number => Some(number.parse().map_err(|_| {
            Usage(format!(
                "l1.finality is {number:?}, allowed are a number of blocks and off"
            ))
        })?),
    };
    Ok(L1::Dev(DevL1Options {
        block_time: whole_seconds("l1.block-time", config.l1.block_time)?,
        finality,
        port: Some(config.l1.port),
    }))
}

fn whole_seconds(key: &str, time: std::time::Duration) -> Result<u64> {
    if time.subsec_nanos() != 0 || time.as_secs() == 0 {
        return Err(Usage(format!(
            "{key} is {time:?}, allowed are whole seconds, at least one"
        ))
        .into());
    }
    Ok(time.as_secs())
}

/// Reads a key that is named, never given: `env:NAME` or `file:PATH`.
fn secret(key: &str, source: &str) -> Result<PrivateKeySigner> {
    let text = match source.split_once(':') {
        Some(("env", name)) => {
            std::env::var(name).map_err(|_| Usage(format!("{key}: {name} is not set")))?
        }
        Some(("file", path)) => std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("{key}: {path}: {error}")))?,
        _ => {
            return Err(Usage(format!(
                "{key} is env:NAME or file:PATH, never the key itself"
            ))
            .into());
        }
    };
    text.trim()
        .parse()
        .map_err(|_| Usage(format!("{key}: not a private key")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The defaults of `dev` were everybody's: a public network paid for a channel with each L1 block, and
    /// took origins that were soon replaced.
    #[test]
    fn the_role_decides_what_is_not_told() {
        let mut given = crate::config::BatcherConfig::default();
        let age = |kind, given: &_| batcher(kind, given).unwrap().max_channel_age;
        assert_eq!(age(Kind::Dev, &given), 1);
        assert_eq!(age(Kind::Sequencer, &given), 5);
        let mut confs = crate::config::SequencerConfig::default();
        assert_eq!(sequencer(Kind::Dev, &confs).l1_confs, 0);
        assert_eq!(sequencer(Kind::Sequencer, &confs).l1_confs, 4);
        confs.l1_confs = Some(1);
        assert_eq!(sequencer(Kind::Sequencer, &confs).l1_confs, 1);
        given.max_channel_age = Some(3);
        assert_eq!(age(Kind::Dev, &given), 3);
        assert_eq!(age(Kind::Sequencer, &given), 3);
    }
}
