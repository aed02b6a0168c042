//! REDUCE: functions of the elements along an axis.

use super::{
    element::{BLOCK, Element, with_element},
    topk,
};
use crate::{
    Dtype, Fatal, Function, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
    round,
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x7d, 0xce, 0x7d, 0x14],
        signature: "reduce((uint8,uint8,uint8,uint32,uint32,uint32),bytes)",
        run: reduce,
    },
    Function {
        selector: [0xfa, 0x43, 0xea, 0xf4],
        signature: "topk(uint8,uint32,uint32,uint16,bytes)",
        run: topk::topk,
    },
];

/// Types that these functions take.
pub(super) const TYPES: [Dtype; 4] = [Dtype::I8, Dtype::U8, Dtype::I16, Dtype::I32];

/// `reduce((uint8 flags, uint8 op, uint8 dtype, uint32 outer, uint32 len, uint32 inner), bytes x) returns
/// (bytes y)`: over the middle axis of `[outer][len][inner]`, op 0 the sum (i64), 1 the largest, 2 the
/// smallest, 3 the mean, half away from zero (all of x's type), 4 the index of the largest, 5 of the
/// smallest (u32; the lowest index wins). i8, u8, i16, i32.
///
/// Gas of the work: a unit per four elements of x. `BadParam(0)`: undefined flag or op. `BadDtype(0)`.
/// `BadShape(0)`: a dimension is zero. `TooLarge`: x above the limit of operands, then the result
/// above its own.
fn reduce(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, op, dtype) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let sides = [args.u32(3)?, args.u32(4)?, args.u32(5)?];
    let x = args.bytes(6)?;

    let store = call.flags(flags, 0)?;
    let op = Reduction::from_code(op).ok_or(OpError::BadParam(0))?;
    let dtype = super::dtype(0, dtype, &TYPES)?;
    let count = elements([(0, sides[0]), (0, sides[1]), (0, sides[2])], dtype)?;
    let [outer, len, inner] = sides.map(u64::from);
    let result_type = op.result(dtype);
    let results = outer.saturating_mul(inner);
    gas::at_most(
        results.saturating_mul(result_type.bytes()),
        gas::OUTPUT_BYTES_MAX,
    )?;

    let x = Operand::load(call, 1, x, Want::Exactly(dtype, count))?;
    let price = Price {
        words_in: x.words(),
        out: &[Out::Vector(result_type, results)],
        work: count.div_ceil(4),
        store,
    };
    let mut result = call.begin(&price)?;

    let x = x.fetch(call)?;
    let (out, ctl) = (result.part(0), &mut call.ctl());
    let axes = Axes::new(outer, len, inner);
    with_element!(dtype, T, N, {
        match op {
            Reduction::Sum => {
                axes.fold::<T, Sum, N, 8>(&x, out, ctl, |sum| sum.0.to_le_bytes())?;
            }
            Reduction::Max => {
                axes.fold::<T, Max<T>, N, N>(&x, out, ctl, |max| max.0.store())?;
            }
            Reduction::Min => {
                axes.fold::<T, Min<T>, N, N>(&x, out, ctl, |min| min.0.store())?;
            }
            Reduction::Mean => {
                axes.fold::<T, Sum, N, N>(&x, out, ctl, |sum| {
                    T::saturate(round::away(sum.0, len)).store()
                })?;
            }
            Reduction::ArgMax => {
                axes.fold::<T, ArgMax<T>, N, 4>(&x, out, ctl, |max| max.index.to_le_bytes())?;
            }
            Reduction::ArgMin => {
                axes.fold::<T, ArgMin<T>, N, 4>(&x, out, ctl, |min| min.index.to_le_bytes())?;
            }
        }
    });
    call.finish(&price, result)
}

