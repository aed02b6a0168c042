//! AGG_DIST: inner products of clients' updates, the distances between them, and the selection by
//! distance that is known as Krum. Elements are `i8` or `i16`, all results are exact.
//!
//! | function | result |
//! |---|---|
//! | `gram(uint8 dtype, uint32 d, bytes[] u) returns (int64[])` | inner products of all pairs: upper triangle row by row, with the diagonal |
//! | `sqdist(uint8 dtype, uint32 d, bytes[] u) returns (uint64[])` | squared distances of all pairs, likewise, without the diagonal |
//! | `krum(uint8 dtype, uint32 d, uint16 f, uint16 m, bytes[] u) returns (uint64[] scores, uint16[] chosen)` | each client's sum of squared distances to its `C - f - 2` nearest others; the `m` clients with the lowest scores, lowest first, the lower index first among equals |

use super::clients::{Clients, slices};
use crate::{
    Backend, Ctl, Dtype, Fatal, Function, Gemm, Kind, OpError,
    abi::{Args, Encoded},
    call::{Call, Out, Price, Stop},
    gas,
};
use alloc::{vec, vec::Vec};

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x06, 0xae, 0x52, 0x02],
        signature: "gram(uint8,uint32,bytes[])",
        run: gram,
    },
    Function {
        selector: [0xbe, 0x64, 0x72, 0xc8],
        signature: "sqdist(uint8,uint32,bytes[])",
        run: sqdist,
    },
    Function {
        selector: [0x51, 0x5e, 0xb5, 0x20],
        signature: "krum(uint8,uint32,uint16,uint16,bytes[])",
        run: krum,
    },
];

/// Gas: `150 + W_in + 3 * W_out + 8C + C(C+1)/2 * d/64`.
fn gram(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (dtype, d, updates) = (args.u8(0)?, args.u32(1)?, args.list(2)?);
    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (1, d), (2, updates))?;
    let out = [Out::Words(pairs(&clients))];
    triangle(call, &clients, &out, 0, |gram, result| {
        for (product, word) in gram.products.iter().zip(words(result.part(0))) {
            if *product < 0 {
                word.fill(0xff);
            }
            put(word, product.cast_unsigned());
        }
    })
}

/// Gas: `150 + W_in + 3 * W_out + 8C + C(C+1)/2 * d/64`.
fn sqdist(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (dtype, d, updates) = (args.u8(0)?, args.u32(1)?, args.list(2)?);
    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (1, d), (2, updates))?;
    let out = [Out::Words(pairs(&clients).saturating_sub(clients.count))];
    triangle(call, &clients, &out, 0, |gram, result| {
        let mut words = words(result.part(0));
        for distances in gram.distances() {
            for (distance, word) in distances.zip(&mut words) {
                put(word, distance);
            }
        }
    })
}

/// Gas: that of [`gram`] with this result's words `+ C^2`.
fn krum(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (dtype, d) = (args.u8(0)?, args.u32(1)?);
    let (f, m, updates) = (args.u16(2)?, args.u16(3)?, args.list(4)?);

    let dtype = element(dtype)?;
    let clients = Clients::new(dtype, (1, d), (4, updates))?;
    let (count, f) = (clients.count, u64::from(f));
    if count < f.saturating_mul(2).saturating_add(3) {
        return Err(OpError::BadParam(2).into());
    }
    if m == 0 || u64::from(m) > count.saturating_sub(f) {
        return Err(OpError::BadParam(3).into());
    }
    let out = [Out::Words(count), Out::Words(m.into())];
    let work = count.saturating_mul(count);
    // At least 1, and at most one less than there are others.
    let nearest = usize::try_from(count.saturating_sub(f).saturating_sub(2)).unwrap_or(0);
    triangle(call, &clients, &out, work, |gram, result| {
        let scores = gram.scores(nearest);
        for (score, word) in scores.iter().zip(words(result.part(0))) {
            put(word, *score);
        }
        let mut order: Vec<(u64, u64)> = scores.into_iter().zip(0..).collect();
        order.sort_unstable();
        for ((_, client), word) in order.iter().zip(words(result.part(1))) {
            put(word, *client);
        }
    })
}

fn element(code: u8) -> Result<Dtype, OpError> {
    match Dtype::from_code(code) {
        Some(dtype @ (Dtype::I8 | Dtype::I16)) => Ok(dtype),
        _ => Err(OpError::BadDtype(0)),
    }
}

/// Pairs of clients, each with itself too.
const fn pairs(clients: &Clients<'_>) -> u64 {
    let count = clients.count;
    count.saturating_mul(count.saturating_add(1)) >> 1
}

