"""Layers, activations and losses, under the names that people know from PyTorch."""

from graph_engine.nn import init
from graph_engine.nn.activations import (
    Identity,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
    identity,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from graph_engine.nn.containers import Sequential
from graph_engine.nn.linear import Linear, linear
from graph_engine.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from graph_engine.nn.mode import Training, training
from graph_engine.nn.module import Module

__all__ = [
    "Identity", "Linear", "LogSoftmax", "Module", "ReLU", "Sequential", "Sigmoid", "Softmax", "Softplus", "Tanh", "Training",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "identity", "init", "l1_loss",
    "linear", "log_softmax", "mse_loss", "nll_loss", "relu", "sigmoid", "softmax", "softplus", "tanh", "training",
]  # fmt: skip
