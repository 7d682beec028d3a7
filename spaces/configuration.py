"""One point of a space: every active decision made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .build import builds
from .domains import Decision
from .errors import ConfigurationError, shortened
from .fidelity import check_budgets
from .literals import Record
from .locate import path_of, taken
from .node import Environment, Node, join
from .repeat import Repeat

if TYPE_CHECKING:
    from .cost import Cost
    from .space import Space

RESERVED = frozenset({"at", "build", "cost", "diff", "draw", "fidelity", "key", "space", "to_json", "values"})
"""Attributes of a configuration, which no named part of a space may hide."""


class Configuration:
    """An immutable point of a space, made by `space.sample` or `space.configuration`.

    `config["model/0/kernel_size"]` is a decision by its path, `config.lr` a named part: the value where it is plain,
    else a `Part` with `.build()`. Two configurations are equal where the same decisions are active and made alike.
    """

    __slots__ = ("__dict__", "_fidelity", "_values", "space")

    space: Space

    _values: dict[str, Decision]
    _fidelity: dict[str, float]

    def __init__(
        self, space: Space, values: Mapping[str, Decision], fidelity: Mapping[str, float] | None = None
    ) -> None:
        object.__setattr__(self, "space", space)
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_fidelity", dict(fidelity or {}))

    @property
    def values(self) -> Mapping[str, Decision]:
        """The active decisions by path, parents before children."""
        return MappingProxyType(self._values)

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of the active decisions: the same in every process and on every machine."""
        return key_of(self._values)

    @property
    def fidelity(self) -> Mapping[str, float]:
        """The budgets by path, each the full one unless another was asked for with `at`; no part of the key."""
        return {path: self._fidelity.get(path, node.high) for path, node in self.space.fidelities.items()}

    def at(self, fidelity: Mapping[str, float] | None = None, /, **named: float) -> Configuration:
        """The same configuration at other budgets, by path: `config.at(epochs=3)`.

        Raises:
            ConfigurationError: there is no such fidelity, or the budget is out of its bounds.
        """
        asked = check_budgets(self.space.fidelities, {**(fidelity or {}), **named})
        return Configuration(self.space, self._values, {**self._fidelity, **asked})

    def build(self, input_shape: tuple[int, ...] | None = None, input_dtype: str = "float32") -> dict[str, Any]:
        """All named parts, built.

        Args:
            input_shape: for torch modules, as in `Part.build`; then all parts that build anything must be such modules.
            input_dtype: as in `Part.build`.
        """
        return {
            name: Part(self, name, node).build(input_shape if builds(node) else None, input_dtype)
            for name, node in self.space.parts.items()
        }

    @property
    def cost(self) -> Cost:
        """Size of the model that was last built from this configuration with an `input_shape`.

        Raises:
            ConfigurationError: nothing was built yet.
        """
        if "cost" not in self.__dict__:
            raise ConfigurationError(
                "The cost of a configuration is known once a model was built with its input size; "
                "call config.model.build(input_shape=(channels, height, width)) before, or spaces.nn.cost(...)."
            )
        known: Cost = self.__dict__["cost"]
        return known

    def diff(self, other: Configuration) -> dict[str, tuple[Decision, Decision]]:
        """Where the two differ: `{path: (here, there)}`, with None for a decision that is not active."""
        here, there = self._values, other._values
        return {
            path: (here.get(path), there.get(path))
            for path in dict.fromkeys([*here, *there])
            if path not in here or path not in there or here[path] != there[path]
        }

    def draw(self) -> str:
        """The tree of the space as a picture (SVG text), with what was decided."""
        from .drawing import draw_configuration

        return draw_configuration(self)

    def to_json(self) -> dict[str, Decision]:
        """The active decisions as plain JSON data; `space.configuration` reads them back."""
        return dict(self._values)

    def __getitem__(self, path: str) -> Decision:
        if path in self._values:
            return self._values[path]
        known = "is not active here" if any(slot.path == path for slot in self.space.slots) else "does not exist"
        raise KeyError(f"decision {path!r} {known}; active are {shortened(', '.join(self._values))}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "space":
            raise AttributeError(name)
        if name not in self.space.parts:
            raise AttributeError(f"the space has no part {name!r}; it has {', '.join(self.space.parts) or 'none'}")
        return look(self, name, self.space.parts[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a configuration cannot be changed; make another with space.configuration({...})")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.space.parts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Callable[..., Configuration], tuple[object, ...]]:
        return Configuration, (self.space, self._values, self._fidelity)

    def __repr__(self) -> str:
        return f"Configuration({self._values!r})"


class Part:
    """A part of a configuration that is more than a plain value: it can be built, and its own parts looked at.

    `part.kernel_size` and `part["kernel_size"]` are its parts by name, `part[0]` by position; of a `Repeat` that is a
    copy. Iterating gives them all.
    """

    def __init__(self, configuration: Configuration, path: str, node: Node) -> None:
        self._configuration, self._path, self._node = configuration, path, node

    def build(self, input_shape: tuple[int, ...] | None = None, input_dtype: str = "float32") -> Any:
        """Make what this part stands for.

        Args:
            input_shape: for a torch module, the shape of one input without the batch dimension, as `(3, 32, 32)`: all
                sizes that were left open are inferred from it, on the meta device, so nothing is computed.
            input_dtype: name of the input's type in torch: `"int64"` for tokens.
        """
        env = environment(self._configuration)

        def make() -> Any:
            return self._node.resolve(self._path, env)

        if input_shape is None:
            return make()
        from .materialize import materialize

        built, cost = materialize(
            make, tuple(input_shape), input_dtype, lambda module: path_of(module, self._path, self._node, env)
        )
        self._configuration.__dict__["cost"] = cost
        return built

    @property
    def _parts(self) -> list[tuple[str, Node]]:
        """The parts of this one, each with its path segment; those of a `Repeat` are its copies."""
        if not isinstance(self._node, Repeat):
            return list(self._node.children())
        copies = self._node.count(self._path, environment(self._configuration))
        return [(self._node.segment(index), self._node.body) for index in range(copies)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return self._look(*self._parts[key])
        for segment, node in self._parts:
            if segment == key:
                return self._look(segment, node)
        names = ", ".join(segment for segment, _ in self._parts)
        raise KeyError(f"{self._path!r} has no part {key!r}; it has {shortened(names) or 'none'}")

    def _look(self, segment: str, node: Node) -> Any:
        return look(self._configuration, join(self._path, segment), node)

    def __iter__(self) -> Iterator[Any]:
        return (self._look(segment, node) for segment, node in self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(segment for segment, _ in self._parts)]

    def __repr__(self) -> str:
        below = tuple(self._path + mark for mark in "/[=")
        values = self._configuration.values
        inside = {path: values[path] for path in values if path == self._path or path.startswith(below)}
        return f"Part({self._path!r}, {inside!r})"


def key_of(values: Mapping[str, Decision]) -> str:
    """SHA-256 (64 hex digits) of decisions, whatever their order."""
    exact = {path: value.hex() if isinstance(value, float) else value for path, value in values.items()}
    return hashlib.sha256(json.dumps(exact, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def environment(configuration: Configuration) -> Environment:
    """What nodes need to stand for something under this configuration."""
    space = configuration.space
    return Environment(configuration.values, space.operands, configuration.fidelity, space.grammars)


def look(configuration: Configuration, path: str, node: Node) -> Any:
    """What stands at `path`: the value of a plain part, a `Part` of any other."""
    env = environment(configuration)
    path, node = taken(path, node, env)
    if isinstance(node, Record) or builds(node):
        return Part(configuration, path, node)
    return node.resolve(path, env)
