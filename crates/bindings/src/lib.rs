#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod abi;
mod artifact;
mod predeploys;
pub mod preinstalls;

pub use artifact::{Artifact, Immutable};
pub use predeploys::{
    Predeploy, VaultParams, ai_operations, fee_vaults, l2_genesis, l2_predeploys,
};
