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

mod attributes;
mod batch_reader;
mod channel;
mod checks;
mod config_update;
mod deposits;
mod deriver;
mod dropped;
mod frame_queue;
mod input;
mod l2_block;
mod step;
mod traversal;

pub use attributes::{AttributesError, BuiltAttributes, EpochStart, attributes};
pub use config_update::{ConfigUpdateError, apply_config_updates};
pub use deposits::{DepositError, decode_deposit, user_deposits};
pub use deriver::Deriver;
pub use dropped::{BatchFault, DropReason, Dropped};
pub use input::{
    CONFIG_UPDATE_TOPIC, L1Header, L1Input, Payload, TRANSACTION_DEPOSITED_TOPIC,
    bloom_may_concern, collect_events,
};
pub use l2_block::{L2BlockError, l1_info_of, l2_ref, system_config_of};
pub use step::{
    Applied, Derived, FrameObject, FromChannel, ResetReason, ResumeError, Severity, Step,
    SyncStart, frames_of,
};
