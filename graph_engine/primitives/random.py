"""Random numbers, from a key: the same key gives the same numbers, in every run and on every backend.

Bits come from Threefry-2x32 with 20 rounds (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a
function of key and counter, so that there is no state. Use a key once; get more of them by `split` and `fold_in`.
The uniform numbers are the same to the bit on every backend, the normal ones up to the rounding of log and cos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.declaring import is_whole, located
from graph_engine.dims import product
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.operands import constant
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import cast
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.elementwise import less
from graph_engine.primitives.joining import unstack
from graph_engine.source import composite
from graph_engine.spec import FLOATS, Shape, Spec, as_dtype, as_shape, kind

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MOST = 2**33  # numbers from one key: two from each value of the counter's low word
_NUMBERS, _KEYS, _FOLDS = 0, 1, 2  # the counter's high word, so that numbers and derived keys never meet
_WORDS = {"float16": 1, "float32": 1, "float64": 2}  # 32-bit words for one number
_KEY = np.array([1, 2], "uint32")


def threefry(xp: Any, key: Any, counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Encrypt counters, two arrays of uint32, with a key of two words.

    All arrays have at least one dimension: the arithmetic is to wrap around in silence.
    """
    first, second = key[0:1], key[1:2]
    words = (first, second, first ^ second ^ xp.full((1,), _PARITY, dtype=xp.uint32))
    x0, x1 = counter[0] + words[0], counter[1] + words[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = x0 ^ (x1 << rotation | x1 >> (32 - rotation))
        x0 = x0 + words[(block + 1) % 3]
        x1 = x1 + words[(block + 2) % 3] + xp.full((1,), block + 1, dtype=xp.uint32)
    return x0, x1


@dataclass(frozen=True)
class RandomBits(Primitive):
    """Random 32-bit words; those of a smaller shape are the first of those of a larger one.

    Attributes
    ----------
    shape : tuple of int or dimension
    stream : int
        The high word of the counter.
    """

    name, formula, may_view = "random_bits", "bits({key})", False
    shape: Shape = ()
    stream: int = _NUMBERS

    def infer(self, key: Spec) -> Spec:
        check_key(key)
        count = product(self.shape)
        if isinstance(count, int) and count > _MOST:
            raise ShapeError(f"{count} numbers are more than one key gives", "split the key with ge.random.split")
        return Spec(self.shape, "uint32")

    def kernel(self, xp: Any, key: Any) -> Any:
        count = math.prod(self.shape)
        low = xp.arange((count + 1) // 2, dtype=xp.uint32)
        high = xp.full_like(low, self.stream)
        pairs = xp.stack(threefry(xp, key, (low, high)), axis=-1)
        return xp.reshape(xp.reshape(pairs, (-1,))[:count], self.shape)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_KEY),
            Sample(_KEY, use=RandomBits((2, 3))),
            Sample(_KEY, use=RandomBits((0, 3))),
            Sample(_KEY.astype("int64"), raises=DTypeError),
            Sample(_KEY[:1], raises=ShapeError),
            Sample(_KEY, use=RandomBits((2**40,)), raises=ShapeError),
        )


class FoldIn(Primitive):
    """A new key from a key and a number."""

    name, formula, may_view = "fold_in", "fold({key}, {number})", False

    def infer(self, key: Spec, number: Spec) -> Spec:
        check_key(key)
        if number.shape != () or kind(number.dtype) != "integer":
            raise DTypeError(f"it takes one integer, not {number}")
        return key

    def kernel(self, xp: Any, key: Any, number: Any) -> Any:
        zero = xp.zeros((1,), dtype=xp.uint32)
        fresh = xp.concat(threefry(xp, key, (zero, zero + xp.full((1,), _FOLDS, dtype=xp.uint32))))
        wide = xp.reshape(cast(xp, number, xp.uint64), (1,))
        low, high = (cast(xp, word, xp.uint32) for word in (wide & 0xFFFFFFFF, wide >> 32))
        return xp.concat(threefry(xp, fresh, (low, high)))

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_KEY, 7),
            Sample(_KEY, np.array(-1)),
            Sample(_KEY, 0.5, raises=DTypeError),
            Sample(_KEY, np.array([1, 2]), raises=DTypeError),
        )


@dataclass(frozen=True)
class UniformFromBits(Primitive):
    """Random bits as real numbers in [0, 1): as many of them as the dtype holds exactly."""

    name, symbol, formula, may_view = "uniform_from_bits", "U[0,1)", "U[0,1)({bits})", False
    dtype: str = "float32"

    def infer(self, bits: Spec) -> Spec:
        return Spec(_numbers_shape(bits, self.dtype, 1), self.dtype)

    def kernel(self, xp: Any, bits: Any) -> Any:
        return _unit(xp, bits, self.dtype)

    def samples(self) -> Sequence[Sample]:
        bits = np.array([[[0], [1]], [[2**31], [2**32 - 1]]], "uint32")
        return (
            Sample(bits),
            Sample(bits.reshape(2, 2), use=UniformFromBits("float64")),
            Sample(bits[:0]),
            Sample(bits, use=UniformFromBits("float64"), raises=ShapeError),
            Sample(bits.astype("int64"), raises=DTypeError),
        )


