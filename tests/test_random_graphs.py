"""Random graphs: two lowerings, two backends and PyTorch have to agree on them.

A recipe is a list of rows of `TABLE` with the positions of their operands. It is written once and cooked twice: `m` is
`ge` or `torch`, whose functions mostly have the same names.
"""

from functools import reduce

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.testing import strict_backend

LEAVES = ((3, 4), (4,), (3, 1), ())
LARGE = ((48, 128), (128,), (48, 1), ())  # above the size from which results are written into reused buffers


def transposed(m, x):
    return ge.matrix_transpose(x) if m is ge else x.mT


def concat(m, *xs):
    return ge.concat(xs, axis=0) if m is ge else m.cat(xs, dim=0)


def stack(m, *xs):
    return ge.stack(xs, axis=-1) if m is ge else m.stack(xs, dim=-1)


def permuted(m, x, axes):
    return ge.permute_dims(x, axes) if m is ge else x.permute(axes)


def taken(m, x, positions):
    return ge.take(x, np.array(positions), axis=-1) if m is ge else x[..., m.tensor(positions)]


def logsumexp(m, x, axis):
    return m.logsumexp(x, axis=axis) if m is ge else m.logsumexp(x, dim=axis)


def variance(m, x, axis):
    return ge.var(x, axis=axis) if m is ge else m.var(x, dim=axis, correction=0)


def cumulative_sum(m, x):
    return ge.cumulative_sum(x, axis=-1) if m is ge else m.cumsum(x, dim=-1)


def padded(m, x):
    return ge.pad(x, ((0, 0),) * (x.ndim - 1) + ((1, 2),)) if m is ge else m.nn.functional.pad(x, (1, 2))


def softmax(m, x, name):
    return getattr(ge, name)(x, axis=-1) if m is ge else getattr(m, name)(x, dim=-1)


def softplus(m, x):
    return ge.softplus(x) if m is ge else m.nn.functional.softplus(x)


def vecdot(m, x, y):
    return (ge.vecdot(m.sin(x), y) if m is ge else m.linalg.vecdot(m.sin(x), y)) * 0.1


def take_along_axis(m, x):
    places = np.zeros((*x.shape[:-1], 2), int) + np.array([1, 0])
    return ge.take_along_axis(x, places, axis=-1) if m is ge else m.gather(x, -1, m.tensor(places))


def linear(m, x, y):
    return m.tanh((ge.nn if m is ge else m.nn.functional).linear(x, y, y[:, 0]))


def cross_entropy(m, x):
    ids = np.arange(x.shape[0]) % x.shape[1]
    return ge.nn.cross_entropy(x, ids) if m is ge else m.nn.functional.cross_entropy(x, m.tensor(ids))


def halved(m, x):
    return (ge.split(x, [2], axis=-1) if m is ge else m.tensor_split(x, [2], -1))[0]


def deviation(m, x):
    ramp = np.arange(float(x.shape[-1]))  # equal numbers have a deviation of rounding errors
    return ge.std(ge.sin(x) + ramp, axis=-1) if m is ge else m.std(m.sin(x) + m.tensor(ramp), dim=-1, correction=0)


def largest(m, x):
    return ge.max(x, axis=-1) if m is ge else m.amax(x, dim=-1)


def smallest(m, x):
    return ge.min(x) if m is ge else m.amin(x)


def like_leaf(leaves):
    """Bring anything to the shape of the first leaf, so that it goes with everything again."""
    return lambda m, x: x[(0,) * x.ndim] * m.cos(leaves[0]) if x.ndim else x * m.sin(leaves[0])


def same(x, y):
    return x.shape == y.shape


def alike(x, y):
    """Whether two broadcast."""
    return all(a in (b, 1) or b == 1 for a, b in zip(x.shape[::-1], y.shape[::-1]))


def matrices(x, y):
    return x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1] > 0


def rows(x):
    return x.ndim >= 1 and x.shape[-1] > 2


def matrix(x):
    return x.ndim == 2


def always(*_):
    return True


