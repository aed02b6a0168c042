//! Errors of the development L1 under the codes of `USERS.md` section 2.8.

use alloy_primitives::Bytes;
use foggara_devl1::{CallOutcome, DevL1Error};
use jsonrpsee::types::{ErrorObjectOwned, error::INVALID_PARAMS_CODE};

/// A request that the server understood but does not carry out.
const SERVER: i32 = -32_000;
/// An unknown block.
const UNKNOWN: i32 = -32_001;
/// A reverted call.
const REVERTED: i32 = 3;
/// A limit was exceeded.
const LIMIT: i32 = -32_005;

pub(super) fn of(error: DevL1Error) -> ErrorObjectOwned {
    let code = match &error {
        DevL1Error::UnknownBlock(_) => UNKNOWN,
        _ => SERVER,
    };
    ErrorObjectOwned::owned(code, error.to_string(), None::<()>)
}

pub(super) fn invalid(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INVALID_PARAMS_CODE, message.into(), None::<()>)
}

pub(super) fn limit(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(LIMIT, message.into(), None::<()>)
}

pub(super) fn server(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(SERVER, message.into(), None::<()>)
}

/// What a call returned, or the error of its failure.
pub(super) fn outcome(outcome: CallOutcome) -> Result<Bytes, ErrorObjectOwned> {
    match outcome {
        CallOutcome::Success { output, .. } => Ok(output),
        CallOutcome::Revert { output } => {
            let message = match alloy::sol_types::decode_revert_reason(&output) {
                Some(reason) if !reason.starts_with("custom error") => {
                    format!(
                        "execution reverted: {}",
                        reason.trim_start_matches("revert: ")
                    )
                }
                _ => "execution reverted".into(),
            };
            Err(ErrorObjectOwned::owned(REVERTED, message, Some(output)))
        }
        CallOutcome::Halt { reason } => Err(server(reason)),
    }
}
