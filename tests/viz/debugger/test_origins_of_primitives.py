"""`why` has an answer about every registered primitive, whatever it is given; its tables name what there is."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.plugins import primitives
from graph_engine.primitive import apply
from graph_engine_viz.debugger import why
from graph_engine_viz.debugger.origins.elements import link
from graph_engine_viz.debugger.origins.families import FAMILIES, HANDING_NOTHING
from graph_engine_viz.debugger.origins.reading import Reader

KNOWN = primitives()


def filled(number):
    return lambda x: np.full_like(x, number)


def with_one(number):
    def spoil(x):
        spoilt = np.array(x)
        spoilt.reshape(-1)[spoilt.size // 2 :][:1] = number
        return spoilt

    return spoil


SPOILT = {
    "zeros": filled(0),
    "all far below 0": filled(-200),
    "huge": lambda x: x * np.float32(1e30),
    "NaN": with_one(np.nan),
    "Inf": with_one(np.inf),
}


def uses(name):
    for sample in KNOWN[name]().samples():
        if not sample.raises:
            arrays = [np.asarray(x) for x in sample.inputs]
            yield sample.use or KNOWN[name](), [x.astype("float32") if x.dtype.kind == "f" else x for x in arrays]


def spoilt(arrays):
    for i, x in enumerate(arrays):
        if x.dtype.kind == "f" and x.size:
            for spoil in SPOILT.values():
                yield [*arrays[:i], spoil(x), *arrays[i + 1 :]]


def traced(primitive, arrays):
    inputs = [ge.input(f"x{i}", x.shape, str(x.dtype)) for i, x in enumerate(arrays)]
    outputs = apply(primitive, tuple(inputs))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = ge.constant(np.float32(0))
    for output in outputs:
        loss = loss + ge.sum(ge.square(output)) if output.spec.is_float else loss
    return ge.Engine("numpy").trace((loss, *outputs), dict(zip(inputs, arrays, strict=True))), inputs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_there_is_an_answer_whatever_is_fed(name):
    asked = 0
    for primitive, arrays in uses(name):
        for values in spoilt(arrays):
            try:
                trace, inputs = traced(primitive, values)
            except ge.GraphEngineError:  # refused, or guarded
                continue
            for answer in (why(trace), *(why(trace, v) for v in inputs), *(why(trace, v, of="grad") for v in inputs)):
                asked += 1
                assert str(answer) and all(f.cause.text and f.cause.cure for f in answer.findings), str(answer)
    assert asked or not any(x.dtype.kind == "f" for _, arrays in uses(name) for x in arrays)


def test_the_tables_name_what_there_is():
    assert {*FAMILIES, *HANDING_NOTHING} <= {*KNOWN}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_turns_floats_into_something_else_hands_nothing_down(name):
    given = [(primitive, x) for primitive, x in uses(name) if x and all(a.dtype.kind == "f" for a in x)]
    if not given or name in ("astype", "scan"):
        return
    results = given[0][0].infer(*[ge.Spec(x.shape, str(x.dtype)) for x in given[0][1]])
    results = results if isinstance(results, tuple) else (results,)
    assert any(spec.is_float for spec in results) or name in HANDING_NOTHING


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_nan_is_followed_to_where_it_goes(name):
    """Each element of a result that is NaN because of an element of an input is known to have been computed from it."""
    for primitive, arrays in uses(name):
        for i, x in enumerate(arrays):
            if x.dtype.kind != "f" or not x.size:
                continue
            spoilt_one = [*arrays[:i], with_one(np.nan)(x), *arrays[i + 1 :]]
            try:
                (clean, inputs), (trace, _) = traced(primitive, arrays), traced(primitive, spoilt_one)
            except ge.GraphEngineError:  # refused, or guarded
                continue
            operation = next(iter(clean.graph.consumers[inputs[i]]))[0]
            for before, output in zip(clean.outputs[1:], trace.outputs[1:], strict=True):
                if not output.spec.is_float or output.operation.primitive.name != operation.primitive.name:
                    continue
                fresh = np.isnan(trace.value(output)) & ~np.isnan(clean.value(before))
                marks = np.isnan(spoilt_one[i])
                found = link(Reader(trace), output, i)
                assert not np.any(fresh & ~found.forward(marks)), (name, i)
                assert not fresh.any() or found.back(fresh)[marks].all(), (name, i)
