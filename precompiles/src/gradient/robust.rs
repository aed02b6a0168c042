//! AGG_ROBUST: aggregates that a minority of poisoned clients cannot move far.
//!
//! | function | result, for each coordinate |
//! |---|---|
//! | `median(uint8 flags, uint8 dtype, uint32 d, bytes[] u) returns (bytes)` | the middle value, or the mean of the two middle ones, half away from zero |
//! | `trimmed(uint8 flags, uint8 dtype, uint32 d, uint16 cut, bytes[] u) returns (bytes)` | the mean without the `cut` lowest and the `cut` highest, half away from zero |
//! | `signMajority(uint8 flags, uint8 dtype, uint32 d, bytes[] u) returns (bytes)` | the sign of the sum of the signs, `i8` |
//!
//! Elements are `i8`, `u8`, `i16` or `i32`; median and trimmed mean keep the type.

use super::clients::Clients;
use crate::{
    Dtype, Fatal, Function, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Stop},
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x56, 0x00, 0xc8, 0x0a],
        signature: "median(uint8,uint8,uint32,bytes[])",
        run: median,
    },
    Function {
        selector: [0xbc, 0x6e, 0x03, 0x73],
        signature: "trimmed(uint8,uint8,uint32,uint16,bytes[])",
        run: trimmed,
    },
    Function {
        selector: [0xf1, 0x73, 0x7f, 0xb2],
        signature: "signMajority(uint8,uint8,uint32,bytes[])",
        run: sign_majority,
    },
];

/// Gas: `150 + W_in + 3 * W_out + 8C + d * cmp(C)/32`, with [`comparators`] for `cmp`.
fn median(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, dtype) = (args.u8(0)?, args.u8(1)?);
    let (d, updates) = (args.u32(2)?, args.list(3)?);

    let store = call.flags(flags, 0)?;
    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (2, d), (3, updates))?;
    // The mean of the one or two that are left.
    let cut = clients.count.saturating_sub(1) >> 1;
    let cut = usize::try_from(cut).unwrap_or(0);
    let work = sorting(&clients);
    clients.combine(call, (dtype, work, store), |backend, inputs, out, ctl| {
        backend.trimmed(dtype, cut, inputs, out, ctl)
    })
}

/// Gas: that of [`median`] `+ Cd/64 + d/4`.
fn trimmed(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, dtype) = (args.u8(0)?, args.u8(1)?);
    let (d, cut, updates) = (args.u32(2)?, args.u16(3)?, args.list(4)?);

    let store = call.flags(flags, 0)?;
    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (2, d), (4, updates))?;
    if clients.count <= u64::from(cut) << 1 {
        return Err(OpError::BadParam(3).into());
    }
    let work = sorting(&clients)
        .saturating_add(clients.total().div_ceil(64))
        .saturating_add(clients.elements.div_ceil(4));
    clients.combine(call, (dtype, work, store), |backend, inputs, out, ctl| {
        backend.trimmed(dtype, cut.into(), inputs, out, ctl)
    })
}

/// Gas: `150 + W_in + 3 * W_out + 8C + Cd/64`.
fn sign_majority(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, dtype) = (args.u8(0)?, args.u8(1)?);
    let (d, updates) = (args.u32(2)?, args.list(3)?);

    let store = call.flags(flags, 0)?;
    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (2, d), (3, updates))?;
    let work = clients.total().div_ceil(64);
    clients.combine(call, (Dtype::I8, work, store), |_, inputs, out, ctl| {
        majorities(dtype, inputs, out, ctl)
    })
}

fn element(code: u8) -> Result<Dtype, OpError> {
    match Dtype::from_code(code) {
        Some(dtype @ (Dtype::I8 | Dtype::U8 | Dtype::I16 | Dtype::I32)) => Ok(dtype),
        _ => Err(OpError::BadDtype(1)),
    }
}

/// Gas of sorting each coordinate: `d * cmp(C) / 32`.
fn sorting(clients: &Clients<'_>) -> u64 {
    let all = clients.elements.saturating_mul(comparators(clients.count));
    all.div_ceil(32)
}

/// Comparators of Batcher's network for the next power of two, `2^p`: `(p^2 - p + 4) * 2^p/4 - 1`.
const fn comparators(clients: u64) -> u64 {
    let p = clients.next_power_of_two().trailing_zeros();
    let per_pair = p.wrapping_mul(p).wrapping_sub(p).wrapping_add(4) as u64;
    (per_pair.wrapping_shl(p) >> 2).wrapping_sub(1)
}

/// Coordinates whose sums of signs are kept at a time.
const BLOCK: usize = 4_096;

