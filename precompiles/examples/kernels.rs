//! Speed of a backend's kernels, measured in one process: products as a share of what the instruction
//! they are made of allows, against `ndarray`, and with two threads; hashing and aggregation.
//!
//! `cargo run --release -p foggara-precompiles --features parallel --example kernels -- [BACKEND]`. Times are the
//! least of many runs. What other programs do is measured by `cargo xtask bench ai`, what gas buys by the
//! example `gas`.

use foggara_precompiles::{
    Backend, Choice, Ctl, Dtype, Fatal, Gemm, Kind, Mean, NoHost, Parallel, select,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{hint::black_box, time::Instant};

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "auto".to_owned());
    let selection = select(name.parse::<Choice>().expect("the name of a backend"));
    assert_eq!(selection.alarm, None);
    table(selection.backend);
}

/// Least seconds of runs that take `milliseconds` together.
fn least(milliseconds: f64, mut run: impl FnMut()) -> f64 {
    let (mut best, begin) = (f64::MAX, Instant::now());
    for runs in 0.. {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        if runs > 3 && begin.elapsed().as_secs_f64() * 1e3 > milliseconds {
            break;
        }
    }
    best
}

fn random(bytes: usize) -> Vec<u8> {
    let mut all = vec![0; bytes];
    StdRng::seed_from_u64(bytes as u64).fill(&mut all[..]);
    all
}

/// A product with its operands.
struct Product {
    d: Gemm,
    a: Vec<u8>,
    b: Vec<u8>,
    c: Vec<u8>,
}

impl Product {
    fn new(d: Gemm) -> Self {
        let (element, sum) = match d.kind {
            Kind::I8 | Kind::U8 => (1, 4),
            Kind::I16 => (2, 8),
            Kind::I32 => (4, 4),
            Kind::I32Wide => (4, 8),
        };
        let batches = if d.b_shared { 1 } else { d.batch };
        Self {
            d,
            a: random(d.batch * d.m * d.k * element),
            b: random(batches * d.n * d.k * element),
            c: vec![0; d.batch * d.m * d.n * sum],
        }
    }

    fn square(kind: Kind, n: usize) -> Self {
        Self::new(Gemm {
            kind,
            a_transposed: false,
            b_transposed: false,
            b_shared: false,
            batch: 1,
            m: n,
            k: n,
            n,
        })
    }

    fn run(&mut self, backend: &dyn Backend) {
        let ctl = &mut Ctl::new(&NoHost);
        let done = backend.gemm(&self.d, &self.a, &self.b, &mut self.c, ctl);
        done.expect("nobody cancels");
    }

    fn multiply_adds(&self) -> f64 {
        (self.d.batch * self.d.m * self.d.k * self.d.n) as f64
    }

    fn gas(&self) -> f64 {
        let words = |bytes: &[u8]| bytes.len().div_ceil(32);
        let r = match self.d.kind {
            Kind::I8 | Kind::U8 => 128,
            Kind::I16 => 64,
            Kind::I32 => 16,
            Kind::I32Wide => 8,
        };
        let a = words(&self.a) << u32::from(self.d.a_transposed);
        let b = words(&self.b) << u32::from(self.d.b_transposed);
        let work = (self.d.batch * self.d.m * self.d.k * self.d.n).div_ceil(r);
        (150 + a + b + 3 * words(&self.c) + work) as f64
    }
}

/// Clients of a round.
const CLIENTS: usize = 64;
/// Coordinates of an update.
const COORDINATES: usize = 1 << 20;

fn aggregation(backend: &dyn Backend, dtype: Dtype) {
    let bytes = usize::try_from(dtype.bytes()).expect("at most 8") * COORDINATES;
    let inputs: Vec<Vec<u8>> = (0..CLIENTS).map(|_| random(bytes)).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let mut out = vec![0; COORDINATES * 4];
    let ctl = &mut Ctl::new(&NoHost);
    let done = |result: Result<(), Fatal>| result.expect("nobody cancels");
    let read = least(300.0, || {
        let words = inputs.iter().flat_map(|input| input.as_chunks::<8>().0);
        black_box(words.fold(0, |all, word| all ^ u64::from_le_bytes(*word)));
    });
    let weights: Vec<i32> = (600..).take(CLIENTS).collect();
    let mean = Mean {
        dtype,
        weights: &weights,
        denominator: weights
            .iter()
            .map(|weight| u64::from(weight.unsigned_abs()))
            .sum(),
    };
    let mut times = vec![(
        "mean",
        least(300.0, || done(backend.mean(&mean, &inputs, &mut out, ctl))),
    )];
    for (name, cut) in [("median", (CLIENTS - 1) / 2), ("trimmed", CLIENTS / 10)] {
        let run = || done(backend.trimmed(dtype, cut, &inputs, &mut out[..bytes], ctl));
        times.push((name, least(500.0, run)));
    }
    if dtype != Dtype::I32 {
        let mut pairs = vec![0; CLIENTS * (CLIENTS + 1) / 2];
        let run = || done(backend.gram(dtype, &inputs, &mut pairs, ctl));
        times.push(("gram", least(500.0, run)));
    }
    print!("{CLIENTS} x 2^20 {dtype:?}: read {:.2} ms", read * 1e3);
    for (name, time) in times {
        print!(", {name} {:.2} ms ({:.2} reads)", time * 1e3, time / read);
    }
    println!();
}

