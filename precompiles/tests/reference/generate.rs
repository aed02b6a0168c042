//! Random calls of every function: mostly right ones, with edges, extremes and ties.

use crate::{
    abi::{Value, Word, encode, word, word_of},
    call::{Function, World, function},
    gradient::{ROBUST, VECTORS},
    privacy::field,
    tensor::{ELEMENTWISE, UNARY},
    wide::{Dtype, I8, I16, I32, I64, U8, Z, pow2},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom, seq::SliceRandom};

/// A call that may be made.
#[derive(Debug, Clone)]
pub struct Case {
    pub op: u8,
    pub selector: u32,
    pub args: Vec<Value>,
    pub world: World,
}

impl Case {
    pub fn calldata(&self) -> Vec<u8> {
        let mut out = self.selector.to_be_bytes().to_vec();
        out.extend(encode(&self.args));
        out
    }
}

/// A random call of `name`, a function of `seed`.
pub fn case(name: &str, seed: u64) -> Case {
    let function: &'static Function = function(name);
    let mut make = Make {
        rng: StdRng::seed_from_u64(seed),
        world: World::default(),
    };
    let args = make.args(function.name);
    Case {
        op: function.op,
        selector: function.selector,
        args,
        world: make.world,
    }
}

/// Sides at which kernels change their way.
const EDGES: &[usize] = &[
    1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65,
    95, 96, 97, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1_023, 1_024, 1_025, 2_047, 2_048,
    2_049, 4_095, 4_096, 4_097, 8_191, 8_192, 8_193,
];

/// Makes the parts of a call.
pub struct Make {
    pub rng: StdRng,
    pub world: World,
}

