"""`check_gradients` accepts right rules, finds wrong ones, and says so."""

import numpy as np
import pytest

import graph_engine as ge


class WrongSquare(ge.Primitive):
    """x * x, with half of its derivative."""

    name = "wrong_square"
    elementwise = True

    def infer(self, x):
        return x

    def kernel(self, xp, x):
        return x * x

    def vjp(self, operation, cotangents, wanted):
        return (cotangents[0] * operation.inputs[0],)


wrong_square = WrongSquare()


def network(rows=4):
    random = np.random.default_rng(0)
    x, labels = ge.input("x", ("batch", 3)), ge.input("labels", "batch", "int64")
    weight = ge.parameter("weight", random.normal(size=(3, 40)).astype("float32"))
    bias = ge.parameter("bias", np.zeros(40, "float32"), trainable=False)
    loss = ge.nn.cross_entropy(ge.nn.relu(x @ weight + bias), labels)
    return loss, weight, {x: random.normal(size=(rows, 3)), labels: [0, 1, 2, 3]}


def test_right_gradients_are_right(engine):
    loss, _, feeds = network()
    report = ge.check_gradients(loss, feeds, engine=engine)
    assert report.ok
    report.raise_if_wrong()
    assert [(c.name, c.tried) for c in report.variables] == [
        ("x", "12 elements"), ("weight", "12 directions"), ("bias", "40 elements"),
    ]  # fmt: skip
    assert max(c.error for c in report.variables) < 1e-6


def test_a_wrong_rule_is_found_at_its_element():
    x = ge.input("x", 3)
    loss = ge.sum(wrong_square(x) * ge.constant([0.0, 1.0, 0.0]))
    report = ge.check_gradients(loss, {x: [1, 2, 3]})
    (checked,) = report.variables
    assert not report.ok and not checked.ok
    assert (checked.place, checked.gradient) == ("[1]", 2.0)
    assert checked.difference == pytest.approx(4.0) and checked.error == pytest.approx(0.5)
    assert "WRONG" in str(report) and "NOT all agree" in str(report)
    with pytest.raises(ge.GradientError, match="(?s)gradients of 'loss' differ.*WRONG"):
        report.raise_if_wrong()


def test_a_wrong_rule_is_found_in_random_directions_too():
    x = ge.input("x", (10, 10))
    report = ge.check_gradients(ge.mean(wrong_square(x)), {"x": np.ones((10, 10))})
    assert not report.ok and report.variables[0].place.startswith("direction")


def test_only_what_is_asked_for():
    loss, weight, feeds = network()
    assert [c.name for c in ge.check_gradients(loss, feeds, wrt=weight).variables] == ["weight"]
    assert [c.name for c in ge.check_gradients(loss, feeds, wrt=["bias", "x"]).variables] == ["bias", "x"]


def test_the_same_seed_gives_the_same_report():
    loss, weight, feeds = network()
    one, two = (str(ge.check_gradients(loss, feeds, seed=3)) for _ in range(2))
    assert one == two and one != str(ge.check_gradients(loss, feeds, seed=4))


def test_the_engines_values_are_used_and_stay():
    w = ge.parameter("w", 1.0)
    engine = ge.Engine("numpy")
    engine.set_value(w, 5.0)
    (checked,) = ge.check_gradients(w * w, engine=engine).variables
    assert checked.gradient == 10.0
    assert engine.value(w) == 5.0 and engine.parameters() == (w,)


def test_the_precision_of_the_graph_does_not_matter():
    x = ge.input("x", 5, "float16")
    assert ge.check_gradients(ge.sum(ge.exp(x) * x), {x: np.linspace(-1, 1, 5)}).ok


@pytest.mark.parametrize("function", [ge.abs, ge.nn.relu, lambda x: ge.maximum(x, 0), lambda x: ge.maximum(x, x * 2)])
def test_at_a_kink_anything_between_both_slopes_is_right(function):
    x = ge.input("x")
    report = ge.check_gradients(function(x), {x: 0.0})
    assert report.ok and report.variables[0].kinks == 1 and "at a kink" in str(report)


def test_at_a_kink_what_lies_outside_is_wrong():
    x = ge.input("x")
    assert not ge.check_gradients(wrong_square(x + 3) + ge.abs(x), {x: 0.0}).ok


def test_stop_gradient_is_reported_as_it_is_meant_to():
    x = ge.input("x")
    assert not ge.check_gradients(x * ge.stop_gradient(x), {x: 2.0}).ok


def test_what_is_not_finite_is_not_right():
    x = ge.input("x")
    report = ge.check_gradients(ge.sqrt(x), {x: 0.0})
    assert not report.ok and report.variables[0].error == float("inf")


def test_nothing_to_try_in_an_empty_variable():
    x, y = ge.input("x", (0, 3)), ge.input("y")
    report = ge.check_gradients(ge.sum(x) + y, {x: np.zeros((0, 3)), y: 1.0})
    assert report.ok and report.variables[0].tried == "0 elements"


def test_a_tiny_gradient_beside_a_large_loss_is_no_false_alarm():
    x, y = ge.input("x"), ge.input("y")
    assert ge.check_gradients(1e6 * y * y + 1e-3 * ge.sin(x), {x: 1.0, y: 1.0}).ok


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda x: x, "gradients are checked of one real number"),
        (lambda x: ge.astype(ge.sum(x), "int32"), "gradients are checked of one real number"),
        (lambda x: 3.0, "is no variable"),
    ],
)
def test_only_a_scalar_loss(make, match):
    x = ge.input("x", 3)
    with pytest.raises(ge.GradientError, match=match):
        ge.check_gradients(make(x), {x: [1, 2, 3]})


def test_wrt_must_be_real_inputs_or_parameters_of_the_loss():
    x, n = ge.input("x"), ge.input("n", dtype="int32")
    y = x * 2
    loss = y * n
    refusals = ((y, "no input or parameter"), (ge.input("z"), "no input or parameter"), (n, "only real numbers"))
    for wrt, match in refusals:
        with pytest.raises(ge.GradientError, match=match):
            ge.check_gradients(loss, {x: 1, n: 2}, wrt=wrt)
    with pytest.raises(ge.LookupFailed, match="no variable is called 'q'"):
        ge.check_gradients(loss, {x: 1, n: 2}, wrt="q")


def test_a_loss_of_nothing():
    with pytest.raises(ge.GradientError, match="depends on no input or parameter"):
        ge.check_gradients(ge.constant(1.0) * 2)


def test_feeds_are_checked_as_in_a_run():
    x, w = ge.input("x"), ge.parameter("w", 1.0)
    for feeds, match in (({}, "no value was fed for 'x'"), ({x: 1, w: 2}, "'w' is a parameter"), ({"q": 1}, "'q'")):
        with pytest.raises(ge.FeedError, match=match):
            ge.check_gradients(x * w, feeds)
