//! Arguments of the masking and sharing operations.

use super::{Make, int, size, wide};
use crate::{
    abi::{Value, Word, word_of},
    privacy::field,
    wide::{I32, I64, Z},
};
use rand::Rng;

impl Make {
    pub(super) fn expand(&mut self) -> Vec<Value> {
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

    pub(super) fn reconstruct(&mut self) -> Vec<Value> {
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

    pub(super) fn in_field(&mut self, p: &Z) -> Z {
        let bytes: [u8; 40] = self.rng.random();
        Z::from_bytes_le(num_bigint::Sign::Plus, &bytes) % p
    }
}
