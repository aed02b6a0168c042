//! LINEARQ and `requant`: what brings sums to 8 bits.

use super::{INNER_MAX, MULTIPLY_ADDS_MAX, SIDE_MAX, dtype, flags, one, output_fits, small};
use crate::{
    abi::Value,
    call::{Call, OPERANDS_MAX, OUTPUT_MAX, Res, Stop, Want, ceil, words},
    errors::{Error, Faults},
    wide::{Dtype, I8, I32, U8, Z, abs, pow2, r_onnx, r_tosa},
};

/// Multipliers and shifts, or patterns, as the modes of `linear` and `requant` take them.
struct Scales {
    mode: u8,
    c: usize,
    bytes: Vec<u8>,
    zy: Z,
    lo: Z,
    hi: Z,
}

impl Scales {
    fn want(mode: u8, n: &Z) -> Want {
        let size = if mode == 0 { 5 } else { 4 };
        Want::OneOf(vec![Z::from(size), n * size])
    }

    fn new(mode: u8, bytes: Vec<u8>, zy: Z, lo: Z, hi: Z) -> Self {
        let c = bytes.len() / if mode == 0 { 5 } else { 4 };
        Self {
            mode,
            c,
            bytes,
            zy,
            lo,
            hi,
        }
    }

    /// Which scale is out of range, if any: a multiplier and its shift are one scale.
    fn check(&self, which: u8) -> Res<()> {
        let words = I32.read(&self.bytes[..4 * self.c]);
        let is_bad = |index: &usize| {
            if self.mode == 0 {
                let shift = self.bytes[4 * self.c + index];
                return words[*index] < Z::from(0) || !(2..=62).contains(&shift);
            }
            let field = (i32::try_from(&words[*index]).unwrap() as u32) >> 23;
            !(63..=157).contains(&field)
        };
        match (0..self.c).find(is_bad) {
            Some(index) => Err(Stop::Element(which, index)),
            None => Ok(()),
        }
    }

    fn apply(&self, acc: &Z, column: usize) -> Z {
        let column = if self.c == 1 { 0 } else { column };
        let scale = &I32.read(&self.bytes[4 * column..4 * column + 4])[0];
        let q = if self.mode == 0 {
            r_tosa(acc, scale, self.bytes[4 * self.c + column].into())
        } else {
            let pattern = i32::try_from(scale).unwrap() as u32;
            r_onnx(i32::try_from(acc).unwrap(), pattern).into()
        };
        (q + &self.zy).clamp(self.lo.clone(), self.hi.clone())
    }
}

pub fn bounds(faults: &mut Faults, lo: &Z, hi: &Z, of_y: Dtype) {
    faults.when(
        lo > hi || *lo < of_y.min() || *hi > of_y.max(),
        Error::BadParam(0),
    );
}

