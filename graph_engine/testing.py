"""The conformance kit: any primitive and any backend, ours or not, proves itself with it.

One check is one small function in a table; what it finds wrong it raises, and a `Report` collects it. Four tables:
`OF_PRIMITIVE` asks for the class, `OF_SAMPLE` for one sample declared in float64, `ON_BACKEND` for one sample in one
dtype on one backend, `OF_BACKEND` for a backend by itself.

What is right is found twice. Derivatives are compared with finite differences of the generic kernels on NumPy in
float64; every backend is compared with those same kernels, in values and in derivatives.

    from graph_engine.testing import check_backend, check_primitive

    def test_swish():
        check_primitive(Swish).raise_if_failed()
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import string
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.engine import Engine
from graph_engine.errors import GraphEngineError, UnusedVariableWarning
from graph_engine.gradient import grad
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.operands import constant, input
from graph_engine.plugins import backends as found_backends
from graph_engine.plugins import find_backend
from graph_engine.plugins import primitives as found_primitives
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.elementwise import add, multiply
from graph_engine.primitives.structure import sum_array_to, sum_to
from graph_engine.spec import DTYPES

__all__ = ["ConformanceError", "Failure", "Report", "check_backend", "check_primitive", "strict_backend"]

Array = np.ndarray[Any, Any]

TOLERANCES = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-11}  # of a kernel; a gradient is a chain of them
_GRADIENT_FACTOR = 20
_STEP = 1e-4  # of finite differences of fourth order: both errors are near 1e-12
_SLOPE_TOLERANCE = 1e-7


# ---- what came of it -------------------------------------------------------------------------------------------


class ConformanceError(AssertionError):
    """Something does not do what it must; the message is the report."""


class Disagreement(Exception):
    """What one check found wrong."""


class Inapplicable(Exception):
    """A check does not apply; with a reason where a reader would expect that it does."""


@dataclass(frozen=True)
class Failure:
    """One thing that is wrong.

    Attributes
    ----------
    check : str
        The check that found it.
    subject : str
        The primitive with its attributes, or the backend.
    sample : str
        Which of its samples, in which dtype; empty where it is about none.
    backend : str
        Where it ran; empty where that does not matter.
    message : str
        What was expected, and what came.
    """

    check: str
    subject: str
    sample: str
    backend: str
    message: str

    def __str__(self) -> str:
        where = f" on {self.backend}" if self.backend else ""
        sample = f", {self.sample}" if self.sample else ""
        return f"{self.subject}{sample}{where}: {self.check}: {self.message}"


@dataclass
class Report:
    """What was checked, and what was wrong.

    Attributes
    ----------
    failures : list of Failure
    done : Counter of str
        How often each check was made.
    notes : list of str
        What could not be checked, and why.
    """

    failures: list[Failure] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong, and something was checked."""
        return not self.failures and bool(self.done)

    def raise_if_failed(self) -> None:
        """Raise `ConformanceError` with the whole report where anything was wrong."""
        if not self.ok:
            raise ConformanceError(str(self))

    def __str__(self) -> str:
        done = ", ".join(f"{name} {count}" for name, count in self.done.items()) or "nothing"
        lines = [f"{len(self.failures)} failures in {self.done.total()} checks ({done})"]
        lines += [f"  {failure}" for failure in self.failures] + [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def attempt(
        self, check: str, act: Callable[..., object], *given: Any, subject: object, sample: str = "", backend: str = ""
    ) -> bool:
        """Make one check and keep what came of it; return whether nothing was wrong."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnusedVariableWarning)  # samples of size 0 and constant gradients
                warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, on means of nothing
                act(*given)
        except Inapplicable as error:
            note = f"{subject}: {check}: {error}"
            if error.args and note not in self.notes:
                self.notes.append(note)
            return True
        except Exception as error:
            problem = str(error) if isinstance(error, Disagreement) else f"{type(error).__name__}: {error}"
            self.failures.append(Failure(check, str(subject), sample, backend, problem))
            self.done[check] += 1
            return False
        self.done[check] += 1
        return True


# ---- the two questions -----------------------------------------------------------------------------------------


def check_primitive(primitive: Primitive | type[Primitive], backends: Iterable[str | Backend] | None = None) -> Report:
    """Check one primitive by its samples: by itself, its derivatives, and on backends.

    Parameters
    ----------
    primitive : Primitive, or a class of them
    backends : iterable of str or Backend, optional
        By default NumPy, the strict array API where it is installed, and every backend that can run here; none at all
        leaves the checks that need no backend.

    Examples
    --------
    >>> import graph_engine as ge
    >>> check_primitive(ge.primitives()["tanh"], ["numpy"]).ok
    True
    """
    report = Report()
    cls = primitive if isinstance(primitive, type) else type(primitive)
    for name, check in OF_PRIMITIVE.items():
        report.attempt(name, check, cls, subject=cls.__name__)
    if report.failures:
        return report
    asked = cls() if isinstance(primitive, type) else primitive
    for index, sample in enumerate(asked.samples()):
        _check_sample(report, asked, index, sample)
    for backend in _backends(backends):
        _check_on_backend(report, asked, Engine(backend))
    return report


def check_backend(backend: str | Backend, primitives: Iterable[Primitive | type[Primitive]] | None = None) -> Report:
    """Check one backend by itself, and with the samples of primitives.

    Parameters
    ----------
    backend : str or Backend
    primitives : iterable of Primitive or classes of them, optional
        By default all that `ge.primitives()` finds.

    Examples
    --------
    >>> import graph_engine as ge
    >>> check_backend("numpy", [ge.add, ge.exp]).ok
    True
    """
    report = Report()
    backend = find_backend(backend) if isinstance(backend, str) else backend
    for name, check in OF_BACKEND.items():
        report.attempt(name, check, backend, subject=f"the backend {backend.name!r}")
    for primitive in found_primitives().values() if primitives is None else primitives:
        _check_on_backend(report, primitive() if isinstance(primitive, type) else primitive, Engine(backend))
    return report


def strict_backend() -> Backend:
    """Return a backend on `array_api_strict`, which has what the array API standard has and nothing else.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine(strict_backend()).run(ge.constant(1.0) + 2.0, {}))
    3.0
    """
    import array_api_strict

    class StrictBackend(Backend):
        name = "strict"
        xp = array_api_strict

        def running(self) -> Any:
            return np.errstate(all="ignore")

    return StrictBackend()


def _backends(asked: Iterable[str | Backend] | None) -> list[Backend]:
    if asked is not None:
        return [find_backend(backend) if isinstance(backend, str) else backend for backend in asked]
    found = [find_backend(info.name) for info in found_backends() if info.available]
    try:
        strict = [] if any(backend.name == "strict" for backend in found) else [strict_backend()]
    except ImportError:
        strict = []
    return found + strict


def _check_sample(report: Report, primitive: Primitive, index: int, sample: Sample) -> None:
    used = sample.use or primitive
    if sample.raises is not None:
        report.attempt("refused", _refused, used, sample, subject=used, sample=_label(index, sample.inputs))
        return
    case = Case(used, index, sample, "float64")
    if report.attempt("accepted", case.declare, subject=used, sample=case.label):
        for name, check in OF_SAMPLE.items():
            report.attempt(name, check, case, subject=used, sample=case.label)


def _check_on_backend(report: Report, primitive: Primitive, engine: Engine) -> None:
    name = engine.backend.name
    half = "float16" in engine.backend.abilities
    for index, sample in enumerate(primitive.samples()):
        real = any(value.dtype.kind == "f" for value in sample.inputs)
        for dtype in ("float64", "float32", "float16")[: 2 + half if real else 1] if sample.raises is None else ():
            used = sample.use or primitive
            case = Case(used, index, sample, dtype)
            if report.attempt("accepted", case.declare, subject=used, sample=case.label, backend=name):
                lacking = case.is_half and not half
                for check, act in ON_BACKEND.items() if not lacking else ():
                    report.attempt(check, act, case, engine, subject=used, sample=case.label, backend=name)


# ---- a sample, declared ----------------------------------------------------------------------------------------


class Case:
    """One sample in one dtype, declared, with its first and second derivatives.

    Parameters
    ----------
    primitive : Primitive
    index : int
        Which of the primitive's samples it is.
    sample : Sample
    dtype : str
        What its real numbers are turned into.
    wide : bool
        Whether they are then turned into float64: the same numbers, computed better.
    dimensions : mapping of int to str
        Sizes that are declared as names.

    Attributes
    ----------
    feeds : dict of Variable to numpy.ndarray
    names : dict of str to int
        What those names stand for.
    """

    def __init__(
        self,
        primitive: Primitive,
        index: int,
        sample: Sample,
        dtype: str,
        wide: bool = False,
        dimensions: Mapping[int, str] | None = None,
    ) -> None:
        self.primitive = primitive
        self.index = index
        self.sample = sample
        self.dtype = dtype
        arrays = [value.astype(dtype) if value.dtype.kind == "f" else value for value in sample.inputs]
        if wide:
            arrays = [array.astype("float64") if array.dtype.kind == "f" else array for array in arrays]
        self.label = _label(index, arrays)
        sizes = dimensions or {}
        self.names = {name: size for size, name in sizes.items()}
        self.inputs = [
            input(f"x{i}", tuple(sizes.get(size, size) for size in array.shape), array.dtype.name)
            for i, array in enumerate(arrays)
        ]
        self.feeds: dict[Variable, Array] = dict(zip(self.inputs, arrays, strict=True))
        self.floats = [v for v in self.inputs if v.spec.is_float]

    def declare(self) -> None:
        """Declare it with its derivatives: errors come here."""
        _ = self.outputs, self.gradients, self.second

    @cached_property
    def outputs(self) -> list[Variable]:
        """What the primitive makes of the inputs."""
        return _as_list(self.primitive(*self.inputs))

    @cached_property
    def loss(self) -> Variable | None:
        """A weighted sum of all outputs that are real numbers."""
        return _weighted_sum([v for v in self.outputs if v.spec.is_float], self.seed)

    @cached_property
    def gradients(self) -> list[Variable]:
        """The gradient of that sum in each input; none where there is no derivative rule."""
        without_rule = type(self.primitive).vjp is Primitive.vjp
        return [] if without_rule or self.loss is None else _grad(self.loss, self.floats)

    @cached_property
    def slope(self) -> Variable | None:
        """A weighted sum of those gradients."""
        return _weighted_sum(self.gradients, self.seed + 1)

    @cached_property
    def second(self) -> list[Variable]:
        """The gradient of that, in float64, where finite differences see it."""
        return _grad(self.slope, self.floats) if self.slope is not None and self.dtype == "float64" else []

    @property
    def is_half(self) -> bool:
        """Whether there is half precision anywhere in it."""
        return any(v.dtype == "float16" for v in Graph(*self.outputs).variables)

    @property
    def seed(self) -> int:
        """A number of its own."""
        return zlib.crc32(f"{self.primitive}{self.index}".encode())

    def random(self) -> np.random.Generator:
        """Return numbers that are the same each time."""
        return np.random.default_rng(self.seed + 2)

    @property
    def smooth(self) -> bool:
        """Whether finite differences mean something: no kink, and float64 all the way."""
        passed = Graph(*self.outputs).variables
        return self.sample.smooth and all(v.dtype == "float64" for v in passed if v.spec.is_float)

    def evaluate(self, outputs: Sequence[Variable], feeds: Mapping[Variable, Array] | None = None) -> list[Array]:
        """Compute with the generic kernels on NumPy, one after the other."""
        graph = Graph(*outputs)
        values: dict[Variable, Any] = self.feeds | dict(feeds or {})
        values |= {v: v.data for v in graph.constants}
        with np.errstate(all="ignore"):
            for operation in graph.operations:
                kernel = operation.primitive.bind(self.names).kernel
                results = kernel(np, *[values[v] for v in operation.inputs])
                values.update(zip(operation.outputs, map(np.asarray, _as_list(results)), strict=True))
        return [values[v] for v in outputs]

    def widened(self) -> Case:
        """Return the same numbers in float64."""
        return Case(self.primitive, self.index, self.sample, self.dtype, wide=True)


def _grad(loss: Variable, wrt: Sequence[Variable]) -> list[Variable]:
    return grad(loss, wrt) if wrt else []


def _weighted_sum(variables: Sequence[Variable], seed: int) -> Variable | None:
    """Sum with random weights, so that no error cancels; the array API's float64 where dtypes differ."""
    random = np.random.default_rng(seed)
    terms = []
    for variable in variables:
        # a weight for each number, broadcast where a size is not known
        shape = tuple(size if isinstance(size, int) else 1 for size in variable.shape)
        weights = constant(random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0], shape), dtype=variable.dtype)
        terms.append(sum_to(multiply(variable, weights), ()))
    return reduce(add, terms) if terms else None


