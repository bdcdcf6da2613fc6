"""The conformance kit over every primitive and every backend; and over broken ones, to see that it finds them."""

from dataclasses import dataclass

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.testing import ConformanceError, check_backend, check_primitive, strict_backend
from graph_engine_numpy import NumpyBackend

PRIMITIVES = ge.primitives()


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_conforms(name):
    report = check_primitive(PRIMITIVES[name], backends=[])
    report.raise_if_failed()
    if PRIMITIVES[name].elementwise:
        assert not report.notes, "what a picture shows of an elementwise primitive can be read and checked"


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_conforms_on_every_backend(name, backend):
    check_backend(backend, [PRIMITIVES[name]]).raise_if_failed()


def test_by_default_everything_is_checked_that_can_run_here():
    report = check_primitive(ge.exp)
    report.raise_if_failed()
    assert report.done["value"] >= 2 * report.done["JSON"] > 0, "on NumPy and on the strict array API"
    assert check_backend("numpy").done["value"] > 500


# ---- broken primitives -----------------------------------------------------------------------------------------


class Swish(ge.Primitive):
    """x * sigmoid(x), elementwise; right in everything."""

    name, formula, elementwise, may_view = "swish", "{x} * sigmoid({x})", True, False

    def infer(self, x):
        if not x.is_float:
            raise ge.DTypeError("it needs real numbers")
        return x

    def kernel(self, xp, x):
        return x / (1 + xp.exp(-x))

    def vjp(self, operation, cotangents, wanted):
        (x,) = operation.inputs
        s = ge.sigmoid(x)
        return [cotangents[0] * (s + x * s * (1 - s))]

    def local_derivatives(self, operation):
        return ["σ({x}) + {y} * (1 - σ({x}))"]

    def samples(self):
        a = np.linspace(-2, 2, 6).reshape(2, 3)
        return [ge.Sample(a), ge.Sample(a.T), ge.Sample(1.5), ge.Sample(a[:0]), ge.Sample(a > 0, raises=ge.DTypeError)]


def test_a_right_primitive_of_a_stranger_conforms():
    report = check_primitive(Swish)
    report.raise_if_failed()
    assert str(report).startswith("0 failures in ")


class SlopeOff(Swish):
    def vjp(self, operation, cotangents, wanted):
        (x,) = operation.inputs
        s = ge.sigmoid(x)
        return [cotangents[0] * (s + x * s * (1 + s))]


class CurvatureOff(Swish):
    def vjp(self, operation, cotangents, wanted):
        (x,) = operation.inputs
        s = ge.stop_gradient(ge.sigmoid(x))
        return [cotangents[0] * (s + x * s * (1 - s))]


class SlopeFails(Swish):
    def vjp(self, operation, cotangents, wanted):
        raise KeyError("x")


class OtherDtype(Swish):
    def kernel(self, xp, x):
        return xp.astype(super().kernel(xp, x), xp.float64)


class OtherShape(Swish):
    def kernel(self, xp, x):
        return xp.reshape(super().kernel(xp, x), (-1,))


class Imprecise(Swish):
    def kernel(self, xp, x):
        return super().kernel(xp, x) * 1.0001 if "float32" in str(x.dtype) else super().kernel(xp, x)


class Forgetful(Swish):
    def kernel(self, xp, x):
        self.calls.append(None)
        return super().kernel(xp, x) + len(self.calls)

    calls = []


class KeepsItsResult(Swish):
    def kernel(self, xp, x):
        key = (str(x.dtype), np.asarray(x).tobytes(), xp.__name__)
        return self.kept.setdefault(key, super().kernel(xp, x))

    kept = {}


class RefusesNothing(Swish):
    def infer(self, x):
        return x


class RefusesWrongly(Swish):
    def infer(self, x):
        if not x.is_float:
            raise ge.ShapeError("no")
        return x


class RefusesEverything(Swish):
    def infer(self, x):
        raise ge.ShapeError("no")


class Loose(Swish):
    beta: float = 1.0


@dataclass(frozen=True)
class HoldsList(Swish):
    values: object = None

    def samples(self):
        return [ge.Sample(1.0, use=HoldsList([1]))]


@dataclass(frozen=True)
class NoDefault(Swish):
    beta: float


class NoName(Swish):
    name = ""


class NoSamples(Swish):
    def samples(self):
        return [ge.Sample(True, raises=ge.DTypeError)]


class FormulaOfOthers(Swish):
    formula = "{z} * 2"


class FormulaLies(Swish):
    formula = "{x} * {x}"


class LocalTooMany(Swish):
    def local_derivatives(self, operation):
        return ["1", "1"]


class LocalOfOthers(Swish):
    def local_derivatives(self, operation):
        return ["{z}"]


class LocalLies(Swish):
    def local_derivatives(self, operation):
        return ["σ({x})"]


@dataclass(frozen=True)
class BindsAway(Swish):
    beta: float = 1.0

    def bind(self, names):
        return BindsAway(2.0)


class NamesIgnored(Swish):
    elementwise = False

    def infer(self, x):
        return ge.Spec(tuple(5 if isinstance(size, str) else size for size in x.shape), x.dtype)


