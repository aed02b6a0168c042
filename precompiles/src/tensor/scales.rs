//! How accumulators come back to 8 bits: the part that `linear` and `requant` share.
//!
//! Layout of scales, for a count `c` that is 1 (one scale for all columns) or the number of columns:
//!
//! | mode | bytes | content |
//! |---|---|---|
//! | 0 | `5c` | `c` multipliers `i32`, at least 0, then `c` shifts `u8`, 2..=62 |
//! | 1 | `4c` | `c` bit patterns of `f32`, sign 0, exponent field 63..=157 |

use crate::{Dtype, OpError, backend::Scales, operand::Want, round};

/// A rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// `R_TOSA`.
    Tosa,
    /// `R_ONNX`.
    Onnx,
}

impl Mode {
    pub(super) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Tosa,
            1 => Self::Onnx,
            _ => return None,
        })
    }

    /// Bytes of a scale.
    const fn bytes(self) -> u64 {
        match self {
            Self::Tosa => 5,
            Self::Onnx => 4,
        }
    }

    /// What the operand of scales must be for rows of `columns`.
    pub(super) const fn want(self, columns: u64) -> Want {
        let scale = self.bytes();
        Want::Either(scale, columns.saturating_mul(scale))
    }

    /// Reads the scales of argument `which`, in order.
    ///
    /// # Errors
    /// [`OpError::BadElement`]: the first scale that is outside its range.
    pub(super) fn check(self, which: u8, bytes: &[u8]) -> Result<Scales<'_>, OpError> {
        let refuse = |index: Option<usize>| match index {
            Some(index) => Err(OpError::BadElement {
                which,
                index: index as u64,
            }),
            None => Ok(()),
        };
        match self {
            Self::Tosa => {
                let count = bytes.len() / 5;
                let (multipliers, shifts) = bytes
                    .split_at_checked(count.saturating_mul(4))
                    .unwrap_or_default();
                let scales = multipliers.as_chunks::<4>().0.iter().zip(shifts);
                refuse(scales.clone().position(|(multiplier, shift)| {
                    i32::from_le_bytes(*multiplier) < 0 || !(2..=62).contains(shift)
                }))?;
                Ok(Scales::Tosa {
                    multipliers,
                    shifts,
                })
            }
            Self::Onnx => {
                let mut scales = bytes.as_chunks::<4>().0.iter();
                refuse(
                    scales
                        .position(|scale| !round::onnx_scale_is_valid(u32::from_le_bytes(*scale))),
                )?;
                Ok(Scales::Onnx(bytes))
            }
        }
    }
}

/// Checks `lowest <= highest`, both in the range of the 8-bit type `to`.
pub(super) fn check_bounds(to: Dtype, lowest: i32, highest: i32) -> Result<(), OpError> {
    let (least, most) = to.range();
    if lowest > highest || i64::from(lowest) < least || i64::from(highest) > most {
        return Err(OpError::BadParam(0));
    }
    Ok(())
}

/// Checks that a zero point is a value of its type.
pub(super) fn check_zero(dtype: Dtype, zero: i32) -> Result<(), OpError> {
    check_bounds(dtype, zero, zero)
}