def _as_list(results: Any) -> list[Any]:
    return list(results) if isinstance(results, (tuple, list)) else [results]


def _label(index: int, arrays: Sequence[Array]) -> str:
    return f"sample {index} ({', '.join(f'{array.dtype}{array.shape}' for array in arrays)})"


# ---- checks of a primitive by itself ---------------------------------------------------------------------------


def _default(cls: type[Primitive]) -> None:
    """`Class()` works, and two of them are equal."""
    _expect(cls() == cls(), f"{cls.__name__}() == {cls.__name__}()", "they differ")
    _expect(hash(cls()) == hash(cls()), "equal ones to have equal hashes", "different ones")


def _frozen(cls: type[Primitive]) -> None:
    """Its attributes are the fields of a frozen dataclass, so that they count in comparisons and nobody sets them."""
    primitive = cls()
    fields = {f.name for f in dataclasses.fields(primitive)}
    stated = {name for name, text in inspect.get_annotations(cls).items() if "ClassVar" not in str(text)}
    loose = sorted((stated | set(vars(primitive))) - fields)
    _expect(not loose, "attributes to be fields of a @dataclass(frozen=True)", f"{', '.join(loose)} beside them")
    for name in fields:
        try:
            setattr(primitive, name, getattr(primitive, name))
        except dataclasses.FrozenInstanceError:
            continue
        raise Disagreement(f"expected a @dataclass(frozen=True), got one whose {name!r} can be set")


