//! Large calls shared among threads.
//!
//! A call is cut into parts that write different outputs, or whose exact sums are added: the bytes
//! cannot depend on the number of threads or their order. The calling thread does parts like the
//! others, and is the one that asks whether anybody still waits:
//!
//! ```text
//! caller  polls the host, does parts      ──┐
//! worker  does parts until none is left   ──┼── one queue of parts, one flag that stops all
//! worker  ..                              ──┘
//! ```

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{Backend, Ctl, Gemm, Mean, Requant};
use crate::{Dtype, Fatal, Host, Loaded};
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use alloy_primitives::Bytes;
use core::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::sync::{Mutex, PoisonError};

/// Multiply-adds, or elements, from which a call is shared.
const SHARED_WORK: usize = 1 << 23;

/// A backend with threads of its own.
#[derive(Debug)]
pub struct Parallel {
    inner: Box<dyn Backend>,
    /// Threads beside the caller's.
    pool: ThreadPool,
    threads: usize,
    /// [`SHARED_WORK`], but in tests.
    shared_work: usize,
}

impl Parallel {
    /// Shares the work of `inner` among `threads`, the caller's included; 0 counts as 1.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn new(inner: Box<dyn Backend>, threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let threads = threads.max(1);
        let pool = ThreadPoolBuilder::new()
            .num_threads((threads - 1).max(1))
            .thread_name(|index| alloc::format!("ai-{index}"))
            .build()?;
        Ok(Self {
            inner,
            pool,
            threads,
            shared_work: SHARED_WORK,
        })
    }

    /// Whether a call is large enough, and there is somebody to share it with.
    const fn shares(&self, work: usize) -> bool {
        self.threads > 1 && work > self.shared_work
    }

    /// Does all `parts`, in any order, unless the caller's host gives up. It is asked once before, since
    /// the workers may leave the caller no part to ask at.
    fn run<P: Send>(
        &self,
        parts: Vec<P>,
        ctl: &mut Ctl<'_>,
        work: impl Fn(P, &mut Ctl<'_>) -> Result<(), Fatal> + Sync,
    ) -> Result<(), Fatal> {
        let host = ctl.host;
        if host.cancelled() {
            return Err(Fatal::Cancelled);
        }
        let queue = Mutex::new(parts.into_iter());
        let stopped = AtomicBool::new(false);
        let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let all = |host: &dyn Host| -> Result<(), Fatal> {
            while let Some(part) = take() {
                if host.cancelled() {
                    return Err(Fatal::Cancelled);
                }
                work(part, &mut Ctl::new(host))?;
            }
            Ok(())
        };
        let result = self.pool.in_place_scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(|_| {
                    // It only fails when it is told to stop, which the caller knows.
                    let _ = all(&Worker { stopped: &stopped });
                });
            }
            all(&Caller {
                host,
                stopped: &stopped,
            })
        });
        if stopped.load(Ordering::Relaxed) {
            return Err(Fatal::Cancelled);
        }
        result
    }

    /// Cuts `0..total` into a part for each thread, each a multiple of `step` but the last.
    fn parts(&self, total: usize, step: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let size = total.div_ceil(self.threads).next_multiple_of(step);
        (0..total)
            .step_by(size)
            .map(move |first| first..total.min(first + size))
    }

    /// An operation on coordinates: each part has its coordinates of all inputs.
    fn by_coordinates(
        &self,
        inputs: (&[&[u8]], usize),
        (out, size): (&mut [u8], usize),
        ctl: &mut Ctl<'_>,
        run: impl Fn(&[&[u8]], &mut [u8], &mut Ctl<'_>) -> Result<(), Fatal> + Sync,
    ) -> Result<(), Fatal> {
        let (inputs, input_size) = inputs;
        let count = out.len() / size;
        if !self.shares(count.saturating_mul(inputs.len())) {
            return run(inputs, out, ctl);
        }
        let ranges: Vec<_> = self.parts(count, 1 << 12).collect();
        let mut rest = out;
        let parts = ranges.into_iter().map(|range| {
            let (out, after) = core::mem::take(&mut rest).split_at_mut(range.len() * size);
            rest = after;
            (range, out)
        });
        self.run(parts.collect(), ctl, |(range, out), ctl| {
            let part = |input: &&[u8]| -> Range<usize> {
                let end = (range.end * input_size).min(input.len());
                range.start * input_size..end
            };
            let inputs: Vec<&[u8]> = inputs.iter().map(|input| &input[part(input)]).collect();
            run(&inputs, out, ctl)
        })
    }

    /// Rows of A, which lies straight, and of C.
    fn by_rows(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let (element, sum) = d.kind.sizes();
        let ranges: Vec<_> = self.parts(d.m, 60).collect();
        let step = ranges[0].len();
        let parts: Vec<_> = a
            .chunks(step * d.k * element)
            .zip(c.chunks_mut(step * d.n * sum))
            .collect();
        self.run(parts, ctl, |(a, c), ctl| {
            let m = a.len() / (d.k * element);
            self.inner.gemm(&Gemm { m, ..*d }, a, b, c, ctl)
        })
    }

    /// Rows of B, which lies straight: columns of C, put together afterwards.
    fn by_columns(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let (element, sum) = d.kind.sizes();
        let ranges: Vec<_> = self.parts(d.n, 32).collect();
        let mut columns: Vec<Vec<u8>> = ranges
            .iter()
            .map(|range| vec![0; d.m * range.len() * sum])
            .collect();
        let parts = ranges.iter().zip(&mut columns).collect();
        self.run(parts, ctl, |(range, c), ctl| {
            let b = &b[range.start * d.k * element..range.end * d.k * element];
            let n = range.len();
            self.inner.gemm(&Gemm { n, ..*d }, a, b, c, ctl)
        })?;
        for (range, columns) in ranges.iter().zip(&columns) {
            let lines = columns.chunks_exact(range.len() * sum);
            for (line, c) in lines.zip(c.chunks_exact_mut(d.n * sum)) {
                c[range.start * sum..range.end * sum].copy_from_slice(line);
            }
        }
        Ok(())
    }

    /// Parts of the inner dimension, which runs along the lines of neither side: sums, added.
    fn by_inner(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let (element, sum) = d.kind.sizes();
        let ranges: Vec<_> = self.parts(d.k, 64).collect();
        let mut all: Vec<Vec<u8>> = ranges.iter().map(|_| vec![0; c.len()]).collect();
        self.run(
            ranges.iter().zip(&mut all).collect(),
            ctl,
            |(range, c), ctl| {
                let a = &a[range.start * d.m * element..range.end * d.m * element];
                let b = &b[range.start * d.n * element..range.end * d.n * element];
                let k = range.len();
                self.inner.gemm(&Gemm { k, ..*d }, a, b, c, ctl)
            },
        )?;
        c.fill(0);
        for sums in &all {
            if sum == 4 {
                for (c, x) in c.as_chunks_mut().0.iter_mut().zip(sums.as_chunks().0) {
                    *c = i32::from_le_bytes(*c)
                        .wrapping_add(i32::from_le_bytes(*x))
                        .to_le_bytes();
                }
            } else {
                for (c, x) in c.as_chunks_mut().0.iter_mut().zip(sums.as_chunks().0) {
                    *c = i64::from_le_bytes(*c)
                        .wrapping_add(i64::from_le_bytes(*x))
                        .to_le_bytes();
                }
            }
        }
        Ok(())
    }

    /// Products of a batch.
    fn by_batch(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let (element, sum) = d.kind.sizes();
        let (a_size, b_size) = (d.m * d.k * element, d.n * d.k * element);
        let step = d.batch.div_ceil(self.threads);
        let parts: Vec<_> = c.chunks_mut(step * d.m * d.n * sum).enumerate().collect();
        self.run(parts, ctl, |(index, c), ctl| {
            let first = index * step;
            let batch = step.min(d.batch - first);
            let a = &a[first * a_size..(first + batch) * a_size];
            let b = if d.b_shared {
                b
            } else {
                &b[first * b_size..(first + batch) * b_size]
            };
            self.inner.gemm(&Gemm { batch, ..*d }, a, b, c, ctl)
        })
    }
}

