"""Convolution: the arithmetic of windows - stride, padding, dilation, pooling - and what one unit sees.

A kernel slides over an image; each output is the sum of what lies under it, times its weights. The same operation
blurs, finds edges, sees more with every layer, and shrinks or grows images. Look at the checkerboard: it comes from a
kernel size that the stride does not divide, and from nothing else.

Run it:      graph-engine demo convolution
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

IMAGE, KERNEL = np.array([[4.0, 6, 3], [8, 5, 1], [2, 4, 6]]), np.array([[3.0, 2], [5, 1]])
NUMBERS = np.array([[2.0, 3, 2, 0], [5, -2, 2, 8], [-1, -6, 7, 3], [-4, -5, 4, 2]])


def slide(image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1) -> np.ndarray:
    """Do a convolution by hand, window by window."""
    image, reach = np.pad(image, padding), dilation * (np.array(kernel.shape) - 1) + 1
    rows, columns = (range(0, size - r + 1, stride) for size, r in zip(image.shape, reach))
    windows = [[image[i : i + reach[0] : dilation, j : j + reach[1] : dilation] for j in columns] for i in rows]
    return np.array([[np.sum(window * kernel) for window in row] for row in windows])


def windows(show: Show, engine: ge.Engine) -> None:
    """Slide a kernel with all settings, by hand and by the engine; and as one product with a matrix."""
    large = np.arange(25.0).reshape(5, 5) % 7
    worst, settings = 0.0, [dict(stride=2), dict(padding=1, stride=2), dict(dilation=2)]
    for name, options in zip(("stride", "padding", "dilation"), settings):
        result = engine.run(ge.nn.conv2d([[large]], [[KERNEL]], **options))
        worst = max(worst, np.abs(result[0, 0] - slide(large, KERNEL, **options)).max())
        told = ", ".join(f"{option} {value}" for option, value in options.items())
        show.save(f"{name}.png", plots.sliding_window(large, KERNEL, **options), f"The first windows with {told}.")
    show.criterion("windows by hand against the engine: largest difference", worst, below=1e-12)

    image, kernel = ge.input("image", (1, 1, 3, 3), "float64"), ge.input("kernel", (1, 1, 2, 2), "float64")
    total = ge.sum(ge.nn.conv2d(image, kernel))
    trace = engine.trace(total, {image: IMAGE[None, None], kernel: KERNEL[None, None]})
    show.save("windows.png", plots.sliding_window(IMAGE, KERNEL), "Four windows of a 2x2 kernel on a 3x3 image.")
    show.save("convolution.svg", viz.draw(trace), "The same as a graph: below each number its gradient.")
    show.save("convolution.html", viz.steps(trace), "Forward and backward, step by step.")
    matrix = ge.nn.convolution_matrix(KERNEL, IMAGE.shape)
    wrong = np.count_nonzero(matrix @ IMAGE.ravel() != [69, 50, 48, 43])
    show.criterion("numbers of U v(image) that are not 69, 50, 48, 43", wrong, below=1)
    show.save("matrix.png", plots.jacobian(matrix, upstream=[1, 1, 1, 1]), "The matrix U of this convolution is its "
              "Jacobian: four weights in each row, shifted. Backwards, a gradient is multiplied with the same matrix.")  # fmt: skip


def receptive_fields(show: Show, engine: ge.Engine) -> None:
    """Draw the gradient of one unit in the middle with respect to the image: what it sees."""
    size = 17
    image = ge.input("image", (1, 1, size, size))
    dilations = {"1 layer": [1], "2 layers": [1, 1], "3 layers": [1, 1, 1], "dilation 1, 2, 4": [1, 2, 4]}
    fields = []
    for layers in dilations.values():
        maps = image
        for dilation in layers:
            maps = ge.nn.conv2d(maps, np.ones((1, 1, 3, 3), "float32"), padding=dilation, dilation=dilation)
        unit = maps[0, 0, size // 2, size // 2]
        fields.append(engine.run(ge.grad(unit, image), {image: np.ones(image.shape)})[0, 0])
    seen = [np.sqrt(np.count_nonzero(field)) for field in fields]
    show.criterion("sides of the fields against 3, 5, 7, 15", np.abs(np.array(seen) - [3, 5, 7, 15]).max(), below=1e-9)
    show.save("fields.png", plots.receptive_fields(fields, list(dilations)),
              "What one unit sees through 3x3 kernels: two pixels more with each layer; far more with dilation.")  # fmt: skip


def pooling(show: Show, engine: ge.Engine) -> None:
    """Pool and unpool the courses' image; make images larger with and without a checkerboard."""
    largest, places = ge.nn.max_pool2d([NUMBERS], 2, return_indices=True)
    back = ge.nn.max_unpool2d(largest, places, 2)
    highest, mean, unpooled = (a[0] for a in engine.run([largest, ge.nn.avg_pool2d([NUMBERS], 2), back]))
    wrong = np.count_nonzero(highest != [[5, 8], [-1, 7]]) + np.count_nonzero(mean != [[2, 3], [-4, 4]])
    show.criterion("pooled numbers that are not those of the course", wrong, below=1)
    tables = {"maximum": highest, "mean": mean, "unpooled": unpooled}
    show.save("pooling.png", plots.pooling(NUMBERS, tables), "Unpooling puts each maximum back to where it came from.")

    small = np.ones((1, 1, 6, 6))
    grown = {f"kernel {k}, stride 2": ge.nn.conv_transpose2d(small, np.full((1, 1, k, k), 4 / k**2), stride=2, padding=1)
             for k in (3, 4)}  # fmt: skip
    twice = ge.nn.interpolate(small, scale_factor=2)
    grown["upsampling, then 3x3"] = ge.nn.conv2d(twice, np.full((1, 1, 3, 3), 1 / 9), padding=1)
    results = {name: image[0, 0] for name, image in zip(grown, engine.run(list(grown.values())))}
    uneven = {name: float(np.std(image[2:-2, 2:-2])) for name, image in results.items()}
    show.criterion("checkerboard of kernel 3, stride 2: deviation inside", uneven.pop("kernel 3, stride 2"), above=0.3)
    show.criterion("without a checkerboard: deviation inside", max(uneven.values()), below=1e-12)
    show.save("checkerboard.png", plots.overlap(results),
              "An even image made twice as large. A kernel of 3 reaches some pixels once, others four times.")  # fmt: skip


