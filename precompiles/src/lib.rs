#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(feature = "std"), forbid(unsafe_code))]
#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "tests cast what they have made"
    )
)]

extern crate alloc;

mod abi;
mod backend;
mod call;
pub mod conformance;
mod dtype;
mod gas;
mod gradient;
mod host;
mod operand;
mod outcome;
mod privacy;
mod registry;
mod round;
mod stored;
mod tensor;
#[cfg(test)]
mod testing;
pub mod tree;

#[cfg(all(feature = "std", target_arch = "aarch64"))]
pub use backend::Neon;
#[cfg(feature = "parallel")]
pub use backend::Parallel;
#[cfg(feature = "std")]
pub use backend::{Alarm, Choice, Selection, UnknownChoice, select};
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub use backend::{Avx2, Avx512};
pub use backend::{Backend, Ctl, Gemm, Kind, Mean, Portable, Requant, Sampled, Scales};
pub use dtype::Dtype;
pub use host::{CREATED, CallKind, Host, Loaded, NewTensor, NoHost, RESIDENT, Record};
pub use outcome::{Fatal, OpError, Outcome};
pub use registry::{Function, Op, REGISTRY, address_of, call, op_at};
