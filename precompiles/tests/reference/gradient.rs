//! Aggregation of clients' vectors, clipping and optimisers.

use crate::{
    abi::{Value, word_of},
    call::{CLIENTS_MAX, Call, Function, OPERANDS_MAX, OUTPUT_MAX, Res, Stop, Want, ceil, words},
    errors::{Error, Faults},
    tensor::{ELEMENTWISE, dtype, flags, one, output_fits, small, vector},
    wide::{Dtype, I8, I16, I32, I64, U32, U64, Z, abs, pow2, r_away, sign},
};

pub const FUNCTIONS: &[Function] = &[
    Function {
        op: 0x10,
        name: "sum",
        selector: 0x1d0af741,
        run: sum,
    },
    Function {
        op: 0x10,
        name: "mean",
        selector: 0x15ba9d43,
        run: mean,
    },
    Function {
        op: 0x11,
        name: "median",
        selector: 0x5600c80a,
        run: median,
    },
    Function {
        op: 0x11,
        name: "trimmed",
        selector: 0xbc6e0373,
        run: trimmed,
    },
    Function {
        op: 0x11,
        name: "signMajority",
        selector: 0xf1737fb2,
        run: sign_majority,
    },
    Function {
        op: 0x12,
        name: "gram",
        selector: 0x06ae5202,
        run: gram,
    },
    Function {
        op: 0x12,
        name: "sqdist",
        selector: 0xbe6472c8,
        run: sqdist,
    },
    Function {
        op: 0x12,
        name: "krum",
        selector: 0x515eb520,
        run: krum,
    },
    Function {
        op: 0x13,
        name: "clip",
        selector: 0x0a5ba766,
        run: clip,
    },
    Function {
        op: 0x13,
        name: "normSq",
        selector: 0x552dbbfb,
        run: norm_sq,
    },
    Function {
        op: 0x14,
        name: "sgd",
        selector: 0xe791a538,
        run: sgd,
    },
    Function {
        op: 0x14,
        name: "momentum",
        selector: 0x4dd993f8,
        run: momentum,
    },
    Function {
        op: 0x14,
        name: "adam",
        selector: 0xce2a3859,
        run: adam,
    },
];

/// Types of clients' vectors.
pub const VECTORS: &[Dtype] = &[I8, I16, I32];

/// Types of order statistics, for which the text names no types: the element-wise ones.
pub const ROBUST: &[Dtype] = ELEMENTWISE;

/// Counts and sizes of clients' vectors, checked with the parameters.
fn clients(faults: &mut Faults, raw: &[&[u8]], which: u8, d: &Z, which_d: u8, of: Dtype) -> Z {
    let count = Z::from(raw.len());
    faults.dimension(which, &count);
    faults.limit(&count, CLIENTS_MAX);
    vector(faults, which_d, d);
    faults.limit(&(d * of.size() * &count), OPERANDS_MAX);
    count
}

/// Vectors of clients, once they are paid for.
fn read(bytes: &[Vec<u8>], of: Dtype) -> Vec<Vec<Z>> {
    bytes.iter().map(|bytes| of.read(bytes)).collect()
}

/// Coordinate `i` of every client.
fn column(u: &[Vec<Z>], i: usize) -> Vec<Z> {
    u.iter().map(|u| u[i].clone()).collect()
}

fn sum(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, width, d) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 32)?);
    let raw = call.array(3)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = match u8::try_from(&width).unwrap() {
        32 => U32,
        64 => U64,
        _ => {
            faults.when(true, Error::BadParam(1));
            U32
        }
    };
    let c = clients(&mut faults, &raw, 3, &d, 2, of);
    let bytes_y = &d * of.size();
    faults.limit(&bytes_y, OUTPUT_MAX);
    faults.end()?;
    let u = call.clients(3, &raw, &Want::Exactly(&d * of.size()))?;
    call.charge(&words(&bytes_y), &(&c * 8 + ceil(&(&c * &d), 64)))?;
    let u = read(&u, of);
    let y = (0..small(&d))
        .map(|i| of.wrap(&column(&u, i).iter().sum()))
        .collect::<Vec<_>>();
    one(of.write(&y))
}

