//! A chain as its two files describe it: `rollup.json` and `genesis.json`.

use alloy_genesis::{ChainConfig, Genesis, GenesisAccount as FileAccount};
use alloy_primitives::{Address, B64, B256, U256};
use foggara_bindings::{VaultParams, l2_genesis};
use foggara_evm::encode_extra_data;
use foggara_primitives::{
    ChainOpConfig, ChainSpec, FoggaraConfig, GenesisIds, GenesisSystemConfig, L1Ref, RollupConfig,
    SystemConfig,
    addresses::{SEQUENCER_FEE_VAULT, batch_inbox},
    constants::{
        BASE_FEE_SCALAR_DEFAULT, BLOB_BASE_FEE_SCALAR_DEFAULT, EIP1559_DENOMINATOR,
        EIP1559_ELASTICITY, GAS_LIMIT_DEFAULT, GENESIS_BASE_FEE, SEQ_WINDOW_SIZE_MIN,
    },
};
use foggara_stf::{ExecutedBlock, GenesisAccount, GenesisAlloc, genesis_block};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Name of the rollup file in a data folder.
pub const ROLLUP_FILE: &str = "rollup.json";
/// Name of the genesis file in a data folder.
pub const GENESIS_FILE: &str = "genesis.json";

/// Balance of each development account: 10,000 ether.
const DEV_BALANCE_ETHER: u64 = 10_000;
/// Sequencing window of a development chain in seconds (`ROLLUP.md` section 12).
const DEV_WINDOW_SECONDS: u64 = 60;

/// The two files could not be read, or do not make a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {source}", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// `config.foggara` of `genesis.json` is missing or malformed.
    #[error("genesis.json: config.foggara: {0}")]
    Foggara(String),
    /// The configuration breaks a rule.
    #[error("rollup.json: {0}")]
    Config(#[from] foggara_primitives::ConfigError),
    /// `genesis.json` and `rollup.json` belong to different chains.
    #[error("genesis.json is of chain {genesis}, rollup.json of chain {rollup}")]
    ChainId {
        /// Chain id in `genesis.json`.
        genesis: u64,
        /// Chain id in `rollup.json`.
        rollup: u64,
    },
    /// The genesis state could not be computed.
    #[error("genesis.json: {0}")]
    State(String),
}

/// A chain: its configuration and its genesis block with state.
#[derive(Debug, Clone)]
pub struct Chain {
    /// All that fixes the chain.
    pub spec: Arc<ChainSpec>,
    /// `genesis.json`.
    pub genesis: Genesis,
    /// The genesis block with its state and tries.
    pub block: Arc<ExecutedBlock>,
}

/// What a new development chain is made of.
#[derive(Debug, Clone, Copy)]
pub struct DevParams {
    /// L2 chain id.
    pub chain_id: u64,
    /// Seconds between L2 blocks.
    pub block_time: u64,
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// Seconds between L1 blocks.
    pub l1_block_time: u64,
    /// L1 block after which the chain begins.
    pub l1: L1Ref,
    /// The account that posts batches.
    pub batcher: Address,
}

impl Chain {
    /// Reads a chain; `genesis` defaults to `genesis.json` beside the rollup file.
    ///
    /// # Errors
    /// [`ChainError`]: a file is missing or malformed, or the two do not belong together.
    pub fn load(rollup: &Path, genesis: Option<&Path>) -> Result<Self, ChainError> {
        let beside = rollup.with_file_name(GENESIS_FILE);
        Self::from_files(read(rollup)?, read(genesis.unwrap_or(&beside))?)
    }

