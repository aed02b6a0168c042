//! Four thousand images' worth of trust: each exported form of the MLP, run over 1,000 images in our
//! integers, gives ONNX Runtime's logits bit for bit.

use foggara_onnx::{Model, lower};
use std::{fs, path::PathBuf};

const IMAGES: usize = 1_000;

const FORMS: [&str; 10] = [
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

fn testdata(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../testdata/onnx", name]
        .iter()
        .collect();
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn model(form: &str) -> Model {
    lower(&testdata(&format!("{form}.onnx"))).unwrap()
}

#[test]
fn every_form_gives_the_logits_of_onnx_runtime() {
    let pixels: Vec<f32> = testdata("images.bin")
        .iter()
        .map(|p| f32::from(*p) / 255.0)
        .collect();
    assert_eq!(pixels.len(), IMAGES * 784);
    for form in FORMS {
        let model = model(form);
        let input = model.plan.input.quantise(&pixels).unwrap();
        let output = model.run(&input).unwrap();
        let ours = model.plan.output.dequantise(&output).unwrap();
        let theirs = testdata(&format!("{form}.logits.bin"));
        let theirs: Vec<f32> = theirs
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        assert_eq!(theirs.len(), IMAGES * 10);
        assert_eq!(ours.len(), theirs.len());
        let differ = ours
            .iter()
            .zip(&theirs)
            .filter(|(a, b)| a.to_bits() != b.to_bits())
            .count();
        assert_eq!(differ, 0, "{form}");
        println!("{form}: {} logits, {differ} differ", theirs.len());
    }
}
