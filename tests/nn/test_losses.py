"""Losses: against PyTorch with all their options, what is refused, what courses call otherwise, names as they were."""

import inspect
import itertools

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

rng = np.random.default_rng(17)
REDUCTIONS = ("mean", "sum", "none")


def run(variable, feeds=None):
    return ge.Engine("numpy").run(variable, feeds or {})


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def compare(torch, name, arrays, others=(), options=None, tensor_options=None, dtype="float64", second=True):
    """Compare value, gradients and second derivatives of a loss of `arrays`, given more (targets) and options."""
    options = options or {}
    arrays = [np.asarray(a, dtype) for a in arrays]
    inputs = [ge.input(f"x{i}", a.shape, dtype) for i, a in enumerate(arrays)]
    fed = [ge.input(f"t{i}", np.shape(a), np.asarray(a).dtype.name) for i, a in enumerate(others)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    ours = getattr(nn, name)(*inputs, *fed, **options)
    tensor_options = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    theirs = getattr(torch.nn.functional, name)(*tensors, *map(torch.tensor, others), **tensor_options)
    weights = rng.normal(size=tuple(theirs.shape)).astype(dtype)
    first = ge.grad(ge.sum(ours * weights), inputs)
    wanted, expected = [ours, *first], [theirs]
    expected += torch.autograd.grad((theirs * torch.tensor(weights)).sum(), tensors, create_graph=second)
    if second and any(t.requires_grad for t in expected[1:]):
        wanted += ge.grad(ge.sum(sum(ge.sum(ge.square(g)) for g in first)), inputs)
        total = sum(g.square().sum() for g in expected[1:])
        expected += torch.autograd.grad(total, tensors, allow_unused=True, materialize_grads=True)
    feeds = dict(zip((*inputs, *fed), (*arrays, *others), strict=True))
    tolerance = {"rtol": 1e-9, "atol": 1e-11} if dtype == "float64" else {"rtol": 1e-5, "atol": 1e-6}
    for got, value in zip(run(wanted, feeds), expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, value.detach().numpy(force=True), **tolerance)


def chances(*shape, axis=-1):
    """Return random probabilities that sum to 1 along an axis."""
    powers = rng.uniform(0.05, 1, shape)
    return powers / powers.sum(axis, keepdims=True)


# ---- of numbers ------------------------------------------------------------------------------------------------

REGRESSION = [
    ("mse_loss", {}), ("l1_loss", {}), ("huber_loss", {}), ("huber_loss", {"delta": 0.3}), ("smooth_l1_loss", {}),
    ("smooth_l1_loss", {"beta": 2.0}), ("smooth_l1_loss", {"beta": 0.0}), ("poisson_nll_loss", {}),
    ("poisson_nll_loss", {"full": True}), ("soft_margin_loss", None),
]  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name, options", REGRESSION)
def test_losses_of_numbers(torch, name, options, reduction, dtype):
    for shape in [(5, 3), (4,), ()]:
        target = rng.integers(0, 5, shape) if options is not None else rng.choice([-1, 1], shape)
        others = [np.asarray(target, dtype)]
        options_here = (options or {}) | {"reduction": reduction}
        compare(torch, name, [rng.normal(size=shape) * 2], others, options_here, dtype=dtype, second=dtype == "float64")


@pytest.mark.torch
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("full", [False, True])
def test_likelihoods(torch, full, reduction):
    options = {"full": full, "reduction": reduction}
    x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    variances = rng.uniform(0.1, 2, (5, 3))
    compare(torch, "gaussian_nll_loss", [x, t, variances], options=options)
    compare(torch, "gaussian_nll_loss", [x, t, variances], options=options | {"eps": 1.0})
    compare(torch, "gaussian_nll_loss", [x, t], options=options | {"var": 0.3})
    counts = rng.integers(0, 4, (5, 3)) + 0.0
    compare(torch, "poisson_nll_loss", [np.abs(x) + 0.1], [counts], options | {"log_input": False})


# ---- of probabilities ------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(torch, reduction, weighted):
    options = {"reduction": reduction} | ({"weight": rng.uniform(size=(4, 3))} if weighted else {})
    p, t = rng.uniform(0.01, 0.99, (4, 3)), rng.uniform(size=(4, 3))
    compare(torch, "binary_cross_entropy", [p], [t], options)
    for pos_weight in ({}, {"pos_weight": rng.uniform(0.5, 2, 3)}):
        compare(torch, "binary_cross_entropy_with_logits", [rng.normal(size=(4, 3)) * 9], [t], options | pos_weight)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kullback_leibler(torch, reduction, log_target):
    p, q = np.log(chances(5, 4)), chances(5, 4)
    target = np.log(q) if log_target else q
    compare(torch, "kl_div", [p, target], options={"reduction": reduction, "log_target": log_target})


def test_kullback_leibler_where_the_target_is_0():
    p = ge.input("p", (2, 2), "float64")
    loss = nn.kl_div(p, np.eye(2), "batchmean")
    value, slope = run([loss, ge.grad(loss, p)], {p: np.log([[0.5, 0.5], [0.25, 0.75]])})
    assert value == pytest.approx((np.log(2) - np.log(0.75)) / 2)
    assert slope.tolist() == [[-0.5, 0], [0, -0.5]]


# ---- of classes ------------------------------------------------------------------------------------------------

SHAPES = [(5, 4), (4,), (3, 4, 2), (2, 3, 2, 3)]


def labels_of(shape):
    """Return class numbers for scores of a shape, the classes being dimension 1, or 0 of 1."""
    axis = min(1, len(shape) - 1)
    return rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :]), shape[axis], axis


