//! REDUCE, along one axis.

use super::{ELEMENTWISE, TOP_MAX, dtype, flags, one, small};
use crate::{
    abi::Value,
    call::{Call, OPERANDS_MAX, OUTPUT_MAX, Res, Want, ceil, words},
    errors::{Error, Faults},
    wide::{I64, U32, Z, r_away},
};

pub fn reduce(call: &mut Call<'_>) -> Res<Vec<Value>> {
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

pub fn topk(call: &mut Call<'_>) -> Res<Vec<Value>> {
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
