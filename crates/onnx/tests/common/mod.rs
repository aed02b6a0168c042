//! The committed models, and a chain that runs their plans.
#![allow(dead_code, reason = "each test file uses a part")]

use foggara_onnx::{Call, Function, LinearCall, LutCall, Model, ScaledCall, lower};
use foggara_precompiles::{NoHost, Outcome, Portable, call, op_at};
use std::{collections::BTreeMap, fs, path::PathBuf};

pub(crate) const IMAGES: usize = 1_000;

pub(crate) const FORMS: [&str; 10] = [
    "mlp_qdq_per_tensor",
    "mlp_qdq_per_channel",
    "mlp_qdq_symmetric",
    "mlp_qdq_float_logits",
    "mlp_qdq_matmul",
    "mlp_qdq_matmul_float_logits",
    "mlp_qlinear_per_tensor",
    "mlp_qlinear_per_channel",
    "mlp_qlinear_symmetric",
    "mlp_qlinear_matmul",
];

pub(crate) fn testdata(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../testdata/onnx", name]
        .iter()
        .collect();
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn model(form: &str) -> Model {
    lower(&testdata(&format!("{form}.onnx"))).unwrap()
}

/// The images as the models take them.
pub(crate) fn pixels() -> Vec<f32> {
    let pixels: Vec<f32> = testdata("images.bin")
        .iter()
        .map(|p| f32::from(*p) / 255.0)
        .collect();
    assert_eq!(pixels.len(), IMAGES * 784);
    pixels
}

/// Logits of ONNX Runtime for this many images.
pub(crate) fn logits(file: &str, images: usize) -> Vec<f32> {
    let bytes = testdata(file);
    let (chunks, rest) = bytes.as_chunks();
    assert!(rest.is_empty() && chunks.len() == images * 10);
    chunks
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

/// Makes the calls of a plan, all operands inline; the output and the gas.
pub(crate) fn on_chain(model: &Model, input: &[u8]) -> (Vec<u8>, u64) {
    let rows = input.len() as u64 / model.plan.input.row;
    let mut values = BTreeMap::from([("x", input.to_vec())]);
    let mut total = 0;
    for step in &model.plan.calls {
        let calldata = calldata(model, step, rows, &values);
        let address = u64::from_str_radix(step.address.trim_start_matches("0x"), 16).unwrap();
        let mut account = [0; 20];
        account[12..].copy_from_slice(&address.to_be_bytes());
        let op = op_at(account).unwrap();
        match call(op, &calldata, u64::MAX >> 1, &mut NoHost, &Portable) {
            Outcome::Success { gas, output } => {
                let size = u64::from_be_bytes(output[56..64].try_into().unwrap());
                let size = usize::try_from(size).unwrap();
                values.insert(&step.result, output[64..64 + size].to_vec());
                total += gas;
            }
            other => panic!("{}: {other:?}", step.node),
        }
    }
    (values[model.plan.output.value.as_str()].clone(), total)
}

fn calldata(model: &Model, step: &Call, rows: u64, values: &BTreeMap<&str, Vec<u8>>) -> Vec<u8> {
    let tensor = |name: &String| {
        let at = model.plan.tensor(name).unwrap();
        model.tensors[at].bytes.clone()
    };
    let maybe = |name: &Option<String>| name.as_ref().map(tensor);
    let value = |name: &String| Some(values[name.as_str()].clone());
    let m = i64::try_from(rows).unwrap();
    match &step.function {
        Function::Linear(LinearCall {
            kind,
            mode,
            k,
            n,
            zx,
            zw,
            zy,
            lo,
            hi,
            x,
            w,
            bias,
            scales,
            lut,
            ..
        }) => {
            let params = [(*kind).into(), (*mode).into(), m, (*k).into(), (*n).into()];
            let points = [*zx, *zw, *zy, *lo, *hi].map(i64::from);
            let operands = [
                value(x),
                Some(tensor(w)),
                maybe(bias),
                maybe(scales),
                maybe(lut),
            ];
            encode(
                [0x80, 0x22, 0x6d, 0x06],
                &[&[0], &params[..], &points].concat(),
                &operands,
            )
        }
        Function::Lut(LutCall { x, table, .. }) => encode(
            [0x0b, 0xd4, 0x7a, 0x9f],
            &[0],
            &[value(x), Some(tensor(table))],
        ),
        Function::Scaled(ScaledCall {
            op,
            dtype,
            za,
            zb,
            zy,
            ma,
            mb,
            shift,
            lo,
            hi,
            a,
            b,
            ..
        }) => {
            let head = [0, (*op).into(), (*dtype).into()];
            let params = [*za, *zb, *zy, *ma, *mb, i32::from(*shift), *lo, *hi].map(i64::from);
            encode(
                [0x18, 0x47, 0xc4, 0x8d],
                &[&head[..], &params].concat(),
                &[value(a), value(b)],
            )
        }
        other => panic!("{other:?}"),
    }
}

/// Static words, then one tail per operand; an absent operand is an empty tail.
fn encode(selector: [u8; 4], params: &[i64], operands: &[Option<Vec<u8>>]) -> Vec<u8> {
    let size = |bytes: usize| i64::try_from(bytes).unwrap();
    let word = |value: i64| {
        let mut word = [if value < 0 { 0xff } else { 0 }; 32];
        word[24..].copy_from_slice(&value.to_be_bytes());
        word
    };
    let mut out = selector.to_vec();
    params.iter().for_each(|value| out.extend(word(*value)));
    let mut tails = Vec::new();
    for operand in operands {
        let at = 32 * (params.len() + operands.len()) + tails.len();
        out.extend(word(size(at)));
        let Some(bytes) = operand else {
            tails.extend(word(0));
            continue;
        };
        tails.extend(word(size(bytes.len()) + 1));
        tails.push(0);
        tails.extend_from_slice(bytes);
        tails.resize(tails.len().next_multiple_of(32), 0);
    }
    out.extend(tails);
    out
}