@pytest.mark.torch
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted, ignoring, smoothing", [*itertools.product([0, 1], [0, 1], [0, 0.2])])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_class_numbers(torch, shape, weighted, ignoring, smoothing, reduction):
    labels, classes, _ = labels_of(shape)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    if weighted:
        options["weight"] = rng.uniform(0.5, 2, classes)
    if ignoring:
        options["ignore_index"] = -100
        labels = np.where(rng.uniform(size=labels.shape) < 0.4, -100, labels) if labels.ndim else labels
        labels = np.where(np.arange(labels.size).reshape(labels.shape) == 0, 0, labels)  # not all of them
    compare(torch, "cross_entropy", [rng.normal(size=shape) * 3], [labels], options)


@pytest.mark.torch
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted, smoothing", [*itertools.product([0, 1], [0, 0.2])])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_probabilities(torch, shape, weighted, smoothing, reduction):
    _, classes, axis = labels_of(shape)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    if weighted:
        options["weight"] = rng.uniform(0.5, 2, classes)
    compare(torch, "cross_entropy", [rng.normal(size=shape) * 3, chances(*shape, axis=axis)], options=options)


@pytest.mark.torch
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted, ignoring", [*itertools.product([0, 1], [0, 1])])
@pytest.mark.parametrize("shape", SHAPES)
def test_negative_log_likelihood(torch, shape, weighted, ignoring, reduction):
    labels, classes, axis = labels_of(shape)
    options = {"reduction": reduction} | ({"weight": rng.uniform(0.5, 2, classes)} if weighted else {})
    if ignoring:
        options["ignore_index"] = 1
        labels = np.where(np.arange(labels.size).reshape(labels.shape) == 0, 0, labels)
    compare(torch, "nll_loss", [np.log(chances(*shape, axis=axis))], [labels], options)


@pytest.mark.torch
def test_cross_entropy_in_float32(torch):
    compare(torch, "cross_entropy", [rng.normal(size=(6, 5))], [rng.integers(0, 5, 6)], dtype="float32", second=False)
    weight = rng.uniform(0.5, 2, 5).astype("float32")
    options = {"weight": weight, "label_smoothing": 0.1, "ignore_index": 2}
    compare(torch, "cross_entropy", [rng.normal(size=(6, 5))], [rng.integers(0, 5, 6)], options, "float32", "float32")


