"""Learning curves that grow while a network is trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from graph_engine.declaring import refused
from graph_engine.files.placing import placed, write_beside
from graph_engine.training.callbacks import Callback
from graph_engine.training.curves import picture
from graph_engine.training.run import Run


class LiveCurves(Callback):
    """Draw the learning curves anew after each epoch: into a file, and in a notebook in place.

    Parameters
    ----------
    path : path, optional
        Of a picture (.svg, .png, .pdf); whoever opens it finds a complete one at any time. None: only in a notebook.
    every : int
        How many epochs there are between two pictures; there is one at the end, too.
    best : str, optional
        The metric whose best epoch is marked; None: no mark.
    """

    def __init__(self, path: Any = None, every: int = 1, best: str | None = "loss") -> None:
        if isinstance(every, bool) or not hasattr(every, "__index__") or every < 1:
            raise refused(f"there is a picture every so many epochs, from 1 on, not {every!r}")
        if path is not None and not Path(path).suffix:
            raise refused(f"{str(path)!r} does not say what kind of picture it is", 'such as "curves.svg"')
        self.path = None if path is None else Path(path)
        self.every = every
        self.best = best
        self._shown: Any = None

    def on_start(self, run: Run) -> None:
        """Refuse a place that cannot be written to; a notebook's cell will hold a picture of its own."""
        if self.path is not None:
            placed(self.path)
        self._shown = None

    def on_epoch(self, run: Run) -> None:
        """Draw."""
        if run.epoch % self.every == 0:
            self._draw(run)

    def on_end(self, run: Run) -> None:
        """Draw the last epochs."""
        if run.epoch % self.every:
            self._draw(run)

    def _draw(self, run: Run) -> None:
        figure = run.history.plot(self.best)
        if self.path is not None:
            write_beside(self.path, picture(figure, self.path.suffix[1:]))
        if _in_notebook():
            self._show(picture(figure, "svg").decode())

    def _show(self, text: str) -> None:
        from IPython import display

        content = display.SVG(text)  # type: ignore[no-untyped-call,unused-ignore]
        if self._shown is None:
            self._shown = display.display(content, display_id=True)  # type: ignore[no-untyped-call,unused-ignore]
        else:
            self._shown.update(content)


def _in_notebook() -> bool:
    """Return whether a notebook's kernel runs this; a terminal's IPython shows no pictures."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")
