//! What can go wrong, by what the caller does next: repair the file, change the model, or change the input.

use crate::Dtype;

/// A model that does not become a plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are not a protobuf message of the ONNX schema.
    #[error("not an ONNX file: {0}")]
    Malformed(String),
    /// Something has more parts than a model may have.
    #[error("{what}: {got}, at most {max}")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        got: u64,
        /// How many may be.
        max: u64,
    },
    /// The graph contradicts itself or the ONNX specification.
    #[error("invalid model: {0}")]
    Invalid(String),
    /// A part of the model has no exact counterpart on chain.
    #[error("{operator} `{node}` cannot be mapped exactly: {reason}")]
    Refused {
        /// Operator, with its domain if that is not ONNX's own; `model`, `input` or `output` for the graph itself.
        operator: String,
        /// Name of the node, or of its first output if it has none.
        node: String,
        /// Why.
        reason: Refusal,
    },
}

/// Why a part of a model is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No rule for this operator.
    #[error("this operator is not supported")]
    Operator,
    /// The operator computes in floats.
    #[error("it computes in floats, whose bits no integer operation promises")]
    Float,
    /// An attribute has a value without a counterpart.
    #[error("attribute {name} is {got}, supported is {want}")]
    Attribute {
        /// Its name.
        name: String,
        /// Its value.
        got: String,
        /// What it may be.
        want: &'static str,
    },
    /// Version of an operator set.
    #[error("operator set {domain} {version}, supported is {want}")]
    OperatorSet {
        /// Its domain, `ai.onnx` for ONNX's own.
        domain: String,
        /// Its version.
        version: i64,
        /// What it may be.
        want: &'static str,
    },
    /// An element type has no counterpart.
    #[error("{what} has element type {got}, supported is {want}")]
    Dtype {
        /// Which tensor.
        what: String,
        /// Its type, as ONNX numbers it.
        got: i32,
        /// What it may be.
        want: &'static str,
    },
    /// A shape has no counterpart.
    #[error("{what} has shape {got}, supported is {want}")]
    Shape {
        /// Which tensor.
        what: String,
        /// Its shape.
        got: String,
        /// What it may be.
        want: &'static str,
    },
    /// A tensor must be part of the file.
    #[error("{0} must be a constant")]
    NotConstant(String),
    /// Data lies in another file, or is sparse.
    #[error("{0}")]
    Storage(&'static str),
    /// A scale is not a positive number whose products stay in range.
    #[error("{what} is {got:e}, supported are positive numbers of 2^-64 to 2^31")]
    Scale {
        /// Which scale.
        what: String,
        /// Its value.
        got: f32,
    },
    /// A zero point has no counterpart.
    #[error("{0}")]
    ZeroPoint(&'static str),
    /// The bias is not on the accumulator's scale.
    #[error("bias scale {got:e} of column {column} is not f32(sx * sw) = {want:e}")]
    BiasScale {
        /// Which output.
        column: usize,
        /// The bias's own scale.
        got: f32,
        /// The accumulator's.
        want: f32,
    },
    /// A bias with which the accumulator could leave i32.
    #[error("bias {got} of column {column} is beyond {max}: the accumulator could leave i32")]
    BiasRange {
        /// Which output.
        column: usize,
        /// Its value.
        got: i32,
        /// What it may be, without sign.
        max: i64,
    },
    /// An activation that ONNX Runtime computes in floats between a product and its rounding.
    #[error(
        "an activation between the product and this rounding is not implied by saturation: ONNX Runtime computes both in floats; quantise the product first"
    )]
    ActivationOnProduct,
    /// A product that is rounded to another element type than its first factor's.
    #[error(
        "its result is rounded to another element type than its first factor has: ONNX Runtime computes in floats then"
    )]
    TypeChange,
    /// A sum whose rounding is a float's.
    #[error("ONNX Runtime adds scaled floats; only equal scales give an exact sum")]
    FloatSum,
    /// A float result used more than once.
    #[error("its float result is used {0} times: ONNX Runtime does not fuse it then")]
    Shared(usize),
    /// Number of inputs or outputs.
    #[error("there are {got} {what}, supported is one")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many.
        got: usize,
    },
}

/// An input that a plan cannot run on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The input is not a whole number of rows.
    #[error("{got} bytes of input are not a whole number of rows of {row} bytes")]
    Ragged {
        /// Bytes given.
        got: usize,
        /// Bytes of one row.
        row: usize,
    },
    /// The model fixes the number of rows.
    #[error("{got} rows of input, the model takes {want} at a time")]
    Rows {
        /// Rows given.
        got: usize,
        /// Rows of the model.
        want: usize,
    },
    /// The plan names a tensor or value that it does not have, or of another size.
    #[error("the plan is not consistent at {0}")]
    Plan(String),
    /// A value of another element type than the call takes.
    #[error("{value} is {got}")]
    Dtype {
        /// Name of the value.
        value: String,
        /// Its element type.
        got: Dtype,
    },
}

/// A plan that could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The golden inputs do not fit the plan.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The plan could not be encoded.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}
