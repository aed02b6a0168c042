//! OPT: steps of an optimiser. Numbers are `i32` with `f` binary places, rates likewise; a decay of
//! 1 is `2^31`.
//!
//! | function | result |
//! |---|---|
//! | `sgd((uint8 flags, uint8 f, int32 lr, int32 wd), bytes w, bytes g) returns (bytes)` | `w'` |
//! | `momentum((uint8 flags, uint8 f, int32 lr, int32 wd, uint32 mu), bytes w, bytes u, bytes g) returns (bytes, bytes)` | `w'`, `u'` |
//! | `adam((uint8 flags, uint8 f, int32 lr, uint32 c1, uint32 c2, uint32 eps), bytes w, bytes m, bytes v, bytes g) returns (bytes, bytes, bytes)` | `w'`, `m'`, `v'`; flag 1 is Yogi's rule for `v'` |
//!
//! In all of them `w` gives the number of elements. `v` is `i64` with `2f` binary places and not
//! negative. A correction of the bias is the caller's, in `lr` and `eps`.

use crate::{
    Dtype, Function, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
    round,
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0xe7, 0x91, 0xa5, 0x38],
        signature: "sgd((uint8,uint8,int32,int32),bytes,bytes)",
        run: sgd,
    },
    Function {
        selector: [0x4d, 0xd9, 0x93, 0xf8],
        signature: "momentum((uint8,uint8,int32,int32,uint32),bytes,bytes,bytes)",
        run: momentum,
    },
    Function {
        selector: [0xce, 0x2a, 0x38, 0x59],
        signature: "adam((uint8,uint8,int32,uint32,uint32,uint32),bytes,bytes,bytes,bytes)",
        run: adam,
    },
];

/// `v'` by the rule of Yogi.
const YOGI: u8 = 1;
/// Most binary places.
const PLACES_MAX: u8 = 30;
/// One, as a decay.
const ONE: u32 = 1 << 31;
/// Index of `v` among the arguments of `adam`.
const V: u8 = 3;

/// Gas: `150 + W_in + 3 * W_out + n/4`.
fn sgd(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, places) = (args.u8(0)?, args.u8(1)?);
    let (rate, decay) = (args.i32(2)?, args.i32(3)?);
    let (w, g) = (args.bytes(4)?, args.bytes(5)?);

    let store = call.flags(flags, 0)?;
    let step = Descent::new(places, rate, decay)?;
    let (w, count) = weights(call, w)?;
    let g = Operand::load(call, 2, g, Want::Exactly(Dtype::I32, count))?;
    let price = Price {
        words_in: words(&[&w, &g]),
        out: &[Out::Vector(Dtype::I32, count)],
        work: count.div_ceil(4),
        store,
    };
    let mut result = call.begin(&price)?;

    let (w, g) = (w.fetch(call)?, g.fetch(call)?);
    let (ws, gs) = (i32_panels(&w), i32_panels(&g));
    let mut ctl = call.ctl();
    for ((w, g), out) in ws.zip(gs).zip(i32_panels_mut(result.part(0))) {
        ctl.next(out.len())?;
        for ((w, g), out) in w.iter().zip(g).zip(out) {
            let (w, g) = (i32::from_le_bytes(*w), i32::from_le_bytes(*g));
            let g = step.decayed(w, g);
            *out = step.moved(w, g).to_le_bytes();
        }
    }
    call.finish(&price, result)
}

