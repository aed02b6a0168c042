//! The prime fields of shared secrets.

use crate::Dtype;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field as _, PrimeField};

/// A prime field below `2^256`, and sums of many products in it.
pub(super) trait Field {
    /// `p`, highest limb first.
    const MODULUS: [u64; 4];
    /// Bytes of an element.
    const SIZE: u64;
    /// As what a result is stored: type, and how many for each element.
    const STORED: (Dtype, u64);
    /// Gas of an inversion.
    const INVERSE_GAS: u64;
    /// Gas of four products.
    const PRODUCTS_GAS: u64;
    /// Multiply-adds that take as long as a product.
    const PRODUCT_TIME: usize;

    type Element: Copy;
    const ONE: Self::Element;
    /// The element of an integer below `p`, highest limb first.
    fn element(limbs: [u64; 4]) -> Self::Element;
    fn difference(a: Self::Element, b: Self::Element) -> Self::Element;
    fn product(a: Self::Element, b: Self::Element) -> Self::Element;
    /// `1 / a`, for `a` not zero.
    fn inverse(a: Self::Element) -> Self::Element;

    /// An element as a factor of sums.
    type Weight: Copy;
    /// A sum of up to 256 products.
    type Sum: Copy + Default;
    fn weight(element: Self::Element) -> Self::Weight;
    /// Index of the first element of `share` that is not below `p`.
    fn first_outside(share: &[u8]) -> Option<usize>;
    /// Adds `weight` times each element of `share` to its sum.
    fn add_products(weight: Self::Weight, share: &[u8], sums: &mut [Self::Sum]);
    /// Writes sums of this many products each, as elements.
    fn settle(sums: &[Self::Sum], terms: usize, out: &mut [u8]);
}

/// The integers modulo `2^61 - 1`.
pub(super) struct Mersenne;

impl Mersenne {
    const P: u64 = (1 << 61) - 1;

    /// `x mod p`, for `x` below `p^2`.
    #[inline(always)]
    fn reduced(x: u128) -> u64 {
        let sum = (low(x) & Self::P).wrapping_add(low(x >> 61));
        // At most p + p - 2.
        sum.min(sum.wrapping_sub(Self::P))
    }
}

impl Field for Mersenne {
    const MODULUS: [u64; 4] = [0, 0, 0, Self::P];
    const SIZE: u64 = 8;
    const STORED: (Dtype, u64) = (Dtype::I64, 1);
    const INVERSE_GAS: u64 = 50;
    const PRODUCTS_GAS: u64 = 1;
    const PRODUCT_TIME: usize = 8;

    type Element = u64;
    const ONE: u64 = 1;

    fn element([.., low]: [u64; 4]) -> u64 {
        low
    }

    #[inline(always)]
    fn difference(a: u64, b: u64) -> u64 {
        let difference = a.wrapping_sub(b);
        // Below zero it is huge, and by p more it is not.
        difference.min(difference.wrapping_add(Self::P))
    }

    #[inline(always)]
    fn product(a: u64, b: u64) -> u64 {
        Self::reduced(u128::from(a).wrapping_mul(b.into()))
    }

    /// `a^(p-2)`: the exponent is 59 ones, a zero and a one.
    fn inverse(a: u64) -> u64 {
        let mut power = a;
        for _ in 0..58 {
            power = Self::product(Self::product(power, power), a);
        }
        power = Self::product(power, power);
        Self::product(Self::product(power, power), a)
    }

    type Weight = u64;
    type Sum = u64;

    fn weight(element: u64) -> u64 {
        element
    }

    fn first_outside(share: &[u8]) -> Option<usize> {
        let elements = share.as_chunks().0.iter();
        let all = elements.clone().fold(0, |all, y| {
            let y = u64::from_le_bytes(*y);
            // A bit above the 61 is set in one of them exactly if y is p or more.
            all | y | y.wrapping_add(1)
        });
        if all <= Self::P {
            return None;
        }
        elements
            .copied()
            .position(|y| u64::from_le_bytes(y) >= Self::P)
    }

