import time

import numpy as np
import pytest

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine_viz.frames import Frames
from graph_engine_viz.gates import OperationFigure
from graph_engine_viz.ink import PORT
from graph_engine_viz.lines import broken, line_width
from graph_engine_viz.rules import rule_lines
from graph_engine_viz.summary import short
from graph_engine_viz.wording import Words, line_text, part
from tests.viz.pictures import (
    ODD_RUNS,
    RUNS,
    fan_out,
    lecture,
    odd_names,
    operations,
    parsed,
    perceptron,
    stopped,
    text,
    variables,
)

STYLES = ("nodes", "circuit")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("run", [lecture, fan_out], ids=["lecture", "fan_out"])
def test_the_numbers_of_the_picture_are_the_traces_at_every_step(run, style):
    trace = run()
    for step, drawing in zip(trace.steps, viz.steps(trace, style=style), strict=True):
        done = trace.steps[: step.index + 1]
        known = {v for s in done for o in (s, *s.substeps) if o.operation for v in o.operation.outputs}
        for name, element in variables(drawing.svg).items():
            variable = trace.graph[name]
            value = trace.value(variable).item() if variable.operation is None or variable in known else None
            assert element.get("data-value") == (None if value is None else repr(value))
            gradient = trace.grad(variable).item() if trace.gradients.get(variable) in known else None
            assert element.get("data-grad") == (None if gradient is None else repr(gradient))


def test_what_is_not_computed_shows_no_number():
    first = variables(viz.draw(lecture(), step=0).svg)
    assert text(first["f"]) == "f" and text(first["x"]) == "x-2" and text(first["w"]) == "w3"


def test_gradients_always_have_their_sign():
    shown = {name: text(element) for name, element in variables(viz.draw(lecture()).svg).items()}
    assert shown == {"x": "x-2-4", "y": "y5-4", "z": "z-4+3", "w": "w3-4", "f": "f-12+1"}


def test_an_operation_shows_its_local_derivatives_at_its_ports():
    shown = text(operations(viz.draw(lecture(), step=3).svg)["multiply"])
    assert "∂f/∂w = z = -4" in shown and "∂f/∂z = w = 3" in shown and shown.endswith("×")
    before = text(operations(viz.draw(lecture(), step=0).svg)["multiply"])
    assert "∂f/∂w = z" in before and "-4" not in before


def test_data_attributes_name_what_is_drawn():
    root = parsed(viz.draw(lecture(), step=3).svg)
    assert [root.get(f"data-{key}") for key in ("step", "steps", "phase")] == ["3", "5", "backward"]
    states = {name: element.get("data-state") for name, element in operations(viz.draw(lecture(), step=0).svg).items()}
    assert states == {"add": "current", "multiply": "todo"}
    drawn = variables(viz.draw(lecture(), step=3).svg)
    assert drawn["f"].get("data-value") == "-12.0" and drawn["w"].get("data-grad") == "-4.0"
    assert "data-grad" not in drawn["x"].attrib and drawn["x"].get("data-kind") == "input"
    assert operations(viz.draw(lecture(), step=3).svg)["multiply"].get("data-primitive") == "multiply"


def test_the_exact_number_is_shown_on_hover():
    x = ge.input("x")
    svg = viz.draw(ge.Engine("numpy").trace(x * 1.0, {x: 1 / 3})).svg
    assert "value 0.33333334 (float32)" in variables(svg)["x"].findtext("{http://www.w3.org/2000/svg}title")


def test_the_circuit_draws_no_node_for_what_runs_between_operations():
    svg = viz.draw(lecture(), style="circuit").svg
    boxes = {name: len(element.findall("{http://www.w3.org/2000/svg}rect")) for name, element in variables(svg).items()}
    pills = 1
    assert boxes == {"x": pills + 1, "y": pills + 1, "z": pills + 1, "w": pills, "f": pills + 1}


def test_dashed_arrows_appear_when_the_gradient_has_flowed():
    count = [viz.draw(lecture(), step=step).svg.count("stroke-dasharray") for step in range(5)]
    assert count[0] == count[1] == count[2] < count[3] < count[4]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_all_pictures_of_a_run_have_one_size_and_one_layout(run, style):
    roots = [parsed(drawing.svg) for drawing in viz.steps(run(), style=style)]
    assert len({root.get("viewBox") for root in roots}) == 1
    places = [[e.get("transform") for e in root.iter() if e.get("transform")] for root in roots]
    assert all(place == places[0] for place in places)