/// Gas: `150 + W_in + 3 * W_out + n/2`.
fn momentum(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, places) = (args.u8(0)?, args.u8(1)?);
    let (rate, decay, mu) = (args.i32(2)?, args.i32(3)?, args.u32(4)?);
    let (w, u, g) = (args.bytes(5)?, args.bytes(6)?, args.bytes(7)?);

    let store = call.flags(flags, 0)?;
    let step = Descent::new(places, rate, decay)?;
    let mu = share(mu)?;
    let (w, count) = weights(call, w)?;
    let u = Operand::load(call, 2, u, Want::Exactly(Dtype::I32, count))?;
    let g = Operand::load(call, 3, g, Want::Exactly(Dtype::I32, count))?;
    let price = Price {
        words_in: words(&[&w, &u, &g]),
        out: &[Out::Vector(Dtype::I32, count); 2],
        work: count.div_ceil(2),
        store,
    };
    let mut result = call.begin(&price)?;

    let (w, u, g) = (w.fetch(call)?, u.fetch(call)?, g.fetch(call)?);
    let inputs = i32_panels(&w).zip(i32_panels(&u)).zip(i32_panels(&g));
    let [w_out, u_out] = result.parts();
    let outputs = i32_panels_mut(w_out).zip(i32_panels_mut(u_out));
    let mut ctl = call.ctl();
    for (((w, u), g), (w_out, u_out)) in inputs.zip(outputs) {
        ctl.next(w_out.len())?;
        let inputs = w.iter().zip(u).zip(g);
        for (((w, u), g), (w_out, u_out)) in inputs.zip(w_out.iter_mut().zip(u_out)) {
            let (w, u, g) = (
                i32::from_le_bytes(*w),
                i32::from_le_bytes(*u),
                i32::from_le_bytes(*g),
            );
            let g = step.decayed(w, g);
            let kept = round::away_shift(i64::from(u).wrapping_mul(mu), 31);
            let u = saturated(i64::from(g).wrapping_add(kept));
            *w_out = step.moved(w, u).to_le_bytes();
            *u_out = u.to_le_bytes();
        }
    }
    call.finish(&price, result)
}

/// Gas: `150 + W_in + 3 * W_out + 2n`.
fn adam(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, places, rate) = (args.u8(0)?, args.u8(1)?, args.i32(2)?);
    let (c1, c2, eps) = (args.u32(3)?, args.u32(4)?, args.u32(5)?);
    let (w, m) = (args.bytes(6)?, args.bytes(7)?);
    let (v, g) = (args.bytes(8)?, args.bytes(9)?);

    let store = call.flags(flags, YOGI)?;
    let step = Adam::new(places, rate, (c1, c2), eps)?;
    let (w, count) = weights(call, w)?;
    let m = Operand::load(call, 2, m, Want::Exactly(Dtype::I32, count))?;
    let v = Operand::load(call, V, v, Want::Exactly(Dtype::I64, count))?;
    let g = Operand::load(call, 4, g, Want::Exactly(Dtype::I32, count))?;
    let price = Price {
        words_in: words(&[&w, &m, &v, &g]),
        out: &[
            Out::Vector(Dtype::I32, count),
            Out::Vector(Dtype::I32, count),
            Out::Vector(Dtype::I64, count),
        ],
        work: count.saturating_mul(2),
        store,
    };
    let mut result = call.begin(&price)?;

    let (w, m) = (w.fetch(call)?, m.fetch(call)?);
    let (v, g) = (v.fetch(call)?, g.fetch(call)?);
    let [w_out, m_out, v_out] = result.parts();
    let tensors = Tensors {
        inputs: (&w, &m, &v, &g),
        outputs: (w_out, m_out, v_out),
    };
    let mut ctl = call.ctl();
    if flags & YOGI == 0 {
        step.run(tensors, Adam::mean_square, &mut ctl)?;
    } else {
        step.run(tensors, Adam::mean_square_yogi, &mut ctl)?;
    }
    call.finish(&price, result)
}

/// A step down the gradient, with decay of the weights.
struct Descent {
    places: u8,
    rate: i64,
    decay: i64,
}

impl Descent {
    fn new(places: u8, rate: i32, decay: i32) -> Result<Self, OpError> {
        Ok(Self {
            places: checked_places(places)?,
            rate: rate.into(),
            decay: decay.into(),
        })
    }

    /// `g' = sat(g + R_AWAY(wd * w, 2^f))`.
    #[inline(always)]
    fn decayed(&self, w: i32, g: i32) -> i32 {
        let decay = round::away_shift(self.decay.wrapping_mul(w.into()), self.places);
        saturated(i64::from(g).wrapping_add(decay))
    }

    /// `w' = sat(w - R_AWAY(lr * g, 2^f))`.
    #[inline(always)]
    fn moved(&self, w: i32, g: i32) -> i32 {
        let step = round::away_shift(self.rate.wrapping_mul(g.into()), self.places);
        saturated(i64::from(w).wrapping_sub(step))
    }
}

/// A step by moments.
struct Adam {
    rate: i64,
    c1: i64,
    c2: i64,
    eps: u64,
}

/// What a step of [`Adam`] reads (`w`, `m`, `v`, `g`) and writes (`w'`, `m'`, `v'`).
struct Tensors<'a> {
    inputs: (&'a [u8], &'a [u8], &'a [u8], &'a [u8]),
    outputs: (&'a mut [u8], &'a mut [u8], &'a mut [u8]),
}

