"""Colours, sizes, and the few SVG elements that pictures are made of.

All looks are attributes of the elements themselves: a picture needs no style sheet, brings none into a notebook, and
has no ids that could clash with another picture's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from graph_engine_viz.geometry import Point, coordinate
from graph_engine_viz.typeset import ILLEGAL, Run, svg_text, width

__all__ = ["BLUE", "GREY", "INK", "PALE", "TINT", "VERMILION", "arrow_head", "circle", "rect", "tag", "text", "title"]

BLUE = "#0B5FA5"
VERMILION = "#B84300"
INK = "#1A1A1A"
GREY = "#6B6B6B"
PALE = "#B4B4B4"
TINT = "#FFF4E0"
PAPER = "#FFFFFF"
PLATE = "#F7F7F8"

NAME, VALUE, GRADIENT, MAIN, PORT, SMALL = 19.0, 19.0, 17.0, 17.0, 15.0, 13.0
"""Font sizes; `MAIN` is that of the numbers that stand for a whole tensor."""

LEADING = 1.22
"""A line's height, in font sizes."""


def tag(name: str, *children: str, **attributes: object) -> str:
    """Write an element; in names of attributes an underscore is a hyphen, two are a colon; None is left out.

    Examples
    --------
    >>> tag("g", tag("path", d="M0,0"), data_name="<w>", x=1.5)
    '<g data-name="&lt;w&gt;" x="1.5"><path d="M0,0"/></g>'
    """
    shown = "".join(
        f" {_attribute_name(key)}={quoteattr(_text(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(children)
    return f"<{name}{shown}>{inner}</{name}>" if inner else f"<{name}{shown}/>"


def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("__", ":").replace("_", "-")


def _text(value: object) -> str:
    if isinstance(value, float):
        return coordinate(value)
    return ILLEGAL.sub("\ufffd", str(value))


def title(content: str) -> str:
    """Write what is shown on hover."""
    return f"<title>{escape(_text(content))}</title>"


def rect(x: float, y: float, across: float, high: float, radius: float, **attributes: object) -> str:
    """Write a rectangle."""
    place = {"x": float(x), "y": float(y), "width": float(across), "height": float(high), "rx": float(radius)}
    return tag("rect", **place, **attributes)


def circle(x: float, y: float, radius: float, **attributes: object) -> str:
    """Write a disc."""
    return tag("circle", cx=float(x), cy=float(y), r=float(radius), **attributes)


def text(
    runs: str | Sequence[Run],
    x: float,
    y: float,
    size: float,
    anchor: Literal["start", "middle", "end"] = "middle",
    color: str = INK,
    bold: bool = False,
    italic: bool = False,
    mono: bool = False,
) -> str:
    """Write a line of text, with its baseline at `y`; hyphens before digits become minus signs."""
    return svg_text(
        as_drawn(runs),
        x,
        y,
        size,
        anchor,
        fill=color,
        font_weight="bold" if bold else None,
        font_style="italic" if italic else None,
        font_family="monospace" if mono else None,
    )


def source(code: str, x: float, y: float, size: float) -> str:
    """Write a line of the user's program as it stands."""
    return svg_text(code, x, y, size, fill=GREY, font_family="monospace")


TRANSPOSED = "ᵀ"
USES = {"①": "(1st)", "②": "(2nd)", "③": "(3rd)"} | {chr(ord("①") + n - 1): f"({n}th)" for n in range(4, 10)}
REDRAWN = re.compile(f"([{TRANSPOSED}{''.join(USES)}])")


def as_drawn(runs: str | Sequence[Run]) -> list[Run]:
    """Set a text for the eye: the minus sign as wide as a plus, for a hyphen is overlooked on a slide; a raised T.

    The uses ① ② of a variable are upright (1st), (2nd): few fonts have the signs, and raised they look like powers.

    Examples
    --------
    >>> [(run.text, run.shift) for run in as_drawn("-4 hᵀ")]
    [('−4 h', 0), ('T', 1)]
    >>> [(run.text, run.shift) for run in as_drawn("∂s/∂x② = x")]
    [('∂s/∂x', 0), ('(2nd)', 0), (' = x', 0)]
    """
    given = [Run(runs)] if isinstance(runs, str) else runs
    drawn: list[Run] = []
    for run in given:
        for text in REDRAWN.split(_minus(run.text)):
            if text == TRANSPOSED:
                drawn.append(Run("T", "normal", 1))
            elif text:
                drawn.append(Run(USES[text]) if text in USES else replace(run, text=text))
    return drawn


def _minus(content: str) -> str:
    out = []
    for place, character in enumerate(content):
        following = content[place + 1 : place + 2]
        before = content[place - 1 : place] if place else ""
        sign = following.isdigit() or following == " " or content[place + 1 : place + 4] == "Inf"
        out.append("\u2212" if character == "-" and sign and (not before.isalpha() or before == "e") else character)
    return "".join(out)


def measure(runs: str | Sequence[Run], size: float, bold: bool = False, mono: bool = False) -> float:
    """Bound the width of a text that `text` writes."""
    return width(as_drawn(runs), size, bold, mono)


def arrow_head(tip: Point, back: Point, size: float, **attributes: object) -> str:
    """Write an arrow head that ends at `tip` and comes from the direction of `back`."""
    dx, dy = tip[0] - back[0], tip[1] - back[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length * size, dy / length * size
    base, (sx, sy) = (tip[0] - dx, tip[1] - dy), (-dy * 0.42, dx * 0.42)
    corners = [tip, (base[0] + sx, base[1] + sy), (base[0] - sx, base[1] - sy)]
    points = " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in corners)
    return tag("polygon", points=points, **attributes)