def _named(cls: type[Primitive]) -> None:
    """It has a name, in the class."""
    _expect(isinstance(cls.name, str) and cls.name.isidentifier(), "a name that is an identifier", repr(cls.name))


def _sampled(cls: type[Primitive]) -> None:
    """It gives samples, at least one of them valid."""
    valid = [sample for sample in cls().samples() if sample.raises is None]
    _expect(bool(valid), "samples() to give at least one valid use", "none")


def _formula(cls: type[Primitive]) -> None:
    """Its formula speaks of its inputs and attributes only."""
    primitive = cls()
    known = {*primitive.input_names, *(f.name for f in dataclasses.fields(primitive))}
    _expect_placeholders(primitive.formula, known)


OF_PRIMITIVE: dict[str, Callable[[type[Primitive]], None]] = {
    "default": _default,
    "frozen": _frozen,
    "named": _named,
    "sampled": _sampled,
    "formula": _formula,
}


# ---- checks of one sample --------------------------------------------------------------------------------------


def _refused(primitive: Primitive, sample: Sample) -> None:
    """What must be refused is refused where it is declared, with the user's line."""
    wanted = sample.raises or Exception
    inputs = [input(f"x{i}", value.shape, value.dtype.name) for i, value in enumerate(sample.inputs)]
    try:
        result = primitive(*inputs)
    except GraphEngineError as error:
        _expect(isinstance(error, wanted), f"{wanted.__name__} at its declaration", f"{type(error).__name__}: {error}")
        _expect(bool(error.lines), "an error that shows the user's line", str(error))
        return
    raise Disagreement(f"expected {wanted.__name__} at its declaration, got {result!r}")


