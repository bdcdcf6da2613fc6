"""Training steps written out in NumPy, as a patient person would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def lstm_step(x: Any, labels: Any, hidden: int = 64, classes: int = 10) -> Callable[[], object]:
    """Return one training step of an LSTM with a linear layer on its last output: forward, backward, Adam."""
    generator = np.random.default_rng(0)
    shapes = (
        (4 * hidden, x.shape[2]),
        (4 * hidden, hidden),
        (4 * hidden,),
        (4 * hidden,),
        (classes, hidden),
        (classes,),
    )
    weights = [(generator.uniform(-1, 1, shape) / np.sqrt(hidden)).astype("float32") for shape in shapes]
    adam = Adam(weights)

    def run() -> object:
        loss, gradients = _lstm(weights, x, labels)
        adam.update(gradients)
        return loss

    return run


class Adam:
    """Adam, in place."""

    def __init__(self, weights: list[Any], rate: float = 1e-3) -> None:
        self.weights, self.rate, self.count = weights, rate, 0
        self.means, self.squares = ([np.zeros_like(w) for w in weights] for _ in range(2))

    def update(self, gradients: list[Any]) -> None:
        """Change the weights."""
        self.count += 1
        size, scale = self.rate / (1 - 0.9**self.count), np.float32(np.sqrt(1 - 0.999**self.count))
        for w, m, s, g in zip(self.weights, self.means, self.squares, gradients, strict=True):
            m *= 0.9
            m += np.float32(0.1) * g
            s *= 0.999
            s += np.float32(0.001) * g * g
            w -= np.float32(size) * m / (np.sqrt(s) / scale + np.float32(1e-8))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _lstm(weights: list[Any], x: Any, labels: Any) -> tuple[Any, list[Any]]:
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = weights
    inputs = x @ w_ih.T + (b_ih + b_hh)
    h = c = np.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
    kept = []
    for t in range(len(x)):
        i, f, g, o = np.split(inputs[t] + h @ w_hh.T, 4, axis=1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        before, c = (h, c), f * c + i * g
        bent = np.tanh(c)
        h = o * bent
        kept.append((before, i, f, g, o, bent))

    logits = h @ w_out.T + b_out
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    weighed, rows = powers / powers.sum(axis=1, keepdims=True), np.arange(len(labels))
    loss = -np.mean(np.log(weighed[rows, labels]))

    weighed[rows, labels] -= 1
    d_logits = weighed / np.float32(len(labels))
    d_h, d_c = d_logits @ w_out, np.zeros_like(c)
    d_inputs, d_w_hh = np.empty_like(inputs), np.zeros_like(w_hh)
    for t in reversed(range(len(x))):
        (h_before, c_before), i, f, g, o, bent = kept[t]
        d_c = d_c + d_h * o * (1 - bent * bent)
        d_gates = (d_c * g * i * (1 - i), d_c * c_before * f * (1 - f), d_c * i * (1 - g * g), d_h * bent * o * (1 - o))
        d_inputs[t] = np.concatenate(d_gates, axis=1)
        d_w_hh += d_inputs[t].T @ h_before
        d_h, d_c = d_inputs[t] @ w_hh, d_c * f
    flat = d_inputs.reshape(-1, d_inputs.shape[2])
    d_bias = flat.sum(axis=0)
    d_w_ih = flat.T @ x.reshape(-1, x.shape[2])
    return loss, [d_w_ih, d_w_hh, d_bias, d_bias, d_logits.T @ h, d_logits.sum(axis=0)]
