"""What a picture folds so that it can be read: calls of several operations, runs of alike steps, layers first."""

import re

import numpy as np
import pytest

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine_viz.calls import paths_of
from graph_engine_viz.fold import fold
from graph_engine_viz.layout import Box, Link, place
from graph_engine_viz.lines import grid_for
from graph_engine_viz.page import STAGE
from graph_engine_viz.rules import rule_lines
from graph_engine_viz.wording import line_text, part
from tests.viz import models
from tests.viz.pictures import lecture, operations, text, variables
from tests.viz.test_models import scopes, wires

nn = ge.nn


def discriminator():
    """One step of a GAN: its loss is two calls of eight operations each."""
    z, real = ge.input("z", ("batch", 4)), ge.input("real", ("batch", 2))
    makes = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2), name="generator")
    judges = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), name="discriminator")
    bce, on_real, on_fake = nn.binary_cross_entropy_with_logits, judges(real), judges(makes(z))
    loss = bce(on_real, ge.ones_like(on_real)) + bce(on_fake, ge.zeros_like(on_fake))
    return ge.Engine("numpy").trace(loss, {z: models.normal(4, 4), real: models.normal(4, 2)})


@pytest.mark.parametrize("style", ["nodes", "circuit"])
@pytest.mark.parametrize("make", [*models.MODELS.values(), discriminator], ids=lambda make: make.__name__)
def test_every_model_opens_so_that_it_can_be_read(make, style):
    stage = viz.steps(make(), style=style)._stage
    assert min(STAGE[0] / stage.width, STAGE[1] / stage.height) > (0.45 if style == "nodes" else 0.33)


# ---- calls of several operations -------------------------------------------------------------------------


def test_a_loss_is_folded_before_the_network_and_opens_by_the_name_that_it_was_called_by():
    trace = discriminator()
    folded = scopes(viz.draw(trace).svg)
    assert {"bce", "bce_2"} <= folded.keys() and "generator" not in folded
    assert "8 operations" in text(folded["bce"])
    opened = viz.draw(trace, expand=["bce"]).svg
    assert "bce" not in scopes(opened) and "softplus" in operations(opened)


def test_the_current_step_is_marked_in_a_folded_call():
    trace = discriminator()
    inside = next(s.index for s in trace.steps if s.operation and s.operation.primitive.name == "softplus")
    assert scopes(viz.draw(trace, inside).svg)["bce"].get("data-current") == "true"


def test_a_call_of_one_operation_and_a_layer_are_no_scopes_of_their_own():
    y = nn.relu(nn.Linear(3, 2, name="fc")(ge.input("x", ("batch", 3))))
    assert set(paths_of(ge.Graph(y).operations).values()) == {("fc",), ()}


def test_a_small_picture_shows_all_operations_of_a_call():
    svg = viz.draw(nn.mse_loss(ge.input("x"), ge.input("t"))).svg
    assert not scopes(svg) and len(operations(svg)) == 3


def test_an_unknown_scope_is_answered_with_those_that_are_called_alike():
    with pytest.raises(ge.LookupFailed, match=r"\n  scopes of this graph are: resnet50\.stage1\.bottleneck"):
        viz.draw(models.resnet(), expand=["resnet50.stage1.bottleneck0"])


# ---- many that are alike ---------------------------------------------------------------------------------


def test_the_middle_of_thirty_steps_is_one_box_with_what_comes_out_of_the_last():
    trace = models.lstm(unroll=True, steps=30)
    svg = viz.draw(trace).svg
    folded = scopes(svg)
    middle = folded["lstm.l0.t3 … t27"]
    assert [name[8:] for name in folded] == ["t0", "t1", "t2", "t3 … t27", "t28", "t29"]
    assert "25 alike, 300 operations" in text(middle)
    assert len(variables(svg)) < 25 and wires(svg) < 60
    inside = next(s.index for s in trace.steps if s.operation and s.operation.scope == ("lstm", "l0", "t15"))
    assert scopes(viz.draw(trace, inside).svg)["lstm.l0.t3 … t27"].get("data-current") == "true"


def test_a_step_in_the_middle_opens_between_two_runs():
    folded = scopes(viz.draw(models.lstm(unroll=True, steps=30), expand=["lstm.l0.t14"]).svg)
    assert [name[8:] for name in folded if "…" in name] == ["t3 … t11", "t18 … t27"] and "lstm.l0.t14" not in folded


def test_few_blocks_and_blocks_with_something_in_between_stand_alone():
    def chain(count, between):
        value = ge.input("x")
        for number in range(count):
            with ge.scope(f"t{number}"):
                for _ in range(4):
                    value = ge.tanh(value)
            value = ge.sin(value) if between else value
        return ge.Engine("numpy").trace(value, {"x": 1.0})

    assert any("…" in name for name in scopes(viz.draw(chain(200, between=False)).svg))
    assert not any("…" in name for name in scopes(viz.draw(chain(8, between=False)).svg))
    assert not any("…" in name for name in scopes(viz.draw(chain(60, between=True)).svg))


