//! The call plan: which operations to call in which order, with which tensors.
//!
//! A plan is independent of the number of rows: whoever makes the calls fills in `m` (or multiplies the
//! elements of a row), and chooses for each tensor whether it travels inline, as code or as a handle.

use crate::{Dtype, Tensor, describe, float};
use alloy_primitives::B256;
use serde::Serialize;

/// Name and version of the JSON format.
const FORMAT: &str = "foggara/plan/v1";

/// A lowered model: its plan and the tensors that the plan names, in the plan's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The calls.
    pub plan: Plan,
    /// Content of `plan.tensors`.
    pub tensors: Vec<Tensor>,
}

/// The calls that compute a model, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Plan {
    /// `foggara/plan/v1`.
    pub format: &'static str,
    /// Name of the graph.
    pub model: String,
    /// Who wrote the file.
    pub producer: String,
    /// Version of ONNX's operators.
    pub opset: i64,
    /// What arrives.
    pub input: PlanInput,
    /// Constants of the calls.
    pub tensors: Vec<PlanTensor>,
    /// The calls. Values are named `x`, then `v1`, `v2`, … by the call that makes them.
    pub calls: Vec<Call>,
    /// What leaves.
    pub output: PlanOutput,
    /// Operation gas of one row, all operands inline.
    pub gas_per_row: u64,
}

/// The input: rows of `row` elements.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlanInput {
    /// Name in the model.
    pub name: String,
    /// Element type of every value of the plan but accumulators.
    pub dtype: Dtype,
    /// Elements of one row.
    pub row: u64,
    /// Rows, if the model fixes them.
    pub rows: Option<u64>,
    /// How a float becomes an element, if the model starts from floats: `round(x / scale) + zero_point`.
    pub quantise: Option<Quantisation>,
}

/// The output: as many rows as the input.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlanOutput {
    /// Name in the model.
    pub name: String,
    /// Which value it is.
    pub value: String,
    /// Element type: the input's, or i32 for accumulators.
    pub dtype: Dtype,
    /// Elements of one row.
    pub row: u64,
    /// How an element becomes a float, if the model ends in floats: `(q - zero_point) * scale`.
    pub dequantise: Option<Quantisation>,
}

/// An affine map between floats and integers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Quantisation {
    /// Bits of the f32 scale, one or one per column.
    #[serde(serialize_with = "hex_words")]
    pub scale_bits: Vec<u32>,
    /// The element that means zero.
    pub zero_point: i32,
}

/// A constant of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlanTensor {
    /// Name by which calls refer to it.
    pub name: String,
    /// Where its packed bytes lie, relative to the plan.
    pub file: String,
    /// Element type; scales are the bits of f32 as i32, tables are u8.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub dims: Vec<u32>,
    /// Size, packed.
    pub bytes: u64,
    /// Root of its tree.
    pub root: B256,
    /// Id under which the chain stores it.
    pub id: B256,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Call {
    /// The operator that it stands for, as named in the model.
    pub node: String,
    /// Address of the operation.
    pub address: String,
    /// What is called with which parameters.
    #[serde(flatten)]
    pub function: Function,
    /// Name of the result.
    pub result: String,
    /// Elements of one row of the result.
    pub row: u64,
}

/// A function of an operation and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "function", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Function {
    /// `linear` of LINEARQ.
    Linear(LinearCall),
    /// `lut` of ELTWISE.
    Lut(LutCall),
    /// `scaled` of ELTWISE.
    Scaled(ScaledCall),
}

/// Arguments of `linear`, without `m`: the number of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LinearCall {
    /// 0: x is i8; 1: x is u8.
    pub kind: u8,
    /// 1: one f32 factor; 2: the accumulator itself.
    pub mode: u8,
    /// Length of the inner products.
    pub k: u32,
    /// Columns of the result.
    pub n: u32,
    /// Zero point of x.
    pub zx: i32,
    /// Zero point of w.
    pub zw: i32,
    /// Zero point of the result.
    pub zy: i32,
    /// Lowest element of the result.
    pub lo: i32,
    /// Highest element of the result.
    pub hi: i32,
    /// Value: `[m][k]`.
    pub x: String,
    /// Tensor: `[n][k]`.
    pub w: String,
    /// Tensor: `[n]`, i32.
    pub bias: Option<String>,
    /// Tensor: `[1]` or `[n]` bit patterns of f32.
    pub scales: Option<String>,
    /// Tensor: 256 bytes.
    pub lut: Option<String>,
}

/// Arguments of `lut`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LutCall {
    /// Value.
    pub x: String,
    /// Tensor: 256 bytes.
    pub table: String,
}

