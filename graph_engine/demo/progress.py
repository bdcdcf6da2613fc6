"""How far a training has come: a bar in a terminal, a few lines elsewhere."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self

_LINES = 5  # how many there are where there is no terminal


class Progress:
    """A progress bar on the standard error stream.

    Parameters
    ----------
    epochs, steps : int
        How many epochs there are, and steps in each.
    """

    def __init__(self, epochs: int, steps: int) -> None:
        from tqdm import tqdm

        self.epochs = epochs
        self.epoch = 0
        form = "{desc}|{bar}| {n_fmt}/{total_fmt} steps, {elapsed}{postfix}"
        columns, rows = shutil.get_terminal_size()  # asked for here: some terminals say 0, which tqdm believes
        self._bar = tqdm(
            total=epochs * steps, disable=None, file=sys.stderr, bar_format=form, ncols=columns, nrows=rows
        )
        self._bar.set_description_str(f"epoch 1/{epochs} ", refresh=False)

    def advance(self) -> None:
        """One step more."""
        self._bar.update()

    def end_epoch(self, loss: float, accuracy: float) -> None:
        """One epoch more, with what was measured after it."""
        self.epoch += 1
        reached = f"held-out loss {loss:.3f}, accuracy {accuracy:.1%}"
        self._bar.set_description_str(f"epoch {min(self.epoch + 1, self.epochs)}/{self.epochs} ", refresh=False)
        self._bar.set_postfix_str(reached, refresh=False)
        every = -(-self.epochs // _LINES)
        if self._bar.disable and (self.epoch % every == 0 or self.epoch == self.epochs):
            print(f"epoch {self.epoch}/{self.epochs}: {reached}", file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()
