"""The debugger's panes in a terminal, as text: where one stands, scopes, formulas, inspector, stops and calls."""

from __future__ import annotations

from typing import Any

from graph_engine_viz.debugger.conditions import SIDES
from graph_engine_viz.debugger.terminal.cells import Line, Span, Style, beside, fitted, wrapped
from graph_engine_viz.debugger.terminal.desk import Desk
from graph_engine_viz.debugger.terminal.rows import Row, row_of
from graph_engine_viz.summary import short

__all__ = ["SMALLEST", "compose"]

SMALLEST = (40, 12)
"""The least width and height."""

_NUMBER = 10
_CELL = 9
_BARS = "▁▂▃▄▅▆▇█"
_MARKS = {"f": "▶", "b": "◀", "u": "◆"}
_STYLES: dict[str, Style] = {"value": "value", "grad": "gradient", "update": "value"}
_TITLES = {"value": "value", "grad": "gradient", "update": "new value"}
_HINT = "l h step · j k into, out · c C on · b w stop · n N NaN · / e m y · ? keys · q"


def compose(desk: Desk, width: int, height: int) -> list[Line]:
    """Return what a terminal shows, line by line.

    Parameters
    ----------
    desk : Desk
    width, height : int
        Of the terminal, in cells.

    Returns
    -------
    list of Line
        As many as it is high, each as wide as it is.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        lines = [[Span(f"too small: {SMALLEST[0]} x {SMALLEST[1]} at least")], *wrapped(desk.state["text"], width)]
    elif desk.reading is not None:
        lines = _reading(desk, desk.reading, width, height)
    else:
        lines = _panes(desk, width, height)
    lines = [fitted(line, width) for line in lines[:height]]
    return lines + [fitted([], width) for _ in range(height - len(lines))]


def _panes(desk: Desk, width: int, height: int) -> list[Line]:
    top, foot = _where(desk, width), _foot(desk, width)
    stops = max(2, height // 7)
    left = max(width * 45 // 100, SMALLEST[0] // 2 - 1)
    rows = height - len(top) - len(foot) - stops - 2
    formulas = _formulas(desk, width - left - 1)[: max(rows // 3, 1)]
    inspector = _inspector(desk, width - left - 1)[: rows - len(formulas) - 1]
    right = [*formulas, _rule("inspector", width - left - 1), *inspector]
    rest = width - left - 1
    columns = "".join(f"{side:>{_NUMBER - 1}} " for side in ("value", "gradient"))
    return [
        *top, *beside([_rule("scopes", left, columns)], [_rule("what is computed here", rest)], left, width),
        *beside(_scopes(desk, left, rows), right, left, width, rows),
        *beside([_rule("stops", left)], [_rule("the same in Python", rest)], left, width),
        *beside(_points(desk)[:stops], _calls(desk, stops), left, width, stops), *foot,
    ]  # fmt: skip


def _rule(title: str, width: int, end: str = "") -> Line:
    return [Span(f"─ {title} ".ljust(width - len(end), "─") + end, "dim")]


# ---- where one stands ------------------------------------------------------------------------------------------


def _where(desk: Desk, width: int) -> list[Line]:
    state, run = desk.state, desk.run
    _, name, _, file, number = run["steps"][state["at"]][:5]
    place = "" if file is None else f"{run['files'][file]['name']}:{number}"
    of = f"   run {state['run']} of {state['runs']}" if state["runs"] > 1 else ""
    subject = f"all of {'.'.join(state['scope'])}" if state["scope"] is not None else name
    if state["substep"] is not None:
        session = desk.session
        count, operation = len(session.steps[state["at"]].substeps), session.here.operation
        made = session.trace.graph.describe(operation) if operation is not None else ""
        subject += f", primitive {state['substep'] + 1} of {count}: {made}"
    code = "" if file is None else dict(run["files"][file]["lines"]).get(number, "").strip()
    first = fitted([Span(f"{state['title']}{of}", "title")], width - len(place) - 1)
    reasons = " · ".join(f"■ {reason}" for reason in state["reasons"])
    return [[*first, Span(f" {place}")], [Span(subject, "title"), Span(f"   {code}"), Span(f"   {reasons}", "trouble")]]


def _foot(desk: Desk, width: int) -> list[Line]:
    if desk.prompt is not None:
        text = f"{desk.prompt.label}{desk.prompt.text}"
        return [[Span(text[-(width - 2) :], "title"), Span("▏")]]
    message = wrapped(desk.message, width, "trouble")[:3] if desk.message else []
    return [*message, [Span(_HINT, "dim")]]


# ---- scopes ----------------------------------------------------------------------------------------------------


def _scopes(desk: Desk, width: int, height: int) -> list[Line]:
    rows = desk.rows
    here = row_of(desk.run, rows, desk.state["at"])
    first = min(max((here or 0) - height // 2, 0), max(len(rows) - height, 0))
    shown = rows[first : first + height]
    names = [row.variable for row in shown if row.variable is not None]
    numbers = desk.ask("numbers", names=list(dict.fromkeys(names)))
    phase = desk.run["steps"][desk.state["at"]][0]
    return [_row(desk, row, numbers, _MARKS[phase] if first + i == here else "", width) for i, row in enumerate(shown)]


def _row(desk: Desk, row: Row, numbers: dict[str, Any], mark: str, width: int) -> Line:
    fold = "▸ " if row.is_folded else "▾ " if row.variable is None else ""
    name = f"{mark or ' '} {'  ' * row.depth}{fold}{row.name}"
    line = fitted([Span(name, "here" if mark else "plain")], width - 2 * _NUMBER)
    if row.variable is None:
        return line
    for side in ("value", "grad"):
        known = side in numbers[row.variable] and desk.is_known(row.variable, side)
        line.append(Span(f"{numbers[row.variable][side][0] if known else '·':>{_NUMBER - 1}} ", _STYLES[side]))
    return line


# ---- formulas and inspector ------------------------------------------------------------------------------------


def _formulas(desk: Desk, width: int) -> list[Line]:
    return [line for text in desk.session.explain() for line in wrapped(text, width)]


def _inspector(desk: Desk, width: int) -> list[Line]:
    if desk.inspected is None:
        return [[Span("nothing to inspect here", "dim")]]
    name, side = desk.inspected
    shape, dtype, kind = desk.run["variables"][name][:3]
    sides = [Span(f"[{_TITLES[s]}] " if s == side else f" {_TITLES[s]}  ", _STYLES[s]) for s in SIDES]
    head = [[Span(name, "title"), Span(f"  {kind} {shape} {dtype}")], sides]
    if not desk.is_known(name, side):
        return [*head, [Span("not computed at this step", "dim")]]
    table = desk.ask("inspect", variable=name, side=side, slice=desk.slice)
    style = _STYLES[side]
    statistics = "  ".join(f"{what} {number[0]}" for what, *number in table["columns"][side] or ())
    return [
        *head, *wrapped(table["made"], width, "dim"), *wrapped(statistics, width, style),
        *_histogram(table["histogram"]), *_local(table), *_terms(table), *_grid(table["grid"], width, style),
    ]  # fmt: skip


def _histogram(found: dict[str, Any]) -> list[Line]:
    most = max(found["counts"], default=0)
    if not most:
        return []
    bars = "".join(" " if not count else _BARS[count * (len(_BARS) - 1) // most] for count in found["counts"])
    return [[Span(f"{found['low'][0]} "), Span(bars), Span(f" {found['high'][0]}")]]


def _local(table: dict[str, Any]) -> list[Line]:
    numbers = [f" = {row['number'][0]}" if row["number"] is not None else "" for row in table["local"]]
    rows = zip(table["local"], numbers, strict=True)
    return [*([Span(f"∂/∂{row['input']}: {row['symbol']}{n}")] for row, n in rows), *_more(table, "local")]


def _terms(table: dict[str, Any]) -> list[Line]:
    numbers = [f"{'RMS ' if term['is_rms'] else ''}{term['number'][0]}" for term in table["terms"]]
    rows = zip(table["terms"], numbers, strict=True)
    return [*([Span(n, "gradient"), Span(f" through {t['operation']}")] for t, n in rows), *_more(table, "terms")]


def _more(table: dict[str, Any], rows: str) -> list[Line]:
    count = table[f"{rows}_of"] - len(table[rows])
    return [[Span(f"and {count} more", "dim")]] if count else []


def _grid(grid: dict[str, Any], width: int, style: Style) -> list[Line]:
    rows, columns = grid["shape"]
    fitting = max(min(columns, (width - 1) // (_CELL + 1)), 1)
    lines: list[Line] = [[Span(f"[{grid['slice']}]" + (f" {grid['cut']}" if grid["cut"] else ""), "dim")]]
    for row in range(rows):
        texts = grid["texts"][row * columns : row * columns + fitting]
        more = " …" if fitting < columns else ""
        lines.append([Span(" ".join(f"{_shortened(text):>{_CELL}}" for text in texts) + more, style)])
    return lines


def _shortened(text: str) -> str:
    return text if len(text) <= _CELL else short(float(text))


# ---- stops and calls -------------------------------------------------------------------------------------------


def _points(desk: Desk) -> list[Line]:
    return [
        [Span(f"{point['number']} {point['kind']} {point['text']}, {point['hits']} hits"), _off(point)]
        for point in reversed(desk.state["points"])
    ] or [[Span("none: b or w", "dim")]]


def _off(point: dict[str, Any]) -> Span:
    return Span("" if point["enabled"] else " off", "dim")


def _calls(desk: Desk, count: int) -> list[Line]:
    return [[Span(call)] for call in desk.session.log[-count:]]


def _reading(desk: Desk, text: list[str], width: int, height: int) -> list[Line]:
    lines = [line for part in text[desk.scroll :] for line in wrapped(part or " ", width)]
    shown = lines[: height - 1]
    shown += [[] for _ in range(height - 1 - len(shown))]
    return [*shown, [Span(f"line {desk.scroll + 1} of {len(text)}   j k scroll, any other key goes back", "dim")]]