def test_the_common_case_is_one_operation_and_a_mean():
    loss = nn.cross_entropy(ge.input("logits", ("batch", 3)), ge.input("labels", "batch", "int64"))
    assert [op.primitive.name for op in ge.Graph(loss).operations] == ["softmax_cross_entropy", "mean"]


def test_classes_along_another_axis():
    logits, labels = rng.normal(size=(2, 5, 3)), rng.integers(0, 3, (2, 5))
    one = nn.cross_entropy(ge.constant(logits), ge.constant(labels), axis=-1)
    other = nn.cross_entropy(ge.constant(np.moveaxis(logits, -1, 1)), ge.constant(labels))
    assert run(one) == pytest.approx(run(other))
    spread = nn.cross_entropy(ge.constant(logits), ge.constant(labels), axis=-1, label_smoothing=1e-9)
    assert run(spread) == pytest.approx(run(one), rel=1e-6)


def test_named_dimensions():
    logits, labels = ge.input("logits", ("batch", 3, "width")), ge.input("labels", ("batch", "width"), "int64")
    feeds = {logits: rng.normal(size=(2, 3, 4)), labels: rng.integers(0, 3, (2, 4))}
    for options in ({}, {"ignore_index": 0, "label_smoothing": 0.1, "weight": [1.0, 2.0, 3.0]}, {"reduction": "none"}):
        loss = nn.cross_entropy(logits, labels, **options)
        assert loss.shape == (("batch", "width") if "reduction" in options else ())
        assert np.isfinite(run(ge.grad(ge.sum(loss), logits), feeds)).all()
    p = ge.input("p", ("batch", "classes"))
    assert nn.kl_div(p, p, "batchmean").shape == nn.cross_entropy(p, p, label_smoothing=0.1).shape == ()


def test_an_index_to_ignore_that_is_no_class_number_goes_with_probabilities():
    scores, target = rng.normal(size=(4, 3)), chances(4, 3)
    assert run(nn.cross_entropy(scores, target, ignore_index=-100)) == run(nn.cross_entropy(scores, target))


def test_a_target_can_be_one_hot_integers():
    logits, labels = ge.constant(rng.normal(size=(4, 3))), np.array([0, 2, 1, 1])
    one = nn.cross_entropy(logits, np.eye(3, dtype="int64")[labels])
    assert run(one) == pytest.approx(run(nn.cross_entropy(logits, labels)))


def test_ignored_samples_hand_nothing_back_even_where_they_are_nan():
    x = ge.input("x", (2, 3), "float64")
    loss = nn.cross_entropy(x, np.array([1, -1]), ignore_index=-1)
    value, slope = run([loss, ge.grad(loss, x)], {x: [[0, 0, 0], [1e9, 0, -1e9]]})
    assert value == pytest.approx(np.log(3)) and not slope[1].any()


@pytest.mark.parametrize("target", [np.array([0, 2]), np.array([[1.0, 0, 0], [0, 0, 1.0]])])
def test_categorical_cross_entropy_is_that_of_the_logarithms(target):
    p = ge.constant(np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]))
    losses = nn.categorical_cross_entropy(p, target, reduction="none")
    np.testing.assert_allclose(run(losses), -np.log([0.2, 0.8]))
    assert run(nn.categorical_cross_entropy(p, target, "sum")) == pytest.approx(-np.log(0.2 * 0.8))


