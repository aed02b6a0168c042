//! LAGRANGE: Shamir's secrets from their shares.
//!
//! `reconstruct(uint8 flags, uint8 field, uint32 n, uint256[] xs, bytes[] shares) returns (bytes)`
//! gives, for each of `n` secrets, the value at 0 of the polynomial through the shares:
//! `sum over i of y_i * product over l != i of x_l / (x_l - x_i)`, modulo `p`.
//!
//! | field | p | limb |
//! |---|---|---|
//! | 0 | `2^61 - 1` | 8 bytes |
//! | 1 | order of the scalars of BN254 | 32 bytes |
//!
//! A share of `n` secrets is `n` limbs, little-endian and below `p`; so is the result.

use super::field::{Bn254, Field, Mersenne};
use crate::{
    Fatal, Function, OpError,
    abi::{Args, List, Words},
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Data, Operand, Want},
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[Function {
    selector: [0x95, 0xa1, 0x7e, 0xda],
    signature: "reconstruct(uint8,uint8,uint32,uint256[],bytes[])",
    run: reconstruct,
}];

/// Gas: `150 + W_in + 3 * W_out + inv + 8t + 2ct^2 + ctn/4`, with `inv` and `c` of the field.
fn reconstruct(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, field, count) = (args.u8(0)?, args.u8(1)?, args.u32(2)?);
    let (xs, shares) = (args.words(3)?, args.list(4)?);
    let store = call.flags(flags, 0)?;
    let secrets = Secrets {
        count: count.into(),
        xs,
        shares,
        store,
    };
    match field {
        0 => secrets.reconstruct::<Mersenne>(call),
        1 => secrets.reconstruct::<Bn254>(call),
        _ => Err(OpError::BadParam(1).into()),
    }
}

/// The arguments of a call.
struct Secrets<'a> {
    count: u64,
    xs: Words<'a>,
    shares: List<'a>,
    store: bool,
}

/// Elements whose sums are kept at a time.
const PANEL: usize = 256;

