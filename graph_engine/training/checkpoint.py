"""Checkpoint: everything that a training needs to go on as if it had never been interrupted.

A file is a safetensors file: an array for each parameter and each array of a callback's state, and in one more tensor
the rest as JSON, where {"$array": name} stands for an array.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from graph_engine.declaring import refused
from graph_engine.errors import FileError
from graph_engine.files.parameters import check_model
from graph_engine.files.placing import placed
from graph_engine.files.tensors import read_tensors, write_tensors
from graph_engine.training.callbacks import Callback
from graph_engine.training.history import History
from graph_engine.training.metrics import RunningMeans
from graph_engine.training.run import Run

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

FORMAT = "graph_engine.training"
VERSION = 1
_RUN = "run"  # the tensor that holds the JSON; all others have a dot in their names
_ARRAY = "$array"
_COUNTS = ("epoch", "position", "step")


class Checkpoint(Callback):
    """Write all that `ge.train(..., resume=path)` needs to go on to the same bits.

    That is: the parameters, with what optimisers keep and the counts that random numbers follow from, the place in
    the data, the history, and the states of the callbacks.

    Parameters
    ----------
    path : path
        What was there before is replaced once the new file is complete.
    every : int
        How many epochs there are between two checkpoints; there is one after the last epoch, too.
    steps : int, optional
        Write also after each so many steps: long epochs are not lost.
    """

    last = True

    def __init__(self, path: Any, every: int = 1, steps: int | None = None) -> None:
        for number in (every, 1 if steps is None else steps):
            if isinstance(number, bool) or not hasattr(number, "__index__") or number < 1:
                raise refused(f"checkpoints are written every so many epochs or steps, not {number!r}")
        self.path = path
        self.every = every
        self.steps = steps

    def on_start(self, run: Run) -> None:
        """Refuse a place that cannot be written to before the first epoch, not after it."""
        placed(self.path)

    def on_step(self, run: Run) -> None:
        """Write, where it is time."""
        if self.steps is not None and run.step % self.steps == 0:
            save_run(run, self.path)

    def on_epoch(self, run: Run) -> None:
        """Write, where it is time."""
        if run.epoch % self.every == 0 or run.epoch == run.epochs or run.stopped:
            save_run(run, self.path)


def save_run(run: Run, path: Any) -> None:
    """Write where a training stands."""
    arrays = {f"parameters.{name}": array for name, array in run.snapshot().items()}
    document = {
        **{name: getattr(run, name) for name in _COUNTS},
        "means": run.means.state(),
        "history": run.history.state(),
        "keys_given": run.engine.keys_given,
        "data": _describe(run.batches),
        "data_epoch": run.data_epoch,
        "callbacks": [[name, _pack(c.state(), f"callbacks.{name}", arrays)] for name, c in _with_state(run).items()],
    }
    arrays[_RUN] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    write_tensors(path, arrays, FORMAT, VERSION)


def resume_run(run: Run, path: Any) -> None:
    """Let a training go on from a file.

    Raises
    ------
    FileError
        Where it is damaged, of another version, model, data or callbacks; nothing was changed.
    """
    arrays = read_tensors(path, FORMAT, VERSION)
    try:
        document = json.loads(arrays.pop(_RUN).tobytes())
        parameters = {n.removeprefix("parameters."): a for n, a in arrays.items() if n.startswith("parameters.")}
        check_model(path, run.parameters, parameters)
        _check_same(path, "data", document["data"], _describe(run.batches))
        states, callbacks = dict(document["callbacks"]), _with_state(run)
        _check_same(path, "callbacks", list(states), list(callbacks))
        history, means = History(), RunningMeans()
        history.restore(document["history"])
        means.restore(document["means"])
        counts = {name: int(document[name]) for name in _COUNTS}
        keys_given, data_epoch = int(document["keys_given"]), int(document["data_epoch"])
        unpacked = {name: _unpack(state, arrays) for name, state in states.items()}
        _restore_callbacks(callbacks, unpacked)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is damaged: {type(error).__name__}: {error}", "nothing was changed") from error
    run.history, run.means = history, means
    for name, count in counts.items():
        setattr(run, name, count)
    if hasattr(run.batches, "position"):
        run.batches.epoch, run.batches.position = data_epoch, run.position
    run.data_epoch = data_epoch
    run.engine.keys_given = keys_given
    run.restore(parameters)


def _restore_callbacks(callbacks: Mapping[str, Callback], states: Mapping[str, Any]) -> None:
    """Restore all of them, or none."""
    before = {name: callback.state() for name, callback in callbacks.items()}
    try:
        for name, callback in callbacks.items():
            callback.restore(states[name])
    except Exception:
        for name, callback in callbacks.items():
            callback.restore(before[name])
        raise


def _with_state(run: Run) -> dict[str, Callback]:
    """Return the callbacks that remember something, by class, and by number where there are several of one."""
    found: dict[str, Callback] = {}
    for callback in run.callbacks:
        if callback.state():
            kind = type(callback).__name__
            found[f"{kind}.{sum(name.startswith(f'{kind}.') for name in found)}"] = callback
    return found


def _describe(batches: Any) -> Any:
    """Return what makes data the same data, as JSON holds it."""
    if hasattr(batches, "describe"):
        return json.loads(json.dumps(batches.describe()))
    return {"batches": len(batches)} if hasattr(batches, "__len__") else {}


def _check_same(path: Any, what: str, saved: Any, here: Any) -> None:
    if saved != here:
        raise FileError(f"{path} was written with other {what}: {saved}, not {here}", "nothing was changed")


def _pack(tree: Any, name: str, arrays: Arrays) -> Any:
    """Return a tree with each array replaced by its name, and note the arrays."""
    if isinstance(tree, (np.ndarray, np.generic)):
        arrays[name] = np.asarray(tree)
        return {_ARRAY: name}
    if isinstance(tree, Mapping):
        return {str(key): _pack(value, f"{name}.{key}", arrays) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_pack(value, f"{name}.{number}", arrays) for number, value in enumerate(tree)]
    return tree


def _unpack(tree: Any, arrays: Arrays) -> Any:
    """Undo `_pack`."""
    if isinstance(tree, list):
        return [_unpack(value, arrays) for value in tree]
    if not isinstance(tree, dict):
        return tree
    if _ARRAY in tree:
        return arrays[tree[_ARRAY]]
    return {key: _unpack(value, arrays) for key, value in tree.items()}
