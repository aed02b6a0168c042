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

mod host;
mod outcome;
mod registry;

pub use host::{CallKind, Host, Loaded, NoHost};
pub use outcome::{Fatal, Outcome};
pub use registry::{Op, REGISTRY, address_of, call, op_at};
