"""Values looked at on their way: what a loss supposes of its targets, checked by a guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, DTypeError
from graph_engine.node import Operation, Variable
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import widened
from graph_engine.primitives.gathering import check_places, out_of_range
from graph_engine.primitives.structure import PassOn, check_float
from graph_engine.spec import Spec, normalize_axis

TOLERANCE = 1e-3  # of a sum of probabilities


@dataclass(frozen=True)
class Checked(PassOn):
    """Hand a value on unchanged; its guard refuses values against a rule.

    A guard costs one comparison and one reduction of the value. It is on in `Engine.run` and in each trace, and in
    a compiled step with `guards="values"`; without, the operation is left out, and costs nothing.

    Attributes
    ----------
    rule : {"labels", "signs", "probabilities", "distributions", "not negative"}
        Integers from 0 below `classes`; -1 and +1 only; from 0 to 1; not negative, with sum 1 along `axis`; from 0 on.
    axis : int
    classes : int or dimension
    """

    name, symbol, formula = "checked", "✓", "{x}"
    rule: str = "probabilities"
    axis: int = -1
    classes: int | Dim = 0

    def infer(self, x: Spec) -> Spec:
        if self.rule not in _RULES:
            raise DeclarationError(f"there is no rule called {self.rule!r}", f"choose one of {', '.join(_RULES)}")
        if self.rule == "labels":
            check_places(x)
        else:
            check_float(x)
        if self.rule == "distributions":
            normalize_axis(self.axis, x.ndim)
        return x

    def guard(self, xp: Any, x: Any) -> str | None:
        return _RULES[self.rule](xp, widened(xp, x), self)

    def notes(self, operation: Operation) -> Sequence[str]:
        return (self.rule,)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(0.1, 0.9, 6).reshape(2, 3)
        return (
            Sample(a),
            Sample(a / a.sum(1, keepdims=True), use=Checked("distributions")),
            Sample(np.array([2, 0]), use=Checked("labels", classes=3)),
            Sample(np.array([1.0, -1.0]), use=Checked("signs")),
            Sample(a[:0], use=Checked("not negative")),
            Sample(a, use=Checked("labels", classes=3), raises=DTypeError),
            Sample(a, use=Checked("nonsense"), raises=DeclarationError),
        )


def _labels(xp: Any, x: Any, check: Checked) -> str | None:
    return out_of_range(xp, x, 0, check.classes, "label")  # type: ignore[arg-type]


def _signs(xp: Any, x: Any, check: Checked) -> str | None:
    return _first(xp, x, xp.abs(x) == 1, "is neither -1 nor +1; 2 * t - 1 makes signs of 0 and 1")


def _probabilities(xp: Any, x: Any, check: Checked) -> str | None:
    what = "is no probability: they lie from 0 to 1; ge.nn.sigmoid makes some of scores"
    return _first(xp, x, xp.logical_and(x >= 0, x <= 1), what)


def _distributions(xp: Any, x: Any, check: Checked) -> str | None:
    total = xp.sum(x, axis=check.axis)
    what = "is the sum of a sample's probabilities, which is 1; divide by it, or use ge.nn.softmax of scores"
    wrong = _first(xp, total, xp.abs(total - 1) <= TOLERANCE, what)
    return _not_negative(xp, x, check) or wrong


def _not_negative(xp: Any, x: Any, check: Checked) -> str | None:
    return _first(xp, x, x >= 0, "is negative")


def _first(xp: Any, x: Any, good: Any, what: str) -> str | None:
    """Name the first value that is not good; NaN never is."""
    if bool(xp.all(good)):
        return None
    place = int(xp.argmin(xp.astype(xp.reshape(good, (-1,)), xp.int8)))
    return f"{float(xp.reshape(x, (-1,))[place]):.6g} {what}"


_RULES: dict[str, Callable[[Any, Any, Checked], str | None]] = {
    "labels": _labels,
    "signs": _signs,
    "probabilities": _probabilities,
    "distributions": _distributions,
    "not negative": _not_negative,
}


def checked(x: Variable, rule: str, axis: int = -1, classes: int | Dim = 0) -> Variable:
    """Declare that a variable keeps to a rule; what is constant is checked at once, and needs no operation."""
    check = Checked(rule, axis, classes)
    if x.kind != "constant" or isinstance(classes, Dim):
        result: Variable = check(x)
        return result
    check.infer(x.spec)
    problem = check.guard(np, x.data)
    if problem:
        wrong, _, cure = problem.partition("; ")
        raise DeclarationError(wrong, cure)
    return x


PRIMITIVES: tuple[type[Primitive], ...] = (Checked,)