@pytest.mark.parametrize("style", STYLES)
def test_tensors_show_shape_histogram_and_signed_gradient(style):
    trace = perceptron()
    element = variables(viz.draw(trace, style=style).svg)["hidden.W1"]
    assert element.get("data-value").startswith("(64, 32) mean") and element.get("data-grad").startswith("(64, 32)")
    shown = text(element)
    assert "(64, 32)" in shown and "RMS" in shown
    mean = trace.grad("hidden.W1").astype("float64").mean()
    assert f"mean {'+' if mean > 0 else '-'}" in shown


def test_parameters_stand_in_the_frame_of_their_layer():
    svg = viz.draw(perceptron()).svg
    assert 'data-frame="hidden"' in svg and 'data-frame="readout"' in svg


def test_what_is_not_finite_is_marked_and_counted():
    x = ge.input("x", (10,))
    values = np.arange(10.0)
    values[3], values[4], values[5] = np.nan, np.inf, -np.inf
    shown = text(variables(viz.draw(ge.Engine("numpy").trace(ge.sum(x), {x: values})).svg)["x"])
    assert "NaN 1 Inf 2" in shown


def test_names_of_users_are_escaped():
    svg = viz.draw(odd_names()).svg
    assert "<script" not in svg
    assert "<script>alert('x')&\"</script>" in variables(svg)
    assert "ẑ" in text(variables(svg)["z"])


def test_a_graph_that_was_not_run_shows_no_numbers():
    x, y = ge.input("x"), ge.input("y")
    f = x * y + 2.0
    for what in (f, ge.Graph(f)):
        drawn = variables(viz.draw(what).svg)
        assert drawn["x"].get("data-value") is None and text(drawn["f"]) == "f"
        assert drawn["constant"].get("data-value") == "2.0"


def test_a_gradient_graph_is_drawn_with_its_backward_operations():
    x = ge.input("x")
    gradient = ge.grad(ge.sin(x) * x, x)
    drawn = {element.get("data-primitive") for element in operations(viz.draw(gradient).svg).values()}
    assert {"sin", "cos", "accumulate"} <= drawn
    trace = ge.Engine("numpy").trace(ge.sin(x) * x, {x: 1.0})
    assert {e.get("data-primitive") for e in operations(viz.draw(trace).svg).values()} == {"sin", "multiply"}


def test_a_run_that_failed_is_drawn_up_to_there():
    svg = viz.draw(stopped()).svg
    assert operations(svg)["broken"].get("data-failed") == "true" and "no more" in svg
    assert variables(svg)["product"].get("data-value") == "2.0"


def deep(layers):
    x = value = ge.input("x")
    for number in range(layers):
        with ge.scope(f"layer{number}"):
            value = ge.tanh(value * ge.parameter("w", 1.5)) + 0.5
    return ge.Engine("numpy").trace(value, {x: 1.0})


def test_big_graphs_are_folded_by_scope_and_can_be_opened():
    trace = deep(30)
    svg = viz.draw(trace).svg
    folded = [e for e in parsed(svg).iter() if e.get("data-scope")]
    assert folded and all(e.get("data-operations") == "3" for e in folded)
    last = folded[-1].get("data-scope")
    assert text(next(e for e in folded if e.get("data-scope") == last)).startswith(last + "3 operations")
    opened = viz.draw(trace, expand=[last]).svg
    assert f'data-scope="{last}"' not in opened and f'data-frame="{last}"' in opened
    assert 'data-scope="layer0"' in viz.draw(deep(2), collapse=["layer0"]).svg


def test_a_folded_scope_shows_what_comes_out_of_it():
    trace = deep(2)
    svg = viz.draw(trace, collapse=["layer0"]).svg
    result = trace.graph.operation("layer0.add").outputs[0]
    shown = variables(svg)[trace.graph.name_of(result)]
    assert shown.get("data-value") == repr(trace.value(result).item())


def test_a_very_long_chain_is_drawn_with_its_middle_left_out():
    value = ge.input("x")
    for _ in range(20_000):
        value = value + 1.0
    begin = time.perf_counter()
    svg = viz.draw(value).svg
    assert "19,960 more operations" in svg and len(operations(svg)) == 40
    assert time.perf_counter() - begin < 10


def test_the_same_graph_gives_the_same_bytes():
    assert viz.draw(lecture(), step=2).svg == viz.draw(lecture(), step=2).svg
    assert viz.steps(perceptron()).html == viz.steps(perceptron()).html


def test_pictures_have_no_ids_so_several_fit_in_one_notebook():
    assert " id=" not in viz.draw(lecture()).svg
    assert viz.draw(lecture())._repr_svg_().startswith("<svg")