def _hashable(case: Case) -> None:
    """A use with attributes is hashable, and equal to its copy."""
    copy = dataclasses.replace(case.primitive)
    _expect(copy == case.primitive and hash(copy) == hash(case.primitive), "an equal copy with an equal hash", copy)


def _first_derivative(case: Case) -> None:
    """The gradient in each input, asked for alone, is the slope that finite differences see; so for each output."""
    if not case.gradients or not case.smooth:
        raise Inapplicable
    floats = [v for v in case.outputs if v.spec.is_float]
    _check_slopes(case, case.loss, "d/d{}")
    for position, output in enumerate(floats if len(floats) > 1 else ()):
        _check_slopes(case, _weighted_sum([output], case.seed + position), f"d(output {position})/d{{}}")


def _second_derivative(case: Case) -> None:
    """So is the gradient of a gradient."""
    if not case.second or not case.smooth:
        raise Inapplicable
    _check_slopes(case, case.slope, "d/d{} of a sum of gradients")


def _check_slopes(case: Case, loss: Variable | None, what: str) -> None:
    random = case.random()
    for variable in case.floats if loss is not None else ():
        direction = random.standard_normal(case.feeds[variable].shape)
        (gradient,) = case.evaluate(_grad(loss, [variable]))  # type: ignore[arg-type]
        got = float(np.sum(gradient * direction))
        expected = _finite_difference(case, loss, variable, direction)  # type: ignore[arg-type]
        error = abs(got - expected)
        bound = _SLOPE_TOLERANCE * max(1.0, abs(expected), float(np.sum(np.abs(gradient * direction))))
        _expect(error <= bound, f"{what.format(variable.name)} along a direction to be {expected!r}", repr(got))


