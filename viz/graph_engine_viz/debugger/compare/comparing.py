"""`compare`: two runs side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.primitive import Primitive
from graph_engine.source import SourceLine
from graph_engine.trace import Trace
from graph_engine_viz.debugger.compare.alignment import align, arrays_of
from graph_engine_viz.debugger.compare.attributes import differing, in_precision
from graph_engine_viz.debugger.compare.difference import Difference, Verdict, largest_error
from graph_engine_viz.debugger.compare.exactly import Exactly
from graph_engine_viz.debugger.compare.rounding import apart, unexplained

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
        it. Or arrays, by the names of variables (`trace.graph.name_of`); as many as one has. What is missing between
        two of them is computed from the nearest ones before it, which is done for both sides; inputs and parameters
        that are missing are this run's. What rounding explains is then what it does on the way from those.
    became : mapping of Variable to Variable, optional
        What a pass made of the variables of the first run, if the second is one of the changed graph.

    Returns
    -------
    Comparison
        `print` it; `.first` is where they first differ by more than rounding explains.

    Raises
    ------
    DeclarationError, FeedError
        Where these are no runs or arrays.
    LookupFailed, NameClashError
        Where no name of a reference is one of a variable, or one is that of several.

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
        self._differing: dict[Variable, bool] = {}
        self._reference = {} if isinstance(other, Trace) else arrays_of(other, pairs)
        names = {**one.names, **(other.names if isinstance(other, Trace) else {})}
        self._mine = Exactly(one.graph, self._is_known, self._first_array, in_precision, one.names)
        self._theirs = Exactly(one.graph, self._is_known, self._other_array, self._other_primitive, names)

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
            return self._of_another_shape(variable, name, (a.shape, b.shape))
        absolute, relative, place = largest_error(a, b)
        if not absolute:
            return Difference(variable, name, "equal")
        verdict, excess = self._judge(variable, absolute, relative)
        changed = self._changed(variable) if verdict == "diverged" else ()
        values = float(a[place]), float(b[place])
        return Difference(variable, name, verdict, absolute, relative, place, values, excess, None, changed)

    def _of_another_shape(self, variable: Variable, name: str, shapes: tuple[Any, Any]) -> Difference:
        operation, changed = variable.operation, self._changed(variable)
        sources = self._mine.sources(operation) if operation is not None else ()
        follows = any(self._first_array(v).shape != self._other_array(v).shape for v in sources)
        verdict: Verdict = "inherited" if follows and not changed else "diverged"
        nan = np.nan
        return Difference(variable, name, verdict, nan, nan, (), (nan, nan), nan, shapes, changed)

    def _judge(self, variable: Variable, absolute: float, relative: float) -> tuple[Verdict, float]:
        operation = variable.operation
        if operation is None:  # given; to two precisions, perhaps
            dtypes = {array.dtype for array in (self._first_array(variable), self._other_array(variable))}
            infos = [np.finfo(dtype) for dtype in dtypes if dtype.kind == "f" and len(dtypes) > 1]
            units = [min(relative / float(i.eps), absolute / float(i.smallest_subnormal)) for i in infos]
            found = min(units, default=np.inf)
            return ("rounding", found) if found <= 1 else ("diverged", np.inf)
        differs = any(self._differs(v) for v in self._mine.sources(operation))
        excess = self._excess(variable, operation)
        if np.isnan(excess) and not differs:
            return ("unknown" if self._mine.before(operation) else "diverged"), excess
        if excess > 1:
            return "diverged", excess
        return ("inherited" if differs else "rounding"), excess

    def _differs(self, variable: Variable) -> bool:
        if variable not in self._differing:
            a, b = self._first_array(variable), self._other_array(variable)
            self._differing[variable] = a.shape != b.shape or bool(largest_error(a, b)[0])
        return self._differing[variable]

    def _excess(self, variable: Variable, operation: Operation) -> float:
        """Return by how much the worse of both runs is further off than rounding explains what this one computes."""
        own, others, there = self._first_array(variable), self._other_array(variable), self._there(variable)
        got = others if _is_alike(operation, there) else _as_coarse(others, own)
        found = [unexplained(self._mine, variable, operation, own)]
        found.append(unexplained(self._theirs, variable, operation, got))
        if there is not None and _is_alike(operation, there) and self._changed(variable):
            found.append(apart(self._theirs, variable, operation, in_precision(there, "float64"), got))
        return max(found) if not np.isnan(found).any() else np.nan

    # ---- the other run -----------------------------------------------------------------------------------------

    def _there(self, variable: Variable) -> Operation | None:
        """Return what computes a variable's counterpart, as the same of its results."""
        found = self.pairs.get(variable)
        return found.operation if isinstance(found, Variable) and found.output_index == variable.output_index else None

    def _changed(self, variable: Variable) -> tuple[str, ...]:
        """Say in what the operations behind a variable and its counterpart differ."""
        operation, there = variable.operation, self._there(variable)
        if operation is None or there is None or operation is there or not isinstance(self.other, Trace):
            return ()
        mine, theirs = operation.primitive.bind(self.one.names), there.primitive.bind(self.other.names)
        return differing(mine, theirs)

    def _other_primitive(self, operation: Operation, dtype: str) -> Primitive:
        there = self._there(operation.outputs[0])
        return in_precision(operation, dtype, None if there is None else there.primitive)

    def _is_known(self, variable: Variable) -> bool:
        """Whether both runs have a variable; what they are given has this one for both."""
        return variable in self.pairs or variable.operation is None

    def _first_array(self, variable: Variable) -> Array:
        return np.asarray(self.one.to_numpy(self.one.arrays[variable]))

    def _other_array(self, variable: Variable) -> Array:
        if variable in self._reference:
            return self._reference[variable]
        counterpart = self.pairs.get(variable)
        if isinstance(self.other, Trace) and isinstance(counterpart, Variable):
            return np.asarray(self.other.to_numpy(self.other.arrays[counterpart]))
        return self._first_array(variable)  # it is given, and has no counterpart

    def __str__(self) -> str:
        counts = Counter(found.verdict for found in self)
        lines = [f"{counts['equal']} of {len(self)} variables are equal"]
        lines += [f"{counts[verdict]} {text}" for verdict, text in _COUNTED.items() if counts[verdict]]
        if self.first is not None:
            lines.append(f"the first: {self.first}")
            if self.line is not None:
                lines.append(f"  {self.line}")
        return "\n".join(lines)


def _is_alike(operation: Operation, there: Operation | None) -> bool:
    """Whether two operations are uses of one primitive, perhaps with other attributes."""
    return there is not None and type(there.primitive) is type(operation.primitive)


def _as_coarse(array: Array, other: Array) -> Array:
    """Return an array of real numbers as no more precise than another one."""
    floats = array.dtype.kind == other.dtype.kind == "f"
    return array.astype(other.dtype) if floats and other.dtype.itemsize < array.dtype.itemsize else array
