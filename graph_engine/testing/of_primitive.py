"""Checks of a primitive's class."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

from graph_engine.primitive import Primitive
from graph_engine.testing.expect import expect, expect_placeholders
from graph_engine.testing.report import Disagreement


def _default(cls: type[Primitive]) -> None:
    """`Class()` works, and two of them are equal."""
    expect(cls() == cls(), f"{cls.__name__}() == {cls.__name__}()", "they differ")
    expect(hash(cls()) == hash(cls()), "equal ones to have equal hashes", "different ones")


def _frozen(cls: type[Primitive]) -> None:
    """Its attributes are the fields of a frozen dataclass, so that they count in comparisons and nobody sets them."""
    primitive = cls()
    fields = {f.name for f in dataclasses.fields(primitive)}
    stated = {name for name, text in inspect.get_annotations(cls).items() if "ClassVar" not in str(text)}
    loose = sorted((stated | set(vars(primitive))) - fields)
    expect(not loose, "attributes to be fields of a @dataclass(frozen=True)", f"{', '.join(loose)} beside them")
    for name in fields:
        try:
            setattr(primitive, name, getattr(primitive, name))
        except dataclasses.FrozenInstanceError:
            continue
        raise Disagreement(f"expected a @dataclass(frozen=True), got one whose {name!r} can be set")


def _named(cls: type[Primitive]) -> None:
    """It has a name, in the class."""
    expect(isinstance(cls.name, str) and cls.name.isidentifier(), "a name that is an identifier", repr(cls.name))


def _sampled(cls: type[Primitive]) -> None:
    """It gives samples, at least one of them valid."""
    valid = [sample for sample in cls().samples() if sample.raises is None]
    expect(bool(valid), "samples() to give at least one valid use", "none")


def _formula(cls: type[Primitive]) -> None:
    """Its formula speaks of its inputs and attributes only."""
    primitive = cls()
    known = {*primitive.input_names, *(f.name for f in dataclasses.fields(primitive))}
    expect_placeholders(primitive.formula, known)


OF_PRIMITIVE: dict[str, Callable[[type[Primitive]], None]] = {
    "default": _default,
    "frozen": _frozen,
    "named": _named,
    "sampled": _sampled,
    "formula": _formula,
}
