//! Ten files that ONNX Runtime's own quantiser wrote, 1,000 images each: the plan that we make of a file,
//! run by the operations of the chain, gives ONNX Runtime's logits bit for bit.

mod common;

use common::{FORMS, IMAGES, logits, model, on_chain, pixels};
use foggara_onnx::golden_inputs;

#[test]
fn every_form_gives_the_logits_of_onnx_runtime() {
    let pixels = pixels();
    for form in FORMS {
        let model = model(form);
        let input = model.plan.input.quantise(&pixels).unwrap();
        let (output, gas) = on_chain(&model, &input);
        assert_eq!(model.run(&input).unwrap(), output, "{form}");
        assert_eq!(model.plan.gas(IMAGES as u64), gas, "{form}");
        let ours = model.plan.output.dequantise(&output).unwrap();
        let theirs = logits(form);
        assert_eq!(ours.len(), theirs.len());
        let pairs = ours.iter().zip(&theirs);
        let differ = pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        assert_eq!(
            differ,
            0,
            "{form}: {differ} of {} logits differ",
            theirs.len()
        );
        println!("{form}: {} logits, 0 differ", theirs.len());
    }
}

#[test]
fn images_one_at_a_time_give_the_same() {
    let pixels = pixels();
    let model = model("mlp_qlinear_per_channel");
    let input = model.plan.input.quantise(&pixels).unwrap();
    let whole = model.run(&input).unwrap();
    let mut alone = Vec::new();
    for image in input.chunks(784) {
        let (output, gas) = on_chain(&model, image);
        assert_eq!(gas, model.plan.gas_per_row);
        alone.extend(output);
    }
    assert_eq!(alone, whole);
}

#[test]
fn what_we_compute_is_what_the_chain_computes() {
    for form in FORMS {
        let model = model(form);
        let input = golden_inputs(&model);
        assert_eq!(input.len(), 16 * 784);
        let output = model.run(&input).unwrap();
        assert_eq!(output, on_chain(&model, &input).0, "{form}");
        // Noise must not all end at one bound.
        let distinct: std::collections::BTreeSet<u8> = output.iter().copied().collect();
        assert!(distinct.len() > 16, "{form}: {}", distinct.len());
    }
}
