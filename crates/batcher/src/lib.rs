#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod block;
mod channel;
mod check;
mod config;
mod da;
mod driver;
mod encoder;
mod open;

pub use block::{BatchBlock, BlockError};
pub use channel::{ChannelInfo, ChannelState, CloseReason};
pub use check::CheckError;
pub use config::{BatcherConfig, DaPolicy};
pub use da::{DaData, DaKind, L1Fees};
pub use driver::{BatcherError, BatcherParts, BatcherStatus, run};
pub use encoder::{
    BatchEncoder, EncoderError, IdSource, ReorgError, StepResult, Submission, SubmissionId,
};
