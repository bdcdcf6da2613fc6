"""`why` of deep graphs: it visits each operation a few times at most, and does not go deeper into itself than they are.

What it costs is counted in calls of functions, so that no clock is asked.
"""

import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.primitive import Primitive, apply
from graph_engine_viz.debugger import why

DEEP = 10_000


@contextmanager
def counted(most):
    """Count the calls of functions of `origins`, and fail where there are more than this."""
    counts = [0]

    def see(frame, event, argument):
        if event == "call" and "origins" in frame.f_code.co_filename:
            counts[0] += 1
            assert counts[0] <= most, f"more than {most} calls"

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        yield counts
    finally:
        sys.setprofile(before)


def run(loss, x):
    return ge.Engine("numpy").trace(ge.sum(loss), {x: [1, 2, 3, -4]})


# ---- paths that part and meet again ----------------------------------------------------------------------------


def residual_behind_a_concat(layers):
    """Only one half of what was joined is looked at in the end."""
    x, w = ge.input("x", 4), ge.parameter("w", np.ones(4, "float32"))
    h = ge.concat([x * w, ge.tanh(x)], axis=0)
    for _ in range(layers):
        h = h + ge.tanh(h)
    return run(h * np.float32([0, 0, 0, 0, 1, 1, 1, 1]), x), w


def test_a_part_is_followed_through_residual_layers_once():
    trace, w = residual_behind_a_concat(30)
    with counted(20_000):
        answer = why(trace, w, of="grad")
    assert answer.operation.primitive.name == "multiply" and "is zero" in str(answer), str(answer)


@dataclass(frozen=True)
class Shrinking(Primitive):
    """The identity, with a rule that makes gradients too small, and then does much that comes to nothing."""

    layers: int = 30
    residual: bool = True
    name = "shrinking"
    elementwise = True
    version = 1

    def infer(self, x):
        return x

    def kernel(self, xp, x):
        return x + 0

    def vjp(self, operation, cotangents, wanted):
        (x,), small = operation.inputs, cotangents[0] * 1e-30 * 1e-30
        nothing = x - x
        for _ in range(self.layers):
            nothing = nothing + ge.tanh(nothing) if self.residual else nothing * 0.5
            small = small + ge.tanh(small) if self.residual else small * 0.5
        return (ge.tanh(nothing) + small,)


@pytest.mark.parametrize(("layers", "residual"), [(30, True), (DEEP // 2, False)])
def test_a_rule_is_gone_through_once(layers, residual):
    x = ge.input("x", 4)
    trace = run(apply(Shrinking(layers, residual), (x,)) * 1.0, x)
    with counted(100 * layers):
        answer = why(trace, x, of="grad")
    assert "what is handed down, 1e-60, is too small for float32" in str(answer), str(answer)


# ---- long chains -----------------------------------------------------------------------------------------------


def vanishing(h, w):
    return ge.tanh(h * w)


def residual(h, w):
    return h + ge.relu(h) * 1e-3


def dying(h, w):
    return ge.relu(h * 0.99 + 1e-3)


CHAINS = {
    "a chain": (vanishing, lambda x: x),
    "a residual chain": (residual, lambda x: x),
    "a chain that takes a part away": (dying, lambda x: x),
    "zeros from the beginning, and one weight for all layers": (vanishing, lambda x: ge.relu(-ge.abs(x) - 1)),
    "a chain that nothing comes back through": (vanishing, ge.stop_gradient),
    "a chain of NaN": (vanishing, ge.log),
}


def chain(name, layers):
    layer, before = CHAINS[name]
    x, w = ge.input("x", 4), ge.parameter("w", np.full(4, 0.999, "float32"))
    h = before(x)
    for _ in range(layers):
        h = layer(h, w)
    trace = run(h + 0 * x + 0 * w, x)
    return [lambda v=v: why(trace, v, of="grad") for v in (x, w)] + [lambda: why(trace)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHAINS)
def test_what_it_costs_grows_with_the_depth_and_no_faster(name):
    for short, long in zip(chain(name, 200), chain(name, 800), strict=True):
        with counted(200_000) as once:
            short()
        with counted(6 * once[0] + 1000):
            long()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a chain", "a chain that nothing comes back through", "a chain of NaN"])
def test_ten_thousand_operations_in_a_chain(name):
    assert all(str(question()) for question in chain(name, DEEP // 2))


def test_a_part_is_followed_however_far():
    trace, w = residual_behind_a_concat(DEEP // 2)
    with counted(100 * DEEP):
        assert why(trace, w, of="grad").operation.primitive.name == "multiply"


def test_of_many_uses_that_are_cut_a_few_are_told():
    x, w = ge.input("x", 4), ge.parameter("w", np.ones(4, "float32"))
    h = x
    for _ in range(50):
        h = h + ge.stop_gradient(w)
    answer = why(run(h, x), w, of="grad")
    assert len(answer.findings) == 5


def test_of_many_uses_of_what_was_joined_the_first_are_told():
    x, w = ge.input("x", 4), ge.parameter("w", np.ones(4, "float32"))
    joined, products = ge.concat([w * 2, x]), []
    h = x
    for i in range(50):
        products.append(joined * (1.0 + i))
        h = h + products[-1][4:]
    answer = why(run(h, x), w, of="grad")
    told = [finding.operation.outputs[0].index for finding in answer.findings]
    assert len(told) == 5 and told == sorted(told), str(answer)
    assert [finding.operation.inputs[0] for finding in answer.findings] == products[:5]


def test_values_that_were_not_kept_are_asked_for_once():
    x, w = ge.input("x", (64, 64)), ge.parameter("w", np.eye(64, dtype="float32"))
    h = x
    for _ in range(40):
        h = ge.tanh(h @ w)
    loss, feeds = ge.mean(ge.square(h)), {x: np.random.default_rng(0).normal(size=(64, 64))}
    trace = ge.Engine("numpy").trace(loss, feeds, memory=400_000)
    fetched, arrays = [], trace.arrays

    class Counting(Mapping):
        __iter__, __len__ = arrays.__iter__, arrays.__len__
        __contains__ = arrays.__contains__

        def __getitem__(self, variable):
            fetched.append(variable)
            return arrays[variable]

    answer = why(replace(trace, arrays=Counting()), w, of="grad")
    assert str(answer) == str(why(ge.Engine("numpy").trace(loss, feeds), w, of="grad"))
    assert len(fetched) == len(set(fetched)) < len(trace.graph.variables)
