//! One small graph per rule of the exporter: the plan's calls answer what ONNX Runtime answered, byte for
//! byte, over 64 random rows. `tools/bench-ai/goldens_ops.py` writes the files.

mod common;

use common::{on_chain, testdata};
use foggara_onnx::{Dtype, Function, Model, lower};

struct Case {
    model: Model,
    calls: Vec<&'static str>,
}

/// Runs a graph on its input and compares; the model, for what else there is to say about it.
fn case(name: &str) -> Case {
    let file = |suffix| testdata(&format!("ops/{name}.{suffix}"));
    let model = lower(&file("onnx")).unwrap();
    let input = file("in.bin");
    let floats: Vec<f32> = input
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let input = model.plan.input.quantise(&floats).unwrap_or(input);
    let (output, gas) = on_chain(&model, &input);
    assert_eq!(model.run(&input).unwrap(), output);
    assert_eq!(model.plan.gas(64), gas);
    let floats = model.plan.output.dequantise(&output);
    let bytes = |floats: Vec<f32>| floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let ours: Vec<u8> = floats.map_or(output, bytes);
    let theirs = file("out.bin");
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let differ = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 0, "{name}: {differ} bytes differ");
    let calls = model.plan.calls.iter().map(|call| match &call.function {
        Function::Linear(call) if call.lut.is_some() => "linear with lut",
        Function::Linear(call) if call.mode == 2 => "linear to i32",
        Function::Linear(_) => "linear",
        Function::Lut(_) => "lut",
        Function::Scaled(_) => "scaled",
        _ => "?",
    });
    let calls = calls.collect();
    Case { model, calls }
}

#[test]
fn weights_of_type_u8_move_to_i8() {
    let case_ = case("qgemm_u8_weights");
    assert_eq!(case_.calls, ["linear"]);
    let Function::Linear(linear) = &case_.model.plan.calls[0].function else {
        unreachable!()
    };
    assert_eq!((linear.zw, linear.zx, linear.zy), (131 - 128, 101, 99));
    assert_eq!(case("qlinear_matmul_u8_weights").calls, ["linear"]);
}

#[test]
fn accumulators_may_be_the_output() {
    assert_eq!(case("qgemm_float").calls, ["linear to i32"]);
    let case = case("matmul_integer");
    assert_eq!(case.calls, ["linear to i32"]);
    let output = &case.model.plan.output;
    assert_eq!((output.dtype, &output.dequantise), (Dtype::I32, &None));
}

#[test]
fn reshaping_costs_no_call() {
    assert_eq!(case("qlinear_matmul_reshape").calls, ["linear"]);
}

#[test]
fn sums_of_equal_scale_are_exact() {
    assert_eq!(case("qlinear_add").calls, ["linear", "linear", "scaled"]);
}

#[test]
fn a_value_read_twice_keeps_its_activation_apart() {
    assert_eq!(case("qdq_residual").calls, ["linear", "lut", "scaled"]);
}

#[test]
fn activations_become_tables() {
    assert_eq!(case("qdq_clip_table").calls, ["linear with lut"]);
    assert_eq!(case("qdq_table_on_input").calls, ["lut", "linear"]);
}

#[test]
fn activations_that_saturation_implies_vanish() {
    assert_eq!(case("qdq_relu_implied").calls, ["linear"]);
    assert_eq!(case("qdq_clip_implied").calls, ["linear"]);
}

#[test]
fn a_table_may_change_the_element_type() {
    let case = case("qdq_table_changes_type");
    // The second table is the output's, which the model declares as i8.
    assert_eq!(case.calls, ["linear with lut", "linear with lut"]);
    assert_eq!(case.model.plan.input.dtype, Dtype::U8);
    assert_eq!(case.model.plan.output.dtype, Dtype::I8);
}
