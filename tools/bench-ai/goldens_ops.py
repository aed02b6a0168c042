"""Writes testdata/onnx/ops: one small graph per rule of the exporter, an input, and ONNX Runtime's output.

python tools/bench-ai/goldens_ops.py testdata/onnx/ops
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

SEED = 20_260_102
ROWS, K, N = 64, 24, 17
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int8): TensorProto.INT8,
         np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int32): TensorProto.INT32}
U8, I8 = np.uint8, np.int8


class Graph:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def add(self, op, inputs, domain="", **attributes):
        inputs = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], f"/{op}_{len(self.nodes)}", domain=domain, **attributes))
        return output

    def q(self, x, scale, zero):
        return self.add("QuantizeLinear", [x, np.float32(scale), zero])

    def dq(self, x, scale, zero):
        return self.add("DequantizeLinear", [x, np.float32(scale), zero])

    def weights(self, shape, kind=I8):
        info = np.iinfo(kind)
        return self.rng.integers(info.min, info.max + 1, shape).astype(kind)

    def bias(self, n=N):
        return self.rng.integers(-20_000, 20_000, n).astype(np.int32)

    def scale(self):
        return np.float32(self.rng.uniform(0.01, 0.03))

    def scales(self, n=N):
        return self.rng.uniform(0.0005, 0.003, n).astype(np.float32)

    def gemm(self, x, sx, zx, k, n):
        """Gemm of a quantised value, per column, with a bias, in QDQ form."""
        sw = self.scales(n)
        w = self.add("DequantizeLinear", [self.weights((n, k)), sw, np.zeros(n, I8)], axis=0)
        b = self.add("DequantizeLinear", [self.bias(n), (sx * sw).astype(np.float32), np.zeros(n, np.int32)], axis=0)
        return self.add("Gemm", [self.dq(x, sx, zx), w, b], transB=1)

    def matmul(self, x, sx, zx, sy, zy, k=K, n=N):
        """QLinearMatMul, one scale."""
        return self.add("QLinearMatMul", [x, sx, zx, self.weights((k, n)), np.float32(0.002), I8(0), sy, zy])


def qgemm_u8_weights(g):
    names = ["x", g.scale(), U8(101), g.weights((K, N), U8), np.float32(0.002), U8(131), g.bias(), np.float32(0.11), U8(99)]
    return g.add("QGemm", names, "com.microsoft"), g.rng.integers(0, 256, (ROWS, K)).astype(U8)


def qgemm_float(g):
    names = ["x", g.scale(), I8(-3), g.weights((N, K)), g.scales(), np.zeros(N, I8), g.bias()]
    return g.add("QGemm", names, "com.microsoft", transB=1), g.weights((ROWS, K))


def qlinear_matmul_u8_weights(g):
    names = ["x", g.scale(), U8(7), g.weights((K, N), U8), np.float32(0.002), U8(120), np.float32(0.05), U8(128)]
    return g.add("QLinearMatMul", names), g.weights((ROWS, K), U8)


def qlinear_matmul_reshape(g):
    x = g.add("Reshape", ["x", np.array([0, -1], np.int64)])
    y = g.matmul(x, g.scale(), I8(5), np.float32(0.05), I8(-9))
    return g.add("Reshape", [y, np.array([-1, N, 1], np.int64)]), g.weights((ROWS, 2, 3, 4))


def matmul_integer(g):
    return g.add("MatMulInteger", ["x", g.weights((K, N)), U8(77), I8(-4)]), g.weights((ROWS, K), U8)


def qlinear_add(g):
    s, x = np.float32(0.06), g.scale()
    a, b = g.matmul("x", x, I8(1), s, I8(20)), g.matmul("x", x, I8(1), s, I8(-31))
    return g.add("QLinearAdd", [a, s, I8(20), b, s, I8(-31), s, I8(3)], "com.microsoft"), g.weights((ROWS, K))


def qdq_residual(g):
    """A value read twice: its table is a call of its own, and its sum with itself behind the table is exact."""
    s = np.float32(0.05)
    x = g.q("x", 0.02, I8(-8))
    y = g.q(g.gemm(x, np.float32(0.02), I8(-8), K, N), s, I8(11))
    r = g.q(g.add("Relu", [g.dq(y, s, I8(11))]), s, I8(11))
    z = g.add("Add", [g.dq(y, s, I8(11)), g.dq(r, s, I8(11))])
    return g.dq(g.q(z, s, I8(-20)), s, I8(-20)), g.rng.normal(0, 1, (ROWS, K)).astype(np.float32)


def qdq_clip_table(g):
    s = np.float32(0.05)
    y = g.q(g.gemm(g.q("x", 0.02, U8(120)), np.float32(0.02), U8(120), K, N), s, U8(90))
    c = g.add("Clip", [g.dq(y, s, U8(90)), np.float32(-1.03), np.float32(2.61)])
    return g.dq(g.q(c, 0.031, U8(44)), 0.031, U8(44)), g.rng.normal(0, 1, (ROWS, K)).astype(np.float32)


def qdq_table_changes_type(g):
    s, t = np.float32(0.05), np.float32(0.04)
    y = g.q(g.gemm(g.q("x", 0.02, U8(120)), np.float32(0.02), U8(120), K, N), s, U8(90))
    r = g.q(g.add("Relu", [g.dq(y, s, U8(90))]), t, I8(-3))
    return g.q(g.gemm(r, t, I8(-3), N, 5), np.float32(0.07), I8(6)), g.rng.normal(0, 1, (ROWS, K)).astype(np.float32)


def qdq_relu_implied(g):
    r = g.add("Relu", [g.gemm(g.q("x", 0.02, I8(-8)), np.float32(0.02), I8(-8), K, N)])
    return g.dq(g.q(r, 0.03, I8(-128)), 0.03, I8(-128)), g.rng.normal(0, 1, (ROWS, K)).astype(np.float32)


def qdq_clip_implied(g):
    r = g.gemm(g.q("x", 0.02, U8(120)), np.float32(0.02), U8(120), K, N)
    r = g.add("Clip", [r, np.float32(0), np.float32(6)])
    return g.dq(g.q(r, 6 / 256, U8(0)), 6 / 256, U8(0)), g.rng.normal(0, 1, (ROWS, K)).astype(np.float32)


def qdq_table_on_input(g):
    s = np.float32(0.02)
    r = g.q(g.add("Relu", [g.dq(g.q("x", s, U8(120)), s, U8(120))]), s, U8(120))
    return g.dq(g.q(g.gemm(r, s, U8(120), K, N), 0.04, U8(100)), 0.04, U8(100)), g.rng.normal(0, 1, (ROWS, K)).astype(np.float32)


CASES = [qgemm_u8_weights, qgemm_float, qlinear_matmul_u8_weights, qlinear_matmul_reshape, matmul_integer, qlinear_add,
         qdq_residual, qdq_clip_table, qdq_table_changes_type, qdq_relu_implied, qdq_clip_implied, qdq_table_on_input]


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    for index, case in enumerate(CASES):
        g = Graph(SEED + index)
        output, x = case(g)
        g.nodes.append(helper.make_node("Identity", [output], ["y"], "/Identity"))
        shapes = helper.make_tensor_value_info("x", TYPES[x.dtype], ["rows", *x.shape[1:]])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]

        def model(kind):
            y = helper.make_tensor_value_info("y", kind, None)
            constants = [numpy_helper.from_array(value, name) for name, value in g.constants.items()]
            graph = helper.make_graph(g.nodes, case.__name__, [shapes], [y], constants)
            return helper.make_model(graph, opset_imports=opsets, ir_version=9)

        kind = {"MatMulInteger": TensorProto.INT32}.get(g.nodes[-2].op_type)
        inferred = onnx.shape_inference.infer_shapes(model(TensorProto.UNDEFINED))
        kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
        kind = kind or kinds.get(output) or (TensorProto.FLOAT if case is qgemm_float else TYPES[x.dtype])
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        whole = model(kind).SerializeToString()
        y = ort.InferenceSession(whole, options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for suffix, content in [("onnx", whole), ("in.bin", x.tobytes()), ("out.bin", y.tobytes())]:
            (out / f"{case.__name__}.{suffix}").write_bytes(content)
        print(case.__name__, x.dtype, y.dtype, y.shape, len(np.unique(y)), "values")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
