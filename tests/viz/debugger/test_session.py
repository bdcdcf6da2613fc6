"""A session stands at a step of a run, and moves forward and back."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger import Session


def lecture():
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = x + y
    f = w * z
    return Session(ge.Engine("numpy").trace(f, {x: -2, y: 5, z: -4}))


def training(**options):
    """Return a session in one training step of a network with scopes and momentum."""
    x, t = ge.input("x", (4, 3)), ge.input("t", 4, "int64")
    net = ge.nn.Sequential(ge.nn.Linear(3, 5, seed=1), ge.nn.ReLU(), ge.nn.Linear(5, 2, seed=2))
    with ge.scope("net"):
        logits = net(x)
    loss = ge.nn.cross_entropy(logits, t)
    step = ge.Engine("numpy").compile([x, t], loss, updates=ge.optim.SGD(0.1, momentum=0.9).minimize(loss))
    rng = np.random.default_rng(0)
    return Session(step.trace(rng.normal(size=(4, 3)), rng.integers(0, 2, 4), **options))


def state(session):
    return session.place, frozenset(session.opened), session.where(), session.explain()


# ---- moving ----------------------------------------------------------------------------------------------------


def test_it_begins_at_the_first_step_and_goes_to_the_last():
    session = lecture()
    assert session.place.last == 0 and session.here.operation.name == "add"
    texts = [session.step().text.split(" · ")[0] for _ in range(4)]
    assert texts == ["Forward", "Backward", "Backward", "Backward"]
    assert session.step().reason == "end" and session.place.last == 4
    assert session.restart().reason == "start" and session.step_back().reason == "start"


@pytest.mark.parametrize("make", [lecture, training])
def test_going_back_undoes_going_on(make):
    session = make()
    session.opened.clear()
    session.restart()
    session.into()
    seen = [state(session)]
    while session.step().reason == "step":
        seen.append(state(session))
    for before in reversed(seen[:-1]):
        session.step_back()
        assert state(session) == before


def test_a_folded_scope_is_passed_as_one():
    session = training()
    while session.place.scope is None or len(session.place.scope) > 1:
        session.out()
    first = session.place
    assert first.scope == ("net",) and first.last > first.first
    assert "all of net, from step 1" in session.where().text
    assert session.step().place.first == first.last + 1
    session.step_back()
    assert session.into().place.last == 0, "inside one begins at its first operation"
    assert session.out().place == first


def test_a_rule_opens_into_its_primitives():
    session = training()
    session.run_to("backward")
    while len(session.here.substeps) < 2:
        session.step()
    count, step = len(session.here.substeps), session.place.last
    assert session.into().place[:2] == (step, 0)
    inside = [session.here.operation]
    for _ in range(count - 1):
        session.step()
        inside.append(session.here.operation)
    assert inside == [substep.operation for substep in session.steps[step].substeps]
    assert session.step().place.last == step + 1
    assert session.step_back().place[:2] == (step, count - 1)
    assert session.out().place[:2] == (step, None)


def test_into_where_there_is_nothing_inside_stays():
    session = lecture()
    assert session.into().place == session.place and session.out().place == session.place


def test_running_to_a_variable_finds_its_value_and_then_its_gradient():
    session = lecture()
    session.end()
    assert [session.run_to("w").place.last for _ in range(3)] == [0, 3, 0]
    with pytest.raises(ge.LookupFailed, match="nothing in this run is called 'q'"):
        session.run_to("q")


@pytest.mark.parametrize("step", [-1, 5, 1.0, True, "a"])
def test_there_are_no_other_steps(step):
    with pytest.raises(ge.LookupFailed):
        lecture().go(step)


# ---- numbers ---------------------------------------------------------------------------------------------------


def test_what_has_not_been_computed_is_not_told():
    session = lecture()
    assert float(session.value("w")) == 3 and float(session.value("x")) == -2
    with pytest.raises(ge.LookupFailed, match="has not been computed at this step"):
        session.value("f")
    with pytest.raises(ge.LookupFailed, match="has not been computed at this step"):
        session.grad("x")
    session.end()
    assert float(session.grad("x")) == -4 and float(session.value("f")) == -12


def test_numbers_are_the_traces_at_every_step():
    session = training()
    while True:
        for variable in session.here.outputs:
            assert session.knows(variable)
            np.testing.assert_array_equal(session.value(variable), session.trace.value(variable))
        if session.step().reason != "step":
            break


def test_a_session_walks_a_run_of_which_little_is_kept():
    whole, small = training(), training(memory=200)
    assert small.trace.kept.kept_bytes < small.trace.kept.total_bytes
    while True:
        assert whole.explain() == small.explain()
        if whole.step().reason != "step":
            break
        small.step()
    while whole.step_back().reason == "step":
        small.step_back()
        assert whole.explain() == small.explain()


# ---- stopping --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "kind"),
    [("net", "scope"), ("net.linear1", "scope"), ("relu", "primitive"), ("backward", "phase"), ("logits", "variable")],
)
def test_a_breakpoint_stops_both_ways(what, kind):
    session = training()
    point = session.break_at(what)
    assert point.kind == kind and point.steps
    steps = sorted(point.steps - {0})
    forward = []
    while (stop := session.continue_()).points:
        assert stop.points == (point.number,) and f"breakpoint 1: {kind} {what}" in stop.reason
        forward.append(stop.place.last)
    assert forward == steps and stop.reason == "end"
    back = []
    while (stop := session.reverse_continue()).points:
        back.append(stop.place.last)
    assert back[::-1] in (forward, sorted(point.steps)) and stop.reason == "start"


def test_a_breakpoint_on_a_line_and_on_objects():
    session = lecture()
    line = session.steps[1].line
    assert session.break_at(line.line).kind == "line"
    assert session.continue_().place.last == 1
    assert session.break_at(f"test_session.py:{line.line}").steps == session.points[1].steps
    assert session.break_at(session.trace.graph["x"]).steps == {4}
    assert session.break_at(session.steps[0].operation).steps == {0, 4}
    with pytest.raises(ge.LookupFailed):
        session.break_at("other.py:1")
    with pytest.raises(ge.LookupFailed, match="kinds are"):
        session.break_at("w", kind="colour")


def test_points_can_be_turned_off_and_removed():
    session = training()
    point = session.break_at("relu", kind="primitive")
    session.enable(point.number, False)
    assert session.continue_().reason == "end"
    session.restart()
    session.enable(point.number)
    assert session.continue_().points == (1,) and point.hits == 1
    session.delete(1)
    with pytest.raises(ge.LookupFailed, match="no breakpoint or watchpoint 1"):
        session.delete(1)
    assert session.break_at("relu").number == 2, "a number is never given again"


def test_a_watchpoint_stops_where_its_condition_begins_to_hold():
    x = ge.input("x", 3)
    hidden = ge.exp(x)
    y = ge.log(hidden - hidden)
    session = Session(ge.Engine("numpy").trace(ge.sum(y), {x: [1, 2, 3]}))
    session.watch("isinf")
    stop = session.continue_()
    assert session.here.operation.primitive.name == "log"
    assert "watchpoint 1: isinf holds for y" in stop.reason
    session.delete(1)
    session.restart()
    session.watch("grad.isnan or grad.isinf", of="hidden")
    assert "for the gradient of hidden" in session.continue_().reason


def test_a_watchpoint_on_a_scope_and_on_updates():
    session = training()
    session.watch("abs_max >= 0", of="net.linear2")
    stop = session.continue_()
    assert {".".join(session.here.operation.scope)} == {"net.linear2"} and stop.points == (1,)
    session.delete(1)
    session.watch("update.norm / value.norm > 0")
    stop = session.continue_()
    assert session.here.phase == "update" and "the update of" in stop.reason


# ---- edits -----------------------------------------------------------------------------------------------------


def test_a_value_is_replaced_and_what_depends_on_it_is_run_again():
    session = lecture()
    session.go(1)
    stop = session.set_value("w", 10)
    assert stop.place.last == 1 and float(session.value("f")) == -40 and float(session.value("w")) == 10
    session.end()
    assert float(session.grad("z")) == 10 and float(session.grad("x")) == -4
    session.use_run(0)
    assert float(session.grad("z")) == 3 and len(session.runs) == 2


@pytest.mark.parametrize("name", ["x", "grad(w)"])
def test_inputs_and_gradients_can_be_replaced(name):
    session = lecture()
    session.set_value(name, 7)
    session.end()
    if name == "x":
        assert (float(session.value("f")), float(session.grad("z"))) == (-48, 12)
    else:
        assert (float(session.grad("x")), float(session.grad("z"))) == (7, 3)


def test_a_constant_can_be_replaced():
    x = ge.input("x")
    two = ge.constant(2.0).named("two")
    y = x * ge.exp(two * 1.0)
    session = Session(ge.Engine("numpy").trace(y, {x: 3}))
    session.set_value("two", 0)
    session.end()
    assert float(session.value(y)) == 3


@pytest.mark.parametrize("value", [[1, 2], "seven", None, 1j])
def test_what_does_not_fit_is_refused_and_changes_nothing(value):
    session = lecture()
    with pytest.raises(ge.FeedError):
        session.set_value("w", value)
    assert len(session.runs) == 1


def test_an_edit_may_mend_a_run_that_failed():
    logits, labels = ge.input("logits", (2, 3)), ge.input("labels", 2, "int64")
    loss = ge.nn.cross_entropy(logits, labels)
    with pytest.raises(ge.GuardError) as caught:
        ge.Engine("numpy").trace(loss, {logits: np.ones((2, 3)), labels: [0, 7]})
    session = Session(caught.value.trace)
    assert session.end().reason == "failure" and "labels" in session.explain()[0]
    session.set_value("labels", [0, 1])
    assert session.end().reason == "end"
    np.testing.assert_allclose(session.value(loss), np.log(3), rtol=1e-6)


def test_an_edit_with_which_the_run_fails_leaves_nothing_of_the_run_before_behind_the_failure():
    logits, labels = ge.input("logits", (2, 3)), ge.input("labels", 2, "int64")
    scaled = logits * 2
    loss = ge.nn.cross_entropy(scaled, labels)
    session = Session(ge.Engine("numpy").trace(loss, {logits: np.ones((2, 3)), labels: [0, 1]}))
    session.set_value("labels", [0, 7])
    assert session.end().reason == "failure" and session.knows(scaled) and not session.knows(loss)
    with pytest.raises(ge.LookupFailed, match="has not been computed"):
        session.value(loss)
    session.set_value("labels", [2, 1])
    assert session.end().reason == "end"
    np.testing.assert_allclose(session.value(loss), np.log(3), rtol=1e-6)


def test_breakpoints_are_looked_for_again_in_a_run_that_goes_further():
    logits, labels = ge.input("logits", (2, 3)), ge.input("labels", 2, "int64")
    loss = ge.nn.cross_entropy(logits * 2, labels)
    session = Session(ge.Engine("numpy").trace(loss, {logits: np.ones((2, 3)), labels: [0, 1]}))
    point = session.break_at("backward")
    assert point.steps
    session.set_value("labels", [0, 7])
    assert not point.steps and session.continue_().reason == "failure"
    session.use_run(0)
    session.restart()
    assert point.steps and session.continue_().points == (point.number,)


def test_many_edits_stand_beside_each_other():
    session = lecture()
    for number in range(2000):
        session.set_value("w", number)
    session.end()
    assert float(session.value("f")) == -4 * 1999 and float(session.value("x")) == -2


# ---- the log ---------------------------------------------------------------------------------------------------


def test_the_log_repeats_what_was_done():
    session = training()
    session.break_at("relu")
    session.watch("grad.rms > 0", of="net.linear1.weight")
    session.watch("isnan", of=[session.trace.graph["logits"], "net.linear1.bias"])
    session.continue_()
    session.into()
    session.step()
    session.continue_()
    session.step_back()
    session.run_to("logits")
    session.why("logits", of="value")
    session.set_value("net.linear1.bias", np.float32([0.1, np.nan, -np.inf, 4, 0]))
    session.set_value("net.linear1.weight", np.full(session.trace.graph["net.linear1.weight"].shape, 0.1))
    session.use_run(1)
    other = training()
    for call in session.log:
        eval(call, {"session": other, "numpy": np})
    assert state(other) == state(session) and other.log == session.log


@pytest.mark.parametrize("number", [0.1, np.nan, np.inf])
def test_a_large_edit_is_logged_where_it_is_one_number(number):
    x = ge.input("x", 30)
    session = Session(ge.Engine("numpy").trace(ge.sum(x), {x: np.zeros(30)}))
    session.set_value(x, np.full(30, number))
    session.set_value(x, np.arange(30))
    written = repr(number) if np.isfinite(number) else f'float("{number}")'
    assert session.log == [f"session.set_value('x', numpy.full((30,), {written}))", "session.set_value('x', ...)"]


def test_a_call_that_is_refused_is_not_logged():
    session = training()
    for refused, *given in ((session.why, "logits", "bogus"), (session.use_run, "1"), (session.use_run, 1)):
        with pytest.raises(ge.errors.GraphEngineError):
            refused(*given)
    assert session.log == []


def test_what_is_no_trace_is_refused():
    with pytest.raises(ge.DeclarationError, match="walks through a trace"):
        Session("trace")
