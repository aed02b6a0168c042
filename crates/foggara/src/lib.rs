#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accounts;
mod builder;
mod chain;
mod error;
mod handle;
mod hooks;
mod l1_side;
mod launch;
mod node;
mod pool_care;
mod pool_state;
mod reset;

pub use accounts::{DEV_ACCOUNTS, DEV_BATCHER, DEV_MNEMONIC, dev_accounts, dev_signer};
pub use builder::{DevL1Options, L1, Role, RpcOptions, SequencerBuilder};
pub use chain::{
    Chain, ChainError, DEV_PORTAL, DEV_SYSTEM_CONFIG, DevParams, GENESIS_FILE, ROLLUP_FILE,
};
pub use error::{LaunchError, StopError, SubmitError};
pub use handle::{Included, SequencerHandle, Ticket};
pub use reset::remove_state;

pub use foggara_batcher::{BatcherConfig, DaPolicy};
pub use foggara_evm::AiChoice;
pub use foggara_primitives::{ChainSpec, Heads, L1Ref, L2Ref, RollupConfig};
pub use foggara_rpc::{Level, TxStatus};
pub use foggara_sequencer::{SequencerConfig, SpaceLimits};
pub use foggara_store::StoreEvent;