    fn add_products(weight: u64, share: &[u8], sums: &mut [u64]) {
        for (y, sum) in share.as_chunks().0.iter().zip(sums) {
            let y = u64::from_le_bytes(*y);
            let product = u128::from(weight).wrapping_mul(y.into());
            // At most (p-1)^2 + p-1.
            *sum = Self::reduced(product.wrapping_add((*sum).into()));
        }
    }

    fn settle(sums: &[u64], _: usize, out: &mut [u8]) {
        for (sum, out) in sums.iter().zip(out.as_chunks_mut().0) {
            *out = sum.to_le_bytes();
        }
    }
}

/// The scalars of BN254.
///
/// Single operations are those of `ark-ff`. Sums of products are kept whole, in 9 limbs, and reduced
/// once: weights are multiplied by `2^256` before, which Montgomery's reduction takes away again.
pub(super) struct Bn254;

impl Bn254 {
    /// `p`, lowest limb first.
    const P: [u64; 4] = {
        let [d, c, b, a] = Self::MODULUS;
        [a, b, c, d]
    };
    /// `-1 / p` modulo `2^64`, by Newton's iteration: each step doubles the bits that are right.
    const NEGATIVE_INVERSE: u64 = {
        let [p, ..] = Self::P;
        let (mut inverse, mut step) = (1u64, 0u8);
        while step < 6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
            step = step.wrapping_add(1);
        }
        inverse.wrapping_neg()
    };

    /// `sum / 2^256` modulo `p`, for the sum of this many products of numbers below `p`.
    fn reduced(mut sum: [u64; 9], terms: usize) -> [u64; 4] {
        // Adds the multiple of p that clears the lowest limb, four times.
        for start in 0..4 {
            let Some((first, rest)) = sum.get_mut(start..).and_then(|sum| sum.split_first_mut())
            else {
                break;
            };
            let factor = first.wrapping_mul(Self::NEGATIVE_INVERSE);
            let [p, high @ ..] = Self::P;
            let (_, mut carry) = multiply_add(*first, factor, p, 0);
            let (middle, top) = rest.split_at_mut_checked(3).unwrap_or_default();
            for (limb, p) in middle.iter_mut().zip(high) {
                (*limb, carry) = multiply_add(*limb, factor, p, carry);
            }
            for limb in top {
                let (sum, over) = limb.overflowing_add(carry);
                (*limb, carry) = (sum, over.into());
            }
        }
        // What is left is below (0.19 * terms + 1) * p, as p is below 0.19 * 2^256.
        let [.., a, b, c, d, e] = sum;
        let mut left = [a, b, c, d, e];
        let mut doublings = terms.checked_ilog2().map_or(0, |log| log.saturating_sub(1));
        loop {
            left = without(left, shifted(Self::P, doublings));
            if doublings == 0 {
                break;
            }
            doublings = doublings.saturating_sub(1);
        }
        let [a, b, c, d, _] = left;
        [a, b, c, d]
    }
}

impl Field for Bn254 {
    const MODULUS: [u64; 4] = [
        0x3064_4e72_e131_a029,
        0xb850_45b6_8181_585d,
        0x2833_e848_79b9_7091,
        0x43e1_f593_f000_0001,
    ];
    const SIZE: u64 = 32;
    const STORED: (Dtype, u64) = (Dtype::U8, 32);
    const INVERSE_GAS: u64 = 1_500;
    const PRODUCTS_GAS: u64 = 12;
    const PRODUCT_TIME: usize = 64;

    type Element = Fr;
    const ONE: Fr = Fr::ONE;

    fn element([d, c, b, a]: [u64; 4]) -> Fr {
        Fr::from_bigint(BigInt([a, b, c, d])).unwrap_or(Fr::ZERO)
    }

    #[allow(clippy::arithmetic_side_effects)] // Of a field: nothing overflows.
    fn difference(a: Fr, b: Fr) -> Fr {
        a - b
    }

    #[allow(clippy::arithmetic_side_effects)] // Of a field: nothing overflows.
    fn product(a: Fr, b: Fr) -> Fr {
        a * b
    }

    fn inverse(a: Fr) -> Fr {
        a.inverse().unwrap_or(Fr::ZERO)
    }

