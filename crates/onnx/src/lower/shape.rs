//! Shapes of values: rows, and what one row holds. Reshaping moves no data, so only this changes.

use crate::{
    OnnxError, Refusal,
    graph::{Graph, Node},
};

/// Elements of one row at most: an operand has at most as many bytes.
const ROW_MAX: u64 = 128 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// First dimension; `None` if the caller chooses it.
    pub(super) rows: Option<u64>,
    /// The others.
    pub(super) rest: Vec<u64>,
}

impl Shape {
    pub(super) fn of_input(dims: Option<&[Option<u64>]>) -> Result<Self, Refusal> {
        let refusal = |got: String| Refusal::Shape {
            what: "it".into(),
            got,
            want: "[rows, ...] with all dimensions but the first fixed and not zero",
        };
        let dims = dims.ok_or_else(|| refusal("unknown".into()))?;
        let shown = || {
            let dims: Vec<String> = dims
                .iter()
                .map(|dim| dim.map_or("?".into(), |dim| dim.to_string()))
                .collect();
            format!("[{}]", dims.join(", "))
        };
        let (Some((rows, rest)), true) = (dims.split_first(), dims.len() >= 2) else {
            return Err(refusal(shown()));
        };
        let rest: Option<Vec<u64>> = rest.iter().copied().collect();
        let shape = Self {
            rows: *rows,
            rest: rest.ok_or_else(|| refusal(shown()))?,
        };
        let row = shape.row();
        if row == 0 || row > ROW_MAX || shape.rows == Some(0) {
            return Err(refusal(shown()));
        }
        Ok(shape)
    }

    /// Elements of one row.
    pub(super) fn row(&self) -> u64 {
        product(&self.rest)
    }

    pub(super) fn show(&self) -> String {
        let rows = self.rows.map_or("rows".into(), |rows| rows.to_string());
        let rest: Vec<String> = self.rest.iter().map(u64::to_string).collect();
        format!("[{rows}, {}]", rest.join(", "))
    }

    /// The shape after a Flatten or Reshape that keeps rows apart.
    pub(super) fn reshaped(&self, node: &Node, graph: &Graph) -> Result<Self, OnnxError> {
        let want = match node.operator.as_str() {
            "Flatten" => {
                node.arity(1, 1)?;
                node.attributes(&[("axis", |_| true, "")])?;
                let rank = i64::try_from(self.rest.len()).unwrap_or(i64::MAX) + 1;
                let axis = node.int("axis", 1);
                let axis = if axis < 0 { axis + rank } else { axis };
                if axis != 1 {
                    return Err(node.refuse(Refusal::Attribute {
                        name: "axis".into(),
                        got: axis.to_string(),
                        want: "1",
                    }));
                }
                return Ok(Self {
                    rows: self.rows,
                    rest: vec![self.row()],
                });
            }
            _ => {
                node.arity(2, 2)?;
                let is_zero =
                    |value: &crate::graph::Attribute| *value == crate::graph::Attribute::Int(0);
                node.attributes(&[("allowzero", is_zero, "0")])?;
                let shape = node.input(1).and_then(|name| graph.constants.get(name));
                let not_constant = || node.refuse(Refusal::NotConstant("the shape".into()));
                let shape = shape.ok_or_else(not_constant)?;
                shape.ints().ok_or_else(not_constant)?
            }
        };
        self.to(want).ok_or_else(|| {
            node.refuse(Refusal::Shape {
                what: format!("the result of {}", self.show()),
                got: format!("{want:?}"),
                want: "one that keeps the rows",
            })
        })
    }

    /// ONNX Reshape: 0 copies a dimension, one -1 takes what is left. `None` if rows would mix.
    fn to(&self, want: &[i64]) -> Option<Self> {
        let (first, rest) = want.split_first()?;
        let mut free = None;
        let mut dims = Vec::with_capacity(rest.len());
        for (at, dim) in rest.iter().enumerate() {
            match dim {
                0 => dims.push(*self.rest.get(at)?),
                -1 if free.is_none() && *first != -1 => {
                    free = Some(at);
                    dims.push(1);
                }
                dim => dims.push(u64::try_from(*dim).ok()?),
            }
        }
        let keeps_rows = match first {
            -1 | 0 => true,
            rows => self.rows == u64::try_from(*rows).ok(),
        };
        let known = product(&dims);
        if !keeps_rows || known == 0 || dims.is_empty() {
            return None;
        }
        if let Some(at) = free {
            if !self.row().is_multiple_of(known) {
                return None;
            }
            *dims.get_mut(at)? = self.row() / known;
        }
        (product(&dims) == self.row()).then_some(Self {
            rows: self.rows,
            rest: dims,
        })
    }
}

fn product(dims: &[u64]) -> u64 {
    dims.iter().fold(1, |all, dim| all.saturating_mul(*dim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_keeps_rows_or_is_refused() {
        let shape = Shape {
            rows: None,
            rest: vec![1, 28, 28],
        };
        let to = |want: &[i64]| shape.to(want).map(|shape| shape.rest);
        assert_eq!(to(&[-1, 784]), Some(vec![784]));
        assert_eq!(to(&[0, -1]), Some(vec![784]));
        assert_eq!(to(&[0, 0, 784]), Some(vec![1, 784]));
        assert_eq!(to(&[0, 0, 0, 0]), Some(vec![1, 28, 28]));
        for refused in [
            &[-1, 28][..],
            &[1, 784],
            &[-1, -1],
            &[0, -1, -1],
            &[0, 3, -1],
            &[-1],
            &[],
            &[0, -2, -392],
            &[0, 784, 0],
        ] {
            assert_eq!(to(refused), None, "{refused:?}");
        }
        let one = Shape {
            rows: Some(1),
            rest: vec![784],
        };
        assert!(one.to(&[1, -1]).is_some() && one.to(&[2, -1]).is_none());
    }
}
