//! MATMUL, LINEARQ, ELTWISE and REDUCE, each element by itself.

use crate::{
    abi::Value,
    call::{Call, ELEMENTS_MAX, Function, OPERANDS_MAX, OUTPUT_MAX, Res, Stop, Want, ceil, words},
    errors::{Error, Faults},
    wide::{
        Dtype, I8, I16, I32, I64, U8, U32, Z, abs, pow2, r_away, r_onnx, r_tosa, shift_down, sign,
    },
};

pub const FUNCTIONS: &[Function] = &[
    Function {
        op: 0x01,
        name: "matmul",
        selector: 0x20ad9ba0,
        run: matmul,
    },
    Function {
        op: 0x02,
        name: "linear",
        selector: 0x80226d06,
        run: linear,
    },
    Function {
        op: 0x04,
        name: "binary",
        selector: 0x8e4dbb1a,
        run: binary,
    },
    Function {
        op: 0x04,
        name: "scaled",
        selector: 0x1847c48d,
        run: scaled,
    },
    Function {
        op: 0x04,
        name: "lut",
        selector: 0x0bd47a9f,
        run: lut,
    },
    Function {
        op: 0x04,
        name: "requant",
        selector: 0x0a97bc1a,
        run: requant,
    },
    Function {
        op: 0x04,
        name: "shift",
        selector: 0x62ea6863,
        run: shift,
    },
    Function {
        op: 0x04,
        name: "unary",
        selector: 0x26fc8248,
        run: unary,
    },
    Function {
        op: 0x05,
        name: "reduce",
        selector: 0x7dce7d14,
        run: reduce,
    },
    Function {
        op: 0x05,
        name: "topk",
        selector: 0xfa43eaf4,
        run: topk,
    },
];

/// Types of element-wise operations.
pub const ELEMENTWISE: &[Dtype] = &[I8, U8, I16, I32];
/// Types of `unary`, whose bounds have 64 bits.
pub const UNARY: &[Dtype] = &[I8, U8, I16, I32, I64];
const SIDE_MAX: u64 = 65_535;
const INNER_MAX: u64 = 32_768;
const MULTIPLY_ADDS_MAX: u64 = 1 << 31;
const TOP_MAX: u64 = 1_024;

/// `got` as a machine integer: it has passed its limits.
pub fn small(got: &Z) -> usize {
    usize::try_from(got).unwrap()
}

pub fn one(bytes: Vec<u8>) -> Res<Vec<Value>> {
    Ok(vec![Value::Bytes(bytes)])
}

/// Flags beyond `defined` are wrong; STORE is not defined for these calls.
pub fn flags(faults: &mut Faults, flags: &Z, defined: u8) -> u8 {
    let flags = u8::try_from(flags).unwrap();
    faults.when(flags & !defined != 0, Error::BadParam(0));
    flags
}

pub fn dtype(faults: &mut Faults, which: u8, code: &Z, among: &[Dtype]) -> Dtype {
    let found = Dtype::of(code, among);
    faults.when(found.is_none(), Error::BadDtype(which));
    found.unwrap_or(I8)
}

/// An output whose size an operand decides: bounded once the operands are known.
pub fn output_fits(bytes: usize) -> Res<()> {
    let mut faults = Faults::default();
    faults.limit(&bytes.into(), OUTPUT_MAX);
    faults.end()
}