fn mean(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, code, d) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 32)?);
    let mut coeff = Vec::new();
    for word in call.args.words(3)? {
        coeff.push(crate::abi::signed(&word, 32)?);
    }
    let denom = call.uint(4, 64)?;
    let raw = call.array(5)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = dtype(&mut faults, 1, &code, VECTORS);
    let is_typed = Dtype::of(&code, VECTORS).is_some();
    let c = clients(&mut faults, &raw, 5, &d, 2, of);
    let mismatch = Error::LengthMismatch(3, c.clone(), coeff.len().into());
    faults.when(c != Z::from(coeff.len()), mismatch);
    let total: Z = coeff.iter().sum();
    if denom == Z::from(0) && total <= Z::from(0) {
        faults.when(true, Error::BadParam(3));
        faults.when(true, Error::BadParam(4));
    }
    let weight: Z = coeff.iter().map(abs).sum();
    let max = (pow2(63) - 1) >> (of.bits - 1);
    faults.when(is_typed && weight > max, Error::BadParam(3));
    let bytes_y = &d * 4;
    faults.limit(&bytes_y, OUTPUT_MAX);
    faults.end()?;
    let u = call.clients(5, &raw, &Want::Exactly(&d * of.size()))?;
    let work = &c * 8 + ceil(&(&c * &d), 16) + ceil(&d, 4);
    call.charge(&words(&bytes_y), &work)?;
    let u = read(&u, of);
    let denom = if denom == Z::from(0) { total } else { denom };
    let y = (0..small(&d)).map(|i| {
        let sum: Z = column(&u, i)
            .iter()
            .zip(&coeff)
            .map(|(u, coeff)| u * coeff)
            .sum();
        I32.sat(r_away(&sum, &denom))
    });
    one(I32.write(&y.collect::<Vec<_>>()))
}

/// Comparators of the sorting network.
pub fn cmp(c: &Z) -> Z {
    if *c == Z::from(1) {
        return Z::from(0);
    }
    let p = (c - 1u32).magnitude().bits();
    let p = u32::try_from(p).unwrap();
    (Z::from(p) * p - p + 4) * pow2(p) / 4 - 1
}

fn median(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, code, d) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 32)?);
    let raw = call.array(3)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = dtype(&mut faults, 1, &code, ROBUST);
    let c = clients(&mut faults, &raw, 3, &d, 2, of);
    let bytes_y = &d * of.size();
    faults.limit(&bytes_y, OUTPUT_MAX);
    faults.end()?;
    let u = call.clients(3, &raw, &Want::Exactly(&d * of.size()))?;
    call.charge(&words(&bytes_y), &(&c * 8 + ceil(&(&d * cmp(&c)), 32)))?;
    let u = read(&u, of);
    let c = u.len();
    let y = (0..small(&d)).map(|i| {
        let mut column = column(&u, i);
        column.sort();
        if c % 2 == 1 {
            column[c / 2].clone()
        } else {
            r_away(&(&column[c / 2 - 1] + &column[c / 2]), &Z::from(2))
        }
    });
    one(of.write(&y.collect::<Vec<_>>()))
}

