//! A million roundings that ONNX Runtime and FBGEMM did, again through `requant` and `linear`.
//!
//! `testdata/goldens/README.md` says how the inputs are drawn and where the outputs come from.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "sizes and fields of the golden values are small"
)]

#[path = "common/calldata.rs"]
#[allow(dead_code, reason = "each test takes a part")]
mod encoding;

use encoding::{Value, inline, int};
use foggara_precompiles::{Backend, NoHost, Outcome, Portable, address_of, call, op_at};
use std::{fs, path::Path};

const REQUANT: &str = "requant((uint8,uint8,uint8,uint32,int32,int32,int32),bytes,bytes)";
const LINEAR: &str = "linear((uint8,uint8,uint8,uint32,uint32,uint32,int32,int32,int32,int32,int32),bytes,bytes,bytes,bytes,bytes)";
const ROWS: usize = 16;
const COLUMNS: usize = 64;

/// splitmix64.
struct Stream(u64);

impl Stream {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn words(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.word()).collect()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = self.words(count.div_ceil(8));
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }
}

/// `count` bits of a word from bit `at`.
fn bits(word: u64, at: u32, count: u32) -> i64 {
    (word >> at & ((1 << count) - 1)) as i64
}

fn magnitude(word: u64, length: i64) -> i32 {
    let size = ((word & 0xffff_ffff) >> (32 - length)) as i32;
    if word >> 63 == 1 { -size } else { size }
}

fn mantissa(word: u64) -> u32 {
    if bits(word, 32, 2) == 0 {
        0
    } else {
        bits(word, 0, 23) as u32
    }
}

fn low(is_signed: bool) -> i64 {
    if is_signed { -128 } else { 0 }
}

/// Static words, then an inline operand each; an absent operand is empty.
fn calldata(signature: &str, params: &[i64], operands: &[&[u8]]) -> Vec<u8> {
    let operand = |bytes: &&[u8]| match bytes.is_empty() {
        true => Value::Bytes(vec![]),
        false => Value::Bytes(inline(bytes)),
    };
    let params = params.iter().map(|value| int(*value));
    let values: Vec<Value> = params.chain(operands.iter().map(operand)).collect();
    encoding::calldata(signature, &values)
}

/// The backends of this machine, the definition first.
fn backends() -> Vec<Box<dyn Backend>> {
    let mut all: Vec<Box<dyn Backend>> = vec![Box::new(Portable)];
    #[cfg(target_arch = "x86_64")]
    {
        use foggara_precompiles::{Avx2, Avx512};
        all.extend(Avx2::detect().map(|fast| Box::new(fast) as Box<dyn Backend>));
        all.extend(Avx512::detect().map(|fast| Box::new(fast) as Box<dyn Backend>));
    }
    all
}

/// The answer of every backend, which is one.
fn run(code: u8, input: &[u8], size: usize) -> Vec<u8> {
    let op = op_at(address_of(code)).unwrap();
    let answer = |backend: &dyn Backend| match call(op, input, 10_000_000, &mut NoHost, backend) {
        Outcome::Success { output, .. } => output[64..64 + size].to_vec(),
        other => panic!("{}: {other:?}", backend.name()),
    };
    let backends = backends();
    let first = answer(&*backends[0]);
    for backend in &backends[1..] {
        assert!(answer(&**backend) == first, "{} differs", backend.name());
    }
    first
}

