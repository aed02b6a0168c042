//! A backend that is watched: one small call in 256 is done a second time by [`Portable`] before
//! the result leaves. A difference means a broken processor or a broken kernel; the portable result
//! is given, and the fast backend is not used again in this process.

use super::{Backend, Ctl, Gemm, Mean, Portable, Requant};
use crate::{Dtype, Fatal};
use alloc::{boxed::Box, vec, vec::Vec};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// One call in so many is done twice.
const SAMPLE_EVERY: u32 = 256;
/// Multiply-adds, or elements, of a call that may be done twice.
const SAMPLED_WORK_MAX: usize = 1 << 20;

/// Watches a backend.
#[derive(Debug)]
pub struct Sampled {
    fast: Box<dyn Backend>,
    calls: AtomicU32,
    faulty: AtomicBool,
}

impl Sampled {
    /// Watches `fast`.
    pub fn new(fast: Box<dyn Backend>) -> Self {
        Self {
            fast,
            calls: AtomicU32::new(0),
            faulty: AtomicBool::new(false),
        }
    }

    /// Whether a sample has differed: the node should raise an alarm.
    pub fn is_faulty(&self) -> bool {
        self.faulty.load(Ordering::Relaxed)
    }

    fn current(&self) -> &dyn Backend {
        if self.is_faulty() {
            &Portable
        } else {
            &*self.fast
        }
    }

    /// Whether a call of so much work is to be done twice.
    fn is_due(&self, work: usize) -> bool {
        work <= SAMPLED_WORK_MAX
            && self
                .calls
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(SAMPLE_EVERY)
            && !self.is_faulty()
    }

    /// Computes into `out`, by the rules above.
    fn run<T: Copy + Default + PartialEq>(
        &self,
        work: usize,
        out: &mut [T],
        mut compute: impl FnMut(&dyn Backend, &mut [T]) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        let due = self.is_due(work);
        compute(self.current(), out)?;
        if !due {
            return Ok(());
        }
        let mut expected: Vec<T> = vec![T::default(); out.len()];
        compute(&Portable, &mut expected)?;
        if *out != *expected {
            self.faulty.store(true, Ordering::Relaxed);
            out.copy_from_slice(&expected);
        }
        Ok(())
    }
}

fn elements(inputs: &[&[u8]]) -> usize {
    inputs
        .iter()
        .fold(0, |sum: usize, input| sum.saturating_add(input.len()))
}

impl Backend for Sampled {
    fn name(&self) -> &'static str {
        self.current().name()
    }

    fn gemm(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let sides = [d.m, d.k, d.n];
        let work = sides
            .iter()
            .fold(d.batch, |work, side| work.saturating_mul(*side));
        self.run(work, c, |backend, c| backend.gemm(d, a, b, c, ctl))
    }

    fn requant(
        &self,
        d: &Requant<'_>,
        accumulators: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        self.run(out.len(), out, |backend, out| {
            backend.requant(d, accumulators, out, ctl)
        })
    }

    fn sum(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        self.run(elements(inputs), out, |backend, out| {
            backend.sum(dtype, inputs, out, ctl)
        })
    }

    fn mean(
        &self,
        d: &Mean<'_>,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        self.run(elements(inputs), out, |backend, out| {
            backend.mean(d, inputs, out, ctl)
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
        self.run(elements(inputs), out, |backend, out| {
            backend.trimmed(dtype, cut, inputs, out, ctl)
        })
    }

    fn gram(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [i64],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        let work = elements(inputs).saturating_mul(inputs.len());
        self.run(work, out, |backend, out| {
            backend.gram(dtype, inputs, out, ctl)
        })
    }

    fn keccak_nodes(&self, pairs: &[u8], nodes: &mut [u8]) {
        // It cannot be cancelled, and so not fail.
        let _ = self.run(pairs.len(), nodes, |backend, nodes| {
            backend.keccak_nodes(pairs, nodes);
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoHost;

    /// Portable, but for a bit of each product.
    #[derive(Debug)]
    struct Broken;

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
            c[0] ^= 1;
            Ok(())
        }
    }

    #[test]
    fn a_broken_backend_is_found_by_a_sample_and_not_used_again() {
        let d = Gemm {
            kind: crate::Kind::I8,
            a_transposed: false,
            b_transposed: false,
            b_shared: false,
            batch: 1,
            m: 1,
            k: 1,
            n: 1,
        };
        let watched = Sampled::new(Box::new(Broken));
        // The call before the next sample.
        watched.calls.store(SAMPLE_EVERY - 1, Ordering::Relaxed);
        let product = || {
            let mut c = [0; 4];
            let mut ctl = Ctl::new(&NoHost);
            watched.gemm(&d, &[3], &[5], &mut c, &mut ctl).unwrap();
            i32::from_le_bytes(c)
        };
        assert_eq!((product(), watched.is_faulty()), (14, false));
        assert_eq!((product(), watched.is_faulty()), (15, true));
        assert_eq!((product(), watched.name()), (15, "portable"));
    }
}