# ---- margins ---------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
def test_losses_with_a_margin(torch, margin, reduction):
    options = {"margin": margin, "reduction": reduction}
    a, b, signs = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), rng.choice([-1.0, 1.0], (6, 4))
    compare(torch, "hinge_embedding_loss", [np.abs(a)], [signs], options)
    compare(torch, "margin_ranking_loss", [a, b], [signs], options)
    compare(torch, "cosine_embedding_loss", [a, b], [signs[:, 0]], options)
    compare(torch, "cosine_embedding_loss", [a[0], b[0]], [signs[0, 0]], options)
    labels = rng.integers(0, 4, 6)
    for p, weight in itertools.product((1, 2), ({}, {"weight": rng.uniform(0.5, 2, 4)})):
        compare(torch, "multi_margin_loss", [a], [labels], options | weight | {"p": p}, second=False)
        compare(torch, "multi_margin_loss", [a[0]], [labels[0]], options | weight | {"p": p}, second=False)


@pytest.mark.torch
def test_kinks_are_those_of_pytorch(torch):
    zeros, ones = np.zeros(4), np.array([1.0, -1.0, 1.0, -1.0])
    compare(torch, "margin_ranking_loss", [zeros, zeros], [ones], second=False)
    compare(torch, "hinge_embedding_loss", [np.abs(ones)], [ones], second=False)
    compare(torch, "huber_loss", [ones], [zeros], second=False)
    compare(torch, "smooth_l1_loss", [ones], [zeros], second=False)
    compare(torch, "l1_loss", [zeros], [zeros], second=False)
    compare(torch, "multi_margin_loss", [np.array([1.0, 0.0, 2.0])], [np.array(0)], second=False)


@pytest.mark.parametrize("loss, scores, targets, values, slopes", [
    (nn.hinge_loss, [0.5, 1.0, 3.0, -2.0], [1, 1, 1, 1], [0.5, 0, 0, 3], [-1, -1, 0, -1]),
    (nn.hinge_loss, [0.5, -1.0, -3.0], [-1, -1, -1], [1.5, 0, 0], [1, 1, 0]),
    (nn.perceptron_loss, [2.0, -3.0, 0.0, 0.0], [1, 1, 1, -1], [0, 3, 0, 0], [0, -1, -1, 1]),
])  # fmt: skip
def test_hinge_and_perceptron(loss, scores, targets, values, slopes):
    x = ge.input("x", len(scores), "float64")
    losses = loss(x, np.asarray(targets, "float64"), reduction="none")
    got, slope = run([losses, ge.grad(ge.sum(losses), x)], {x: scores})
    assert got.tolist() == values and slope.tolist() == slopes


# ---- as the courses have it ------------------------------------------------------------------------------------


def test_half_the_squared_error_has_the_plain_difference_as_its_gradient():
    x = ge.input("x", 3, "float64")
    loss = nn.mse_loss(x, np.array([1.0, 1.0, 1.0]), "sum", half=True)
    value, slope = run([loss, ge.grad(loss, x)], {x: [0, 2, 4]})
    assert value == 5.5 and slope.tolist() == [-1, 1, 3]


def test_logarithmic_error_with_and_without_its_offset():
    x, t = np.array([0.5, 2.0]), np.array([1.0, 3.0])
    with_offset = np.mean((np.log1p(x) - np.log1p(t)) ** 2)
    assert run(nn.msle_loss(ge.constant(x), t)) == pytest.approx(with_offset)
    assert run(nn.msle_loss(ge.constant(x), t, offset=0)) == pytest.approx(np.mean(np.log(x / t) ** 2))


def test_zero_one_loss_and_accuracy():
    scores, labels = ge.constant([[1.0, 1.0], [0.0, 2.0], [3.0, 1.0]]), ge.constant([0, 1, 1])
    assert run(nn.zero_one_loss(scores, labels, "none")).tolist() == [0, 0, 1], "the first of equal scores counts"
    assert run(nn.accuracy(scores, labels)) == pytest.approx(2 / 3)
    signs = nn.sign(ge.constant([-1.0, 0.0, 2.0]), at_zero=-1)
    assert run(nn.zero_one_loss(signs, [-1, 1, 1], "sum", wrong=2)) == 2


