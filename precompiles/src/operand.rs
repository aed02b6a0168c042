//! Operands: tensors as named in a call.
//!
//! | first byte | rest |
//! |---|---|
//! | `0x00` | the bytes themselves |
//! | `0x02` | address 20, offset u32, length u32, big-endian: a range of the account's code, counted after its first byte, which must be `0x00` |
//!
//! Empty bytes are an absent operand. `0x01`, a stored tensor, belongs to a later phase and is
//! unknown until then.

use crate::{
    OpError,
    call::{Call, Stop},
    gas,
};
use alloy_primitives::Bytes;

/// An operand whose bytes are at hand.
#[derive(Debug)]
pub(crate) enum Operand<'a> {
    Inline(&'a [u8]),
    Code {
        code: Bytes,
        start: usize,
        end: usize,
    },
}

impl<'a> Operand<'a> {
    /// Resolves argument `which`, which must have `want` bytes.
    pub(crate) fn load(
        call: &mut Call<'_>,
        which: u8,
        encoded: &'a [u8],
        want: u64,
    ) -> Result<Self, Stop> {
        match encoded.split_first() {
            Some((0x00, bytes)) => inline(which, bytes, want),
            Some((0x02, reference)) => code(call, which, reference, want),
            _ => Err(OpError::BadOperand(which).into()),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Code { code, start, end } => code.get(*start..*end).unwrap_or_default(),
        }
    }
}

fn inline(which: u8, bytes: &[u8], want: u64) -> Result<Operand<'_>, Stop> {
    let got = bytes.len() as u64;
    if got > gas::INLINE_BYTES_MAX {
        return Err(OpError::TooLarge {
            got,
            max: gas::INLINE_BYTES_MAX,
        }
        .into());
    }
    check_length(which, want, got)?;
    Ok(Operand::Inline(bytes))
}

fn code<'a>(
    call: &mut Call<'_>,
    which: u8,
    reference: &[u8],
    want: u64,
) -> Result<Operand<'a>, Stop> {
    let (account, offset, length) = split_reference(reference).ok_or(OpError::BadOperand(which))?;
    check_length(which, want, length.into())?;
    let code = call.code(account)?;
    let range = |start: u64| {
        let end = start.saturating_add(length.into());
        let fits = code.first() == Some(&0) && end <= code.len() as u64;
        fits.then_some((usize::try_from(start).ok()?, usize::try_from(end).ok()?))
    };
    let (start, end) =
        range(u64::from(offset).saturating_add(1)).ok_or(OpError::BadCode(account))?;
    Ok(Operand::Code { code, start, end })
}

fn split_reference(reference: &[u8]) -> Option<([u8; 20], u32, u32)> {
    let (account, rest) = reference.split_first_chunk::<20>()?;
    let (offset, rest) = rest.split_first_chunk::<4>()?;
    let length: [u8; 4] = rest.try_into().ok()?;
    Some((
        *account,
        u32::from_be_bytes(*offset),
        u32::from_be_bytes(length),
    ))
}

fn check_length(which: u8, want: u64, got: u64) -> Result<(), OpError> {
    if got != want {
        return Err(OpError::LengthMismatch { which, want, got });
    }
    Ok(())
}
