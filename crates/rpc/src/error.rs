//! The error contract (`USERS.md` section 2.8): one function per source of errors.

use alloy_primitives::{Bytes, U256, hex};
use foggara_evm::BYTES_PRUNED;
use foggara_evm::{
    InvalidTx,
    call::{CallError, CallStatus, EstimateError, MaxGas, halt_message},
};
use foggara_pool::PoolError;
use foggara_primitives::SourceError;
use foggara_store::StoreError;
use jsonrpsee::types::ErrorObjectOwned;
use serde::Serialize;
use std::time::Duration;

/// What a handler gives back.
pub(crate) type Answer<T> = Result<T, ErrorObjectOwned>;

/// Codes of the contract.
pub(crate) mod code {
    /// A reverted call.
    pub(crate) const REVERTED: i32 = 3;
    /// History that is no longer kept.
    pub(crate) const PRUNED: i32 = 4444;
    /// Understood, but not carried out.
    pub(crate) const SERVER: i32 = -32_000;
    /// An unknown block.
    pub(crate) const NOT_FOUND: i32 = -32_001;
    /// A limit.
    pub(crate) const LIMIT: i32 = -32_005;
    /// The request is too large.
    pub(crate) const REQUEST_TOO_LARGE: i32 = -32_007;
    /// The answer is too large.
    pub(crate) const ANSWER_TOO_LARGE: i32 = -32_008;
    /// The node is busy.
    pub(crate) const BUSY: i32 = -32_009;
    /// The batch has too many entries.
    pub(crate) const BATCH_TOO_LARGE: i32 = -32_010;
    /// Not a request.
    pub(crate) const INVALID_REQUEST: i32 = -32_600;
    /// Not served.
    pub(crate) const METHOD_NOT_FOUND: i32 = -32_601;
    /// Wrong parameters.
    pub(crate) const INVALID_PARAMS: i32 = -32_602;
    /// A bug of ours.
    pub(crate) const INTERNAL: i32 = -32_603;
    /// Not JSON.
    pub(crate) const PARSE: i32 = -32_700;
}

/// An error without data.
pub(crate) fn error(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message.into(), None::<()>)
}

/// An error with data.
pub(crate) fn error_with(
    code: i32,
    message: impl Into<String>,
    data: impl Serialize,
) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message.into(), Some(data))
}

pub(crate) fn invalid_params(message: impl Into<String>) -> ErrorObjectOwned {
    error(code::INVALID_PARAMS, message)
}

pub(crate) fn server(message: impl Into<String>) -> ErrorObjectOwned {
    error(code::SERVER, message)
}

pub(crate) fn limit(message: impl Into<String>) -> ErrorObjectOwned {
    error(code::LIMIT, message)
}

pub(crate) fn busy() -> ErrorObjectOwned {
    error(code::BUSY, "server is too busy, try again in a second")
}

/// A bug of ours, or a broken store: told to the operator, not to the caller.
pub(crate) fn internal(what: &str, why: &dyn std::fmt::Display) -> ErrorObjectOwned {
    tracing::error!(error = %why, "rpc.{what}");
    error(code::INTERNAL, format!("internal error: {what}"))
}

/// A block that is not there, by number, tag or hash.
pub(crate) fn unknown_block(block: impl std::fmt::Display) -> ErrorObjectOwned {
    error(code::NOT_FOUND, format!("header not found: {block}"))
}

/// The store's errors.
pub(crate) fn of_store(why: StoreError) -> ErrorObjectOwned {
    match why {
        StoreError::UnknownBlock(number) => unknown_block(number),
        StoreError::Reorged { hash, .. } => unknown_block(hash),
        StoreError::Pruned { block, oldest } => pruned(block, oldest),
        StoreError::TooFar { block, .. } => error(
            code::PRUNED,
            format!("pruned history unavailable: no proof can be built at {block}: {why}"),
        ),
        other => internal("store", &other),
    }
}

