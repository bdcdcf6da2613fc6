"""The two questions of the kit: whether a primitive conforms, and whether a backend does."""

from __future__ import annotations

from collections.abc import Iterable

from graph_engine.backend import Backend
from graph_engine.engine import Engine
from graph_engine.plugins import backends as found_backends
from graph_engine.plugins import find_backend
from graph_engine.plugins import primitives as found_primitives
from graph_engine.primitive import Primitive, Sample
from graph_engine.testing.case import Case, label_of
from graph_engine.testing.of_backend import OF_BACKEND
from graph_engine.testing.of_primitive import OF_PRIMITIVE
from graph_engine.testing.of_sample import OF_SAMPLE, check_refused
from graph_engine.testing.on_backend import ON_BACKEND
from graph_engine.testing.report import Report
from graph_engine.testing.strict import strict_backend


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
        report.attempt("refused", check_refused, used, sample, subject=used, sample=label_of(index, sample.inputs))
        return
    case = Case(used, index, sample, "float64")
    if report.attempt("accepted", case.declare, subject=used, sample=case.label):
        for name, check in OF_SAMPLE.items():
            report.attempt(name, check, case, subject=used, sample=case.label)


def _check_on_backend(report: Report, primitive: Primitive, engine: Engine) -> None:
    name = engine.backend.name
    has_half = "float16" in engine.backend.abilities
    for index, sample in enumerate(primitive.samples()):
        used = sample.use or primitive
        for dtype in _dtypes(sample, has_half):
            case = Case(used, index, sample, dtype)
            accepted = report.attempt("accepted", case.declare, subject=used, sample=case.label, backend=name)
            if not accepted or (case.is_half and not has_half):
                continue
            for check, act in ON_BACKEND.items():
                report.attempt(check, act, case, engine, subject=used, sample=case.label, backend=name)


def _dtypes(sample: Sample, has_half: bool) -> tuple[str, ...]:
    """Return what the real numbers of a sample are tried in; one without any is tried once."""
    if sample.raises is not None:
        return ()
    if not any(value.dtype.kind == "f" for value in sample.inputs):
        return ("float64",)
    return ("float64", "float32", "float16") if has_half else ("float64", "float32")
