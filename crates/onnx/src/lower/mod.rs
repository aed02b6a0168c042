//! From a graph to a plan: walks the nodes in order and keeps, for each name, what it stands for.
//!
//! ```text
//! input ─Q─▶ Quantised ─DQ─▶ Real ─Gemm, MatMul─▶ Product ─Q─▶ Quantised
//!                              ├─Relu, Clip─▶ Real ─Q─▶ Quantised (a table)
//!                              └─Add─▶ Sum ─Q─▶ Quantised
//! ```
//!
//! A call is emitted when a value is rounded. All quantised values of a plan have the element type of
//! its input; a value of the other 8-bit type is kept moved by 128 ([`Quantised::offset`]), which
//! changes zero points and nothing else.

mod build;
mod pointwise;
mod product;
mod read;
mod shape;

use crate::{
    Dtype, Model, OnnxError, Refusal,
    float::{self, is_scale},
    graph::{self, Graph, Node},
    plan::{PlanInput, Quantisation},
};
use build::Builder;
use pointwise::Activation;
use product::Product;
use shape::Shape;
use std::collections::BTreeMap;

/// Lowers an int8 ONNX model, given as the bytes of its file, to a plan.
///
/// # Errors
/// - [`OnnxError::Malformed`], [`OnnxError::TooLarge`], [`OnnxError::Invalid`]: not an ONNX model, or a broken one.
/// - [`OnnxError::Refused`]: a part of it has no exact counterpart on chain; the error names it.
///
/// # Examples
/// ```
/// let error = foggara_onnx::lower(b"not a model").unwrap_err();
/// assert!(error.to_string().starts_with("not an ONNX file"));
/// ```
pub fn lower(file: &[u8]) -> Result<Model, OnnxError> {
    let graph = graph::load(file)?;
    let mut lowering = Lowering::new(&graph)?;
    for node in &graph.nodes {
        let value = lowering.node(node)?;
        lowering.values.insert(&node.output, value);
    }
    lowering.finish()
}

/// What a name stands for.
#[derive(Debug, Clone)]
enum Value {
    /// The float input, not yet quantised.
    Input(Shape),
    Quantised(Quantised),
    Real(Real),
    /// A dequantised constant.
    Weights(Weights),
    Product(Box<Product>),
    /// Accumulators of a product, with what makes them float; only as the output.
    Accumulators(Box<Product>),
    Sum(Box<(Real, Real)>),
}

/// An integer value of the plan.
#[derive(Debug, Clone)]
struct Quantised {
    /// Its name in the plan.
    value: String,
    /// Element type in the model.
    dtype: Dtype,
    shape: Shape,
    /// Whether whatever reads it next is all that reads it.
    is_sole: bool,
}

/// A dequantised value, perhaps behind activations.
#[derive(Debug, Clone)]
struct Real {
    q: Quantised,
    scale: f32,
    zero_point: i32,
    activations: Vec<Activation>,
}

/// A dequantised constant.
#[derive(Debug, Clone)]
struct Weights {
    tensor: String,
    scales: Vec<f32>,
    zero_points: Vec<i32>,
    axis: i64,
}

