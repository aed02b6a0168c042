use super::super::testing::{Sample, Value, absent, i32s, inlined, ints};
use super::*;
use crate::{
    OpError, round,
    testing::{i8s, i16s, i64s},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

const TYPES: [Dtype; 5] = [Dtype::U8, Dtype::I8, Dtype::I16, Dtype::I32, Dtype::I64];

fn sample(name: &'static str, values: &[i64], operands: &[Value]) -> Sample {
    Sample::new(0x04, name, &[&ints(values), operands])
}

fn code(dtype: Dtype) -> i64 {
    dtype.code().into()
}

fn unpacked(dtype: Dtype, bytes: &[u8]) -> Vec<i64> {
    let size = usize::try_from(dtype.bytes()).unwrap();
    bytes.chunks(size).map(|bytes| dtype.read(bytes)).collect()
}

fn packed(dtype: Dtype, values: &[i64]) -> Vec<u8> {
    let size = usize::try_from(dtype.bytes()).unwrap();
    let bytes = values.iter().map(|value| value.to_le_bytes());
    bytes.flat_map(|bytes| bytes[..size].to_vec()).collect()
}

/// Values of a type, one in three at an end or near zero.
fn random(rng: &mut StdRng, dtype: Dtype, count: usize) -> Vec<i64> {
    let (least, most) = dtype.range();
    let edges = [least, least + 1, most, most - 1, 0, 1, least / 2];
    let mut value = || {
        if rng.random_range(0..3) == 0 {
            edges[rng.random_range(0..edges.len())]
        } else {
            rng.random_range(least..=most)
        }
    };
    (0..count).map(|_| value()).collect()
}

fn gas(operands: &[&[u8]], out: &[u8], count: usize) -> u64 {
    let words = |bytes: &[u8]| bytes.len().div_ceil(32);
    let words_in: usize = operands.iter().map(|operand| words(operand)).sum();
    (150 + words_in + 3 * words(out) + count.div_ceil(4)) as u64
}

#[test]
fn binary_saturates_and_repeats_its_second_side() {
    let mut rng = StdRng::seed_from_u64(4);
    for dtype in [Dtype::U8, Dtype::I8, Dtype::I16, Dtype::I32] {
        for op in 0..5 {
            for (times, length) in [(1, 1), (7, 1), (1, 33), (3, 33), (5_000, 1), (2, 5_000)] {
                let a = random(&mut rng, dtype, times * length);
                let b = random(&mut rng, dtype, length);
                let pairs = a.iter().zip(b.iter().cycle()).map(|(a, b)| match op {
                    0 => a + b,
                    1 => a - b,
                    2 => a * b,
                    3 => *a.max(b),
                    _ => *a.min(b),
                });
                let want: Vec<i64> = pairs.map(|value| dtype.saturate(value)).collect();
                let want = packed(dtype, &want);
                let (a, b) = (packed(dtype, &a), packed(dtype, &b));
                let gas = gas(&[&a, &b], &want, times * length);
                let sample = sample("binary", &[0, op, code(dtype)], &[inlined(&a), inlined(&b)]);
                assert_eq!(sample.result(), (gas, want), "{dtype:?} {op}");
            }
        }
    }
}

#[test]
fn scaled_adds_and_multiplies_what_is_centred() {
    let mut rng = StdRng::seed_from_u64(5);
    for case in 0..4_000usize {
        let dtype = if case % 2 == 0 { Dtype::I8 } else { Dtype::U8 };
        let (least, most) = dtype.range();
        let lo = rng.random_range(least..=most);
        let hi = rng.random_range(lo..=most);
        let op = i64::from(case / 2 % 2 == 1);
        let wide = i64::from(i32::MIN)..=i64::from(i32::MAX);
        let extreme = [i64::from(i32::MIN), i64::from(i32::MAX), 1, -1][case / 4 % 4];
        let multiplier = |rng: &mut StdRng| match rng.random_range(0..3) {
            0 => extreme,
            1 => rng.random_range(-100_000..100_000),
            _ => rng.random_range(wide.clone()),
        };
        let (ma, mb) = (multiplier(&mut rng), multiplier(&mut rng));
        let mut zero = || match case % 3 {
            0 => multiplier(&mut rng),
            _ => rng.random_range(least..=most),
        };
        let (za, zb) = (zero(), zero());
        let mb = if op == 1 { 0 } else { mb };
        let zy = if rng.random() {
            rng.random_range(-200..200)
        } else {
            rng.random_range(wide)
        };
        let shift = rng.random_range(1..=62i64);
        let (a, b) = (random(&mut rng, dtype, 12), random(&mut rng, dtype, 4));
        let want = a.iter().zip(b.iter().cycle()).map(|(a, b)| {
            let [a, b, ma, mb] = [a - za, b - zb, ma, mb].map(i128::from);
            let v = if op == 0 { a * ma + b * mb } else { a * b * ma };
            let q = (v + (1 << (shift - 1))) >> shift;
            let y = (i128::from(zy) + q).clamp(lo.into(), hi.into());
            i64::try_from(y).unwrap()
        });
        let want = packed(dtype, &want.collect::<Vec<_>>());
        let fields = [0, op, code(dtype), za, zb, zy, ma, mb, shift, lo, hi];
        let operands = [packed(dtype, &a), packed(dtype, &b)].map(|bytes| inlined(&bytes));
        let sample = sample("scaled", &fields, &operands);
        assert_eq!(sample.result(), (150 + 2 + 3 + 3, want), "{sample:?}");
    }
}

#[test]
fn lut_looks_up_bytes() {
    let table: Vec<u8> = (0..=255u8).map(|index| index.wrapping_mul(7)).collect();
    let x: Vec<u8> = (0..=255).chain(0..44).collect();
    let want: Vec<u8> = x.iter().map(|x| x.wrapping_mul(7)).collect();
    let good = sample("lut", &[0], &[inlined(&x), inlined(&table)]);
    assert_eq!(good.result(), (gas(&[&x, &table], &want, 300), want));
    good.with(1, inlined([])).refused(OpError::BadShape(1));
    good.with(1, absent()).refused(OpError::BadOperand(1));
    good.with(2, absent()).refused(OpError::BadOperand(2));
    good.with(2, inlined(&table[1..]))
        .refused(OpError::LengthMismatch {
            which: 2,
            want: 256,
            got: 255,
        });
    good.set(0, 1).refused(OpError::BadParam(0));
}

#[test]
fn requant_is_the_second_half_of_linear() {
    // 3, 1, -5 over two: ties, as in the second worked example of the specification.
    let x = i32s(&[3, 1, -5, i32::MAX, 0, i32::MIN]);
    let good = |mode: i64, scales: &[u8]| {
        let fields = [0, mode, 3, 3, 0, -128, 127];
        sample("requant", &fields, &[inlined(&x), inlined(scales)])
    };
    let tosa = good(0, &[0, 0, 0, 0x40, 31]);
    assert_eq!(
        tosa.result(),
        (150 + 2 + 3 + 2, i8s(&[2, 1, -2, 127, 0, -128]))
    );
    let onnx = good(1, &0.5f32.to_le_bytes());
    assert_eq!(onnx.result().1, i8s(&[2, 0, -2, 127, 0, -128]));
    // A scale for each column: halves, quarters, ones; then a zero point, and u8.
    let each = [0.5f32, 0.25, 1.0].map(f32::to_le_bytes).concat();
    let each = good(1, &each).set(2, 2).set(4, 10);
    let each = each.set(5, 3).set(6, 127);
    assert_eq!(each.result().1, [12, 10, 5, 127, 10, 3]);

    tosa.set(1, 2).refused(OpError::BadParam(0));
    tosa.set(2, 5).refused(OpError::BadDtype(0));
    tosa.set(3, 0).refused(OpError::BadShape(0));
    tosa.set(3, 65_536).refused(OpError::TooLarge {
        got: 65_536,
        max: 65_535,
    });
    tosa.set(5, -129).refused(OpError::BadParam(0));
    tosa.set(5, 1).set(6, 0).refused(OpError::BadParam(0));
    tosa.with(8, absent()).refused(OpError::BadOperand(2));
    let length = |which, want, got| OpError::LengthMismatch { which, want, got };
    tosa.with(8, inlined([0; 10])).refused(length(2, 15, 10));
    tosa.with(7, inlined([0; 35])).refused(length(1, 24, 35));
    tosa.with(7, inlined([0; 8])).refused(length(1, 12, 8));
    tosa.with(7, inlined([])).refused(OpError::BadShape(1));
    tosa.with(8, inlined([0, 0, 0, 0x80, 31]))
        .refused(OpError::BadElement { which: 2, index: 0 });
}

#[test]
fn shift_divides_by_powers_of_two() {
    let mut rng = StdRng::seed_from_u64(6);
    for from in TYPES {
        for to in [Dtype::U8, Dtype::I8, Dtype::I16, Dtype::I32] {
            for s in [0, 1, 2, 7, 8, 15, 31, 32, 62, 63] {
                let x = random(&mut rng, from, 20);
                let quotients = x.iter().map(|x| {
                    to.saturate(round::away_wide((*x).into(), 1 << s).try_into().unwrap())
                });
                let want = packed(to, &quotients.collect::<Vec<_>>());
                let x = packed(from, &x);
                let fields = [0, code(from), code(to), s];
                let sample = sample("shift", &fields, &[inlined(&x)]);
                let gas = gas(&[&x], &want, 20);
                assert_eq!(sample.result(), (gas, want), "{from:?} {to:?} {s}");
            }
        }
    }
    let good = sample("shift", &[0, 7, 6, 1], &[inlined(i64s(&[5]))]);
    assert_eq!(good.result().1, i32s(&[3]));
    good.set(1, 12).refused(OpError::BadDtype(1));
    good.set(2, 7).refused(OpError::BadDtype(2));
    good.set(2, 12).refused(OpError::BadDtype(2));
    good.set(3, 64).refused(OpError::BadParam(3));
    good.set(3, 256).refused(OpError::BadCalldata);
    good.with(4, inlined([0; 9]))
        .refused(OpError::LengthMismatch {
            which: 4,
            want: 8,
            got: 9,
        });
}

#[test]
fn unary_saturates() {
    let mut rng = StdRng::seed_from_u64(7);
    for dtype in TYPES {
        let (least, most) = dtype.range();
        for op in 0..4 {
            let x = random(&mut rng, dtype, 50);
            let low = rng.random_range(least..=most);
            let high = rng.random_range(low..=most);
            let (low, high) = if op == 2 { (low, high) } else { (0, 0) };
            let results = x.iter().map(|x| match op {
                0 => dtype.saturate(x.saturating_neg()),
                1 => dtype.saturate(x.saturating_abs()),
                2 => (*x).clamp(low, high),
                _ => x.signum(),
            });
            let want = packed(dtype, &results.collect::<Vec<_>>());
            let x = packed(dtype, &x);
            let sample = sample("unary", &[0, op, code(dtype), low, high], &[inlined(&x)]);
            let gas = gas(&[&x], &want, 50);
            assert_eq!(sample.result(), (gas, want), "{dtype:?} {op}");
        }
    }
    let clamp = sample("unary", &[0, 2, 3, -5, 5], &[inlined(i8s(&[-9, 2, 9]))]);
    assert_eq!(unpacked(Dtype::I8, &clamp.result().1), [-5, 2, 5]);
    clamp.set(1, 4).refused(OpError::BadParam(1));
    clamp.set(2, 12).refused(OpError::BadDtype(2));
    clamp.set(3, 6).refused(OpError::BadParam(3));
    clamp.set(3, -129).refused(OpError::BadParam(3));
    clamp.set(3, 128).refused(OpError::BadParam(3));
    clamp.set(4, 128).refused(OpError::BadParam(4));
    clamp.set(4, -129).refused(OpError::BadParam(4));
    let negate = clamp.set(1, 0);
    negate.refused(OpError::BadParam(3));
    negate.set(3, 0).refused(OpError::BadParam(4));
}

#[test]
fn wrong_pairs_are_named() {
    let operands = [inlined(i16s(&[1, 2, 3, 4])), inlined(i16s(&[1]))];
    let good = sample("binary", &[0, 0, 5], &operands);
    assert_eq!(good.result().1, i16s(&[2, 3, 4, 5]));
    good.set(1, 5).refused(OpError::BadParam(1));
    good.set(2, 7).refused(OpError::BadDtype(2));
    good.set(2, 1).refused(OpError::BadDtype(2));
    good.with(3, inlined([])).refused(OpError::BadShape(3));
    good.with(4, inlined([])).refused(OpError::BadShape(4));
    good.with(4, absent()).refused(OpError::BadOperand(4));
    let length = |which, want, got| OpError::LengthMismatch { which, want, got };
    good.with(3, inlined([0; 7])).refused(length(3, 6, 7));
    for got in [1, 3, 9, 6, 16] {
        let bad = good.with(4, inlined(vec![0; got]));
        bad.refused(length(4, 8, got as u64));
    }

    let fields = [0, 0, 3, 0, 0, 0, 1, 1, 1, -128, 127];
    let good = sample("scaled", &fields, &[inlined([3, 4]), inlined([1])]);
    assert_eq!(good.result().1, [2, 3]);
    for bad in [
        good.set(0, 1),
        good.set(1, 2),
        good.set(8, 0),
        good.set(8, 63),
        good.set(9, -129),
        good.set(10, 128),
        good.set(9, 1).set(10, 0),
        good.set(1, 1),
    ] {
        bad.refused(OpError::BadParam(0));
    }
    good.set(2, 5).refused(OpError::BadDtype(0));
    good.with(12, inlined([1, 2, 3])).refused(length(2, 2, 3));
}
