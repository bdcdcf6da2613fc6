"""Matrices whose entries mean something: attention, Jacobians, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine_viz.plots.reading import numbers, some, together
from graph_engine_viz.plots.style import DIVERGING, figure_function, headline, new_axes, new_figure, symmetric_limits

_MOST_NUMBERS = 150  # cells in which the numbers are written
_MOST_TERMS = 4  # of a sum that is written out
_MOST_BESIDE = 6  # columns of a Jacobian that has its product beside it; below it otherwise


@figure_function
def attention_map(
    weights: Any, queries: Sequence[str], keys: Sequence[str], titles: Sequence[str] | None = None, title: str = ""
) -> Any:
    """Draw where each query looks: a matrix of weights whose rows sum to 1.

    Parameters
    ----------
    weights : array_like
        Of shape (queries, keys), or (heads, queries, keys): side by side.
    queries, keys : sequence of str
        The tokens.
    titles : sequence of str, optional
        Of the heads.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = attention_map([[0.9, 0.1], [0.2, 0.8]], ["a", "b"], ["x", "y"])
    >>> [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    ['x', 'y']
    """
    heads = numbers("weights", [weights] if np.ndim(weights) == 2 else weights, "heads", "queries", "keys")
    some("heads", heads)
    together("rows and queries", heads[0], queries)
    together("columns and keys", heads[0].T, keys)
    if titles is not None:
        together("heads and titles", heads, titles)
    cell = 0.5 if max(len(queries), len(keys)) <= 16 else 0.3
    names = 0.13 * max(map(len, queries), default=0)  # the room that they take
    figure, grid = new_figure(
        max(3.2, cell * len(keys) + names + 0.6) * len(heads) + 2.2, max(3.0, cell * len(queries) + 1.6), 1, len(heads)
    )
    for number, (axes, head) in enumerate(zip(grid[0], heads)):
        shown = axes.imshow(head, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(keys)), keys)
        axes.set_yticks(range(len(queries)), queries)
        axes.tick_params(length=0)
        axes.set_xlabel("looked at")
        if number == 0:
            axes.set_ylabel("looking")
        _numbers(axes, head, "{:.2f}", dark=0.55)
        if titles is not None:
            axes.set_title(titles[number])
    figure.colorbar(shown, ax=grid[0].tolist(), shrink=0.8, label="weight")
    headline(figure, title)
    return figure


@figure_function
def jacobian(
    matrix: Any, upstream: Any = None, rows: Sequence[str] | None = None, columns: Sequence[str] | None = None,
    output: str = "y", input: str = "x",
) -> Any:  # fmt: skip
    """Draw a Jacobian, and with an upstream gradient the product row times matrix that backpropagation computes.

    Parameters
    ----------
    matrix : array_like
        ∂y_i/∂x_j, of shape (outputs, inputs).
    upstream : array_like, optional
        ∂L/∂y, of shape (outputs,); the row ∂L/∂x = ∂L/∂y · J is drawn with it, and its largest entry worked out.
    rows, columns : sequence of str, optional
        Names of the outputs and inputs.
    output, input : str
        What they are together, in the titles.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = jacobian([[1, 0], [0, 2]], upstream=[1, 1])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['∂L/∂y', 'J = ∂y/∂x', '∂L/∂x = ∂L/∂y · J']
    """
    entries = numbers("matrix", matrix, "outputs", "inputs")
    some("entries", entries.ravel())
    outputs, inputs = entries.shape
    rows = rows or [f"{output}{i}" for i in range(1, outputs + 1)]
    columns = columns or [f"{input}{j}" for j in range(1, inputs + 1)]
    together("outputs and their names", entries, rows)
    together("inputs and their names", entries.T, columns)
    title = f"J = ∂{output}/∂{input}"
    if upstream is None:
        figure, axes = new_axes(max(4.0, 0.75 * inputs + 1.5), max(3.2, 0.6 * outputs + 1.5))
        _cells(axes, entries, rows, columns, title)
        return figure
    row = numbers("upstream", np.ravel(upstream), outputs)[None]
    places = _below if inputs > _MOST_BESIDE else _beside
    figure, left, middle, right = places(outputs, inputs)
    _cells(left, row, [""], rows, f"∂L/∂{output}")
    _cells(middle, entries, rows, columns, title)
    product = row @ entries
    _cells(right, product, [""], columns, f"∂L/∂{input} = ∂L/∂{output} · J")
    if outputs <= _MOST_TERMS:
        figure.set_figheight(figure.get_figheight() + 0.7)
        largest = int(np.nan_to_num(np.abs(product[0])).argmax())
        terms = [f"{_in_brackets(u)}·{_in_brackets(slope)}" for u, slope in zip(row[0], entries[:, largest])]
        figure.supxlabel(f"{columns[largest]}:   {' + '.join(terms)} = {product[0, largest]:.3g}", fontsize=15)
    return figure


def _in_brackets(number: float) -> str:
    text = f"{number + 0.0:.3g}"
    return f"({text})" if number < 0 else text


def _beside(outputs: int, inputs: int) -> tuple[Any, Any, Any, Any]:
    """Make a figure with places for a row, a matrix and their product, side by side."""
    widths = [outputs + 1.2, inputs + 1.2, inputs + 1.2]
    cell = max(0.72, 9.0 / sum(widths))
    size = (cell * sum(widths), max(3.2, cell * outputs + 1.6))
    figure, grid = new_figure(*size, 1, 3, gridspec_kw={"width_ratios": widths})
    return figure, *grid[0]


def _below(outputs: int, inputs: int) -> tuple[Any, Any, Any, Any]:
    """Make a figure with the product below the matrix, each entry below its column."""
    figure, grid = new_figure(
        0.72 * (outputs + inputs + 2), 0.72 * (outputs + 1) + 2.2, 2, 2,
        gridspec_kw={"width_ratios": [outputs, inputs], "height_ratios": [outputs, 1]},
    )  # fmt: skip
    grid[1, 0].remove()
    return figure, grid[0, 0], grid[0, 1], grid[1, 1]


@figure_function
def confusion(matrix: Any, names: Sequence[str]) -> Any:
    """Draw how often each class is taken for each.

    Parameters
    ----------
    matrix : array_like
        Counts: rows are true classes, columns the predicted ones.
    names : sequence of str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = confusion([[5, 1], [0, 4]], ["cat", "dog"])
    >>> len(figure.axes)
    1
    """
    counts = numbers("matrix", matrix, len(names), len(names))
    some("classes", names)
    figure, axes = new_axes(0.62 * len(names) + 2, 0.62 * len(names) + 1.6)
    sums = np.nansum(counts, 1, keepdims=True)
    axes.imshow(counts / np.maximum(sums, 1), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted", ylabel="true")
    seen = np.where(counts > 0, counts, np.nan)  # zeros would only stand in the way
    _numbers(axes, seen, "{:.0f}", dark=0.55 * sums.max(initial=1), size=15)
    return figure


def _cells(axes: Any, entries: Any, rows: Sequence[str], columns: Sequence[str], title: str) -> None:
    low, high = symmetric_limits(entries)
    axes.imshow(entries, cmap=DIVERGING, vmin=1.6 * low, vmax=1.6 * high)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set_title(title)
    _numbers(axes, entries, "{:.3g}", dark=np.inf, size=13)


def _numbers(axes: Any, entries: Any, form: str, dark: float, size: int = 11) -> None:
    """Write numbers into cells, if there are not too many: white on what is dark, -0 as 0, NaN not at all."""
    if entries.size > _MOST_NUMBERS:
        return
    for (i, j), entry in np.ndenumerate(entries):
        if np.isnan(entry):
            continue
        axes.text(j, i, form.format(entry + 0.0), ha="center", va="center", fontsize=size,
                  color="white" if entry > dark else "black")  # fmt: skip
