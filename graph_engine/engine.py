"""Engine: runs graphs on one backend, and keeps the parameters there.

What is asked for once is prepared once: a `Program` belongs to some outputs, holds one plan for each set of feed
shapes, and each plan is lowered when it is first run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graph_engine.backend import Backend
from graph_engine.collector import paused_collection
from graph_engine.errors import BackendError, DeclarationError, FeedError, GraphEngineError, GuardError, LookupFailed
from graph_engine.feeds import Fed, arrange, besides, bind_feeds, check_parameter_value, upload
from graph_engine.gradient import backward
from graph_engine.graph import Graph
from graph_engine.lowering import FastProgram
from graph_engine.node import Variable
from graph_engine.observe import Watch, observe
from graph_engine.plan import Plan
from graph_engine.plugins import find_backend
from graph_engine.recent import Recent
from graph_engine.trace import Trace

_KEPT_PROGRAMS = 128
_KEPT_PLANS = 16
GUARDS = ("values", "finite")
_Traced = tuple["Program", dict[Variable, Variable]]


class Engine:
    """Runs graphs on one backend, and keeps the parameters there.

    Parameters
    ----------
    backend : str or Backend
        `"numpy"`, `"cupy"`, or any other that `ge.backends()` lists.
    seed : int
        What `next_key` begins with.

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
        self.backend = find_backend(backend) if isinstance(backend, str) else backend
        self.seed = seed
        self._keys_given = 0
        self._values: dict[Variable, Any] = {}
        self._programs: Recent[tuple[Variable, ...], Program] = Recent(_KEPT_PROGRAMS)
        self._traced: Recent[tuple[Variable | None, ...], _Traced] = Recent(_KEPT_PROGRAMS)

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
        RunError
            Where an operation failed.
        """
        wanted = _as_outputs(outputs)
        program = self._programs.get(wanted)
        if program is None:
            program = self._programs.put(wanted, Program(self.backend, Graph(*wanted)))
        arrays, others = arrange(self.backend, program.graph, feeds or {})
        results = program.fast(arrays, others).run([*arrays, *self._parameters(program.graph)])
        return results[0] if isinstance(outputs, Variable) else tuple(results)

    def trace(
        self,
        outputs: Variable | Sequence[Variable],
        feeds: Mapping[Any, Any] | None = None,
        watch: Watch | None = None,
        backward: bool = True,
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

        Returns
        -------
        Trace

        Raises
        ------
        RunError
            Where an operation failed; its `trace` holds what had been computed.
        """
        wanted = _as_outputs(outputs)
        program, gradients = self._traced_program(wanted, backward)
        arrays, others = arrange(self.backend, program.graph, feeds or {}, copy=True)
        loss = wanted[0] if gradients else None
        return self._observe(program, arrays, others, wanted, loss, gradients, {}, watch)

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
        return CompiledStep(self, tuple(inputs), outputs, dict(updates or {}), tuple(guards))

    def next_key(self) -> Any:
        """Return a fresh random key for an input that wants one; the same ones in every run of the program."""
        import numpy as np

        self._keys_given += 1
        return self.backend.asarray(np.array([self.seed & 0xFFFFFFFF, self._keys_given], "uint32"))

    # ---- parameters --------------------------------------------------------------------------------------------

    def value(self, parameter: Variable | str) -> Any:
        """Return a copy of a parameter's value, as the backend's own array."""
        return self.backend.copy(self._value(self._parameter(parameter)))

    def set_value(self, parameter: Variable | str, value: Any) -> None:
        """Change a parameter's value; shape and kind must fit.

        Raises
        ------
        FeedError
            Where they do not; the old value stays.
        """
        parameter = self._parameter(parameter)
        array = check_parameter_value(parameter, upload(self.backend, parameter, value, copy=True))
        self._values[parameter] = array

    def parameters(self) -> tuple[Variable, ...]:
        """Return the parameters that this engine has met."""
        return tuple(self._values)

    def save(self, path: Any) -> None:
        """Write the values of all parameters that this engine has met to a safetensors file."""
        from graph_engine.files import save_parameters

        save_parameters({p: self.backend.to_numpy(array) for p, array in self._values.items()}, path)

    def load(self, path: Any, parameters: Sequence[Variable] | None = None) -> None:
        """Read values from a file that `save` wrote; all of them fit and are taken, or none.

        Parameters
        ----------
        path : path
        parameters : sequence of Variable, optional
            What the file must hold; by default all parameters that this engine has met.
        """
        from graph_engine.files import load_parameters

        wanted = self.parameters() if parameters is None else tuple(parameters)
        loaded = load_parameters(path, wanted)
        self._values.update({p: self.backend.asarray(array) for p, array in loaded.items()})

    def meet(self, *outputs: Variable) -> None:
        """Take over the parameters that some variables depend on, before anything is run."""
        self._parameters(Graph(*outputs))

    def _parameter(self, parameter: Variable | str) -> Variable:
        if isinstance(parameter, str):
            named = [p for p in self._values if p.name == parameter]
            if len(named) != 1:
                count = "several parameters are" if named else "this engine has met no parameter"
                raise LookupFailed(f"{count} called {parameter!r}", "give the variable itself")
            return named[0]
        if not isinstance(parameter, Variable) or parameter.kind != "parameter":
            raise LookupFailed(f"{parameter!r} is no parameter")
        return parameter

    def _value(self, parameter: Variable) -> Any:
        value = self._values.get(parameter)
        if value is None and parameter.data is not None:
            value = self._values[parameter] = self.backend.asarray(parameter.data)
        return value

    def _parameters(self, graph: Graph) -> list[Any]:
        return [self._value(parameter) for parameter in graph.parameters]

    # ---- inside ------------------------------------------------------------------------------------------------

    def _traced_program(
        self, wanted: tuple[Variable, ...], with_backward: bool
    ) -> _Traced:
        key = wanted if with_backward else (*wanted, None)
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
    ) -> Trace:
        plan = program.plan(arrays, others)
        seen = observe(plan, [*arrays, *self._parameters(program.graph)], watch)
        names = bind_feeds(program.graph, arrays, others)
        trace = Trace(
            program.graph, outputs, loss, gradients, updates, seen.values, self.backend.to_numpy, names,
            seen.error, seen.failed,
        )  # fmt: skip
        if seen.error is not None:
            seen.error.trace = trace  # type: ignore[attr-defined]
            raise seen.error from seen.error.__cause__
        return trace


