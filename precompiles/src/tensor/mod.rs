//! Operations on tensors.

mod element;
pub(crate) mod eltwise;
pub(crate) mod gemm;
pub(crate) mod store;
pub(crate) mod linear;
pub(crate) mod reduce;
mod scales;
#[cfg(test)]
mod testing;
