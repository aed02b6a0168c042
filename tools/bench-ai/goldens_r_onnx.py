"""Writes testdata/goldens: what ONNX Runtime and FBGEMM round, a million elements.

python tools/bench-ai/goldens_r_onnx.py testdata/goldens

Only outputs are stored: inputs are drawn from splitmix64 by integer rules, which
`precompiles/tests/goldens.rs` repeats. testdata/goldens/README.md states them.
"""

import pathlib
import platform
import sys

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

ROWS, COLUMNS = 16, 64


class Stream:
    """splitmix64, word after word."""

    def __init__(self, seed):
        self.state = np.uint64(seed)

    def words(self, count):
        with np.errstate(over="ignore"):
            z = self.state + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.state = z[-1]
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return z ^ (z >> np.uint64(31))

    def word(self):
        return int(self.words(1)[0])

    def bytes(self, count):
        return self.words(-(-count // 8)).astype("<u8").view(np.uint8)[:count]


def floats(bits):
    return np.asarray(bits, np.uint32).view(np.float32)


def magnitudes(words, lengths):
    """Integers of at most so many bits, with a sign: the low half of a word, shifted, and its top bit."""
    low = words & np.uint64(0xFFFFFFFF)
    size = (low >> (32 - lengths).astype(np.uint64)).astype(np.int64)
    return np.where(words >> np.uint64(63), -size, size).astype(np.int32)


def mantissas(words):
    """A quarter of the scales are powers of two: only those make ties."""
    plain = (words >> np.uint64(32)) & np.uint64(3)
    return np.where(plain == 0, 0, words & np.uint64(0x7FFFFF)).astype(np.int64)


def byte_type(is_signed):
    return (np.int8, TensorProto.INT8, -128) if is_signed else (np.uint8, TensorProto.UINT8, 0)


def session(nodes, inputs, outputs, constants):
    graph = helper.make_graph(
        nodes,
        "golden",
        [helper.make_tensor_value_info(*port) for port in inputs],
        [helper.make_tensor_value_info(*port) for port in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    # What is asked for is what runs: no operator becomes another.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def check(family, block, got, acc, scales, zero, lo, hi):
    """Our reading of R_ONNX in this machine's floats: the files are not written if it is wrong."""
    y = np.rint(acc.astype(np.float32) * scales).astype(np.float64) + zero
    want = np.clip(y, lo, hi).astype(np.int64)
    differ = int((want != got.astype(np.int64)).sum())
    assert differ == 0, f"{family} block {block}: {differ} of {got.size} differ"


def elementwise(block):
    """i32 to 8 bits: DequantizeLinear with a scale per column, then QuantizeLinear by 1."""
    s = Stream(1 << 32 | block)
    h = s.word()
    kind, code, low = byte_type(h & 1)
    zero = ((h >> 8) & 0xFF) + low
    c = s.words(64)
    lengths = ((c >> np.uint64(32)) % np.uint64(32)).astype(np.int64)
    t = ((c >> np.uint64(40)) & np.uint64(0xFF)).astype(np.int64) % 12
    wild = ((c >> np.uint64(48)) & np.uint64(0xFF)).astype(np.int64) % 95
    field = np.where((c >> np.uint64(56)) & np.uint64(7), 125 + t - lengths, 63 + wild)
    scales = floats(field << 23 | mantissas(s.words(64)))
    e = s.words(64 * 64).reshape(64, 64)
    shorter = ((e >> np.uint64(32)) & np.uint64(3)).astype(np.int64)
    acc = magnitudes(e, np.maximum(lengths[None, :] - shorter, 0))
    run = session(
        [
            helper.make_node("DequantizeLinear", ["x", "s"], ["r"], axis=1),
            helper.make_node("QuantizeLinear", ["r", "one", "z"], ["y"]),
        ],
        [("x", TensorProto.INT32, [64, 64])],
        [("y", code, [64, 64])],
        {"s": scales, "one": np.float32(1), "z": kind(zero)},
    )
    y = run.run(None, {"x": acc})[0]
    info = np.iinfo(kind)
    check("elementwise", block, y, acc, scales, zero, info.min, info.max)
    return y


class Layer:
    """A layer's draws, in order."""

    def __init__(self, family, block, k_least, k_most, has_bias, may_be_signed):
        s = Stream(family << 32 | block)
        h = s.word()
        self.is_signed = bool(h & 1) and may_be_signed
        self.kind, self.code, low = byte_type(self.is_signed)
        self.per_column = bool(h >> 1 & 1)
        self.zw = (h >> 16 & 0xFF) - 128 if h >> 2 & 1 and not self.per_column else 0
        self.relu = bool(h >> 3 & 1)
        self.zx, self.zy = (h >> 8 & 0xFF) + low, (h >> 24 & 0xFF) + low
        self.k = k = k_least + (h >> 32 & 0xFFFF) % (k_most - k_least + 1)
        ex, ey = 127 - (h >> 48 & 7), 127 - (h >> 51 & 7)
        g = s.word()
        fraction = 0 if g >> 63 else 0x7FFFFF
        self.sx = floats(ex << 23 | g & fraction)
        self.sy = floats(ey << 23 | g >> 32 & fraction)
        self.x = s.bytes(ROWS * k).view(self.kind).reshape(ROWS, k)
        self.w = s.bytes(COLUMNS * k).view(np.int8).reshape(COLUMNS, k)
        c = s.words(COLUMNS)
        lengths = ((c >> np.uint64(32)) % np.uint64(31)).astype(np.int64)
        self.bias = magnitudes(c, lengths) if has_bias else np.zeros(COLUMNS, np.int32)
        size = np.maximum(lengths if has_bias else 0, 13 + k.bit_length() // 2)
        t = ((c >> np.uint64(40)) & np.uint64(0xFF)).astype(np.int64) % 10
        sw = floats((127 + t - size + ey - ex) << 23 | mantissas(s.words(COLUMNS)))
        self.sw = sw if self.per_column else sw[:1]
        info = np.iinfo(self.kind)
        self.range = info.min, info.max

    def check(self, family, block, y, lo):
        acc = (self.x.astype(np.int64) - self.zx) @ (self.w.astype(np.int64) - self.zw).T + self.bias
        assert np.abs(acc).max() < 2**31
        scales = (self.sx * self.sw).astype(np.float32) / self.sy
        check(family, block, y, acc.astype(np.int32), scales.astype(np.float32), self.zy, lo, self.range[1])

    def constants(self):
        columns = COLUMNS if self.per_column else 1
        return {
            "sx": self.sx, "zx": self.kind(self.zx),
            "sw": self.sw if self.per_column else self.sw[0],
            "zw": np.zeros(columns, np.int8) if self.per_column else np.int8(self.zw),
            "sy": self.sy, "zy": self.kind(self.zy),
        }

    def run(self, node, weights, more):
        constants = {**self.constants(), "w": weights, **more}
        ports = [("x", self.code, [ROWS, self.k])], [("y", self.code, [ROWS, COLUMNS])]
        return session([node], *ports, constants).run(None, {"x": self.x})[0]


def qgemm(block):
    layer = Layer(2, block, 1, 96, True, True)
    names = ["x", "sx", "zx", "w", "sw", "zw", "b", "sy", "zy"]
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1)
    y = layer.run(node, layer.w, {"b": layer.bias})
    layer.check("qgemm", block, y, layer.range[0])
    return y


def qlinear_matmul(block):
    layer = Layer(3, block, 64, 512, False, True)
    node = helper.make_node("QLinearMatMul", ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"], ["y"])
    y = layer.run(node, layer.w.T.copy(), {})
    layer.check("qlinear_matmul", block, y, layer.range[0])
    return y


def fbgemm(block):
    layer = Layer(4, block, 16, 2_048, False, False)
    x = torch._make_per_tensor_quantized_tensor(torch.from_numpy(layer.x.copy()), float(layer.sx), layer.zx)
    w = torch.from_numpy(layer.w.copy())
    if layer.per_column:
        scales = torch.from_numpy(layer.sw.astype(np.float64))
        w = torch._make_per_channel_quantized_tensor(w, scales, torch.zeros(COLUMNS, dtype=torch.int64), 0)
    else:
        w = torch._make_per_tensor_quantized_tensor(w, float(layer.sw[0]), layer.zw)
    packed = torch.ops.quantized.linear_prepack(w, None)
    operator = torch.ops.quantized.linear_relu if layer.relu else torch.ops.quantized.linear
    y = operator(x, packed, float(layer.sy), layer.zy).int_repr().numpy()
    layer.check("fbgemm", block, y, layer.zy if layer.relu else 0)
    return y


FAMILIES = [(elementwise, 98), (qgemm, 200), (qlinear_matmul, 100), (fbgemm, 320)]


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.backends.quantized.engine = "fbgemm"
    total = 0
    for family, blocks in FAMILIES:
        y = np.concatenate([family(block).reshape(-1).view(np.uint8) for block in range(blocks)])
        (out / f"r_onnx_{family.__name__}.bin").write_bytes(y.tobytes())
        total += y.size
        inside = float(((y != 0) & (y != 255) & (y != 127) & (y != 128)).mean())
        print(f"{family.__name__}: {y.size} elements, {inside:.0%} not at a bound, 0 differ")
    print(f"{total} elements; onnxruntime {ort.__version__}, torch {torch.__version__}, onnx {onnx.__version__}, {platform.machine()}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
