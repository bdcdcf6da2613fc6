"""What one step computes, as a formula with its numbers: the chain rule, one line for each gradient.

A scalar is shown whole: ``∂f/∂w = ∂f/∂f × z = 1 × (-4) = -4``. Of a tensor one element is chosen, the largest, and
its number is followed to where it comes from. All numbers are the trace's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape
from graph_engine.trace import Step, Trace
from graph_engine_viz.summary import MAX_PRINTED, short
from graph_engine_viz.typeset import Run
from graph_engine_viz.wording import Line, Part, Role, Words, fill, is_bare_number, line_text, local_factors, part

__all__ = ["Line", "Part", "Role", "line_text", "rule_lines"]

Array = np.ndarray[Any, Any]
Index = tuple[int, ...]

MOST_LINES = 6
MOST_TERMS = 3
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
    told = Rules(trace)
    if step.phase == "forward":
        found = told.forward(step)
    elif step.phase == "update":
        found = told.update(step)
    else:
        found = told.backward(step)
    lines = [tuple(piece for piece in line if piece.text) for line in found if line]
    if len(lines) > MOST_LINES:
        rest = len(lines) - MOST_LINES + 1
        lines = [*lines[: MOST_LINES - 1], (part(f"… {rest} more", "note"),)]
    return tuple(lines)


class Rules:
    """Writes the formulas of one trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.words = Words(trace.graph)

    # ---- numbers -----------------------------------------------------------------------------------------------

    def value(self, variable: Variable) -> Array:
        """Return a value without copying it."""
        return np.asarray(self.trace.to_numpy(self.trace.arrays[variable]))

    def _names(self, variable: Variable | None) -> Line:
        if variable is None:
            return ()
        if is_bare_number(variable):  # a constant is called what it is
            return self._number(variable)
        return (Part(self.words.short_name(variable)),)

    def _number(self, variable: Variable | None) -> Line:
        assert variable is not None
        data = variable.data if variable.kind == "constant" else None
        return (part(_told(self.value(variable) if data is None else data), "value"),)

    def _numbers_known(self, operation: Operation) -> bool:
        shown = [*operation.inputs, *operation.outputs]
        if any(v not in self.trace.arrays and v.kind != "constant" for v in shown):
            return False
        return all(_size(v, self.trace) <= MAX_PRINTED for v in shown) and all(
            np.ndim(self.trace.arrays.get(v, v.data)) <= 1 for v in shown
        )

    # ---- forward -----------------------------------------------------------------------------------------------

    def forward(self, step: Step) -> list[Line]:
        """Write what an operation computes: names, then numbers, then the result."""
        operation = step.operation
        if operation is None or not operation.outputs:
            return []
        formula = _formula(operation)
        target = self._targets(operation)
        named = (*target, part(" = "), *fill(formula, operation, self._names))
        if self._numbers_known(operation) and len(operation.outputs) == 1:
            return [self._with_numbers(named, formula, operation)]
        lines = [(*named, part("    " + self._shapes(operation), "note"))]
        return lines + self._forward_element(operation, formula)

    def _targets(self, operation: Operation) -> Line:
        pieces: list[Part] = []
        for output in operation.outputs:
            pieces += [part(", ")] if pieces else []
            pieces.append(Part(self.words.short_name(output)))
        return tuple(pieces)

    def _with_numbers(self, named: Line, formula: str, operation: Operation) -> Line:
        result = self._number(operation.outputs[0])
        numbers = fill(formula, operation, self._number)
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
        index = _largest(result)
        if index is None:
            return []
        target = (*self._element(self.words.short_name(output), index), part(" = "))
        tail: Line = (part(" = "), part(_told(result[index]), "value"))
        if operation.primitive.elementwise:
            arrays = {v: np.broadcast_to(self._array(v), result.shape)[index] for v in operation.inputs}
            numbers = fill(
                formula, operation, lambda v: (part(_told(arrays[v] if v in arrays else result[index]), "value"),)
            )
            return [(*target, *numbers, *tail)] if len(line_text(numbers)) <= LONGEST else []
        if _is_matrix_product(operation, self.trace):
            rows, columns, bias = self._factors(operation)
            products = _sum_of_products(rows[index[0]], columns[:, index[1]], ("value", "value"))
            extra: Line = () if bias is None else (part(" + "), *_bracketed((part(_told(bias[index[1]]), "value"),)))
            return [(*target, *products, *extra, *tail)]
        return []

    def _factors(self, operation: Operation) -> tuple[Array, Array, Array | None]:
        """Return what a matrix product multiplies, and what it adds: rows, columns, bias."""
        arrays = [self._array(v) for v in operation.inputs]
        if operation.primitive.name == "matmul":
            return arrays[0], arrays[1], None
        return arrays[0], arrays[1].T, arrays[2] if len(arrays) > 2 else None

    def _array(self, variable: Variable) -> Array:
        if variable in self.trace.arrays:
            return self.value(variable)
        assert variable.data is not None
        return variable.data

    def _element(self, name: tuple[Run, ...], index: Index) -> Line:
        at = f"[{', '.join(map(str, index))}]" if index else ""
        return (Part(name), part(at))

    # ---- backward ----------------------------------------------------------------------------------------------

    def backward(self, step: Step) -> list[Line]:
        """Write the chain rule at an operation, for each of its inputs, and the sums that are complete then."""
        if step.variable is not None and step.operation is not None:
            return [self._seed(step)]
        operation = step.operation
        lines: list[Line] = []
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
        return (*head, part(_told(self.value(step.outputs[0])) if step.outputs else "1", "gradient"))

    def _slope(self, variable: Variable) -> tuple[Run, ...]:
        loss = self.trace.loss
        record = self.trace.gradients.get(variable)
        of = loss if loss is not None else record.gradient.loss if record is not None and record.gradient else variable
        return self.words.slope(of, variable)

    def _term(self, operation: Operation, position: int, term: Variable) -> list[Line]:
        assert term.gradient is not None
        variable, output = operation.inputs[position], operation.outputs[0]
        via = f" via {_symbol(operation)}" if term.gradient.partial else ""
        head: Line = (Part(self._slope(variable)), part(via, "note"), part(" = "))
        factor = local_factors(operation)[position]
        upstream = self.trace.gradients.get(output)
        if factor is None or upstream is None or len(operation.outputs) != 1:
            return [(*head, *self._gradient(term))]
        if "{d}" in factor:
            return self._whole_rule(operation, position, term, factor, head)
        symbols: Line = (Part(self._slope(output)), part(" × "), *_bracketed(fill(factor, operation, self._names)))
        local = self.trace.local_derivatives(operation)[position]
        down = self.value(term)
        if local is not None and down.ndim == 0 == np.ndim(local):
            up, factor_number = (part(_told(self.value(upstream)), "gradient"),), (part(_told(local), "value"),)
            product = (*_bracketed(up), part(" × "), *_bracketed(factor_number))
            return [(*head, *symbols, part(" = "), *product, part(" = "), *self._gradient(term))]
        lines = [(*head, *symbols, part("    " + show_shape(down.shape), "note"))]
        return lines + self._element_term(operation, position, term, local)

    def _gradient(self, variable: Variable) -> Line:
        array = self.value(variable)
        if array.size <= MAX_PRINTED and array.ndim <= 1:
            return (part(_told(array), "gradient"),)
        return (part(show_shape(array.shape), "note"),)

    def _whole_rule(self, operation: Operation, position: int, term: Variable, rule: str, head: Line) -> list[Line]:
        upstream = self.trace.gradients[operation.outputs[0]]
        delta: Line = (Part((Run("δ", "italic"),)),)
        down, up = self.value(term), self.value(upstream)
        meaning = (part("    δ = ", "note"), Part(self._slope(operation.outputs[0]), "note"))
        number: Line = (part(" = "), *self._gradient(term)) if down.size <= MAX_PRINTED and down.ndim <= 1 else ()
        shapes = part(f" {show_shape(up.shape)} → {show_shape(down.shape)}", "note")
        lines = [(*head, *fill(rule, operation, self._names, delta), *number, *meaning, shapes)]
        return lines + self._element_term(operation, position, term, self.trace.local_derivatives(operation)[position])

    def _element_term(self, operation: Operation, position: int, term: Variable, local: Array | None) -> list[Line]:
        """Follow the largest element of a gradient to the numbers that it is made of."""
        down = self.value(term)
        index = _largest(down)
        if index is None or down.ndim == 0:
            return []
        made = self._element_made_of(operation, position, index, local)
        if not made:
            return []
        head = (*self._element(self._bracketed_slope(operation.inputs[position]), index), part(" = "))
        return [(*head, *made, part(" = "), part(_told(down[index]), "gradient"))]

    def _bracketed_slope(self, variable: Variable) -> tuple[Run, ...]:
        return (Run("("), *self._slope(variable), Run(")"))

    def _element_made_of(self, operation: Operation, position: int, index: Index, local: Array | None) -> Line:
        up = self.value(self.trace.gradients[operation.outputs[0]])
        if local is not None and local.shape == self.value(operation.inputs[position]).shape:
            above = up[index] if up.shape == local.shape else up.reshape(-1)[0] if up.size == 1 else None
            if above is not None:
                left, right = (part(_told(above), "gradient"),), (part(_told(local[index]), "value"),)
                return (*_bracketed(left), part(" × "), *_bracketed(right))
        if _is_matrix_product(operation, self.trace):
            return self._product_made_of(operation, position, index, up)
        if local_factors(operation)[position] == "1" and operation.primitive.elementwise:
            return _sum_of(_repeats(up, self.value(operation.inputs[position]).shape, index))
        return ()

    def _product_made_of(self, operation: Operation, position: int, index: Index, up: Array) -> Line:
        rows, columns, _ = self._factors(operation)
        if position == 0:
            return _sum_of_products(up[index[0]], columns[index[1]], ("gradient", "value"))
        if position == 2:
            return _sum_of(up[:, index[0]])
        row, column = index if operation.primitive.name == "matmul" else index[::-1]
        return _sum_of_products(up[:, column], rows[:, row], ("gradient", "value"))

    def _sum(self, total: Variable) -> list[Line]:
        """Write the sum of the terms that came back from every use of a variable."""
        assert total.operation is not None and total.gradient is not None
        terms = total.operation.inputs
        variable = total.gradient.variable
        head: Line = (Part(self._slope(variable)), part(" = "))
        uses = [term.gradient.operation for term in terms if term.gradient is not None]
        note = part("    one term from each use: " + ", ".join(_symbol(op) for op in uses if op is not None), "note")
        result = self.value(total)
        if result.ndim == 0:
            numbers = [_told(self.value(term)) for term in terms]
            return [(*head, *_added(numbers), part(" = "), *self._gradient(total), note)]
        index = _largest(result)
        line: Line = (*head, part(f"sum of {len(terms)} terms"), note)
        if index is None:
            return [line]
        element = (*self._element(self._bracketed_slope(variable), index), part(" = "))
        numbers = [_told(self.value(term)[index]) for term in terms]
        return [line, (*element, *_added(numbers), part(" = "), part(_told(result[index]), "gradient"))]

    # ---- update ------------------------------------------------------------------------------------------------

    def update(self, step: Step) -> list[Line]:
        """Write how a parameter gets its new value from its old one and its gradient."""
        parameter = step.variable
        assert parameter is not None
        new = self.trace.updates[parameter]
        if new not in self.trace.arrays:
            return []
        name = self.words.short_name(parameter)
        if parameter not in self.trace.arrays:  # nothing that was run reads it
            return [(Part(name), part(" ← "), Part(self.words.short_name(new)), *self._equals(new))]
        old_value, new_value = self.value(parameter), self.value(new)
        gradient = self.trace.gradients.get(parameter)
        rate = self._rate(parameter, new, gradient)
        head: Line = (Part(name), part(" ← "), Part(name))
        if rate is not None:
            symbols: Line = (*head, part(" - "), Part((Run("γ", "italic"),)), part(" "), Part(self._slope(parameter)))
        else:
            symbols = (*head, part(" + "), Part((Run("Δ"), *name)))
        index: Index | None = () if new_value.ndim == 0 else _largest(np.asarray(new_value - old_value))
        if index is None:
            return [symbols]
        slope = None if gradient is None or gradient not in self.trace.arrays else self.value(gradient)[index]
        numbers = self._update_numbers(old_value[index], new_value[index], slope, rate)
        if new_value.ndim == 0:
            return [(*symbols, part(" = "), *numbers)]
        element: Line = (*self._element(name, index), part(" ← "))
        return [(*symbols, part("    " + show_shape(new_value.shape), "note")), (*element, *numbers)]

    def _equals(self, variable: Variable) -> Line:
        array = self.value(variable)
        return (part(" = "), part(_told(array), "value")) if array.size <= MAX_PRINTED and array.ndim <= 1 else ()

    def _update_numbers(self, old: Any, new: Any, slope: Any, rate: Any) -> Line:
        before = part(_told(old), "value")
        after = (part(" = "), part(_told(new), "value"))
        if rate is not None:
            step = (part(_told(rate), "value"), part(" × "), *_bracketed((part(_told(slope), "gradient"),)))
            return (before, part(" - "), *step, *after)
        change = _bracketed((part(_told(np.subtract(new, old)), "value"),))
        meaning: Line = () if slope is None else (part("    gradient ", "note"), part(_told(slope), "gradient"))
        return (before, part(" + "), *change, *after, *meaning)

    def _rate(self, parameter: Variable, new: Variable, gradient: Variable | None) -> Any:
        """Find γ where the rule is w - γ ∂L/∂w; None where it is another one."""
        last = new.operation
        if gradient is None or last is None or last.primitive.name != "subtract" or last.inputs[0] is not parameter:
            return None
        product = _before_conversion(last.inputs[1]).operation
        if product is None or product.primitive.name != "multiply":
            return None
        factors = [_before_conversion(v) for v in product.inputs]
        if gradient not in factors:
            return None
        rate = self._array(product.inputs[1 - factors.index(gradient)])
        return rate.reshape(-1)[0] if rate.size == 1 else None


