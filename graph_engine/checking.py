"""Gradients checked against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.backward_pass import backward
from graph_engine.engine import Engine
from graph_engine.errors import GradientError
from graph_engine.feeds import arrange
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.passes.retype import Retype
from graph_engine.spec import show_shape

Array = np.ndarray[Any, Any]

MOST_ELEMENTS = 64  # up to here every element is tried, above it random directions
_DIRECTIONS = 12
_STEP = 6e-6  # the cube root of float64's precision: truncation and rounding are equally small
_SMALLEST_SLOPE = 1e-3  # relative to the loss: what rounding hides below this is not counted
_KINK = 1e-2


@dataclass(frozen=True)
class CheckedVariable:
    """What the check of one variable's gradient found.

    Attributes
    ----------
    name : str
    shape : tuple of int
    tried : str
        `"6 elements"` or `"12 directions"`.
    error : float
        The largest relative error; infinite where one side is no finite number.
    place : str
        Where that was: an element, `[1, 2]`, or a direction.
    gradient, difference : float
        What was computed there by the rules, and by finite differences.
    kinks : int
        How many of the tries stood at a kink.
    ok : bool
    """

    name: str
    shape: tuple[int, ...]
    tried: str
    error: float
    place: str
    gradient: float
    difference: float
    kinks: int
    ok: bool


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found; printed, it is a table.

    Attributes
    ----------
    loss : str
    variables : tuple of CheckedVariable
    """

    loss: str
    variables: tuple[CheckedVariable, ...]

    @property
    def ok(self) -> bool:
        """Whether all gradients agree with finite differences."""
        return all(checked.ok for checked in self.variables)

    def raise_if_wrong(self) -> None:
        """Raise a `GradientError` that shows the table, where a gradient is wrong."""
        if not self.ok:
            raise GradientError(f"gradients of {self.loss!r} differ from finite differences\n{self}")

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("variable", "shape", "tried", "max error", "at", "gradient", "difference", "")]
        rows += [_row(checked) for checked in self.variables]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        verdict = "all agree with finite differences" if self.ok else "NOT all agree with finite differences"
        return "\n".join([*lines, f"gradients of {self.loss!r}: {verdict}"])


def _row(checked: CheckedVariable) -> tuple[str, ...]:
    kinks = f" ({checked.kinks} at a kink)" if checked.kinks else ""
    numbers = [f"{number:.6g}" for number in (checked.gradient, checked.difference)]
    verdict = ("ok" if checked.ok else "WRONG") + kinks
    shape, error = show_shape(checked.shape), f"{checked.error:.1e}"
    return checked.name, shape, checked.tried, error, checked.place, *numbers, verdict


def check_gradients(
    loss: Variable,
    feeds: Mapping[Any, Any] | None = None,
    wrt: Variable | str | Sequence[Variable | str] | None = None,
    engine: Engine | None = None,
    seed: int = 0,
    tolerance: float = 1e-5,
) -> GradientReport:
    """Compare the gradients of a scalar with central finite differences, in float64.

    The graph is retyped to float64 first, so that what is found is a wrong rule and no rounding. Each element of a
    variable is tried where there are at most 64, else the slopes along 12 random directions.

    At a kink or a tie (`relu` at 0, two equal maxima) the slopes to the left and to the right differ, and no finite
    difference means anything; there a gradient is right if it lies between the two, and the report counts such
    places. What stands behind `stop_gradient` is reported as wrong, as it is meant to be.

    Parameters
    ----------
    loss : Variable
        A scalar of a float dtype.
    feeds : mapping, optional
        As in `Engine.run`.
    wrt : Variable, name, or sequence of them, optional
        Inputs and parameters of float dtypes; by default all of them.
    engine : Engine, optional
        Whose backend computes, and whose values the parameters have; by default NumPy and the initial values. Nothing
        in it changes.
    seed : int
        Of the random directions.
    tolerance : float
        The largest relative error that is right.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError
        Where the loss is no scalar, or there is nothing to differentiate with respect to.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, w = ge.input("x", 2), ge.parameter("w", [3.0, 4.0])
    >>> y = x * x * w
    >>> loss = y[0] + y[1]
    >>> report = ge.check_gradients(loss, {x: [1, 2]})
    >>> report.ok, [checked.name for checked in report.variables]
    (True, ['x', 'w'])
    """
    _check_loss(loss)
    engine = engine or Engine("numpy")
    graph = Graph(loss)
    targets = _targets(graph, wrt)
    arrange(engine.backend, graph, feeds or {})  # what `run` would refuse is refused
    rewritten = _ParametersAsInputs("float64")(graph)
    became = rewritten.became
    values = _values(engine, graph, rewritten.graph, became, feeds or {})
    new_loss, wanted = became[loss], [became[target] for target in targets]
    found = backward(new_loss, wanted)
    runner = Engine(engine.backend)
    gradients = [_run(runner, found[v], values) if v in found else np.zeros(values[v].shape) for v in wanted]
    random = np.random.default_rng(seed)
    checked = []
    for target, variable, gradient in zip(targets, wanted, gradients, strict=True):

        def at(x: Array, variable: Variable = variable) -> float:
            return float(_run(runner, new_loss, {**values, variable: x}).reshape(()))

        name = graph.name_of(target)
        checked.append(_check(name, at, values[variable], gradient, random, tolerance))
    return GradientReport(graph.name_of(loss), tuple(checked))


