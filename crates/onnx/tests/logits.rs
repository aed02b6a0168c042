//! Ten files that ONNX Runtime's own quantiser wrote, 1,000 images each: the plan that we make of a file,
//! run by the operations of the chain, gives ONNX Runtime's logits bit for bit.

mod common;

use common::{FORMS, IMAGES, logits, model, on_chain, pixels};
use foggara_onnx::golden_inputs;

/// Runs a plan on chain and compares every logit.
fn compare(form: &str, pixels: &[f32], theirs: &[f32]) {
    let model = model(form);
    let input = model.plan.input.quantise(pixels).unwrap();
    let mut ours = Vec::new();
    // An inline operand has at most 1 MiB.
    for part in input.chunks(784 * IMAGES) {
        let (output, gas) = on_chain(&model, part);
        assert_eq!(model.run(part).unwrap(), output, "{form}");
        assert_eq!(model.plan.gas(IMAGES as u64), gas, "{form}");
        ours.extend(model.plan.output.dequantise(&output).unwrap());
    }
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs);
    let differ = pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    assert_eq!(
        differ,
        0,
        "{form}: {differ} of {} logits differ",
        theirs.len()
    );
    println!("{form}: {} logits, 0 differ", theirs.len());
}

#[test]
fn every_form_gives_the_logits_of_onnx_runtime() {
    let pixels = pixels();
    for form in FORMS {
        compare(
            form,
            &pixels,
            &logits(&format!("{form}.logits.bin"), IMAGES),
        );
    }
}

#[test]
fn noise_gives_the_logits_of_onnx_runtime() {
    let pixels: Vec<f32> = (0..9 * IMAGES as u64).flat_map(noise).collect();
    for form in ["mlp_qdq_per_channel", "mlp_qlinear_per_channel"] {
        compare(
            form,
            &pixels,
            &logits(&format!("{form}.noise.bin"), 9 * IMAGES),
        );
    }
}

/// Image of noise number `index`, as `tools/bench-ai/goldens_mlp.py` draws it.
fn noise(index: u64) -> Vec<f32> {
    let mut state = 5 << 32 | index;
    let mut word = || {
        state = u64::wrapping_add(state, 0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    let density = word()[0];
    let ink: Vec<u8> = (0..98).flat_map(|_| word()).collect();
    let choice = (0..98).flat_map(|_| word());
    let pixels = ink.iter().zip(choice);
    pixels
        .map(|(ink, choice)| {
            if choice < density {
                f32::from(*ink) / 255.0
            } else {
                0.0
            }
        })
        .collect()
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