# ---- small helpers ---------------------------------------------------------------------------------------------


def _told(array: Any) -> str:
    array = np.asarray(array)
    if array.ndim == 0:
        return short(array)
    return "[" + ", ".join(short(number) for number in array.reshape(-1)) + "]"


def _size(variable: Variable, trace: Trace) -> int:
    return int(np.size(trace.arrays.get(variable, variable.data)))


def _formula(operation: Operation) -> str:
    """Return the formula of a primitive, or its name applied to its inputs."""
    primitive = operation.primitive
    if primitive.formula:
        return primitive.formula
    names = primitive.input_names
    if len(names) == len(operation.inputs):
        return f"{primitive.name}({', '.join('{' + name + '}' for name in names)})"
    return primitive.name + "(…)"


def _symbol(operation: Operation) -> str:
    return operation.primitive.symbol or operation.primitive.name


def _before_conversion(variable: Variable) -> Variable:
    while variable.operation is not None and variable.operation.primitive.name in ("astype", "pass_on"):
        variable = variable.operation.inputs[0]
    return variable


def _bracketed(line: Line) -> Line:
    """Put brackets around a sum, a quotient, or a negative number."""
    text = line_text(line)
    atom = not text.startswith(("-", "−")) and not any(sign in text for sign in (" + ", " - ", " / ", " × "))
    return line if atom or (text.startswith("[") and text.endswith("]")) else (part("("), *line, part(")"))


