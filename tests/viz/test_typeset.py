"""Names as mathematics, widths that are never too small, and texts that any SVG can hold."""

from __future__ import annotations

import xml.etree.ElementTree as xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_engine_viz.typeset import GREEK, Run, ellipsize, parse, plain, svg_text, width


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("W", "W"), ("W1", "W_1"), ("W_1", "W_1"), ("w12", "w_12"), ("x_1_2", "x_1,2"), ("h_t", "h_t"),
        ("W_ih", "W_ih"),
        ("delta", "δ"), ("delta_2", "δ_2"), ("Sigma", "Σ"), ("lambda", "λ"), ("hidden", "hidden"),
        ("hidden_1", "hidden_1"), ("encoder.fc1.weight", "encoder.fc1.weight"), ("loss", "loss"), ("x_", "x_"),
        ("_1", "_1"), ("2", "2"), ("", ""), ("<script>", "<script>"), ("日本", "日本"), ("σ1", "σ_1"),
        ("grad(w)", "∂L/∂w"), ("grad(w1)", "∂L/∂w_1"), ("grad(encoder.weight)", "∂L/∂encoder.weight"),
        ("grad(w)_1", "(∂L/∂w)_1"), ("grad(grad(w_1))", "∂L/∂(∂L/∂w_1)"), ("grad(", "grad("), ("grad()", "∂L/∂"),
        ("x" * 300, "x" * 300),
    ],
)  # fmt: skip
def test_names(name, text):
    assert plain(parse(name)) == text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("W^{1}", "W^1"), (r"\delta_{k}", "δ_k"), (r"\hat{y}", "ŷ"), (r"\mathbf{W}_1^{(2)}", "W_1^(2)"),
        (r"x^\alpha", "x^α"), ("$W^1$", "W^1"), (r"\text{a b} c", "a bc"), (r"\foo{x}", r"\foox"), (r"{{x", "x"),
        ("x}}^", "x}}"), ("\\", "\\"), (r"\{a\}", "{a}"), (r"\partial L/\partial \mathbf{W}", "∂L/∂W"),
        (r"\hat{xy}", "x̂y"),
    ],
)  # fmt: skip
def test_tex(tex, text):
    assert plain(parse(tex, tex=True)) == text


def test_styles():
    assert parse("w1") == [Run("w", "italic"), Run("1", "normal", -1)]
    assert parse("x_t") == [Run("x", "italic"), Run("t", "italic", -1)]
    assert parse("hidden") == [Run("hidden")]
    assert parse(r"\mathbf{W}^{(1)}") == [Run("W", "bold"), Run("(1)", "normal", 1)]
    assert parse(r"\mathbf Wx") == [Run("W", "bold"), Run("x", "italic")]


def test_tex_is_recognised_but_a_plain_name_is_not_mistaken_for_it():
    assert plain(parse("W^{1}")) == plain(parse("W^{1}", tex=True))
    assert parse("W^{1}", tex=False) == [Run("W^{1}")]
    assert all(plain(parse(name)) == letter for name, letter in GREEK.items())


@given(st.text(), st.sampled_from([None, True, False]))
def test_no_text_is_an_error(text, tex):
    runs = parse(text, tex)
    assert all(run.text for run in runs)
    xml.fromstring(svg_text(runs, 0, 0, 12))
    assert width(runs, 12) >= 0


def test_deep_nesting_is_no_recursion():
    deep = "grad(" * 5_000 + "w" + ")" * 5_000
    assert plain(parse(deep)).startswith("∂L/∂(∂L/∂(")
    assert plain(parse("{" * 5_000 + "w" + "}" * 5_000)) == "w"


def test_widths_are_not_below_those_of_a_wide_font():
    font = pytest.importorskip("matplotlib.textpath").TextPath
    properties = pytest.importorskip("matplotlib.font_manager").FontProperties
    for text in ("weight", "Illicit WWW", "∂L/∂w = -4.0e-3 × 2", "éàü", "αβγδθλμσω", "∑∏∫→≤"):
        for weight in ("normal", "bold"):
            shape = font((0, 0), text, size=20, prop=properties(family="DejaVu Sans", weight=weight))
            drawn = shape.get_extents().x1
            assert drawn <= width(text, 20, bold=weight == "bold") <= drawn * 1.6


def test_width_of_runs_and_of_strange_characters():
    assert width("", 12) == 0
    assert width(parse("w1"), 10) == pytest.approx(width("w", 10) + 0.7 * width("1", 10))
    assert width([Run("w", "bold")], 10) == width("w", 10, bold=True) > width("w", 10)
    assert width("日本", 10) >= 20 and width("🙂", 10) >= 12 and width("e\u0301", 10) == width("e", 10)
    assert width("il", 10, mono=True) == width("WM", 10, mono=True)


@given(st.text(max_size=40), st.floats(0, 300))
def test_what_is_ellipsized_fits(text, room):
    short = ellipsize(text, room, 12)
    assert width(short, 12) <= room + 1e-9
    assert short == text or short == "" or (short.endswith("…") and text.startswith(short[:-1]))


def test_svg_text_moves_by_dy_and_comes_back():
    element = xml.fromstring(
        svg_text(parse("x_1^{2}y", tex=True), 5, 10.126, 20, "middle", font_weight="bold", id=None)
    )
    assert element.attrib == {"x": "5", "y": "10.13", "font-size": "20", "text-anchor": "middle", "font-weight": "bold"}
    moves = [float(span.get("dy", 0)) for span in element]
    assert moves == pytest.approx([0, 5, -12.6, 7.6])
    assert "".join(element.itertext()) == "x12y"


def test_svg_text_escapes():
    element = xml.fromstring(svg_text("<script>&\x00\ud800", 0, 0, 12, title='"quoted" <b>'))
    assert element.text == "<script>&\ufffd\ufffd"
    assert element.get("title") == '"quoted" <b>'
