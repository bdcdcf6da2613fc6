"""Derivatives: of any order, along directions and as matrices, at ties and kinks, and what they say of themselves."""

import math

import numpy as np
import pytest

import graph_engine as ge


def real(name, *shape):
    return ge.input(name, shape, "float64")


def value(engine, variable, feeds=None):
    return engine.backend.to_numpy(engine.run(variable, feeds or {}))


# ---- one after the other ---------------------------------------------------------------------------------------


def test_derivatives_of_any_order(engine):
    x = real("x")
    y = ge.sin(x) * ge.exp(x)  # its fourth derivative is -4 times itself
    for _ in range(4):
        y = ge.grad(y, x)
    assert float(engine.run(y, {x: 0.7})) == pytest.approx(-4 * math.sin(0.7) * math.exp(0.7), rel=1e-13)


def test_a_sequence_gives_a_list_and_a_variable_a_variable():
    x, y = real("x"), real("y")
    both = ge.grad(x * y, [x, y])
    assert isinstance(both, list) and len(both) == 2 and isinstance(ge.grad(x * y, x), ge.Variable)
    assert ge.grad(x * y, []) == []


def test_with_respect_to_something_between_and_to_itself(engine):
    x = real("x")
    h = x * 3
    y = h * h
    assert [float(v) for v in engine.run([ge.grad(y, h), ge.grad(y, y), ge.grad(y, x)], {x: 2})] == [12, 1, 36]


def test_a_loss_of_one_element_may_have_dimensions(engine):
    x = real("x", 1, 1)
    assert value(engine, ge.grad(x * x, x), {x: [[3]]}).tolist() == [[6]]


def test_contributions_of_several_uses_are_summed_once(engine):
    x = real("x")
    y = x * x + ge.sin(x) + x
    trace = engine.trace(y, {x: 0.5})
    terms = trace.contributions(x)
    assert [(op.name, index) for op, index, _ in terms] == [("add", 1), ("sin", 0), ("multiply", 0), ("multiply", 1)]
    assert [(op, i, float(trace.value(v))) for op, i, v in trace.terms("x")] == terms
    assert sum(term for *_, term in terms) == trace.grad(x) == pytest.approx(2 * 0.5 + math.cos(0.5) + 1)
    sums = [op for op in trace.graph.operations if op.primitive.name == "accumulate"]
    assert len(sums) == 1 and sums[0].owner is x and len(sums[0].inputs) == 4


def test_what_a_loss_does_not_depend_on_has_a_gradient_of_zero_and_a_warning(engine):
    x, y = real("x", 2), real("y", 2)
    with pytest.warns(ge.UnusedVariableWarning, match="'loss' does not depend on 'y'") as caught:
        loss = ge.sum(x)
        gradient = ge.grad(loss, y)
    assert caught[0].filename == __file__, "the warning points to the user's line"
    assert value(engine, gradient).tolist() == [0, 0]


def test_gradients_stop_where_they_are_told_to(engine):
    x = real("x")
    y = x * ge.stop_gradient(x * x)
    assert float(engine.run(ge.grad(y, x), {x: 3})) == 9


def test_nothing_accumulates(engine):
    x = real("x")
    slope = ge.grad(x * x, x)
    assert [float(engine.run(slope, {x: 3})) for _ in range(3)] == [6, 6, 6]


# ---- directions and matrices -----------------------------------------------------------------------------------


def test_jacobian_and_products_with_it(engine):
    x, v, c = real("x", 3), real("v", 3), real("c", 2)
    y = ge.stack([x[0] * x[1], ge.sin(x[2])])
    point, direction, weights = np.array([2.0, 3.0, 0.5]), np.array([1.0, -1.0, 2.0]), np.array([0.5, 4.0])
    matrix = np.array([[3, 2, 0], [0, 0, math.cos(0.5)]])
    feeds = {x: point, v: direction, c: weights}
    np.testing.assert_allclose(value(engine, ge.jacobian(y, x), {x: point}), matrix, rtol=1e-15)
    np.testing.assert_allclose(value(engine, ge.jvp(y, [x], [v]), feeds), matrix @ direction, rtol=1e-15)
    np.testing.assert_allclose(value(engine, ge.vjp(y, [x], c)[0], feeds), weights @ matrix, rtol=1e-15)


