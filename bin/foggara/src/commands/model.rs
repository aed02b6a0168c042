//! `foggara model`: int8 ONNX models to calls of the AI operations.

use crate::exit::Usage;
use clap::{Args, Subcommand};
use eyre::{Result, WrapErr};
use foggara_onnx::{Call, Function, MODEL_BYTES_MAX, Model as Lowered, Quantisation, lower, write};
use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

/// Bytes of golden inputs read at most.
const INPUT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What to do with a model.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Writes the calls, tensors with their ids, and golden outputs of an int8 ONNX file
    ///
    /// Reads QDQ and QLinear graphs of Gemm, MatMul, Relu, Clip, Add, Flatten and Reshape, as ONNX Runtime's
    /// and PyTorch's quantisers write them. The calls give ONNX Runtime's output bit for bit; what cannot be
    /// mapped exactly is refused by operator, node and reason (exit code 1), and nothing is written.
    Export(Export),
}

/// From where to where.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The model: an .onnx file with its weights inside
    #[arg(value_name = "FILE")]
    model: PathBuf,
    /// Folder for plan.json, tensors/ and golden/; it is made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Golden inputs: packed rows in the plan's input type; 16 generated rows without it
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Print the plan as JSON instead of a summary
    #[arg(long)]
    json: bool,
}

/// Exports and prints what was written.
///
/// # Errors
/// A file cannot be read or written, the model is refused, or the inputs are not whole rows.
pub(crate) fn run(what: &Model) -> Result<()> {
    let Model::Export(export) = what;
    let file = read(&export.model, MODEL_BYTES_MAX)?;
    let model = lower(&file).wrap_err_with(|| export.model.display().to_string())?;
    let inputs = export.inputs.as_deref();
    let inputs = inputs.map(|path| read(path, INPUT_BYTES_MAX)).transpose()?;
    let written = write(&model, inputs.as_deref(), &export.out)?;
    let mut out = std::io::stdout().lock();
    if export.json {
        serde_json::to_writer_pretty(&mut out, &model.plan)?;
        writeln!(out)?;
        return Ok(());
    }
    summary(&mut out, &model)?;
    let bytes: u64 = model.plan.tensors.iter().map(|tensor| tensor.bytes).sum();
    writeln!(
        out,
        "wrote   {}: plan.json, {} tensors of {bytes} bytes, {} golden rows",
        export.out.display(),
        model.plan.tensors.len(),
        written.golden_rows,
    )?;
    Ok(())
}

/// One line for the input, each call and the output.
fn summary(out: &mut impl Write, model: &Lowered) -> Result<()> {
    let plan = &model.plan;
    let input = &plan.input;
    let rows = input.rows.map_or("rows".into(), |rows| rows.to_string());
    let floats = map(input.quantise.as_ref(), "x =", |scale, zero| {
        format!("round({} / {scale}) + {zero}", input.name)
    });
    writeln!(
        out,
        "x       {} [{rows}, {}]  {floats}",
        input.dtype, input.row
    )?;
    for call in &plan.calls {
        writeln!(
            out,
            "{:<7} {}  gas of a row {}  {}",
            call.result,
            shown(call),
            plan.gas_of(call, 1),
            call.node,
        )?;
    }
    let output = &plan.output;
    let floats = map(
        output.dequantise.as_ref(),
        &format!("{} =", output.name),
        |scale, zero| format!("({} - {zero}) * {scale}", output.value),
    );
    let value = &output.value;
    writeln!(
        out,
        "output  {value}: {} [{rows}, {}]  {floats}",
        output.dtype, output.row
    )?;
    writeln!(
        out,
        "gas     {} a row, all operands inline",
        plan.gas_per_row
    )?;
    Ok(())
}

fn map(map: Option<&Quantisation>, to: &str, formula: impl Fn(String, i32) -> String) -> String {
    let Some(map) = map else {
        return String::new();
    };
    let scale = match map.scale_bits.as_slice() {
        [bits] => f32::from_bits(*bits).to_string(),
        _ => "scale of the column".into(),
    };
    format!("{to} {}", formula(scale, map.zero_point))
}

fn shown(call: &Call) -> String {
    match &call.function {
        Function::Linear(linear) => {
            let table = if linear.lut.is_some() { ", table" } else { "" };
            let result = if linear.mode == 2 { ", i32" } else { "" };
            format!(
                "linear({}) {} to {}{result}{table}",
                linear.x, linear.k, linear.n
            )
        }
        Function::Lut(lut) => format!("lut({})", lut.x),
        Function::Scaled(scaled) => format!("scaled({}, {})", scaled.a, scaled.b),
        other => format!("{other:?}"),
    }
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Usage(format!("{shown}: {error}")))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Usage(format!("{shown}: {error}")))?;
    if bytes.len() > max {
        return Err(Usage(format!("{shown}: more than {max} bytes")).into());
    }
    Ok(bytes)
}
