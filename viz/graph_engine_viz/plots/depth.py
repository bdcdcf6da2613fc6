"""What happens from layer to layer: gradients that vanish, activations that saturate, the factors that do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine_viz.plots.style import BLUE, GREY, VERMILION, figure_function, labels_at_ends, line_style, new_figure


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
    figure, grid = new_figure(9, 5)
    axes = grid[0, 0]
    axes.set_yscale("log")
    ends = []
    for number, (name, sizes) in enumerate(flows.items()):
        heights = np.asarray(sizes, float)
        heights = np.where(heights > 0, heights, np.nan)
        layers = np.arange(1, len(heights) + 1)
        style = line_style(number)
        axes.plot(layers, heights, marker="o", markersize=4, **style)
        finite = np.flatnonzero(np.isfinite(heights))
        if finite.size:
            ends.append((layers[finite[0]], heights[finite[0]], name, style["color"]))
    axes.set(xlabel="layer (the input is on the left, the loss on the right)", ylabel=ylabel, title=title)
    axes.grid(axis="y")
    axes.set_xlim(left=1)
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
    tensors: Mapping[str, Sequence[Any]], bins: int = 40, title: str = "", limits: tuple[float, float] | None = None
) -> Any:
    """Draw a histogram for each layer, one row for each way to begin: activations or gradients.

    Parameters
    ----------
    tensors : mapping of str to sequence of array_like
        For each initialisation an array for each layer.
    bins : int
    title : str
    limits : (float, float), optional
        Of the horizontal axes; by default each histogram has its own, symmetric around 0.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = histograms_by_depth({"N(0,1)": [np.ones(9), np.zeros(9)]})
    >>> len(figure.axes)
    2
    """
    columns = max(map(len, tensors.values()))
    figure, grid = new_figure(2.35 * columns + 1.6, 1.9 * len(tensors) + 0.9, len(tensors), columns)
    for row, (line, (name, layers)) in enumerate(zip(grid, tensors.items())):
        for number, (axes, layer) in enumerate(zip(line, layers), start=1):
            values = np.ravel(np.asarray(layer, float))
            values = values[np.isfinite(values)]
            reach = float(np.max(np.abs(values), initial=0.0)) or 1.0
            low, high = limits or (-reach, reach)
            axes.hist(values, bins=bins, range=(low, high), color=BLUE, histtype="stepfilled")
            axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # room for what stands above
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.tick_params(labelsize=11)
            ends = [float(f"{0.6 * end:.0e}") for end in (low, high)]
            axes.set_xticks([ends[0], 0, ends[1]], [f"{ends[0]:g}", "0", f"{ends[1]:g}"])
            axes.annotate(f"σ = {values.std():.2g}", (0.97, 0.95), xycoords="axes fraction", ha="right", va="top",
                          fontsize=13, color=VERMILION)  # fmt: skip
            if row == 0:
                axes.set_title(f"layer {number}", fontsize=13, loc="center")
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


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
    sizes = np.abs(np.asarray(local, float))
    places = np.arange(1, len(sizes) + 1)
    figure, grid = new_figure(11, 4.4, 1, 2)
    left, right = grid[0]
    left.bar(places, sizes, color=BLUE)
    if bound is not None:
        left.axhline(bound, color=VERMILION, linestyle="--")
        left.annotate(f"never above {bound:g}", (0.98, bound), (0, 5), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", color=VERMILION)  # fmt: skip
        left.set_ylim(0, max(bound, sizes.max(initial=0)) * 1.25)
    left.set(title="factor of each layer", xlabel="layers passed, from the loss back")
    right.set_yscale("log")
    right.plot(places, np.cumprod(np.where(sizes > 0, sizes, np.nan)), "-o", color=VERMILION)
    right.set(title="their product so far", xlabel="layers passed, from the loss back")
    right.grid(axis="y", color="#dddddd")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=GREY)
    return figure
