"""Spaces as JSON data, and back. The format is versioned and written down in docs/space-format.md.

A node is an object with its kind under `"node"`; lists and plain values stand for themselves; what JSON has no word for
is an object with one key (`{"tuple": [...]}`, `{"record": {...}}`, `{"callable": "module:name"}`). A node that an
expression refers to has an `"id"`, and the expression holds `{"ref": id}`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .build import Build
from .centers import belief
from .choice import Choice, Maybe
from .errors import SpaceError, brief
from .expressions import Expression
from .fidelity import Fidelity
from .literals import SCALARS, Constant, Items, Record
from .measured import Measured
from .node import Node, descendants, join, name_of
from .pick import Pick
from .priors import Normal, Prior, StudentT
from .ranges import Float, Int
from .recursion import Again, Recursive
from .references import Reference, reference
from .repeat import Repeat
from .require import Required
from .share import Shared

SpaceData = dict[str, Any]

FORMAT = "paretree.space"
VERSION = 1


Conditions = Sequence[tuple[Node, str]]


def write_space(parts: Mapping[str, Node], required: Conditions) -> SpaceData:
    """The parts of a space, and what is required of them and why, as JSON data."""
    roots = [*parts.values(), *(predicate for predicate, _ in required)]
    nodes = [node for root in roots for node in descendants(root)]
    meant = {id(operand) for node in nodes for operand in node.referred()}
    writer = _Writer(meant)
    data: SpaceData = {
        "format": FORMAT,
        "version": VERSION,
        "parts": [[name, writer.node(node, name)] for name, node in parts.items()],
    }
    if required:
        data["required"] = [[writer.node(predicate, ""), why] for predicate, why in required]
    return data


def read_space(data: Any) -> tuple[dict[str, Node], Conditions]:
    """The parts that `write_space` wrote, and what is required of them.

    Raises:
        ValueError: the data are no space, or of a version that is newer than this package.
    """
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise ValueError(f"This is no stored space: it lacks 'format': {FORMAT!r}.")
    version = data.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(f"This space has format version {version}, and this package reads up to {VERSION}; update it.")
    reader = _Reader({item["id"]: item for item in _identified(data["parts"])})
    parts = {name: reader.node(item) for name, item in data["parts"]}
    return parts, [(reader.node(predicate), why) for predicate, why in data.get("required", ())]


def _identified(data: Any) -> Iterator[dict[str, Any]]:
    """All node objects with an id, at any depth."""
    if isinstance(data, Mapping):
        if "node" in data and "id" in data:
            yield dict(data)
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from _identified(item)


@dataclass
class _Writer:
    meant: set[int]
    ids: dict[int, int] = field(default_factory=dict)

    def node(self, node: Node, path: str) -> Any:
        if isinstance(node, Constant):
            return self._plain(node.value, node, path)
        if isinstance(node, Items):
            items = [self.node(child, join(path, segment)) for segment, child in node.children()]
            return {"tuple": items} if node.is_tuple else items
        if isinstance(node, Record):
            return {"record": [[key, self.node(child, join(path, key))] for key, child in node.items]}
        data = {"node": type(node).__name__.lower(), **self._fields(node, path)}
        if node.name is not None:
            data["name"] = node.name
        if id(node) in self.meant:
            data["id"] = self._id(node)
        return data

    def _id(self, node: Node) -> int:
        return self.ids.setdefault(id(node), len(self.ids))

    def _fields(self, node: Node, path: str) -> dict[str, Any]:
        if isinstance(node, Float | Int):
            numbers = {"low": node.low, "high": node.high, "log": node.log, "step": node.step}
            return numbers | self._prior(node, path)
        if isinstance(node, Choice):
            options = [[label, self.node(option, join(path, f"={label}"))] for label, option in node.options]
            choice = {"options": options, "labelled": node.labelled, "ordered": node.ordered}
            choice |= {} if node.weights is None else {"weights": list(node.weights)}
            choice |= self._prior(node, path)
            return choice | ({} if not node.was else {"was": [list(pair) for pair in node.was]})
        if isinstance(node, Pick):
            items = [[label, self.node(item, join(path, f"={label}"))] for label, item in node.items]
            k = list(node.k) if isinstance(node.k, tuple) else node.k
            return {"items": items, "k": k, "ordered": node.ordered, "labelled": node.labelled}
        if isinstance(node, Maybe):
            return {"body": self.node(node.node, join(path, "=True")), "weight": node.weight}
        if isinstance(node, Repeat):
            body = self.node(node.body, join(path, "[*]"))
            return {"body": body, "n": self.node(node.n, path), "tied": node.tied}
        if isinstance(node, Shared):
            return {"share": node.shared_name, "body": self.node(node.node, node.shared_name)}
        if isinstance(node, Build):
            args = enumerate(node.args)
            return {
                "fn": self._reference(node.fn, node, path),
                "args": [self.node(child, join(path, name_of(child, position))) for position, child in args],
                "kwargs": [[key, self.node(child, join(path, key))] for key, child in node.kwargs],
            }
        if isinstance(node, Fidelity):
            return {"low": node.low, "high": node.high, "log": node.log, "unit": node.unit}
        if isinstance(node, Measured):
            shape = list(node.input_shape)
            return {"quantity": node.quantity, "input_shape": shape, "input_dtype": node.input_dtype}
        if isinstance(node, Recursive):
            return {"grammar": node.grammar, "body": self.node(node.body, path), "depth": node.depth}
        if isinstance(node, Again):
            return {"grammar": node.grammar}
        if isinstance(node, Required):
            return {"body": self.node(node.body, path), "predicate": self.node(node.predicate, path), "why": node.why}
        assert isinstance(node, Expression)
        operands = [self._operand(operand, join(path, str(position))) for position, operand in enumerate(node.operands)]
        expression = {"operator": node.operator, "operands": operands}
        return expression if node.fn is None else {**expression, "fn": self._reference(node.fn, node, path)}

    def _operand(self, operand: Node, path: str) -> Any:
        return {"ref": self._id(operand)} if operand.referable else self.node(operand, path)

    def _prior(self, node: Float | Int | Choice, path: str) -> dict[str, Any]:
        prior = belief(node.prior)
        if prior is None:
            return {}
        center = self._operand(prior.center, join(path, "?prior")) if isinstance(prior.center, Node) else prior.center
        data = {"center": center, "spread": prior.spread}
        data |= {"shape": "student-t", "freedom": prior.freedom} if isinstance(prior, StudentT) else {}
        return {"prior": data if prior.source is None else {**data, "source": prior.source}}

    def _plain(self, value: Any, node: Node, path: str) -> Any:
        if isinstance(value, list):
            return [self._plain(item, node, path) for item in value]
        if isinstance(value, tuple):
            return {"tuple": [self._plain(item, node, path) for item in value]}
        if isinstance(value, Mapping):
            return {"record": [[self._plain(part, node, path) for part in pair] for pair in value.items()]}
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": str(value)}
        return value if type(value) in SCALARS else {"callable": self._reference(value, node, path)}

    def _reference(self, fn: object, node: Node, path: str) -> str:
        text = fn if isinstance(fn, str) else reference(fn)
        if text is None:
            raise SpaceError(
                node, path, "a lambda or local function cannot be stored", "move it to the top level of a module"
            )
        return text


@dataclass
class _Reader:
    identified: dict[int, dict[str, Any]]
    made: dict[int, Node] = field(default_factory=dict)

    def node(self, data: Any) -> Node:
        if isinstance(data, list):
            return _gathered([self.node(item) for item in data], is_tuple=False)
        if not isinstance(data, Mapping):
            return Constant(data)
        match data:
            case {"node": _, "id": id} | {"ref": id}:
                return self._identified(id)
            case {"node": _}:
                return self._make(data)
            case {"tuple": items}:
                return _gathered([self.node(item) for item in items], is_tuple=True)
            case {"record": items}:
                return _gathered_record([(self._key(key), self.node(item)) for key, item in items])
            case {"float": text}:
                return Constant(float(text))
            case {"callable": text}:
                return Constant(Reference(text))
        raise ValueError(f"This space holds {brief(dict(data))}, which this package cannot read; update paretree.")

    def _key(self, data: Any) -> Any:
        key = self.node(data)
        return key.value if isinstance(key, Constant) else key

    def _identified(self, id: int) -> Node:
        if id not in self.made:
            self.made[id] = self._make(self.identified[id])
        return self.made[id]

    def _make(self, data: Mapping[str, Any]) -> Node:
        name = data.get("name")
        match data["node"]:
            case "float" | "int" as kind:
                number = Float if kind == "float" else Int
                return number(data["low"], data["high"], data["log"], data["step"], self._prior(data), name=name)
            case "choice":
                return self._choice(data, name)
            case "pick":
                items = [(label, self.node(item)) for label, item in data["items"]]
                picked = dict(items) if data["labelled"] else [item for _, item in items]
                return Pick(picked, data["k"], data["ordered"], name=name)
            case "maybe":
                return Maybe(self.node(data["body"]), data["weight"], name=name)
            case "repeat":
                return Repeat(self.node(data["body"]), self.node(data["n"]), data["tied"], name=name)
            case "shared":
                return Shared(data["share"], self.node(data["body"]), name=name)
            case "fidelity":
                return Fidelity(data["low"], data["high"], data["log"], data["unit"], name=name)
            case "measured":
                return Measured(data["quantity"], tuple(data["input_shape"]), data["input_dtype"], name=name)
            case "recursive":
                return Recursive(data["grammar"], self.node(data["body"]), data["depth"], name=name)
            case "again":
                return Again(data["grammar"], name=name)
            case "required":
                return Required(self.node(data["body"]), self.node(data["predicate"]), data["why"], name=name)
            case "build":
                args = [self.node(item) for item in data["args"]]
                kwargs = {key: self.node(item) for key, item in data["kwargs"]}
                return Build(data["fn"], *args, name=name, **kwargs)
            case "expression":
                operands = tuple(self.node(item) for item in data["operands"])
                return Expression(data["operator"], operands, data.get("fn"), name=name)
            case kind:
                raise ValueError(f"This space holds a node {kind!r}, which this package cannot read; update paretree.")

    def _choice(self, data: Mapping[str, Any], name: str | None) -> Choice:
        options = [(label, self.node(item)) for label, item in data["options"]]
        was = dict(data.get("was", ()))
        flags = {"ordered": data["ordered"], "weights": data.get("weights"), "was": was, "prior": self._prior(data)}
        if data["labelled"]:
            return Choice(**flags, name=name, **dict(options))
        return Choice(*(option for _, option in options), **flags, name=name)

    def _prior(self, data: Mapping[str, Any]) -> Prior | None:
        prior = data.get("prior")
        if prior is None:
            return None
        center = self.node(prior["center"]) if isinstance(prior["center"], Mapping) else prior["center"]
        if prior.get("shape", "normal") == "normal":
            return Normal(center, prior["spread"], source=prior.get("source"))
        if prior["shape"] == "student-t":
            return StudentT(center, prior["spread"], prior["freedom"], source=prior.get("source"))
        raise ValueError(
            f"This space holds a prior {prior['shape']!r}, which this package cannot read; update paretree."
        )


def _gathered(nodes: list[Node], is_tuple: bool) -> Node:
    values = [node.value for node in nodes if isinstance(node, Constant)]
    if len(values) < len(nodes):
        return Items(tuple(nodes), is_tuple)
    return Constant(tuple(values) if is_tuple else values)


def _gathered_record(items: list[tuple[Any, Node]]) -> Node:
    values = {key: node.value for key, node in items if isinstance(node, Constant)}
    return Constant(values) if len(values) == len(items) else Record(tuple(items))