def test_hessian_and_products_with_it(engine):
    x, v = real("x", 2), real("v", 2)
    y = x[0] ** 3 * x[1] + ge.exp(x[1])
    point, direction = np.array([2.0, 0.5]), np.array([1.0, -3.0])
    matrix = np.array([[6 * 2 * 0.5, 3 * 4], [3 * 4, math.exp(0.5)]])
    np.testing.assert_allclose(value(engine, ge.hessian(y, x), {x: point}), matrix, rtol=1e-14)
    np.testing.assert_allclose(value(engine, ge.hvp(y, x, v), {x: point, v: direction}), matrix @ direction, rtol=1e-14)


def test_a_jacobian_of_nothing_has_no_rows(engine):
    x = real("x", 0)
    assert value(engine, ge.jacobian(ge.exp(x), x), {x: []}).shape == (0, 0)


# ---- ties and kinks: what the docstrings state -------------------------------------------------------------------

NAN = math.nan
KINKS = [  # function of x1, x2; the point; the value; the derivatives
    (lambda a, b: ge.relu(a) + 0 * b, (0, 0), 0, (0, 0)),
    (lambda a, b: ge.abs(a) + 0 * b, (0, 0), 0, (0, 0)),
    (lambda a, b: ge.sign(a) + 0 * b, (0, 0), 0, (0, 0)),
    (lambda a, b: ge.maximum(a, b), (1, 1), 1, (0.5, 0.5)),
    (lambda a, b: ge.minimum(a, b), (1, 1), 1, (0.5, 0.5)),
    (lambda a, b: ge.clip(a, 0, 1) + 0 * b, (0, 0), 0, (1, 0)),
    (lambda a, b: ge.clip(a, 0, 1) + 0 * b, (1, 0), 1, (1, 0)),
    (lambda a, b: ge.clip(a, 0, 1) + 0 * b, (1.5, 0), 1, (0, 0)),
    (lambda a, b: ge.pow(a, b), (0, 0), 1, (0, 0)),
    (lambda a, b: ge.pow(a, b), (0, 2), 0, (0, 0)),
    (lambda a, b: ge.pow(a, b), (0, 1), 0, (1, 0)),
    (lambda a, b: ge.pow(a, b), (2, 0), 1, (0, math.log(2))),
    (lambda a, b: ge.pow(a, b), (-2, 2), 4, (-4, NAN)),
    (lambda a, b: a**2 + 0 * b, (0, 0), 0, (0, 0)),
    (lambda a, b: a**0 + 0 * b, (0, 0), 1, (0, 0)),
    (lambda a, b: ge.sqrt(a) + 0 * b, (0, 0), 0, (math.inf, 0)),
    (lambda a, b: ge.max(ge.stack([a, b, b - 1])), (1, 1), 1, (0.5, 0.5)),
    (lambda a, b: ge.prod(ge.stack([a, b, b])), (0, 3), 0, (9, 0)),
    (lambda a, b: ge.prod(ge.stack([a, b, b])), (3, 0), 0, (0, 0)),
    (lambda a, b: ge.where(a > 0, ge.log(ge.where(a > 0, a, 1)), b), (0, 5), 5, (0, 1)),
    (lambda a, b: ge.softplus(a) + ge.sigmoid(b), (800, -800), 800, (1, 0)),
    (lambda a, b: ge.logsumexp(ge.stack([a, b])), (1000, 1000), 1000 + math.log(2), (0.5, 0.5)),
    (lambda a, b: ge.tanh(a) + 0 * b, (400, 0), 1, (0, 0)),
]


