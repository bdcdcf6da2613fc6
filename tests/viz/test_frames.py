import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.frames import Frames, tell
from graph_engine_viz.wording import line_text
from tests.viz.pictures import RUNS, fan_out, lecture, perceptron, stopped


def rules(frame):
    return [line_text(line) for line in frame.rules]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_value_is_shown_from_the_step_on_that_computes_it_and_is_the_traces(run):
    trace = run()
    known = {v for v in trace.graph.variables if v.operation is None}
    for step, frame in zip(trace.steps, Frames(trace), strict=True):
        known |= {v for s in (step, *step.substeps) if s.operation for v in s.operation.outputs if v in trace.arrays}
        for variable in Frames(trace).variables:
            assert (variable in frame.values) == (variable in known)
            done = {s.variable for s in trace.steps[: step.index + 1] if s.phase == "update"}
            if variable in known:
                shown = trace.updated(variable) if variable in done else trace.value(variable)
                assert frame.values[variable] == tell(shown) or np.isnan(shown).any()
            gradient = trace.gradients.get(variable)
            assert (variable in frame.gradients) == (gradient in known)


def test_the_chain_rule_of_the_lecture_example_has_its_numbers():
    assert [rules(frame) for frame in Frames(lecture())] == [
        ["w = x + y = -2 + 5 = 3"],
        ["f = w × z = 3 × (-4) = -12"],
        ["∂f/∂f = 1"],
        ["∂f/∂w = ∂f/∂f × z = 1 × (-4) = -4", "∂f/∂z = ∂f/∂f × w = 1 × 3 = 3"],
        ["∂f/∂x = ∂f/∂w × 1 = (-4) × 1 = -4", "∂f/∂y = ∂f/∂w × 1 = (-4) × 1 = -4"],
    ]


def test_a_fan_out_shows_the_sum_with_the_term_of_every_branch():
    last = rules(Frames(fan_out())[-1])
    assert last[-1].startswith("∂y/∂x = 0.07074 + (-1.5) + (-1.5) = -2.929")
    assert last[0] == "∂y/∂x① via × = ∂y/∂multiply × x = 1 × (-1.5) = -1.5"


def test_a_sum_of_contributions_shows_the_traces_contributions():
    trace = fan_out()
    terms = sorted(float(array) for _, _, array in trace.contributions("x"))
    assert np.isclose(sum(terms), float(trace.grad("x")))
    line = rules(Frames(trace)[-1])[-1]
    assert all(f"{term:.4g}" in line for term in terms)


def test_a_matrix_product_shows_the_rule_and_one_element_as_a_sum_of_products():
    x = ge.input("x", (2, 2))
    W = ge.parameter("W", [[1.0, 2.0], [3.0, 4.0]])
    y = ge.sum((x @ W) * [[1.0, 10.0], [100.0, 1000.0]])
    trace = ge.Engine("numpy").trace(y, {x: [[1, 2], [3, 5]]})
    product = next(f for s, f in zip(trace.steps, Frames(trace), strict=True)
                   if s.phase == "backward" and s.operation.primitive.name == "matmul")  # fmt: skip
    assert trace.grad("W")[1, 1] == 5020
    lines = rules(product)
    assert any(line.startswith("∂y/∂W = xᵀ δ") and "(2, 2)" in line for line in lines)
    assert "(∂y/∂W)[1, 1] = 10×2 + 1000×5 = 5020" in lines
    assert any(line.startswith("∂y/∂x = δ Wᵀ") for line in lines)
    assert "(∂y/∂x)[1, 1] = 100×3 + 1000×4 = 4300" in lines


def test_a_bias_shows_the_sum_over_what_broadcasting_repeated():
    b = ge.parameter("b", [1.0, 2.0])
    x = ge.input("x", (3, 2))
    y = ge.sum((x + b) * 7.0)
    trace = ge.Engine("numpy").trace(y, {x: np.ones((3, 2))})
    assert any("(∂y/∂b)[0] = 7 + 7 + 7 = 21" in rules(frame) for frame in Frames(trace))


def test_an_update_shows_the_step_down_the_gradient():
    w = ge.parameter("w", 3.0)
    loss = w * w
    step = ge.Engine("numpy").compile([], loss, updates=ge.optim.SGD(0.25).minimize(loss))
    frames = Frames(step.trace())
    assert rules(frames[-1]) == ["w ← w - γ ∂loss/∂w = 3 - 0.25 × 6 = 1.5"]
    assert frames[-2].values[w].data == "3.0" and frames[-1].values[w].data == "1.5"
    assert frames[-1].current == {w}


def test_an_update_by_another_rule_shows_the_change():
    w = ge.parameter("w", 3.0)
    loss = w * w
    step = ge.Engine("numpy").compile([], loss, updates={w: w * 0.5 + ge.grad(loss, w)})
    assert rules(Frames(step.trace())[-1]) == ["w ← w + Δw = 3 + 4.5 = 7.5    gradient 6"]


def test_the_numbers_of_a_chosen_element_are_the_traces():
    trace = perceptron()
    frames = Frames(trace)
    gradient = trace.grad("hidden.W1")
    place = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)
    at = f"[{place[0]}, {place[1]}]"
    lines = [line for frame in frames for line in rules(frame)]
    element = next(line for line in lines if line.startswith(f"(∂loss/∂W_1){at}"))
    assert element.endswith(f"= {gradient[place]:.4g}") and "(30 more)" in element
    update = next(line for line in lines if line.startswith("W_1") and "←" in line and at in line)
    assert update.endswith(f"= {trace.updated('hidden.W1')[place]:.4g}")


def test_captions_say_phase_step_and_source_line():
    frame = Frames(lecture())[3]
    assert frame.caption.title == "Backward · step 4 of 5"
    assert frame.caption.text == "f = w * z" and frame.caption.place.startswith("pictures.py:")


def test_a_run_that_failed_ends_at_the_node_that_failed():
    trace = stopped()
    last = Frames(trace)[-1]
    assert last.failed is trace.failed and "no more" in last.caption.trouble
    assert last.states[trace.failed] == "current"
    assert trace.failed.outputs[0] not in last.values
    assert not last.gradients


@pytest.mark.parametrize("step", [5, -6, 1.5, "2", True])
def test_a_step_that_is_not_there_is_refused(step):
    with pytest.raises(ge.LookupFailed, match="step"):
        Frames(lecture())[step]


def test_steps_are_counted_from_the_end_too():
    assert Frames(lecture())[-1].index == 4
