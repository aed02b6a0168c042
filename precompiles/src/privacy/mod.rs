//! Secure aggregation: masks that cancel in a sum, and the secrets of clients that drop out.

mod field;
pub(crate) mod lagrange;
pub(crate) mod mask;
