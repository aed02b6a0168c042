//! Arguments of the operations on the vectors of clients.

use super::{Make, int, signed, size, wide};
use crate::{
    abi::Value,
    gradient::VECTORS,
    wide::{Dtype, I32, I64, Z, pow2},
};
use rand::Rng;

impl Make {
    /// Vectors of clients; now and then they resemble each other.
    pub(super) fn clients(&mut self, of: Dtype, c: usize, d: usize) -> Value {
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

    /// Clients and elements.
    pub(super) fn group(&mut self) -> [usize; 2] {
        let budget = self.budget();
        self.sides(budget, [256, 9_000])
    }

    /// Clients and elements where work grows with pairs.
    pub(super) fn pairs(&mut self) -> [usize; 2] {
        let budget = self.budget();
        let most = if budget > 10_000 {
            256
        } else {
            (budget as f64).sqrt() as usize
        };
        let c = self.side(most);
        [c, self.side((2 * budget / (c * c)).max(1))]
    }

    pub(super) fn mean(&mut self) -> Vec<Value> {
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

    pub(super) fn clip(&mut self) -> Vec<Value> {
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
    pub(super) fn step(&mut self) -> (Vec<Value>, usize) {
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
    pub(super) fn share(&mut self) -> Value {
        match self.below(4) {
            0 => wide(&pow2(31)),
            1 => wide(&pow2(self.rng.random_range(0..31))),
            2 => int(self.pick(&[0, 1, 214_748_365u32])),
            _ => int(self.rng.random_range(0..=1u32 << 31)),
        }
    }

    pub(super) fn adam(&mut self) -> Vec<Value> {
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
}
