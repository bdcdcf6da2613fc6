"""How far a training has come: a bar in a terminal, a few logged lines elsewhere."""

from __future__ import annotations

import logging
import shutil
import sys
from importlib.util import find_spec
from typing import Any

from graph_engine.training.callbacks import Callback
from graph_engine.training.history import History
from graph_engine.training.run import Run

_LINES = 5  # how many are logged
_logger = logging.getLogger("graph_engine.training")


class Progress(Callback):
    """A progress bar on the standard error stream (with tqdm), or a few logged lines.

    Parameters
    ----------
    bar : bool, optional
        Whether there is a bar; by default where the standard error stream is a terminal.
    """

    def __init__(self, bar: bool | None = None) -> None:
        self.bar = bar
        self._bar: Any = None

    def on_start(self, run: Run) -> None:
        """Open the bar."""
        wanted = sys.stderr is not None and sys.stderr.isatty() if self.bar is None else self.bar
        if wanted and find_spec("tqdm") is not None:
            self._bar = _open_bar(run)
            self._describe(run)

    def on_step(self, run: Run) -> None:
        """One step more."""
        if self._bar is not None:
            self._bar.update()

    def on_epoch(self, run: Run) -> None:
        """One epoch more, with what was measured."""
        if self._bar is not None:
            self._describe(run)
        elif self.bar is not False and (run.epoch % -(-run.epochs // _LINES) == 0 or run.epoch == run.epochs):
            _logger.info("epoch %d/%d: %s", run.epoch, run.epochs, summary(run.history))

    def on_end(self, run: Run) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if run.stopped and self.bar is not False:
            _logger.info("stopped after epoch %d: %s", run.epoch, run.stopped)

    def _describe(self, run: Run) -> None:
        self._bar.set_description_str(f"epoch {min(run.epoch + 1, run.epochs)}/{run.epochs} ", refresh=False)
        if len(run.history):
            self._bar.set_postfix_str(summary(run.history), refresh=False)


def summary(history: History) -> str:
    """Return what was measured in the last epoch, in a line: held out where it was, else in training."""
    held_out = [_show(name, values[-1]) for name, values in history.validation.items()]
    train = [_show(name, values[-1]) for name, values in history.train.items()]
    return "held-out " + ", ".join(held_out) if held_out else ", ".join(train)


def _show(name: str, value: float) -> str:
    return f"{name} {value:.1%}" if "accuracy" in name else f"{name} {value:.3g}"


def _open_bar(run: Run) -> Any:
    from tqdm import tqdm

    columns, rows = shutil.get_terminal_size()  # asked for here: some terminals say 0, which tqdm believes
    count = len(run.batches) if hasattr(run.batches, "__len__") else None
    return tqdm(
        total=None if count is None else run.epochs * count,
        initial=run.step,
        file=sys.stderr,
        bar_format="{desc}|{bar}| {n_fmt}/{total_fmt} steps, {elapsed}{postfix}",
        ncols=columns,
        nrows=rows,
    )
