"""SVG texts into PNG and PDF files, with no system library.

The converter is an extra: ``pip install "graph-engine[export]"``. Fonts should end in a plain family (``sans-serif``,
``serif``, ``monospace``): it finds those everywhere.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from graph_engine.files.placing import write_beside

__all__ = ["svg_to_png", "svgs_to_pdf"]


def svg_to_png(svg: str, path: str | os.PathLike[str], scale: float = 2) -> None:
    """Save an SVG text as a PNG file.

    Parameters
    ----------
    svg : str
        A whole ``<svg>`` element with ``width`` and ``height``.
    path : path
    scale : float
        Pixels per SVG unit.

    Raises
    ------
    ModuleNotFoundError
        If the export extra is not installed.
    ValueError
        If the text is no SVG.
    """
    write_beside(path, _convert(_needed("vl_convert", "PNG").svg_to_png, svg, scale=scale))


def svgs_to_pdf(svgs: Iterable[str], path: str | os.PathLike[str]) -> None:
    """Save SVG texts as the pages of one PDF file, in vectors, each page of its picture's size."""
    pages = list(svgs)
    if not pages:
        raise ValueError("a PDF needs at least one page, and there are no pictures")
    converter, pypdf = _needed("vl_convert", "PDF"), _needed("pypdf", "PDF")
    writer = pypdf.PdfWriter()
    for svg in pages:
        writer.append(io.BytesIO(_convert(converter.svg_to_pdf, svg)))
    # Every page brings its own copy of the same font.
    writer.compress_identical_objects()
    whole = io.BytesIO()
    writer.write(whole)
    write_beside(path, whole.getvalue())


def _convert(converter: Callable[..., bytes], svg: str, **options: float) -> bytes:
    """Convert, or say in one line what is wrong (the converter says it in a hundred)."""
    try:
        return bytes(converter(svg, **options))
    except (ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or ["unknown reason"])[0]
        raise ValueError(f"the picture cannot be converted: {reason}") from error


def _needed(module: str, form: str) -> Any:
    """Import a module of the export extra, or say how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        advice = f'saving {form} needs the module {module}: pip install "graph-engine[export]"'
        raise ModuleNotFoundError(advice, name=module) from error
