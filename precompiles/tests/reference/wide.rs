//! Integers of any width, the element types, and the roundings of section 2.

use num_bigint::{BigInt, Sign};

/// An integer of any width.
pub type Z = BigInt;

/// A big-endian word, unsigned.
pub fn uint_of(word: &[u8]) -> Z {
    Z::from_bytes_be(Sign::Plus, word)
}

/// A big-endian word in two's complement.
pub fn int_of(word: &[u8]) -> Z {
    Z::from_signed_bytes_be(word)
}

/// 2^n.
pub fn pow2(n: u32) -> Z {
    Z::from(1) << n
}

/// Absolute value.
pub fn abs(n: &Z) -> Z {
    Z::from(n.magnitude().clone())
}

/// -1, 0 or 1.
pub fn sign(n: &Z) -> Z {
    match n.sign() {
        Sign::Minus => Z::from(-1),
        Sign::NoSign => Z::from(0),
        Sign::Plus => Z::from(1),
    }
}

/// Division rounded to the nearest, halves away from zero.
pub fn r_away(n: &Z, d: &Z) -> Z {
    assert!(*d > Z::from(0));
    let (q, r) = (abs(n) / d, abs(n) % d);
    let q = if r >= d - &r { q + 1 } else { q };
    if *n < Z::from(0) { -q } else { q }
}

/// Largest integer that is not above n / 2^s: the arithmetic shift.
pub fn shift_down(n: &Z, s: u32) -> Z {
    let d = pow2(s);
    let r = ((n % &d) + &d) % &d;
    (n - r) / d
}

/// `R_TOSA`.
pub fn r_tosa(a: &Z, m: &Z, s: u32) -> Z {
    shift_down(&(a * m + pow2(s - 1)), s)
}

fn bitlen(x: u64) -> i64 {
    i64::from(64 - x.leading_zeros())
}

/// Right shift by `n`, rounded half to even.
fn rne(x: u64, n: i64) -> u64 {
    if n == 0 {
        return x;
    }
    let (x, one) = (u128::from(x), 1u128);
    let (h, q, r) = (one << (n - 1), x >> n, x % (one << n));
    (if r > h || (r == h && q % 2 == 1) {
        q + 1
    } else {
        q
    }) as u64
}

/// `R_ONNX`, line by line.
pub fn r_onnx(a: i32, s: u32) -> i64 {
    if a == 0 {
        return 0;
    }
    let u = u64::from(a.unsigned_abs());
    let mut l = bitlen(u);
    let mut e = l - 24;
    let mut m = if l <= 24 {
        u << (24 - l)
    } else {
        rne(u, l - 24)
    };
    if m == 1 << 24 {
        m = 1 << 23;
        e += 1;
    }
    let p = m * u64::from((1 << 23) | (s & 0x7f_ffff));
    e += i64::from((s >> 23) & 255) - 150;
    l = bitlen(p);
    m = rne(p, l - 24);
    e += l - 24;
    if m == 1 << 24 {
        m = 1 << 23;
        e += 1;
    }
    let q = match e {
        8.. => 1 << 31,
        0..8 => (m << e) as i64,
        ..-25 => 0,
        _ => rne(m, -e) as i64,
    };
    if a < 0 { -q } else { q }
}

/// An element type: its code is that of ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtype {
    pub code: u8,
    pub bits: u32,
    pub is_signed: bool,
}

pub const U8: Dtype = dtype(2, 8, false);
pub const I8: Dtype = dtype(3, 8, true);
pub const I16: Dtype = dtype(5, 16, true);
pub const I32: Dtype = dtype(6, 32, true);
pub const I64: Dtype = dtype(7, 64, true);
pub const U32: Dtype = dtype(12, 32, false);
pub const U64: Dtype = dtype(0, 64, false);

const fn dtype(code: u8, bits: u32, is_signed: bool) -> Dtype {
    Dtype {
        code,
        bits,
        is_signed,
    }
}

impl Dtype {
    /// The type with this code, if it is one of `among`.
    pub fn of(code: &Z, among: &[Self]) -> Option<Self> {
        among
            .iter()
            .find(|dtype| Z::from(dtype.code) == *code)
            .copied()
    }
    pub fn size(self) -> usize {
        self.bits as usize / 8
    }
    pub fn min(self) -> Z {
        if self.is_signed {
            -pow2(self.bits - 1)
        } else {
            Z::from(0)
        }
    }
    pub fn max(self) -> Z {
        self.min() + pow2(self.bits) - 1
    }
    pub fn holds(self, value: &Z) -> bool {
        self.min() <= *value && *value <= self.max()
    }
    /// Clamps to the range.
    pub fn sat(self, value: Z) -> Z {
        value.clamp(self.min(), self.max())
    }
    /// The representative of `value` mod 2^bits in the range.
    pub fn wrap(self, value: &Z) -> Z {
        let m = pow2(self.bits);
        let r = ((value % &m) + &m) % &m;
        if r > self.max() { r - m } else { r }
    }
    pub fn read(self, bytes: &[u8]) -> Vec<Z> {
        assert_eq!(bytes.len() % self.size(), 0);
        let element = |bytes: &[u8]| {
            if self.is_signed {
                Z::from_signed_bytes_le(bytes)
            } else {
                Z::from_bytes_le(Sign::Plus, bytes)
            }
        };
        bytes.chunks(self.size()).map(element).collect()
    }
    pub fn write(self, values: &[Z]) -> Vec<u8> {
        let mut out = Vec::with_capacity(values.len() * self.size());
        for value in values {
            assert!(self.holds(value), "{value} is no element of {self:?}");
            let two = if *value < Z::from(0) {
                value + pow2(self.bits)
            } else {
                value.clone()
            };
            let bytes = two.magnitude().to_bytes_le();
            let end = out.len() + self.size();
            out.extend(&bytes[..bytes.len().min(self.size())]);
            out.resize(end, 0);
        }
        out
    }
}
