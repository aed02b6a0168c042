//! What every [`Backend`] must pass: random and extreme cases of each of its operations, compared
//! bit for bit with [`Portable`].
//!
//! Shapes are 1, small, odd, and one off the sizes of tiles, panels and blocks; values are random,
//! extremes only, nearly all zero, or all alike; slices begin at any address; roundings meet ties.

// A test that a program can run on the machine it has; it sees no input from outside.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use crate::{Backend, Ctl, Dtype, Gemm, Kind, Mean, NoHost, Portable, Requant, Scales};
use alloc::{format, string::String, vec, vec::Vec};
use core::fmt::{self, Debug};

/// A case in which a backend does not give the bytes of [`Portable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Method of [`Backend`].
    pub operation: &'static str,
    /// What it was asked, without the values.
    pub case: String,
    /// Index of the case: with the same seed it comes again.
    pub index: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            case,
            index,
        } = self;
        write!(f, "case {index}, {operation}: {case}")
    }
}

/// Compares `backend` with [`Portable`] on `cases` cases that follow from `seed`.
///
/// A thousand cases take about 0.1 s.
///
/// # Errors
/// The first case in which they differ.
pub fn conformance(backend: &dyn Backend, seed: u64, cases: u64) -> Result<(), Difference> {
    check(backend, seed, cases, 1 << 17)
}

/// [`conformance`] with products of at most `work` multiply-adds.
pub(crate) fn check(
    backend: &dyn Backend,
    seed: u64,
    cases: u64,
    work: usize,
) -> Result<(), Difference> {
    for index in 0..cases {
        let mut random = Random(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (operation, run): (_, fn(_, _, _) -> _) = match index % 12 {
            0..5 => ("gemm", gemm),
            5 | 6 => ("requant", requant),
            7 => ("sum", sum),
            8 => ("mean", mean),
            9 => ("trimmed", trimmed),
            10 => ("gram", gram),
            _ => ("keccak_nodes", keccak_nodes),
        };
        run(backend, &mut random, work).map_err(|case| Difference {
            operation,
            case,
            index,
        })?;
    }
    Ok(())
}

/// Splitmix64.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Below `end`.
    #[allow(clippy::cast_possible_truncation)] // Below `end`.
    const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    const fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// 1 to `most`: small, or one off a size that a kernel may have.
    fn side(&mut self, most: usize) -> usize {
        let sizes = [4, 6, 8, 12, 16, 32, 60, 64, 120, 128, 256, 512, 1024, 2048];
        let side = match self.below(4) {
            0 => 1,
            1 => 1 + self.below(9),
            2 => 1 + self.below(100),
            _ => self.pick(&sizes) + self.below(3) - 1,
        };
        side.min(most.max(1))
    }

    /// `count` elements of `size` bytes, and the place in the vector where they begin.
    fn elements(&mut self, count: usize, size: usize) -> Slice {
        let first = self.below(4);
        let mut bytes = vec![0; first + count * size];
        let extremes = |random: &mut Self| match random.below(4) {
            // Lowest, highest, -1, 0.
            0 => (0, 0x80),
            1 => (0xff, 0x7f),
            2 => (0xff, 0xff),
            _ => (0, 0),
        };
        let mode = self.below(6);
        let alike = extremes(self);
        for element in bytes[first..].chunks_exact_mut(size) {
            let (low, high) = match mode {
                0 => extremes(self),
                1 => alike,
                2 if !self.chance(16) => (0, 0),
                _ => {
                    element.copy_from_slice(&self.next().to_le_bytes()[..size]);
                    continue;
                }
            };
            element.fill(low);
            element[size - 1] = high;
        }
        Slice { bytes, first }
    }

    fn inputs(&mut self, clients: usize, count: usize, size: usize) -> Vec<Slice> {
        (0..clients).map(|_| self.elements(count, size)).collect()
    }
}

/// Elements at any alignment.
struct Slice {
    bytes: Vec<u8>,
    first: usize,
}

impl Slice {
    fn get(&self) -> &[u8] {
        &self.bytes[self.first..]
    }
}

