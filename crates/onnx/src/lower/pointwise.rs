//! Functions of single elements: activations, and the sum of two values.

use super::{Lowering, Quantised, Real, Target, Value, build::ELTWISE};
use crate::{
    Dtype, OnnxError, Refusal,
    float::{dequantise, quantise},
    graph::{Attribute, Node},
    plan::{Function, ScaledCall},
    tensor::Data,
};

/// An activation that is one exact f32 comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Activation {
    Relu,
    Clip { min: f32, max: f32 },
}

impl Activation {
    pub(super) fn apply(self, x: f32) -> f32 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Clip { min, max } => x.max(min).min(max),
        }
    }

    /// Whether the saturation of a rounding already does it, so that ONNX Runtime drops it.
    pub(super) fn is_implied_by(&self, to: &Target) -> bool {
        let (lo, hi) = to.dtype.range();
        match self {
            Self::Relu => to.zero_point == lo,
            Self::Clip { min, max } => {
                *min <= dequantise(lo, to.scale, to.zero_point)
                    && *max >= dequantise(hi, to.scale, to.zero_point)
            }
        }
    }
}

impl Lowering<'_> {
    pub(super) fn activation(&mut self, node: &Node) -> Result<Value, OnnxError> {
        let activation = if node.operator == "Relu" {
            node.arity(1, 1)?;
            node.attributes(&[])?;
            Activation::Relu
        } else {
            self.clip(node)?
        };
        match self.value(node, 0)? {
            Value::Real(mut real) => {
                real.q.is_sole &= self.uses(&node.output) == 1;
                real.activations.push(activation);
                Ok(Value::Real(real))
            }
            Value::Product(mut product) => {
                self.once(node)?;
                product.activations.push(activation);
                Ok(Value::Product(product))
            }
            _ => Err(node.refuse(Refusal::Float)),
        }
    }

    /// Bounds are attributes up to operator set 10 and inputs from 11.
    fn clip(&self, node: &Node) -> Result<Activation, OnnxError> {
        node.arity(1, 3)?;
        let is_float = |value: &Attribute| matches!(value, Attribute::Float(_));
        node.attributes(&[("min", is_float, "a float"), ("max", is_float, "a float")])?;
        let bound = |index, name: &str, default| {
            if let Some(Attribute::Float(value)) = node.attributes.get(name) {
                return Ok(*value);
            }
            if node.input(index).is_none() {
                return Ok(default);
            }
            let constant = self.constant(node, index, "a bound")?;
            match &constant.data {
                Data::F32(values) if constant.single() => Ok(values[0]),
                _ => Err(node.refuse(Refusal::Dtype {
                    what: "a bound".into(),
                    got: constant.data.code(),
                    want: "one f32",
                })),
            }
        };
        let (min, max) = (bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?);
        if min <= max {
            return Ok(Activation::Clip { min, max });
        }
        Err(OnnxError::Invalid(format!(
            "`{}` clips to {min} and {max}",
            node.name
        )))
    }

    /// DequantizeLinear, activations, QuantizeLinear: a function of 256 values.
    pub(super) fn table(
        &mut self,
        node: &Node,
        real: Real,
        to: &Target,
    ) -> Result<Quantised, OnnxError> {
        let build = self.builder(node)?;
        let chain = build.dtype();
        let mut result = Quantised {
            value: String::new(),
            dtype: to.dtype,
            shape: real.q.shape.clone(),
            is_sole: to.is_sole,
        };
        let (offset_in, offset_out) = (real.q.offset(chain), result.offset(chain));
        let mut table = [0; 256];
        for (byte, entry) in (0..=255u8).zip(&mut table) {
            let element = match chain {
                Dtype::I8 => i32::from(byte.cast_signed()),
                _ => i32::from(byte),
            };
            let x = real.at(element - offset_in);
            let y = quantise(x, to.scale, to.zero_point, to.dtype.range());
            *entry = (y + offset_out).to_le_bytes()[0];
        }
        result.value = build.apply(&node.name, &real.q, &table);
        // Where the table does nothing, the result is its operand, with the operand's readers.
        result.is_sole &= real.q.is_sole;
        Ok(result)
    }

    /// `Add` between dequantised values.
    pub(super) fn add(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(2, 2)?;
        node.attributes(&[])?;
        self.once(node)?;
        let term = |index| match self.value(node, index) {
            Ok(Value::Real(real)) if real.activations.is_empty() => Ok(real),
            Err(error @ OnnxError::Invalid(_)) => Err(error),
            _ => Err(node.refuse(Refusal::FloatSum)),
        };
        Ok(Value::Sum(Box::new((term(0)?, term(1)?))))
    }

    /// `QLinearAdd`: A, its scale and zero point, B, its, and the result's.
    pub(super) fn qlinear_add(&mut self, node: &Node) -> Result<Value, OnnxError> {
        node.arity(7, 8)?;
        node.attributes(&[])?;
        let term = |index| -> Result<Real, OnnxError> {
            let Ok(Value::Quantised(q)) = self.value(node, index) else {
                return Err(node.refuse(Refusal::FloatSum));
            };
            let (dtype, zero_point) = self.zero_point(node, index + 2, q.dtype)?;
            if dtype != q.dtype {
                return Err(node.refuse(Refusal::ZeroPoint("a zero point is of another type")));
            }
            Ok(Real {
                scale: self.scale(node, index + 1, "a scale")?,
                q,
                zero_point,
                activations: Vec::new(),
            })
        };
        let sum = (term(0)?, term(3)?);
        let (dtype, zero_point) = self.zero_point(node, 7, sum.0.q.dtype)?;
        let to = Target {
            scale: self.scale(node, 6, "the result's scale")?,
            zero_point,
            dtype,
            is_sole: self.uses(&node.output) == 1,
        };
        Ok(Value::Quantised(self.sum(node, sum, &to)?))
    }

    /// The sum of two values of equal scale, where ONNX Runtime's floats are whole numbers.
    pub(super) fn sum(
        &mut self,
        node: &Node,
        (a, b): (Real, Real),
        to: &Target,
    ) -> Result<Quantised, OnnxError> {
        let scale = to.scale.to_bits();
        if a.scale.to_bits() != scale || b.scale.to_bits() != scale {
            return Err(node.refuse(Refusal::FloatSum));
        }
        if a.q.shape != b.q.shape {
            return Err(node.refuse(Refusal::Shape {
                what: "the second term".into(),
                got: b.q.shape.show(),
                want: "that of the first",
            }));
        }
        let build = self.builder(node)?;
        let chain = build.dtype();
        let mut result = Quantised {
            value: String::new(),
            dtype: to.dtype,
            shape: a.q.shape.clone(),
            is_sole: to.is_sole,
        };
        let (lo, hi) = chain.range();
        // Twice the sum, halved: the shift is at least 1.
        let scaled = ScaledCall {
            op: 0,
            dtype: chain.code(),
            za: a.zero_point + a.q.offset(chain),
            zb: b.zero_point + b.q.offset(chain),
            zy: to.zero_point + result.offset(chain),
            ma: 2,
            mb: 2,
            shift: 1,
            lo,
            hi,
            a: a.q.value,
            b: b.q.value,
        };
        let row = result.shape.row();
        result.value = build.call(&node.name, ELTWISE, Function::Scaled(scaled), row);
        Ok(result)
    }
}
