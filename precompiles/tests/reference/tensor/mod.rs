//! MATMUL, and what it shares with LINEARQ, ELTWISE and REDUCE.

mod eltwise;
mod linear;
mod reduce;

use crate::{
    abi::Value,
    call::{Call, ELEMENTS_MAX, Function, OPERANDS_MAX, OUTPUT_MAX, Res, Want, ceil, words},
    errors::{Error, Faults},
    wide::{Dtype, I8, I16, I32, I64, U8, Z},
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
        run: linear::linear,
    },
    Function {
        op: 0x04,
        name: "binary",
        selector: 0x8e4dbb1a,
        run: eltwise::binary,
    },
    Function {
        op: 0x04,
        name: "scaled",
        selector: 0x1847c48d,
        run: eltwise::scaled,
    },
    Function {
        op: 0x04,
        name: "lut",
        selector: 0x0bd47a9f,
        run: eltwise::lut,
    },
    Function {
        op: 0x04,
        name: "requant",
        selector: 0x0a97bc1a,
        run: linear::requant,
    },
    Function {
        op: 0x04,
        name: "shift",
        selector: 0x62ea6863,
        run: eltwise::shift,
    },
    Function {
        op: 0x04,
        name: "unary",
        selector: 0x26fc8248,
        run: eltwise::unary,
    },
    Function {
        op: 0x05,
        name: "reduce",
        selector: 0x7dce7d14,
        run: reduce::reduce,
    },
    Function {
        op: 0x05,
        name: "topk",
        selector: 0xfa43eaf4,
        run: reduce::topk,
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

/// The limit of elements of a client's vector.
pub fn vector(faults: &mut Faults, which: u8, d: &Z) {
    faults.dimension(which, d);
    faults.limit(d, ELEMENTS_MAX);
}
