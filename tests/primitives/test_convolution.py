"""Convolution, its gradients, patches and borders: against PyTorch in float64, edges, refusals, what pictures show."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.primitives.convolution import (
    Convolution,
    ConvolutionOfWeight,
    ConvolutionTranspose,
    Fold,
    PadBorder,
    Unfold,
    UnpadBorder,
)

CONV = {1: "conv1d", 2: "conv2d", 3: "conv3d"}


def random_use(seed, n):
    """Return the shapes and attributes of a convolution that fits, all of them uneven."""
    rng = np.random.default_rng((seed, n))
    groups = int(rng.integers(1, 4))
    inside, outside = (1, int(rng.integers(1, 3))) if seed % 3 == 0 else rng.integers(1, 3, 2)  # depthwise, or not
    kernel, stride, dilation, padding = (tuple(map(int, rng.integers(low, 4, n))) for low in (1, 1, 1, 0))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [max(r - 2 * p, 1) + int(rng.integers(0, 4)) for r, p in zip(reach, padding, strict=True)]
    x = rng.standard_normal((seed % 4, inside * groups, *size))
    weight = rng.standard_normal((outside * groups, inside, *kernel))
    return x, weight, rng.standard_normal(outside * groups), stride, padding, dilation, groups


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_convolution_is_that_of_torch(like_torch, seed, n):
    import torch

    x, weight, bias, stride, padding, dilation, groups = random_use(seed, n)
    pairs = tuple((p, p) for p in padding)
    given = [bias] if seed % 2 else []
    like_torch(
        lambda *v: Convolution(stride, pairs, dilation, groups)(*v),
        lambda *t: getattr(torch.nn.functional, CONV[n])(
            *t, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        x, weight, *given,
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_float32_is_that_of_torch(seed, n):
    torch = pytest.importorskip("torch")
    x, weight, bias, stride, padding, dilation, groups = random_use(seed, n)
    x, weight, bias = (v.astype("float32") for v in (x, weight, bias))
    tensors = [torch.tensor(v, requires_grad=True) for v in (x, weight, bias)]
    y = getattr(torch.nn.functional, CONV[n])(*tensors, stride, padding, dilation, groups)
    y.square().sum().backward()
    inputs = [ge.input(f"x{i}", v.shape) for i, v in enumerate((x, weight, bias))]
    ours = Convolution(stride, tuple((p, p) for p in padding), dilation, groups)(*inputs)
    feeds = dict(zip(inputs, (x, weight, bias), strict=True))
    results = ge.Engine("numpy").run([ours, *ge.grad(ge.sum(ge.square(ours)), inputs)], feeds)
    for result, expected in zip(results, (y, *(t.grad for t in tensors)), strict=True):
        expected = expected.detach().numpy()
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5 * max(np.abs(expected).max(initial=0), 1))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_the_three_are_faces_of_one_trilinear_form(engine, seed, n):
    """<conv(x, w), c> = <x, convᵀ(c, w)> = <w, conv_w(x, c)>, on every backend."""
    x, weight, _, stride, padding, dilation, groups = random_use(seed, n)
    pairs = tuple((p, p + seed % 2) for p in padding)
    use = (stride, pairs, dilation, groups)
    y = Convolution(*use)(x, weight)
    c = np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(y.shape)
    forms = [
        ge.sum(y * c),
        ge.sum(ConvolutionTranspose(*use, x.shape[2:])(c, weight) * x),
        ge.sum(ConvolutionOfWeight(*use, weight.shape[2:])(x, c) * weight),
    ]
    results = [float(result) for result in engine.run(forms, {})]
    np.testing.assert_allclose(results, results[0], rtol=1e-10, atol=1e-10)


def test_padding_below_zero_leaves_elements_out(engine):
    x, weight = np.arange(20.0).reshape(1, 1, 4, 5), np.arange(4.0).reshape(1, 1, 2, 2)
    cropped = Convolution(padding=((-1, 0), (0, -2)))(x, weight)
    plain = Convolution()(x[:, :, 1:, :3], weight)
    np.testing.assert_array_equal(*engine.run([cropped, plain], {}))


def test_half_precision_accumulates_in_float32(engine):
    if "float16" not in engine.backend.abilities:
        pytest.skip("no half precision")
    x = np.full((1, 5000, 1, 1), 1, "float16")
    weight = np.full((1, 5000, 1, 1), 1 + 2**-10, "float16")
    assert float(engine.run(Convolution()(x, weight), {})[0, 0, 0, 0]) == np.float16(5000 * (1 + 2**-10))


def test_named_sizes_are_calculated(run):
    x, weight = ge.input("x", ("batch", 3, "h", "w"), "float64"), ge.input("weight", (4, 3, 3, 3), "float64")
    use = ((2, 1), ((1, 1), (0, 0)), (1, 1))
    y = Convolution(*use)(x, weight)
    assert y.shape == ("batch", 4, "(h - 1)//2 + 1", "w - 2")
    gradients = ge.grad(ge.sum(y * y), [x, weight])
    assert [g.shape for g in gradients] == [x.shape, weight.shape]
    values, kernel = np.sin(np.arange(2 * 3 * 6 * 5.0)).reshape(2, 3, 6, 5), np.ones((4, 3, 3, 3))
    fixed = Convolution(*use)(ge.constant(values), ge.constant(kernel))
    np.testing.assert_array_equal(run(y, {x: values, weight: kernel}), run(fixed))


def test_a_transposed_convolution_of_named_size_can_be_differentiated_twice():
    x, weight = ge.input("x", ("batch", 2, "n"), "float64"), ge.input("weight", (2, 1, 3), "float64")
    y = ConvolutionTranspose((2,), ((1, 1),), (1,), 1, (ge.Spec.of("2*n").shape))(x, weight)
    (slope,) = ge.grad(ge.sum(y * y), [x])
    assert slope.shape == x.shape and ge.grad(ge.sum(slope * slope), [weight])[0].shape == weight.shape


def test_a_named_size_too_small_for_the_kernel_is_refused_by_the_run(run):
    x = ge.input("x", (1, 1, "n"), "float64")
    y = Convolution((2,), ((0, 0),), (1,))(x, np.ones((1, 1, 4)))
    with pytest.raises(ge.GraphEngineError, match=r"kernel of size 4 is larger than the input of size 3"):
        run(y, {x: np.ones((1, 1, 3))})


@pytest.mark.parametrize("x, weight, use, message", [
    ((2, 3, 4, 4), (5, 3, 6, 2), Convolution(),
     r"kernel of size 6 is larger than the input of size 4, along spatial dimension 0: 4 - 6 = -2 is below 0"),
    ((2, 3, 4, 4), (5, 3, 2, 3), Convolution(dilation=(1, 4), padding=((0, 0), (2, 1))),
     r"size 3 \(4\*\(3 - 1\) \+ 1 = 9 with its dilation\) is larger than the input of size 4 \(with its padding 7\)"),
    ((2, 3, 4, 4), (5, 2, 2, 2), Convolution(), r"take 2 channels, but the image of shape \(2, 3, 4, 4\) has 3"),
    ((2, 3, 4, 4), (4, 3, 2, 2), Convolution(groups=2), r"in 2 groups take 6 channels"),
    ((2, 4, 4, 4), (5, 2, 2, 2), Convolution(groups=2), r"5 output channels cannot be split into 2 equal groups"),
    ((2, 4, 4, 4), (5, 2, 2, 2), Convolution(groups=0), r"groups is an integer above 0, not 0"),
    ((2, 3, 4, 4), (5, 3, 2, 2), Convolution(stride=(0, 1)), r"the stride is 2 integers above 0, not \(0, 1\)"),
    ((2, 3, 4, 4), (5, 3, 2, 2), Convolution(dilation=(1,)), r"the dilation is 2 integers above 0"),
    ((2, 3, 4), (5, 3, 2), Convolution(), r"does not have 2 spatial dimensions"),
    ((2, 3, 4, 4), (5, 3, 0, 2), Convolution(), r"kernel of size \(0, 2\) has no elements"),
])  # fmt: skip
def test_refusals_say_what_does_not_fit(x, weight, use, message):
    with pytest.raises(ge.GraphEngineError, match=message) as caught:
        use(ge.input("image", x), ge.input("weight", weight))
    assert "image" in str(caught.value) and "test_convolution.py" in str(caught.value)


def test_a_transposed_convolution_refuses_a_size_of_other_windows():
    message = r"over the size \(7, 5\) there are \(5, 3\) windows, not \(3, 3\): 7 - 3 \+ 1 = 5"
    with pytest.raises(ge.ShapeError, match=message):
        ConvolutionTranspose(size=(7, 5))(np.ones((1, 2, 3, 3)), np.ones((2, 1, 3, 3)))


def test_pictures_show_the_window_and_the_arithmetic():
    def notes(use, *shapes):
        operation = use(*(ge.input(f"x{i}", shape) for i, shape in enumerate(shapes))).operation
        return list(operation.primitive.notes(operation))

    image, weight = (1, 4, 28, 28), (8, 2, 3, 3)
    assert notes(Convolution((2, 2), ((1, 1), (1, 1)), groups=2), image, weight) == [
        "3x3, stride 2, padding 1", "⌊(28 + 2*1 - 3)/2⌋ + 1 = 14", "2 groups",
    ]  # fmt: skip
    assert notes(Convolution((1, 3), ((0, 1), (0, 0)), (2, 1)), image, (8, 4, 3, 4)) == [
        "3x4, stride (1, 3), padding (0+1, 0), dilation (2, 1)",
        "28 + 1 - 2*(3 - 1) - 1 + 1 = 25",
        "(28 - 4)/3 + 1 = 9",
    ]
    up = ConvolutionTranspose((2, 2), ((1, 1), (1, 1)), size=(28, 28))
    assert notes(up, (1, 8, 14, 14), (8, 4, 3, 3)) == ["3x3, stride 2, padding 1", "(14 - 1)*2 + 3 - 2*1 + 1 = 28"]
    line = Convolution((1,), ((0, 0),), (1,))
    assert notes(line, (1, 1, "n"), (1, 1, 3)) == ["kernel 3, stride 1", "n - 3 + 1 = n - 2"]


# ---- patches ---------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(12))
def test_patches_are_those_of_torch(like_torch, seed):
    import torch

    x, weight, _, stride, padding, dilation, _ = random_use(seed, 2)
    pairs, kernel = tuple((p, p) for p in padding), weight.shape[2:]
    x = np.concatenate([x, np.ones((1, *x.shape[1:]))])  # torch wants a batch
    like_torch(
        lambda v: Unfold(stride, pairs, dilation, kernel)(v),
        lambda t: torch.nn.functional.unfold(t, kernel, dilation, padding, stride), x,
    )  # fmt: skip
    columns = np.cos(np.arange(np.prod(Unfold(stride, pairs, dilation, kernel)(x).shape))).reshape(len(x), -1)
    columns = columns.reshape(Unfold(stride, pairs, dilation, kernel)(x).shape)
    like_torch(
        lambda v: Fold(stride, pairs, dilation, kernel, x.shape[2:])(v),
        lambda t: torch.nn.functional.fold(t, x.shape[2:], kernel, dilation, padding, stride), columns,
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_convolution_is_a_product_with_patches(engine, n):
    x, weight, _, stride, padding, dilation, _ = random_use(5, n)
    weight = np.random.default_rng(n).standard_normal((3, x.shape[1], *weight.shape[2:]))
    use = (stride, tuple((p, p) for p in padding), dilation)
    y = Convolution(*use)(x, weight)
    by_patches = ge.reshape(weight.reshape(3, -1) @ Unfold(*use, weight.shape[2:])(x), y.shape)
    np.testing.assert_allclose(*engine.run([y, by_patches], {}), rtol=1e-12, atol=1e-12)


def test_folding_counts_the_windows_over_each_element(run):
    ones = np.ones((1, 1, 4, 5))
    counts = Fold(kernel_size=(2, 2), size=(4, 5))(Unfold(kernel_size=(2, 2))(ones))
    np.testing.assert_array_equal(run(counts)[0, 0], np.outer([1, 2, 2, 1], [1, 2, 2, 2, 1]))


# ---- borders ---------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_borders_are_those_of_torch(like_torch, seed, n, mode):
    import torch

    rng = np.random.default_rng((seed, n))
    widths = tuple(tuple(map(int, rng.integers(0, 4, 2))) for _ in range(n))
    x = rng.standard_normal((2, 2, *rng.integers(4, 6, n)))
    flat = [width for pair in reversed(widths) for width in pair]
    like_torch(
        lambda v: ge.square(PadBorder(widths, mode)(v)),
        lambda t: torch.nn.functional.pad(t, flat, mode).square(), x,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_borders_are_those_of_numpy_and_are_added_back(engine, mode):
    x = np.arange(1, 13.0).reshape(3, 4)
    widths = ((1, 2), (2, 3))
    padded = PadBorder(widths, mode)(x)
    back = UnpadBorder(widths, mode, (3, 4))(ge.ones((6, 9), dtype="float64"))
    named = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    got, counts = (engine.backend.to_numpy(v) for v in engine.run([padded, back], {}))
    np.testing.assert_array_equal(got, np.pad(x, widths, named))
    np.testing.assert_array_equal(counts, [[(got == value).sum() for value in row] for row in x])


def test_a_border_too_wide_for_a_named_size_is_refused_by_the_run(run):
    x = ge.input("x", ("n",))
    with pytest.raises(ge.GraphEngineError, match="a border 3 wide cannot be made of 3 elements"):
        run(PadBorder(((3, 0),), "reflect")(x), {x: np.ones(3)})
