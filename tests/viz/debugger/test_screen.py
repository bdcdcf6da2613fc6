"""What the debugger's page is told: plain data, and every number in it the session's."""

import json
import os
import re
from importlib.resources import files

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.testing import strict_backend
from graph_engine_viz.debugger import Session
from graph_engine_viz.debugger.attach import attach
from graph_engine_viz.debugger.html import page_html
from graph_engine_viz.debugger.saved import saved_answers
from graph_engine_viz.debugger.screen import Screen
from graph_engine_viz.debugger.screen.calls import CALLS
from graph_engine_viz.debugger.screen.levels import MOST_PARTS, WHOLE, Levels
from graph_engine_viz.debugger.screen.screen import ANSWERS, MOST_RUNS
from graph_engine_viz.timeline import Timeline
from tests.viz.models import lstm, resnet_training, tied
from tests.viz.pictures import ODD_RUNS, RUNS, lecture, not_finite, perceptron, stopped

QUESTIONS = {"inspect": {"variable": "loss"}, "check": {"variable": "loss"}, "time": {"variable": "loss"},
             "do": {"call": "step"}, "search": {"text": "w"}}  # fmt: skip


def screen(trace):
    return Screen(Session(trace))


def do(page, call, *arguments):
    return page.answer("do", {"call": call, "arguments": list(arguments)})


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_is_plain_data(what):
    answer = screen(perceptron()).answer(what, QUESTIONS.get(what, {}))
    assert json.loads(json.dumps(answer, allow_nan=False)) is not None


def test_numbers_that_json_has_not_are_texts():
    page = screen(not_finite())
    columns = {name: exact for name, _, exact in page.answer("inspect", {"variable": "x"})["columns"]["value"]}
    assert (columns["NaN"], columns["Inf"]) == ("1", "1")
    texts = page.answer("inspect", {"variable": "x"})["grid"]["texts"]
    assert texts[0] == "NaN" and texts[6] == "Inf" and texts[18] == "-0.0".removesuffix(".0")
    assert page.answer("numbers", {"names": ["x"]})["x"]["value"] == ["NaN", "NaN"]


# ---- what is asked -------------------------------------------------------------------------------------------------


def test_unknown_answers_calls_and_arguments_are_refused():
    page = screen(lecture())
    with pytest.raises(ge.errors.LookupFailed, match="there is no answer"):
        page.answer("__class__")
    with pytest.raises(ge.errors.DeclarationError, match="takes no argument"):
        page.answer("run", {"self": 1})
    with pytest.raises(ge.errors.DeclarationError, match="takes no argument"):
        page.answer("inspect", {"variable": 3})
    with pytest.raises(ge.errors.LookupFailed, match="there is no call"):
        do(page, "_use", 0)
    with pytest.raises(ge.errors.DeclarationError, match="takes 1 arguments"):
        do(page, "go")
    for wrong in (True, 1.5, "1", None, [1]):
        with pytest.raises(ge.errors.DeclarationError, match="whole number"):
            do(page, "go", wrong)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_with_nonsense_never_fails_otherwise_than_by_an_error_of_the_library(call):
    page = screen(lecture())
    for arguments in ([], [None], ["", ""], [{}], ["x", "[[["], [10**9], ["x" * 300_000], ["é", None]):
        try:
            do(page, call, *arguments)
        except ge.errors.GraphEngineError as error:
            assert str(error)


def test_a_call_says_the_same_in_python():
    page = screen(lecture())
    assert do(page, "step")["call"] == "session.step()"
    assert do(page, "break_at", "multiply")["call"] == "session.break_at('multiply', kind='primitive')"
    assert do(page, "step")["calls"] == ["session.break_at('multiply', kind='primitive')", "session.go(2)"]


# ---- state ---------------------------------------------------------------------------------------------------------


def test_the_state_depends_on_the_place_alone():
    page = screen(perceptron())
    do(page, "watch", "rms > 0")
    seen = [page.answer("state")]
    seen += [do(page, "step") for _ in page.session.steps[1:]]
    for before in reversed(seen[:-1]):
        after = do(page, "step_back")
        for told in (before, after):
            [told.pop(name, None) for name in ("call", "result", "version")]
        assert after == before


