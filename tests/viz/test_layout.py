"""What a layout promises: boxes, frames and labels stand free, wires run between them and around them, always alike."""

from __future__ import annotations

import itertools
import logging
import math
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_engine_viz import layout_dot
from graph_engine_viz.layered import assign_ranks
from graph_engine_viz.layout import Box, Frame, Link, Placement, Spacing, flatten, place, route_path
from graph_engine_viz.separation import push_down, separate, spread

TOUCH = 1e-6
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def frame_of(box: Box, placement: Placement) -> Frame:
    x, y = placement.positions[box.key]
    return x - box.width / 2, y - box.height / 2, box.width, box.height


def overlap(one: Frame, two: Frame, slack: float = TOUCH) -> bool:
    return all(
        one[axis] + one[axis + 2] > two[axis] + slack and two[axis] + two[axis + 2] > one[axis] + slack
        for axis in (0, 1)
    )


def inside(inner: Frame, outer: Frame) -> bool:
    return all(
        outer[axis] <= inner[axis] + TOUCH and inner[axis] + inner[axis + 2] <= outer[axis] + outer[axis + 2] + TOUCH
        for axis in (0, 1)
    )


def on_border(point: tuple[float, float], frame: Frame, slack: float = TOUCH) -> bool:
    x, y, width, height = frame
    off = (abs(point[0] - x - width / 2) - width / 2, abs(point[1] - y - height / 2) - height / 2)
    return max(off) <= slack and max(off) >= -slack


def label_frames(links: Sequence[Link], placement: Placement) -> list[Frame]:
    pairs = zip(links, placement.label_positions, strict=True)
    return [(at[0] - link.label_width / 2, at[1] - link.label_height / 2, link.label_width, link.label_height)
            for link, at in pairs if at]  # fmt: skip


def check(boxes: Sequence[Box], links: Sequence[Link], placement: Placement) -> None:
    """Assert everything that holds for every placement by the layout inside."""
    frames = {box.key: frame_of(box, placement) for box in boxes}
    assert list(placement.positions) == [box.key for box in boxes]
    assert len(placement.routes) == len(placement.label_positions) == len(links)
    for one, two in itertools.combinations(frames.values(), 2):
        assert not overlap(one, two)
    check_groups(boxes, placement, frames)
    for link, route in zip(links, placement.routes, strict=True):
        assert len(route) % 3 == 1
        assert on_border(route[0], frames[link.source]) and on_border(route[-1], frames[link.target])
    labels = label_frames([link for link in links if link.source != link.target], without_loops(links, placement))
    assert len(labels) == sum(link.labelled and link.source != link.target for link in links)
    for one, two in itertools.combinations(labels, 2):
        assert not overlap(one, two)
    assert not any(overlap(label, frame) for label in labels for frame in frames.values())
    whole = (0.0, 0.0, placement.width, placement.height)
    assert all(inside(frame, whole) for frame in (*frames.values(), *labels, *placement.groups.values()))
    assert all(math.isfinite(number) for route in placement.routes for point in route for number in point)


def without_loops(links: Sequence[Link], placement: Placement) -> Placement:
    kept = [at for link, at in zip(links, placement.label_positions, strict=True) if link.source != link.target]
    return Placement({}, [], kept)


def check_groups(boxes: Sequence[Box], placement: Placement, frames: dict[object, Frame]) -> None:
    groups = placement.groups
    assert set(groups) == {box.group[:depth] for box in boxes for depth in range(1, len(box.group) + 1)}
    for box, (name, frame) in itertools.product(boxes, groups.items()):
        if box.group[: len(name)] == name:
            assert inside(frames[box.key], frame)
        else:
            assert not overlap(frames[box.key], frame)
    for (one, frame), (two, other) in itertools.combinations(groups.items(), 2):
        if two[: len(one)] == one:
            assert inside(other, frame)
        else:
            assert not overlap(frame, other)


GROUPS: list[tuple[str, ...]] = [(), ("a",), ("a", "x"), ("a", "y"), ("b",), ("c", "x")]
sizes = st.floats(5, 120)


@st.composite
def graphs(draw: st.DrawFn, cyclic: bool = False, groups: bool = True) -> tuple[list[Box], list[Link]]:
    """Draw a graph of up to a dozen boxes, with parts, several links between the same two, labels, groups."""
    count = draw(st.integers(0, 12))
    group = st.sampled_from(GROUPS if groups else [()])
    boxes = [Box(key, draw(sizes), draw(sizes), draw(group)) for key in range(count)]
    keys = st.integers(0, max(count - 1, 0))
    label = st.sampled_from([(0.0, 0.0), (30.0, 12.0), (80.0, 40.0)])
    links = []
    for one, two, size in draw(st.lists(st.tuples(keys, keys, label), max_size=18 if count else 0)):
        if cyclic or one != two:
            links.append(Link(one, two, *size) if cyclic else Link(min(one, two), max(one, two), *size))
    return boxes, links


@settings(deadline=None, max_examples=150)
@given(graphs(), st.sampled_from(["right", "down"]))
def test_everything_stands_free(graph, direction):
    check(*graph, place(*graph, direction=direction, engine="builtin"))


