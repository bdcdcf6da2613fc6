"""What is wrong with a graph whose operations do not stand in the order in which they can be computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from graph_engine.errors import FileError

_MOST_NAMED = 8


def refuse_order(
    words: Sequence[str],
    inputs: Sequence[Sequence[int]],
    outputs: Sequence[Sequence[int]],
    maker: Mapping[int, int],
    first_wrong: int,
) -> NoReturn:
    """Name the cycle if there is one, else the first operation that stands in the wrong place.

    Parameters
    ----------
    words : sequence of str
        What to call each operation.
    inputs, outputs : sequence of sequences of int
        The variables that each operation reads and computes.
    maker : mapping of int to int
        The operation that computes each variable.
    first_wrong : int
        The first operation that reads what comes after it.
    """
    import networkx

    graph = networkx.DiGraph()
    graph.add_edges_from((maker[v], op) for op, read in enumerate(inputs) for v in read if v in maker)
    try:
        cycle = [edge[0] for edge in networkx.find_cycle(graph)]
    except networkx.NetworkXNoCycle:
        raise FileError(
            f"{words[first_wrong]} stands in the wrong place: it reads {list(inputs[first_wrong])[:_MOST_NAMED]} and "
            f"computes {list(outputs[first_wrong])[:_MOST_NAMED]}",
            "write variables and operations in the order in which they can be computed",
        ) from None
    first = cycle.index(min(cycle))
    cycle = cycle[first:] + cycle[:first]
    named = [words[op] for op in cycle[:_MOST_NAMED]] + ["..."] * (len(cycle) > _MOST_NAMED)
    raise FileError(f"the graph has a cycle: {' -> '.join([*named, words[cycle[0]]])}", "a graph computes one way")