# arity, when it applies, what it does; functions that grow are tamed, so that numbers stay numbers
TABLE = {
    "add": (2, alike, lambda m, x, y: x + y),
    "subtract": (2, alike, lambda m, x, y: x - 0.5 * y),
    "multiply": (2, alike, lambda m, x, y: m.tanh(x) * y),
    "divide": (2, alike, lambda m, x, y: x / (1 + y * y)),
    "pow": (2, alike, lambda m, x, y: (1 + m.sigmoid(x)) ** m.tanh(y)),
    "rpow": (1, always, lambda m, x: 2.0 ** m.tanh(x)),
    "maximum": (2, alike, lambda m, x, y: m.maximum(x, y)),
    "minimum": (2, alike, lambda m, x, y: m.minimum(x, y)),
    "where": (2, alike, lambda m, x, y: m.where(x > y, m.sin(x), y)),
    "negative": (1, always, lambda m, x: -x),
    "reciprocal": (1, always, lambda m, x: m.reciprocal(1 + m.square(x))),
    "square": (1, always, lambda m, x: m.square(m.tanh(x))),
    "cube": (1, always, lambda m, x: m.tanh(x) ** 3),
    "sqrt": (1, always, lambda m, x: m.sqrt(1 + m.square(x))),
    "abs": (1, always, lambda m, x: m.abs(x) * 0.5),
    "sign": (1, always, lambda m, x: m.sign(x) * x),
    "exp": (1, always, lambda m, x: m.exp(m.tanh(x))),
    "expm1": (1, always, lambda m, x: m.expm1(-m.abs(x))),
    "log": (1, always, lambda m, x: m.log(1.5 + m.sin(x))),
    "log1p": (1, always, lambda m, x: m.log1p(m.abs(x))),
    "sin": (1, always, lambda m, x: m.sin(x)),
    "cos": (1, always, lambda m, x: m.cos(x)),
    "tan": (1, always, lambda m, x: m.tan(m.sigmoid(x))),
    "tanh": (1, always, lambda m, x: m.tanh(x)),
    "sigmoid": (1, always, lambda m, x: m.sigmoid(x)),
    "softplus": (1, always, softplus),
    "relu": (1, always, lambda m, x: m.relu(x)),
    "clip": (1, always, lambda m, x: m.clip(x, -0.9, 1.1)),
    "sum": (1, rows, lambda m, x: m.sum(x, axis=-1) * 0.3),
    "sum of all": (1, always, lambda m, x: m.sum(m.tanh(x))),
    "sum, keeping": (1, matrix, lambda m, x: m.sum(x, axis=0, keepdims=True)),
    "mean": (1, rows, lambda m, x: m.mean(x, axis=-1)),
    "mean, keeping": (1, matrix, lambda m, x: m.mean(x, axis=1, keepdims=True)),
    "prod": (1, rows, lambda m, x: m.prod(1 + 0.2 * m.sin(x[..., :4]), axis=-1)),
    "max": (1, rows, largest),
    "min": (1, always, smallest),
    "var": (1, rows, lambda m, x: variance(m, x, -1)),
    "logsumexp": (1, rows, lambda m, x: logsumexp(m, x, -1)),
    "cumulative_sum": (1, rows, lambda m, x: cumulative_sum(m, x) * 0.4),
    "softmax": (1, rows, lambda m, x: softmax(m, x, "softmax")),
    "log_softmax": (1, rows, lambda m, x: softmax(m, x, "log_softmax")),
    "matmul": (2, matrices, lambda m, x, y: m.tanh(x @ transposed(m, y))),
    "einsum": (2, matrices, lambda m, x, y: m.einsum("ij,kj->ik", m.sin(x), y) / (x.shape[1] + 0.0)),
    "tensordot": (2, matrices, lambda m, x, y: m.tensordot(m.sin(x), m.tanh(y), ([1], [1])) * 0.1),
    "transpose": (1, matrix, transposed),
    "permute_dims": (1, matrix, lambda m, x: permuted(m, x, (1, 0))),
    "reshape": (1, matrix, lambda m, x: m.reshape(x, (x.shape[1], x.shape[0]))),
    "flatten": (1, rows, lambda m, x: m.reshape(x, (-1,))),
    "expand_dims": (1, rows, lambda m, x: x[None]),
    "broadcast_to": (1, rows, lambda m, x: m.broadcast_to(x, (2, *x.shape)) * 0.7),
    "slice": (1, rows, lambda m, x: x[..., 1:]),
    "step": (1, rows, lambda m, x: x[..., ::2]),
    "last": (1, rows, lambda m, x: x[..., -1]),
    "take": (1, rows, lambda m, x: taken(m, x, [2, 0, 0])),
    "pad": (1, rows, padded),
    "concat": (2, lambda x, y: rows(x) and same(x, y), concat),
    "stack": (2, same, stack),
    "std": (1, rows, deviation),
    "roll": (1, rows, lambda m, x: m.roll(x, 1, -1)),
    "repeat": (1, rows, lambda m, x: ge.repeat(x, 2, axis=-1) if m is ge else m.repeat_interleave(x, 2, dim=-1)),
    "tile": (1, matrix, lambda m, x: m.tile(x, (2, 1))),
    "moveaxis": (1, matrix, lambda m, x: m.moveaxis(x, 0, 1)),
    "squeeze": (1, matrix, lambda m, x: m.squeeze(x[None], 0)),
    "outer": (1, lambda x: x.ndim == 1 and x.shape[0] < 20, lambda m, x: m.outer(m.sin(x), m.cos(x))),
    "vecdot": (2, lambda x, y: rows(x) and same(x, y), vecdot),
    "split": (1, rows, halved),
    "unstack": (1, matrix, lambda m, x: (ge.unstack(x) if m is ge else m.unbind(x))[-1]),
    "by array": (1, rows, lambda m, x: x[np.array([0, 2, 2]) % x.shape[0]]),
    "by mask": (1, matrix, lambda m, x: x[:, np.arange(x.shape[1]) % 2 == 0]),
    "by pairs": (1, matrix, lambda m, x: x[np.array([0, 0, 0]), np.array([0, 0, 0])]),
    "take_along_axis": (1, rows, take_along_axis),
    "linear": (2, matrices, linear),
    "cross_entropy": (1, matrix, cross_entropy),
    "flip": (1, rows, lambda m, x: ge.flip(x, axis=-1) if m is ge else m.flip(x, (-1,))),
}


