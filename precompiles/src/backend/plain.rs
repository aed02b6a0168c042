//! The product as its definition reads: three loops. The kernels are held against it.

use super::{
    Gemm,
    arith::{Arith, Load, for_kind},
};

pub(crate) fn gemm(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8]) {
    for_kind!(d.kind, run(d, a, b, c));
}

fn run<K: Arith>(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8]) {
    let element = |bytes: usize, at: usize| at * bytes..(at + 1) * bytes;
    for batch in 0..d.batch {
        let (a_start, c_start) = (batch * d.m * d.k, batch * d.m * d.n);
        let b_start = if d.b_shared { 0 } else { batch * d.n * d.k };
        for i in 0..d.m {
            for j in 0..d.n {
                let mut sum = K::Sum::default();
                for l in 0..d.k {
                    let a_at = a_start
                        + if d.a_transposed {
                            l * d.m + i
                        } else {
                            i * d.k + l
                        };
                    let b_at = b_start
                        + if d.b_transposed {
                            l * d.n + j
                        } else {
                            j * d.k + l
                        };
                    let a = K::A::load(&a[element(K::A::BYTES, a_at)]);
                    let b = K::B::load(&b[element(K::B::BYTES, b_at)]);
                    sum = K::multiply_add(sum, a, b);
                }
                K::store(sum, &mut c[element(K::C_BYTES, c_start + i * d.n + j)]);
            }
        }
    }
}
