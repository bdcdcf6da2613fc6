"""train: epochs of steps on mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graph_engine.compiled import CompiledStep
from graph_engine.declaring import refused
from graph_engine.training.callbacks import Callback
from graph_engine.training.checkpoint import resume_run
from graph_engine.training.history import History
from graph_engine.training.progress import Progress
from graph_engine.training.run import Run, Step, Validation


def train(
    steps: Step | Sequence[Step] | Mapping[str, Step],
    batches: Any,
    epochs: int,
    *,
    validation: Validation | None = None,
    callbacks: Sequence[Callback] = (),
    resume: Any = None,
    guards: Sequence[str] = ("values", "finite"),
    progress: bool | None = None,
    debug: Callable[[CompiledStep], Callable[..., Any]] | None = None,
) -> History:
    """Train: do a step on each batch, for some epochs.

    Each step is all or nothing: after an error or an interrupt (Ctrl-C) the parameters are those of the last complete
    step, and the last complete checkpoint can be read.

    Parameters
    ----------
    steps : CompiledStep, or several
        What `engine.compile(..., updates=...)` returned; it is called with the arrays of each batch. Several, in a
        list or with names in a dictionary, are done in turn on each batch; `(step, k)` is done k times. What a step
        minimises, or the only number that it returns, is noted as "loss", its other outputs under their names; with
        several steps, as "name.loss" (in a list, "1.loss").
    batches : iterable
        Gone through once an epoch: `ge.data.batches(...)`, or a list of tuples of arrays.
    epochs : int
        How many there shall be at the end, those of a resumed run included.
    validation : Evaluation, or callable
        Called after each epoch; returns what was measured, by name.
    callbacks : sequence of Callback
        `EarlyStopping`, `Checkpoint`, `LiveCurves`, ... in their order, checkpoints last.
    resume : path, optional
        A file that a `Checkpoint` wrote; the training goes on from there to the same bits as one without a break.
    guards : sequence of {"values", "finite"}
        What each step checks before it updates anything, besides its own guards; see `Engine.compile`. They cost a
        microsecond for each output and parameter, and a few for labels: a step of a network 64-32-10 on batches of 32
        took 89 in place of 68, of which `finite` takes 5 (one core, NumPy). Of larger networks that is a smaller part.
        `()` leaves them out.
    progress : bool, optional
        True: a progress bar; False: none; by default one where the standard error stream is a terminal. Without a bar,
        a few lines go to `logging`, as information from "graph_engine.training".
    debug : callable, optional
        Given each step, guards on, it returns what is called in its place, with the arrays of each batch:
        `viz.attach(watch="isnan", folder="recorded")` stops the training where a number is wrong, and records what led
        there. What is a context, too, is entered, and so told of any error that ends the training. A resumed training
        hands its steps over anew.

    Returns
    -------
    History

    Raises
    ------
    GuardError, FeedError, RunError
        Where a step was refused or failed; the message begins with the epoch, the batch and its samples.
    FileError
        Where a checkpoint cannot be resumed from; nothing was changed.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y = ge.input("x", ("batch", 2)), ge.input("y", ("batch", 1))
    >>> loss = ge.nn.mse_loss(ge.nn.Linear(2, 1)(x), y)
    >>> step = ge.Engine("numpy").compile([x, y], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    >>> inputs = [[0, 1], [1, 0], [1, 1], [0, 0]]
    >>> data = ge.data.batches(inputs, [[sum(row)] for row in inputs], batch_size=2)
    >>> history = ge.train(step, data, epochs=100)
    >>> history.train["loss"][0] > 0.1 > 0.001 > history.train["loss"][-1]
    True
    """
    if isinstance(callbacks, Callback) or callbacks is None:
        raise refused(f"callbacks are a list, not {callbacks!r}", "callbacks=[...]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise refused(f"{callback!r} is no callback", "it is made of a subclass of ge.training.Callback")
    run = Run(steps, batches, epochs, validation, (*callbacks, Progress(progress)), guards, debug)
    if resume is not None:
        resume_run(run, resume)
    with run.under_way():
        run.call("on_start")
        while run.epoch < run.epochs and not run.stopped:
            for batch in run.rest_of_epoch():
                run.take(batch)
                run.call("on_step")
            run.end_epoch()
            run.call("on_epoch")
        run.finished = True
    return run.history
