#![doc = include_str!("../README.md")]

mod account;
mod traffic;

pub use account::{Account, TxParams};
pub use traffic::{Kind, Offer, Traffic};
