"""Our kernels against PyTorch, ONNX Runtime, numpy with OpenBLAS, and Flower, one core, interleaved.

    python tools/bench-ai/bench.py PROGRAM [--only TEXT] [--rounds N] [--seconds S]

PROGRAM is ours: it reads the name of a case, a line each, runs it once and answers with the seconds of CPU time that
the run took. Every side warms up 20 times, or for two seconds where a run is long; then runs of all sides take turns
until each has had S seconds and three runs. Compared is the shortest run of each, in CPU time of the thread; runs of
microseconds are means over two milliseconds.
`cargo xtask bench ai` builds PROGRAM, makes the environment and calls this.
"""

import argparse
import os
import pathlib
import platform
import subprocess
import sys
import time

CORE = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {CORE})
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import torch  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

torch.set_num_threads(1)
WARM_RUNS, WARM_SECONDS, LEAST_RUNS, SPAN_SECONDS = 20, 2.0, 3, 0.002
CLIENTS, LENGTH = 64, 1 << 20


class Ours:
    """The program at the other end of two pipes, on the same core."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def run(self, case):
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        try:
            return float(line.split()[0])
        except (IndexError, ValueError):
            sys.exit(f"the program answered {line!r} to {case!r}")


def timed(function):
    """Seconds of CPU time of a run; short ones are repeated for two milliseconds, as in our program."""

    def run():
        count, start, cpu = 0, time.perf_counter(), time.thread_time()
        while count == 0 or time.perf_counter() - start < SPAN_SECONDS:
            function()
            count += 1
        return (time.thread_time() - cpu) / count

    return run


def compare(sides, seconds):
    """The shortest run of each side, in seconds."""
    for run in sides.values():
        start = time.perf_counter()
        for _ in range(WARM_RUNS):
            run()
            if time.perf_counter() - start > WARM_SECONDS:
                break
    best = dict.fromkeys(sides, float("inf"))
    spent, runs = dict.fromkeys(sides, 0.0), dict.fromkeys(sides, 0)
    while True:
        waiting = [side for side in sides if spent[side] < seconds or runs[side] < LEAST_RUNS]
        if not waiting:
            return best
        for side in waiting:
            start = time.perf_counter()
            best[side] = min(best[side], sides[side]())
            spent[side] += time.perf_counter() - start
            runs[side] += 1


def qlinear_matmul(n, rng):
    """ONNX Runtime's int8 product of an input with constant, hence prepacked, weights; it also rounds to i8."""
    one, zero = np.float32(0.01), np.int8(0)
    constants = {"s": one, "z": zero, "w": rng.integers(-128, 128, (n, n)).astype(np.int8), "sy": np.float32(1)}
    node = helper.make_node("QLinearMatMul", ["x", "s", "z", "w", "s", "z", "sy", "z"], ["y"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [n, n])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, [n, n])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = rng.integers(-128, 128, (n, n)).astype(np.int8)
    return lambda: session.run(None, {"x": x})


def products(n):
    rng = np.random.default_rng(n)
    a, b = (torch.from_numpy(rng.integers(-128, 128, (n, n)).astype(np.int8)) for _ in range(2))
    f, g = (rng.standard_normal((n, n), np.float32) for _ in range(2))
    tf, tg = torch.from_numpy(f), torch.from_numpy(g)
    out, tout = np.empty((n, n), np.float32), torch.empty((n, n))
    bt, integers = b.t(), torch.empty((n, n), dtype=torch.int32)
    least = torch.zeros((32, 8), dtype=torch.int8), torch.zeros((8, 8), dtype=torch.int8)
    small = {"torch._int_mm of 32 x 8 x 8: what calling it costs": lambda: torch._int_mm(*least)} if n < 512 else {}
    return {
        "torch._int_mm": lambda: torch._int_mm(a, b, out=integers),
        "torch._int_mm, B transposed": lambda: torch._int_mm(a, bt, out=integers),
        **small,
        "onnxruntime QLinearMatMul i8·i8": qlinear_matmul(n, rng),
        "OpenBLAS f32 (numpy)": lambda: np.matmul(f, g, out=out),
        "torch f32": lambda: torch.mm(tf, tg, out=tout),
    }


