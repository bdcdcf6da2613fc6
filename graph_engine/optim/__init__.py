"""Optimisers: they declare the new value of each parameter."""

from graph_engine.optim import schedules
from graph_engine.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from graph_engine.optim.adaptive import Adadelta, Adagrad, RMSprop
from graph_engine.optim.gradients import clip_grad_norm, clip_grad_value, grad_norm, l1_penalty, l2_penalty
from graph_engine.optim.optimizer import Optimizer
from graph_engine.optim.plateau import ReduceLROnPlateau
from graph_engine.optim.sgd import ASGD, SGD
from graph_engine.optim.target import Target

__all__ = [
    "ASGD", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "ReduceLROnPlateau", "Target", "clip_grad_norm", "clip_grad_value", "grad_norm", "l1_penalty", "l2_penalty",
    "schedules",
]  # fmt: skip