/// Arguments of `scaled`, operation 0: `clamp(zy + (((a-za)*ma + (b-zb)*mb + 2^(shift-1)) >> shift), lo, hi)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ScaledCall {
    /// 0: sum.
    pub op: u8,
    /// Element type, as the chain numbers it.
    pub dtype: u8,
    /// Zero point of a.
    pub za: i32,
    /// Zero point of b.
    pub zb: i32,
    /// Zero point of the result.
    pub zy: i32,
    /// Factor of a.
    pub ma: i32,
    /// Factor of b.
    pub mb: i32,
    /// Bits shifted out, rounded.
    pub shift: u8,
    /// Lowest element of the result.
    pub lo: i32,
    /// Highest element of the result.
    pub hi: i32,
    /// Value.
    pub a: String,
    /// Value.
    pub b: String,
}

impl Plan {
    /// A plan without calls.
    pub(crate) fn new(model: &str, producer: &str, opset: i64, input: PlanInput) -> Self {
        let output = PlanOutput {
            name: String::new(),
            value: "x".into(),
            dtype: input.dtype,
            row: input.row,
            dequantise: None,
        };
        Self {
            format: FORMAT,
            model: model.into(),
            producer: producer.into(),
            opset,
            input,
            tensors: Vec::new(),
            calls: Vec::new(),
            output,
            gas_per_row: 0,
        }
    }

    /// Gas of all calls for this many rows at once, operands inline
    /// (specification of the AI operations, section 4).
    pub fn gas(&self, rows: u64) -> u64 {
        self.calls.iter().map(|call| self.gas_of(call, rows)).sum()
    }

    /// Gas of one call for this many rows, operands inline.
    pub fn gas_of(&self, call: &Call, rows: u64) -> u64 {
        let words = |bytes: u64| bytes.div_ceil(32);
        let tensor = |name: &Option<String>| {
            let found = name.as_ref().and_then(|name| self.tensor(name));
            found.map_or(0, |at| words(self.tensors[at].bytes))
        };
        let elements = rows.saturating_mul(call.row);
        let quarter = elements.div_ceil(4);
        let (input, output, work) = match &call.function {
            Function::Linear(linear) => {
                let (k, n) = (u64::from(linear.k), u64::from(linear.n));
                let input = words(rows * k)
                    + words(n * k)
                    + tensor(&linear.bias)
                    + tensor(&linear.scales)
                    + tensor(&linear.lut);
                let size = if linear.mode == 2 { 4 } else { 1 };
                let rounding = if linear.mode == 2 { 0 } else { quarter };
                let table = if linear.lut.is_some() { quarter } else { 0 };
                let work = (rows * k * n).div_ceil(128) + rounding + table;
                (input, words(elements * size), work)
            }
            Function::Lut(_) => (words(elements) + 8, words(elements), quarter),
            Function::Scaled(_) => (2 * words(elements), words(elements), quarter),
        };
        150 + input + 3 * output + work
    }

    /// Index of a tensor by its name.
    pub fn tensor(&self, name: &str) -> Option<usize> {
        self.tensors.iter().position(|tensor| tensor.name == name)
    }
}

impl PlanInput {
    /// Floats to elements as ONNX `QuantizeLinear` does it; `None` if the model starts from integers.
    pub fn quantise(&self, floats: &[f32]) -> Option<Vec<u8>> {
        let map = self.quantise.as_ref()?;
        let scale = f32::from_bits(*map.scale_bits.first()?);
        let range = self.dtype.range();
        let one = |x: &f32| float::quantise(*x, scale, map.zero_point, range).to_le_bytes()[0];
        Some(floats.iter().map(one).collect())
    }
}

impl PlanOutput {
    /// Elements to floats as ONNX does it; `None` if the model ends in integers.
    pub fn dequantise(&self, bytes: &[u8]) -> Option<Vec<f32>> {
        let map = self.dequantise.as_ref()?;
        let elements = elements(self.dtype, bytes);
        let scales = map.scale_bits.iter().map(|bits| f32::from_bits(*bits));
        Some(
            elements
                .zip(scales.cycle())
                .map(|(q, scale)| float::dequantise(q, scale, map.zero_point))
                .collect(),
        )
    }
}

/// Packed bytes as integers.
pub(crate) fn elements(dtype: Dtype, bytes: &[u8]) -> impl Iterator<Item = i32> {
    bytes
        .chunks_exact(dtype.size())
        .map(move |chunk| match (dtype, chunk) {
            (Dtype::U8, [byte]) => i32::from(*byte),
            (Dtype::I8, [byte]) => i32::from(byte.cast_signed()),
            (_, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0,
        })
}

impl PlanTensor {
    pub(crate) fn new(name: String, index: usize, role: &str, tensor: &Tensor) -> Self {
        let described = describe(tensor);
        let described = described.expect(
            "a tensor of the plan has one or two dimensions, none zero, and at most as many bytes as a constant",
        );
        Self {
            name,
            file: format!("tensors/{index:02}-{role}.bin"),
            dtype: tensor.dtype,
            dims: tensor.dims.clone(),
            bytes: tensor.bytes.len() as u64,
            root: described.root,
            id: described.id,
        }
    }
}

fn hex_words<S: serde::Serializer>(words: &[u32], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(words.iter().map(|word| format!("{word:#010x}")))
}