def test_a_picture_says_in_words_what_it_shows():
    root = parsed(viz.draw(lecture(), step=3).svg)
    title, description = root[0], root[1]
    assert root.get("role") == "img" and "step 4 of 5" in title.text
    assert "∂f/∂w = ∂f/∂f × z = 1 × (-4) = -4" in description.text


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".dot"])
def test_saved_files_are_what_their_suffix_says(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    viz.draw(lecture()).save(path)
    begin = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".dot": b"digraph"}[suffix]
    assert path.read_bytes().startswith(begin)


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ge.LookupFailed, match="no step 5"):
        viz.draw(lecture(), step=5)
    with pytest.raises(ge.LookupFailed, match="'nodes' and 'circuit'"):
        viz.draw(lecture(), style="tree")
    with pytest.raises(ge.LookupFailed, match="'auto', 'builtin', 'dot'"):
        viz.draw(lecture(), layout="neato")
    with pytest.raises(ge.DeclarationError, match="scale"):
        viz.draw(lecture()).save(tmp_path / "f.png", scale=0)
    for path in (tmp_path / "nowhere" / "f.svg", tmp_path / "nowhere" / "f.pdf"):
        with pytest.raises(FileNotFoundError, match=f"'{path}'"):
            viz.draw(lecture()).save(path)
    with pytest.raises(ge.DeclarationError, match="was not run"):
        viz.draw(ge.Graph(ge.input("x") * 2), step=1)
    with pytest.raises(ge.DeclarationError, match="cannot be drawn"):
        viz.draw("x")
    with pytest.raises(ge.FileError, match=r"\.jpg"):
        viz.draw(lecture()).save(tmp_path / "f.jpg")
    with pytest.raises(ge.LookupFailed, match="no scope is called 'encoder'"):
        viz.draw(deep(2), collapse=["encoder"])
    with pytest.raises(ge.DeclarationError, match="has no steps"):
        viz.steps(ge.Graph(ge.input("x") * 2))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ODD_RUNS)
def test_odd_runs_are_drawn_with_the_numbers_of_the_trace(name, style):
    trace = ODD_RUNS[name]()
    drawn = variables(viz.draw(trace, style=style).svg)
    for shown, element in drawn.items():
        gradient = trace.gradients.get(trace.graph[shown])
        assert (element.get("data-grad") is None) == (gradient is None)
        if trace.value(shown).shape == ():
            value = trace.updated(shown) if trace.graph[shown] in trace.updates else trace.value(shown)
            assert element.get("data-value") == repr(value.item())
    for drawing in viz.steps(trace, style):
        parsed(drawing.svg)


@pytest.mark.parametrize("run", [lecture, perceptron])
def test_a_trace_that_was_saved_makes_the_same_picture(run, tmp_path):
    trace = run()
    trace.save(tmp_path / "run.safetensors")
    loaded = ge.Trace.load(tmp_path / "run.safetensors")
    assert viz.draw(loaded, -1).svg == viz.draw(trace, -1).svg


def terms(svg):
    return [(e.get("data-term-of"), e.get("data-term"), text(e)) for e in parsed(svg).iter() if e.get("data-term-of")]


@pytest.mark.parametrize("style", STYLES)
def test_each_branch_of_a_fan_out_shows_its_term_once_it_is_known(style):
    trace = fan_out()
    expected = sorted(repr(array.item()) for _, _, array in trace.contributions("x"))
    shown = terms(viz.draw(trace, style=style).svg)
    assert sorted(number for _, number, _ in shown) == expected and {name for name, _, _ in shown} == {"x"}
    assert sorted(text for _, _, text in shown) == ["+0.07074", "-1.5", "-1.5"]
    assert [len(terms(drawing.svg)) for drawing in viz.steps(trace, style=style)] == [0, 0, 0, 0, 0, 1, 3]
    assert terms(viz.draw(lecture(), style=style).svg) == []


def layers(count, width=32):
    rng = np.random.default_rng(0)
    value = x = ge.input("x", ("batch", width))
    for number in range(count):
        with ge.scope(f"layer{number}"):
            w = ge.parameter("W", rng.normal(0, 0.2, (width, width)).astype("float32"))
            value = ge.tanh(value @ w + ge.parameter("b", np.zeros(width, "float32")))
    return ge.Engine("numpy").trace(ge.mean(ge.square(value)), {x: rng.normal(size=(8, width))})


