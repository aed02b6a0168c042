"""Writes testdata/onnx: int8 forms of one MLP 784-32-10, 1,000 images, ONNX Runtime's logits.

Two of the forms also answer to 9,000 images of noise, which are drawn and not stored: image i has a stream of
splitmix64 with seed `5 << 32 | i`. Of its first word the low byte is the density d; then 784 bytes of ink and 784 of
choice, each string 98 words, little-endian; a pixel is its ink if its choice is below d, else 0.

python tools/bench-ai/goldens_mlp.py testdata/onnx
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from digits import dataset
from goldens_r_onnx import Stream

SEED = 20_260_101
IMAGES = 1_000
NOISE = 9_000
NOISE_FORMS = ("mlp_qdq_per_channel", "mlp_qlinear_per_channel")


def train(images, labels):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    x = torch.from_numpy(images.astype(np.float32) / 255)
    y = torch.from_numpy(labels)
    model = torch.nn.Sequential(torch.nn.Linear(784, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(12):
        for part in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimiser.step()
    return [p.detach().numpy() for p in model.parameters()]


def float_model(w1, b1, w2, b2, has_bias):
    """The graph that PyTorch's exporter writes for Flatten, Linear, ReLU, Linear: Gemm with a bias, MatMul without."""
    if has_bias:
        layers = [
            helper.make_node("Gemm", ["/flatten", "fc1.weight", "fc1.bias"], ["/fc1"], "/fc1/Gemm", transB=1),
            helper.make_node("Relu", ["/fc1"], ["/relu"], "/Relu"),
            helper.make_node("Gemm", ["/relu", "fc2.weight", "fc2.bias"], ["logits"], "/fc2/Gemm", transB=1),
        ]
        named = {"fc1.weight": w1, "fc1.bias": b1, "fc2.weight": w2, "fc2.bias": b2}
    else:
        layers = [
            helper.make_node("MatMul", ["/flatten", "fc1.weight"], ["/fc1"], "/fc1/MatMul"),
            helper.make_node("Relu", ["/fc1"], ["/relu"], "/Relu"),
            helper.make_node("MatMul", ["/relu", "fc2.weight"], ["logits"], "/fc2/MatMul"),
        ]
        named = {"fc1.weight": w1.T.copy(), "fc2.weight": w2.T.copy()}
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["image"], ["/flatten"], "/Flatten", axis=1), *layers],
        "mlp",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value, name) for name, value in named.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def leave_logits_float(model):
    """Drops the last QuantizeLinear and DequantizeLinear: the last product answers in f32."""
    nodes = {output: node for node in model.graph.node for output in node.output}
    dequantize = nodes["logits"]
    quantize = nodes[dequantize.input[0]]
    nodes[quantize.input[0]].output[0] = "logits"
    model.graph.node.remove(dequantize)
    model.graph.node.remove(quantize)


class Reader(CalibrationDataReader):
    def __init__(self, images):
        self.parts = iter(np.split(images, 8))

    def get_next(self):
        part = next(self.parts, None)
        return None if part is None else {"image": as_input(part)}


def noise(count):
    images = []
    for index in range(count):
        s = Stream(5 << 32 | index)
        density = s.word() & 0xFF
        ink, choice = s.bytes(784), s.bytes(784)
        images.append(np.where(choice < density, ink, 0).astype(np.uint8))
    return np.stack(images)


def as_input(images):
    return images.reshape(-1, 1, 28, 28).astype(np.float32) / np.float32(255)


Q, D = QuantFormat.QOperator, QuantFormat.QDQ
I, U = QuantType.QInt8, QuantType.QUInt8
SYMMETRIC = {"ActivationSymmetric": True}

# name: form, scales per channel, activations, options, Gemm with a bias or MatMul, logits left in f32.
FORMS = {
    "mlp_qdq_per_tensor": (D, False, U, {}, True, False),
    "mlp_qdq_per_channel": (D, True, I, {}, True, False),
    "mlp_qdq_symmetric": (D, True, I, SYMMETRIC, True, False),
    "mlp_qdq_float_logits": (D, True, U, {}, True, True),
    "mlp_qdq_matmul": (D, False, U, {}, False, False),
    "mlp_qdq_matmul_float_logits": (D, True, I, {}, False, True),
    "mlp_qlinear_per_tensor": (Q, False, I, {}, True, False),
    "mlp_qlinear_per_channel": (Q, True, U, {}, True, False),
    "mlp_qlinear_symmetric": (Q, False, I, SYMMETRIC, True, False),
    "mlp_qlinear_matmul": (Q, False, U, {}, False, False),
}


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    images, labels = dataset(SEED, 8_000)
    test, truth = dataset(SEED + 1, IMAGES)
    weights = train(images, labels)
    (out / "images.bin").write_bytes(test.tobytes())
    figures = {"images": IMAGES, "onnxruntime": ort.__version__, "onnx": onnx.__version__, "models": {}}
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "float.onnx"
        for name, (form, per_channel, activations, extra, has_bias, float_logits) in FORMS.items():
            onnx.save(float_model(*weights, has_bias), source)
            target = out / f"{name}.onnx"
            quantize_static(
                source,
                target,
                Reader(images[:800]),
                quant_format=form,
                per_channel=per_channel,
                activation_type=activations,
                weight_type=QuantType.QInt8,
                extra_options=extra,
            )
            if float_logits:
                model = onnx.load(target)
                leave_logits_float(model)
                onnx.save(model, target)
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            session = ort.InferenceSession(target, options, providers=["CPUExecutionProvider"])
            logits = session.run(None, {"image": as_input(test)})[0]
            assert logits.dtype == np.float32 and logits.shape == (IMAGES, 10)
            (out / f"{name}.logits.bin").write_bytes(logits.astype("<f4").tobytes())
            if name in NOISE_FORMS:
                logits_of_noise = session.run(None, {"image": as_input(noise(NOISE))})[0]
                (out / f"{name}.noise.bin").write_bytes(logits_of_noise.astype("<f4").tobytes())
            right = float((logits.argmax(1) == truth).mean())
            figures["models"][name] = {"accuracy": right, "operators": [n.op_type for n in onnx.load(target).graph.node]}
            print(name, right, figures["models"][name]["operators"])
    (out / "manifest.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
