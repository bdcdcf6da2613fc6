"""What all figures share: colours, sizes for a lecture hall, axes with nothing on them that says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")
Array = np.ndarray[Any, Any]

BLUE, VERMILION, GREY, GREEN, PURPLE, OCHRE = "#0B5FA5", "#B84300", "#666666", "#1B7837", "#6A3D9A", "#A6761D"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, OCHRE, GREY, "#008B9A", "#C2185B", "#7A9A01", "#5D4037")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"

_SETTINGS: dict[Any, Any] = {
    "font.size": 14,
    "font.family": "sans-serif",
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.labelsize": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.grid": False,
    "grid.color": "#dddddd",
    "lines.linewidth": 2.2,
    "figure.dpi": 100,
    "image.interpolation": "nearest",
}


def figure_function(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function draw in this package's style, whatever the program has set."""

    @wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(_SETTINGS):
            return function(*args, **kwargs)

    return styled


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Array]:
    """Return a figure, not known to pyplot, and its axes as an array of this many rows and columns."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def new_axes(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure with one pair of axes, and these."""
    figure, grid = new_figure(width, height)
    return figure, grid[0, 0]


def new_panels(
    count: int, columns: int, width: float, height: float, more: tuple[float, float] = (0.0, 0.0), **options: Any
) -> tuple[Any, list[Any]]:
    """Return a figure with so many axes, in rows, each of a size; the figure is wider and higher by `more`."""
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    figure, grid = new_figure(width * columns + more[0], height * rows + more[1], rows, columns, **options)
    for axes in grid.flat[count:]:
        axes.remove()
    return figure, list(grid.flat[:count])


def headline(figure: Any, text: str, **looks: Any) -> None:
    """Write over all axes of a figure, from its left edge on; without a text no room is taken."""
    if text:
        figure.suptitle(text, x=0.01, ha="left", **looks)


def line_style(number: int) -> dict[str, Any]:
    """Return colour and dashes of the n-th line: told apart in grey, too."""
    return {"color": COLORS[number % len(COLORS)], "linestyle": LINES[number % len(LINES)]}


def as_picture(image: Any) -> Array:
    """Return an image as matplotlib takes it: (height, width), or (height, width, 3); channels may come first."""
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (3, 4):
        array = np.moveaxis(array, 0, -1)
    return array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array


def show_image(axes: Any, image: Any, limits: tuple[float, float] | None = None, cmap: str = "gray") -> Any:
    """Draw an image without ticks."""
    low, high = limits if limits is not None else (None, None)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes.imshow(as_picture(image), cmap=cmap, vmin=low, vmax=high)


def symmetric_limits(*arrays: Any) -> tuple[float, float]:
    """Return limits with 0 in the middle that hold all finite values."""
    largest = [float(np.max(np.abs(a[np.isfinite(a)]), initial=0.0)) for a in map(np.asarray, arrays)]
    reach = max(largest, default=0.0) or 1.0
    return -reach, reach


def labels_at_ends(axes: Any, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each line's name beside its end, none over another.

    Parameters
    ----------
    axes : Axes
    ends : sequence of (x, y, text, color)
    """
    figure_height = axes.get_position().height * axes.figure.get_figheight() * 72
    low, high = axes.get_ylim()
    log = axes.get_yscale() == "log"
    if log:
        low, high = float(np.log(low)), float(np.log(high))
    apart, last = 17.0, -np.inf
    for x, y, text, color in sorted((end for end in ends if np.isfinite(end[1])), key=lambda end: end[1]):
        share = ((np.log(y) if log else y) - low) / ((high - low) or 1.0)
        wanted = float(np.clip(share, 0, 1)) * figure_height
        last = max(wanted, last + apart)
        axes.annotate(
            text, (x, y), (8, last - wanted), textcoords="offset points", color=color, va="center",
            annotation_clip=False,
        )  # fmt: skip
