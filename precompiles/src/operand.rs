//! Operands: tensors as named in a call.
//!
//! | first byte | rest |
//! |---|---|
//! | `0x00` | the bytes themselves |
//! | `0x01` | id 32, start u64, count u64, big-endian: elements of a stored tensor; count 0 is all from `start` on |
//! | `0x02` | address 20, offset u32, length u32, big-endian: a range of the account's code, counted after its first byte, which must be `0x00` |
//!
//! Empty bytes are an absent operand.

use crate::{
    Dtype, OpError,
    abi::List,
    call::{Call, Stop},
    gas,
    stored::{self, Stored},
};
use alloc::vec::Vec;
use alloy_primitives::Bytes;

/// What an operand must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// This many elements of a type.
    Exactly(Dtype, u64),
    /// One or more elements of a type.
    Some(Dtype),
    /// This many bytes that are no tensor of one type: a table, scales, limbs.
    Bytes(u64),
    /// One of two sizes in bytes; an error names the second.
    Either(u64, u64),
    /// One or more rows of this many elements of a type.
    Rows(Dtype, u64),
    /// One or more elements of a type, in a size that divides this many bytes.
    Divisor(Dtype, u64),
}

/// An operand that was checked and whose account or record was paid for.
#[derive(Debug)]
pub(crate) enum Operand<'a> {
    Inline(&'a [u8]),
    Code(Bytes),
    Stored(Stored),
}

/// The bytes of an operand.
#[derive(Debug)]
pub(crate) enum Data<'a> {
    Borrowed(&'a [u8]),
    Shared(Bytes),
}

impl Data<'_> {
    /// The bytes as their own.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => bytes,
        }
    }
}

impl core::ops::Deref for Data<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<'a> Operand<'a> {
    /// Resolves argument `which`.
    pub(crate) fn load(
        call: &mut Call<'_>,
        which: u8,
        encoded: &'a [u8],
        want: Want,
    ) -> Result<Self, Stop> {
        let operand = match encoded.split_first() {
            Some((0x00, bytes)) => inline(which, bytes, want)?,
            Some((0x01, reference)) => Self::Stored(stored::operand(call, which, reference, want)?),
            Some((0x02, reference)) => code(call, which, reference, want)?,
            _ => return Err(OpError::BadOperand(which).into()),
        };
        call.count_operand(operand.size())?;
        Ok(operand)
    }

    /// Resolves an argument that may be absent.
    pub(crate) fn load_if_any(
        call: &mut Call<'_>,
        which: u8,
        encoded: &'a [u8],
        want: Want,
    ) -> Result<Option<Self>, Stop> {
        if encoded.is_empty() {
            return Ok(None);
        }
        Self::load(call, which, encoded, want).map(Some)
    }

    /// Resolves each operand of the array that is argument `which`.
    pub(crate) fn load_all(
        call: &mut Call<'_>,
        which: u8,
        list: List<'a>,
        want: Want,
    ) -> Result<Vec<Self>, Stop> {
        list.iter()
            .map(|encoded| Self::load(call, which, encoded, want))
            .collect()
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Code(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.bytes(),
        }
    }

    /// Words that are paid for.
    pub(crate) fn words(&self) -> u64 {
        gas::words(self.size())
    }

    /// The bytes; only once the call has begun, that is, is paid for.
    pub(crate) fn fetch(self, call: &mut Call<'_>) -> Result<Data<'a>, Stop> {
        Ok(match self {
            Self::Inline(bytes) => Data::Borrowed(bytes),
            Self::Code(bytes) => Data::Shared(bytes),
            Self::Stored(stored) => Data::Shared(stored.fetch(call)?),
        })
    }

    /// The bytes of each.
    pub(crate) fn fetch_all(
        operands: Vec<Self>,
        call: &mut Call<'_>,
    ) -> Result<Vec<Data<'a>>, Stop> {
        operands
            .into_iter()
            .map(|operand| operand.fetch(call))
            .collect()
    }
}

impl Want {
    /// Element type, where the operand is a tensor of one.
    pub(crate) const fn dtype(self) -> Option<Dtype> {
        match self {
            Self::Exactly(dtype, _)
            | Self::Some(dtype)
            | Self::Rows(dtype, _)
            | Self::Divisor(dtype, _) => Some(dtype),
            Self::Bytes(_) | Self::Either(..) => None,
        }
    }

    pub(crate) fn check(self, which: u8, got: u64) -> Result<(), OpError> {
        let want = match self {
            Self::Exactly(dtype, count) => count.saturating_mul(dtype.bytes()),
            Self::Bytes(want) => want,
            Self::Either(want, _) if got == want => want,
            Self::Either(_, want) => want,
            Self::Some(_) | Self::Rows(..) | Self::Divisor(..) if got == 0 => {
                return Err(OpError::BadShape(which));
            }
            // The next size below that is whole; the sizes of elements are powers of two.
            Self::Some(dtype) => got & !dtype.bytes().saturating_sub(1),
            // The next size below that is whole, at least a row.
            Self::Rows(dtype, count) => {
                let row = dtype.bytes().saturating_mul(count).max(1);
                let rows = got.checked_div(row).unwrap_or(0).max(1);
                rows.saturating_mul(row)
            }
            Self::Divisor(dtype, whole) => {
                let divides = got.is_multiple_of(dtype.bytes()) && whole.is_multiple_of(got);
                if divides { got } else { whole }
            }
        };
        if got != want {
            return Err(OpError::LengthMismatch { which, want, got });
        }
        Ok(())
    }
}

fn inline(which: u8, bytes: &[u8], want: Want) -> Result<Operand<'_>, Stop> {
    let got = bytes.len() as u64;
    gas::at_most(got, gas::INLINE_BYTES_MAX)?;
    want.check(which, got)?;
    Ok(Operand::Inline(bytes))
}

fn code<'a>(
    call: &mut Call<'_>,
    which: u8,
    reference: &[u8],
    want: Want,
) -> Result<Operand<'a>, Stop> {
    let (account, offset, length) = split_reference(reference).ok_or(OpError::BadOperand(which))?;
    want.check(which, length.into())?;
    let code = call.code(account)?;
    let range = |start: u64| {
        let end = start.saturating_add(length.into());
        let fits = code.first() == Some(&0) && end <= code.len() as u64;
        fits.then_some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    };
    let range = range(u64::from(offset).saturating_add(1)).ok_or(OpError::BadCode(account))?;
    Ok(Operand::Code(code.slice(range)))
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