pub fn linear(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, kind, mode) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 8)?);
    let (m, k, n) = (call.uint(3, 32)?, call.uint(4, 32)?, call.uint(5, 32)?);
    let (zx, zw, zy) = (call.int(6, 32)?, call.int(7, 32)?, call.int(8, 32)?);
    let (lo, hi) = (call.int(9, 32)?, call.int(10, 32)?);
    let mut raw = Vec::new();
    for index in 11..16 {
        raw.push(call.bytes(index)?);
    }

    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    faults.when(kind > Z::from(1) || mode > Z::from(2), Error::BadParam(0));
    let of_x = if kind == Z::from(0) { I8 } else { U8 };
    let is_rounded = mode < Z::from(2);
    faults.when(!of_x.holds(&zx) || !I8.holds(&zw), Error::BadParam(0));
    if is_rounded {
        bounds(&mut faults, &lo, &hi, of_x);
    } else {
        let zero = Z::from(0);
        faults.when(zy != zero || lo != zero || hi != zero, Error::BadParam(0));
        // One sentence asks for zeros and for absence: one error for both.
        faults.when(!raw[3].is_empty() || !raw[4].is_empty(), Error::BadParam(0));
    }
    [&m, &k, &n]
        .iter()
        .for_each(|side| faults.dimension(0, side));
    [&m, &n]
        .iter()
        .for_each(|side| faults.limit(side, SIDE_MAX));
    faults.limit(&k, INNER_MAX);
    let multiply_adds = &m * &k * &n;
    faults.limit(&multiply_adds, MULTIPLY_ADDS_MAX);
    let outputs = &m * &n;
    let bytes_y = if is_rounded {
        outputs.clone()
    } else {
        &outputs * 4u32
    };
    faults.limit(&(&m * &k + &n * &k), OPERANDS_MAX);
    faults.limit(&bytes_y, OUTPUT_MAX);
    faults.end()?;

    let mode = mode.try_into().unwrap();
    let x = call.operand(1, raw[0], &Want::Exactly(&m * &k))?;
    let w = call.operand(2, raw[1], &Want::Exactly(&n * &k))?;
    let bias = call.optional(3, raw[2], &Want::Exactly(&n * 4))?;
    let (mut scales, mut lut) = (None, None);
    if is_rounded {
        let bytes = call.operand(4, raw[3], &Scales::want(mode, &n))?;
        scales = Some(Scales::new(mode, bytes, zy, lo, hi));
        lut = call.optional(5, raw[4], &Want::Exactly(Z::from(256)))?;
    }
    let mut work = ceil(&multiply_adds, 128);
    if is_rounded {
        work += ceil(&outputs, 4);
    }
    if lut.is_some() {
        work += ceil(&outputs, 4);
    }
    call.charge(&words(&bytes_y), &work)?;

    let (m, k, n) = (small(&m), small(&k), small(&n));
    let (x, w) = (of_x.read(&x), I8.read(&w));
    let bias = bias.map_or(vec![Z::from(0); n], |bias| I32.read(&bias));
    let bias_max = pow2(31) - 1 - 65_025 * k;
    if let Some(index) = bias.iter().position(|bias| abs(bias) > bias_max) {
        return Err(Stop::Element(3, index));
    }
    if let Some(scales) = &scales {
        scales.check(4)?;
    }
    let mut y = Vec::new();
    for i in 0..m {
        for j in 0..n {
            let mut acc = bias[j].clone();
            for l in 0..k {
                acc += (&x[i * k + l] - &zx) * (&w[j * k + l] - &zw);
            }
            y.push(match &scales {
                Some(scales) => scales.apply(&acc, j),
                None => acc,
            });
        }
    }
    let Some(_) = scales else {
        return one(I32.write(&y));
    };
    let y = of_x.write(&y);
    one(match lut {
        Some(lut) => y.iter().map(|y| lut[usize::from(*y)]).collect(),
        None => y,
    })
}

pub fn requant(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, mode, code) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 8)?);
    let (n, zy) = (call.uint(3, 32)?, call.int(4, 32)?);
    let (lo, hi) = (call.int(5, 32)?, call.int(6, 32)?);
    let (raw_x, raw_scales) = (call.bytes(7)?, call.bytes(8)?);
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    faults.when(mode > Z::from(1), Error::BadParam(0));
    let to = dtype(&mut faults, 0, &code, &[I8, U8]);
    if faults
        .0
        .iter()
        .all(|fault| !matches!(fault, Error::BadDtype(_)))
    {
        bounds(&mut faults, &lo, &hi, to);
    } else {
        faults.when(lo > hi, Error::BadParam(0));
    }
    faults.dimension(0, &n);
    // A row above the limit of sides: the text names that limit for n.
    faults.limit(&n, SIDE_MAX);
    faults.end()?;

    let mode = mode.try_into().unwrap();
    let x = call.operand(1, raw_x, &Want::Rows(u64::try_from(&n).unwrap() * 4))?;
    let elements = x.len() / 4;
    let scales = call.operand(2, raw_scales, &Scales::want(mode, &n))?;
    output_fits(elements)?;
    call.charge(&words(&elements.into()), &ceil(&elements.into(), 4))?;

    let scales = Scales::new(mode, scales, zy, lo, hi);
    scales.check(2)?;
    let n = small(&n);
    let y = I32
        .read(&x)
        .iter()
        .enumerate()
        .map(|(i, x)| scales.apply(x, i % n))
        .collect::<Vec<_>>();
    one(to.write(&y))
}
