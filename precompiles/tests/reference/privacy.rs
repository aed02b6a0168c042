//! Masks from ChaCha20 and secrets from Shamir's shares.

use crate::{
    abi::Value,
    call::{CLIENTS_MAX, Call, Function, OPERANDS_MAX, OUTPUT_MAX, Res, Stop, Want, ceil, words},
    errors::{Error, Faults},
    tensor::{flags, one, small},
    wide::{U32, U64, Z, pow2, uint_of},
};
use num_bigint::Sign;

pub const FUNCTIONS: &[Function] = &[
    Function {
        op: 0x20,
        name: "expand",
        selector: 0xfca0ea15,
        run: expand,
    },
    Function {
        op: 0x21,
        name: "reconstruct",
        selector: 0x95a17eda,
        run: reconstruct,
    },
];

/// RFC 8439 section 2.3: one block of the key stream.
pub fn chacha20(key: &[u8], counter: u32, nonce: &[u8]) -> [u8; 64] {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut start = vec![0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
    start.extend(key.chunks(4).map(word));
    start.push(counter);
    start.extend(nonce.chunks(4).map(word));
    let mut s = start.clone();
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (to, by, other, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            s[to] = s[to].wrapping_add(s[by]);
            s[other] = (s[other] ^ s[to]).rotate_left(turn);
        }
    };
    for _ in 0..10 {
        (0..4).for_each(|i| quarter(i, 4 + i, 8 + i, 12 + i));
        (0..4).for_each(|i| quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4));
    }
    let mut out = [0; 64];
    for (i, bytes) in out.chunks_mut(4).enumerate() {
        bytes.copy_from_slice(&s[i].wrapping_add(start[i]).to_le_bytes());
    }
    out
}

fn expand(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, width) = (call.uint(0, 8)?, call.uint(1, 8)?);
    let (n, counter) = (call.uint(2, 32)?, call.uint(3, 32)?);
    let (seed, nonce) = (call.args.word(4)?, call.args.fixed(5, 12)?);
    let raw = call.bytes(6)?;
    let mut faults = Faults::default();
    let f = flags(&mut faults, &f, 1);
    let of = match u8::try_from(&width).unwrap() {
        32 => U32,
        64 => U64,
        _ => {
            faults.when(true, Error::BadParam(0));
            U32
        }
    };
    faults.dimension(0, &n);
    let bytes = &n * of.size();
    faults.when(&counter + ceil(&bytes, 64) > pow2(32), Error::BadParam(0));
    faults.limit(&bytes, OUTPUT_MAX);
    faults.end()?;
    let acc = call.optional(1, raw, &Want::Exactly(bytes.clone()))?;
    call.charge(&words(&bytes), &(words(&bytes) * 4))?;
    let (bytes, counter) = (small(&bytes), small(&counter));
    let acc = of.read(&acc.unwrap_or(vec![0; bytes]));
    let blocks = counter..counter + bytes.div_ceil(64);
    let stream: Vec<u8> = blocks
        .flat_map(|block| chacha20(&seed, block.try_into().unwrap(), &nonce))
        .collect();
    let ks = of.read(&stream[..bytes]);
    let y = acc
        .iter()
        .zip(&ks)
        .map(|(acc, ks)| of.wrap(&if f & 1 == 0 { acc + ks } else { acc - ks }));
    one(of.write(&y.collect::<Vec<_>>()))
}

/// A prime field: its order, bytes of a limb, and prices.
pub struct Field {
    pub p: Z,
    pub limb: usize,
    c: u64,
    inv: u64,
}

/// The field with this number.
pub fn field(number: u8) -> Option<Field> {
    match number {
        0 => Some(Field {
            p: pow2(61) - 1,
            limb: 8,
            c: 1,
            inv: 50,
        }),
        1 => {
            // EIP-196: order of the group, so of the scalar field.
            let p = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
            Some(Field {
                p: p.parse().unwrap(),
                limb: 32,
                c: 12,
                inv: 1_500,
            })
        }
        _ => None,
    }
}

fn reconstruct(call: &mut Call<'_>) -> Res<Vec<Value>> {
    let (f, number, n) = (call.uint(0, 8)?, call.uint(1, 8)?, call.uint(2, 32)?);
    let xs: Vec<Z> = call
        .args
        .words(3)?
        .iter()
        .map(|word| uint_of(word))
        .collect();
    let raw = call.array(4)?;
    let mut faults = Faults::default();
    flags(&mut faults, &f, 0);
    let found = field(u8::try_from(&number).unwrap());
    faults.when(found.is_none(), Error::BadParam(1));
    let is_known = found.is_some();
    let field = found.unwrap_or(field(0).unwrap());
    faults.dimension(2, &n);
    let t = Z::from(raw.len());
    for count in [t.clone(), Z::from(xs.len())] {
        faults.limit(&count, CLIENTS_MAX);
    }
    faults.dimension(4, &t);
    if xs.is_empty() {
        faults.dimension(3, &Z::from(0));
    }
    if xs.len() != raw.len() {
        let (xs, shares) = (Z::from(xs.len()), &t);
        faults.when(true, Error::LengthMismatch(3, shares.clone(), xs.clone()));
        faults.when(true, Error::LengthMismatch(4, xs, shares.clone()));
    }
    let mut sorted = xs.clone();
    sorted.sort();
    let is_repeated = sorted.windows(2).any(|pair| pair[0] == pair[1]);
    let is_outside = is_known && xs.iter().any(|x| *x >= field.p);
    faults.when(
        is_repeated || is_outside || xs.contains(&Z::from(0)),
        Error::BadParam(3),
    );
    let bytes = &n * field.limb;
    faults.limit(&bytes, OUTPUT_MAX);
    faults.limit(&(&bytes * &t), OPERANDS_MAX);
    faults.end()?;

    let shares = call.clients(4, &raw, &Want::Exactly(bytes.clone()))?;
    let squares = &t * &t * field.c * 2;
    let work = Z::from(field.inv) + &t * 8 + squares + ceil(&(&t * &n * field.c), 4);
    call.charge(&words(&bytes), &work)?;
    let limbs: Vec<Vec<Z>> = shares
        .iter()
        .map(|share| {
            share
                .chunks(field.limb)
                .map(|limb| Z::from_bytes_le(Sign::Plus, limb))
                .collect()
        })
        .collect();
    for (i, share) in limbs.iter().enumerate() {
        if let Some(index) = share.iter().position(|limb| *limb >= field.p) {
            return Err(Stop::Element(4, i * small(&n) + index));
        }
    }
    // prod x_l / (x_l - x_i) in the field.
    let inside = |x: Z| ((x % &field.p) + &field.p) % &field.p;
    let inverse = |x: &Z| Z::from(x.magnitude().modinv(field.p.magnitude()).unwrap());
    let mut at_zero = Vec::new();
    for i in 0..xs.len() {
        let (mut over, mut under) = (Z::from(1), Z::from(1));
        for l in (0..xs.len()).filter(|l| *l != i) {
            over = inside(over * &xs[l]);
            under = inside(under * (&xs[l] - &xs[i]));
        }
        at_zero.push(inside(over * inverse(&under)));
    }
    let mut out = Vec::new();
    for limb in 0..small(&n) {
        let sum: Z = limbs
            .iter()
            .zip(&at_zero)
            .map(|(share, at)| &share[limb] * at)
            .sum();
        let mut bytes = inside(sum).magnitude().to_bytes_le();
        bytes.resize(field.limb, 0);
        out.extend(bytes);
    }
    one(out)
}
