//! Elements as Rust types, and loops over packed tensors of them that a compiler turns into vector
//! instructions.

use crate::{Dtype, Fatal, backend::Ctl};

/// An element of `N` bytes, little-endian.
pub(super) trait Element<const N: usize>: Copy + Ord + Into<i64> {
    fn load(bytes: [u8; N]) -> Self;
    fn store(self) -> [u8; N];
    /// The nearest value.
    fn saturate(x: i64) -> Self;
    fn saturating_add(self, other: Self) -> Self;
    fn saturating_sub(self, other: Self) -> Self;
    fn saturating_mul(self, other: Self) -> Self;
}

macro_rules! element {
    ($type:ty, $dtype:ident, $bytes:literal) => {
        impl Element<$bytes> for $type {
            #[inline(always)]
            fn load(bytes: [u8; $bytes]) -> Self {
                Self::from_le_bytes(bytes)
            }
            #[inline(always)]
            fn store(self) -> [u8; $bytes] {
                self.to_le_bytes()
            }
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is in range.
            fn saturate(x: i64) -> Self {
                // Masks: a comparison would be a branch, and nobody foretells which way random data
                // take. With lowest <= 0 <= highest, where a difference overflows x has the other sign.
                let (lowest, highest) = Dtype::$dtype.range();
                let below = (x.wrapping_sub(lowest) & x) >> 63;
                let above = (highest.wrapping_sub(x) & !x) >> 63;
                let x = x ^ ((x ^ highest) & above);
                (x ^ ((x ^ lowest) & below)) as Self
            }
            #[inline(always)]
            fn saturating_add(self, other: Self) -> Self {
                <$type>::saturating_add(self, other)
            }
            #[inline(always)]
            fn saturating_sub(self, other: Self) -> Self {
                <$type>::saturating_sub(self, other)
            }
            #[inline(always)]
            fn saturating_mul(self, other: Self) -> Self {
                <$type>::saturating_mul(self, other)
            }
        }
    };
}

element!(u8, U8, 1);
element!(i8, I8, 1);
element!(i16, I16, 2);
element!(i32, I32, 4);
element!(i64, I64, 8);

/// Evaluates an expression with `$type` and `$bytes` standing for the Rust type of a [`Dtype`] and
/// its size. `U32` is never the type of an input.
macro_rules! with_element {
    ($dtype:expr, $type:ident, $bytes:ident, $body:expr) => {
        match $dtype {
            $crate::Dtype::U8 => with_element!(@ $type, u8, $bytes, 1, $body),
            $crate::Dtype::I8 => with_element!(@ $type, i8, $bytes, 1, $body),
            $crate::Dtype::I16 => with_element!(@ $type, i16, $bytes, 2, $body),
            $crate::Dtype::I32 | $crate::Dtype::U32 => {
                with_element!(@ $type, i32, $bytes, 4, $body)
            }
            $crate::Dtype::I64 => with_element!(@ $type, i64, $bytes, 8, $body),
        }
    };
    (@ $type:ident, $rust:ty, $bytes:ident, $size:literal, $body:expr) => {{
        type $type = $rust;
        const $bytes: usize = $size;
        $body
    }};
}
pub(super) use with_element;

/// Elements between two looks for a cancellation.
pub(super) const BLOCK: usize = 1 << 16;

/// `out[i] = f(x[i])`.
#[inline(always)]
pub(super) fn map<T: Element<N>, U: Element<M>, const N: usize, const M: usize>(
    x: &[u8],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
    f: impl Fn(T) -> U,
) -> Result<(), Fatal> {
    let blocks = x.as_chunks::<N>().0.chunks(BLOCK);
    for (x, out) in blocks.zip(out.as_chunks_mut::<M>().0.chunks_mut(BLOCK)) {
        ctl.next(x.len())?;
        for (x, out) in x.iter().zip(out) {
            *out = f(T::load(*x)).store();
        }
    }
    Ok(())
}

/// `out[i] = f(a[i], b[i])`.
#[inline(always)]
pub(super) fn map2<T: Element<N>, const N: usize>(
    a: &[u8],
    b: &[u8],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
    f: impl Fn(T, T) -> T,
) -> Result<(), Fatal> {
    let a = a.as_chunks::<N>().0.chunks(BLOCK);
    let b = b.as_chunks::<N>().0.chunks(BLOCK);
    let out = out.as_chunks_mut::<N>().0.chunks_mut(BLOCK);
    for ((a, b), out) in a.zip(b).zip(out) {
        ctl.next(a.len())?;
        for ((a, b), out) in a.iter().zip(b).zip(out) {
            *out = f(T::load(*a), T::load(*b)).store();
        }
    }
    Ok(())
}
