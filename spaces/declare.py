"""From a tree of nodes to the flat table of slots.

Nodes declare themselves at a `Place`; what cannot stand as it is written is refused here, with its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from .build import builds
from .domains import Domain
from .errors import SpaceError, brief
from .leads import Lead, taken_by
from .literals import check_label
from .node import Node, join
from .priors import Prior
from .slots import Gate, Literal, Slot, implies, parents_first

if TYPE_CHECKING:
    from .fidelity import Fidelity

MAX_SLOTS = 100_000
"""Decisions a space may have: deep recursion multiplies them."""

MAX_PATH = 512
"""Characters a path may have: Optuna's SQL schema allows no more for a parameter's name."""


class Decided(NamedTuple):
    """A decision in the table: the node that makes it, what it may be and when it is made."""

    node: Node
    domain: Domain
    gate: Gate


class Use(NamedTuple):
    """An expression at `place` that computes with `operand`, its operand number `position`."""

    holder: Node
    position: int
    operand: Node
    place: Place


class Condition(NamedTuple):
    """What must hold at `place`, and why."""

    place: Place
    predicate: Node
    why: str


class Belief(NamedTuple):
    """A prior as it was written, and the path under which its centre is computed."""

    path: str
    prior: Prior


class Declared(NamedTuple):
    """All that a tree declares.

    `operands` leads from the path of an expression and the position of an operand to the decision or budget that is
    meant, `beliefs` from the path of a decision to its prior. `leads` tells what takes what.
    """

    slots: tuple[Slot, ...]
    operands: dict[tuple[str, int], str]
    leads: list[Lead]
    beliefs: dict[str, Belief]
    conditions: list[Condition]
    fidelities: dict[str, Fidelity]
    grammars: dict[str, Node]


@dataclass
class Table:
    """The table while it is being made."""

    root: Scope
    decided: dict[str, Decided] = field(default_factory=dict)
    shared: dict[str, Gate] = field(default_factory=dict)
    leads: list[Lead] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    beliefs: dict[str, Belief] = field(default_factory=dict)
    fidelities: dict[str, Fidelity] = field(default_factory=dict)
    grammars: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """Where the deciding nodes of one copy stand. What is not found here may stand further out."""

    paths: dict[int, str] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, node: Node) -> str | None:
        """The path of `node`, in this copy or around it."""
        path = self.paths.get(id(node))
        return path if path is not None or self.outer is None else self.outer.find(node)


@dataclass(frozen=True)
class Place:
    """A position in the tree: its path, when it is active, and the table to enter decisions in."""

    path: str
    gate: Gate
    table: Table
    scope: Scope
    fuel: Mapping[str, int] = field(default_factory=dict)
    """How many times each grammar may still stand inside itself."""

    def enter(self, segment: str, node: Node, when: Literal | None = None) -> None:
        """Declare `node` below this place; with `when`, under the condition that this literal holds."""
        path = join(self.path, segment)
        gate = self.gate if when is None else Gate([when])
        if node.name is not None:
            check_label(node, path, node.name)
        node.check(path)
        node.declare(replace(self, path=path, gate=gate))

    def decide(self, node: Node, domain: Domain) -> None:
        """Enter the decision that is made at this place."""
        if len(self.path) > MAX_PATH:
            raise SpaceError(
                node,
                f"{self.path[:60]}…",
                f"the path has over {MAX_PATH} characters",
                "nest less, or shorten the names",
            )
        if self.path in self.table.decided:
            raise SpaceError(
                node,
                self.path,
                f"{brief(self.table.decided[self.path].node)} is already decided under this path",
                "give one of the two another name",
            )
        if len(self.table.decided) >= MAX_SLOTS:
            raise SpaceError(node, self.path, f"this is one of over {MAX_SLOTS} decisions", "repeat or nest less often")
        self.scope.paths[id(node)] = self.path
        self.table.decided[self.path] = Decided(node, domain, self.gate)

    def share(self, name: str, node: Node) -> None:
        """Declare `node` under the shared name, once, whatever the number of places."""
        if name not in self.table.shared:
            self.table.shared[name] = Gate()
            Place("", self.table.shared[name], self.table, self.table.root).enter(name, node)
        self.table.shared[name].entries.append(self.gate)
        self.table.leads.append(Lead(self.path, name))

    def recur(self, holder: Node, grammar: str, body: Node, depth: int) -> None:
        """Declare `body` here, which may stand inside itself `depth` times under the name `grammar`."""
        if self.table.grammars.setdefault(grammar, body) is not body:
            raise SpaceError(holder, self.path, f"another part is called {grammar!r} too", "give one another name")
        replace(self, fuel={**self.fuel, grammar: depth}).enter("", body)

    def again(self, holder: Node, grammar: str) -> None:
        """Declare the part called `grammar` here once more, in a scope of its own."""
        if grammar not in self.fuel:
            raise SpaceError(
                holder,
                self.path,
                f"no part around it is called {grammar!r}",
                f"write Recursive({grammar!r}, ..., depth)",
            )
        if not self.fuel[grammar]:
            raise SpaceError(
                holder,
                self.path,
                "the recursion has no end here",
                "put a Choice or Maybe around it that can do without",
            )
        deeper = {**self.fuel, grammar: self.fuel[grammar] - 1}
        replace(self.copy(), fuel=deeper).enter("", self.table.grammars[grammar])

    def measure(self, node: Fidelity) -> None:
        """Enter a fidelity: a budget that every configuration has."""
        if self.gate.literals():
            raise SpaceError(
                node,
                self.path,
                "a budget that not every configuration has",
                "let it stand where no choice decides on it",
            )
        self.scope.paths[id(node)] = self.path
        self.table.fidelities[self.path] = node

    def require(self, predicate: Node, why: str) -> None:
        """Note a condition on the decisions made here; it stands under a path of its own."""
        place = replace(self, path=join(self.path, f"?{len(self.table.conditions)}"))
        self.table.conditions.append(Condition(place, predicate, why))
        predicate.check(place.path)
        predicate.declare(place)

    def believe(self, node: Node, prior: Prior | None) -> None:
        """Note the prior of the decision that `node` makes here; its centre is computed under a path of its own."""
        if prior is None:
            return
        inside = replace(self, path=join(self.path, "?prior"))
        self.table.beliefs[self.path] = Belief(inside.path, prior)
        if isinstance(prior.center, Node):
            inside.compute(node, 0, prior.center)

    def compute(self, holder: Node, position: int, operand: Node) -> None:
        """Declare what `holder` computes with here: what stands elsewhere is referred to, all else stands here."""
        if operand.referable:
            self.refer(holder, position, operand)
        else:
            self.enter(str(position), operand)

    def copy(self) -> Place:
        """This place with a scope of its own: nodes declared in it are seen by no other copy."""
        return replace(self, scope=Scope(outer=self.scope))

    def refer(self, holder: Node, position: int, operand: Node) -> None:
        """Note that the expression here means the decision or budget `operand`, wherever that stands."""
        self.table.uses.append(Use(holder, position, operand, self))


def declare(root: Node) -> Declared:
    """The slots of a tree, what its expressions mean, and the conditions it sets.

    Raises:
        SpaceError: a node is ill-defined or stands where it cannot.
    """
    table = Table(Scope())
    root.declare(Place("", Gate(always=True), table, table.root))
    _refuse_reuse(root)
    slots = [Slot(path, domain, gate.literals()) for path, (_, domain, gate) in table.decided.items()]
    by_path = {slot.path: slot for slot in parents_first(slots, {})}
    meant = [_meant(use, table, by_path) for use in table.uses]
    operands = {(use.place.path, use.position): path for use, path in zip(table.uses, meant, strict=True)}
    uses = [Lead(use.place.path, path, builds(use.operand)) for use, path in zip(table.uses, meant, strict=True)]
    leads = [*table.leads, *uses]
    followed = {path: taken_by(belief.path, leads, by_path) for path, belief in table.beliefs.items()}
    ordered = parents_first(list(by_path.values()), followed) if followed else tuple(by_path.values())
    return Declared(ordered, operands, leads, table.beliefs, table.conditions, table.fidelities, table.grammars)


def _meant(use: Use, table: Table, slots: Mapping[str, Slot]) -> str:
    """The path of the decision or budget that an expression computes with."""
    holder, place = use.holder, use.place
    path = place.scope.find(use.operand)
    if path is not None and path in table.fidelities:
        return path
    if path is not None and implies(place.gate.literals(), slots[path].when, slots):
        return path
    if path is not None:
        raise SpaceError(
            holder,
            place.path,
            f"it uses the decision at {path!r}, which is not made whenever this is needed",
            "let both stand in the same branch",
        )
    if any(decided.node is use.operand for decided in table.decided.values()):
        raise SpaceError(
            holder,
            place.path,
            f"it uses {brief(use.operand)}, which each copy of a Repeat decides for itself",
            "let both stand in the same Repeat, or write share('name', node) in both places",
        )
    raise SpaceError(
        holder,
        place.path,
        f"it uses {brief(use.operand)}, which stands nowhere in the space",
        "put that node in the tree, or write share('name', node) inside the expression",
    )


def _refuse_reuse(root: Node) -> None:
    """A node that decides something may stand in one place; shared nodes may stand anywhere under one name."""
    from .share import Shared

    seen: dict[int, str] = {}
    shared: dict[str, Shared] = {}

    def visit(node: Node, path: str) -> None:
        if isinstance(node, Shared):
            if node.shared_name not in shared:
                shared[node.shared_name] = node
                visit(node.node, node.shared_name)
            node.refuse_other_meaning(shared[node.shared_name], path)
            return
        if node.referable:
            if id(node) in seen:
                raise SpaceError(
                    node,
                    path,
                    f"the same node also stands at {seen[id(node)]!r}",
                    "write share('name', node) if both mean one decision, or node.fresh() if they decide independently",
                )
            seen[id(node)] = path
        for segment, child in node.children():
            visit(child, join(path, segment))
        for beside in node.aside():
            if not beside.referable:
                visit(beside, path)

    visit(root, "")
    for name, part in root.children():
        if name in shared and not (isinstance(part, Shared) and part.shared_name == name):
            raise SpaceError(
                shared[name], name, "a part of the space has this name too", "give one of the two another name"
            )