def _finite_difference(case: Case, loss: Variable, variable: Variable, direction: Array) -> float:
    """Differentiate along a direction, to fourth order."""

    def at(t: float) -> float:
        return float(case.evaluate([loss], {variable: case.feeds[variable] + t * direction})[0])

    near, far = at(_STEP) - at(-_STEP), at(2 * _STEP) - at(-2 * _STEP)
    return (8 * near - far) / (12 * _STEP)


def _local_derivatives(case: Case) -> None:
    """What a picture shows at each port speaks of inputs and output, and is the number that the rule gives."""
    operation = case.outputs[0].operation
    if operation is None or operation.primitive != case.primitive:
        raise Inapplicable
    shown = case.primitive.local_derivatives(operation)
    _expect(len(shown) == len(operation.inputs), f"{len(operation.inputs)} local derivatives", f"{len(shown)}: {shown}")
    for text in shown:
        _expect_placeholders(text or "", {*case.primitive.input_names, "y", "d"})
    usable = case.primitive.elementwise and case.gradients and case.smooth and operation.inputs == tuple(case.inputs)
    if not usable or len(case.outputs) != 1:
        return
    arrays, (output,) = list(case.feeds.values()), case.evaluate(case.outputs)
    loss = sum_to(case.outputs[0], ())
    for variable, text in zip(case.inputs, shown, strict=True):
        if variable.spec.is_float and text is not None and "{d}" not in text:
            factor = _read(text, case.primitive.input_names, arrays, output)
            (rule,) = case.evaluate(_grad(loss, [variable]))
            expected = sum_array_to(np, factor, rule.shape)
            _expect_close(rule, expected, 1e-9, f"the rule for {variable.name} to be {text}")


def _formula_value(case: Case) -> None:
    """The formula of an elementwise primitive, read as an expression, gives what the kernel gives."""
    formula, names = case.primitive.formula, case.primitive.input_names
    if not case.primitive.elementwise or not formula or len(case.outputs) != 1 or len(names) != len(case.inputs):
        raise Inapplicable
    (output,) = case.evaluate(case.outputs)
    expected = _read(formula, names, list(case.feeds.values()), output).astype(output.dtype)
    _expect_close(output, expected, 1e-6 if output.dtype.kind == "f" else 0, f"the value to be {formula}")


def _bound(case: Case) -> None:
    """Binding no names changes nothing."""
    _expect(case.primitive.bind({}) == case.primitive, f"bind({{}}) to give {case.primitive}", case.primitive.bind({}))


def _dimension_names(case: Case) -> None:
    """Where a named dimension is accepted, value and gradient are those of the number that it stands for."""
    for size in sorted({size for array in case.feeds.values() for size in array.shape}):
        named = Case(case.primitive, case.index, case.sample, case.dtype, dimensions={size: "n"})
        try:
            outputs = named.outputs
        except GraphEngineError:
            continue  # this use needs to know the size
        plain, wanted = case.outputs, outputs
        if not any("n" in getattr(size, "names", ()) for v in outputs for size in v.shape) and named.gradients:
            plain, wanted = plain + case.gradients, wanted + named.gradients
        results = named.evaluate([*wanted, *named.gradients])
        for variable, got, expected in zip(wanted, results, case.evaluate(plain)):
            _expect_close(got, expected, 1e-12, f"{variable.name} with a dimension of {size} called 'n'")
        for variable, got in zip((*wanted, *named.gradients), results, strict=True):
            bound = variable.spec.bind(named.names).shape
            _expect(got.shape == bound, f"{variable.name} of shape {bound}, which is {variable.shape}", got.shape)