class Program:
    """Some outputs on one backend: one plan for each set of feed shapes."""

    def __init__(self, backend: Backend, graph: Graph, guards: bool = False) -> None:
        self.backend = backend
        self.graph = graph
        self.guards = guards
        self._plans: Recent[tuple[Any, ...], Plan] = Recent(_KEPT_PLANS)
        self._fast: Recent[tuple[Any, ...], FastProgram] = Recent(_KEPT_PLANS)

    def plan(self, arrays: Sequence[Any], others: tuple[Fed, ...] = ()) -> Plan:
        """Return the plan for feeds of these shapes."""
        key = (*[array.shape for array in arrays], *others)
        plan = self._plans.get(key)
        if plan is None:
            names = bind_feeds(self.graph, arrays, others)
            with paused_collection():
                plan = self._plans.put(key, Plan(self.graph, self.backend, names))
        return plan

    def fast(self, arrays: Sequence[Any], others: tuple[Fed, ...] = ()) -> FastProgram:
        """Return the generated code for feeds of these shapes."""
        key = (*[array.shape for array in arrays], *others)
        fast = self._fast.get(key)
        if fast is None:
            with paused_collection():
                fast = self._fast.put(key, FastProgram(self.plan(arrays, others), self.guards))
        return fast


class CompiledStep:
    """A function of some inputs that computes outputs and then updates parameters; made by `Engine.compile`."""

    def __init__(
        self,
        engine: Engine,
        inputs: tuple[Variable, ...],
        outputs: Variable | Sequence[Variable],
        updates: dict[Variable, Variable],
        guards: tuple[str, ...],
    ) -> None:
        self.engine = engine
        self.inputs = inputs
        self.updates = updates
        self.outputs = _as_outputs(outputs)
        self._single = isinstance(outputs, Variable)
        _check_updates(updates)
        unknown = [guard for guard in guards if guard not in GUARDS]
        if unknown:
            raise DeclarationError(f"there is no guard called {unknown[0]!r}", f"guards are {', '.join(GUARDS)}")
        self._finite = "finite" in guards
        self.graph = Graph(*self.outputs, *updates.values())
        self._positions = _positions(self.graph, inputs)
        self._others = [i for i in range(len(inputs)) if i not in self._positions]
        engine._parameters(self.graph)
        for parameter in updates:
            engine._value(parameter)
        self._program = Program(engine.backend, self.graph, "values" in guards)
        self._targets = tuple(updates)

    def __call__(self, *values: Any) -> Any:
        """Run once: compute everything, then change all updated parameters at once."""
        arrays, others = self._arrays(values)
        engine = self.engine
        results = self._program.fast(arrays, others).run([*arrays, *engine._parameters(self.graph)])
        if self._finite:
            self._refuse_non_finite(results)
        count = len(self.outputs)
        engine._values.update(dict(zip(self._targets, results[count:], strict=True)))  # one call: all or nothing
        return results[0] if self._single else tuple(results[:count])

    def trace(self, *values: Any, watch: Watch | None = None) -> Trace:
        """Run once, observed: the same step, every value, gradient and update kept; guards on."""
        arrays, others = self._arrays(values, copy=True)
        loss, gradients = _main_gradients(self.graph, self.outputs)
        trace = self.engine._observe(
            self._program, arrays, others, self.outputs, loss, gradients, self.updates, watch
        )
        backend = self.engine.backend
        held = {id(trace.arrays[v]) for v in (*self.graph.inputs, *self.graph.parameters, *self.graph.constants)}
        new = {}
        for parameter, variable in self.updates.items():
            value = trace.arrays[variable]
            new[parameter] = backend.copy(value) if id(value) in held else backend.own(value)
        if self._finite:
            self._refuse_non_finite([*(trace.arrays[v] for v in self.outputs), *new.values()])
        self.engine._values.update(new)
        return trace

    def _arrays(self, values: tuple[Any, ...], copy: bool = False) -> tuple[list[Any], tuple[Fed, ...]]:
        if len(values) != len(self.inputs):
            names = ", ".join(v.name for v in self.inputs)
            raise FeedError(f"this step takes {len(self.inputs)} values ({names}), not {len(values)}")
        backend = self.engine.backend
        needed = zip(self.graph.inputs, self._positions, strict=True)
        arrays = [upload(backend, variable, values[position], copy) for variable, position in needed]
        return arrays, tuple(besides(self.inputs[position], values[position]) for position in self._others)

    def _refuse_non_finite(self, results: Sequence[Any]) -> None:
        backend = self.engine.backend
        for variable, value in zip((*self.outputs, *self.updates.values()), results, strict=True):
            if variable.spec.is_float and not bool(backend.xp.all(backend.xp.isfinite(value))):
                raise GuardError(
                    f"{variable.name!r} is not finite", "nothing was updated; see step.trace(...) for where it began"
                ).located("declared at", variable.line)