def test_the_state_says_why_it_would_stop_here():
    page = screen(lecture())
    do(page, "watch", "abs_max > 10", "f")
    state = do(page, "continue_")
    assert state["at"] == 1 and state["reasons"] == ["watchpoint 1: abs_max > 10 holds for f"]
    do(page, "step"), do(page, "step_back")
    assert page.answer("state")["reasons"] == state["reasons"] and page.session.points[1].hits == 1


def test_what_a_step_is_about():
    page = screen(perceptron())
    states = [do(page, "go", step) for step in range(len(page.session.steps))]
    told = {(state["phase"], *state["subject"]) for state in states}
    assert {("forward", "loss", "value"), ("backward", "loss", "grad"), ("update", "readout.W2", "update")} <= told


def test_a_failed_run_says_what_failed():
    page = screen(stopped())
    state = do(page, "end")
    assert "no more" in state["explain"][0] and state["rules"] == []
    assert page.answer("run")["failure"]["step"] == state["at"]
    assert page.answer("run")["variables"]["broken"][3] is None


def test_the_run_knows_when_everything_is_known():
    page = screen(lecture())
    variables = page.answer("run")["variables"]
    for name, (_, _, _, value, grad, _) in variables.items():
        for step in range(5):
            do(page, "go", step)
            assert page.session.knows(page.session.trace.graph[name]) == (value[0] <= step)
            if grad is not None:
                gradient = page.session.trace.gradient_variable(name)
                assert page.session.knows(gradient) == (grad[0] <= step)


# ---- edits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", [[2, 2, 2], [2, 2, 2]]),
        ("[[1, 2, 3], [4, 5, 6]]", [[1, 2, 3], [4, 5, 6]]),
        ("[1, -1] = 7.5", [[0, 0, 0], [0, 0, 7.5]]),
        ("nan", np.full((2, 3), np.nan)),
        ("[0,0]=-inf", [[-np.inf, 0, 0], [0, 0, 0]]),
    ],
)
def test_an_edit_is_a_number_a_list_or_one_element(text, expected):
    x = ge.input("x", (2, 3))
    page = screen(ge.Engine("numpy").trace(ge.sum(x), {x: np.zeros((2, 3))}))
    state = do(page, "set_value", "x", text)
    assert state["runs"] == 2 and state["run"] == 1
    np.testing.assert_array_equal(page.session.value("x"), np.float32(expected))


@pytest.mark.parametrize("text", ["__import__('os')", "[1, 2", "'a'", "[[1], [2, 3]]", "[9, 9] = 1", "[0] = 1", "{}"])
def test_an_edit_that_is_none_is_refused(text):
    x = ge.input("x", (2, 3))
    page = screen(ge.Engine("numpy").trace(ge.sum(x), {x: np.zeros((2, 3))}))
    with pytest.raises(ge.errors.GraphEngineError):
        do(page, "set_value", "x", text)
    assert len(page.session.runs) == 1


def test_two_runs_are_compared_step_by_step():
    page = screen(lecture())
    do(page, "set_value", "w", "4")
    compared = page.answer("compare", {"runs": [0, 1]})
    verdicts = [row[0] for row in compared["steps"]]
    assert verdicts[0] == "diverged" and verdicts[1] == "inherited" and compared["name"] == "w"
    with pytest.raises(ge.errors.LookupFailed, match="no runs"):
        page.answer("compare", {"runs": [0, 7]})


# ---- the inspector -------------------------------------------------------------------------------------------------


SLICES = {
    "": np.s_[0, 0, :64, :9],
    "1, 2": np.s_[1, 2],
    "1, :, 3, 2:5": np.s_[1, :, 3, 2:5],
    "-1, -2, -3, -4": np.s_[-1, -2, -3, -4],
    "0, 0, 90:99, ::": None,
}


@pytest.mark.parametrize(("text", "index"), SLICES.items())
def test_a_slice_has_the_arrays_numbers(text, index):
    values = np.random.default_rng(0).normal(size=(2, 3, 100, 9)).astype("float32")
    x = ge.input("x", (2, 3, 100, 9))
    page = screen(ge.Engine("numpy").trace(ge.sum(x), {x: values}))
    ask = {"variable": "x", "slice": text}
    if index is None:
        with pytest.raises(ge.errors.DeclarationError, match="no index"):
            page.answer("inspect", ask)
        return
    wanted = values[index][:64] if values[index].ndim else values[index]
    texts = page.answer("inspect", ask)["grid"]["texts"]
    np.testing.assert_array_equal(np.float32(texts), wanted.ravel() if wanted.ndim else [wanted])


