"""Engine: runs graphs on one backend, and keeps the parameters there.

What is asked for once is prepared once: a `Program` belongs to some outputs, holds one plan for each set of feed
shapes, and each plan is lowered when it is first run. The engine keeps the programs that were used last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.backward_pass import backward
from graph_engine.compiled import CompiledStep
from graph_engine.declaring import is_whole
from graph_engine.errors import BackendError, DeclarationError, LookupFailed
from graph_engine.executing import Watch
from graph_engine.feeds import Fed, arrange, check_parameter_value, upload
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.observe import observe
from graph_engine.plugins import find_backend
from graph_engine.program import Program, as_outputs
from graph_engine.recent import Recent
from graph_engine.store import ParameterStore
from graph_engine.trace import Trace

_KEPT_PROGRAMS = 128
_Traced = tuple[Program, dict[Variable, Variable]]


class Engine:
    """Runs graphs on one backend, and keeps the parameters there.

    Parameters
    ----------
    backend : str or Backend
        `"numpy"`, `"cupy"`, or any other that `ge.backends()` lists.
    seed : int
        What `next_key` begins with.

    Attributes
    ----------
    keys_given : int
        How many keys `next_key` has given; set it to go on where an earlier run stopped.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> f = (x + y) * z
    >>> engine = ge.Engine("numpy")
    >>> float(engine.run(f, {x: -2, y: 5, z: -4}))
    -12.0
    """

    def __init__(self, backend: str | Backend = "numpy", seed: int = 0) -> None:
        if not isinstance(backend, (str, Backend)):
            raise BackendError(f"a backend is a name or a ge.Backend, not {backend!r}")
        if not is_whole(seed):
            raise DeclarationError(f"a seed is an integer >= 0, not {seed!r}")
        self.backend = find_backend(backend) if isinstance(backend, str) else backend
        self.seed = seed
        self.keys_given = 0
        self.store = ParameterStore(self.backend)
        self._programs: Recent[tuple[Variable, ...], Program] = Recent(_KEPT_PROGRAMS)
        self._traced: Recent[tuple[tuple[Variable, ...], bool], _Traced] = Recent(_KEPT_PROGRAMS)

    # ---- running -----------------------------------------------------------------------------------------------

    def run(self, outputs: Variable | Sequence[Variable], feeds: Mapping[Any, Any] | None = None) -> Any:
        """Compute outputs from feeds.

        Parameters
        ----------
        outputs : Variable, or sequence of Variable
        feeds : mapping
            A value for each input that the outputs need, by variable or by name.

        Returns
        -------
        array, or tuple of arrays
            The backend's own, and yours: nobody else holds them.

        Raises
        ------
        FeedError
            Where a feed is missing, unknown, or of a wrong shape, kind or device; nothing has run.
        GuardError
            Where a value is not in the range that an operation asks for (labels).
        RunError
            Where an operation failed.
        """
        wanted = as_outputs(outputs)
        program = self._programs.get(wanted)
        if program is None:
            program = self._programs.put(wanted, Program(self.backend, Graph(*wanted), guards=True))
        arrays, others = arrange(self.backend, program.graph, feeds or {})
        results = program.fast(arrays, others).run([*arrays, *self.store.values(program.graph.parameters)])
        return results[0] if isinstance(outputs, Variable) else tuple(results)

    def trace(
        self,
        outputs: Variable | Sequence[Variable],
        feeds: Mapping[Any, Any] | None = None,
        watch: Watch | None = None,
        backward: bool = True,
        memory: int | None = None,
    ) -> Trace:
        """Compute outputs and keep everything; forward, and backward if the (first) output is a scalar float.

        Parameters
        ----------
        outputs, feeds
            As in `run`.
        watch : callable, optional
            Called with each operation and its results, right after it has been computed.
        backward : bool
            False: forward only.
        memory : int, optional
            Bytes for everything that is computed. Where that is too little, some values are kept and the others are
            computed again when they are looked at; `print(trace.kept)` says which. By default all are kept.

        Returns
        -------
        Trace

        Raises
        ------
        RunError
            Where an operation failed; its `trace` holds what had been computed.
        """
        wanted = as_outputs(outputs)
        program, gradients = self._traced_program(wanted, backward)
        arrays, others = arrange(self.backend, program.graph, feeds or {}, copy=True)
        loss = wanted[0] if gradients else None
        return self._observe(program, arrays, others, wanted, loss, gradients, {}, watch, memory)

    def compile(
        self,
        inputs: Sequence[Variable],
        outputs: Variable | Sequence[Variable] = (),
        updates: Mapping[Variable, Variable] | None = None,
        guards: Sequence[str] = (),
    ) -> CompiledStep:
        """Make a function of some inputs that computes outputs and then updates parameters.

        Parameters
        ----------
        inputs : sequence of Variable
            What the function takes, in this order.
        outputs : Variable, or sequence of Variable
            What it returns, as `run` would.
        updates : mapping of Variable to Variable
            The new value of each parameter, as `optimizer.minimize(loss)` returns it. All of them are computed before
            any is changed.
        guards : sequence of {"values", "finite"}
            What is checked before the parameters change: `values`, that values are in the range that an operation
            asks for (labels); `finite`, that no output and no new value is NaN or infinite.

        Examples
        --------
        >>> import graph_engine as ge
        >>> x, w = ge.input("x"), ge.parameter("w", 1.0)
        >>> loss = (w - x) ** 2
        >>> engine = ge.Engine("numpy")
        >>> step = engine.compile([x], loss, updates=ge.optim.SGD(0.25).minimize(loss))
        >>> [float(step(3.0)) for _ in range(3)], float(engine.value(w))
        ([4.0, 1.0, 0.25], 2.75)
        """
        chosen = (guards,) if isinstance(guards, str) else tuple(guards)
        return CompiledStep(self, tuple(inputs), outputs, dict(updates or {}), chosen)

    def next_key(self) -> Any:
        """Return a fresh random key for an input that wants one; the same ones in every run of the program.

        Examples
        --------
        >>> import graph_engine as ge
        >>> key = ge.input("key", 2, "uint32")
        >>> noise, engine = ge.random.normal(key, 3), ge.Engine("numpy", seed=1)
        >>> engine.run(noise, {key: engine.next_key()}).shape
        (3,)
        """
        words = np.random.SeedSequence([self.seed, self.keys_given]).generate_state(2, np.uint32)
        self.keys_given += 1
        return self.backend.asarray(words)

    # ---- parameters --------------------------------------------------------------------------------------------

    def value(self, parameter: Variable | str) -> Any:
        """Return a copy of a parameter's value, as the backend's own array."""
        return self.backend.copy(self.store.get(self._parameter(parameter)))

    def set_value(self, parameter: Variable | str, value: Any) -> None:
        """Change a parameter's value; shape and kind must fit.

        Raises
        ------
        FeedError
            Where they do not; the old value stays.

        Examples
        --------
        >>> import graph_engine as ge
        >>> w, engine = ge.parameter("w", 1.0), ge.Engine("numpy")
        >>> engine.set_value(w, 5)
        >>> float(engine.run(w * 2)), float(engine.value("w"))
        (10.0, 5.0)
        """
        parameter = self._parameter(parameter)
        array = check_parameter_value(parameter, upload(self.backend, parameter, value, copy=True))
        self.store.commit({parameter: array})

    def parameters(self) -> tuple[Variable, ...]:
        """Return the parameters that this engine has met."""
        return self.store.parameters()

    def save(self, path: Any, parameters: Sequence[Variable] | None = None) -> None:
        """Write the values of parameters to a safetensors file.

        Parameters
        ----------
        path : path
            What was there before is replaced once the new file is complete.
        parameters : sequence of Variable, optional
            Of different names; by default all parameters that this engine has met and that still exist.
        """
        from graph_engine.files import save_parameters

        chosen = self.parameters() if parameters is None else [self._parameter(p) for p in parameters]
        save_parameters({p: self.backend.to_numpy(self.store.get(p)) for p in chosen}, path)

    def load(self, path: Any, parameters: Sequence[Variable] | None = None) -> None:
        """Read values from a file that `save` wrote; all of them fit and are taken, or none.

        Parameters
        ----------
        path : path
        parameters : sequence of Variable, optional
            What the file must hold; by default all parameters that this engine has met.
        """
        from graph_engine.files import load_parameters

        wanted = self.parameters() if parameters is None else tuple(self._parameter(p) for p in parameters)
        if not wanted:
            raise LookupFailed(
                "this engine has met no parameters yet, so there is nothing to load into",
                "engine.load(path, parameters=ge.Graph(loss).parameters), or engine.meet(loss) first",
            )
        loaded = load_parameters(path, wanted)
        self.store.commit({p: self.backend.asarray(array) for p, array in loaded.items()})

    def meet(self, *outputs: Variable) -> None:
        """Take over the parameters that some variables depend on, before anything is run."""
        self.store.values(Graph(*outputs).parameters)

    def _parameter(self, parameter: Variable | str) -> Variable:
        if isinstance(parameter, str):
            named = [p for p in self.parameters() if p.name == parameter]
            if len(named) != 1:
                count = "several parameters are" if named else "this engine has met no parameter"
                raise LookupFailed(f"{count} called {parameter!r}", "give the variable itself")
            return named[0]
        if not isinstance(parameter, Variable) or parameter.kind != "parameter":
            raise LookupFailed(f"{parameter!r} is no parameter")
        return parameter

    # ---- inside ------------------------------------------------------------------------------------------------

    def _traced_program(self, wanted: tuple[Variable, ...], with_backward: bool) -> _Traced:
        key = (wanted, with_backward)
        found = self._traced.get(key)
        if found is None:
            gradients = _gradients_of_all(wanted) if with_backward else {}
            program = Program(self.backend, Graph(*wanted, *gradients.values()))
            found = self._traced.put(key, (program, gradients))
        return found

    def _observe(
        self,
        program: Program,
        arrays: list[Any],
        others: tuple[Fed, ...],
        outputs: tuple[Variable, ...],
        loss: Variable | None,
        gradients: dict[Variable, Variable],
        updates: dict[Variable, Variable],
        watch: Watch | None,
        memory: int | None = None,
    ) -> Trace:
        plan = (program if memory is None else program.reproducible).plan(arrays, others)
        seen = observe(plan, [*arrays, *self.store.values(program.graph.parameters)], watch, memory)
        trace = Trace(
            program.graph, outputs, loss, gradients, updates, seen.values, self.backend.to_numpy, plan.names,
            seen.error, seen.failed, seen.kept,
        )  # fmt: skip
        if seen.error is not None:
            seen.error.trace = trace  # type: ignore[attr-defined]
            raise seen.error from seen.error.__cause__
        return trace


def _gradients_of_all(wanted: tuple[Variable, ...]) -> dict[Variable, Variable]:
    """Declare the gradients of the first output, if it is a scalar float, for everything that it depends on."""
    loss = wanted[0] if wanted else None
    if loss is None or not loss.spec.is_float or loss.size != 1:
        return {}
    forward = Graph(*wanted)
    leaves = [v for v in (*forward.inputs, *forward.parameters) if v.spec.is_float]
    gradients = backward(loss, leaves)
    return gradients if len(gradients) > 1 else {}  # nothing but the seed: no leaf has a gradient
