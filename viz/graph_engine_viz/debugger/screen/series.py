"""Series over the layers of a network: how large activations, gradients and updates are, on one log scale."""

from __future__ import annotations

import math
from typing import Any

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.by_hand import set_by_hand
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.plain import number

__all__ = ["numbers_of", "series_of"]

MOST_LAYERS = 60
MOST_SAMPLES = 256
_AVERAGES = ("mean", "sum")


def numbers_of(looked: Looked, names: list[str]) -> dict[str, Any]:
    """Return the RMS of values and gradients of variables, and of updates beside the weight; of one number, itself."""
    return {name: _sizes(looked, looked.trace.graph[name]) for name in names}


def _sizes(looked: Looked, variable: Variable) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side in ("value", "grad"):
        holder = looked.holder(variable, side)
        if holder is not None and looked.moment(holder) is not None and holder.spec.is_float:
            size = math.prod(looked.trace.arrays[holder].shape)
            if not size:
                continue
            single = size == 1
            found[side] = number(looked.array(holder).reshape(()) if single else looked.rms(holder), 3)
            kind = "number" if single else "RMS"
            found[f"{side}_is"] = "set by hand" if holder in set_by_hand(looked.trace) else kind
    new = looked.trace.updates.get(variable)
    if new is not None and new in looked.trace.arrays and variable.spec.is_float:
        before = looked.rms(variable)
        found["ratio"] = number(looked.change(variable, new) / before, 3) if before else ["was 0", ""]
    return found


def series_of(looked: Looked) -> dict[str, Any]:
    """Return the series of a run.

    Returns
    -------
    dict
        `layers`: for each its name, its result, when value and gradient of that are known and their RMS, and the
        update-to-weight ratio of each of its parameters; `losses`: the loss of each sample, where it is a mean of
        them.
    """
    told: set[Variable] = set()  # a weight that several layers share is shown in the first
    return {"layers": [_layer(looked, name, ops, told) for name, ops in _layers(looked)], "losses": _losses(looked)}


def _layers(looked: Looked) -> list[tuple[str, list[Operation]]]:
    """Group the forward operations into layers: innermost scopes, fewer where they are too many."""
    operations = looked.timeline.operations
    depth = max((len(op.scope) for op in operations), default=0)
    while True:
        groups: dict[tuple[str, ...], list[Operation]] = {}
        for number_, operation in enumerate(operations):
            key = operation.scope[:depth] or ("", str(number_))
            groups.setdefault(key, []).append(operation)
        if len(groups) <= MOST_LAYERS or not depth:
            break
        depth -= 1
    named = [
        (".".join(key) if key[0] else looked.name(ops[0].outputs[0]) if ops[0].outputs else "", ops)
        for key, ops in groups.items()
    ]
    return named if len(named) <= MOST_LAYERS else _blocks(named)


def _blocks(named: list[tuple[str, list[Operation]]]) -> list[tuple[str, list[Operation]]]:
    size = -(-len(named) // MOST_LAYERS)
    parts = [named[start : start + size] for start in range(0, len(named), size)]
    return [(part[-1][0], [op for _, ops in part for op in ops]) for part in parts]


def _layer(looked: Looked, name: str, operations: list[Operation], told: set[Variable]) -> dict[str, Any]:
    floats = [v for op in operations for v in op.outputs if v.spec.is_float]
    result = floats[-1] if floats else None
    used = (v for op in operations for v in op.inputs if v.kind == "parameter" and v.spec.is_float)
    parameters = [v for v in dict.fromkeys(used) if v not in told]
    told.update(parameters)
    table: dict[str, Any] = {"name": name, "result": None, "parameters": []}
    if result is not None:
        table["result"] = looked.name(result)
        table |= {f"{side}_at": looked.moment(looked.holder(result, side)) for side in ("value", "grad")}
        table |= _sizes(looked, result)
    for parameter in parameters:
        sizes = _sizes(looked, parameter)
        if "ratio" in sizes:
            at = looked.moment(looked.trace.updates[parameter])
            table["parameters"].append({"name": looked.name(parameter), "ratio": sizes["ratio"], "ratio_at": at})
    return table


def _losses(looked: Looked) -> dict[str, Any] | None:
    """Return the loss of each sample, where the loss is their mean or sum."""
    loss = looked.trace.loss
    operation = None if loss is None else loss.operation
    if operation is None or operation.primitive.name not in _AVERAGES:
        return None
    each = operation.inputs[0]
    if each not in looked.trace.arrays or len(looked.trace.arrays[each].shape) != 1:
        return None
    array = looked.array(each, (slice(0, MOST_SAMPLES),))
    count = int(looked.trace.arrays[each].shape[0])
    return {"name": looked.name(each), "at": looked.moment(each), "numbers": [number(x) for x in array], "of": count}
