//! What is refused, with its words; and hostile bytes.

use super::*;
use crate::{
    golden_inputs,
    proto::{
        AttributeProto, DimensionProto, Empty, GraphProto, ModelProto, NodeProto,
        OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
        ValueInfoProto,
    },
};
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::fmt::Write;

fn port(name: &str, elem_type: i32, dims: &[i64]) -> ValueInfoProto {
    let dim = |dim: &i64| DimensionProto {
        dim_value: (*dim >= 0).then_some(*dim),
        dim_param: (*dim < 0).then(|| "rows".into()),
    };
    let shape = TensorShapeProto {
        dim: dims.iter().map(dim).collect(),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(shape),
            }),
        }),
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    let (domain, op_type) = operator.rsplit_once('.').unwrap_or(("", operator));
    NodeProto {
        input: inputs.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        name: format!("/{op_type}/{output}"),
        op_type: op_type.into(),
        domain: domain.into(),
        attribute: Vec::new(),
    }
}

fn ints(name: &str, data_type: i32, dims: &[i64], values: &[i32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type,
        dims: dims.to_vec(),
        int32_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type: 1,
        dims: dims.to_vec(),
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: value,
        kind: 2,
        ..AttributeProto::default()
    }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        f: value,
        kind: 1,
        ..AttributeProto::default()
    }
}

/// x f32 [rows, 3] -> Q -> DQ -> Gemm with w [2, 3] and a bias -> Q -> DQ -> y.
fn qdq() -> ModelProto {
    let mut gemm = node("Gemm", &["xr", "wr", "br"], "g");
    gemm.attribute.push(int("transB", 1));
    model(
        vec![
            node("DequantizeLinear", &["w", "sw", "zw"], "wr"),
            node("DequantizeLinear", &["b", "sb"], "br"),
            node("QuantizeLinear", &["x", "sx", "zx"], "xq"),
            node("DequantizeLinear", &["xq", "sx", "zx"], "xr"),
            gemm,
            node("QuantizeLinear", &["g", "sy", "zy"], "yq"),
            node("DequantizeLinear", &["yq", "sy", "zy"], "y"),
        ],
        port("x", 1, &[-1, 3]),
        port("y", 1, &[-1, 2]),
    )
}

fn model(nodes: Vec<NodeProto>, input: ValueInfoProto, output: ValueInfoProto) -> ModelProto {
    let opset = |domain: &str, version| OperatorSetIdProto {
        domain: domain.into(),
        version,
    };
    ModelProto {
        ir_version: 9,
        producer_name: "test".into(),
        opset_import: vec![opset("", 17), opset("com.microsoft", 1)],
        graph: Some(GraphProto {
            node: nodes,
            name: "graph".into(),
            initializer: vec![
                ints("w", 3, &[2, 3], &[1, -2, 3, 100, 50, -128]),
                ints("b", 6, &[2], &[7, -9]),
                ints("zw", 3, &[], &[0]),
                ints("zx", 3, &[], &[-5]),
                ints("zy", 3, &[], &[4]),
                floats("sx", &[], &[0.5]),
                floats("sw", &[], &[0.25]),
                floats("sb", &[], &[0.125]),
                floats("sy", &[], &[2.0]),
            ],
            input: vec![input],
            output: vec![output],
            sparse_initializer: Vec::new(),
        }),
        functions: Vec::new(),
    }
}

/// x i8 [rows, 3] -> one node -> y i8.
fn single(operator: &str, inputs: &[&str]) -> ModelProto {
    let nodes = vec![node(operator, inputs, "y")];
    model(nodes, port("x", 3, &[-1, 3]), port("y", 3, &[-1, 2]))
}

fn refusal(model: &ModelProto) -> String {
    match lower(&model.encode_to_vec()) {
        Ok(_) => "accepted".into(),
        Err(error) => error.to_string(),
    }
}

/// The model after a change.
fn changed(change: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = qdq();
    change(model.graph.as_mut().unwrap());
    model
}

fn tensor(graph: &mut GraphProto, with: TensorProto) {
    let name = with.name.clone();
    graph.initializer.retain(|tensor| tensor.name != name);
    graph.initializer.push(with);
}

#[test]
fn the_plain_model_is_lowered() {
    let model = lower(&qdq().encode_to_vec()).unwrap();
    assert_eq!(model.plan.calls.len(), 1);
    // S = 0.5 * 0.25 / 2 = 1/16. Row [-5, -5, -5] is zero: only the bias is left, 7/16 and -9/16.
    let zero_points = [-5i8; 3].map(i8::cast_unsigned);
    assert_eq!(model.run(&zero_points), Ok(vec![4, 3]));
    // (1 - 4 + 9 + 7) / 16 = 13/16 and (100 + 100 - 384 - 9) / 16 = -193/16.
    let row = [-4i8, -3, -2].map(i8::cast_unsigned);
    assert_eq!(model.run(&row), Ok(vec![5, (4 - 12i8).cast_unsigned()]));
    let ragged = crate::EvalError::Ragged { got: 4, row: 3 };
    assert_eq!(model.run(&[0; 4]), Err(ragged));
}

