"""Convolutions, patches, padding and their layers under PyTorch's names: values, gradients, beginnings, refusals."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

rng = np.random.default_rng(11)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def compare(torch, ours, theirs, *arrays):
    """Compare value, gradients, and gradients of gradients of a function of some arrays with PyTorch's."""
    inputs = [ge.input(f"x{i}", value.shape, "float64") for i, value in enumerate(arrays)]
    tensors = [torch.tensor(value, requires_grad=True) for value in arrays]
    y, expected = ours(*inputs), theirs(*tensors)
    assert y.shape == tuple(expected.shape)
    slopes = ge.grad(ge.sum(ge.square(y)), inputs)
    expected_slopes = torch.autograd.grad(expected.square().sum(), tensors, create_graph=True)
    curves = ge.grad(ge.sum(ge.square(slopes[0])), inputs)
    expected_curves = torch.autograd.grad(expected_slopes[0].square().sum(), tensors, materialize_grads=True)
    results = ge.Engine("numpy").run([y, *slopes, *curves], dict(zip(inputs, arrays, strict=True)))
    for result, tensor in zip(results, (expected, *expected_slopes, *expected_curves), strict=True):
        reference = tensor.detach().numpy()
        largest = np.abs(reference).max(initial=1e-3)
        np.testing.assert_allclose(result, reference, rtol=1e-9, atol=1e-9 * largest)


def run(variable, feeds=None):
    return ge.Engine("numpy").run(variable, feeds or {})


# ---- functions -------------------------------------------------------------------------------------------------

