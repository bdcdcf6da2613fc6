"""What `why` says is true, and helps: of gradients nobody asked for, of overflow on the way, of several origins."""

from dataclasses import dataclass

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.primitive import Primitive, apply
from graph_engine_viz.debugger import open_session, why
from graph_engine_viz.debugger.screen.screen import Screen

pytestmark = pytest.mark.filterwarnings("ignore")


def parameter(name, values):
    return ge.parameter(name, np.asarray(values, "float32"))


def run(loss, feeds=None, **options):
    return ge.Engine("numpy").trace(loss, feeds or {}, **options)


def trained(inputs, loss, optimizer, *batch):
    return ge.Engine("numpy").compile(inputs, loss, updates=optimizer.minimize(loss)).trace(*batch)


# ---- what was not computed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["x", "frozen", "h"])
def test_what_is_not_trained_has_no_gradient_because_nobody_asked_for_it(asked):
    x, w = ge.input("x", ("b", 3)), parameter("w", np.ones((2, 2)))
    frozen = ge.parameter("frozen", np.ones((3, 2), "float32"), trainable=False)
    h = x @ frozen
    loss = ge.sum(ge.square(h @ w))
    trace = trained([x], loss, ge.optim.SGD(0.1), np.ones((2, 3)))
    answer = why(trace, asked)
    assert "it was not computed" in str(answer) and "cut" not in str(answer) and not answer.findings, str(answer)
    with pytest.raises(ge.LookupFailed, match="or it was not asked for"):
        trace.grad(asked)


def test_what_is_cut_off_in_a_training_is_told_apart_from_that():
    x, w = ge.input("x", ("b", 3)), parameter("w", np.ones(3))
    loss = ge.sum(ge.square(ge.floor(x) * w))
    answer = why(trained([x], loss, ge.optim.SGD(0.1), np.ones((2, 3))), "x")
    assert "is cut" in str(answer) and answer.operation.primitive.name == "floor"


# ---- overflow, underflow, infinities ---------------------------------------------------------------------------

SUMS = {
    "mean": lambda: ge.mean(parameter("w", [3e38, 3e38])),
    "sum": lambda: ge.sum(parameter("w", [3e38, 3e38, -3e38])),
    "std": lambda: ge.std(parameter("w", [1e20, -1e20, 0])),
}


@pytest.mark.parametrize("name", SUMS)
def test_what_overflows_on_the_way_is_not_called_the_result(name):
    text = str(why(run(SUMS[name]())))
    assert "on the way to the result" in text and "the result, " in text and "cause: the result" not in text, text


@pytest.mark.parametrize("optimizer", [ge.optim.Adam(0.1), ge.optim.SGD(1, clip_norm=1)])
def test_an_update_of_nothing_because_of_an_infinity(optimizer):
    w = parameter("w", [1, 2])
    answer = why(trained([], ge.sum(w) * 1e25, optimizer), "w", "update")
    assert "which is not finite" in answer.findings[0].cause.text, str(answer)
    assert answer.findings[1].operation.primitive.name == "square" and "too small" not in str(answer)


def test_a_divisor_that_overflowed_is_named():
    a = parameter("a", [[1e25, 1]])
    answer = why(run(ge.sum(ge.nn.normalize(a))), "a")
    assert [finding.what for finding in answer.findings] == ["zero", "Inf"], str(answer)
    assert answer.findings[1].operation.primitive.name == "square"


def test_a_derivative_that_underflows():
    z = parameter("z", [1e-30, 1e-25])
    text = str(why(run(ge.sum(z**3)), "z"))
    assert "1e-50, on the way to it, is too small for float32" in text and "session" not in text, text


