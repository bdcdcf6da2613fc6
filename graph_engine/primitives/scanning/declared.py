"""`ge.scan`: a loop declared by a function of one step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graph_engine.body import close
from graph_engine.context import current_context
from graph_engine.declaring import located
from graph_engine.dims import dimension
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.primitive import apply
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.scanning.loop import Scan
from graph_engine.source import capture
from graph_engine.spec import Spec

Values = Operand | Sequence[Operand] | None


@located
def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    init: Values,
    xs: Values = None,
    length: int | str | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Declare a loop: from a carry and an element of `xs`, `body` computes a new carry and an element of the result.

    It is one operation, in which `body` is declared once however many steps there are. Variables that the body uses
    besides (weights, results of earlier operations) are found, and gradients flow to them too. To see inside, step by
    step, unroll it: `ge.passes.unroll`. A loop that stops at a value is a Python loop over compiled steps.

    Parameters
    ----------
    body : callable
        `body(carry, x)` returns `(new_carry, y)`; called once. The new carry has the shapes and dtypes of the old one;
        `y` is a variable, a tuple of them, or None.
    init : Variable, or tuple of Variable
        The first carry.
    xs : Variable, or tuple of Variable, optional
        What is looped over, along the first dimension, which may have a name.
    length : int or str, optional
        The number of steps; needed where there are no `xs`.
    reverse : bool
        From the last element to the first; the results stand in the order of `xs` all the same.

    Returns
    -------
    carry, ys : Variable, tuple of Variable, or None
        The last carry, and what the steps gave, stacked along a new first dimension.

    Raises
    ------
    ShapeError, DTypeError
        Where the carry changes its shape or dtype, or the lengths of `xs` differ.

    Notes
    -----
    The gradient is a scan in the other direction that computes each step forward again, from the carry it began with.
    Carries that are among the `ys` are taken from there; others are computed once more, by a scan that keeps them.

    Examples
    --------
    >>> import graph_engine as ge
    >>> xs, decay = ge.input("xs", "time"), ge.input("decay")
    >>> def step(mean, x):
    ...     mean = decay * mean + (1 - decay) * x
    ...     return mean, mean
    >>> last, means = ge.scan(step, 0.0, xs)
    >>> ge.Engine("numpy").run(means, {xs: [8, 0, 4], decay: 0.5}).tolist()
    [4.0, 2.0, 3.0]
    >>> ge.Engine("numpy").run(ge.grad(last, xs), {xs: [8, 0, 4], decay: 0.5}).tolist()
    [0.125, 0.25, 0.5]
    """
    carries, sequences = _listed(init), _listed(xs)
    if not carries and not sequences:
        raise DeclarationError("a loop needs something to hand on, or to go through", "give it init, or xs")
    names = _parameter_names(body)
    inputs = _step_inputs(names[0], init, carries, [v.spec for v in carries])
    inputs += _step_inputs(names[1], xs, sequences, [_element(v) for v in sequences])
    n = len(carries)
    returned = body(_as_given(init, inputs[:n]), _as_given(xs, inputs[n:]))
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise DeclarationError(f"the body returned {returned!r}", "it returns a pair: (new_carry, y), y may be None")
    new, ys = returned
    outputs = [*_listed(new), *_listed(ys)]
    if len(_listed(new)) != n:
        raise DeclarationError(f"the carry goes in as {n} variables but comes out as {len(_listed(new))}")
    closed, shared = close(inputs, outputs, current_context().scope)
    steps = None if length is None else dimension(length)
    primitive = Scan(closed, n, len(sequences), steps, bool(reverse))
    single = n == 1 and len(outputs) <= 2  # then the names that the line assigns are those of the outputs
    results = apply(primitive, (*carries, *sequences, *shared), inner=not single)
    return _as_given(init, results[:n]), _as_given(ys, results[n:])


def _listed(values: Values) -> list[Variable]:
    if values is None:
        return []
    listed = values if isinstance(values, (tuple, list)) else [values]
    return [as_variable(value) for value in listed]  # each by itself: a count beside a number stays an integer


def _as_given(pattern: Values, values: Sequence[Variable]) -> Any:
    if pattern is None:
        return None
    return tuple(values) if isinstance(pattern, (tuple, list)) else values[0]


def _element(sequence: Variable) -> Spec:
    if sequence.ndim == 0:
        raise ShapeError(f"{sequence.name!r} is one number, which has no elements", "use it in the body as it is")
    return sequence.spec.with_shape(sequence.shape[1:])


def _step_inputs(name: str, pattern: Values, values: Sequence[Variable], specs: Sequence[Spec]) -> list[Variable]:
    """Make what the body is called with, under the names of its parameters."""
    several, source = isinstance(pattern, (tuple, list)), capture(inner=True)
    names = [f"{name}{i}" if several else name for i in range(len(values))]
    return [Variable(spec, "input", source, name=label) for label, spec in zip(names, specs, strict=True)]


def _parameter_names(body: Callable[..., Any]) -> tuple[str, str]:
    try:
        names = list(inspect.signature(body).parameters)
    except (TypeError, ValueError):  # a callable without a signature
        names = []
    return (names[0], names[1]) if len(names) == 2 else ("carry", "x")