def _largest(array: Array) -> Index | None:
    """Choose an element to follow: the first of the largest magnitude; what is not finite comes first."""
    if array.size == 0 or array.dtype.kind not in "biuf":
        return None
    magnitudes = np.abs(array.astype(np.float64))
    flat = int(np.argmax(np.where(np.isnan(magnitudes), np.inf, magnitudes)))
    return tuple(int(i) for i in np.unravel_index(flat, array.shape))


def _is_matrix_product(operation: Operation, trace: Trace) -> bool:
    """Say whether it multiplies two matrices (`linear` the second one transposed, and adds a bias)."""
    if operation.primitive.name not in ("matmul", "linear"):
        return False
    return all(np.ndim(trace.arrays.get(v, v.data)) == 2 for v in operation.inputs[:2])


def _sum_of_products(left: Array, right: Array, roles: tuple[Role, Role]) -> Line:
    """Write Σ as products: the largest ones, in their order, and how many more there are."""
    products = np.abs(left.astype(np.float64) * right.astype(np.float64))
    pairs = []
    for number, i in enumerate(_chosen(products)):
        first: Line = (part(_told(left[i]), roles[0]),)
        second: Line = (part(_told(right[i]), roles[1]),)
        pairs.append((*(_bracketed(first) if number else first), part("×"), *_bracketed(second)))
    return _joined(pairs, len(products) - len(pairs))