# ---- counts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_of_a_loop_only_its_own_operations_are_counted(scale):
    h0, xs = parameter("h0", np.ones((1, 4))), ge.input("xs", (10, 1, 4))
    last, _ = ge.scan(lambda h, x: (0.01 * h + 0 * x, None), h0, xs)
    answer = why(run(ge.sum(last) * scale, {xs: np.zeros((10, 1, 4))}), "h0", "grad")
    assert "10 times multiply: × 1e-20, 0.01 each on average" in str(answer), str(answer)
    assert "viz/graph_engine_viz" not in str(answer) and answer.line is not None


def test_of_a_dead_unit_its_own_elements_are_counted():
    w, x = parameter("w", np.ones((1, 3))), ge.input("x", ("b", 1))
    loss = ge.sum(ge.relu(x @ w + np.float32([0, 0, -100])))
    answer = why(run(loss, {x: [[1], [-1], [2], [-3]]}), "w", "grad")
    finding = answer.findings[0]
    assert (finding.count, finding.size) == (4, 12) and "all of [:, 2]" in finding.cause.text


def test_of_what_was_zero_before_an_operation_is_not_accused():
    z = parameter("z", np.arange(1, 65).reshape(1, 1, 8, 8))
    answer = why(run(ge.sum(ge.nn.max_pool2d(ge.relu(z - 0.5), 2))), "z")
    assert not answer.findings and "relu hands" not in str(answer) and "max_pool hands down 0 to 75%" in str(answer)


# ---- several origins -------------------------------------------------------------------------------------------


def roots_of(values):
    x = ge.input("x", 3)
    root = ge.sqrt(x).named("root")
    return run(ge.sum(ge.log(root).named("l")), {x: values})


@pytest.mark.parametrize(("values", "first"), [([np.nan, -1, 0], ["x", "root", "l"]), ([1, -1, 0], ["root", "l"])])
@pytest.mark.parametrize("asked", ["l", None])
def test_an_earlier_nan_hides_no_later_one(values, first, asked):
    trace = roots_of(values)
    answer = why(trace, asked)
    assert [finding.variable.name for finding in answer.findings][: len(first)] == first, str(answer)
    assert all(finding.count == 1 for finding in answer.findings)


def test_the_places_one_can_go_to_are_those_that_are_named():
    trace = roots_of([np.nan, -1, 0])
    places = Screen(open_session(trace)).answer("origins")["origins"]
    assert [place["name"] for place in places] == [trace.graph.name_of(f.variable) for f in why(trace).findings]
    assert [place["what"] for place in places[:3]] == ["NaN", "NaN", "Inf"]


MIXED = {
    "a sum of rows": (lambda x: ge.log(ge.sum(x, axis=1)), [[np.nan, 1], [1, -1], [2, 2]], [(0, 0)], [(1,)]),
    "a product of matrices": (
        lambda x: ge.log(x @ np.eye(2, dtype="float32")),
        [[np.nan, 1], [1, 0]],
        [(0, 0)],
        [(1, 1)],
    ),
    "a softmax": (lambda x: ge.log(ge.nn.softmax(x)), [[np.nan, 1], [0, -200]], [(0, 0)], [(1, 1)]),
    "what is moved": (lambda x: ge.log(ge.concat([x, x])[::-1, 1:]), [[1, np.nan], [1, 0]], [(0, 1)], [(0, 0), (2, 0)]),
    "what was not picked": (lambda x: ge.log(x[1:]), [[np.nan, 1], [1, 0]], [], [(0, 1)]),
    "a choice": (lambda x: ge.where(np.array([False, True]), ge.log(x), -x), [[np.nan, 0]], [(0, 0)], [(0, 1)]),
}


@pytest.mark.parametrize("name", MIXED)
def test_elements_are_followed_through(name):
    function, values, given, computed = MIXED[name]
    x = ge.input("x", np.shape(values))
    y = function(x).named("y")
    found = {"given": [], "forward": []}
    for finding in why(run(ge.sum(y), {x: values}), "y").findings:
        found[finding.phase] += [element.index for element in finding.elements]
    assert found == {"given": given, "forward": computed}


