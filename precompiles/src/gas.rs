//! Every price and limit, in one table. After genesis it changes only with a fork.
//!
//! Source: `PRECOMPILES.md` sections 3, 4 and 5.

use crate::OpError;

/// Gas of any call before its words and its work.
pub(crate) const BASE: u64 = 150;
/// Gas per word of output.
pub(crate) const OUTPUT_WORD: u64 = 3;
/// Gas of an account used as operand, first time in the transaction.
pub(crate) const ACCOUNT_COLD: u64 = 2_600;
/// Gas of an account used as operand, any later time.
pub(crate) const ACCOUNT_WARM: u64 = 100;

/// Gas of a tensor's record used as operand, first time in the transaction.
pub(crate) const RECORD_COLD: u64 = 2_100;
/// Gas of a tensor's record used as operand, any later time.
pub(crate) const RECORD_WARM: u64 = 100;
/// Gas of a page of a stored tensor that a call touches.
pub(crate) const PAGE: u64 = 400;

/// Gas of writing the record of a tensor that is new or has expired.
pub(crate) const RECORD_NEW: u64 = 22_100;
/// Gas of writing the record of a live tensor, its load included.
pub(crate) const RECORD_LIVE: u64 = 5_000;
/// Gas of the event at every write of a record.
pub(crate) const EVENT: u64 = 1_500;
/// Gas of hashing a word of data.
pub(crate) const HASH_WORD: u64 = 16;
/// Gas of a page that is joined to others, its root known.
pub(crate) const CONCAT_PAGE: u64 = 416;
/// Gas per started KiB of packed bytes and epoch.
pub(crate) const RENT_KIB: u64 = 32;
/// Seconds of an epoch.
pub(crate) const EPOCH: u64 = 604_800;
/// Most epochs that an expiry lies ahead.
pub(crate) const EPOCHS_MAX: u64 = 104;
/// Seconds for which bytes are kept after their expiry: 60 days.
pub(crate) const RETENTION: u64 = 5_184_000;
/// Largest stored tensor in packed bytes.
pub(crate) const TENSOR_BYTES_MAX: u64 = 256 << 20;
/// Most tensors joined in one call.
pub(crate) const PARTS_MAX: u64 = 1_024;

/// Most matrices in a batch, rows of A, and rows of B.
pub(crate) const SIDE_MAX: u64 = 65_535;
/// Longest inner dimension: sums of `u8 * i8` stay below `2^31`.
pub(crate) const INNER_MAX: u64 = 32_768;
/// Most multiply-adds of a call.
pub(crate) const MULTIPLY_ADDS_MAX: u64 = 1 << 31;
/// Largest output in bytes.
pub(crate) const OUTPUT_BYTES_MAX: u64 = 4 << 20;
/// Largest inline operand in bytes.
pub(crate) const INLINE_BYTES_MAX: u64 = 1 << 20;
/// Largest sum of a call's operands in bytes.
pub(crate) const OPERAND_BYTES_MAX: u64 = 128 << 20;

/// Most elements that one client contributes.
pub(crate) const CLIENT_ELEMENTS_MAX: u64 = 1 << 22;
/// Most clients, or shares.
pub(crate) const CLIENTS_MAX: u64 = 256;
/// Most values of a top-k.
pub(crate) const TOP_MAX: u64 = 1_024;

/// Refuses what passes a limit.
pub(crate) const fn at_most(got: u64, max: u64) -> Result<(), OpError> {
    if got > max {
        return Err(OpError::TooLarge { got, max });
    }
    Ok(())
}

/// Refuses a dimension of argument `which` that is zero, or above its limit.
pub(crate) const fn dimension(which: u8, got: u64, max: u64) -> Result<(), OpError> {
    if got == 0 {
        return Err(OpError::BadShape(which));
    }
    at_most(got, max)
}

/// Words of 32 bytes that hold this many bytes.
pub(crate) const fn words(bytes: u64) -> u64 {
    bytes.div_ceil(32)
}

/// Gas of a call with a validation error, beside the accounts it has loaded.
pub(crate) const fn validation_error(calldata_bytes: u64) -> u64 {
    BASE.saturating_add(words(calldata_bytes))
}

/// Gas of keeping this many packed bytes for some epochs.
pub(crate) const fn rent(bytes: u64, epochs: u64) -> u64 {
    bytes
        .div_ceil(1_024)
        .saturating_mul(RENT_KIB)
        .saturating_mul(epochs)
}

/// Gas of a call: base, words in and out, work. Costs of operands come on top.
pub(crate) const fn price(words_in: u64, words_out: u64, work: u64) -> u64 {
    BASE.saturating_add(words_in)
        .saturating_add(words_out.saturating_mul(OUTPUT_WORD))
        .saturating_add(work)
}
