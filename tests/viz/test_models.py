"""The pictures of models that courses bring: residual, convolutional and recurrent networks, rolled and written out."""

import time
from itertools import pairwise

import pytest

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine_viz.fold import fold
from graph_engine_viz.gates import OperationFigure
from graph_engine_viz.layout import Box, Link, flatten, place
from graph_engine_viz.lines import line_width
from graph_engine_viz.rules import rule_lines
from graph_engine_viz.scene import Scene
from graph_engine_viz.timeline import Timeline
from graph_engine_viz.view import make_view
from graph_engine_viz.wording import Words, line_text
from tests.viz import models
from tests.viz.pictures import operations, parsed, text, variables

STYLES = ("nodes", "circuit")


def scopes(svg):
    return {e.get("data-scope"): e for e in parsed(svg).iter() if e.get("data-scope")}


def wires(svg):
    return sum(e.get("class") == "wire" for e in parsed(svg).iter())


def shown(svg):
    return len(scopes(svg)) + len(operations(svg))


# ---- what an operation says about itself -----------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_convolution_and_pooling_show_kernel_stride_and_the_arithmetic_of_their_shape(style):
    gates = operations(viz.draw(models.convolutions(), style=style).svg)
    convolution, pooling = text(gates["net.conv2d1.convolution"]), text(gates["net.max_pool"])
    assert convolution.endswith("conv5x5, stride 2, padding 2floor((28 + 2*2 - 5)/2) + 1 = 14")
    assert "conv(x, δ)" in convolution and "Σ δ" in convolution
    assert pooling.endswith("max2x2, stride 2(14 - 2)/2 + 1 = 7")


def test_the_stepping_page_shows_them_too():
    assert "5x5, stride 2, padding 2" in viz.steps(models.convolutions()).html


class Talkative(ge.Primitive):
    """Says more than one would expect."""

    name = "talkative"

    def infer(self, x):
        return x

    def notes(self, operation):
        return ["a note that is much longer than the gate of an operation would be for itself", "a short one"]


class Faulty(Talkative):
    """Fails when it is asked about itself."""

    name = "faulty"

    def notes(self, operation):
        raise RuntimeError("no notes")


def test_notes_are_measured_and_a_primitive_that_fails_to_tell_them_is_drawn_without():
    graph = ge.Graph(Talkative()(ge.input("x")))
    gate = OperationFigure(graph.operations[0], Words(graph), None)
    assert len(gate.notes) == 2 and gate.height > 3 * 14
    assert all(line_width(line, 14.0) <= gate.width - 16 for line in gate.notes)
    assert text(operations(viz.draw(Faulty()(ge.input("x"))).svg)["faulty"]) == "faulty"


def test_a_folded_layer_of_one_operation_says_what_it_does():
    folded = scopes(viz.draw(models.resnet(), expand=["resnet50.stage1.bottleneck1"]).svg)
    layer = text(folded["resnet50.stage1.bottleneck1.conv2"])
    assert layer.startswith("conv23x3, stride 1, padding 18 + 2*1 - 3 + 1 = 81 parameter (144)")


# ---- what is folded --------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["resnet", "resnet_training", "lstm_unrolled", "unet", "tied"])
def test_a_big_model_opens_with_ten_to_forty_boxes_in_a_moment(name, style):
    what = getattr(models, name)()
    begin = time.perf_counter()
    svg = viz.draw(what, style=style).svg
    assert time.perf_counter() - begin < 3
    assert 10 <= shown(svg) <= 40


def test_a_resnet_opens_as_its_stages_and_their_blocks_all_alike():
    folded = scopes(viz.draw(models.resnet()).svg)
    blocks = [f"resnet50.stage{s}.bottleneck{b + 1}" for s, n in enumerate((3, 4, 6, 3), 1) for b in range(n)]
    assert [name for name in folded if "bottleneck" in name] == blocks
    assert "(batch, 4, 8, 8) → (batch, 16, 8, 8)" in text(folded[blocks[0]])
    assert text(folded[blocks[0]]).startswith("bottleneck1")
    in_training = scopes(viz.draw(models.resnet_training()).svg)
    assert {*blocks, "resnet50.stem", "resnet50.fc"} <= in_training.keys()
    assert "RMS" in text(in_training[blocks[-1]])


def test_a_scope_that_others_come_between_is_not_folded_into_one_node():
    x = value = ge.input("x")
    for number in range(40):
        with ge.scope("model"):
            value = ge.tanh(value)
        with ge.scope(f"between{number}"):
            value = value + 1.0
    drawn = make_view(ge.Graph(value), ge.Graph(value).operations, [value])
    assert ("model",) not in [item.title for item in drawn.items]
    chosen = make_view(ge.Graph(value), ge.Graph(value).operations, [value], collapse=["model"])
    assert ("model",) in [item.title for item in chosen.items] and x in chosen.variables


def test_random_keys_are_one_quiet_box_that_opens():
    trace = models.dropout()
    svg = viz.draw(trace, expand=["dropout"]).svg
    assert "random" in scopes(svg) and not any("fold_in" in name for name in operations(svg))
    assert "3 operations" in text(scopes(svg)["random"])
    opened = viz.draw(trace, expand=["dropout", "random"]).svg
    assert "random" not in scopes(opened) and {"fold_in", "random_mask"} <= {
        e.get("data-primitive") for e in operations(opened).values()
    }
    current = [step.index for step in trace.steps if step.operation and step.operation.primitive.name == "fold_in"]
    assert scopes(viz.draw(trace, current[0], expand=["dropout"]).svg)["random"].get("data-current") == "true"


