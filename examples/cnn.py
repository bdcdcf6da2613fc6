"""CNN: a small LeNet and a small VGG read handwritten digits; what their filters look for.

A convolution slides the same few weights over the whole image; pooling keeps the strongest answer of each window. Look
at the filters, at what they answer to one digit, at the patches that excite a unit most, and at what happens when the
digit is shifted: the maps shift with it, and pooling forgives the rest.

Run it:      graph-engine demo cnn
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images = ge.input("images", ("batch", 1, 8, 8))
labels = ge.input("labels", "batch", "int64")

lenet = ge.nn.Sequential(
    conv1=ge.nn.Conv2d(1, 8, 3, padding=1), act1=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
    conv2=ge.nn.Conv2d(8, 16, 3, padding=1), act2=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2),
    flat=ge.nn.Flatten(), out=ge.nn.Linear(16 * 2 * 2, 10),
)  # fmt: skip

vgg = ge.nn.Sequential(
    conv1=ge.nn.Conv2d(1, 8, 3, padding=1), act1=ge.nn.ReLU(),
    conv2=ge.nn.Conv2d(8, 8, 3, padding=1), act2=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
    conv3=ge.nn.Conv2d(8, 16, 3, padding=1), act3=ge.nn.ReLU(),
    conv4=ge.nn.Conv2d(16, 16, 3, padding=1), act4=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2),
    flat=ge.nn.Flatten(), out=ge.nn.Linear(16 * 2 * 2, 10),
)  # fmt: skip


def load() -> list[tuple[np.ndarray, ...]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.images[:, None].astype("float32") / 16, digits.target, fractions=(0.8, 0.2))


def train(show: Show, net: ge.nn.Module, train_data, held_out) -> tuple:
    logits = net(images)
    loss, accuracy = ge.nn.cross_entropy(logits, labels), ge.nn.accuracy(logits, labels)
    engine = show.engine()
    step = engine.compile([images, labels], loss, updates=ge.optim.Adam(3e-3).minimize(loss))
    trace = step.trace(*(array[:8] for array in train_data))
    validation = ge.training.Evaluation(engine, [images, labels], {"accuracy": accuracy}, [held_out])
    batches = ge.data.batches(*train_data, batch_size=32)
    history = ge.train(step, batches, epochs=show.pick(12, quick=4), validation=validation)
    return engine, trace, history.validation["accuracy"]


def show_features(show: Show, engine: ge.Engine, digit: np.ndarray, digits: np.ndarray) -> None:
    """Draw the filters of the first layer, their answers to a digit, and the patches that excite them most."""
    maps = lenet.act1(lenet.conv1(images))
    filters = np.asarray(engine.value(lenet.conv1.weight))[:, 0]
    show.save("filters.png", plots.images(filters, signed=True, title="Filters of the first layer"),
              "Eight 3x3 filters: red adds, blue subtracts.")  # fmt: skip
    answers = np.asarray(engine.run(maps, {images: digit[None]}))[0]
    names = ["image", *(f"map {i}" for i in range(1, 9))]
    show.save("maps.png", plots.images([digit[0], *answers], names, columns=9), "What each filter answers to a digit.")

    responses = np.asarray(engine.run(maps, {images: digits}))[:, :, 1:-1, 1:-1]  # where the whole patch is image
    rows = {f"filter {unit + 1}": [patch(digits, responses[:, unit], rank) for rank in range(8)] for unit in range(4)}
    show.save("patches.png", plots.image_rows(rows, limits=(0, 1)), "The patches that excite four of the filters most.")

    shifted = np.roll(digit, 1, axis=-1)
    first, second = (np.asarray(engine.run(maps, {images: image[None]}))[0, 1] for image in (digit, shifted))
    inside = np.s_[1:-1, 2:-1]
    show.criterion("a map shifts with its image: largest difference", np.abs(
        np.roll(first, 1, axis=-1)[inside] - second[inside]).max(), below=1e-5)  # fmt: skip
    rows = {"image": [digit[0], shifted[0]], "map 2": [first, second]}
    show.save("shift.png", plots.image_rows(rows), "The image one pixel further right: so is the map.")


def patch(digits: np.ndarray, responses: np.ndarray, rank: int) -> np.ndarray:
    sample, row, column = np.unravel_index(np.argsort(-responses, axis=None)[rank * 5], responses.shape)
    return digits[sample, 0, row : row + 3, column : column + 3]


def main(show: Show) -> None:
    train_data, held_out = load()
    engine, trace, reached = train(show, lenet, train_data, held_out)
    vgg_reached = train(show, vgg, train_data, held_out)[2]
    show.criterion("LeNet: accuracy on digits held out", reached[-1], above=show.pick(0.95, quick=0.9))
    show.criterion("VGG: accuracy on digits held out", vgg_reached[-1], above=show.pick(0.95, quick=0.9))
    curves = plots.lines({"LeNet": reached, "VGG": vgg_reached}, ylabel="accuracy on digits held out")
    show.save("accuracy.png", curves, "Both read almost all digits that they have never seen.")
    show_features(show, engine, held_out[0][0], held_out[0])
    show.save("lenet.svg", viz.draw(trace), "The first training step of the LeNet: forward, backward, update.")
    show.save("lenet.html", viz.steps(trace), "That step, one operation after the other.")


if __name__ == "__main__":
    run(main)
