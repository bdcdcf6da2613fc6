"""The networks of the cases, each written once: of our layers or of PyTorch's, which have the same names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graph_engine as ge

_RATE = 1e-3


@dataclass
class Network:
    """What is trained.

    Attributes
    ----------
    title : str
    data : pair of arrays
        One batch: what goes in, and what should come out.
    build : callable
        From the layers (`ge.nn` or `torch.nn`) to a network.
    loss : str
        The name of the loss.
    """

    title: str
    data: tuple[Any, Any]
    build: Callable[[Any], Any]
    loss: str


def lenet(batch: int = 32) -> Network:
    """Return two convolutions with pooling and three linear layers, on pictures of 28 x 28."""

    def build(nn: Any) -> Any:
        return nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip

    data = _numbers(batch, 1, 28, 28), _labels(batch)
    return Network(f"LeNet, {batch} pictures of 28 x 28", data, build, "cross_entropy")


def residual(batch: int = 16, channels: int = 32, size: int = 16, blocks: int = 1) -> Network:
    """Return residual blocks: two convolutions with batch normalisation, and the way around them."""

    def build(nn: Any) -> Any:
        class Block(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
                self.norm1 = nn.BatchNorm2d(channels)
                self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
                self.norm2 = nn.BatchNorm2d(channels)
                self.relu = nn.ReLU()

            def forward(self, x: Any) -> Any:
                hidden = self.relu(self.norm1(self.conv1(x)))
                return self.relu(self.norm2(self.conv2(hidden)) + x)

        return nn.Sequential(*[Block() for _ in range(blocks)])

    data = _numbers(batch, channels, size, size), _numbers(batch, channels, size, size)
    title = f"residual block with batch norm on ({batch}, {channels}, {size}, {size})"
    return Network(title, data, build, "mse_loss")


def lstm(steps: int = 50, batch: int = 16, features: int = 32, hidden: int = 64) -> Network:
    """Return an LSTM over some steps, and a linear layer on its last output."""

    def build(nn: Any) -> Any:
        class Reader(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.LSTM(features, hidden)
                self.head = nn.Linear(hidden, 10)

            def forward(self, x: Any) -> Any:
                output, _ = self.rnn(x)
                return self.head(output[-1])

        return Reader()

    data = _numbers(steps, batch, features), _labels(batch)
    return Network(f"LSTM, {features} to {hidden}, {steps} steps, batch of {batch}", data, build, "cross_entropy")


def transformer(batch: int = 16, length: int = 32, size: int = 64, heads: int = 4, dropout: float = 0.1) -> Network:
    """Return one encoder layer, with GELU and dropout."""

    def build(nn: Any) -> Any:
        return nn.TransformerEncoderLayer(size, heads, 4 * size, dropout, activation="gelu", batch_first=True)

    data = _numbers(batch, length, size), _numbers(batch, length, size)
    title = f"transformer encoder layer, {size} features, {heads} heads, {batch} x {length} words"
    return Network(title, data, build, "mse_loss")


NETWORKS: dict[str, Callable[[], Network]] = {
    "lenet": lenet, "residual": residual, "lstm": lstm, "transformer": transformer,
}  # fmt: skip


def _numbers(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _labels(batch: int) -> Any:
    return np.random.default_rng(1).integers(0, 10, batch)


# ---- one training step: forward, backward, Adam ----------------------------------------------------------------


def declared(network: Network) -> tuple[list[ge.Variable], ge.Variable, dict[ge.Variable, ge.Variable]]:
    """Return the inputs, the loss, and what the layers update besides the weights (running statistics)."""
    arrays = zip(("x", "wanted"), network.data, strict=True)
    x, wanted = (ge.input(name, array.shape, array.dtype.name) for name, array in arrays)
    net = network.build(ge.nn)
    with ge.nn.training() as mode:
        loss = getattr(ge.nn, network.loss)(net(x), wanted)
    return [x, wanted], loss, mode.updates


def engine_step(
    network: Network, engine: ge.Engine, watched: Callable[[ge.CompiledStep], Callable[..., object]] | None = None
) -> Callable[[], object]:
    """Return the step as we compile it, or what is called in its place."""
    inputs, loss, updates = declared(network)
    step = engine.compile(inputs, loss, updates=ge.optim.Adam(_RATE).minimize(loss) | updates)
    data = [engine.backend.asarray(array) for array in network.data]
    called = step if watched is None else watched(step)
    return lambda: called(*data)


def torch_step(network: Network) -> Callable[[], object]:
    """Return the step in eager PyTorch."""
    import torch

    torch.set_num_threads(1)
    net = network.build(torch.nn)
    loss_of = getattr(torch.nn.functional, network.loss)
    optimizer = torch.optim.Adam(net.parameters(), lr=_RATE)
    x, wanted = map(torch.tensor, network.data)

    def run() -> object:
        optimizer.zero_grad()
        loss = loss_of(net(x), wanted)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run
