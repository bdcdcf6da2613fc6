"""CompiledStep: a graph as a function that computes outputs and then updates parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graph_engine.declaring import refused
from graph_engine.errors import DeclarationError, FeedError, GraphEngineError, GuardError, RepeatedRandomnessWarning
from graph_engine.executing import Watch
from graph_engine.feeds import Fed, only_shape, upload
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.program import Program, as_outputs
from graph_engine.source import warn
from graph_engine.trace import Trace

if TYPE_CHECKING:
    from graph_engine.engine import Engine

GUARDS = ("values", "finite")


class CompiledStep:
    """A function of some inputs that computes outputs and then updates parameters; made by `Engine.compile`.

    It works on the values that the engine keeps, and changes them all at once.

    Attributes
    ----------
    engine, inputs, outputs, updates, guards
        As given.
    graph : Graph
        All that is computed.
    single : bool
        Whether it returns one array, or a tuple of them.
    """

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
        self.guards = guards
        self.outputs = as_outputs(outputs)
        self.single = isinstance(outputs, Variable)
        _check_updates(updates)
        unknown = [guard for guard in guards if guard not in GUARDS]
        if unknown:
            raise refused(f"there is no guard called {unknown[0]!r}", f"guards are {', '.join(GUARDS)}")
        self._finite = "finite" in guards
        self._reals = [i for i, v in enumerate((*self.outputs, *updates.values())) if v.spec.is_float]
        self.graph = Graph(*self.outputs, *updates.values())
        _warn_of_repeated_numbers(self.graph, updates)
        self._positions = _positions(self.graph, inputs)
        self._others = [i for i in range(len(inputs)) if i not in self._positions]
        self._program = Program(engine.backend, self.graph, "values" in guards)
        engine.store.values((*self.graph.parameters, *updates))
        self._targets = tuple(updates)

    @property
    def parameters(self) -> tuple[Variable, ...]:
        """All parameters that it reads or updates."""
        return tuple(dict.fromkeys((*self.graph.parameters, *self.updates)))

    @property
    def loss(self) -> Variable | None:
        """The output that gradients were taken of, if there is one."""
        found, _ = self.main_gradients()
        return found if found in self.outputs else None

    def main_gradients(self) -> tuple[Variable | None, dict[Variable, Variable]]:
        """Return the loss that gradients were taken of, and the gradients that are in the graph."""
        return _main_gradients(self.graph, self.outputs)

    def with_guards(self, guards: Sequence[str]) -> CompiledStep:
        """Return the same step with more guards; itself, where it has them already."""
        wanted = tuple(dict.fromkeys((*self.guards, *guards)))
        if wanted == self.guards:
            return self
        outputs = self.outputs[0] if self.single else self.outputs
        return CompiledStep(self.engine, self.inputs, outputs, self.updates, wanted)

    def __call__(self, *values: Any) -> Any:
        """Run once: compute everything, then change all updated parameters at once."""
        arrays, others = self.arrays(values)
        store, count = self.engine.store, len(self.outputs)
        with store.lock:
            parameters = store.values(self.graph.parameters)
            results = self._program.fast(arrays, others).run([*arrays, *parameters])
            if self._finite:
                self.refuse_non_finite(results, dict(zip(self.graph.inputs, arrays, strict=True)))
            store.commit(dict(zip(self._targets, results[count:], strict=True)))
        return results[0] if self.single else tuple(results[:count])

    def trace(self, *values: Any, watch: Watch | None = None, memory: int | None = None) -> Trace:
        """Run once, observed: the same step, every value, gradient and update kept; guards on.

        Parameters
        ----------
        *values
            As for the step itself.
        watch, memory
            As in `Engine.trace`.
        """
        arrays, others = self.arrays(values, copy=True)
        loss, gradients = self.main_gradients()
        with self.engine.store.lock:
            trace = self.engine._observe(
                self._program, arrays, others, self.outputs, loss, gradients, self.updates, watch, memory
            )
            new = self._new_values(trace)
            if self._finite:
                try:
                    self.refuse_non_finite([*(trace.arrays[v] for v in self.outputs), *new.values()], trace.arrays)
                except GuardError as error:
                    error.trace = trace
                    raise
            self.engine.store.commit(new)
        return trace

    def _new_values(self, trace: Trace) -> dict[Variable, Any]:
        """Return the updated values of a trace, as arrays that nobody else holds."""
        backend = self.engine.backend
        held = {id(trace.arrays[v]) for v in (*self.graph.inputs, *self.graph.parameters, *self.graph.constants)}
        values = {parameter: trace.arrays[variable] for parameter, variable in self.updates.items()}
        return {p: backend.copy(value) if id(value) in held else backend.own(value) for p, value in values.items()}

    def arrays(self, values: tuple[Any, ...], copy: bool = False) -> tuple[list[Any], tuple[Fed, ...]]:
        """Bring what it is called with to the backend: the graph's inputs, and what else binds names."""
        if len(values) != len(self.inputs):
            names = ", ".join(v.name for v in self.inputs)
            raise FeedError(
                f"this step takes {len(self.inputs)} values ({names}), not {len(values)}",
                "give one for each input; in training, each batch is a tuple of them",
            )
        backend = self.engine.backend
        needed = zip(self.graph.inputs, self._positions, strict=True)
        arrays = [upload(backend, variable, values[position], copy) for variable, position in needed]
        return arrays, tuple(only_shape(self.inputs[position], values[position]) for position in self._others)

    def refuse_non_finite(self, results: Sequence[Any], fed: Mapping[Variable, Any]) -> None:
        """Raise a GuardError where outputs or new values, in this order, are not finite; say which was, of what fed."""
        all_finite = self.engine.backend.all_finite
        if all_finite([results[position] for position in self._reals]):
            return
        variables = (*self.outputs, *self.updates.values())
        first = next(variables[position] for position in self._reals if not all_finite([results[position]]))
        reals = [v for v in self.graph.inputs if v.spec.is_float]
        bad = [repr(v.name) for v in reals if not all_finite([fed[v]])]
        where = f"what was fed to {', '.join(bad)} is not finite" if bad else "see step.trace(...) for where it began"
        raise GuardError(
            f"{first.name!r} is not finite", f"nothing was updated; {where}"
        ).located("declared at", first.line)


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


def _warn_of_repeated_numbers(graph: Graph, updates: Mapping[Variable, Variable]) -> None:
    """Warn where a training step's random keys follow from a count that the step does not count on."""
    for operation in graph.operations if updates else ():
        counts = [v for v in operation.inputs if v.kind == "parameter" and v not in updates]
        if operation.primitive.name == "fold_in" and counts:
            text = f"each call of this step has the same random numbers: it does not update {counts[0].name!r}"
            cure = "compile(..., updates=optimizer.minimize(loss) | mode.updates)"
            warn(f"{text}; {cure}", RepeatedRandomnessWarning)
            return


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
