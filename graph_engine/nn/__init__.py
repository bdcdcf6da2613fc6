"""Layers, activations and losses, under the names that people know from PyTorch."""

from graph_engine.nn import init
from graph_engine.nn.activation_layers import (
    ELU,
    GELU,
    GLU,
    SELU,
    Hardtanh,
    Heaviside,
    Identity,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Maxout,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    Sign,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
)
from graph_engine.nn.activations import (
    elu,
    gelu,
    glu,
    hardtanh,
    heaviside,
    identity,
    leaky_relu,
    log_softmax,
    logsigmoid,
    maxout,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    sign,
    silu,
    softmax,
    softmin,
    softplus,
    softsign,
    tanh,
)
from graph_engine.nn.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from graph_engine.nn.attention import causal_mask, scaled_dot_product_attention
from graph_engine.nn.attention_layers import MultiheadAttention
from graph_engine.nn.batch_norm_layers import BatchNorm1d, BatchNorm2d, BatchNorm3d
from graph_engine.nn.containers import Sequential
from graph_engine.nn.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from graph_engine.nn.convolution_layers import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from graph_engine.nn.dropout import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    GaussianNoise,
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    gaussian_noise,
)
from graph_engine.nn.embedding import Embedding, embedding
from graph_engine.nn.linear import Linear, linear
from graph_engine.nn.losses import (
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
    accuracy,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    cosine_embedding_loss,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    msle_loss,
    multi_margin_loss,
    nll_loss,
    perceptron_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    zero_one_loss,
)
from graph_engine.nn.mode import Training, evaluation, training
from graph_engine.nn.module import Module
from graph_engine.nn.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    normalize,
    rms_norm,
)
from graph_engine.nn.normalization_layers import (
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    RMSNorm,
)
from graph_engine.nn.padding import pad
from graph_engine.nn.patch_layers import Fold, LocallyConnected1d, LocallyConnected2d, Unfold
from graph_engine.nn.patches import convolution_matrix, fold, locally_connected1d, locally_connected2d, unfold
from graph_engine.nn.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from graph_engine.nn.pooling_layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool1d,
    MaxUnpool2d,
    MaxUnpool3d,
    SoftmaxPool1d,
    SoftmaxPool2d,
    SoftmaxPool3d,
)
from graph_engine.nn.positions import (
    LearnedPositions,
    PositionalEncoding,
    sinusoidal_positions,
)
from graph_engine.nn.recurrent import GRU, LSTM, RNN
from graph_engine.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell
from graph_engine.nn.recurrent_steps import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from graph_engine.nn.reshaping import Flatten, Unflatten
from graph_engine.nn.smooth_pooling import (
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    softmax_pool1d,
    softmax_pool2d,
    softmax_pool3d,
)
from graph_engine.nn.transformer import (
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from graph_engine.nn.upsampling import (
    interpolate,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
    pixel_shuffle,
    pixel_unshuffle,
)
from graph_engine.nn.upsampling_layers import (
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
)

__all__ = [
    "Flatten", "Unflatten",
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss",
    "HingeEmbeddingLoss", "HingeLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MSLELoss",
    "MarginRankingLoss", "MultiMarginLoss", "NLLLoss", "PerceptronLoss", "PoissonNLLLoss", "SmoothL1Loss",
    "SoftMarginLoss", "accuracy", "categorical_cross_entropy", "cosine_embedding_loss", "gaussian_nll_loss",
    "hinge_embedding_loss", "hinge_loss", "huber_loss", "kl_div", "margin_ranking_loss", "msle_loss",
    "multi_margin_loss", "perceptron_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
    "zero_one_loss",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Fold",
    "LocallyConnected1d", "LocallyConnected2d", "Unfold", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "convolution_matrix", "fold", "locally_connected1d", "locally_connected2d",
    "pad", "unfold",
    "ELU", "GELU", "GLU", "SELU", "Hardtanh", "Heaviside", "LeakyReLU", "LogSigmoid", "Maxout", "PReLU", "ReLU6",
    "Sign", "SiLU", "Softmin", "Softsign", "elu", "gelu", "glu", "hardtanh", "heaviside", "leaky_relu",
    "logsigmoid", "maxout", "prelu", "relu6", "selu", "sign", "silu", "softmin", "softsign",
    "AlphaDropout", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d",
    "Embedding", "GaussianNoise", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm",
    "LearnedPositions", "MultiheadAttention", "PositionalEncoding", "RMSNorm", "TransformerDecoder",
    "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer", "alpha_dropout", "batch_norm",
    "causal_mask", "dropout", "dropout1d", "dropout2d", "dropout3d", "embedding", "evaluation", "gaussian_noise",
    "group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm", "scaled_dot_product_attention",
    "sinusoidal_positions",
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d",
    "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "PixelShuffle", "PixelUnshuffle",
    "SoftmaxPool1d", "SoftmaxPool2d", "SoftmaxPool3d", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "interpolate",
    "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "pixel_shuffle", "pixel_unshuffle", "softmax_pool1d", "softmax_pool2d", "softmax_pool3d",
    "Identity", "Linear", "LogSoftmax", "Module", "ReLU", "Sequential", "Sigmoid", "Softmax", "Softplus", "Tanh",
    "Training", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "identity", "init",
    "l1_loss", "linear", "log_softmax", "mse_loss", "nll_loss", "relu", "sigmoid", "softmax", "softplus", "tanh",
    "training",
    "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell", "gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell",
]  # fmt: skip