def test_a_large_tensor_sends_a_small_part_and_its_own_moments():
    values = np.arange(3_000_000, dtype="float32").reshape(3000, 1000)
    x = ge.input("x", (3000, 1000))
    page = screen(ge.Engine("numpy").trace(x * 1.0, {x: values}))
    answer = page.answer("inspect", {"variable": "x"})
    assert answer["grid"]["shape"] == [64, 64] and len(json.dumps(answer)) < 200_000
    columns = {name: float(exact) for name, _, exact in answer["columns"]["value"]}
    assert (columns["min"], columns["max"]) == (0, 2_999_999)
    np.testing.assert_allclose(columns["mean"], values.mean(dtype="float64"), rtol=1e-5)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 0, 3)])
def test_a_tensor_without_elements_has_no_numbers(shape):
    x = ge.input("x", shape)
    page = screen(ge.Engine("numpy").trace(ge.sum(x * 2), {x: np.zeros(shape)}))
    told = page.answer("inspect", {"variable": "x", "side": "grad"})
    assert told["grid"]["texts"] == [] and told["columns"]["value"] is None and not sum(told["histogram"]["counts"])
    assert page.answer("numbers", {"names": ["x"]}) == {"x": {}}


def test_outliers_are_clipped_and_marked():
    values = np.ones((10, 20), "float32")
    values[0, :3] = 1e9, -1e9, np.nan
    x = ge.input("x", (10, 20))
    grid = screen(ge.Engine("numpy").trace(ge.sum(x), {x: values})).answer("inspect", {"variable": "x"})["grid"]
    assert grid["marks"] == {"0": "high", "1": "low", "2": "nan"} and grid["limit"] == ["1", "1"]
    assert grid["levels"][:4] == [100, -100, 0, 100]


@pytest.mark.parametrize("name", ["logits", "hidden.W1", "hidden.b1", "readout.W2", "loss"])
def test_the_numerical_check_agrees(name):
    answer = screen(perceptron()).answer("check", {"variable": name})
    assert answer["ok"] and answer["rows"]


def test_the_numerical_check_finds_a_wrong_gradient():
    page = screen(lecture())
    do(page, "set_value", page.session.trace.graph.name_of(page.session.trace.gradient_variable("w")), "5")
    assert not page.answer("check", {"variable": "w"})["ok"]


def test_a_new_value_says_how_much_it_changed():
    page = screen(perceptron())
    trace = page.session.trace
    parameter, new = next(iter(trace.updates.items()))
    table = page.answer("inspect", {"variable": trace.graph.name_of(parameter), "side": "update"})
    expected = np.sqrt(np.mean((trace.value(new) - trace.value(parameter)) ** 2))
    assert float(table["change"][1]) == pytest.approx(expected, rel=1e-6)


def test_a_term_says_that_it_is_not_finite():
    x = ge.input("x", 2)
    page = screen(ge.Engine("numpy").trace(ge.sum(ge.sqrt(x)), {x: [4, 0]}))
    (term,) = page.answer("inspect", {"variable": "x", "side": "grad"})["terms"]
    assert term["is_rms"] and term["number"] == ["Inf", "Inf"]


def test_terms_and_local_derivatives():
    x = ge.input("x")
    y = x * x + ge.sin(x)
    page = screen(ge.Engine("numpy").trace(y, {x: 2.0}))
    terms = [float(term["number"][1]) for term in page.answer("inspect", {"variable": "x", "side": "grad"})["terms"]]
    np.testing.assert_allclose(sorted(terms), sorted([2, 2, np.cos(2)]), rtol=1e-6)
    local = page.answer("inspect", {"variable": "sin"})["local"]
    assert local[0]["symbol"] == "cos(x)" and float(local[0]["number"][1]) == pytest.approx(np.cos(2))


def test_of_many_terms_and_local_derivatives_the_first_are_told_and_their_number():
    x = ge.input("x")
    parts = [x * n for n in range(1, 21)]
    together = ge.stack(parts)
    page = screen(ge.Engine("numpy").trace(ge.sum(together), {x: 2.0}))
    table = page.answer("inspect", {"variable": "x", "side": "grad"})
    assert len(table["terms"]) == 8 and table["terms_of"] == 20
    table = page.answer("inspect", {"variable": "together"})
    assert len(table["local"]) == 8 and table["local_of"] == 20 and table["terms_of"] == 0


