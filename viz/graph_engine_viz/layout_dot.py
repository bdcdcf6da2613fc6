"""Graphviz as a layout: it gets boxes, frames and labels of fixed sizes, and only says where they go.

Nothing of the boxes' names reaches it, so nothing has to be escaped: they are numbers there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from graph_engine_viz.geometry import Box, Direction, Frame, Group, Link, Placement, Point, Route, Spacing
from graph_engine_viz.layered import least_lengths

TIMEOUT = 20.0
POINTS = 72.0
"""Graphviz measures boxes in inches of so many of its (and our) units."""


class DotError(RuntimeError):
    """Graphviz is missing, failed, took too long or answered something else."""


def available() -> bool:
    """Say whether ``dot`` can be called."""
    return shutil.which("dot") is not None


def place(
    boxes: Sequence[Box],
    links: Sequence[Link],
    edges: Sequence[tuple[int, int]],
    direction: Direction,
    spacing: Spacing,
) -> Placement:
    """Lay a graph out with ``dot``; `edges` are the links' ends, as indices of boxes.

    Raises
    ------
    DotError
    """
    groups = list(dict.fromkeys(box.group[:depth] for box in boxes for depth in range(1, len(box.group) + 1)))
    source = "\n".join(_source(boxes, links, edges, groups, direction, spacing))
    try:
        answer = subprocess.run(
            ["dot", "-Tjson"], input=source, capture_output=True, timeout=TIMEOUT, check=True, encoding="utf-8"
        )
        return _read(json.loads(answer.stdout), boxes, links, groups)
    except subprocess.CalledProcessError as error:
        raise DotError(error.stderr.strip() or str(error)) from error
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        raise DotError(f"{type(error).__name__}: {error}") from error


def _source(
    boxes: Sequence[Box],
    links: Sequence[Link],
    edges: Sequence[tuple[int, int]],
    groups: list[Group],
    direction: Direction,
    spacing: Spacing,
) -> Iterator[str]:
    """Write the graph in Graphviz's language, line by line."""
    yield "digraph {"
    rankdir = "LR" if direction == "right" else "TB"
    yield f"rankdir={rankdir}; nodesep={spacing.box / POINTS}; ranksep={spacing.rank / POINTS}; pad=0; margin=0"
    yield 'node [shape=box fixedsize=true label="" margin=0]; edge [dir=none]'
    yield from _clusters(boxes, groups, (), spacing)
    lengths = least_lengths(boxes, edges)
    for number, ((source, target), link) in enumerate(zip(edges, links, strict=True)):
        label = f" label={_blank(link.label_width, link.label_height)}" if link.labelled else ""
        weight = max(1, round(link.weight))
        yield f"b{source} -> b{target} [id={number} weight={weight} minlen={lengths[number]}{label}]"
    yield "}"


def _clusters(boxes: Sequence[Box], groups: list[Group], inside: Group, spacing: Spacing) -> Iterator[str]:
    """Write the boxes of one group, then the groups in it, each with room for a title."""
    for number, box in enumerate(boxes):
        if box.group == inside:
            yield f"b{number} [width={box.width / POINTS} height={box.height / POINTS}]"
    for number, group in enumerate(groups):
        if group[:-1] == inside:
            yield f"subgraph cluster{number} {{ margin={spacing.group}; label={_blank(1, spacing.title)}; labelloc=t"
            yield from _clusters(boxes, groups, group, spacing)
            yield "}"


def _blank(width: float, height: float) -> str:
    """Ask for empty room: a label of a fixed size."""
    looks = 'border="0" cellborder="0" cellspacing="0" cellpadding="0" fixedsize="true"'
    return f'<<table {looks} width="{round(width)}" height="{round(height)}"><tr><td></td></tr></table>>'


def _read(answer: Any, boxes: Sequence[Box], links: Sequence[Link], groups: list[Group]) -> Placement:
    """Read positions, curves and frames; Graphviz's y axis points up."""
    _, _, width, height = map(float, answer["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")
        return float(x), height - float(y)

    positions: dict[Hashable, Point] = {}
    frames: dict[Group, Frame] = {}
    for thing in answer["objects"]:
        if thing["name"].startswith("cluster"):
            left, bottom, right, top = map(float, thing["bb"].split(","))
            frames[groups[int(thing["name"][len("cluster") :])]] = (left, height - top, right - left, top - bottom)
        else:
            positions[boxes[int(thing["name"][1:])].key] = point(thing["pos"])
    routes: list[Route] = [()] * len(links)
    labels: list[Point | None] = [None] * len(links)
    for edge in answer.get("edges", ()):
        number = int(edge["id"])
        routes[number] = tuple(point(text) for text in edge["pos"].split())
        labels[number] = point(edge["lp"]) if links[number].labelled else None
    positions = {box.key: positions[box.key] for box in boxes}
    return Placement(positions, routes, labels, dict(sorted(frames.items())), width, height)