# ---- what a folded scope says ----------------------------------------------------------------------------


def test_a_folded_block_says_that_it_has_a_skip_connection():
    folded = scopes(viz.draw(models.resnet()).svg)
    blocks = [text(e) for name, e in folded.items() if "bottleneck" in name]
    assert len(blocks) == 16 and all("skip connection" in block for block in blocks)
    steps = scopes(viz.draw(models.lstm_unrolled()).svg).values()
    assert not any("skip" in text(e) for e in steps)


def test_a_folded_loop_says_how_many_steps_it_has():
    xs = ge.input("xs", (30, 2, 3))
    ys, _ = nn.LSTM(3, 4, name="lstm")(xs)
    assert "scan, 30 steps" in text(scopes(viz.draw(ys, collapse=["lstm"]).svg)["lstm"])


# ---- rows, formulas, legends -----------------------------------------------------------------------------


def test_rows_of_a_folded_picture_have_no_empty_heights():
    boxes = [Box(number, 150, 90) for number in range(12)] + [Box(f"high {n}", 150, 700) for n in range(2)]
    links = [Link(n, n + 1) for n in range(11)] + [Link(0, "high 0"), Link(0, "high 1"), Link(0, 11)]
    placement = place(boxes, links, engine="builtin")
    sizes = {box.key: (box.width, box.height) for box in boxes}
    folded = fold(placement, placement.routes, sizes, dict.fromkeys(sizes, ()))
    spans = sorted((y - sizes[key][1] / 2, y + sizes[key][1] / 2) for key, (_, y) in folded.positions.items())
    reach = spans[0][1]
    for low, high in spans:
        assert low - reach < 120  # lanes between rows, and the wire that passes
        reach = max(reach, high)


def test_formulas_stand_side_by_side_where_most_of_them_have_room():
    short, element = (part("a" * 20),), (part("b" * 20), part("[0]", "index"))
    long = (part("c" * 150),)
    assert grid_for([[short, element] * 3], 103.0).rows == 3
    assert grid_for([[short, element] * 3, [short, long]], 103.0).rows == 3  # the long one stands alone
    assert grid_for([[short, element] * 3], 12.0).rows == 6


def test_a_rule_that_is_not_told_ends_without_a_sign():
    x = ge.input("x", (4, 3))
    first, second = ge.split(x, 2)
    trace = ge.Engine("numpy").trace(ge.sum(first * second), {x: np.ones((4, 3))})
    told = [line_text(line) for step in trace.steps for line in rule_lines(trace, step)]
    assert any(line.endswith("by the rule of split, (4, 3)") for line in told) and not any(" = (" in t for t in told)


def test_a_page_explains_the_marks_that_it_has():
    def hidden(html):
        legend = html[html.index('<ul id="legend"') : html.index("</ul>")]
        return [name for name in ("forward", "gradient", "backward") if re.search(rf"<li[^>]* hidden>.*{name}", legend)]

    assert hidden(viz.steps(lecture()).html) == []
    x = ge.input("x", 2)
    assert hidden(viz.steps(ge.Engine("numpy").trace(ge.sin(x), {x: [1, 2]})).html) == ["gradient", "backward"]
    net = nn.Linear(2, 1)(ge.input("x", ("batch", 2)))
    trace = ge.Engine("numpy").trace(ge.mean(net), {"x": [[1.0, 2.0]]})
    assert hidden(viz.steps(trace, style="neurons").html) == ["forward", "backward"]


def test_the_loss_of_a_neuron_diagram_is_marked_while_its_gradient_goes_back_through_it():
    x, t = ge.input("x", ("batch", 2)), ge.input("t", ("batch", 1))
    loss = nn.mse_loss(nn.Linear(2, 1)(x), t)
    trace = ge.Engine("numpy").trace(loss, {x: [[1.0, 2.0]], t: [[3.0]]})
    back = [s.index for s in trace.steps if s.phase == "backward" and s.operation.primitive.name == "square"]
    box = re.compile(r'<g data-loss=""[^>]*><rect[^>]*stroke-width="3"')
    assert box.search(viz.draw(trace, back[0], style="neurons").svg)
    assert not box.search(viz.draw(trace, -1, style="neurons").svg)


def test_what_stands_around_a_wide_picture_is_as_large_as_around_a_slide():
    wide, small = viz.draw(models.resnet()).svg, viz.draw(models.resnet(), title="ResNet").svg
    width = float(re.search(r'width="([\d.]+)"', wide)[1])
    scale = float(re.search(r'transform="scale\(([\d.]+)\)"', small)[1])
    assert width > 1500 and scale == pytest.approx(width / 1280, rel=0.06)
    assert "scale(" not in viz.draw(lecture()).svg
