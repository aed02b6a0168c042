//! The kernels against the definition, and what cancelling does.

use super::{Ctl, Gemm, Kind, plain, portable};
use crate::{CallKind, Fatal, Host, Loaded, NoHost};
use alloc::{vec, vec::Vec};
use alloy_primitives::Bytes;
use core::cell::Cell;
use rand::{Rng, SeedableRng, rngs::StdRng};

const KINDS: [Kind; 5] = [Kind::I8, Kind::U8, Kind::I16, Kind::I32, Kind::I32Wide];

fn shape(rng: &mut StdRng, [batch, m, k, n]: [usize; 4]) -> Gemm {
    Gemm {
        kind: KINDS[rng.random_range(0..5)],
        a_transposed: rng.random(),
        b_transposed: rng.random(),
        b_shared: rng.random(),
        batch,
        m,
        k,
        n,
    }
}

/// Random elements, in a third of the cases extremes only.
fn operands(rng: &mut StdRng, d: &Gemm) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let batches = if d.b_shared { 1 } else { d.batch };
    let bytes = |elements: usize, size: u64| vec![0u8; elements * usize::try_from(size).unwrap()];
    let mut a = bytes(d.batch * d.m * d.k, d.kind.a_bytes());
    let mut b = bytes(batches * d.n * d.k, d.kind.b_bytes());
    rng.fill(&mut a[..]);
    rng.fill(&mut b[..]);
    if rng.random_range(0..3) == 0 {
        let extremes = |side: &mut Vec<u8>, size: u64| {
            for element in side.chunks_mut(usize::try_from(size).unwrap()) {
                let low = element[0];
                element.fill(if low & 1 == 0 { 0 } else { 0xff });
                *element.last_mut().unwrap() = if low & 1 == 0 { 0x80 } else { 0x7f };
            }
        };
        extremes(&mut a, d.kind.a_bytes());
        extremes(&mut b, d.kind.b_bytes());
    }
    (a, b, bytes(d.batch * d.m * d.n, d.kind.c_bytes()))
}

fn check(rng: &mut StdRng, d: &Gemm) {
    let (a, b, mut fast) = operands(rng, d);
    let mut slow = fast.clone();
    rng.fill(&mut fast[..]);
    plain::gemm(d, &a, &b, &mut slow);
    portable::gemm(d, &a, &b, &mut fast, &mut Ctl::new(&NoHost)).unwrap();
    assert!(fast == slow, "{d:?}");
}

#[test]
fn the_kernels_equal_the_definition_on_small_shapes() {
    let rng = &mut StdRng::seed_from_u64(1);
    for _ in 0..20_000 {
        let sides = [0; 4].map(|_| rng.random_range(1..=6));
        let d = shape(rng, sides);
        check(rng, &d);
    }
    for _ in 0..3_000 {
        let sides = [1, 24, 40, 24].map(|side| rng.random_range(1..=side));
        let d = shape(rng, sides);
        check(rng, &d);
    }
}

#[test]
fn the_kernels_equal_the_definition_around_every_block_size() {
    let rng = &mut StdRng::seed_from_u64(2);
    let around = |rng: &mut StdRng, sizes: &[usize]| {
        let size = sizes[rng.random_range(0..sizes.len())];
        (size + rng.random_range(0..3)).saturating_sub(1).max(1)
    };
    let mut checked = 0;
    while checked < 600 {
        let sides = [
            around(rng, &[1, 1, 1, 2]),
            around(rng, &[1, 4, 8, 16, 32, 64, 256, 512]),
            around(rng, &[1, 8, 32, 64, 128, 1024, 8192, 32_767]),
            around(rng, &[1, 4, 16, 32, 128, 256, 512]),
        ];
        if sides.iter().product::<usize>() <= 1 << 21 {
            let d = shape(rng, sides);
            check(rng, &d);
            checked += 1;
        }
    }
}

/// Gives up at the n-th look.
struct Impatient {
    patience: u64,
    looks: Cell<u64>,
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
        self.looks.set(self.looks.get() + 1);
        self.looks.get() > self.patience
    }
}

#[test]
fn cancelling_never_changes_bytes() {
    let rng = &mut StdRng::seed_from_u64(3);
    let shapes = [
        [1, 300, 300, 300],
        [1, 1, 4_096, 3_000],
        [3_000, 16, 16, 16],
        [40_000, 5, 5, 5],
    ];
    for sides in shapes {
        let d = shape(rng, sides);
        let (a, b, mut whole) = operands(rng, &d);
        let patient = Impatient {
            patience: u64::MAX,
            looks: Cell::new(0),
        };
        portable::gemm(&d, &a, &b, &mut whole, &mut Ctl::new(&patient)).unwrap();
        let looks = patient.looks.get();
        let multiply_adds = sides.iter().product::<usize>() as u64;
        assert!(looks >= multiply_adds >> 22, "{looks} looks at {d:?}");
        for patience in 0..=looks {
            let host = Impatient {
                patience,
                looks: Cell::new(0),
            };
            let mut c = vec![0; whole.len()];
            let answer = portable::gemm(&d, &a, &b, &mut c, &mut Ctl::new(&host));
            if patience == looks {
                assert!(answer == Ok(()) && c == whole);
            } else {
                assert_eq!(answer, Err(Fatal::Cancelled));
                assert_eq!(host.looks.get(), patience + 1, "it stops at once");
            }
        }
    }
}
