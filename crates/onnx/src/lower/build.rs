//! The plan under construction: names tensors and values, and appends calls.

use super::{Product, Quantised};
use crate::{
    Dtype, Model, Tensor,
    graph::Graph,
    plan::{Call, Function, LinearCall, LutCall, Plan, PlanInput, PlanTensor, Quantisation},
};

/// Address of LINEARQ.
pub(super) const LINEARQ: u8 = 0x02;
/// Address of ELTWISE.
pub(super) const ELTWISE: u8 = 0x04;

#[derive(Debug)]
pub(super) struct Builder {
    pub(super) plan: Plan,
    tensors: Vec<Tensor>,
}

impl Builder {
    pub(super) fn new(graph: &Graph, input: PlanInput) -> Self {
        Self {
            plan: Plan::new(&graph.name, &graph.producer, graph.opset, input),
            tensors: Vec::new(),
        }
    }

    /// Element type of all values but accumulators.
    pub(super) const fn dtype(&self) -> Dtype {
        self.plan.input.dtype
    }

    /// Adds a tensor unless an equal one is there; the name by which calls refer to it.
    pub(super) fn tensor(&mut self, name: &str, role: &str, tensor: Tensor) -> String {
        if let Some(at) = self.tensors.iter().position(|known| *known == tensor) {
            return self.plan.tensors[at].name.clone();
        }
        let mut unique = name.to_owned();
        let mut copy = 1;
        while self.plan.tensor(&unique).is_some() {
            copy += 1;
            unique = format!("{name}#{copy}");
        }
        let index = self.tensors.len();
        let named = PlanTensor::new(unique.clone(), index, role, &tensor);
        self.plan.tensors.push(named);
        self.tensors.push(tensor);
        unique
    }

    pub(super) fn ints(&mut self, name: &str, role: &str, values: &[i32]) -> String {
        let tensor = Tensor {
            dtype: Dtype::I32,
            dims: vec![u32::try_from(values.len()).unwrap_or(u32::MAX)],
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        };
        self.tensor(name, role, tensor)
    }

    pub(super) fn lut(&mut self, node: &str, table: &[u8; 256]) -> String {
        let tensor = Tensor {
            dtype: Dtype::U8,
            dims: vec![256],
            bytes: table.to_vec(),
        };
        self.tensor(&format!("{node}.table"), "table", tensor)
    }

    /// Appends a call; the name of its result.
    pub(super) fn call(
        &mut self,
        node: &str,
        operation: u8,
        function: Function,
        row: u64,
    ) -> String {
        let result = format!("v{}", self.plan.calls.len() + 1);
        self.plan.calls.push(Call {
            node: node.into(),
            address: format!("0x{:040x}", 0xa1_0000 + u32::from(operation)),
            function,
            result: result.clone(),
            row,
        });
        result
    }

    /// Appends the product of a layer: with one rounding if a target is given, as accumulators if not.
    pub(super) fn linear(&mut self, product: &Product, round: Option<Rounding>) -> String {
        let dtype = self.dtype();
        let weights = Tensor {
            dtype: Dtype::I8,
            dims: vec![product.n, product.k],
            bytes: product.weights.iter().map(|w| w.cast_unsigned()).collect(),
        };
        let w = self.tensor(&product.weights_name, "weights", weights);
        let bias = product.bias.as_ref();
        let bias = bias.map(|bias| self.ints(&format!("{}.bias", product.node), "bias", bias));
        let mode = if round.is_some() { 1 } else { 2 };
        let (scales, zy, lo, hi) = match round {
            None => (None, 0, 0, 0),
            Some(Rounding { scales, zy }) => {
                let (lo, hi) = dtype.range();
                let scales = self.ints(&format!("{}.scales", product.node), "scales", &scales);
                (Some(scales), zy, lo, hi)
            }
        };
        let linear = LinearCall {
            kind: if dtype == Dtype::I8 { 0 } else { 1 },
            mode,
            k: product.k,
            n: product.n,
            zx: product.zx + product.x.offset(dtype),
            zw: product.zw,
            zy,
            lo,
            hi,
            x: product.x.value.clone(),
            w,
            bias,
            scales,
            lut: None,
        };
        let row = product.n.into();
        self.call(&product.node, LINEARQ, Function::Linear(linear), row)
    }

