#![doc = include_str!("../README.md")]

mod blob;
mod client;
mod error;
mod follower;
mod http;
mod input;
mod stop;
mod tx;

pub use blob::{kzg_settings, kzg_settings_loaded, load_kzg_settings, sidecar, versioned_hash};
pub use client::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Block, L1Client, L1Receipt, L1Tx, SidecarForm,
    StateAt, ref_of,
};
pub use error::{L1Error, Rejection};
pub use foggara_derive::Severity;
pub use follower::{Follower, FollowerConfig, L1Event};
pub use http::{HttpL1, HttpL1Config, LocalBlobs};
pub use input::{fetch_events, fetch_input};
pub use stop::UntilStopped;
pub use tx::{
    Fees, Intent, IntentError, IntentLog, NoLog, SubmitError, TxEvent, TxFailure, TxId, TxKind,
    TxManager, TxManagerConfig, TxPayload, TxRequest,
};