struct Lowering<'a> {
    graph: &'a Graph,
    values: BTreeMap<&'a str, Value>,
    /// `None` until the element type of the input is known.
    build: Option<Builder>,
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph) -> Result<Self, OnnxError> {
        let port = &graph.input;
        let refuse = |reason| OnnxError::Refused {
            operator: "input".into(),
            node: port.name.clone(),
            reason,
        };
        let shape = Shape::of_input(port.dims.as_deref()).map_err(refuse)?;
        let mut lowering = Self {
            graph,
            values: BTreeMap::new(),
            build: None,
        };
        let value = match port.dtype {
            1 => Value::Input(shape),
            2 | 3 => {
                let dtype = if port.dtype == 2 {
                    Dtype::U8
                } else {
                    Dtype::I8
                };
                lowering.start(dtype, &shape, None);
                Value::Quantised(Quantised {
                    value: "x".into(),
                    dtype,
                    shape,
                    is_sole: false,
                })
            }
            got => {
                return Err(refuse(Refusal::Dtype {
                    what: "it".into(),
                    got,
                    want: "f32, u8 or i8",
                }));
            }
        };
        lowering.values.insert(&port.name, value);
        Ok(lowering)
    }

    fn start(&mut self, dtype: Dtype, shape: &Shape, quantise: Option<Quantisation>) {
        let input = PlanInput {
            name: self.graph.input.name.clone(),
            dtype,
            row: shape.row(),
            rows: shape.rows,
            quantise,
        };
        self.build = Some(Builder::new(self.graph, input));
    }

    fn node(&mut self, node: &Node) -> Result<Value, OnnxError> {
        match node.operator.as_str() {
            "QuantizeLinear" | "com.microsoft.QuantizeLinear" => self.quantize(node),
            "DequantizeLinear" | "com.microsoft.DequantizeLinear" => self.dequantize(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node),
            "com.microsoft.QGemm" => self.qgemm(node),
            "QLinearMatMul" => self.qlinear_matmul(node),
            "MatMulInteger" => self.matmul_integer(node),
            "Relu" | "Clip" => self.activation(node),
            "Add" => self.add(node),
            "com.microsoft.QLinearAdd" => self.qlinear_add(node),
            "Flatten" | "Reshape" => self.reshape(node),
            "Identity" => {
                node.arity(1, 1)?;
                node.attributes(&[])?;
                let mut value = self.value(node, 0)?;
                if matches!(value, Value::Product(_) | Value::Sum(_)) {
                    self.once(node)?;
                }
                self.narrow(node, &mut value);
                Ok(value)
            }
            "Softmax"
            | "LogSoftmax"
            | "Sigmoid"
            | "Tanh"
            | "Gelu"
            | "Erf"
            | "Exp"
            | "LayerNormalization"
            | "com.microsoft.Gelu"
            | "com.microsoft.FastGelu"
            | "com.microsoft.FusedGemm"
            | "DynamicQuantizeLinear"
            | "com.microsoft.MatMulIntegerToFloat"
            | "com.microsoft.DynamicQuantizeMatMul"
            | "com.microsoft.QLinearSigmoid"
            | "com.microsoft.QLinearSoftmax"
            | "com.microsoft.QLinearLeakyRelu" => Err(node.refuse(Refusal::Float)),
            _ => Err(node.refuse(Refusal::Operator)),
        }
    }

    /// The value of an input that is computed, not constant.
    fn value(&self, node: &Node, index: usize) -> Result<Value, OnnxError> {
        let name = node.input(index).unwrap_or_default();
        if self.graph.constants.contains_key(name) {
            // Computing with constants alone is the work of whoever wrote the file.
            return Err(node.refuse(Refusal::Storage(
                "it computes a constant; fold constants first",
            )));
        }
        let value = self.values.get(name).cloned();
        value.ok_or_else(|| OnnxError::Invalid(format!("`{name}` is used before it is made")))
    }

    fn uses(&self, name: &str) -> usize {
        self.graph.uses.get(name).copied().unwrap_or(0)
    }

    /// Marks a value that passes through a node as shared if the node's output is.
    fn narrow(&self, node: &Node, value: &mut Value) {
        let once = self.uses(&node.output) == 1;
        match value {
            Value::Quantised(q) | Value::Real(Real { q, .. }) => q.is_sole &= once,
            _ => {}
        }
    }

    /// A float result that ONNX Runtime fuses only if it is read once.
    fn once(&self, node: &Node) -> Result<(), OnnxError> {
        match self.uses(&node.output) {
            0 | 1 => Ok(()),
            uses => Err(node.refuse(Refusal::Shared(uses))),
        }
    }

    fn quantize(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(2, 3)?;
        read::quantisation_attributes(node)?;
        let scale = self.scale(node, 1, "the scale")?;
        let (dtype, zero_point) = self.zero_point(node, 2, Dtype::U8)?;
        let to = Target {
            scale,
            zero_point,
            dtype,
            is_sole: self.uses(&node.output) == 1,
        };
        let quantised = match self.value(node, 0)? {
            Value::Input(shape) => self.quantize_input(node, shape, &to)?,
            Value::Real(real) => self.table(node, real, &to)?,
            Value::Product(product) => self.rounded(node, *product, &to)?,
            Value::Sum(sum) => self.sum(node, *sum, &to)?,
            Value::Quantised(_) | Value::Weights(_) | Value::Accumulators(_) => {
                return Err(node.refuse(Refusal::Float));
            }
        };
        Ok(Value::Quantised(quantised))
    }

    fn quantize_input(
        &mut self,
        node: &Node,
        shape: Shape,
        to: &Target,
    ) -> Result<Quantised, OnnxError> {
        let map = Quantisation {
            scale_bits: vec![to.scale.to_bits()],
            zero_point: to.zero_point,
        };
        match &self.build {
            None => self.start(to.dtype, &shape, Some(map)),
            Some(build) if build.plan.input.quantise == Some(map) && build.dtype() == to.dtype => {}
            Some(_) => {
                return Err(node.refuse(Refusal::Count {
                    what: "ways to quantise the input",
                    got: 2,
                }));
            }
        }
        Ok(Quantised {
            value: "x".into(),
            dtype: to.dtype,
            shape,
            // The input is nobody's result.
            is_sole: false,
        })
    }

    fn dequantize(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(2, 3)?;
        read::quantisation_attributes(node)?;
        let name = node.input(0).unwrap_or_default();
        if self.graph.constants.contains_key(name) {
            let scales = self.scales(node, 1, "a scale")?;
            let zero_points = self
                .zero_points(node, 2)?
                .map_or(vec![0], |(_, values)| values);
            return Ok(Value::Weights(Weights {
                tensor: name.into(),
                scales,
                zero_points,
                axis: node.int("axis", 1),
            }));
        }
        let Value::Quantised(mut q) = self.value(node, 0)? else {
            return Err(node.refuse(Refusal::Float));
        };
        let scale = self.scale(node, 1, "the scale")?;
        let (dtype, zero_point) = self.zero_point(node, 2, q.dtype)?;
        if dtype != q.dtype {
            return Err(OnnxError::Invalid(format!(
                "zero point of `{}` is of another type than its input",
                node.name
            )));
        }
        q.is_sole &= self.uses(&node.output) == 1;
        Ok(Value::Real(Real {
            q,
            scale,
            zero_point,
            activations: Vec::new(),
        }))
    }

    fn reshape(&mut self, node: &Node) -> Result<Value, OnnxError> {
        let mut value = self.value(node, 0)?;
        let (Value::Input(shape)
        | Value::Quantised(Quantised { shape, .. })
        | Value::Real(Real {
            q: Quantised { shape, .. },
            ..
        })) = &mut value
        else {
            return Err(node.refuse(Refusal::Float));
        };
        *shape = shape.reshaped(node, self.graph)?;
        self.narrow(node, &mut value);
        Ok(value)
    }

    fn finish(mut self) -> Result<Model, OnnxError> {
        let port = &self.graph.output;
        let refuse = |reason| OnnxError::Refused {
            operator: "output".into(),
            node: port.name.clone(),
            reason,
        };
        let value = self.values.remove(port.name.as_str());
        let Some(mut build) = self.build else {
            return Err(refuse(Refusal::Float));
        };
        match value {
            Some(Value::Real(real)) if real.activations.is_empty() => {
                let map = Quantisation {
                    scale_bits: vec![real.scale.to_bits()],
                    zero_point: real.zero_point + real.q.offset(build.dtype()),
                };
                let row = real.q.shape.row();
                build.output(&real.q.value, build.dtype(), row, Some(map));
            }
            Some(Value::Quantised(q)) => {
                let value = build.as_declared(&q);
                build.output(&value, build.dtype(), q.shape.row(), None);
                build.plan.output.dtype = q.dtype;
            }
            Some(Value::Product(product)) => build.accumulators(*product, true),
            Some(Value::Accumulators(product)) => build.accumulators(*product, false),
            _ => return Err(refuse(Refusal::Float)),
        }
        build.plan.output.name.clone_from(&port.name);
        Ok(build.finish())
    }
}

/// What a value is rounded to.
#[derive(Debug, Clone)]
struct Target {
    scale: f32,
    zero_point: i32,
    dtype: Dtype,
    is_sole: bool,
}

impl Quantised {
    /// What to add to an element of the model to get the element on chain.
    fn offset(&self, chain: Dtype) -> i32 {
        chain.range().0 - self.dtype.range().0
    }
}

impl Real {
    /// The real number that an element of the model stands for, behind the activations.
    fn at(&self, q: i32) -> f32 {
        let real = float::dequantise(q, self.scale, self.zero_point);
        self.activations.iter().fold(real, |x, act| act.apply(x))
    }
}

fn checked_scale(scale: f32, what: &str) -> Result<f32, Refusal> {
    if is_scale(scale) {
        return Ok(scale);
    }
    Err(Refusal::Scale {
        what: what.into(),
        got: scale,
    })
}

#[cfg(test)]
mod tests;
