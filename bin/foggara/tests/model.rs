//! `foggara model export` as a user meets it: what is written, what is said, what is refused.

mod common;

use common::{Said, foggara, folder, run};
use std::{fs, path::PathBuf};

fn testdata(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../testdata/onnx", name]
        .iter()
        .collect()
}

fn export(file: &str, args: &[&str]) -> Said {
    run(foggara(["model", "export"]).arg(testdata(file)).args(args))
}

#[test]
fn an_mlp_becomes_a_folder() {
    let data = folder();
    let out = data.path().join("mlp");
    let images = testdata("images.bin").display().to_string();
    let said = export(
        "mlp_qdq_per_tensor.onnx",
        &["--out", out.to_str().unwrap(), "--inputs", &images],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    let want = "\
x       u8 [rows, 784]  x = round(image / 0.003921569) + 0
v1      linear(x) 784 to 32  gas of a row 1171  /fc1/Gemm
v2      linear(v1) 32 to 10  gas of a row 173  /fc2/Gemm
output  v2: u8 [rows, 10]  logits = (v2 - 174) * 0.31934133
gas     1344 a row, all operands inline
";
    let (lines, wrote) = said.out.split_at(want.len().min(said.out.len()));
    assert_eq!(lines, want);
    assert!(
        wrote.ends_with("plan.json, 6 tensors of 25584 bytes, 1000 golden rows\n"),
        "{wrote}"
    );

    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan["calls"][1]["node"], "/fc2/Gemm");
    let weights = fs::read(out.join(plan["tensors"][0]["file"].as_str().unwrap())).unwrap();
    assert_eq!(weights.len(), 32 * 784);
    assert_eq!(
        fs::read(out.join("golden/outputs.bin")).unwrap().len(),
        10_000
    );
}

#[test]
fn json_is_the_plan() {
    let data = folder();
    let out = data.path().display().to_string();
    let said = export("mlp_qlinear_matmul.onnx", &["--out", &out, "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let printed: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let written = fs::read(data.path().join("plan.json")).unwrap();
    assert_eq!(
        printed,
        serde_json::from_slice::<serde_json::Value>(&written).unwrap()
    );
}

#[test]
fn refusals_say_what_and_write_nothing() {
    let data = folder();
    let out = data.path().join("out");
    let dir = out.to_str().unwrap();
    let not_a_model = export("images.bin", &["--out", dir]);
    assert_eq!(not_a_model.code, Some(1));
    assert!(
        not_a_model.err.contains("not an ONNX file"),
        "{}",
        not_a_model.err
    );
    let missing = export("missing.onnx", &["--out", dir]);
    assert_eq!(missing.code, Some(2));
    let ragged = data.path().join("ragged");
    fs::write(&ragged, [0; 785]).unwrap();
    let inputs = ragged.to_str().unwrap();
    let said = export("mlp_qdq_matmul.onnx", &["--out", dir, "--inputs", inputs]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .contains("785 bytes of input are not a whole number of rows of 784"),
        "{}",
        said.err
    );
    assert!(!out.exists());
    assert_eq!(
        run(&mut foggara(["model", "export", "x.onnx"])).code,
        Some(2)
    );
}
