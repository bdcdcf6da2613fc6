"""What happens from layer to layer: gradients that vanish, activations that saturate, the factors that do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine_viz.plots.reading import numbers, some
from graph_engine_viz.plots.style import (
    BLUE,
    GREY,
    VERMILION,
    figure_function,
    headline,
    labels_at_ends,
    line_style,
    new_axes,
    new_figure,
)


@figure_function
def gradient_flow(flows: Mapping[str, Any], ylabel: str = "RMS of the gradient", title: str = "") -> Any:
    """Draw the size of the gradient by depth, one line for each kind of network.

    Parameters
    ----------
    flows : mapping of str to array_like
        For each network the size of the gradient at its layers, the first layer first, of shape (layers,).
    ylabel, title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = gradient_flow({"sigmoid": [1e-9, 1e-3, 1.0], "residual": [0.9, 1.0, 1.0]})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    figure, axes = new_axes(9, 5)
    axes.set_yscale("log")
    ends = []
    for number, (name, sizes) in enumerate(flows.items()):
        heights = numbers(f"sizes of {name!r}", sizes, "layers")
        heights = np.where(heights > 0, heights, np.nan)
        layers = np.arange(1, len(heights) + 1)
        style = line_style(number)
        axes.plot(layers, heights, marker="o", markersize=4, **style)
        finite = np.flatnonzero(np.isfinite(heights))
        if finite.size:
            ends.append((layers[finite[0]], heights[finite[0]], name, style["color"]))
    axes.set(xlabel="layer (the input is on the left, the loss on the right)", ylabel=ylabel, title=title)
    axes.grid(axis="y")
    axes.margins(x=0.015)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.spines["left"].set_visible(False)
    axes.spines["right"].set_visible(True)
    _labels_at_beginnings(axes, ends)
    return figure


def _labels_at_beginnings(axes: Any, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write the names at the left ends, where lines that vanish have come apart."""
    before = len(axes.texts)
    labels_at_ends(axes, ends)
    for text in axes.texts[before:]:
        text.set_horizontalalignment("right")
        text.set_position((-8, text.get_position()[1]))


@figure_function
def histograms_by_depth(
    tensors: Mapping[str, Sequence[Any]],
    bins: int = 40,
    title: str = "",
    limits: tuple[float, float] | None = None,
    top: float = 1.0,
    gradients: bool = False,
) -> Any:
    """Draw a histogram for each layer, one row for each way to begin: activations or gradients.

    Parameters
    ----------
    tensors : mapping of str to sequence of array_like
        For each initialisation an array for each layer.
    bins : int
    title : str
    limits : (float, float), optional
        The smallest and the largest value drawn; by default each row has its own, so that one sees along it whether
        values grow or shrink. They stand below the row's name.
    top : float
        A bin with more than this part of the values is cut off there: the zeros of a ReLU hide the others otherwise.
    gradients : bool
        Whether they are gradients, which have a colour of their own.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = histograms_by_depth({"N(0,1)": [np.ones(9), np.zeros(9)]})
    >>> [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    ['layer 1', 'layer 2']
    """
    columns, rows = max(map(len, tensors.values()), default=0), len(tensors)
    some("layers", range(columns))
    figure, axes = new_axes(max(1.75, 8.4 / columns) * columns + 2.1, max(1.05, 4 / rows) * rows + 0.8)
    color = VERMILION if gradients else BLUE
    names = []
    for row, (name, layers) in enumerate(tensors.items()):
        arrays = [values[np.isfinite(values)] for values in (np.ravel(np.asarray(layer, float)) for layer in layers)]
        ends = limits or _reach(arrays)
        names.append(f"{name}\n{_short(ends[0])} … {_short(ends[1])}")
        base = rows - 1 - row
        axes.axhline(base, color="black", linewidth=1)
        for column, values in enumerate(arrays):
            counts, _ = np.histogram(values, bins, ends)
            _histogram(axes, counts, column, base, values.size * top if top < 1 else counts.max(), color)
            if values.size:
                axes.text(column + 0.92, base + 0.65, f"σ = {_short(values.std())}", ha="right")
    axes.set(xlim=(-0.08, columns), ylim=(-0.03, rows))
    axes.set_xticks(np.arange(columns) + 0.46, [f"layer {number + 1}" for number in range(columns)])
    axes.set_yticks(np.arange(rows)[::-1] + 0.4, names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    headline(figure, title)
    return figure


def _histogram(axes: Any, counts: Any, left: float, bottom: float, highest: float, color: str) -> None:
    """Draw a histogram into a cell of 1 x 1."""
    heights = 0.6 * np.minimum(counts / max(highest, 1), 1)
    places = np.linspace(left, left + 0.92, len(counts) + 1)
    axes.stairs(bottom + heights, places, baseline=bottom, fill=True, color=color)


def _reach(arrays: Sequence[Any]) -> tuple[float, float]:
    """Return limits that hold nearly all values, with 0 in the middle, or on the left where none is negative."""
    values = np.concatenate(list(arrays))
    widest = max((abs(float(array.mean())) + 4 * float(array.std()) for array in arrays if array.size), default=0.0)
    reach = min(float(np.abs(values).max(initial=0.0)), widest) or 1.0
    return (0.0 if values.min(initial=0.0) >= 0 and values.any() else -reach), reach


def _short(number: float) -> str:
    """Write a number with two digits, without an exponent where it can be read without."""
    rounded = float(f"{number:.2g}")
    return (f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}").replace("-", "−")


@figure_function
def factors(local: Sequence[float], title: str = "", bound: float | None = 0.25) -> Any:
    """Draw the factors of a chain rule, and their product so far: why the gradient vanishes.

    Parameters
    ----------
    local : sequence of float
        The factor of each layer, from the loss back to the input.
    title : str
    bound : float, optional
        What no factor exceeds: 1/4 for the slope of a logistic sigmoid.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = factors([0.25, 0.2, 0.1])
    >>> len(figure.axes)
    2
    """
    sizes = np.abs(numbers("factors", local, "layers"))
    places = np.arange(1, len(sizes) + 1)
    figure, grid = new_figure(11, 5, 1, 2)
    left, right = grid[0]
    left.bar(places, sizes, color=BLUE)
    if bound is not None:
        left.axhline(bound, color=VERMILION, linestyle="--")
        left.annotate(f"never above {bound:g}", (0.98, bound), (0, 5), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", color=VERMILION)  # fmt: skip
        left.set_ylim(0, max(bound, np.nanmax(sizes, initial=0)) * 1.25)
    left.set(title="factor of each layer", xlabel="layers passed, from the loss back")
    product = np.cumprod(np.where(sizes > 0, sizes, np.nan))
    right.set_yscale("log")
    right.plot(places, product, "-o", color=VERMILION)
    if np.isfinite(product[-1:]).any():
        mantissa, exponent = f"{product[-1]:.1e}".split("e")
        right.annotate(f"{mantissa} · $10^{{{int(exponent)}}}$", (places[-1], product[-1]), (-12, 0),
                       textcoords="offset points", ha="right", va="center", color=VERMILION)  # fmt: skip
    right.set(title="their product so far", xlabel="layers passed, from the loss back")
    right.grid(axis="y", color="#dddddd")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    headline(figure, title, color=GREY)
    return figure
