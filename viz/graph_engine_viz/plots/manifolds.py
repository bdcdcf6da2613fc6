"""Points near a line or a curve: what a linear code keeps, and what a nonlinear one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine_viz.plots.reading import ids, numbers, some, together
from graph_engine_viz.plots.style import (
    COLORS,
    GREY,
    MARKERS,
    VERMILION,
    figure_function,
    new_axes,
    new_figure,
    new_panels,
)


@figure_function
def projections(points: Any, projected: Mapping[str, Any]) -> Any:
    """Draw points and where each model puts them: on the line of PCA, on the curve of an autoencoder.

    Parameters
    ----------
    points : array_like
        Of shape (n, 2).
    projected : mapping of str to array_like
        For each title the reconstructions, of shape (n, 2).

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = projections([[0, 0], [1, 1]], {"PCA": [[0, 0], [1, 1]]})
    >>> len(figure.axes)
    1
    """
    data = numbers("points", points, "n", 2)
    some("projections", projected)
    figure, grid = new_figure(4.8 * len(projected), 4.6, 1, len(projected), sharex=True, sharey=True)
    for axes, (title, places) in zip(grid[0], projected.items()):
        ends = numbers(title, places, "n", 2)
        together(f"points and {title!r}", data, ends)
        axes.plot(*np.stack([data, ends]).transpose(2, 0, 1), color="#bbbbbb", linewidth=0.8)
        axes.plot(*data.T, "o", color=GREY, markersize=4)
        axes.plot(*ends.T, "o", color=VERMILION, markersize=5)
        error = float(np.mean(np.sum((data - ends) ** 2, axis=1))) if len(data) else 0.0
        axes.set_title(f"{title}: error {error:.3g}")
        axes.set_aspect("equal")
    return figure


@figure_function
def codes(places: Any, classes: Any, names: Sequence[str], title: str = "") -> Any:
    """Draw codes of two numbers, each sample at its place, each class in its colour, its name in its middle.

    Parameters
    ----------
    places : array_like
        Of shape (n, 2).
    classes : array_like
        Class ids, of shape (n,).
    names : sequence of str
        Of the classes.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = codes([[0, 0], [1, 1]], [0, 1], ["zero", "one"])
    >>> len(figure.axes[0].collections)
    2
    """
    data, labels = numbers("places", places, "n", 2), ids("classes", classes, names)
    together("places and classes", data, labels)
    figure, axes = new_axes(9, 5.8)
    for number, name in enumerate(names):
        chosen, looks = data[labels == number], {"color": COLORS[number % len(COLORS)], "label": name}
        axes.scatter(*chosen.T, s=20, marker=MARKERS[number % len(MARKERS)], linewidths=0, alpha=0.8, **looks)
        if np.isfinite(chosen).all(axis=1).any():
            _write_over(axes, name, np.nanmedian(chosen, axis=0), looks["color"])
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, markerscale=1.6)
    axes.set(title=title, xlabel="first number of the code", ylabel="second number")
    return figure


def _write_over(axes: Any, text: str, place: Any, color: str) -> None:
    """Write on top of everything, with a white rim."""
    from matplotlib.patheffects import withStroke

    axes.annotate(text, place, ha="center", va="center", fontsize=22, fontweight="bold", color=color, zorder=5,
                  path_effects=[withStroke(linewidth=5, foreground="white")])  # fmt: skip


@figure_function
def clouds(points: Any, generated: Mapping[str, Any], columns: int = 4, limit: float | None = None) -> Any:
    """Draw points, and over them what a generator made of noise: one panel for each moment of its training.

    Parameters
    ----------
    points : array_like
        What it is to be like, of shape (n, 2).
    generated : mapping of str to array_like
        For each title points of shape (m, 2).
    columns : int
        How many panels stand in a row.
    limit : float, optional
        Axes go from -limit to limit; by default they hold the points, and generated ones beyond are not shown.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = clouds([[0, 0], [1, 1]], {"before": [[2, 2]], "after": [[0.1, 0.0]]})
    >>> len(figure.axes)
    2
    """
    data = numbers("points", points, "n", 2)
    some("panels", generated)
    figure, panels = new_panels(len(generated), columns, 3.6, 3.7, (0, 0.4))
    reach = limit or 1.15 * float(np.nanmax(np.abs(data), initial=0.0)) or 1.0
    for axes, (title, places) in zip(panels, generated.items()):
        axes.plot(*data.T, "o", color="#b5b5b5", markersize=3, label="data")
        axes.plot(*numbers(title, places, "m", 2).T, "o", color=VERMILION, markersize=3, alpha=0.7, label="generated")
        axes.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False,
                  markerscale=3)  # fmt: skip
    return figure
