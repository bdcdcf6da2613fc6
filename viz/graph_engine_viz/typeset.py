"""Names as mathematics: ``w1`` becomes w with a subscript, ``delta`` the Greek letter, ``grad(w)`` a derivative.

A text is a list of runs; a run is set in one style and at one height. Widths come from a table inside, because a
picture is made where there may be no fonts and seen where there are others: they are never too small.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from graph_engine_viz.geometry import coordinate

__all__ = ["FAMILY", "MONO_FAMILY", "Run", "Style", "ellipsize", "parse", "plain", "svg_text", "width"]

Style = Literal["normal", "italic", "bold"]

FAMILY = "DejaVu Sans, sans-serif"
MONO_FAMILY = "DejaVu Sans Mono, monospace"
"""What a picture's fonts should be: DejaVu has all signs that names need, in one face and in bold.

Where a font lacks one sign of a text, the converter to PNG and PDF sets the whole text in some other face.
"""

SHIFTED_SIZE = 0.7
"""Sub- and superscripts are so much smaller than the line that they stand on."""


@dataclass(frozen=True)
class Run:
    """A piece of text in one style; `shift` is 1 for a superscript, -1 for a subscript."""

    text: str
    style: Style = "normal"
    shift: int = 0


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


GREEK = _pairs("""
    alpha α beta β gamma γ delta δ epsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ
    sigma σ tau τ upsilon υ phi φ chi χ psi ψ omega ω
    Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
""")

SYMBOLS = _pairs("""
    partial ∂ nabla ∇ cdot · times × odot ⊙ otimes ⊗ oplus ⊕ top ⊤ prime ′ ell ℓ infty ∞ sum ∑ prod ∏ int ∫ sqrt √
    to → leftarrow ← rightarrow → mapsto ↦ leq ≤ geq ≥ neq ≠ approx ≈ pm ± ast ∗ star ⋆ circ ∘ in ∈ mid |
    ldots … dots … cdots ⋯ langle ⟨ rangle ⟩ varepsilon ε vartheta ϑ varphi ϕ { { } } _ _ % % # # & & $ $ | ‖
""")
SYMBOLS |= {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "quad": " "}

ACCENTS = {"hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304", "vec": "\u20d7"}
ACCENTS |= {"tilde": "\u0303", "widetilde": "\u0303", "dot": "\u0307", "ddot": "\u0308"}

STYLES: dict[str, Style] = {"mathbf": "bold", "boldsymbol": "bold", "bm": "bold", "mathit": "italic"}
STYLES |= {"mathcal": "italic", "mathrm": "normal", "text": "normal", "operatorname": "normal", "mathsf": "normal"}


def parse(name_or_tex: str, tex: bool | None = None) -> list[Run]:
    r"""Typeset a name.

    Parameters
    ----------
    name_or_tex : str
        A name as a program has it, or a little TeX. A letter or a Greek word is a symbol; what follows it in digits,
        or in a few letters after an underscore, is its subscript. Other words stay as they are.
    tex : bool, optional
        Whether it is TeX. If it is not said, a backslash, a caret or a brace tells.

    Returns
    -------
    list of Run
        Empty for an empty name. No text is an error: what is not understood is shown as it stands.

    Examples
    --------
    >>> parse("w1")
    [Run(text='w', style='italic', shift=0), Run(text='1', style='normal', shift=-1)]
    >>> [plain(parse(name)) for name in ("x_1_2", "delta", "hidden_1", "encoder.fc1.weight")]
    ['x_1,2', 'δ', 'hidden_1', 'encoder.fc1.weight']
    >>> [plain(parse(name)) for name in ("grad(w1)", "grad(grad(w))", "grad(w)_1")]
    ['∂L/∂w_1', '∂L/∂(∂L/∂w)', '(∂L/∂w)_1']
    >>> parse(r"W^{1}")
    [Run(text='W', style='italic', shift=0), Run(text='1', style='normal', shift=1)]
    >>> plain(parse(r"\delta_{k} + \hat{y}\unknown"))
    'δ_k+ŷ\\unknown'
    """
    if tex is None:
        tex = any(character in name_or_tex for character in "\\^{")
    runs = _merge(_parse_tex(name_or_tex) if tex else _parse_name(name_or_tex))
    return runs or ([Run(name_or_tex)] if name_or_tex else [])


def plain(runs: Iterable[Run]) -> str:
    """Write runs in one line of plain text, for titles and logs.

    Examples
    --------
    >>> plain([Run("W", "italic"), Run("1", shift=1)])
    'W^1'
    """
    return "".join({1: "^", -1: "_", 0: ""}[run.shift] + run.text for run in runs)


def _merge(runs: Iterable[Run]) -> list[Run]:
    """Join neighbours that look the same."""
    alike = groupby((run for run in runs if run.text), key=lambda run: (run.style, run.shift))
    joined = (Run("".join(run.text for run in group), *look) for look, group in alike)
    return list(joined)


GRADIENT = re.compile(r"grad\((.*)\)(?:_(\d+))?", re.DOTALL)
SYMBOL = re.compile(r"(?P<base>[^\W\d_]+)(?:_?(?P<digits>\d+(?:_\d+)*))?")
LETTERED = re.compile(r"(?P<base>[^\W\d_]+)_(?P<letters>[^\W_]{1,3})")


def _parse_name(name: str) -> list[Run]:
    """Peel the gradients off a name and set what is left; no recursion, for names come in any length."""
    before: list[Run] = []
    after: list[Run] = []
    while match := GRADIENT.fullmatch(name):
        name, repeat = match.groups()
        nested = GRADIENT.fullmatch(name) is not None
        before += [Run("(" if repeat else ""), Run("∂"), Run("L", "italic"), Run("/∂(" if nested else "/∂")]
        after += [Run(repeat or "", shift=-1), Run(")" if repeat else ""), Run(")" if nested else "")]
    return before + _parse_symbol(name) + after[::-1]


def _parse_symbol(name: str) -> list[Run]:
    for pattern, part, style in ((SYMBOL, "digits", "normal"), (LETTERED, "letters", "italic")):
        match = pattern.fullmatch(name)
        base = match and GREEK.get(match["base"], match["base"])
        if match and base and len(base) == 1:
            subscript = Run((match[part] or "").replace("_", ","), "italic" if style == "italic" else "normal", -1)
            return [Run(base, "italic"), subscript]
    return [Run(name)]


TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)


@dataclass(frozen=True)
class _State:
    """How the next character is set; style None is TeX's own habit: letters italic, all else upright."""

    style: Style | None = None
    shift: int = 0
    accent: str = ""