class Recipe:
    """A random graph: what to do with what, and the numbers to begin with."""

    def __init__(self, seed, length, shapes=LEAVES):
        self.random = np.random.default_rng(seed)
        self.values = [self.random.uniform(-1.5, 1.5, shape) for shape in shapes]
        self.weights = [self.random.uniform(-1, 1, shape) for shape in shapes]
        self.steps = []
        leaves = [ge.input(f"x{i}", shape, "float64") for i, shape in enumerate(shapes)]
        made = list(leaves)
        while len(self.steps) < length:
            name = self.random.choice(list(TABLE))
            arity, applies, function = TABLE[name]
            operands = [int(k) for k in self.random.integers(max(0, len(made) - 8), len(made), arity)]
            inputs = [made[k] for k in operands]
            if not applies(*inputs) or (result := function(ge, *inputs)).ndim > 3:
                continue
            self.steps.append((function, operands))
            made.append(result)
        self.used = {k for _, operands in self.steps for k in operands}

    def cook(self, m, leaves):
        """Compute a loss that everything contributes to."""
        made = list(leaves)
        for function, operands in self.steps:
            made.append(function(m, *(made[k] for k in operands)))
        ends = [m.mean(m.tanh(value)) for k, value in enumerate(made) if k not in self.used]
        return reduce(lambda x, y: x + y, ends)