class _ParametersAsInputs(Retype):
    def leaf(self, variable: Variable) -> Variable:
        if variable.kind != "parameter":
            return super().leaf(variable)
        spec = variable.spec.with_dtype(self.dtype) if variable.spec.is_float else variable.spec
        return Variable(spec, "input", variable.source, name=variable.name)


def _check_loss(loss: Variable) -> None:
    if not isinstance(loss, Variable):
        raise GradientError(f"{loss!r} is no variable", "check_gradients(loss, {x: value})")
    if not loss.spec.is_float or loss.size != 1:
        raise GradientError(
            f"{loss.name!r} is {loss.spec}; gradients are checked of one real number",
            "use ge.sum or ge.mean on it first",
            (("declared at", loss.line),),
        )


def _targets(graph: Graph, wrt: Variable | str | Sequence[Variable | str] | None) -> list[Variable]:
    if wrt is None:
        found = [v for v in (*graph.inputs, *graph.parameters) if v.spec.is_float]
        if not found:
            raise GradientError(f"{graph.outputs[0].name!r} depends on no input or parameter of a float dtype")
        return found
    names = [wrt] if isinstance(wrt, (Variable, str)) else wrt
    targets = [graph[name] if isinstance(name, str) else name for name in names]
    for target in targets:
        if not isinstance(target, Variable) or target not in graph or target.kind not in ("input", "parameter"):
            name = target.name if isinstance(target, Variable) else repr(target)
            raise GradientError(f"{name!r} is no input or parameter that the loss depends on")
        if not target.spec.is_float:
            raise GradientError(f"{target.name!r} is {target.spec}; only real numbers have derivatives")
    return targets


def _values(
    engine: Engine, graph: Graph, new: Graph, became: Mapping[Variable, Variable], feeds: Mapping[Any, Any]
) -> dict[Variable, Array]:
    backend = engine.backend
    given = {became.get(key, key) if isinstance(key, Variable) else key: value for key, value in feeds.items()}
    given |= {became[p]: backend.to_numpy(engine.value(p)) for p in graph.parameters}
    arrays, _ = arrange(backend, new, given)
    return {v: np.array(backend.to_numpy(a)) for v, a in zip(new.inputs, arrays, strict=True)}


def _run(engine: Engine, variable: Variable, values: Mapping[Variable, Array]) -> Array:
    return np.array(engine.backend.to_numpy(engine.run(variable, values)))


# ---- one variable ----------------------------------------------------------------------------------------------


def _check(
    name: str, loss: Callable[[Array], float], x: Array, gradient: Array, random: np.random.Generator, tolerance: float
) -> CheckedVariable:
    elements = x.size <= MOST_ELEMENTS
    tried = f"{x.size} element{'s' * (x.size != 1)}" if elements else f"{_DIRECTIONS} directions"
    middle = loss(x)
    worst, kinks = (0.0, "", 0.0, 0.0), 0
    for place, direction in _elements(x) if elements else _random_directions(x, random):
        slope = float((gradient * direction).sum())
        error, difference, kink = _compare(loss, x, direction, middle, slope, tolerance)
        kinks += kink
        if error > worst[0] or not worst[1]:
            worst = (error, place, slope, difference)
    error, place, slope, difference = worst
    return CheckedVariable(name, x.shape, tried, error, place, slope, difference, kinks, error <= tolerance)


def _elements(x: Array) -> Iterator[tuple[str, Array]]:
    for index in np.ndindex(x.shape):
        direction = np.zeros(x.shape)
        direction[index] = 1.0
        yield str(list(index)), direction


def _random_directions(x: Array, random: np.random.Generator) -> Iterator[tuple[str, Array]]:
    for number in range(_DIRECTIONS):
        direction = np.asarray(random.standard_normal(x.shape))
        yield f"direction {number}", direction / float(np.linalg.norm(direction))


def _compare(
    loss: Callable[[Array], float], x: Array, direction: Array, middle: float, slope: float, tolerance: float
) -> tuple[float, float, bool]:
    """Return the relative error of a slope, the finite difference, and whether the place is a kink."""
    step = _STEP * max(1.0, float(np.abs(x[direction != 0]).max()))
    left, right = (middle - loss(x - step * direction)) / step, (loss(x + step * direction) - middle) / step
    difference = (left + right) / 2
    if not math.isfinite(difference) or not math.isfinite(slope):
        return math.inf, difference, False
    scale = max(abs(slope), abs(difference), _SMALLEST_SLOPE * max(1.0, abs(middle)))
    error = abs(slope - difference) / scale
    kink = abs(right - left) > _KINK * scale
    if kink and error > tolerance:
        low, high = sorted((left, right))
        error = max(low - slope, slope - high, 0.0) / scale
    return error, difference, kink