/// Product of dimensions, each with the argument that holds it: none is zero, and so many elements fit
/// the limit of operands.
pub(super) fn elements<const N: usize>(
    sides: [(u8, u32); N],
    dtype: Dtype,
) -> Result<u64, OpError> {
    let mut count = 1u64;
    for (which, side) in sides {
        gas::dimension(which, side.into(), u32::MAX.into())?;
        count = count.saturating_mul(side.into());
    }
    gas::at_most(count.saturating_mul(dtype.bytes()), gas::OPERAND_BYTES_MAX)?;
    Ok(count)
}

#[derive(Clone, Copy)]
enum Reduction {
    Sum,
    Max,
    Min,
    Mean,
    ArgMax,
    ArgMin,
}

impl Reduction {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Sum,
            1 => Self::Max,
            2 => Self::Min,
            3 => Self::Mean,
            4 => Self::ArgMax,
            5 => Self::ArgMin,
            _ => return None,
        })
    }

    /// Type of the result.
    const fn result(self, dtype: Dtype) -> Dtype {
        match self {
            Self::Sum => Dtype::I64,
            Self::Max | Self::Min | Self::Mean => dtype,
            Self::ArgMax | Self::ArgMin => Dtype::U32,
        }
    }
}

/// What is known of a line of elements so far.
trait Fold<T>: Copy {
    /// Of no element; the first one replaces it.
    fn none() -> Self;
    /// With one more, `x` at `index`.
    fn with(self, x: T, index: u32) -> Self;
}

/// At most 2^27 elements of 32 bits.
#[derive(Clone, Copy)]
struct Sum(i64);

impl<T: Into<i64>> Fold<T> for Sum {
    #[inline(always)]
    fn none() -> Self {
        Self(0)
    }
    #[inline(always)]
    fn with(self, x: T, _: u32) -> Self {
        Self(self.0.wrapping_add(x.into()))
    }
}

#[derive(Clone, Copy)]
struct Max<T>(T);

#[derive(Clone, Copy)]
struct Min<T>(T);

#[derive(Clone, Copy)]
struct ArgMax<T> {
    max: T,
    index: u32,
}

#[derive(Clone, Copy)]
struct ArgMin<T> {
    min: T,
    index: u32,
}

macro_rules! folds {
    ($($type:ty, $bytes:literal;)*) => {
        $(
            impl Fold<$type> for Max<$type> {
                #[inline(always)]
                fn none() -> Self {
                    Self(<$type>::MIN)
                }
                #[inline(always)]
                fn with(self, x: $type, _: u32) -> Self {
                    Self(self.0.max(x))
                }
            }
            impl Fold<$type> for Min<$type> {
                #[inline(always)]
                fn none() -> Self {
                    Self(<$type>::MAX)
                }
                #[inline(always)]
                fn with(self, x: $type, _: u32) -> Self {
                    Self(self.0.min(x))
                }
            }
            // A line of lowest values keeps index 0, as it should.
            impl Fold<$type> for ArgMax<$type> {
                #[inline(always)]
                fn none() -> Self {
                    Self { max: <$type>::MIN, index: 0 }
                }
                #[inline(always)]
                fn with(self, x: $type, index: u32) -> Self {
                    if x > self.max { Self { max: x, index } } else { self }
                }
            }
            impl Fold<$type> for ArgMin<$type> {
                #[inline(always)]
                fn none() -> Self {
                    Self { min: <$type>::MAX, index: 0 }
                }
                #[inline(always)]
                fn with(self, x: $type, index: u32) -> Self {
                    if x < self.min { Self { min: x, index } } else { self }
                }
            }
        )*
    };
}
folds!(u8, 1; i8, 1; i16, 2; i32, 4; i64, 8;);

/// Lines that are folded together: their states stay in cache.
const TILE: usize = 256;

/// A checked shape `[outer][len][inner]`.
struct Axes {
    len: usize,
    inner: usize,
}

