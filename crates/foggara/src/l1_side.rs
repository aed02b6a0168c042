//! Opens the L1 that a node stands on.

use crate::{Chain, L1, LaunchError, Role, SequencerBuilder, builder::DevL1Options, dev_signer};
use foggara_devl1::{DevL1, DevL1Config, DevL1Error};
use foggara_l1::{BlockAt, HttpL1, HttpL1Config, L1Client};
use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Folder of the development L1 inside the data folder.
const L1_DIR: &str = "l1";

/// The L1 of a node: a client, and the chain itself where it is ours.
#[derive(Debug, Clone)]
pub(crate) struct L1Side {
    pub(crate) client: Arc<dyn L1Client>,
    pub(crate) dev: Option<DevL1>,
    pub(crate) block_time: u64,
}

/// Connects to the L1, or opens our own.
pub(crate) fn open(builder: &SequencerBuilder) -> Result<L1Side, LaunchError> {
    match &builder.l1 {
        L1::Dev(options) => open_dev(options, builder),
        L1::Url { rpc, beacon } => {
            let config = HttpL1Config::new(rpc.as_str())
                .with_beacon(beacon.as_ref().map(ToString::to_string));
            let block_time = if builder.dev { 1 } else { 12 };
            Ok(L1Side {
                client: Arc::new(HttpL1::new(config)?),
                dev: None,
                block_time,
            })
        }
    }
}

fn open_dev(options: &DevL1Options, builder: &SequencerBuilder) -> Result<L1Side, LaunchError> {
    // The first L2 block is due one block time after L1 genesis, that is at once.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut config = DevL1Config {
        block_time: options.block_time,
        finality: options.finality,
        genesis_time: Some(now.saturating_sub(builder.block_time)),
        ..DevL1Config::default()
    }
    .fund(builder.batcher_signer()?.address());
    if let Some(dir) = &builder.dir {
        config = config.in_dir(l1_dir(dir));
    }
    let dev = DevL1::open(config).map_err(|error| match error {
        DevL1Error::Open(error) => LaunchError::from(error),
        other => LaunchError::Failed(other.to_string()),
    })?;
    Ok(L1Side {
        client: Arc::new(dev.clone()),
        dev: Some(dev),
        block_time: options.block_time,
    })
}

pub(crate) fn l1_dir(data: &Path) -> std::path::PathBuf {
    data.join(L1_DIR)
}

/// Chain ids of L1s for development: our own, geth's and ganache's, anvil's and Hardhat's.
const DEV_L1_CHAIN_IDS: [u64; 3] = [foggara_devl1::CHAIN_ID, 1_337, 31_337];
/// Accounts of the test mnemonic that tools fund.
const PUBLIC_ACCOUNTS: u32 = 20;

/// Refuses to post with a key that everybody knows, on any L1 but one for development: whatever lies on
/// its account there is gone at once (`RELIABILITY.md` section 8).
pub(crate) async fn refuse_public_keys(
    builder: &SequencerBuilder,
    l1: &L1Side,
) -> Result<(), LaunchError> {
    if l1.dev.is_some() || builder.role != Role::Sequencer {
        return Ok(());
    }
    // A key that is missing is complained of where it is needed.
    let Ok(signer) = builder.batcher_signer() else {
        return Ok(());
    };
    let (address, chain_id) = (signer.address(), l1.client.chain_id().await?);
    let is_public = || (0..PUBLIC_ACCOUNTS).any(|index| dev_signer(index).address() == address);
    if DEV_L1_CHAIN_IDS.contains(&chain_id) || !is_public() {
        return Ok(());
    }
    Err(LaunchError::Config(format!(
        "the batcher's account {address} belongs to the public test mnemonic, and L1 chain {chain_id} is not \
         for development: give a key of your own with --batcher.key"
    )))
}

/// Checks that the L1 is the one of the chain: its id, and the block after which the chain begins.
pub(crate) async fn check(chain: &Chain, l1: &dyn L1Client) -> Result<(), LaunchError> {
    let rollup = &chain.spec.rollup;
    let got = l1.chain_id().await?;
    if got != rollup.l1_chain_id {
        return Err(LaunchError::L1(format!(
            "the L1 has chain id {got}, rollup.json names {}: give the right one with --l1",
            rollup.l1_chain_id
        )));
    }
    let want = rollup.genesis.l1;
    match l1.header(BlockAt::Number(want.number)).await? {
        Some((_, hash)) if hash == want.hash => Ok(()),
        Some((_, hash)) => Err(LaunchError::L1(format!(
            "L1 block {} is {hash}, rollup.json names {}: it is another L1",
            want.number, want.hash
        ))),
        None => Err(LaunchError::L1(format!(
            "the L1 has no block {}, after which the chain begins: it is another L1 or not synced",
            want.number
        ))),
    }
}