def test_many_origins_are_not_all_told():
    x = ge.input("x", 10)
    answer = why(run(ge.sum(ge.stack([ge.log(x[i]) for i in range(10)])), {x: np.zeros(10)}))
    assert len(answer.findings) == 5 and "of which these are the first" in str(answer)


def test_of_an_element_only_what_it_was_computed_from_is_named():
    x = ge.input("x", (2, 1))
    answer = why(run(ge.sum((x @ np.float32([[1e30]])).named("y")), {x: [[np.inf], [1e30]]}), "y")
    assert [finding.phase for finding in answer.findings] == ["given", "forward"]
    assert "the result, 1e60, is more than float32 can hold" in answer.findings[1].cause.text, str(answer)


# ---- cures -----------------------------------------------------------------------------------------------------


def exponentials(z):
    e = ge.exp(z)
    return {
        "ge.clip": ge.sum(e),
        "ge.nn.softmax": ge.sum(ge.square(e / ge.sum(e))),
        "ge.logsumexp": ge.log(ge.sum(e)),
        "ge.nn.softplus": ge.sum(ge.log(1 + e)),
    }


@pytest.mark.parametrize("cure", ["ge.clip", "ge.nn.softmax", "ge.logsumexp", "ge.nn.softplus"])
def test_what_helps_against_a_large_exponent_depends_on_what_follows(cure):
    answer = why(run(exponentials(parameter("z", [200, 1]))[cure]))
    said = [name for name in ("ge.clip", "ge.nn.softmax", "ge.logsumexp", "ge.nn.softplus") if name in str(answer)]
    assert answer.findings[0].operation.primitive.name == "exp" and said[0] == cure, str(answer)


CURES = {
    "keep the divisor away from 0": lambda: ge.sum(1 / parameter("d", [1e-40])),
    "ge.logsumexp": lambda: ge.log(ge.sum(ge.exp(parameter("z", [-200, -300])))),
    "ge.expm1(x)": lambda: ge.sum(ge.log(ge.exp(parameter("t", [1e-9])) - 1)),
    "ge.var(x)": lambda: ge.sqrt(ge.mean((v := parameter("v", [7.1])) ** 2) - ge.mean(v) ** 2 - 1e-5),
}


@pytest.mark.parametrize("cure", CURES)
def test_what_helps(cure):
    assert cure in why(run(CURES[cure]())).findings[0].cause.cure


def test_the_base_of_a_power_behind_a_choice():
    b = parameter("b", [0, 1])
    text = str(why(run(ge.sum(ge.where(b > 0, b**-0.5, 0.0))), "b", "grad"))
    assert "ge.pow(ge.where(mask, x, 1), p)" in text, text


# ---- the healthy -----------------------------------------------------------------------------------------------


def dropped(x):
    with ge.nn.training():
        return ge.nn.dropout(x, 0.5)


HEALTHY = {
    "dropout": dropped,
    "relu": lambda x: ge.relu(x + 0.1),
    "max_pool": lambda x: ge.nn.max_pool1d(x, 2),
    "embedding": lambda x: ge.nn.embedding(ge.constant([0, 2]), x[0]),
    "index": lambda x: x[:, 1:],
}


@pytest.mark.parametrize("name", HEALTHY)
def test_the_healthy_are_not_accused(name):
    x = ge.parameter("x", np.random.default_rng(0).normal(size=(4, 8, 8)).astype("float32"))
    answer = why(run(ge.sum(ge.square(HEALTHY[name](x)))), "x")
    assert not answer.findings and "hands down 0 to" in str(answer), str(answer)


# ---- what was passed over --------------------------------------------------------------------------------------

SIZES = {
    "sigmoid": ("a vanishing gradient", lambda w: ge.sum(ge.sigmoid(w - 20))),
    "divide": ("an exploding gradient", lambda w: ge.sum(w / 1e-12)),
}


