"""JSON that is checked while it is read: every question asked of it is answered, or refused by name."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from graph_engine.errors import FileError

Item = dict[str, Any]

_HEAD = re.compile(r'\s*\{\s*"format"\s*:\s*"([^"\\]{0,100})"')
_KINDS = {dict: "an object", list: "a list", str: "a text", int: "an integer", bool: "true or false", float: "a number"}
_REQUIRED: Any = object()


def parse(text: str | bytes, expected: str, version: int) -> Item:
    """Read JSON of one format and version.

    The format stands first, so that anything else is refused without being read.

    Examples
    --------
    >>> parse('{"format": "lunch", "version": 1}', "lunch", 1)
    {'format': 'lunch', 'version': 1}
    """
    if isinstance(text, (bytes, bytearray)):
        text = _decoded(text)
    if not isinstance(text, str):
        raise FileError(f"a {expected} is read from text, not from {type(text).__name__}")
    head = _HEAD.match(text)
    if head is None:
        raise FileError(f'this is no {expected}: it does not begin with {{"format": "{expected}"')
    if head[1] != expected:
        raise FileError(f"this is a {head[1]!r}, not a {expected!r}")
    document = _loaded(text)
    check_version(document.get("version"), version, expected)
    return document


def check_version(found: object, known: int, what: str) -> None:
    """Refuse a version that this library does not read."""
    if type(found) is not int or found != known:
        newer = "update graph_engine" if isinstance(found, int) and found > known else ""
        raise FileError(f"this {what} is of version {shown(found)}; this library reads version {known}", newer)


def _decoded(text: bytes | bytearray) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"this is no text in UTF-8: byte {error.start} does not belong there") from None


def _loaded(text: str) -> Item:
    try:
        document: Item = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise FileError("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise FileError(f"the JSON is damaged at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:  # an integer of thousands of digits
        raise FileError(f"the JSON is damaged: {error}") from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> Item:
    item = dict(pairs)
    if len(item) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise FileError(f"the key {shown(twice)} stands twice in one object")
    return item


def _refuse_constant(name: str) -> NoReturn:
    raise FileError(f'{name} is no JSON; such numbers are written as {{"float": "nan"}}')


# ---- asking ----------------------------------------------------------------------------------------------------


def take(item: Item, key: str, kind: type, where: str, default: Any = _REQUIRED) -> Any:
    """Return what stands under a key, of exactly this type."""
    value = item.get(key, default)
    if value is default:
        if default is _REQUIRED:
            raise FileError(f"{where}: {key!r} is missing")
        return default
    if type(value) is not kind:
        raise FileError(f"{where}: {key!r} is {shown(value)}, not {_KINDS[kind]}")
    return value


def take_text(item: Item, key: str, where: str, default: Any = _REQUIRED) -> Any:
    """Return the text under a key; it can be written anywhere."""
    value = take(item, key, str, where, default)
    return as_text(value, f"{where}: {key!r}") if isinstance(value, str) else value


def take_items(item: Item, key: str, kind: type, where: str, default: Any = _REQUIRED) -> list[Any]:
    """Return the list under a key, all of one type."""
    values: list[Any] = take(item, key, list, where, default)
    for position, value in enumerate(values):
        if type(value) is not kind:
            raise FileError(f"{where}: {key!r}[{position}] is {shown(value)}, not {_KINDS[kind]}")
    return values


def take_number(item: Item, key: str, limit: int, what: str, where: str, default: Any = _REQUIRED) -> Any:
    """Return the number of a node (a `what`) under a key; there are `limit` of them."""
    value = take(item, key, int, where, default)
    return value if value is default else check_number(value, limit, what, f"{where}: {key!r}")


def take_numbers(item: Item, key: str, limit: int, what: str, where: str) -> list[int]:
    """Return the numbers of nodes under a key."""
    return [check_number(value, limit, what, f"{where}: {key!r}") for value in take_items(item, key, int, where)]


def check_number(value: int, limit: int, what: str, where: str) -> int:
    """Return the number of a node, if there is such a node."""
    if not 0 <= value < limit:
        raise FileError(f"{where} refers to {what} {value}, but only 0 to {limit - 1} can stand there")
    return value


def check_keys(item: Item, known: frozenset[str], where: str) -> None:
    """Refuse keys that mean nothing, which are most likely misspelt."""
    unknown = item.keys() - known
    if unknown:
        cure = f"keys: {', '.join(sorted(known))}"
        raise FileError(f"{where}: the key {shown(min(unknown))} means nothing here", cure)


def as_text(value: object, where: str) -> str:
    """Return the value, if it is a text that can be written anywhere."""
    if not isinstance(value, str):
        raise FileError(f"{where} is {shown(value)}, not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FileError(f"{where} is {shown(value)}, which is no valid text") from None
    return value


def shown(value: object) -> str:
    """Write a value of a file shortly, for an error.

    Examples
    --------
    >>> shown("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    if isinstance(value, (dict, list)):
        return f"{_KINDS[type(value)]} of {len(value)}"
    if isinstance(value, str):
        value = value[:80]
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >> 200:
        return "a very large integer"
    text = ascii(value) if value is not None else "null"
    return text if len(text) <= 60 else f"{text[:36]}..."
