//! LINEARQ: a quantised linear layer.
//!
//! `linear((uint8 flags, uint8 kind, uint8 mode, uint32 m, uint32 k, uint32 n, int32 zx, int32 zw,
//! int32 zy, int32 lo, int32 hi), bytes x, bytes w, bytes bias, bytes scales, bytes lut) returns
//! (bytes y)`. Accumulators are `sum over l of (x[i][l] - zx) * (w[j][l] - zw) + bias[j]`; modes 0
//! and 1 bring them to the type of x, mode 2 returns them.
//!
//! The product of x and w comes from the backend; zero points and bias are corrections of it by row
//! and by column: `sum x * w - zx * sum w - zw * sum x + k * zx * zw + bias`. Each may wrap, the
//! result fits `i32`: with `k <= 32,768` it is at most `65,025 * k` before the bias.

use super::scales::{Mode, check_bounds, check_zero};
use crate::{
    Dtype, Fatal, Function, OpError,
    abi::Args,
    backend::{Ctl, Gemm, Kind, Requant},
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Data, Operand, Want},
};
use alloc::{vec, vec::Vec};

pub(crate) const FUNCTIONS: &[Function] = &[Function {
    selector: [0x80, 0x22, 0x6d, 0x06],
    signature: "linear((uint8,uint8,uint8,uint32,uint32,uint32,int32,int32,int32,int32,int32),bytes,bytes,bytes,bytes,bytes)",
    run: linear,
}];

/// Multiply-adds per gas.
const MULTIPLY_ADDS_PER_GAS: u64 = 128;
/// Elements scaled, or looked up, per gas.
const ELEMENTS_PER_GAS: u64 = 4;
/// Largest product of two centred elements: `255 * 255`.
const PRODUCT_MAX: i64 = 65_025;
/// Bytes of a table.
const TABLE_BYTES: u64 = 256;
/// Places of the arguments.
const BIAS: u8 = 3;
const SCALES: u8 = 4;
const LUT: u8 = 5;

/// Gas: `150 + W_in + 3 * W_out + m * k * n / 128`, in modes 0 and 1 also `m * n / 4`, and as much
/// again with `lut`; and the costs of operands.
///
/// `BadParam(0)`: undefined flag, kind or mode; a zero point outside its type; `lo > hi` or either
/// outside the type of x; in mode 2 a `zy`, `lo` or `hi` that is not zero, or scales or lut present.
/// `BadElement`: the first bias outside its bound, then the first scale outside its range.
fn linear(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, kind, mode) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let (m, k, n) = (args.u32(3)?, args.u32(4)?, args.u32(5)?);
    let (zx, zw) = (args.i32(6)?, args.i32(7)?);
    let (zero, lowest, highest) = (args.i32(8)?, args.i32(9)?, args.i32(10)?);
    let (x, w, bias) = (args.bytes(11)?, args.bytes(12)?, args.bytes(13)?);
    let (scales, lut) = (args.bytes(14)?, args.bytes(15)?);

    let store = call.flags(flags, 0)?;
    let mode = match mode {
        2 => None,
        _ => Some(Mode::from_code(mode).ok_or(OpError::BadParam(0))?),
    };
    let shape = Shape::check(kind, mode, [m, k, n].map(u64::from))?;
    let input = shape.input();
    check_zero(input, zx)?;
    check_zero(Dtype::I8, zw)?;
    match mode {
        Some(_) => check_bounds(input, lowest, highest)?,
        None if [zero, lowest, highest] != [0; 3] || !scales.is_empty() || !lut.is_empty() => {
            return Err(OpError::BadParam(0).into());
        }
        None => {}
    }

    let x = Operand::load(call, 1, x, Want::Exactly(input, shape.x))?;
    let w = Operand::load(call, 2, w, Want::Exactly(Dtype::I8, shape.w))?;
    let bias = Operand::load_if_any(call, BIAS, bias, Want::Exactly(Dtype::I32, n.into()))?;
    let scales = match mode {
        Some(mode) => Some((
            mode,
            Operand::load(call, SCALES, scales, mode.want(n.into()))?,
        )),
        None => None,
    };
    let lut = Operand::load_if_any(call, LUT, lut, Want::Bytes(TABLE_BYTES))?;
    let words = |operand: &Operand<'_>| operand.words();
    let price = Price {
        words_in: x
            .words()
            .saturating_add(w.words())
            .saturating_add(bias.as_ref().map_or(0, words))
            .saturating_add(scales.as_ref().map_or(0, |(_, scales)| scales.words()))
            .saturating_add(lut.as_ref().map_or(0, words)),
        out: &[shape.output],
        work: shape.work(lut.is_some()),
        store,
    };
    let mut result = call.begin(&price)?;

    let (x, w) = (x.fetch(call)?, w.fetch(call)?);
    let bias = fetch_if_any(bias, call)?;
    let lut = fetch_if_any(lut, call)?;
    let layer = Layer {
        gemm: shape.gemm,
        zx,
        zw,
        bias: bias.as_deref().unwrap_or_default(),
    };
    layer.check_bias()?;
    match scales {
        None => layer.accumulate(call, &x, &w, result.part(0))?,
        Some((mode, scales)) => {
            let scales = scales.fetch(call)?;
            let requant = Requant {
                to: input,
                columns: shape.gemm.n,
                scales: mode.check(SCALES, &scales)?,
                zero,
                lowest,
                highest,
                lut: lut.as_deref(),
            };
            let mut accumulators = vec![0; shape.accumulator_bytes()];
            layer.accumulate(call, &x, &w, &mut accumulators)?;
            let out = result.part(0);
            call.backend
                .requant(&requant, &accumulators, out, &mut call.ctl())?;
        }
    }
    call.finish(&price, result)
}