impl Axes {
    fn new(outer: u64, len: u64, inner: u64) -> Self {
        // At most 2^27 elements.
        let [outer, len, inner] =
            [outer, len, inner].map(|side| usize::try_from(side).unwrap_or(1));
        // Lines of one element are all alike, wherever they lie.
        let inner = if len == 1 {
            outer.saturating_mul(inner)
        } else {
            inner
        };
        Self { len, inner }
    }

    /// Folds every line, and writes what `end` makes of it.
    fn fold<T: Element<N>, F: Fold<T>, const N: usize, const M: usize>(
        &self,
        x: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
        end: impl Fn(F) -> [u8; M],
    ) -> Result<(), Fatal> {
        let (x, out) = (x.as_chunks::<N>().0, out.as_chunks_mut::<M>().0);
        match self.inner {
            0 | 1 => {}
            2 => return self.fold_few::<T, F, N, M, 2>(x, out, ctl, end),
            3 => return self.fold_few::<T, F, N, M, 3>(x, out, ctl, end),
            4 => return self.fold_few::<T, F, N, M, 4>(x, out, ctl, end),
            _ => return self.fold_tiles(x, out, ctl, end),
        }
        // Lines lie in one piece each: some of them at a time, or a part of one.
        let lines = BLOCK.checked_div(self.len).unwrap_or(1).max(1);
        for (x, out) in x
            .chunks(lines.saturating_mul(self.len))
            .zip(out.chunks_mut(lines))
        {
            for (line, out) in x.chunks(self.len).zip(out) {
                let mut state = F::none();
                for (part, index) in line.chunks(BLOCK).zip((0u32..).step_by(BLOCK)) {
                    ctl.next(part.len())?;
                    for (x, index) in part.iter().zip(index..) {
                        state = state.with(T::load(*x), index);
                    }
                }
                *out = end(state);
            }
        }
        Ok(())
    }

    /// [`Axes::fold`] for lines whose elements lie `I` apart.
    fn fold_few<T: Element<N>, F: Fold<T>, const N: usize, const M: usize, const I: usize>(
        &self,
        x: &[[u8; N]],
        out: &mut [[u8; M]],
        ctl: &mut Ctl<'_>,
        end: impl Fn(F) -> [u8; M],
    ) -> Result<(), Fatal> {
        let planes = x.as_chunks::<I>().0.chunks(self.len);
        for (plane, out) in planes.zip(out.as_chunks_mut::<I>().0) {
            let mut states = [F::none(); I];
            for (part, first) in plane.chunks(BLOCK).zip((0u32..).step_by(BLOCK)) {
                ctl.next(part.len().saturating_mul(I))?;
                for (row, index) in part.iter().zip(first..) {
                    for (state, x) in states.iter_mut().zip(row) {
                        *state = state.with(T::load(*x), index);
                    }
                }
            }
            *out = states.map(&end);
        }
        Ok(())
    }

