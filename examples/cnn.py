"""CNN: a small LeNet and a small VGG read handwritten digits; what their filters look for.

A convolution slides the same few weights over the whole image; pooling keeps the strongest answer of each window. Look
at the filters, at what they answer to one digit, at the patches that excite a unit most, and at what happens when the
digit is shifted: the maps shift with it.

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


def show_filters(show: Show, engine: ge.Engine, digit: np.ndarray) -> None:
    """Draw the filters of the LeNet's first layer, and the maps of its layers for one digit; shift the digit."""
    filters = np.asarray(engine.value(lenet.conv1.weight))[:, 0]
    names = [f"filter {number}" for number in range(1, 9)]
    show.save("filters.png", plots.images(filters, names, signed=True), "Filters of the LeNet's first layer, 3x3: red "
              "adds, blue subtracts.")  # fmt: skip
    layers = {"conv1": lenet[:2], "pool1": lenet[:3], "conv2": lenet[:5], "pool2": lenet[:6]}
    maps = engine.run([part(images) for part in layers.values()], {images: digit[None]})
    rows = {"image": digit} | {f"{name}, {m.shape[-1]}x{m.shape[-1]}": m[0, :8] for name, m in zip(layers, maps)}
    show.save("maps.png", plots.image_rows(rows), "What a digit becomes from layer to layer: eight maps of each.")

    shifted = np.roll(digit, 1, axis=-1)
    first, second = engine.run(lenet[:2](images), {images: np.stack([digit, shifted])})[:, 1]
    inside = np.s_[1:-1, 2:-1]
    show.criterion("a map shifts with its image: largest difference", np.abs(
        np.roll(first, 1, axis=-1)[inside] - second[inside]).max(), below=1e-5)  # fmt: skip
    show.criterion("... and is not empty: largest answer", second[inside].max(), above=0.1)
    rows = {"image": [digit[0], shifted[0]], "map 2": [first, second]}
    show.save("shift.png", plots.image_rows(rows), "The image one pixel further right: so is the map.")


def show_patches(show: Show, engine: ge.Engine, digits: np.ndarray) -> None:
    """Draw the patches that excite units most, one of each digit: behind two layers a unit sees 5x5 pixels."""
    answers = engine.run(vgg[:4](images), {images: digits})[:, :, 2:-2, 2:-2]  # where the whole patch is image
    rows = {}
    for unit in np.argsort(-answers.max(axis=(0, 2, 3)))[:5]:
        strongest = np.argsort(-answers[:, unit].max(axis=(1, 2)))[:8]
        places = [np.unravel_index(np.argmax(answers[digit, unit]), (4, 4)) for digit in strongest]
        rows[f"unit {unit + 1}"] = [digits[d, 0, y : y + 5, x : x + 5] for d, (y, x) in zip(strongest, places)]
    show.save("patches.png", plots.image_rows(rows, limits=(0, 1)), "The patches of digits held out that excite five "
              "units of the VGG's second layer most: each looks for a stroke of its own.")  # fmt: skip


def main(show: Show) -> None:
    train_data, held_out = load()
    engine, trace, reached = train(show, lenet, train_data, held_out)
    vgg_engine, _, vgg_reached = train(show, vgg, train_data, held_out)
    show.criterion("LeNet: accuracy on digits held out", reached[-1], above=show.pick(0.95, quick=0.9))
    show.criterion("VGG: accuracy on digits held out", vgg_reached[-1], above=show.pick(0.95, quick=0.9))
    curves = plots.lines({"LeNet": reached, "VGG": vgg_reached}, ylabel="accuracy on digits held out")
    show.save("accuracy.png", curves, "Both read almost all digits that they have never seen.")
    show_filters(show, engine, held_out[0][0])
    show_patches(show, vgg_engine, held_out[0])
    show.save("lenet.svg", viz.draw(trace), "The first training step of the LeNet: forward, backward, update.")
    show.save("lenet.html", viz.steps(trace), "That step, one operation after the other.")


if __name__ == "__main__":
    run(main)
