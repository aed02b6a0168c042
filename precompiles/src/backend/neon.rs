//! NEON: the portable loops, compiled for it and for the inner products of bytes (`SDOT`, `UDOT`)
//! where the processor has them; sorting networks by its minima and maxima.
#![allow(unsafe_code)]
// Indices come from checked shapes.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use super::{
    Backend, Ctl, Gemm, Mean, Requant,
    order::{self, Lanes},
    portable, rescale, straight, sums, thin,
};
use crate::{Dtype, Fatal};
use core::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, uint8x16_t, vld1q_s8, vld1q_s16, vld1q_s32, vld1q_u8,
    vmaxq_s8, vmaxq_s16, vmaxq_s32, vmaxq_u8, vminq_s8, vminq_s16, vminq_s32, vminq_u8, vst1q_s8,
    vst1q_s16, vst1q_s32, vst1q_u8,
};
use std::arch::is_aarch64_feature_detected;

/// The proof that this processor has NEON with inner products of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Neon(());

impl Neon {
    /// The backend, if this processor has what it needs.
    pub fn detect() -> Option<Self> {
        let has = is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("dotprod");
        has.then_some(Self(()))
    }
}

#[target_feature(enable = "neon,dotprod")]
fn gemm(d: &Gemm, a: &[u8], b: &[u8], c: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    if thin::takes(d) {
        thin::gemm(d, a, b, c, ctl)
    } else if straight::takes(d) {
        straight::gemm(
            d,
            (a, b, c),
            ctl,
            straight::straighten,
            |d, a, b, c, ctl| gemm(d, a, b, c, ctl),
        )
    } else {
        portable::inlined(d, a, b, c, ctl)
    }
}

#[target_feature(enable = "neon,dotprod")]
fn trimmed(
    proof: Neon,
    dtype: Dtype,
    cut: usize,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    match dtype {
        Dtype::I8 => order::trimmed::<i8, 16, _>(proof, cut, inputs, out, ctl),
        Dtype::U8 => order::trimmed::<u8, 16, _>(proof, cut, inputs, out, ctl),
        Dtype::I16 => order::trimmed::<i16, 8, _>(proof, cut, inputs, out, ctl),
        _ => order::trimmed::<i32, 4, _>(proof, cut, inputs, out, ctl),
    }
}

impl Backend for Neon {
    fn name(&self) -> &'static str {
        "neon"
    }

    fn gemm(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { gemm(d, a, b, c, ctl) }
    }

    fn requant(
        &self,
        d: &Requant<'_>,
        accumulators: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        rescale::rescale(d, accumulators, out, ctl)
    }

    fn sum(
        &self,
        dtype: Dtype,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        sums::sum(dtype, inputs, out, ctl)
    }

    fn mean(
        &self,
        d: &Mean<'_>,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        sums::mean(d, inputs, out, ctl)
    }

    fn trimmed(
        &self,
        dtype: Dtype,
        cut: usize,
        inputs: &[&[u8]],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // SAFETY: a value of this type proves that the instructions are there.
        unsafe { trimmed(*self, dtype, cut, inputs, out, ctl) }
    }
}

macro_rules! lanes {
    ($type:ty, $count:literal, $vector:ty, $load:ident, $store:ident, $min:ident, $max:ident) => {
        impl Lanes<$type, $count> for Neon {
            type Vector = $vector;

            #[inline(always)]
            fn load_bytes(self, bytes: &[u8]) -> $vector {
                let bytes = &bytes[..16];
                // SAFETY: the slice has 16 bytes, at any alignment; `self` proves the instructions.
                unsafe { $load(bytes.as_ptr().cast()) }
            }

            #[inline(always)]
            fn prefetch(self, _: *const u8) {}

            #[inline(always)]
            fn load(self, elements: &[$type; $count]) -> $vector {
                // SAFETY: the array has 16 bytes; `self` proves the instructions.
                unsafe { $load(elements.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, vector: $vector, elements: &mut [$type; $count]) {
                // SAFETY: the array has 16 bytes; `self` proves the instructions.
                unsafe { $store(elements.as_mut_ptr(), vector) }
            }

            #[inline(always)]
            fn min(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $min(a, b) }
            }

            #[inline(always)]
            fn max(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $max(a, b) }
            }
        }
    };
}

lanes!(i8, 16, int8x16_t, vld1q_s8, vst1q_s8, vminq_s8, vmaxq_s8);
lanes!(u8, 16, uint8x16_t, vld1q_u8, vst1q_u8, vminq_u8, vmaxq_u8);
lanes!(
    i16, 8, int16x8_t, vld1q_s16, vst1q_s16, vminq_s16, vmaxq_s16
);
lanes!(
    i32, 4, int32x4_t, vld1q_s32, vst1q_s32, vminq_s32, vmaxq_s32
);