/// Runs a function of the inner products; `work` is its gas beside theirs.
fn triangle(
    call: &mut Call<'_>,
    clients: &Clients<'_>,
    out: &[Out],
    work: u64,
    fill: impl FnOnce(&Gram, &mut Encoded),
) -> Result<Vec<u8>, Stop> {
    let updates = clients.load(call)?;
    let multiply_adds = pairs(clients).saturating_mul(clients.elements);
    let price = Price {
        words_in: updates.words(),
        out,
        work: clients
            .overhead()
            .saturating_add(multiply_adds.div_ceil(64))
            .saturating_add(work),
        store: false,
    };
    let mut result = call.begin(&price)?;
    let data = updates.fetch(call)?;
    // At most 32,896.
    let count = usize::try_from(pairs(clients)).unwrap_or(0);
    let mut gram = Gram {
        clients: data.len(),
        products: vec![0; count],
    };
    let (inputs, mut ctl) = (slices(&data), call.ctl());
    if inputs.len() <= FEW {
        one_by_one(
            call.backend,
            clients.dtype,
            &inputs,
            &mut gram.products,
            &mut ctl,
        )?;
    } else {
        let products = &mut gram.products;
        call.backend
            .gram(clients.dtype, &inputs, products, &mut ctl)?;
    }
    fill(&gram, &mut result);
    call.finish(&price, result)
}

/// Clients up to which a product for each pair is faster than a tile of all pairs.
const FEW: usize = 10;

/// What [`Backend::gram`] gives, as a product of one row and one column for each pair.
fn one_by_one(
    backend: &dyn Backend,
    dtype: Dtype,
    inputs: &[&[u8]],
    out: &mut [i64],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let (kind, element) = match dtype {
        Dtype::I8 => (Kind::I8, 1),
        _ => (Kind::I16, 2usize),
    };
    // As far as the sums of a product reach.
    let block = usize::try_from(gas::INNER_MAX)
        .unwrap_or(1)
        .saturating_mul(element);
    let (sum_dtype, mut sum) = (kind.dtypes().1, [0; 8]);
    let pairs = inputs.iter().enumerate().flat_map(|(first, a)| {
        let others = inputs.iter().skip(first);
        others.map(move |b| (a.chunks(block), b.chunks(block)))
    });
    for ((a, b), out) in pairs.zip(out) {
        for (a, b) in a.zip(b) {
            let dot = Gemm {
                kind,
                a_transposed: false,
                b_transposed: false,
                b_shared: false,
                batch: 1,
                m: 1,
                k: a.len().checked_div(element).unwrap_or(0),
                n: 1,
            };
            let size = usize::try_from(sum_dtype.bytes()).unwrap_or(8);
            let sum = sum.get_mut(..size).unwrap_or_default();
            backend.gemm(&dot, a, b, sum, ctl)?;
            *out = out.wrapping_add(sum_dtype.read(sum));
        }
    }
    Ok(())
}

/// Inner products of all pairs of clients.
struct Gram {
    clients: usize,
    /// Upper triangle, row by row, with the diagonal.
    products: Vec<i64>,
}

impl Gram {
    /// The rows of the triangle: each begins on the diagonal.
    fn rows(&self) -> impl Iterator<Item = &[i64]> {
        let mut rest = self.products.as_slice();
        (0..self.clients).map(move |row| {
            let length = self.clients.saturating_sub(row);
            let (row, after) = rest.split_at_checked(length).unwrap_or_default();
            rest = after;
            row
        })
    }

    /// The squared distances of each client to those after it.
    fn distances(&self) -> impl Iterator<Item = impl Iterator<Item = u64>> {
        let squares: Vec<i64> = self.rows().flat_map(|row| row.first().copied()).collect();
        self.rows().enumerate().map(move |(client, row)| {
            let own = row.first().copied().unwrap_or(0);
            let products = row.iter().skip(1);
            // Owned, as what is borrowed from the closure cannot leave it.
            let others = squares.iter().skip(client.saturating_add(1)).copied();
            let others: Vec<i64> = others.collect();
            products.zip(others).map(move |(product, other)| {
                // At most 2^22 squares below 2^32, and never negative.
                let twice = product.wrapping_mul(2);
                own.wrapping_add(other).wrapping_sub(twice).cast_unsigned()
            })
        })
    }

