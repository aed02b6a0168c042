//! Operations on tensors.

pub(crate) mod gemm;