@pytest.mark.parametrize("name", SIZES)
def test_one_operation_alone_makes_a_gradient_small_or_large(name):
    what, function = SIZES[name]
    answer = why(run(function(parameter("w", [1, 2]))), "w")
    assert (answer.findings[0].what, answer.operation.primitive.name) == (what, name), str(answer)


@pytest.mark.parametrize("function", [lambda x: x - ge.mean(x), lambda x: 3 * x - 3 * x])
def test_terms_that_cancel(function):
    answer = why(run(ge.sum(function(parameter("x", [1, 2, 4, 5])))), "x")
    assert "and cancels: nothing is left" in answer.findings[0].cause.text, str(answer)


def test_a_loss_that_hands_nothing_down_is_told_without_being_asked_for_the_gradient():
    scores, labels = parameter("scores", np.eye(3)), ge.input("labels", 3, "int64")
    accuracy = ge.mean(ge.astype(ge.equal(ge.argmax(scores, axis=1), labels), "float32"))
    assert why(run(accuracy, {labels: [0, 1, 1]}), "scores").operation.primitive.name == "argmax"


@pytest.mark.parametrize("what", [5, ge.Engine("numpy")])
def test_what_is_no_run_is_refused(what):
    with pytest.raises(ge.DeclarationError, match="why asks about a run"):
        why(what, "w")


def test_factors_that_are_all_the_same():
    h, w = parameter("h", np.ones(4)), np.float32(3) * np.eye(4, dtype="float32")
    loss = h
    for _ in range(20):
        loss = loss @ w
    assert "at each of them alike" in str(why(run(ge.sum(loss)), "h"))


def roots_in_a_loop(column):
    x = ge.input("x", (3, 2))
    last, _ = ge.scan(lambda h, row: (h + ge.sqrt(row), None), np.zeros(2, "float32"), x)
    return run(ge.sum(last[column] * 1.0).named("asked"), {x: [[np.nan, 1], [1, -5], [1, 1]]})


def test_an_earlier_nan_hides_none_in_a_loop():
    first, second = why(roots_in_a_loop(np.s_[:]), "asked").findings
    assert first.phase == "given" and [element.index for element in first.elements] == [(0, 0)]
    assert "at step 2 of 3 of scan: at sqrt" in str(second) and "the root of a negative number, -5" in str(second)


@pytest.mark.parametrize(("column", "phases"), [(0, ["given"]), (1, ["forward"])])
def test_in_a_loop_the_elements_are_followed(column, phases):
    assert [finding.phase for finding in why(roots_in_a_loop(column), "asked").findings] == phases


def test_of_several_results_of_a_loop_each_is_looked_at():
    x = ge.input("x", (2, 2))
    last, rows = ge.scan(lambda h, row: (ge.log(h + row), ge.sqrt(row)), np.ones(2, "float32"), x)
    answer = why(run(ge.sum(last) + ge.sum(rows), {x: [[1, 1], [-5, 1]]}))
    assert ["at log" in str(f) for f in answer.findings[:2]] == [True, False] and "at sqrt" in str(answer.findings[1])


def test_infinities_that_were_declared_for_a_loop_are_no_fault_of_it():
    x = ge.input("x", (3, 2))
    start = ge.constant(np.full(2, -np.inf, "float32"))
    _, rows = ge.scan(lambda h, row: (h * 0.5, ge.where(row > -9, ge.sqrt(row), h)), start, x)
    answer = why(run(ge.sum(rows.named("asked")), {x: [[1, 1], [1, -5], [np.nan, 1]]}), "asked")
    (finding,) = answer.findings
    assert "at step 2 of 3 of scan: at sqrt" in str(finding) and finding.count == 1, str(answer)


def test_what_is_added_up_at_one_place_is_followed_to_all_of_it():
    table = parameter("table", [[1], [2]])
    rows = ge.nn.embedding(ge.constant([1, 1, 0]), table)
    loss = ge.sum(ge.log(rows - 2))
    answer = why(run(loss), "table", "grad")
    assert all(f.operation is None or "embedding" not in f.where for f in answer.findings), str(answer)


