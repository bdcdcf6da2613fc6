"""Where a layer stands in the tree of names.

A layer's own name is the one it was given, else the attribute or keyword that its container keeps it under, else the
name that the user's program assigns it to, else its class. Layers are often made before the container that they go
into, so a full name is settled only when it is first needed: when a parameter is made, or when the layer is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from graph_engine.source import Source


class Place:
    """The name of one layer: its own, under its container's, or under the scopes that were open when it was made.

    Attributes
    ----------
    fallback : str
        The name when nobody said one.
    source : Source
        The line that made the layer.
    scope : tuple of str
        The scopes that were open there.
    given : str or None
        The name that was said.
    """

    def __init__(self, fallback: str, source: Source, scope: tuple[str, ...]) -> None:
        self.fallback = fallback
        self.source = source
        self.scope = scope
        self.given: str | None = None
        self._label: str | None = None
        self._parent: Place | None = None
        self._settled: tuple[str, ...] | None = None

    @property
    def said(self) -> str | None:
        """The name that the program gives or assigns, if any."""
        return self.given or self.source.name()

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the outside to this layer, as they are now."""
        if self._settled is not None:
            return self._settled
        if self._parent is None:
            return (*self.scope, self.said or self.fallback)
        return (*self._parent.path, *self._beyond(self._parent), self.given or self._label or self.fallback)

    def settle(self) -> tuple[str, ...]:
        """Fix the path, and those of its containers, from now on."""
        place: Place | None = self
        while place is not None:
            place._settled = place.path
            place = place._parent
        return self.path

    def join(self, parent: Place, label: str) -> None:
        """Stand under a container from now on; the first one counts, and comes too late for what is settled."""
        if self._parent is None and self._settled is None and not parent._is_within(self):
            self._parent, self._label = parent, label

    def _is_within(self, other: Place) -> bool:
        place: Place | None = self
        while place is not None and place is not other:
            place = place._parent
        return place is other

    def _beyond(self, parent: Place) -> tuple[str, ...]:
        """Return the scopes opened between the container's creation and this layer's."""
        shared = len(parent.scope)
        return self.scope[shared:] if self.scope[:shared] == parent.scope else self.scope


def label_all(names: Iterable[tuple[str | None, str]], taken: Iterable[str] = ()) -> list[str]:
    """Name the members of a list: as the program calls them, else by class and number; repeats are numbered too.

    Parameters
    ----------
    names : iterable of (str or None, str)
        What the program calls each, and what to call it otherwise.
    taken : iterable of str
        Names that others have.

    Examples
    --------
    >>> label_all([(None, "linear"), (None, "relu"), (None, "linear"), ("head", "linear")])
    ['linear1', 'relu1', 'linear2', 'head']
    """
    names = list(names)
    count = Counter([said for said, _ in names] + list(taken))
    used = {*taken, *(said for said, _ in names if count[said] == 1)}
    labels = []
    for said, fallback in names:
        unique = said is not None and count[said] == 1
        labels.append(said if said is not None and unique else _first_free(said or fallback, used))
        used.add(labels[-1])
    return labels


def _first_free(base: str, used: set[str | None]) -> str:
    number = 1
    while f"{base}{number}" in used:
        number += 1
    return f"{base}{number}"
