//! Which backend this machine gets.

use super::{Backend, Portable};
use crate::conformance;
use alloc::boxed::Box;
use core::{fmt, str::FromStr};

/// A wish for a backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// The fastest that this machine can run.
    #[default]
    Auto,
    /// [`Portable`].
    Portable,
    /// AVX2 of x86-64.
    Avx2,
    /// AVX-512 with VNNI of x86-64.
    Avx512,
    /// NEON of AArch64.
    Neon,
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        Ok(match name {
            "auto" => Self::Auto,
            "portable" => Self::Portable,
            "avx2" => Self::Avx2,
            "avx512-vnni" => Self::Avx512,
            "neon" => Self::Neon,
            _ => return Err(UnknownChoice),
        })
    }
}

/// No backend has this name: they are `auto`, `portable`, `avx2`, `avx512-vnni` and `neon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownChoice;

impl fmt::Display for UnknownChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such backend; known are auto, portable, avx2, avx512-vnni and neon")
    }
}

impl core::error::Error for UnknownChoice {}

/// A backend, and why it may not be the one that was wished for.
#[derive(Debug)]
pub struct Selection {
    /// What to use.
    pub backend: Box<dyn Backend>,
    /// What an operator must hear, if anything.
    pub alarm: Option<Alarm>,
}

/// Why the portable backend is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// This machine cannot run the wished one.
    Unavailable(Choice),
    /// The named backend has failed its self-test: the processor or its kernels are broken.
    Faulty(&'static str, conformance::Difference),
}

/// Cases of the self-test: 10 ms in the whole.
const SELF_TEST: (u64, usize) = (48, 1 << 13);

/// Takes the backend that was wished for, or the fastest, and tests it. What this machine cannot run,
/// or what fails its test, is replaced by [`Portable`], with an alarm.
///
/// Takes up to 10 ms.
pub fn select(choice: Choice) -> Selection {
    let found = match choice {
        Choice::Auto => by_choice(Choice::Avx512)
            .or_else(|| by_choice(Choice::Avx2))
            .or_else(|| by_choice(Choice::Neon))
            .or_else(|| by_choice(Choice::Portable)),
        one => by_choice(one),
    };
    let Some(backend) = found else {
        return Selection {
            backend: Box::new(Portable),
            alarm: Some(Alarm::Unavailable(choice)),
        };
    };
    let (cases, work) = SELF_TEST;
    match conformance::check(&*backend, 1, cases, work) {
        Ok(()) => Selection {
            backend,
            alarm: None,
        },
        Err(difference) => Selection {
            alarm: Some(Alarm::Faulty(backend.name(), difference)),
            backend: Box::new(Portable),
        },
    }
}

fn by_choice(choice: Choice) -> Option<Box<dyn Backend>> {
    match choice {
        Choice::Portable => Some(Box::new(Portable)),
        #[cfg(target_arch = "x86_64")]
        Choice::Avx512 => Some(Box::new(super::Avx512::detect()?)),
        #[cfg(target_arch = "x86_64")]
        Choice::Avx2 => Some(Box::new(super::Avx2::detect()?)),
        #[cfg(target_arch = "aarch64")]
        Choice::Neon => Some(Box::new(super::Neon::detect()?)),
        _ => None,
    }
}