pub(crate) fn pruned(block: u64, oldest: u64) -> ErrorObjectOwned {
    error(
        code::PRUNED,
        format!("pruned history unavailable: requested {block}, earliest available {oldest}"),
    )
}

/// Errors of state that is read outside of an execution.
pub(crate) fn of_source(why: SourceError) -> ErrorObjectOwned {
    // An old call that reads a tensor whose retention is over.
    if why.0.contains(BYTES_PRUNED) {
        return error(code::PRUNED, BYTES_PRUNED);
    }
    internal("state", &why)
}

/// Every way in which an execution can fail; the one function that builds its errors.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It ran and did not succeed.
    Status(CallStatus),
    /// It cannot run.
    Call(CallError),
    /// There is no estimate.
    Estimate(EstimateError),
}

/// Builds the error of a failed execution; `time` is the limit that it may have met.
pub(crate) fn of_execution(failure: Failure, time: Duration) -> ErrorObjectOwned {
    match failure {
        Failure::Status(CallStatus::Success(_)) => {
            internal("execution", &"success taken for a failure")
        }
        Failure::Status(CallStatus::Revert(data))
        | Failure::Estimate(EstimateError::Reverted(data)) => reverted(&data),
        Failure::Status(CallStatus::Halt(reason))
        | Failure::Estimate(EstimateError::Halted(reason)) => server(halt_message(&reason)),
        Failure::Estimate(EstimateError::Allowance(
            MaxGas::Limit(gas) | MaxGas::Allowance(gas),
        )) => server(format!("gas required exceeds allowance ({gas})")),
        Failure::Call(why) | Failure::Estimate(EstimateError::Call(why)) => match why {
            CallError::Cancelled => server(format!(
                "execution aborted (timeout = {}s)",
                time.as_secs_f32()
            )),
            CallError::Invalid(why) => server(invalid_tx(&why)),
            CallError::BothStates(_) => invalid_params(format!("invalid argument 2: {why}")),
            CallError::Source(why) => of_source(why),
            other => internal("execution", &other),
        },
        Failure::Estimate(other) => internal("estimate", &other),
    }
}

fn reverted(data: &Bytes) -> ErrorObjectOwned {
    let message = match reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    };
    error_with(code::REVERTED, message, hex::encode_prefixed(data))
}

/// The text of `Error(string)`; custom errors and panics have none.
pub(crate) fn reason(data: &[u8]) -> Option<String> {
    use alloy::sol_types::{Revert, SolError};
    let revert = Revert::abi_decode(data).ok()?;
    Some(revert.reason)
}

fn invalid_tx(why: &InvalidTx) -> String {
    match why {
        InvalidTx::TypeNotSupported(3) => BLOB.into(),
        why => why.to_string(),
    }
}

const BLOB: &str = "transaction type not valid: type 3 (blob) not supported on this chain";

/// Why the pool refused a transaction.
pub(crate) fn of_pool(why: PoolError) -> ErrorObjectOwned {
    match why {
        PoolError::UnsupportedType { ty: 3 } => server(BLOB),
        PoolError::FeeAboveCap { fee, cap } => server(format!(
            "tx fee ({} ether) exceeds the configured cap ({} ether)",
            ether(fee),
            ether(U256::from(cap))
        )),
        PoolError::Journal(why) => {
            tracing::error!(error = %why, "rpc.journal");
            server(format!("node is not accepting transactions: {why}"))
        }
        PoolError::State(why) => of_source(why),
        why => server(why.to_string()),
    }
}

/// Wei in ether, rounded up to two digits behind the point.
fn ether(wei: U256) -> String {
    let cents = wei.div_ceil(U256::from(10_000_000_000_000_000u64));
    let (whole, rest) = cents.div_rem(U256::from(100));
    format!("{whole}.{:02}", rest.to::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ether_is_rounded_up() {
        assert_eq!(ether(U256::from(1)), "0.01");
        assert_eq!(ether(U256::from(1_500_000_000_000_000_000u64)), "1.50");
    }
}