/// The host as a worker sees it: it can only be stopped.
struct Worker<'a> {
    stopped: &'a AtomicBool,
}

/// The host as the caller sees it: when it gives up, all stop.
struct Caller<'a> {
    host: &'a dyn Host,
    stopped: &'a AtomicBool,
}

macro_rules! only_cancels {
    ($name:ident, |$this:ident| $cancelled:expr) => {
        impl Host for $name<'_> {
            fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
                Err(Fatal::Source(String::from("work reads no state")))
            }
            fn meter(&mut self, _: u64) -> Result<(), u64> {
                Err(0)
            }
            fn cancelled(&self) -> bool {
                let $this = self;
                $cancelled
            }
        }
    };
}
only_cancels!(Worker, |this| this.stopped.load(Ordering::Relaxed));
only_cancels!(Caller, |this| {
    if this.host.cancelled() {
        this.stopped.store(true, Ordering::Relaxed);
    }
    this.stopped.load(Ordering::Relaxed)
});

impl Backend for Parallel {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn gemm(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let work = [d.m, d.k, d.n]
            .iter()
            .fold(d.batch, |work, side| work.saturating_mul(*side));
        if !self.shares(work) {
            return self.inner.gemm(d, a, b, c, ctl);
        }
        let mut d = *d;
        if d.b_shared && !d.a_transposed {
            (d.m, d.batch, d.b_shared) = (d.m * d.batch, 1, false);
        }
        if d.batch > 1 {
            return self.by_batch(&d, a, b, c, ctl);
        }
        // A vector lies the same either way.
        let a_straight = !d.a_transposed || d.m == 1;
        let b_straight = !d.b_transposed || d.n == 1;
        if !d.a_transposed && (d.m >= d.n || !b_straight) && d.m > 1 {
            self.by_rows(&d, a, b, c, ctl)
        } else if b_straight && d.n > 1 {
            self.by_columns(&d, a, b, c, ctl)
        } else if !d.a_transposed && d.m > 1 {
            self.by_rows(&d, a, b, c, ctl)
        } else {
            debug_assert!(!a_straight || d.m == 1);
            self.by_inner(&d, a, b, c, ctl)
        }
    }