# ---- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declare, message", [
    (lambda x, t: nn.cross_entropy(x, t, label_smoothing=2), "a share, from 0 to 1"),
    (lambda x, t: nn.cross_entropy(x, x, ignore_index=0), "the targets are probabilities"),
    (lambda x, t: nn.cross_entropy(x, t, weight=[1.0, 2.0]), r"weights of shape \(2,\) for 3 classes"),
    (lambda x, t: nn.nll_loss(x, ge.astype(t, "float32")), "class numbers, not float32"),
    (lambda x, t: nn.cross_entropy(1.0, 0), "no classes"),
    (lambda x, t: nn.cross_entropy(ge.input("y", ("batch", "time", 3)), ge.input("l", ("batch", "time"), "int64")),
     r"(?s)the classes are dimension 1, or say axis="),
    (lambda x, t: nn.huber_loss(x, 0.0, delta=0), "delta"), (lambda x, t: nn.smooth_l1_loss(x, 0.0, beta=-1), "beta"),
    (lambda x, t: nn.multi_margin_loss(x, t, p=3), "p is 1 or 2"), (lambda x, t: nn.kl_div(x, x, "avg"), "batchmean"),
    (lambda x, t: nn.hinge_loss(x, ge.constant(0.5)), r"0.5 is neither -1 nor \+1"),
    (lambda x, t: nn.nll_loss(ge.constant([[0.0, 0.0]]), ge.constant([-1])), "label -1 is out of range: 0 to 1"),
    (lambda x, t: nn.binary_cross_entropy(ge.constant([1.5]), 1.0), "1.5 is no probability"),
    (lambda x, t: nn.zero_one_loss(x, x[0]), "answers of shape"),
    (lambda x, t: nn.margin_ranking_loss(x, x[0], 1.0), "the prediction has shape"),
])  # fmt: skip
def test_declarations_that_are_refused(declare, message):
    with pytest.raises(ge.GraphEngineError, match=message) as caught:
        declare(ge.input("x", (4, 3)), ge.input("t", 4, "int64"))
    assert "test_losses.py" in str(caught.value)


@pytest.mark.parametrize("loss, target, message", [
    (nn.cross_entropy, [3], "label 3 is out of range"), (nn.cross_entropy, [-100], "label -100 is out of range"),
    (nn.nll_loss, [-1], "label -1 is out of range"), (nn.multi_margin_loss, [3], "label 3 is out of range"),
    (lambda x, t: nn.cross_entropy(x, t, ignore_index=7), [3], "label 3 is out of range"),
    (nn.cross_entropy, [[0.5, 0.2, 0.2]], "0.9 is the sum"), (nn.hinge_loss, [[1.0, 0.0, 1.0]], "neither -1 nor"),
    (nn.binary_cross_entropy_with_logits, [[2.0, 0.0, 0.0]], None), (nn.kl_div, [[-1.0, 1.0, 1.0]], "-1 is negative"),
    (nn.categorical_cross_entropy, [0], "0.3 is the sum of a sample's"),
])  # fmt: skip
def test_values_that_guards_refuse(loss, target, message):
    target = np.asarray(target)
    x, t = ge.input("x", (1, 3)), ge.input("t", target.shape, target.dtype.name)
    value = loss(x, t)
    feeds = {x: [[0.1, 0.1, 0.1]], t: target}
    if message is None:
        ge.Engine("numpy").trace(value, feeds)
        return
    with pytest.raises(ge.GuardError, match=message):
        ge.Engine("numpy").trace(value, feeds)


