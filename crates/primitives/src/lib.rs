#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

extern crate alloc;

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "the pure core is defined for 64-bit targets only (FAULTPROOF.md section 1, rule 4)"
);

pub mod addresses;
pub mod constants;

mod attributes;
mod config;
mod cursor;
mod diff;
mod foggara_config;
mod heads;
mod l1_info;
mod output;
mod source;
mod system_config;
mod tensor;

pub use attributes::PayloadAttributes;
pub use config::{
    ChainOpConfig, ChainSpec, ConfigError, GenesisIds, GenesisSystemConfig, RollupConfig,
};
pub use cursor::{Cursor, CursorError, Phase};
pub use diff::{AccountChange, AccountInfo, DiffError, StateDiff};
pub use foggara_config::{BlobScheduleEntry, FoggaraConfig, PrecompileSetConfig};
pub use heads::{BlockId, Heads, L1Ref, L2Ref};
pub use l1_info::{L1Info, L1InfoError};
pub use output::{OutputRoot, output_root_v0};
pub use source::{SourceError, StateSource};
pub use system_config::SystemConfig;
pub use tensor::{NoTensors, StoredTensor, TensorMap, TensorSource};