    fn requant(
        &self,
        d: &Requant<'_>,
        accumulators: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        if !self.shares(out.len()) || d.columns == 0 {
            return self.inner.requant(d, accumulators, out, ctl);
        }
        let rows = (out.len() / d.columns).div_ceil(self.threads).max(1);
        let lines = accumulators.chunks(rows * d.columns * 4);
        let parts = lines.zip(out.chunks_mut(rows * d.columns)).collect();
        self.run(parts, ctl, |(accumulators, out), ctl| {
            self.inner.requant(d, accumulators, out, ctl)
        })
    }

    fn sum(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let size = if dtype == Dtype::I64 { 8 } else { 4 };
        self.by_coordinates((inputs, size), (out, size), ctl, |inputs, out, ctl| {
            self.inner.sum(dtype, inputs, out, ctl)
        })
    }

    fn mean(
        &self,
        d: &Mean<'_>,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let size = usize::from(d.dtype.bytes().to_le_bytes()[0]);
        self.by_coordinates((inputs, size), (out, 4), ctl, |inputs, out, ctl| {
            self.inner.mean(d, inputs, out, ctl)
        })
    }

    fn trimmed(
        &self,
        dtype: Dtype,
        cut: usize,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let size = usize::from(dtype.bytes().to_le_bytes()[0]);
        self.by_coordinates((inputs, size), (out, size), ctl, |inputs, out, ctl| {
            self.inner.trimmed(dtype, cut, inputs, out, ctl)
        })
    }

    fn gram(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [i64],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let bytes = inputs.first().map_or(0, |input| input.len());
        if !self.shares(bytes.saturating_mul(out.len())) {
            return self.inner.gram(dtype, inputs, out, ctl);
        }
        // Multiples of every element and every block.
        let ranges: Vec<_> = self.parts(bytes, 1 << 12).collect();
        let mut all: Vec<Vec<i64>> = ranges.iter().map(|_| vec![0; out.len()]).collect();
        self.run(
            ranges.into_iter().zip(&mut all).collect(),
            ctl,
            |(range, out), ctl| {
                let inputs: Vec<&[u8]> = inputs.iter().map(|input| &input[range.clone()]).collect();
                self.inner.gram(dtype, &inputs, out, ctl)
            },
        )?;
        out.fill(0);
        for part in &all {
            for (out, x) in out.iter_mut().zip(part) {
                *out = out.wrapping_add(*x);
            }
        }
        Ok(())
    }