# ---- the graph -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lecture, perceptron, resnet_training, tied, lambda: lstm(unroll=True, steps=60)])
def test_every_operation_is_drawn_on_one_level(make):
    timeline = Timeline(make())
    levels = Levels(timeline)
    drawn = []
    for level in levels.all:
        places = levels.places(level)
        assert len({place.key for place in places}) <= max(WHOLE, MOST_PARTS)
        inside = dict(zip(levels.inside(level), places, strict=True))
        drawn += [op for op, place in inside.items() if not place.key.startswith("s")]
    assert set(drawn) == set(timeline.operations)


def test_the_level_follows_the_session():
    page = screen(resnet_training())
    assert page.answer("state")["focus"] == []
    state = do(page, "into")
    assert state["focus"] == ["resnet50"] and state["scope"] == ["resnet50", "stem"]
    state = do(page, "run_to", "resnet50.stage2.bottleneck1.relu")
    assert state["focus"][:3] == ["resnet50", "stage2", "bottleneck1"]


@pytest.mark.parametrize("make", [lecture, perceptron, stopped])
def test_the_film_shows_what_the_frames_do(make):
    page = screen(make())
    film = page.about().film([])
    for step in range(len(page.session.steps)):
        expected = dict(film.scene.parts(film.frames[step]))
        shown = page.answer("looks", {"step": step, "have": 0})
        assert {key: shown["texts"][look] for key, look in shown["at"].items()} == expected


def test_looks_are_sent_once():
    page = screen(lecture())
    first = page.answer("looks", {"step": 0, "have": 0})
    have = len(first["texts"])
    assert page.answer("looks", {"step": 0, "have": have})["texts"] == []
    later = page.answer("looks", {"step": 1, "have": have})
    assert later["from"] == have and max(later["at"].values()) < have + len(later["texts"])


# ---- series, search, origins ---------------------------------------------------------------------------------------


def test_series_have_the_sizes_of_results_gradients_and_updates():
    page = screen(perceptron())
    layers = {layer["name"]: layer for layer in page.answer("series")["layers"]}
    trace = page.session.trace
    result = layers["hidden"]["result"]
    for side, array in (("value", trace.value(result)), ("grad", trace.grad(result))):
        assert float(layers["hidden"][side][1]) == pytest.approx(np.sqrt(np.mean(array.astype(float) ** 2)), rel=1e-5)
    (parameter,) = (p for p in layers["readout"]["parameters"] if p["name"] == "readout.W2")
    old, new = trace.value("readout.W2").astype(float), trace.updated("readout.W2").astype(float)
    ratio = np.sqrt(np.mean((new - old) ** 2)) / np.sqrt(np.mean(old**2))
    assert float(parameter["ratio"][1]) == pytest.approx(ratio, rel=1e-4)


def test_the_loss_of_each_sample():
    page = screen(perceptron())
    losses = page.answer("series")["losses"]
    exact = np.float32([exact for _, exact in losses["numbers"]])
    np.testing.assert_array_equal(exact, page.session.trace.value(losses["name"]))
    assert all(len(short) <= 7 for short, _ in losses["numbers"])


def test_search_finds_names_scopes_and_lines():
    page = screen(resnet_training())
    found = page.answer("search", {"text": "stage1"})
    assert found["found"][0][:2] == ["scope", "resnet50.stage1"] or found["found"][0][0] == "scope"
    assert len(found["found"]) == 40 and found["more"] > 0
    kinds = {row[0] for row in page.answer("search", {"text": "models.py"})["found"]}
    assert kinds == {"line"} and page.answer("search", {"text": "  "})["found"] == []


def test_origins_and_why_point_to_steps():
    x = ge.input("x", 3)
    y = ge.sqrt(x)
    page = screen(ge.Engine("numpy").trace(ge.sum(ge.log(y)), {x: [4, 0, 1]}))
    origins = page.answer("origins")["origins"]
    assert page.session.steps[origins[0]["at"][0]].phase == "forward"
    why = page.answer("why")
    assert why["findings"][0]["at"][0] == 1 and "cause" in why["findings"][0]["text"]


