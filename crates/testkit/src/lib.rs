#![doc = include_str!("../README.md")]

mod account;
mod ai;
mod line;
mod net;
mod traffic;

pub use account::{Account, TxParams};
pub use ai::SCRIPT_CODE;
pub use line::{Call, Line};
pub use net::{DevNet, NET_CHAIN_ID, NET_L1_CHAIN_ID, NetConfig, numbered_signer};
pub use traffic::{Kind, Offer, Traffic};
