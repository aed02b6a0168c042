//! The development L1 over HTTP: the `eth` methods that wallets, alloy, viem, cast and replicas use,
//! the beacon paths that serve blobs, and `dev_*` to steer the chain.

mod beacon;
mod convert;
mod error;
mod eth;
mod fees;
mod logs;
mod params;
mod steer;

pub use beacon::router as beacon_router;

use foggara_devl1::DevL1;
use jsonrpsee::{RpcModule, core::RegisterMethodError};

/// All JSON-RPC methods of a development L1.
///
/// # Errors
/// [`RegisterMethodError`]: a name was registered twice, which the tests of this module exclude.
pub fn module(l1: DevL1) -> Result<RpcModule<DevL1>, RegisterMethodError> {
    let mut module = RpcModule::new(l1);
    eth::register(&mut module)?;
    fees::register(&mut module)?;
    logs::register(&mut module)?;
    steer::register(&mut module)?;
    Ok(module)
}
