"""What one step computes, as a formula with its numbers; here forward, backward and update in files of their own.

A scalar is shown whole: ``∂f/∂w = ∂f/∂f × z = 1 × (-4) = -4``. Of a tensor one element is chosen and its number
followed to where it comes from. All numbers are the trace's.
"""

from __future__ import annotations

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape
from graph_engine.trace import Step, Trace
from graph_engine_viz.chain_rule import ChainRule
from graph_engine_viz.summary import MAX_PRINTED
from graph_engine_viz.telling import MOST_USES, Teller, bracketed, is_matrix_product, largest, sum_of_products, told
from graph_engine_viz.update_rule import UpdateRule
from graph_engine_viz.wording import Line, Part, fill, is_bare_number, line_text, part

__all__ = ["UpdateRule", "rule_lines"]

MOST_LINES = 6
LONGEST = 90


def rule_lines(trace: Trace, step: Step) -> tuple[Line, ...]:
    """Write what a step computes.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> w = x + y
    >>> f = w * z
    >>> trace = ge.Engine("numpy").trace(f, {x: -2, y: 5, z: -4})
    >>> for step in trace.steps[:4]:
    ...     print(*[line_text(line) for line in rule_lines(trace, step)], sep="; ")
    w = x + y = -2 + 5 = 3
    f = w × z = 3 × (-4) = -12
    ∂f/∂f = 1
    ∂f/∂w = ∂f/∂f × z = 1 × (-4) = -4; ∂f/∂z = ∂f/∂f × w = 1 × 3 = 3
    """
    writers: dict[str, type[ForwardRule | ChainRule | UpdateRule]]
    writers = {"forward": ForwardRule, "backward": ChainRule, "update": UpdateRule}
    with np.errstate(all="ignore"):  # what is not finite is written as it is
        found = writers[step.phase](trace).lines(step)
    lines = [tuple(piece for piece in line if piece.text) for line in found if line]
    if len(lines) > MOST_LINES:
        rest = len(lines) - MOST_LINES + 1
        lines = [*lines[: MOST_LINES - 1], (part(f"… {rest} more", "note"),)]
    return tuple(lines)


class ForwardRule(Teller):
    """Writes what the forward steps of one trace compute."""

    def lines(self, step: Step) -> list[Line]:
        """Write what an operation computes: names, then numbers, then the result."""
        operation = step.operation
        if operation is None or not operation.outputs:
            return []
        formula = _formula(operation)
        target = self._targets(operation)
        named = (*target, part(" = "), *fill(formula, operation, self.names))
        if self.numbers_known(operation) and len(operation.outputs) == 1:
            return [self._with_numbers(named, formula, operation)]
        lines = [(*named, part("    " + self._shapes(operation), "note"))]
        return lines + self._forward_element(operation, formula)

    def _targets(self, operation: Operation) -> Line:
        pieces: list[Part] = []
        for output in operation.outputs:
            pieces += [part(", ")] if pieces else []
            pieces.append(Part(self.words.short_name(output)))
        return tuple(pieces)

    def numbers_known(self, operation: Operation) -> bool:
        shown = [*operation.inputs, *operation.outputs]
        if any(v not in self.trace.arrays and v.kind != "constant" for v in shown):
            return False
        return all(size_of(v, self.trace) <= MAX_PRINTED for v in shown) and all(
            np.ndim(self.trace.arrays.get(v, v.data)) <= 1 for v in shown
        )

    def _with_numbers(self, named: Line, formula: str, operation: Operation) -> Line:
        result = self.number(operation.outputs[0])
        numbers = fill(formula, operation, self.number)
        same = {line_text(result), line_text(named).partition(" = ")[2]}
        shown = () if line_text(numbers) in same else (part(" = "), *numbers)
        tail = () if line_text(named).endswith(f" = {line_text(result)}") else (part(" = "), *result)
        whole = (*named, *shown, *tail)
        return whole if len(line_text(whole)) <= LONGEST else (*named, part(" = "), *result)

    def _shapes(self, operation: Operation) -> str:
        def shape(v: Variable) -> str:
            return show_shape(np.shape(self.trace.arrays[v]) if v in self.trace.arrays else v.shape)

        inputs = ", ".join(shape(v) for v in operation.inputs if not is_bare_number(v))
        return f"{inputs} → {', '.join(shape(v) for v in operation.outputs)}" if inputs else shape(operation.outputs[0])

    def _forward_element(self, operation: Operation, formula: str) -> list[Line]:
        output = operation.outputs[0]
        if output not in self.trace.arrays or len(operation.outputs) != 1:
            return []
        result = self.value(output)
        index = largest(result)
        if index is None:
            return []
        target = (*self.element(self.words.short_name(output), index), part(" = "))
        tail: Line = (part(" = "), part(told(result[index]), "value"))
        if operation.primitive.elementwise:
            arrays = {v: np.broadcast_to(self.array(v), result.shape)[index] for v in operation.inputs}
            numbers = fill(
                formula, operation, lambda v: (part(told(arrays[v] if v in arrays else result[index]), "value"),)
            )
            return [(*target, *numbers, *tail)] if len(line_text(numbers)) <= LONGEST else []
        if is_matrix_product(operation, self.trace):
            rows, columns, bias = self.factors(operation)
            place = int(np.ravel_multi_index(index, result.shape)) if index else 0
            row, column = divmod(place, columns.shape[1])
            products = sum_of_products(rows[row], columns[:, column], ("value", "value"))
            extra: Line = () if bias is None else (part(" + "), *bracketed((part(told(bias[column]), "value"),)))
            return [(*target, *products, *extra, *tail)]
        return []


def size_of(variable: Variable, trace: Trace) -> int:
    return int(np.size(trace.arrays.get(variable, variable.data)))


def _formula(operation: Operation) -> str:
    """Return the formula of a primitive, or its name applied to its inputs."""
    primitive = operation.primitive
    if primitive.formula:
        return primitive.formula
    names = primitive.input_names
    if primitive.name == "accumulate" and len(operation.inputs) <= MOST_USES:
        return " + ".join(f"{{{number}}}" for number in range(len(operation.inputs)))
    if len(names) == len(operation.inputs):
        return f"{primitive.name}({', '.join('{' + name + '}' for name in names)})"
    return primitive.name + "(…)"