BROKEN = [
    (SlopeOff, "first derivative"), (CurvatureOff, "second derivative"), (SlopeFails, "accepted"),
    (OtherDtype, "value"), (OtherShape, "value"), (Imprecise, "value"), (Forgetful, "lowerings"),
    (KeepsItsResult, "ownership"), (RefusesNothing, "refused"), (RefusesWrongly, "refused"),
    (RefusesEverything, "accepted"), (Loose, "frozen"), (HoldsList, "hashable"), (NoDefault, "default"),
    (NoName, "named"), (NoSamples, "sampled"), (FormulaOfOthers, "formula"), (FormulaLies, "formula's value"),
    (LocalTooMany, "local derivatives"), (LocalOfOthers, "local derivatives"), (LocalLies, "local derivatives"),
    (BindsAway, "bind"), (NamesIgnored, "named dimensions"),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "check"), BROKEN, ids=[cls.__name__ for cls, _ in BROKEN])
def test_the_kit_finds_what_is_wrong_with_a_primitive(cls, check):
    report = check_primitive(cls, ["numpy"])
    assert check in {failure.check for failure in report.failures}, report
    with pytest.raises(ConformanceError, match=cls.__name__):
        report.raise_if_failed()


def test_a_failure_names_primitive_sample_backend_and_both_values():
    report = check_primitive(Imprecise, ["numpy"])
    assert {(f.subject, f.check, f.backend) for f in report.failures} == {("Imprecise()", "value", "numpy")}
    first = str(report.failures[0])
    assert first.startswith("Imprecise(), sample 0 (float32(2, 3)) on numpy: value: expected ") and ", got [[" in first


class ChangesItsInput(Swish):
    def kernel(self, xp, x):
        x *= 1 / (1 + xp.exp(-x))
        return x


class ComputesNothing(Swish):
    kernel = ge.Primitive.kernel


def test_a_failure_says_what_is_wrong():
    report = check_primitive(ChangesItsInput, ["numpy"])
    owned = [str(failure) for failure in report.failures if failure.check == "ownership"]
    assert owned and all("got the kernel changes its inputs" in text for text in owned)
    assert "does not say how it computes: write its `kernel`" in str(check_primitive(ComputesNothing, ["numpy"]))
    report = check_primitive(SlopeFails, ["numpy"])
    assert not any("functools.py" in str(failure) for failure in report.failures), "nobody's line"


def test_what_cannot_be_checked_is_noted():
    class Unreadable(Swish):
        formula = "swish of {x}"

    report = check_primitive(Unreadable, [])
    assert report.ok and any("'swish of {x}' cannot be read" in note for note in report.notes)


# ---- broken backends -------------------------------------------------------------------------------------------


class AnyArray(NumpyBackend):
    def is_array(self, value):
        return True


class SharesFeeds(NumpyBackend):
    def asarray(self, array):
        return np.asarray(array)


class Narrow(NumpyBackend):
    def asarray(self, array):
        return super().asarray(array.astype("float32") if array.dtype == "float64" else array)


class CopiesNothing(NumpyBackend):
    def copy(self, array):
        return array


class OwnsViews(NumpyBackend):
    def own(self, result):
        return np.asarray(result)


class EmptyOfFloats(NumpyBackend):
    def empty(self, shape, dtype):
        return np.empty(shape)


class WrongExp(NumpyBackend):
    def kernel(self, primitive):
        return np.expm1 if primitive.name == "exp" else super().kernel(primitive)


class WrongOut(NumpyBackend):
    def out_kernel(self, primitive):
        return np.expm1 if primitive.name == "exp" else super().out_kernel(primitive)


class OutThatReadsLate(NumpyBackend):
    def out_kernel(self, primitive):
        def late(x, out):
            out[...] = 0
            return np.exp(x, out)

        return late if primitive.name == "exp" else super().out_kernel(primitive)


class LayoutShows(NumpyBackend):
    def kernel(self, primitive):
        kernel = super().kernel(primitive)
        return lambda *arrays: kernel(*arrays) * (1 if all(a.strides[-1:] >= (0,) for a in arrays) else 2)

    def contiguous(self, array):
        return array


class Nowhere(NumpyBackend):
    @classmethod
    def unavailable(cls):
        return "no such device"


BROKEN_BACKENDS = [
    (AnyArray, "foreign"), (SharesFeeds, "copies"), (Narrow, "transfers"), (CopiesNothing, "copies"),
    (OwnsViews, "copies"), (EmptyOfFloats, "empty"), (WrongExp, "value"), (WrongOut, "out_kernel"),
    (OutThatReadsLate, "out_kernel"), (LayoutShows, "layouts"), (Nowhere, "identity"),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "check"), BROKEN_BACKENDS, ids=[cls.__name__ for cls, _ in BROKEN_BACKENDS])
def test_the_kit_finds_what_is_wrong_with_a_backend(cls, check):
    report = check_backend(cls(), [ge.exp, PRIMITIVES["flip"]])
    assert check in {failure.check for failure in report.failures}, report


def test_the_strict_backend_has_the_standard_and_nothing_else():
    backend = strict_backend()
    assert backend.name == "strict" and not hasattr(backend.xp, "float16")
    with pytest.raises(AttributeError):
        _ = backend.xp.power
