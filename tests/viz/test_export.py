"""Pictures as files: text is really there, and a file is either the old or the new one."""

from __future__ import annotations

import builtins
import io
import os
import sys
from pathlib import Path

import pytest

from graph_engine_viz.export import svg_to_png, svgs_to_pdf, write_atomic
from graph_engine_viz.typeset import parse, svg_text

TEXTS = ["W1", "delta_k", "grad(w)", r"\hat{y}^{2}", "→ × ◂ −4"]


def picture(*names: str, width: int = 300) -> str:
    texts = (svg_text(parse(name), 10, 40 + 40 * row, 24) for row, name in enumerate(names))
    size = f'width="{width}" height="{40 * len(names) + 30}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{"".join(texts)}</svg>'


def test_a_new_file_replaces_an_old_one_and_nothing_else_is_left(tmp_path: Path):
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")
    write_atomic(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("broken", ["open", "replace", "fsync"])
def test_a_failure_leaves_the_old_file_and_no_other(broken, tmp_path: Path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*arguments, **keywords):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(builtins if broken == "open" else os, broken, fail)
        with pytest.raises(OSError, match="disk full"):
            write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_link_stays_a_link_and_permissions_are_the_usual_ones(tmp_path: Path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"
    (tmp_path / "plain").touch()
    write_atomic(tmp_path / "fresh", b"")
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "plain").stat().st_mode


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_what_is_no_ordinary_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        write_atomic(tmp_path / "pipe", b"new")
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True]