def test_what_the_answer_names_is_an_origin_too_beside_a_masks_infinities():
    scores, mask = ge.input("scores", (2, 2)), ge.input("mask", (2, 2), "bool")
    p = ge.softmax(ge.where(mask, scores, -np.inf), axis=-1).named("p")
    feeds = {scores: np.ones((2, 2)), mask: [[True, False], [False, False]]}
    page = screen(ge.Engine("numpy").trace(ge.sum(p * p), feeds))
    assert "p" in [origin["name"] for origin in page.answer("origins")["origins"]]
    assert page.answer("why")["findings"][0]["name"] == "p"


def test_no_text_of_a_page_names_a_folder_of_this_machine():
    x = ge.input("x", 3)
    run = ge.Engine("numpy").trace(ge.sum(ge.sqrt(x)), {x: [4, 0, 1]})
    for trace in (run, stopped()):
        told = json.dumps(saved_answers(screen(trace)))
        assert ".py" in told and os.path.dirname(os.path.dirname(__file__)) not in told


def test_a_page_learns_of_calls_that_others_made():
    page = screen(lecture())
    before = page.answer("version")["version"]
    assert do(page, "step")["version"] == page.answer("version")["version"] > before
    page.session.go(3)
    assert page.answer("version")["version"] == before + 2


def test_an_answer_is_about_the_run_that_it_names_whichever_is_looked_at():
    page = screen(lecture())
    page.session.set_value("x", 7.0)
    for what, asked in {"numbers": {"names": ["x"]}, "inspect": {"variable": "x"}, "picture": {}, "run": {}}.items():
        before, now, unnamed = (page.answer(what, asked | run) for run in ({"run": 0}, {"run": 1}, {}))
        assert before != now and now == unnamed
    assert page.answer("numbers", {"names": ["x"], "run": 0})["x"]["value"] == ["-2", "-2"]
    for wrong in (2, -1, True, "0", [0]):
        with pytest.raises(ge.errors.LookupFailed, match="there is no run"):
            page.answer("series", {"run": wrong})
    with pytest.raises(ge.errors.DeclarationError, match="takes no argument"):
        page.answer("state", {"run": 0})


def test_what_is_known_of_many_runs_is_not_all_kept_at_hand():
    page = screen(lecture())
    for value in range(2 * MOST_RUNS):
        page.session.set_value("x", float(value))
        assert page.answer("numbers", {"names": ["x"]})["x"]["value"][1] == str(value)
        assert len(page._about) <= MOST_RUNS
    assert page.answer("numbers", {"names": ["x"], "run": 1})["x"]["value"] == ["0", "0"]


def test_what_is_set_by_hand_is_not_told_as_if_a_rule_gave_it():
    session = Session(lecture())
    page = Screen(session)
    session.set_value("w", 10.0)
    session.go(0)
    assert session.explain() == ["w was set by hand"] and "set by hand" in page.answer("state")["rules"][0]
    session.set_value("grad(w)", 7.0)
    session.go(3)
    assert session.explain() == ["∂f/∂w was set by hand", "∂f/∂z = ∂f/∂f × w = 1 × 10 = 10"]
    table = page.answer("inspect", {"variable": "w", "side": "grad"})
    assert table["made"] == "set by hand" and table["terms"] == [] and table["terms_of"] == 0
    assert "were set by hand" in session.why("x", of="grad").text
    assert "were set by hand" in page.answer("why", {"node": "x", "of": "grad"})["text"]
    session.set_value("x", 1.0)  # w is computed again
    session.go(0)
    assert session.explain() == ["w = x + y = 1 + 5 = 6"]
    session.use_run(0)
    assert "by hand" not in session.why("x", of="grad").text


def test_an_edit_is_of_the_run_that_was_looked_at():
    page = screen(lecture())
    page.session.set_value("x", 7.0)
    with pytest.raises(ge.errors.DeclarationError, match="was to change run 0, but run 1"):
        do(page, "set_value", "w", "4", 0)
    do(page, "set_value", "w", "4", 1)
    assert len(page.session.runs) == 3
    with pytest.raises(ge.errors.DeclarationError, match="too large"):
        do(page, "set_value", "w", "1e999")
    for wrong in ("1e39", "-1e39", "1e-60"):
        with pytest.raises(ge.errors.DeclarationError, match="too large or too small for float32"):
            do(page, "set_value", "w", wrong)
    do(page, "set_value", "w", "-inf")
    assert page.session.trace.value("w") == -np.inf


