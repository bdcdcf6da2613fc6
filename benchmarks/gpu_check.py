"""Check and time everything on a GPU, in one go of a few minutes.

    python3 dev.py gpu-check [--quick] [--out FILE]

Runs the conformance kit on CuPy, compares training and whole models on the GPU with the CPU, checks that both
lowerings and a run within a memory budget give the same bits there and that the debugger stops in the same place, and
times matrix products, networks and the overhead of one operation. It prints a report with date and device
(`--out benchmarks/gpu-DATE.txt` keeps it), and ends with 0 if everything passed.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from networks import NETWORKS, declared, engine_step

import graph_engine as ge
from graph_engine.testing import check_backend

Line = Callable[[str], None]


def cupy_engine() -> ge.Engine:
    """Return an engine on CuPy, also from a checkout that is not installed."""
    from graph_engine_cupy import CupyBackend

    reason = CupyBackend.unavailable()
    if reason is not None:
        sys.exit(f"no GPU to check: {reason}")
    return ge.Engine(CupyBackend())


def numpy_engine() -> ge.Engine:
    """Return an engine on NumPy, also from a checkout that is not installed."""
    from graph_engine_numpy import NumpyBackend

    return ge.Engine(NumpyBackend())


def conformance(engine: ge.Engine, say: Line) -> bool:
    """Run every primitive's samples on the GPU."""
    report = check_backend(engine.backend)
    say(str(report))
    return bool(report.ok)


def network(widths: tuple[int, ...], dtype: str = "float32") -> tuple[list[ge.Variable], ge.Variable]:
    """Declare a ReLU network with softmax cross-entropy; return its inputs and loss."""
    images = ge.input("images", ("batch", widths[0]), dtype)
    labels = ge.input("labels", "batch", "int64")
    generator = np.random.default_rng(0)
    hidden = images
    for number, (inner, outer) in enumerate(zip(widths, widths[1:], strict=False)):
        weight = (generator.normal(size=(inner, outer)) * np.sqrt(2 / inner)).astype(dtype)
        hidden = hidden @ ge.parameter(f"W{number}", weight) + ge.parameter(f"b{number}", np.zeros(outer, dtype))
        hidden = ge.relu(hidden) if number < len(widths) - 2 else hidden
    return [images, labels], ge.nn.cross_entropy(hidden, labels)


def batch_of(size: int, width: int, classes: int, dtype: str = "float32") -> tuple[Any, Any]:
    """Return random images and labels."""
    generator = np.random.default_rng(1)
    return generator.normal(size=(size, width)).astype(dtype), generator.integers(0, classes, size)


def same_training(gpu: ge.Engine, say: Line) -> bool:
    """Train a small network on both devices in float64 and compare; run and trace must agree to the bit."""
    images, labels = batch_of(64, 64, 10, "float64")
    losses = {}
    for engine in (gpu, numpy_engine()):
        inputs, loss = network((64, 32, 10), "float64")
        step = engine.compile(inputs, loss, updates=ge.optim.SGD(0.1).minimize(loss))
        losses[engine.backend.name] = [float(engine.backend.to_numpy(step(images, labels))) for _ in range(50)]
    worst = max(abs(a - b) / abs(b) for a, b in zip(*losses.values(), strict=True))
    inputs, loss = network((64, 32, 10))
    feeds = dict(zip(inputs, batch_of(64, 64, 10), strict=True))
    fast = gpu.backend.to_numpy(gpu.run(loss, feeds))
    seen = gpu.trace(loss, feeds).value(loss)
    say(f"50 training steps, GPU against CPU in float64: largest relative difference {worst:.1e}")
    say(f"run and trace on the GPU: {'the same bits' if fast == seen else f'{fast} against {seen}'}")
    return worst < 1e-9 and bool(fast == seen)


def same_models(gpu: ge.Engine, say: Line) -> bool:
    """Run a step of each network on both devices, and look whether anything differs by more than rounding explains."""
    from graph_engine_viz.debugger import compare

    firsts = []
    for name, network in NETWORKS.items():
        used = network()
        inputs, loss, updates = declared(used)
        updates = ge.optim.Adam(1e-3).minimize(loss) | updates
        steps = (engine.compile(inputs, loss, updates=updates) for engine in (numpy_engine(), gpu))
        comparison = compare(*(step.trace(*used.data) for step in steps))
        firsts.append(comparison.first)
        say(f"{name}: {comparison}")
    return all(first is None for first in firsts)


def same_again(gpu: ge.Engine, say: Line) -> bool:
    """Keep a tenth of a run, and compute the rest again: the same bits."""
    used = NETWORKS["residual"]()
    inputs, loss, updates = declared(used)
    step = gpu.compile(inputs, loss, updates=ge.optim.Adam(1e-3).minimize(loss) | updates)
    trace = step.trace(*used.data, memory=10_000_000)
    for variable in reversed(trace.graph.variables):
        trace.value(variable)
    say(f"{trace.kept}\ndiffering: {len(trace.arrays.differing)}")  # type: ignore[attr-defined]
    return not trace.arrays.differing  # type: ignore[attr-defined]