fn ints(values: &[i32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Whether the exact product of an accumulator and a scale lies half way between two integers.
fn is_tie(acc: i32, scale: f32) -> bool {
    let product = f64::from(acc) * f64::from(scale);
    (product.fract().abs() - 0.5).abs() < f64::EPSILON && product.abs() < 300.0
}

/// Compares all blocks of a family with its file; the number of elements and of ties among them.
fn compare(file: &str, blocks: u64, block: impl Fn(u64) -> (Vec<u8>, usize)) -> (usize, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/goldens")
        .join(file);
    let golden = fs::read(&path).unwrap();
    let (mut at, mut ties, mut differ) = (0, 0, 0);
    for index in 0..blocks {
        let (ours, more) = block(index);
        let theirs = &golden[at..at + ours.len()];
        differ += ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
        (at, ties) = (at + ours.len(), ties + more);
    }
    assert_eq!(at, golden.len(), "{file}");
    assert_eq!(differ, 0, "{file}: {differ} of {at} elements differ");
    println!("{file}: {at} elements, {ties} of them ties, 0 differ");
    (at, ties)
}

fn elementwise(block: u64) -> (Vec<u8>, usize) {
    let mut s = Stream(1 << 32 | block);
    let h = s.word();
    let is_signed = h & 1 == 1;
    let zero = bits(h, 8, 8) + low(is_signed);
    let columns = s.words(64);
    let length = |c: u64| (c >> 32) as i64 % 32;
    let scales: Vec<u32> = columns
        .iter()
        .map(|c| {
            let field = if bits(*c, 56, 3) == 0 {
                63 + bits(*c, 48, 8) % 95
            } else {
                125 + bits(*c, 40, 8) % 12 - length(*c)
            };
            (field as u32) << 23 | mantissa(s.word())
        })
        .collect();
    let mut x = Vec::new();
    for _ in 0..64 {
        for c in &columns {
            let e = s.word();
            x.push(magnitude(e, (length(*c) - bits(e, 32, 2)).max(0)));
        }
    }
    let float = |j: usize| f32::from_bits(scales[j % 64]);
    let ties = x
        .iter()
        .enumerate()
        .filter(|(i, x)| is_tie(**x, float(*i)))
        .count();
    let to = if is_signed { 3 } else { 2 };
    let params = [0, 1, to, 64, zero, low(is_signed), low(is_signed) + 255];
    let scales: Vec<u8> = scales.iter().flat_map(|s| s.to_le_bytes()).collect();
    let input = calldata(REQUANT, &params, &[&ints(&x), &scales]);
    (run(0x04, &input, x.len()), ties)
}

/// What distinguishes the families of layers.
struct Layers {
    family: u64,
    k: (i64, i64),
    has_bias: bool,
    may_be_signed: bool,
    may_relu: bool,
}

fn layer(layers: &Layers, block: u64) -> (Vec<u8>, usize) {
    let mut s = Stream(layers.family << 32 | block);
    let h = s.word();
    let is_signed = h & 1 == 1 && layers.may_be_signed;
    let per_column = h >> 1 & 1 == 1;
    let low = low(is_signed);
    let zw = if h >> 2 & 1 == 1 && !per_column {
        bits(h, 16, 8) - 128
    } else {
        0
    };
    let (zx, zy) = (bits(h, 8, 8) + low, bits(h, 24, 8) + low);
    let (least, most) = layers.k;
    let k = least + bits(h, 32, 16) % (most - least + 1);
    let (ex, ey) = (127 - bits(h, 48, 3), 127 - bits(h, 51, 3));
    let g = s.word();
    let float = |field: i64, mantissa: i64| f32::from_bits((field << 23 | mantissa) as u32);
    let fraction = |at| if g >> 63 == 1 { 0 } else { bits(g, at, 23) };
    let (sx, sy) = (float(ex, fraction(0)), float(ey, fraction(32)));
    let x = s.bytes(ROWS * k as usize);
    let w = s.bytes(COLUMNS * k as usize);
    let columns = s.words(COLUMNS);
    let length = |c: u64| {
        if layers.has_bias {
            (c >> 32) as i64 % 31
        } else {
            0
        }
    };
    let bias: Vec<i32> = columns.iter().map(|c| magnitude(*c, length(*c))).collect();
    let half_length = i64::from((64 - k.leading_zeros()) / 2);
    let mut scales: Vec<f32> = columns
        .iter()
        .map(|c| {
            let size = length(*c).max(13 + half_length);
            let field = 127 + bits(*c, 40, 8) % 10 - size + ey - ex;
            sx * float(field, mantissa(s.word()).into()) / sy
        })
        .collect();
    if !per_column {
        scales.truncate(1);
    }
    let mut ties = 0;
    for row in x.chunks(k as usize) {
        for (j, weights) in w.chunks(k as usize).enumerate() {
            let centred = |x: &u8| if is_signed { i64::from(*x as i8) } else { i64::from(*x) } - zx;
            let terms = row.iter().zip(weights);
            let sum: i64 = terms
                .map(|(x, w)| centred(x) * (i64::from(*w as i8) - zw))
                .sum();
            let acc = i32::try_from(
                sum + if layers.has_bias {
                    i64::from(bias[j])
                } else {
                    0
                },
            );
            ties += usize::from(is_tie(acc.unwrap(), scales[j % scales.len()]));
        }
    }
    let lo = if layers.may_relu && h >> 3 & 1 == 1 {
        zy
    } else {
        low
    };
    let kind = i64::from(!is_signed);
    let (m, n) = (ROWS as i64, COLUMNS as i64);
    let params = [0, kind, 1, m, k, n, zx, zw, zy, lo, low + 255];
    let scales: Vec<u8> = scales
        .iter()
        .flat_map(|s| s.to_bits().to_le_bytes())
        .collect();
    let bias = if layers.has_bias {
        ints(&bias)
    } else {
        Vec::new()
    };
    let input = calldata(LINEAR, &params, &[&x, &w, &bias, &scales, &[]]);
    (run(0x02, &input, ROWS * COLUMNS), ties)
}

#[test]
fn requant_rounds_as_onnx_runtime() {
    let (elements, ties) = compare("r_onnx_elementwise.bin", 98, elementwise);
    assert!(elements > 400_000 && ties > 1_000, "{ties}");
}

#[test]
fn linear_rounds_as_onnx_runtime_and_fbgemm() {
    let qgemm = Layers {
        family: 2,
        k: (1, 96),
        has_bias: true,
        may_be_signed: true,
        may_relu: false,
    };
    let qlinear_matmul = Layers {
        family: 3,
        k: (64, 512),
        has_bias: false,
        ..qgemm
    };
    let fbgemm = Layers {
        family: 4,
        k: (16, 2_048),
        may_be_signed: false,
        may_relu: true,
        ..qlinear_matmul
    };
    let families = [
        ("r_onnx_qgemm.bin", 200, qgemm),
        ("r_onnx_qlinear_matmul.bin", 100, qlinear_matmul),
        ("r_onnx_fbgemm.bin", 320, fbgemm),
    ];
    let (mut elements, mut ties) = (0, 0);
    for (file, blocks, layers) in families {
        let counted = compare(file, blocks, |block| layer(&layers, block));
        (elements, ties) = (elements + counted.0, ties + counted.1);
    }
    assert!(elements > 600_000 && ties > 20, "{elements} {ties}");
}
