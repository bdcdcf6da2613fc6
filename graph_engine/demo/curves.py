"""Learning curves as a picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph_engine.demo.digits import Curve

BLUE, VERMILION, GREY = "#0B5FA5", "#B84300", "#666666"


def save_curves(train: Curve, held_out: Curve, criterion: float, path: str | os.PathLike[str]) -> None:
    """Write loss and accuracy, on training data and on data held out, by epoch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, "Loss (cross-entropy)", train.loss, held_out.loss)
    left.set_ylim(bottom=0)
    _draw(right, "Accuracy", train.accuracy, held_out.accuracy, first=1)  # before the training it is one of ten
    right.yaxis.set_major_locator(MultipleLocator(0.05))
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    right.axhline(criterion, color=GREY, linewidth=1, linestyle=":")
    place = (len(train.accuracy) - 1, criterion)
    right.annotate(
        f"criterion: above {criterion:.0%}", place, (0, -4),
        textcoords="offset points", color=GREY, ha="right", va="top",
    )  # fmt: skip
    figure.savefig(path, dpi=200)


def _draw(axes: Any, title: str, train: list[float], held_out: list[float], first: int = 0) -> None:
    """Draw two lines with their names at their ends, one above the other."""
    last = len(train) - 1
    higher = train if train[-1] > held_out[-1] else held_out
    for values, name, color, style in ((train, "training", BLUE, "-"), (held_out, "held out", VERMILION, "--")):
        axes.plot(range(first, last + 1), values[first:], style, color=color, linewidth=2, marker="o", markersize=3)
        axes.annotate(
            name, (1, values[-1]), (6, 7 if values is higher else -7), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=color, va="center",
        )  # fmt: skip
    axes.set_title(title, loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