# ---- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old, new", [
    (lambda x, t: nn.cross_entropy(logits=x, class_ids=t), lambda x, t: nn.cross_entropy(x, t)),
    (lambda x, t: nn.cross_entropy(x, class_ids=t, reduction="sum"),
     lambda x, t: nn.cross_entropy(x, t, reduction="sum")),
    (lambda x, t: nn.cross_entropy(x, t, "sum"), lambda x, t: nn.cross_entropy(x, t, reduction="sum")),
    (lambda x, t: nn.nll_loss(log_probabilities=x, class_ids=t), lambda x, t: nn.nll_loss(x, t)),
    (lambda x, t: nn.binary_cross_entropy_with_logits(x[:, 0], t, "sum"),
     lambda x, t: nn.binary_cross_entropy_with_logits(x[:, 0], t, reduction="sum")),
])  # fmt: skip
def test_names_of_the_version_before_still_work_with_a_warning(old, new):
    x, t = ge.constant(rng.normal(size=(3, 2))), ge.constant([0, 1, 1])
    with pytest.warns(DeprecationWarning, match=r"is now (called )?'") as caught:
        loss = old(x, t)
    assert caught[0].filename == __file__, "the user's line"
    assert run(loss) == run(new(x, t))


TWINS = [name for name in nn.losses.__all__ if name.islower()]


@pytest.mark.torch
@pytest.mark.parametrize("name", TWINS)
def test_arguments_and_defaults_are_those_of_pytorch(torch, name):
    """But size_average and reduce, which it gave up, weights of regressions, and ignore_index, which is to be said."""
    twin = getattr(torch.nn.functional, name, None)
    if twin is None:
        own = {"accuracy", "categorical_cross_entropy", "hinge_loss", "msle_loss", "perceptron_loss", "zero_one_loss"}
        assert name in own
        return
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    ours = {p.name: p.default for p in parameters if p.kind is not p.KEYWORD_ONLY}
    left_out = {"size_average", "reduce"} | ({"weight"} if name in ("mse_loss", "l1_loss", "huber_loss") else set())
    theirs = {p.name: p.default for p in inspect.signature(twin).parameters.values() if p.name not in left_out}
    if "ignore_index" in theirs:
        theirs["ignore_index"] = None
    assert list(ours.items()) == list(theirs.items())


LAYERS = {
    "L1Loss": "l1_loss", "MSELoss": "mse_loss", "MSLELoss": "msle_loss", "HuberLoss": "huber_loss",
    "SmoothL1Loss": "smooth_l1_loss", "HingeLoss": "hinge_loss", "PerceptronLoss": "perceptron_loss",
    "SoftMarginLoss": "soft_margin_loss", "PoissonNLLLoss": "poisson_nll_loss",
    "HingeEmbeddingLoss": "hinge_embedding_loss",
    "BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits", "KLDivLoss": "kl_div",
    "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "MultiMarginLoss": "multi_margin_loss",
    "GaussianNLLLoss": "gaussian_nll_loss", "MarginRankingLoss": "margin_ranking_loss",
    "CosineEmbeddingLoss": "cosine_embedding_loss",
}  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_its_function_with_the_same_options(layer):
    made, function = getattr(nn, layer), getattr(nn, LAYERS[layer])
    options = {n: p.default for n, p in inspect.signature(made).parameters.items() if n != "name"}
    theirs = {n: p.default for n, p in inspect.signature(function).parameters.items() if p.default is not p.empty}
    assert options == theirs
    assert made.function is function
    x, labels = ge.constant(chances(4, 3)), ge.constant([0, 2, 1, 1])
    inputs = (x, labels) if layer in ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss") else (x, ge.constant(1.0))
    inputs += (ge.constant(1.0),) * (layer == "GaussianNLLLoss")
    if layer in ("MarginRankingLoss", "CosineEmbeddingLoss"):
        inputs = (x, x, ge.constant(1.0 if layer[0] == "M" else np.ones(4)))
    np.testing.assert_array_equal(run(made(reduction="sum")(*inputs)), run(function(*inputs, reduction="sum")))


def test_a_loss_takes_the_name_it_is_assigned_to():
    x, t = ge.input("x", ("batch", 3)), ge.input("t", "batch", "int64")
    weighed, criterion = nn.cross_entropy(x, t, weight=[1.0, 2.0, 3.0]), nn.CrossEntropyLoss(label_smoothing=0.1)
    smooth = criterion(x, t)
    assert (weighed.name, smooth.name) == ("weighed", "smooth")
