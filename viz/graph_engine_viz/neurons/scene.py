"""A neuron diagram in the making: the same places at all steps, and what is written there at each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError
from graph_engine.node import Operation, Variable
from graph_engine_viz.frames import Frame
from graph_engine_viz.ink import BLUE, GREY, INK, PALE, VERMILION, tag, text
from graph_engine_viz.neurons import drawing
from graph_engine_viz.neurons.network import Layer, Network, peeled
from graph_engine_viz.neurons.numbers import Numbers, SampleFrames, unit_tex, weight_tex
from graph_engine_viz.neurons.placing import ELLIPSIS, LOSS, RADIUS, Box, Column, Edge, place_network, shown_units
from graph_engine_viz.typeset import Run
from graph_engine_viz.view import View
from graph_engine_viz.wording import Line, Words

__all__ = ["NeuronScene"]

MOST_LAYERS = 8
MOST_MEASURED = 300
LONGEST_NAME = 14


class NeuronScene:
    """Everything that all neuron diagrams of a run have in common.

    Parameters
    ----------
    network : Network
    frames : SampleFrames or None
        None for a graph that was not run.
    sample : int
        Which one of the batch is shown.

    Attributes
    ----------
    width, height : float
    """

    has_arrows = False

    def __init__(self, network: Network, frames: SampleFrames | None, sample: int = 0) -> None:
        if len(network.layers) > MOST_LAYERS:
            raise DeclarationError(
                f"the network has {len(network.layers)} layers; a neuron diagram shows {MOST_LAYERS} at most",
                'draw the graph itself: style="nodes"',
            )
        self.network = network
        self.frames = frames
        self.view = View(network.graph, (), ())
        self.words = Words(network.graph, longest=LONGEST_NAME)
        self.numbers = None if frames is None else Numbers(network, frames, sample)
        self.largest = [self._largest(layer) for layer in network.layers]
        rows = [self._gradient_rows(0), *(self._gradient_rows(n) for n in range(1, len(network.layers) + 1))]
        sizes = [network.layers[0].inputs, *(layer.units for layer in network.layers)]
        biased = [False, *(layer.bias is not None for layer in network.layers)]
        columns = [Column(shown_units(n), b, r) for n, b, r in zip(sizes, biased, rows, strict=True)]
        with_gradients = self.numbers is not None and any(self.numbers.has_gradient(x.weight) for x in network.layers)
        label = drawing.label_size(frames is not None, with_gradients)
        self.places = place_network(network, columns, label, drawing.bias_width(with_gradients))
        self.width, self.height = self.places.width, self.places.height
        if self.numbers is not None:  # a sample that there is not is refused here
            first = self.numbers.value(network.layers[0].data, len(self.numbers.trace.steps))
            self.numbers.of_unit(first, network.layers[0].inputs, 0)

    @cached_property
    def rules(self) -> list[tuple[Line, ...]]:
        """The formulas of all steps: pictures have room for the longest."""
        if self.frames is None:
            return []
        return [self.frames[step].rules for step in range(min(len(self.frames), MOST_MEASURED))]

    def parts(self, frame: Frame | None) -> Iterator[tuple[str, str]]:
        """Write the picture's parts at one step, each with a key that is the same at all steps; the lowest first."""
        yield "heads", "".join([*self._heads(), self._legend()])
        for edge in self.places.edges():
            yield f"e{'.'.join(map(str, edge))}", self._line(edge, frame)
        yield "losses", "".join(self._loss_lines(frame))
        for edge in self.places.labels:
            yield f"t{'.'.join(map(str, edge))}", self._label(edge, frame)
        for number, unit in self.places.centers:
            yield f"n{number}.{unit}", self._unit(number, unit, frame)
        if self.network.loss is not None:
            yield "loss", self._loss(self.network.loss, frame)

    # ---- what is known -----------------------------------------------------------------------------------------

    def _shown(self, number: int) -> list[Variable]:
        """Return what the units of a column show: their sums and what is made of them, or one of both."""
        if number == 0:
            return [self.network.layers[0].data]
        layer = self.network.layers[number - 1]
        return [layer.z] if layer.a is layer.z else [layer.z, layer.a]

    def _units(self, number: int) -> int:
        return self.network.layers[number - 1].units if number else self.network.layers[0].inputs

    def _gradient_rows(self, number: int) -> int:
        shown = self._shown(number)
        return len(shown) if self.numbers is not None and any(map(self.numbers.has_gradient, shown)) else 0

    def _cells(self, number: int, unit: int, frame: Frame) -> tuple[list[drawing.Cell], list[drawing.Cell]]:
        """Return the values and the gradients of a unit, and which of them this step computes."""
        assert self.numbers is not None
        numbers, timeline, units = self.numbers, self.numbers.timeline, self._units(number)
        step, live = frame.index, bool(frame.current)
        values, gradients = [], []
        for variable in self._shown(number):
            value = numbers.of_unit(numbers.value(variable, step), units, unit)
            values.append((value, live and timeline.value(variable) == step))
            if self.places.columns[number].rows:
                gradient = numbers.of_unit(numbers.gradient(variable, step), units, unit)
                gradients.append((gradient, live and timeline.gradient(variable) == step))
        return values, gradients

    def _element(self, variable: Variable, layer: Layer, index: tuple[int, ...], frame: Frame) -> tuple[Any, Any]:
        """Return one weight or bias, and its gradient, if it is known; in the picture of all steps, as it was read."""
        assert self.numbers is not None
        read = frame.index if frame.current else -1
        arrays = [self.numbers.value(variable, read), self.numbers.gradient(variable, frame.index)]
        if variable is layer.weight:
            found = [None if array is None else layer.matrix(array)[index] for array in arrays]
        else:
            found = [None if array is None else array.reshape(-1)[index] for array in arrays]
        return found[0], found[1]

    def _border(self, variable: Variable, frame: Frame) -> str | None:
        """Return what is drawn around a parameter at the step of its gradient, and of its update."""
        assert self.numbers is not None
        steps = {self.numbers.timeline.gradient(variable): VERMILION, self.numbers.timeline.update(variable): BLUE}
        return steps.get(frame.index) if frame.current else None

    def _largest(self, layer: Layer) -> float:
        data: Any = layer.weight.data
        if self.numbers is not None and layer.weight in self.numbers.trace.arrays:
            data = self.numbers.value(layer.weight, -1)
        finite = np.abs(np.asarray(data, float)[np.isfinite(np.asarray(data, float))]) if data is not None else []
        return float(np.max(finite, initial=0.0))

    # ---- parts -------------------------------------------------------------------------------------------------

    def _heads(self) -> Iterator[str]:
        """Name the columns: what they show, and the activation."""
        for number, column in enumerate(self.places.columns):
            x = self.places.centers[number, column.units[0]][0]
            shown = self._shown(number)
            name = self.words.short_name(shown[-1] if number else peeled(shown[-1]))
            yield text(name, x, 20, 17, "middle", INK, bold=True)
            about = self.network.layers[number - 1].activation if number else ""
            about = "" if [Run(about)] == list(name) else about
            count = f"{self._units(number)} units" if ELLIPSIS in column.units else ""
            if about or count:
                yield text(f"{about}  {count}".strip(), x, 38, 14, "middle", GREY)

    def _legend(self) -> str:
        """Say what the marks of this style mean."""
        halves = any(len(self._shown(number)) > 1 for number in range(len(self.places.columns)))
        words = ["circle: sum, below it the activation" if halves else "circle: activation"]
        if any(column.rows for column in self.places.columns):
            words.append("pill: their gradients" if halves else "pill: its gradient")
        words.append("edge: weight; wide if large, dashed if negative" if self.frames is not None else "edge: weight")
        if any(layer.bias is not None for layer in self.network.layers):
            words.append("■ bias")
        return drawing.legend(self.width / 2, self.height - 8, words)

    def _line(self, edge: Edge, frame: Frame | None) -> str:
        number, i, j = edge
        layer = self.network.layers[number - 1]
        ends, largest = self.places.ends(edge), self.largest[number - 1]
        if frame is None:
            return drawing.edge_line(ends, None, largest, INK)
        weight, _ = self._element(layer.weight, layer, (j, i), frame)
        return drawing.edge_line(ends, weight, largest, self._color(layer, frame))

    def _color(self, layer: Layer, frame: Frame) -> str:
        """Return the colour of a layer's edges: pale before the values have come, and what flows at this step."""
        assert self.numbers is not None
        timeline = self.numbers.timeline
        first = layer.z if timeline.value(layer.z) <= frame.index else None
        if frame.current and layer.z.operation in frame.current and frame.phase == "forward":
            return BLUE
        if self._border(layer.weight, frame) == VERMILION:
            return VERMILION
        return PALE if first is None else INK

    def _label(self, edge: Edge, frame: Frame | None) -> str:
        number, i, j = edge
        layer, middle = self.network.layers[number - 1], self.places.labels[edge]
        if frame is None:
            return drawing.edge_label(middle, None, None, None, weight_tex(number, j, i))
        weight, gradient = self._element(layer.weight, layer, (j, i), frame)
        drawn = drawing.edge_label(middle, weight, gradient, self._border(layer.weight, frame))
        return tag("g", drawn, data_edge=f"{number}.{j}.{i}", **_data(weight, gradient))

    def _unit(self, number: int, unit: int, frame: Frame | None) -> str:
        center = self.places.centers[number, unit]
        if unit == ELLIPSIS:
            return drawing.ellipsis(center)
        layer = self.network.layers[number - 1] if number else None
        bias = layer.bias if layer is not None else None
        if frame is None:
            above = drawing.bias_mark(center, None, None, None, weight_tex(number, unit)) if bias is not None else ""
            return above + drawing.neuron(center, (), False, unit_tex(number, unit))
        values, gradients = self._cells(number, unit, frame)
        pieces = [drawing.neuron(center, values, any(fresh for _, fresh in values))]
        if gradients:
            pieces.append(drawing.pill(self.places.pill(number, unit), gradients))
        if bias is not None and layer is not None:
            value, slope = self._element(bias, layer, (unit,), frame)
            mark = drawing.bias_mark(center, value, slope, self._border(bias, frame))
            pieces.insert(0, tag("g", mark, data_bias=f"{number}.{unit}", **_data(value, slope)))
        if number == len(self.network.layers):
            pieces += self._wanted(unit, frame)
        shown = _data(values[-1][0], gradients[-1][0] if gradients else None)
        sums = _data(values[0][0], gradients[0][0] if gradients else None, "sum_") if len(values) > 1 else {}
        return tag("g", *pieces, data_neuron=f"{number}.{unit}", **shown, **sums)

    # ---- the loss ----------------------------------------------------------------------------------------------

    def _target(self) -> Any:
        """Return what is wanted of the sample: a number for each output, or one class; None where it is not known."""
        target, last = self.network.target, self.network.layers[-1]
        array = None if target is None or self.numbers is None else self.numbers.value(target, -1)
        if array is None or target is None or self.numbers is None or array.size == 0:
            return None
        rows = array.reshape(-1, 1 if target.ndim < last.a.ndim else last.units) if array.ndim else array.reshape(1, 1)
        row = rows[self.numbers.sample % len(rows)]
        if array.dtype.kind in "iu" and len(row) < last.units:
            return int(row[0])
        return np.broadcast_to(row, last.units)

    def _wanted(self, unit: int, frame: Frame) -> Iterator[str]:
        target = self._target()
        if target is None or isinstance(target, int) and target != unit:
            return
        box = self.places.pill(len(self.network.layers), unit)
        x, y = self.places.centers[len(self.network.layers), unit]
        x = (box[2] if self.places.beside and self.places.columns[-1].rows else x + RADIUS) + 12
        if isinstance(target, int):
            yield drawing.note([Run("target")], x, y)
        else:
            yield drawing.note([Run("t", "italic"), Run(f" {drawing.number_text(target[unit])}")], x, y)

    def _loss_lines(self, frame: Frame | None) -> Iterator[str]:
        if self.network.loss is None:
            return
        timeline = None if self.numbers is None else self.numbers.timeline
        known = frame is None or timeline is None or timeline.value(self.network.loss) <= frame.index
        for unit in self.places.columns[-1].units:
            if unit != ELLIPSIS:
                x, y = self.places.centers[len(self.network.layers), unit]
                ends = ((x + RADIUS, y), self.places.loss)
                yield drawing.edge_line(ends, None, 1.0, INK if known else PALE)

    @cached_property
    def _loss_operations(self) -> frozenset[Operation]:
        """The operations between the last layer and the loss."""
        waiting, found = [self.network.loss], {self.network.layers[-1].a}
        operations: set[Operation] = set()
        while waiting:
            variable = waiting.pop()
            if variable is not None and variable not in found and variable.operation is not None:
                operations.add(variable.operation)
                waiting += variable.operation.inputs
            found |= {variable} if variable is not None else set()
        return frozenset(operations)

    def _loss(self, loss: Variable, frame: Frame | None) -> str:
        x, y = self.places.loss
        high = 100.0 if self.numbers is not None and self.numbers.has_gradient(loss) else 66.0
        box: Box = (x, y - high / 2, x + LOSS, y + high / 2)
        name = self.words.short_name(loss)
        if frame is None or self.numbers is None:
            target = [] if self.network.target is None else self.words.short_name(self.network.target)
            below = tag("g", text([Run("target "), *target], x + LOSS / 2, box[3] + 24, 17)) if target else ""
            return drawing.loss_box(box, name, None, None, "") + below
        found = [self.numbers.value(loss, frame.index), self.numbers.gradient(loss, frame.index)]
        value, slope = (None if array is None else array.reshape(-1)[0] for array in found)
        timeline, live = self.numbers.timeline, bool(frame.current)
        cell = (value, live and not self._loss_operations.isdisjoint(frame.current))
        back = (slope, live and timeline.gradient(loss) == frame.index) if self.numbers.has_gradient(loss) else None
        target = self._target()
        label = f"target {target}" if isinstance(target, int) else ""
        return tag("g", drawing.loss_box(box, name, cell, back, label), data_loss="", **_data(value, slope))


def _data(value: Any, gradient: Any, prefix: str = "") -> dict[str, Any]:
    """Return numbers for programs."""
    pairs = {f"data_{prefix}value": value, f"data_{prefix}grad": gradient}
    return {key: repr(np.asarray(number).item()) for key, number in pairs.items() if number is not None}
