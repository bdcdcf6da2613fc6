"""The figures of the courses: what stands in them are the numbers that were given, whatever these are."""

import warnings

import numpy as np
import pytest

import graph_engine as ge

pytest.importorskip("matplotlib")
plots = pytest.importorskip("graph_engine_viz.plots")

NAN = float("nan")
RNG = np.random.default_rng(3)
POINTS, CLASSES = RNG.normal(size=(12, 2)), np.arange(12) % 3
IMAGES = RNG.normal(size=(3, 4, 5))
HEADS = np.array([[[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5], [0.2, 0.3, 0.5]]])


def drawn(figure):
    """Lay a figure out and draw everything in it, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    return figure


def same(found, given):
    np.testing.assert_array_equal(np.ma.filled(np.ma.asarray(found, float), np.nan), np.asarray(given, float))


def whole(points):
    """Return points, those of which one number is missing without the other: scatter plots do not have them."""
    return np.where(np.isnan(points).any(1, keepdims=True), NAN, points)


def lines_of(axes):
    return [np.asarray(line.get_xydata(), float) for line in axes.lines]


def pictures_of(figure):
    return [image.get_array() for axes in figure.axes for image in axes.images]


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def by_sum(places):
    return places.sum(axis=1)


def bowl(w, b):
    return w**2 + b**2


# ---- curves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [np.linspace(-2, 2, 9), [1.0], [0.0, NAN, 1.0, NAN, 2.0]], ids=["plain", "one", "nan"])
def test_functions_with_their_derivatives(x):
    x = np.asarray(x)
    axes = drawn(plots.functions({"square": (x, x**2, 2 * x)})).axes[0]
    same(axes.lines[2].get_xydata(), np.stack([x, x**2], 1))
    same(axes.lines[3].get_xydata(), np.stack([x, 2 * x], 1))


def test_a_place_between_gaps_is_a_dot_and_its_slope_a_ring():
    x = np.array([-1.0, NAN, 0.0, NAN, 1.0])
    axes = plots.functions({"step": (x, np.sign(x), 0 * x)}).axes[0]
    assert axes.lines[4].get_markevery() == axes.lines[5].get_markevery() == [2]


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [3.0], [NAN, 2.0, NAN], [NAN]], ids=["plain", "one", "nan", "no"])
def test_lines_are_the_series_over_their_places(values):
    axes = drawn(plots.lines({"a": values, "b": ([5.0, 6.0], [1.0, NAN])})).axes[0]
    same(axes.lines[0].get_xydata(), np.stack([np.arange(1, len(values) + 1), values], 1))
    same(axes.lines[1].get_xydata(), [[5, 1], [6, NAN]])
    assert set(texts_of(axes)) == ({"a", "b"} if np.isfinite(values).any() else {"b"})  # names stand at last numbers


def test_two_numbers_in_a_tuple_are_a_series():
    same(plots.lines({"loss": (3.0, 2.0)}).axes[0].lines[0].get_xydata(), [[1, 3], [2, 2]])


def test_places_bounds_ticks_and_dots_of_lines():
    figure = plots.lines(
        {"found": [1.0, 2.0]}, x=[10, 20], bound=1.5, bound_name="goal", ticks=["ten", "twenty"], dots=["found"]
    )
    axes = drawn(figure).axes[0]
    same(axes.lines[0].get_xydata(), [[10, 1], [20, 2]])
    assert axes.lines[0].get_linestyle() == "None" and axes.lines[1].get_ydata() == [1.5, 1.5]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["ten", "twenty"] and "goal" in texts_of(axes)


@pytest.mark.parametrize(
    ("losses", "best", "diverged"),
    [([0.9, 0.2, 0.5], "best: 0.1", 0), ([0.9, NAN, np.inf], "best: 0.01", 2), ([NAN] * 3, None, 3)],
    ids=["plain", "nan", "nothing but nan"],
)
def test_a_rate_sweep_marks_the_best_and_what_diverged(losses, best, diverged):
    axes = drawn(plots.rate_sweep([0.01, 0.1, 1.0], losses)).axes[0]
    finite = np.isfinite(losses)
    same(axes.lines[0].get_xydata(), np.stack([[0.01, 0.1, 1.0], losses], 1)[finite])
    assert texts_of(axes) == ([best] if best else []) + ["diverges"] * diverged


def test_a_sweep_of_one_rate():
    assert texts_of(drawn(plots.rate_sweep([0.5], [2.0])).axes[0]) == ["best: 0.5"]


@pytest.mark.parametrize(
    ("held_out", "ring"), [([3.0, 1.0, 2.0], [2, 1]), ([4.0], [1, 4]), ([NAN, 5.0, 4.5], [3, 4.5]), ([NAN], None)]
)
def test_learning_curves_ring_the_least_held_out_loss(held_out, ring):
    axes = drawn(plots.learning_curves({"run": ([3.0, 2.0, NAN], held_out)}, ["It turns."])).axes[0]
    same(axes.lines[0].get_ydata(), [3, 2, NAN])
    same(axes.lines[1].get_ydata(), held_out)
    assert [line.get_xydata().tolist() for line in axes.lines[2:]] == ([[ring]] if ring else [])


def test_bars_are_means_and_dots_the_repetitions():
    axes = drawn(plots.bars({"several": [0.5, 0.75, NAN], "one": 0.25, "none": [NAN]}, low=0.125)).axes[0]
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0.125, 0.5), (0.125, 0.125)]
    same(axes.lines[0].get_xdata(), [0.5, 0.75])
    assert texts_of(axes) == ["0.625", "0.250", "none"]


# ---- depth -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1e-6, 1e-3, 1.0], [0.5], [NAN, 0.1, 1.0], [NAN]], ids=["plain", "one", "nan", "no"])
def test_gradient_flow_is_the_sizes_by_layer(sizes):
    axes = drawn(plots.gradient_flow({"net": sizes})).axes[0]
    same(axes.lines[0].get_xydata(), np.stack([np.arange(1, len(sizes) + 1), sizes], 1))


def test_a_gradient_of_zero_has_no_place_on_a_logarithmic_scale():
    same(plots.gradient_flow({"net": [0.0, 1.0]}).axes[0].lines[0].get_ydata(), [NAN, 1])


@pytest.mark.parametrize("values", [np.arange(10.0), [7.0], [1.0, NAN, 2.0], [NAN], []])
def test_histograms_hold_all_finite_values(values):
    axes = drawn(plots.histograms_by_depth({"layer": [values, [0.0]]}, bins=5, limits=(0, 10))).axes[0]
    steps = axes.patches[0].get_data()
    counts, _ = np.histogram([v for v in values if np.isfinite(v)], 5, (0, 10))
    np.testing.assert_allclose(steps.values, 0.6 * counts / max(counts.max(), 1))


def test_the_spread_of_each_layer_stands_beside_it():
    axes = plots.histograms_by_depth({"init": [[-1.0, 1.0], [-4.0, 4.0]]}).axes[0]
    assert texts_of(axes) == ["σ = 1", "σ = 4"]


@pytest.mark.parametrize(
    ("local", "product"),
    [([0.25, -0.5, 0.5], [0.25, 0.125, 0.0625]), ([0.5], [0.5]), ([0.5, NAN, 0.5], [0.5, NAN, NAN]), ([], [])],
)
def test_factors_and_their_product_so_far(local, product):
    left, right = drawn(plots.factors(local)).axes
    same([bar.get_height() for bar in left.patches], np.abs(local))
    same(right.lines[0].get_ydata(), product)


# ---- images ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pictures",
    [IMAGES, IMAGES[:1, :1, :1], np.where(IMAGES > 0, IMAGES, NAN), np.full((1, 2, 2), NAN), IMAGES[:0]],
    ids=["plain", "one pixel", "nan", "nothing but nan", "none"],
)
def test_images_are_the_pixels(pictures):
    figure = drawn(plots.images(pictures, columns=2, title="all"))
    assert len(figure.axes) == len(pictures)
    for found, given in zip(pictures_of(figure), pictures, strict=True):
        same(found, given)


@pytest.mark.parametrize("shape", [(2, 1, 4, 5), (2, 3, 4, 5), (2, 4, 5, 3), (2, 3, 4, 3)])
def test_channels_may_stand_before_or_behind(shape):
    colours = RNG.random(shape)
    found = pictures_of(plots.images(colours))
    last = colours if shape[-1] == 3 else np.moveaxis(colours, 1, -1)
    same(np.stack(found), last[..., 0] if shape[1] == 1 else last)


def test_signed_images_have_white_at_zero():
    figure = plots.images([[[-1.0, 0.0]], [[3.0, NAN]]], signed=True)
    assert [axes.images[0].get_clim() for axes in figure.axes] == [(-3, 3)] * 2


def test_rows_of_images_have_a_scale_each():
    figure = drawn(plots.image_rows({"first": IMAGES, "second": [IMAGES[0] * 2, np.full((4, 5), NAN)]}))
    assert len(figure.axes) == 5
    for found, given in zip(pictures_of(figure), [*IMAGES, 2 * IMAGES[0], np.full((4, 5), NAN)], strict=True):
        same(found, given)
    assert figure.axes[0].images[0].get_clim() == (IMAGES.min(), IMAGES.max())


@pytest.mark.parametrize("heat", [[[0.0, 1.0], [2.0, 3.0]], [[1.0]], [[NAN, 1.0]]], ids=["plain", "one", "nan"])
def test_a_heat_map_lies_over_its_image(heat):
    image, over, alone = (axes.images for axes in drawn(plots.heat_map_over(IMAGES[0], heat)).axes[:3])
    for found in (image[0], over[0]):
        same(found.get_array(), IMAGES[0])
    for found in (over[1], alone[0]):
        same(found.get_array(), heat)
        assert tuple(found.get_extent()) == (-0.5, 4.5, 3.5, -0.5)


def test_boxes_stand_where_they_were_found():
    figure = drawn(plots.boxes_over(IMAGES[:2], [[[1, 0, 3, 2]], []], [["disc"], []], [[[0, 0, 2, 2]], []]))
    true, found = figure.axes[0].patches
    assert found.get_bbox().extents.tolist() == [0.5, -0.5, 2.5, 1.5] and true.get_linestyle() == "--"
    assert texts_of(figure.axes[0]) == ["disc"] and not figure.axes[1].patches


# ---- manifolds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [POINTS, POINTS[:1], np.vstack([POINTS, [[NAN, 1.0]]]), POINTS[:0]])
def test_projections_join_points_with_their_places(rows):
    axes = drawn(plots.projections(rows, {"PCA": rows + 1.0})).axes[0]
    *joins, points, places = lines_of(axes)
    same(points, rows)
    same(places, rows + 1.0)
    for join, start in zip(joins, rows, strict=True):
        same(join, [start, start + 1])


@pytest.mark.parametrize("row", [[0.5, 0.5], [NAN, 0.5]], ids=["plain", "nan"])
def test_codes_stand_at_their_places(row):
    places, classes = np.vstack([POINTS, [row]]), [*CLASSES, 3]
    axes = drawn(plots.codes(places, classes, ["a", "b", "c", "d", "nobody"])).axes[0]
    for number, found in enumerate(axes.collections):
        same(found.get_offsets(), whole(places[np.equal(classes, number)]))
    assert texts_of(axes) == ["a", "b", "c", *("d" if row[0] == 0.5 else "")]


def test_clouds_are_points_under_what_was_generated():
    figure = drawn(plots.clouds([[1.0, -2.0], [NAN, NAN]], {"before": [[5.0, 5.0]], "after": [[NAN, 0.0]]}))
    for axes, made in zip(figure.axes, ([[5, 5]], [[NAN, 0]]), strict=True):
        same(axes.lines[0].get_xydata(), [[1, -2], [NAN, NAN]])
        same(axes.lines[1].get_xydata(), made)
        assert axes.get_xlim() == pytest.approx((-2.3, 2.3))


# ---- matrices --------------------------------------------------------------------------------------------------


def test_attention_is_the_weights_of_each_head():
    figure = drawn(plots.attention_map(HEADS, ["q1", "q2"], ["a", "b", "c"], ["one", "two"]))
    for axes, head in zip(figure.axes, HEADS, strict=False):
        same(axes.images[0].get_array(), head)
        assert texts_of(axes) == [f"{weight:.2f}" for weight in head.ravel()]


@pytest.mark.parametrize("weights", [[[1.0]], [[NAN]]])
def test_attention_of_one_token_to_another(weights):
    axes = drawn(plots.attention_map(weights, ["q"], ["k"])).axes[0]
    same(axes.images[0].get_array(), weights)
    assert texts_of(axes) == ["1.00"] * int(np.isfinite(weights).sum())


@pytest.mark.parametrize(
    "matrix", [[[1.0, 0.0], [0.0, 2.0]], [[3.0]], [[NAN, 1.0]], np.ones((2, 9)), np.full((1, 2), NAN)]
)
def test_a_jacobian_and_its_product_with_a_row(matrix):
    upstream = np.arange(1.0, len(matrix) + 1)
    row, whole, product = drawn(plots.jacobian(matrix, upstream)).axes
    same(row.images[0].get_array(), [upstream])
    same(whole.images[0].get_array(), matrix)
    same(product.images[0].get_array(), [upstream @ matrix])
    same(drawn(plots.jacobian(matrix)).axes[0].images[0].get_array(), matrix)


def test_the_largest_entry_of_the_product_is_worked_out():
    figure = plots.jacobian([[1.0, NAN], [-2.0, 1.0]], [2.0, 1.0], columns=["u", "v"])
    assert figure.get_supxlabel() == "u:   2·1 + 1·(-2) = 0"


@pytest.mark.parametrize("counts", [[[5, 1], [0, 4]], [[7.0, NAN], [0.0, 0.0]]], ids=["plain", "nan"])
def test_confusion_says_the_counts_and_tints_their_shares(counts):
    counts = np.asarray(counts, float)
    axes = drawn(plots.confusion(counts, ["cat", "dog"])).axes[0]
    same(axes.images[0].get_array(), counts / np.maximum(np.nansum(counts, 1, keepdims=True), 1))
    assert texts_of(axes) == [f"{count:.0f}" for count in counts.ravel() if count > 0]


def test_confusion_of_one_class():
    assert texts_of(drawn(plots.confusion([[3]], ["all"])).axes[0]) == ["3"]


# ---- regions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [[0.0, 0.0], [NAN, 0.0]], ids=["plain", "nan"])
def test_regions_are_the_predictions_and_dots_the_points(row):
    points, classes = np.vstack([POINTS, [row]]), [*CLASSES, 0]
    axes = drawn(plots.decision_regions(by_sum, points, classes, steps=9, names=["a", "b", "c"])).axes[0]
    for number, found in enumerate(axes.collections[-3:]):
        same(found.get_offsets(), whole(points[np.equal(classes, number)]))
    left, right, bottom, top = axes.images[0].get_extent()
    places = np.stack(np.meshgrid(np.linspace(left, right, 9), np.linspace(bottom, top, 9)), -1)
    same(axes.images[0].get_array(), places.sum(-1) > 0)


@pytest.mark.parametrize(
    "predict",
    [
        lambda places: (places[:, 0] > 0).astype(int),
        lambda places: places[:, 0],
        lambda places: places[:, :1],
        lambda places: np.stack([-places[:, 0], places[:, 0]], 1),
        lambda places: places[:, 0] > 0,
    ],
    ids=["ids", "scores", "a column", "a score for each class", "bools"],
)
def test_a_classifier_says_classes_in_any_of_these_ways(predict):
    found = plots.decision_regions(predict, [[-1, 0], [1, 0]], [0, 1], steps=4).axes[0].images[0].get_array()
    same(found, [[0, 0, 1, 1]] * 4)


def test_one_point_has_room_around_it():
    axes = drawn(plots.decision_regions(by_sum, [[5.0, 5.0]], [0], steps=4)).axes[0]
    assert axes.get_xlim() == pytest.approx((4.88, 5.12))


def test_a_separating_line_is_where_it_is_zero():
    figure = drawn(plots.decision_lines([[0, 0], [1, 1]], [-1, 1], {"end": (1, 1, -1), "none": (0, 0, 1)}))
    first, second = figure.axes
    (line,) = (c for c in first.collections if len(c.get_paths()) and type(c).__name__.endswith("ContourSet"))
    np.testing.assert_allclose(line.get_paths()[0].vertices.sum(1), 1)
    assert "w" in texts_of(first) and not texts_of(second)


@pytest.mark.parametrize("y", [[1.0, 3.0, 2.0], [1.0, NAN, 2.0]], ids=["plain", "nan"])
def test_fits_are_curves_through_data(y):
    axes = drawn(plots.fits([0, 1, 2], y, {"line": ([0, 2], [1.0, NAN])}, ([0.5], [4.0]))).axes[0]
    for found, given in zip(lines_of(axes), ([[0, 1], [2, NAN]], np.stack([[0, 1, 2], y], 1), [[0.5, 4]]), strict=True):
        same(found, given)
    assert axes.get_ylim() == pytest.approx((0.4, 4.6))


def test_a_fit_to_one_point():
    same(lines_of(drawn(plots.fits([1], [2], {"": ([1], [2])})).axes[0])[1], [[1, 2]])


@pytest.mark.parametrize(
    ("test", "least"),
    [([3.0, 2.0, 4.0], 20), ([NAN, 2.0, 1.0], 30), ([NAN, NAN, 4.0], 30)],
    ids=["plain", "nan", "one"],
)
def test_the_least_test_error_is_marked(test, least):
    axes = drawn(plots.train_and_test([10, 20, 30], [3.0, NAN, 0.5], test)).axes[0]
    same(axes.lines[0].get_ydata(), [3, NAN, 0.5])
    same(axes.lines[1].get_ydata(), test)
    assert f"least test error: {least}" in texts_of(axes)


# ---- surfaces --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [[[1, 1], [0.5, 0.25]], [[0.5, 0.5]], [[1, 1], [NAN, NAN]]], ids=["plain", "one", "nan"]
)
def test_a_path_over_a_loss_surface(path):
    axes = drawn(plots.loss_surface(bowl, {"SGD": path}, (-1, 1), (-1, 1), steps=20)).axes[0]
    for found in lines_of(axes)[:2]:
        same(found, path)
    same(lines_of(axes)[2], path[:1])


@pytest.mark.parametrize("loss", [lambda w, b: np.where(w > 0, w + b, NAN), lambda w, b: 0 * w], ids=["nan", "flat"])
def test_surfaces_with_holes_and_without_height(loss):
    assert drawn(plots.loss_surface(loss, {"": [[0.5, 0.5]]}, (-1, 1), (-1, 1), steps=12)).axes


@pytest.mark.parametrize("path", [[1.0, 0.5, 0.25], [0.5], [0.5, NAN]], ids=["plain", "one", "nan"])
def test_a_descent_steps_along_its_curve(path):
    axes = drawn(plots.descents(lambda w: np.where(w > -0.5, w**2, NAN), {"right": path}, (-1, 1))).axes[0]
    same(lines_of(axes)[1], np.stack([path, np.square(path)], 1))
    same(lines_of(axes)[2], [[path[0], path[0] ** 2]])


# ---- windows ---------------------------------------------------------------------------------------------------


def test_a_window_slides_and_sums():
    figure = drawn(plots.sliding_window([[4, 6, 3], [8, 5, 1], [2, 4, 6]], [[3, 2], [5, 1]]))
    assert [axes.get_title() for axes in figure.axes[::2]] == [
        "3·4 + 2·6 + 5·8 + 1·5 = 69", "3·6 + 2·3 + 5·5 + 1·1 = 50",
        "3·8 + 2·5 + 5·2 + 1·4 = 48", "3·5 + 2·1 + 5·4 + 1·6 = 43",
    ]  # fmt: skip
    assert texts_of(figure.axes[-1]) == ["69", "50", "48", "43"]


def test_a_window_over_one_pixel_and_over_nan():
    assert drawn(plots.sliding_window([[2.0]], [[3.0]])).axes[0].get_title() == "3·2 = 6"
    assert drawn(plots.sliding_window([[NAN, 1.0]], [[1.0]])).axes[0].get_title() == "1·nan = nan"


def test_padding_stride_and_dilation_of_windows():
    (left, right) = drawn(plots.sliding_window(np.ones((3, 3)), np.ones((2, 2)), 2, 1, 2, steps=[3])).axes
    assert left.get_title() == "1·1 + 1·0 + 1·0 + 1·0 = 1" and texts_of(right) == ["1", "1", "1", "1"]


@pytest.mark.parametrize(
    ("field", "size"), [(np.eye(5), "5 x 5"), ([[2.0]], "1 x 1"), ([[0, -1.0], [0, NAN]], "2 x 1"), ([[0.0]], "0 x 0")]
)
def test_receptive_fields_are_what_is_not_zero(field, size):
    axes = drawn(plots.receptive_fields([field], ["net"])).axes[0]
    same(axes.images[0].get_array(), np.where(np.abs(field) > 0, np.abs(field), NAN))
    assert axes.get_title(loc="left") == f"net: {size} pixels"


@pytest.mark.parametrize(
    "image", [[[2.0, 3.0], [5.0, -2.0]], [[1.0]], [[NAN, 1.0], [2.0, 3.0]]], ids=["plain", "one", "nan"]
)
def test_pooling_is_numbers_in_windows(image):
    before, after = drawn(plots.pooling(image, {"max": [[5.0]]})).axes
    assert texts_of(before) == [f"{number:.3g}" for number in np.ravel(image) if np.isfinite(number)]
    assert texts_of(after) == ["5"]


def test_overlaps_have_one_scale():
    counts = {"a": [[1, 2], [2, NAN]], "b": [[8]]}
    figure = drawn(plots.overlap(counts))
    for found, given in zip(pictures_of(figure)[:2], counts.values(), strict=True):
        same(found, given)
    assert [axes.images[0].get_clim() for axes in figure.axes[:2]] == [(0, 8)] * 2


# ---- refusals --------------------------------------------------------------------------------------------------

REFUSED = [
    (lambda: plots.functions({}), "there are no functions"),
    (lambda: plots.functions({"relu": ([1, 2], [1, 2], [1])}), "relu: x, y and slope belong together.* 2 and 2 and 1"),
    (lambda: plots.functions({"relu": ([[1]], [1], [1])}), r"relu: x: the shape is \(n,\), not \(1, 1\)"),
    (lambda: plots.lines({}), "there are no series"),
    (lambda: plots.lines({"loss": [[1, 2]]}), r"series 'loss': the shape is \(n,\), not \(1, 2\)"),
    (lambda: plots.lines({"loss": [1, 2]}, x=[1, 2, 3]), "x and values of series 'loss' belong together"),
    (lambda: plots.lines({"loss": ["low", "high"]}), "series 'loss': these are no numbers"),
    (lambda: plots.lines({"loss": [1, 2]}, ticks=["one"]), "places and ticks"),
    (lambda: plots.rate_sweep([0.1], [1, 2]), "rates and losses belong together, but there are 1 and 2"),
    (lambda: plots.learning_curves({}), "there are no curves"),
    (lambda: plots.learning_curves({"a": ([1], 2)}), r"a: held out: the shape is \(n,\), not \(\)"),
    (lambda: plots.learning_curves({"a": ([1], [2])}, ["one", "two"]), "curves and sentences"),
    (lambda: plots.gradient_flow({"net": [[1.0]]}), "sizes of 'net'"),
    (lambda: plots.histograms_by_depth({}), "there are no layers"),
    (lambda: plots.factors([[0.5]]), r"factors: the shape is \(layers,\), not \(1, 1\)"),
    (lambda: plots.images(IMAGES[0]), r"an image has the shape \(height, width\).* not \(5,\)"),
    (lambda: plots.images(IMAGES, titles=["one"]), "pictures and titles belong together, but there are 3 and 1"),
    (lambda: plots.image_rows({}), "there are no images"),
    (lambda: plots.image_rows({"row": IMAGES[0]}), "an image has the shape"),
    (lambda: plots.heat_map_over(IMAGES[0], [1, 2]), r"heat: the shape is \(h, w\)"),
    (lambda: plots.boxes_over(IMAGES[:1], []), "pictures and boxes"),
    (lambda: plots.boxes_over(IMAGES[:1], [[[1, 2, 3]]]), r"boxes: the shape is \(k, 4\), not \(1, 3\)"),
    (lambda: plots.boxes_over(IMAGES[:1], [[[1, 2, 3, 4]]], [[]]), "boxes and labels of picture 0"),
    (lambda: plots.projections(POINTS, {}), "there are no projections"),
    (lambda: plots.projections(POINTS, {"PCA": POINTS[:3]}), "points and 'PCA' belong together"),
    (lambda: plots.projections([[1, 2, 3]], {"PCA": [[1, 2, 3]]}), r"points: the shape is \(n, 2\), not \(1, 3\)"),
    (lambda: plots.codes(POINTS, CLASSES, ["a", "b"]), "here is id 2, but there are 2 names"),
    (lambda: plots.codes(POINTS, CLASSES[:3], list("abc")), "places and classes belong together"),
    (lambda: plots.codes(POINTS, CLASSES + 0.5, list("abcd")), "class ids are whole numbers"),
    (lambda: plots.clouds(POINTS, {}), "there are no panels"),
    (lambda: plots.clouds(POINTS, {"made": POINTS.T}), r"made: the shape is \(m, 2\), not \(2, 12\)"),
    (lambda: plots.attention_map(HEADS, ["q"], list("abc")), "rows and queries belong together, but there are 2 and 1"),
    (lambda: plots.attention_map(HEADS, ["p", "q"], list("ab")), "columns and keys"),
    (lambda: plots.attention_map([0.5, 0.5], ["q"], list("ab")), r"the shape is \(heads, queries, keys\), not \(2,\)"),
    (lambda: plots.jacobian([1, 2]), r"matrix: the shape is \(outputs, inputs\), not \(2,\)"),
    (lambda: plots.jacobian([[1, 2]], upstream=[1, 2]), r"upstream: the shape is \(1,\), not \(2,\)"),
    (lambda: plots.jacobian([[1, 2]], columns=["u"]), "inputs and their names"),
    (lambda: plots.confusion([[1, 2]], ["cat", "dog"]), r"matrix: the shape is \(2, 2\), not \(1, 2\)"),
    (lambda: plots.decision_regions(by_sum, POINTS, CLASSES[:3]), "points and classes belong together"),
    (lambda: plots.decision_regions(by_sum, POINTS, CLASSES - 1), "class ids are counted from 0, but here is -1"),
    (lambda: plots.decision_regions(lambda places: [1, 2], POINTS, CLASSES, steps=4), "for 16 places there is one"),
    (lambda: plots.decision_regions(by_sum, POINTS[:0], []), "there are no finite points"),
    (lambda: plots.decision_lines(POINTS, CLASSES, {"start": (1, 2)}), r"a line \(w1, w2, b\): the shape is \(3,\)"),
    (lambda: plots.fits([1, 2], [1], {"": ([1], [1])}), "the places and values of the data belong together"),
    (lambda: plots.fits([1], [NAN], {"": ([1], [1])}), "there are no finite data"),
    (lambda: plots.train_and_test([1, 2], [1, 2], [1]), "x, train and test belong together"),
    (lambda: plots.train_and_test([1], [1], [NAN]), "there are no finite test errors"),
    (lambda: plots.loss_surface(bowl, {"SGD": [1, 2]}, (-1, 1), (-1, 1)), r"path of 'SGD': the shape is \(n, 2\)"),
    (lambda: plots.loss_surface(lambda w, b: 1.0, {"": [[0, 0]]}, (-1, 1), (-1, 1)), "losses at the places"),
    (lambda: plots.descents(np.square, {}, (-1, 1)), "there are no paths"),
    (lambda: plots.descents(np.square, {"w": [[1]]}, (-1, 1)), r"path of 'w': the shape is \(n,\), not \(1, 1\)"),
    (lambda: plots.sliding_window([[1]], np.ones((2, 2))), "a window of 2 x 2 does not fit into 1 x 1"),
    (lambda: plots.sliding_window([[1, 2]], [[1]], steps=[2]), r"2 windows, counted from 0, so not all of \[2\]"),
    (lambda: plots.sliding_window([1, 2], [[1]]), r"image: the shape is \(height, width\), not \(2,\)"),
    (lambda: plots.receptive_fields([[[1]]], ["a", "b"]), "fields and titles"),
    (lambda: plots.pooling([1, 2], {}), r"image: the shape is \(height, width\), not \(2,\)"),
    (lambda: plots.overlap({}), "there are no counts"),
]


@pytest.mark.parametrize(("draw", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_wrong_data_are_refused_by_what_they_are(draw, message):
    with pytest.raises(ge.errors.GraphEngineError, match=message):
        draw()


def test_the_programs_own_style_is_left_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.bars({"a": 1.0})
    assert dict(matplotlib.rcParams) == before


def test_every_figure_is_tested_here():
    import pathlib

    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert not [name for name in plots.__all__ if f"plots.{name}(" not in text]