fn trimmed(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, code, d) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 32)?);
    let cut = call.uint(3, 16)?;
    let raw = call.array(4)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = dtype(&mut faults, 1, &code, ROBUST);
    let c = clients(&mut faults, &raw, 4, &d, 2, of);
    faults.when(c <= &cut * 2, Error::BadParam(3));
    let bytes_y = &d * of.size();
    faults.limit(&bytes_y, OUTPUT_MAX);
    faults.end()?;
    let u = call.clients(4, &raw, &Want::Exactly(&d * of.size()))?;
    let work = &c * 8 + ceil(&(&d * cmp(&c)), 32) + ceil(&(&c * &d), 64) + ceil(&d, 4);
    call.charge(&words(&bytes_y), &work)?;
    let u = read(&u, of);
    let (c, cut) = (u.len(), small(&cut));
    let y = (0..small(&d)).map(|i| {
        let mut column = column(&u, i);
        column.sort();
        let kept = &column[cut..c - cut];
        r_away(&kept.iter().sum(), &kept.len().into())
    });
    one(of.write(&y.collect::<Vec<_>>()))
}

fn sign_majority(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, code, d) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 32)?);
    let raw = call.array(3)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = dtype(&mut faults, 1, &code, ROBUST);
    let c = clients(&mut faults, &raw, 3, &d, 2, of);
    faults.limit(&d, OUTPUT_MAX);
    faults.end()?;
    let u = call.clients(3, &raw, &Want::Exactly(&d * of.size()))?;
    call.charge(&words(&d), &(&c * 8 + ceil(&(&c * &d), 64)))?;
    let u = read(&u, of);
    let y = (0..small(&d)).map(|i| sign(&column(&u, i).iter().map(sign).sum()));
    one(I8.write(&y.collect::<Vec<_>>()))
}

/// Gas of the pairs of clients.
fn pairs_work(c: &Z, d: &Z) -> Z {
    c * 8 + ceil(&(c * (c + 1) / 2 * d), 64)
}

fn dot(a: &[Z], b: &[Z]) -> Z {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn square_of_distance(a: &[Z], b: &[Z]) -> Z {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Words of integers, which must fit `of`.
fn integers(values: &[Z], of: Dtype) -> Value {
    let word = |value: &Z| {
        assert!(of.holds(value));
        word_of(&if *value < Z::from(0) {
            value + pow2(256)
        } else {
            value.clone()
        })
    };
    Value::Words(values.iter().map(word).collect())
}

fn gram(call: &mut Call<'_>) -> Res<Vec<Value>> {
    distances(call, true)
}

fn sqdist(call: &mut Call<'_>) -> Res<Vec<Value>> {
    distances(call, false)
}

fn distances(call: &mut Call<'_>, is_gram: bool) -> Res<Vec<Value>> {
    let (code, d) = (call.uint(0, 8)?, call.uint(1, 32)?);
    let raw = call.array(2)?;
    let mut faults = Faults::default();
    let of = dtype(&mut faults, 0, &code, &[I8, I16]);
    let c = clients(&mut faults, &raw, 2, &d, 1, of);
    faults.end()?;
    let u = call.clients(2, &raw, &Want::Exactly(&d * of.size()))?;
    let entries = if is_gram {
        &c * (&c + 1) / 2
    } else {
        &c * (&c - 1) / 2
    };
    call.charge(&entries, &pairs_work(&c, &d))?;
    let u = read(&u, of);
    let mut out = Vec::new();
    for i in 0..u.len() {
        for j in i..u.len() {
            if is_gram {
                out.push(dot(&u[i], &u[j]));
            } else if i != j {
                out.push(square_of_distance(&u[i], &u[j]));
            }
        }
    }
    Ok(vec![integers(&out, if is_gram { I64 } else { U64 })])
}

fn krum(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (code, d) = (call.uint(0, 8)?, call.uint(1, 32)?);
    let (f, m) = (call.uint(2, 16)?, call.uint(3, 16)?);
    let raw = call.array(4)?;
    let mut faults = Faults::default();
    let of = dtype(&mut faults, 0, &code, &[I8, I16]);
    let c = clients(&mut faults, &raw, 4, &d, 1, of);
    faults.when(c < &f * 2 + 3, Error::BadParam(2));
    faults.when(m < Z::from(1) || m > &c - &f, Error::BadParam(3));
    faults.end()?;
    let u = call.clients(4, &raw, &Want::Exactly(&d * of.size()))?;
    call.charge(&(&c + &m), &(pairs_work(&c, &d) + &c * &c))?;
    let u = read(&u, of);
    let (c, f, m) = (u.len(), small(&f), small(&m));
    let mut scores = Vec::new();
    for i in 0..c {
        let others = (0..c).filter(|j| *j != i);
        let mut squares: Vec<_> = others.map(|j| square_of_distance(&u[i], &u[j])).collect();
        squares.sort();
        scores.push(squares[..c - f - 2].iter().sum::<Z>());
    }
    let mut order: Vec<_> = (0..c).collect();
    order.sort_by_key(|i| (scores[*i].clone(), *i));
    let chosen: Vec<_> = order[..m].iter().map(|i| Z::from(*i)).collect();
    Ok(vec![integers(&scores, U64), integers(&chosen, U64)])
}

fn clip(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, code, max) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 64)?);
    let raw = call.bytes(3)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let of = dtype(&mut faults, 1, &code, VECTORS);
    faults.when(max >= pow2(32), Error::BadParam(2));
    faults.end()?;
    let bytes = call.operand(3, raw, &Want::Multiple(of.size() as u64))?;
    output_fits(bytes.len())?;
    call.charge(
        &words(&bytes.len().into()),
        &ceil(&(bytes.len() / of.size()).into(), 4),
    )?;
    let x = of.read(&bytes);
    let s = dot(&x, &x);
    let y = if s <= &max * &max {
        bytes
    } else {
        let floor = Z::from(s.magnitude().sqrt());
        let r = if &floor * &floor >= s {
            floor
        } else {
            floor + 1
        };
        let q = max * pow2(31) / r;
        // The division of this type goes toward zero.
        of.write(&x.iter().map(|x| x * &q / pow2(31)).collect::<Vec<_>>())
    };
    Ok(vec![Value::Bytes(y), Value::Word(word_of(&s))])
}

