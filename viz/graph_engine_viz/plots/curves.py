"""Curves: functions with their derivatives, learning curves side by side, a learning rate swept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine_viz.plots.reading import numbers, some, together
from graph_engine_viz.plots.style import (
    BLUE,
    GREY,
    VERMILION,
    figure_function,
    labels_at_ends,
    line_style,
    new_axes,
    new_panels,
)


@figure_function
def functions(curves: Mapping[str, tuple[Any, Any, Any]], columns: int = 4, xlabel: str = "x") -> Any:
    """Draw functions, each with its derivative: activations, losses.

    Parameters
    ----------
    curves : mapping of str to (x, y, slope)
        For each function its places, values and derivatives: arrays of one shape (n,). A place that is NaN breaks the
        curves; one between two of them is drawn as a dot, and in a ring its slope: what holds at a jump or a kink.
    columns : int
        How many stand in a row.
    xlabel : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-3, 3, 61)
    >>> figure = functions({"tanh": (x, np.tanh(x), 1 - np.tanh(x) ** 2)})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['tanh']
    """
    some("functions", curves)
    figure, panels = new_panels(len(curves), columns, 3.6, 3.1, (0, 0.5))
    for axes, (name, (x, y, slope)) in zip(panels, curves.items()):
        x, y, slope = (numbers(f"{name}: {what}", v, "n") for what, v in (("x", x), ("y", y), ("slope", slope)))
        together(f"{name}: x, y and slope", x, y, slope)
        axes.axhline(0, color="#bbbbbb", linewidth=1)
        axes.axvline(0, color="#bbbbbb", linewidth=1)
        alone = _alone(x)
        axes.plot(x, y, color=BLUE)
        axes.plot(x, slope, color=VERMILION, linestyle="--")
        axes.plot(x, y, "o", color=BLUE, markersize=6, markevery=alone)
        axes.plot(x, slope, "o", color=VERMILION, markersize=11, fillstyle="none", markeredgewidth=2, markevery=alone)
        axes.set_title(name)
        axes.set_xlabel(xlabel)
        axes.margins(x=0)
    handles = panels[0].lines[2:4]
    figure.legend(handles, ["value", "derivative"], loc="outside lower center", ncols=2, frameon=False)
    return figure


def _alone(x: Any) -> Any:
    """Return which places stand between two that are NaN."""
    gaps = np.isnan(x)
    return [i for i in range(1, len(x) - 1) if gaps[i - 1] and gaps[i + 1] and not gaps[i]]


@figure_function
def lines(
    series: Mapping[str, Any],
    x: Any = None,
    title: str = "",
    xlabel: str = "epoch",
    ylabel: str = "",
    log: bool = False,
    logx: bool = False,
    bound: float | None = None,
    dots: Sequence[str] = (),
    bound_name: str = "",
    ticks: Sequence[str] = (),
) -> Any:
    """Draw several series over one axis, each with its name at its end.

    Parameters
    ----------
    series : mapping of str to array_like
        Values of shape (n,), or pairs (x, y) of such.
    x : array_like, optional
        The places of all of them; by default 1, 2, ...
    title, xlabel, ylabel : str
    log, logx : bool
        Whether an axis is logarithmic.
    bound : float, optional
        Drawn as a dotted level: what is to be reached, or the optimum.
    dots : sequence of str
        Series drawn as dots: what was found, beside the line of what was expected.
    bound_name : str
        Written beside the bound.
    ticks : sequence of str
        What is written below the places, in the place of their numbers.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = lines({"training": [3, 2, 1], "held out": [3, 2.5, 2.4]}, ylabel="loss")
    >>> len(figure.axes[0].lines)
    2
    """
    figure, axes = new_axes(9, 4.6)
    axes.set_yscale("log" if log else "linear")
    axes.set_xscale("log" if logx else "linear")
    ends, whole = [], True
    some("series", series)
    for number, (name, values) in enumerate(series.items()):
        places, heights = _places(name, values, x)
        whole = whole and bool(np.all(places == np.round(places)))
        style = line_style(number)
        if name in dots:
            style |= {"linestyle": "", "marker": "o", "markersize": 9}
        axes.plot(places, heights, **style)
        finite = np.flatnonzero(np.isfinite(heights))
        if finite.size:
            ends.append((places[finite[-1]], heights[finite[-1]], name, style["color"]))
    if bound is not None:
        axes.axhline(bound, color=GREY, linestyle=":", linewidth=1.4)
        ends.append((max((end[0] for end in ends), default=1.0), bound, bound_name, GREY))
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y")
    axes.margins(x=0.01)
    if whole and not logx:
        axes.xaxis.get_major_locator().set_params(integer=True)
    if ticks:
        together("places and ticks", places, ticks)
        axes.set_xticks(places, ticks)
    labels_at_ends(axes, ends)
    return figure


def _places(name: str, values: Any, x: Any) -> tuple[Any, Any]:
    if isinstance(values, tuple) and len(values) == 2 and np.ndim(values[0]):  # not a series of two numbers
        x, values = values
    heights = numbers(f"series {name!r}", values, "n")
    places = np.arange(1, len(heights) + 1) if x is None else numbers(f"x of series {name!r}", x, "n")
    together(f"x and values of series {name!r}", places, heights)
    return places, heights


@figure_function
def rate_sweep(rates: Sequence[float], losses: Sequence[float], title: str = "") -> Any:
    """Draw the loss that each learning rate reaches: too low, right, too high.

    Parameters
    ----------
    rates : sequence of float
        Log-spaced learning rates.
    losses : sequence of float
        What each reached; not finite where it diverged.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = rate_sweep([0.01, 0.1, 1.0], [0.9, 0.2, float("nan")])
    >>> figure.axes[0].get_xscale()
    'log'
    """
    places, reached = numbers("rates", rates, "n"), numbers("losses", losses, "n")
    together("rates and losses", places, reached)
    figure, axes = new_axes(9, 4.6)
    finite = np.isfinite(reached)
    axes.set_xscale("log")
    axes.plot(places[finite], reached[finite], "-o", color=BLUE)
    if finite.any():
        best = np.flatnonzero(finite)[np.argmin(reached[finite])]
        axes.plot(places[best], reached[best], "o", color=VERMILION, markersize=13, fillstyle="none", markeredgewidth=2)
        axes.annotate(
            f"best: {places[best]:.3g}", (places[best], reached[best]), (0, -16), textcoords="offset points",
            color=VERMILION, ha="center", va="top",
        )  # fmt: skip
    for place in places[~finite]:
        axes.axvline(place, color=VERMILION, linestyle=":", linewidth=1.4)
        axes.annotate("diverges", (place, 0.98), (-5, 0), xycoords=("data", "axes fraction"),
                      textcoords="offset points", rotation=90, va="top", ha="right", color=VERMILION)  # fmt: skip
    axes.set(title=title or "Loss reached by learning rate", xlabel="learning rate", ylabel="loss")
    axes.grid(axis="y")
    axes.margins(y=0.2)
    return figure


@figure_function
def learning_curves(
    curves: Mapping[str, tuple[Any, Any]], sentences: Sequence[str] = (), columns: int = 3, ylabel: str = "loss",
    ylim: tuple[float, float] | None = None,
) -> Any:  # fmt: skip
    """Draw the curves of several trainings side by side, each with a sentence: what one reads in them.

    Parameters
    ----------
    curves : mapping of str to (training, held out)
        For each title two series by epoch, of shape (n,). Where the held-out one is least is marked.
    sentences : sequence of str
        One below each.
    columns : int
    ylabel : str
    ylim : (float, float), optional
        Of all of them; by default each has its own.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = learning_curves({"overfitting": ([3, 2, 1], [3, 2.5, 2.8])}, ["The held-out loss turns."])
    >>> len(figure.axes)
    1
    """
    from textwrap import fill

    some("curves", curves)
    more = 0.5 if len(curves) > columns else 1.3
    figure, panels = new_panels(len(curves), columns, 4.5, 3.7 if sentences else 3.2, (0, more))
    told = sentences or [""] * len(curves)
    together("curves and sentences", curves, told)
    for axes, (title, (seen, new)), sentence in zip(panels, curves.items(), told):
        seen, new = numbers(f"{title}: training", seen, "n"), numbers(f"{title}: held out", new, "n")
        axes.plot(np.arange(1, len(seen) + 1), seen, color=BLUE)
        axes.plot(np.arange(1, len(new) + 1), new, "--", color=VERMILION)
        if np.isfinite(new).any():
            best = int(np.nanargmin(new))
            axes.plot(best + 1, new[best], "o", color=VERMILION, markersize=10, fillstyle="none", markeredgewidth=2)
        axes.set(title=title, ylabel=ylabel, ylim=ylim)
        axes.set_xlabel("epoch\n" + fill(sentence, 37) if sentence else "epoch")
        axes.grid(axis="y")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(panels[0].lines[:2], ["training", "held out (least: ring)"], loc="outside upper right", ncols=2,
                  frameon=False)  # fmt: skip
    return figure


@figure_function
def bars(values: Mapping[str, Any], xlabel: str = "", title: str = "", low: float = 0.0) -> Any:
    """Draw a bar for each name, as long as the mean of its values, with the values themselves as dots.

    Parameters
    ----------
    values : mapping of str to array_like
        For each name one number, or those of several repetitions; what is not finite is left out.
    xlabel, title : str
    low : float
        Where the bars begin.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = bars({"none": [0.79, 0.81], "L2": [0.88, 0.9]}, "accuracy", low=0.5)
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['none', 'L2']
    """
    figure, axes = new_axes(9, 0.55 * len(values) + 1.4)
    for place, repetitions in enumerate(values.values()):
        found = np.ravel(np.asarray(repetitions, float))
        found = found[np.isfinite(found)]
        if not found.size:
            axes.annotate("none", (low, place), (9, 0), textcoords="offset points", va="center")
            continue
        axes.barh(place, found.mean() - low, left=low, height=0.62, color=BLUE if place else GREY)
        if found.size > 1:
            axes.plot(found, np.full(found.size, place), "o", color="white", markeredgecolor="black", markersize=6)
        written = f"{found.mean():#.3g}".rstrip(".")
        axes.annotate(written, (found.max(), place), (9, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=xlabel, title=title)
    axes.margins(x=0.1)
    axes.set_xlim(left=low)
    return figure
