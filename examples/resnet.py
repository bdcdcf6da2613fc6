"""ResNet: a skip connection around each block lets gradients pass, however deep the network is.

A block adds what it computes to what it was given: y = x + F(x). On its way back the gradient is multiplied with
1 + dF/dx: the 1 lets it through. Look at the wire that goes around each F, and at the gradient from layer to layer.

Run it:      graph-engine demo resnet
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images, labels = ge.input("images", ("batch", 1, 8, 8)), ge.input("labels", "batch", "int64")


class Block(ge.nn.Module):
    """x + F(x), where F is twice a batch normalisation, a ReLU and a convolution (K. He et al., 2016)."""

    def __init__(self, before: int, channels: int) -> None:
        stride = 1 if before == channels else 2
        self.F = ge.nn.Sequential(
            norm1=ge.nn.BatchNorm2d(before), act1=ge.nn.relu,
            conv1=ge.nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False),
            norm2=ge.nn.BatchNorm2d(channels), act2=ge.nn.relu,
            conv2=ge.nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )  # fmt: skip
        self.shortcut = ge.nn.Identity() if stride == 1 else ge.nn.Conv2d(before, channels, 1, stride=2, bias=False)

    def forward(self, x: ge.Variable) -> ge.Variable:
        y = self.shortcut(x) + self.F(x)
        return y


def resnet(blocks: list[int], channels: int) -> ge.nn.Sequential:
    """A convolution, stages of blocks - each with half the size and twice the channels - and the mean of each map."""
    stages, width = {}, channels
    for n, count in enumerate(blocks, start=1):
        before, width = width, 2 * width if stages else channels
        stages[f"stage{n}"] = ge.nn.Sequential(Block(before, width), *(Block(width, width) for _ in range(count - 1)))
    head = [ge.nn.BatchNorm2d(width), ge.nn.relu, ge.nn.AdaptiveAvgPool2d(1), ge.nn.Flatten(), ge.nn.Linear(width, 10)]
    return ge.nn.Sequential(stem=ge.nn.Conv2d(1, channels, 3, padding=1), **stages, head=ge.nn.Sequential(*head))


def load() -> list[tuple[np.ndarray, ...]]:
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    return ge.data.split(pixels.reshape(-1, 1, 8, 8) / 16, digits, fractions=(0.8, 0.2))


def declare_step(engine: ge.Engine, net: ge.nn.Module) -> ge.CompiledStep:
    """Batch normalisation uses each batch's own statistics in training, and keeps running ones for later."""
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(net(images), labels)
    return engine.compile([images, labels], loss, updates=ge.optim.Adam(5e-3).minimize(loss) | mode.updates)


def learn(show: Show, train_data: tuple, held_out: tuple) -> None:
    net, engine = resnet(show.pick([2, 2], quick=[1, 1]), channels=8), show.engine()
    step, accuracy = declare_step(engine, net), ge.nn.accuracy(net(images), labels)
    validation = ge.training.Evaluation(engine, [images, labels], {"accuracy": accuracy}, [held_out])
    history = ge.train(step, ge.data.batches(*train_data, batch_size=32), show.pick(8, quick=3), validation=validation)
    show.criterion("accuracy on digits held out", history.validation["accuracy"][-1], above=show.pick(0.95, quick=0.85))
    show.save("training.png", history.plot(best=None), "Loss and accuracy, epoch by epoch.")


def gradient_sizes(engine: ge.Engine, layers: list, digits: np.ndarray) -> np.ndarray:
    """Return the RMS of the gradient at each layer's output, over the last layer's; no layer is trained yet."""
    outputs = [ge.nn.Conv2d(1, 8, 3, padding=1)(images)]
    with ge.nn.training():
        for layer in layers:
            outputs.append(layer(outputs[-1]))
    gradients = engine.run(ge.grad(ge.mean(ge.square(outputs[-1] - 1.0)), outputs[1:]), {images: digits})
    sizes = [np.sqrt(np.mean(np.asarray(gradient, "float64") ** 2)) for gradient in gradients]
    return np.array(sizes) / sizes[-1]


def depth(show: Show, digits: np.ndarray) -> None:
    """Let a gradient go back through thirty layers of each kind; check that a block's derivative is 1 + dF/dx."""
    blocks = ge.nn.Sequential(*(Block(8, 8) for _ in range(30)))
    sigmoids = [ge.nn.Sequential(ge.nn.Conv2d(8, 8, 3, padding=1), ge.nn.sigmoid, name=f"layer{i}") for i in range(30)]
    kinds = {"sigmoid": sigmoids, "without skip": [block.F for block in blocks], "residual": list(blocks)}
    flows = {kind: gradient_sizes(show.engine(), layers, digits) for kind, layers in kinds.items()}
    show.criterion("sigmoid, 30 layers: gradient of the first over the last's", flows["sigmoid"][0], below=1e-6)
    show.criterion("residual, 30 blocks: the same", flows["residual"][0], above=0.01, below=100)
    picture = plots.gradient_flow(flows, "RMS of the gradient, over the last layer's")
    show.save("flow.png", picture, "It vanishes, explodes (blocks without their skip connections), or comes through.")
    x, block = ge.input("x", (1, 2, 3, 3)), Block(2, 2)
    jacobians = [ge.reshape(ge.jacobian(y, x), (18, 18)) for y in (block(x), block.F(x))]
    whole, inner = show.engine().run(jacobians, {x: digits[:2, :, 2:5, 2:5].reshape(x.shape)})
    show.criterion("derivative of a block: distance to 1 + dF/dx", np.abs(whole - np.eye(18) - inner).max(), below=1e-5)


def diagrams(show: Show, train_data: tuple) -> None:
    """Draw a block, a training step of two blocks, and a network of fifty layers: a stem, 24 blocks of two, a head."""
    block, net, deep = Block(4, 4), resnet([1, 1], channels=4), resnet([8, 8, 8], channels=8)
    output, logits = block(ge.input("x", ("batch", 4, 8, 8))), deep(images)
    layers = [f"block.F.{name}" for name in ("norm1", "conv1", "norm2", "conv2")]
    show.save("block.svg", viz.draw(output, collapse=layers), "A block: what enters F, and what goes around it, add.")
    trace = declare_step(show.engine(), net).trace(*(array[:8] for array in train_data))
    inner = [f"net.{name}" for name in ("stem", "stage1.block1.F", "stage2.block1.F", "stage2.block1.shortcut", "head")]
    show.save("resnet.svg", viz.draw(trace, collapse=inner), "A training step: a skip connection goes around each F.")
    show.save("resnet.html", viz.steps(trace, collapse=inner), "That step: at each block's input two gradients meet.")
    stages = [f"deep.{name}" for name in ("stem", "stage1", "stage2", "stage3", "head")]
    show.save("deep.svg", viz.draw(logits, collapse=stages), "Fifty layers, each stage folded into one node.")
    show.save("deep-blocks.svg", viz.draw(logits), "The same, opened as far as a picture has room: 24 blocks.")


def main(show: Show) -> None:
    train_data, held_out = load()
    learn(show, train_data, held_out)
    depth(show, held_out[0][:32])
    diagrams(show, train_data)


if __name__ == "__main__":
    run(main)
