"""What a variable shows, wherever it stands: name, value, gradient; measured over all steps."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from graph_engine.node import Variable
from graph_engine_viz.cells import (
    Row,
    dot,
    draw_rows,
    gradient_pill,
    gradient_rows,
    pill_size,
    rows_size,
    spec_text,
    value_rows,
)
from graph_engine_viz.frames import Frame, Frames, Told, tell
from graph_engine_viz.ink import NAME, measure, title
from graph_engine_viz.wording import Words, is_bare_number

__all__ = ["Content"]

WIDEST_NAME = 130.0
LONG_NAME = 15.0
"""The font size of a name that would be wider."""


@dataclass
class Content:
    """What a variable shows: everything that it will ever show, for its size, and what it shows at a step.

    Parameters
    ----------
    variable : Variable
    words : Words
    frames : Frames or None
        None for a graph that was not run.
    scope : tuple of str
        The frames that it stands in.
    name_length : int
        Longer names are cut.
    brief : bool
        Without histogram.
    uses : int
        How many operations use it.
    """

    variable: Variable
    words: Words
    frames: Frames | None
    scope: tuple[str, ...] = ()
    name_length: int = 24
    brief: bool = False
    uses: int = 0

    @cached_property
    def name(self) -> str:
        """The variable's name in its graph."""
        return self.words.graph.name_of(self.variable)

    @cached_property
    def is_bare_number(self) -> bool:
        """Whether it is a constant number without a name, which is its own name."""
        return is_bare_number(self.variable)

    @cached_property
    def head(self) -> list[Row]:
        """The name, a tensor's shape and dtype, and how often a parameter is used, if more than once."""
        if self.is_bare_number:
            return []
        spec = spec_text(self._shape, self.variable.dtype) if self._shape else ""
        if self.variable.kind == "parameter" and self.uses > 1:
            spec = f"{spec} used {self.uses:,} times".lstrip()
        name = self.words.name(self.variable, self.scope, self.name_length)
        return [Row(name, NAME if measure(name, NAME) <= WIDEST_NAME else LONG_NAME, tail=spec)]

    @property
    def _shape(self) -> tuple[object, ...]:
        trace = self.frames.trace if self.frames is not None else None
        known = trace is not None and self.variable in trace.arrays
        return tuple(np.shape(trace.arrays[self.variable])) if known and trace is not None else self.variable.shape

    def value(self, frame: Frame | None) -> Told | None:
        """Return what is known of the value."""
        if self.variable.kind == "constant" and self.variable.data is not None:
            return tell(self.variable.data)
        return frame.values.get(self.variable) if frame is not None else None

    @cached_property
    def all_values(self) -> list[Told]:
        """Every value that it has at some step: an updated parameter has two."""
        trace = self.frames.trace if self.frames is not None else None
        if trace is None or self.frames is None:
            known = self.value(None)
            return [known] if known is not None else []
        found = [v for v in (self.variable, trace.updates.get(self.variable)) if v is not None and v in trace.arrays]
        return [self.frames.told(v) for v in found]

    @cached_property
    def gradient_told(self) -> Told | None:
        """The gradient that it has in the end."""
        trace = self.frames.trace if self.frames is not None else None
        gradient = trace.gradients.get(self.variable) if trace is not None else None
        if gradient is None or trace is None or self.frames is None or gradient not in trace.arrays:
            return None
        return self.frames.told(gradient)

    @cached_property
    def has_gradient(self) -> bool:
        """Whether a gradient is wanted of it, if the run gets so far."""
        return self.frames is not None and self.variable in self.frames.trace.gradients

    @cached_property
    def value_size(self) -> tuple[float, float]:
        """The room for the largest value."""
        if self.frames is None and self.variable.kind != "constant":
            return 0.0, 0.0
        return _largest([rows_size(self._value_rows(told)) for told in self.all_values] or [(12.0, NAME)])

    def _value_rows(self, told: Told) -> list[Row]:
        rows = value_rows(told)
        return [replace(row, histogram=None) for row in rows] if self.brief else rows

    @cached_property
    def pill_size(self) -> tuple[float, float]:
        """The room for the gradient."""
        if not self.has_gradient:
            return 0.0, 0.0
        return pill_size(gradient_rows(self.gradient_told)) if self.gradient_told is not None else (12.0, NAME)

    def draw_value(self, frame: Frame | None, middle: float, top: float) -> str:
        """Draw the value, or a dot, in the middle of its room."""
        told = self.value(frame)
        if told is None:
            return dot(middle, top + self.value_size[1] / 2) if frame is not None else ""
        rows = self._value_rows(told)
        return draw_rows(rows, middle, top + (self.value_size[1] - rows_size(rows)[1]) / 2)

    def draw_gradient(self, frame: Frame | None, middle: float, top: float) -> str:
        """Draw the gradient's pill, or a dot, in the middle of its room."""
        if not self.has_gradient or frame is None:
            return ""
        told = frame.gradients.get(self.variable)
        if told is None:
            return dot(middle, top + self.pill_size[1] / 2)
        return gradient_pill(gradient_rows(told), middle, top, self.is_new_gradient(frame))

    def is_new_gradient(self, frame: Frame) -> bool:
        """Say whether this step completes the gradient; in a picture of the whole run no step is this one."""
        if self.frames is None or not frame.current:
            return False
        return self.frames.timeline.gradient(self.variable) == frame.index

    def state(self, frame: Frame | None) -> Hashable:
        """Return all that is drawn of it depends on."""
        if frame is None:
            return None
        value, gradient = frame.values.get(self.variable), frame.gradients.get(self.variable)
        told = (value and id(value), gradient and id(gradient))  # the frames keep them
        return (*told, self.variable in frame.current, self.is_new_gradient(frame))

    def attributes(self, frame: Frame | None) -> dict[str, object]:
        """Return what programs read."""
        told = self.value(frame)
        gradient = frame.gradients.get(self.variable) if frame is not None else None
        return {
            "data_variable": self.name,
            "data_kind": self.variable.kind,
            "data_value": told.data if told is not None else None,
            "data_grad": gradient.data if gradient is not None else None,
            "data_current": "true" if frame is not None and self.variable in frame.current else None,
        }

    def hover(self, frame: Frame | None) -> str:
        """Return the exact numbers, to be shown on hover."""
        lines = [f"{self.name}: {self.variable.kind}, {self.variable.spec}"]
        told = self.value(frame)
        gradient = frame.gradients.get(self.variable) if frame is not None else None
        if told is not None:
            lines.append(f"value {told.exact}")
        if gradient is not None:
            lines.append(f"gradient {gradient.exact}")
        if self.variable.line is not None and self.variable.line.text:
            lines.append(self.variable.line.text)
        return title("\n".join(lines))


def _largest(sizes: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return max(width for width, _ in sizes), max(height for _, height in sizes)
