"""The chain rule at one operation, with its numbers: one line for each gradient, and the sum at a fan-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graph_engine.node import GradientOf, Operation, Variable
from graph_engine.spec import show_shape
from graph_engine.trace import Step
from graph_engine_viz.summary import MAX_PRINTED
from graph_engine_viz.telling import (
    MOST_USES,
    Array,
    Index,
    Teller,
    added,
    bracketed,
    is_matrix_product,
    largest,
    repeats,
    sum_of,
    sum_of_products,
    symbol,
    told,
)
from graph_engine_viz.typeset import Run
from graph_engine_viz.wording import Line, Part, fill, local_factors, part, use_mark

__all__ = ["ChainRule"]


class ChainRule(Teller):
    """Writes what the backward steps of one trace compute."""

    _delta_told = False  # what δ stands for is said once in a step

    def lines(self, step: Step) -> list[Line]:
        """Write the chain rule at an operation, for each of its inputs, and the sums that are complete then."""
        if step.variable is not None and step.operation is not None:
            return [self._seed(step)]
        operation = step.operation
        lines: list[Line] = []
        self._delta_told = False
        for variable in step.outputs:
            record = variable.gradient
            if record is None or operation is None or variable not in self.trace.arrays:
                continue
            if record.operation is operation and record.input_index is not None:
                lines += self._term(operation, record.input_index, variable)
            elif variable.operation is not None and variable.operation.primitive.name == "accumulate":
                lines += self._sum(variable)
        return lines

    def _seed(self, step: Step) -> Line:
        assert step.variable is not None
        head = (Part(self.words.slope(step.variable, step.variable)), part(" = "))
        return (*head, part(told(self.value(step.outputs[0])) if step.outputs else "1", "gradient"))

    def _term(self, operation: Operation, position: int, term: Variable) -> list[Line]:
        assert term.gradient is not None
        variable, output = operation.inputs[position], operation.outputs[0]
        via = f" via {symbol(operation)}" if term.gradient.partial else ""
        head: Line = (Part(self.slope(variable, use_mark(operation, position))), part(via, "note"), part(" = "))
        factor = local_factors(operation)[position]
        upstream = self.trace.gradients.get(output)
        if factor is None or upstream is None or len(operation.outputs) != 1:
            return [self._result(head, operation, term)]
        if "{d}" in factor:
            return self._whole_rule(operation, position, term, factor, head)
        symbols: Line = (Part(self.slope(output)), part(" × "), *bracketed(fill(factor, operation, self.names)))
        local = self.trace.local_derivatives(operation)[position]
        down = self.value(term)
        if local is not None and down.ndim == 0 == np.ndim(local):
            up, factor_number = (part(told(self.value(upstream)), "gradient"),), (part(told(local), "value"),)
            product = (*bracketed(up), part(" × "), *bracketed(factor_number))
            return [(*head, *symbols, part(" = "), *product, part(" = "), *self.gradient(term))]
        lines = [(*head, *symbols, part("    " + show_shape(down.shape), "note"))]
        return lines + self._element_term(operation, position, term, local)

    def _result(self, head: Line, operation: Operation, term: Variable) -> Line:
        """Tell the gradient where the rule is not told: the numbers, or of many numbers whose rule it is."""
        result = self.gradient(term)
        if all(piece.role == "note" for piece in result):
            return (*head[:-1], part(f"    by the rule of {symbol(operation)}, ", "note"), *result)
        return (*head, *result)

    def _whole_rule(self, operation: Operation, position: int, term: Variable, rule: str, head: Line) -> list[Line]:
        upstream = self.trace.gradients[operation.outputs[0]]
        delta: Line = (Part((Run("δ", "italic"),)),)
        down, up = self.value(term), self.value(upstream)
        meaning: Line = (part("    δ = ", "note"), Part(self.slope(operation.outputs[0]), "note"))
        if self._delta_told:
            meaning = (part("   ", "note"),)
        self._delta_told = True
        number: Line = (part(" = "), *self.gradient(term)) if down.size <= MAX_PRINTED and down.ndim <= 1 else ()
        shapes = part(f" {show_shape(up.shape)} → {show_shape(down.shape)}", "note")
        lines = [(*head, *fill(rule, operation, self.names, delta), *number, *meaning, shapes)]
        return lines + self._element_term(operation, position, term, self.trace.local_derivatives(operation)[position])

    def _element_term(self, operation: Operation, position: int, term: Variable, local: Array | None) -> list[Line]:
        """Follow the largest element of a gradient to the numbers that it is made of."""
        down = self.value(term)
        index = largest(down)
        if index is None or down.ndim == 0:
            return []
        made = self._element_made_of(operation, position, index, local)
        if not made:
            return []
        slope = self._bracketed_slope(operation.inputs[position], use_mark(operation, position))
        head = (*self.element(slope, index), part(" = "))
        return [(*head, *made, part(" = "), part(told(down[index]), "gradient"))]

    def _bracketed_slope(self, variable: Variable, use: str = "") -> tuple[Run, ...]:
        return (Run("("), *self.slope(variable, use), Run(")"))

    def _element_made_of(self, operation: Operation, position: int, index: Index, local: Array | None) -> Line:
        up = self.value(self.trace.gradients[operation.outputs[0]])
        if local is not None and local.shape == self.value(operation.inputs[position]).shape:
            above = up[index] if up.shape == local.shape else up.reshape(-1)[0] if up.size == 1 else None
            if above is not None:
                left, right = (part(told(above), "gradient"),), (part(told(local[index]), "value"),)
                return (*bracketed(left), part(" × "), *bracketed(right))
        if is_matrix_product(operation, self.trace):
            return self._product_made_of(operation, position, index, up)
        if local_factors(operation)[position] == "1" and operation.primitive.elementwise:
            return sum_of(repeats(up, self.value(operation.inputs[position]).shape, index))
        return ()

    def _product_made_of(self, operation: Operation, position: int, index: Index, up: Array) -> Line:
        rows, columns, _ = self.factors(operation)
        up = up.reshape(rows.shape[0], columns.shape[1])
        if position == 0:
            row, column = index if len(index) == 2 else (0, *index)
            return sum_of_products(up[row], columns[column], ("gradient", "value"))
        if position == 2:
            return sum_of(up[:, index[0]])
        row, column = index if len(index) == 2 else (*index, 0)
        if operation.primitive.name == "linear":
            row, column = column, row
        return sum_of_products(up[:, column], rows[:, row], ("gradient", "value"))

    def _sum(self, total: Variable) -> list[Line]:
        """Write the sum of the terms that came back from every use of a variable."""
        assert total.operation is not None and total.gradient is not None
        terms = total.operation.inputs
        variable = total.gradient.variable
        head: Line = (Part(self.slope(variable)), part(" = "))
        uses = [record for term in terms if (record := term.gradient) is not None]
        note = part(f"    one term from each {_listed(uses)}", "note")
        result = self.value(total)
        if result.ndim == 0:
            numbers = [told(self.value(term)) for term in terms]
            return [(*head, *added(numbers), part(" = "), *self.gradient(total), note)]
        index = largest(result)
        line: Line = (*head, part(f"sum of {len(terms)} terms"), note)
        if index is None:
            return [line]
        element = (*self.element(self._bracketed_slope(variable), index), part(" = "))
        numbers = [told(self.value(term)[index]) for term in terms]
        return [line, (*element, *added(numbers), part(" = "), part(told(result[index]), "gradient"))]


def _listed(uses: Sequence[GradientOf]) -> str:
    """Name the uses that terms came through, or count them."""
    names = [
        symbol(record.operation) + ("" if (at := record.input_index) is None else use_mark(record.operation, at))
        for record in uses
        if record.operation is not None
    ]
    if len(set(names)) == 1 < len(names):
        return f"of {len(names)} uses: {names[0]}"
    return f"use: {', '.join(names)}" if len(uses) <= MOST_USES else f"of {len(uses)} uses"
