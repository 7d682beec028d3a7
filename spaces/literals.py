"""Plain Python values inside a space: constants, and lists, tuples and dicts that hold nodes."""

from __future__ import annotations

import keyword
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from .errors import SpaceError
from .node import Environment, Node, join, name_of
from .references import Reference, reference, resolve

SCALARS = (bool, int, float, str, type(None))


def lift(value: object) -> Node:
    """`value` as a node: nodes stay, containers of nodes become nodes, everything else is a constant."""
    if isinstance(value, Node):
        return value
    if isinstance(value, list | tuple) and _holds_node(value):
        return Items(tuple(lift(item) for item in value), isinstance(value, tuple))
    if isinstance(value, Mapping) and _holds_node(value):
        return Record(tuple((key, lift(item)) for key, item in value.items()))
    return Constant(plain(value))


def plain(value: Any) -> Any:
    """`value` with its containers copied, so that nobody else can change them, and NumPy's scalars as Python's own."""
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    numpy = sys.modules.get("numpy")
    return value.item() if numpy is not None and isinstance(value, numpy.generic) else value


def _holds_node(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_node(item) for item in value)
    if isinstance(value, Mapping):
        return any(_holds_node(item) for item in value.values())
    return isinstance(value, Node)


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Node):
    """A value that is not searched: numbers, text, None, lists, tuples and dicts of those, classes and functions."""

    value: Any

    def check(self, path: str) -> None:
        """Refuse what could not be written down and read back."""
        culprit = next(_not_data(self.value), None)
        if culprit is None:
            return
        what = f"an instance of {type(culprit).__name__}"
        if hasattr(culprit, "forward") and hasattr(culprit, "parameters"):
            raise SpaceError(
                self,
                path,
                f"{what} would be shared by every model that is built",
                f"write Build({type(culprit).__name__}, ...) so that each model gets its own",
            )
        raise SpaceError(
            self,
            path,
            f"{what} cannot be stored with the space",
            "use a number, text, None, a class or an importable function, or Build(...) what makes it",
        )

    def resolve(self, path: str, env: Environment) -> Any:
        """The value; containers are copied, so that what is built owns them."""
        return _copied(self.value)

    @property
    def is_scalar(self) -> bool:
        """Whether the value is a number, text, True, False or None."""
        return type(self.value) in SCALARS

    def __repr__(self) -> str:
        return typed(self.value)


@dataclass(frozen=True, eq=False, repr=False)
class Items(Node):
    """A list or tuple of nodes."""

    items: tuple[Node, ...]
    is_tuple: bool = False

    def check(self, path: str) -> None:
        """Refuse names that cannot stand in a path."""
        check_segments(self, path)

    def children(self) -> Iterable[tuple[str, Node]]:
        """Each item under its name or position."""
        return [(name_of(item, position), item) for position, item in enumerate(self.items)]

    def resolve(self, path: str, env: Environment) -> Any:
        """The list or tuple of what its items stand for."""
        values = [node.resolve(join(path, segment), env) for segment, node in self.children()]
        return tuple(values) if self.is_tuple else values

    def __repr__(self) -> str:
        inside = ", ".join(map(repr, self.items))
        if self.is_tuple:
            return f"({inside},)" if len(self.items) == 1 else f"({inside})"
        return f"[{inside}]"


@dataclass(frozen=True, eq=False, repr=False)
class Record(Node):
    """A dict of nodes, its keys the names in the path."""

    items: tuple[tuple[str, Node], ...]

    def check(self, path: str) -> None:
        """Refuse keys that cannot stand in a path."""
        check_segments(self, path)

    def children(self) -> Iterable[tuple[str, Node]]:
        """Each item under its key."""
        return self.items

    def resolve(self, path: str, env: Environment) -> Any:
        """The dict of what its items stand for."""
        return {key: node.resolve(join(path, key), env) for key, node in self.items}

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {node!r}" for key, node in self.items) + "}"


def check_label(node: Node, path: str, label: object) -> None:
    """Refuse a label that would make paths ambiguous."""
    if not isinstance(label, str) or not label or any(mark in label for mark in "/[]="):
        raise SpaceError(
            node, path, f"{label!r} cannot be a name in a path", "use non-empty text without the signs / [ ] ="
        )


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a finite number that a float can hold (True and False are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def check_segments(node: Node, path: str) -> None:
    """Refuse children whose paths would be ambiguous."""
    segments = [segment for segment, _ in node.children()]
    for segment, count in Counter(segments).items():
        check_label(node, path, segment)
        if count > 1:
            raise SpaceError(node, path, f"two of its parts are called {segment!r}", "give one of the two another name")


def typed(value: object) -> str:
    """How `value` would be typed in a definition."""
    if isinstance(value, list):
        return "[" + ", ".join(map(typed, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(typed, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{typed(key)}: {typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, Reference) or not callable(value):
        return repr(value)
    found = reference(value)
    return repr(Reference(found)) if found else named_callable(value)


def typed_keywords(arguments: Iterable[tuple[str, object]]) -> Iterable[str]:
    """How keyword arguments would be typed; those whose names are no Python names, as `**{"3x3": value}`."""
    for name, value in arguments:
        is_name = name.isidentifier() and not keyword.iskeyword(name)
        yield f"{name}={value!r}" if is_name else f"**{{{name!r}: {value!r}}}"


def named_callable(fn: Callable[..., Any]) -> str:
    """A callable by its reference, quoted; `<lambda>` and the like stay as they are."""
    found = reference(fn)
    return repr(found) if found else getattr(fn, "__qualname__", repr(fn))


def _not_data(value: object) -> Iterator[object]:
    """The parts of `value` that are not data."""
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        for item in value:
            yield from _not_data(item)
    elif isinstance(value, Mapping):
        for part in (*value.keys(), *value.values()):
            yield from _not_data(part)
    elif type(value) not in SCALARS and reference(value) is None:
        yield value


def _copied(value: Any) -> Any:
    if isinstance(value, Reference):
        return resolve(value.text)
    if isinstance(value, list | tuple):
        return type(value)(map(_copied, value))
    return {_copied(key): _copied(item) for key, item in value.items()} if isinstance(value, Mapping) else value
