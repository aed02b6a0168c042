//! Arguments of MATMUL, LINEARQ and ELTWISE.

use super::{Make, int, size, wide};
use crate::{
    abi::Value,
    tensor::{ELEMENTWISE, UNARY},
    wide::{I8, I16, I32, I64, U8, Z, pow2},
};
use rand::Rng;

impl Make {
    /// Scales of `linear` and `requant` for sums of about `bits` bits.
    pub(super) fn scales(&mut self, mode: u8, n: usize, bits: i32) -> Vec<u8> {
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

    pub(super) fn table(&mut self) -> Value {
        let mut table = vec![0; 256];
        self.rng.fill(&mut table[..]);
        self.bytes(table)
    }

    pub(super) fn matmul(&mut self) -> Vec<Value> {
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

    pub(super) fn linear(&mut self) -> Vec<Value> {
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

    pub(super) fn binary(&mut self) -> Vec<Value> {
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

    pub(super) fn scaled(&mut self) -> Vec<Value> {
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

    pub(super) fn requant(&mut self) -> Vec<Value> {
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

    pub(super) fn shift(&mut self) -> Vec<Value> {
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

    pub(super) fn unary(&mut self) -> Vec<Value> {
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
}
