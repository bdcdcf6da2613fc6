"""Checks of one sample by itself: derivatives, names, files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from graph_engine.errors import GraphEngineError
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.operands import input
from graph_engine.plugins import primitives as found_primitives
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import sum_array_to
from graph_engine.primitives.structure import sum_to
from graph_engine.testing.case import Case, gradients_of, weighted_sum
from graph_engine.testing.expect import expect, expect_close, expect_placeholders
from graph_engine.testing.formula import read_formula
from graph_engine.testing.report import Disagreement, Inapplicable

Array = np.ndarray[Any, Any]

_STEP = 1e-4  # of finite differences of fourth order: both errors are near 1e-12
_SLOPE_TOLERANCE = 1e-7


def check_refused(primitive: Primitive, sample: Sample) -> None:
    """What must be refused is refused where it is declared, with the user's line."""
    wanted = sample.raises or Exception
    inputs = [input(f"x{i}", value.shape, value.dtype.name) for i, value in enumerate(sample.inputs)]
    try:
        result = primitive(*inputs)
    except GraphEngineError as error:
        expect(isinstance(error, wanted), f"{wanted.__name__} at its declaration", f"{type(error).__name__}: {error}")
        expect(bool(error.lines), "an error that shows the user's line", str(error))
        return
    raise Disagreement(f"expected {wanted.__name__} at its declaration, got {result!r}")


def _hashable(case: Case) -> None:
    """A use with attributes is hashable, and equal to its copy."""
    copy = dataclasses.replace(case.primitive)
    expect(copy == case.primitive and hash(copy) == hash(case.primitive), "an equal copy with an equal hash", copy)


def _first_derivative(case: Case) -> None:
    """The gradient in each input, asked for alone, is the slope that finite differences see; so for each output."""
    if not case.gradients or not case.smooth:
        raise Inapplicable
    floats = [v for v in case.outputs if v.spec.is_float]
    _check_slopes(case, case.loss, "d/d{}")
    for position, output in enumerate(floats if len(floats) > 1 else ()):
        _check_slopes(case, weighted_sum([output], case.seed + position), f"d(output {position})/d{{}}")


def _second_derivative(case: Case) -> None:
    """So is the gradient of a gradient."""
    if not case.second or not case.smooth:
        raise Inapplicable
    _check_slopes(case, case.slope, "d/d{} of a sum of gradients")


def _check_slopes(case: Case, loss: Variable | None, what: str) -> None:
    random = case.random()
    for variable in case.floats if loss is not None else ():
        direction = random.standard_normal(case.feeds[variable].shape)
        (gradient,) = case.evaluate(gradients_of(loss, [variable]))  # type: ignore[arg-type]
        got = float(np.sum(gradient * direction))
        expected = _finite_difference(case, loss, variable, direction)  # type: ignore[arg-type]
        error = abs(got - expected)
        bound = _SLOPE_TOLERANCE * max(1.0, abs(expected), float(np.sum(np.abs(gradient * direction))))
        expect(error <= bound, f"{what.format(variable.name)} along a direction to be {expected!r}", repr(got))


def _finite_difference(case: Case, loss: Variable, variable: Variable, direction: Array) -> float:
    """Differentiate along a direction, to fourth order."""

    def at(t: float) -> float:
        return float(case.evaluate([loss], {variable: case.feeds[variable] + t * direction})[0])

    near, far = at(_STEP) - at(-_STEP), at(2 * _STEP) - at(-2 * _STEP)
    return (8 * near - far) / (12 * _STEP)


def _local_derivatives(case: Case) -> None:
    """What a picture shows at each port speaks of inputs and output, and is the number that the rule gives."""
    operation = case.outputs[0].operation
    if operation is None or operation.primitive != case.primitive:
        raise Inapplicable
    shown = case.primitive.local_derivatives(operation)
    expect(len(shown) == len(operation.inputs), f"{len(operation.inputs)} local derivatives", f"{len(shown)}: {shown}")
    for text in shown:
        expect_placeholders(text or "", {*case.primitive.input_names, "y", "d"})
    usable = case.primitive.elementwise and case.gradients and case.smooth and operation.inputs == tuple(case.inputs)
    if not usable or len(case.outputs) != 1:
        return
    arrays, (output,) = list(case.feeds.values()), case.evaluate(case.outputs)
    loss = sum_to(case.outputs[0], ())
    for variable, text in zip(case.inputs, shown, strict=True):
        if variable.spec.is_float and text is not None and "{d}" not in text:
            factor = read_formula(text, case.primitive, arrays, output)
            (rule,) = case.evaluate(gradients_of(loss, [variable]))
            expected = sum_array_to(np, factor, rule.shape)
            expect_close(rule, expected, 1e-9, f"the rule for {variable.name} to be {text}")


def _formula_value(case: Case) -> None:
    """The formula of an elementwise primitive, read as an expression, gives what the kernel gives."""
    formula, names = case.primitive.formula, case.primitive.input_names
    if not case.primitive.elementwise or not formula or len(case.outputs) != 1 or len(names) != len(case.inputs):
        raise Inapplicable
    (output,) = case.evaluate(case.outputs)
    expected = read_formula(formula, case.primitive, list(case.feeds.values()), output).astype(output.dtype)
    expect_close(output, expected, 1e-6 if output.dtype.kind == "f" else 0, f"the value to be {formula}")


def _bound(case: Case) -> None:
    """Binding no names changes nothing."""
    expect(case.primitive.bind({}) == case.primitive, f"bind({{}}) to give {case.primitive}", case.primitive.bind({}))


def _dimension_names(case: Case) -> None:
    """Where a named dimension is accepted, value and gradient are those of the number that it stands for."""
    for size in sorted({size for array in case.feeds.values() for size in array.shape}):
        named = Case(case.primitive, case.index, case.sample, case.dtype, dimensions={size: "n"})
        try:
            outputs = named.outputs
        except GraphEngineError:
            continue  # this use needs to know the size
        plain, wanted = case.outputs, outputs
        if not any("n" in getattr(size, "names", ()) for v in outputs for size in v.shape) and named.gradients:
            plain, wanted = plain + case.gradients, wanted + named.gradients
        results = named.evaluate([*wanted, *named.gradients])
        for variable, got, expected in zip(wanted, results, case.evaluate(plain)):
            expect_close(got, expected, 1e-12, f"{variable.name} with a dimension of {size} called 'n'")
        for variable, got in zip((*wanted, *named.gradients), results, strict=True):
            bound = variable.spec.bind(named.names).shape
            expect(got.shape == bound, f"{variable.name} of shape {bound}, which is {variable.shape}", got.shape)


def _json(case: Case) -> None:
    """A graph with it comes back from JSON as it was."""
    if found_primitives().get(case.primitive.name) is not type(case.primitive):
        raise Inapplicable("not found by ge.primitives(), so files cannot name it")
    graph = Graph(*case.outputs)
    again = Graph.from_json(graph.to_json())
    expect(
        [op.primitive for op in again.operations] == [op.primitive for op in graph.operations],
        f"{[op.primitive for op in graph.operations]} back from JSON",
        [op.primitive for op in again.operations],
    )
    specs = [v.spec for v in graph.variables]
    expect([v.spec for v in again.variables] == specs, f"{specs} back from JSON", [v.spec for v in again.variables])


OF_SAMPLE: dict[str, Callable[[Case], None]] = {
    "hashable": _hashable,
    "first derivative": _first_derivative,
    "second derivative": _second_derivative,
    "local derivatives": _local_derivatives,
    "formula's value": _formula_value,
    "bind": _bound,
    "named dimensions": _dimension_names,
    "JSON": _json,
}