    /// [`Axes::fold`] for lines whose elements lie `inner` apart.
    fn fold_tiles<T: Element<N>, F: Fold<T>, const N: usize, const M: usize>(
        &self,
        x: &[[u8; N]],
        out: &mut [[u8; M]],
        ctl: &mut Ctl<'_>,
        end: impl Fn(F) -> [u8; M],
    ) -> Result<(), Fatal> {
        let mut states = [F::none(); TILE];
        let planes = x.chunks(self.len.saturating_mul(self.inner));
        for (plane, out) in planes.zip(out.chunks_mut(self.inner)) {
            for (out, start) in out.chunks_mut(TILE).zip((0..).step_by(TILE)) {
                let states = states.get_mut(..out.len()).unwrap_or_default();
                states.fill(F::none());
                for (row, index) in plane.chunks(self.inner).zip(0u32..) {
                    ctl.next(states.len())?;
                    let row = row.get(start..).unwrap_or_default();
                    for (state, x) in states.iter_mut().zip(row) {
                        *state = state.with(T::load(*x), index);
                    }
                }
                for (state, out) in states.iter().zip(out) {
                    *out = end(*state);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]
mod tests {
    use super::super::testing::{Sample, Value, i32s, inlined, ints};
    use super::*;
    use crate::testing::{i8s, i16s, i64s};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn reduction(op: i64, dtype: Dtype, sides: [i64; 3], x: &[u8]) -> Sample {
        let [outer, len, inner] = sides;
        let fields = ints(&[0, op, dtype.code().into(), outer, len, inner]);
        Sample::new(0x05, "reduce", &[&fields, &[inlined(x)]])
    }

    #[test]
    fn lines_are_folded_as_defined() {
        let mut rng = StdRng::seed_from_u64(8);
        let shapes = [
            [1, 1, 1],
            [5, 1, 3],
            [1, 9, 1],
            [4, 7, 1],
            [2, 3, 4],
            [3, 5, 300],
            [1, 2, 700],
            [300, 2, 2],
            [1, 70_000, 1],
        ];
        for (dtype, shape, op) in TYPES
            .iter()
            .flat_map(|dtype| shapes.iter().map(move |shape| (*dtype, *shape)))
            .flat_map(|(dtype, shape)| (0..6).map(move |op| (dtype, shape, op)))
        {
            let [outer, len, inner] = shape;
            let size = usize::try_from(dtype.bytes()).unwrap();
            let (least, most) = dtype.range();
            // Few different values, so that there are ties.
            let values = [least, most, -1, 0, 1, 2, 3].map(|value| value.max(least));
            let x: Vec<i64> = (0..outer * len * inner)
                .map(|_| values[rng.random_range(0..7)])
                .collect();
            let mut want = vec![];
            for o in 0..outer {
                for i in 0..inner {
                    let line: Vec<i64> = (0..len).map(|l| x[(o * len + l) * inner + i]).collect();
                    let sum: i64 = line.iter().sum();
                    let (max, min) = (*line.iter().max().unwrap(), *line.iter().min().unwrap());
                    let at = |value| line.iter().position(|x| *x == value).unwrap() as i64;
                    // Half away from zero: twice the sum plus len, over twice len.
                    let mean = (2 * sum.abs() + len as i64) / (2 * len as i64) * sum.signum();
                    let all = [sum, max, min, mean, at(max), at(min)];
                    let out_size = [8, size, size, size, 4, 4][op];
                    want.extend(&all[op].to_le_bytes()[..out_size]);
                }
            }
            let bytes: Vec<u8> = x
                .iter()
                .flat_map(|x| x.to_le_bytes()[..size].to_vec())
                .collect();
            let gas = 150 + bytes.len().div_ceil(32) + 3 * want.len().div_ceil(32);
            let gas = (gas + x.len().div_ceil(4)) as u64;
            let sides = shape.map(|side| side as i64);
            let sample = reduction(op as i64, dtype, sides, &bytes);
            assert_eq!(sample.result(), (gas, want), "{dtype:?} {shape:?} {op}");
        }
    }

    #[test]
    fn wrong_reductions_are_named() {
        let good = reduction(0, Dtype::I16, [1, 3, 1], &i16s(&[1, 2, 3]));
        assert_eq!(good.result().1, i64s(&[6]));
        good.set(0, 1).refused(OpError::BadParam(0));
        good.set(1, 6).refused(OpError::BadParam(0));
        good.set(2, 7).refused(OpError::BadDtype(0));
        good.set(2, 0).refused(OpError::BadDtype(0));
        for side in 3..6 {
            good.set(side, 0).refused(OpError::BadShape(0));
        }
        good.set(3, 2).refused(OpError::LengthMismatch {
            which: 1,
            want: 12,
            got: 6,
        });
        let max = 128 << 20;
        let got = 6 * (1 << 26);
        good.set(3, 1 << 26).refused(OpError::TooLarge { got, max });
        let (got, max) = (8 * ((1 << 19) + 1), 4 << 20);
        good.set(4, 1)
            .set(3, (1 << 19) + 1)
            .refused(OpError::TooLarge { got, max });
        good.with(6, Value::Bytes(vec![]))
            .refused(OpError::BadOperand(1));
        // All sides at their ends.
        for index in 3..6 {
            let _ = good.set(index, (1 << 32) - 1).run(u64::MAX);
        }
    }

    fn top(dtype: Dtype, [rows, len, k]: [i64; 3], x: &[u8]) -> Sample {
        let fields = ints(&[dtype.code().into(), rows, len, k]);
        Sample::new(0x05, "topk", &[&fields, &[inlined(x)]])
    }

    #[test]
    fn the_best_come_first_and_ties_by_index() {
        let (gas, [values, indices]) =
            top(Dtype::I8, [2, 3, 2], &i8s(&[-1, 5, 5, -128, 127, -128])).results();
        assert_eq!(values, i8s(&[5, 5, 127, -128]));
        assert_eq!(indices, i32s(&[1, 2, 1, 0]));
        assert_eq!(gas, 150 + 1 + 3 + 3 + 2 + 2);

        let mut rng = StdRng::seed_from_u64(9);
        for dtype in TYPES {
            for (rows, len, k) in [
                (1, 1, 1),
                (3, 5, 5),
                (2, 40, 1),
                (2, 40, 12),
                (2, 40, 13),
                (2, 40, 40),
                (1, 3_000, 13),
                (2, 3_000, 1_000),
                (1, 20_000, 1_024),
                (1, 20_000, 3),
                (1, 1_024, 1_024),
            ] {
                let (least, most) = dtype.range();
                let size = usize::try_from(dtype.bytes()).unwrap();
                let order = rng.random_range(0..3);
                let mut x: Vec<i64> = (0..rows * len)
                    .map(|index| match order {
                        0 => rng.random_range(least..=most),
                        1 => rng.random_range(0..3),
                        // Rising: each is better than all before.
                        _ => dtype.saturate(index as i64 + least),
                    })
                    .collect();
                x[0] = least;
                let (mut values, mut indices) = (vec![], vec![]);
                for row in x.chunks(len) {
                    let mut order: Vec<usize> = (0..len).collect();
                    order.sort_by_key(|index| -row[*index]);
                    for index in &order[..k] {
                        values.extend(&row[*index].to_le_bytes()[..size]);
                        indices.extend(u32::try_from(*index).unwrap().to_le_bytes());
                    }
                }
                let bytes: Vec<u8> = x
                    .iter()
                    .flat_map(|x| x.to_le_bytes()[..size].to_vec())
                    .collect();
                let words = |bytes: &[u8]| bytes.len().div_ceil(32);
                let log = (1..).find(|log| 1 << log > k).unwrap();
                let gas = 150 + words(&bytes) + 3 * (words(&values) + words(&indices));
                let gas = (gas + x.len().div_ceil(4) + (x.len() * log).div_ceil(8)) as u64;
                let sample = top(dtype, [rows, len, k].map(|side| side as i64), &bytes);
                assert_eq!(
                    sample.results(),
                    (gas, [values, indices]),
                    "{dtype:?} {rows} {len} {k}"
                );
            }
        }
    }

    #[test]
    fn wrong_tops_are_named() {
        let good = top(Dtype::I32, [1, 2, 2], &i32s(&[i32::MIN, i32::MIN]));
        assert_eq!(good.results().1[1], i32s(&[0, 1]));
        good.set(0, 7).refused(OpError::BadDtype(0));
        for (which, index) in [(1, 1), (2, 2), (3, 3)] {
            good.set(index, 0).refused(OpError::BadShape(which));
        }
        good.set(3, 3).refused(OpError::BadParam(3));
        let too_large = |got, max| OpError::TooLarge { got, max };
        good.set(3, 1_025).refused(too_large(1_025, 1_024));
        good.set(1, 1 << 25).refused(too_large(1 << 28, 128 << 20));
        good.set(1, 2).refused(OpError::LengthMismatch {
            which: 4,
            want: 16,
            got: 8,
        });
    }
}