def test_what_was_given_not_finite_arose_at_no_step():
    x = ge.input("x", 2)
    page = screen(ge.Engine("numpy").trace(ge.sum(x * 2), {x: [1.0, np.nan]}))
    assert page.answer("origins")["origins"] == [{"name": "x", "what": "NaN", "at": [-1, 0]}]
    assert page.answer("why")["findings"][0]["at"] == [-1, 0]


def test_a_gradient_that_is_cut_off_is_found_at_the_rule_that_did_it():
    x = ge.input("x", 2)
    y = ge.nn.relu(x * 2)
    page = screen(ge.Engine("numpy").trace(ge.sum(y), {x: [-1.0, -2.0]}))
    (finding,) = page.answer("why", {"node": "x", "of": "grad"})["findings"]
    step = page.session.steps[finding["at"][0]]
    assert step.phase == "backward" and step.operation.primitive.name == "relu"


def test_a_saved_page_knows_where_its_points_stop():
    session = Session(perceptron())
    point, watchpoint = session.break_at("backward", "phase"), session.watch("abs_max >= 0", "loss")
    found = {point["number"]: point["reasons"] for point in saved_answers(Screen(session))["points"]}
    for number, one in session.points.items():
        assert found[number] == {i: session.reason(one, i) for i in range(len(session.steps)) if session.reason(one, i)}
    assert list(found[point.number]) == sorted(point.steps)
    session.restart()
    assert session.continue_().place.last == min(s for reasons in found.values() for s in reasons if s > 0)
    assert "abs_max >= 0 holds for loss" in next(iter(found[watchpoint.number].values()))


def test_a_session_saves_itself_as_a_page_and_as_a_trace(tmp_path):
    session = Session(lecture())
    session.save(tmp_path / "run.html")
    assert "<!DOCTYPE html>" in (tmp_path / "run.html").read_text(encoding="utf-8")
    session.save(tmp_path / "run.safetensors")
    assert len(ge.Trace.load(tmp_path / "run.safetensors").steps) == 5 and "save(" in session.log[-1]


# ---- the page ------------------------------------------------------------------------------------------------------


def test_the_page_is_one_text_that_names_no_other():
    page = page_html()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page
    assert "\nimport " not in page and "\nexport " not in page and "default-src 'none'" in page


def test_what_is_saved_cannot_end_the_script():
    x = ge.input("</script><script>alert(1)//")
    text = page_html(saved_answers(screen(ge.Engine("numpy").trace(x * x, {x: 1.0}))), "<b>")
    assert "</script><script>" not in text and "<title>&lt;b&gt;</title>" in text and "connect-src 'none'" in text


@pytest.mark.parametrize("make", [lecture, perceptron, stopped, not_finite])
def test_saved_answers_are_those_of_the_screen(make):
    page = screen(make())
    saved = json.loads(json.dumps(saved_answers(page), allow_nan=False))
    for step in range(len(page.session.steps)):
        state = do(page, "go", step)
        assert saved["steps"][step]["rules"] == state["rules"] and saved["steps"][step]["title"] == state["title"]
        film = saved["films"]["[]"]
        shown = page.answer("looks", {"step": step, "have": 0})
        for key, look in shown["at"].items():
            at = max(change for change in film["changes"][key] if change[0] <= step)[1]
            assert film["texts"][at] == shown["texts"][look]
    for name, told in saved["tensors"].items():
        variable, _, side = name.rpartition("|")
        if "error" not in told:
            assert told == json.loads(json.dumps(page.answer("inspect", {"variable": variable, "side": side})))


def test_a_saved_page_inspects_what_is_updated_without_being_drawn_and_answers_why():
    x = ge.input("x", ("batch", 2))
    norm = ge.nn.BatchNorm1d(2, name="norm")
    with ge.nn.training() as mode:
        loss = ge.mean(norm(x) ** 2)
    step = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss) | mode.updates)
    saved = saved_answers(screen(step.trace(np.float32([[1, 2], [3, 5]]))))
    about = [f"{subject}|{side}" for *_, subject, side in saved["run"]["steps"] if subject is not None]
    assert set(about) <= set(saved["tensors"]) and set(about) <= set(saved["whys"])
    assert "running" in " ".join(about) and "finite" in saved["whys"]["loss|value"]["question"]


