"""How one variable differs between two runs, and how its operation explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graph_engine.node import Variable
from graph_engine_viz.summary import short

__all__ = ["WORDS", "Difference", "Verdict", "largest_error"]

Array = np.ndarray[Any, Any]
Verdict = Literal["equal", "rounding", "inherited", "diverged", "unknown"]
WORDS: dict[Verdict, tuple[str, str]] = {
    "equal": ("equal", "are equal"),
    "rounding": ("differs as rounding explains", "differ as rounding explains"),
    "inherited": ("differs because what it is computed from does", "differ because what they are computed from does"),
    "diverged": ("differs by more than rounding explains", "differ by more than rounding explains"),
    "unknown": ("differs, and cannot be judged", "differ, and cannot be judged"),
}
"""Each verdict on one variable, and on several."""


@dataclass(frozen=True)
class Difference:
    """One variable in two runs.

    Attributes
    ----------
    variable : Variable
        Of the first run.
    name : str
    verdict : {"equal", "rounding", "inherited", "diverged", "unknown"}
    absolute, relative : float
        The largest error, and it relative to the largest magnitude; infinite where one is finite and the other not.
    place : tuple of int
        Where the error is largest.
    values : (float, float)
        Both values there.
    excess : float
        The error that the operation itself made, in units of what rounding explains; the larger one of both runs. NaN
        where that is unknown.
    shapes : (tuple of int, tuple of int) or None
        Both shapes, where they differ; then there are no errors and values to speak of (NaN).
    changed : tuple of str
        What its operation is in the two runs, where that is not the same: `"eps: 1e-05 and 1.0"`; of what diverged.
    reason : str
        What could not be computed, and why; of what is unknown.
    """

    variable: Variable
    name: str
    verdict: Verdict
    absolute: float = 0.0
    relative: float = 0.0
    place: tuple[int, ...] = ()
    values: tuple[float, float] = (0.0, 0.0)
    excess: float = 0.0
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    changed: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        if self.verdict == "equal":
            return f"{self.name}: equal"
        words, because = WORDS[self.verdict][0], "".join(f"; {what}" for what in self.changed)
        if self.shapes is not None:
            words = "has another shape" if self.verdict == "diverged" else words
            return f"{self.name}: {words}: {self.shapes[0]} and {self.shapes[1]}{because}"
        at = f" at [{', '.join(map(str, self.place))}]" if self.place else ""
        one, other = (short(value, 8) for value in self.values)
        error = f"{one} and {other}{at}, error {short(self.absolute, 3)}, relative {short(self.relative, 3)}"
        reason = f"; {self.reason}" if self.reason else ""
        return f"{self.name}: {words}: {error}{because}{reason}"


def largest_error(one: Array, other: Array) -> tuple[float, float, tuple[int, ...]]:
    """Return the largest absolute error, it relative to the largest magnitude, and its place."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        errors = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    errors = np.nan_to_num(errors, nan=np.inf, posinf=np.inf)
    if not errors.size:
        return 0.0, 0.0, ()
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(errors)), errors.shape))
    finite = np.abs(np.concatenate([a[np.isfinite(a)], b[np.isfinite(b)]]))
    error, scale = float(errors[place]), float(np.max(finite, initial=0.0))
    return error, error / scale if scale else error, place
