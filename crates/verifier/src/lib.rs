#![doc = include_str!("../README.md")]

mod consolidate;
mod driver;
mod engine;
mod error;
mod fetch;
mod group;
mod hooks;
mod inputs;
mod labels;
mod prefetch;
mod resume;
mod status;

pub use driver::{Verifier, VerifierConfig, run};
pub use error::VerifierError;
pub use hooks::{HookError, Hooks, NoHooks};
pub use status::VerifierStatus;