# ---- cut, or cancelled -----------------------------------------------------------------------------------------


def with_signs(y):
    return ge.sum(y * np.float32([1, -1]))


CANCELLING = {
    "multiply": lambda: (parameter("g", 1.0), lambda g: with_signs(g * np.float32([1, 1]))),
    "take": lambda: (parameter("x", [1, 2, 3]), lambda x: with_signs(ge.take(x, ge.constant([0, 0])))),
    "maximum": lambda: (parameter("low", -1.0), lambda low: with_signs(ge.maximum(np.float32([-3, -4]), low))),
    "clip": lambda: (parameter("low", -1.0), lambda low: with_signs(ge.clip(np.float32([-3, -4]), low, 5.0))),
    "log_softmax": lambda: (parameter("x", [0, 0]), lambda x: -0.5 * ge.sum(ge.nn.log_softmax(x))),
    "add": lambda: (parameter("b", 0.0), lambda b: with_signs(np.float32([1, 2]) + b)),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_what_cancels_is_not_called_cut(name):
    variable, function = CANCELLING[name]()
    finding = why(run(function(variable)), variable).findings[0]
    assert finding.operation.primitive.name == name
    assert "those that come back to it cancel" in finding.cause.text, str(finding)


CUT = {
    "relu": ([-1, -2], ge.relu, "dead relu"),
    "multiply": ([1, 2], lambda x: x * np.float32([0, 0]), "the other factor"),
    "softmax": ([1], lambda x: ge.nn.softmax(x) * 2, "is always 1"),
    "maximum": ([-1, -2], lambda x: ge.maximum(x, 0), "never chose"),
}


@pytest.mark.parametrize("name", CUT)
def test_what_is_cut_is_not_said_to_cancel(name):
    values, function, said = CUT[name]
    text = str(why(run(ge.sum(function(parameter("x", values)))), "x"))
    assert "cancel" not in text and (said in text or "all zero" in text), text


def test_labels_that_are_met_exactly_leave_rounding():
    x, shares = parameter("x", np.log([[0.2, 0.3, 0.5]])), ge.constant(np.float32([[0.2, 0.3, 0.5]]))
    answer = why(run(ge.nn.cross_entropy(x, shares)), "x")
    assert answer.findings[0].what in ("nothing but rounding", "zero") and "residual" not in str(answer), str(answer)


def test_a_gradient_that_is_small_at_the_large_places_is_no_rounding():
    answer = why(run(ge.sum(ge.relu(parameter("x", [-1, 1])) * np.float32([1, 1e-9]))), "x")
    assert "nothing but rounding" not in [finding.what for finding in answer.findings], str(answer)


# ---- behind a choice -------------------------------------------------------------------------------------------

BEHIND = {
    "a mask": (lambda root, seen: ge.where(seen, root * np.float32([0, 1, 1]), 0.0), [True] * 3, False),
    "a relu": (lambda root, seen: ge.where(seen, ge.relu(root - 0.5), 0.0), [True, True, False], False),
    "a where": (lambda root, seen: ge.where(seen, root * 2, 0.0), [False, True, True], True),
    "a where of rows": (lambda root, seen: ge.where(seen[0], ge.sum(root), 0.0), [False, True, True], True),
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_choice_is_blamed_only_if_it_does_not_take_the_element(name):
    function, mask, blamed = BEHIND[name]
    x, seen = parameter("x", [0, 1, 4]), ge.input("seen", 3, "bool")
    answer = why(run(ge.sum(function(ge.sqrt(x), seen)), {seen: mask}), "x")
    assert ("does not take this element" in answer.findings[0].cause.text) is blamed, str(answer)
    assert answer.findings[0].operation.owner.primitive.name == "sqrt"


@pytest.mark.parametrize(("seen", "primitive"), [([1, 0], "relu"), ([0, 1], "divide")])
def test_an_infinity_is_blamed_only_where_a_gradient_arrives(seen, primitive):
    z, seen = parameter("z", [-10, np.inf]), np.float32(seen)
    loss = ge.relu(z) if primitive == "relu" else parameter("above", [1, 2]) / z
    asked = z if primitive == "relu" else "above"
    answer = why(run(ge.sum(ge.where(seen > 0, loss, 0.0))), asked, "grad")
    finding = answer.findings[0]
    assert finding.operation.primitive.name == primitive
    assert ("which is not finite" in finding.cause.text) is (primitive == "divide"), str(answer)


# ---- what is said of the derivative ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Unwilling(Primitive):
    """The identity, with a rule that hands nothing down."""

    name = "unwilling"
    elementwise = True
    version = 1

    def infer(self, x):
        return x

    def kernel(self, xp, x):
        return x + 0

    def vjp(self, operation, cotangents, wanted):
        return (cotangents[0] * 0.0,)


def test_of_an_operation_nobody_knows_only_its_inputs_are_told():
    text = str(why(run(ge.sum(apply(Unwilling(), (parameter("x", [0, 0]),)))), "x"))
    assert "unwilling hands down 0 where a gradient arrives; its inputs are 0" in text and "derivative" not in text


@pytest.mark.parametrize("function", [ge.square, ge.abs, ge.cos, ge.relu])
def test_a_derivative_that_is_0_at_0(function):
    loss = ge.sum(function(parameter("x", [0, 0, 3])) * np.float32([1, 1, 0]))
    assert "are 0, where its derivative is 0" in str(why(run(loss), "x"))


NEVER = {
    "other numbers": ([1, 2, 3, 4], 1.0, "all the same", False),
    "numbers that are the same": ([3, 3, 3, 3], 1.0, "all the same", True),
    "numbers that lie close": ([1e-30, 2e-30, 3e-30, 4e-30], 1.0, "lie so close together", True),
}


@pytest.mark.parametrize("name", NEVER)
def test_numbers_without_a_spread(name):
    values, scale, said, expected = NEVER[name]
    assert (said in str(why(run(ge.std(parameter("x", values)) * scale), "x"))) is expected


def test_rows_without_a_spread_where_a_gradient_arrives():
    rows = ge.std(parameter("x", [[1, 2], [3, 3]]), axis=1) * np.float32([0, 1])
    assert "all the same" in str(why(run(ge.sum(rows)), "x"))


def test_a_change_that_is_a_difference_of_what_is_the_same():
    w = parameter("w", [1, 2])
    step = ge.Engine("numpy").compile([], ge.sum(w), updates={w: w + (w * 2.0 - w * 2.0)})
    text = str(why(step.trace(), "w", "update"))
    assert "too small" not in text and "learning rate" not in text, text


def test_of_a_derivative_that_underflows_because_of_large_numbers_none_larger_are_asked_for():
    text = str(why(run(ge.sum(1.0 / parameter("x", [1e25, 1e25]))), "x"))
    assert "too small for float32" in text and "larger numbers" not in text, text


def test_the_heading_and_the_finding_name_the_same():
    x = ge.input("x", 2)
    trace = run(ge.sum(ge.log(x).named("y")), {x: [0, -1]})
    for answer in (why(trace), why(trace, "y")):
        assert answer.question == "y holds NaN and Inf" and answer.findings[0].what == "NaN and Inf"


def test_a_gradient_that_is_not_finite_all_the_way_is_followed_there():
    x = parameter("x", [1, 4])
    answer = why(run(ge.sum(ge.sqrt(ge.where(np.array([False, True]), x * 2, 0.0)))), "x", "grad")
    assert "it is not finite all the way: what sqrt hands down is not" in answer.text
    assert answer.findings[0].operation.owner.primitive.name == "sqrt" and answer.findings[0].what == "Inf"