fn majorities(
    dtype: Dtype,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    // At most 256 signs each.
    let mut totals = [0i16; BLOCK];
    let size = usize::try_from(dtype.bytes()).unwrap_or(1);
    let mut start = 0usize;
    for out in out.chunks_mut(BLOCK) {
        let totals = totals.get_mut(..out.len()).unwrap_or_default();
        totals.fill(0);
        for input in inputs {
            ctl.next(out.len())?;
            // As many as there are totals are read.
            let input = input.get(start..).unwrap_or_default();
            match dtype {
                Dtype::U8 => add_signs(totals, input, |x| u8::from_le_bytes(x).into()),
                Dtype::I8 => add_signs(totals, input, |x| i8::from_le_bytes(x).into()),
                Dtype::I16 => add_signs(totals, input, |x| i16::from_le_bytes(x).into()),
                _ => add_signs(totals, input, i32::from_le_bytes),
            }
        }
        for (out, total) in out.iter_mut().zip(totals) {
            let sign = i8::from(*total > 0).wrapping_sub(i8::from(*total < 0));
            *out = sign.cast_unsigned();
        }
        start = start.saturating_add(BLOCK.saturating_mul(size));
    }
    Ok(())
}

#[inline(always)]
fn add_signs<const N: usize>(totals: &mut [i16], input: &[u8], read: impl Fn([u8; N]) -> i32) {
    for (total, bytes) in totals.iter_mut().zip(input.as_chunks::<N>().0) {
        let x = read(*bytes);
        let sign = i16::from(x > 0).wrapping_sub(i16::from(x < 0));
        *total = total.wrapping_add(sign);
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)] // Sizes and values of the cases fit.
mod tests {
    use super::*;
    use crate::testing::*;
    use alloy_primitives::{hex, keccak256};
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

    const MEDIAN: &str = FUNCTIONS[0].signature;
    const TRIMMED: &str = FUNCTIONS[1].signature;
    const MAJORITY: &str = FUNCTIONS[2].signature;

    /// Worked example 4.
    fn example() -> Vec<Value> {
        let updates = [[1, -1, 5], [3, -100, 5], [2, -2, 5], [100, -3, 5]];
        vec![int(0), int(3), int(3), list(i8s, &updates)]
    }

    #[test]
    fn the_worked_example_comes_out() {
        let input = calldata(MEDIAN, &example());
        assert_eq!(input.len(), 548);
        assert_eq!(
            keccak256(&input),
            hex!("173c82b5f2afb0236f2e22b2602818df83432c4a630bc34df84452757694405d")
        );
        let (gas, output) = success(0x11, &input);
        assert_eq!((gas, bytes(&output, 0)), (190, &i8s(&[3, -3, 5])[..]));
    }

    #[test]
    fn comparators_are_those_of_the_network() {
        let known = [
            (1, 0),
            (2, 1),
            (3, 5),
            (4, 5),
            (8, 19),
            (17, 191),
            (32, 191),
            (64, 543),
            (256, 3_839),
        ];
        for (clients, want) in known {
            assert_eq!(comparators(clients), want, "{clients}");
        }
    }

    fn cut_example(cut: i128) -> Vec<Value> {
        let mut all = example();
        all.insert(3, int(cut));
        all
    }

    #[test]
    fn trimming_drops_both_ends() {
        let (gas, output) = success(0x11, &calldata(TRIMMED, &cut_example(1)));
        assert_eq!(
            (gas, bytes(&output, 0)),
            (190 + 1 + 1, &i8s(&[3, -3, 5])[..])
        );
        // Sums 106, -106, 20 over 4: 26.5 and -26.5 go away from zero.
        let (_, output) = success(0x11, &calldata(TRIMMED, &cut_example(0)));
        assert_eq!(bytes(&output, 0), i8s(&[27, -27, 5]));
        for cut in [2, 3, 0x8000, 0xffff] {
            refuses(
                0x11,
                &calldata(TRIMMED, &cut_example(cut)),
                OpError::BadParam(3),
            );
        }
        refuses(
            0x11,
            &calldata(TRIMMED, &cut_example(1 << 16)),
            OpError::BadCalldata,
        );
    }

    #[test]
    fn one_client_is_its_own_median() {
        let one = with(&example(), 3, list(i8s, &[[-128, 127, 0]]));
        let (gas, output) = success(0x11, &calldata(MEDIAN, &one));
        assert_eq!(
            (gas, bytes(&output, 0)),
            (150 + 1 + 3 + 8, &i8s(&[-128, 127, 0])[..])
        );
    }

    #[test]
    fn unsigned_elements_are_not_signed() {
        let arguments = |updates: &[[i8; 1]]| [int(0), int(2), int(1), list(i8s, updates)];
        let (_, output) = success(0x11, &calldata(MEDIAN, &arguments(&[[-1], [1], [-2]])));
        assert_eq!(bytes(&output, 0), [0xfe]);
        let (_, output) = success(0x11, &calldata(MAJORITY, &arguments(&[[-1], [0], [0]])));
        assert_eq!(bytes(&output, 0), [1]);
    }

