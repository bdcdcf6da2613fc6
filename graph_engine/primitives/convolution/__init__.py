"""Convolutions of any number of dimensions, their gradients, patches of images, and borders."""

from graph_engine.primitive import Primitive
from graph_engine.primitives.convolution.borders import PadBorder, UnpadBorder
from graph_engine.primitives.convolution.forward import Convolution
from graph_engine.primitives.convolution.of_weight import ConvolutionOfWeight
from graph_engine.primitives.convolution.patches import Fold, Unfold
from graph_engine.primitives.convolution.transpose import ConvolutionTranspose

__all__ = [
    "PRIMITIVES", "Convolution", "ConvolutionOfWeight", "ConvolutionTranspose", "Fold", "PadBorder", "Unfold",
    "UnpadBorder",
]  # fmt: skip

PRIMITIVES: tuple[type[Primitive], ...] = (
    Convolution,
    ConvolutionTranspose,
    ConvolutionOfWeight,
    Unfold,
    Fold,
    PadBorder,
    UnpadBorder,
)