CONVOLUTIONS = [
    ("conv1d", (2, 4, 9), (6, 4, 3), {}),
    ("conv1d", (4, 9), (6, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ("conv1d", (1, 2, 8), (3, 2, 4), {"padding": "same", "dilation": 2}),
    ("conv2d", (2, 4, 6, 7), (6, 4, 3, 2), {"stride": (2, 1), "padding": (0, 1)}),
    ("conv2d", (4, 6, 7), (8, 1, 3, 3), {"groups": 4, "padding": "same"}),
    ("conv2d", (3, 2, 6, 7), (3, 2, 4, 2), {"padding": "same"}),
    ("conv2d", (3, 2, 6, 7), (3, 2, 4, 2), {"padding": "valid", "stride": [2]}),
    ("conv2d", (1, 2, 7, 7), (3, 2, 3, 3), {"dilation": (3, 2)}),
    ("conv3d", (2, 2, 4, 5, 4), (2, 2, 2, 3, 2), {"stride": (1, 2, 1), "padding": 1}),
    ("conv3d", (2, 4, 5, 4), (4, 1, 2, 2, 2), {"groups": 2, "padding": "same"}),
]


@pytest.mark.torch
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name, x, weight, options", CONVOLUTIONS)
def test_convolutions(torch, name, x, weight, options, bias):
    arrays = [rng.standard_normal(shape) for shape in (x, weight, *([weight[:1]] if bias else []))]
    ours, theirs = getattr(nn, name), getattr(torch.nn.functional, name)
    compare(torch, lambda *v: ours(*v, **options), lambda *t: theirs(*t, **options), *arrays)


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", range(16))
def test_transposed_convolutions(torch, seed, n):
    draw = np.random.default_rng((seed, n))
    groups = int(draw.integers(1, 4))
    stride, kernel, dilation = (tuple(map(int, draw.integers(1, 4, n))) for _ in range(3))
    extra = tuple(int(draw.integers(0, max(pair))) for pair in zip(stride, dilation, strict=True))
    padding = tuple(int(draw.integers(0, d * (k - 1) // 2 + 1)) for k, d in zip(kernel, dilation, strict=True))
    x = draw.standard_normal(([2] if seed % 2 else []) + [2 * groups, *draw.integers(1, 4, n)])
    weight = draw.standard_normal((2 * groups, int(draw.integers(1, 3)), *kernel))
    bias = draw.standard_normal(weight.shape[1] * groups)
    options = {
        "stride": stride, "padding": padding, "output_padding": extra, "groups": groups, "dilation": dilation,
    }  # fmt: skip
    ours, theirs = getattr(nn, f"conv_transpose{n}d"), getattr(torch.nn.functional, f"conv_transpose{n}d")
    compare(torch, lambda *v: ours(*v, **options), lambda *t: theirs(*t, **options), x, weight, bias)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_flipped_is_the_convolution_of_mathematics(n):
    signal = pytest.importorskip("scipy.signal")
    x, kernel = rng.standard_normal((4, 5, 6)[:n]), rng.standard_normal((2, 3, 2)[:n])
    convolve = getattr(nn, f"conv{n}d")
    true, crossed = run(convolve(x[None], kernel[None, None], flip=True)), run(convolve(x[None], kernel[None, None]))
    np.testing.assert_allclose(true[0], signal.convolve(x, kernel, "valid"), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(crossed[0], signal.correlate(x, kernel, "valid"), rtol=1e-10, atol=1e-12)


def test_the_operation_has_the_name_of_the_users_line():
    x = ge.input("x", ("batch", 1, 8, 8))
    edges = nn.conv2d(x, np.ones((1, 1, 3, 3), "float32"), flip=True)
    assert edges.name == "edges" and edges.shape == ("batch", 1, 6, 6)
    assert [op.primitive.name for op in ge.Graph(edges).operations] == ["flip", "convolution"]


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("x, widths", [((2, 5), (2, 1)), ((2, 3, 4, 5), (1, 2)), ((2, 3, 4, 5), (3, 0, 1, 2)),
                                       ((1, 2, 3, 4, 5), (1, 2, 0, 1, 2, 1))])  # fmt: skip
def test_padding(torch, mode, x, widths):
    if len(widths) == 2 and len(x) == 4 and mode != "constant":
        x = x[1:]  # PyTorch wants images for images' borders
    values = rng.standard_normal(x)
    options = (mode, 0.5) if mode == "constant" else (mode,)
    compare(
        torch, lambda v: nn.pad(v, widths, *options), lambda t: torch.nn.functional.pad(t, widths, *options), values
    )


@pytest.mark.torch
@pytest.mark.parametrize("widths", [(-1, 2), (-2, -1, 1, -1), (0, 0), (0, -3)])
def test_padding_below_zero_takes_away(torch, widths):
    compare(
        torch, lambda v: nn.pad(v, widths, value=2), lambda t: torch.nn.functional.pad(t, widths, value=2),
        rng.standard_normal((2, 4, 5)),
    )  # fmt: skip


@pytest.mark.parametrize("x", [(3, 2, 6, 5), (2, 6, 5)])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": (1, 0)}, {"padding": "same", "dilation": 2}])
def test_locally_connected_with_equal_kernels_is_a_convolution(engine, x, options):
    image, kernel = rng.standard_normal(x), rng.standard_normal((4, 2, 3, 2))
    expected = nn.conv2d(image, kernel, **options)
    counts = expected.shape[-2:]
    weight = np.broadcast_to(kernel[..., None, None], (*kernel.shape, *counts))
    np.testing.assert_allclose(
        *engine.run([nn.locally_connected2d(image, weight, **options), expected], {}), rtol=1e-12, atol=1e-12
    )


def test_locally_connected_has_weights_of_its_own_at_each_place():
    image, weight = rng.standard_normal((2, 3, 5, 6)), rng.standard_normal((4, 3, 2, 3, 2, 2))
    bias = rng.standard_normal((4, 2, 2))
    result = run(nn.locally_connected2d(image, weight, bias, stride=(3, 3)))
    for i in range(2):
        for j in range(2):
            window = image[:, :, 3 * i : 3 * i + 2, 3 * j : 3 * j + 3]
            expected = np.einsum("nchw,ochw->no", window, weight[..., i, j]) + bias[:, i, j]
            np.testing.assert_allclose(result[:, :, i, j], expected, rtol=1e-12)
    line = run(nn.locally_connected1d(image[:, :, 0], weight[:, :, 0, :, 0], bias[:, 0], stride=3))
    np.testing.assert_allclose(line[1, 2, 1], np.sum(image[1, :, 0, 3:] * weight[2, :, 0, :, 0, 1]) + bias[2, 0, 1])


@pytest.mark.torch
def test_patches(torch):
    x = rng.standard_normal((2, 3, 5, 6))
    options = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}
    compare(torch, lambda v: nn.unfold(v, **options), lambda t: torch.nn.functional.unfold(t, **options), x)
    columns, fold = run(nn.unfold(x, **options)), torch.nn.functional.fold
    compare(torch, lambda v: nn.fold(v, (5, 6), **options), lambda t: fold(t, (5, 6), **options), columns)
    compare(torch, lambda v: nn.unfold(v, 2), lambda t: torch.nn.functional.unfold(t, 2), x[0])
    unbatched = run(nn.unfold(x[0], 2))
    compare(torch, lambda v: nn.fold(v, (5, 6), 2), lambda t: fold(t, (5, 6), 2), unbatched)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": "same"}])
def test_the_matrix_of_a_convolution(options):
    image, weight = rng.standard_normal((4, 5, 6)), rng.standard_normal((6, 2, 3, 2))
    expected = run(nn.conv2d(image, weight, groups=2, **options))
    matrix = nn.convolution_matrix(weight, image.shape, groups=2, **options)
    assert type(matrix) is np.ndarray and matrix.shape == (expected.size, image.size)
    np.testing.assert_allclose(matrix @ image.ravel(), expected.ravel(), rtol=1e-12, atol=1e-12)
    back = nn.conv_transpose2d(expected, weight, groups=2) if not options else None
    if back is not None:
        np.testing.assert_allclose(matrix.T @ expected.ravel(), run(back).ravel(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("declare, message", [
    (lambda: nn.conv2d(np.ones((1, 3, 4)), np.ones((1, 3, 2, 2)), padding="sam"), "'valid' or 'same', not 'sam'"),
    (lambda: nn.conv1d(np.ones((3, 4)), np.ones((1, 3, 2)), padding="same", stride=2), "keeps the size at stride 1"),
    (lambda: nn.conv2d(np.ones((3, 4, 4)), np.ones((1, 3, 2, 2)), padding=-1), "padding is an integer of at least 0"),
    (lambda: nn.conv2d(np.ones((3, 4, 4)), np.ones((1, 3, 2, 2)), stride=0), "stride is an integer of at least 1"),
    (lambda: nn.conv2d(np.ones((3, 4, 4)), np.ones((1, 3, 2, 2)), stride=(1, 1, 1)), "or 2 of them"),
    (lambda: nn.conv2d(np.ones((4, 4)), np.ones((1, 3, 2, 2))), r"shape \(4, 4\) does not have 2 spatial dimensions"),
    (lambda: nn.conv2d(np.ones((3, 4, 4)), np.ones((3, 2, 2))), r"weights of shape \(3, 2, 2\) do not have 2"),
    (lambda: nn.conv2d(np.ones((3, 4, 4)), np.ones((1, 3, 5, 5))), r"larger than the input of size 4.*: 4 - 5 = -1"),
    (lambda: nn.conv_transpose1d(np.ones((3, 4)), np.ones((3, 1, 2)), output_padding=1), "not smaller than the stride"),
    (lambda: nn.conv_transpose1d(np.ones((3, 1)), np.ones((3, 1, 2)), padding=1), r"nothing is left.*\+ 1 = 0"),
    (lambda: nn.pad(np.ones(3), (1, 2, 3)), "two for each dimension"),
    (lambda: nn.pad(np.ones(3), (3, 0), "reflect"), "a border 3 wide cannot be made of 3 elements"),
    (lambda: nn.pad(np.ones(3), (1, 0), "mirror"), "one of reflect, replicate, circular"),
    (lambda: nn.pad(np.ones(3), (1, 0), "reflect", 1.0), "a value is for mode 'constant'"),
    (lambda: nn.locally_connected1d(np.ones((1, 5)), np.ones((1, 1, 2, 3))), r"there are \(4,\) windows, not \(3,\)"),
    (lambda: nn.locally_connected1d(np.ones((1, 5)), np.ones((1, 2, 2, 4))), "do not go with images"),
    (lambda: nn.fold(np.ones((1, 4, 5)), (3, 3), 2), r"\(batch, channels \* 4, 4\), not \(1, 4, 5\)"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), "in_channels = 3 cannot be split into 2"),
    (lambda: nn.Conv2d(0, 4, 3), "in_channels is an integer of at least 1"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "padding_mode is one of"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "padding_mode is one of"),
    (lambda: nn.Conv2d(3, 4, 3, dtype="int64"), "real numbers"),
    (lambda: nn.Conv2d(3, 4, 3, name="conv1")(np.ones((2, 4, 5, 5))), "conv1 takes 3 channels before 2 spatial"),
    (lambda: nn.LocallyConnected1d(1, 1, 3, 4), "kernel of size 4 is larger than the input of size 3"),
])  # fmt: skip
def test_refusals(declare, message):
    with pytest.raises(ge.GraphEngineError, match=message) as caught:
        declare()
    assert "test_convolution.py" in str(caught.value)


# ---- layers ----------------------------------------------------------------------------------------------------

LAYERS = [
    ("Conv1d", (4, 6, 3), {"stride": 2, "groups": 2}, (2, 4, 9)),
    ("Conv2d", (4, 6, (3, 2)), {"padding": (1, 0)}, (2, 4, 6, 5)),
    ("Conv2d", (4, 6, 3), {"bias": False, "dilation": 2}, (4, 6, 7)),
    ("Conv2d", (2, 2, 3), {"padding": (2, 1), "padding_mode": "reflect"}, (2, 2, 5, 4)),
    ("Conv2d", (2, 2, (3, 4)), {"padding": "same", "padding_mode": "circular"}, (2, 2, 5, 4)),
    ("Conv1d", (2, 2, 5), {"padding": 3, "padding_mode": "replicate", "stride": 2}, (1, 2, 6)),
    ("Conv3d", (2, 3, 2), {"padding": 1}, (1, 2, 3, 4, 3)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "groups": 2, "output_padding": 1}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": (2, 3), "padding": 1, "dilation": 2}, (2, 4, 3, 2)),
    ("ConvTranspose3d", (2, 3, 2), {"bias": False}, (1, 2, 3, 2, 3)),
    ("Unfold", (2,), {"padding": 1}, (1, 2, 3, 4)),
    ("Fold", ((4, 5), 2), {}, (1, 8, 12)),
]


@pytest.mark.torch
@pytest.mark.parametrize("name, sizes, options, x", LAYERS)
def test_layers(torch, name, sizes, options, x):
    layer, theirs = getattr(nn, name)(*sizes, **options), getattr(torch.nn, name)(*sizes, **options).double()
    with torch.no_grad():
        for parameter, tensor in zip(layer.parameters(), theirs.parameters(), strict=True):
            assert parameter.shape == tuple(tensor.shape)
            tensor.copy_(torch.tensor(parameter.data))
    compare(torch, layer, theirs, rng.standard_normal(x))
    for attribute in (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode",
        "output_padding",
    ):  # fmt: skip
        if hasattr(layer, attribute):
            assert getattr(layer, attribute) == getattr(theirs, attribute), attribute


@pytest.mark.torch
@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d"])
def test_weights_begin_as_pytorch_lets_them(torch, name):
    """Not the same numbers, but the same distribution: bounds and deviation."""
    sizes, options = (16, 64, 7), {"groups": 4}
    layer, theirs = getattr(nn, name)(*sizes, **options), getattr(torch.nn, name)(*sizes, **options)
    pairs = list(zip(layer.parameters(), theirs.parameters(), strict=True))
    bound = float(np.abs(layer.weight.data).max())
    for parameter, tensor in pairs:
        values, reference = parameter.data, tensor.detach().numpy()
        assert values.shape == reference.shape and values.dtype == reference.dtype
        assert np.abs(values).max() <= bound * 1.001 and np.abs(reference).max() <= bound * 1.001
    assert abs(layer.weight.data.std() / theirs.weight.detach().numpy().std() - 1) < 0.02


def test_layers_have_names_and_say_what_they_are():
    conv1 = nn.Conv2d(3, 16, (5, 3), stride=2, padding=1, groups=1, bias=False)
    assert repr(conv1) == "<Conv2d conv1: 3 -> 16, 5x3, stride 2, padding 1, no bias>"
    up = nn.ConvTranspose1d(4, 2, 3, groups=2)
    assert repr(up) == "<ConvTranspose1d up: 4 -> 2, kernel 3, groups 2>"
    assert conv1.bias is None and [p.name for p in conv1.parameters()] == ["conv1.weight"]
    local = nn.LocallyConnected2d(1, 2, (6, 5), 3, bias=False)
    assert repr(local) == "<LocallyConnected2d local: 1 -> 2, 3x3 over 6x5, no bias>"


def test_a_small_network_learns_to_find_an_edge():
    x = ge.input("x", ("batch", 1, 6, 6))
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
    images = np.random.default_rng(0).standard_normal((32, 1, 6, 6)).astype("float32")
    wanted = images - np.roll(images, 1, axis=3)
    wanted[..., 0] = images[..., 0]
    target = ge.input("target", ("batch", 1, 6, 6))
    loss = nn.mse_loss(net(x), target)
    step = ge.Engine("numpy").compile([x, target], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    losses = [float(step(images, wanted)) for _ in range(150)]
    assert losses[-1] < 0.2 * losses[0]


def test_a_locally_connected_layer_runs_on_batches():
    local = nn.LocallyConnected2d(2, 3, (6, 5), 3, padding=1, stride=2)
    y = local(ge.input("x", ("batch", 2, 6, 5)))
    assert y.shape == ("batch", 3, *local.output_size) == ("batch", 3, 3, 3)
    assert run(y, {"x": np.ones((4, 2, 6, 5), "float32")}).shape == (4, 3, 3, 3)
