"""A small network that is trained on the same mini-batches here and in PyTorch."""

import numpy as np
import pytest

import graph_engine as ge

STEPS = 200


class Task:
    """A 5-6-3 classifier, and 200 batches of 8."""

    def __init__(self, dtype="float64"):
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(STEPS, 8, 5)).astype(dtype)
        self.y = rng.integers(0, 3, (STEPS, 8))
        self.images, self.labels = ge.input("images", ("batch", 5), dtype), ge.input("labels", "batch", "int64")
        self.net = ge.nn.Sequential(
            ge.nn.Linear(5, 6, dtype=dtype), ge.nn.Tanh(), ge.nn.Linear(6, 3, dtype=dtype)
        )  # fmt: skip
        self.loss = ge.nn.cross_entropy(self.net(self.images), self.labels)
        self.engine = ge.Engine("numpy")

    def step(self, updates, **options):
        return self.engine.compile([self.images, self.labels], self.loss, updates=updates, **options)

    def train(self, step, first=0, last=STEPS):
        return [float(step(self.x[i], self.y[i])) for i in range(first, last)]

    def weights(self):
        return [self.engine.value(p) for p in self.net.parameters()]

    def train_torch(self, make, change=lambda model: None, after=lambda optimizer: None):
        """Train the same network with PyTorch's optimiser; return its losses and weights."""
        torch = pytest.importorskip("torch")
        model = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
        model = model.to(getattr(torch, self.x.dtype.name))
        with torch.no_grad():
            for parameter, tensor in zip(self.net.parameters(), model.parameters(), strict=True):
                tensor.copy_(torch.tensor(parameter.data))
        optimizer, losses = make(model.parameters()), []
        for batch, classes in zip(self.x, self.y, strict=True):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(torch.tensor(batch)), torch.tensor(classes))
            loss.backward()
            change(model)
            optimizer.step()
            after(optimizer)
            losses.append(float(loss.detach()))
        return losses, [p.detach().numpy() for p in model.parameters()], optimizer


@pytest.fixture
def task():
    return Task()


@pytest.fixture
def task32():
    return Task("float32")