#[test]
fn fixed_rows_are_fixed() {
    let model = changed(|graph| graph.input[0] = port("x", 1, &[2, 3]));
    let model = lower(&model.encode_to_vec()).unwrap();
    assert_eq!(model.plan.input.rows, Some(2));
    assert_eq!(golden_inputs(&model).len(), 6);
    assert!(model.run(&[0; 6]).is_ok());
    let rows = crate::EvalError::Rows { got: 1, want: 2 };
    assert_eq!(model.run(&[0; 3]), Err(rows));
}

#[test]
fn refusals_name_operator_node_and_reason() {
    let mut text = String::new();
    let mut case = |model: &ModelProto| writeln!(text, "{}", refusal(model)).unwrap();

    // Operators.
    case(&single("Softmax", &["x"]));
    case(&single("Conv", &["x", "w"]));
    case(&single("ai.other.Magic", &["x"]));
    case(&single(
        "com.microsoft.QLinearSigmoid",
        &["x", "sx", "zx", "sy", "zy"],
    ));
    case(&changed(|g| {
        g.node[4].op_type = "LayerNormalization".into()
    }));
    let mut split = single("Split", &["x"]);
    split.graph.as_mut().unwrap().node[0]
        .output
        .push("z".into());
    case(&split);

    // Attributes.
    case(&changed(|g| g.node[4].attribute.push(float("alpha", 2.0))));
    case(&changed(|g| g.node[4].attribute.push(int("transA", 1))));
    case(&changed(|g| g.node[4].attribute.push(int("activation", 1))));
    case(&changed(|g| {
        g.node[0].attribute.push(int("block_size", 32))
    }));
    case(&changed(|g| {
        let mut flatten = node("Flatten", &["x"], "f");
        flatten.attribute.push(int("axis", 0));
        g.node.insert(0, flatten);
    }));

    // The graph.
    let mut old = qdq();
    old.opset_import[0].version = 9;
    case(&old);
    let mut own = qdq();
    own.functions.push(Empty {});
    case(&own);
    case(&changed(|g| g.sparse_initializer.push(Empty {})));
    case(&changed(|g| g.input.push(port("x2", 1, &[-1, 3]))));
    case(&changed(|g| g.output.push(port("yq", 3, &[-1, 2]))));
    case(&changed(|g| g.input[0] = port("x", 1, &[3])));
    case(&changed(|g| g.input[0] = port("x", 1, &[-1, -1])));
    case(&changed(|g| g.input[0] = port("x", 1, &[-1, 0])));
    case(&changed(|g| g.input[0] = port("x", 10, &[-1, 3])));
    case(&changed(|g| g.output[0].name = "g".into()));
    case(&changed(|g| {
        let mut outside = ints("w", 3, &[2, 3], &[]);
        outside.data_location = 1;
        tensor(g, outside);
    }));

    // Element types and shapes.
    case(&changed(|g| tensor(g, ints("w", 5, &[2, 3], &[0; 6]))));
    case(&changed(|g| tensor(g, ints("w", 2, &[2, 3], &[0; 6]))));
    case(&changed(|g| tensor(g, ints("w", 3, &[2, 3, 1], &[0; 6]))));
    case(&changed(|g| tensor(g, ints("w", 3, &[3, 2], &[0; 6]))));
    case(&changed(|g| tensor(g, ints("b", 6, &[3], &[0; 3]))));
    case(&changed(|g| tensor(g, ints("b", 3, &[2], &[0; 2]))));
    case(&changed(|g| tensor(g, ints("zy", 2, &[], &[0]))));
    case(&changed(|g| tensor(g, ints("zy", 5, &[], &[0]))));

    // Scales and zero points.
    case(&changed(|g| tensor(g, floats("sx", &[], &[0.0]))));
    case(&changed(|g| tensor(g, floats("sx", &[], &[-1.0]))));
    case(&changed(|g| tensor(g, floats("sx", &[], &[f32::NAN]))));
    case(&changed(|g| tensor(g, floats("sy", &[], &[1e-20]))));
    case(&changed(|g| tensor(g, floats("sy", &[2], &[1.0, 2.0]))));
    case(&changed(|g| tensor(g, floats("sb", &[], &[0.126]))));
    case(&changed(|g| {
        tensor(g, floats("sw", &[2], &[0.25, 0.5]));
        g.node[0].attribute.push(int("axis", 1));
    }));
    case(&changed(|g| tensor(g, ints("zw", 3, &[2], &[0, 1]))));
    case(&changed(|g| {
        tensor(g, ints("zw", 3, &[2], &[0, 1]));
        g.node[0].attribute.push(int("axis", 0));
    }));
    case(&changed(|g| tensor(g, ints("zw", 6, &[], &[300]))));
    case(&changed(|g| {
        tensor(g, ints("zb", 6, &[], &[1]));
        g.node[1].input.push("zb".into());
    }));
    case(&changed(|g| tensor(g, ints("b", 6, &[2], &[0, i32::MIN]))));

    // Floats between integers.
    case(&changed(|g| {
        g.node.insert(5, node("Relu", &["g"], "r"));
        g.node[6].input[0] = "r".into();
    }));
    case(&changed(|g| {
        g.node.insert(5, node("Identity", &["g"], "g2"));
        g.node.insert(6, node("Relu", &["g"], "r"));
    }));
    case(&changed(|g| g.node[4].input[0] = "x".into()));
    case(&changed(|g| g.node[4].input[1] = "xr".into()));
    case(&changed(|g| g.node[4].input[2] = "sb".into()));
    case(&changed(|g| g.node[3].input[0] = "x".into()));
    case(&changed(|g| {
        g.node
            .insert(3, node("QuantizeLinear", &["x", "sy", "zx"], "other"));
    }));
    case(&changed(|g| {
        g.node.push(node("Add", &["y", "xr"], "sum"));
        g.node
            .push(node("QuantizeLinear", &["sum", "sy", "zy"], "last"));
        g.output[0] = port("last", 3, &[-1, 2]);
    }));
    case(&changed(|g| {
        g.node[4] = node("MatMul", &["xr", "wr"], "m");
        g.node.insert(5, node("Add", &["m", "br"], "g"));
        tensor(g, ints("w", 3, &[3, 2], &[0; 6]));
    }));
    case(&single("MatMul", &["w", "w"]));

    insta::assert_snapshot!("refusals", text);
}