# ---- bypasses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("expand", [(), ("unet.down1", "unet.merge1")])
def test_a_bypass_is_one_line_from_where_it_leaves_to_the_concatenation(style, expand):
    trace = models.unet()
    timeline = Timeline(trace)
    view = make_view(timeline.graph, timeline.operations, trace.outputs, expand, most=14, brief=True)
    items = {item.key: item for item in view.items}
    merges = [item for item in view.items if item.operation is not None and item.operation.primitive.name == "concat"]
    assert [sum(wire.target == item.key for wire in view.wires) for item in merges] == [2, 2]
    scene = Scene(view, None, style)
    for number, wire in enumerate(view.wires):
        if items[wire.target] in merges:
            heights = [y for _, y in scene.routes[number]]
            steps = [b > a for a, b in pairwise(heights) if abs(b - a) > 1]
            assert sum(a != b for a, b in pairwise(steps)) <= 2  # down and up again, and no more


def test_a_wire_that_passes_whole_rows_goes_by_them_on_the_left():
    boxes = [Box(number, 150, 90) for number in range(24)]
    links = [*(Link(n, n + 1) for n in range(23)), Link(1, 22)]
    placement = place(boxes, links, engine="builtin")
    folded = fold(placement, placement.routes, dict.fromkeys(range(24), (150.0, 90.0)), dict.fromkeys(range(24), ()))
    places = list(folded.positions.values())
    ends = [places[1][1], places[22][1]]
    between = [(x, y) for x, y in places if ends[0] + 90 < y < ends[1] - 90]
    assert between
    left = min(x for x, _ in between) - 75
    middle = {y for _, y in between}
    passing = [x for x, y in flatten(folded.routes[-1], 40) if any(abs(y - row) < 45 for row in middle)]
    assert passing and max(passing) < left


# ---- shared weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_shared_weights_say_how_often_they_are_used_and_have_one_wire_for_all(style):
    svg = viz.draw(models.tied(), style=style).svg
    assert "used 20 times" in text(variables(svg)["w"]) and "used 20 times" in text(variables(svg)["u"])
    assert len(scopes(svg)) == 20 and "uses w, u, unstack" in text(scopes(svg)["t7"])
    assert wires(svg) < 80
    few = viz.draw(models.tied(3), style=style).svg
    assert "used 3 times" in text(variables(few)["w"])


def test_the_gradient_of_a_shared_weight_is_told_as_a_sum_with_its_number_of_terms():
    trace = models.tied()
    terms = [float(array) for _, _, array in trace.contributions("w")]
    told = [line_text(line) for step in trace.steps for line in rule_lines(trace, step)]
    line = next(line for line in told if line.startswith("∂loss/∂w = ") and "more" in line)
    assert "… (17 more) = " in line and line.endswith("one term from each of 20 uses: ×")
    assert float(line.split(" = ")[2].split()[0]) == pytest.approx(sum(terms), rel=1e-3)


# ---- loops -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_a_loop_is_drawn_rolled_with_its_body_once_and_an_edge_back(style):
    svg = viz.draw(models.running_mean(), style=style).svg
    (loop,) = [e for e in parsed(svg).iter() if e.get("data-loop")]
    assert loop.get("data-loop") == "scan, 3 steps"
    inside = [e.get("data-primitive") for e in loop.iter() if e.get("data-primitive")][1:]
    assert sorted(inside) == ["add", "multiply", "multiply", "subtract"]
    assert {"mean", "x", "decay"} <= {e.get("data-variable") for e in loop.iter()}
    assert "to the next step" in text(loop)
    assert variables(svg)["last"].get("data-value") == "3.0"


@pytest.mark.parametrize("style", STYLES)
def test_an_lstm_is_drawn_rolled_or_written_out(style):
    rolled = viz.draw(models.lstm(), style=style).svg
    assert 'data-loop="scan, 20 steps"' in rolled and not scopes(rolled)
    written_out = viz.draw(models.lstm_unrolled(), style=style).svg
    assert "data-loop" not in written_out
    assert [name[8:] for name in scopes(written_out)] == ["t0", "t1", "t2", "t3 … t17", "t18", "t19"]


def test_a_loop_in_a_graph_that_was_unrolled_is_gone():
    xs = ge.input("xs", 3)
    last, _ = ge.scan(lambda h, x: (ge.tanh(h + x), None), 0.0, xs)
    assert "data-loop" in viz.draw(last).svg
    unrolled = viz.draw(ge.passes.unroll(ge.Graph(last)).graph).svg
    assert "data-loop" not in unrolled and sum("tanh" in name for name in operations(unrolled)) == 3


def test_the_current_loop_is_marked_and_its_picture_is_of_one_size_at_all_steps():
    trace = models.running_mean()
    states = [operations(drawing.svg)["scan"].get("data-state") for drawing in viz.steps(trace)]
    assert states[0] == "current" and set(states[1:]) <= {"done", "current"}
    assert len({parsed(drawing.svg).get("viewBox") for drawing in viz.steps(trace)}) == 1


def test_a_loop_with_a_body_too_big_to_show_is_a_gate():
    def step(h, x):
        for _ in range(60):
            h = ge.tanh(h)
        return h + x, None

    last, _ = ge.scan(step, 0.0, ge.input("xs", 3))
    svg = viz.draw(last).svg
    assert "data-loop" not in svg and "scan" in operations(svg)