@settings(deadline=None, max_examples=60)
@given(graphs(cyclic=True))
def test_cycles_are_placed_as_well(graph):
    check(*graph, place(*graph, engine="builtin"))


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_the_same_graph_is_always_placed_alike(graph):
    assert place(*graph, engine="builtin") == place(*graph, engine="builtin")


@settings(deadline=None, max_examples=80)
@given(graphs(groups=False))
def test_wires_go_around_boxes_and_point_to_the_right(graph):
    boxes, links = graph
    placement = place(boxes, links, engine="builtin")
    for link, route in zip(links, placement.routes, strict=True):
        points = flatten(route, 6)
        assert all(x <= next_x + TOUCH for (x, _), (next_x, _) in itertools.pairwise(points))
        for box in boxes:
            if box.key not in (link.source, link.target):
                assert not any(overlap((x, y, 0, 0), frame_of(box, placement)) for x, y in points)


@settings(deadline=None, max_examples=40)
@given(graphs(groups=False))
def test_links_climb_ranks(graph):
    boxes, links = graph
    placement = place(boxes, links, engine="builtin")
    assert all(placement.positions[link.source][0] < placement.positions[link.target][0] for link in links)


def chain(count: int) -> tuple[list[Box], list[Link]]:
    boxes = [Box(key, 40, 30) for key in range(count)]
    return boxes, [Link(key, key + 1) for key in range(count - 1)]


def test_nothing_and_one():
    empty = place([], [])
    assert (empty.positions, empty.width, empty.height) == ({}, 0, 0)
    for engine in ("builtin", "auto"):
        assert place([Box("x", 40, 30)], [], engine=engine).positions == {"x": (20, 15)}


def test_one_box_in_a_group_and_a_loop():
    boxes, links = [Box("x", 40, 30, ("g", "h"))], [Link("x", "x", 20, 10)]
    placement = place(boxes, links, engine="builtin")
    check(boxes, links, placement)
    assert flatten(placement.routes[0])[4][1] < placement.positions["x"][1] - 15


def test_a_chain_is_a_straight_line():
    boxes, links = chain(6)
    placement = place(boxes, links, engine="builtin")
    assert {y for _, y in placement.positions.values()} == {15}
    assert all(len(route) == 4 for route in placement.routes)


def test_down_is_right_turned_over():
    boxes, links = (
        [Box(key, 30, 30) for key in "abcd"],
        [Link("a", "b"), Link("a", "c"), Link("b", "d"), Link("c", "d")],
    )
    right, down = (place(boxes, links, direction=direction, engine="builtin") for direction in ("right", "down"))
    assert {key: (y, x) for key, (x, y) in right.positions.items()} == down.positions
    assert (right.width, right.height) == (down.height, down.width)


def test_both_links_between_the_same_two_are_seen():
    boxes, links = [Box("x", 40, 30), Box("square", 40, 30)], [Link("x", "square"), Link("x", "square")]
    one, two = place(boxes, links, engine="builtin").routes
    assert one[0] != two[0] and one[-1] != two[-1]
    assert (one[0][1] < two[0][1]) == (one[-1][1] < two[-1][1])


def test_wires_arrive_in_the_order_they_come_from():
    boxes = [Box(key, 40, 30) for key in ("x", "y", "z", "f")]
    placement = place(boxes, [Link(key, "f") for key in "xyz"], engine="builtin")
    ends = sorted((route[0][1], route[-1][1]) for route in placement.routes)
    assert ends == sorted(ends, key=lambda pair: pair[1]) and len({end for _, end in ends}) == 3


def test_parts_that_are_not_connected_stand_beside_each_other():
    boxes, links = [Box(key, 40, 30) for key in range(40)], [Link(0, 1), Link(2, 3)]
    placement = place(boxes, links, engine="builtin")
    check(boxes, links, placement)
    assert max(placement.width, placement.height) < 3 * min(placement.width, placement.height)


def test_parameters_stand_just_before_their_use():
    edges = [(0, 1), (1, 2), (2, 3), (4, 3), (5, 6), (6, 3)]
    assert assign_ranks(7, edges, [1.0] * 6, [1] * 6) == [0, 1, 2, 3, 2, 1, 2]


def test_layers_in_groups_stand_in_a_row():
    boxes, links, last = [Box("x", 40, 30)], [], "x"
    for layer in range(3):
        names = [f"{kind}{layer}" for kind in ("weight", "product", "result")]
        boxes += [Box(name, 40, 30, ("model", f"layer{layer}")) for name in names]
        links += [Link(names[0], names[1]), Link(last, names[1]), Link(names[1], names[2])]
        last = names[2]
    placement = place(boxes, links, engine="builtin")
    check(boxes, links, placement)
    frames = [placement.groups["model", f"layer{layer}"] for layer in range(3)]
    assert all(one[0] + one[2] < two[0] for one, two in itertools.pairwise(frames))
    # The main line is straight, the parameters come to it.
    assert (
        len({round(placement.positions[f"{kind}{n}"][1], 3) for kind in ("product", "result") for n in range(3)}) == 1
    )


