"""Calling a function or class with what was decided: how anything is made."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .errors import SpaceError, brief
from .literals import check_segments, lift, named_callable, typed_keywords
from .node import Environment, Node, descendants, join, name_of
from .references import reference, resolve, short_name


class UnstorableWarning(UserWarning):
    """A space holds a function that cannot be imported, so the space cannot be written down."""


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Build(Node):
    """Calls `fn` with the decided arguments.

    Args:
        fn: an importable function or class, or its reference as text (`"torch.nn:Linear"`), which is imported when it
            is first called. A lambda or local function works, but the space can then not be stored.
        args, kwargs: plain values, nodes, or lists, tuples and dicts of those.
        name: its segment of the path where it stands in a sequence; it is not passed to `fn`.
    """

    fn: Callable[..., Any] | str
    args: tuple[Node, ...]
    kwargs: tuple[tuple[str, Node], ...]

    def __init__(
        self, fn: Callable[..., Any] | str, /, *args: object, name: str | None = None, **kwargs: object
    ) -> None:
        object.__setattr__(self, "fn", fn)
        object.__setattr__(self, "args", tuple(lift(arg) for arg in args))
        object.__setattr__(self, "kwargs", tuple((key, lift(value)) for key, value in kwargs.items()))
        object.__setattr__(self, "name", name)

    @property
    def reference(self) -> str | None:
        """`module:qualified.name` of the callable; None for a lambda or local function."""
        return self.fn if isinstance(self.fn, str) else reference(self.fn)

    @property
    def label(self) -> str:
        """What is built, in one word."""
        return short_name(self.reference or "built").removeprefix("Lazy")

    def check(self, path: str) -> None:
        """Refuse what cannot be called; warn of what cannot be imported again."""
        if not isinstance(self.fn, type) and hasattr(self.fn, "forward") and hasattr(self.fn, "parameters"):
            raise SpaceError(
                self, path, "a module instance stands where a class is meant", f"write Build({type(self.fn).__name__})"
            )
        check_callable(self, path, self.fn)
        check_segments(self, path)

    def children(self) -> Iterable[tuple[str, Node]]:
        """The arguments, positional ones by name or position."""
        positional = [(name_of(arg, position), arg) for position, arg in enumerate(self.args)]
        return positional + list(self.kwargs)

    def resolve(self, path: str, env: Environment) -> Any:
        """What `fn` returns. An error of it says where in the space it arose."""
        args = [arg.resolve(join(path, name_of(arg, position)), env) for position, arg in enumerate(self.args)]
        kwargs = {key: node.resolve(join(path, key), env) for key, node in self.kwargs}
        fn = resolve(self.fn) if isinstance(self.fn, str) else self.fn
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            error.add_note(
                f"This arose in the space at {path!r}, building {self.label} with {brief(args)} {brief(kwargs)}."
            )
            raise

    def _arguments(self) -> Iterable[str]:
        yield repr(self.fn) if isinstance(self.fn, str) else named_callable(self.fn)
        yield from map(repr, self.args)
        yield from typed_keywords(self.kwargs)
        if self.name is not None:
            yield f"name={self.name!r}"


def check_callable(node: Node, path: str, fn: object) -> None:
    """Refuse what cannot be called; warn of what cannot be imported again."""
    if isinstance(fn, str):
        module, colon, name = fn.partition(":")
        if not colon or not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
            raise SpaceError(node, path, f"{brief(fn)} is no reference to a callable", "write it as 'module:name'")
    elif not callable(fn):
        raise SpaceError(node, path, f"{brief(fn)} cannot be called", "give a function or a class")
    elif reference(fn) is None:
        message = f"{named_callable(fn)} at {path!r} cannot be imported, so this space cannot be stored"
        warnings.warn(f"{message}; move it to the top level of a module.", UnstorableWarning, stacklevel=2)


def builds(node: Node) -> bool:
    """Whether something is built anywhere below `node`, so that it stands for more than plain values."""
    return any(isinstance(part, Build) for part in descendants(node))
