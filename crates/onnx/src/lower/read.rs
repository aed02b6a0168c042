//! Scales and zero points: constants beside an operator.

use super::{Lowering, checked_scale};
use crate::{
    Dtype, OnnxError, Refusal,
    graph::{Attribute, Node},
    tensor::{Constant, Data},
};

/// Attributes of QuantizeLinear and DequantizeLinear: the axis means something only with several
/// scales, the others must say what they say by default.
pub(super) fn quantisation_attributes(node: &Node) -> Result<(), OnnxError> {
    let is_zero = |value: &Attribute| *value == Attribute::Int(0);
    node.attributes(&[
        (
            "axis",
            |value| matches!(value, Attribute::Int(_)),
            "a number",
        ),
        ("saturate", |value| *value == Attribute::Int(1), "1"),
        ("block_size", is_zero, "0"),
        ("output_dtype", is_zero, "0"),
        ("precision", is_zero, "0"),
    ])
}

impl Lowering<'_> {
    /// A constant input.
    pub(super) fn constant(
        &self,
        node: &Node,
        index: usize,
        what: &str,
    ) -> Result<&Constant, OnnxError> {
        let found = node
            .input(index)
            .and_then(|name| self.graph.constants.get(name));
        found.ok_or_else(|| node.refuse(Refusal::NotConstant(what.into())))
    }

    /// Scales: one, or one per element of an axis.
    pub(super) fn scales(
        &self,
        node: &Node,
        index: usize,
        what: &str,
    ) -> Result<Vec<f32>, OnnxError> {
        let constant = self.constant(node, index, what)?;
        let Data::F32(values) = &constant.data else {
            return Err(node.refuse(Refusal::Dtype {
                what: what.into(),
                got: constant.data.code(),
                want: "f32",
            }));
        };
        if values.is_empty() {
            return Err(OnnxError::Invalid(format!("`{}` has no scale", node.name)));
        }
        let checked = values.iter().map(|scale| checked_scale(*scale, what));
        checked
            .collect::<Result<_, _>>()
            .map_err(|reason| node.refuse(reason))
    }

    /// A scale of the whole tensor.
    pub(super) fn scale(&self, node: &Node, index: usize, what: &str) -> Result<f32, OnnxError> {
        match self.scales(node, index, what)?.as_slice() {
            [scale] => Ok(*scale),
            _ => Err(node.refuse(Refusal::Shape {
                what: what.into(),
                got: self.constant(node, index, what)?.shape(),
                want: "one element, for values that are computed",
            })),
        }
    }

    /// Zero points of 8 bits, or i32 zeros of a bias; `None` if absent.
    pub(super) fn zero_points(
        &self,
        node: &Node,
        index: usize,
    ) -> Result<Option<(Dtype, Vec<i32>)>, OnnxError> {
        if node.input(index).is_none() {
            return Ok(None);
        }
        let constant = self.constant(node, index, "the zero point")?;
        let read = match &constant.data {
            Data::U8(values) => (Dtype::U8, values.iter().map(|v| i32::from(*v)).collect()),
            Data::I8(values) => (Dtype::I8, values.iter().map(|v| i32::from(*v)).collect()),
            Data::I32(values) => (Dtype::I32, values.clone()),
            other => {
                return Err(node.refuse(Refusal::Dtype {
                    what: "the zero point".into(),
                    got: other.code(),
                    want: "u8, i8 or i32",
                }));
            }
        };
        if read.1.is_empty() {
            return Err(OnnxError::Invalid(format!(
                "`{}` has no zero point",
                node.name
            )));
        }
        Ok(Some(read))
    }

    /// The zero point of a whole computed value, and its element type; `default` and 0 if absent.
    pub(super) fn zero_point(
        &self,
        node: &Node,
        index: usize,
        default: Dtype,
    ) -> Result<(Dtype, i32), OnnxError> {
        let Some((dtype, values)) = self.zero_points(node, index)? else {
            return Ok((default, 0));
        };
        if dtype == Dtype::I32 {
            return Err(node.refuse(Refusal::Dtype {
                what: "the zero point".into(),
                got: dtype.code().into(),
                want: "u8 or i8",
            }));
        }
        match values.as_slice() {
            [value] => Ok((dtype, *value)),
            _ => Err(node.refuse(Refusal::ZeroPoint(
                "a value that is computed has one zero point",
            ))),
        }
    }
}
