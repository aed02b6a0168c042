//! Layers: a product of a computed value with constant weights, with or without a bias.

use super::{
    Lowering, Quantised, Real, Target, Value, Weights, build::Rounding, pointwise::Activation,
};
use crate::{
    Dtype, OnnxError, Refusal, float,
    graph::{Attribute, Node},
    tensor::Data,
};

/// Limits of `linear` on chain.
const K_MAX: u64 = 32_768;
const N_MAX: u64 = 65_535;
/// Largest product of two centred elements: 255 * 255.
const STEP_MAX: i64 = 65_025;

/// An exact integer product that waits for its rounding.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) node: String,
    pub(super) x: Quantised,
    /// Zero point of x in the model.
    pub(super) zx: i32,
    pub(super) k: u32,
    pub(super) n: u32,
    pub(super) weights_name: String,
    /// `[n][k]`.
    pub(super) weights: Vec<i8>,
    pub(super) zw: i32,
    pub(super) bias: Option<Vec<i32>>,
    pub(super) sx: f32,
    /// One or n.
    pub(super) sw: Vec<f32>,
    pub(super) activations: Vec<Activation>,
}

/// What a layer computes with, before its weights are read.
struct Layer {
    x: Quantised,
    sx: f32,
    zx: i32,
    weights: Weights,
    /// Whether the weights lie as `[n][k]`.
    is_transposed: bool,
}

fn is_one(value: &Attribute) -> bool {
    *value == Attribute::Float(1.0)
}

fn is_bit(value: &Attribute) -> bool {
    matches!(value, Attribute::Int(0 | 1))
}

fn is_zero(value: &Attribute) -> bool {
    *value == Attribute::Int(0)
}