def _parse_tex(text: str) -> list[Run]:
    """Read tokens left to right: commands, ^ and _ change the state for what follows, braces save and restore it."""
    runs: list[Run] = []
    outer: list[_State] = []
    state = following = _State()
    for token in TOKEN.findall(text):
        command = token[1:] if len(token) > 1 else ""
        if token == "{":
            outer.append(state)
            state = following
        elif token == "}" and outer:
            state = following = outer.pop()
        elif token in ("^", "_"):
            following = replace(following, shift=1 if token == "^" else -1)
        elif command in STYLES:
            following = replace(following, style=STYLES[command])
        elif command in ACCENTS:
            following = replace(following, accent=ACCENTS[command])
        elif not (token.isspace() and following.style != "normal") and token != "$":
            shown = GREEK.get(command) or SYMBOLS.get(command, token)
            runs.append(_atom(shown, following))
            # An accent is for one character, what came from ^, _ or a style command for one atom.
            state = replace(state, accent="")
            following = state
    return runs


def _atom(text: str, state: _State) -> Run:
    style: Style = state.style or ("italic" if len(text) == 1 and text.isalpha() else "normal")
    return Run(unicodedata.normalize("NFC", text + state.accent), style, state.shift)


# Advance widths in thousandths of the font size: the widest of the common sans-serif fonts, mostly DejaVu Sans.
_REGULAR = {
    275: "'", 278: "ijl", 318: " ,.", 337: "/:;\\|", 361: "-", 366: "f", 391: "()[]", 400: "t", 401: "!", 421: "I",
    430: "r", 455: "J", 460: '"', 500: "*_`", 521: "s", 525: "z", 531: "?", 550: "c", 558: "L", 576: "F", 580: "k",
    592: "vxy", 604: "P", 611: "TY", 612: "o", 613: "a", 616: "e", 632: "E", 634: "hnu", 635: "Sbdgpq",
    637: "$0123456789{}", 656: "K", 685: "AV", 686: "XZ", 687: "B", 695: "R", 699: "C", 732: "U", 749: "N", 752: "H",
    771: "D", 775: "G", 780: "&", 788: "OQ", 818: "w", 838: "#+<=>^~", 863: "M", 975: "m", 989: "W", 1015: "@",
    1076: "%",
}  # fmt: skip
_BOLD = {
    307: "'", 343: "ijl", 349: " ", 366: "/\\|", 380: ",.", 400: ":;", 416: "-", 436: "f", 457: "!", 458: "()[]",
    479: "t", 494: "r", 500: "_`", 521: '"', 523: "*", 546: "I", 555: "J", 581: "?", 583: "z", 593: "c", 596: "s",
    638: "L", 646: "x", 652: "vy", 666: "k", 675: "a", 679: "e", 683: "T", 684: "EF", 688: "o", 696: "$0123456789",
    712: "hnu{}", 716: "bdgpq", 721: "S", 725: "Y", 726: "Z", 733: "P", 734: "C", 763: "B", 771: "RX", 774: "AV",
    775: "K", 813: "U", 821: "G", 831: "D", 837: "HN", 838: "#+<=>^~", 851: "OQ", 873: "&", 924: "w", 996: "M",
    1000: "@", 1042: "m", 1104: "W", 1272: "%",
}  # fmt: skip
REGULAR_WIDTHS = {character: units / 1000 for units, characters in _REGULAR.items() for character in characters}
BOLD_WIDTHS = {character: units / 1000 for units, characters in _BOLD.items() for character in characters}
MONO_WIDTH = 0.605
WIDE, EMOJI, UNKNOWN = 1.0, 1.4, 0.9