@dataclass(frozen=True)
class NormalFromBits(Primitive):
    """Random bits as real numbers of mean 0 and variance 1 (Box and Muller, 1958)."""

    name, symbol, formula, may_view = "normal_from_bits", "N(0,1)", "N(0,1)({bits})", False
    dtype: str = "float32"

    def infer(self, bits: Spec) -> Spec:
        return Spec(_numbers_shape(bits, self.dtype, 2), self.dtype)

    def kernel(self, xp: Any, bits: Any) -> Any:
        wide = "float32" if self.dtype == "float16" else self.dtype
        half = bits.shape[-1] // 2
        radius = xp.sqrt(-2 * xp.log(1 - _unit(xp, bits[..., :half], wide)))
        normal = radius * xp.cos(2 * math.pi * _unit(xp, bits[..., half:], wide))
        return cast(xp, normal, getattr(xp, self.dtype))

    def samples(self) -> Sequence[Sample]:
        bits = np.array([[[0, 1], [2**31, 7]], [[2**32 - 1, 2**32 - 1], [5, 2**30]]], "uint32")
        return (
            Sample(bits),
            Sample(bits.reshape(2, 4), use=NormalFromBits("float64")),
            Sample(bits[:0]),
            Sample(bits[..., :1], raises=ShapeError),
        )


def _unit(xp: Any, bits: Any, dtype: str) -> Any:
    """Make numbers in [0, 1) from the words along the last dimension."""
    wanted = getattr(xp, dtype)
    if dtype == "float64":
        high, low = cast(xp, bits[..., 0] >> 5, wanted), cast(xp, bits[..., 1] >> 6, wanted)
        return (high * 2.0**26 + low) * 2.0**-53
    digits = 11 if dtype == "float16" else 24
    return cast(xp, bits[..., 0] >> (32 - digits), wanted) * 2.0**-digits


def _numbers_shape(bits: Spec, dtype: str, times: int) -> Shape:
    if bits.dtype != "uint32" or dtype not in FLOATS:
        raise DTypeError(f"it makes {', '.join(FLOATS)} from uint32, not {dtype} from {bits.dtype}")
    words = _WORDS[dtype] * times
    if bits.shape[-1:] != (words,):
        raise ShapeError(f"the last of the dimensions {bits.shape} is not the {words} words that {dtype} needs")
    return bits.shape[:-1]


def check_key(key: Spec) -> None:
    """Raise where this is no key."""
    if key.dtype != "uint32":
        raise DTypeError(f"a key is uint32(2,), not {key}", "make one with ge.random.key(seed)")
    if key.shape != (2,):
        raise ShapeError(f"a key is uint32(2,), not {key}", "make one with ge.random.key(seed)")


# ---- functions -------------------------------------------------------------------------------------------------


def key(seed: int) -> Variable:
    """Make a key from a number.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.random.key(42).data.tolist()
    [0, 42]
    """
    if not is_whole(seed) or seed >= 2**64:
        raise DeclarationError(f"a seed is an integer from 0 to 2**64 - 1, not {seed!r}")
    high, low = divmod(int(seed), 2**32)
    return constant(np.array([high, low], "uint32"))


@located
def split(key: Variable, n: int = 2) -> tuple[Variable, ...]:
    """Make several keys from one.

    Examples
    --------
    >>> import graph_engine as ge
    >>> weights, dropout = ge.random.split(ge.random.key(0))
    >>> weights.spec
    Spec(shape=(2,), dtype='uint32')
    """
    return unstack(RandomBits((n, 2), _KEYS)(key))


def fold_in(key: Variable, number: Operand) -> Variable:
    """Make a key from a key and an integer, such as the number of a step.

    Examples
    --------
    >>> import graph_engine as ge
    >>> step = ge.input("step", (), "int64")
    >>> ge.random.fold_in(ge.random.key(0), step).shape
    (2,)
    """
    result: Variable = FoldIn()(key, as_variable(number))  # a Python integer is int64, not the key's uint32
    return result


def random_bits(key: Variable, shape: Any = ()) -> Variable:
    """Make random 32-bit words.

    Examples
    --------
    >>> import graph_engine as ge
    >>> bits = ge.random.random_bits(ge.random.key(0), 2)
    >>> [hex(word) for word in ge.Engine("numpy").run(bits, {}).tolist()]
    ['0x6b200159', '0x99ba4efe']
    """
    result: Variable = RandomBits(as_shape(shape))(key)
    return result


@composite
@located
def uniform(key: Variable, shape: Any = (), dtype: Any = "float32") -> Variable:
    """Make random numbers, evenly distributed over [0, 1).

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.random.uniform(ge.random.key(0), ("batch", 3)).shape
    ('batch', 3)
    """
    result: Variable = UniformFromBits(as_dtype(dtype))(_words(key, shape, dtype, 1))
    return result


@composite
@located
def normal(key: Variable, shape: Any = (), dtype: Any = "float32") -> Variable:
    """Make random numbers of mean 0 and variance 1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.random.normal(ge.random.key(0), (2, 3)).shape
    (2, 3)
    """
    result: Variable = NormalFromBits(as_dtype(dtype))(_words(key, shape, dtype, 2))
    return result


def _words(key: Variable, shape: Any, dtype: Any, times: int) -> Variable:
    words = _WORDS.get(as_dtype(dtype))
    if words is None:
        raise DTypeError(f"random real numbers are {', '.join(FLOATS)}, not {dtype}")
    return random_bits(key, (*as_shape(shape), words * times))


@composite
@located
def bernoulli(key: Variable, p: Operand = 0.5, shape: Any = None) -> Variable:
    """Make bools that hold with probability `p`; of the shape of `p` where no other is given.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.random.bernoulli(ge.random.key(0), 0.9, ("batch", 3)).spec
    Spec(shape=('batch', 3), dtype='bool')
    """
    p = as_float(p)
    return less(uniform(key, p.shape if shape is None else shape, p.dtype), p)


PRIMITIVES: tuple[type[Primitive], ...] = (RandomBits, FoldIn, UniformFromBits, NormalFromBits)