/// Runs both, on results that hold something else before.
fn compare<T: Copy + PartialEq>(
    backend: &dyn Backend,
    (count, before): (usize, [T; 2]),
    case: &dyn Debug,
    run: impl Fn(&dyn Backend, &mut [T], &mut Ctl<'_>) -> Result<(), crate::Fatal>,
) -> Result<(), String> {
    let (mut fast, mut slow) = (vec![before[0]; count], vec![before[1]; count]);
    let (host, portable) = (NoHost, Portable);
    let given = run(backend, &mut fast, &mut Ctl::new(&host));
    let wanted = run(&portable, &mut slow, &mut Ctl::new(&host));
    if given == wanted && fast == slow {
        return Ok(());
    }
    let at = fast.iter().zip(&slow).position(|(fast, slow)| fast != slow);
    Err(format!("{case:?}, at {at:?} of {count}"))
}

fn gemm(backend: &dyn Backend, random: &mut Random, work: usize) -> Result<(), String> {
    let kinds = [Kind::I8, Kind::U8, Kind::I16, Kind::I32, Kind::I32Wide];
    let kind = random.pick(&kinds);
    let (element, sum) = kind.dtypes();
    let size = |dtype: Dtype| usize::from(dtype.bytes().to_le_bytes()[0]);
    let (batch, k) = (random.pick(&[1, 1, 1, 2, 3, 17]), random.side(work / 32));
    let m = random.side(work / batch / k);
    let n = random.side(work / batch / k / m);
    let (m, n) = if random.chance(2) { (m, n) } else { (n, m) };
    let flags = random.next();
    let d = Gemm {
        kind,
        a_transposed: flags & 1 != 0,
        b_transposed: flags & 2 != 0,
        b_shared: flags & 4 != 0,
        batch,
        m,
        k,
        n,
    };
    let batches = if d.b_shared { 1 } else { batch };
    let a = random.elements(batch * m * k, size(element));
    let b = random.elements(batches * n * k, size(element));
    let count = batch * m * n * size(sum);
    compare(backend, (count, [1, 2]), &d, |backend, c, ctl| {
        backend.gemm(&d, a.get(), b.get(), c, ctl)
    })
}

fn requant(backend: &dyn Backend, random: &mut Random, _: usize) -> Result<(), String> {
    let (rows, columns) = (random.side(300), random.side(700));
    let to = random.pick(&[Dtype::I8, Dtype::U8]);
    let (least, most) = if to == Dtype::I8 {
        (-128, 127)
    } else {
        (0, 255)
    };
    let number = |random: &mut Random| i32::from(random.next().to_le_bytes()[0]) + least;
    let (mut lowest, mut highest) = (number(random), number(random));
    if random.chance(2) {
        (lowest, highest) = (least, most);
    } else if lowest > highest {
        (lowest, highest) = (highest, lowest);
    }
    let any = |random: &mut Random| {
        u32::from_le_bytes(*random.next().to_le_bytes().first_chunk().unwrap_or(&[0; 4]))
    };
    let zero = match random.below(4) {
        0 => any(random).cast_signed(),
        1 => 0,
        _ => number(random),
    };
    let scales = if random.chance(3) { 1 } else { columns };
    // Powers of two and half of them meet ties.
    let multipliers: Vec<u8> = (0..scales)
        .flat_map(|_| {
            let multiplier = match random.below(4) {
                0 => 1 << random.below(31),
                1 => 0x7fff_ffff,
                _ => any(random) >> 1,
            };
            multiplier.to_le_bytes()
        })
        .collect();
    let shift = |random: &mut Random| 2 + random.below(61).to_le_bytes()[0];
    let shifts: Vec<u8> = (0..scales).map(|_| shift(random)).collect();
    let floats: Vec<u8> = (0..scales)
        .flat_map(|_| {
            let exponent = if random.chance(2) {
                63 + any(random) % 95
            } else {
                110 + any(random) % 18
            };
            let fraction = match random.below(3) {
                0 => 0,
                1 => 0x40_0000 >> random.below(24),
                _ => any(random) & 0x7f_ffff,
            };
            (exponent << 23 | fraction & 0x7f_ffff).to_le_bytes()
        })
        .collect();
    let narrow = random.below(32);
    let accumulators: Vec<u8> = (0..rows * columns)
        .flat_map(|_| (any(random).cast_signed() >> narrow).to_le_bytes())
        .collect();
    let lut: Vec<u8> = (0..256).map(|_| random.next().to_le_bytes()[0]).collect();
    let d = Requant {
        to,
        columns,
        scales: if random.chance(2) {
            Scales::Onnx(&floats)
        } else {
            Scales::Tosa {
                multipliers: &multipliers,
                shifts: &shifts,
            }
        },
        zero,
        lowest,
        highest,
        lut: random.chance(3).then_some(&lut),
    };
    let case = (rows, columns, zero, lowest, highest, narrow);
    compare(
        backend,
        (rows * columns, [1, 2]),
        &case,
        |backend, out, ctl| backend.requant(&d, &accumulators, out, ctl),
    )
}

fn slices(inputs: &[Slice]) -> Vec<&[u8]> {
    inputs.iter().map(Slice::get).collect()
}

/// Clients and coordinates of an aggregation.
fn clients(random: &mut Random, least: usize) -> (usize, usize) {
    let clients = match random.below(4) {
        0 => 1 + random.below(256),
        _ => 1 + random.below(40),
    };
    (clients.max(least), random.side(20_000 / clients.max(least)))
}

fn sum(backend: &dyn Backend, random: &mut Random, _: usize) -> Result<(), String> {
    let (clients, count) = clients(random, 1);
    let (dtype, size) = random.pick(&[(Dtype::I32, 4), (Dtype::I64, 8)]);
    let inputs = random.inputs(clients, count, size);
    let inputs = slices(&inputs);
    let case = (dtype, clients, count);
    compare(
        backend,
        (count * size, [1, 2]),
        &case,
        |backend, out, ctl| backend.sum(dtype, &inputs, out, ctl),
    )
}

const ORDERED: [(Dtype, usize); 3] = [(Dtype::I8, 1), (Dtype::I16, 2), (Dtype::I32, 4)];

fn mean(backend: &dyn Backend, random: &mut Random, _: usize) -> Result<(), String> {
    let (clients, count) = clients(random, 1);
    let (dtype, size) = random.pick(&ORDERED);
    let inputs = random.inputs(clients, count, size);
    let inputs = slices(&inputs);
    // Sums stay within 63 bits: 256 clients of 32 and 23 bits.
    let narrow = 8 + random.below(24);
    let weights: Vec<i32> = (0..clients)
        .map(|_| {
            let word = random.next().to_le_bytes();
            i32::from_le_bytes([word[0], word[1], word[2], word[3]]) >> narrow
        })
        .collect();
    let denominator = match random.below(4) {
        0 => 1 << random.below(64),
        1 => random.next() | 1,
        2 => 1 + random.next() % 100,
        _ => 1 + random.next() % (clients as u64 * 1_000),
    };
    let d = Mean {
        dtype,
        weights: &weights,
        denominator,
    };
    compare(backend, (count * 4, [1, 2]), &d, |backend, out, ctl| {
        backend.mean(&d, &inputs, out, ctl)
    })
}

fn trimmed(backend: &dyn Backend, random: &mut Random, _: usize) -> Result<(), String> {
    let (clients, count) = clients(random, 1);
    let (dtype, size) = if random.chance(5) {
        (Dtype::U8, 1)
    } else {
        random.pick(&ORDERED)
    };
    let inputs = random.inputs(clients, count, size);
    let inputs = slices(&inputs);
    let most = (clients - 1) / 2;
    let cut = if random.chance(2) {
        most
    } else {
        random.below(most + 1)
    };
    let case = (dtype, clients, count, cut);
    compare(
        backend,
        (count * size, [1, 2]),
        &case,
        |backend, out, ctl| backend.trimmed(dtype, cut, &inputs, out, ctl),
    )
}

fn gram(backend: &dyn Backend, random: &mut Random, work: usize) -> Result<(), String> {
    let most = if random.chance(4) { 70 } else { 14 };
    let clients = 1 + random.below(most);
    let count = random.side(8 * work / clients / clients);
    let (dtype, size) = random.pick(&[(Dtype::I8, 1), (Dtype::I16, 2)]);
    let inputs = random.inputs(clients, count, size);
    let inputs = slices(&inputs);
    let pairs = clients * (clients + 1) / 2;
    let case = (dtype, clients, count);
    compare(backend, (pairs, [1, 2]), &case, |backend, out, ctl| {
        backend.gram(dtype, &inputs, out, ctl)
    })
}

fn keccak_nodes(backend: &dyn Backend, random: &mut Random, _: usize) -> Result<(), String> {
    let nodes = random.side(40);
    let pairs = random.elements(nodes * 64, 1);
    compare(backend, (nodes * 32, [1, 2]), &nodes, |backend, out, _| {
        backend.keccak_nodes(pairs.get(), out);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fatal;

    /// Cases of each backend: a few, or as many as the environment asks for.
    fn cases() -> u64 {
        std::env::var("FOGGARA_CONFORMANCE_CASES")
            .map_or(6_000, |cases| cases.parse().expect("a number of cases"))
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn avx2_gives_the_bytes_of_portable() {
        if let Some(backend) = crate::Avx2::detect() {
            conformance(&backend, 1, cases()).unwrap_or_else(|difference| panic!("{difference}"));
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn avx512_gives_the_bytes_of_portable() {
        if let Some(backend) = crate::Avx512::detect() {
            conformance(&backend, 2, cases()).unwrap_or_else(|difference| panic!("{difference}"));
        }
    }

    #[test]
    #[cfg(target_arch = "aarch64")]
    fn neon_gives_the_bytes_of_portable() {
        if let Some(backend) = crate::Neon::detect() {
            conformance(&backend, 3, cases()).unwrap_or_else(|difference| panic!("{difference}"));
        }
    }

    /// Portable, but for one bit of one of its operations.
    #[derive(Debug)]
    struct Broken(&'static str);

    impl Broken {
        fn spoil(&self, operation: &str, out: &mut [u8]) -> Result<(), Fatal> {
            if self.0 == operation
                && let Some(byte) = out.last_mut()
            {
                *byte ^= 1;
            }
            Ok(())
        }
    }

    impl Backend for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn gemm(
            &self,
            d: &Gemm,
            a: &[u8],
            b: &[u8],
            c: &mut [u8],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            Portable.gemm(d, a, b, c, ctl)?;
            self.spoil("gemm", c)
        }

        fn requant(
            &self,
            d: &Requant<'_>,
            accumulators: &[u8],
            out: &mut [u8],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            Portable.requant(d, accumulators, out, ctl)?;
            self.spoil("requant", out)
        }

        fn sum(
            &self,
            dtype: Dtype,
            inputs: &[&[u8]],
            out: &mut [u8],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            Portable.sum(dtype, inputs, out, ctl)?;
            self.spoil("sum", out)
        }

        fn mean(
            &self,
            d: &Mean<'_>,
            inputs: &[&[u8]],
            out: &mut [u8],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            Portable.mean(d, inputs, out, ctl)?;
            self.spoil("mean", out)
        }

        fn trimmed(
            &self,
            dtype: Dtype,
            cut: usize,
            inputs: &[&[u8]],
            out: &mut [u8],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            Portable.trimmed(dtype, cut, inputs, out, ctl)?;
            self.spoil("trimmed", out)
        }

        fn gram(
            &self,
            dtype: Dtype,
            inputs: &[&[u8]],
            out: &mut [i64],
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            Portable.gram(dtype, inputs, out, ctl)?;
            if self.0 == "gram" {
                out[0] ^= 1;
            }
            Ok(())
        }

        fn keccak_nodes(&self, pairs: &[u8], nodes: &mut [u8]) {
            Portable.keccak_nodes(pairs, nodes);
            let _ = self.spoil("keccak_nodes", nodes);
        }
    }

    #[test]
    fn a_wrong_bit_in_any_operation_is_found() {
        assert_eq!(conformance(&Broken(""), 1, 100), Ok(()));
        for operation in [
            "gemm",
            "requant",
            "sum",
            "mean",
            "trimmed",
            "gram",
            "keccak_nodes",
        ] {
            let found = conformance(&Broken(operation), 1, 100).unwrap_err();
            assert_eq!(found.operation, operation);
        }
    }
}