def same_debugger(gpu: ge.Engine, say: Line) -> bool:
    """Watch a training that goes wrong on both devices: it stops at the same place, for the same reason."""
    from graph_engine_viz.debugger import Stopped, attach
    from graph_engine_viz.debugger.screen import Screen

    told = {}
    for engine in (gpu, numpy_engine()):
        inputs, loss = network((64, 32, 10))
        logarithm = ge.log(loss - 2.0)  # below 2 there is none
        step = engine.compile(inputs, logarithm, updates=ge.optim.SGD(0.1).minimize(loss))
        watched = attach(step, watch=["not isfinite", "rms > 1e6", "grad.zeros >= 1"], record=2)
        try:
            for _ in range(200):
                watched(*batch_of(64, 64, 10))
        except Stopped as stopped:
            session = stopped.session
            page, answer = Screen(session), session.why()
            for what in PANES:
                page.answer(what, {"variable": "logarithm"} if what == "inspect" else {})
            places = [session.step_back().place, session.run_to("logarithm").place, session.reverse_continue().place]
            told[engine.backend.name] = stopped.message, str(answer.operation), str(answer.line), places
            say(f"{engine.backend.name}: {stopped}\n{answer}")
    return told.get(gpu.backend.name) == told.get("numpy") is not None


PANES = ("run", "state", "picture", "looks", "inspect", "series", "origins")


def timed(engine: ge.Engine, run: Callable[[], object], rounds: int = 20) -> float:
    """Return the median time of a call in seconds, the device included."""
    run()
    engine.backend.synchronize()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        engine.backend.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def time_matmul(engine: ge.Engine, say: Line) -> None:
    """Time a large matrix product against CuPy alone."""
    size = 8192
    a, b = ge.input("a", (size, size)), ge.input("b", (size, size))
    x = engine.backend.asarray(np.random.default_rng(0).normal(size=(size, size)).astype("float32"))
    step = engine.compile([a, b], a @ b)
    ours, alone = timed(engine, lambda: step(x, x), 10), timed(engine, lambda: x @ x, 10)
    say(f"{size} x {size} float32 product: {ours * 1e3:.2f} ms, {2 * size**3 / ours / 1e12:.1f} TFLOP/s")
    say(f"  over CuPy alone: {ours / alone:.2f}")


def time_network(engine: ge.Engine, say: Line) -> None:
    """Time one training step of a large network."""
    widths, size = (1024, 4096, 4096, 4096, 10), 4096
    inputs, loss = network(widths)
    images, labels = (engine.backend.asarray(array) for array in batch_of(size, widths[0], widths[-1]))
    step = engine.compile(inputs, loss, updates=ge.optim.SGD(0.01).minimize(loss))
    taken = timed(engine, lambda: step(images, labels))
    work = 6 * size * sum(a * b for a, b in zip(widths, widths[1:], strict=False))
    shape = "-".join(map(str, widths))
    say(f"training step of {shape}, batch {size}: {taken * 1e3:.2f} ms, {work / taken / 1e12:.1f} TFLOP/s")


def time_models(engine: ge.Engine, say: Line) -> None:
    """Time a training step of each network of the benchmarks."""
    for name, network in NETWORKS.items():
        used = network()
        say(f"{name}, {used.title}: {timed(engine, engine_step(used, engine)) * 1e3:.2f} ms")


def time_chain(engine: ge.Engine, say: Line) -> None:
    """Time what one small operation costs."""
    x = value = ge.input("x", 16)
    for _ in range(1000):
        value = ge.sin(value) * 1.01
    step = engine.compile([x], ge.grad(ge.sum(value), x))
    data = engine.backend.asarray(np.linspace(-1, 1, 16).astype("float32"))
    taken = timed(engine, lambda: step(data))
    say(f"chain of 2000 operations on 16 numbers, forward and backward: {taken * 1e3:.2f} ms")


CHECKS = {
    "conformance kit": conformance,
    "training": same_training,
    "models, against the CPU": same_models,
    "a run within a memory budget": same_again,
    "the debugger": same_debugger,
}
TIMINGS = {"matrix product": time_matmul, "network": time_network, "models": time_models, "chain": time_chain}


def main() -> int:
    """Run checks and timings; return 0 if all checks passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="checks only, no timings")
    parser.add_argument("--out", type=Path, help="also write the report to this file")
    arguments = parser.parse_args()
    engine = cupy_engine()
    lines: list[str] = []

    def say(text: str) -> None:
        lines.append(text)
        print(text, flush=True)

    say(f"graph_engine {ge.__version__} on {engine.backend.describe()}, {datetime.date.today().isoformat()}")
    failed = []
    for name, check in CHECKS.items():
        say(f"\n{name}")
        if not check(engine, say):
            failed.append(name)
    if not arguments.quick:
        for name, timing in TIMINGS.items():
            say(f"\n{name}")
            timing(engine, say)
    say(f"\nfailed: {', '.join(failed)}" if failed else "\nall checks passed")
    if arguments.out is not None:
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