impl Lowering<'_> {
    /// `Gemm` between dequantised values.
    pub(super) fn gemm(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(2, 3)?;
        node.attributes(&[
            ("alpha", is_one, "1"),
            ("beta", is_one, "1"),
            ("transA", is_zero, "0"),
            ("transB", is_bit, "0 or 1"),
        ])?;
        self.once(node)?;
        let layer = self.float_layer(node, node.int("transB", 0) == 1)?;
        let mut product = self.product(node, layer)?;
        if node.input(2).is_some() {
            let bias = self.weights(node, 2, "the bias")?;
            self.check_bias_scale(node, &bias, &product)?;
            self.set_bias(node, &bias.tensor, &mut product)?;
        }
        Ok(Value::Product(Box::new(product)))
    }

    /// `MatMul` between dequantised values.
    pub(super) fn matmul(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(2, 2)?;
        node.attributes(&[])?;
        self.once(node)?;
        let layer = self.float_layer(node, false)?;
        Ok(Value::Product(Box::new(self.product(node, layer)?)))
    }

    /// `QGemm`: A, its scale and zero point, B, its, C, and the result's.
    pub(super) fn qgemm(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(6, 9)?;
        node.attributes(&[
            ("alpha", is_one, "1"),
            ("transA", is_zero, "0"),
            ("transB", is_bit, "0 or 1"),
        ])?;
        let layer = self.integer_layer(node, node.int("transB", 0) == 1)?;
        let mut product = self.product(node, layer)?;
        if let Some(bias) = node.input(6) {
            self.set_bias(node, bias, &mut product)?;
        }
        if node.input(7).is_none() {
            self.once(node)?;
            return Ok(Value::Product(Box::new(product)));
        }
        self.rounded_to(node, product, 7)
    }

    /// `QLinearMatMul`: A, its scale and zero point, B, its, and the result's.
    pub(super) fn qlinear_matmul(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(8, 8)?;
        node.attributes(&[])?;
        let layer = self.integer_layer(node, false)?;
        let product = self.product(node, layer)?;
        self.rounded_to(node, product, 6)
    }

    /// `MatMulInteger`: A, B and their zero points; the result is the accumulator.
    pub(super) fn matmul_integer(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(2, 4)?;
        node.attributes(&[])?;
        let (x, zx) = self.integer_operand(node, 2)?;
        let zero_points = self.zero_points(node, 3)?;
        let layer = Layer {
            x,
            sx: 1.0,
            zx,
            weights: Weights {
                tensor: node.input(1).unwrap_or_default().into(),
                scales: vec![1.0],
                zero_points: zero_points.map_or(vec![0], |(_, values)| values),
                axis: 1,
            },
            is_transposed: false,
        };
        Ok(Value::Accumulators(Box::new(self.product(node, layer)?)))
    }

    /// Emits a product with its one rounding.
    pub(super) fn rounded(
        &mut self,
        node: &Node,
        product: Product,
        to: &Target,
    ) -> Result<Quantised, OnnxError> {
        if to.dtype != product.x.dtype {
            return Err(node.refuse(Refusal::TypeChange));
        }
        if !product.activations.iter().all(|act| act.is_implied_by(to)) {
            return Err(node.refuse(Refusal::ActivationOnProduct));
        }
        let scales = product.sw.iter().map(|sw| {
            let bits = float::scale_bits(product.sx, *sw, to.scale);
            bits.map(u32::cast_signed).ok_or_else(|| {
                node.refuse(Refusal::Scale {
                    what: "the product's scale".into(),
                    got: product.sx * sw / to.scale,
                })
            })
        });
        let mut scales: Vec<i32> = scales.collect::<Result<_, _>>()?;
        if scales.windows(2).all(|pair| pair[0] == pair[1]) {
            scales.truncate(1);
        }
        let mut quantised = Quantised {
            value: String::new(),
            dtype: to.dtype,
            shape: product.x.shape.clone(),
            is_sole: to.is_sole,
        };
        quantised.shape.rest = vec![product.n.into()];
        let build = self.builder(node)?;
        let zy = to.zero_point + quantised.offset(build.dtype());
        quantised.value = build.linear(&product, Some(Rounding { scales, zy }));
        Ok(quantised)
    }

    fn rounded_to(
        &mut self,
        node: &Node,
        product: Product,
        index: usize,
    ) -> Result<Value, OnnxError> {
        let scale = self.scale(node, index, "the result's scale")?;
        let (dtype, zero_point) = self.zero_point(node, index + 1, product.x.dtype)?;
        let to = Target {
            scale,
            zero_point,
            dtype,
            is_sole: self.uses(&node.output) == 1,
        };
        Ok(Value::Quantised(self.rounded(node, product, &to)?))
    }

    /// The plan, once the input is quantised.
    pub(super) fn builder(&mut self, node: &Node) -> Result<&mut super::Builder, OnnxError> {
        self.build
            .as_mut()
            .ok_or_else(|| node.refuse(Refusal::Float))
    }

    fn float_layer(&self, node: &Node, is_transposed: bool) -> Result<Layer, OnnxError> {
        let x = match self.value(node, 0)? {
            Value::Real(real) if real.activations.is_empty() => real,
            _ => return Err(node.refuse(Refusal::Float)),
        };
        let Real {
            q,
            scale,
            zero_point,
            ..
        } = x;
        Ok(Layer {
            x: q,
            sx: scale,
            zx: zero_point,
            weights: self.weights(node, 1, "the second factor")?,
            is_transposed,
        })
    }

    fn integer_layer(&self, node: &Node, is_transposed: bool) -> Result<Layer, OnnxError> {
        let (x, zx) = self.integer_operand(node, 2)?;
        let zero_points = self.zero_points(node, 5)?;
        Ok(Layer {
            x,
            sx: self.scale(node, 1, "the scale of the first factor")?,
            zx,
            weights: Weights {
                tensor: node.input(3).unwrap_or_default().into(),
                scales: self.scales(node, 4, "a scale of the second factor")?,
                zero_points: zero_points.map_or(vec![0], |(_, values)| values),
                // Of these operators scales belong to columns of the result.
                axis: i64::from(!is_transposed),
            },
            is_transposed,
        })
    }

    /// The quantised first input and its zero point.
    fn integer_operand(&self, node: &Node, zero: usize) -> Result<(Quantised, i32), OnnxError> {
        let Value::Quantised(x) = self.value(node, 0)? else {
            return Err(node.refuse(Refusal::Float));
        };
        let (dtype, zx) = self.zero_point(node, zero, x.dtype)?;
        if dtype != x.dtype {
            return Err(OnnxError::Invalid(format!(
                "zero point of `{}` is of another type than its input",
                node.name
            )));
        }
        Ok((x, zx))
    }

    /// A dequantised constant input.
    fn weights(&self, node: &Node, index: usize, what: &str) -> Result<Weights, OnnxError> {
        let name = node.input(index).unwrap_or_default();
        match self.values.get(name) {
            Some(Value::Weights(weights)) => Ok(weights.clone()),
            None if self.graph.constants.contains_key(name) => Err(node.refuse(Refusal::Float)),
            _ => Err(node.refuse(Refusal::NotConstant(what.into()))),
        }
    }

    fn product(&self, node: &Node, layer: Layer) -> Result<Product, OnnxError> {
        let name = &layer.weights.tensor;
        let constant = self.graph.constants.get(name);
        let constant = constant
            .ok_or_else(|| node.refuse(Refusal::NotConstant("the second factor".into())))?;
        let shape = |what: &str, got, want| {
            node.refuse(Refusal::Shape {
                what: what.into(),
                got,
                want,
            })
        };
        let [first, second] = *constant.dims.as_slice() else {
            return Err(shape("the second factor", constant.shape(), "a matrix"));
        };
        let (n, k) = if layer.is_transposed {
            (first, second)
        } else {
            (second, first)
        };
        if layer.x.shape.rest != [k] {
            let want = "[rows, k] with the weights' k";
            return Err(shape("the first factor", layer.x.shape.show(), want));
        }
        if k == 0 || n == 0 || k > K_MAX || n > N_MAX {
            let want = "at most 65,535 columns of at most 32,768 elements, and not empty";
            return Err(shape("the second factor", constant.shape(), want));
        }
        let dtype = |want| {
            node.refuse(Refusal::Dtype {
                what: "the second factor".into(),
                got: constant.data.code(),
                want,
            })
        };
        let (weights, moved) = signed(&constant.data).ok_or_else(|| dtype("u8 or i8"))?;
        if moved != 0 && layer.x.dtype == Dtype::I8 {
            return Err(dtype("i8 where the first factor is i8"));
        }
        let columns = usize::try_from(n).unwrap_or(usize::MAX);
        let Weights {
            scales: sw,
            zero_points,
            axis,
            ..
        } = layer.weights;
        let column_axis = if layer.is_transposed {
            [0, -2]
        } else {
            [1, -1]
        };
        for (what, count) in [
            ("the row of scales", sw.len()),
            ("the row of zero points", zero_points.len()),
        ] {
            if count != 1 && (count != columns || !column_axis.contains(&axis)) {
                let got = format!("{count} along axis {axis}");
                return Err(shape(what, got, "one, or one per column of the result"));
            }
        }
        let zw = zero_points.first().copied().unwrap_or(0);
        if zero_points.iter().any(|other| *other != zw) {
            let reason =
                Refusal::ZeroPoint("the columns of the second factor have different zero points");
            return Err(node.refuse(reason));
        }
        let (low, high) = if moved == 0 { (-128, 127) } else { (0, 255) };
        if !(low..=high).contains(&zw) {
            let reason =
                Refusal::ZeroPoint("the zero point of the second factor is not of its type");
            return Err(node.refuse(reason));
        }
        let (rows, inner) = (columns, usize::try_from(k).unwrap_or(usize::MAX));
        let weights = if layer.is_transposed {
            weights
        } else {
            transposed(&weights, inner, rows)
        };
        Ok(Product {
            node: node.name.clone(),
            x: layer.x,
            zx: layer.zx,
            k: u32::try_from(k).unwrap_or(u32::MAX),
            n: u32::try_from(n).unwrap_or(u32::MAX),
            weights_name: name.clone(),
            weights,
            zw: zw - moved,
            bias: None,
            sx: layer.sx,
            sw,
            activations: Vec::new(),
        })
    }

    /// In QDQ form ONNX Runtime adds the bias's integers to the accumulator, so they must be on its scale.
    fn check_bias_scale(
        &self,
        node: &Node,
        bias: &Weights,
        product: &Product,
    ) -> Result<(), OnnxError> {
        if bias.zero_points.iter().any(|zero| *zero != 0) {
            return Err(node.refuse(Refusal::ZeroPoint("the bias has a zero point")));
        }
        let columns = product.n as usize;
        if bias.scales.len() != 1 && bias.scales.len() != columns {
            return Err(node.refuse(Refusal::Shape {
                what: "the bias's scales".into(),
                got: format!("[{}]", bias.scales.len()),
                want: "one, or one per column of the result",
            }));
        }
        for column in 0..columns {
            let want = product.sx * product.sw[column % product.sw.len()];
            let got = bias.scales[column % bias.scales.len()];
            if got.to_bits() != want.to_bits() {
                return Err(node.refuse(Refusal::BiasScale { column, got, want }));
            }
        }
        Ok(())
    }

    fn set_bias(&self, node: &Node, name: &str, product: &mut Product) -> Result<(), OnnxError> {
        let constant = self.graph.constants.get(name);
        let constant =
            constant.ok_or_else(|| node.refuse(Refusal::NotConstant("the bias".into())))?;
        let Data::I32(values) = &constant.data else {
            return Err(node.refuse(Refusal::Dtype {
                what: "the bias".into(),
                got: constant.data.code(),
                want: "i32",
            }));
        };
        let n = u64::from(product.n);
        if constant.dims != [n] && constant.dims != [1, n] {
            return Err(node.refuse(Refusal::Shape {
                what: "the bias".into(),
                got: constant.shape(),
                want: "one element per column of the result",
            }));
        }
        let max = i64::from(i32::MAX) - STEP_MAX * i64::from(product.k);
        let outside = values
            .iter()
            .position(|value| i64::from(*value).abs() > max);
        if let Some(column) = outside {
            return Err(node.refuse(Refusal::BiasRange {
                column,
                got: values[column],
                max,
            }));
        }
        product.bias = Some(values.clone());
        Ok(())
    }
}

/// Weights as i8, and by how much they were moved down.
fn signed(data: &Data) -> Option<(Vec<i8>, i32)> {
    match data {
        Data::I8(values) => Some((values.clone(), 0)),
        Data::U8(values) => {
            let moved = values.iter().map(|byte| (byte ^ 0x80).cast_signed());
            Some((moved.collect(), 128))
        }
        _ => None,
    }
}

/// `[k][n]` to `[n][k]`.
fn transposed(weights: &[i8], k: usize, n: usize) -> Vec<i8> {
    let mut out = Vec::with_capacity(weights.len());
    for column in 0..n {
        out.extend((0..k).map(|l| weights[l * n + column]));
    }
    out
}