def filters(show: Show, engine: ge.Engine) -> None:
    """Blur a photograph and find its edges; shift it, and see that the strongest answer stays the same."""
    from scipy.ndimage import correlate
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("china.jpg").mean(axis=-1)[:426:2, :640:2] / 255
    sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = {"boxcar 5x5": np.ones((5, 5)) / 25, "edges across": sobel, "edges up and down": sobel.T}
    found = {name: engine.run(ge.nn.conv2d([[photo]], [[k]], padding="same"))[0, 0] for name, k in kernels.items()}
    worst = max(np.abs(found[name] - correlate(photo, k, mode="constant")).max() for name, k in kernels.items())
    show.criterion("filters against SciPy's: largest difference", worst, below=1e-5)
    shown = {"photograph": photo} | {name: np.abs(image)[2:-2, 2:-2] for name, image in found.items()}
    show.save("filters.png", plots.images(list(shown.values()), list(shown), columns=2),
              "A mean blurs; Sobel's filters answer to edges, each in its direction.")  # fmt: skip

    (disc,) = ge.data.shapes(1, size=24, noise=0.0, seed=5).images[0]
    shifted = np.roll(disc, (2, -3), axis=(0, 1))
    answers = [engine.run(ge.nn.conv2d([[image]], [[sobel]], padding=1))[0, 0] for image in (disc, shifted)]
    moved = np.abs(np.roll(answers[0], (2, -3), axis=(0, 1)) - answers[1])[4:-4, 4:-4].max()
    show.criterion("a shifted image has a shifted map: largest difference", moved, below=1e-6)
    show.criterion("its strongest answer is the same: difference", np.ptp([a.max() for a in answers]), below=1e-6)
    rows = {"image": [disc, shifted], "map": answers}
    show.save("shift.png", plots.image_rows(rows), "The map moves with the image; its maximum knows nothing of it.")


def main(show: Show) -> None:
    engine = show.engine()
    for part in (windows, receptive_fields, pooling, filters):
        part(show, engine)


if __name__ == "__main__":
    run(main)
