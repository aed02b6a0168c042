//! What the backends of x86-64 have in common: the loops that a compiler vectorises, compiled once for
//! each instruction set, and vectors as the sorting networks see them.

/// Makes a backend of a type that proves its instructions. Beside the macro stand the modules `lanes`,
/// `pack`, `tile` and `words`, written for these instructions; what follows the properties are further
/// functions of [`super::tiled::Micro`].
macro_rules! backend {
    ($backend:ident, $name:literal, $features:literal, single_bytes: $single_bytes:literal, {$($own:tt)*}) => {
        impl Backend for $backend {
            fn name(&self) -> &'static str {
                $name
            }

            fn gemm(
                &self,
                d: &Gemm,
                a: &[u8],
                b: &[u8],
                c: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                products::gemm(*self, d, a, b, c, ctl)
            }

            fn requant(
                &self,
                d: &Requant<'_>,
                accumulators: &[u8],
                out: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { requant(d, accumulators, out, ctl) }
            }

            fn keccak_nodes(&self, pairs: &[u8], nodes: &mut [u8]) {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { words::keccak_nodes(*self, pairs, nodes) }
            }

            fn sum(
                &self,
                dtype: Dtype,
                inputs: &[&[u8]],
                out: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { sum(dtype, inputs, out, ctl) }
            }

            fn mean(
                &self,
                d: &Mean<'_>,
                inputs: &[&[u8]],
                out: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { mean(d, inputs, out, ctl) }
            }

            fn gram(
                &self,
                dtype: Dtype,
                inputs: &[&[u8]],
                out: &mut [i64],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                gram::gram(*self, dtype, inputs, out, ctl)
            }

            fn trimmed(
                &self,
                dtype: Dtype,
                cut: usize,
                inputs: &[&[u8]],
                out: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { lanes::trimmed(*self, dtype, cut, inputs, out, ctl) }
            }
        }

        #[target_feature(enable = $features)]
        fn plain(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
            portable::inlined(d, a, b, c, ctl)
        }

        #[target_feature(enable = $features)]
        fn thin(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
            thin::gemm(d, a, b, c, ctl)
        }

        #[target_feature(enable = $features)]
        fn sum(dtype: Dtype, inputs: &[&[u8]], out: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
            sums::sum(dtype, inputs, out, ctl)
        }

        #[target_feature(enable = $features)]
        fn mean(d: &Mean<'_>, inputs: &[&[u8]], out: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
            sums::mean(d, inputs, out, ctl)
        }

        #[target_feature(enable = $features)]
        fn requant(
            d: &Requant<'_>,
            accumulators: &[u8],
            out: &mut [u8],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            rescale::rescale(d, accumulators, out, ctl)
        }

        #[target_feature(enable = $features)]
        fn straighten(side: (usize, usize, usize), from: &[u8], to: &mut [u8]) {
            straight::straighten(side, from, to);
        }

        #[target_feature(enable = $features)]
        fn pack_rows(form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
            tiled::pack_rows(form, side, part, out);
        }

        #[target_feature(enable = $features)]
        fn interleave(
            form: Form,
            side: &Side<'_>,
            part: Part,
            (width, stride): (usize, usize),
            out: &mut [u8],
        ) {
            if width == tile::ROWS {
                interleave::interleave::<{ tile::ROWS }>(form, side, part, stride, out);
            } else {
                interleave::interleave::<{ tile::COLUMNS }>(form, side, part, stride, out);
            }
        }

        #[target_feature(enable = $features)]
        fn join(tile: &Tile<'_>, width: usize, low: &[u8], high: &[u8], c: &mut [u8]) {
            tiled::join(tile, width, low, high, c);
        }

        impl Micro for $backend {
            const ROWS: usize = tile::ROWS;
            const COLUMNS: usize = tile::COLUMNS;
            const SINGLE_BYTES: bool = $single_bytes;

            fn plain(
                self,
                d: &Gemm,
                a: &[u8],
                b: &[u8],
                c: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { plain(d, a, b, c, ctl) }
            }

            fn thin(
                self,
                d: &Gemm,
                a: &[u8],
                b: &[u8],
                c: &mut [u8],
                ctl: &mut Ctl<'_>,
            ) -> Result<(), Fatal> {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { thin(d, a, b, c, ctl) }
            }

            fn straighten(self, side: (usize, usize, usize), from: &[u8], to: &mut [u8]) {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { straighten(side, from, to) }
            }

            fn pack_rows(self, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { pack_rows(form, side, part, out) }
            }

            fn interleave(
                self,
                form: Form,
                side: &Side<'_>,
                part: Part,
                columns: (usize, usize),
                out: &mut [u8],
            ) {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { interleave(form, side, part, columns, out) }
            }

            fn turn(self, form: Form, side: &Side<'_>, part: Part, out: &mut [u8]) {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { pack::turn(form, side, part, out) }
            }

            $($own)*

            fn tile(self, tile: &Tile<'_>, c: &mut [u8]) {
                tile::check(tile, c);
                // SAFETY: a value of this type proves that the instructions are there, and the sizes that
                // the kernel reads and writes were checked.
                unsafe { tile::run(tile, c) }
            }

            fn join(self, tile: &Tile<'_>, low: &[u8], high: &[u8], c: &mut [u8]) {
                // SAFETY: a value of this type proves that the instructions are there.
                unsafe { join(tile, tile::COLUMNS, low, high, c) }
            }
        }
    };
}
pub(super) use backend;

/// Gives a backend its minima and maxima, by element type and elements of a vector.
macro_rules! lanes {
    ($backend:ty, $vector:ty, $load:ident, $store:ident: $($type:ty, $count:literal, $min:ident, $max:ident;)*) => {
        $(const _: () = assert!(size_of::<[$type; $count]>() == size_of::<$vector>());

        impl Lanes<$type, $count> for $backend {
            type Vector = $vector;

            #[inline(always)]
            fn load_bytes(self, bytes: &[u8]) -> $vector {
                let bytes = &bytes[..size_of::<$vector>()];
                // SAFETY: the slice has a vector's bytes; `self` proves the instructions.
                unsafe { $load(bytes.as_ptr().cast()) }
            }

            #[inline(always)]
            fn prefetch(self, address: *const u8) {
                // SAFETY: a hint reads nothing; all of x86-64 has the instruction.
                unsafe {
                    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                    _mm_prefetch::<_MM_HINT_T0>(address.cast());
                }
            }

            #[inline(always)]
            fn load(self, elements: &[$type; $count]) -> $vector {
                // SAFETY: the array has a vector's bytes; `self` proves the instructions.
                unsafe { $load(elements.as_ptr().cast()) }
            }

            #[inline(always)]
            fn store(self, vector: $vector, elements: &mut [$type; $count]) {
                // SAFETY: the array has a vector's bytes; `self` proves the instructions.
                unsafe { $store(elements.as_mut_ptr().cast(), vector) }
            }

            #[inline(always)]
            fn min(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $min(a, b) }
            }

            #[inline(always)]
            fn max(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $max(a, b) }
            }
        })*
    };
}
pub(super) use lanes;
