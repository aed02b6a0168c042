//! The five kinds of product as types, so that each gets its own loops.
//!
//! Sums never leave their accumulator where the result is exact: with `k <= 2^15`, `u8 * i8` stays
//! below `2^30` and `i16 * i16` below `2^45`. The other two are defined modulo the width. So all
//! sums may wrap, and their order is free.

/// Reads an element.
pub(crate) trait Load<P> {
    /// Bytes of an element.
    const BYTES: usize;
    /// The element in its bytes, little-endian.
    fn load(bytes: &[u8]) -> P;
}

/// A kind of product.
pub(crate) trait Arith {
    /// Element of both sides once loaded: wide enough for either.
    type Packed: Copy + Default;
    /// A sum.
    type Sum: Copy + Default;
    type A: Load<Self::Packed>;
    type B: Load<Self::Packed>;
    /// Bytes of an element of the result.
    const C_BYTES: usize;
    fn multiply_add(sum: Self::Sum, a: Self::Packed, b: Self::Packed) -> Self::Sum;
    /// Writes a sum into its bytes, little-endian.
    fn store(sum: Self::Sum, bytes: &mut [u8]);
}

macro_rules! load {
    ($name:ident, $element:ty, $packed:ty) => {
        pub(crate) struct $name;
        impl Load<$packed> for $name {
            const BYTES: usize = size_of::<$element>();
            #[inline(always)]
            fn load(bytes: &[u8]) -> $packed {
                let bytes = bytes.first_chunk().copied().unwrap_or_default();
                <$packed>::from(<$element>::from_le_bytes(bytes))
            }
        }
    };
}

load!(LoadI8, i8, i16);
load!(LoadU8, u8, i16);
load!(LoadI16, i16, i16);
load!(LoadI32, i32, i32);

macro_rules! arith {
    ($name:ident, $a:ty, $b:ty, $packed:ty, $product:ty, $sum:ty) => {
        pub(crate) struct $name;
        impl Arith for $name {
            type Packed = $packed;
            type Sum = $sum;
            type A = $a;
            type B = $b;
            const C_BYTES: usize = size_of::<$sum>();
            #[inline(always)]
            fn multiply_add(sum: $sum, a: $packed, b: $packed) -> $sum {
                let product = <$product>::from(a).wrapping_mul(<$product>::from(b));
                sum.wrapping_add(<$sum>::from(product))
            }
            #[inline(always)]
            fn store(sum: $sum, bytes: &mut [u8]) {
                if let Some(bytes) = bytes.first_chunk_mut() {
                    *bytes = sum.to_le_bytes();
                }
            }
        }
    };
}

arith!(ArithI8, LoadI8, LoadI8, i16, i32, i32);
arith!(ArithU8, LoadU8, LoadI8, i16, i32, i32);
arith!(ArithI16, LoadI16, LoadI16, i16, i32, i64);
arith!(ArithI32, LoadI32, LoadI32, i32, i32, i32);
arith!(ArithI32Wide, LoadI32, LoadI32, i32, i64, i64);

/// Calls a function generic over [`Arith`] with the type for a kind.
macro_rules! for_kind {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            $crate::backend::Kind::I8 => $function::<$crate::backend::arith::ArithI8>($($argument),*),
            $crate::backend::Kind::U8 => $function::<$crate::backend::arith::ArithU8>($($argument),*),
            $crate::backend::Kind::I16 => $function::<$crate::backend::arith::ArithI16>($($argument),*),
            $crate::backend::Kind::I32 => $function::<$crate::backend::arith::ArithI32>($($argument),*),
            $crate::backend::Kind::I32Wide => {
                $function::<$crate::backend::arith::ArithI32Wide>($($argument),*)
            }
        }
    };
}
pub(crate) use for_kind;