def _json(case: Case) -> None:
    """A graph with it comes back from JSON as it was."""
    if found_primitives().get(case.primitive.name) is not type(case.primitive):
        raise Inapplicable("not found by ge.primitives(), so files cannot name it")
    graph = Graph(*case.outputs)
    again = Graph.from_json(graph.to_json())
    _expect(
        [op.primitive for op in again.operations] == [op.primitive for op in graph.operations],
        f"{[op.primitive for op in graph.operations]} back from JSON",
        [op.primitive for op in again.operations],
    )
    specs = [v.spec for v in graph.variables]
    _expect([v.spec for v in again.variables] == specs, f"{specs} back from JSON", [v.spec for v in again.variables])


OF_SAMPLE: dict[str, Callable[[Case], None]] = {
    "hashable": _hashable,
    "first derivative": _first_derivative,
    "second derivative": _second_derivative,
    "local derivatives": _local_derivatives,
    "formula's value": _formula_value,
    "bind": _bound,
    "named dimensions": _dimension_names,
    "JSON": _json,
}


# ---- checks of one sample on one backend -----------------------------------------------------------------------


def _value(case: Case, engine: Engine) -> None:
    """Values and gradients are those of float64 NumPy, in the shape and dtype that was inferred."""
    half = case.dtype == "float16"
    wide = case.widened()
    wanted = [*case.outputs, *([] if half else [*case.gradients, *case.second])]
    better = wide.evaluate([*wide.outputs, *([] if half else [*wide.gradients, *wide.second])])
    floats = {v.dtype for v in Graph(*wanted).variables if v.spec.is_float}
    tolerance = max([TOLERANCES[dtype] for dtype in floats], default=0.0)
    results = engine.run(wanted, _on(engine, case))
    for variable, got, expected in zip(wanted, results, better):
        array = engine.backend.to_numpy(got)
        came = f"{engine.backend.dtype_name(got)}{tuple(got.shape)}"
        _expect(came == f"{variable.dtype}{variable.shape}", f"{variable.name} to be {variable.spec}", came)
        factor = 1 if variable in case.outputs else _GRADIENT_FACTOR
        _expect_close(array, expected.astype(array.dtype), tolerance * factor, f"{variable.name}")


def _lowerings(case: Case, engine: Engine) -> None:
    """A run, a trace and a compiled step give the same bits."""
    wanted = [*case.outputs, *case.gradients]
    feeds = _on(engine, case)
    to_numpy = engine.backend.to_numpy
    ran = [to_numpy(result) for result in engine.run(wanted, feeds)]
    trace = engine.trace(wanted, feeds)
    stepped = engine.compile(list(feeds), wanted)(*feeds.values())
    for variable, fast, compiled in zip(wanted, ran, stepped, strict=True):
        for how, other in (("trace", trace.value(variable)), ("compile", to_numpy(compiled))):
            _expect(_bits(fast) == _bits(other), f"{variable.name} from {how} as from run, {fast!r}", f"{other!r}")


def _layouts(case: Case, engine: Engine) -> None:
    """Feeds that are not contiguous give the same bits, as NumPy's own arrays and as the backend's."""
    wanted = [*case.outputs, *case.gradients]
    to_numpy = engine.backend.to_numpy
    expected = [_bits(to_numpy(result)) for result in engine.run(wanted, _on(engine, case))]
    strided = {v: _strided(array) for v, array in case.feeds.items()}
    got = [_bits(to_numpy(result)) for result in engine.run(wanted, strided)]
    _expect(got == expected, "strided NumPy feeds to give the same bits", "others")
    traced = [_bits(engine.trace(wanted, strided).value(v)) for v in wanted]
    _expect(traced == expected, "a trace of strided NumPy feeds to give the same bits", "others")


def _ownership(case: Case, engine: Engine) -> None:
    """Results share memory with no feed, no constant and no other result: one may write into them."""
    wanted = [*case.outputs, *case.outputs, *case.gradients]
    feeds = _on(engine, case)
    to_numpy = engine.backend.to_numpy
    fed = [_bits(to_numpy(array)) for array in feeds.values()]
    results = engine.run(wanted, feeds)
    before = [_bits(to_numpy(result)) for result in results]
    for position, result in enumerate(results):
        if not _overwrite(result):
            raise Inapplicable  # arrays that cannot be changed may be shared
        others = [_bits(to_numpy(other)) for other in results[position + 1 :]]
        _expect(others == before[position + 1 :], "results of their own memory", f"{wanted[position].name} shares it")
    _expect([_bits(to_numpy(array)) for array in feeds.values()] == fed, "feeds left alone", "a result shares theirs")
    again = [_bits(to_numpy(result)) for result in engine.run(wanted, feeds)]
    _expect(again == before, "a second run to give the same", "results share memory with what the engine keeps")