    /// Puts the two files together and computes the genesis block.
    ///
    /// # Errors
    /// [`ChainError`]: they are malformed or do not belong together.
    pub fn from_files(rollup: RollupConfig, genesis: Genesis) -> Result<Self, ChainError> {
        if genesis.config.chain_id != rollup.l2_chain_id {
            return Err(ChainError::ChainId {
                genesis: genesis.config.chain_id,
                rollup: rollup.l2_chain_id,
            });
        }
        let foggara: FoggaraConfig = match genesis.config.extra_fields.get("foggara") {
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|error| ChainError::Foggara(error.to_string()))?,
            None => return Err(ChainError::Foggara("is missing".into())),
        };
        let block = block_of(&rollup, &genesis)?;
        let spec = ChainSpec::new(rollup, foggara, block.header.clone())?;
        Ok(Self {
            spec: Arc::new(spec),
            genesis,
            block: Arc::new(block),
        })
    }

    /// A new development chain: the well-known test accounts funded, predeploys and preinstalls in place.
    ///
    /// # Errors
    /// [`ChainError`]: the parameters break a rule of the configuration.
    pub fn dev(params: &DevParams, accounts: &[Address]) -> Result<Self, ChainError> {
        let foggara = FoggaraConfig {
            l1_block_time: params.l1_block_time,
            ..Default::default()
        };
        let mut config = ChainConfig {
            chain_id: params.chain_id,
            ..Default::default()
        };
        let value = serde_json::to_value(&foggara)
            .map_err(|error| ChainError::Foggara(error.to_string()))?;
        config.extra_fields.insert("foggara".into(), value);
        let eip1559_params =
            B64::from((u64::from(EIP1559_DENOMINATOR) << 32) | u64::from(EIP1559_ELASTICITY));
        let canyon = (
            u64::from(EIP1559_DENOMINATOR),
            u64::from(EIP1559_ELASTICITY),
        );
        let genesis = Genesis {
            config,
            timestamp: params.l1.timestamp,
            extra_data: encode_extra_data(eip1559_params, canyon),
            gas_limit: GAS_LIMIT_DEFAULT,
            coinbase: SEQUENCER_FEE_VAULT,
            alloc: dev_alloc(accounts),
            base_fee_per_gas: Some(GENESIS_BASE_FEE.into()),
            ..Default::default()
        };
        let mut rollup = RollupConfig {
            genesis: GenesisIds {
                l1: params.l1.id(),
                l2: Default::default(),
                l2_time: params.l1.timestamp,
                system_config: GenesisSystemConfig {
                    batcher_addr: params.batcher,
                    overhead: B256::ZERO,
                    scalar: SystemConfig::scalar_word(
                        BASE_FEE_SCALAR_DEFAULT,
                        BLOB_BASE_FEE_SCALAR_DEFAULT,
                    ),
                    gas_limit: GAS_LIMIT_DEFAULT,
                    eip1559_params,
                    operator_fee_params: B256::ZERO,
                },
            },
            block_time: params.block_time,
            max_sequencer_drift: foggara_primitives::constants::MAX_SEQUENCER_DRIFT,
            seq_window_size: (DEV_WINDOW_SECONDS / params.l1_block_time.max(1))
                .max(SEQ_WINDOW_SIZE_MIN),
            channel_timeout: foggara_primitives::constants::CHANNEL_TIMEOUT,
            l1_chain_id: params.l1_chain_id,
            l2_chain_id: params.chain_id,
            regolith_time: Some(0),
            canyon_time: Some(0),
            delta_time: Some(0),
            ecotone_time: Some(0),
            fjord_time: Some(0),
            granite_time: Some(0),
            holocene_time: Some(0),
            isthmus_time: Some(0),
            batch_inbox_address: batch_inbox(params.chain_id),
            deposit_contract_address: DEV_PORTAL,
            l1_system_config_address: DEV_SYSTEM_CONFIG,
            chain_op_config: Some(ChainOpConfig {
                eip1559_elasticity: EIP1559_ELASTICITY.into(),
                eip1559_denominator: EIP1559_DENOMINATOR.into(),
                eip1559_denominator_canyon: EIP1559_DENOMINATOR.into(),
            }),
            ..Default::default()
        };
        rollup.genesis.l2.hash = block_of(&rollup, &genesis)?.hash;
        Self::from_files(rollup, genesis)
    }

    /// Writes the two files into `dir`.
    ///
    /// # Errors
    /// [`ChainError::File`]: the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), ChainError> {
        write(&dir.join(GENESIS_FILE), &self.genesis)?;
        write(&dir.join(ROLLUP_FILE), &self.spec.rollup)
    }
}

/// Portal address of a development chain until the L1 contracts exist.
pub const DEV_PORTAL: Address =
    alloy_primitives::address!("f099a4a000000000000000000000000000000101");
/// SystemConfig address of a development chain until the L1 contracts exist.
pub const DEV_SYSTEM_CONFIG: Address =
    alloy_primitives::address!("f099a4a000000000000000000000000000000102");

fn dev_alloc(accounts: &[Address]) -> BTreeMap<Address, FileAccount> {
    let balance = U256::from(DEV_BALANCE_ETHER) * U256::from(10).pow(U256::from(18));
    let mut alloc: BTreeMap<_, _> = accounts
        .iter()
        .map(|a| {
            (
                *a,
                FileAccount {
                    balance,
                    ..Default::default()
                },
            )
        })
        .collect();
    // Fees of a development chain go to its first account.
    let recipient = accounts.first().copied().unwrap_or_default();
    for code in l2_genesis(VaultParams {
        recipient,
        minimum: U256::ZERO,
    }) {
        alloc.insert(
            code.address,
            FileAccount {
                nonce: Some(code.nonce),
                code: Some(code.code),
                storage: (!code.storage.is_empty()).then(|| {
                    code.storage
                        .into_iter()
                        .map(|(slot, value)| (slot, value.into()))
                        .collect()
                }),
                ..Default::default()
            },
        );
    }
    alloc
}

fn alloc_of(genesis: &Genesis) -> GenesisAlloc {
    let account = |account: &FileAccount| GenesisAccount {
        nonce: account.nonce.unwrap_or_default(),
        balance: account.balance,
        code: account.code.clone().unwrap_or_default(),
        storage: account
            .storage
            .iter()
            .flatten()
            .map(|(slot, value)| (*slot, U256::from_be_bytes(value.0)))
            .collect(),
    };
    genesis
        .alloc
        .iter()
        .map(|(address, file)| (*address, account(file)))
        .collect()
}

/// Computes the genesis block; the header fields that `genesis.json` states must be its own.
fn block_of(rollup: &RollupConfig, genesis: &Genesis) -> Result<ExecutedBlock, ChainError> {
    let block = genesis_block(rollup, &alloc_of(genesis))
        .map_err(|error| ChainError::State(error.to_string()))?;
    let header = &block.header;
    let same = genesis.timestamp == header.timestamp
        && genesis.gas_limit == header.gas_limit
        && genesis.extra_data == header.extra_data
        && genesis.coinbase == header.beneficiary;
    if !same {
        return Err(ChainError::State(
            "timestamp, gasLimit, extraData or coinbase differ from what rollup.json gives".into(),
        ));
    }
    Ok(block)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ChainError> {
    let bytes = std::fs::read(path).map_err(|source| ChainError::File {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| ChainError::Json {
        path: path.to_owned(),
        source,
    })
}

/// Writes beside and renames, so that a reader never sees half a file.
fn write<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), ChainError> {
    let fail = |source| ChainError::File {
        path: path.to_owned(),
        source,
    };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| ChainError::Json {
        path: path.to_owned(),
        source,
    })?;
    bytes.push(b'\n');
    let beside = path.with_extension("json.tmp");
    std::fs::write(&beside, bytes).map_err(fail)?;
    std::fs::rename(&beside, path).map_err(fail)
}
