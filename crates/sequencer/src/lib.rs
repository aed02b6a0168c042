#![doc = include_str!("../README.md")]

mod build;
mod check;
mod error;
mod look;
mod origin;
mod pipeline;
mod run;
mod space;
#[cfg(test)]
mod tests;
mod tip;

pub use build::{DaBudget, Skipped};
pub use error::SequencerError;
pub use origin::{Origin, OriginView, choose_origin, drift_exceeded};
pub use pipeline::fees_at_head;
pub use run::{Sequencer, SequencerConfig};
pub use space::SpaceLimits;
