"""What a classifier or a regression does over its inputs: decision regions, lines epoch by epoch, fits by degree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine.errors import ShapeError
from graph_engine_viz.plots.reading import ids, numbers, some, together
from graph_engine_viz.plots.style import (
    BLUE,
    COLORS,
    GREY,
    MARKERS,
    VERMILION,
    Array,
    figure_function,
    labels_at_ends,
    new_axes,
    new_figure,
    new_panels,
)

Predict = Callable[[Array], Any]


@figure_function
def decision_regions(
    predict: Predict | Mapping[str, Predict], points: Any, classes: Any, columns: int = 4, steps: int = 200,
    names: Sequence[str] | None = None, xlabel: str = "", ylabel: str = "",
) -> Any:  # fmt: skip
    """Draw which class each place of the plane is given to, with the data on it.

    Parameters
    ----------
    predict : function, or mapping of str to function
        Takes places of shape (m, 2); returns class ids (m,), scores (m, k), or one score (m,) or (m, 1) of reals, whose
        sign says the class. Several stand side by side, with their titles.
    points : array_like
        Of shape (n, 2).
    classes : array_like
        Class ids from 0, of shape (n,).
    columns : int
    steps : int
        How finely the plane is cut.
    names : sequence of str, optional
        Of the classes, for a legend.
    xlabel, ylabel : str
        What the two numbers of a point are.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> points, classes = np.array([[0.0, 0], [1, 1]]), np.array([0, 1])
    >>> figure = decision_regions(lambda places: places.sum(1) - 1, points, classes, steps=20)
    >>> len(figure.axes)
    1
    """
    chosen = dict(predict) if isinstance(predict, Mapping) else {"": predict}
    points, classes = numbers("points", points, "n", 2), ids("classes", classes, names)
    together("points and classes", points, classes)
    finite = np.isfinite(points).all(axis=1)
    some("finite points", points[finite])
    some("classifiers", chosen)
    size = 4.6 if len(chosen) == 1 else 3.7
    figure, panels = new_panels(len(chosen), columns, size, size + 0.3, (0.6, 0))
    (x0, y0), (x1, y1) = points[finite].min(0), points[finite].max(0)
    margin = 0.12 * (max(x1 - x0, y1 - y0) or 1.0)
    extent = (x0 - margin, x1 + margin, y0 - margin, y1 + margin)
    xs, ys = np.linspace(*extent[:2], steps), np.linspace(*extent[2:], steps)
    places = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    for axes, (title, function) in zip(panels, chosen.items()):
        _draw_regions(axes, _leads(function(places), len(places)).reshape(-1, steps, steps), extent, xs, ys)
        _draw_points(axes, points, classes, names)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    return figure


def _leads(scores: Any, count: int) -> Array:
    """Return by how much each class leads the best of the others, of shape (classes, m): it wins where > 0."""
    scores = np.asarray(scores)
    if scores.shape not in ((count,), (count, *scores.shape[1:2])):
        raise ShapeError(f"for {count} places there is one score or id each, or one for each class, not {scores.shape}")
    if scores.ndim == 2 and scores.shape[1] > 1:
        best_others = [np.delete(scores, k, axis=1).max(1) for k in range(scores.shape[1])]
        return np.asarray(scores.T - np.stack(best_others))
    scores = scores.reshape(len(scores))
    if scores.dtype.kind in "iub":
        classes = np.arange(max(int(scores.max()) + 1, 2))
        return np.asarray(np.where(scores == classes[:, None], 1.0, -1.0))
    return np.stack([-scores, scores])


def _draw_regions(axes: Any, leads: Array, extent: Any, xs: Array, ys: Array) -> None:
    from matplotlib.colors import ListedColormap

    count = len(leads)
    shades = ListedColormap([COLORS[i % len(COLORS)] for i in range(count)])
    axes.imshow(leads.argmax(0), extent=extent, origin="lower", cmap=shades, alpha=0.22, vmin=-0.5, vmax=count - 0.5,
                aspect="auto")  # fmt: skip
    for lead in leads[1:] if count == 2 else leads:
        if lead.min() < 0 < lead.max():
            axes.contour(xs, ys, lead, [0.0], colors="black", linewidths=1.3)


def _draw_points(axes: Any, points: Array, classes: Array, names: Sequence[str] | None) -> None:
    size = float(np.clip(3000 / len(points), 34, 150))
    for number in np.unique(classes):
        chosen = points[classes == number]
        marker, color = MARKERS[number % len(MARKERS)], COLORS[number % len(COLORS)]
        label = str(number) if names is None else names[number]
        axes.scatter(*chosen.T, s=size, marker=marker, color=color, edgecolors="white", linewidths=0.6, label=label)
    if names is not None:
        axes.legend(frameon=True, fontsize=12)


@figure_function
def decision_lines(points: Any, classes: Any, lines: Mapping[str, Any], columns: int = 4) -> Any:
    """Draw how a separating line moves, epoch by epoch, with an arrow along its weights.

    Parameters
    ----------
    points : array_like
        Of shape (n, 2).
    classes : array_like
        Of shape (n,): 0 and 1, or -1 and 1.
    lines : mapping of str to (w1, w2, b)
        For each title (`"epoch 3"`) the line w1 x1 + w2 x2 + b = 0; the side where it is positive is tinted.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = decision_lines([[0, 0], [1, 1]], [0, 1], {"start": (1, -1, 0), "end": (1, 1, -1)})
    >>> len(figure.axes)
    2
    """
    ids = (np.asarray(classes).ravel() > 0).astype(int)

    def side(line: Any) -> Predict:
        w1, w2, b = numbers("a line (w1, w2, b)", np.ravel(line), 3)
        return lambda places: places[:, 0] * w1 + places[:, 1] * w2 + b

    figure = decision_regions({title: side(line) for title, line in lines.items()}, points, ids, columns)
    for axes, line in zip(figure.axes, lines.values()):
        _draw_weights(axes, np.ravel(np.asarray(line, float)))
    return figure


def _draw_weights(axes: Any, line: Array) -> None:
    """Draw the direction (w1, w2), a right angle to the line, from the point of the line that is next to the middle."""
    weights, length = line[:2], float(np.linalg.norm(line[:2]))
    if not length:
        return
    middle = np.array([np.mean(axes.get_xlim()), np.mean(axes.get_ylim())])
    start = middle - (middle @ weights + line[2]) / length**2 * weights
    end = start + 0.2 * float(np.ptp(axes.get_xlim())) / length * weights
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "linewidth": 2.4, "color": "black"}, zorder=5)
    axes.annotate("w", end, (7, 0), textcoords="offset points", va="center", fontweight="bold", zorder=5)


@figure_function
def fits(
    x: Any, y: Any, curves: Mapping[str, tuple[Any, Any]], held_out: tuple[Any, Any] | None = None,
    xlabel: str = "", ylabel: str = "",
) -> Any:  # fmt: skip
    """Draw data and the curves fitted to them, side by side: underfitting, right, overfitting.

    What leaves the frame is cut off: the frame is made for the data.

    Parameters
    ----------
    x, y : array_like
        The data, of shape (n,).
    curves : mapping of str to (places, values)
        For each title a fitted curve.
    held_out : (x, y), optional
        Data that were not fitted.
    xlabel, ylabel : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = fits([0, 1], [0, 1], {"degree 1": ([0, 1], [0, 1])})
    >>> len(figure.axes)
    1
    """
    some("curves", curves)
    x, y = _pair("the data", (x, y))
    held_out = None if held_out is None else _pair("the held-out data", held_out)
    figure, grid = new_figure(3.7 * len(curves), 3.8, 1, len(curves), sharey=True)
    heights = np.concatenate([y, held_out[1] if held_out else []])
    low, high = np.nanmin(heights, initial=np.inf), np.nanmax(heights, initial=-np.inf)
    some("finite data", heights[np.isfinite(heights)])
    reach = float(high - low) or 1.0
    for axes, (title, (places, values)) in zip(grid[0], curves.items()):
        axes.plot(*_pair(title, (places, values)), color=VERMILION)
        axes.plot(x, y, "o", color=BLUE, markersize=6)
        if held_out is not None:
            axes.plot(*held_out, "o", color=GREY, fillstyle="none", markersize=6)
        axes.set(title=title, xlabel=xlabel)
        axes.set_ylim(low - 0.2 * reach, high + 0.2 * reach)
    grid[0, 0].set_ylabel(ylabel)
    if held_out is not None:
        figure.legend(grid[0, 0].lines, ["fit", "training data", "test data"], loc="outside lower center", ncols=3,
                      frameon=False)  # fmt: skip
    return figure


def _pair(what: str, pair: tuple[Any, Any]) -> tuple[Array, Array]:
    x, y = (numbers(what, np.ravel(values), "n") for values in pair)
    together(f"the places and values of {what}", x, y)
    return x, y


@figure_function
def train_and_test(x: Any, train: Any, test: Any, xlabel: str = "degree", ylabel: str = "mean squared error") -> Any:
    """Draw training and test error over the size of a model; where the test error is least is marked.

    The scale is logarithmic where the errors differ by more than a factor of 100.

    Parameters
    ----------
    x, train, test : array_like
        Of shape (n,).
    xlabel, ylabel : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = train_and_test([1, 2, 3], [3, 1, 0.5], [3, 2, 4])
    >>> len(figure.axes)
    1
    """
    places, seen, new = numbers("x", x, "n"), numbers("train", train, "n"), numbers("test", test, "n")
    together("x, train and test", places, seen, new)
    heights = np.concatenate([seen, new])
    heights = heights[np.isfinite(heights)]
    some("finite test errors", new[np.isfinite(new)])
    figure, axes = new_axes(9, 4.6)
    if heights.min() > 0 and heights.max() > 100 * heights.min():
        axes.set_yscale("log")
    axes.plot(places, seen, "-o", color=BLUE)
    axes.plot(places, new, "--s", color=VERMILION)
    best = int(np.argmin(np.where(np.isfinite(new), new, np.inf)))
    axes.axvline(places[best], color=GREY, linestyle=":", linewidth=1.4)
    axes.annotate(f"least test error: {places[best]:g}", (places[best], 0.97), (6, 0), va="top", color=GREY,
                  xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
    axes.set(xlabel=xlabel, ylabel=ylabel, xticks=places)
    axes.grid(axis="y")
    labels_at_ends(axes, [(places[-1], seen[-1], "training", BLUE), (places[-1], new[-1], "test", VERMILION)])
    return figure