    /// For each client the sum of its `nearest` smallest squared distances to others.
    fn scores(&self, nearest: usize) -> Vec<u64> {
        // Lines a power of two apart would push each other out of the cache.
        let stride = self.clients.saturating_add(8);
        let mut matrix = vec![u64::MAX; self.clients.saturating_mul(stride)];
        let mut lines: Vec<&mut [u64]> = matrix.chunks_exact_mut(stride).collect();
        for (client, distances) in self.distances().enumerate() {
            let after = client.saturating_add(1);
            let (before, others) = lines.split_at_mut_checked(after).unwrap_or_default();
            let own = before.last_mut().and_then(|line| line.get_mut(after..));
            let own = own.unwrap_or_default();
            for ((distance, slot), other) in distances.zip(own).zip(others) {
                *slot = distance;
                if let Some(slot) = other.get_mut(client) {
                    *slot = distance;
                }
            }
        }
        let scores = lines.into_iter().map(|line| {
            // The largest number stands for the client itself: it is never among the nearest.
            let line = line.get_mut(..self.clients).unwrap_or_default();
            line.select_nth_unstable(nearest);
            let smallest = line.iter().take(nearest);
            // At most 256 distances below 2^54.
            smallest.fold(0, |sum: u64, distance| sum.wrapping_add(*distance))
        });
        scores.collect()
    }
}

/// The words of a part of a result.
fn words(part: &mut [u8]) -> impl Iterator<Item = &mut [u8; 32]> {
    part.as_chunks_mut::<32>().0.iter_mut()
}

/// Writes the lowest 64 bits of a word.
fn put(word: &mut [u8; 32], value: u64) {
    if let Some(low) = word.last_chunk_mut() {
        *low = value.to_be_bytes();
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)] // Sizes and values of the cases fit.
mod tests {
    use super::*;
    use crate::testing::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    const GRAM: &str = FUNCTIONS[0].signature;
    const SQDIST: &str = FUNCTIONS[1].signature;
    const KRUM: &str = FUNCTIONS[2].signature;

    fn three() -> Vec<Value> {
        vec![int(3), int(2), list(i8s, &[[1, 2], [-3, 4], [-128, -128]])]
    }

    #[test]
    fn the_triangle_lies_row_by_row() {
        let (gas, output) = success(0x12, &calldata(GRAM, &three()));
        let got: Vec<i64> = array(&output, 0).into_iter().map(|x| x as i64).collect();
        assert_eq!(got, [5, 5, -384, 25, -128, 32_768]);
        // Negative numbers are extended to the whole word.
        assert_eq!(output[64 + 64..64 + 96], word(-384));
        assert_eq!(gas, 150 + 3 + 3 * 6 + 24 + 1);

        let (gas, output) = success(0x12, &calldata(SQDIST, &three()));
        assert_eq!(
            array(&output, 0),
            [20, 129 * 129 + 130 * 130, 125 * 125 + 132 * 132]
        );
        assert_eq!(gas, 150 + 3 + 3 * 3 + 24 + 1);
    }

    #[test]
    fn one_client_has_no_distances() {
        let one = [int(5), int(1), list(i16s, &[[-0x8000]])];
        let (gas, output) = success(0x12, &calldata(SQDIST, &one));
        assert_eq!((gas, array(&output, 0)), (150 + 1 + 8 + 1, vec![]));
        assert_eq!(output.len(), 64);
        let (gas, output) = success(0x12, &calldata(GRAM, &one));
        assert_eq!(
            (gas, array(&output, 0)),
            (150 + 1 + 3 + 8 + 1, vec![1 << 30])
        );
    }

    #[test]
    fn products_pass_the_longest_single_sum() {
        let d = 2 * 0x8000 + 5;
        for clients in [1, FEW, FEW + 1] {
            let lowest = vec![vec![0x80; d]; clients];
            let input = [int(3), int(d as i128), operands(lowest)];
            let (_, output) = success(0x12, &calldata(GRAM, &input));
            assert!(array(&output, 0).iter().all(|x| *x == (d as u64) << 14));
            let lowest = vec![i16s(&vec![i16::MIN; d]); clients];
            let input = [int(5), int(d as i128), operands(lowest)];
            let (_, output) = success(0x12, &calldata(GRAM, &input));
            assert!(array(&output, 0).iter().all(|x| *x == (d as u64) << 30));
        }
    }

    fn five(f: i128, m: i128) -> Vec<Value> {
        let updates = list(i8s, &[[0, 0], [1, 0], [100, 100], [0, 1], [0, 0]]);
        vec![int(3), int(2), int(f), int(m), updates]
    }

