"""What each node of a picture shows at each step of a run. Pure data: what it looks like is decided elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np

from graph_engine.errors import LookupFailed
from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape
from graph_engine.trace import Step, Trace
from graph_engine_viz.rules import rule_lines
from graph_engine_viz.summary import Summary, exact, summarize
from graph_engine_viz.timeline import Timeline, Use
from graph_engine_viz.wording import Line

__all__ = ["Caption", "Frame", "Frames", "State", "Told", "tell", "tell_summary"]

State = Literal["todo", "current", "done"]
PHASES = {"forward": "Forward", "backward": "Backward", "update": "Update"}


@dataclass(frozen=True)
class Told:
    """What a picture tells of an array.

    Attributes
    ----------
    summary : Summary
    data : str
        For programs: a number as Python writes it, of a tensor its shape and summary.
    exact : str
        For people, on hover: the shortest text that gives the numbers back.
    """

    summary: Summary
    data: str
    exact: str


def tell(array: np.ndarray[Any, Any]) -> Told:
    """Say what a picture tells of an array.

    Examples
    --------
    >>> told = tell(np.float32(0.1))
    >>> told.data, told.exact, told.summary.text()
    ('0.10000000149011612', '0.1 (float32)', '0.1')
    """
    return tell_summary(summarize(array))


def tell_summary(summary: Summary) -> Told:
    """Say what a picture tells of an array that has been looked at."""
    spec = f"{summary.dtype}{show_shape(summary.shape)}"
    if summary.shape == () and summary.elements:
        (element,) = summary.elements
        return Told(summary, repr(np.asarray(element).item()), f"{exact(element)} ({summary.dtype})")
    if summary.elements is not None:
        return Told(summary, f"{show_shape(summary.shape)} {summary.text()}", f"{spec} {_exact_elements(summary)}")
    low, high = exact(summary.minimum), exact(summary.maximum)
    text = " ".join(summary.text().split())
    return Told(summary, f"{show_shape(summary.shape)} {text}", f"{spec} {text} min {low} max {high}")


def _exact_elements(summary: Summary) -> str:
    return "[" + ", ".join(exact(number) for number in summary.elements or ()) + "]"


@dataclass(frozen=True)
class Caption:
    """What stands over a picture.

    Attributes
    ----------
    title : str
        Phase and count: ``Backward · step 4 of 5``.
    text, place : str
        The user's line, and its file and number; empty where it is not known.
    trouble : str
        What stopped the run, at the step where it did.
    """

    title: str
    text: str = ""
    place: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        return "  ".join(part for part in (self.title, self.text, self.place, self.trouble) if part)


@dataclass(frozen=True)
class Frame:
    """What is to be seen at one step.

    Attributes
    ----------
    index, count : int
        Which step it is, from 0, of how many.
    phase : str
        `forward`, `backward` or `update`; empty for a graph that was not run.
    caption : Caption
    values, gradients : mapping of Variable to Told
        What is known at this step, of the variables looked at. An updated parameter's value is the new one.
    states : mapping of Operation to {"todo", "current", "done"}
    current : frozenset of Variable and Operation
        What this step is about.
    flowed : frozenset of Use
        The uses through which a gradient has come back.
    active : frozenset of Use, Operation
        The wires of this step: uses, and for an operation the wires to its results.
    rules : tuple of Line
        What this step computes, with its numbers.
    failed : Operation or None
        Where the run stopped, at the step where it did.
    passed : frozenset of Operation
        The operations whose backward rule is done.
    """

    index: int
    count: int
    phase: str
    caption: Caption
    values: Mapping[Variable, Told]
    gradients: Mapping[Variable, Told]
    states: Mapping[Operation, State]
    current: frozenset[Variable | Operation] = frozenset()
    flowed: frozenset[Use] = frozenset()
    active: frozenset[Use | Operation] = frozenset()
    rules: tuple[Line, ...] = ()
    failed: Operation | None = None
    passed: frozenset[Operation] = frozenset()


class Frames(Sequence[Frame]):
    """The frames of a trace, one for each step, made when they are asked for.

    Parameters
    ----------
    trace : Trace
    variables, operations, uses : iterable, optional
        What is looked at; by default all that is drawn.
    timeline : Timeline, optional
        That of the trace, if it is known already.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> y = x * x
    >>> frames = Frames(ge.Engine("numpy").trace(y, {x: 3}))
    >>> [str(frame.caption.title) for frame in frames]
    ['Forward · step 1 of 3', 'Backward · step 2 of 3', 'Backward · step 3 of 3']
    >>> x in frames[1].gradients, frames[2].gradients[x].data
    (False, '6.0')
    """

    def __init__(
        self,
        trace: Trace,
        variables: Iterable[Variable] | None = None,
        operations: Iterable[Operation] | None = None,
        timeline: Timeline | None = None,
        uses: Iterable[Use] | None = None,
    ) -> None:
        self.trace = trace
        self.timeline = timeline or Timeline(trace)
        self.operations = self.timeline.operations if operations is None else tuple(operations)
        if variables is None:
            found = [v for op in self.operations for v in (*op.inputs, *op.outputs)]
            variables = dict.fromkeys([*found, *trace.outputs])
        self.variables = tuple(variables)
        if uses is None:
            uses = (Use(op, position) for op in self.operations for position in range(len(op.inputs)))
        self.uses = tuple(uses)
        self._told: dict[Variable, Told] = {}

    def __len__(self) -> int:
        return self.timeline.count

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._frame(check_step(index, len(self)))

    def __iter__(self) -> Iterator[Frame]:
        return (self._frame(index) for index in range(len(self)))

    def told(self, variable: Variable) -> Told:
        """Return what is told of a variable's value; each is looked at once."""
        if variable not in self._told:
            self._told[variable] = tell(self.trace.value(variable))
        return self._told[variable]

    def everything(self) -> Frame:
        """Return what is known after the last step, nothing being current; parameters as the run began with them."""
        names = [phase for phase in PHASES if any(step.phase == phase for step in self.trace.steps)]
        count = len(self)
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        title = f"{listed.capitalize()} · {count} step{'s' if count != 1 else ''}"
        last = self._frame(count - 1) if count else None
        if last is not None and last.failed is not None:
            return last
        if last is None:
            return Frame(0, 0, "forward", Caption(title), *self._known(0))
        nothing: frozenset[Any] = frozenset()
        states: dict[Operation, State] = {op: "done" if s != "todo" else s for op, s in last.states.items()}
        read = {v: self.told(v) if v in self.trace.updates else told for v, told in last.values.items()}
        return replace(
            last, caption=Caption(title), values=read, states=states, current=nothing, active=nothing, rules=()
        )

    def _frame(self, index: int) -> Frame:
        step = self.trace.steps[index]
        values, gradients, states = self._known(index)
        failed = self.trace.failed if index == len(self) - 1 else None
        current: set[Variable | Operation] = set()
        if step.phase == "update" or step.variable is not None:
            current |= {step.variable} if step.variable is not None else set()
        elif step.operation is not None:
            current |= {step.operation, *(sub.operation for sub in step.substeps if sub.operation is not None)}
        return Frame(
            index,
            len(self),
            step.phase,
            self._caption(step, failed),
            values,
            gradients,
            states | {op: "current" for op in self.operations if op in current},
            frozenset(current),
            self._flowed(index),
            self._active(step),
            self._rules(step) if failed is None else (),
            failed,
            frozenset(op for op in self.operations if self.timeline.rule(op) <= index),
        )

    def _rules(self, step: Step) -> tuple[Line, ...]:
        return rule_lines(self.trace, step)

    def _known(self, index: int) -> tuple[dict[Variable, Told], dict[Variable, Told], dict[Operation, State]]:
        timeline, trace = self.timeline, self.trace
        values = {
            v: self.told(trace.updates[v] if timeline.update(v) <= index else v)
            for v in self.variables
            if timeline.value(v) <= index
        }
        gradients = {v: self.told(trace.gradients[v]) for v in self.variables if timeline.gradient(v) <= index}
        states: dict[Operation, State] = {
            op: "done" if timeline.computed(op) <= index else "todo" for op in self.operations
        }
        return values, gradients, states

    def _flowed(self, index: int) -> frozenset[Use]:
        return frozenset(use for use in self.uses if self.timeline.flow(use) <= index)

    def _active(self, step: Step) -> frozenset[Use | Operation]:
        operation = step.operation
        if operation is None or step.variable is not None:
            return frozenset()
        uses = [Use(operation, position) for position in range(len(operation.inputs))]
        if step.phase == "backward":
            uses = [use for use in uses if self.timeline.flow(use) == step.index]
        return frozenset((*uses, operation))

    def _caption(self, step: Step, failed: Operation | None) -> Caption:
        title = f"{PHASES[step.phase]} · step {step.index + 1} of {len(self)}"
        text = step.line.text if step.line else ""
        place = f"{os.path.basename(step.line.file)}:{step.line.line}" if step.line else ""
        trouble = ""
        if failed is not None:
            trouble = f"stopped: {str(self.trace.error).splitlines()[0] if self.trace.error else 'the run failed here'}"
        return Caption(title, text, place, trouble)


def check_step(step: int, count: int) -> int:
    """Return a step counted from 0; a negative one counts from the end."""
    if isinstance(step, bool) or not isinstance(step, (int, np.integer)):
        raise LookupFailed(f"a step is a whole number, not {step!r}", f"steps count from 0 to {count - 1}")
    if not -count <= step < count:
        cure = f"steps count from 0 to {count - 1}; a negative one counts from the end" if count else ""
        raise LookupFailed(f"there is no step {step}: the trace has {count} steps", cure)
    return int(step) % count