def test_frames_have_room_for_a_title():
    box = Box("x", 40, 30, ("g",))
    for direction in ("right", "down"):
        placement = place([box], [], direction=direction, engine="builtin", spacing=Spacing(group=10, title=20))
        assert placement.groups["g",] == (0, 0, 60, 70)
        assert placement.positions["x"] == (30, 45)


def test_one_source_of_very_many_links_takes_a_lane():
    boxes, links = chain(3_000)
    links += [Link(0, key) for key in range(5, 3_000)]
    placement = place(boxes, links, engine="builtin")
    low = max(y for _, y in placement.positions.values()) + 15
    lane = placement.routes[-1]
    assert max(y for _, y in lane) > low
    assert all(on_border(route[-1], frame_of(boxes[link.target], placement))
               for route, link in zip(placement.routes, links, strict=True))  # fmt: skip


def test_long_chains_and_big_graphs_are_placed():
    assert len(place(*chain(100_000)).positions) == 100_000
    source = random.Random(0)
    boxes = [Box(key, 40, 30, (f"layer{key // 400}",) if key % 3 else ()) for key in range(20_000)]
    links = [Link(max(0, key - source.randint(1, 40)), key) for key in range(1, 20_000) for _ in range(2)]
    placement = place(boxes, [link for link in links if link.source != link.target])
    rows = sorted((frame_of(box, placement) for box in boxes), key=lambda frame: (frame[0], frame[1]))
    assert not any(overlap(one, two) for one, two in itertools.pairwise(rows))


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="two boxes have the key 'x'"):
        place([Box("x", 1, 1), Box("x", 1, 1)], [])
    with pytest.raises(ValueError, match="a link ends at 'y'"):
        place([Box("x", 1, 1)], [Link("x", "y")])


def test_route_path():
    assert route_path(((0, 0), (10, 0), (20, 5.126), (1234567.8, 5))) == "M0,0 C10,0 20,5.13 1234567.8,5"
    assert route_path(()) == ""


# Separation


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10), st.floats(0, 20)), min_size=1, max_size=12))
def test_spread_and_separate_agree_in_a_row(row):
    wanted, weights, gaps = (list(column) for column in zip(*row, strict=True))
    places = spread(wanted, weights, gaps[1:])
    assert all(two - one >= gap - TOUCH for one, two, gap in zip(places, places[1:], gaps[1:], strict=False))
    above = [{index - 1: gap} if index else {} for index, gap in enumerate(gaps)]
    assert separate(wanted, weights, above, range(len(row))) == pytest.approx(places, abs=1e-6)


@settings(deadline=None)
@given(st.data(), st.lists(st.floats(-100, 100), min_size=1, max_size=12))
def test_separate_keeps_every_distance(data, wanted):
    above = [
        data.draw(st.dictionaries(st.integers(0, index - 1), st.floats(0, 30), max_size=3)) if index else {}
        for index in range(len(wanted))
    ]
    order = range(len(wanted))
    for places in (separate(wanted, [1.0] * len(wanted), above, order), push_down(wanted, above, order)):
        for lower, uppers in enumerate(above):
            assert all(places[lower] - places[upper] >= distance - TOUCH for upper, distance in uppers.items())


# Graphviz


@needs_dot
@pytest.mark.parametrize("direction", ["right", "down"])
def test_dot_gives_the_same_kind_of_placement(direction):
    boxes = [Box("x", 40, 30), Box("W <1>", 60, 30, ("layer", "in")), Box("*", 36, 36, ("layer",)), Box("f", 40, 30)]
    links = [Link("x", "*", 40, 20), Link("W <1>", "*"), Link("*", "f", weight=2.4), Link("x", "f")]
    placement = place(boxes, links, direction=direction, engine="dot")
    frames = {box.key: frame_of(box, placement) for box in boxes}
    check_groups(boxes, placement, frames)
    assert not any(overlap(one, two) for one, two in itertools.combinations(frames.values(), 2))
    for link, route in zip(links, placement.routes, strict=True):
        assert len(route) % 3 == 1
        # Graphviz rounds, and keeps a hair's breadth away.
        assert on_border(route[0], frames[link.source], 2) and on_border(route[-1], frames[link.target], 2)
    assert [at is not None for at in placement.label_positions] == [True, False, False, False]
    axis = 0 if direction == "right" else 1
    assert placement.positions["x"][axis] < placement.positions["*"][axis] < placement.positions["f"][axis]


@pytest.mark.parametrize("answer", ["exit 3", "echo no json", "echo '{}'"])
def test_when_dot_fails_the_layout_inside_takes_over(answer, tmp_path: Path, monkeypatch, caplog):
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with caplog.at_level(logging.WARNING):
        placement = place(*chain(3), engine="dot")
    assert placement == place(*chain(3), engine="builtin")
    assert "Graphviz did not lay the graph out" in caplog.text


def test_without_dot_auto_says_nothing(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    assert not layout_dot.available()
    assert place(*chain(3)) == place(*chain(3), engine="builtin")
    assert not caplog.text