fn matmul(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, kind) = (call.uint(0, 8)?, call.uint(1, 8)?);
    let mut sides = Vec::new();
    for index in 2..6 {
        sides.push(call.uint(index, 32)?);
    }
    let (raw_a, raw_b) = (call.bytes(6)?, call.bytes(7)?);
    let [batch, m, k, n] = &sides[..] else {
        unreachable!()
    };

    let mut faults = Faults::default();
    let f = flags(&mut faults, &f, 7);
    faults.when(kind > Z::from(4), Error::BadParam(0));
    sides.iter().for_each(|side| faults.dimension(0, side));
    [batch, m, n]
        .iter()
        .for_each(|side| faults.limit(side, SIDE_MAX));
    faults.limit(k, INNER_MAX);
    let multiply_adds = batch * m * k * n;
    faults.limit(&multiply_adds, MULTIPLY_ADDS_MAX);
    let kind = small(&kind);
    let (of_a, of_b, of_c, per_gas) = match kind {
        0 => (I8, I8, I32, 128),
        1 => (U8, I8, I32, 128),
        2 => (I16, I16, I64, 64),
        3 => (I32, I32, I32, 16),
        _ => (I32, I32, I64, 8),
    };
    let matrices_b = if f & 4 != 0 {
        Z::from(1)
    } else {
        batch.clone()
    };
    let bytes_a = batch * m * k * of_a.size();
    let bytes_b = &matrices_b * n * k * of_b.size();
    let bytes_c = batch * m * n * of_c.size();
    faults.limit(&bytes_c, OUTPUT_MAX);
    faults.limit(&(&bytes_a + &bytes_b), OPERANDS_MAX);
    faults.end()?;

    let a = call.operand(1, raw_a, &Want::Exactly(bytes_a))?;
    let b = call.operand(2, raw_b, &Want::Exactly(bytes_b))?;
    if f & 1 != 0 {
        call.transposed(&a);
    }
    if f & 2 != 0 {
        call.transposed(&b);
    }
    call.charge(&words(&bytes_c), &ceil(&multiply_adds, per_gas))?;

    let (a, b) = (of_a.read(&a), of_b.read(&b));
    let (batch, m, k, n) = (small(batch), small(m), small(k), small(n));
    let mut c = Vec::new();
    for z in 0..batch {
        let (a, b) = (
            &a[z * m * k..],
            &b[if f & 4 != 0 { 0 } else { z * n * k }..],
        );
        for i in 0..m {
            for j in 0..n {
                let mut sum = Z::from(0);
                for l in 0..k {
                    let a = &a[if f & 1 != 0 { l * m + i } else { i * k + l }];
                    let b = &b[if f & 2 != 0 { l * n + j } else { j * k + l }];
                    sum += a * b;
                }
                c.push(if kind < 3 { sum } else { of_c.wrap(&sum) });
            }
        }
    }
    one(of_c.write(&c))
}

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

fn bounds(faults: &mut Faults, lo: &Z, hi: &Z, of_y: Dtype) {
    faults.when(
        lo > hi || *lo < of_y.min() || *hi > of_y.max(),
        Error::BadParam(0),
    );
}

fn linear(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

fn binary(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, op, code) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 8)?);
    let (raw_a, raw_b) = (call.bytes(3)?, call.bytes(4)?);
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    faults.when(op > Z::from(4), Error::BadParam(1));
    let of = dtype(&mut faults, 2, &code, ELEMENTWISE);
    faults.end()?;

    let size = of.size() as u64;
    let a = call.operand(3, raw_a, &Want::Multiple(size))?;
    let b = call.operand(4, raw_b, &Want::Divisor(size, a.len() as u64))?;
    output_fits(a.len())?;
    call.charge(
        &words(&a.len().into()),
        &ceil(&(a.len() / of.size()).into(), 4),
    )?;

    let (a, b) = (of.read(&a), of.read(&b));
    let op = small(&op);
    let y = a.iter().zip(b.iter().cycle()).map(|(a, b)| {
        of.sat(match op {
            0 => a + b,
            1 => a - b,
            2 => a * b,
            3 => a.max(b).clone(),
            _ => a.min(b).clone(),
        })
    });
    one(of.write(&y.collect::<Vec<_>>()))
}

