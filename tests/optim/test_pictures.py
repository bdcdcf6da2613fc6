"""An update is told as its optimiser makes it: what is kept, then the parameter, with the numbers of the trace."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.frames import Frames
from graph_engine_viz.wording import line_text


def updates(optimizer, steps=1):
    """Return the lines of each update of a line through one point."""
    w, b = ge.parameter("w", 2.0), ge.parameter("b", -1.0)
    x, t = ge.input("x"), ge.input("t")
    loss = (w * x + b - t) ** 2
    step = ge.Engine("numpy").compile([x, t], loss, updates=optimizer.minimize(loss))
    for _ in range(steps):
        step(3.0, 1.0)
    trace = step.trace(3.0, 1.0)
    frames = [frame for frame in Frames(trace) if frame.phase == "update"]
    return trace, [[line_text(line) for line in frame.rules] for frame in frames]


def test_plain_descent_is_one_line_for_every_parameter():
    _, lines = updates(ge.optim.SGD(0.1), steps=0)
    assert lines == [["w ← w - γ ∂loss/∂w = 2 - 0.1 × 24 = -0.4"], ["b ← b - γ ∂loss/∂b = -1 - 0.1 × 8 = -1.8"]]


def test_momentum_tells_the_velocity_first():
    trace, lines = updates(ge.optim.SGD(0.1, momentum=0.9))
    assert lines[0] == [
        "velocity ← 0.9 × velocity + ∂loss/∂w = 0.9 × 24 + (-24) = -2.4",
        "w ← w - 0.1 × velocity = -0.4 - 0.1 × (-2.4) = -0.16",
    ]
    assert [step.variable.name for step in trace.steps if step.phase == "update"] == ["w", "b"]


def test_adam_tells_both_means():
    _, lines = updates(ge.optim.Adam(0.1))
    assert lines[0] == [
        "mean ← 0.9 × mean + 0.1 × ∂loss/∂w = 0.9 × 2.4 + 0.1 × 21.6 = 4.32",
        "square ← 0.999 × square + 0.001 × (∂loss/∂w)^2 = 0.999 × 0.576 + 0.001 × 21.6^2 = 1.042",
        "w ← w - 0.5263 × mean / (sqrt(square) / 0.04471 + 1e-8)",
        "w ← 1.9 - 0.5263 × 4.32 / (sqrt(1.042) / 0.04471 + 1e-8) = 1.8",
    ]


def test_a_saved_trace_tells_the_same(tmp_path):
    trace, lines = updates(ge.optim.Adam(0.1))
    trace.save(tmp_path / "trace")
    frames = Frames(ge.Trace.load(tmp_path / "trace"))
    assert [[line_text(line) for line in frame.rules] for frame in frames if frame.phase == "update"] == lines


def test_nesterovs_gradient_is_named_after_where_it_is_taken():
    _, lines = updates(ge.optim.SGD(0.1, momentum=0.9, nesterov=True, classical=True))
    assert lines[0][0].startswith("velocity ← 0.9 × velocity - 0.1 × ∂loss/∂w.ahead = ")
    assert lines[0][1].startswith("w ← w + velocity = ")


def test_what_all_parameters_share_is_a_number():
    trace, lines = updates(ge.optim.SGD(0.1, clip_norm=1.0), steps=0)
    factor = 1 / (np.hypot(24, 8) + 1e-6)
    assert lines[0] == [f"w ← w - 0.1 × ∂loss/∂w × {factor:.4g} = 2 - 0.1 × 24 × {factor:.4g} = 1.905"]
    assert len(lines[1]) == 1 and f"× {factor:.4g}" in lines[1][0]


@pytest.mark.parametrize(
    "optimizer",
    [
        ge.optim.Adam(0.1, amsgrad=True), ge.optim.NAdam(), ge.optim.RAdam(), ge.optim.ASGD(), ge.optim.Adadelta(),
        ge.optim.RMSprop(momentum=0.9, centered=True), ge.optim.Adamax(), ge.optim.AdamW(l1=0.1, noise=0.1),
    ],
)  # fmt: skip
def test_every_rule_ends_with_the_traced_number(optimizer):
    images = ge.input("images", ("batch", 4))
    net = ge.nn.Sequential(ge.nn.Linear(4, 3), ge.nn.Tanh(), ge.nn.Linear(3, 2))
    loss = ge.mean(net(images) ** 2)
    step = ge.Engine("numpy").compile([images], loss, updates=optimizer.minimize(loss))
    step(np.ones((2, 4)))
    trace = step.trace(np.ones((2, 4)))
    told = [(s, f) for s, f in zip(trace.steps, Frames(trace), strict=True) if s.phase == "update"]
    assert [s.variable for s, _ in told] == list(net.parameters())
    for update, frame in told:
        name = update.variable.name.removeprefix("net.")
        lines = [line_text(line) for line in frame.rules]
        last = next(line for line in reversed(lines) if line.startswith(f"{name}[") and " = " in line)
        at = tuple(int(i) for i in last[len(name) + 1 : last.index("]")].split(","))
        shown = last.split("    ")[0].rpartition(" = ")[2]
        assert float(shown) == pytest.approx(float(trace.updated(update.variable)[at]), rel=1e-3)
