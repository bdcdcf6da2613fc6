"""Checks of one sample on one backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph_engine.engine import Engine
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.testing.arrays import bits, overwrite, with_gaps
from graph_engine.testing.case import Case
from graph_engine.testing.expect import expect, expect_close
from graph_engine.testing.report import Inapplicable

TOLERANCES = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-11}  # of a kernel; a gradient is a chain of them
_GRADIENT_FACTOR = 20


def _value(case: Case, engine: Engine) -> None:
    """Values and gradients are those of float64 NumPy, in the shape and dtype that was inferred."""
    half = case.dtype == "float16"
    wide = case.widened()
    wanted = [*case.outputs, *([] if half else [*case.gradients, *case.second])]
    better = wide.evaluate([*wide.outputs, *([] if half else [*wide.gradients, *wide.second])])
    floats = {v.dtype for v in Graph(*wanted).variables if v.spec.is_float}
    tolerance = max([TOLERANCES[dtype] for dtype in floats], default=0.0)
    results = engine.run(wanted, _uploaded(engine, case))
    for variable, got, expected in zip(wanted, results, better):
        array = engine.backend.to_numpy(got)
        came = f"{engine.backend.dtype_name(got)}{tuple(got.shape)}"
        expect(came == f"{variable.dtype}{variable.shape}", f"{variable.name} to be {variable.spec}", came)
        factor = 1 if variable in case.outputs else _GRADIENT_FACTOR
        expect_close(array, expected.astype(array.dtype), tolerance * factor, f"{variable.name}")


def _lowerings(case: Case, engine: Engine) -> None:
    """A run, a trace and a compiled step give the same bits."""
    wanted = [*case.outputs, *case.gradients]
    feeds = _uploaded(engine, case)
    to_numpy = engine.backend.to_numpy
    ran = [to_numpy(result) for result in engine.run(wanted, feeds)]
    trace = engine.trace(wanted, feeds)
    stepped = engine.compile(list(feeds), wanted)(*feeds.values())
    for variable, fast, compiled in zip(wanted, ran, stepped, strict=True):
        for how, other in (("trace", trace.value(variable)), ("compile", to_numpy(compiled))):
            expect(bits(fast) == bits(other), f"{variable.name} from {how} as from run, {fast!r}", f"{other!r}")


def _layouts(case: Case, engine: Engine) -> None:
    """Feeds that are not contiguous give the same bits, as NumPy's own arrays and as the backend's."""
    wanted = [*case.outputs, *case.gradients]
    to_numpy = engine.backend.to_numpy
    expected = [bits(to_numpy(result)) for result in engine.run(wanted, _uploaded(engine, case))]
    strided = {v: with_gaps(array) for v, array in case.feeds.items()}
    got = [bits(to_numpy(result)) for result in engine.run(wanted, strided)]
    expect(got == expected, "strided NumPy feeds to give the same bits", "others")
    traced = [bits(engine.trace(wanted, strided).value(v)) for v in wanted]
    expect(traced == expected, "a trace of strided NumPy feeds to give the same bits", "others")


def _ownership(case: Case, engine: Engine) -> None:
    """Results share memory with no feed, no constant and no other result: one may write into them."""
    wanted = [*case.outputs, *case.outputs, *case.gradients]
    feeds = _uploaded(engine, case)
    to_numpy = engine.backend.to_numpy
    fed = [bits(to_numpy(array)) for array in feeds.values()]
    results = engine.run(wanted, feeds)
    left = [bits(to_numpy(array)) for array in feeds.values()]
    expect(left == fed, "feeds left alone", "the kernel changes its inputs")
    before = [bits(to_numpy(result)) for result in results]
    for position, result in enumerate(results):
        if not overwrite(result):
            raise Inapplicable  # arrays that cannot be changed may be shared
        others = [bits(to_numpy(other)) for other in results[position + 1 :]]
        expect(others == before[position + 1 :], "results of their own memory", f"{wanted[position].name} shares it")
    expect([bits(to_numpy(array)) for array in feeds.values()] == fed, "feeds left alone", "a result shares theirs")
    again = [bits(to_numpy(result)) for result in engine.run(wanted, feeds)]
    expect(again == before, "a second run to give the same", "results share memory with what the engine keeps")


def _written_out(case: Case, engine: Engine) -> None:
    """What writes into a given array gives the same bits, also where that array is one of the inputs."""
    backend = engine.backend
    operation = case.outputs[0].operation
    write = backend.out_kernel(case.primitive)
    if write is None or case.primitive.may_view or operation is None or operation.inputs != tuple(case.inputs):
        raise Inapplicable
    shape, dtype = case.outputs[0].shape, case.outputs[0].dtype
    with backend.running():
        result = backend.kernel(case.primitive)(*_uploaded(engine, case).values())
        expected = bits(backend.to_numpy(backend.own(result)))
        target = backend.empty(shape, dtype)  # type: ignore[arg-type]
        result = write(*_uploaded(engine, case).values(), target)
        expect(result is target, "out_kernel to return the array that it was given", "another one")
        expect(bits(backend.to_numpy(target)) == expected, "out_kernel to give the bits of kernel", "others")
        for position, variable in enumerate(case.inputs if case.primitive.elementwise else ()):
            if variable.spec == case.outputs[0].spec:
                arrays = list(_uploaded(engine, case).values())
                write(*arrays, arrays[position])
                got = bits(backend.to_numpy(arrays[position]))
                expect(got == expected, f"out_kernel to give the same written over {variable.name}", "others")


ON_BACKEND: dict[str, Callable[[Case, Engine], None]] = {
    "value": _value,
    "lowerings": _lowerings,
    "layouts": _layouts,
    "ownership": _ownership,
    "out_kernel": _written_out,
}


def _uploaded(engine: Engine, case: Case) -> dict[Variable, Any]:
    return {variable: engine.backend.asarray(array) for variable, array in case.feeds.items()}
