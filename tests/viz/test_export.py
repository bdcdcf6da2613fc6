"""Pictures as files: text is really there."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from graph_engine_viz.export import svg_to_png, svgs_to_pdf
from graph_engine_viz.typeset import parse, svg_text

TEXTS = ["W1", "delta_k", "grad(w)", r"\hat{y}^{2}", "→ × ◂ −4"]


def picture(*names: str, width: int = 300) -> str:
    texts = (svg_text(parse(name), 10, 40 + 40 * row, 24) for row, name in enumerate(names))
    size = f'width="{width}" height="{40 * len(names) + 30}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{"".join(texts)}</svg>'


def test_png_shows_its_texts(tmp_path: Path):
    pytest.importorskip("vl_convert")
    images = pytest.importorskip("PIL.Image")
    svg_to_png(picture(*TEXTS), tmp_path / "a.png", scale=2)
    image = images.open(tmp_path / "a.png")
    assert image.size == (600, 460)
    for row in range(len(TEXTS)):
        line = image.crop((0, 80 * row + 20, 600, 80 * row + 100)).getchannel("A")
        assert sum(line.histogram()[128:]) > 100, TEXTS[row]


def test_pdf_has_a_page_a_picture_with_text_in_it(tmp_path: Path):
    pytest.importorskip("vl_convert")
    pypdf = pytest.importorskip("pypdf")
    svgs_to_pdf((picture(f"page{number}", width=100 + number) for number in range(3)), tmp_path / "a.pdf")
    pages = pypdf.PdfReader(io.BytesIO((tmp_path / "a.pdf").read_bytes())).pages
    assert len(pages) == 3
    assert [f"page{number}" in page.extract_text() for number, page in enumerate(pages)] == [True] * 3
    assert pages[0].mediabox.width < pages[2].mediabox.width


def test_no_pages_and_no_svg_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="at least one page"):
        svgs_to_pdf([], tmp_path / "a.pdf")
    pytest.importorskip("vl_convert")
    with pytest.raises(ValueError, match="cannot be converted"):
        svg_to_png("<svg", tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_without_the_extra_one_is_told_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for save in (
        lambda: svg_to_png(picture(), tmp_path / "a.png"),
        lambda: svgs_to_pdf([picture()], tmp_path / "a.pdf"),
    ):
        with pytest.raises(ModuleNotFoundError, match=r'pip install "graph-engine\[export\]"'):
            save()
    assert os.listdir(tmp_path) == []