impl Secrets<'_> {
    fn reconstruct<F: Field>(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Stop> {
        let size = self.count.saturating_mul(F::SIZE);
        self.check::<F>(size)?;
        let shares = Operand::load_all(call, 4, self.shares, Want::Bytes(size))?;
        let words = shares.iter().map(Operand::words);
        let (dtype, per_element) = F::STORED;
        let price = Price {
            words_in: words.fold(0, u64::saturating_add),
            out: &[Out::Vector(dtype, self.count.saturating_mul(per_element))],
            work: self.work::<F>(),
            store: self.store,
        };
        let mut result = call.begin(&price)?;

        let shares = Operand::fetch_all(shares, call)?;
        let mut ctl = call.ctl();
        let xs: Vec<F::Element> = self.xs.iter().map(|x| F::element(limbs(x))).collect();
        self.check_elements::<F>(&shares, &mut ctl)?;
        let weights = weights::<F>(&xs, &mut ctl)?;
        let weights: Vec<F::Weight> = weights.into_iter().map(F::weight).collect();
        combine::<F>(&weights, &shares, result.part(0), &mut ctl)?;
        call.finish(&price, result)
    }

    /// `size` is that of a share.
    fn check<F: Field>(&self, size: u64) -> Result<(), OpError> {
        gas::dimension(2, size, gas::OUTPUT_BYTES_MAX)?;
        let count = self.xs.len();
        gas::dimension(3, count, gas::CLIENTS_MAX)?;
        let mut sorted = [[0u64; 4]; 256];
        let sorted = usize::try_from(count)
            .ok()
            .and_then(|count| sorted.get_mut(..count));
        let sorted = sorted.unwrap_or_default();
        for (slot, x) in sorted.iter_mut().zip(self.xs.iter()) {
            *slot = limbs(x);
        }
        sorted.sort_unstable();
        let first_is_zero = sorted.first() == Some(&[0; 4]);
        let last_is_below = sorted.last().is_some_and(|last| *last < F::MODULUS);
        if first_is_zero || !last_is_below || !sorted.is_sorted_by(|a, b| a < b) {
            return Err(OpError::BadParam(3));
        }
        if self.shares.len() != count {
            return Err(OpError::LengthMismatch {
                which: 4,
                want: count,
                got: self.shares.len(),
            });
        }
        gas::at_most(size.saturating_mul(count), gas::OPERAND_BYTES_MAX)
    }

    fn work<F: Field>(&self) -> u64 {
        let t = self.xs.len();
        let weights = t.saturating_mul(t).saturating_mul(2);
        let products = t.saturating_mul(self.count);
        F::INVERSE_GAS
            .saturating_add(t.saturating_mul(8))
            .saturating_add(weights.saturating_mul(F::PRODUCTS_GAS))
            .saturating_add(products.saturating_mul(F::PRODUCTS_GAS).div_ceil(4))
    }

    /// Refuses the first element that is not below `p`.
    fn check_elements<F: Field>(&self, shares: &[Data<'_>], ctl: &mut Ctl<'_>) -> Result<(), Stop> {
        let mut passed = 0u64;
        for share in shares {
            ctl.next(share.len())?;
            if let Some(index) = F::first_outside(share) {
                let index = passed.saturating_add(index as u64);
                return Err(OpError::BadElement { which: 4, index }.into());
            }
            passed = passed.saturating_add(self.count);
        }
        Ok(())
    }
}

/// The weighted sums of the shares.
fn combine<F: Field>(
    weights: &[F::Weight],
    shares: &[Data<'_>],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let size = usize::try_from(F::SIZE).unwrap_or(1);
    let panel = size.saturating_mul(PANEL);
    let mut start = 0usize;
    for out in out.chunks_mut(panel) {
        let mut sums = [F::Sum::default(); PANEL];
        for (weight, share) in weights.iter().zip(shares) {
            ctl.next(PANEL.saturating_mul(F::PRODUCT_TIME))?;
            let share = share.get(start..).unwrap_or_default();
            let share = share.get(..out.len()).unwrap_or_default();
            F::add_products(*weight, share, &mut sums);
        }
        F::settle(&sums, shares.len(), out);
        start = start.saturating_add(panel);
    }
    Ok(())
}

/// `product over l != i of x_l / (x_l - x_i)` for each `i`, with one inversion. All `xs` differ and
/// none is zero.
fn weights<F: Field>(xs: &[F::Element], ctl: &mut Ctl<'_>) -> Result<Vec<F::Element>, Fatal> {
    let all = xs.iter().fold(F::ONE, |all, x| F::product(all, *x));
    // The denominators, of which each holds the `x` that `all` has too much.
    let mut weights = Vec::with_capacity(xs.len());
    for (i, x) in xs.iter().enumerate() {
        ctl.next(xs.len().saturating_mul(F::PRODUCT_TIME))?;
        let others = xs.iter().enumerate().filter(|(l, _)| *l != i);
        weights.push(others.fold(*x, |denominator, (_, other)| {
            F::product(denominator, F::difference(*other, *x))
        }));
    }
    // Products of all before each, then the inverse of all products, taken apart from the end.
    let mut before = Vec::with_capacity(xs.len());
    let mut running = F::ONE;
    for denominator in &weights {
        before.push(running);
        running = F::product(running, *denominator);
    }
    let mut inverse = F::inverse(running);
    for (weight, before) in weights.iter_mut().zip(before).rev() {
        let denominator = *weight;
        *weight = F::product(all, F::product(inverse, before));
        inverse = F::product(inverse, denominator);
    }
    Ok(weights)
}

/// A big-endian word, highest limb first.
fn limbs(word: &[u8; 32]) -> [u64; 4] {
    let mut limbs = word
        .as_chunks()
        .0
        .iter()
        .map(|limb| u64::from_be_bytes(*limb));
    core::array::from_fn(|_| limbs.next().unwrap_or(0))
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation)] // Sizes fit.
mod tests {
    use super::*;
    use crate::testing::*;
    use crate::{NoHost, Outcome};
    use alloy_primitives::U256;
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

    const RECONSTRUCT: &str = FUNCTIONS[0].signature;

    fn modulus(field: usize) -> U256 {
        let limbs = [Mersenne::MODULUS, Bn254::MODULUS][field];
        U256::from_limbs([limbs[3], limbs[2], limbs[1], limbs[0]])
    }

    fn arguments(field: usize, xs: &[U256], shares: &[Vec<U256>]) -> Vec<Value> {
        let size = [8, 32][field];
        let pack = |share: &Vec<U256>| {
            share
                .iter()
                .flat_map(|y| y.to_le_bytes::<32>()[..size].to_vec())
                .collect()
        };
        vec![
            int(0),
            int(field as i128),
            int(shares[0].len() as i128),
            Value::Words(xs.iter().map(|x| x.to_be_bytes()).collect()),
            operands(shares.iter().map(pack).collect()),
        ]
    }

    /// A polynomial's value, highest coefficient first.
    fn value(coefficients: &[U256], x: U256, p: U256) -> U256 {
        coefficients
            .iter()
            .fold(U256::ZERO, |sum, c| sum.mul_mod(x, p).add_mod(*c, p))
    }

    fn uint(value: u64) -> U256 {
        U256::from(value)
    }

    #[test]
    fn two_points_by_hand() {
        // y = 5 + 3x, and a constant 9.
        let shares = [vec![uint(11), uint(9)], vec![uint(20), uint(9)]];
        for field in 0..2 {
            let input = calldata(RECONSTRUCT, &arguments(field, &[uint(2), uint(5)], &shares));
            let (gas, output) = success(0x21, &input);
            let size = [8, 32][field];
            assert_eq!(bytes(&output, 0).len(), 2 * size);
            assert_eq!((bytes(&output, 0)[0], bytes(&output, 0)[size]), (5, 9));
            let want = [
                150 + 2 + 3 + 50 + 16 + 8 + 1,
                150 + 4 + 6 + 1_500 + 16 + 96 + 12,
            ];
            assert_eq!(gas, want[field]);
        }
    }

    #[test]
    fn one_share_is_the_secret() {
        for field in 0..2 {
            let highest = modulus(field) - uint(1);
            let input = calldata(RECONSTRUCT, &arguments(field, &[highest], &[vec![highest]]));
            let (_, output) = success(0x21, &input);
            assert_eq!(U256::from_le_slice(bytes(&output, 0)), highest);
        }
    }

    /// Any `t` of the shares of a polynomial of degree `t - 1` give its value at 0.
    #[test]
    fn any_shares_reconstruct() {
        let mut rng = StdRng::seed_from_u64(10);
        for case in 0..300 {
            let field = case % 2;
            let p = modulus(field);
            let any = |rng: &mut StdRng| match rng.random_range(0..8) {
                0 => p - uint(1),
                1 => uint(1),
                2 => uint(rng.random_range(1..300)),
                _ => U256::from_limbs(rng.random()) % (p - uint(1)) + uint(1),
            };
            let t: usize = match case {
                0 | 1 => 256,
                _ => rng.random_range(1..12),
            };
            let count = if case == 2 {
                PANEL + 3
            } else {
                rng.random_range(1..5)
            };
            let mut xs = Vec::new();
            while xs.len() < t + 3 {
                let x = any(&mut rng);
                if !xs.contains(&x) {
                    xs.push(x);
                }
            }
            let secrets: Vec<Vec<U256>> = (0..count)
                .map(|_| (0..t).map(|_| any(&mut rng)).collect())
                .collect();
            for _ in 0..2 {
                xs.shuffle(&mut rng);
                let shares: Vec<Vec<U256>> = xs[..t]
                    .iter()
                    .map(|x| secrets.iter().map(|secret| value(secret, *x, p)).collect())
                    .collect();
                let input = calldata(RECONSTRUCT, &arguments(field, &xs[..t], &shares));
                let Outcome::Success { output, .. } = outcome(0x21, &input, &mut NoHost) else {
                    panic!()
                };
                let got: Vec<U256> = bytes(&output, 0)
                    .chunks([8, 32][field])
                    .map(U256::from_le_slice)
                    .collect();
                let want: Vec<U256> = secrets.iter().map(|secret| secret[t - 1]).collect();
                assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn a_limb_above_the_field_costs_the_full_gas() {
        for field in 0..2 {
            for (share, element) in [(0, 0), (1, 1), (2, 0)] {
                let mut shares = vec![vec![uint(1), uint(2)]; 3];
                shares[share][element] = modulus(field);
                shares[2][1] = modulus(field) + uint(1);
                let xs = [uint(1), uint(2), uint(3)];
                let input = calldata(RECONSTRUCT, &arguments(field, &xs, &shares));
                let index = (share * 2 + element) as u64;
                let error = OpError::BadElement { which: 4, index };
                let gas = [
                    150 + 3 + 3 + 50 + 24 + 18 + 2,
                    150 + 6 + 6 + 1_500 + 24 + 216 + 18,
                ][field];
                let want = Outcome::Revert {
                    gas,
                    data: error.encode(),
                };
                assert_eq!(outcome(0x21, &input, &mut NoHost), want);
            }
        }
    }

    #[test]
    fn a_bad_limb_is_found_in_any_panel() {
        let mut shares = vec![vec![uint(1); PANEL + 5]; 2];
        shares[1][PANEL + 2] = modulus(0);
        let input = calldata(RECONSTRUCT, &arguments(0, &[uint(1), uint(2)], &shares));
        let index = (2 * PANEL + 7) as u64;
        let error = OpError::BadElement { which: 4, index };
        let got = outcome(0x21, &input, &mut NoHost);
        assert!(matches!(got, Outcome::Revert { data, .. } if data == error.encode()));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let shares = [vec![uint(11), uint(9)], vec![uint(20), uint(9)]];
        let mismatch = |which, want, got| OpError::LengthMismatch { which, want, got };
        for field in 0..2 {
            let valid = arguments(field, &[uint(2), uint(5)], &shares);
            let case = |index: usize, arg: Value, error: OpError| {
                refuses(
                    0x21,
                    &calldata(RECONSTRUCT, &with(&valid, index, arg)),
                    error,
                );
            };
            let xs = |all: &[U256]| Value::Words(all.iter().map(|x| x.to_be_bytes()).collect());
            let size = [8, 32][field];
            case(0, int(1), OpError::BadParam(0));
            case(1, int(2), OpError::BadParam(1));
            case(2, int(0), OpError::BadShape(2));
            let got = (4 << 20) + size;
            let count = i128::from(got / size);
            case(2, int(count), OpError::TooLarge { got, max: 4 << 20 });
            case(2, int(3), mismatch(4, 3 * size, 2 * size));
            let p = modulus(field);
            let bad = [
                [uint(0), uint(5)],
                [uint(5), uint(5)],
                [p, uint(1)],
                [uint(1), U256::MAX],
            ];
            for bad in bad {
                case(3, xs(&bad), OpError::BadParam(3));
            }
            case(3, xs(&[]), OpError::BadShape(3));
            case(3, xs(&[uint(1)]), mismatch(4, 1, 2));
            case(
                3,
                xs(&[uint(1); 257]),
                OpError::TooLarge { got: 257, max: 256 },
            );
            case(4, operands(vec![]), mismatch(4, 2, 0));
            let short = vec![0; size as usize * 2 - 1];
            let error = mismatch(4, size * 2, size * 2 - 1);
            case(4, operands(vec![short.clone(), short]), error);
        }
    }
}