def _written_out(case: Case, engine: Engine) -> None:
    """What writes into a given array gives the same bits, also where that array is one of the inputs."""
    backend = engine.backend
    operation = case.outputs[0].operation
    write = backend.out_kernel(case.primitive)
    if write is None or case.primitive.may_view or operation is None or operation.inputs != tuple(case.inputs):
        raise Inapplicable
    shape, dtype = case.outputs[0].shape, case.outputs[0].dtype
    with backend.running():
        expected = _bits(backend.to_numpy(backend.own(backend.kernel(case.primitive)(*_on(engine, case).values()))))
        target = backend.empty(shape, dtype)  # type: ignore[arg-type]
        result = write(*_on(engine, case).values(), target)
        _expect(result is target, "out_kernel to return the array that it was given", "another one")
        _expect(_bits(backend.to_numpy(target)) == expected, "out_kernel to give the bits of kernel", "others")
        for position, variable in enumerate(case.inputs if case.primitive.elementwise else ()):
            if variable.spec == case.outputs[0].spec:
                arrays = list(_on(engine, case).values())
                write(*arrays, arrays[position])
                got = _bits(backend.to_numpy(arrays[position]))
                _expect(got == expected, f"out_kernel to give the same written over {variable.name}", "others")


ON_BACKEND: dict[str, Callable[[Case, Engine], None]] = {
    "value": _value,
    "lowerings": _lowerings,
    "layouts": _layouts,
    "ownership": _ownership,
    "out_kernel": _written_out,
}


# ---- checks of a backend by itself -----------------------------------------------------------------------------


def _identity(backend: Backend) -> None:
    """It has a name, says what it runs on, and can run here."""
    _expect(bool(backend.name), "a name", repr(backend.name))
    _expect(isinstance(backend.describe(), str), "describe() to give a text", backend.describe())
    _expect(backend.unavailable() is None, "a backend that can run here", backend.unavailable())


def _transfers(backend: Backend) -> None:
    """Arrays go up and come down unchanged, in every dtype, layout and size."""
    for dtype, array in _transferable(backend):
        for given in (array, array.T, array[::2], array[:0], array[1, 1], _strided(array)):
            up = backend.asarray(given)
            down = backend.to_numpy(up)
            _expect(_bits(down) == _bits(given), f"{dtype}{given.shape} back as it went up", f"{down!r}")
            _expect(backend.is_array(up), f"is_array to know its own {dtype} array", "False")
            _expect(backend.dtype_name(up) == dtype, f"dtype_name to give {dtype}", backend.dtype_name(up))
            _expect(tuple(up.shape) == given.shape, f"shape {given.shape}", up.shape)


def _copies(backend: Backend) -> None:
    """`asarray`, `copy` and `own` give arrays of their own memory."""
    for dtype, array in _transferable(backend):
        before = _bits(array)
        up = backend.asarray(array)
        for name, other in (("copy", backend.copy(up)), ("own of a view", backend.own(up[1:, :]))):
            _overwrite(other)
            _expect(_bits(backend.to_numpy(up)) == before, f"{name} of {dtype} to share no memory", "it does")
        _overwrite(up)
        _expect(_bits(array) == before, f"asarray of {dtype} to share no memory with the NumPy array", "it does")


def _fresh(backend: Backend) -> None:
    """`empty` has the shape and dtype asked for."""
    for dtype, _ in _transferable(backend):
        made = backend.empty((2, 0, 3), dtype)
        came = f"{backend.dtype_name(made)}{tuple(made.shape)}"
        _expect(came == f"{dtype}(2, 0, 3)", f"{dtype}(2, 0, 3)", came)


def _foreign(backend: Backend) -> None:
    """What is no array of it is not taken for one."""
    for value in (1.0, [1.0], "text", None):
        _expect(not backend.is_array(value), f"is_array({value!r}) to be False", "True")