fn scaled(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, op, code) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 8)?);
    let (za, zb, zy) = (call.int(3, 32)?, call.int(4, 32)?, call.int(5, 32)?);
    let (ma, mb, s) = (call.int(6, 32)?, call.int(7, 32)?, call.uint(8, 8)?);
    let (lo, hi) = (call.int(9, 32)?, call.int(10, 32)?);
    let (raw_a, raw_b) = (call.bytes(11)?, call.bytes(12)?);
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = dtype(&mut faults, 0, &code, &[I8, U8]);
    faults.when(op > Z::from(1), Error::BadParam(0));
    faults.when(op == Z::from(1) && mb != Z::from(0), Error::BadParam(0));
    faults.when(s < Z::from(1) || s > Z::from(62), Error::BadParam(0));
    if faults
        .0
        .iter()
        .all(|fault| !matches!(fault, Error::BadDtype(_)))
    {
        bounds(&mut faults, &lo, &hi, of);
    } else {
        faults.when(lo > hi, Error::BadParam(0));
    }
    faults.end()?;

    let a = call.operand(1, raw_a, &Want::Multiple(1))?;
    let b = call.operand(2, raw_b, &Want::Divisor(1, a.len() as u64))?;
    output_fits(a.len())?;
    call.charge(&words(&a.len().into()), &ceil(&a.len().into(), 4))?;

    let s = u32::try_from(&s).unwrap();
    let (a, b) = (of.read(&a), of.read(&b));
    let y = a.iter().zip(b.iter().cycle()).map(|(a, b)| {
        let v = if op == Z::from(0) {
            (a - &za) * &ma + (b - &zb) * &mb
        } else {
            (a - &za) * (b - &zb) * &ma
        };
        (&zy + shift_down(&(v + pow2(s - 1)), s)).clamp(lo.clone(), hi.clone())
    });
    one(of.write(&y.collect::<Vec<_>>()))
}

fn lut(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let f = call.uint(0, 8)?;
    let (raw_x, raw_table) = (call.bytes(1)?, call.bytes(2)?);
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    faults.end()?;
    let x = call.operand(1, raw_x, &Want::Multiple(1))?;
    let table = call.operand(2, raw_table, &Want::Exactly(Z::from(256)))?;
    output_fits(x.len())?;
    call.charge(&words(&x.len().into()), &ceil(&x.len().into(), 4))?;
    one(x.iter().map(|x| table[usize::from(*x)]).collect())
}

fn requant(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

fn shift(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let f = call.uint(0, 8)?;
    let (from, to, s) = (call.uint(1, 8)?, call.uint(2, 8)?, call.uint(3, 8)?);
    let raw = call.bytes(4)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let from = dtype(&mut faults, 1, &from, &[I64, I32, I16, I8, U8]);
    let to = dtype(&mut faults, 2, &to, &[I32, I16, I8, U8]);
    faults.when(s > Z::from(63), Error::BadParam(3));
    faults.end()?;
    let x = call.operand(4, raw, &Want::Multiple(from.size() as u64))?;
    let elements = x.len() / from.size();
    output_fits(elements * to.size())?;
    call.charge(
        &words(&(elements * to.size()).into()),
        &ceil(&elements.into(), 4),
    )?;
    let d = pow2(u32::try_from(&s).unwrap());
    let y = from
        .read(&x)
        .iter()
        .map(|x| to.sat(r_away(x, &d)))
        .collect::<Vec<_>>();
    one(to.write(&y))
}

fn unary(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, op, code) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 8)?);
    let (lo, hi) = (call.int(3, 64)?, call.int(4, 64)?);
    let raw = call.bytes(5)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    faults.when(op > Z::from(3), Error::BadParam(1));
    let of = dtype(&mut faults, 2, &code, UNARY);
    if op == Z::from(2) {
        if faults
            .0
            .iter()
            .all(|fault| !matches!(fault, Error::BadDtype(_)))
        {
            faults.when(!of.holds(&lo), Error::BadParam(3));
            faults.when(!of.holds(&hi), Error::BadParam(4));
        }
        if lo > hi {
            faults.when(true, Error::BadParam(3));
            faults.when(true, Error::BadParam(4));
        }
    } else {
        faults.when(lo != Z::from(0), Error::BadParam(3));
        faults.when(hi != Z::from(0), Error::BadParam(4));
    }
    faults.end()?;
    let x = call.operand(5, raw, &Want::Multiple(of.size() as u64))?;
    output_fits(x.len())?;
    call.charge(
        &words(&x.len().into()),
        &ceil(&(x.len() / of.size()).into(), 4),
    )?;
    let op = small(&op);
    let y = of.read(&x).into_iter().map(|x| match op {
        0 => of.sat(-x),
        1 => of.sat(abs(&x)),
        2 => x.clamp(lo.clone(), hi.clone()),
        _ => sign(&x),
    });
    one(of.write(&y.collect::<Vec<_>>()))
}

