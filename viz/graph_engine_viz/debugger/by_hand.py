"""What was set by hand in a run, and how that is told: no rule gives those numbers, so none is written as if it did."""

from __future__ import annotations

from dataclasses import replace

from graph_engine.node import Variable
from graph_engine.trace import Step, Trace
from graph_engine_viz.debugger.meaning import results_of
from graph_engine_viz.debugger.origins import Answer
from graph_engine_viz.debugger.overlay import Overlay
from graph_engine_viz.rules import rule_lines
from graph_engine_viz.wording import Line, Part, Words, line_text, part

__all__ = ["rules_at", "set_by_hand", "with_edits"]

MOST_NAMED = 3


def set_by_hand(trace: Trace) -> frozenset[Variable]:
    """Return the variables whose values were put in by hand."""
    return frozenset(trace.arrays.fixed) if isinstance(trace.arrays, Overlay) else frozenset()


def rules_at(trace: Trace, step: Step) -> tuple[Line, ...]:
    """Write what a step computes, and what of it was set by hand."""
    lines = rule_lines(trace, step)
    fixed = set_by_hand(trace)
    if fixed.isdisjoint(results_of(step)):
        return lines
    names = [_named(trace, v) for v in results_of(step) if v in fixed]
    told = [(name, part(" was set by hand", "note")) for name in names]
    false = tuple(line_text((name,)) + end for name in names for end in (" = ", "[", " ←"))
    return (*told, *(line for line in lines if not line_text(line).startswith(false)))


def _named(trace: Trace, variable: Variable) -> Part:
    """Return a name as the rules write it."""
    words = Words(trace.graph)
    for source, holder in trace.gradients.items():
        if holder is variable and trace.loss is not None:
            return Part(words.slope(trace.loss, source))
    parameter = next((p for p, new in trace.updates.items() if new is variable), variable)
    return Part(words.short_name(parameter))


def with_edits(answer: Answer, trace: Trace) -> Answer:
    """Add to an answer which values are nobody's but the user's."""
    names = sorted(trace.graph.name_of(v) for v in set_by_hand(trace))
    if not names:
        return answer
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    named = f"{', '.join(names[:MOST_NAMED])}{more} {'was' if len(names) == 1 else 'were'}"
    text = f"In this run {named} set by hand: what no operation gave is told here as if its operation had."
    return replace(answer, text=f"{text}\n{answer.text}".strip())