# ---- training ------------------------------------------------------------------------------------------------------


def test_series_across_the_iterations_that_are_kept():
    x, w = ge.input("x", 4), ge.parameter("w", [1.0, -1.0, 2.0, 0.5])
    loss = ge.sum(ge.square(x * w))
    step = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    watched = attach(step, "isnan", record=3)
    for size in (1, 2, 3, 4):
        watched(size * np.ones(4, "float32"))
    page = Screen(watched.session())
    told = page.answer("iterations")["iterations"]
    assert [each["number"] for each in told] == [1, 2, 3] and page.answer("state")["iterations"] == 3
    last = page.answer("series")["layers"]
    assert told[-1]["layers"] == last != told[0]["layers"]


# ---- whatever is looked at -----------------------------------------------------------------------------------------


def without_elements():
    x = ge.input("x", ("n", 3))
    return ge.Engine("numpy").trace(ge.sum(x * x), {x: np.zeros((0, 3))})


def within_a_budget():
    x = ge.input("x", (64, 64))
    y = x
    for _ in range(12):
        y = ge.tanh(y) * 1.1
    return ge.Engine("numpy").trace(ge.mean(y), {x: np.ones((64, 64))}, memory=100_000)


@pytest.mark.parametrize("name", [*RUNS, *ODD_RUNS, "without_elements", "within_a_budget"])
def test_every_pane_of_every_run(name):
    make = {**RUNS, **ODD_RUNS, "without_elements": without_elements, "within_a_budget": within_a_budget}[name]
    trace = make()
    if not trace.steps:
        return
    page = screen(trace)
    for step in range(min(len(page.session.steps), 12)):
        state = do(page, "go", step)
        page.answer("looks", {"focus": state["focus"], "step": step, "have": 0})
        for what in ("check", "time", "inspect"):
            asked(page, what, state["subject"] and state["subject"][0])
    for variable in list(page.answer("run")["variables"])[:40]:
        for side in ("value", "grad", "update"):
            json.dumps(page.answer("inspect", {"variable": variable, "side": side}), allow_nan=False)
    json.dumps(saved_answers(page), allow_nan=False)


def asked(page, what, variable):
    """Ask; what cannot be answered says why."""
    try:
        json.dumps(page.answer(what, {"variable": variable or ""}), allow_nan=False)
    except ge.errors.GraphEngineError as error:
        assert str(error)


def test_arrays_of_another_backend():
    x, w = ge.input("x", ("n", 4)), ge.parameter("w", np.ones((4, 3), "float32"))
    loss = ge.mean(ge.nn.relu(x @ w))
    backend = strict_backend()
    step = ge.Engine(backend).compile([x], loss, updates=ge.optim.Adam(0.1).minimize(loss))
    page = Screen(Session(step.trace(np.ones((5, 4), "float32")), backend))
    assert page.answer("inspect", {"variable": "w", "side": "grad", "slice": "0, 1:3"})["grid"]["shape"] == [1, 2]
    assert page.answer("check", {"variable": "w"})["ok"] and page.answer("time", {"variable": "loss"})["repeats"]
    assert page.answer("series")["layers"] and page.answer("picture")["svg"]
    do(page, "set_value", "w", "2")
    assert page.answer("compare", {"runs": [0, 1]})["name"] == "w"


def test_the_pages_modules_import_what_others_export_and_share_no_names():
    folder = files("graph_engine_viz").joinpath("web", "debugger")
    texts = {path.name: path.read_text() for path in folder.iterdir() if path.name.endswith(".js")}
    exported = {name: set(re.findall(r"^export (?:async )?(?:const|function\*?|class) (\w+)", text, re.M))
                for name, text in texts.items()}  # fmt: skip
    for text in texts.values():
        imports = re.findall(r'^import \{ ([^}]*) \} from "\./([\w.]+)";$', text, re.M)
        assert all(set(names.split(", ")) <= exported[module] for names, module in imports)
    declared = re.compile(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", re.M)
    own = [name for text in texts.values() for name in declared.findall(text)]
    assert len(own) == len(set(own))
