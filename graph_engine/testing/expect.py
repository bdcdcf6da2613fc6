"""What checks are written with: an expectation that fails says what was expected, and what came."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any

import numpy as np

from graph_engine.testing.report import Disagreement

Array = np.ndarray[Any, Any]


def expect(condition: bool, expected: object, got: object) -> None:
    """Raise `Disagreement` with both sides, where a condition does not hold."""
    if not condition:
        raise Disagreement(f"expected {expected}, got {got}")


def expect_close(got: Array, expected: Array, tolerance: float, what: str) -> None:
    """Compare within a fraction of the size of the numbers; NaN equals NaN, and integers are exact."""
    expect(got.shape == expected.shape, f"{what} of shape {expected.shape}", got.shape)
    if got.dtype.kind == "f" and expected.dtype.kind == "f":
        a, b = got.astype(np.float64), expected.astype(np.float64)
        finite = b[np.isfinite(b)]
        size = max(1.0, float(np.max(np.abs(finite), initial=0.0)))
        close = np.isclose(a, b, rtol=tolerance, atol=tolerance * size, equal_nan=True)
    else:
        close = np.asarray(got == expected)
    if not np.all(close):
        raise Disagreement(f"expected {what}: {_short(expected)}, got {_short(got)}")


def expect_placeholders(text: str, known: Iterable[str]) -> None:
    """Raise where a formula has a placeholder that is not among those known."""
    used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    expect(used <= set(known), f"placeholders among {sorted(known)}", f"{sorted(used - set(known))} in {text!r}")


def _short(array: Array) -> str:
    return np.array2string(array, threshold=24, precision=8).replace("\n", "") + f" ({array.dtype})"
