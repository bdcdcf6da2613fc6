"""History: what was measured in each epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph_engine.declaring import refused
from graph_engine.errors import FileError, LookupFailed
from graph_engine.files.placing import write_beside
from graph_engine.training.metrics import Direction, direction

FORMAT = "graph_engine.history"
VERSION = 1
Values = dict[str, list[float]]


class History:
    """What was measured in each epoch of a training.

    Attributes
    ----------
    train : dict of str to list of float
        By metric, a number for each epoch: the mean over its batches, each measured before its update.
    validation : dict of str to list of float
        By metric, a number for each epoch, measured after it.

    Examples
    --------
    >>> import graph_engine as ge
    >>> history = ge.training.History()
    >>> history.add({"loss": 2.0}, {"loss": 2.5})
    >>> history.add({"loss": 1.0}, {"loss": 2.6})
    >>> history.train["loss"], history.best_epoch("loss"), len(history)
    ([2.0, 1.0], 1, 2)
    """

    def __init__(self) -> None:
        self.train: Values = {}
        self.validation: Values = {}
        self._epochs = 0

    def __len__(self) -> int:
        """Return the number of epochs."""
        return self._epochs

    def add(self, train: Mapping[str, float], validation: Mapping[str, float] | None = None) -> None:
        """Add an epoch."""
        new = (dict(train), dict(validation or {}))
        for known, found in zip((self.train, self.validation), new, strict=True):
            if self._epochs and set(known) != set(found):
                raise refused(f"earlier epochs measured {_names(known)}, this one {_names(found)}")
        for known, found in zip((self.train, self.validation), new, strict=True):
            for name, value in found.items():
                known.setdefault(name, []).append(float(value))
        self._epochs += 1

    def values(self, metric: str) -> list[float]:
        """Return a metric epoch by epoch: on the validation data if it was measured there, else in training."""
        for known in (self.validation, self.train):
            if metric in known:
                return known[metric]
        raise LookupFailed(
            f"no metric is called {metric!r}",
            f"there are {_names(self.train)}; in validation {_names(self.validation)}",
        )

    def best_epoch(self, metric: str = "loss", mode: Direction | None = None) -> int | None:
        """Return the number, from 1, of the epoch that was best; None where there is none yet.

        Parameters
        ----------
        metric : str
        mode : {"min", "max"}, optional
            Which way it gets better; by default what its name says (loss, error; accuracy, score).
        """
        values = self.values(metric)
        sign = 1 if direction(metric, mode) == "min" else -1
        numbers = [(sign * value, epoch) for epoch, value in enumerate(values, start=1)]
        return min((pair for pair in numbers if not math.isnan(pair[0])), default=(0.0, None))[1]

    def plot(self, best: str | None = "loss") -> Any:
        """Draw the learning curves.

        Parameters
        ----------
        best : str, optional
            The metric whose best epoch is marked; None: no mark.

        Returns
        -------
        matplotlib.figure.Figure
            A picture for each metric, in training and held out. The mean over an epoch stands in the epoch's middle,
            half an epoch before what was measured after it.
        """
        from graph_engine.training.curves import draw

        return draw(self, best)

    def save(self, path: Any) -> None:
        """Write it as JSON; an older file stays until the new one is complete."""
        write_beside(path, json.dumps({"format": FORMAT, "version": VERSION, **self.state()}, indent=1).encode())

    @classmethod
    def load(cls, path: Any) -> History:
        """Read what `save` wrote.

        Raises
        ------
        FileError
            Where the file is something else, of another version or damaged.
        """
        try:
            document = json.loads(Path(path).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise FileError(f"{path} cannot be read as a history: {error}") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise FileError(f"{path} is no {FORMAT!r}")
        if document.get("version") != VERSION:
            raise FileError(f"{path} is of version {document.get('version')!r}; this library reads version {VERSION}")
        history = cls()
        try:
            history.restore(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileError(f"{path} is damaged: {error}") from error
        return history

    def state(self) -> dict[str, Any]:
        """Return everything as what JSON holds; what is not finite as text."""
        return {"epochs": self._epochs, "train": _write(self.train), "validation": _write(self.validation)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        epochs, train, validation = int(state["epochs"]), _read(state["train"]), _read(state["validation"])
        if any(len(values) != epochs for values in (*train.values(), *validation.values())):
            raise ValueError(f"not all metrics have {epochs} epochs")
        self._epochs, self.train, self.validation = epochs, train, validation

    def __repr__(self) -> str:
        return f"<history of {self._epochs} epochs: {_names(self.train)}; in validation {_names(self.validation)}>"


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(values) or "nothing"


def _write(values: Values) -> dict[str, list[float | str]]:
    return {name: [v if math.isfinite(v) else str(v) for v in found] for name, found in values.items()}


def _read(values: Mapping[str, list[float | str]]) -> Values:
    return {str(name): [float(value) for value in found] for name, found in values.items()}
