//! ELTWISE, each element by itself.

use super::{ELEMENTWISE, UNARY, dtype, flags, linear::bounds, one, output_fits, small};
use crate::{
    abi::Value,
    call::{Call, Res, Want, ceil, words},
    errors::{Error, Faults},
    wide::{I8, I16, I32, I64, U8, Z, abs, pow2, r_away, shift_down, sign},
};

pub fn binary(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

pub fn scaled(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

pub fn lut(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

pub fn shift(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

pub fn unary(call: &mut Call<'_>) -> Res<Vec<Value>> {
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