    #[test]
    fn krum_leaves_the_outlier() {
        let (gas, output) = success(0x12, &calldata(KRUM, &five(1, 4)));
        let far = [20_000, 99 * 99 + 100 * 100];
        assert_eq!(array(&output, 0), [1, 2, 2 * far[1], 2, 1]);
        // Equal scores: the lower index first.
        assert_eq!(array(&output, 1), [0, 4, 1, 3]);
        assert_eq!(gas, 150 + 5 + 3 * 9 + 40 + 1 + 25);

        let (_, output) = success(0x12, &calldata(KRUM, &five(0, 5)));
        assert_eq!(array(&output, 0), [2, 4, far[0] + 2 * far[1], 4, 2]);
        assert_eq!(array(&output, 1), [0, 4, 1, 3, 2]);
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (f, m, which) in [(2, 1, 2), (0xffff, 0, 2), (1, 0, 3), (1, 5, 3), (0, 6, 3)] {
            refuses(0x12, &calldata(KRUM, &five(f, m)), OpError::BadParam(which));
        }
        refuses(
            0x12,
            &calldata(KRUM, &five(1 << 16, 1)),
            OpError::BadCalldata,
        );
        let two = with(&five(0, 1), 4, list(i8s, &[[0, 0], [0, 0]]));
        refuses(0x12, &calldata(KRUM, &two), OpError::BadParam(2));
        for signature in [GRAM, SQDIST] {
            let case = |index: usize, arg: Value, error: OpError| {
                refuses(
                    0x12,
                    &calldata(signature, &with(&three(), index, arg)),
                    error,
                );
            };
            for dtype in [2, 6, 7, 12, 0] {
                case(0, int(dtype), OpError::BadDtype(0));
            }
            case(1, int(0), OpError::BadShape(1));
            case(
                1,
                int(3),
                OpError::LengthMismatch {
                    which: 2,
                    want: 3,
                    got: 2,
                },
            );
            let (got, max) = ((1 << 22) + 1, 1 << 22);
            case(1, int(got), OpError::TooLarge { got, max });
            case(2, operands(vec![]), OpError::BadShape(2));
            case(
                2,
                operands(vec![vec![]; 257]),
                OpError::TooLarge { got: 257, max: 256 },
            );
        }
    }

    /// Against differences squared one by one, and scores by sorting.
    #[test]
    fn distances_and_scores_are_the_plain_ones() {
        let mut rng = StdRng::seed_from_u64(5);
        for case in 0..200 {
            let dtype = [Dtype::I8, Dtype::I16][case % 2];
            let (low, high) = dtype.range();
            let clients: usize = if case == 0 {
                256
            } else {
                rng.random_range(3..20)
            };
            let d: usize = rng.random_range(1..30);
            let narrow = rng.random::<bool>();
            let updates: Vec<Vec<i64>> = (0..clients)
                .map(|_| {
                    let element = |_| {
                        let x = rng.random_range(low..=high);
                        if narrow { x.signum() } else { x }
                    };
                    (0..d).map(element).collect()
                })
                .collect();
            let distance = |a: &[i64], b: &[i64]| -> u64 {
                a.iter().zip(b).map(|(a, b)| (a - b).pow(2) as u64).sum()
            };
            let f = rng.random_range(0..=(clients - 3) / 2);
            let m = rng.random_range(1..=clients - f);
            let mut scores = Vec::new();
            for (i, one) in updates.iter().enumerate() {
                let others = updates.iter().enumerate().filter(|(j, _)| *j != i);
                let mut all: Vec<u64> = others.map(|(_, other)| distance(one, other)).collect();
                all.sort();
                scores.push(all[..clients - f - 2].iter().sum::<u64>());
            }
            let mut order: Vec<usize> = (0..clients).collect();
            order.sort_by_key(|client| scores[*client]);
            let pack = |update: &Vec<i64>| {
                let bytes = |x: &i64| x.to_le_bytes()[..dtype.bytes() as usize].to_vec();
                update.iter().flat_map(bytes).collect()
            };
            let arguments = [
                int(dtype.code()),
                int(d as i128),
                int(f as i128),
                int(m as i128),
                operands(updates.iter().map(pack).collect()),
            ];
            let (_, output) = success(0x12, &calldata(KRUM, &arguments));
            assert_eq!(array(&output, 0), scores);
            let chosen: Vec<usize> = array(&output, 1).iter().map(|x| *x as usize).collect();
            assert_eq!(chosen, order[..m]);

            let arguments = [&arguments[..2], &arguments[4..]].concat();
            let (_, output) = success(0x12, &calldata(SQDIST, &arguments));
            let pairs = (0..clients).flat_map(|i| (i + 1..clients).map(move |j| (i, j)));
            let want: Vec<u64> = pairs
                .map(|(i, j)| distance(&updates[i], &updates[j]))
                .collect();
            assert_eq!(array(&output, 0), want);
        }
    }
}