    #[test]
    fn the_majority_counts_signs_not_values() {
        let updates = [[-128, 0, 1, 1], [1, 0, -1, 0], [1, 0, 0, 0]];
        let arguments = [int(0), int(3), int(4), list(i8s, &updates)];
        let (gas, output) = success(0x11, &calldata(MAJORITY, &arguments));
        assert_eq!(
            (gas, bytes(&output, 0)),
            (150 + 3 + 3 + 24 + 1, &i8s(&[1, 0, 0, 1])[..])
        );
    }

    /// All functions on all types against sorting and counting, and the order of the clients does
    /// not matter.
    #[test]
    fn any_order_of_clients_gives_the_plain_result() {
        let mut rng = StdRng::seed_from_u64(4);
        for case in 0..400 {
            let dtype = [Dtype::I8, Dtype::U8, Dtype::I16, Dtype::I32][case % 4];
            let size = dtype.bytes() as usize;
            let clients: usize = if case % 50 == 0 {
                256
            } else {
                rng.random_range(1..12)
            };
            let d = if case % 20 == 0 {
                BLOCK + 3
            } else {
                rng.random_range(1..40)
            };
            let narrow = rng.random::<bool>();
            let (low, high) = dtype.range();
            let mut updates: Vec<Vec<i64>> = (0..clients)
                .map(|_| {
                    let element = |_| {
                        let x = rng.random_range(low..=high);
                        if narrow { x.clamp(low.max(-1), 1) } else { x }
                    };
                    (0..d).map(element).collect()
                })
                .collect();
            let cut = rng.random_range(0..clients.div_ceil(2));
            let mean = |x: &[i64]| round_half_away(x.iter().sum(), x.len() as i64);
            let coordinates: Vec<Vec<i64>> = (0..d)
                .map(|at| {
                    let mut all: Vec<i64> = updates.iter().map(|update| update[at]).collect();
                    all.sort();
                    all
                })
                .collect();
            let pack = |values: Vec<i64>, size: usize| -> Vec<u8> {
                values
                    .iter()
                    .flat_map(|x| x.to_le_bytes()[..size].to_vec())
                    .collect()
            };
            let medians = coordinates
                .iter()
                .map(|all| mean(&all[(clients - 1) / 2..=clients / 2]));
            let means = coordinates.iter().map(|all| mean(&all[cut..clients - cut]));
            let signs = coordinates
                .iter()
                .map(|all| all.iter().map(|x| x.signum()).sum::<i64>().signum());
            let want = [
                (MEDIAN, pack(medians.collect(), size)),
                (TRIMMED, pack(means.collect(), size)),
                (MAJORITY, pack(signs.collect(), 1)),
            ];
            for _ in 0..2 {
                updates.shuffle(&mut rng);
                let list = updates
                    .iter()
                    .map(|update| pack(update.clone(), size))
                    .collect();
                for (signature, want) in &want {
                    let mut arguments = vec![
                        int(0),
                        int(dtype.code()),
                        int(d as i128),
                        operands(Vec::clone(&list)),
                    ];
                    if *signature == TRIMMED {
                        arguments.insert(3, int(cut as i128));
                    }
                    let (_, output) = success(0x11, &calldata(signature, &arguments));
                    assert_eq!(
                        bytes(&output, 0),
                        want,
                        "{signature} {dtype:?} {clients} {d}"
                    );
                }
            }
        }
    }

    fn round_half_away(n: i64, d: i64) -> i64 {
        (2 * n.abs() + d) / (2 * d) * n.signum()
    }

    #[test]
    fn wrong_arguments_are_named() {
        for signature in [MEDIAN, MAJORITY] {
            let case = |index: usize, arg: Value, error: OpError| {
                refuses(
                    0x11,
                    &calldata(signature, &with(&example(), index, arg)),
                    error,
                );
            };
            case(0, int(0x80 | 1), OpError::BadParam(0));
            for dtype in [0, 1, 7, 12] {
                case(1, int(dtype), OpError::BadDtype(1));
            }
            case(2, int(0), OpError::BadShape(2));
            case(3, operands(vec![]), OpError::BadShape(3));
            case(
                3,
                operands(vec![vec![]; 257]),
                OpError::TooLarge { got: 257, max: 256 },
            );
            let error = OpError::LengthMismatch {
                which: 3,
                want: 4,
                got: 3,
            };
            case(2, int(4), error);
        }
    }

    #[test]
    fn a_cancelled_call_gives_no_answer() {
        let updates = operands(vec![vec![1; 1 << 20]; 9]);
        let arguments = [int(0), int(3), int(1_i128 << 20), updates];
        let input = calldata(MAJORITY, &arguments);
        let mut polls = 0;
        loop {
            let mut host = CancelAfter(core::cell::Cell::new(polls));
            match outcome(0x11, &input, &mut host) {
                crate::Outcome::Fatal(Fatal::Cancelled) => polls += 1,
                other => {
                    assert!(matches!(other, crate::Outcome::Success { .. }));
                    break;
                }
            }
        }
        assert_eq!(polls, 2);
    }
}
