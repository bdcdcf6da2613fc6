"""Images in rows and columns: data, filters, feature maps, reconstructions, what lies over an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine.errors import ShapeError
from graph_engine_viz.plots.reading import numbers, some, together
from graph_engine_viz.plots.style import (
    DIVERGING,
    VERMILION,
    as_picture,
    figure_function,
    headline,
    new_figure,
    new_panels,
    show_image,
    symmetric_limits,
)


@figure_function
def images(
    pictures: Any,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    title: str = "",
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    width: float = 1.45,
) -> Any:
    """Draw images in a grid: samples, filters, feature maps.

    Parameters
    ----------
    pictures : array_like
        Of shape (n, height, width), (n, 1 or 3, height, width) or (n, height, width, 3).
    titles : sequence of str, optional
        One above each.
    columns : int
    title : str
    signed : bool
        Whether 0 is the middle of the scale, white (filters); else the scale is grey, from the smallest to the largest.
    limits : (float, float), optional
        The ends of the scale, one for all.
    width : float
        Of each image, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = images(np.zeros((10, 8, 8)), columns=5)
    >>> len(figure.axes)
    10
    """
    pictures = [np.asarray(picture) for picture in pictures]
    if titles is not None:
        together("pictures and titles", pictures, titles)
    high, wide = max((_size(picture) for picture in pictures), default=(1, 1))
    height = width * high / wide + (0.3 if titles else 0)
    figure, panels = new_panels(len(pictures), columns, width, height, (0.4, 0.6 if title else 0.1))
    ends = limits or (symmetric_limits(*pictures) if signed else _limits(pictures))
    for number, (axes, picture) in enumerate(zip(panels, pictures)):
        show_image(axes, picture, ends, DIVERGING if signed else "gray")
        if titles is not None:
            axes.set_title(titles[number], fontsize=12, loc="center")
    headline(figure, title)
    return figure


@figure_function
def image_rows(
    rows: Mapping[str, Any], title: str = "", limits: tuple[float, float] | None = None, width: float = 1.35
) -> Any:
    """Draw rows of images one under the other, each with its name: originals over reconstructions.

    Parameters
    ----------
    rows : mapping of str to array_like
        Images as for `images`; rows may be shorter than others.
    title : str
    limits : (float, float), optional
        The ends of the grey scale; by default each row has its own.
    width : float
        Of each image, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = image_rows({"original": np.zeros((6, 8, 8)), "reconstructed": np.ones((6, 8, 8))})
    >>> len(figure.axes)
    12
    """
    columns = max(map(len, rows.values()), default=0)
    some("images", range(columns))
    names = 0.135 * max(map(len, rows)) + 0.5  # the room that they take
    height = (width + 0.1) * len(rows) + (0.6 if title else 0.1)
    figure, grid = new_figure(width * columns + names, height, len(rows), columns)
    figure.get_layout_engine().set(rect=(0.02, 0, 0.97, 1))  # letters are wider at some resolutions
    for line, (name, row) in zip(grid, rows.items()):
        ends = limits or _limits(list(map(np.asarray, row)))
        for axes, picture in zip(line, row):
            _size(picture)
            show_image(axes, picture, ends)
        for axes in line[len(row) :]:
            axes.remove()
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=10)
    headline(figure, title)
    return figure


@figure_function
def heat_map_over(image: Any, heat: Any, title: str = "", label: str = "") -> Any:
    """Draw an image, the same under a heat map, and the heat map alone: Grad-CAM.

    Parameters
    ----------
    image : array_like
        Of shape (height, width), or with 3 channels.
    heat : array_like
        Of shape (h, w), stretched over the image; from 0 on.
    title, label : str
        Above all, and beside the scale.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = heat_map_over(np.zeros((8, 8)), np.eye(4), label="importance")
    >>> len(figure.axes)  # three pictures and a scale
    4
    """
    height, width = _size(image)
    figure, grid = new_figure(11, min(max(3.3 * height / max(width, 1), 1.8), 5) + (1.0 if title else 0.6), 1, 3)
    heat = numbers("heat", heat, "h", "w")
    for axes, name in zip(grid[0], ("image", "where it looks", "heat map")):
        if name != "heat map":
            show_image(axes, image)
        axes.set_title(name)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    grid[0, 1].imshow(heat, cmap="inferno", alpha=0.55, extent=extent, interpolation="bilinear")
    shown = grid[0, 2].imshow(heat, cmap="inferno", extent=extent)
    grid[0, 2].set(xticks=[], yticks=[])
    figure.colorbar(shown, ax=grid[0, 2], shrink=0.8, label=label)
    headline(figure, title)
    return figure


@figure_function
def boxes_over(
    pictures: Any, boxes: Sequence[Any], labels: Sequence[Sequence[str]] | None = None, true_boxes: Any = None,
    columns: int = 4, title: str = "",
) -> Any:  # fmt: skip
    """Draw images with boxes: what a detector finds (solid), and what is there (dashed).

    Parameters
    ----------
    pictures : array_like
        As for `images`.
    boxes : sequence of array_like
        For each image, boxes (left, top, right, bottom) in pixels, of shape (k, 4).
    labels : sequence of sequence of str, optional
        For each box.
    true_boxes : sequence of array_like, optional
        Like `boxes`.
    columns : int
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = boxes_over(np.zeros((2, 16, 16)), [[[2, 2, 8, 8]], []], labels=[["disc 0.98"], []])
    >>> len(figure.axes[0].patches)
    1
    """
    some("pictures", pictures)
    together("pictures and boxes", pictures, boxes, *(true_boxes,) if true_boxes is not None else ())
    figure, panels = new_panels(len(pictures), columns, 3, 3.2, (0, 0.6))
    for number, axes in enumerate(panels):
        _size(pictures[number])
        show_image(axes, pictures[number])
        for x0, y0, x1, y1 in _boxes(true_boxes[number]) if true_boxes is not None else ():
            _add_box(axes, (x0, y0, x1, y1), color="white", linestyle="--")
        found = _boxes(boxes[number])
        names = labels[number] if labels is not None else [""] * len(found)
        together(f"boxes and labels of picture {number}", found, names)
        for (x0, y0, x1, y1), name in zip(found, names):
            _add_box(axes, (x0, y0, x1, y1), color=VERMILION, linewidth=2.4)
            axes.annotate(name, (x0 - 0.5, y0 - 0.5), (2, 3), textcoords="offset points", color="white", fontsize=12,
                          bbox={"facecolor": VERMILION, "edgecolor": "none", "pad": 1.5})  # fmt: skip
    headline(figure, title)
    return figure


def _add_box(axes: Any, box: tuple[float, float, float, float], **style: Any) -> None:
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = box
    axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, **style))


def _limits(pictures: Sequence[Any]) -> tuple[float, float]:
    finite = [picture[np.isfinite(picture)] for picture in pictures]
    low = min((float(values.min()) for values in finite if values.size), default=0.0)
    high = max((float(values.max()) for values in finite if values.size), default=1.0)
    return low, high if high > low else low + 1.0


def _boxes(boxes: Any) -> Any:
    return numbers("boxes", boxes, "k", 4) if len(boxes) else ()


def _size(image: Any) -> tuple[int, int]:
    shape = as_picture(image).shape
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in (3, 4)):
        raise ShapeError(
            f"an image has the shape (height, width), or 1 or 3 channels before or behind, not {np.shape(image)}",
            "one image by itself is drawn as a list of one",
        )
    return int(shape[0]), int(shape[1])