def declared(recipe):
    """Declare the loss, its gradients and the gradients of a weighted sum of those."""
    leaves = [ge.parameter(f"x{i}", value) for i, value in enumerate(recipe.values)]
    loss = recipe.cook(ge, leaves)
    first = ge.grad(loss, leaves)
    slope = reduce(lambda x, y: x + y, [ge.sum(g * w) for g, w in zip(first, recipe.weights)])
    second = ge.grad(slope, leaves)
    return leaves, loss, [loss, *first, *second]


pytestmark = pytest.mark.filterwarnings("ignore::graph_engine.UnusedVariableWarning")


def test_the_table_is_cooked_whole():
    cooked = {id(function) for seed in range(150) for function, _ in Recipe(seed, 20).steps}
    assert cooked == {id(function) for _, _, function in TABLE.values()}, "seeds reach every row"


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(150))
def test_values_and_derivatives_agree_with_torch(seed):
    torch = pytest.importorskip("torch")
    recipe = Recipe(seed, 4 + seed % 20)
    _, _, wanted = declared(recipe)
    got = ge.Engine("numpy").run(wanted)
    leaves = [torch.tensor(value, requires_grad=True) for value in recipe.values]
    loss = recipe.cook(torch, leaves)
    options = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
    first = torch.autograd.grad(loss, leaves, **options)
    slope = sum((g * torch.tensor(w)).sum() for g, w in zip(first, recipe.weights))
    second = torch.autograd.grad(slope, leaves, **options) if slope.requires_grad else [0 * leaf for leaf in leaves]
    for number, (mine, theirs) in enumerate(zip(got, [loss, *first, *second], strict=True)):
        expected = theirs.detach().numpy()
        assert mine.shape == expected.shape
        size = max(1.0, float(np.max(np.abs(expected))))
        np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-9 * size, err_msg=f"result {number}")


@pytest.mark.parametrize("seed", range(40))
def test_numpy_and_the_strict_array_api_agree(seed):
    _, _, wanted = declared(Recipe(seed, 12))
    on_numpy = ge.Engine("numpy").run(wanted)
    on_strict = ge.Engine(strict_backend()).run(wanted)
    for mine, theirs in zip(on_numpy, on_strict, strict=True):
        expected = np.asarray(theirs)
        np.testing.assert_allclose(mine, expected, rtol=1e-11, atol=1e-11 * max(1.0, float(np.max(np.abs(expected)))))


@pytest.mark.parametrize("shapes", [LEAVES, LARGE], ids=["small", "in buffers"])
@pytest.mark.parametrize("seed", range(25))
def test_both_lowerings_give_the_same_bits(seed, shapes):
    leaves, loss, wanted = declared(Recipe(seed, 30, shapes))
    engine = ge.Engine("numpy")
    ran, again = engine.run(wanted), engine.run(wanted)
    trace = engine.trace(wanted)
    for variable, one, other in zip(wanted, ran, again, strict=True):
        assert one.tobytes() == other.tobytes() == trace.value(variable).tobytes()

    updates = ge.optim.SGD(0.05).minimize(loss, leaves)
    fast, observed = ge.Engine("numpy"), ge.Engine("numpy")
    quick, seen = fast.compile([], wanted, updates), observed.compile([], wanted, updates)
    for _ in range(3):
        results, trace = quick(), seen.trace()
        assert [r.tobytes() for r in results] == [trace.value(v).tobytes() for v in wanted]
        assert [fast.value(p).tobytes() for p in leaves] == [observed.value(p).tobytes() for p in leaves]
        assert [trace.updated(p).tobytes() for p in leaves] == [observed.value(p).tobytes() for p in leaves]


@pytest.mark.parametrize("seed", range(10))
def test_reused_buffers_change_no_number(seed):
    """The same on a backend that writes into no buffers; where a layout differs, sums may round differently."""
    _, _, wanted = declared(Recipe(seed, 30, LARGE))
    plain = ge.Engine("numpy").backend.__class__()
    plain.out_kernel = lambda primitive: None
    buffered, fresh = ge.Engine("numpy").run(wanted), ge.Engine(plain).run(wanted)
    for mine, theirs in zip(buffered, fresh, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)