def _sum_of(numbers: Array) -> Line:
    terms: list[Line] = [(part(_told(numbers[i]), "gradient"),) for i in _chosen(np.abs(numbers.astype(np.float64)))]
    return _joined(terms, len(numbers) - len(terms))


def _chosen(sizes: Array) -> list[int]:
    most = len(sizes) if len(sizes) <= MOST_TERMS + 1 else MOST_TERMS
    return sorted(np.argsort(-sizes, kind="stable")[:most].tolist())


def _joined(terms: Sequence[Line], more: int) -> Line:
    pieces: list[Part] = []
    for term in terms:
        pieces += [part(" + ")] if pieces else []
        pieces += _bracketed(term) if pieces and len(term) == 1 else term
    if more:
        pieces.append(part(f" + … ({more} more)"))
    return tuple(pieces)


def _added(numbers: list[str]) -> Line:
    shown = numbers if len(numbers) <= 2 * MOST_TERMS else numbers[:MOST_TERMS]
    return _joined([(part(text, "gradient"),) for text in shown], len(numbers) - len(shown))


def _repeats(upstream: Array, shape: tuple[int, ...], index: Index) -> Array:
    """Return the elements that broadcasting made of one element."""
    whole = (1,) * (upstream.ndim - len(shape)) + shape
    at = (0,) * (upstream.ndim - len(shape)) + index
    place = tuple(
        slice(None) if size == 1 and upstream.shape[axis] != 1 else slice(at[axis], at[axis] + 1)
        for axis, size in enumerate(whole)
    )
    return upstream[place].reshape(-1)
