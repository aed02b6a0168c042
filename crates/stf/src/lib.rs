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

mod accumulate;
mod block;
mod derive;
mod execute;
mod genesis;
mod memory;
mod open;

pub use accumulate::{Accumulators, TxTrace, object_ref, trace_root};
pub use block::ExecutedBlock;
pub use derive::{DeriveError, DeriveOutcome, DeriveSource, derive_step, resume_deriver};
pub use execute::{Executed, execute_block, replay_block, replay_prepared};
pub use foggara_evm::{
    BlockOptions, ExecError, InvalidTx, PreparedTx, TxError, TxOutcome, attributes_of,
};
pub use foggara_trie::NodeSource;
pub use genesis::{GenesisAccount, GenesisAlloc, genesis_block, genesis_state};
pub use memory::MemorySource;
pub use open::{Open, begin, begin_with};

use foggara_primitives::StateSource;

/// What the state transition asks of the world at the last sealed block: state by value and trie
/// nodes. The node answers from its store, the fault-proof guest from preimages.
pub trait Source: StateSource + NodeSource {}

impl<T: StateSource + NodeSource + ?Sized> Source for T {}
