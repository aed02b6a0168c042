//! Runs a plan in plain integers: what the calls of the plan answer on chain, and the golden outputs.

use crate::{
    Call, Dtype, EvalError, Function, LinearCall, LutCall, Model, ScaledCall, plan::elements,
    round::r_onnx,
};
use std::collections::BTreeMap;

/// Results so far, by name.
type Values = BTreeMap<String, (Dtype, Vec<u8>)>;

impl Model {
    /// Runs rows of quantised input through the calls; the output has as many rows.
    ///
    /// Time is that of a plain triple loop.
    ///
    /// # Errors
    /// - [`EvalError::Ragged`], [`EvalError::Rows`]: the input is not a number of rows that the model takes.
    /// - [`EvalError::Plan`], [`EvalError::Dtype`]: the plan was changed by hand and contradicts itself.
    pub fn run(&self, input: &[u8]) -> Result<Vec<u8>, EvalError> {
        let want = &self.plan.input;
        let row = usize::try_from(want.row).unwrap_or(usize::MAX).max(1);
        if !input.len().is_multiple_of(row) {
            return Err(EvalError::Ragged {
                got: input.len(),
                row,
            });
        }
        let got = input.len() / row;
        if let Some(rows) = want.rows.and_then(|rows| usize::try_from(rows).ok())
            && got != rows
        {
            return Err(EvalError::Rows { got, want: rows });
        }
        let mut values = Values::from([("x".to_owned(), (want.dtype, input.to_vec()))]);
        for call in &self.plan.calls {
            let result = self.call(call, &values)?;
            values.insert(call.result.clone(), result);
        }
        let output = values.remove(&self.plan.output.value);
        Ok(output
            .ok_or_else(|| inconsistent(&self.plan.output.value))?
            .1)
    }

    fn call(&self, call: &Call, values: &Values) -> Result<(Dtype, Vec<u8>), EvalError> {
        match &call.function {
            Function::Linear(linear) => self.linear(linear, values),
            Function::Lut(LutCall { x, table }) => {
                let (dtype, x) = value(values, x)?;
                let table = self.tensor(table, Dtype::U8, 256)?;
                Ok((
                    dtype,
                    x.iter().map(|byte| table[usize::from(*byte)]).collect(),
                ))
            }
            Function::Scaled(call) => scaled(call, values),
        }
    }

    fn linear(&self, call: &LinearCall, values: &Values) -> Result<(Dtype, Vec<u8>), EvalError> {
        let (dtype, x) = value(values, &call.x)?;
        if dtype == Dtype::I32 {
            return Err(EvalError::Dtype {
                value: call.x.clone(),
                got: dtype,
            });
        }
        let (k, n) = (call.k as usize, call.n as usize);
        if k == 0 || n == 0 {
            return Err(inconsistent(&call.x));
        }
        let x: Vec<i32> = elements(dtype, x).map(|x| x - call.zx).collect();
        let w = self.tensor(&call.w, Dtype::I8, n * k)?;
        let w: Vec<i32> = elements(Dtype::I8, w).map(|w| w - call.zw).collect();
        let ints = |name: &Option<String>, size| match name {
            Some(name) => Ok(elements(Dtype::I32, self.tensor(name, Dtype::I32, size)?).collect()),
            None => Ok(vec![0]),
        };
        let bias: Vec<i32> = ints(&call.bias, n)?;
        let count = |name: &String| {
            self.plan
                .tensor(name)
                .map(|at| self.tensors[at].bytes.len())
        };
        let scales = call.scales.as_ref().and_then(count).unwrap_or(0) / 4;
        let scales: Vec<i32> = ints(&call.scales, scales)?;
        let lut = match &call.lut {
            Some(name) => Some(self.tensor(name, Dtype::U8, 256)?),
            None => None,
        };
        let mut out = Vec::new();
        for row in x.chunks_exact(k) {
            for (j, weights) in w.chunks_exact(k).enumerate() {
                let products = row.iter().zip(weights).map(|(x, w)| i64::from(x * w));
                let sum = i64::from(bias[j % bias.len()]) + products.sum::<i64>();
                let sum = i32::try_from(sum).map_err(|_| inconsistent(&call.w))?;
                if call.mode == 2 {
                    out.extend(sum.to_le_bytes());
                    continue;
                }
                let scale = scales[j % scales.len()].cast_unsigned();
                let y = r_onnx(sum, scale) + i64::from(call.zy);
                let byte = y.clamp(call.lo.into(), call.hi.into()).to_le_bytes()[0];
                out.push(lut.map_or(byte, |lut| lut[usize::from(byte)]));
            }
        }
        let dtype = if call.mode == 2 { Dtype::I32 } else { dtype };
        Ok((dtype, out))
    }

    /// Bytes of a tensor of the plan, of this type and number of elements.
    fn tensor(&self, name: &str, dtype: Dtype, count: usize) -> Result<&[u8], EvalError> {
        let at = self.plan.tensor(name).ok_or_else(|| inconsistent(name))?;
        let tensor = self.tensors.get(at).ok_or_else(|| inconsistent(name))?;
        if tensor.dtype != dtype || tensor.bytes.len() != count * dtype.size() || count == 0 {
            return Err(inconsistent(name));
        }
        Ok(&tensor.bytes)
    }
}

fn scaled(call: &ScaledCall, values: &Values) -> Result<(Dtype, Vec<u8>), EvalError> {
    let ((dtype, a), (other, b)) = (value(values, &call.a)?, value(values, &call.b)?);
    if other != dtype || a.len() != b.len() {
        return Err(inconsistent(&call.b));
    }
    let shift = u32::from(call.shift).clamp(1, 62);
    let terms = elements(dtype, a).zip(elements(dtype, b));
    let out = terms.map(|(a, b)| {
        let v = i64::from(a - call.za) * i64::from(call.ma)
            + i64::from(b - call.zb) * i64::from(call.mb);
        let y = i64::from(call.zy) + ((v + (1 << (shift - 1))) >> shift);
        y.clamp(call.lo.into(), call.hi.into()).to_le_bytes()[0]
    });
    Ok((dtype, out.collect()))
}

fn value<'a>(values: &'a Values, name: &str) -> Result<(Dtype, &'a [u8]), EvalError> {
    let (dtype, bytes) = values.get(name).ok_or_else(|| inconsistent(name))?;
    Ok((*dtype, bytes))
}

fn inconsistent(name: &str) -> EvalError {
    EvalError::Plan(name.into())
}