    /// Times `2^256`, lowest limb first.
    type Weight = [u64; 4];
    /// Lowest limb first: at most `256 * p^2`.
    type Sum = [u64; 9];

    fn weight(element: Fr) -> [u64; 4] {
        let two_to_256 = Fr::from(2u64).pow([256]);
        Self::product(element, two_to_256).into_bigint().0
    }

    fn first_outside(share: &[u8]) -> Option<usize> {
        let mut elements = share.as_chunks().0.iter();
        elements.position(|y| {
            let [a, b, c, d] = limbs(y);
            [d, c, b, a] >= Self::MODULUS
        })
    }

    fn add_products(weight: [u64; 4], share: &[u8], sums: &mut [[u64; 9]]) {
        for (y, sum) in share.as_chunks().0.iter().zip(sums) {
            let product = product(weight, limbs(y));
            let mut carry = false;
            let (low, high) = sum.split_at_mut(8);
            for (limb, product) in low.iter_mut().zip(product) {
                let (sum, first) = limb.overflowing_add(product);
                let (sum, second) = sum.overflowing_add(carry.into());
                (*limb, carry) = (sum, first | second);
            }
            for limb in high {
                *limb = limb.wrapping_add(carry.into());
            }
        }
    }

    fn settle(sums: &[[u64; 9]], terms: usize, out: &mut [u8]) {
        for (sum, out) in sums.iter().zip(out.as_chunks_mut::<32>().0) {
            let limbs = Self::reduced(*sum, terms);
            for (limb, out) in limbs.iter().zip(out.as_chunks_mut().0) {
                *out = limb.to_le_bytes();
            }
        }
    }
}

/// Lowest 64 bits.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // As said.
const fn low(x: u128) -> u64 {
    x as u64
}

/// `a + b * c + carry`, as its low and its high limb.
#[inline(always)]
fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    // At most 2^128 - 1.
    let sum = u128::from(b)
        .wrapping_mul(c.into())
        .wrapping_add(a.into())
        .wrapping_add(carry.into());
    (low(sum), low(sum >> 64))
}

/// The product of two numbers, lowest limb first.
#[inline(always)]
fn product(a: [u64; 4], b: [u64; 4]) -> [u64; 8] {
    let mut out = [0; 8];
    for (start, a) in a.into_iter().enumerate() {
        let row = out.get_mut(start..).unwrap_or_default();
        let mut carry = 0;
        for (out, b) in row.iter_mut().zip(b) {
            (*out, carry) = multiply_add(*out, a, b, carry);
        }
        if let Some(next) = row.get_mut(4) {
            *next = carry;
        }
    }
    out
}

/// `p * 2^doublings`, for up to 63.
fn shifted([a, b, c, d]: [u64; 4], doublings: u32) -> [u64; 5] {
    let all = [0, a, b, c, d, 0];
    let mut pairs = all.array_windows();
    core::array::from_fn(|_| {
        let [below, limb] = pairs.next().copied().unwrap_or_default();
        // In two steps, as a shift by 64 is none.
        limb.wrapping_shl(doublings) | (below >> 1).wrapping_shr(63u32.wrapping_sub(doublings))
    })
}

/// `a - b` if that is not negative, else `a`.
#[inline(always)]
fn without(a: [u64; 5], b: [u64; 5]) -> [u64; 5] {
    let mut borrow = false;
    let mut pairs = a.into_iter().zip(b);
    let difference: [u64; 5] = core::array::from_fn(|_| {
        let (a, b) = pairs.next().unwrap_or_default();
        let (limb, first) = a.overflowing_sub(b);
        let (limb, second) = limb.overflowing_sub(borrow.into());
        borrow = first | second;
        limb
    });
    if borrow { a } else { difference }
}

/// The integer in little-endian bytes, lowest limb first.
#[inline(always)]
fn limbs(bytes: &[u8; 32]) -> [u64; 4] {
    let mut limbs = bytes
        .as_chunks()
        .0
        .iter()
        .map(|limb| u64::from_le_bytes(*limb));
    core::array::from_fn(|_| limbs.next().unwrap_or(0))
}
