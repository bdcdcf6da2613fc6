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
WINDOWS = {"stride 2": {"stride": 2}, "padding 1, stride 2": {"padding": 1, "stride": 2}, "dilation 2": {"dilation": 2}}
SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def slide(image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1) -> np.ndarray:
    """Do a convolution by hand, window by window."""
    image, reach = np.pad(image, padding), dilation * (len(kernel) - 1) + 1  # of a kernel that is square
    rows, columns = (range(0, size - reach + 1, stride) for size in image.shape)
    under = [[image[i : i + reach : dilation, j : j + reach : dilation] for j in columns] for i in rows]
    return np.array([[np.sum(window * kernel) for window in row] for row in under])


def windows(show: Show, engine: ge.Engine) -> None:
    """Slide a kernel with all settings, by hand and by the engine; and as one product with a matrix."""
    large, worst = np.arange(25.0).reshape(5, 5) % 7, 0.0
    for name, options in WINDOWS.items():
        result = engine.run(ge.nn.conv2d([[large]], [[KERNEL]], **options))
        worst = max(worst, np.abs(result[0, 0] - slide(large, KERNEL, **options)).max())
        show.save(f"{name.split()[0]}.png", plots.sliding_window(large, KERNEL, **options), f"Windows with {name}.")
    show.criterion("windows by hand against the engine: largest difference", worst, below=1e-12)

    image, kernel = ge.input("image", (1, 1, 3, 3), "float64"), ge.input("kernel", (1, 1, 2, 2), "float64")
    total = ge.sum(ge.nn.conv2d(image, kernel))
    trace = engine.trace(total, {image: [[IMAGE]], kernel: [[KERNEL]]})
    show.save("windows.png", plots.sliding_window(IMAGE, KERNEL), "Four windows of a 2x2 kernel on a 3x3 image.")
    show.save("convolution.svg", viz.draw(trace), "The same as a graph: below each number its gradient.")
    show.save("convolution.html", viz.steps(trace), "Forward and backward, step by step.")
    matrix = ge.nn.convolution_matrix(KERNEL, IMAGE.shape)
    wrong = np.count_nonzero(matrix @ IMAGE.ravel() != [69, 50, 48, 43])
    show.criterion("numbers of U v(image) that are not 69, 50, 48, 43", wrong, below=1)
    show.save("matrix.png", plots.jacobian(matrix, upstream=[1, 1, 1, 1]), "The same as a matrix: row by row a window.")


def receptive_fields(show: Show, engine: ge.Engine) -> None:
    """Draw the gradient of one unit in the middle with respect to the image: what it sees."""
    image, kernel = ge.input("image", (1, 1, 17, 17)), np.ones((1, 1, 3, 3), "float32")
    dilations = {"1 layer": [1], "2 layers": [1, 1], "3 layers": [1, 1, 1], "dilation 1, 2, 4": [1, 2, 4]}
    fields = []
    for layers in dilations.values():
        maps = image
        for dilation in layers:
            maps = ge.nn.conv2d(maps, kernel, padding=dilation, dilation=dilation)
        fields.append(engine.run(ge.grad(maps[0, 0, 8, 8], image), {image: np.ones(image.shape)})[0, 0])
    wrong = sum(np.count_nonzero(field) != side**2 for field, side in zip(fields, (3, 5, 7, 15)))
    show.criterion("fields whose sides are not 3, 5, 7, 15", wrong, below=1)
    show.save("fields.png", plots.receptive_fields(fields, list(dilations)), "What one unit sees through 3x3 kernels.")


def pooling(show: Show, engine: ge.Engine) -> None:
    """Pool the courses' image, and put the maxima back to where they came from."""
    largest, places = ge.nn.max_pool2d([NUMBERS], 2, return_indices=True)
    tables = [largest, ge.nn.avg_pool2d([NUMBERS], 2), ge.nn.max_unpool2d(largest, places, 2)]
    highest, mean, unpooled = (table[0] for table in engine.run(tables))
    wrong = np.count_nonzero(highest != [[5, 8], [-1, 7]]) + np.count_nonzero(mean != [[2, 3], [-4, 4]])
    show.criterion("pooled numbers that are not those of the course", wrong, below=1)
    picture = plots.pooling(NUMBERS, {"maximum": highest, "mean": mean, "unpooled": unpooled})
    show.save("pooling.png", picture, "One number for each 2x2 window; unpooling puts a maximum back to its place.")


def checkerboard(show: Show, engine: ge.Engine) -> None:
    """Make an even image twice as large in three ways."""
    small, of_3, of_4 = np.ones((1, 1, 6, 6)), np.full((1, 1, 3, 3), 1 / 9), np.full((1, 1, 4, 4), 1 / 16)
    grown = {
        "kernel 3, stride 2": ge.nn.conv_transpose2d(small, 4 * of_3, stride=2, padding=1),
        "kernel 4, stride 2": ge.nn.conv_transpose2d(small, 4 * of_4, stride=2, padding=1),
        "upsampling, then 3x3": ge.nn.conv2d(ge.nn.interpolate(small, scale_factor=2), of_3, padding=1),
    }
    results = {name: image[0, 0] for name, image in zip(grown, engine.run(list(grown.values())))}
    uneven, *even = (np.std(image[2:-2, 2:-2]) for image in results.values())
    show.criterion("transposed convolution, kernel 3, stride 2: deviation", uneven, above=0.3)
    show.criterion("the two without a checkerboard: deviation inside", max(even), below=1e-12)
    show.save("checkerboard.png", plots.overlap(results), "Larger: some pixels lie in one window of 3, some in four.")


def filters(show: Show, engine: ge.Engine) -> None:
    """Blur a photograph and find its edges; shift an image, and see that its map shifts with it."""
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("china.jpg").mean(axis=-1)[:426:2, :640:2] / 255
    kernels = {"mean of 5x5": np.ones((5, 5)) / 25, "edges left to right": SOBEL, "edges top to bottom": SOBEL.T}
    found = [np.abs(engine.run(ge.nn.conv2d([[photo]], [[kernel]]))[0, 0]) for kernel in kernels.values()]
    shown = [photo, *(answer / answer.max() for answer in found)]
    picture = plots.images(shown, ["photograph", *kernels], columns=2, width=4.5)
    show.save("filters.png", picture, "A mean blurs; Sobel's filters answer to edges, each in its direction.")

    (image,) = ge.data.shapes(1, size=24, noise=0.0, seed=5).images[0]
    images = [image, np.roll(image, (3, 4), axis=(0, 1))]
    maps = [engine.run(ge.nn.conv2d([[image]], [[SOBEL]]))[0, 0] for image in images]
    moved, strongest = np.roll(maps[0], (3, 4), axis=(0, 1)), [answers.max() for answers in maps]
    show.criterion("a map shifts with its image: largest difference", np.abs(moved - maps[1]).max(), below=1e-6)
    show.criterion("and its maximum stays the same: difference", np.ptp(strongest), below=1e-6)
    picture = plots.image_rows({"image": images, f"map, maximum {strongest[0]:.2f}": maps}, width=3.2)
    show.save("shift.png", picture, "The map moves with the image; its maximum, all that pooling keeps, is the same.")


def main(show: Show) -> None:
    for part in (windows, receptive_fields, pooling, checkerboard, filters):
        part(show, show.engine())


if __name__ == "__main__":
    run(main)