    fn keccak_nodes(&self, pairs: &[u8], nodes: &mut [u8]) {
        self.inner.keccak_nodes(pairs, nodes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallKind, Kind, NoHost, Portable};
    use core::sync::atomic::AtomicU64;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn fastest() -> Box<dyn Backend> {
        crate::select(crate::Choice::Auto).backend
    }

    /// A limit from which calls are shared that lets many shapes pass it in little time.
    const SMALL_WORK: usize = 1 << 14;

    /// Shapes around [`SMALL_WORK`] and beyond, in each layout, batched or not.
    fn shape(rng: &mut StdRng) -> Gemm {
        let kinds = [Kind::I8, Kind::U8, Kind::I16, Kind::I32, Kind::I32Wide];
        let batch = [1, 1, 2, 5][rng.random_range(0..4)];
        let (m, n) = match rng.random_range(0..4) {
            0 => (1, rng.random_range(300..2_000)),
            1 => (rng.random_range(300..2_000), rng.random_range(1..4)),
            _ => (rng.random_range(20..300), rng.random_range(20..300)),
        };
        let k = (SMALL_WORK / batch / m / n + rng.random_range(0..40)).clamp(1, 32_768);
        Gemm {
            kind: kinds[rng.random_range(0..kinds.len())],
            a_transposed: rng.random(),
            b_transposed: rng.random(),
            b_shared: rng.random(),
            batch,
            m,
            k,
            n,
        }
    }

    fn operands(rng: &mut StdRng, d: &Gemm) -> (Vec<u8>, Vec<u8>, usize) {
        let (element, sum) = d.kind.sizes();
        let batches = if d.b_shared { 1 } else { d.batch };
        let mut a = vec![0; d.batch * d.m * d.k * element];
        let mut b = vec![0; batches * d.n * d.k * element];
        rng.fill(&mut a[..]);
        rng.fill(&mut b[..]);
        (a, b, d.batch * d.m * d.n * sum)
    }

    /// As many shapes as the environment asks for, or a few.
    fn cases() -> u64 {
        std::env::var("FOGGARA_PARALLEL_CASES")
            .map_or(500, |cases| cases.parse().expect("a number of cases"))
    }

    #[test]
    fn parallel_equals_serial() {
        let rng = &mut StdRng::seed_from_u64(1);
        let serial = fastest();
        for _ in 0..cases() {
            let d = shape(rng);
            let (a, b, size) = operands(rng, &d);
            let mut alone = vec![0; size];
            let mut ctl = Ctl::new(&NoHost);
            serial.gemm(&d, &a, &b, &mut alone, &mut ctl).unwrap();
            let threads = rng.random_range(1..=16);
            let mut parallel = Parallel::new(fastest(), threads).unwrap();
            parallel.shared_work = SMALL_WORK;
            let mut shared = vec![1; size];
            let mut ctl = Ctl::new(&NoHost);
            parallel.gemm(&d, &a, &b, &mut shared, &mut ctl).unwrap();
            assert!(alone == shared, "{threads} threads, {d:?}");
        }
    }

    #[test]
    fn parallel_aggregation_equals_serial() {
        let rng = &mut StdRng::seed_from_u64(2);
        let serial = fastest();
        for threads in [2, 3, 16] {
            let parallel = Parallel::new(fastest(), threads).unwrap();
            let count = SHARED_WORK / 9 + rng.random_range(1..5_000);
            let inputs: Vec<Vec<u8>> = (0..9)
                .map(|_| {
                    let mut input = vec![0; count * 4];
                    rng.fill(&mut input[..]);
                    input
                })
                .collect();
            let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
            let mean = Mean {
                dtype: Dtype::I32,
                weights: &[3, 1, 4, 1, 5, 9, 2, 6, 5],
                denominator: 36,
            };
            let run = |backend: &dyn Backend| {
                let ctl = &mut Ctl::new(&NoHost);
                let mut outs = [const { Vec::new() }; 3];
                outs.iter_mut().for_each(|out| out.resize(count * 4, 0));
                let [a, b, c] = &mut outs;
                backend.sum(Dtype::I32, &inputs, a, ctl).unwrap();
                backend.mean(&mean, &inputs, b, ctl).unwrap();
                backend.trimmed(Dtype::I32, 2, &inputs, c, ctl).unwrap();
                let mut pairs = vec![0; 45];
                backend.gram(Dtype::I16, &inputs, &mut pairs, ctl).unwrap();
                (outs, pairs)
            };
            assert!(run(&*serial) == run(&parallel), "{threads} threads");
        }
    }

    /// Gives up at the n-th look.
    struct Impatient {
        patience: u64,
        looks: AtomicU64,
    }

    impl Host for Impatient {
        fn kind(&self) -> CallKind {
            CallKind::default()
        }
        fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
            unreachable!()
        }
        fn meter(&mut self, _: u64) -> Result<(), u64> {
            Ok(())
        }
        fn cancelled(&self) -> bool {
            self.looks.fetch_add(1, Ordering::Relaxed) >= self.patience
        }
    }

    #[test]
    fn cancel_never_changes_bytes() {
        let rng = &mut StdRng::seed_from_u64(3);
        for threads in [1, 2, 5] {
            let parallel = Parallel::new(fastest(), threads).unwrap();
            let d = Gemm {
                kind: Kind::I8,
                a_transposed: false,
                b_transposed: false,
                b_shared: false,
                batch: 1,
                m: 300,
                k: 500,
                n: 400,
            };
            let (a, b, size) = operands(rng, &d);
            let mut whole = vec![0; size];
            let mut ctl = Ctl::new(&NoHost);
            Portable.gemm(&d, &a, &b, &mut whole, &mut ctl).unwrap();
            let mut patience = 0;
            loop {
                let host = Impatient {
                    patience,
                    looks: AtomicU64::new(0),
                };
                let mut c = vec![0; size];
                match parallel.gemm(&d, &a, &b, &mut c, &mut Ctl::new(&host)) {
                    Ok(()) => {
                        assert!(c == whole);
                        break;
                    }
                    Err(error) => assert_eq!(error, Fatal::Cancelled),
                }
                patience += 1;
            }
            // With several threads the caller may find no part left to look at, but it looks before.
            let least = if threads > 1 { 1 } else { 10 };
            assert!(patience >= least, "{patience} looks");
        }
    }
}
