"""What the neurons of one sample show at each step: their values and gradients, as far as they are computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from graph_engine.node import Variable
from graph_engine.trace import Step
from graph_engine_viz.frames import Frame, Frames
from graph_engine_viz.neurons.network import Layer, Network, sample_of
from graph_engine_viz.rules import UpdateRule
from graph_engine_viz.timeline import NEVER
from graph_engine_viz.typeset import parse
from graph_engine_viz.wording import Line, Part, part

__all__ = ["Numbers", "SampleFrames", "unit_tex", "weight_tex"]

Array = np.ndarray[Any, Any]

MOST_ROWS = 6
"""So many elements of an updated parameter are written one by one."""


def weight_tex(number: int, unit: int, before: int | None = None) -> str:
    """Typeset a weight, or a bias, counted from 1.

    Examples
    --------
    >>> weight_tex(2, 1, 0), weight_tex(2, 1)
    ('w^{2}_{21}', 'b^{2}_{2}')
    """
    if before is None:
        return f"b^{{{number}}}_{{{unit + 1}}}"
    comma = "," if max(unit, before) > 8 else ""
    return f"w^{{{number}}}_{{{unit + 1}{comma}{before + 1}}}"


def unit_tex(number: int, unit: int) -> str:
    """Typeset what a unit gives, counted from 1; those of layer 0 are the inputs."""
    return f"a^{{{number}}}_{{{unit + 1}}}" if number else f"x_{{{unit + 1}}}"


class Numbers:
    """Looks up numbers of one sample.

    Parameters
    ----------
    network : Network
    frames : Frames
    sample : int
    """

    def __init__(self, network: Network, frames: Frames, sample: int) -> None:
        self.network = network
        self.frames = frames
        self.trace, self.timeline = frames.trace, frames.timeline
        self.sample = sample

    @property
    def samples(self) -> int:
        """How many samples the run has."""
        first = self.network.layers[0]
        return int(np.size(self.trace.arrays.get(first.data, np.zeros(first.inputs)))) // first.inputs

    def value(self, variable: Variable, step: int) -> Array | None:
        """Return a value as it is after a step: an updated parameter's is the new one."""
        if self.timeline.update(variable) <= step:
            return self._array(self.trace.updates[variable])
        if self.timeline.value(variable) <= step:
            return self._array(variable)
        return variable.data

    def gradient(self, variable: Variable, step: int) -> Array | None:
        """Return a gradient, if it is complete after a step."""
        return self._array(self.trace.gradients[variable]) if self.timeline.gradient(variable) <= step else None

    def has_gradient(self, variable: Variable) -> bool:
        """Say whether a gradient is computed at some step."""
        return self.timeline.gradient(variable) != NEVER

    def of_unit(self, array: Array | None, units: int, unit: int) -> Any:
        """Return one unit's number for the sample."""
        return None if array is None else sample_of(array, units, self.sample)[unit]

    def _array(self, variable: Variable) -> Array:
        return np.asarray(self.trace.to_numpy(self.trace.arrays[variable]))


class SampleFrames(Frames):
    """The frames of a run; captions say which sample is shown, updates are written weight by weight."""

    def describe(self, network: Network, sample: int) -> None:
        """Say what is shown."""
        self._table = UpdateTable(network, self)
        count = Numbers(network, self, sample).samples
        self._note = f" · sample {sample % count + 1} of {count}" if count > 1 else ""

    def everything(self) -> Frame:
        """Return the frame after the last step."""
        return self._noted(super().everything())

    def _frame(self, index: int) -> Frame:
        frame = super()._frame(index)
        table = self._table.lines(self.trace.steps[index]) if frame.phase == "update" and frame.rules else ()
        return self._noted(replace(frame, rules=tuple(table) or frame.rules))

    def _noted(self, frame: Frame) -> Frame:
        caption = frame.caption
        title = caption.title if self._note in caption.title else caption.title + self._note
        return replace(frame, caption=replace(caption, title=title))


class UpdateTable(UpdateRule):
    """Writes a layer's update weight by weight: w ← w - γ ∂L/∂w, as a table of formulas."""

    def __init__(self, network: Network, frames: Frames) -> None:
        super().__init__(frames.trace)
        self.layers = network.layers

    def lines(self, step: Step) -> list[Line]:
        """Write all elements where there are few, else follow one."""
        parameter = step.variable
        assert parameter is not None
        lines = super().lines(step)
        known = parameter in self.trace.arrays and self.trace.updates[parameter] in self.trace.arrays
        if not known or self.value(parameter).size > MOST_ROWS or self.value(parameter).ndim == 0:
            return lines
        for number, layer in enumerate(self.layers, 1):
            if parameter in (layer.weight, layer.bias):
                return [lines[0], *self._table(parameter, number, layer)]
        return lines

    def _table(self, parameter: Variable, number: int, layer: Layer) -> list[Line]:
        new, gradient = self.trace.updates[parameter], self.trace.gradients.get(parameter)
        rate = self._rate(parameter, new, gradient)
        arrays = [self.value(v) for v in (parameter, new)]
        if gradient is not None and gradient in self.trace.arrays:
            arrays.append(self.value(gradient))
        if parameter is layer.weight:
            arrays = [layer.matrix(array) for array in arrays]
        lines: list[Line] = []
        for index in np.ndindex(arrays[0].shape):
            tex = weight_tex(number, *index) if parameter is layer.weight else weight_tex(number, index[-1])
            name = Part(tuple(parse(tex, tex=True)), "index")
            old, after, *slope = (array[index] for array in arrays)
            lines.append((name, part(" ← "), *self._update_numbers(old, after, slope[0] if slope else None, rate)))
        return lines
