#![doc = include_str!("../README.md")]

mod call;
mod chain;
mod client;
mod config;
mod error;
mod genesis;
mod mine;
mod pool;
mod run;
mod tx;

pub use call::{CALL_GAS_MAX, CallOutcome, CallRequest};
pub use chain::{DevL1, store_dir};
pub use config::{
    BENEFICIARY, CHAIN_ID, Clock, DevL1Config, FUNDS, GAS_LIMIT, GenesisAccount, TEST_ACCOUNTS,
    blob_params,
};
pub use error::DevL1Error;
pub use tx::PoolTx;
