"""What nodes hold on to besides what they are computed from."""

from __future__ import annotations

from collections.abc import Iterable

from graph_engine.node import Operation, Variable


def linked(variables: Iterable[Variable]) -> tuple[list[Variable], list[Operation]]:
    """Find everything that some variables hold on to, in creation order.

    That is what they are computed from, what gradients are gradients of, and whose rules operations belong to: more
    than a `Graph`, which keeps only what has to be computed.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> y = x + x
    >>> slope = ge.grad(y, x)
    >>> y in ge.Graph(slope), y in linked([slope])[0]
    (False, True)
    """
    found: set[Variable] = set()
    operations: set[Operation] = set()
    stack: list[Variable | Operation | None] = list(variables)
    while stack:
        node = stack.pop()
        if isinstance(node, Operation):
            if node not in operations:
                operations.add(node)
                stack += (*node.inputs, *node.outputs, node.owner)
        elif node is not None and node not in found:
            found.add(node)
            stack.append(node.operation)
            if node.gradient is not None:
                stack += (node.gradient.variable, node.gradient.loss, node.gradient.operation)
    return sorted(found, key=lambda v: v.index), sorted(operations, key=lambda op: op.index)
