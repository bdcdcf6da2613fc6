"""`compare`: two runs side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.source import SourceLine
from graph_engine.trace import Trace
from graph_engine_viz.debugger.compare.alignment import align
from graph_engine_viz.debugger.compare.difference import Difference, Verdict, largest_error
from graph_engine_viz.debugger.compare.rounding import unexplained

__all__ = ["Comparison", "compare"]

Array = np.ndarray[Any, Any]
_COUNTED: dict[Verdict, str] = {
    "rounding": "differ as rounding explains",
    "inherited": "differ because what they are computed from does",
    "diverged": "differ by more than rounding explains",
    "unknown": "differ, and what they are computed from is not known",
}


def compare(
    one: Trace, other: Trace | Mapping[str, Any], became: Mapping[Variable, Variable] | None = None
) -> Comparison:
    """Compare two runs of one model: two backends, two dtypes, before and after a change; or a run and a reference.

    Parameters
    ----------
    one : Trace
    other : Trace or mapping of str to array
        Another run, of the same graph or of another one of the model: what has no name there is found by what computes
        it. Or arrays, by the names of variables.
    became : mapping of Variable to Variable, optional
        What a pass made of the variables of the first run, if the second is one of the changed graph.

    Returns
    -------
    Comparison
        `print` it; `.first` is where they first differ by more than rounding explains.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", 3, "float64")
    >>> y = ge.exp(x)
    >>> engine = ge.Engine("numpy")
    >>> one, other = engine.trace(ge.sum(y), {x: [1, 2, 3]}), engine.trace(ge.sum(y), {x: [1, 2, 4]})
    >>> print(compare(one, one))
    7 of 7 variables are equal
    >>> compare(one, other).first.name
    'x'
    """
    return Comparison(one, other, align(one, other, became))


class Comparison(Sequence[Difference]):
    """How the variables of two runs differ, in the order in which they are computed; each is looked at when asked for.

    Attributes
    ----------
    pairs : dict
        The variables of the first run, and what they are called or are in the other.
    """

    def __init__(self, one: Trace, other: Trace | Mapping[str, Any], pairs: dict[Variable, Variable | str]) -> None:
        self.one = one
        self.other = other
        self.pairs = pairs
        self._variables = list(pairs)
        self._found: dict[Variable, Difference] = {}

    def __len__(self) -> int:
        return len(self._variables)

    @overload
    def __getitem__(self, index: int) -> Difference: ...
    @overload
    def __getitem__(self, index: slice) -> list[Difference]: ...
    def __getitem__(self, index: int | slice) -> Difference | list[Difference]:
        chosen = self._variables[index]
        return [self.of(v) for v in chosen] if isinstance(chosen, list) else self.of(chosen)

    def __iter__(self) -> Iterator[Difference]:
        return (self.of(v) for v in self._variables)

    @property
    def first(self) -> Difference | None:
        """Where they first differ by more than rounding explains; looked for no further than that."""
        return next((found for found in self if found.verdict in ("diverged", "unknown")), None)

    @property
    def operation(self) -> Operation | None:
        """The operation of the first divergence."""
        return None if self.first is None else self.first.variable.operation

    @property
    def line(self) -> SourceLine | None:
        """The user's line of the first divergence."""
        return None if self.first is None else self.first.variable.line

    def of(self, variable: Variable | str) -> Difference:
        """Compare one variable."""
        found = self.one.graph[variable]
        if found not in self._found:
            self._found[found] = self._compare(found)
        return self._found[found]

    def _compare(self, variable: Variable) -> Difference:
        name = self.one.graph.name_of(variable)
        a, b = self._first_array(variable), self._other_array(variable)
        if a.shape != b.shape:
            return Difference(variable, f"{name} {a.shape} and {b.shape}", "diverged", np.inf, np.inf)
        absolute, relative, place = largest_error(a, b)
        if not absolute:
            return Difference(variable, name, "equal")
        verdict, excess = self._judge(variable, absolute, relative)
        values = float(a[place]), float(b[place])
        return Difference(variable, name, verdict, absolute, relative, place, values, excess)

    def _judge(self, variable: Variable, absolute: float, relative: float) -> tuple[Verdict, float]:
        operation = variable.operation
        if operation is None:  # given; to two precisions, perhaps
            dtypes = {array.dtype for array in (self._first_array(variable), self._other_array(variable))}
            infos = [np.finfo(dtype) for dtype in dtypes if dtype.kind == "f" and len(dtypes) > 1]
            units = [min(relative / float(i.eps), absolute / float(i.smallest_subnormal)) for i in infos]
            found = min(units, default=np.inf)
            return ("rounding", found) if found <= 1 else ("diverged", np.inf)
        inputs = [v for v in dict.fromkeys(operation.inputs) if v.kind != "constant"]
        if any(v not in self.pairs for v in inputs):
            return "unknown", np.nan
        differs = any(self._differs(v) for v in inputs)
        if not variable.spec.is_float:
            return ("inherited", 0.0) if differs else ("diverged", np.inf)
        excess = self._excess(operation, variable)
        if not excess <= 1 and not (np.isnan(excess) and differs):
            return "diverged", excess
        return ("inherited" if differs else "rounding"), excess

    def _differs(self, variable: Variable) -> bool:
        a, b = self._first_array(variable), self._other_array(variable)
        return a.shape != b.shape or bool(largest_error(a, b)[0])

    def _excess(self, operation: Operation, variable: Variable) -> float:
        """Return by how much the worse of both runs is further off than rounding explains."""
        names = self.one.names
        own = {v: self._first_array(v) for v in (*operation.inputs, variable)}
        others = {v: self._other_array(v) for v in (*operation.inputs, variable)}
        found = [unexplained(operation, variable, own, names)]
        there, output = self._counterpart(operation, variable)
        renamed = {new: others[old] for old, new in zip(operation.inputs, there.inputs, strict=True)}
        got = others[variable] if there is not operation else _as_coarse(others[variable], own[variable])
        found.append(unexplained(there, output, renamed | {output: got}, names))
        return max(found) if not np.isnan(found).any() else np.nan

    def _counterpart(self, operation: Operation, variable: Variable) -> tuple[Operation, Variable]:
        """Return what an operation is in the other run, where it is the same one there, perhaps of another dtype."""
        found = self.pairs.get(variable)
        there = found.operation if isinstance(found, Variable) else None
        if there is None or there.primitive.name != operation.primitive.name:
            return operation, variable
        if len(there.inputs) != len(operation.inputs) or there.outputs.index(found) != variable.output_index:
            return operation, variable
        return there, there.outputs[variable.output_index]

    def _first_array(self, variable: Variable) -> Array:
        return np.asarray(self.one.to_numpy(self.one.arrays[variable]))

    def _other_array(self, variable: Variable) -> Array:
        if variable not in self.pairs:  # a constant that has no counterpart
            return self._first_array(variable)
        counterpart = self.pairs[variable]
        if isinstance(self.other, Trace) and isinstance(counterpart, Variable):
            return np.asarray(self.other.to_numpy(self.other.arrays[counterpart]))
        assert isinstance(counterpart, str) and not isinstance(self.other, Trace)
        return np.asarray(self.other[counterpart])

    def __str__(self) -> str:
        counts = Counter(found.verdict for found in self)
        lines = [f"{counts['equal']} of {len(self)} variables are equal"]
        lines += [f"{counts[verdict]} {text}" for verdict, text in _COUNTED.items() if counts[verdict]]
        if self.first is not None:
            lines.append(f"the first: {self.first}")
            if self.line is not None:
                lines.append(f"  {self.line}")
        return "\n".join(lines)


def _as_coarse(array: Array, other: Array) -> Array:
    """Return an array of real numbers as no more precise than another one."""
    floats = array.dtype.kind == other.dtype.kind == "f"
    return array.astype(other.dtype) if floats and other.dtype.itemsize < array.dtype.itemsize else array
