#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod dtype;
mod error;
mod eval;
mod export;
mod float;
mod graph;
mod lower;
mod plan;
mod proto;
mod round;
mod scan;
mod tensor;
mod tree;

pub use dtype::Dtype;
pub use error::{EvalError, ExportError, OnnxError, Refusal};
pub use export::{Exported, GOLDEN_ROWS, golden_inputs, write};
pub use lower::lower;
pub use plan::{
    Call, Function, LinearCall, LutCall, Model, Plan, PlanInput, PlanOutput, PlanTensor,
    Quantisation, ScaledCall,
};
pub use tensor::Tensor;
pub use tree::{Descriptor, describe};

/// Bytes of a model file at most.
pub const MODEL_BYTES_MAX: usize = 256 * 1024 * 1024;