    /// Applies a table of bytes to a value: in the call that makes it if nothing else reads it, else by
    /// a call of its own.
    pub(super) fn apply(&mut self, node: &str, q: &Quantised, table: &[u8; 256]) -> String {
        if (0..=255u8).zip(table).all(|(byte, to)| byte == *to) {
            return q.value.clone();
        }
        let dtype = self.dtype();
        let maker = self
            .plan
            .calls
            .iter()
            .position(|call| call.result == q.value);
        if q.is_sole
            && let Some(at) = maker
            && let Function::Linear(linear) = &mut self.plan.calls[at].function
            && linear.mode == 1
            && linear.lut.is_none()
        {
            if let Some((lo, hi)) = as_clamp(dtype, table) {
                linear.lo = linear.lo.clamp(lo, hi);
                linear.hi = linear.hi.clamp(lo, hi);
            } else {
                let name = self.lut(node, table);
                if let Function::Linear(linear) = &mut self.plan.calls[at].function {
                    linear.lut = Some(name);
                }
            }
            return q.value.clone();
        }
        let table = self.lut(node, table);
        let x = q.value.clone();
        let lut = Function::Lut(LutCall { x, table });
        self.call(node, ELTWISE, lut, q.shape.row())
    }

    /// A value in the element type that the model declares for it: the output may differ from the chain's.
    pub(super) fn as_declared(&mut self, q: &Quantised) -> String {
        if q.dtype == self.dtype() {
            return q.value.clone();
        }
        let mut table = [0; 256];
        for (byte, to) in (0..=255u8).zip(&mut table) {
            *to = byte ^ 0x80;
        }
        self.apply("output", q, &table)
    }

    pub(super) fn output(
        &mut self,
        value: &str,
        dtype: Dtype,
        row: u64,
        map: Option<Quantisation>,
    ) {
        let output = &mut self.plan.output;
        output.value = value.into();
        output.dtype = dtype;
        output.row = row;
        output.dequantise = map;
    }

    /// Ends the plan with the accumulators of a product; `is_real` if the model reads them as floats.
    pub(super) fn accumulators(&mut self, product: Product, is_real: bool) {
        let value = self.linear(&product, None);
        let map = is_real.then(|| Quantisation {
            scale_bits: product
                .sw
                .iter()
                .map(|sw| (product.sx * sw).to_bits())
                .collect(),
            zero_point: 0,
        });
        self.output(&value, Dtype::I32, product.n.into(), map);
    }

    pub(super) fn finish(mut self) -> Model {
        self.plan.gas_per_row = self.plan.gas(1);
        Model {
            plan: self.plan,
            tensors: self.tensors,
        }
    }
}

/// The one rounding of a product.
#[derive(Debug)]
pub(super) struct Rounding {
    /// Bits of f32, one or one per column.
    pub(super) scales: Vec<i32>,
    /// Zero point on chain.
    pub(super) zy: i32,
}

/// The bounds, if the table does nothing but clamp.
fn as_clamp(dtype: Dtype, table: &[u8; 256]) -> Option<(i32, i32)> {
    let value = |byte: u8| match dtype {
        Dtype::I8 => i32::from(byte.cast_signed()),
        _ => i32::from(byte),
    };
    let lo = table.iter().map(|byte| value(*byte)).min()?;
    let hi = table.iter().map(|byte| value(*byte)).max()?;
    let clamps = |(byte, to): (u8, &u8)| value(byte).clamp(lo, hi) == value(*to);
    (0..=255u8).zip(table).all(clamps).then_some((lo, hi))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_clamps_is_seen() {
        let table = |f: &dyn Fn(i8) -> i8| -> [u8; 256] {
            std::array::from_fn(|byte| f(byte.to_le_bytes()[0].cast_signed()).cast_unsigned())
        };
        assert_eq!(as_clamp(Dtype::I8, &table(&|x| x.max(0))), Some((0, 127)));
        assert_eq!(
            as_clamp(Dtype::I8, &table(&|x| x.clamp(-3, 9))),
            Some((-3, 9))
        );
        assert_eq!(as_clamp(Dtype::I8, &table(&|_| 5)), Some((5, 5)));
        assert_eq!(as_clamp(Dtype::I8, &table(&|x| x.saturating_neg())), None);
        assert_eq!(
            as_clamp(Dtype::I8, &table(&|x| if x == 3 { 4 } else { x })),
            None
        );
    }
}