fn fetch_if_any<'a>(
    operand: Option<Operand<'a>>,
    call: &mut Call<'_>,
) -> Result<Option<Data<'a>>, Stop> {
    operand.map(|operand| operand.fetch(call)).transpose()
}

/// A checked shape.
struct Shape {
    gemm: Gemm,
    /// Elements of x.
    x: u64,
    /// Elements of w.
    w: u64,
    output: Out,
    multiply_adds: u64,
    /// Outputs that are scaled.
    scaled: u64,
}

impl Shape {
    fn check(kind: u8, mode: Option<Mode>, [m, k, n]: [u64; 3]) -> Result<Self, OpError> {
        let kind = match kind {
            0 => Kind::I8,
            1 => Kind::U8,
            _ => return Err(OpError::BadParam(0)),
        };
        gas::dimension(0, m, gas::SIDE_MAX)?;
        gas::dimension(0, k, gas::INNER_MAX)?;
        gas::dimension(0, n, gas::SIDE_MAX)?;
        let (x, w, outputs) = (
            m.saturating_mul(k),
            n.saturating_mul(k),
            m.saturating_mul(n),
        );
        let multiply_adds = outputs.saturating_mul(k);
        gas::at_most(multiply_adds, gas::MULTIPLY_ADDS_MAX)?;
        let output = match mode {
            Some(_) => input_type(kind),
            None => Dtype::I32,
        };
        gas::at_most(
            outputs.saturating_mul(output.bytes()),
            gas::OUTPUT_BYTES_MAX,
        )?;
        gas::at_most(x.saturating_add(w), gas::OPERAND_BYTES_MAX)?;
        let scaled = if mode.is_some() { outputs } else { 0 };
        let output = Out::Matrix(output, m, n);
        // Sides are at most 65,535.
        let [m, k, n] = [m, k, n].map(|side| usize::try_from(side).unwrap_or(0));
        let gemm = Gemm {
            kind,
            a_transposed: false,
            b_transposed: false,
            b_shared: false,
            batch: 1,
            m,
            k,
            n,
        };
        Ok(Self {
            gemm,
            x,
            w,
            output,
            multiply_adds,
            scaled,
        })
    }

    /// Type of x.
    const fn input(&self) -> Dtype {
        input_type(self.gemm.kind)
    }

    fn work(&self, has_lut: bool) -> u64 {
        let scaled = self.scaled.div_ceil(ELEMENTS_PER_GAS);
        let looked_up = if has_lut { scaled } else { 0 };
        let multiplied = self.multiply_adds.div_ceil(MULTIPLY_ADDS_PER_GAS);
        multiplied.saturating_add(scaled).saturating_add(looked_up)
    }

    /// At most four times the largest output.
    const fn accumulator_bytes(&self) -> usize {
        self.gemm.m.saturating_mul(self.gemm.n).saturating_mul(4)
    }
}

const fn input_type(kind: Kind) -> Dtype {
    match kind {
        Kind::U8 => Dtype::U8,
        _ => Dtype::I8,
    }
}