#[test]
fn broken_graphs_are_invalid() {
    let invalid = |model: &ModelProto| {
        let error = lower(&model.encode_to_vec()).unwrap_err();
        assert!(matches!(error, OnnxError::Invalid(_)), "{error}");
    };
    invalid(&changed(|g| g.node[4].input[0] = "nowhere".into()));
    invalid(&changed(|g| g.node.swap(3, 4)));
    invalid(&changed(|g| g.node[6].output[0] = "yq".into()));
    invalid(&changed(|g| g.initializer.push(ints("w", 3, &[1], &[0]))));
    invalid(&changed(|g| g.node[5].input.truncate(1)));
    invalid(&changed(|g| {
        g.node[5].input.extend(["zy".into(), "zy".into()])
    }));
    invalid(&changed(|g| tensor(g, ints("zy", 3, &[], &[200]))));
    invalid(&changed(|g| tensor(g, ints("zy", 3, &[0], &[]))));
    invalid(&changed(|g| tensor(g, floats("sy", &[0], &[]))));
    invalid(&changed(|g| tensor(g, ints("w", 3, &[2, 4], &[0; 6]))));
    invalid(&changed(|g| g.node[4].attribute.push(int("transB", 1))));
    invalid(&changed(|g| g.output[0].name = "nowhere".into()));
    let mut none = qdq();
    none.graph = None;
    invalid(&none);
    let mut none = qdq();
    none.opset_import.clear();
    invalid(&none);
}

#[test]
fn every_cut_and_every_flipped_bit_is_an_answer() {
    let whole = qdq().encode_to_vec();
    // One cut falls between two records: it loses the import of an operator set that nothing uses.
    let prefixes = (0..whole.len()).filter(|end| survives(&whole[..*end]));
    assert_eq!(prefixes.count(), 1);
    let mut accepted = 0;
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        accepted += u32::from(survives(&flipped));
    }
    // Names, weights and scales may change without breaking the model.
    assert!(accepted > 500, "{accepted}");
}

#[test]
fn hostile_bytes_are_an_answer() {
    let mut rng = StdRng::seed_from_u64(1);
    let whole = qdq().encode_to_vec();
    let mut ends = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..100_000 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..5) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff][rng.random_range(0..6)],
                2 => bytes.insert(at, rng.random()),
                3 => {
                    bytes.remove(at);
                }
                _ => {
                    let end = (at + rng.random_range(0..30)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    let to = rng.random_range(0..bytes.len());
                    bytes.splice(to..to, part);
                }
            }
        }
        let end = match lower(&bytes) {
            Ok(model) => {
                let input = golden_inputs(&model);
                assert!(model.run(&input).is_ok());
                "accepted"
            }
            Err(OnnxError::Malformed(_)) => "malformed",
            Err(OnnxError::TooLarge { .. }) => "too large",
            Err(OnnxError::Invalid(_)) => "invalid",
            Err(OnnxError::Refused { .. }) => "refused",
        };
        *ends.entry(end).or_default() += 1;
    }
    for end in ["accepted", "malformed", "invalid", "refused"] {
        assert!(ends.get(end).copied().unwrap_or(0) > 100, "{ends:?}");
    }
}

fn survives(bytes: &[u8]) -> bool {
    let Ok(model) = lower(bytes) else {
        return false;
    };
    let input = golden_inputs(&model);
    assert!(model.run(&input).is_ok());
    true
}
