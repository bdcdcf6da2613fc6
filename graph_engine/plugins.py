"""Finding plugins: backends and primitives, ours and others', by entry point; scanned once, when first asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from graph_engine.backend import Backend
from graph_engine.errors import BackendError, PluginError, PluginWarning
from graph_engine.primitive import Primitive
from graph_engine.source import warn

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BACKENDS = "graph_engine.backends"
PRIMITIVES = "graph_engine.primitives"
PICTURES = "graph_engine.pictures"


@dataclass(frozen=True)
class BackendInfo:
    """One backend that was found.

    Attributes
    ----------
    name : str
    available : bool
        Whether it can run here.
    reason : str
        The device, or why it cannot run.
    distribution : str
        The package it comes from.
    """

    name: str
    available: bool
    reason: str
    distribution: str

    def __str__(self) -> str:
        state = "runs here" if self.available else "cannot run"
        return f"{self.name:12} {state:11} {self.reason} ({self.distribution})"


def backends() -> tuple[BackendInfo, ...]:
    """List every backend found, and whether it can run here.

    Examples
    --------
    >>> import graph_engine as ge
    >>> [info.available for info in ge.backends() if info.name == "numpy"]
    [True]
    """
    return tuple(_backend_info(name) for name in sorted(_scan(BACKENDS)))


def _backend_info(name: str) -> BackendInfo:
    packages = ", ".join(sorted({_distribution(point) for point in _scan(BACKENDS)[name]}))
    try:
        return BackendInfo(name, True, find_backend(name).describe(), packages)
    except Exception as error:  # one that cannot say where it runs must not hide the others
        return BackendInfo(name, False, getattr(error, "message", f"{type(error).__name__}: {error}"), packages)


@cache
def find_backend(name: str) -> Backend:
    """Return the backend of this name, ready to run.

    Raises
    ------
    BackendError
        Where there is none, or it cannot run here.
    """
    found = _scan(BACKENDS)
    if "numpy" not in found:
        raise PluginError("graph_engine is not installed, so none of its plugins is seen", "run: pip install -e .")
    if name not in found:
        raise BackendError(f"there is no backend called {name!r}", f"found: {', '.join(sorted(found))}")
    cls = _load(_single(found[name], "a backend"))
    if cls is None:
        raise BackendError(f"the backend {name!r} could not be loaded", "see the warning above for what it raised")
    if not (isinstance(cls, type) and issubclass(cls, Backend)):
        raise BackendError(f"the backend {name!r} is no class of ge.Backend: {cls!r}")
    try:
        reason = cls.unavailable()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        raise BackendError(f"the backend {name!r} cannot run here: {reason}")
    return cls()


@cache
def primitives() -> dict[str, type[Primitive]]:
    """Return every primitive found, by name.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.primitives()["add"].symbol
    '+'
    """
    found: dict[str, tuple[type[Primitive], EntryPoint]] = {}
    for points in _scan(PRIMITIVES).values():
        point = _single(points, "primitives")
        for cls in _classes(_load(point), point):
            other = found.setdefault(cls.name, (cls, point))
            if other[0] is not cls:
                raise PluginError(
                    f"two plugins have a primitive called {cls.name!r}: {_distribution(other[1])} "
                    f"({other[1].value}) and {_distribution(point)} ({point.value})",
                    "uninstall one of them",
                )
    return {name: cls for name, (cls, _) in found.items()}


def find_pictures() -> Any:
    """Return the package that draws: it has `draw(graph_or_trace, ...)` and `steps(trace, ...)`.

    Raises
    ------
    PluginError
        Where there is none, it cannot be loaded, or there are several.
    """
    found = _scan(PICTURES)
    if not found:
        raise PluginError("nothing that draws is installed here", "run: pip install -e . (in a checkout)")
    pictures = _load(_single(tuple(point for points in found.values() for point in points), "pictures"))
    if pictures is None:
        raise PluginError("the package that draws could not be loaded", "see the warning above for what it raised")
    return pictures


@cache
def _scan(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    from importlib.metadata import entry_points  # 25 ms: paid only when somebody asks

    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, {})[(_distribution(point), point.value)] = point
    return {name: tuple(points.values()) for name, points in found.items()}


def _single(points: tuple[EntryPoint, ...], what: str) -> EntryPoint:
    if len(points) > 1:
        both = " and ".join(f"{_distribution(point)} ({point.value})" for point in points)
        raise PluginError(f"two plugins offer {what} called {points[0].name!r}: {both}", "uninstall one of them")
    return points[0]


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises on import
        _warn_skipped(point, f"{type(error).__name__}: {error}")
        return None


def _warn_skipped(point: EntryPoint, problem: str) -> None:
    message = f"the plugin {point.name!r} of {_distribution(point)} is skipped: {problem}"
    warn(message, PluginWarning)


def _classes(loaded: Any, point: EntryPoint) -> Iterable[type[Primitive]]:
    if loaded is None:
        return ()
    classes = tuple(loaded) if isinstance(loaded, (tuple, list)) else (loaded,)
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Primitive)):
            _warn_skipped(point, f"{cls!r} is no class of ge.Primitive")
            return ()
    return classes


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unnamed distribution"
