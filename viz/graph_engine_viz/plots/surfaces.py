"""Loss surfaces over two parameters, with the paths that optimisers take over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph_engine_viz.plots.reading import numbers, some
from graph_engine_viz.plots.style import BLUE, MARKERS, VERMILION, figure_function, headline, line_style, new_panels


@figure_function
def loss_surface(
    loss: Callable[[Any, Any], Any],
    paths: Mapping[str, Any],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    labels: tuple[str, str] = ("w", "b"),
    title: str = "",
    columns: int = 3,
    steps: int = 240,
) -> Any:
    """Draw the loss as contour lines, and on it the path of each optimiser.

    Parameters
    ----------
    loss : function
        Of two arrays of places, of one shape (steps, steps); returns the losses there.
    paths : mapping of str to array_like
        For each optimiser the points it went through, of shape (n, 2), from its start on.
    xlim, ylim : (float, float)
    labels : (str, str)
        Of the two parameters.
    title : str
    columns : int
        Paths stand side by side, as many in a row.
    steps : int

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = loss_surface(lambda w, b: w**2 + b**2, {"SGD": [[1, 1], [0.5, 0.4]]}, (-1, 1), (-1, 1), steps=20)
    >>> figure.axes[0].get_title(loc="left")
    'SGD'
    """
    xs, ys = np.linspace(*xlim, steps), np.linspace(*ylim, steps)
    heights = numbers("losses at the places", loss(*np.meshgrid(xs, ys)), steps, steps)
    finite = heights[np.isfinite(heights)]
    some("finite losses", finite)
    some("paths", paths)
    levels = np.unique(np.quantile(finite, np.linspace(0, 1, 14) ** 2))  # dense at the bottom
    more = (0, 0.5 if title else 0.0)
    figure, panels = new_panels(len(paths), columns, 4.3, 3.9, more, sharex=True, sharey=True)
    for number, (axes, (name, path)) in enumerate(zip(panels, paths.items())):
        if len(levels) > 1:
            axes.contourf(xs, ys, heights, levels=levels, cmap="Greys", alpha=0.55)
            axes.contour(xs, ys, heights, levels=levels, colors="#888888", linewidths=0.7)
        points = numbers(f"path of {name!r}", path, "n", 2)
        some(f"points of {name!r}", points)
        color = line_style(number)["color"]
        axes.plot(points[:, 0], points[:, 1], "-", color=color, linewidth=1.8)
        axes.plot(points[:, 0], points[:, 1], MARKERS[0], color=color, markersize=3.2)
        axes.plot(*points[0], "s", color=color, markersize=9)
        axes.plot(*points[-1], "*", color=color, markersize=15, markeredgecolor="white")
        axes.set(title=name, xlim=xlim, ylim=ylim)
        axes.locator_params(nbins=5)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1], rotation=0, ha="right")
        axes.label_outer()
    headline(figure, title)
    return figure


@figure_function
def descents(
    loss: Callable[[Any], Any], paths: Mapping[str, Any], xlim: tuple[float, float], label: str = "w", columns: int = 2
) -> Any:
    """Draw the loss over one parameter, and on it the steps of a descent, side by side: one for each learning rate.

    Parameters
    ----------
    loss : function
        Of an array of places (n,); returns the losses there.
    paths : mapping of str to array_like
        For each title the places it went through, of shape (n,), from its start on. Those outside are not drawn.
    xlim : (float, float)
    label : str
        Of the parameter.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = descents(lambda w: w**2, {"too low": [1, 0.9, 0.8], "right": [1, 0.2, 0.04]}, (-1.2, 1.2))
    >>> len(figure.axes)
    2
    """
    xs = np.linspace(*xlim, 200)
    heights = numbers("losses at the places", loss(xs), len(xs))
    some("finite losses", heights[np.isfinite(heights)])
    some("paths", paths)
    figure, panels = new_panels(len(paths), columns, 5.4, 3.1, sharex=True, sharey=True)
    low, high = np.nanmin(heights), np.nanmax(heights)
    margin = 0.05 * (high - low)
    for axes, (name, path) in zip(panels, paths.items()):
        places = numbers(f"path of {name!r}", path, "n")
        some(f"places of {name!r}", places)
        axes.plot(xs, heights, color="#aaaaaa")
        axes.plot(places, loss(places), "-o", color=VERMILION, markersize=6, linewidth=1.6)
        axes.plot(places[0], loss(places[0]), "s", color=BLUE, markersize=9)
        axes.set(title=name, xlim=xlim, ylim=(low - margin, high), xlabel=label, ylabel="loss")
        axes.label_outer()
    return figure