@pytest.mark.filterwarnings("ignore::graph_engine.UnusedVariableWarning")
@pytest.mark.parametrize("case", KINKS, ids=range(len(KINKS)))
def test_at_ties_and_kinks_and_far_out(engine, case):
    function, point, expected, slopes = case
    a, b = real("a"), real("b")
    y = function(a, b)
    got = engine.run([y, *ge.grad(y, [a, b])], {a: point[0], b: point[1]})
    np.testing.assert_allclose([float(v) for v in got], [expected, *slopes], rtol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("case", KINKS, ids=range(len(KINKS)))
def test_torch_does_the_same_at_ties_and_kinks(case):
    torch = pytest.importorskip("torch")
    function, point, _, slopes = case
    a, b = (torch.tensor(float(p), dtype=torch.float64, requires_grad=True) for p in point)
    translated = _translated(function, torch)
    got = torch.autograd.grad(translated(a, b), [a, b], allow_unused=True, materialize_grads=True)
    np.testing.assert_allclose([float(v) for v in got], slopes, rtol=1e-12)


def _translated(function, torch):
    """Return the same function, calling PyTorch."""

    class Torch:
        def __getattr__(self, name):
            return getattr(torch, name)

        max, stack = staticmethod(torch.amax), staticmethod(lambda values: torch.stack(list(values)))
        softplus = staticmethod(torch.nn.functional.softplus)

        @staticmethod
        def logsumexp(x):
            return torch.logsumexp(x, 0)

        @staticmethod
        def where(condition, x, y):
            return torch.where(condition, x, torch.as_tensor(y, dtype=torch.float64))

    return type(function)(function.__code__, {"ge": Torch()})


# ---- what gradients say of themselves ----------------------------------------------------------------------------


def test_a_gradient_knows_what_it_is_the_gradient_of():
    x, w = real("x"), real("w")
    y = x * w
    loss = y * y
    gradient = ge.grad(loss, w)
    record = gradient.gradient
    assert gradient.name == "grad(w)" and not record.partial
    assert (record.variable, record.loss, record.operation, record.input_index) == (w, loss, y.operation, 1)
    assert gradient.operation.phase == "backward" and gradient.operation.owner is y.operation


def test_a_rule_that_hands_its_gradient_on_is_drawn_too():
    x, y = real("x"), real("y")
    a, b = ge.grad(x + y, [x, y])
    assert a is not b and {v.operation.primitive.name for v in (a, b)} == {"pass_on"}


# ---- rules that are wrong ----------------------------------------------------------------------------------------


class Wrong(ge.Primitive):
    name = "wrong"
    rule = staticmethod(lambda x, c: None)

    def infer(self, x):
        return x

    def vjp(self, operation, cotangents, wanted):
        return type(self).rule(operation.inputs[0], cotangents[0])


def _raises(x, c):
    raise KeyError("x")


WRONG_RULES = [
    (lambda x, c: [ge.sum(c)], r"returned float64\(\) as the gradient of 'x', which is float64\(3,\)"),
    (lambda x, c: [ge.astype(c, "float32")], r"returned float32\(3,\) as the gradient of 'x'"),
    (lambda x, c: [2.0], r"returned 2.0 as the gradient of 'x'"),
    (lambda x, c: c, "must return 1 gradients, one an input"),
    (lambda x, c: [c, c], "must return 1 gradients, one an input"),
    (lambda x, c: None, "must return 1 gradients, one an input"),
    (_raises, "the vjp of wrong failed: KeyError: 'x'"),
]


@pytest.mark.parametrize(("rule", "message"), WRONG_RULES)
def test_a_wrong_rule_is_named_with_the_line_that_uses_it(rule, message):
    class Bad(Wrong):
        pass

    Bad.rule = staticmethod(rule)
    x = real("x", 3)
    y = ge.sum(Bad()(x))  # used here
    with pytest.raises(ge.GradientError, match=message) as caught:
        ge.grad(y, x)
    assert "# used here" in str(caught.value)


def test_a_primitive_without_a_rule_says_so():
    class Plain(ge.Primitive):
        name = "plain"

        def infer(self, x):
            return x

    x = real("x")
    with pytest.raises(ge.GradientError, match="plain has no derivative rule") as caught:
        ge.grad(Plain()(x), x)
    assert "ge.stop_gradient" in str(caught.value) and "Plain()(x), x" in str(caught.value)
