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

mod abi;
mod backend;
mod call;
mod gas;
mod host;
mod operand;
mod outcome;
mod registry;
mod tensor;

pub use host::{CallKind, Host, Loaded, NoHost};
pub use outcome::{Fatal, OpError, Outcome};
pub use registry::{Function, Op, REGISTRY, address_of, call, op_at};