fn norm_sq(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let code = call.uint(0, 8)?;
    let raw = call.bytes(1)?;
    let mut faults = Faults::default();
    let of = dtype(&mut faults, 0, &code, VECTORS);
    faults.end()?;
    let x = call.operand(1, raw, &Want::Multiple(of.size() as u64))?;
    call.charge(&Z::from(0), &ceil(&(x.len() / of.size()).into(), 4))?;
    let x = of.read(&x);
    Ok(vec![Value::Word(word_of(&dot(&x, &x)))])
}

/// Step size and decay in Q(f).
struct Step {
    one: Z,
    lr: Z,
    wd: Z,
}

impl Step {
    fn decayed(&self, w: &Z, g: &Z) -> Z {
        I32.sat(g + r_away(&(&self.wd * w), &self.one))
    }
    fn moved(&self, w: &Z, by: &Z) -> Z {
        I32.sat(w - r_away(&(&self.lr * by), &self.one))
    }
}

fn step(call: &Call<'_>, faults: &mut Faults) -> Res<Step> {
    let (f, q) = (call.uint(0, 8)?, call.uint(1, 8)?);
    flags(faults, &f, 0);
    faults.when(q > Z::from(30), Error::BadParam(0));
    let one = pow2(u32::try_from(&q).unwrap());
    Ok(Step {
        one,
        lr: call.int(2, 32)?,
        wd: call.int(3, 32)?,
    })
}

fn sgd(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let mut faults = Faults::default();
    let step = step(call, &mut faults)?;
    let (raw_w, raw_g) = (call.bytes(4)?, call.bytes(5)?);
    faults.end()?;
    let w = call.operand(1, raw_w, &Want::Multiple(4))?;
    let same = Want::Exactly(w.len().into());
    let g = call.operand(2, raw_g, &same)?;
    output_fits(w.len())?;
    call.charge(&words(&w.len().into()), &ceil(&(w.len() / 4).into(), 4))?;
    let pairs = I32.read(&w).into_iter().zip(I32.read(&g));
    let y = pairs.map(|(w, g)| step.moved(&w, &step.decayed(&w, &g)));
    one(I32.write(&y.collect::<Vec<_>>()))
}