def _transferable(backend: Backend) -> Iterator[tuple[str, Array]]:
    for dtype in DTYPES:
        if dtype != "float16" or "float16" in backend.abilities:
            yield dtype, (np.arange(12).reshape(3, 4) % 5).astype(dtype)


OF_BACKEND: dict[str, Callable[[Backend], None]] = {
    "identity": _identity,
    "transfers": _transfers,
    "copies": _copies,
    "empty": _fresh,
    "foreign": _foreign,
}


# ---- small helpers ---------------------------------------------------------------------------------------------


def _expect(condition: bool, expected: object, got: object) -> None:
    if not condition:
        raise Disagreement(f"expected {expected}, got {got}")


def _expect_close(got: Array, expected: Array, tolerance: float, what: str) -> None:
    """Compare within a fraction of the size of the numbers; NaN equals NaN, and integers are exact."""
    _expect(got.shape == expected.shape, f"{what} of shape {expected.shape}", got.shape)
    if got.dtype.kind == "f" and expected.dtype.kind == "f":
        a, b = got.astype(np.float64), expected.astype(np.float64)
        finite = b[np.isfinite(b)]
        size = max(1.0, float(np.max(np.abs(finite), initial=0.0)))
        close = np.isclose(a, b, rtol=tolerance, atol=tolerance * size, equal_nan=True)
    else:
        close = np.asarray(got == expected)
    if not np.all(close):
        raise Disagreement(f"expected {what}: {_short(expected)}, got {_short(got)}")


def _expect_placeholders(text: str, known: Iterable[str]) -> None:
    used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    _expect(used <= set(known), f"placeholders among {sorted(known)}", f"{sorted(used - set(known))} in {text!r}")


def _short(array: Array) -> str:
    return np.array2string(array, threshold=24, precision=8).replace("\n", "") + f" ({array.dtype})"


def _bits(array: Array) -> tuple[str, tuple[int, ...], bytes]:
    array = np.asarray(array)
    return array.dtype.name, array.shape, array.tobytes()


def _on(engine: Engine, case: Case) -> dict[Variable, Any]:
    return {variable: engine.backend.asarray(array) for variable, array in case.feeds.items()}


def _strided(array: Array) -> Array:
    """Return the same numbers with gaps between them, from the last to the first in memory."""
    if not array.ndim:
        return array
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    view = wide[..., ::-2]
    view[...] = array
    return view


def _overwrite(array: Any) -> bool:
    """Write other numbers into an array, if one can."""
    try:
        array[...] = 0 if str(array.dtype).endswith("bool") is False else False
        array[...] = ~array if str(array.dtype).endswith("bool") else array + 77
    except (TypeError, ValueError, RuntimeError):
        return False
    return True


_READING = {"[": "float(", "]": ")", "⌊": "floor(", "⌋": ")", "−": "-", "·": "*", "×": "*", "²": " ** 2", "³": " ** 3"}
_NUMPY_FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "sign", "floor", "ceil", "isnan")
_KNOWN_FUNCTIONS: dict[str, Any] = {name: getattr(np, name) for name in _NUMPY_FUNCTIONS} | {
    "__builtins__": {},
    "float": float,
    "max": max,
    "min": min,
    "abs": abs,
    "clip": lambda x, low, high: min(max(x, low), high),
    "isfinite": np.isfinite,
    "ln": np.log,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "pi": np.pi,
    "π": np.pi,
}


def _read(text: str, names: Sequence[str], arrays: Sequence[Array], output: Array) -> Array:
    """Read a formula as an expression, for each element by itself; `[condition]` is 1 or 0."""
    written = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    for sign, reading in _READING.items():
        written = written.replace(sign, reading)
    values = [array.astype(np.float64) for array in np.broadcast_arrays(*arrays, output)]
    known = dict(zip(names, values[:-1], strict=True)) if len(names) == len(arrays) else {}
    known.setdefault("y", values[-1])
    results = np.zeros(output.shape, np.float64)
    try:
        code = compile(written.format_map({name: name for name in known}).strip(), "<formula>", "eval")
        with np.errstate(all="ignore"):
            for index in np.ndindex(output.shape):
                numbers = {name: array[index] for name, array in known.items()}
                results[index] = eval(code, _KNOWN_FUNCTIONS, numbers)
    except (SyntaxError, NameError, KeyError, TypeError) as error:
        raise Inapplicable(f"{text!r} cannot be read as an expression ({error})") from None
    return results
