"""Losses as layers: names and arguments are those of `torch.nn`, the functions and their docstrings those beside.

Each is called as its function is, without the options: `ge.nn.MSELoss()(prediction, target)`.
"""

from __future__ import annotations

from typing import Literal

from graph_engine.nn.applied import Applied
from graph_engine.nn.losses import classification, margins, probabilities, regression
from graph_engine.node import Operand


class Loss(Applied):
    """A layer that applies a loss.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.MSELoss(reduction="sum")
    >>> float(ge.Engine("numpy").run(loss(ge.constant([1.0, 2.0]), 0.0)))
    5.0
    """


class _Reduced(Loss):
    """A loss without options but its reduction."""

    def __init__(self, reduction: str = "mean", *, name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction)


class L1Loss(_Reduced):
    """The absolute error."""

    function = regression.l1_loss


class HingeLoss(_Reduced):
    """max(0, 1 - target * input)."""

    function = margins.hinge_loss


class PerceptronLoss(_Reduced):
    """max(0, -target * input)."""

    function = margins.perceptron_loss


class SoftMarginLoss(_Reduced):
    """log(1 + exp(-target * input))."""

    function = margins.soft_margin_loss


class MSELoss(Loss):
    """The squared error."""

    function = regression.mse_loss

    def __init__(self, reduction: str = "mean", *, half: bool = False, name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction, half=half)


class MSLELoss(Loss):
    """The squared error of logarithms."""

    function = regression.msle_loss

    def __init__(self, reduction: str = "mean", *, offset: float = 1.0, name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction, offset=offset)


class HuberLoss(Loss):
    """The squared error near 0, the absolute error beyond delta."""

    function = regression.huber_loss

    def __init__(self, reduction: str = "mean", delta: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction, delta=delta)


class SmoothL1Loss(Loss):
    """Huber's loss over beta."""

    function = regression.smooth_l1_loss

    def __init__(self, reduction: str = "mean", beta: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction, beta=beta)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts."""

    function = regression.poisson_nll_loss

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, log_input=log_input, full=full, eps=eps, reduction=reduction)


class GaussianNLLLoss(Loss):
    """The negative log-likelihood under normal distributions; called on input, target and variance."""

    function = regression.gaussian_nll_loss

    def __init__(
        self, full: bool = False, eps: float = 1e-6, reduction: str = "mean", *, name: str | None = None
    ) -> None:
        super().__init__(name=name, full=full, eps=eps, reduction=reduction)


class CrossEntropyLoss(Loss):
    """The cross-entropy of scores."""

    function = classification.cross_entropy

    def __init__(
        self,
        weight: Operand | None = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        *,
        axis: int | None = None,
        name: str | None = None,
    ) -> None:
        options = {"reduction": reduction, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(name=name, weight=weight, ignore_index=ignore_index, **options)


class NLLLoss(Loss):
    """The negative log-likelihood of class numbers."""

    function = classification.nll_loss

    def __init__(
        self,
        weight: Operand | None = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
        *,
        axis: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, weight=weight, ignore_index=ignore_index, reduction=reduction, axis=axis)


class BCELoss(Loss):
    """The cross-entropy of probabilities."""

    function = probabilities.binary_cross_entropy

    def __init__(self, weight: Operand | None = None, reduction: str = "mean", *, name: str | None = None) -> None:
        super().__init__(name=name, weight=weight, reduction=reduction)


class BCEWithLogitsLoss(Loss):
    """The cross-entropy of sigmoid(input)."""

    function = probabilities.binary_cross_entropy_with_logits

    def __init__(
        self,
        weight: Operand | None = None,
        reduction: str = "mean",
        pos_weight: Operand | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, weight=weight, reduction=reduction, pos_weight=pos_weight)


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of log-probabilities from probabilities."""

    function = probabilities.kl_div

    def __init__(self, reduction: str = "mean", log_target: bool = False, *, name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction, log_target=log_target)


class HingeEmbeddingLoss(Loss):
    """Distances of pairs that belong together, a margin's lack for others."""

    function = margins.hinge_embedding_loss

    def __init__(self, margin: float = 1.0, reduction: str = "mean", *, name: str | None = None) -> None:
        super().__init__(name=name, margin=margin, reduction=reduction)


class MarginRankingLoss(Loss):
    """What is missing for a ranking with a margin; called on two inputs and a target."""

    function = margins.margin_ranking_loss

    def __init__(self, margin: float = 0, reduction: str = "mean", *, name: str | None = None) -> None:
        super().__init__(name=name, margin=margin, reduction=reduction)


class CosineEmbeddingLoss(Loss):
    """Angles of pairs; called on two inputs and a target."""

    function = margins.cosine_embedding_loss

    def __init__(self, margin: float = 0, reduction: str = "mean", *, name: str | None = None) -> None:
        super().__init__(name=name, margin=margin, reduction=reduction)


class MultiMarginLoss(Loss):
    """What the target's score is short of the others' plus a margin."""

    function = margins.multi_margin_loss

    def __init__(
        self,
        p: Literal[1, 2] = 1,
        margin: float = 1.0,
        weight: Operand | None = None,
        reduction: str = "mean",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, p=p, margin=margin, weight=weight, reduction=reduction)
