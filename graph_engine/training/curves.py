"""Learning curves as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graph_engine.declaring import refused

if TYPE_CHECKING:
    from graph_engine.training.history import History

BLUE, VERMILION, GREY = "#0B5FA5", "#B84300", "#666666"
_ACROSS = 3  # pictures in a row
_TEXT = 12  # points
_APART = 16  # points between the names of two lines


def draw(history: History, best: str | None = "loss") -> Any:
    """Draw each metric by epoch, in training and held out; see `History.plot`."""
    figure = _figure()
    metrics = list(dict.fromkeys((*history.train, *history.validation))) or ["loss"]
    columns = min(len(metrics), _ACROSS)
    rows = -(-len(metrics) // columns)
    figure.set_size_inches(5 * columns, 4 * rows)
    epoch = history.best_epoch(best) if best in (*history.train, *history.validation) else None
    for number, metric in enumerate(metrics, start=1):
        axes = figure.add_subplot(rows, columns, number)
        _draw_metric(axes, metric, history.train.get(metric, []), history.validation.get(metric, []))
        if epoch is not None:
            _mark(axes, epoch, history, metric)
    return figure


def picture(figure: Any, suffix: str) -> bytes:
    """Return a figure as a file of some kind (`svg`, `png`, `pdf`); the same bytes for the same curves."""
    from matplotlib import rc_context

    content = io.BytesIO()
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "graph_engine"}):
        try:
            figure.savefig(content, format=suffix, dpi=200, metadata=dated.get(suffix))
        except ValueError as error:
            raise refused(f"curves cannot be written as {suffix!r}: {error}") from None
    return content.getvalue()


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise refused("learning curves need matplotlib", "run: pip install matplotlib") from error
    return Figure(layout="constrained")


def _draw_metric(axes: Any, metric: str, train: Sequence[float], held_out: Sequence[float]) -> None:
    """Draw two lines with their names at their ends, one above the other."""
    lines = [
        ("training", BLUE, "-", train, [n - 0.5 for n in range(1, len(train) + 1)]),
        ("held out", VERMILION, "--", held_out, [float(n) for n in range(1, len(held_out) + 1)]),
    ]
    shown = [line for line in lines if line[3]]
    ends = [values[-1] if math.isfinite(values[-1]) else 0.0 for *_, values, _ in shown]
    lower = len(ends) - 1 if ends and ends[-1] <= ends[0] else 0
    for number, (name, color, style, values, epochs) in enumerate(shown):
        axes.plot(epochs, values, style, color=color, linewidth=2, marker="o", markersize=3, label=name)
        shift = (len(shown) - 1) * (-_APART / 2 if number == lower else _APART / 2)
        axes.annotate(
            name, (1, ends[number]), (6, shift), xycoords=("axes fraction", "data"), textcoords="offset points",
            color=color, va="center", fontsize=_TEXT,
        )  # fmt: skip
    _style(axes, metric)


def _style(axes: Any, metric: str) -> None:
    _frame(axes, metric, "epoch")
    axes.set_xlim(left=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if "accuracy" in metric:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if value <= 1 else "")


def _frame(axes: Any, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=_TEXT + 2)
    axes.set_xlabel(below, fontsize=_TEXT)
    axes.tick_params(labelsize=_TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)


def _mark(axes: Any, epoch: int, history: History, metric: str) -> None:
    """Mark the best epoch: a line, and its number."""
    values = history.values(metric)
    at = epoch if metric in history.validation else epoch - 0.5
    axes.axvline(at, color=GREY, linewidth=1, linestyle=":")
    axes.plot([at], [values[epoch - 1]], "o", color=GREY, markersize=9, fillstyle="none")
    axes.annotate(
        f"best: epoch {epoch}", (at, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
        color=GREY, ha="center", va="bottom", fontsize=_TEXT,
    )  # fmt: skip


def draw_sweep(rates: Sequence[float], losses: Sequence[float], best: float) -> Any:
    """Draw the loss over the learning rate; see `Sweep.plot`."""
    figure = _figure()
    figure.set_size_inches(6, 4)
    axes = figure.add_subplot()
    axes.plot(rates, [loss if math.isfinite(loss) else math.nan for loss in losses], "o-", color=BLUE, linewidth=2)
    lost = [rate for rate, loss in zip(rates, losses, strict=True) if not math.isfinite(loss)]
    axes.plot(lost, [0.97] * len(lost), "x", color=VERMILION, markersize=9, transform=axes.get_xaxis_transform())
    if lost:
        axes.annotate(
            "not finite", (lost[0], 0.97), (-8, 0), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            color=VERMILION, ha="right", va="center", fontsize=_TEXT,
        )  # fmt: skip
    axes.set_xscale("log")
    _frame(axes, "loss", "learning rate")
    axes.axvline(best, color=GREY, linewidth=1, linestyle=":")
    axes.annotate(
        f"best: {best:.3g}", (best, 1), (0, 2), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
        color=GREY, ha="center", va="bottom", fontsize=_TEXT,
    )  # fmt: skip
    return figure
