//! How a call ends.

use alloc::{string::String, vec::Vec};

/// How a call ends. Only [`Outcome::Fatal`] is not a function of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The operation was done: `gas` is spent, `output` is its ABI-encoded result.
    Success {
        /// Gas spent, at most the gas given.
        gas: u64,
        /// ABI-encoded result.
        output: Vec<u8>,
    },
    /// The caller's mistake: `gas` is spent, `data` is a typed error.
    Revert {
        /// Gas spent, at most the gas given.
        gas: u64,
        /// Selector and arguments of the error.
        data: Vec<u8>,
    },
    /// The price exceeds the gas given: all of it is spent.
    OutOfGas,
    /// The node cannot answer: the transaction must not be included or judged.
    Fatal(Fatal),
}

/// Why a node cannot answer a call. Never reachable from input bytes alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fatal {
    /// [`crate::Host::cancelled`] said so.
    Cancelled,
    /// State could not be read.
    Source(String),
}