/// What turns x and w into accumulators.
struct Layer<'a> {
    gemm: Gemm,
    zx: i32,
    zw: i32,
    /// Packed `i32`, or empty.
    bias: &'a [u8],
}

impl Layer<'_> {
    fn biases(&self) -> impl Iterator<Item = i32> {
        let biases = self.bias.as_chunks::<4>().0.iter();
        biases.map(|bias| i32::from_le_bytes(*bias))
    }

    /// Refuses the first bias with which an accumulator could leave `i32`.
    fn check_bias(&self) -> Result<(), OpError> {
        let products = PRODUCT_MAX.saturating_mul(i64::try_from(self.gemm.k).unwrap_or(i64::MAX));
        let most = i64::from(i32::MAX).saturating_sub(products);
        let outside = |bias: i32| i64::from(bias.unsigned_abs()) > most;
        match self.biases().position(outside) {
            Some(index) => Err(OpError::BadElement {
                which: BIAS,
                index: index as u64,
            }),
            None => Ok(()),
        }
    }

    /// Writes the accumulators, packed `i32`.
    fn accumulate(&self, call: &Call<'_>, x: &[u8], w: &[u8], out: &mut [u8]) -> Result<(), Fatal> {
        let mut ctl = call.ctl();
        call.backend.gemm(&self.gemm, x, w, out, &mut ctl)?;
        if self.zx == 0 && self.zw == 0 && self.bias.is_empty() {
            return Ok(());
        }
        let columns = self.column_terms(w, &mut ctl)?;
        let rows = self.row_terms(x, &mut ctl)?;
        if let [column] = *columns {
            ctl.next(rows.len())?;
            add(out, &rows, column);
            return Ok(());
        }
        let accumulators = out.chunks_exact_mut(self.gemm.n.saturating_mul(4).max(1));
        for (row, accumulators) in rows.iter().zip(accumulators) {
            ctl.next(self.gemm.n)?;
            add(accumulators, &columns, *row);
        }
        Ok(())
    }

    /// `bias[j] - zx * sum over l of w[j][l] + k * zx * zw` for each column.
    fn column_terms(&self, w: &[u8], ctl: &mut Ctl<'_>) -> Result<Vec<i32>, Fatal> {
        let Gemm { k, n, .. } = self.gemm;
        let mut terms = vec![0; n];
        if self.zx != 0 {
            sums(Dtype::I8, w, k, &mut terms, ctl)?;
        }
        // k is at most 32,768.
        let k = i32::try_from(k).unwrap_or(0);
        let constant = k.wrapping_mul(self.zx).wrapping_mul(self.zw);
        for term in &mut terms {
            *term = constant.wrapping_sub(self.zx.wrapping_mul(*term));
        }
        for (term, bias) in terms.iter_mut().zip(self.biases()) {
            *term = term.wrapping_add(bias);
        }
        Ok(terms)
    }

    /// `-zw * sum over l of x[i][l]` for each row.
    fn row_terms(&self, x: &[u8], ctl: &mut Ctl<'_>) -> Result<Vec<i32>, Fatal> {
        let mut terms = vec![0; self.gemm.m];
        if self.zw == 0 {
            return Ok(terms);
        }
        sums(input_type(self.gemm.kind), x, self.gemm.k, &mut terms, ctl)?;
        for term in &mut terms {
            *term = self.zw.wrapping_mul(*term).wrapping_neg();
        }
        Ok(terms)
    }
}

/// Adds terms, and a constant, to packed `i32`.
fn add(accumulators: &mut [u8], terms: &[i32], constant: i32) {
    for (accumulator, term) in accumulators.as_chunks_mut::<4>().0.iter_mut().zip(terms) {
        let sum = i32::from_le_bytes(*accumulator);
        *accumulator = sum.wrapping_add(*term).wrapping_add(constant).to_le_bytes();
    }
}

/// Rows between two looks for a cancellation: at most 2^22 elements.
const ROWS: usize = 128;

