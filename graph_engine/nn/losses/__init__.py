"""Losses: how far a prediction is from what it should be. Names, arguments and defaults are those of PyTorch."""

from graph_engine.nn.losses.classification import categorical_cross_entropy, cross_entropy, nll_loss
from graph_engine.nn.losses.layers import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    MSLELoss,
    MultiMarginLoss,
    NLLLoss,
    PerceptronLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
)
from graph_engine.nn.losses.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    hinge_loss,
    margin_ranking_loss,
    multi_margin_loss,
    perceptron_loss,
    soft_margin_loss,
)
from graph_engine.nn.losses.metrics import accuracy, zero_one_loss
from graph_engine.nn.losses.probabilities import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from graph_engine.nn.losses.regression import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    msle_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss", "HingeEmbeddingLoss",
    "HingeLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MSLELoss", "MarginRankingLoss", "MultiMarginLoss",
    "NLLLoss", "PerceptronLoss", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss",
    "accuracy", "binary_cross_entropy", "binary_cross_entropy_with_logits", "categorical_cross_entropy",
    "cosine_embedding_loss", "cross_entropy", "gaussian_nll_loss", "hinge_embedding_loss", "hinge_loss", "huber_loss",
    "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss", "msle_loss", "multi_margin_loss", "nll_loss",
    "perceptron_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "zero_one_loss",
]  # fmt: skip
