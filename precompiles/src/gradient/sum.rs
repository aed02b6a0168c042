//! AGG: sums and weighted means over clients.
//!
//! | function | result, for each coordinate |
//! |---|---|
//! | `sum(uint8 flags, uint8 width, uint32 d, bytes[] u) returns (bytes)` | the sum modulo `2^width`, width 32 or 64 |
//! | `mean(uint8 flags, uint8 dtype, uint32 d, int32[] coeff, uint64 denom, bytes[] u) returns (bytes)` | `sat_i32(R_AWAY(sum of coeff[c] * u[c], denom))` |
//!
//! A sum of masked updates takes the masks away; a mean with the sizes of the data sets as
//! coefficients is federated averaging.

use super::clients::Clients;
use crate::{
    Dtype, Function, OpError,
    abi::{Args, Words},
    backend::Mean,
    call::{Call, Stop},
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x1d, 0x0a, 0xf7, 0x41],
        signature: "sum(uint8,uint8,uint32,bytes[])",
        run: sum,
    },
    Function {
        selector: [0x15, 0xba, 0x9d, 0x43],
        signature: "mean(uint8,uint8,uint32,int32[],uint64,bytes[])",
        run: mean,
    },
];

/// Gas: `150 + W_in + 3 * W_out + 8C + Cd/64`.
fn sum(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, width) = (args.u8(0)?, args.u8(1)?);
    let (d, updates) = (args.u32(2)?, args.list(3)?);

    let store = call.flags(flags, 0)?;
    let dtype = width_dtype(width).ok_or(OpError::BadParam(1))?;
    let clients = Clients::new(dtype, (2, d), (3, updates))?;
    let work = clients.total().div_ceil(64);
    clients.combine(call, (dtype, work, store), |backend, inputs, out, ctl| {
        backend.sum(dtype, inputs, out, ctl)
    })
}

/// The type of elements that are added modulo `2^width`.
pub(crate) const fn width_dtype(width: u8) -> Option<Dtype> {
    match width {
        32 => Some(Dtype::I32),
        64 => Some(Dtype::I64),
        _ => None,
    }
}

/// Gas: `150 + W_in + 3 * W_out + 8C + Cd/16 + d/4`.
fn mean(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, dtype, d) = (args.u8(0)?, args.u8(1)?, args.u32(2)?);
    let (coefficients, denominator) = (args.words(3)?, args.u64(4)?);
    let updates = args.list(5)?;
    coefficients.i32s().try_for_each(|value| value.map(drop))?;

    let store = call.flags(flags, 0)?;
    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (2, d), (5, updates))?;
    if coefficients.len() != clients.count {
        return Err(OpError::LengthMismatch {
            which: 3,
            want: clients.count,
            got: coefficients.len(),
        }
        .into());
    }
    let denominator =
        denominator_of(dtype, coefficients, denominator).ok_or(OpError::BadParam(3))?;
    let work = clients
        .total()
        .div_ceil(16)
        .saturating_add(clients.elements.div_ceil(4));
    clients.combine(
        call,
        (Dtype::I32, work, store),
        |backend, inputs, out, ctl| {
            let weights: Vec<i32> = coefficients.i32s().flatten().collect();
            let mean = Mean {
                dtype,
                weights: &weights,
                denominator,
            };
            backend.mean(&mean, inputs, out, ctl)
        },
    )
}

fn element(code: u8) -> Result<Dtype, OpError> {
    match Dtype::from_code(code) {
        Some(dtype @ (Dtype::I8 | Dtype::I16 | Dtype::I32)) => Ok(dtype),
        _ => Err(OpError::BadDtype(1)),
    }
}

