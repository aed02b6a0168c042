//! Random calls of every function: mostly right ones, with edges, extremes and ties.

mod gradient;
mod privacy;
mod tensor;

use crate::{
    abi::{Value, Word, encode, int, word},
    call::{Function, World, function},
    gradient::{ROBUST, VECTORS},
    tensor::ELEMENTWISE,
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
}

/// A range of an account's code as an operand.
pub fn reference(account: [u8; 20], offset: usize, length: usize) -> Vec<u8> {
    let mut raw = vec![2];
    raw.extend(account);
    raw.extend(u32::try_from(offset).unwrap().to_be_bytes());
    raw.extend(u32::try_from(length).unwrap().to_be_bytes());
    raw
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