def width(text_or_runs: str | Iterable[Run], size: float, bold: bool = False, mono: bool = False) -> float:
    """Bound a text's width from above, in the units of `size`, whatever sans-serif (or monospace) font shows it.

    Examples
    --------
    >>> round(width("weight", 10), 2), round(width(parse("w1"), 10), 2), width("", 10)
    (33.81, 12.64, 0.0)
    >>> width("weight", 10) < width("weight", 10, bold=True) < width("weight", 10, mono=True) + 5
    True
    """
    runs = [Run(text_or_runs)] if isinstance(text_or_runs, str) else text_or_runs
    total = 0.0
    for run in runs:
        heavy = bold or run.style == "bold"
        scale = SHIFTED_SIZE if run.shift else 1.0
        total += scale * sum(_advance(character, heavy, mono) for character in run.text)
    return total * size


def _advance(character: str, bold: bool, mono: bool) -> float:
    """Look one character's width up, or bound it by its kind."""
    if unicodedata.combining(character):
        return 0.0
    if ord(character) >= 0x1F000:
        return EMOJI
    if unicodedata.east_asian_width(character) in "WF":
        return max(WIDE, 2 * MONO_WIDTH) if mono else WIDE
    if mono:
        # A symbol that the monospace font lacks comes from another one.
        return MONO_WIDTH if ord(character) < 0x250 else UNKNOWN
    table = BOLD_WIDTHS if bold else REGULAR_WIDTHS
    known = table.get(character) or table.get(unicodedata.normalize("NFD", character)[0])
    return known or (UNKNOWN * 1.15 if bold else UNKNOWN)


def ellipsize(text: str, room: float, size: float, bold: bool = False, mono: bool = False) -> str:
    """Cut a text so that it fits into `room`, with an ellipsis for what is missing.

    Examples
    --------
    >>> ellipsize("encoder.layer.weight", 80, 12), ellipsize("w", 80, 12), ellipsize("weight", 2, 12)
    ('encoder.la…', 'w', '')
    """
    if width(text, size, bold, mono) <= room:
        return text
    left = room / size - _advance("…", bold, mono)
    kept = 0
    for character in text:
        left -= _advance(character, bold, mono)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…" if left < 0 and room >= width("…", size, bold, mono) else ""


ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold, escaped or not."""


def svg_text(
    runs: str | Sequence[Run],
    x: float,
    y: float,
    size: float,
    anchor: Literal["start", "middle", "end"] = "start",
    **attributes: object,
) -> str:
    """Write one ``<text>`` element, all escaped.

    Sub- and superscripts are moved by ``dy``: browsers disagree about ``baseline-shift``.

    Parameters
    ----------
    runs : str or sequence of Run
        A str is set as it is.
    x, y : float
        Where the anchor stands on the baseline.
    size : float
    anchor : {"start", "middle", "end"}
    **attributes
        Further attributes: underscores become hyphens, one at the end is dropped (``class_``), None is left out.

    Examples
    --------
    >>> svg_text(parse("w1"), 5, 10, 20, class_="name")  # doctest: +NORMALIZE_WHITESPACE
    '<text x="5" y="10" font-size="20" class="name"><tspan font-style="italic">w</tspan><tspan
    dy="5" font-size="14">1</tspan></text>'
    >>> svg_text("<script>", 0, 0, 12, "middle")
    '<text x="0" y="0" font-size="12" text-anchor="middle">&lt;script&gt;</text>'
    """
    given: dict[str, object] = {"x": coordinate(x), "y": coordinate(y), "font-size": coordinate(size)}
    if anchor != "start":
        given["text-anchor"] = anchor
    given |= {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    if isinstance(runs, str):
        runs = [Run(runs)]
    height, spans = 0.0, []
    for run in runs:
        target = {0: 0.0, 1: -0.38, -1: 0.25}[run.shift] * size
        spans.append(_tspan(run, target - height, size))
        height = target
    return f"<text{_attributes(given)}>{''.join(spans)}</text>"


def _tspan(run: Run, move: float, size: float) -> str:
    looks: dict[str, object] = {}
    if move:
        looks["dy"] = coordinate(move)
    if run.shift:
        looks["font-size"] = coordinate(size * SHIFTED_SIZE)
    if run.style != "normal":
        looks["font-style" if run.style == "italic" else "font-weight"] = run.style
    text = escape(_legal(run.text))
    return f"<tspan{_attributes(looks)}>{text}</tspan>" if looks else text


def _attributes(attributes: dict[str, object]) -> str:
    return "".join(f" {key}={quoteattr(_legal(str(value)))}" for key, value in attributes.items())


def _legal(text: str) -> str:
    return ILLEGAL.sub("\ufffd", text)