fn reduce(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, op, code) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 8)?);
    let (outer, len, inner) = (call.uint(3, 32)?, call.uint(4, 32)?, call.uint(5, 32)?);
    let raw = call.bytes(6)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    faults.when(op > Z::from(5), Error::BadParam(0));
    let of = dtype(&mut faults, 0, &code, ELEMENTWISE);
    [&outer, &len, &inner]
        .iter()
        .for_each(|size| faults.dimension(0, size));
    let op = small(&op);
    let of_y = match op {
        0 => I64,
        4 | 5 => U32,
        _ => of,
    };
    let elements = &outer * &len * &inner;
    let bytes_y = &outer * &inner * of_y.size();
    faults.limit(&bytes_y, OUTPUT_MAX);
    faults.limit(&(&elements * of.size()), OPERANDS_MAX);
    faults.end()?;

    let x = call.operand(1, raw, &Want::Exactly(&elements * of.size()))?;
    call.charge(&words(&bytes_y), &ceil(&elements, 4))?;
    let x = of.read(&x);
    let (outer, len, inner) = (small(&outer), small(&len), small(&inner));
    let mut y = Vec::new();
    for o in 0..outer {
        for i in 0..inner {
            let along: Vec<_> = (0..len)
                .map(|l| x[(o * len + l) * inner + i].clone())
                .collect();
            let (max, min) = (along.iter().max().unwrap(), along.iter().min().unwrap());
            let place = |of: &Z| Z::from(along.iter().position(|x| x == of).unwrap());
            let sum: Z = along.iter().sum();
            y.push(match op {
                0 => sum,
                1 => max.clone(),
                2 => min.clone(),
                3 => r_away(&sum, &len.into()),
                4 => place(max),
                _ => place(min),
            });
        }
    }
    one(of_y.write(&y))
}

fn topk(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (code, rows) = (call.uint(0, 8)?, call.uint(1, 32)?);
    let (len, k) = (call.uint(2, 32)?, call.uint(3, 16)?);
    let raw = call.bytes(4)?;
    let mut faults = Faults::default();
    let of = dtype(&mut faults, 0, &code, ELEMENTWISE);
    faults.dimension(1, &rows);
    faults.dimension(2, &len);
    faults.dimension(3, &k);
    faults.limit(&k, TOP_MAX);
    if k > len {
        faults.when(true, Error::BadShape(3));
        faults.when(true, Error::BadParam(3));
    }
    let (elements, kept) = (&rows * &len, &rows * &k);
    let (bytes_values, bytes_indices) = (&kept * of.size(), &kept * 4u32);
    faults.limit(&(&bytes_values + &bytes_indices), OUTPUT_MAX);
    faults.limit(&(&elements * of.size()), OPERANDS_MAX);
    faults.end()?;

    let x = call.operand(4, raw, &Want::Exactly(&elements * of.size()))?;
    // ceil(log2(k + 1)) is the bit length of k.
    let log = k.magnitude().bits();
    let work = ceil(&elements, 4) + ceil(&(&elements * log), 8);
    call.charge(&(words(&bytes_values) + words(&bytes_indices)), &work)?;
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for row in of.read(&x).chunks(small(&len)) {
        let mut order: Vec<_> = row.iter().enumerate().collect();
        order.sort_by(|(i, a), (j, b)| b.cmp(a).then(i.cmp(j)));
        for (index, value) in order.into_iter().take(small(&k)) {
            values.push(value.clone());
            indices.push(Z::from(index));
        }
    }
    Ok(vec![
        Value::Bytes(of.write(&values)),
        Value::Bytes(U32.write(&indices)),
    ])
}

/// The limit of elements of a client's vector.
pub fn vector(faults: &mut Faults, which: u8, d: &Z) {
    faults.dimension(which, d);
    faults.limit(d, ELEMENTS_MAX);
}