impl Adam {
    fn new(places: u8, rate: i32, (c1, c2): (u32, u32), eps: u32) -> Result<Self, OpError> {
        checked_places(places)?;
        if eps == 0 {
            return Err(OpError::BadParam(0));
        }
        Ok(Self {
            rate: rate.into(),
            c1: share(c1)?,
            c2: share(c2)?,
            eps: eps.into(),
        })
    }

    /// `mean_square` gives `v'` from `v` and `g`.
    fn run(
        &self,
        tensors: Tensors<'_>,
        mean_square: impl Fn(&Self, i64, i32) -> i64,
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Stop> {
        let (w, m, v, g) = tensors.inputs;
        let (w_out, m_out, v_out) = tensors.outputs;
        let inputs = i32_panels(w)
            .zip(i32_panels(m))
            .zip(i64_panels(v))
            .zip(i32_panels(g));
        let outputs = i32_panels_mut(w_out)
            .zip(i32_panels_mut(m_out))
            .zip(i64_panels_mut(v_out));
        let mut start = 0u64;
        for ((((w, m), v), g), ((w_out, m_out), v_out)) in inputs.zip(outputs) {
            // Roots and divisions: an element takes as long as that many multiply-adds.
            ctl.next(w.len().saturating_mul(64))?;
            refuse_negative(v, start)?;
            let inputs = w.iter().zip(m).zip(v.iter().zip(g));
            let outputs = w_out.iter_mut().zip(m_out).zip(v_out);
            for (((w, m), (v, g)), ((w_out, m_out), v_out)) in inputs.zip(outputs) {
                let g = i32::from_le_bytes(*g);
                let m = self.mean(i32::from_le_bytes(*m), g);
                let v = mean_square(self, i64::from_le_bytes(*v), g);
                *w_out = self.moved(i32::from_le_bytes(*w), m, v).to_le_bytes();
                *m_out = m.to_le_bytes();
                *v_out = v.to_le_bytes();
            }
            start = start.saturating_add(w.len() as u64);
        }
        Ok(())
    }

    /// `m' = m + R_AWAY((g - m) * c1, 2^31)`, which lies between `m` and `g`.
    #[inline(always)]
    fn mean(&self, m: i32, g: i32) -> i32 {
        let m = i64::from(m);
        // At most (2^32 - 1) * 2^31.
        let product = i64::from(g).wrapping_sub(m).wrapping_mul(self.c1);
        saturated(m.wrapping_add(round::away_shift(product, 31)))
    }

    /// `v' = v + R_AWAY((g^2 - v) * c2, 2^31)`, which lies between `v` and `g^2`.
    #[inline(always)]
    fn mean_square(&self, v: i64, g: i32) -> i64 {
        let square = i64::from(g).wrapping_mul(g.into());
        // Both are from 0 to 2^63 - 1.
        let difference = square.wrapping_sub(v);
        let change = share_of(difference.unsigned_abs(), self.c2);
        v.wrapping_add(change.wrapping_mul(difference.signum()))
    }

    /// `v' = max(0, v - R_AWAY(sign(v - g^2) * g^2 * c2, 2^31))`, saturated.
    #[inline(always)]
    fn mean_square_yogi(&self, v: i64, g: i32) -> i64 {
        let square = i64::from(g).wrapping_mul(g.into());
        let sign = v.wrapping_sub(square).signum();
        let change = share_of(square.unsigned_abs(), self.c2);
        v.saturating_sub(change.wrapping_mul(sign)).max(0)
    }

    /// `w' = sat(w - R_AWAY(lr * m, isqrt(v) + eps))`.
    #[inline(always)]
    fn moved(&self, w: i32, m: i32, v: i64) -> i32 {
        let divisor = round::isqrt(v.unsigned_abs()).wrapping_add(self.eps);
        let step = round::away(self.rate.wrapping_mul(m.into()), divisor);
        saturated(i64::from(w).wrapping_sub(step))
    }
}

fn refuse_negative(v: &[[u8; 8]], start: u64) -> Result<(), OpError> {
    let mut found = v.iter().zip(start..);
    match found.find(|(v, _)| i64::from_le_bytes(**v) < 0) {
        Some((_, index)) => Err(OpError::BadElement { which: V, index }),
        None => Ok(()),
    }
}

fn checked_places(places: u8) -> Result<u8, OpError> {
    if places > PLACES_MAX {
        return Err(OpError::BadParam(0));
    }
    Ok(places)
}

/// A number from 0 to 1 with 31 binary places.
fn share(share: u32) -> Result<i64, OpError> {
    if share > ONE {
        return Err(OpError::BadParam(0));
    }
    Ok(share.into())
}

/// `R_AWAY(x * share, 2^31)` for `x` below `2^63`: at most `x`.
#[inline(always)]
fn share_of(x: u64, share: i64) -> i64 {
    let product = u128::from(x).wrapping_mul(share.unsigned_abs().into());
    let rounded = product.wrapping_add(1 << 30) >> 31;
    // Below 2^63.
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // Clamped to what fits.
fn saturated(x: i64) -> i32 {
    x.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Argument 1, which gives the number of elements.
fn weights<'a>(call: &mut Call<'_>, encoded: &'a [u8]) -> Result<(Operand<'a>, u64), Stop> {
    let w = Operand::load(call, 1, encoded, Want::Some(Dtype::I32))?;
    let count = w.size() >> 2;
    gas::at_most(count, gas::CLIENT_ELEMENTS_MAX)?;
    Ok((w, count))
}

fn words(operands: &[&Operand<'_>]) -> u64 {
    let words = operands.iter().map(|operand| operand.words());
    words.fold(0, u64::saturating_add)
}

/// Elements of a panel between two looks at the cancellation.
const PANEL: usize = 1 << 14;

fn i32_panels(tensor: &[u8]) -> impl Iterator<Item = &[[u8; 4]]> {
    tensor.as_chunks().0.chunks(PANEL)
}

fn i64_panels(tensor: &[u8]) -> impl Iterator<Item = &[[u8; 8]]> {
    tensor.as_chunks().0.chunks(PANEL)
}

fn i32_panels_mut(tensor: &mut [u8]) -> impl Iterator<Item = &mut [[u8; 4]]> {
    tensor.as_chunks_mut().0.chunks_mut(PANEL)
}

fn i64_panels_mut(tensor: &mut [u8]) -> impl Iterator<Item = &mut [[u8; 8]]> {
    tensor.as_chunks_mut().0.chunks_mut(PANEL)
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
    use crate::{Fatal, NoHost, Outcome};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    const SGD: &str = FUNCTIONS[0].signature;
    const MOMENTUM: &str = FUNCTIONS[1].signature;
    const ADAM: &str = FUNCTIONS[2].signature;

    fn inline(values: &[i32]) -> Value {
        inlined(i32s(values))
    }

    /// Two binary places: a rate of one half, a decay of one quarter.
    fn sgd_example() -> Vec<Value> {
        let parameters = [0, 2, 2, 1].map(int);
        [
            &parameters[..],
            &[inline(&[6, -6, i32::MIN]), inline(&[1, 0, i32::MAX])],
        ]
        .concat()
    }

    #[test]
    fn sgd_by_hand() {
        // g' = 1 + 1.5 -> 1 + 2 = 3; -1.5 -> -2; (2^31 - 1) - 2^29.
        // w' = 6 - 1.5 -> 6 - 2 = 4; -6 + 1 = -5; lowest - something: saturated.
        let (gas, output) = success(0x14, &calldata(SGD, &sgd_example()));
        assert_eq!(bytes(&output, 0), i32s(&[4, -5, i32::MIN]));
        assert_eq!(gas, 150 + 2 + 3 + 1);
    }

    #[test]
    fn momentum_by_hand() {
        // mu is one half.
        let parameters = [0, 2, 2, 1, 1 << 30].map(int);
        let tensors = [inline(&[6, -6]), inline(&[5, -5]), inline(&[1, 0])];
        let input = calldata(MOMENTUM, &[&parameters[..], &tensors].concat());
        let (gas, output) = success(0x14, &input);
        // g' = 3, -2; u' = 3 + 3, -2 - 3; w' = 6 - 3, -6 + 3.
        assert_eq!(bytes(&output, 0), i32s(&[3, -3]));
        assert_eq!(bytes(&output, 1), i32s(&[6, -5]));
        assert_eq!(gas, 150 + 3 + 6 + 1);
    }

    fn adam_example(flags: i128) -> Vec<Value> {
        let half = 1 << 30;
        let parameters = [flags, 4, 8, half, half, 1].map(int);
        let v = inlined(i64s(&[0, 101, 9]));
        let tensors = [
            inline(&[100, 0, -5]),
            inline(&[0, 4, 3]),
            v,
            inline(&[10, -1, 3]),
        ];
        [&parameters[..], &tensors].concat()
    }

    #[test]
    fn adam_by_hand() {
        let (gas, output) = success(0x14, &calldata(ADAM, &adam_example(0)));
        // m' = 5; 4 - 2.5 -> 4 - 3 = 1; 3. v' = 50, 51, 9.
        assert_eq!(bytes(&output, 1), i32s(&[5, 1, 3]));
        assert_eq!(bytes(&output, 2), i64s(&[50, 51, 9]));
        // w' = 100 - 40/8; 0 - 8/8; -5 - 24/4.
        assert_eq!(bytes(&output, 0), i32s(&[95, -1, -11]));
        assert_eq!(gas, 150 + 4 + 3 * 3 + 6);
    }

    #[test]
    fn yogi_by_hand() {
        let (_, output) = success(0x14, &calldata(ADAM, &adam_example(1)));
        // v' = 0 + 50; 101 - 0.5 -> 100; equal: 9.
        assert_eq!(bytes(&output, 2), i64s(&[50, 100, 9]));
        assert_eq!(bytes(&output, 0), i32s(&[95, -1, -11]));
    }

    #[test]
    fn a_negative_square_costs_the_full_gas() {
        for (at, v) in [(0, -1), (2, i64::MIN)] {
            let mut all = [5, 5, 5, -7];
            all[at] = v;
            let four = inline(&[1, 2, 3, 4]);
            let mut arguments = adam_example(0);
            for index in [6, 7, 9] {
                arguments[index] = four.clone();
            }
            arguments[8] = inlined(i64s(&all));
            let error = OpError::BadElement {
                which: 3,
                index: at as u64,
            };
            let want = Outcome::Revert {
                gas: 150 + 4 + 3 * 3 + 8,
                data: error.encode(),
            };
            assert_eq!(
                outcome(0x14, &calldata(ADAM, &arguments), &mut NoHost),
                want
            );
        }
    }

    #[test]
    fn a_negative_square_is_found_in_any_panel() {
        let count = PANEL * 2;
        let mut v = vec![0; count];
        v[count - 1] = -1;
        v[PANEL] = -1;
        let same = inline(&vec![1; count]);
        let mut arguments = adam_example(0);
        for index in [6, 7, 9] {
            arguments[index] = same.clone();
        }
        arguments[8] = inlined(i64s(&v));
        let got = outcome(0x14, &calldata(ADAM, &arguments), &mut NoHost);
        let error = OpError::BadElement {
            which: 3,
            index: PANEL as u64,
        };
        assert!(matches!(got, Outcome::Revert { data, .. } if data == error.encode()));
    }

    /// An element, often an extreme one.
    fn any(rng: &mut StdRng) -> i32 {
        match rng.random_range(0..6) {
            0 => i32::MIN,
            1 => i32::MAX,
            _ => rng.random::<i32>() >> rng.random_range(0..32),
        }
    }

    fn away(n: i128, d: i128) -> i128 {
        (2 * n.abs() + d) / (2 * d) * n.signum()
    }

    fn sat(x: i128) -> i128 {
        x.clamp(i32::MIN.into(), i32::MAX.into())
    }

    /// Against the text in wide integers.
    #[test]
    fn steps_are_the_plain_ones() {
        let mut rng = StdRng::seed_from_u64(7);
        for case in 0..20_000u32 {
            let mut element = || i128::from(any(&mut rng));
            let [w, m, g, rate, decay] = core::array::from_fn(|_| element());
            let places = rng.random_range(0..=30);
            let mut any_share = || match rng.random_range(0..4) {
                0 => 1i128 << 31,
                1 => 0,
                _ => rng.random_range(0..=1 << 31),
            };
            let (c1, c2) = (any_share(), any_share());
            let v = i128::from(rng.random::<u64>() >> rng.random_range(1..64));
            let v = if case % 9 == 0 { i64::MAX.into() } else { v };
            let eps = i128::from((rng.random::<u32>() >> rng.random_range(0..32)).max(1));
            let one = |x: i128| inlined(i32s(&[x as i32]));
            let get = |output: &[u8], index| {
                let bytes = bytes(output, index);
                let dtype = if bytes.len() == 4 {
                    Dtype::I32
                } else {
                    Dtype::I64
                };
                i128::from(dtype.read(bytes))
            };
            let run = |signature: &str, parameters: &[i128], tensors: &[Value]| {
                let parameters: Vec<Value> = parameters.iter().copied().map(int).collect();
                let input = calldata(signature, &[&parameters[..], tensors].concat());
                match outcome(0x14, &input, &mut NoHost) {
                    Outcome::Success { output, .. } => output,
                    other => panic!("{other:?}"),
                }
            };

            let decayed = sat(g + away(decay * w, 1 << places));
            let output = run(SGD, &[0, places, rate, decay], &[one(w), one(g)]);
            assert_eq!(get(&output, 0), sat(w - away(rate * decayed, 1 << places)));

            let tensors = [one(w), one(m), one(g)];
            let output = run(MOMENTUM, &[0, places, rate, decay, c1], &tensors);
            let u = sat(decayed + away(c1 * m, 1 << 31));
            assert_eq!(get(&output, 0), sat(w - away(rate * u, 1 << places)));
            assert_eq!(get(&output, 1), u);

            let tensors = [one(w), one(m), inlined(i64s(&[v as i64])), one(g)];
            for yogi in [0, 1] {
                let output = run(ADAM, &[yogi, places, rate, c1, c2, eps], &tensors);
                let m = m + away((g - m) * c1, 1 << 31);
                let v = match yogi {
                    0 => v + away((g * g - v) * c2, 1 << 31),
                    _ => {
                        let change = away((v - g * g).signum() * g * g * c2, 1 << 31);
                        (v - change).clamp(0, i64::MAX.into())
                    }
                };
                assert_eq!((get(&output, 1), get(&output, 2)), (m, v));
                assert_eq!(get(&output, 0), sat(w - away(rate * m, v.isqrt() + eps)));
            }
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let mismatch = |which, want, got| OpError::LengthMismatch { which, want, got };
        let sgd = |index, arg, error| {
            refuses(
                0x14,
                &calldata(SGD, &with(&sgd_example(), index, arg)),
                error,
            );
        };
        sgd(0, int(1), OpError::BadParam(0));
        sgd(1, int(31), OpError::BadParam(0));
        sgd(1, int(256), OpError::BadCalldata);
        sgd(2, int(1_i128 << 31), OpError::BadCalldata);
        sgd(4, inlined(vec![]), OpError::BadShape(1));
        sgd(4, inlined(vec![0; 13]), mismatch(1, 12, 13));
        sgd(4, Value::Bytes(vec![]), OpError::BadOperand(1));
        sgd(5, inline(&[1]), mismatch(2, 12, 4));
        sgd(5, Value::Bytes(vec![7]), OpError::BadOperand(2));

        let adam = |index, arg, error| {
            refuses(
                0x14,
                &calldata(ADAM, &with(&adam_example(0), index, arg)),
                error,
            );
        };
        adam(0, int(2), OpError::BadParam(0));
        for (index, value) in [
            (1, 31),
            (3, (1_i128 << 31) + 1),
            (4, (1_i128 << 31) + 1),
            (5, 0),
        ] {
            adam(index, int(value), OpError::BadParam(0));
        }
        adam(5, int(1_i128 << 32), OpError::BadCalldata);
        adam(7, inline(&[1]), mismatch(2, 12, 4));
        adam(8, inline(&[1, 1, 1]), mismatch(3, 24, 12));
        adam(9, inline(&[1]), mismatch(4, 12, 4));

        let parameters = [0, 2, 2, 1, (1_i128 << 31) + 1].map(int);
        let tensors = [inline(&[6]), inline(&[5]), inline(&[1])];
        let input = calldata(MOMENTUM, &[&parameters[..], &tensors].concat());
        refuses(0x14, &input, OpError::BadParam(0));
    }

    #[test]
    fn a_cancelled_step_gives_no_answer() {
        let count = 1 << 17;
        let same = inline(&vec![1; count]);
        let mut arguments = adam_example(0);
        for index in [6, 7, 9] {
            arguments[index] = same.clone();
        }
        arguments[8] = inlined(vec![0; count * 8]);
        let input = calldata(ADAM, &arguments);
        let with = |polls| outcome(0x14, &input, &mut CancelAfter(core::cell::Cell::new(polls)));
        assert_eq!(with(0), Outcome::Fatal(Fatal::Cancelled));
        assert_eq!(with(1), outcome(0x14, &input, &mut NoHost));
    }
}