def clients(dtype):
    """Updates and numbers of samples: whole numbers of 31 bits, or floats around zero, as training gives them."""
    rng = np.random.default_rng(1)
    if dtype == np.int32:
        u = rng.integers(-(1 << 30), 1 << 30, (CLIENTS, LENGTH), dtype=np.int32)
    else:
        u = rng.standard_normal((CLIENTS, LENGTH), dtype=np.float32)
    return u, rng.integers(1, 100, CLIENTS)


def flower(u, samples):
    return [([row], int(count)) for row, count in zip(u, samples)]


def means():
    from flwr.server.strategy.aggregate import aggregate

    u, samples = clients(np.int32)
    weights = samples.astype(np.int64)
    results = flower(u.astype(np.float32), samples)
    return {
        "numpy average of i32": lambda: np.average(u, axis=0, weights=weights),
        "Flower aggregate of f32": lambda: aggregate(results),
    }


def medians():
    from flwr.server.strategy.aggregate import aggregate_median

    results = flower(*clients(np.float32))
    return {"Flower aggregate_median of f32": lambda: aggregate_median(results)}


def trimmed_means():
    from flwr.server.strategy.aggregate import aggregate_trimmed_avg

    results = flower(*clients(np.float32))
    return {"Flower aggregate_trimmed_avg of f32, cut 0.1": lambda: aggregate_trimmed_avg(results, 0.1)}


def krums():
    from flwr.server.strategy.aggregate import aggregate_krum

    u, samples = clients(np.float32)
    results = flower(u, samples)

    def by_gram():
        gram = u @ u.T
        squares = np.diag(gram)
        distances = squares[:, None] + squares[None, :] - 2 * gram
        np.fill_diagonal(distances, np.inf)
        return np.sort(distances, axis=1)[:, : CLIENTS - 16 - 2].sum(axis=1).argmin()

    return {
        "Flower aggregate_krum of f32": lambda: aggregate_krum(results, 16, 0),
        "numpy with OpenBLAS, f32": by_gram,
    }


# Title, case of our program, peers.
CASES = [
    *((f"i8 product, n = {n}", f"matmul_i8 {n}", lambda n=n: products(n)) for n in (64, 512, 1024, 2048)),
    ("mean, 64 x 2^20 i32", "mean_i32 64", means),
    ("median, 64 x 2^20 i32", "median_i32 64", medians),
    ("trimmed mean, 64 x 2^20 i32", "trimmed_i32 64", trimmed_means),
    ("Krum, 64 x 2^20 i16", "krum_i16 64", krums),
]


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    field = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        field.setdefault(key.strip(), value.strip())
    wanted = ("avx2", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "amx_int8")
    flags = [flag for flag in wanted if flag in field.get("flags", "").split()]
    print(f"{field.get('model name', platform.processor())}, core {CORE}: {' '.join(flags)}")
    versions = {module.__name__: module.__version__ for module in (torch, ort, np)}
    from importlib.metadata import version

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(", ".join(f"{name} {text}" for name, text in {**versions, "flwr": version("flwr")}.items()), end=", ")
    print(f"{blas['name']} {blas['version']}, Python {platform.python_version()}")


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("program")
    parse.add_argument("--only", default="")
    parse.add_argument("--rounds", type=int, default=1)
    parse.add_argument("--seconds", type=float, default=2.0)
    given = parse.parse_args()
    machine()
    ours = Ours(given.program)
    for title, case, peers in CASES:
        if given.only not in title:
            continue
        sides = {"foggara": lambda case=case: ours.run(case)}
        if "i32" in case:
            # In a process of its own: the program holds the operands of one case.
            reader = Ours(given.program)
            sides["our own streaming read"] = lambda reader=reader: reader.run("read_i32 64")
        sides.update({name: timed(function) for name, function in peers().items()})
        ratios = {name: [] for name in sides}
        for _ in range(given.rounds):
            best = compare(sides, given.seconds)
            for name, took in best.items():
                ratios[name].append(took / best["foggara"])
        load = os.getloadavg()[0]
        print(f"\n{title}: {best['foggara'] * 1e3:.3f} ms; load {load:.1f}")
        for name, values in ratios.items():
            if name != "foggara":
                shown = " ".join(f"{value:8.2f}" for value in values)
                print(f"  {shown} x as fast as {name} ({best[name] * 1e3:.3f} ms)")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