impl Make {
    fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }
    fn near(&mut self, lo: i64, hi: i64) -> Z {
        Z::from(self.rng.random_range(lo..=hi))
    }
    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }
    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        *among.choose(&mut self.rng).unwrap()
    }

    /// How much work the reference may have with a case.
    fn budget(&mut self) -> usize {
        match self.below(1_000) {
            0..3 => 60_000,
            3..30 => 9_000,
            30..150 => 700,
            _ => 60,
        }
    }

    /// A side of at most `max`.
    fn side(&mut self, max: usize) -> usize {
        if self.chance(50) {
            let edges = EDGES.iter().take_while(|edge| **edge <= max).count();
            EDGES[self.below(edges.max(1))]
        } else {
            let bits = self.below(1 + max.ilog2() as usize) + 1;
            (1 + self.below(1 << bits)).min(max)
        }
    }

    /// Sides whose product is at most `budget`, each up to its own limit.
    fn sides<const N: usize>(&mut self, budget: usize, limits: [usize; N]) -> [usize; N] {
        let mut order: Vec<_> = (0..N).collect();
        order.shuffle(&mut self.rng);
        let (mut left, mut sides) = (budget, [1; N]);
        for place in order {
            sides[place] = self.side(left.min(limits[place]).max(1));
            left /= sides[place];
        }
        sides
    }

    /// An integer of the type: any, an extreme, or a small one.
    fn element(&mut self, of: Dtype) -> Z {
        match self.below(8) {
            0 => of.max() - self.below(2),
            1 => of.min() + self.below(2),
            2 | 3 => of.sat(self.near(-9, 9)),
            4 => {
                let bits = self.rng.random_range(0..of.bits);
                of.sat(self.any(of) / pow2(bits))
            }
            _ => self.any(of),
        }
    }

    fn any(&mut self, of: Dtype) -> Z {
        of.wrap(&Z::from(self.rng.random::<u64>()))
    }

    fn int32(&mut self) -> Z {
        self.element(I32)
    }

    /// Packed elements; now and then all of one extreme.
    pub fn elements(&mut self, of: Dtype, count: usize) -> Vec<u8> {
        let values: Vec<Z> = match self.below(20) {
            0 => vec![of.max(); count],
            1 => vec![of.min(); count],
            2 => (0..count)
                .map(|_| if self.chance(50) { of.max() } else { of.min() })
                .collect(),
            3 => vec![Z::from(0); count],
            4..9 => (0..count).map(|_| of.sat(self.near(-4, 4))).collect(),
            9..13 => (0..count).map(|_| self.any(of)).collect(),
            _ => (0..count).map(|_| self.element(of)).collect(),
        };
        of.write(&values)
    }

    /// Names bytes as an operand: inline, or a range of some account's code.
    pub fn operand(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        if self.chance(88) {
            let mut raw = vec![0];
            raw.extend(bytes);
            return raw;
        }
        let account = if self.chance(30) && !self.world.codes.is_empty() {
            // Once more in an account that is there.
            let known: Vec<_> = self.world.codes.keys().copied().collect();
            self.pick(&known)
        } else {
            self.rng.random()
        };
        let mut code = self
            .world
            .codes
            .get(&account)
            .map_or(vec![0], |code| code.to_vec());
        let gap = self.below(40);
        code.resize(code.len() + gap, 0xaa);
        let offset = code.len() - 1;
        code.extend(&bytes);
        let gap = if self.chance(50) { 0 } else { self.below(40) };
        code.resize(code.len() + gap, 0xbb);
        self.world.codes.insert(account, code.into());
        if self.chance(20) {
            self.world.warm.insert(account);
        }
        reference(account, offset, bytes.len())
    }

    fn bytes(&mut self, bytes: Vec<u8>) -> Value {
        Value::Bytes(self.operand(bytes))
    }

    fn tensor(&mut self, of: Dtype, count: usize) -> Value {
        let bytes = self.elements(of, count);
        self.bytes(bytes)
    }

    /// Vectors of clients; now and then they resemble each other.
    fn clients(&mut self, of: Dtype, c: usize, d: usize) -> Value {
        let first = self.elements(of, d);
        let like = self.below(4);
        let mut items = Vec::new();
        for _ in 0..c {
            let bytes = match like {
                0 if self.chance(70) => first.clone(),
                _ => self.elements(of, d),
            };
            items.push(self.operand(bytes));
        }
        Value::Array(items)
    }

    fn flags(&mut self, defined: u8) -> Value {
        int(self.rng.random::<u8>() & defined)
    }

    /// `lo`, `hi` in the type, in order.
    fn bounds(&mut self, of: Dtype) -> (Z, Z) {
        if self.chance(60) {
            return (of.min(), of.max());
        }
        let (a, b) = (self.element(of), self.element(of));
        (a.clone().min(b.clone()), a.max(b))
    }

    fn zero_point(&mut self) -> Z {
        match self.below(6) {
            0 => self.int32(),
            1 | 2 => Z::from(0),
            _ => Z::from(self.rng.random_range(-300..=300)),
        }
    }

    /// Scales of `linear` and `requant` for sums of about `bits` bits.
    fn scales(&mut self, mode: u8, n: usize, bits: i32) -> Vec<u8> {
        let c = if self.chance(50) { 1 } else { n };
        let mut words = Vec::new();
        let mut shifts = Vec::new();
        let is_power = self.chance(40);
        for _ in 0..c {
            let down = if self.chance(80) {
                bits - 7 + self.rng.random_range(-3..=4)
            } else {
                self.rng.random_range(-31..=62)
            };
            if mode == 0 {
                let m: u32 = match self.below(8) {
                    0 => 0,
                    1 => (1 << 31) - 1,
                    2 => 1 << self.below(31),
                    _ if is_power => 1 << 30,
                    _ => self.rng.random_range(1 << 30..1 << 31),
                };
                words.extend(m.to_le_bytes());
                shifts.push((30 + down).clamp(2, 62) as u8);
            } else {
                let exponent = (127 - down).clamp(63, 157) as u32;
                let fraction = match self.below(6) {
                    0 => 0x7f_ffff,
                    1 => 1 << self.below(23),
                    _ if is_power => 0,
                    _ => self.rng.random_range(0..1 << 23),
                };
                words.extend(((exponent << 23) | fraction).to_le_bytes());
            }
        }
        if self.chance(2) {
            // One that is not allowed.
            let at = self.below(c);
            if mode == 0 && self.chance(50) {
                shifts[at] = self.pick(&[0, 1, 63, 64, 255]);
            } else {
                let bad: &[u32] = if mode == 0 {
                    &[1 << 31, u32::MAX]
                } else {
                    &[
                        0,
                        62 << 23,
                        (62 << 23) | 0x7f_ffff,
                        158 << 23,
                        255 << 23,
                        (1 << 31) | (127 << 23),
                    ]
                };
                let bad = self.pick(bad);
                words[4 * at..4 * at + 4].copy_from_slice(&bad.to_le_bytes());
            }
        }
        words.extend(shifts);
        words
    }

    fn args(&mut self, name: &str) -> Vec<Value> {
        match name {
            "matmul" => self.matmul(),
            "linear" => self.linear(),
            "binary" => self.binary(),
            "scaled" => self.scaled(),
            "lut" => {
                let budget = self.budget();
                let n = self.side(budget);
                let (x, table) = (self.tensor(U8, n), self.table());
                vec![int(0), x, table]
            }
            "requant" => self.requant(),
            "shift" => self.shift(),
            "unary" => self.unary(),
            "reduce" => {
                let budget = self.budget();
                let of = self.pick(ELEMENTWISE);
                let [outer, len, inner] = self.sides(budget, [9_000; 3]);
                let x = self.tensor(of, outer * len * inner);
                let op = self.below(6);
                vec![
                    int(0),
                    size(op),
                    int(of.code),
                    size(outer),
                    size(len),
                    size(inner),
                    x,
                ]
            }
            "topk" => {
                let budget = self.budget();
                let of = self.pick(ELEMENTWISE);
                let [rows, len] = self.sides(budget, [9_000; 2]);
                let k = self.side(len.min(1_024));
                let x = self.tensor(of, rows * len);
                vec![int(of.code), size(rows), size(len), size(k), x]
            }
            "sum" => {
                let [c, d] = self.group();
                let (width, of) = self.pick(&[(32, I32), (64, I64)]);
                let u = self.clients(of, c, d);
                vec![int(0), int(width), size(d), u]
            }
            "mean" => self.mean(),
            "median" | "signMajority" => {
                let ([c, d], of) = (self.group(), self.pick(ROBUST));
                let u = self.clients(of, c, d);
                vec![int(0), int(of.code), size(d), u]
            }
            "trimmed" => {
                let ([c, d], of) = (self.group(), self.pick(ROBUST));
                let cut = self.below(c.div_ceil(2));
                let u = self.clients(of, c, d);
                vec![int(0), int(of.code), size(d), size(cut), u]
            }
            "gram" | "sqdist" => {
                let ([c, d], of) = (self.pairs(), self.pick(&[I8, I16]));
                let u = self.clients(of, c, d);
                vec![int(of.code), size(d), u]
            }
            "krum" => {
                let ([c, d], of) = (self.pairs(), self.pick(&[I8, I16]));
                let c = c.max(3);
                let f = self.below((c - 3) / 2 + 1);
                let m = self.below(c - f) + 1;
                let u = self.clients(of, c, d);
                vec![int(of.code), size(d), size(f), size(m), u]
            }
            "clip" => self.clip(),
            "normSq" => {
                let budget = self.budget();
                let (of, n) = (self.pick(VECTORS), self.side(budget));
                let x = self.tensor(of, n);
                vec![int(of.code), x]
            }
            "sgd" => {
                let (mut args, n) = self.step();
                args.extend([self.tensor(I32, n), self.tensor(I32, n)]);
                args
            }
            "momentum" => {
                let (mut args, n) = self.step();
                args.push(self.share());
                args.extend([
                    self.tensor(I32, n),
                    self.tensor(I32, n),
                    self.tensor(I32, n),
                ]);
                args
            }
            "adam" => self.adam(),
            "expand" => self.expand(),
            "reconstruct" => self.reconstruct(),
            _ => unreachable!("{name}"),
        }
    }

    fn table(&mut self) -> Value {
        let mut table = vec![0; 256];
        self.rng.fill(&mut table[..]);
        self.bytes(table)
    }

    fn matmul(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let [batch, m, k, n] = self.sides(budget, [5, 9_000, 32_768, 9_000]);
        let (flags, kind) = (self.below(8), self.below(5));
        let (of_a, of_b) = [(I8, I8), (U8, I8), (I16, I16), (I32, I32), (I32, I32)][kind];
        let matrices = if flags & 4 != 0 { 1 } else { batch };
        let (a, b) = (
            self.tensor(of_a, batch * m * k),
            self.tensor(of_b, matrices * n * k),
        );
        vec![
            size(flags),
            size(kind),
            size(batch),
            size(m),
            size(k),
            size(n),
            a,
            b,
        ]
    }

    fn linear(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let [m, k, n] = self.sides(budget, [9_000, 32_768, 9_000]);
        let (kind, mode) = (self.below(2), self.below(5).min(2) as u8);
        let of = [I8, U8][kind];
        let (x, w) = (self.tensor(of, m * k), self.tensor(I8, n * k));
        let bias = if self.chance(30) {
            Value::Bytes(vec![])
        } else {
            let max: Z = pow2(31) - 1 - 65_025 * k;
            let mut bias = Vec::new();
            for _ in 0..n {
                bias.push(match self.below(10) {
                    0 => max.clone(),
                    1 => -&max,
                    2 | 3 => self.int32().clamp(-&max, max.clone()),
                    _ => Z::from(self.rng.random_range(-2_000..2_000)),
                });
            }
            if self.chance(2) {
                let at = self.below(n);
                bias[at] = self.pick(&[1, -1]) * (&max + 1);
            }
            if self.chance(1) {
                bias[0] = I32.min();
            }
            self.bytes(I32.write(&bias))
        };
        let zero = Z::from(0);
        let (zx, zw) = if self.chance(40) {
            (zero.clone(), zero.clone())
        } else {
            (self.element(of), self.element(I8))
        };
        let (mut zy, mut lo, mut hi) = (zero.clone(), zero.clone(), zero);
        let (mut scales, mut lut) = (Value::Bytes(vec![]), Value::Bytes(vec![]));
        if mode < 2 {
            zy = self.zero_point();
            (lo, hi) = self.bounds(of);
            let bits = 12 + (k.ilog2() / 2) as i32;
            let bytes = self.scales(mode, n, bits);
            scales = self.bytes(bytes);
            if self.chance(40) {
                lut = self.table();
            }
        }
        let mut args = vec![int(0), size(kind), int(mode), size(m), size(k), size(n)];
        args.extend([&zx, &zw, &zy, &lo, &hi].map(wide));
        args.extend([x, w, bias, scales, lut]);
        args
    }

    fn binary(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let of = self.pick(ELEMENTWISE);
        let b = self.side(budget);
        let times = if self.chance(50) {
            1
        } else {
            self.side((budget / b).max(1))
        };
        let (a, b) = (self.tensor(of, b * times), self.tensor(of, b));
        vec![int(0), size(self.below(5)), int(of.code), a, b]
    }

    fn scaled(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let (of, n, op) = (self.pick(&[I8, U8]), self.side(budget), self.below(2));
        let times = if self.chance(80) {
            1
        } else {
            self.side((budget / n).max(1))
        };
        let zero = |make: &mut Self| {
            if make.chance(80) {
                make.element(of)
            } else {
                make.int32()
            }
        };
        let (za, zb, zy) = (zero(self), zero(self), self.zero_point());
        let factor = |make: &mut Self| match make.below(4) {
            0 => make.int32(),
            1 => Z::from(1) << make.below(31),
            _ => make.near(-70_000, 70_000),
        };
        let (ma, mb) = (
            factor(self),
            if op == 0 { factor(self) } else { Z::from(0) },
        );
        let shift = match self.below(3) {
            0 => self.rng.random_range(1..=62),
            _ => (ma.magnitude().bits() as i64
                + if op == 0 { 0 } else { 7 }
                + self.rng.random_range(-2..3))
            .clamp(1, 62),
        };
        let (lo, hi) = self.bounds(of);
        let mut args = vec![int(0), size(op), int(of.code)];
        args.extend([&za, &zb, &zy, &ma, &mb].map(wide));
        args.extend([
            int(shift),
            wide(&lo),
            wide(&hi),
            self.tensor(of, n * times),
            self.tensor(of, n),
        ]);
        args
    }

    fn requant(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let [rows, n] = self.sides(budget, [9_000; 2]);
        let (mode, to) = (self.below(2) as u8, self.pick(&[I8, U8]));
        let bits = self.rng.random_range(0..31);
        let mut x = Vec::new();
        for _ in 0..rows * n {
            x.push(match self.below(4) {
                0 => self.int32(),
                // Ties of powers of two.
                1 => self.near(-300, 300) << self.rng.random_range(0..=bits.min(22)),
                _ => I32.sat(Z::from(self.rng.random_range(-(2i64 << bits)..=2 << bits))),
            });
        }
        let scales = self.scales(mode, n, bits);
        let zy = self.zero_point();
        let (lo, hi) = self.bounds(to);
        let mut args = vec![int(0), int(mode), int(to.code), size(n)];
        args.extend([&zy, &lo, &hi].map(wide));
        args.extend([self.bytes(I32.write(&x)), self.bytes(scales)]);
        args
    }

    fn shift(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let from = self.pick(&[I64, I32, I16, I8, U8]);
        let to = self.pick(&[I32, I16, I8, U8]);
        let s = if self.chance(80) {
            self.rng.random_range(0..from.bits)
        } else {
            self.rng.random_range(0..64)
        };
        let n = self.side(budget);
        let x = if self.chance(40) {
            self.elements(from, n)
        } else {
            // Halves and what lies beside them, also around the ends of the output's range.
            let mut x = Vec::new();
            for _ in 0..n {
                let whole = match self.below(4) {
                    0 => to.max(),
                    1 => to.min(),
                    _ => Z::from(self.rng.random_range(-5..5)),
                };
                let half = (whole * 2 + self.near(-1, 1)) * pow2(s) / 2;
                x.push(from.sat(half + self.near(-1, 1)));
            }
            from.write(&x)
        };
        vec![int(0), int(from.code), int(to.code), int(s), self.bytes(x)]
    }

    fn unary(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let (of, op, n) = (self.pick(UNARY), self.below(4), self.side(budget));
        let (lo, hi) = if op == 2 {
            self.bounds(of)
        } else {
            (Z::from(0), Z::from(0))
        };
        vec![
            int(0),
            size(op),
            int(of.code),
            wide(&lo),
            wide(&hi),
            self.tensor(of, n),
        ]
    }

    /// Clients and elements.
    fn group(&mut self) -> [usize; 2] {
        let budget = self.budget();
        self.sides(budget, [256, 9_000])
    }

    /// Clients and elements where work grows with pairs.
    fn pairs(&mut self) -> [usize; 2] {
        let budget = self.budget();
        let most = if budget > 10_000 {
            256
        } else {
            (budget as f64).sqrt() as usize
        };
        let c = self.side(most);
        [c, self.side((2 * budget / (c * c)).max(1))]
    }

    fn mean(&mut self) -> Vec<Value> {
        let ([c, d], of) = (self.group(), self.pick(VECTORS));
        let max: Z = (pow2(63) - 1) >> (of.bits - 1);
        let mut left = max;
        let style = self.below(4);
        let mut coeff = Vec::new();
        for _ in 0..c {
            let value = match style {
                0 => Z::from(1),
                1 => Z::from(self.rng.random_range(0..1_000)),
                2 => Z::from(self.rng.random_range(-3..5)),
                _ => self.int32(),
            };
            let value = value.clamp(-&left, left.clone());
            left -= crate::wide::abs(&value);
            coeff.push(value);
        }
        let total: Z = coeff.iter().sum();
        let denom = match self.below(5) {
            0 | 1 if total > Z::from(0) => Z::from(0),
            0 => Z::from(u64::MAX),
            1 => Z::from(self.rng.random::<u64>().max(1)),
            2 => Z::from(1u64 << self.below(64)),
            _ => Z::from(self.rng.random_range(1..20)),
        };
        let coeff = Value::Words(coeff.iter().map(signed).collect());
        vec![
            int(0),
            int(of.code),
            size(d),
            coeff,
            wide(&denom),
            self.clients(of, c, d),
        ]
    }

    fn clip(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let (of, n) = (self.pick(VECTORS), self.side(budget));
        let x = self.elements(of, n);
        let s: Z = of.read(&x).iter().map(|x| x * x).sum();
        let root = Z::from(s.magnitude().sqrt());
        // Around the norm itself, well below it, or anything.
        let max = match self.below(4) {
            0 => (root + self.near(-1, 1)).clamp(Z::from(0), pow2(32) - 1),
            1 => (root / (1 + self.below(5))).min(pow2(32) - 1),
            2 => self.pick(&[0u32, 1, 2, u32::MAX]).into(),
            _ => Z::from(self.rng.random::<u32>() >> self.below(32)),
        };
        vec![int(0), int(of.code), wide(&max), self.bytes(x)]
    }

    /// Flags, f, lr, wd, and the number of elements.
    fn step(&mut self) -> (Vec<Value>, usize) {
        let budget = self.budget();
        let f = self.rng.random_range(0..=30u8);
        let rate = |make: &mut Self| match make.below(4) {
            0 => make.int32(),
            1 => pow2(f.into()) / (1 + make.below(1_000)),
            2 => I32.sat(Z::from(1) << make.below(32)),
            _ => make.near(-9, 9),
        };
        let (lr, wd) = (rate(self), rate(self));
        let n = self.side((budget / 2).max(1));
        (vec![int(0), int(f), wide(&lr), wide(&wd)], n)
    }

    /// A share of one in Q31.
    fn share(&mut self) -> Value {
        match self.below(4) {
            0 => wide(&pow2(31)),
            1 => wide(&pow2(self.rng.random_range(0..31))),
            2 => int(self.pick(&[0, 1, 214_748_365u32])),
            _ => int(self.rng.random_range(0..=1u32 << 31)),
        }
    }

    fn adam(&mut self) -> Vec<Value> {
        let (step, n) = self.step();
        let eps = match self.below(3) {
            0 => 1,
            1 => self.rng.random_range(1..300),
            _ => self.rng.random::<u32>().max(1),
        };
        let g = self.elements(I32, n);
        let mut v = Vec::new();
        for g in I32.read(&g) {
            v.push(match self.below(5) {
                0 => I64.max() - self.below(2),
                // Around the square of g, at which Yogi changes sign.
                1 => (&g * &g + self.near(-1, 1)).max(Z::from(0)),
                2 => Z::from(self.rng.random_range(0..10)),
                _ => self.any(I64) & I64.max(),
            });
        }
        if self.chance(2) {
            let at = self.below(n);
            v[at] = if self.chance(50) {
                Z::from(-1)
            } else {
                I64.min()
            };
        }
        let flags = self.flags(1);
        vec![
            flags,
            step[1].clone(),
            step[2].clone(),
            self.share(),
            self.share(),
            int(eps),
            self.tensor(I32, n),
            self.tensor(I32, n),
            self.bytes(I64.write(&v)),
            self.bytes(g),
        ]
    }

    fn expand(&mut self) -> Vec<Value> {
        let budget = self.budget();
        let ((width, of), n) = (self.pick(&[(32u8, I32), (64, I64)]), self.side(budget));
        let blocks = (n * of.size()).div_ceil(64) as u64;
        let counter = match self.below(4) {
            0 => 0,
            1 => (1 << 32) - blocks,
            2 => self.rng.random_range(0..10),
            _ => self.rng.random_range(0..=(1u64 << 32) - blocks),
        };
        let (seed, nonce): (Word, [u8; 12]) = (self.rng.random(), self.rng.random());
        let mut nonce_word = [0; 32];
        nonce_word[..12].copy_from_slice(&nonce);
        let acc = if self.chance(30) {
            Value::Bytes(vec![])
        } else {
            self.tensor(of, n)
        };
        vec![
            self.flags(1),
            int(width),
            size(n),
            wide(&counter.min(u64::from(u32::MAX)).into()),
            Value::Word(seed),
            Value::Word(nonce_word),
            acc,
        ]
    }

    fn reconstruct(&mut self) -> Vec<Value> {
        let number = self.below(2) as u8;
        let field = field(number).unwrap();
        let budget = self.budget().min(2_000);
        let t = self.side((budget / 5).clamp(1, 256));
        let n = self.side((budget / t).max(1));
        let mut xs: Vec<Z> = Vec::new();
        while xs.len() < t {
            let x = match self.below(3) {
                0 => self.near(1, 400),
                1 => &field.p - self.near(1, 300),
                _ => self.in_field(&field.p),
            };
            if x != Z::from(0) && !xs.contains(&x) {
                xs.push(x);
            }
        }
        let mut shares = Vec::new();
        for _ in 0..t {
            let mut limbs = Vec::new();
            for _ in 0..n {
                limbs.push(match self.below(8) {
                    0 => &field.p - 1,
                    1 => Z::from(self.below(3)),
                    _ => self.in_field(&field.p),
                });
            }
            shares.push(limbs);
        }
        if self.chance(3) {
            let (share, limb) = (self.below(t), self.below(n));
            let over = (Z::from(1) << (8 * field.limb)) - 1;
            shares[share][limb] = if self.chance(50) {
                field.p.clone()
            } else {
                over
            };
        }
        let mut items = Vec::new();
        for share in shares {
            let mut bytes = Vec::new();
            for limb in share {
                let end = bytes.len() + field.limb;
                bytes.extend(limb.magnitude().to_bytes_le());
                bytes.resize(end, 0);
            }
            items.push(self.operand(bytes));
        }
        let xs = Value::Words(xs.iter().map(word_of).collect());
        vec![int(0), int(number), size(n), xs, Value::Array(items)]
    }

    fn in_field(&mut self, p: &Z) -> Z {
        let bytes: [u8; 40] = self.rng.random();
        Z::from_bytes_le(num_bigint::Sign::Plus, &bytes) % p
    }
}

/// A range of an account's code as an operand.
pub fn reference(account: [u8; 20], offset: usize, length: usize) -> Vec<u8> {
    let mut raw = vec![2];
    raw.extend(account);
    raw.extend(u32::try_from(offset).unwrap().to_be_bytes());
    raw.extend(u32::try_from(length).unwrap().to_be_bytes());
    raw
}

/// An integer argument.
pub fn int(value: impl Into<i128>) -> Value {
    Value::Word(word(value))
}

fn size(value: usize) -> Value {
    int(value as i128)
}

fn signed(value: &Z) -> Word {
    word(i128::try_from(value).unwrap())
}

fn wide(value: &Z) -> Value {
    Value::Word(signed(value))
}
