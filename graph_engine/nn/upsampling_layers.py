"""Upsampling as layers, under PyTorch's names. They have no parameters and stand in the scope of the layers around."""

from __future__ import annotations

from typing import Any

from graph_engine.nn.pooling_layers import WithOptions
from graph_engine.nn.upsampling import interpolate, pixel_shuffle, pixel_unshuffle


class Upsample(WithOptions):
    """Signals, images or volumes resized; parameters as of `interpolate`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> up = ge.nn.Upsample(scale_factor=2, mode="bilinear")
    >>> up(ge.input("maps", ("batch", 8, 7, 7))).shape
    ('batch', 8, 14, 14)
    """

    function = interpolate

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None, *, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            name=name, size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners,
            recompute_scale_factor=recompute_scale_factor,
        )  # fmt: skip


class UpsamplingNearest2d(Upsample):
    """Images resized by the nearest element.

    Parameters
    ----------
    size : int or tuple of int, optional
    scale_factor : float or tuple of float, optional
    name : str, optional
    """

    def __init__(self, size: Any = None, scale_factor: Any = None, *, name: str | None = None) -> None:
        super().__init__(size, scale_factor, name=name)


class UpsamplingBilinear2d(Upsample):
    """Images resized between the nearest elements, corners aligned.

    Parameters
    ----------
    size : int or tuple of int, optional
    scale_factor : float or tuple of float, optional
    name : str, optional
    """

    def __init__(self, size: Any = None, scale_factor: Any = None, *, name: str | None = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True, name=name)


class PixelShuffle(WithOptions):
    """Pixels made of channels; parameters as of `pixel_shuffle`."""

    function = pixel_shuffle

    def __init__(self, upscale_factor: int, *, name: str | None = None) -> None:
        super().__init__(name=name, upscale_factor=upscale_factor)


class PixelUnshuffle(WithOptions):
    """Channels made of pixels; parameters as of `pixel_unshuffle`."""

    function = pixel_unshuffle

    def __init__(self, downscale_factor: int, *, name: str | None = None) -> None:
        super().__init__(name=name, downscale_factor=downscale_factor)
