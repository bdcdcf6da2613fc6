"""How a step gives a parameter its new value, and with it what an optimiser keeps for it.

Plain gradient descent is written as such: ``w ← w - γ ∂L/∂w = 1 - 0.5 × 2 = 0``. Another rule is read from its
operations, back to the parameter, its gradient and what is kept: ``velocity ← 0.9 × velocity + ∂L/∂w``, and then
``w ← w - 0.1 × velocity``. Numbers that do not depend on them (step sizes) are written as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape
from graph_engine.trace import Step
from graph_engine_viz.summary import MAX_PRINTED
from graph_engine_viz.telling import Index, Teller, bracketed, largest, told
from graph_engine_viz.typeset import Run
from graph_engine_viz.wording import Line, Part, fill, line_text, part

__all__ = ["UpdateRule"]

LONGEST = 105
MOST_LINES = 6

# How tightly an operation binds, and how tightly what stands in each of its places must, to go without brackets.
BINDING: dict[str, tuple[int, tuple[int, ...]]] = {
    "add": (1, (1, 1)),
    "accumulate": (1, (1, 1)),
    "subtract": (1, (1, 2)),
    "multiply": (2, (2, 2)),
    "divide": (2, (2, 3)),
    "negative": (2, (3,)),
    "square": (3, (4,)),
    "pow": (3, (4, 4)),
    "where": (0, (1, 1, 1)),
}
SLOPE, ATOM = 2, 4  # ∂L/∂w is a quotient


class UpdateRule(Teller):
    """Writes how parameters get their new values."""

    def lines(self, step: Step) -> list[Line]:
        """Write how a parameter gets its new value, from its old one and its gradient."""
        parameter = step.variable
        assert parameter is not None
        new = self.trace.updates[parameter]
        if new not in self.trace.arrays:
            return []
        name = self.words.short_name(parameter)
        if parameter not in self.trace.arrays:  # nothing that was run reads it
            return [(Part(name), part(" ← "), Part(self.words.short_name(new)), *self._equals(new))]
        change = self.value(new) - self.value(parameter) if new.spec.is_float else self.value(new)
        index: Index | None = () if np.ndim(change) == 0 else largest(np.asarray(change))
        plain = self._rate(parameter, new, self.trace.gradients.get(parameter)) is not None
        if not plain and step.substeps and index is not None:
            written = Written(self, step, index).lines()
            if written:
                return written
        return self._change(parameter, new, index)

    def _change(self, parameter: Variable, new: Variable, index: Index | None) -> list[Line]:
        """Write the rule of gradient descent, or of another one just by how much the value changes."""
        old_value, new_value = self.value(parameter), self.value(new)
        name = self.words.short_name(parameter)
        gradient = self.trace.gradients.get(parameter)
        rate = self._rate(parameter, new, gradient)
        head: Line = (Part(name), part(" ← "), Part(name))
        if rate is not None:
            symbols: Line = (*head, part(" - "), Part((Run("γ", "italic"),)), part(" "), Part(self.slope(parameter)))
        else:
            symbols = (*head, part(" + "), Part((Run("Δ"), *name)))
        if index is None:
            return [symbols]
        slope = None if gradient is None or gradient not in self.trace.arrays else self.value(gradient)[index]
        numbers = self._update_numbers(old_value[index], new_value[index], slope, rate)
        if new_value.ndim == 0:
            return [(*symbols, part(" = "), *numbers)]
        element: Line = (*self.element(name, index), part(" ← "))
        return [(*symbols, part("    " + show_shape(new_value.shape), "note")), (*element, *numbers)]

    def _equals(self, variable: Variable) -> Line:
        array = self.value(variable)
        return (part(" = "), part(told(array), "value")) if array.size <= MAX_PRINTED and array.ndim <= 1 else ()

    def _update_numbers(self, old: Any, new: Any, slope: Any, rate: Any) -> Line:
        before = part(told(old), "value")
        after = (part(" = "), part(told(new), "value"))
        if rate is not None:
            step = (part(told(rate), "value"), part(" × "), *bracketed((part(told(slope), "gradient"),)))
            return (before, part(" - "), *step, *after)
        change = bracketed((part(told(np.subtract(new, old)), "value"),))
        meaning: Line = () if slope is None else (part("    gradient ", "note"), part(told(slope), "gradient"))
        return (before, part(" + "), *change, *after, *meaning)

    def _rate(self, parameter: Variable, new: Variable, gradient: Variable | None) -> Any:
        """Find γ where the rule is w - γ ∂L/∂w; None where it is another one."""
        last = before_conversion(new).operation
        if gradient is None or last is None or last.primitive.name != "subtract":
            return None
        old, product = before_conversion(last.inputs[0]), before_conversion(last.inputs[1]).operation
        if old is not parameter or product is None or product.primitive.name != "multiply":
            return None
        factors, gradient = [before_conversion(v) for v in product.inputs], before_conversion(gradient)
        if gradient not in factors:
            return None
        rate = self.array(product.inputs[1 - factors.index(gradient)])
        return rate.reshape(-1)[0] if rate.size == 1 else None


class Written:
    """The formulas of one update step, read from its operations.

    Parameters
    ----------
    teller : UpdateRule
    step : Step
    index : tuple of int
        The element that is followed in numbers.
    """

    def __init__(self, teller: UpdateRule, step: Step, index: Index) -> None:
        self.teller, self.trace, self.index = teller, teller.trace, index
        assert step.variable is not None
        self.parameter = step.variable
        made = set(step.outputs)
        kept = {p: new for p, new in self.trace.updates.items() if new in made and new.spec.is_float}
        self.targets = sorted(kept.items(), key=lambda pair: pair[1].index)
        self.names = {new: p for p, new in self.targets} | {p: p for p in kept}
        self.operations = {sub.operation for sub in step.substeps if sub.operation is not None}
        self.moving = self._moving(step)

    def lines(self) -> list[Line]:
        """Write the new values in the order in which they are computed; none where a formula is too long to read."""
        pairs = [(target, self._pair(target, new)) for target, new in self.targets]
        if any(len(line_text(pair[0])) > LONGEST for _, pair in pairs):
            return []
        crowded = sum(len(pair) for _, pair in pairs) > MOST_LINES
        return [line for p, pair in pairs for line in (pair if p is self.parameter or not crowded else pair[:1])]

    def _pair(self, target: Variable, new: Variable) -> list[Line]:
        """Write a new value in symbols, and in numbers: in one line where there is room."""
        name, array = self._name(target), self.teller.value(new)
        symbols: Line = (Part(name), part(" ← "), *self._formula(new, self._symbol)[0])
        result: Line = (part(" = "), *self._told(new, "value"))
        numbers: Line = (*self._formula(new, self._number)[0], *result)
        whole: Line = (*symbols, part(" = "), *numbers)
        if array.ndim == 0 and len(line_text(whole)) <= LONGEST:
            return [whole]
        element = self.teller.element(name, self._at(array))
        shape: Line = (part("    " + show_shape(array.shape), "note"),) if array.ndim else ()
        first, second = (*symbols, *shape), (*element, part(" ← "), *numbers)
        return [
            first if len(line_text(first)) <= LONGEST else symbols,
            second if len(line_text(second)) <= LONGEST else (*element, *result),
        ]

    def _formula(self, new: Variable, leaf: Callable[[Variable], tuple[Line, int]]) -> tuple[Line, int]:
        """Write how a new value is computed, and say how tightly that binds."""
        written: dict[Variable, tuple[Line, int]] = {}

        def of(variable: Variable) -> tuple[Line, int]:
            return written[variable] if variable in written else leaf(variable)

        for operation in self._behind(new):
            output = operation.outputs[0]
            if operation.primitive.name in ("astype", "pass_on"):
                written[output] = of(operation.inputs[0])
            else:
                written[output] = _applied(operation, of)
        return of(new)

    def _behind(self, new: Variable) -> list[Operation]:
        """Find the operations of this step that compute a new value from what has a name or a number."""
        found: set[Operation] = set()
        stack = [new]
        while stack:
            variable = stack.pop()
            operation = variable.operation
            named = variable in self.names and variable is not new
            if named or variable not in self.moving or operation not in self.operations or operation in found:
                continue
            found.add(operation)
            stack += operation.inputs
        return sorted(found, key=lambda operation: operation.index)

    def _moving(self, step: Step) -> set[Variable]:
        """Find what depends on the parameter, its gradient and what is kept; numbers for several parameters do not."""
        uses = self.trace.graph.consumers
        moving = {*self.names, *(v for v in step.inputs if v.gradient is not None)}
        for sub in step.substeps:
            for output in sub.outputs:
                owners = {operation.owner for operation, _ in uses[output]}
                if any(v in moving for v in sub.inputs) and len(owners) <= 1:
                    moving.add(output)
        return moving

    def _name(self, target: Variable) -> tuple[Run, ...]:
        """Call what is kept by the last part of its name: whose it is, the step says."""
        words = self.teller.words
        return words.short_name(target) if target is self.parameter else words.name(target, target.scope)

    def _symbol(self, variable: Variable) -> tuple[Line, int]:
        if variable in self.names:
            return (Part(self._name(self.names[variable])),), ATOM
        if variable.gradient is not None:
            return (Part(self.teller.slope(variable.gradient.variable)),), SLOPE
        return self._number(variable)

    def _number(self, variable: Variable) -> tuple[Line, int]:
        line = self._told(variable, "gradient" if variable.gradient is not None else "value")
        return line, 1 if line_text(line).startswith("-") else ATOM

    def _told(self, variable: Variable, role: Any) -> Line:
        array = self.teller.array(variable)
        return (part(told(array[self._at(array)]), role),)

    def _at(self, array: Any) -> Index:
        """Return where the element that is followed stands in an array; in one of another shape, its first."""
        shape = self.teller.array(self.parameter).shape
        return self.index if array.shape == shape else (0,) * array.ndim


def _applied(operation: Operation, of: Callable[[Variable], tuple[Line, int]]) -> tuple[Line, int]:
    """Write an operation on what has been written, with the brackets that it needs."""
    binding, places = BINDING.get(operation.primitive.name, (ATOM, ()))
    needed: dict[Variable, int] = {}
    for variable, place in zip(operation.inputs, places, strict=False):
        needed[variable] = max(place, needed.get(variable, 0))

    def show(variable: Variable | None) -> Line:
        assert variable is not None
        line, tight = of(variable)
        return line if tight >= needed.get(variable, 0) else (part("("), *line, part(")"))

    return fill(operation.primitive.formula, operation, show), binding


def before_conversion(variable: Variable) -> Variable:
    """Return what was converted, or handed on."""
    while variable.operation is not None and variable.operation.primitive.name in ("astype", "pass_on"):
        variable = variable.operation.inputs[0]
    return variable
