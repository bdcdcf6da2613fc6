"""What is watched: variables, names, scopes, in any mixture, and the same in a session as in a training."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz import Session, attach
from graph_engine_viz.debugger.meaning import find_watched
from graph_engine_viz.debugger.measuring import Questions
from graph_engine_viz.debugger.watching import Known, Watching


def step():
    """Return a step with two scopes, one in the other, and an optimiser that keeps something."""
    x = ge.input("x", ("batch", 3))
    with ge.scope("encoder"):
        h = ge.tanh(ge.nn.Linear(3, 5, seed=0)(x))
        with ge.scope("inner"):
            h = (h * 2).named("doubled")
    with ge.scope("encoder2"):
        y = ge.nn.Linear(5, 1, seed=1)(h)
    loss = ge.mean(ge.square(y)).named("loss")
    return ge.Engine("numpy").compile([x], loss, updates=ge.optim.Adam(0.01).minimize(loss))


X = np.ones((4, 3))
PARAMETERS = {"encoder.linear.weight", "encoder.linear.bias"}


def names(trace, of):
    found, text = find_watched(trace, of)
    return {trace.graph.name_of(v) for v in found}, text


def test_a_scope_is_what_is_computed_in_it_and_its_parameters():
    trace = step().trace(X)
    primitives = {v.operation.primitive.name for v in find_watched(trace, "encoder")[0] if v.operation is not None}
    assert primitives == {"linear", "tanh", "multiply"}
    found, text = names(trace, "encoder")
    assert text == "encoder" and found > {"doubled"} | PARAMETERS and len(found) == 5
    assert names(trace, "encoder.inner") == ({"doubled"}, "encoder.inner")


def test_lists_mix_variables_names_and_scopes():
    trace = step().trace(X)
    found, text = names(trace, ["encoder.inner", "encoder2.linear.weight", trace.graph["x"], trace.loss])
    assert found == {"doubled", "encoder2.linear.weight", "x", "loss"}
    assert text == "encoder.inner, encoder2.linear.weight, x, loss"
    assert names(trace, (trace.loss, "encoder"))[1] == "loss, encoder"
    assert names(trace, iter([trace.loss])) == ({"loss"}, "loss")
    assert find_watched(trace, None) == (None, "everything")


@pytest.mark.parametrize("of", ["nothing", ["encoder", "nothing"], 3, [3], ["encoder", None], ge.input("x")])
def test_what_there_is_not_is_refused(of):
    watched = step()
    with pytest.raises(ge.LookupFailed):
        find_watched(watched.trace(X), of)
    with pytest.raises(ge.LookupFailed):
        attach(watched, of=of)


@pytest.mark.parametrize(
    "of", ["encoder", ["encoder.inner", "encoder2"], ["loss", "encoder2"], "encoder.linear.weight"]
)
@pytest.mark.parametrize("condition", ["value.norm >= 0", "grad.norm >= 0", "update.norm >= 0", "norm >= 0"])
def test_a_training_and_a_session_watch_the_same(of, condition):
    """What is given has its value in a training only: a session stops at what is computed."""
    watched = step()
    session = Session(watched.trace(X))
    trace, point = session.trace, session.watch(condition, of=of)
    watching = Watching(trace, session.backend)
    stops = {known for s in session.steps for known in watching.hits(point.condition, point.watched, s)}
    questions = Questions(watched, [point.condition], of)
    numbers = np.ones(questions.numbers.shape)
    given = {Known(p, "value") for p in trace.graph.parameters}
    assert {known for _, known in questions.holding(numbers)} - given == stops
