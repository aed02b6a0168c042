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
// An error ends a block or a call; what it weighs on the stack is of no matter.
#![allow(clippy::result_large_err)]

extern crate alloc;

#[cfg(feature = "std")]
pub mod call;
pub mod mainnet;

mod backend;
mod block;
mod cancel;
mod diff;
mod env;
mod error;
mod factory;
mod fees;
mod overlay;
mod precompiles;
mod receipt;
mod recover;
mod tensors;
mod tx;

#[cfg(feature = "std")]
pub use backend::{AiBackend, choose_ai_backend};
pub use block::{BlockOptions, ExecutedState, OpenBlock, TxOutcome};
pub use cancel::{Cancel, Watch};
pub use diff::{MapAccount, MapState, normalise};
pub use env::{BlockContext, attributes_of, op_spec_id};
pub use error::{DbError, ExecError, InvalidTx, TxError};
pub use factory::FoggaraEvmFactory;
pub use fees::{
    L1FeeParams, base_fee_of_next, da_size, decode_extra_data, encode_extra_data, l1_cost,
    next_base_fee, operator_cost,
};
#[cfg(feature = "std")]
pub use foggara_precompiles::Choice as AiChoice;
pub use overlay::Overlay;
pub use precompiles::{AiMeter, PrecompileContext, install_precompiles, precompile_addresses};
pub use receipt::{DecodedReceipt, decode_receipt, logs_bloom};
pub use recover::recover_signer;
pub use tensors::{BYTES_PRUNED, BlockTensors, record_slot};
pub use tx::PreparedTx;

/// The engine itself, for tracing and for whoever must name its types: `revm` and its companions
/// in the one version that this crate is built with.
pub use {alloy_evm, alloy_op_evm, op_revm, revm};
