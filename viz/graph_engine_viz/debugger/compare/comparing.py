"""`compare`: two runs side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.primitive import Primitive
from graph_engine.source import SourceLine
from graph_engine.trace import Trace
from graph_engine_viz.debugger.compare.alignment import align, arrays_of
from graph_engine_viz.debugger.compare.arrays import Side
from graph_engine_viz.debugger.compare.attributes import differing, in_precision
from graph_engine_viz.debugger.compare.difference import WORDS, Difference, Verdict, largest_error
from graph_engine_viz.debugger.compare.exactly import Exactly, Refused
from graph_engine_viz.debugger.compare.rounding import Rounding

__all__ = ["Comparison", "compare"]

Array = np.ndarray[Any, Any]
Error = tuple[float, float, tuple[int, ...]]


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
        `print` it; `.first` is where they first differ by more than rounding explains, or cannot be judged.

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
        self._errors: dict[Variable, Error | None] = {}
        self._differ: dict[Operation, bool] = {}
        self._of_other_shapes: dict[Operation, bool] = {}
        self._reference = {} if isinstance(other, Trace) else arrays_of(other, pairs)
        self._mine = Side(one.arrays.__getitem__, one.to_numpy)
        self._theirs = Side(self._find_other, other.to_numpy if isinstance(other, Trace) else np.asarray)
        names = {**one.names, **(other.names if isinstance(other, Trace) else {})}
        self._exactly = Exactly(one.graph, self._is_known, self._mine, in_precision, one.names)
        exactly_theirs = Exactly(one.graph, self._is_known, self._theirs, self._other_primitive, names)
        self._rounding, self._other_rounding = Rounding(self._exactly), Rounding(exactly_theirs)

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
        """Where they first differ by more than rounding explains, or cannot be judged; looked for no further."""
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
        name, error = self.one.graph.name_of(variable), self._error(variable)
        if error is None:
            return self._of_another_shape(variable, name)
        absolute, relative, place = error
        if not absolute:
            return Difference(variable, name, "equal")
        values = float(self._mine.value(variable)[place]), float(self._theirs.value(variable)[place])
        try:
            with np.errstate(all="ignore"):
                verdict, excess = self._judge(variable, absolute, relative)
        except Refused as refused:
            return Difference(variable, name, "unknown", *error, values, np.nan, reason=str(refused))
        changed = self._changed(variable) if verdict == "diverged" else ()
        return Difference(variable, name, verdict, *error, values, excess, None, changed)

    def _of_another_shape(self, variable: Variable, name: str) -> Difference:
        operation, changed = variable.operation, self._changed(variable)
        follows = operation is not None and self._behind(operation, self._is_of_another_shape, self._of_other_shapes)
        verdict: Verdict = "inherited" if follows and not changed else "diverged"
        nan, shapes = np.nan, (self._mine.shape(variable), self._theirs.shape(variable))
        return Difference(variable, name, verdict, nan, nan, (), (nan, nan), nan, shapes, changed)

    def _judge(self, variable: Variable, absolute: float, relative: float) -> tuple[Verdict, float]:
        operation = variable.operation
        if operation is None:  # given; to two precisions, perhaps
            dtypes = {side.value(variable).dtype for side in (self._mine, self._theirs)}
            infos = [np.finfo(dtype) for dtype in dtypes if dtype.kind == "f" and len(dtypes) > 1]
            units = [min(relative / float(i.eps), absolute / float(i.smallest_subnormal)) for i in infos]
            found = min(units, default=np.inf)
            return ("rounding", found) if found <= 1 else ("diverged", np.inf)
        excess = self._excess(variable, operation)
        if excess > 1:
            return "diverged", excess
        return ("inherited" if self._behind(operation, self._differs, self._differ) else "rounding"), excess

    def _excess(self, variable: Variable, operation: Operation) -> float:
        """Return by how much the worse of both runs is further off than rounding explains what this one computes."""
        own, others, there = self._mine.value(variable), self._theirs.value(variable), self._there(variable)
        got = others if _is_alike(operation, there) else _as_coarse(others, own)
        found = [self._rounding.unexplained(variable, operation, own)]
        found.append(self._other_rounding.unexplained(variable, operation, got))
        if there is not None and _is_alike(operation, there) and self._changed(variable):
            found.append(self._other_rounding.apart(variable, operation, in_precision(there, "float64"), got))
        return max(found)

    # ---- what it is computed from ------------------------------------------------------------------------------

    def _behind(self, operation: Operation, is_so: Callable[[Variable], bool], found: dict[Operation, bool]) -> bool:
        """Whether something is so of any of the nearest values that both have, which an operation is computed from."""

        def of(one: Operation, before: list[bool]) -> bool:
            return any(before) or any(is_so(v) for v in one.inputs if self._is_known(v))

        return self._exactly.folded(operation, found, of)

    def _is_of_another_shape(self, variable: Variable) -> bool:
        return self._mine.shape(variable) != self._theirs.shape(variable)

    def _differs(self, variable: Variable) -> bool:
        error = self._error(variable) if variable in self.pairs else (0.0,)
        return error is None or error[0] > 0

    def _error(self, variable: Variable) -> Error | None:
        """Return the largest error, relatively and where; None where the shapes differ."""
        if variable not in self._errors:
            other = self._is_of_another_shape(variable)
            arrays = () if other else (self._mine.value(variable), self._theirs.value(variable))
            self._errors[variable] = largest_error(*arrays) if arrays else None
        return self._errors[variable]

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

    def _find_other(self, variable: Variable) -> Any:
        if variable in self._reference:
            return self._reference[variable]
        counterpart = self.pairs.get(variable)
        if isinstance(self.other, Trace) and isinstance(counterpart, Variable):
            return self.other.arrays[counterpart]
        return self._mine.value(variable)  # it is given, and has no counterpart

    def __str__(self) -> str:
        counts = Counter(found.verdict for found in self)
        lines = [f"{counts['equal']} of {len(self)} variables {WORDS['equal'][1]}"]
        lines += [f"{n} {WORDS[verdict][n > 1]}" for verdict in WORDS if verdict != "equal" and (n := counts[verdict])]
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