fn table(backend: Box<dyn Backend>) {
    let name = backend.name();
    let peak = peak(name);
    println!(
        "{name}, one thread; instruction peak {:.1} GMAC/s",
        peak / 1e9
    );
    for kind in [Kind::I8, Kind::U8, Kind::I16, Kind::I32, Kind::I32Wide] {
        for n in [64, 128, 256, 512, 1024, 2048] {
            let mut product = Product::square(kind, n);
            let seconds = least(300.0, || product.run(&*backend));
            let rate = product.multiply_adds() / seconds;
            println!(
                "{kind:?} n={n:<5} {:7.1} GMAC/s  {:5.2} of peak  {:5.2} ns per gas",
                rate / 1e9,
                rate / peak,
                seconds * 1e9 / product.gas()
            );
        }
    }
    against_ndarray(&*backend);
    keccak(&*backend);
    for dtype in [Dtype::I8, Dtype::I16, Dtype::I32] {
        aggregation(&*backend, dtype);
    }
    two_threads(backend);
}

fn against_ndarray(backend: &dyn Backend) {
    let n = 512;
    let (a, b) = (random(n * n), random(n * n));
    let matrix = |bytes: &[u8]| {
        let elements = bytes
            .iter()
            .map(|byte| i32::from(byte.cast_signed()))
            .collect();
        ndarray::Array2::from_shape_vec((n, n), elements).expect("n by n")
    };
    let (a, b) = (matrix(&a), matrix(&b));
    let theirs = least(300.0, || drop(black_box(a.dot(&b.t()))));
    let mut product = Product::square(Kind::I8, n);
    let ours = least(300.0, || product.run(backend));
    println!("n={n}: {:.0} times ndarray's integer dot", theirs / ours);
}

fn keccak(backend: &dyn Backend) {
    let nodes = 4096;
    let (pairs, mut out) = (random(nodes * 64), vec![0; nodes * 32]);
    let ours = least(200.0, || backend.keccak_nodes(&pairs, &mut out));
    let theirs = least(200.0, || {
        foggara_precompiles::Portable.keccak_nodes(&pairs, &mut out);
    });
    println!(
        "tree node: {:.0} ns, {:.2} times tiny-keccak",
        ours * 1e9 / nodes as f64,
        theirs / ours
    );
}

fn two_threads(backend: Box<dyn Backend>) {
    let mut product = Product::square(Kind::I8, 1024);
    let one = least(1e3, || product.run(&*backend));
    let both = Parallel::new(backend, 2).expect("two threads");
    let two = least(1e3, || product.run(&both));
    println!("n=1024: {:.2} times as fast with two threads", one / two);
}

/// Multiply-adds a second of nothing but the instruction that the products are made of.
fn peak(backend: &str) -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        let (loops, each, run): (_, _, fn(u64)) = match backend {
            "avx512-vnni" => (20_000, 16.0 * 64.0, vnni),
            "avx2" => (20_000, 12.0 * 16.0, madd),
            _ => return f64::NAN,
        };
        let seconds = least(200.0, || run(loops));
        each * loops as f64 / seconds
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = backend;
        f64::NAN
    }
}

/// Sixteen independent sums by `VPDPBUSD` a loop.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn vnni(loops: u64) {
    macro_rules! lines {
        ($($sum:literal)*) => { concat!($("vpdpbusd zmm", $sum, ", zmm30, zmm31\n"),*) };
    }
    // SAFETY: only called for the backend whose instructions these are; registers are declared.
    unsafe {
        core::arch::asm!(
            "2:",
            lines!("0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15"),
            "dec {0}",
            "jnz 2b",
            inout(reg) loops => _,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
        );
    }
}

/// Twelve independent sums by `VPMADDWD` and `VPADDD` a loop.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn madd(loops: u64) {
    macro_rules! lines {
        ($($sum:literal $product:literal)*) => {
            concat!($(
                "vpmaddwd ymm", $product, ", ymm14, ymm15\n",
                "vpaddd ymm", $sum, ", ymm", $sum, ", ymm", $product, "\n",
            )*)
        };
    }
    // SAFETY: only called for the backend whose instructions these are; registers are declared.
    unsafe {
        core::arch::asm!(
            "2:",
            lines!("0" "12" "1" "13" "2" "12" "3" "13" "4" "12" "5" "13"
                   "6" "12" "7" "13" "8" "12" "9" "13" "10" "12" "11" "13"),
            "dec {0}",
            "jnz 2b",
            inout(reg) loops => _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
            out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
            out("ymm12") _, out("ymm13") _,
        );
    }
}
