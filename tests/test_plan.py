"""Plans believe no kernel, and fold what depends on constants alone only where that is harmless."""

import numpy as np
import pytest

import graph_engine as ge

WRONG = {
    "shape": lambda x: x[:2],
    "dtype": lambda x: x.astype("float64"),
    "nothing": lambda x: None,
    "a number": lambda x: 3.0,
    "a tuple": lambda x: (x,),
}


class Wrong(ge.Primitive):
    name = "wrong"
    kind = "shape"

    def infer(self, x):
        return x

    def kernel(self, xp, x):
        return WRONG[self.kind](x)


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("observed", [False, True])
def test_a_result_that_is_not_what_was_inferred_is_neither_returned_nor_committed(kind, observed, monkeypatch):
    monkeypatch.setattr(Wrong, "kind", kind)
    engine = ge.Engine("numpy")
    w = ge.parameter("w", [1.0, 2.0, 3.0])
    new = Wrong()(w)  # the line that the error shows
    step = engine.compile([], (), updates={w: new})
    with pytest.raises(ge.RunError, match="the line that the error shows"):
        step.trace() if observed else step()
    assert engine.value(w).tolist() == [1.0, 2.0, 3.0]


def test_labels_out_of_range_are_refused_even_when_they_are_constants():
    logits = ge.constant(np.zeros((2, 3), "float32"))
    loss = ge.nn.cross_entropy(logits, ge.constant([0, -1]))
    engine = ge.Engine("numpy")
    with pytest.raises(ge.GuardError, match="label -1"):
        engine.trace(loss)
    with pytest.raises(ge.GuardError, match="label -1"):
        engine.compile([], loss, guards="values")()


def test_a_kernel_that_fails_on_constants_fails_in_the_run_with_the_line():
    loss = ge.nn.cross_entropy(ge.constant(np.zeros((1, 3), "float32")), ge.constant([99]))  # the user's line
    with pytest.raises(ge.RunError, match="the user's line"):
        ge.Engine("numpy").compile([], loss)()


def test_an_operation_with_a_tuple_of_one_result():
    x = ge.input("x", 3)
    (only,) = ge.split(x, 1)
    engine = ge.Engine("numpy")
    assert engine.run(only, {x: [1, 2, 3]}).tolist() == [1, 2, 3]
    assert engine.trace(ge.sum(only * only), {x: [1, 2, 3]}).grad(x).tolist() == [2, 4, 6]


def test_a_dtype_that_the_backend_lacks_is_refused_with_the_line():
    from graph_engine.testing import strict_backend

    x = ge.input("half", 2, "float16")  # declared here
    with pytest.raises(ge.BackendError, match=r"no float16[\s\S]*declared here"):
        ge.Engine(strict_backend()).run(x * 2, {x: [1, 2]})


def test_a_dimension_that_comes_out_negative_shows_the_line():
    x = ge.input("x", ("batch", 2))
    rest = x[5:]  # cut here
    with pytest.raises(ge.FeedError, match=r"negative[\s\S]*cut here"):
        ge.Engine("numpy").run(rest, {x: np.zeros((3, 2))})
