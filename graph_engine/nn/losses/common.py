"""What the losses share: reductions, shapes that must agree, names of arguments as they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.operands import as_variables
from graph_engine.primitives import divide, mean, multiply, sum
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.structure import convert
from graph_engine.source import warn
from graph_engine.spec import kind, show_shape

P = ParamSpec("P")
R = TypeVar("R")

REDUCTIONS = ("mean", "sum", "none")


def reduced(losses: Variable, reduction: str, weights: Variable | None = None) -> Variable:
    """Reduce the samples' losses; a mean with weights divides their sum by that of the weights."""
    if reduction not in REDUCTIONS:
        raise DeclarationError(f"there is no reduction called {reduction!r}", f"choose {', '.join(REDUCTIONS)}")
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if weights is None else divide(sum(losses), sum(weights))


def alike(input: Operand, target: Operand) -> tuple[Variable, Variable]:
    """Refuse shapes that differ: (batch, 1) against (batch,) would broadcast to all pairs."""
    prediction, wanted = as_variables([as_float(input), target])  # a number takes the dtype of the prediction
    if wanted.shape not in (prediction.shape, ()):
        raise ShapeError(
            f"the prediction has shape {show_shape(prediction.shape)}, the target {show_shape(wanted.shape)}",
            "give them one shape, with ge.reshape or ge.squeeze",
        )
    return prediction, wanted if wanted.spec.is_float else convert(wanted, prediction.dtype)


def weighted(losses: Variable, weight: Operand | None) -> Variable:
    """Multiply each loss by a weight that broadcasts to it; (batch, 1) by (batch,) would make all pairs."""
    if weight is None:
        return losses
    result = multiply(losses, weight)
    if result.shape != losses.shape:
        raise ShapeError(
            f"weights of shape {show_shape(as_variable(weight).shape)} do not broadcast to losses of shape "
            f"{show_shape(losses.shape)}",
            "give one weight for each loss, with ge.reshape",
        )
    return result


def class_weights(weight: Operand, scores: Variable, axis: int) -> Variable:
    """Refuse weights that are not one for each class."""
    weights = as_float(weight)
    if weights.shape != scores.shape[axis : axis + 1]:
        raise ShapeError(f"weights of shape {show_shape(weights.shape)} for {scores.shape[axis]} classes")
    return convert(weights, scores.dtype)


def check_class_numbers(target: Variable) -> None:
    """Refuse targets that are no integers."""
    if kind(target.dtype) != "integer":
        raise DTypeError(f"the targets are class numbers, not {target.dtype}", "convert with ge.astype(v, 'int64')")


def renamed(third: str = "", **names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let arguments be called as in the version before, with a warning.

    Parameters
    ----------
    third : str
        What now stands where the third argument was the reduction.
    **names : str
        Old names, with the new ones.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call_renamed(*args: Any, **kwargs: Any) -> R:
            for old in [name for name in kwargs if name in names]:
                warn(f"{function.__name__}: the argument {old!r} is now called {names[old]!r}", DeprecationWarning)
                kwargs[names[old]] = kwargs.pop(old)
            if third and len(args) > 2 and isinstance(args[2], str):
                text = f"{function.__name__}: the third argument is now {third!r}: say reduction={args[2]!r}"
                warn(text, DeprecationWarning)
                args, kwargs = (*args[:2], None, *args[3:]), kwargs | {"reduction": args[2]}
            return function(*args, **kwargs)

        return call_renamed

    return decorate
