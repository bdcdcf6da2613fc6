"""Windows that slide over images: convolution step by step, receptive fields, pooling, the checkerboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine.errors import LookupFailed, ShapeError
from graph_engine_viz.plots.reading import numbers, some, together
from graph_engine_viz.plots.style import BLUE, GREY, SEQUENTIAL, VERMILION, Array, figure_function, new_figure

_SHORT = "{:.3g}"


@figure_function
def sliding_window(
    image: Any, kernel: Any, stride: int = 1, padding: int = 0, dilation: int = 1, steps: Sequence[int] | None = None
) -> Any:
    """Draw a cross-correlation window by window: what is under the kernel, the sum, the output so far.

    Parameters
    ----------
    image : array_like
        Of shape (height, width).
    kernel : array_like
        Of shape (k, k) or (k1, k2).
    stride, padding, dilation : int
    steps : sequence of int, optional
        Which windows are drawn, counted along the rows of the output; by default the first four.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = sliding_window([[4, 6, 3], [8, 5, 1], [2, 4, 6]], [[3, 2], [5, 1]])
    >>> [axes.get_title() for axes in figure.axes if axes.get_title().startswith("3")][0]
    '3·4 + 2·6 + 5·8 + 1·5 = 69'
    """
    weights = numbers("kernel", kernel, "k1", "k2")
    padded = np.pad(numbers("image", image, "height", "width"), padding)
    reach = [dilation * (size - 1) + 1 for size in weights.shape]
    rows, columns = ((padded.shape[i] - reach[i]) // stride + 1 for i in (0, 1))
    if min(rows, columns) < 1:
        raise ShapeError(f"a window of {reach[0]} x {reach[1]} does not fit into {padded.shape[0]} x {padded.shape[1]}")
    chosen = list(range(min(4, rows * columns))) if steps is None else list(steps)
    some("steps", chosen)
    if not 0 <= min(chosen) <= max(chosen) < rows * columns:
        raise LookupFailed(f"there are {rows * columns} windows, counted from 0, so not all of {chosen}")
    cell = 0.62
    width = (padded.shape[1] + columns + 1.5) * cell + 0.8
    height = max(padded.shape[0], rows) * cell + 1.1
    across = max(1, min(len(chosen), int(18 // width)))
    down = -(-len(chosen) // across)
    across = -(-len(chosen) // down)
    ratios = [padded.shape[1], columns] * across
    figure, grid = new_figure(width * across, height * down, down, 2 * across, gridspec_kw={"width_ratios": ratios})
    output = np.full((rows, columns), np.nan)
    windows = [_window(padded, weights, number, columns, stride, dilation) for number in range(max(chosen) + 1)]
    spots = iter(grid.reshape(-1, 2))
    for number, (places, value) in enumerate(windows):
        output[divmod(number, columns)] = value
        if number not in chosen:
            continue
        left, right = next(spots)
        _table(left, padded, dict(zip(places, weights.ravel())), padding)
        _table(right, output, {divmod(number, columns): None}, 0)
        terms = [f"{_SHORT.format(w)}·{_SHORT.format(padded[p])}" for p, w in zip(places, weights.ravel())]
        told = " + ".join(terms) if len(terms) <= 4 else f"{terms[0]} + … + {terms[-1]}"
        left.set_title(f"{told} = {_SHORT.format(value)}", loc="center", fontsize=min(17, 9 + 1.4 * padded.shape[1]))
        right.set_title("output", loc="center", fontsize=16, color=GREY)
    for pair in spots:
        for axes in pair:
            axes.remove()
    return figure


def _window(
    padded: Array, weights: Array, number: int, columns: int, stride: int, dilation: int
) -> tuple[list[tuple[int, int]], float]:
    row, column = divmod(number, columns)
    places = [(row * stride + i * dilation, column * stride + j * dilation) for i, j in np.ndindex(*weights.shape)]
    return places, float(sum(padded[place] * weight for place, weight in zip(places, weights.ravel())))


def _table(axes: Any, table: Array, marked: dict[tuple[int, int], Any], padding: int) -> None:
    """Draw numbers in cells; those marked are tinted, and carry their weight, if any, in their corner."""
    from matplotlib.patches import Rectangle

    rows, columns = table.shape
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)
    for place, number in np.ndenumerate(table):
        i, j = place[0], place[1]
        outside = not (padding <= i < rows - padding and padding <= j < columns - padding)
        color = "#CFE3F5" if (i, j) in marked else "#eeeeee" if outside else "white"
        axes.add_patch(Rectangle((j, i), 1, 1, facecolor=color, edgecolor="#777777", linewidth=0.8, clip_on=False))
        if np.isfinite(number):
            axes.text(j + 0.5, i + 0.5, _SHORT.format(number), ha="center", va="center", fontsize=17, color="black")
        weight = marked.get((i, j))
        if weight is not None:
            told = f"×{_SHORT.format(weight)}"
            axes.text(j + 0.94, i + 0.95, told, ha="right", va="bottom", fontsize=12, color=VERMILION)


@figure_function
def receptive_fields(fields: Sequence[Any], titles: Sequence[str]) -> Any:
    """Draw which pixels one unit sees, layer by layer.

    Parameters
    ----------
    fields : sequence of array_like
        For each layer, of shape (height, width): how strongly the unit in the middle depends on each pixel (the size
        of its gradient); 0 where it does not.
    titles : sequence of str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = receptive_fields([np.eye(5)], ["3x3"])
    >>> figure.axes[0].get_title(loc="left")
    '3x3: 5 x 5 pixels'
    """
    some("fields", fields)
    together("fields and titles", fields, titles)
    figure, grid = new_figure(3.4 * len(fields), 3.9, 1, len(fields))
    for axes, field, title in zip(grid[0], fields, titles):
        strength = np.abs(numbers(title, field, "height", "width"))
        axes.imshow(np.where(strength > 0, strength, np.nan), cmap="Blues", vmin=-0.4 * np.nanmax(strength, initial=0))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color="#999999")
        rows, columns = (np.flatnonzero(strength.any(axis)) for axis in (1, 0))
        size = f"{np.ptp(rows) + 1} x {np.ptp(columns) + 1}" if rows.size else "0 x 0"
        axes.set_title(f"{title}: {size} pixels", fontsize=14)
    return figure


@figure_function
def pooling(image: Any, pooled: dict[str, Any], size: int = 2) -> Any:
    """Draw an image of numbers, and what pooling makes of it; the windows are outlined.

    Parameters
    ----------
    image : array_like
        Of shape (height, width).
    pooled : dict of str to array_like
        For each title a result: pooled to (height // size, width // size), or unpooled to the image's shape.
    size : int
        Of the windows.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = pooling([[2, 3], [5, -2]], {"max": [[5]]})
    >>> len(figure.axes)
    2
    """
    tables = {title: numbers(title, table, "height", "width") for title, table in ({"image": image} | pooled).items()}
    shapes = [table.shape for table in tables.values()]
    widths = [shape[1] + 0.6 for shape in shapes]
    figure, grid = new_figure(
        0.62 * sum(widths) + 0.6, 0.62 * max(shape[0] for shape in shapes) + 1.2, 1, len(tables),
        gridspec_kw={"width_ratios": widths},
    )  # fmt: skip
    for axes, (title, table) in zip(grid[0], tables.items()):
        _table(axes, table, {}, 0)
        cut = size if table.shape == np.shape(image) else 1
        for i in range(0, table.shape[0] + 1, cut):
            axes.plot([0, table.shape[1]], [i, i], color=BLUE, linewidth=2.2, clip_on=False)
        for j in range(0, table.shape[1] + 1, cut):
            axes.plot([j, j], [0, table.shape[0]], color=BLUE, linewidth=2.2, clip_on=False)
        axes.set_title(title, loc="center")
    return figure


@figure_function
def overlap(counts: dict[str, Any]) -> Any:
    """Draw how many windows reach each pixel: the checkerboard of transposed convolution.

    Parameters
    ----------
    counts : dict of str to array_like
        For each title an image of shape (height, width).

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = overlap({"kernel 3, stride 2": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]})
    >>> figure.axes[0].get_title(loc="left")
    'kernel 3, stride 2'
    """
    some("counts", counts)
    shown_counts = [numbers(title, count, "height", "width") for title, count in counts.items()]
    highest = max(float(np.nanmax(count, initial=0)) for count in shown_counts)
    figure, grid = new_figure(3.8 * len(counts) + 0.8, 4.0, 1, len(counts))
    for axes, title, count in zip(grid[0], counts, shown_counts):
        shown = axes.imshow(count, cmap=SEQUENTIAL, vmin=0, vmax=highest)
        axes.set(xticks=[], yticks=[])
        axes.set_title(title)
    figure.colorbar(shown, ax=grid[0].tolist(), shrink=0.75)
    return figure
