"""Large graphs: nothing recurses, and cost grows with the number of operations, counted in calls, not in seconds."""

import gc
import itertools
import sys
import time

import numpy as np
import pytest

import graph_engine as ge


def chain(count):
    """Each operation on the one before."""
    x = y = ge.input("x", 2)
    for k in range(count):
        y = ge.sin(y) if k % 2 else y * 0.99
    return x, ge.sum(y)


def wide(count):
    """Each operation on two random ones of the last thousand."""
    random = np.random.default_rng(0)
    x = ge.input("x", 2)
    made = [x, ge.tanh(x)]
    for _ in range(count):
        i, j = random.integers(max(0, len(made) - 1000), len(made), 2)
        made.append(ge.tanh(made[i] - made[j]))
    return x, ge.sum(made[-1] + made[-2])


def fan_out(count):
    """One variable used everywhere, and one sum of everything."""
    x = ge.input("x", 2)
    total = ge.stack([ge.sin(x) * float(k) for k in range(count // 2)])
    return x, ge.sum(total)


SHAPES = [chain, wide, fan_out]
STAGES = {
    "declare": lambda state: state.update(zip("xy", state["shape"](state["count"]))),
    "grad": lambda state: state.update(g=ge.grad(state["y"], state["x"])),
    "second grad": lambda state: state.update(h=ge.grad(ge.sum(state["g"]), state["x"])),
    "graph": lambda state: state.update(graph=ge.Graph(state["y"], state["g"])),
    "names": lambda state: state["graph"].names,
    "print": lambda state: (str(state["graph"]), state["graph"].text()),
    "networkx": lambda state: state["graph"].to_networkx(),
    "json": lambda state: state["graph"].to_json(),
    "run": lambda state: state["engine"].run([state["y"], state["g"]], {state["x"]: [0.1, 0.2]}),
    "trace": lambda state: state.update(trace=state["engine"].trace(state["y"], {state["x"]: [0.1, 0.2]})),
    "steps": lambda state: state["trace"].steps,
    "table": lambda state: str(state["trace"]),
    "contributions": lambda state: state["trace"].contributions(state["x"]),
}


def stages(shape, count):
    """Do everything that one does with a graph, stage by stage."""
    state = {"shape": shape, "count": count, "engine": ge.Engine("numpy")}
    for name, act in STAGES.items():
        yield name, lambda act=act: act(state)


def calls_of(act):
    """Count the calls of Python functions while something is done."""
    counter = itertools.count()
    gc.collect()
    sys.setprofile(lambda frame, event, argument: next(counter) if event == "call" else None)
    try:
        act()
    finally:
        sys.setprofile(None)
    return next(counter)


@pytest.mark.filterwarnings("ignore::graph_engine.UnusedVariableWarning")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_cost_grows_linearly(shape):
    small = {name: calls_of(act) for name, act in stages(shape, 300)}
    large = {name: calls_of(act) for name, act in stages(shape, 1500)}
    growth = {name: round(large[name] / small[name], 2) for name in small if large[name] > 1500}
    assert len(growth) >= 8 and max(growth.values()) < 5.5, growth


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::graph_engine.UnusedVariableWarning")
@pytest.mark.parametrize("shape", [chain, wide], ids=["chain", "wide"])
def test_a_hundred_thousand_operations(shape):
    depth = len(_frames())
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 120)  # what recursed over the graph would fail
    seconds = {}
    try:
        state = {"shape": shape, "count": 100_000 if shape is chain else 50_000, "engine": ge.Engine("numpy")}
        for name, act in STAGES.items():
            if name not in ("second grad", "json") and (shape is chain or name != "networkx"):
                start = time.perf_counter()
                act(state)
                seconds[name] = round(time.perf_counter() - start, 2)
    finally:
        sys.setrecursionlimit(limit)
    assert len(state["graph"].operations) > 150_000 and len(ge.Graph(state["y"]).operations) > 50_000
    assert np.isfinite(state["trace"].grad("x")).all()
    assert sum(seconds.values()) < 120, seconds  # about a tenth of that; a quadratic step takes hours


def _frames():
    frame, found = sys._getframe(), []
    while frame:
        found.append(frame)
        frame = frame.f_back
    return found


def test_order_is_topological_and_networkx_agrees():
    import networkx

    _, y = wide(300)
    graph = ge.Graph(y)
    position = {op: k for k, op in enumerate(graph.operations)}
    bipartite = graph.to_networkx()
    assert networkx.is_directed_acyclic_graph(bipartite)
    assert all(position[v.operation] < position[op] for op in position for v in op.inputs if v.operation)
    assert set(networkx.ancestors(bipartite, y)) | {y} == set(graph.variables) | set(graph.operations)
    assert [op.index for op in graph.operations] == sorted(op.index for op in graph.operations)