@pytest.mark.parametrize(("count", "least"), [(2, 0.5), (8, 0.5), (11, 0.5), (50, 0.45)])
def test_what_would_be_too_small_to_read_opens_folded(count, least):
    assert viz.steps(layers(count))._stage.scale >= least


def test_a_folded_scope_says_what_was_folded_and_opens():
    trace = layers(8)
    folded = {e.get("data-scope"): e for e in parsed(viz.draw(trace).svg).iter() if e.get("data-scope")}
    assert "layer7" in folded
    shown = text(folded["layer7"])
    assert shown.startswith("layer73 operations2 parameters (1,056)(8, 32) → (8, 32)") and "RMS" in shown
    opened = [f"layer{number}" for number in range(8)]
    assert "data-scope" not in viz.draw(trace, expand=opened).svg
    assert 'data-current="true"' in viz.draw(trace, step=3 * 7).svg


def rules(trace):
    return [line_text(line) for step in trace.steps for line in rule_lines(trace, step)]


def test_the_uses_of_a_variable_by_one_operation_are_told_apart():
    x, y = ge.input("x"), ge.input("y")
    s = x * x
    trace = ge.Engine("numpy").trace(s * y, {x: 3, y: -2})
    drawing = viz.draw(trace, step=-1)
    gate = text(operations(drawing.svg)["multiply"])
    assert "∂s/∂x(1st) = x = 3" in gate and "∂s/∂x(2nd) = x = 3" in gate
    told = rules(trace)
    assert [line.split()[0] for line in told if " via " in line] == ["∂multiply/∂x①", "∂multiply/∂x②"]
    assert "∂multiply/∂x = -6 + (-6) = -12    one term from each use: ×①, ×②" in told
    assert not any("①" in line for line in rules(lecture()))


def two_layers(x_shape, values):
    x, w = ge.input("x", x_shape, "float64"), ge.parameter("W", [[-1.25, 2.125], [0.5291, 1.0583]])
    loss = ge.sum(ge.square(w @ x))
    return x, w, ge.Engine("numpy").trace(loss, {x: values})


@pytest.mark.parametrize(("shape", "values"), [((2,), [1.2, -0.5]), ((2, 1), [[1.2], [-0.5]])])
def test_a_product_of_small_matrices_tells_an_element_with_the_numbers_of_the_trace(shape, values):
    x, w, trace = two_layers(shape, values)
    product = trace.graph.operation("matmul").outputs[0]
    told = rules(trace)
    for name, array in (("matmul", trace.value(product)), ("/∂W)", trace.grad(w)), ("/∂x)", trace.grad(x))):
        index = np.unravel_index(np.argmax(np.abs(array)), array.shape)
        line = next(line for line in told if f"{name}[{', '.join(map(str, index))}] = " in line and "×" in line)
        assert line.endswith(f" = {short(array[index])}")


def test_the_rows_of_a_matrix_are_never_broken():
    _, w, trace = two_layers((2,), [1.2, -0.5])
    shown = text(variables(viz.draw(trace).svg)["W"])
    assert "[-1.25, 2.125][0.5291, 1.058]" in shown and shown.count("[") == shown.count("]") == 4


def legend(svg):
    return text(list(parsed(svg))[-1])


def test_the_legend_lists_what_can_occur_and_no_pill_of_a_whole_run_is_thick():
    whole = viz.draw(lecture()).svg
    assert legend(whole) == "valuegradient" and 'stroke-width="2.4"' not in whole
    assert {legend(d.svg) for d in viz.steps(lecture())} == {"valuegradientnot computed yetthis step"}
    assert legend(viz.draw(ODD_RUNS["only_constants"]()).svg) == "value"
    assert legend(viz.draw(ODD_RUNS["only_constants"](), step=0).svg) == "valuenot computed yetthis step"


def test_a_formula_is_not_broken_inside_of_brackets():
    line = (part("a = b × (1 - c + d × e) × (f + g)"),)
    assert [line_text(piece) for piece in broken(line, 10, 60)] == ["a = b", " × (1 - c + d × e)", " × (f + g)"]


@pytest.mark.parametrize("run", [*RUNS.values(), ODD_RUNS["names"], ODD_RUNS["used_twice"]])
def test_the_text_of_a_gate_ends_before_its_divider(run):
    trace = run()
    for operation in trace.graph.operations:
        if operation.phase == "forward":
            gate = OperationFigure(operation, Words(trace.graph), Frames(trace))
            lines = [line for port in gate.ports.values() for known in (False, True) for line in port.lines(known)]
            divider = gate.width - gate.symbol_width
            assert all(gate.tab + 10 + line_width(line, PORT) <= divider - 3.9 for line in lines)