fn momentum(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let mut faults = Faults::default();
    let step = step(call, &mut faults)?;
    let mu = call.uint(4, 32)?;
    let (raw_w, raw_u, raw_g) = (call.bytes(5)?, call.bytes(6)?, call.bytes(7)?);
    faults.when(mu > pow2(31), Error::BadParam(0));
    faults.end()?;
    let w = call.operand(1, raw_w, &Want::Multiple(4))?;
    let same = Want::Exactly(w.len().into());
    let u = call.operand(2, raw_u, &same)?;
    let g = call.operand(3, raw_g, &same)?;
    output_fits(2 * w.len())?;
    call.charge(
        &(words(&w.len().into()) * 2),
        &ceil(&(w.len() / 4).into(), 2),
    )?;
    let (w, u, g) = (I32.read(&w), I32.read(&u), I32.read(&g));
    let (mut new_w, mut new_u) = (Vec::new(), Vec::new());
    for i in 0..w.len() {
        let g = step.decayed(&w[i], &g[i]);
        let u = I32.sat(g + r_away(&(&mu * &u[i]), &pow2(31)));
        new_w.push(step.moved(&w[i], &u));
        new_u.push(u);
    }
    Ok(vec![
        Value::Bytes(I32.write(&new_w)),
        Value::Bytes(I32.write(&new_u)),
    ])
}

fn adam(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, q, lr) = (call.uint(0, 8)?, call.uint(1, 8)?, call.int(2, 32)?);
    let (c1, c2, eps) = (call.uint(3, 32)?, call.uint(4, 32)?, call.uint(5, 32)?);
    let mut raw = Vec::new();
    for index in 6..10 {
        raw.push(call.bytes(index)?);
    }
    let mut faults = Faults::default();
    let f = flags(&mut faults, &f, 1);
    let half = pow2(31);
    faults.when(
        q > Z::from(30) || c1 > half || c2 > half,
        Error::BadParam(0),
    );
    faults.when(eps < Z::from(1), Error::BadParam(0));
    faults.end()?;
    let w = call.operand(1, raw[0], &Want::Multiple(4))?;
    let n = w.len() / 4;
    let m = call.operand(2, raw[1], &Want::Exactly(w.len().into()))?;
    let v = call.operand(3, raw[2], &Want::Exactly((8 * n).into()))?;
    let g = call.operand(4, raw[3], &Want::Exactly(w.len().into()))?;
    let out = words(&w.len().into()) * 2 + words(&v.len().into());
    output_fits(16 * n)?;
    call.charge(&out, &(Z::from(n) * 2))?;
    let (w, m, v, g) = (I32.read(&w), I32.read(&m), I64.read(&v), I32.read(&g));
    if let Some(index) = v.iter().position(|v| *v < Z::from(0)) {
        return Err(Stop::Element(3, index));
    }
    let (mut new_w, mut new_m, mut new_v) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..n {
        let (g, v) = (&g[i], &v[i]);
        let m = &m[i] + r_away(&((g - &m[i]) * &c1), &half);
        let square = g * g;
        let v = if f & 1 == 0 {
            v + r_away(&((&square - v) * &c2), &half)
        } else {
            let change = r_away(&(sign(&(v - &square)) * &square * &c2), &half);
            (v - change).clamp(Z::from(0), I64.max())
        };
        let root = Z::from(v.magnitude().sqrt());
        new_w.push(I32.sat(&w[i] - r_away(&(&lr * &m), &(root + &eps))));
        new_m.push(m);
        new_v.push(v);
    }
    Ok(vec![
        Value::Bytes(I32.write(&new_w)),
        Value::Bytes(I32.write(&new_m)),
        Value::Bytes(I64.write(&new_v)),
    ])
}
