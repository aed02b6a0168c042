//! Runs one kernel for whoever measures it: reads the name of a case, a line each, and answers with the
//! seconds of CPU time that one run took.
//!
//! ```text
//! matmul_i8 N      i8 product of N x N by N x N, B as [n][k]
//! mean_i32 C       weighted mean of C vectors of 2^20 i32
//! median_i32 C     median of them
//! trimmed_i32 C    mean of them without the lowest and the highest tenth
//! krum_i16 C       inner products of C vectors of 2^20 i16, and Krum's scores
//! read_i32 C       one streaming read of the C vectors: what memory allows
//! ```
//!
//! `cargo run --release -p foggara-precompiles --example peers -- [BACKEND]`; one thread. Short runs are
//! repeated until they can be timed, and the mean is given. `cargo xtask bench ai` is the other end.

use foggara_precompiles::{Backend, Ctl, Dtype, Gemm, Kind, Mean, NoHost, Portable};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    fs,
    hint::black_box,
    io::{BufRead, Write},
    time::{Duration, Instant},
};

/// Elements of a client's vector.
const LENGTH: usize = 1 << 20;
/// Shortest time that is measured at once.
const SPAN: Duration = Duration::from_millis(2);

/// A prepared case.
type Run = Box<dyn FnMut()>;

fn main() {
    let name = std::env::args().nth(1);
    let mut cases = BTreeMap::<String, Run>::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        if !cases.contains_key(&line) {
            // The operands of one case at a time.
            cases.clear();
            let run = case(&line, backend(name.as_deref()))
                .unwrap_or_else(|| panic!("no case is named {line:?}"));
            cases.insert(line.clone(), run);
        }
        let run = cases.get_mut(&line).expect("just inserted");
        println!("{:.9}", seconds(run));
        std::io::stdout().flush().expect("an open pipe");
    }
}

fn backend(name: Option<&str>) -> Box<dyn Backend> {
    let mut all: Vec<Box<dyn Backend>> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use foggara_precompiles::{Avx2, Avx512};
        all.extend(Avx512::detect().map(|fast| Box::new(fast) as Box<dyn Backend>));
        all.extend(Avx2::detect().map(|fast| Box::new(fast) as Box<dyn Backend>));
    }
    all.push(Box::new(Portable));
    let found = all
        .into_iter()
        .find(|backend| name.is_none_or(|name| backend.name() == name));
    found.expect("a backend of this name on this machine")
}

fn case(line: &str, backend: Box<dyn Backend>) -> Option<Run> {
    let (name, size) = line.split_once(' ')?;
    let size: usize = size.parse().ok()?;
    let mut rng = StdRng::seed_from_u64(1);
    Some(match name {
        "matmul_i8" => {
            let (a, b) = (bytes(&mut rng, size * size), bytes(&mut rng, size * size));
            let mut c = vec![0; 4 * size * size];
            let gemm = Gemm {
                kind: Kind::I8,
                a_transposed: false,
                b_transposed: false,
                b_shared: false,
                batch: 1,
                m: size,
                k: size,
                n: size,
            };
            Box::new(move || {
                let done = backend.gemm(&gemm, &a, &b, &mut c, &mut Ctl::new(&NoHost));
                done.expect("nobody cancels");
                black_box(&mut c);
            })
        }
        "mean_i32" | "median_i32" | "trimmed_i32" | "read_i32" => {
            let vectors: Vec<Vec<u8>> = (0..size).map(|_| bytes(&mut rng, 4 * LENGTH)).collect();
            let weights: Vec<i32> = (1..).take(size).collect();
            let mut out = vec![0; 4 * LENGTH];
            let cut = if name == "median_i32" {
                (size - 1) / 2
            } else {
                size / 10
            };
            let name = name.to_owned();
            Box::new(move || {
                let inputs: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
                let mut ctl = Ctl::new(&NoHost);
                let mean = Mean {
                    dtype: Dtype::I32,
                    weights: &weights,
                    denominator: weights
                        .iter()
                        .map(|weight| u64::from(weight.unsigned_abs()))
                        .sum(),
                };
                let done = match name.as_str() {
                    "mean_i32" => backend.mean(&mean, &inputs, &mut out, &mut ctl),
                    "read_i32" => {
                        black_box(
                            vectors
                                .iter()
                                .map(|bytes| read(bytes))
                                .fold(0, u64::wrapping_add),
                        );
                        Ok(())
                    }
                    _ => backend.trimmed(Dtype::I32, cut, &inputs, &mut out, &mut ctl),
                };
                done.expect("nobody cancels");
                black_box(&mut out);
            })
        }
        "krum_i16" => {
            let vectors: Vec<Vec<u8>> = (0..size).map(|_| bytes(&mut rng, 2 * LENGTH)).collect();
            let mut gram = vec![0; size * (size + 1) / 2];
            Box::new(move || {
                let inputs: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
                let done = backend.gram(Dtype::I16, &inputs, &mut gram, &mut Ctl::new(&NoHost));
                done.expect("nobody cancels");
                black_box(scores(&gram, size));
            })
        }
        _ => return None,
    })
}

fn bytes(rng: &mut StdRng, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// The sum of all words: four streams, so that memory and not the adder is what is timed.
fn read(bytes: &[u8]) -> u64 {
    let mut sums = [0u64; 32];
    for line in bytes.as_chunks::<256>().0 {
        for (sum, word) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.iter().fold(0, |all, sum| all.wrapping_add(*sum))
}

/// Krum's scores with a quarter of the clients faulty, from inner products.
fn scores(gram: &[i64], count: usize) -> Vec<i64> {
    let at = |i: usize, j: usize| {
        let (i, j) = (i.min(j), i.max(j));
        gram[i * count - i * (i + 1) / 2 + j]
    };
    let row = |i| {
        let others = (0..count).filter(|j| *j != i);
        let mut row: Vec<i64> = others.map(|j| at(i, i) + at(j, j) - 2 * at(i, j)).collect();
        row.sort_unstable();
        row.iter().take(count - count / 4 - 2).sum()
    };
    (0..count).map(row).collect()
}

/// Seconds of CPU time of one run.
fn seconds(run: &mut Run) -> f64 {
    let (mut runs, start, cpu) = (0u32, Instant::now(), cpu_ns());
    // The wall clock is cheap to read, the thread's own is not.
    while runs == 0 || start.elapsed() < SPAN {
        run();
        runs += 1;
    }
    (cpu_ns() - cpu) as f64 / f64::from(runs) / 1e9
}

/// CPU time of this thread. To yield brings the kernel's account up to date.
fn cpu_ns() -> u64 {
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let first = text.split(' ').next();
    first.and_then(|ns| ns.parse().ok()).expect("a number")
}
