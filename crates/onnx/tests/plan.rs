//! The plan as a person or a script reads it, and the folder that is written.

mod common;

use common::{model, on_chain, testdata};
use foggara_onnx::{ExportError, describe, lower, write};
use std::fs;

fn json(form: &str) -> String {
    serde_json::to_string_pretty(&model(form).plan).unwrap()
}

#[test]
fn plans_read_like_this() {
    insta::assert_snapshot!("qdq_per_tensor", json("mlp_qdq_per_tensor"));
    insta::assert_snapshot!("qlinear_per_channel", json("mlp_qlinear_per_channel"));
    insta::assert_snapshot!("qdq_float_logits", json("mlp_qdq_float_logits"));
    let residual = lower(&testdata("ops/qdq_residual.onnx")).unwrap();
    insta::assert_snapshot!(
        "qdq_residual",
        serde_json::to_string_pretty(&residual.plan).unwrap()
    );
}

#[test]
fn a_folder_holds_what_the_plan_names() {
    let model = model("mlp_qdq_per_channel");
    let dir = tempfile::tempdir().unwrap();
    let written = write(&model, None, dir.path()).unwrap();
    assert_eq!((written.files, written.golden_rows), (1 + 6 + 2, 16));

    let plan = fs::read(dir.path().join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    for (named, tensor) in plan["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .zip(&model.tensors)
    {
        let bytes = fs::read(dir.path().join(named["file"].as_str().unwrap())).unwrap();
        assert_eq!(bytes, tensor.bytes);
        let id = describe(tensor).unwrap().id.to_string();
        assert_eq!(named["id"], id);
    }
    let inputs = fs::read(dir.path().join("golden/inputs.bin")).unwrap();
    let outputs = fs::read(dir.path().join("golden/outputs.bin")).unwrap();
    assert_eq!(on_chain(&model, &inputs).0, outputs);

    // Given rows instead of generated ones.
    let rows = testdata("images.bin")[..784 * 3].to_vec();
    let written = write(&model, Some(&rows), dir.path()).unwrap();
    assert_eq!(written.golden_rows, 3);
    assert_eq!(
        fs::read(dir.path().join("golden/inputs.bin")).unwrap(),
        rows
    );
}

#[test]
fn nothing_is_written_for_inputs_that_do_not_fit() {
    let model = model("mlp_qdq_per_channel");
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let refused = write(&model, Some(&[0; 785]), &target);
    assert!(matches!(refused, Err(ExportError::Eval(_))));
    assert!(!target.exists());
    // A file where the folder should be.
    fs::write(&target, b"").unwrap();
    assert!(matches!(
        write(&model, None, &target),
        Err(ExportError::Io { .. })
    ));
}