/// Sums of the rows of a matrix of an 8-bit type; `k`, at most 32,768, is the length of a row.
fn sums(
    dtype: Dtype,
    matrix: &[u8],
    k: usize,
    out: &mut [i32],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let blocks = matrix.chunks(k.saturating_mul(ROWS).max(1));
    for (block, out) in blocks.zip(out.chunks_mut(ROWS)) {
        ctl.next(block.len())?;
        macro_rules! by_length {
            ($($short:literal)*) => {
                match k {
                    $($short => sums_of::<$short>(dtype, block, out),)*
                    _ => {
                        for (row, out) in block.chunks_exact(k.max(1)).zip(out) {
                            *out = sum(dtype, row);
                        }
                    }
                }
            };
        }
        by_length!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    Ok(())
}

/// [`sums`] of rows of a length known beforehand: no loop for each.
fn sums_of<const K: usize>(dtype: Dtype, block: &[u8], out: &mut [i32]) {
    for (row, out) in block.as_chunks::<K>().0.iter().zip(out) {
        *out = sum(dtype, row);
    }
}

/// Sum of at most 32,768 elements of an 8-bit type.
#[inline(always)]
fn sum(dtype: Dtype, bytes: &[u8]) -> i32 {
    // An i8 with its top bit flipped is itself plus 128, as u8.
    let (flip, offset) = match dtype {
        Dtype::I8 => (0x80, 128u32),
        _ => (0, 0),
    };
    let (wide, rest) = if bytes.len() < 128 {
        (&[][..], bytes)
    } else {
        bytes.as_chunks::<32>()
    };
    let mut total = 0u32;
    // 256 values of 8 bits fit 16 bits, of which there are four in each lane.
    for block in wide.chunks(128) {
        let mut lanes = [0u64; 4];
        for bytes in block {
            for (lane, bytes) in lanes.iter_mut().zip(bytes.as_chunks::<8>().0) {
                let bytes = u64::from_le_bytes(*bytes) ^ u64::from_le_bytes([flip; 8]);
                let (even, odd) = (bytes & EVEN_BYTES, (bytes >> 8) & EVEN_BYTES);
                *lane = lane.wrapping_add(even).wrapping_add(odd);
            }
        }
        for lane in lanes.map(u64::to_le_bytes) {
            for sum in lane.as_chunks::<2>().0 {
                total = total.wrapping_add(u16::from_le_bytes(*sum).into());
            }
        }
    }
    for byte in rest {
        total = total.wrapping_add((byte ^ flip).into());
    }
    // At most 2^23, less 2^22.
    let count = u32::try_from(bytes.len()).unwrap_or(0);
    let offset = count.wrapping_mul(offset);
    total.wrapping_sub(offset).cast_signed()
}

/// The lower byte of each 16 bits.
const EVEN_BYTES: u64 = 0x00ff_00ff_00ff_00ff;

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, Value, absent, i32s, inlined, ints};
    use super::*;
    use crate::round;
    use alloy_primitives::{hex, keccak256};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    /// Places of the fields.
    const FLAGS: usize = 0;
    const MODE: usize = 2;
    const K: usize = 4;
    const ZX: usize = 6;
    const LO: usize = 9;
    const X: usize = 11;

    /// The second worked example of the specification.
    fn example(mode: i64, scales: &[u8]) -> Sample {
        let fields = ints(&[0, 0, mode, 1, 2, 3, 0, 0, 0, -128, 127]);
        let operands = [
            inlined(hex!("05fd")),
            inlined(hex!("01010203ff00")),
            inlined(i32s(&[1, 0, 0])),
            inlined(scales),
            absent(),
        ];
        Sample::new(0x02, "linear", &[&fields, &operands])
    }

    const TOSA_HALF: [u8; 5] = hex!("000000401f");
    const ONNX_HALF: [u8; 4] = hex!("0000003f");

    #[test]
    fn the_worked_example() {
        let tosa = example(0, &TOSA_HALF);
        assert_eq!(tosa.result(), (159, hex!("0201fe").to_vec()));
        assert_eq!(
            keccak256(tosa.calldata()),
            hex!("e989ced03851a1b0d36d3f67d0f4a6f81797fe19a64f12d4e37057197c48ee1a")
        );
        let onnx = example(1, &ONNX_HALF);
        assert_eq!(onnx.result(), (159, hex!("0200fe").to_vec()));
        assert_eq!(
            keccak256(onnx.calldata()),
            hex!("8b3327cd8004449db7b27935b72938288caa769b5321391be0f15aebf7b58125")
        );
        assert_eq!(onnx.calldata().len(), 804);
    }

    #[test]
    fn random_layers_follow_the_definition() {
        let mut rng = StdRng::seed_from_u64(2);
        for case in 0..2_000 {
            let (m, k, n) = (
                rng.random_range(1..6usize),
                rng.random_range(1..40usize),
                rng.random_range(1..9usize),
            );
            let kind = rng.random_range(0..2u8);
            let input = if kind == 0 { Dtype::I8 } else { Dtype::U8 };
            let (least, most) = input.range();
            let zx = *[0, least, most, 3].get(case % 4).unwrap();
            let zw = *[0, -128, 127, 5].get(case / 4 % 4).unwrap();
            let zy = rng.random_range(-300..300i64);
            let lo = rng.random_range(least..=most);
            let hi = rng.random_range(lo..=most);
            let mode = rng.random_range(0..3i64);
            let x: Vec<u8> = (0..m * k).map(|_| rng.random()).collect();
            let w: Vec<u8> = (0..n * k).map(|_| rng.random()).collect();
            let bias: Vec<i32> = (0..n)
                .map(|_| rng.random_range(-1_000_000..1_000_000))
                .collect();
            let table: Vec<u8> = (0..256).map(|_| rng.random()).collect();
            let (has_bias, has_lut) = (rng.random::<bool>(), mode < 2 && rng.random());
            let count = if rng.random() { n } else { 1 };
            let multipliers: Vec<i32> = (0..count)
                .map(|_| rng.random_range(1 << 22..i32::MAX))
                .collect();
            let shifts: Vec<u8> = (0..count).map(|_| rng.random_range(30..46)).collect();
            let floats: Vec<u32> = (0..count)
                .map(|_| rng.random_range(110 << 23..122 << 23))
                .collect();
            let scales = match mode {
                0 => [i32s(&multipliers), shifts.clone()].concat(),
                _ => floats.iter().flat_map(|bits| bits.to_le_bytes()).collect(),
            };
            let [m_i, k_i, n_i] = [m, k, n].map(|side| i64::try_from(side).unwrap());
            let after = if mode == 2 { [0; 3] } else { [zy, lo, hi] };
            let fields = [
                &[0, kind.into(), mode, m_i, k_i, n_i, zx, zw][..],
                &after[..],
            ];
            let operands = [
                inlined(&x),
                inlined(&w),
                if has_bias {
                    inlined(i32s(&bias))
                } else {
                    absent()
                },
                if mode < 2 { inlined(&scales) } else { absent() },
                if has_lut { inlined(&table) } else { absent() },
            ];
            let sample = Sample::new(0x02, "linear", &[&ints(&fields.concat()), &operands]);

            let mut want = vec![];
            for i in 0..m {
                for j in 0..n {
                    let mut sum = if has_bias { i64::from(bias[j]) } else { 0 };
                    for l in 0..k {
                        let x = input.read(&x[i * k + l..]) - zx;
                        sum += x * (Dtype::I8.read(&w[j * k + l..]) - zw);
                    }
                    let sum = i32::try_from(sum).unwrap();
                    let scale = if count == 1 { 0 } else { j };
                    let q = match mode {
                        0 => round::tosa(sum, multipliers[scale], shifts[scale]),
                        1 => round::onnx(sum, floats[scale]),
                        _ => {
                            want.extend(sum.to_le_bytes());
                            continue;
                        }
                    };
                    let y = (q + zy).clamp(lo, hi).to_le_bytes()[0];
                    want.push(if has_lut { table[usize::from(y)] } else { y });
                }
            }
            let words = |bytes: usize| bytes.div_ceil(32);
            let sizes = [
                (true, x.len()),
                (true, w.len()),
                (has_bias, 4 * n),
                (mode < 2, scales.len()),
                (has_lut, 256),
            ];
            let words_in: usize = sizes
                .iter()
                .filter(|(present, _)| *present)
                .map(|(_, size)| words(*size))
                .sum();
            let passes = usize::from(mode < 2) + usize::from(has_lut);
            let work = (m * k * n).div_ceil(128) + (m * n).div_ceil(4) * passes;
            let gas = 150 + words_in + 3 * words(want.len()) + work;
            assert_eq!(sample.result(), (gas as u64, want), "{sample:?}");
        }
    }

    #[test]
    fn the_largest_accumulator_fits() {
        // All products are 255 * -255 or its opposite, and the bias leaves no room.
        let k = 32_768;
        let most = i32::MAX - 65_025 * 32_768;
        for (w, zw, sign) in [(0x80, 127, -1), (0x7f, -128, 1)] {
            let fields = ints(&[0, 1, 2, 1, 32_768, 1, 0, zw, 0, 0, 0]);
            let operands = |bias: i32| {
                [
                    inlined(vec![0xff; k]),
                    inlined(vec![w; k]),
                    inlined(i32s(&[bias])),
                    absent(),
                    absent(),
                ]
            };
            let sample = Sample::new(0x02, "linear", &[&fields, &operands(sign * most)]);
            assert_eq!(sample.result().1, i32s(&[sign * i32::MAX]));
            let sample = Sample::new(0x02, "linear", &[&fields, &operands(sign * (most + 1))]);
            sample.refused(OpError::BadElement { which: 3, index: 0 });
        }
    }

    #[test]
    fn wrong_parameters_are_named() {
        let good = example(0, &TOSA_HALF);
        let whole = example(2, &[]).with(X + 3, absent());
        let whole = whole.set(LO, 0).set(LO + 1, 0);
        assert_eq!(whole.result().1, i32s(&[3, 1, -5]));
        for bad in [
            good.set(FLAGS, 1),
            good.set(FLAGS, 0x40),
            good.set(1, 2),
            good.set(MODE, 3),
            good.set(ZX, 128),
            good.set(ZX + 1, -129),
            good.set(LO, 128),
            good.set(LO, -129),
            good.set(LO + 1, -129),
            good.set(LO, 5).set(LO + 1, 4),
            good.set(1, 1),
            whole.set(8, 1),
            whole.set(LO, -1),
            whole.set(LO + 1, 1),
            whole.with(X + 3, inlined(TOSA_HALF)),
            whole.with(X + 4, inlined([0; 256])),
        ] {
            bad.refused(OpError::BadParam(0));
        }
        for side in 3..6 {
            good.set(side, 0).refused(OpError::BadShape(0));
        }
        let too_large = |got, max| OpError::TooLarge { got, max };
        good.set(K, 32_769).refused(too_large(32_769, 32_768));
        good.set(3, 65_536).refused(too_large(65_536, 65_535));
        good.set(5, 1 << 32).refused(OpError::BadCalldata);
        let many = good.set(3, 65_535).set(5, 65);
        many.set(K, 1).refused(too_large(65_535 * 65, 4 << 20));
        many.set(K, 32_768)
            .refused(too_large(65_535 * 65 * 32_768, 1 << 31));
    }

    #[test]
    fn wrong_operands_are_named() {
        let good = example(0, &TOSA_HALF);
        let length = |which, want, got| OpError::LengthMismatch { which, want, got };
        for (which, want) in [(1, 2), (2, 6), (3, 12), (4, 15), (5, 256)] {
            let wrong = inlined([0; 7]);
            let bad = good.with(X - 1 + usize::from(which), wrong);
            bad.refused(length(which, want, 7));
        }
        for which in [1, 2, 4] {
            let bad = good.with(X - 1 + usize::from(which), absent());
            bad.refused(OpError::BadOperand(which));
            let bad = good.with(X - 1 + usize::from(which), Value::Bytes(vec![3, 0]));
            bad.refused(OpError::BadOperand(which));
        }
        let element = |which, index| OpError::BadElement { which, index };
        let scales =
            |multipliers: &[i32], shifts: &[u8]| inlined([&i32s(multipliers)[..], shifts].concat());
        let at = X + 3;
        for (multipliers, shifts, index) in [
            (&[-1][..], &[2][..], 0),
            (&[0], &[1], 0),
            (&[i32::MAX], &[63], 0),
            (&[0, 0, 0], &[2, 62, 1], 2),
            (&[0, 0, i32::MIN], &[2, 63, 2], 1),
        ] {
            let bad = good.with(at, scales(multipliers, shifts));
            bad.refused(element(4, index));
        }
        let onnx = example(1, &ONNX_HALF);
        for (bits, is_good) in [
            (63 << 23, true),
            ((158 << 23) - 1, true),
            (0, false),
            ((63 << 23) - 1, false),
            (158 << 23, false),
            (1 << 31 | 100 << 23, false),
        ] {
            let sample = onnx.with(at, inlined(u32::to_le_bytes(bits)));
            if is_good {
                sample.result();
            } else {
                sample.refused(element(4, 0));
            }
        }
        // The bias comes first.
        let bad = good.with(at, scales(&[-1], &[2]));
        bad.with(X + 2, inlined(i32s(&[0, i32::MIN, i32::MAX])))
            .refused(element(3, 1));
    }
}