/// What sums are divided by, if it is positive and no sum can pass 63 bits.
fn denominator_of(dtype: Dtype, coefficients: Words<'_>, denominator: u64) -> Option<u64> {
    // At most 256 numbers of 32 bits.
    let (mut sum, mut magnitude) = (0i64, 0u64);
    for coefficient in coefficients.i32s().flatten() {
        sum = sum.wrapping_add(coefficient.into());
        magnitude = magnitude.wrapping_add(coefficient.unsigned_abs().into());
    }
    let shift = match dtype {
        Dtype::I8 => 7,
        Dtype::I16 => 15,
        _ => 31,
    };
    let fits = magnitude <= i64::MAX.unsigned_abs() >> shift;
    let denominator = match denominator {
        0 => u64::try_from(sum).unwrap_or(0),
        given => given,
    };
    (fits && denominator != 0).then_some(denominator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use alloy_primitives::{hex, keccak256};

    const SUM: &str = FUNCTIONS[0].signature;
    const MEAN: &str = FUNCTIONS[1].signature;

    /// Worked example 3.
    fn example() -> Vec<Value> {
        vec![
            int(0),
            int(6),
            int(2),
            integers(vec![1, 1, 2]),
            int(0),
            list(i32s, &[[3, -3], [1, -1], [-1, 1]]),
        ]
    }

    #[test]
    fn the_worked_example_comes_out() {
        let input = calldata(MEAN, &example());
        assert_eq!(input.len(), 644);
        assert_eq!(
            keccak256(&input),
            hex!("1934b826ca0309130dd772b2d7fba4c3134c4abf590e9aec962898ddb802390f")
        );
        let (gas, output) = success(0x10, &input);
        assert_eq!((gas, bytes(&output, 0)), (182, &i32s(&[1, -1])[..]));
    }

    #[test]
    fn sums_wrap() {
        let narrow = [
            int(0),
            int(32),
            int(2),
            list(i32s, &[[i32::MAX, 5], [1, -7]]),
        ];
        let (gas, output) = success(0x10, &calldata(SUM, &narrow));
        assert_eq!(bytes(&output, 0), i32s(&[i32::MIN, -2]));
        assert_eq!(gas, 150 + 2 + 3 + 16 + 1);
        let wide = [
            int(0),
            int(64),
            int(1),
            list(i64s, &[[i64::MIN], [-1], [3]]),
        ];
        let (gas, output) = success(0x10, &calldata(SUM, &wide));
        assert_eq!(bytes(&output, 0), i64s(&[i64::MIN + 2]));
        assert_eq!(gas, 150 + 3 + 3 + 24 + 1);
    }

    #[test]
    fn means_saturate_and_take_any_sign() {
        let of = |coefficients: Vec<i128>, denominator: i128, dtype: i128, updates: Value| {
            let arguments = [
                int(0),
                int(dtype),
                int(1),
                integers(coefficients),
                int(denominator),
                updates,
            ];
            let (_, output) = success(0x10, &calldata(MEAN, &arguments));
            i32::from_le_bytes(bytes(&output, 0).try_into().unwrap())
        };
        assert_eq!(of(vec![7], 1, 6, list(i32s, &[[i32::MIN]])), i32::MIN);
        assert_eq!(of(vec![-7], 1, 6, list(i32s, &[[i32::MIN]])), i32::MAX);
        assert_eq!(of(vec![-1], 1, 3, list(i8s, &[[-128]])), 128);
        assert_eq!(of(vec![1, -1], 3, 5, list(i16s, &[[4], [-4]])), 3);
        assert_eq!(of(vec![1], u64::MAX.into(), 3, list(i8s, &[[127]])), 0);
        let max = i128::from(i32::MAX);
        // The largest weights for i32: their magnitudes add up to 2^32 - 1.
        let largest = list(i32s, &[[i32::MIN], [i32::MIN], [i32::MIN]]);
        assert_eq!(of(vec![max, max, 1], 0, 6, largest), i32::MIN);
    }

    #[test]
    fn the_mean_of_equal_vectors_is_that_vector() {
        for value in [i32::MIN, -1, 0, 7, i32::MAX] {
            let same = list(i32s, &[[value], [value], [value]]);
            let arguments = with(&with(&example(), 2, int(1)), 5, same);
            let (_, output) = success(0x10, &calldata(MEAN, &arguments));
            assert_eq!(bytes(&output, 0), i32s(&[value]));
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let case = |index: usize, arg: Value, error: OpError| {
            refuses(0x10, &calldata(MEAN, &with(&example(), index, arg)), error);
        };
        let mismatch = |which, want, got| OpError::LengthMismatch { which, want, got };
        let too_large = |got, max| OpError::TooLarge { got, max };
        case(0, int(1), OpError::BadParam(0));
        for dtype in [0, 2, 4, 7, 12, 255] {
            case(1, int(dtype), OpError::BadDtype(1));
        }
        case(2, int(0), OpError::BadShape(2));
        case(
            2,
            int((1_i128 << 22) + 1),
            too_large((1 << 22) + 1, 1 << 22),
        );
        case(
            2,
            int((1_i128 << 20) + 1),
            too_large((4 << 20) + 4, 4 << 20),
        );
        case(2, int(3), mismatch(5, 12, 8));
        case(3, integers(vec![1, 1]), mismatch(3, 3, 2));
        case(3, integers(vec![]), mismatch(3, 3, 0));
        case(3, integers(vec![1, 1, -2]), OpError::BadParam(3));
        case(3, integers(vec![-1, 0, 0]), OpError::BadParam(3));
        let max = i128::from(i32::MAX);
        case(3, integers(vec![max, max, 2]), OpError::BadParam(3));
        case(3, integers(vec![1, 1, 1 << 31]), OpError::BadCalldata);
        case(4, int(1_i128 << 64), OpError::BadCalldata);
        case(5, operands(vec![]), OpError::BadShape(5));
        case(5, operands(vec![vec![0; 8]; 257]), too_large(257, 256));
        case(
            5,
            operands(vec![vec![0; 8], vec![0; 7], vec![0; 9]]),
            mismatch(5, 8, 7),
        );

        let sum = [int(0), int(32), int(1), list(i32s, &[[1]])];
        for width in [0, 31, 33, 63, 128] {
            let input = calldata(SUM, &with(&sum, 1, int(width)));
            refuses(0x10, &input, OpError::BadParam(1));
        }
        // Both sizes are within their limits, their product is not.
        let many = with(
            &with(&sum, 2, int(1_i128 << 20)),
            3,
            operands(vec![vec![]; 33]),
        );
        refuses(0x10, &calldata(SUM, &many), too_large(132 << 20, 128 << 20));
    }
}