def _gradients_of_all(wanted: tuple[Variable, ...]) -> dict[Variable, Variable]:
    """Declare the gradients of the first output, if it is a scalar float, for everything that it depends on."""
    loss = wanted[0] if wanted else None
    if loss is None or not loss.spec.is_float or loss.size != 1:
        return {}
    forward = Graph(*wanted)
    leaves = [v for v in (*forward.inputs, *forward.parameters) if v.spec.is_float]
    gradients = backward(loss, leaves)
    return gradients if len(gradients) > 1 else {}  # nothing but the seed: no leaf has a gradient


def _main_gradients(graph: Graph, outputs: Sequence[Variable]) -> tuple[Variable | None, dict[Variable, Variable]]:
    """Find the loss that gradients were taken of, and the gradients, in a graph that holds them."""
    by_loss: dict[Variable, dict[Variable, Variable]] = {}
    for variable in graph.variables:
        record = variable.gradient
        if record is not None and not record.partial:
            by_loss.setdefault(record.loss, {}).setdefault(record.variable, variable)
    for output in (*outputs, *by_loss):
        if output in by_loss:
            return output, by_loss[output]
    return None, {}


def _check_updates(updates: Mapping[Variable, Variable]) -> None:
    for parameter, new in updates.items():
        if not isinstance(parameter, Variable) or parameter.kind != "parameter":
            raise DeclarationError(f"only parameters can be updated, not {parameter!r}")
        if not isinstance(new, Variable) or new.spec != parameter.spec:
            got = new.spec if isinstance(new, Variable) else repr(new)
            raise DeclarationError(f"the update of {parameter.name!r} is {got}, but it is {parameter.spec}")


def _positions(graph: Graph, inputs: Sequence[Variable]) -> list[int]:
    """Find where each input that the graph needs stands among those given."""
    for variable in inputs:
        if not isinstance(variable, Variable) or variable.kind != "input":
            raise DeclarationError(f"{variable!r} is no input", "compile([x, y], loss) takes input variables")
    missing = [v for v in graph.inputs if v not in inputs]
    if missing:
        error: GraphEngineError = FeedError(
            f"the outputs need {', '.join(repr(v.name) for v in missing)}, which is not among the inputs given",
            "add it to the list: compile([...], ...)",
        )
        raise error.located("declared at", missing[0].line)
    return [list(inputs).index(v) for v in graph.inputs]


def _as_outputs(outputs: Variable | Sequence[Variable]) -> tuple[Variable, ...]:
    found = (outputs,) if isinstance(outputs, Variable) else tuple(outputs)
    for output in found:
        if not isinstance(output, Variable):
            raise DeclarationError(f"{output!r} is no variable of a graph", "run(f, feeds) or run([f, g], feeds)")
    return found
