"""The cases: each gives a title and contenders that compute the same thing, the yardstick first."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from by_hand import lstm_step
from networks import NETWORKS, Network, engine_step, torch_step

import graph_engine as ge
import graph_engine_viz as viz

Contenders = dict[str, Callable[[], object]]
BY_HAND = {NETWORKS["lstm"]: lstm_step}  # where it is short


def chain(with_torch: bool, length: int = 1000, size: int = 16) -> tuple[str, Contenders]:
    """Return the contenders of a chain of elementwise operations, forward and backward."""
    kinds = [("sin", "tanh", "scale", "shift")[i % 4] for i in range(length)]
    data = np.linspace(-1, 1, size).astype("float32")
    contenders: Contenders = {
        "NumPy, by hand": partial(_chain_by_hand(kinds, size), data),
        "graph_engine compile": _chain_in_engine(kinds, data),
    }
    if importlib.util.find_spec("autograd"):
        contenders["autograd"] = _chain_in_autograd(kinds, data)
    if importlib.util.find_spec("mygrad"):
        contenders["MyGrad"] = _chain_in_mygrad(kinds, data)
    if with_torch:
        contenders["PyTorch, eager"] = _chain_in_torch(kinds, data)
    return f"chain of {length} elementwise operations on {size} numbers, forward and backward", contenders


def mlp(with_torch: bool, batch: int = 32) -> tuple[str, Contenders]:
    """Return the contenders of one training step of a 64-32-10 network with ReLU and softmax cross-entropy."""
    title, weights, data, labels = _mlp_data(batch)
    contenders: Contenders = {
        "NumPy, by hand": partial(_mlp_step_by_hand, [w.copy() for w in weights], data, labels),
        "graph_engine compile": _mlp_in_engine(weights, data, labels),
    }
    if with_torch:
        contenders["PyTorch, eager"] = _mlp_in_torch(weights, data, labels)
    return title, contenders


def training_step(network: Callable[[], Network], with_torch: bool) -> tuple[str, Contenders]:
    """Return the contenders of one training step of a network: forward, backward, Adam."""
    used = network()
    contenders: Contenders = {"PyTorch, eager": torch_step(used)} if with_torch else {}
    contenders["graph_engine compile"] = engine_step(used, ge.Engine("numpy"))
    if network in BY_HAND:
        contenders["NumPy, by hand"] = BY_HAND[network](*used.data)
    return f"one training step: {used.title}", contenders


def watched_step(network: Callable[[], Network], with_torch: bool) -> tuple[str, Contenders]:
    """Return one training step of a network, bare and with the debugger attached: nothing watched, every gradient."""
    used = network()
    contenders = {name: engine_step(used, ge.Engine("numpy"), attached) for name, attached in WATCHED.items()}
    return f"one training step, watched: {used.title}", contenders


def watched_mlp(with_torch: bool, batch: int = 32) -> tuple[str, Contenders]:
    """Return the same of a step so small that everything besides it shows."""
    title, weights, data, labels = _mlp_data(batch)
    contenders = {name: _mlp_in_engine(weights, data, labels, attached) for name, attached in WATCHED.items()}
    return f"{title}, watched", contenders


WATCHED: dict[str, Callable[[ge.CompiledStep], Any] | None] = {
    "nothing attached": None,
    "attached, no watchpoint": viz.attach(watch=()),
    "every gradient finite": viz.attach(watch="not grad.isfinite"),
    "everything finite": viz.attach(),
}


CASES: dict[str, Callable[[bool], tuple[str, Contenders]]] = {
    "chain": chain,
    "mlp": mlp,
    **{name: partial(training_step, network) for name, network in NETWORKS.items()},
    "watched-mlp": watched_mlp,
    **{f"watched-{name}": partial(watched_step, network) for name, network in NETWORKS.items()},
}

# ---- the chain -------------------------------------------------------------------------------------------------

_SCALE, _SHIFT = 1.01, 0.1
_FORWARD = {"sin": "sin(v{i})", "tanh": "tanh(v{i})", "scale": "multiply(v{i}, scale)", "shift": "add(v{i}, shift)"}
_BACKWARD = {
    "sin": "multiply(g, cos(v{i}))",
    "tanh": "multiply(g, subtract(one, square(v{j})))",
    "scale": "multiply(g, scale)",
    "shift": "g",
}


def _chain_by_hand(kinds: list[str], size: int) -> Callable[[Any], object]:
    """Write the NumPy calls out, one a line, as a patient person would."""
    lines = ["def by_hand(v0):"]
    lines += [f"    v{i + 1} = {_FORWARD[kind].format(i=i)}" for i, kind in enumerate(kinds)]
    lines += [f"    loss = sum(v{len(kinds)})", f"    g = broadcast_to(one, ({size},))"]
    backward = [_BACKWARD[kind].format(i=i, j=i + 1) for i, kind in enumerate(kinds)]
    lines += [f"    g = {text}" for text in reversed(backward) if text != "g"]
    lines += ["    return loss, g"]
    functions = ("sin", "cos", "tanh", "multiply", "add", "subtract", "square", "sum", "broadcast_to")
    space: dict[str, Any] = {name: getattr(np, name) for name in functions}
    space |= {"scale": np.float32(_SCALE), "shift": np.float32(_SHIFT), "one": np.float32(1)}
    exec("\n".join(lines), space)
    function: Callable[[Any], object] = space["by_hand"]
    return function


def _apply_chain(kinds: list[str], x: Any, sin: Any, tanh: Any) -> Any:
    functions = {"sin": sin, "tanh": tanh, "scale": lambda v: v * _SCALE, "shift": lambda v: v + _SHIFT}
    for kind in kinds:
        x = functions[kind](x)
    return x


def _chain_in_engine(kinds: list[str], data: Any) -> Callable[[], object]:
    x = ge.input("x", data.shape)
    loss = ge.sum(_apply_chain(kinds, x, ge.sin, ge.tanh))
    step = ge.Engine("numpy").compile([x], [loss, ge.grad(loss, x)])
    return lambda: step(data)


def _chain_in_autograd(kinds: list[str], data: Any) -> Callable[[], object]:
    import autograd
    import autograd.numpy as anp

    function = autograd.value_and_grad(lambda x: anp.sum(_apply_chain(kinds, x, anp.sin, anp.tanh)))
    return lambda: function(data)


def _chain_in_mygrad(kinds: list[str], data: Any) -> Callable[[], object]:
    import mygrad

    def run() -> object:
        x = mygrad.tensor(data)
        mygrad.sum(_apply_chain(kinds, x, mygrad.sin, mygrad.tanh)).backward()
        return x.grad

    return run


def _chain_in_torch(kinds: list[str], data: Any) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)

    def run() -> object:
        x = torch.tensor(data, requires_grad=True)
        _apply_chain(kinds, x, torch.sin, torch.tanh).sum().backward()
        return x.grad

    return run


# ---- the network -----------------------------------------------------------------------------------------------

_RATE = np.float32(0.1)


def _mlp_data(batch: int) -> tuple[str, list[Any], Any, Any]:
    """Return the title, the weights and the data."""
    generator = np.random.default_rng(0)
    data = generator.normal(size=(batch, 64)).astype("float32")
    labels = generator.integers(0, 10, batch)
    weights = [generator.normal(size=s).astype("float32") * 0.1 for s in ((64, 32), (32,), (32, 10), (10,))]
    return f"one training step of a 64-32-10 network, batch of {batch}", weights, data, labels


def _mlp_step_by_hand(state: list[Any], x: Any, labels: Any) -> object:
    w1, b1, w2, b2 = state
    before = x @ w1 + b1
    hidden = np.maximum(before, 0)
    logits = hidden @ w2 + b2
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = np.mean(np.log(sums[:, 0]) - shifted[rows, labels])
    d_logits = exps / sums
    d_logits[rows, labels] -= 1
    d_logits /= np.float32(len(labels))
    d_before = np.where(before > 0, d_logits @ w2.T, np.float32(0))
    gradients = (x.T @ d_before, d_before.sum(axis=0), hidden.T @ d_logits, d_logits.sum(axis=0))
    state[:] = [w - _RATE * g for w, g in zip(state, gradients, strict=True)]
    return loss


def _mlp_in_engine(
    weights: list[Any], data: Any, labels: Any, watched: Callable[[ge.CompiledStep], Any] | None = None
) -> Callable[[], object]:
    x, ids = ge.input("x", ("batch", 64)), ge.input("labels", "batch", "int64")
    names = ("w1", "b1", "w2", "b2")
    w1, b1, w2, b2 = (ge.parameter(name, value) for name, value in zip(names, weights, strict=True))
    loss = ge.nn.cross_entropy(ge.relu(x @ w1 + b1) @ w2 + b2, ids)
    step = ge.Engine("numpy").compile([x, ids], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    called = step if watched is None else watched(step)
    return lambda: called(data, labels)


def _mlp_in_torch(weights: list[Any], data: Any, labels: Any) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    x, ids = torch.tensor(data), torch.tensor(labels)
    state = [torch.tensor(w, requires_grad=True) for w in weights]
    optimizer = torch.optim.SGD(state, lr=0.1)

    def run() -> object:
        optimizer.zero_grad()
        hidden = torch.relu(x @ state[0] + state[1])
        loss = torch.nn.functional.cross_entropy(hidden @ state[2] + state[3], ids)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run
