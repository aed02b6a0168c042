//! Operations on tensors.

mod element;
pub(crate) mod eltwise;
pub(crate) mod gemm;
pub(crate) mod linear;
pub(crate) mod reduce;
mod scales;
pub(crate) mod store;
#[cfg(test)]
mod testing;
mod topk;

use crate::{Dtype, OpError};

/// The type with this code, if it is one of those that argument `which` may name.
fn dtype(which: u8, code: u8, taken: &[Dtype]) -> Result<Dtype, OpError> {
    let dtype = Dtype::from_code(code).filter(|dtype| taken.contains(dtype));
    dtype.ok_or(OpError::BadDtype(which))
}
